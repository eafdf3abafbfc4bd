//! Networks in physical networks: what is on the wire, who gets it, and that networks on one wire never meet.

use model::Table;
use net_types::{MacAddr, OfPort};
use ofsim::Packet;
use openflow::Field;
use packet::headers::{Headers, VlanLimit};

use crate::support::{Cloud, Walk, arp_request, mac, ping, udp};

/// Three nodes in one physical network, one of which is in another one too; two VLANs, a flat network, and the same VLAN elsewhere.
pub(crate) const WIRED: &str = "
    node a 192.0.2.1 geneve
    node b 192.0.2.2 geneve
    node c 192.0.2.3
    wire a public 90
    wire b public 91
    wire c public 92
    wire a other 93
    network red 1 vlan segment=100 in=public
    network blue 2 vlan segment=101 in=public
    network flat 3 flat in=public
    network else 4 vlan segment=100 in=other
    port red1 11 red on=a:1 mac=02:00:00:00:00:01 ip=10.0.0.1
    port red2 12 red on=a:2 mac=02:00:00:00:00:02 ip=10.0.0.2
    port red3 13 red on=b:3 mac=02:00:00:00:00:03 ip=10.0.0.3
    port red4 14 red on=c:4 mac=02:00:00:00:00:04 ip=10.0.0.4
    port blue1 21 blue on=a:11 mac=02:00:00:00:00:01 ip=10.0.0.1
    port blue3 23 blue on=b:13 mac=02:00:00:00:00:03 ip=10.0.0.3
    port flat1 31 flat on=a:21 mac=02:00:00:00:00:01 ip=10.0.0.1
    port flat3 33 flat on=b:23 mac=02:00:00:00:00:03 ip=10.0.0.3
    port else1 41 else on=a:31 mac=02:00:00:00:00:01 ip=10.0.0.1
";

/// Somebody in the physical network whom the store knows nothing of.
const HOST: (MacAddr, &str) = (MacAddr([2, 0, 0, 0, 0, 0x50]), "10.0.0.80");

fn guest(number: u8) -> (MacAddr, String) {
    (MacAddr([2, 0, 0, 0, 0, number]), format!("10.0.0.{number}"))
}

fn to_host(from: u8) -> Vec<u8> {
    let (src, ip) = guest(from);
    ping((src, &ip), HOST)
}

fn to_all(src: (MacAddr, &str)) -> Vec<u8> {
    udp((src.0, src.1, 1000), (MacAddr::BROADCAST, "10.0.0.255", 1000))
}

/// The frame with tags around it, the outermost first.
fn tagged(frame: &[u8], vlans: &[(u16, u16)]) -> Vec<u8> {
    let tags = vlans.iter().flat_map(|(kind, vlan)| [kind.to_be_bytes(), vlan.to_be_bytes()].concat());
    let tags: Vec<u8> = tags.collect();
    [&frame[..12], &tags, &frame[12..]].concat()
}

/// A frame comes in from a physical network.
fn from_wire(cloud: &Cloud, node: &str, network: &str, frame: &[u8]) -> Walk {
    let port = cloud.nodes[node].providers[network].of_port.expect("a wire");
    cloud.inject(node, Packet::of_frame(OfPort::new(port), frame))
}

/// Where a frame was on wires, and with which tags.
fn tags(walk: &Walk) -> Vec<(String, String, Vec<u16>)> {
    let tags = |key: &ofsim::Key| {
        key.vlans.iter().take(key.vlan_count()).map(|tag| tag.tci & 0x0fff).collect::<Vec<u16>>()
    };
    walk.on_wire.iter().map(|sent| (sent.from.clone(), sent.network.clone(), tags(&sent.key))).collect()
}

fn on_wire(node: &str, network: &str, vlans: &[u16]) -> (String, String, Vec<u16>) {
    (node.to_owned(), network.to_owned(), vlans.to_vec())
}

#[test]
fn a_frame_for_somebody_on_the_wire_has_the_tag_of_its_network_and_one_of_a_flat_network_has_none() {
    let cloud = Cloud::new(WIRED);
    for (port, network, vlans) in [
        ("red1", "public", &[100][..]),
        ("blue1", "public", &[101]),
        ("flat1", "public", &[]),
        ("else1", "other", &[100]),
    ] {
        let walk = cloud.send(port, &to_host(1));
        assert_eq!(tags(&walk), [on_wire("a", network, vlans)], "{port}");
        assert!(walk.deliveries.is_empty() && walk.hops.is_empty(), "nobody here, no tunnel");
    }
}

#[test]
fn a_frame_from_the_wire_reaches_the_guest_of_its_network_without_the_tag() {
    let cloud = Cloud::new(WIRED);
    let frame = ping(HOST, (mac("02:00:00:00:00:01"), "10.0.0.1"));
    for (network, vlans, port) in [
        ("public", &[(0x8100, 100)][..], "red1"),
        ("public", &[(0x8100, 101)], "blue1"),
        ("public", &[], "flat1"),
        ("other", &[(0x8100, 100)], "else1"),
    ] {
        let walk = from_wire(&cloud, "a", network, &tagged(&frame, vlans));
        assert_eq!(walk.receivers(), [port]);
        let [delivery] = walk.deliveries.as_slice() else { panic!("one delivery") };
        assert_eq!(
            (delivery.key.vlan_count(), delivery.key.get(Field::EthSrc)),
            (0, Packet::of_frame(OfPort::new(1), &frame).key.get(Field::EthSrc))
        );
        assert!(walk.on_wire.is_empty() && walk.hops.is_empty(), "and nobody else");
    }
    // A VLAN that no network has, one that has no ports here, and no tag where there is no flat network.
    for (node, network, vlans) in [
        ("a", "public", &[(0x8100, 102)][..]),
        ("c", "public", &[(0x8100, 101)]),
        ("a", "other", &[]),
        ("a", "public", &[(0x8100, 0)]),
    ] {
        from_wire(&cloud, node, network, &tagged(&frame, vlans)).assert_nowhere();
    }
}

#[test]
fn guests_on_different_nodes_meet_on_the_wire_and_no_flow_knows_those_elsewhere() {
    let mut cloud = Cloud::new(WIRED);
    let walk = cloud.send("red1", &ping((guest(1).0, "10.0.0.1"), (guest(3).0, "10.0.0.3")));
    assert_eq!((walk.receivers(), tags(&walk)), (vec!["red3"], vec![on_wire("a", "public", &[100])]));
    // Where they are is nobody's business.
    let flows = |cloud: &Cloud| cloud.nodes["a"].engine.flow_count();
    cloud.put("subnet s red 10.0.0.0/24");
    let before = flows(&cloud);
    cloud.put("port red5 15 red on=b:5 mac=02:00:00:00:00:05");
    assert_eq!(flows(&cloud), before);
    let walk = cloud.send("red1", &ping((guest(1).0, "10.0.0.1"), (guest(5).0, "10.0.0.5")));
    assert_eq!(walk.receivers(), ["red5"]);
    // And the asked-for address is answered as in other networks.
    let walk = cloud.send("red1", &arp_request((guest(1).0, "10.0.0.1"), "10.0.0.3"));
    assert_eq!((walk.receivers(), walk.on_wire.len()), (vec!["red1"], 0));
}

#[test]
fn what_is_for_many_goes_to_the_wire_once_and_never_comes_back() {
    let cloud = Cloud::new(WIRED);
    let walk = cloud.send("red1", &to_all((guest(1).0, "10.0.0.1")));
    assert_eq!(tags(&walk), [on_wire("a", "public", &[100])], "one copy, by the sender's node only");
    assert_eq!(walk.receivers(), ["red2", "red3", "red4"]);
    let walk = from_wire(&cloud, "a", "public", &tagged(&to_all(HOST), &[(0x8100, 100)]));
    assert_eq!(walk.receivers(), ["red1", "red2"]);
    assert!(walk.on_wire.is_empty() && walk.hops.is_empty());
}

#[test]
fn a_frame_from_the_wire_for_nobody_here_is_dropped_and_not_sent_back() {
    let cloud = Cloud::new(WIRED);
    let frame = ping(HOST, (mac("02:00:00:00:00:99"), "10.0.0.99"));
    from_wire(&cloud, "a", "public", &tagged(&frame, &[(0x8100, 100)])).assert_nowhere();
}

#[test]
fn what_the_wire_says_in_the_name_of_a_guest_here_is_dropped_until_the_guest_is_elsewhere() {
    let mut cloud = Cloud::new(WIRED);
    let reflected = tagged(&to_all((guest(1).0, "10.0.0.1")), &[(0x8100, 100)]);
    from_wire(&cloud, "a", "public", &reflected).assert_nowhere();
    assert_eq!(from_wire(&cloud, "b", "public", &reflected).receivers(), ["red3"]);
    // It moves to the other node: who is still here hears it from the wire.
    cloud.unplug("a", "red1");
    cloud.put("port red1 11 red on=b:1 mac=02:00:00:00:00:01 ip=10.0.0.1");
    assert_eq!(from_wire(&cloud, "a", "public", &reflected).receivers(), ["red2"]);
}

#[test]
fn who_may_have_other_addresses_shares_what_is_for_nobody_with_the_wire() {
    let mut cloud = Cloud::new(WIRED);
    cloud.put("port red2 12 red on=a:2 mac=02:00:00:00:00:02 ip=10.0.0.2 unsecured");
    let walk = cloud.send("red1", &to_host(1));
    assert_eq!((walk.receivers(), tags(&walk)), (vec!["red2"], vec![on_wire("a", "public", &[100])]));
    let frame = tagged(&ping(HOST, (mac("02:00:00:00:00:99"), "10.0.0.99")), &[(0x8100, 100)]);
    let walk = from_wire(&cloud, "a", "public", &frame);
    assert_eq!((walk.receivers(), walk.on_wire.len()), (vec!["red2"], 0));
}

#[test]
fn tags_inside_are_carried_where_the_network_says_so_and_dropped_elsewhere() {
    let plain = ping(HOST, (mac("02:00:00:00:00:01"), "10.0.0.1"));
    let inside = |vlans: &[(u16, u16)]| tagged(&plain, vlans);
    let mut cloud = Cloud::new(WIRED);
    for kind in [0x8100, 0x88a8] {
        from_wire(&cloud, "a", "public", &inside(&[(0x8100, 100), (kind, 7)])).assert_nowhere();
        // A switch that looks at two tags.
        let headers = Headers::parse_with_vlan_limit(&inside(&[(0x8100, 100), (kind, 7)]), VlanLimit::Two);
        cloud.inject("a", Packet::of_key(ofsim::Key::of_headers(OfPort::new(90), &headers))).assert_nowhere();
        from_wire(&cloud, "a", "public", &inside(&[(kind, 7)])).assert_nowhere();
    }
    cloud.send("red1", &tagged(&to_host(1), &[(0x8100, 7)])).assert_nowhere();
    cloud.send("flat1", &tagged(&to_host(1), &[(0x8100, 7)])).assert_nowhere();

    cloud.put("network red 1 vlan segment=100 in=public tags\nnetwork flat 3 flat in=public tags");
    let walk = cloud.send("red1", &tagged(&to_host(1), &[(0x8100, 7)]));
    assert_eq!(tags(&walk), [on_wire("a", "public", &[100, 7])]);
    let walk = cloud.send("flat1", &tagged(&to_host(1), &[(0x8100, 7)]));
    assert_eq!(tags(&walk), [on_wire("a", "public", &[7])]);
    let walk = from_wire(&cloud, "a", "public", &inside(&[(0x8100, 100), (0x8100, 7)]));
    assert_eq!(
        (walk.receivers(), walk.deliveries[0].key.eth_type),
        (vec!["red1"], 0x8100),
        "the tag is still there"
    );
    // What another network has is that network's, with and without something inside.
    let walk = from_wire(&cloud, "a", "public", &inside(&[(0x8100, 101)]));
    assert_eq!(walk.receivers(), ["blue1"]);
    assert_eq!(from_wire(&cloud, "a", "public", &inside(&[(0x8100, 7)])).receivers(), ["flat1"]);
    from_wire(&cloud, "a", "public", &inside(&[(0x8100, 101), (0x8100, 7)])).assert_nowhere();
    // Nobody here answers for who is behind a tag.
    let request = tagged(&arp_request((guest(1).0, "10.0.0.1"), "10.0.0.3"), &[(0x8100, 7)]);
    let walk = cloud.send("red1", &request);
    assert_eq!(
        (walk.receivers(), tags(&walk)),
        (vec!["red2", "red3", "red4"], vec![on_wire("a", "public", &[100, 7])])
    );
}

#[test]
fn tags_inside_travel_in_tunnels_where_the_network_says_so() {
    let text = "
        node a 192.0.2.1 geneve
        node b 192.0.2.2 geneve
        network red 1 geneve tags
        subnet s red 10.0.0.0/24 dhcp
        port dhcp 12 red mac=02:00:00:00:00:02 ip=10.0.0.2 subnet=s owner=network:dhcp
        port red1 11 red on=a:1 mac=02:00:00:00:00:01 ip=10.0.0.1 subnet=s
        port red3 13 red on=b:3 mac=02:00:00:00:00:03 ip=10.0.0.3 subnet=s";
    let mut cloud = Cloud::new(text);
    let frame = tagged(&ping((guest(1).0, "10.0.0.1"), (guest(3).0, "10.0.0.3")), &[(0x8100, 7)]);
    let walk = cloud.send("red1", &frame);
    assert_eq!(walk.receivers(), ["red3"]);
    assert_eq!(walk.deliveries[0].key.vlans[0].tci & 0x0fff, 7);
    // Addresses are checked inside the tag as well, and a DHCP request in there is not for our server.
    cloud
        .send("red1", &tagged(&ping((guest(1).0, "10.0.0.9"), (guest(3).0, "10.0.0.3")), &[(0x8100, 7)]))
        .assert_nowhere();
    let discover = crate::support::dhcp_discover(guest(1).0);
    let walk = cloud.send("red1", &tagged(&discover, &[(0x8100, 7)]));
    assert_eq!((walk.receivers(), walk.to_controller.len()), (vec!["red3"], 0));
    assert_eq!(cloud.send("red1", &discover).to_controller.len(), 1);
    cloud.delete(Table::NetworkExtra, "red");
    cloud.send("red1", &frame).assert_nowhere();
}

#[test]
fn a_bridge_that_is_missing_is_named_by_the_networks_that_need_it_and_by_no_other() {
    let mut cloud = Cloud::new(WIRED);
    assert_eq!(cloud.problems("a"), [] as [&str; 0]);
    cloud.put("wire a other");
    let problems = cloud.problems("a");
    let [problem] = problems.as_slice() else { panic!("{problems:?}") };
    assert!(
        problem.contains("\"other\"") && problem.contains("\"br-other\"") && problem.contains("create"),
        "{problem}"
    );
    cloud.send("else1", &to_host(1)).assert_nowhere();
    assert_eq!(tags(&cloud.send("red1", &to_host(1))), [on_wire("a", "public", &[100])]);
    cloud.put("wire a other 94");
    assert_eq!(cloud.problems("a"), [] as [&str; 0]);
    assert_eq!(tags(&cloud.send("else1", &to_host(1))), [on_wire("a", "other", &[100])]);

    for (network, says) in [
        ("network else 4 vlan segment=100 in=nowhere", "bridge_mappings"),
        ("network else 4 vlan segment=100", "physical network"),
        ("network else 4 vlan segment=4095 in=other", "no VLAN"),
        ("network else 4 vlan in=other", "no segmentation id"),
    ] {
        cloud.put(network);
        let problems = cloud.problems("a");
        assert!(problems.len() == 1 && problems[0].contains(says), "{network}: {problems:?}");
        assert!(cloud.nodes["a"].ready.contains(&crate::support::row_id("else1")), "guests here still talk");
    }
}
