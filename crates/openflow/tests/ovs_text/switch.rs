//! A switch takes our text and gives it back.

use std::collections::BTreeMap;

use openflow::arbitrary::{self, Scope};
use openflow::group::Group;
use openflow::meter::Meter;
use openflow::text::{parse_flow, parse_group, parse_meter};
use openflow::{Action, Flow, FlowKey};
use testkit::{Datapath, Ovs, OvsBuilder};

use crate::{samples, speakable};

const FLOWS: usize = 4000;
const GROUPS: usize = 200;
const METERS: usize = 50;
/// Geneve options that a switch can have at a time.
const OPTIONS: usize = 64;

fn switch() -> Ovs {
    let ovs = OvsBuilder::new(Datapath::Dummy).bridge("br0").start().expect("a switch");
    let map: Vec<_> =
        (0..OPTIONS).map(|n| format!("{{class=0x102,type={n},len=4}}->tun_metadata{n}")).collect();
    ovs.ofctl(&["add-tlv-map", "br0", &map.join(",")]).expect("an option map");
    ovs
}

/// Writes `lines` to a file in the directory of the switch, for `ovs-ofctl` to read.
fn file(ovs: &Ovs, lines: impl IntoIterator<Item = impl ToString>) -> String {
    let path = ovs.rundir().join("input");
    let text: Vec<_> = lines.into_iter().map(|line| line.to_string()).collect();
    std::fs::write(&path, text.join("\n")).expect("a file");
    path.to_str().expect("a path in UTF-8").to_owned()
}

/// The lines of a dump, without its head.
fn dump(ovs: &Ovs, command: &str) -> Vec<String> {
    let text = ovs.ofctl(&["-O", "OpenFlow13", "--no-stats", "--no-names", command, "br0"]).expect("a dump");
    text.lines().filter(|line| !line.starts_with("OFPST_")).map(|line| line.trim().to_owned()).collect()
}

/// A flow that a switch keeps as long as a test takes.
fn lasting(mut flow: Flow) -> Flow {
    for seconds in [&mut flow.idle_s, &mut flow.hard_s] {
        *seconds |= if *seconds == 0 { 0 } else { 0x4000 };
    }
    flow
}

#[test]
fn a_switch_gives_flows_back() {
    let ovs = switch();
    let flows: BTreeMap<FlowKey, Flow> = samples(FLOWS, speakable::flow(Scope::FreshSwitch))
        .into_iter()
        .map(lasting)
        .map(|flow| (FlowKey::new(flow.table, flow.priority, &flow.matching), flow))
        .collect();
    assert!(flows.len() > FLOWS * 9 / 10, "most flows differ");
    let input = file(&ovs, flows.values());
    ovs.ofctl(&["-O", "OpenFlow13", "--bundle", "add-flows", "br0", &input])
        .expect("the switch takes the flows");

    let mut dumped = BTreeMap::new();
    for line in dump(&ovs, "dump-flows") {
        let flow = parse_flow(&line).unwrap_or_else(|error| panic!("{line}: {error}"));
        dumped.insert(FlowKey::new(flow.table, flow.priority, &flow.matching), flow);
    }
    for (key, flow) in &flows {
        let found = dumped.get(key).unwrap_or_else(|| panic!("the switch does not have {flow}"));
        assert_eq!(flow.to_string(), found.to_string());
        assert_eq!(flow, found);
    }
    assert_eq!(flows.len(), dumped.len());
}

/// `ovs-ofctl` reads a bucket's actions once by themselves and then together, and the first time loses an arrow behind a
/// parenthesis.
fn readable(mut group: Group) -> Group {
    for bucket in &mut group.buckets {
        bucket.actions.retain(|action| !matches!(action, Action::CheckPktLarger { .. }));
    }
    group
}

#[test]
fn a_switch_gives_groups_back() {
    let ovs = switch();
    let groups: BTreeMap<u32, Group> = samples(GROUPS, speakable::group())
        .into_iter()
        .map(readable)
        .map(|group| (group.id, group))
        .collect();
    let input = file(&ovs, groups.values());
    ovs.ofctl(&["-O", "OpenFlow13", "add-groups", "br0", &input]).expect("the switch takes the groups");
    let dumped: BTreeMap<u32, Group> = dump(&ovs, "dump-groups")
        .iter()
        .map(|line| parse_group(line).unwrap_or_else(|error| panic!("{line}: {error}")))
        .map(|group| (group.id, group))
        .collect();
    assert_eq!(dumped, groups);
}

#[test]
fn a_switch_gives_meters_back() {
    let ovs = switch();
    // A switch of this datapath offers few numbers.
    let meters: BTreeMap<u32, Meter> = (1..)
        .zip(samples(METERS, arbitrary::meter()))
        .map(|(id, meter)| (id, Meter { id, ..meter }))
        .collect();
    for meter in meters.values() {
        ovs.ofctl(&["-O", "OpenFlow13", "add-meter", "br0", &meter.to_string()])
            .expect("the switch takes the meter");
    }
    let text = dump(&ovs, "dump-meters").join(" ");
    let dumped: BTreeMap<u32, Meter> = text
        .split("meter=")
        .filter(|meter| !meter.trim().is_empty())
        .map(|meter| {
            parse_meter(&format!("meter={meter}")).unwrap_or_else(|error| panic!("{meter}: {error}"))
        })
        .map(|meter| (meter.id, meter))
        .collect();
    assert_eq!(dumped, meters);
}

/// Geneve options, which need an option map.
#[test]
fn a_switch_gives_tunnel_options_back() {
    let ovs = switch();
    let flows: Vec<String> = (0..OPTIONS)
        .map(|n| {
            let next = (n + 1) % OPTIONS;
            format!(
                "table={n},tun_metadata{n}=0x{n:x}0001,tun_metadata{next}=0/0xff00 actions=set_field:0x5->tun_metadata{n},\
                 set_field:0x12/0xff->tun_metadata{next},move:NXM_NX_TUN_METADATA{n}[0..15]->NXM_NX_REG0[16..31],\
                 delete_field:tun_metadata{n}"
            )
        })
        .map(|line| parse_flow(&line).unwrap_or_else(|error| panic!("{line}: {error}")).to_string())
        .collect();
    let input = file(&ovs, &flows);
    ovs.ofctl(&["-O", "OpenFlow13", "--bundle", "add-flows", "br0", &input])
        .expect("the switch takes the flows");
    let mut dumped: Vec<String> =
        dump(&ovs, "dump-flows").iter().map(|line| parse_flow(line).unwrap().to_string()).collect();
    dumped.sort_by_key(|line| flows.iter().position(|flow| flow == line));
    assert_eq!(dumped, flows);
}
