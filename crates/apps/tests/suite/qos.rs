//! Policies: which meters a packet passes, what it is marked with, and that nothing of a policy stays.

use engine::{Input, RowChange};
use model::Table;
use ofsim::trace::Outcome;
use openflow::meter::{Meter, MeterUnit};

use crate::support::{Cloud, Walk, arp_request, mac, ping};

const ONE: &str = "02:00:00:00:00:01";
const TWO: &str = "02:00:00:00:00:02";
const FAR: &str = "02:00:00:00:00:03";
const CLOUD: &str = "
    node a 192.0.2.1 geneve
    node b 192.0.2.2 geneve
    network red 1 geneve
    port one 11 red on=a:1 mac=02:00:00:00:00:01 ip=10.0.0.1,fd00::1
    port two 12 red on=a:2 mac=02:00:00:00:00:02 ip=10.0.0.2,fd00::2
    port far 13 red on=b:3 mac=02:00:00:00:00:03 ip=10.0.0.3,fd00::3
";

fn one(more: &str) -> String {
    format!("port one 11 red on=a mac={ONE} ip=10.0.0.1,fd00::1 {more}")
}

fn meters(cloud: &mut Cloud, node: &str) -> Vec<Meter> {
    cloud.node(node).engine.desired().meters
}

/// The meters that a packet passed on a node: unit and rate of each, in order.
fn passed(cloud: &mut Cloud, walk: &Walk, node: &str) -> Vec<(MeterUnit, u32)> {
    let known = meters(cloud, node);
    let traces = walk.traces.iter().filter(|(name, _)| name == node);
    let ids = traces.flat_map(|(_, trace)| trace.outcomes()).filter_map(|outcome| match outcome {
        Outcome::Metered(id) => Some(*id),
        _ => None,
    });
    let meters = ids.map(|id| known.iter().find(|meter| meter.id == id).expect("a meter that is there"));
    meters.map(|meter| (meter.unit, meter.bands[0].rate)).collect()
}

#[test]
fn a_limit_is_on_what_its_direction_says_as_the_guest_sees_it() {
    let mut cloud = Cloud::new(CLOUD);
    cloud.put("policy gold out=8000/500 in=4000 out-packets=2 in-packets=1/3");
    cloud.put(&one("policy=gold"));
    let sent = cloud.send("one", &ping((mac(ONE), "10.0.0.1"), (mac(FAR), "10.0.0.3")));
    assert_eq!(sent.receivers(), ["far"]);
    assert_eq!(passed(&mut cloud, &sent, "a"), [(MeterUnit::Kbps, 8_000), (MeterUnit::Pktps, 2_000)]);
    assert_eq!(passed(&mut cloud, &sent, "b"), []);

    let to_one = ping((mac(FAR), "10.0.0.3"), (mac(ONE), "10.0.0.1"));
    let heard = cloud.send("far", &to_one);
    assert_eq!(heard.receivers(), ["one"]);
    assert_eq!(passed(&mut cloud, &heard, "a"), [(MeterUnit::Kbps, 4_000), (MeterUnit::Pktps, 1_000)]);
    // What is for many is counted for each who gets it, and what is between others is not.
    let asked = cloud.send("two", &arp_request((mac(TWO), "10.0.0.2"), "10.0.0.99"));
    assert_eq!(asked.receivers(), ["far", "one"]);
    assert_eq!(passed(&mut cloud, &asked, "a"), [(MeterUnit::Kbps, 4_000), (MeterUnit::Pktps, 1_000)]);
    let others = cloud.send("two", &ping((mac(TWO), "10.0.0.2"), (mac(FAR), "10.0.0.3")));
    assert_eq!(passed(&mut cloud, &others, "a"), []);
}

#[test]
fn each_limit_works_without_the_others() {
    let mut cloud = Cloud::new(CLOUD);
    cloud.put(&one("policy=gold"));
    let out = ping((mac(ONE), "10.0.0.1"), (mac(TWO), "10.0.0.2"));
    let into = ping((mac(TWO), "10.0.0.2"), (mac(ONE), "10.0.0.1"));
    for (rules, egress, ingress) in [
        ("out=10", vec![(MeterUnit::Kbps, 10)], vec![]),
        ("out-packets=1", vec![(MeterUnit::Pktps, 1_000)], vec![]),
        ("in=10", vec![], vec![(MeterUnit::Kbps, 10)]),
        ("in-packets=1", vec![], vec![(MeterUnit::Pktps, 1_000)]),
        ("dscp=10 out=10", vec![(MeterUnit::Kbps, 10)], vec![]),
        ("asks=1000", vec![], vec![]),
        ("out=0 in=0", vec![], vec![]),
        ("", vec![], vec![]),
    ] {
        cloud.put(&format!("policy gold {rules}"));
        let (sent, heard) = (cloud.send("one", &out), cloud.send("two", &into));
        assert_eq!((sent.receivers(), heard.receivers()), (vec!["two"], vec!["one"]), "{rules}");
        let passed = (passed(&mut cloud, &sent, "a"), passed(&mut cloud, &heard, "a"));
        assert_eq!(passed, (egress, ingress), "{rules}");
    }
}

#[test]
fn packets_of_both_families_are_marked_by_who_sends_and_all_else_is_left_alone() {
    let mut cloud = Cloud::new(CLOUD);
    cloud.put("policy voice dscp=46 out=100");
    cloud.put(&one("policy=voice"));
    let tos = |walk: &Walk| walk.deliveries.iter().map(|delivery| delivery.key.net.tos).collect::<Vec<_>>();
    for (own, other) in [("10.0.0.1", "10.0.0.2"), ("fd00::1", "fd00::2")] {
        assert_eq!(tos(&cloud.send("one", &ping((mac(ONE), own), (mac(TWO), other)))), [46 << 2]);
        assert_eq!(tos(&cloud.send("two", &ping((mac(TWO), other), (mac(ONE), own)))), [0]);
    }
    let asked = cloud.send("one", &arp_request((mac(ONE), "10.0.0.1"), "10.0.0.99"));
    assert_eq!(asked.receivers(), ["far", "two"]);
}

#[test]
fn a_port_has_its_own_policy_and_otherwise_that_of_its_network() {
    let mut cloud = Cloud::new(CLOUD);
    cloud.put("policy own out=1\npolicy networks out=2\nnetwork red 1 geneve policy=networks");
    let out = ping((mac(ONE), "10.0.0.1"), (mac(TWO), "10.0.0.2"));
    let rate = |cloud: &mut Cloud| {
        let walk = cloud.send("one", &out);
        passed(cloud, &walk, "a").first().map(|(_, rate)| *rate)
    };
    assert_eq!(rate(&mut cloud), Some(2));
    cloud.put(&one("policy=own"));
    assert_eq!(rate(&mut cloud), Some(1));
    cloud.put(&one("owner=network:dhcp"));
    assert_eq!(rate(&mut cloud), None, "the network's own ports are not limited by its policy");
    cloud.put(&one("owner=network:dhcp policy=own"));
    assert_eq!(rate(&mut cloud), Some(1));
    cloud.put(&one(""));
    cloud.put("network red 1 geneve");
    assert_eq!(rate(&mut cloud), None);
}

#[test]
fn another_rate_changes_a_meter_and_no_flow_and_what_goes_leaves_no_trace() {
    let mut cloud = Cloud::new(CLOUD);
    let before = cloud.node("a").engine.desired();
    cloud.put("policy gold out=8000 in=4000 out-packets=2 in-packets=1 dscp=9");
    cloud.put(&one("policy=gold"));
    let with = meters(&mut cloud, "a");
    assert_eq!(with.len(), 4);
    let changed = Cloud::rows_of("policy gold out=9000 in=4000 out-packets=2 in-packets=1 dscp=9");
    let inputs = changed.into_iter().map(|row| Input::Row(RowChange::Put(row))).collect();
    let outputs = cloud.node("a").step(inputs);
    let delta = outputs.delta;
    assert_eq!((delta.meters.len(), delta.flows.len(), delta.delete_flows.len()), (1, 0, 0), "{delta:?}");
    assert!(delta.delete_meters.is_empty() && !outputs.numbers_changed);
    assert!(with.iter().any(|meter| meter.id == delta.meters[0].id));

    cloud.put(&one(""));
    assert_eq!(cloud.node("a").engine.desired(), before);
    // A policy that is gone limits nobody, whoever still names it.
    cloud.put(&one("policy=gold"));
    cloud.delete(Table::QosPolicyExtra, "gold");
    cloud.delete(Table::QosPolicy, "gold");
    assert_eq!(cloud.node("a").engine.desired(), before);
}

#[test]
fn a_guest_without_a_policy_passes_no_table_more() {
    let mut cloud = Cloud::new(CLOUD);
    let frame = ping((mac(TWO), "10.0.0.2"), (mac(ONE), "10.0.0.1"));
    let tables = cloud.send("two", &frame).tables("a");
    cloud.put("policy gold in=10 out=10\nport far 13 red on=b mac=02:00:00:00:00:03 ip=10.0.0.3 policy=gold");
    assert_eq!(cloud.send("two", &frame).tables("a"), tables);
    assert!(meters(&mut cloud, "a").is_empty(), "meters are where the guest is");
}
