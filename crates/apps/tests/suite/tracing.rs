//! The tracer says of any packet in any cloud what the tests' own walk says, which knows nothing of it.

use proptest::prelude::*;
use tracer::report::End;

use crate::properties::{any_packet, any_world};
use crate::support::{Cloud, row_id};

const PACKETS: usize = 30;
/// Whole clouds, with an engine for each node: fewer than elsewhere.
const CASES: u32 = 64;

/// The same rows and nodes, as the tracer knows them.
fn traced(cloud: &Cloud) -> Option<tracer::Cloud> {
    let settings = cloud.nodes.values().next()?.settings.clone();
    let mut traced = tracer::Cloud::new(apps::all, settings, cloud.rows.values().cloned().collect());
    for node in cloud.nodes.values() {
        traced.add_host(node.settings.clone(), node.own_facts());
    }
    Some(traced)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_trace_ends_where_the_packet_does(
        world in any_world(),
        packets in prop::collection::vec(any_packet(), PACKETS),
    ) {
        let cloud = Cloud::new(&world.text());
        let Some(mut traced) = traced(&cloud) else { return Ok(()) };
        for packet in packets {
            let Some((sender, frame)) = packet.sent_in(&world) else { continue };
            let walk = cloud.send(&sender.name, &frame.bytes());
            let id = model::Id::from_row(row_id(&sender.name));
            let Ok(report) = traced.trace_frame(&id, &frame.bytes()) else {
                // Plugged in at another host than it is bound to, or bound nowhere.
                prop_assert!(walk.receivers().is_empty(), "{} is heard", sender.name);
                continue;
            };
            let answers = report.visits.iter().flat_map(|visit| &visit.ends);
            let answers = answers.filter(|end| matches!(end, End::Answered { .. })).map(|_| sender.name.as_str());
            let receivers = report.verdict.receivers.iter().map(|receiver| receiver.port.id.as_str());
            let mut heard: Vec<&str> = receivers.chain(answers).collect();
            heard.sort_unstable();
            prop_assert_eq!(heard, walk.receivers(), "{:?} in\n{}\n{}", frame, world.text(), report);
            let controllers = report.visits.iter().flat_map(|visit| &visit.ends);
            let controllers = controllers.filter(|end| matches!(end, End::Controller { .. })).count();
            prop_assert_eq!(controllers, walk.to_controller.len());
            prop_assert_eq!(report.verdict.is_delivered, !report.verdict.receivers.is_empty() || !report.verdict.answers.is_empty());
            prop_assert!(report.verdict.is_delivered || !report.verdict.drops.is_empty(), "no reason: {}", report);
        }
    }
}
