//! What we print, read again: by us, and by Open vSwitch.

use openflow::arbitrary::{self, Scope};
use openflow::text::{parse_actions, parse_flow, parse_flows, parse_group, parse_match, parse_meter};
use openflow::{Flow, PackedFlow};
use proptest::prelude::*;
use testkit::scratch::ScratchDir;

use crate::{ofctl, samples, speakable};

const FLOWS: usize = 4000;

proptest! {
    #[test]
    fn flows_come_back(flow in speakable::flow(Scope::Anything)) {
        prop_assert_eq!(parse_flow(&flow.to_string()), Ok(flow.clone()), "{}", flow);
        prop_assert_eq!(parse_match(&flow.matching.to_string()), Ok(flow.matching.clone()));
        let key = PackedFlow::new(&flow).expect("the flow fits a message").key().to_string();
        let named = parse_flow(&format!("{key} actions=drop")).expect("a key is the head of a flow");
        prop_assert_eq!((named.table, named.priority, named.matching), (flow.table, flow.priority, flow.matching));
    }

    #[test]
    fn groups_come_back(group in speakable::group()) {
        prop_assert_eq!(parse_group(&group.to_string()), Ok(group.clone()), "{}", group);
    }

    #[test]
    fn meters_come_back(meter in arbitrary::meter()) {
        prop_assert_eq!(parse_meter(&meter.to_string()), Ok(meter.clone()), "{}", meter);
    }

    /// What text does not tell apart is the same after it was read once.
    #[test]
    fn reading_settles(action in arbitrary::context_free_action()) {
        let print = |actions: &[openflow::Action]| {
            actions.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
        };
        let read = parse_actions(&action.to_string()).expect("what is printed can be read");
        prop_assert_eq!(parse_actions(&print(&read)), Ok(read), "{}", action);
    }
}

/// `ovs-ofctl parse-flows` reads what we print and says what it would send; that is what we meant.
#[test]
fn open_vswitch_reads_flows_as_we_meant_them() {
    let flows = samples(FLOWS, speakable::flow(Scope::Anything));
    let directory = ScratchDir::new().expect("a directory");
    let file = directory.path().join("flows");
    let text: String = flows.iter().map(|flow| format!("{flow}\n")).collect();
    std::fs::write(&file, &text).expect("a file of flows");
    assert_eq!(parse_flows(&text), Ok(flows.clone()));

    let printed = ofctl("parse-flows", &file);
    let read: Vec<Flow> = printed.lines().filter_map(flow_of_message).collect();
    assert_eq!(read.len(), flows.len());
    for (flow, read) in flows.iter().zip(&read) {
        assert_eq!(flow.to_string(), read.to_string());
        assert_eq!(flow, read);
    }
}

/// The flow that a printed flow-mod adds.
fn flow_of_message(line: &str) -> Option<Flow> {
    let (_, flow) = line.strip_prefix("OFPT_FLOW_MOD")?.split_once(": ADD ")?;
    let flow = flow.replacen(" idle:", " idle_timeout=", 1).replacen(" hard:", " hard_timeout=", 1);
    Some(parse_flow(&flow).unwrap_or_else(|error| panic!("{line}: {error}")))
}
