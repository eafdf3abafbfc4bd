//! Open vSwitch reads what this crate writes, and reads it as what was meant.
//!
//! `ovs-ofctl` decodes random messages and actions with the switch's own code. One process reads thousands of them, so
//! the tests are quick.

#![expect(clippy::unwrap_used, reason = "a test that fails anywhere fails as a whole")]

use std::io::Write;
use std::process::{Command, Stdio};

use openflow::arbitrary::{self, Scope};
use openflow::flow::FlowFlags;
use openflow::message::FlowMod;
use openflow::message::multipart::{Reply, Request};
use openflow::{Flow, Match, Message};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

const XID: u32 = arbitrary::BUNDLED_XID;

/// What `ovs-ofctl` prints when it is called with `args` and reads `input`.
fn ovs_ofctl(args: &[&str], input: Vec<u8>) -> String {
    let mut child = Command::new(testkit::require_tool("ovs-ofctl"))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success(), "ovs-ofctl {args:?}: {}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

/// `count` values, the same in every run.
fn samples<T>(count: usize, strategy: impl Strategy<Value = T>) -> Vec<T> {
    let mut runner = TestRunner::deterministic();
    (0..count).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Sends `items` through `command`, which prints for each what it read, and where the bytes that it would write differ.
fn read_and_written_back(command: &str, items: &[Vec<u8>]) -> Vec<String> {
    let input: String = items.iter().map(|bytes| hex(bytes) + "\n").collect();
    let output = ovs_ofctl(&[command, "OpenFlow13"], input.into_bytes());
    let answers: Vec<&str> = output.split_terminator("\n\n").collect();
    assert_eq!(answers.len(), items.len());
    let mut texts = Vec::new();
    for (answer, bytes) in answers.iter().zip(items) {
        match answer.strip_prefix("actions=") {
            Some(text) if !text.contains('\n') => texts.push(text.to_owned()),
            _ => panic!("{}\n{answer}", hex(bytes)),
        }
    }
    texts
}

/// How this crate writes what a flow does.
fn actions_text(flow: &Flow) -> String {
    let text = flow.to_string();
    text.split_once("actions=").expect("a flow has actions").1.to_owned()
}

#[test]
fn actions_are_read_and_written_back_as_the_same_bytes() {
    let lists = arbitrary::matches(Scope::Anything)
        .prop_flat_map(|matching| arbitrary::action_list(Scope::Anything, &matching))
        // How long a tunnel option is, only a switch knows that has it.
        .prop_filter("tunnel options", |actions| {
            !actions.is_empty() && !format!("{actions:?}").contains("TunMetadata")
        });
    let lists = samples(2000, lists);
    let encoded: Vec<Vec<u8>> = lists
        .iter()
        .map(|actions| {
            let mut bytes = Vec::new();
            openflow::action::encode_list(actions, &mut bytes);
            bytes
        })
        .collect();
    let texts = read_and_written_back("parse-actions", &encoded);
    for (text, actions) in texts.into_iter().zip(lists) {
        assert_eq!(text, actions_text(&Flow::new(0, 0).actions(actions)));
    }
}

#[test]
fn instructions_are_read_and_written_back_as_the_same_bytes() {
    let instructions = arbitrary::instructions(Scope::FreshSwitch, 0, &Match::new())
        .prop_filter("no line", |instructions| !instructions.is_empty());
    let instructions = samples(1000, instructions);
    let encoded: Vec<Vec<u8>> = instructions
        .iter()
        .map(|instructions| {
            let mut bytes = Vec::new();
            instructions.encode(&mut bytes);
            bytes
        })
        .collect();
    let texts = read_and_written_back("parse-instructions", &encoded);
    for (text, instructions) in texts.into_iter().zip(instructions) {
        assert_eq!(text, actions_text(&Flow { instructions, ..Flow::new(0, 0) }));
    }
}

/// Whether Open vSwitch has a name or a meaning for everything in the message.
fn known(message: &Message) -> bool {
    let shown = format!("{message:?}");
    let strange = ["Unknown", "unknown: [Property", "properties: [Property", "Other("];
    !strange.iter().any(|part| shown.contains(part))
        && match message {
            Message::Error(error) => error.code.name().is_some(),
            Message::Hello(hello) => (1..=6).contains(&hello.version),
            // These choose among reasons, and not every number of a random mask is one.
            Message::NiciraSetAsync2(properties) => properties.is_empty(),
            // These change tables, and Open vSwitch wants all properties of a table then.
            Message::MultipartRequest(request) => {
                !matches!(&request.part, Request::TableFeatures(t) if !t.is_empty())
            }
            Message::MultipartReply(reply) => !matches!(reply.part, Reply::TableFeatures(_)),
            _ => true,
        }
}

/// The bytes of `messages`, one behind the other.
fn concatenated<'a>(messages: impl IntoIterator<Item = &'a Message>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for message in messages {
        message.encode(XID, &mut bytes).unwrap();
    }
    bytes
}

#[test]
fn messages_are_read_without_an_error() {
    let messages = samples(3000, arbitrary::message().prop_filter("strange to a switch", known));
    let output = ovs_ofctl(&["ofp-parse", "-"], concatenated(&messages));
    if let Some(at) = output.find("***decode error") {
        let start = output[..at].rmatch_indices("(xid=").nth(1).map_or(0, |(at, _)| at);
        panic!("{}", &output[start..output.len().min(at + 2000)]);
    }
    // Each message begins a line of its own with its name and transaction id.
    let count = output.lines().filter(|line| line.contains("(xid=0x1234)")).count();
    assert!(count >= messages.len(), "{count} messages of {} were printed", messages.len());
}

#[test]
fn flow_mods_are_read_as_what_was_meant() {
    let flows = samples(2000, arbitrary::flow(Scope::Anything));
    let messages: Vec<_> = flows.iter().map(|flow| Message::FlowMod(FlowMod::from(flow))).collect();
    let output = ovs_ofctl(&["ofp-parse", "-"], concatenated(&messages));
    let lines: Vec<&str> = output.lines().collect();
    assert_eq!(lines.len(), flows.len());
    for (line, flow) in lines.into_iter().zip(&flows) {
        assert_eq!(line, printed(flow), "{flow}");
    }
}

/// How `ovs-ofctl` prints the flow-mod that adds `flow`.
fn printed(flow: &Flow) -> String {
    let mut out = format!("OFPT_FLOW_MOD (OF1.3) (xid={XID:#x}): ADD ");
    if flow.table != 0 {
        out += &format!("table:{} ", flow.table);
    }
    let key = openflow::FlowKey::new(0, flow.priority, &flow.matching).to_string();
    out += key.trim_start_matches("table=0,");
    if flow.cookie != 0 {
        out += &format!(" cookie:{:#x}", flow.cookie);
    }
    if flow.idle_s != 0 {
        out += &format!(" idle:{}", flow.idle_s);
    }
    if flow.hard_s != 0 {
        out += &format!(" hard:{}", flow.hard_s);
    }
    let names = [
        (FlowFlags::SEND_FLOW_REM, " send_flow_rem"),
        (FlowFlags::NO_PKT_COUNTS, " no_packet_counts"),
        (FlowFlags::NO_BYT_COUNTS, " no_byte_counts"),
    ];
    for (flag, name) in names {
        if flow.flags.contains(flag) {
            out += name;
        }
    }
    out + " actions=" + &actions_text(flow)
}
