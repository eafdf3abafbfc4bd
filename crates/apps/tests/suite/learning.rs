//! Where addresses were heard that no port has.

use net_types::{MacAddr, OfPort};
use ofsim::{Assumed, Packet};
use packet::build::Ethernet;

use crate::support::{Cloud, Node, mac};

const CLOUD: &str = "
    node a 192.0.2.1 geneve vxlan
    node b 192.0.2.2 geneve vxlan
    wire a public 90
    network red 1 geneve
    network blue 2 vlan segment=100 in=public
    network green 3 vxlan segment=77
    port red1 11 red on=a:1 mac=02:00:00:00:00:01 ip=10.0.0.1
    port red2 12 red on=a:2 mac=02:00:00:00:00:02 ip=10.0.0.2 unsecured
    port red3 13 red on=a:3 mac=02:00:00:00:00:03 ip=10.0.0.3 pair=10.0.0.9/02:00:00:00:00:99
    port red4 14 red on=b:4 mac=02:00:00:00:00:04 ip=10.0.0.4 unsecured
    port blue1 21 blue on=a:11 mac=02:00:00:00:00:01 ip=10.0.0.1
    port blue2 22 blue on=a:12 mac=02:00:00:00:00:02 ip=10.0.0.2 unsecured
    port green1 31 green on=a:21 mac=02:00:00:00:00:01 ip=10.0.0.1
    port green2 32 green on=a:22 mac=02:00:00:00:00:02 ip=10.0.0.2 unsecured
    port green3 33 green on=a:23 mac=02:00:00:00:00:03 ip=10.0.0.3 unsecured
";

/// An address that no port has, but that of a pair.
const STRANGER: MacAddr = MacAddr([2, 0, 0, 0, 0, 0x99]);

fn frame(src: MacAddr, dst: MacAddr) -> Vec<u8> {
    crate::support::ping((src, "10.0.0.9"), (dst, "10.0.0.200"))
}

fn guest(number: u8) -> MacAddr {
    MacAddr([2, 0, 0, 0, 0, number])
}

/// A packet comes in at a switch that remembers.
fn hears(node: &mut Node, packet: Packet) {
    ofsim::run(&mut node.switch, packet, &mut Assumed::new());
}

fn says(cloud: &mut Cloud, of_port: u32, frame: &[u8]) {
    hears(cloud.node("a"), Packet::of_frame(OfPort::new(of_port), frame));
}

/// Who gets a frame for the stranger that the first guest of a network sends, and how many copies leave the node.
fn receivers(cloud: &Cloud, from: &str) -> (Vec<String>, usize) {
    let walk = cloud.send(from, &crate::support::ping((guest(1), "10.0.0.1"), (STRANGER, "10.0.0.9")));
    let here = walk.deliveries.iter().filter(|delivery| delivery.node == "a");
    let mut here: Vec<String> = here.map(|delivery| delivery.port.clone()).collect();
    here.sort_unstable();
    (here, walk.hops.len() + walk.on_wire.len())
}

fn to(ports: &[&str], elsewhere: usize) -> (Vec<String>, usize) {
    (ports.iter().map(|port| (*port).to_owned()).collect(), elsewhere)
}

#[test]
fn who_was_heard_here_gets_its_frames_alone_and_where_it_was_heard_last() {
    let mut cloud = Cloud::new(CLOUD);
    assert_eq!(receivers(&cloud, "red1"), to(&["red2", "red3"], 1), "nobody knows: all who may have it");
    says(&mut cloud, 2, &frame(STRANGER, MacAddr::BROADCAST));
    assert_eq!(receivers(&cloud, "red1"), to(&["red2"], 0));
    // One frame from somewhere else is enough.
    says(&mut cloud, 3, &frame(STRANGER, guest(1)));
    assert_eq!(receivers(&cloud, "red1"), to(&["red3"], 0));
    // What the port may not send is not believed, in whatever network.
    says(&mut cloud, 1, &frame(STRANGER, MacAddr::BROADCAST));
    says(&mut cloud, 12, &frame(STRANGER, MacAddr::BROADCAST));
    assert_eq!(receivers(&cloud, "red1"), to(&["red3"], 0));
}

#[test]
fn an_address_that_a_port_has_is_its_ports_whoever_uses_it_and_groups_are_nowhere() {
    let mut cloud = Cloud::new(CLOUD);
    says(&mut cloud, 2, &frame(guest(3), MacAddr::BROADCAST));
    let walk = cloud.send("red1", &crate::support::ping((guest(1), "10.0.0.1"), (guest(3), "10.0.0.3")));
    assert_eq!(walk.receivers(), ["red3"]);
    let before = cloud.node("a").switch.flows().count();
    says(&mut cloud, 2, &frame(mac("03:00:00:00:00:99"), MacAddr::BROADCAST));
    let from_wire = frame(mac("03:00:00:00:00:99"), MacAddr::BROADCAST);
    says(&mut cloud, 90, &[&from_wire[..12], &[0x81, 0, 0, 100], &from_wire[12..]].concat());
    assert_eq!(cloud.node("a").switch.flows().count(), before);
}

#[test]
fn who_was_heard_on_the_wire_is_there_and_nobody_here_gets_its_frames() {
    let mut cloud = Cloud::new(CLOUD);
    assert_eq!(receivers(&cloud, "blue1"), to(&["blue2"], 1));
    let heard = frame(STRANGER, MacAddr::BROADCAST);
    let tagged = [&heard[..12], &[0x81, 0, 0, 100], &heard[12..]].concat();
    says(&mut cloud, 90, &tagged);
    assert_eq!(receivers(&cloud, "blue1"), to(&[], 1));
    // The wire is not told of what it said itself.
    let to_itself = Ethernet::new(mac("02:00:00:00:00:55"), STRANGER).frame(0x88b5, &[0; 46]);
    let to_itself = [&to_itself[..12], &[0x81, 0, 0, 100], &to_itself[12..]].concat();
    cloud.inject("a", Packet::of_frame(OfPort::new(90), &to_itself)).assert_nowhere();
    // It moves behind a port here, and back.
    says(&mut cloud, 12, &heard);
    assert_eq!(receivers(&cloud, "blue1"), to(&["blue2"], 0));
    says(&mut cloud, 90, &tagged);
    assert_eq!(receivers(&cloud, "blue1"), to(&[], 1));
}

#[test]
fn who_was_heard_from_another_node_is_there() {
    let mut cloud = Cloud::new(CLOUD);
    for (from, here, of_port, port_there, expected) in
        [("red1", "red2", 2, Some("red4"), to(&[], 1)), ("green1", "green2", 22, None, to(&[], 1))]
    {
        says(&mut cloud, of_port, &frame(STRANGER, MacAddr::BROADCAST));
        assert_eq!(receivers(&cloud, from), to(&[here], 0));
        for dst in [MacAddr::BROADCAST, guest(1), mac("02:00:00:00:00:77")] {
            let packet = out_of_tunnel(&cloud, port_there, &frame(STRANGER, dst));
            hears(cloud.node("a"), packet);
            assert_eq!(receivers(&cloud, from), expected, "{from}: {dst}");
            if expected.0.is_empty() {
                says(&mut cloud, of_port, &frame(STRANGER, MacAddr::BROADCAST));
                assert_eq!(receivers(&cloud, from), to(&[here], 0), "and back");
            }
        }
    }
}

/// A packet as it comes to the first node: as a guest of the other one sends it, or by VXLAN.
fn out_of_tunnel(cloud: &Cloud, sender: Option<&str>, frame: &[u8]) -> Packet {
    if let Some(sender) = sender {
        let walk = cloud.send(sender, frame);
        let there = walk.traces.iter().filter(|(node, _)| node == "a");
        let firsts: Vec<_> = there.map(|(_, trace)| trace.passes[0].first.clone()).collect();
        let [first] = firsts.as_slice() else { panic!("one packet, not {}", firsts.len()) };
        return Packet::of_key(first.clone());
    }
    let port = cloud.nodes["a"].tunnels[&model::TunnelType::Vxlan];
    let mut key = Packet::of_frame(OfPort::new(port), frame).key;
    key.tunnel.id = 77;
    key.tunnel.src = std::net::Ipv4Addr::new(192, 0, 2, 2).to_bits();
    Packet::of_key(key)
}

#[test]
fn no_port_has_more_addresses_remembered_than_is_said_and_each_for_as_long() {
    let mut cloud = Cloud::new(CLOUD);
    cloud.set("a", |settings| {
        settings.learning = engine::Learning { age_s: 7, addresses_max: 3, ..engine::Learning::default() }
    });
    let stranger = |number| MacAddr([2, 0, 0, 0, 1, number]);
    let learned = |cloud: &Cloud| {
        let switch = &cloud.nodes["a"].switch;
        let flows = switch.flows().filter(|flow| flow.table == pipeline::tables::LEARNED.id);
        flows.map(|flow| (flow.idle_s, flow.hard_s)).collect::<Vec<_>>()
    };
    for number in 0..9 {
        says(&mut cloud, 2, &frame(stranger(number), MacAddr::BROADCAST));
    }
    assert_eq!(learned(&cloud), [(0, 7); 3]);
    says(&mut cloud, 12, &frame(stranger(0), MacAddr::BROADCAST));
    assert_eq!(learned(&cloud).len(), 4, "others have places of their own");
}

/// A node without ports that may have other addresses, and two that have some; Geneve says from which port a frame is, the others do not.
const THREE: &str = "
    node a 192.0.2.1 geneve vxlan gre
    node b 192.0.2.2 geneve vxlan gre
    node c 192.0.2.3 geneve vxlan gre
    network red 1 geneve
    network green 3 vxlan segment=77
    network grey 4 gre segment=78
    port red1 11 red on=a:1 mac=02:00:00:00:00:01 ip=10.0.0.1
    port red2 12 red on=b:2 mac=02:00:00:00:00:02 ip=10.0.0.2 unsecured
    port red3 13 red on=c:3 mac=02:00:00:00:00:03 ip=10.0.0.3 unsecured
    port green1 31 green on=a:21 mac=02:00:00:00:00:01 ip=10.0.0.1
    port green2 32 green on=b:22 mac=02:00:00:00:00:02 ip=10.0.0.2 unsecured
    port green3 33 green on=c:23 mac=02:00:00:00:00:03 ip=10.0.0.3 unsecured
    port grey1 41 grey on=a:31 mac=02:00:00:00:00:01 ip=10.0.0.1
    port grey2 42 grey on=b:32 mac=02:00:00:00:00:02 ip=10.0.0.2 unsecured
    port grey3 43 grey on=c:33 mac=02:00:00:00:00:03 ip=10.0.0.3 unsecured
";

/// Sends a frame, and lets the switches on its way remember what they hear.
fn all_hear(cloud: &mut Cloud, from: &str, frame: &[u8]) {
    let walk = cloud.send(from, frame);
    let firsts: Vec<(String, ofsim::Key)> =
        walk.traces.iter().map(|(node, trace)| (node.clone(), trace.passes[0].first.clone())).collect();
    for (node, first) in firsts {
        hears(cloud.node(&node), Packet::of_key(first));
    }
}

#[test]
fn a_node_that_has_no_such_ports_remembers_where_on_others_an_address_is() {
    for (network, key) in [("red", 1), ("green", 3), ("grey", 4)] {
        let mut cloud = Cloud::new(THREE);
        let asker = format!("{network}1");
        let request = crate::support::ping((guest(1), "10.0.0.1"), (STRANGER, "10.0.0.9"));
        let reached = |cloud: &Cloud| {
            let walk = cloud.send(&asker, &request);
            let names = walk.receivers().into_iter().map(str::to_owned).collect::<Vec<_>>();
            (names, walk.hops.len())
        };
        let both = vec![format!("{network}2"), format!("{network}3")];
        assert_eq!(reached(&cloud), (both, 2), "nobody knows");
        for number in [2, 3, 2] {
            let there = format!("{network}{number}");
            for dst in [guest(1), MacAddr::BROADCAST] {
                all_hear(&mut cloud, &there, &frame(STRANGER, dst));
                assert_eq!(reached(&cloud), (vec![there.clone()], 1), "{there}: {dst}");
            }
        }
        // Where nobody may have other addresses nothing is remembered.
        for (number, node) in [(2, "b"), (3, "c")] {
            let port = format!("port {network}{number} {key}{number} {network} on={node}:{key}{number}");
            cloud.put(&format!("{port} mac=02:00:00:00:00:0{number} ip=10.0.0.{number}"));
        }
        assert_eq!(reached(&cloud), (vec![], 0));
    }
}

#[test]
fn ends_of_tunnels_are_remembered_on_an_underlay_of_ipv6_too() {
    let text = THREE.replace("192.0.2.", "2001:db8::");
    let mut cloud = Cloud::new(&text);
    all_hear(&mut cloud, "green3", &frame(STRANGER, guest(1)));
    let request = crate::support::ping((guest(1), "10.0.0.1"), (STRANGER, "10.0.0.9"));
    assert_eq!(cloud.send("green1", &request).receivers(), ["green3"]);
}
