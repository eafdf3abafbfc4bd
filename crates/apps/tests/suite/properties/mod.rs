//! Random clouds and random packets, hostile ones among them: who gets a packet is exactly who should, by rules that are
//! written down here a second time, in terms of ports and not of flows.
//!
//! That includes that networks never meet, that nobody is heard who is not who it says, that nothing comes back or twice, and
//! that nothing runs in circles. `PROPTEST_CASES=5000` tries more clouds; a test that fails says with which seed it does so again.

mod arrivals;
mod coverage;
mod filters;
mod frames;
mod routing;
mod rules;
mod wire;
mod world;

use ofsim::analysis::Finding;
use openflow::flow::FlowKey;
use pipeline::tables::{EGRESS_RULES, EGRESS_TRACK, INGRESS_RULES, INGRESS_TRACK, ROUTE};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{RngSeed, TestRunner};

use crate::support::Cloud;
use arrivals::any_arrival;
pub(crate) use frames::any_packet;
pub(crate) use wire::any_frame_of_the_wire;
use world::World;
pub(crate) use world::any_world;

/// Packets that are sent through each cloud.
/// With as many clouds as there are by default, a hundred thousand in all.
const PACKETS: usize = 400;

#[expect(clippy::print_stdout, reason = "the seed belongs into the captured output of the test")]
fn cases() -> ProptestConfig {
    // `with_cases` would hide what the environment says.
    let config = ProptestConfig::default();
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { config.cases } else { 128 };
    let seed = match config.rng_seed {
        RngSeed::Fixed(seed) => seed,
        RngSeed::Random => any::<u64>().new_tree(&mut TestRunner::default()).expect("a number").current(),
    };
    // Seen where a test fails.
    println!("the same again: PROPTEST_RNG_SEED={seed} PROPTEST_CASES={cases}");
    ProptestConfig { cases, rng_seed: RngSeed::Fixed(seed), failure_persistence: None, ..config }
}

/// A world as nodes compute it. That what they compute does not depend on the way there is for other tests.
fn cloud_of(world: &World) -> Cloud {
    Cloud::with_nodes(&world.text(), &world::NODES)
}

/// Whether a flow is where rules of groups are.
fn is_rule_of_group(flow: &FlowKey) -> bool {
    let tables = [&EGRESS_TRACK, &EGRESS_RULES, &INGRESS_TRACK, &INGRESS_RULES];
    tables.iter().any(|table| table.id == flow.table())
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn a_packet_reaches_exactly_who_should_get_it(
        world in any_world(),
        packets in prop::collection::vec(any_packet(), PACKETS),
    ) {
        let cloud = cloud_of(&world);
        for packet in packets {
            let Some((sender, frame)) = packet.sent_in(&world) else { continue };
            let walk = cloud.send(&sender.name, &frame.bytes());
            let (got, expected) = (rules::delivered(&walk), rules::deliveries(&world, sender, &frame));
            if got != expected {
                let ways: String = walk.traces.iter().map(|(node, trace)| format!("{node}:\n{trace}")).collect();
                prop_assert_eq!(got, expected, "{} sends {:?} in\n{}\n{}", sender.name, frame, world.text(), ways);
            }
        }
    }

    #[test]
    fn a_packet_out_of_a_tunnel_reaches_guests_of_its_network_and_no_other_node(
        world in any_world(),
        arrivals in prop::collection::vec(any_arrival(), PACKETS),
    ) {
        let cloud = cloud_of(&world);
        for arrival in arrivals {
            let Some(packet) = arrival.packet(&cloud) else { continue };
            let walk = cloud.inject(world::NODES[arrival.node], packet);
            prop_assert!(walk.hops.is_empty() && walk.to_controller.is_empty());
            prop_assert_eq!(walk.receivers(), arrival.receivers(&world), "{:?} in\n{}", arrival, world.text());
        }
    }

    #[test]
    fn a_frame_from_the_wire_reaches_guests_of_its_network_and_goes_nowhere_else(
        world in any_world(),
        frames in prop::collection::vec(any_frame_of_the_wire(), PACKETS),
    ) {
        let cloud = cloud_of(&world);
        for frame in frames {
            let (node, packet) = frame.packet(&world);
            let walk = cloud.inject(node, packet);
            prop_assert!(walk.hops.is_empty() && walk.on_wire.is_empty() && walk.to_controller.is_empty());
            prop_assert_eq!(walk.receivers(), frame.receivers(&world), "{:?} in\n{}", frame, world.text());
        }
    }

    #[test]
    fn no_flow_is_shadowed_dangling_or_in_a_circle(world in any_world(), snoops in any::<bool>()) {
        let mut cloud = cloud_of(&world);
        for name in world::NODES.iter().filter(|_| snoops) {
            cloud.set(name, |settings| settings.multicast.snoops = true);
        }
        for (name, node) in &cloud.nodes {
            // On a node without guests, tables wait for them; a rule may name a group that has no members, and say less than
            // another one.
            let is_defect = |finding: &Finding| match finding {
                Finding::Shadowed { flow, .. } => !is_rule_of_group(flow),
                Finding::EmptyTable { .. } | Finding::Unreachable { .. } => false,
                // What a router gets again has one hop less to live, or is an answer, which is not answered.
                Finding::Loop { flows } => flows.iter().all(|flow| flow.table() != ROUTE.id),
                Finding::IncompleteConjunction { .. } | Finding::NothingForConjunction { .. } | Finding::NoSuchConjunction { .. } => false,
                _ => true,
            };
            let findings = ofsim::analysis::findings(&node.switch, &[]);
            let findings: Vec<String> =
                findings.iter().filter(|finding| is_defect(finding)).map(ToString::to_string).collect();
            prop_assert!(findings.is_empty(), "node {}: {:#?} in\n{}", name, findings, world.text());
        }
    }
}
