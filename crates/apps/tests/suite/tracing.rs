//! The tracer says of any packet in any cloud what the tests' own walk says, which knows nothing of it.

use proptest::prelude::*;
use tracer::report::End;
use tracer::request::{Kind, Request};

use crate::properties::{any_packet, any_world};
use crate::support::{Cloud, row_id};

const PACKETS: usize = 30;
/// Whole clouds, with an engine for each node: fewer than elsewhere.
const CASES: u32 = 64;

/// The same rows and nodes, as the tracer knows them.
pub(crate) fn traced(cloud: &Cloud) -> Option<tracer::Cloud> {
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

/// A trunk with two ports inside by tags, two by addresses; a guest beside it.
const TRUNK: &str = "
    node a 192.0.2.1 geneve
    network red 1 geneve
    subnet s red 10.0.0.0/24
    subnet f red fd00::/64 dhcp ra=dhcpv6-stateful mode=dhcpv6-stateful
    port outer 11 red on=a:1 mac=02:00:00:00:00:01 ip=10.0.0.1
    port first 12 red on=a mac=02:00:00:00:00:02 ip=10.0.0.2
    port second 13 red on=a mac=02:00:00:00:00:03 ip=10.0.0.3
    port third 14 red on=a mac=02:00:00:00:00:04 ip=10.0.0.4
    port beside 15 red on=a:5 mac=02:00:00:00:00:05 ip=10.0.0.5,fd00::5 subnet=s,f
    inside first outer 7
    inside second outer 8
    inside third outer ipvlan
";

#[test]
fn frames_between_ports_inside_one_are_delivered_and_questions_are_answered() {
    let mut traced = traced(&Cloud::new(TRUNK)).expect("a node");
    let mut ask = |port: &str, to: Option<&str>, kind| {
        let request =
            Request { port: port.to_owned(), to: to.map(str::to_owned), kind, ..Request::default() };
        traced.trace(&request).expect("a packet")
    };
    for (from, to) in [
        ("first", "second"),
        ("second", "first"),
        ("first", "outer"),
        ("outer", "second"),
        ("third", "second"),
        ("third", "beside"),
        ("beside", "third"),
    ] {
        let report = ask(from, Some(to), Some(Kind::Ping));
        let receivers: Vec<&str> =
            report.verdict.receivers.iter().map(|receiver| receiver.port.id.as_str()).collect();
        assert_eq!((receivers, &report.verdict.answers), (vec![to], &vec![]), "{from}: {report}");
        assert!(report.verdict.is_delivered, "{report}");
    }
    for (from, kind) in [
        ("first", Kind::Who("10.0.0.3".parse().expect("an address"))),
        ("third", Kind::Who("10.0.0.3".parse().expect("an address"))),
        ("beside", Kind::Dhcpv6),
    ] {
        let report = ask(from, None, Some(kind));
        assert_eq!(
            (report.verdict.receivers.len(), report.verdict.answers.len()),
            (0, 1),
            "{from}: {report}"
        );
    }
}

/// A question on a wire is heard by hosts that have the network for a router's sake only, and by no others.
#[test]
fn a_wire_is_followed_to_who_has_the_network_because_of_routers() {
    let mut traced = traced(&Cloud::new(
        "node a 192.0.2.1 geneve
         node b 192.0.2.2 geneve
         node c 192.0.2.3 geneve
         wire a public 90
         wire b public 91
         wire c public 92
         network red 1 vlan segment=100 in=public
         network blue 2 geneve
         network green 3 geneve
         subnet s red 10.0.0.0/24 gateway=10.0.0.254
         subnet t blue 10.0.1.0/24 gateway=10.0.1.254
         port redleg 101 red mac=02:00:00:00:01:01 ip=10.0.0.254 subnet=s owner=network:router_interface
         port blueleg 102 blue mac=02:00:00:00:01:02 ip=10.0.1.254 subnet=t owner=network:router_interface
         router r 7 legs=redleg/red/101,blueleg/blue/102
         port red1 11 red on=a:1 mac=02:00:00:00:00:01 ip=10.0.0.1 subnet=s
         port blue1 12 blue on=b:1 mac=02:00:00:00:00:02 ip=10.0.1.2 subnet=t
         port green1 13 green on=c:1 mac=02:00:00:00:00:03 ip=10.0.2.3",
    ))
    .expect("a node");
    let kind = Some(Kind::Who("10.0.0.77".parse().expect("an address")));
    let report =
        traced.trace(&Request { port: "red1".to_owned(), kind, ..Request::default() }).expect("a packet");
    let hosts: Vec<&str> = report.visits.iter().map(|visit| visit.host.as_str()).collect();
    assert_eq!(hosts, ["a", "b"], "{report}");
}
