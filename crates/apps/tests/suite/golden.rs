//! Which flows the facts make, as text that people review.
//!
//! For each `golden/NAME.topology` the flows of node `a` are in `golden/NAME.flows`: the syntax of `ovs-ofctl`, tables by their
//! names, and behind each flow who says it. `UPDATE_GOLDEN=1` writes the files anew.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use openflow::Flow;
use pipeline::Cookie;
use pipeline::tables::PIPELINE;

use crate::support::{Cloud, Node};

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/golden")
}

#[test]
fn the_flows_are_those_that_were_reviewed() {
    let is_update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let entries = std::fs::read_dir(directory()).expect("the directory of golden files");
    let paths = entries.map(|entry| entry.expect("a readable directory").path());
    let mut topologies: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|kind| kind == "topology")).collect();
    topologies.sort_unstable();
    assert!(topologies.len() >= 3, "golden files are missing: {topologies:?}");
    for path in topologies {
        let mut cloud = Cloud::new(&std::fs::read_to_string(&path).expect("a readable file"));
        let text = listing(cloud.node("a"));
        let golden = path.with_extension("flows");
        if is_update {
            std::fs::write(&golden, &text).expect("a writable file");
        }
        let expected = std::fs::read_to_string(&golden).unwrap_or_default();
        let difference = difference(&expected, &text);
        let name = golden.display();
        assert!(
            difference.is_empty(),
            "{name}: UPDATE_GOLDEN=1 writes it anew, if you want this:\n{difference}"
        );
    }
}

/// The lines that only one of two sorted listings has.
fn difference(before: &str, now: &str) -> String {
    let only = |sign, list: &str, other: &str| -> String {
        let lines = list.lines().filter(|line| !other.lines().any(|other| other == *line));
        lines.map(|line| format!("{sign} {line}\n")).collect()
    };
    only('-', before, now) + &only('+', now, before)
}

/// All that a node wants, a line each.
fn listing(node: &Node) -> String {
    let desired = node.engine.desired();
    let mut text = String::new();
    let mut flows: Vec<Flow> = desired.flows.iter().map(openflow::PackedFlow::unpack).collect();
    flows.sort_by(|a, b| {
        (a.table, b.priority, a.matching.to_string()).cmp(&(b.table, a.priority, b.matching.to_string()))
    });
    for flow in flows {
        let who: Vec<String> =
            node.engine.explain(Cookie::from_bits(flow.cookie)).iter().map(said_by).collect();
        let flow = Flow { cookie: 0, ..flow };
        writeln!(text, "{}  # {}", with_names(&flow.to_string()), who.join(", ")).expect("memory");
    }
    for group in &desired.groups {
        writeln!(text, "{}", with_names(&group.to_string())).expect("memory");
    }
    for meter in &desired.meters {
        writeln!(text, "{meter}").expect("memory");
    }
    for reserve in &desired.reserves {
        let (port, bridge) = (&reserve.port, &reserve.bridge);
        writeln!(text, "# {bridge} queue {} of {port}: {} kbit/s", reserve.queue, reserve.least_kbps)
            .expect("memory");
    }
    for finding in &desired.findings {
        let subject = finding.subject.as_ref().map(ToString::to_string).unwrap_or_default();
        writeln!(text, "# {} {} {subject}: {}", finding.app, finding.rule, finding.problem).expect("memory");
    }
    text
}

fn said_by(who: &engine::Explanation) -> String {
    let subject = who.subject.as_ref().map(ToString::to_string).unwrap_or_default();
    format!("{}: {} {subject}", who.app, who.rule).trim_end().to_owned()
}

/// Numbers of tables replaced by their names.
fn with_names(text: &str) -> String {
    let mut text = text.to_owned();
    // From the back, so that no number is taken for the beginning of another.
    for table in PIPELINE.tables.iter().rev() {
        let name = format!("{:?}", table.name);
        for (before, after) in [("table=", ","), ("goto_table:", ""), ("resubmit(,", ")")] {
            text = text.replace(&format!("{before}{}{after}", table.id), &format!("{before}{name}{after}"));
        }
    }
    text
}
