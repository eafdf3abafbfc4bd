//! Our words for a value against those of Open vSwitch for its bytes.

use openflow::arbitrary::{self, Scope};
use openflow::flow::PRIORITY_DEFAULT;
use openflow::message::{GroupMod, MeterMod};
use openflow::{Field, Flow, Match, Message, PackedFlow};
use testkit::scratch::ScratchDir;

use crate::{ofctl, samples};

const FLOWS: usize = 4000;
const GROUPS: usize = 500;
const METERS: usize = 300;

/// What `ovs-ofctl ofp-parse` prints for each message, in one line each.
fn judged(bytes: &[u8], start: &str) -> Vec<String> {
    let directory = ScratchDir::new().expect("a directory");
    let file = directory.path().join("messages");
    std::fs::write(&file, bytes).expect("a file of messages");
    let printed = ofctl("ofp-parse", &file);
    let mut messages: Vec<String> = Vec::new();
    for line in printed.lines() {
        match line.strip_prefix(start) {
            Some(rest) => messages.push(rest.split_once("): ").map_or(rest, |(_, text)| text).to_owned()),
            None => {
                let last = messages.last_mut().unwrap_or_else(|| panic!("{line:?} belongs to no message"));
                last.push_str(if last.ends_with('=') { "" } else { " " });
                last.push_str(line);
            }
        }
    }
    messages
}

/// A flow in the way in which Open vSwitch prints the message that adds it.
fn as_flow_mod(flow: &Flow) -> String {
    let text = flow.to_string();
    let (_, actions) = text.split_once(" actions=").expect("a flow has actions");
    let unless = |absent: bool, part: String| if absent { None } else { Some(part) };
    let matching = flow.matching.to_string();
    let head = [
        unless(flow.priority == PRIORITY_DEFAULT, format!("priority={}", flow.priority)),
        unless(matching.is_empty(), matching.clone()),
    ];
    let head = head.into_iter().flatten().collect::<Vec<_>>().join(",");
    let flags = ["send_flow_rem", "check_overlap", "reset_counts", "no_packet_counts", "no_byte_counts"];
    let flags = flags.into_iter().enumerate().filter(|(bit, _)| flow.flags.0 & 1 << bit != 0);
    let parts = [
        Some("ADD".to_owned()),
        unless(flow.table == 0, format!("table:{}", flow.table)),
        unless(head.is_empty(), head.clone()),
        unless(flow.cookie == 0, format!("cookie:{:#x}", flow.cookie)),
        unless(flow.idle_s == 0, format!("idle:{}", flow.idle_s)),
        unless(flow.hard_s == 0, format!("hard:{}", flow.hard_s)),
    ];
    let parts = parts.into_iter().flatten().chain(flags.map(|(_, name)| name.to_owned()));
    parts.chain([format!("actions={actions}")]).collect::<Vec<_>>().join(" ")
}

/// The match without what Open vSwitch itself does not print: the mask of `tun_gbp_flags`.
fn without_gbp_flags(matching: &Match) -> Match {
    let rest = matching.fields().iter().filter(|entry| entry.field != Field::TunGbpFlags);
    rest.fold(Match::new(), |out, entry| out.with_masked(entry.field, entry.value, entry.mask))
}

#[test]
fn flows_are_printed_as_open_vswitch_prints_them() {
    let flows = samples(FLOWS, arbitrary::flow(Scope::Anything));
    let flows: Vec<Flow> =
        flows.into_iter().map(|flow| Flow { matching: without_gbp_flags(&flow.matching), ..flow }).collect();
    let mut bytes = Vec::new();
    for flow in &flows {
        PackedFlow::new(flow).expect("the flow fits a message").encode_add(0, &mut bytes);
    }
    let judged = judged(&bytes, "OFPT_FLOW_MOD");
    assert_eq!(judged.len(), flows.len());
    for (flow, judged) in flows.iter().zip(judged) {
        assert_eq!(as_flow_mod(flow), judged);
    }
}

fn encoded(messages: impl IntoIterator<Item = Message>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for message in messages {
        message.encode(0, &mut bytes).expect("the message fits");
    }
    bytes
}

#[test]
fn groups_are_printed_as_open_vswitch_prints_them() {
    let groups = samples(GROUPS, arbitrary::group());
    let bytes = encoded(groups.iter().cloned().map(|group| Message::GroupMod(GroupMod::Add(group))));
    let judged = judged(&bytes, "OFPT_GROUP_MOD");
    assert_eq!(judged.len(), groups.len());
    for (group, judged) in groups.iter().zip(judged) {
        let (_, judged) = judged.split_once("ADD ").unwrap_or_else(|| panic!("{judged} instead of {group}"));
        assert_eq!(group.to_string(), judged);
    }
}

#[test]
fn meters_are_printed_as_open_vswitch_prints_them() {
    let meters = samples(METERS, arbitrary::meter());
    let bytes = encoded(meters.iter().cloned().map(|meter| Message::MeterMod(MeterMod::Add(meter))));
    let judged = judged(&bytes, "OFPT_METER_MOD");
    assert_eq!(judged.len(), meters.len());
    for (meter, judged) in meters.iter().zip(judged) {
        let (_, judged) = judged.split_once("ADD ").unwrap_or_else(|| panic!("{judged} instead of {meter}"));
        assert_eq!(meter.to_string(), judged.trim());
    }
}
