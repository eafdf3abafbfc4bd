//! What an established packet costs on the switch of its sender, and a port on the switches of its network: as many look-ups and flows as
//! are promised, and no more.

use openflow::PackedFlow;
use pipeline::Cookie;

use crate::routers::{RED_LEG, RED1, ROUTED};
use crate::support::{Cloud, Trackers, Walk, mac, row_id, udp};

/// The routed cloud, with guests that are filtered, and networks that take less than an external one would.
fn filtered() -> Cloud {
    let mut cloud = Cloud::new(ROUTED);
    cloud.put("group all 1 in:udp out:::");
    for (name, key, network, place, host) in
        [("red1", 11, "red", "a:1", 11), ("blue1", 21, "blue", "a:2", 21), ("blue2", 22, "blue", "b:3", 22)]
    {
        let (side, last) = (if network == "red" { 1 } else { 2 }, if name == "red1" { 1 } else { key - 19 });
        cloud.put(&format!(
            "port {name} {key} {network} on={place} mac=02:00:00:00:00:0{last} ip=10.0.{side}.{host} subnet={network}4 groups=all"
        ));
    }
    for network in ["red 1", "blue 2"] {
        cloud.put(&format!("network {network} geneve mtu=1442"));
    }
    cloud
}

/// The second packet of a connection.
fn established(cloud: &Cloud, from: (&str, &str, &str), to: (&str, &str)) -> Walk {
    let mut trackers = Trackers::new();
    let frame = udp((mac(from.1), from.2, 1000), (mac(to.0), to.1, 2000));
    assert_eq!(cloud.send_tracked(from.0, &frame, &mut trackers).receivers().len(), 1, "the first one");
    cloud.send_tracked(from.0, &frame, &mut trackers)
}

#[test]
fn an_established_packet_passes_few_tables() {
    let mut cloud = filtered();
    cloud.put("port red2 12 red on=a:7 mac=02:00:00:00:00:07 ip=10.0.1.12 subnet=red4 groups=all");
    cloud.put("port red3 13 red on=b:8 mac=02:00:00:00:00:08 ip=10.0.1.13 subnet=red4 groups=all");
    let leg = RED_LEG.to_string();
    let red1 = (RED1.0, &*RED1.1.to_string(), "10.0.1.11");
    // The bridge that tunnels leave by adds one.
    for (what, to, at_most) in [
        ("same network, other host", ("02:00:00:00:00:08", "10.0.1.13"), 7),
        ("routed, other host", (&*leg, "10.0.2.22"), 9),
        ("same network, same host", ("02:00:00:00:00:07", "10.0.1.12"), 11),
        ("routed, same host", (&*leg, "10.0.2.21"), 13),
    ] {
        let walk = established(&cloud, red1, to);
        assert_eq!(walk.receivers().len(), 1, "{what}");
        assert!(walk.tables("a").len() <= at_most, "{what}: {:?}", walk.tables("a"));
    }
}

/// The flows of a node whose cookies name a port.
fn flows_of(cloud: &mut Cloud, node: &str, port: &str) -> Vec<String> {
    let engine = &mut cloud.node(node).engine;
    let flows = engine.desired().flows;
    let is_of = |flow: &&PackedFlow| {
        let makers = engine.explain(Cookie::from_bits(flow.cookie()));
        makers.iter().any(|maker| maker.subject.as_ref().is_some_and(|subject| *subject == row_id(port)))
    };
    flows.iter().filter(is_of).map(|flow| flow.unpack().to_string()).collect()
}

#[test]
fn a_port_costs_few_flows_also_behind_a_router() {
    let mut cloud = filtered();
    for (node, port, at_most) in
        [("b", "blue1", 3), ("a", "blue2", 3), ("a", "blue1", 15), ("b", "blue2", 15)]
    {
        let flows = flows_of(&mut cloud, node, port);
        assert!(flows.len() <= at_most, "{port} on node {node}: {flows:#?}");
    }
}
