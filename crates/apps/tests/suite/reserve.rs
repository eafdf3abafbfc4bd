//! Promises of bandwidth: whose frames are in which queue, and what whoever has the devices is told.

use engine::{Input, Reserve, RowChange};
use model::Table;
use pipeline::queues;

use crate::support::{Cloud, Walk, mac, ping, row_id};
use crate::tracing::traced;

const ONE: &str = "02:00:00:00:00:01";
const TWO: &str = "02:00:00:00:00:02";
const OUTSIDE: &str = "02:00:00:00:00:50";
const CLOUD: &str = "
    node a 192.0.2.1 geneve
    node b 192.0.2.2 geneve
    wire a public 90
    wire b public 91
    network red 1 vlan segment=100 in=public
    network over 2 geneve
    port one 11 red on=a:1 mac=02:00:00:00:00:01 ip=10.0.0.1
    port two 12 red on=a:2 mac=02:00:00:00:00:02 ip=10.0.0.2
    port three 13 red on=b:3 mac=02:00:00:00:00:03 ip=10.0.0.3
    port far 21 over on=a:4 mac=02:00:00:00:00:04 ip=10.0.1.4
";

fn one(more: &str) -> String {
    format!("port one 11 red on=a mac={ONE} ip=10.0.0.1 {more}")
}

fn reserves(cloud: &mut Cloud, node: &str) -> Vec<Reserve> {
    cloud.node(node).engine.desired().reserves
}

fn problems(cloud: &mut Cloud, node: &str) -> Vec<String> {
    let findings = cloud.node(node).engine.desired().findings;
    findings.into_iter().filter(|finding| finding.app == "qos").map(|finding| finding.problem).collect()
}

/// The queues of what a walk put on the wire.
fn queues_of(walk: &Walk) -> Vec<u32> {
    walk.on_wire.iter().map(|frame| frame.key.queue).collect()
}

fn outside(from: (&str, &str)) -> Vec<u8> {
    ping((mac(from.0), from.1), (mac(OUTSIDE), "10.0.0.80"))
}

#[test]
fn frames_of_a_port_that_is_promised_bandwidth_are_in_its_queue_on_the_wire_and_no_others_are() {
    let mut cloud = Cloud::new(CLOUD);
    let before = cloud.node("a").engine.desired();
    cloud.put("policy gold asks=5000");
    cloud.put(&one("policy=gold"));
    let [reserve] = &reserves(&mut cloud, "a")[..] else { panic!("one promise") };
    let (bridge, port) = (reserve.bridge.as_str(), reserve.port.to_string());
    assert_eq!((bridge, port.as_str(), reserve.least_kbps), ("br-public", "one", 5_000));
    assert!(queues::port_of(reserve.queue).is_some(), "a queue of ours");
    assert_eq!(queues_of(&cloud.send("one", &outside((ONE, "10.0.0.1")))), [reserve.queue]);
    assert_eq!(queues_of(&cloud.send("two", &outside((TWO, "10.0.0.2")))), [queues::OTHERS]);
    assert_eq!(reserves(&mut cloud, "b"), [], "promises are kept where the guest is");
    let with = cloud.node("a").engine.desired();
    assert_eq!(with.flows.len(), before.flows.len(), "no flow more");

    cloud.put(&one(""));
    assert_eq!(cloud.node("a").engine.desired(), before);
    // A policy that is gone promises nothing, whoever still names it.
    cloud.put(&one("policy=gold"));
    cloud.delete(Table::QosPolicyExtra, "gold");
    cloud.delete(Table::QosPolicy, "gold");
    assert_eq!(cloud.node("a").engine.desired(), before);
}

#[test]
fn another_number_of_kilobits_changes_no_flow() {
    let mut cloud = Cloud::new(CLOUD);
    cloud.put("policy gold asks=5000");
    cloud.put(&one("policy=gold"));
    let before = reserves(&mut cloud, "a");
    let changed = Cloud::rows_of("policy gold asks=6000");
    let inputs = changed.into_iter().map(|row| Input::Row(RowChange::Put(row))).collect();
    let outputs = cloud.node("a").step(inputs);
    assert!(outputs.delta.is_empty() && !outputs.numbers_changed, "{:?}", outputs.delta);
    let expected = [Reserve { least_kbps: 6_000, ..before[0].clone() }];
    assert_eq!(outputs.reserves.as_deref(), Some(&expected[..]));
    assert_eq!(cloud.node("a").engine.reserves(), expected);
}

#[test]
fn a_promise_is_for_what_is_sent_and_nothing_is_none() {
    let mut cloud = Cloud::new(CLOUD);
    cloud.put(&one("policy=gold"));
    for rules in ["in-asks=5000", "asks=0", "out=5000", ""] {
        cloud.put(&format!("policy gold {rules}"));
        assert_eq!(reserves(&mut cloud, "a"), [], "{rules}");
        assert_eq!(queues_of(&cloud.send("one", &outside((ONE, "10.0.0.1")))), [queues::OTHERS], "{rules}");
        assert_eq!(problems(&mut cloud, "a"), [] as [&str; 0], "{rules}");
    }
}

#[test]
fn ports_have_the_promise_of_their_network_and_those_inside_others_have_their_own() {
    let mut cloud = Cloud::new(CLOUD);
    cloud.put("policy gold asks=5000\npolicy silver asks=300");
    cloud.put("network red 1 vlan segment=100 in=public policy=silver");
    cloud.put("port inner 14 red on=a mac=02:00:00:00:00:09 ip=10.0.0.9 policy=gold\ninside inner two 7");
    let said: Vec<(String, u64)> =
        reserves(&mut cloud, "a").iter().map(|one| (one.port.to_string(), one.least_kbps)).collect();
    let expected =
        [("inner", 5_000), ("one", 300), ("two", 300)].map(|(port, least)| (port.to_owned(), least));
    let mut said = said;
    said.sort();
    assert_eq!(said, expected);
    let queue = |cloud: &mut Cloud, port: &str| {
        reserves(cloud, "a").iter().find(|one| one.port.to_string() == port).expect("a promise").queue
    };
    let (inner, two) = (queue(&mut cloud, "inner"), queue(&mut cloud, "two"));
    assert_ne!(inner, two);
    let frame = ping((mac("02:00:00:00:00:09"), "10.0.0.9"), (mac(OUTSIDE), "10.0.0.80"));
    let tagged = [&frame[..12], &[0x81, 0, 0, 7], &frame[12..]].concat();
    assert_eq!(queues_of(&cloud.send("two", &tagged)), [inner]);
    assert_eq!(queues_of(&cloud.send("two", &outside((TWO, "10.0.0.2")))), [two]);
}

#[test]
fn where_nobody_can_keep_it_a_finding_says_why_and_frames_are_in_no_queue() {
    let mut cloud = Cloud::new(CLOUD);
    let before = cloud.node("a").engine.desired().flows;
    cloud.put("policy gold asks=5000");
    cloud.put("port far 21 over on=a mac=02:00:00:00:00:04 ip=10.0.1.4 policy=gold");
    assert_eq!(reserves(&mut cloud, "a"), []);
    let [problem] = &problems(&mut cloud, "a")[..] else { panic!("one finding") };
    assert!(problem.contains("5000 kbit/s") && problem.contains("leave in tunnels"), "{problem}");
    assert_eq!(cloud.node("a").engine.desired().flows, before);

    // The bridge to the physical network goes, and comes back.
    cloud.put("port far 21 over on=a mac=02:00:00:00:00:04 ip=10.0.1.4");
    cloud.put(&one("policy=gold"));
    cloud.put("wire a public");
    let [problem] = &problems(&mut cloud, "a")[..] else { panic!("one finding") };
    assert!(problem.contains("does not leave the node"), "{problem}");
    assert_eq!(reserves(&mut cloud, "a"), []);
    cloud.put("wire a public 90");
    assert_eq!((reserves(&mut cloud, "a").len(), problems(&mut cloud, "a").len()), (1, 0));
}

#[test]
fn a_trace_says_whose_queue_it_is_and_what_it_is_promised() {
    let mut cloud = Cloud::new(CLOUD);
    cloud.put("policy gold asks=5000");
    cloud.put(&one("policy=gold"));
    let queue = reserves(&mut cloud, "a")[0].queue;
    let mut traced = traced(&cloud).expect("nodes");
    let report = traced.trace_frame(&model::Id::from_row(row_id("one")), &outside((ONE, "10.0.0.1")));
    let report = report.expect("a packet").to_string();
    let said =
        format!("in queue {queue} of port one, at least 5000 kbit/s of what leaves by bridge br-public");
    assert!(report.contains(&said), "{report}");
}
