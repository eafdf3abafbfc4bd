//! What a hostile peer can make a process hold, measured on a process that does nothing else.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test ends, and says why, when something is wrong"
)]

use std::process::Command;

use ovsdb::json::{FrameError, FrameLimits, Framer};

const LIMITS: FrameLimits =
    FrameLimits { max_message_bytes: 16 << 20, max_depth: 64, max_parsed_bytes: 32 << 20 };

/// A line of `/proc/self/status`, in bytes.
fn status(name: &str) -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() << 10
}

/// The longest message of this element that the limits allow.
fn longest(open: &str, element: &str, close: &str) -> String {
    let message = |count: usize| format!("{open}{}{close}", vec![element; count].join(","));
    let count = (LIMITS.max_message_bytes - open.len() - close.len()) / (element.len() + 1);
    let text = message(count);
    match Framer::new(LIMITS).feed(&mut text.as_bytes()) {
        Ok(Some(_)) => text,
        Err(FrameError::TooLarge { offset, .. }) => {
            let fits = usize::try_from(offset).unwrap().saturating_sub(open.len()) / (element.len() + 1);
            message(fits)
        }
        other => panic!("{other:?}"),
    }
}

/// What the array of the message holds.
const ELEMENTS: [&str; 11] = [
    "0",
    "[]",
    "[0]",
    "[0,0,0,0,0]",
    r#"{"":0}"#,
    r#"{"a":{"b":[{"c":"d"}]}}"#,
    r#"{"a":0,"b":0,"c":0,"d":0,"e":0,"f":0,"g":0,"h":0,"i":0,"j":0,"k":0,"l":0}"#,
    r#""""#,
    r#""a""#,
    r#""abcdefghijklmnopqrstuvwxyz""#,
    r#"["map",[["key","value"]]]"#,
];
/// Names the element that a process of its own measures.
const ELEMENT: &str = "OVSDB_TEST_ELEMENT";

#[test]
fn a_parsed_message_takes_no_more_memory_than_the_limit_says() {
    let program = std::env::current_exe().unwrap();
    for element in ELEMENTS {
        let arguments = ["--ignored", "--exact", "one_element", "--nocapture"];
        let child = Command::new(&program).args(arguments).env(ELEMENT, element).output().unwrap();
        let said = String::from_utf8_lossy(&child.stdout);
        assert!(child.status.success(), "{said}{}", String::from_utf8_lossy(&child.stderr));
        println!("{}", said.lines().find(|line| line.contains("MiB")).unwrap());
    }
}

#[test]
#[ignore = "the other test runs it, once for each element in a fresh process"]
fn one_element() {
    let element = std::env::var(ELEMENT).unwrap_or_else(|_| ELEMENTS[0].to_owned());
    let text = longest(r#"{"":["#, &element, "]}");
    let mut framer = Framer::new(LIMITS);
    let frame = framer.feed(&mut text.as_bytes()).unwrap().unwrap();
    // Sets the peak back to what is held now.
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    let before = status("VmRSS");
    let parsed = frame.parse().unwrap();
    let grown = status("VmHWM").saturating_sub(before);
    assert!(parsed.is_object());
    println!("{element}: {} KiB of text, {} MiB parsed", text.len() >> 10, grown >> 20);
    assert!(grown <= LIMITS.max_parsed_bytes, "{element} takes {grown} bytes");
}
