//! The OpenFlow sessions of the original controller with Open vSwitch, as they were recorded: every message decodes with
//! nothing left unknown, and is written back as the same bytes.
//!
//! Only the flow-mods of the original's library come out in other bytes: it orders the fields of a match as they were
//! named and the instructions as they were made, names fields of `move` by their OXM headers, and writes masks that are
//! complete. Those go to Open vSwitch in both forms, which must be the same flow to it.

#![expect(clippy::unwrap_used, reason = "a test that fails anywhere fails as a whole")]

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};

use openflow::Message;
use openflow::message::{Header, frame};
use openflow::wire::Reader;

/// One line of a recording.
struct Recorded {
    place: String,
    from_switch: bool,
    bytes: Vec<u8>,
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn recording(name: &str) -> Option<Vec<Recorded>> {
    let path = testkit::shared_fixture(&format!("fixtures/dragonflow/{name}"))?;
    let text = std::fs::read_to_string(path).unwrap();
    let lines = text.lines().enumerate().map(|(number, line)| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        Recorded {
            place: format!("{name}:{}", number + 1),
            from_switch: line["dir"] == "to_server",
            bytes: unhex(line["hex"].as_str().unwrap()),
        }
    });
    Some(lines.collect())
}

/// What Open vSwitch reads in concatenated messages, one line each.
fn printed_by_ovs(messages: &[u8]) -> Vec<String> {
    let mut child = Command::new(testkit::require_tool("ovs-ofctl"))
        .args(["ofp-parse", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let messages = messages.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&messages));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

fn check(name: &str) {
    let Some(recording) = recording(name) else { return };
    assert!(!recording.is_empty(), "{name} is empty");
    let mut kinds = BTreeMap::<&str, usize>::new();
    let (mut theirs, mut ours) = (Vec::new(), Vec::new());
    for recorded in &recording {
        let Recorded { place, from_switch, bytes } = recorded;
        assert_eq!(frame(bytes), Ok(Some(bytes.len())), "{place}");
        let (xid, message) = Message::decode(bytes).unwrap_or_else(|error| panic!("{place}: {error}"));
        assert_eq!(xid, Header::decode(&mut Reader::new(bytes)).unwrap().xid, "{place}");
        *kinds.entry(message.name()).or_default() += 1;

        // The derived form shows every part at every depth, so nothing unknown can hide from it.
        let shown = format!("{message:?}");
        assert!(!shown.contains("Unknown") && !shown.contains("unknown: [["), "{place}: {shown}");

        let mut written = Vec::new();
        message.encode(xid, &mut written).unwrap();
        if written != *bytes {
            let by_the_library = !from_switch && matches!(message, Message::FlowMod(_));
            assert!(by_the_library, "{place}: {shown}\nread  {bytes:02x?}\nwrote {written:02x?}");
            assert_eq!(Message::decode(&written), Ok((xid, message)), "{place}");
            theirs.extend_from_slice(bytes);
            ours.extend_from_slice(&written);
        }
    }
    let (theirs, ours) = (printed_by_ovs(&theirs), printed_by_ovs(&ours));
    assert_eq!(theirs, ours, "{name}");
    assert!(
        ours.iter().all(|line| line.starts_with("OFPT_FLOW_MOD") && !line.contains("***")),
        "{name}: {ours:?}"
    );
    assert!(kinds.len() >= 10 && !ours.is_empty(), "{name} has only {kinds:?}");
}

#[test]
fn host_a() {
    check("openflow-host-a.jsonl");
}

#[test]
fn host_b() {
    check("openflow-host-b.jsonl");
}

#[test]
fn fresh_host_a() {
    check("openflow-fresh-host-a.jsonl");
}
