//! `dragonflow replay`: recordings are run, and what is none is named by its line.

use std::process::Command;

use engine::{Input, Settings, record};
use testkit::process::output_of;

fn replay(lines: &[&str], flags: &[&str]) -> (Option<i32>, String, String) {
    let directory = testkit::scratch::ScratchDir::new().expect("a directory");
    let file = directory.path().join("recording");
    std::fs::write(&file, lines.join("\n")).expect("a recording");
    let mut command = Command::new(env!("CARGO_BIN_EXE_dragonflow"));
    let output = output_of(command.arg("replay").args(flags).arg(&file)).expect("it runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

fn first_step() -> String {
    let settings = Settings {
        chassis: "host-1".parse().expect("a name"),
        tunnel_ip: [192, 0, 2, 1].into(),
        answer_arp: true,
        learning: engine::Learning::default(),
        dhcp: std::sync::Arc::default(),
        multicast: engine::Multicast::default(),
        host_address: None,
    };
    record::to_line(&[Input::Settings(settings)])
}

#[test]
fn a_recording_leads_to_flows() {
    let (code, out, _) = replay(&[&first_step(), "[]"], &[]);
    assert_eq!(code, Some(0));
    assert!(out.starts_with("2 steps, "), "{out}");
    let (_, flows, _) = replay(&[&first_step()], &["--flows"]);
    assert!(flows.lines().count() > 5 && flows.lines().all(|flow| flow.contains("table=")), "{flows}");
}

#[test]
fn a_line_that_is_no_step_is_named() {
    let (code, _, errors) = replay(&[&first_step(), "{}", "[]"], &[]);
    assert_eq!(code, Some(1));
    assert!(errors.contains("line 2"), "{errors}");
}
