//! Where packets go that are allowed to go anywhere.

use model::{Table, TunnelType};
use net_types::{MacAddr, OfPort};
use ofsim::Packet;
use packet::build::Ethernet;
use packet::headers::VlanTag;

use crate::support::{Cloud, arp_request, mac, ping, udp};

/// Two networks with equal addresses, on three nodes.
pub(crate) const THREE_NODES: &str = "
    node a 192.0.2.1 geneve
    node b 192.0.2.2 geneve
    node c 192.0.2.3 geneve
    network red 1 geneve
    network blue 2 geneve
    port red1 11 red on=a:1 mac=02:00:00:00:00:01 ip=10.0.0.1
    port red2 12 red on=a:2 mac=02:00:00:00:00:02 ip=10.0.0.2
    port red3 13 red on=b:3 mac=02:00:00:00:00:03 ip=10.0.0.3
    port red4 14 red on=c:4 mac=02:00:00:00:00:04 ip=10.0.0.4
    port red5 15 red on=c:5 mac=02:00:00:00:00:05 ip=10.0.0.5
    port blue1 21 blue on=a:11 mac=02:00:00:00:00:01 ip=10.0.0.1
    port blue3 23 blue on=b:13 mac=02:00:00:00:00:03 ip=10.0.0.3
";

/// The `number`th guest of any network above.
fn guest(number: u8) -> (MacAddr, String) {
    (MacAddr([2, 0, 0, 0, 0, number]), format!("10.0.0.{number}"))
}

fn ping_between(from: u8, to: u8) -> Vec<u8> {
    let ((src, src_ip), (dst, dst_ip)) = (guest(from), guest(to));
    ping((src, &src_ip), (dst, &dst_ip))
}

fn to_all(from: u8) -> Vec<u8> {
    let (src, ip) = guest(from);
    udp((src, &ip, 1000), (MacAddr::BROADCAST, "10.0.0.255", 1000))
}

#[test]
fn a_packet_passes_six_tables_to_a_guest_of_the_same_node() {
    let cloud = Cloud::new(THREE_NODES);
    let frame = ping_between(1, 2);
    let walk = cloud.send("red1", &frame);
    assert_eq!(walk.receivers(), ["red2"]);
    assert_eq!(walk.tables("a").len(), 6);
    let sent = Packet::of_frame(OfPort::new(1), &frame).key;
    assert_eq!((walk.deliveries[0].key.eth_dst, &walk.deliveries[0].key.net), (sent.eth_dst, &sent.net));
}

#[test]
fn a_packet_for_another_node_says_network_and_ports_on_the_wire_and_passes_three_tables_there() {
    let cloud = Cloud::new(THREE_NODES);
    let walk = cloud.send("red1", &ping_between(1, 3));
    assert_eq!(walk.receivers(), ["red3"]);
    assert_eq!((walk.tables("a").len(), walk.tables("b").len()), (5, 3));
    let [hop] = walk.hops.as_slice() else { panic!("one hop") };
    assert_eq!(
        (hop.from.as_str(), &hop.kind, hop.dst.to_string().as_str()),
        ("a", &TunnelType::Geneve, "192.0.2.2")
    );
    assert_eq!(hop.key.tunnel.id, 1);
    // | 0 | ingress 15 | egress 16 |
    assert_eq!(hop.key.tunnel.metadata[0], Some(11 << 16 | 13));
    assert_eq!(hop.key.tunnel.metadata.iter().flatten().count(), 1);
}

#[test]
fn networks_with_equal_addresses_do_not_meet() {
    let cloud = Cloud::new(THREE_NODES);
    assert_eq!(cloud.send("blue1", &ping_between(1, 3)).receivers(), ["blue3"]);
    assert_eq!(cloud.send("red1", &ping_between(1, 3)).receivers(), ["red3"]);
    // There is no guest with this address in blue.
    cloud.send("blue1", &ping_between(1, 2)).assert_nowhere();
    assert_eq!(cloud.send("blue1", &to_all(1)).receivers(), ["blue3"]);
}

#[test]
fn a_broadcast_reaches_everybody_else_once() {
    let cloud = Cloud::new(THREE_NODES);
    for (sender, number) in [("red1", 1), ("red3", 3), ("red4", 4)] {
        let walk = cloud.send(sender, &to_all(number));
        let mut all = vec!["red1", "red2", "red3", "red4", "red5"];
        all.retain(|port| *port != sender);
        assert_eq!(walk.receivers(), all);
        assert_eq!(walk.hops.len(), 2, "one copy for each other node");
        assert!(
            walk.hops
                .iter()
                .all(|hop| hop.key.tunnel.metadata[0].map(|option| option & 0xffff) == Some(0x8000))
        );
    }
    let multicast =
        udp((mac("02:00:00:00:00:01"), "10.0.0.1", 9), (mac("01:00:5e:00:00:09"), "224.0.0.9", 9));
    assert_eq!(cloud.send("red1", &multicast).receivers(), ["red2", "red3", "red4", "red5"]);
}

#[test]
fn addresses_that_no_port_has_are_for_guests_that_may_have_others() {
    let mut cloud = Cloud::new(THREE_NODES);
    let unknown = ping((mac("02:00:00:00:00:01"), "10.0.0.1"), (mac("02:00:00:00:00:99"), "10.0.0.99"));
    cloud.send("red1", &unknown).assert_nowhere();
    cloud.put("port red2 12 red on=a:2 mac=02:00:00:00:00:02 ip=10.0.0.2 unsecured");
    assert_eq!(cloud.send("red1", &unknown).receivers(), ["red2"]);
    cloud.put("port red5 15 red on=c:5 mac=02:00:00:00:00:05 ip=10.0.0.5 unsecured");
    let walk = cloud.send("red1", &unknown);
    assert_eq!(walk.receivers(), ["red2", "red5"]);
    assert_eq!(walk.hops.len(), 1, "the node without such guests is not asked");
    assert_eq!(walk.hops[0].key.tunnel.metadata[0], Some(11 << 16), "for whom is found out there");
    cloud.put("port red2 12 red on=a:2 mac=02:00:00:00:00:02 ip=10.0.0.2");
    assert_eq!(cloud.send("red1", &unknown).receivers(), ["red5"]);
    // And for guests that may have it by an allowed address pair.
    cloud.put("port red3 13 red on=b:3 mac=02:00:00:00:00:03 ip=10.0.0.3 pair=10.0.0.99/02:00:00:00:00:99");
    assert_eq!(cloud.send("red1", &unknown).receivers(), ["red3", "red5"]);
    cloud.put("port red3 13 red on=b:3 mac=02:00:00:00:00:03 ip=10.0.0.3 pair=10.0.0.99/02:00:00:00:00:03");
    assert_eq!(cloud.send("red1", &unknown).receivers(), ["red5"]);
    // Not back to the sender, and not for other networks.
    let from_open = ping((mac("02:00:00:00:00:77"), "10.0.0.77"), (mac("02:00:00:00:00:99"), "10.0.0.99"));
    cloud.send("red5", &from_open).assert_nowhere();
    let in_blue = ping((mac("02:00:00:00:00:01"), "10.0.0.1"), (mac("02:00:00:00:00:99"), "10.0.0.99"));
    cloud.send("blue1", &in_blue).assert_nowhere();
}

#[test]
fn what_is_for_a_port_that_cannot_get_it_is_dropped_and_not_flooded() {
    let mut cloud = Cloud::new(THREE_NODES);
    // Somebody who would get it if it were flooded.
    cloud.put("port red5 15 red on=c:5 mac=02:00:00:00:00:05 ip=10.0.0.5 unsecured");
    let copies = |cloud: &mut Cloud| -> usize {
        let group = pipeline::groups::local_flood(1);
        cloud.node("a").switch.group(group).expect("the flood of red").buckets.len()
    };
    assert_eq!(copies(&mut cloud), 2);
    cloud.unplug("a", "red2");
    cloud.send("red1", &ping_between(1, 2)).assert_nowhere();
    assert_eq!(copies(&mut cloud), 1, "no copy is made for nobody");
    cloud.put("port red2 12 red mac=02:00:00:00:00:02 ip=10.0.0.2");
    cloud.send("red1", &ping_between(1, 2)).assert_nowhere();
    for (disabled, node) in [("port red2 12 red on=a:2", "a"), ("port red3 13 red on=b:3", "b")] {
        let number = if node == "a" { 2 } else { 3 };
        let (mac, ip) = guest(number);
        cloud.put(&format!("{disabled} mac={mac} ip={ip} disabled"));
        cloud.send("red1", &ping_between(1, number)).assert_nowhere();
        assert_eq!(copies(&mut cloud), 1);
        let port = format!("red{number}");
        cloud.send(&port, &ping_between(number, 1)).assert_nowhere();
        assert!(!cloud.send("red1", &to_all(1)).receivers().contains(&port.as_str()));
        assert!(!cloud.node(node).ready.iter().any(|id| id.to_string() == port));
    }
}

#[test]
fn a_port_follows_its_binding_and_its_interface() {
    let mut cloud = Cloud::new(THREE_NODES);
    // It moves from b to c; first the binding, then the plug.
    cloud.put("port red3 13 red on=c mac=02:00:00:00:00:03 ip=10.0.0.3");
    assert!(cloud.send("red1", &ping_between(1, 3)).receivers().is_empty());
    cloud.unplug("b", "red3");
    cloud.plug("c", "red3", 33);
    let walk = cloud.send("red1", &ping_between(1, 3));
    assert_eq!((walk.receivers(), walk.deliveries[0].node.as_str()), (vec!["red3"], "c"));
    assert_eq!(cloud.send("red3", &ping_between(3, 1)).receivers(), ["red1"]);
    // Other addresses.
    cloud.put("port red3 13 red on=c:33 mac=02:00:00:00:00:33 ip=10.0.0.33");
    cloud.send("red1", &ping_between(1, 3)).assert_nowhere();
    assert_eq!(cloud.send("red1", &ping_between(1, 0x33)).receivers(), ["red3"]);
    // Deleted: nobody mentions it any more.
    assert_eq!(
        mentions(&cloud),
        [[true, true], [false, false], [true, true]],
        "b has no port of red any more"
    );
    cloud.delete(Table::LogicalPort, "red3");
    assert_eq!(mentions(&cloud), [[false, false]; 3]);
}

/// Whether the flows of each node mention the MAC address, and the key, that red3 has after its move.
fn mentions(cloud: &Cloud) -> Vec<[bool; 2]> {
    let texts = cloud.nodes.values().map(|node| {
        let flows = node.switch.flows().map(|flow| format!("{flow}\n"));
        flows.chain(node.switch.groups().map(|group| format!("{group}\n"))).collect::<String>()
    });
    texts.map(|text| [text.contains("02:00:00:00:00:33"), text.contains("0xd->")]).collect()
}

#[test]
fn a_port_with_several_addresses_is_reached_by_all_of_them() {
    let mut cloud = Cloud::new(THREE_NODES);
    cloud.put("port red3 13 red on=b:3 mac=02:00:00:00:00:03,02:00:00:00:00:33 ip=10.0.0.3");
    assert_eq!(cloud.send("red1", &ping_between(1, 0x33)).receivers(), ["red3"]);
    assert_eq!(cloud.send("red1", &ping_between(1, 3)).receivers(), ["red3"]);
}

#[test]
fn an_address_of_a_group_is_no_address_of_a_port() {
    let mut cloud = Cloud::new(THREE_NODES);
    for address in ["ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:01", "00:00:00:00:00:00"] {
        cloud.put(&format!("port red3 13 red on=b:3 mac={address},02:00:00:00:00:03 ip=10.0.0.3"));
        assert_eq!(cloud.send("red1", &to_all(1)).receivers(), ["red2", "red3", "red4", "red5"]);
        let problem = format!("{address} cannot be the address of a port");
        assert!(cloud.problems("a").iter().any(|found| found.starts_with(&problem)), "{address}");
        let from_it = ping((mac(address), "10.0.0.3"), (guest(1).0, "10.0.0.1"));
        cloud.send("red3", &from_it).assert_nowhere();
        assert_eq!(cloud.send("red3", &ping_between(3, 1)).receivers(), ["red1"]);
        let asked = arp_request((guest(1).0, "10.0.0.1"), "10.0.0.3");
        assert_eq!(cloud.send("red1", &asked).deliveries[0].key.net.sha, guest(3).0.to_u64());
    }
}

#[test]
fn of_two_ports_with_one_address_the_same_one_gets_it_everywhere() {
    let mut cloud = Cloud::new(THREE_NODES);
    cloud.put("port red0 99 red on=c:99 mac=02:00:00:00:00:03 ip=10.0.0.30");
    for sender in ["red1", "red2"] {
        let number = if sender == "red1" { 1 } else { 2 };
        assert_eq!(cloud.send(sender, &ping_between(number, 3)).receivers(), ["red0"]);
    }
    assert_eq!(cloud.send("red4", &ping_between(4, 3)).receivers(), ["red0"]);
    for node in ["a", "b", "c"] {
        assert!(
            cloud.problems(node).iter().any(|problem| problem.contains("dl_dst=02:00:00:00:00:03")),
            "{node}"
        );
    }
    cloud.delete(Table::LogicalPort, "red0");
    assert_eq!(cloud.send("red1", &ping_between(1, 3)).receivers(), ["red3"]);
    assert!(cloud.problems("a").is_empty());
}

#[test]
fn a_guest_that_tags_its_frames_is_not_heard() {
    let cloud = Cloud::new(THREE_NODES);
    let honest = ping_between(1, 2);
    assert_eq!(cloud.send("red1", &honest).receivers(), ["red2"]);
    let (addresses, rest) = honest.split_at(12);
    for tag in [VlanTag::customer(7, 0), VlanTag::customer(0, 3)] {
        let tagged = Ethernet::new(guest(1).0, guest(2).0).tagged(tag).frame(0x0800, &rest[2..]);
        assert_eq!(&tagged[..12], addresses);
        cloud.send("red1", &tagged).assert_nowhere();
    }
}

#[test]
fn a_node_without_ports_of_a_network_knows_nothing_of_it() {
    let mut cloud = Cloud::new(THREE_NODES);
    assert!(cloud.node("c").switch.flows().all(|flow| !flow.to_string().contains("metadata=0x2/")));
    cloud.put("port blue5 25 blue on=c:25 mac=02:00:00:00:00:05 ip=10.0.0.5");
    assert_eq!(cloud.send("blue5", &ping_between(5, 3)).receivers(), ["blue3"]);
    assert_eq!(cloud.send("blue5", &to_all(5)).receivers(), ["blue1", "blue3"]);
    assert_eq!(cloud.send("blue1", &to_all(1)).receivers(), ["blue3", "blue5"]);
    cloud.delete(Table::LogicalPort, "blue5");
    cloud.unplug("c", "blue5");
    assert!(cloud.node("c").switch.flows().all(|flow| !flow.to_string().contains("metadata=0x2/")));
    assert_eq!(cloud.send("blue1", &to_all(1)).hops.len(), 1);
}

#[test]
fn a_node_serves_more_networks_than_there_are_vlans() {
    use std::fmt::Write;
    let mut text = String::from("node a 192.0.2.1 geneve\n");
    let (first, second) = (mac("02:00:00:00:00:01"), mac("02:00:00:00:00:02"));
    for number in 1..=4_200 {
        write!(
            text,
            "network n{number} {number} geneve
             port p{number} {} n{number} on=a:{} mac={first} ip=10.0.0.1
             port q{number} {} n{number} on=a:{} mac={second} ip=10.0.0.2\n",
            2 * number,
            2 * number,
            2 * number + 1,
            2 * number + 1,
        )
        .expect("memory");
    }
    let cloud = Cloud::with_nodes(&text, &["a"]);
    let frame = ping((first, "10.0.0.1"), (second, "10.0.0.2"));
    for number in [1, 4_094, 4_095, 4_200] {
        assert_eq!(cloud.send(&format!("p{number}"), &frame).receivers(), [format!("q{number}")]);
    }
}
