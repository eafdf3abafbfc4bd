//! What goes over the wire between nodes, and what comes from there.

use model::TunnelType;
use net_types::{MacAddr, OfPort};
use ofsim::Packet;

use crate::packets::THREE_NODES;
use crate::support::{Cloud, mac, ping, udp};

const ONE: &str = "02:00:00:00:00:01";
const THREE: &str = "02:00:00:00:00:03";

fn one_to_three() -> Vec<u8> {
    ping((mac(ONE), "10.0.0.1"), (mac(THREE), "10.0.0.3"))
}

fn to_all() -> Vec<u8> {
    udp((mac(ONE), "10.0.0.1", 9), (MacAddr::BROADCAST, "10.0.0.255", 9))
}

/// A packet out of a tunnel, at node b.
fn at_b(cloud: &Cloud, kind: TunnelType, id: u64, option: Option<u32>, frame: &[u8]) -> Packet {
    let mut key = Packet::of_frame(OfPort::new(cloud.nodes["b"].tunnels[&kind]), frame).key;
    key.tunnel.id = id;
    key.tunnel.dst = 0xc000_0202;
    key.tunnel.metadata[0] = option;
    Packet::of_key(key)
}

#[test]
fn a_packet_without_the_option_is_delivered_by_its_address() {
    let cloud = Cloud::new(THREE_NODES);
    let walk = cloud.inject("b", at_b(&cloud, TunnelType::Geneve, 1, None, &one_to_three()));
    assert_eq!((walk.receivers(), walk.hops.len()), (vec!["red3"], 0));
    let walk = cloud.inject("b", at_b(&cloud, TunnelType::Geneve, 1, None, &to_all()));
    assert_eq!((walk.receivers(), walk.hops.len()), (vec!["red3"], 0));
}

#[test]
fn the_option_decides_where_it_says_a_port() {
    let cloud = Cloud::new(THREE_NODES);
    let arrives = |network, option| {
        let walk =
            cloud.inject("b", at_b(&cloud, TunnelType::Geneve, network, Some(option), &one_to_three()));
        assert!(walk.hops.is_empty());
        walk.receivers().join(",")
    };
    assert_eq!(arrives(1, 11 << 16 | 13), "red3");
    assert_eq!(arrives(2, 21 << 16 | 23), "blue3");
    assert_eq!(arrives(1, 11 << 16), "red3", "by its address");
    assert_eq!(arrives(1, 11 << 16 | 0x8001), "red3", "a group that is not known here, by its address");
    assert_eq!(arrives(1, 11 << 16 | 0x8000 | 13), "red3", "no group has the bits of a port");
    assert_eq!(arrives(1, 11 << 16 | 23), "", "a port of another network");
    assert_eq!(arrives(2, 11 << 16 | 13), "", "a port of another network");
    assert_eq!(arrives(1, 11 << 16 | 12), "", "a port of another node");
    assert_eq!(arrives(3, 11 << 16 | 13), "", "no such network");
    assert_eq!(arrives(1 << 24 | 1, 11 << 16 | 13), "red3", "there are 24 bits of it on the wire");
    assert_eq!(arrives(1, 1 << 31 | 11 << 16 | 13), "red3", "the highest bit is reserved");
}

#[test]
fn the_receiver_learns_the_sender_where_the_wire_says_it() {
    let cloud = Cloud::new(THREE_NODES);
    let walk =
        cloud.inject("b", at_b(&cloud, TunnelType::Geneve, 1, Some(0x7abc << 16 | 13), &one_to_three()));
    assert_eq!(walk.deliveries[0].key.regs[6], 0x7abc);
}

#[test]
fn nothing_goes_from_tunnel_to_tunnel() {
    let mut cloud = Cloud::new(
        "node a 192.0.2.1 geneve vxlan
         node b 192.0.2.2 geneve vxlan
         network red 1 geneve
         network green 3 vxlan segment=77
         port red1 11 red on=a:1 mac=02:00:00:00:00:01 ip=10.0.0.1 unsecured
         port red3 13 red on=b:3 mac=02:00:00:00:00:03 ip=10.0.0.3 unsecured
         port green1 31 green on=a:31 mac=02:00:00:00:00:01 ip=10.0.0.1 unsecured
         port green3 33 green on=b:33 mac=02:00:00:00:00:03 ip=10.0.0.3 unsecured",
    );
    let to_one = ping((mac(THREE), "10.0.0.3"), (mac(ONE), "10.0.0.1"));
    let to_unknown = ping((mac(THREE), "10.0.0.3"), (mac("02:00:00:00:00:99"), "10.0.0.99"));
    for (kind, id) in [(TunnelType::Geneve, 1), (TunnelType::Geneve, 3), (TunnelType::Vxlan, 77)] {
        for frame in [&to_one, &to_unknown, &to_all()] {
            for option in [None, Some(11), Some(31), Some(0x8000)] {
                let walk = cloud.inject("b", at_b(&cloud, kind.clone(), id, option, frame));
                assert!(walk.hops.is_empty(), "{:?} {id} {option:?}", kind);
            }
        }
    }
    // The same frames do go from a guest to the other node.
    assert_eq!(cloud.send("green3", &to_one).receivers(), ["green1"]);
    assert_eq!(cloud.send("green3", &to_unknown).receivers(), ["green1"]);
    cloud.node("b").check();
}

#[test]
fn a_key_that_the_option_cannot_carry_is_sent_as_zero_and_found_by_its_address() {
    let mut cloud = Cloud::new(THREE_NODES);
    cloud.put("port red3 32768 red on=b:3 mac=02:00:00:00:00:03 ip=10.0.0.3");
    let walk = cloud.send("red1", &one_to_three());
    assert_eq!((walk.receivers(), walk.hops[0].key.tunnel.metadata[0]), (vec!["red3"], Some(11 << 16)));
    assert_eq!(walk.tables("b").len(), 4);
    let back = ping((mac(THREE), "10.0.0.3"), (mac(ONE), "10.0.0.1"));
    let walk = cloud.send("red3", &back);
    assert_eq!((walk.receivers(), walk.hops[0].key.tunnel.metadata[0]), (vec!["red1"], Some(11)));
    // Its lower bits are not taken for another port.
    cloud.put("port red3 32779 red on=b:3 mac=02:00:00:00:00:03 ip=10.0.0.3");
    assert_eq!(cloud.send("red3", &back).hops[0].key.tunnel.metadata[0], Some(11));
    // The largest that it can.
    cloud.put("port red3 32767 red on=b:3 mac=02:00:00:00:00:03 ip=10.0.0.3");
    let walk = cloud.send("red1", &one_to_three());
    assert_eq!(walk.hops[0].key.tunnel.metadata[0], Some(11 << 16 | 0x7fff));
    assert_eq!(walk.tables("b").len(), 3);
}

#[test]
fn vxlan_and_gre_carry_the_segmentation_id_and_no_option() {
    for (kind, segment) in [(TunnelType::Vxlan, 16_777_215_u32), (TunnelType::Gre, 4_000_000_000)] {
        let name = kind.as_str();
        let cloud = Cloud::new(&format!(
            "node a 192.0.2.1 geneve vxlan gre
             node b 192.0.2.2 vxlan gre
             network green 3 {name} segment={segment}
             network other 4 {name} segment=78
             port green1 31 green on=a:31 mac={ONE} ip=10.0.0.1
             port green3 33 green on=b:33 mac={THREE} ip=10.0.0.3
             port other1 41 other on=a:41 mac={ONE} ip=10.0.0.1
             port other3 43 other on=b:43 mac={THREE} ip=10.0.0.3"
        ));
        let walk = cloud.send("green1", &one_to_three());
        assert_eq!((walk.receivers(), walk.tables("b").len()), (vec!["green3"], 4));
        assert_eq!((&walk.hops[0].kind, walk.hops[0].key.tunnel.id), (&kind, segment.into()));
        assert_eq!(walk.hops[0].key.tunnel.metadata[0], None);
        assert_eq!(cloud.send("other1", &to_all()).receivers(), ["other3"]);
    }
}

#[test]
fn tunnels_of_several_types_are_used_at_once() {
    let cloud = Cloud::new(
        "node a 192.0.2.1 geneve vxlan
         node b 192.0.2.2 vxlan geneve
         network red 1 geneve
         network green 3 vxlan segment=77
         port red1 11 red on=a:1 mac=02:00:00:00:00:01 ip=10.0.0.1
         port red3 13 red on=b:3 mac=02:00:00:00:00:03 ip=10.0.0.3
         port green1 31 green on=a:31 mac=02:00:00:00:00:01 ip=10.0.0.1
         port green3 33 green on=b:33 mac=02:00:00:00:00:03 ip=10.0.0.3",
    );
    assert_eq!(cloud.send("red1", &one_to_three()).hops[0].kind, TunnelType::Geneve);
    assert_eq!(cloud.send("green1", &one_to_three()).hops[0].kind, TunnelType::Vxlan);
}

#[test]
fn the_underlay_may_be_ipv6() {
    let mut cloud = Cloud::new(
        "node a 2001:db8::1 geneve
         node b 2001:db8::2 geneve
         network red 1 geneve
         port red1 11 red on=a:1 mac=02:00:00:00:00:01 ip=10.0.0.1
         port red3 13 red on=b:3 mac=02:00:00:00:00:03 ip=10.0.0.3",
    );
    assert_eq!(cloud.send("red1", &one_to_three()).receivers(), ["red3"]);
    assert_eq!(cloud.send("red1", &to_all()).receivers(), ["red3"]);
    cloud.put("node b 192.0.2.2 geneve");
    cloud.send("red1", &one_to_three()).assert_nowhere();
    let problems = cloud.problems("a");
    assert!(problems.iter().any(|problem| problem.contains("another IP version")), "{problems:?}");
}

#[test]
fn a_node_whose_tunnels_move_is_reached_where_they_are() {
    let mut cloud = Cloud::new(THREE_NODES);
    let before = cloud.node("a").switch.flows().cloned().collect::<Vec<_>>();
    let moved = cloud.row(model::Table::Chassis, "b").to_text().replace("192.0.2.2", "192.0.2.22");
    let moved = model::Object::from_text(model::Table::Chassis, &moved).expect("a row");
    let outputs = cloud.node("a").step(vec![engine::Input::Row(engine::RowChange::Put(moved))]);
    // The one port of each network that is there, and the flood of the networks.
    assert_eq!((outputs.delta.flows.len(), outputs.delta.groups.len()), (2, 2));
    assert!(outputs.delta.delete_flows.is_empty());
    cloud.node("b").settings.tunnel_ip = "192.0.2.22".parse().expect("an address");
    assert_eq!(cloud.send("red1", &one_to_three()).receivers(), ["red3"]);
    assert_eq!(cloud.send("red1", &to_all()).receivers(), ["red2", "red3", "red4", "red5"]);
    assert_eq!(before.len(), cloud.node("a").switch.len());
}

#[test]
fn a_second_name_of_this_node_gets_no_copies() {
    let mut cloud = Cloud::new(THREE_NODES);
    cloud.put("node old 192.0.2.1 geneve\nport red6 16 red on=old mac=02:00:00:00:00:06 ip=10.0.0.6");
    let walk = cloud.send("red1", &to_all());
    assert_eq!((walk.receivers(), walk.hops.len()), (vec!["red2", "red3", "red4", "red5"], 2));
    assert!(cloud.problems("a")[0].contains("192.0.2.1, which is this node"), "{:?}", cloud.problems("a"));
    // Nor do two names of another one.
    cloud.put("node old 192.0.2.3 geneve");
    assert_eq!(cloud.send("red1", &to_all()).receivers(), ["red2", "red3", "red4", "red5"]);
}

/// red3 is behind the end of a tunnel, and not on a node.
fn behind_vtep(cloud: &mut Cloud, port: &str, address: &str) {
    let mut row = cloud.row(model::Table::LogicalPort, port).to_value();
    row["binding"] = serde_json::json!({"type": "vtep", "chassis": null, "vtep_address": address});
    cloud.put_row(model::Object::from_value(model::Table::LogicalPort, &row).expect("a row"));
}

#[test]
fn ports_behind_a_vtep_are_reached_there_and_what_is_for_many_goes_there_once() {
    let mut cloud = Cloud::new(THREE_NODES);
    behind_vtep(&mut cloud, "red3", "198.51.100.7");
    let walk = cloud.send("red1", &one_to_three());
    let hops =
        |walk: &crate::support::Walk| walk.hops.iter().map(|hop| hop.dst.to_string()).collect::<Vec<_>>();
    assert_eq!(hops(&walk), ["198.51.100.7"]);
    assert_eq!(walk.hops[0].key.tunnel.id, 1);
    let asked = cloud.send("red1", &crate::support::arp_request((mac(ONE), "10.0.0.1"), "10.0.0.3"));
    assert_eq!(asked.receivers(), ["red1"], "it is answered for");
    let before = cloud.send("red1", &to_all()).hops.len();
    cloud.put("port red7 17 red mac=02:00:00:00:00:07");
    behind_vtep(&mut cloud, "red7", "198.51.100.7");
    let walk = cloud.send("red1", &to_all());
    assert_eq!(hops(&walk).iter().filter(|hop| *hop == "198.51.100.7").count(), 1);
    assert_eq!(walk.hops.len(), before);
    // The end of a node's tunnels gets one copy, too, if ports are said to be behind it.
    behind_vtep(&mut cloud, "red7", "192.0.2.3");
    let to_node = hops(&cloud.send("red1", &to_all()));
    assert_eq!(to_node.iter().filter(|hop| *hop == "192.0.2.3").count(), 1);
    for (address, problem) in [("2001:db8::7", "another IP version"), ("192.0.2.1", "is this node")] {
        behind_vtep(&mut cloud, "red3", address);
        cloud.send("red1", &one_to_three()).assert_nowhere();
        assert!(cloud.problems("a").iter().any(|found| found.contains(problem)), "{address}");
    }
    cloud.delete(model::Table::LogicalPort, "red3");
    cloud.delete(model::Table::LogicalPort, "red7");
    assert!(!hops(&cloud.send("red1", &to_all())).contains(&"198.51.100.7".to_owned()));
}

#[test]
fn a_flood_may_have_more_members_than_a_group() {
    let mut text = THREE_NODES.to_owned();
    for number in 0..2500_u32 {
        let [.., high, low] = number.to_be_bytes();
        text += &format!("node far{number} 10.1.{high}.{low} geneve\n");
        text += &format!(
            "port far{number} {} red on=far{number} mac=02:01:00:00:{high:02x}:{low:02x}\n",
            100 + number
        );
    }
    let mut cloud = Cloud::with_nodes(&text, &["a", "b", "c"]);
    let walk = cloud.send("red1", &to_all());
    assert_eq!((walk.receivers(), walk.hops.len()), (vec!["red2", "red3", "red4", "red5"], 2502));
    assert!(cloud.problems("a").is_empty());
    let lengths = cloud.node("a").switch.groups().map(|group| group.buckets.len());
    assert_eq!(lengths.filter(|buckets| *buckets > 100).collect::<Vec<_>>(), [1000, 1000, 505]);
}

#[test]
fn ports_of_a_node_that_is_not_registered_wait_for_it() {
    let mut cloud = Cloud::new(THREE_NODES);
    cloud.delete(model::Table::Chassis, "b");
    assert!(cloud.send("red1", &one_to_three()).hops.is_empty());
    assert_eq!(cloud.send("red1", &to_all()).receivers(), ["red2", "red4", "red5"]);
    let problems = cloud.problems("a");
    assert_eq!(problems.len(), 2, "one for each network: {problems:?}");
    assert!(
        problems[0].starts_with("chassis b has ports of the network and is not registered"),
        "{problems:?}"
    );
    cloud.put("node b 192.0.2.2 geneve");
    assert_eq!(cloud.send("red1", &one_to_three()).receivers(), ["red3"]);
    assert_eq!(cloud.send("red1", &to_all()).receivers(), ["red2", "red3", "red4", "red5"]);
    assert!(cloud.problems("a").is_empty());
}

#[test]
fn the_ends_of_tunnels_are_told_to_whoever_greets_them() {
    let mut cloud = Cloud::new(THREE_NODES);
    let ends = |cloud: &mut Cloud, row: &str| {
        let row = Cloud::rows_of(row).remove(0);
        let outputs = cloud.node("a").step(vec![engine::Input::Row(engine::RowChange::Put(row))]);
        outputs
            .tunnel_ends
            .map(|ends| ends.into_iter().map(|(_, ip)| ip.to_string()).collect::<Vec<_>>().join(" "))
    };
    assert_eq!(ends(&mut cloud, "node d 192.0.2.4 geneve").as_deref(), Some("192.0.2.2 192.0.2.3 192.0.2.4"));
    assert_eq!(ends(&mut cloud, "node d 192.0.2.4 vxlan").as_deref(), Some("192.0.2.2 192.0.2.3"));
    assert_eq!(ends(&mut cloud, "node d 192.0.2.5 gre"), None, "no news");
    assert_eq!(ends(&mut cloud, "node b 192.0.2.22 geneve").as_deref(), Some("192.0.2.3 192.0.2.22"));
    assert_eq!(ends(&mut cloud, "node a 192.0.2.1 geneve"), None, "not this node");
}

#[test]
fn a_type_of_tunnel_that_one_side_lacks_is_named() {
    let mut cloud = Cloud::new(THREE_NODES);
    cloud.put("node b 192.0.2.2 vxlan gre");
    let problems = cloud.problems("a");
    let named = "the network travels in geneve tunnels, and chassis b takes [vxlan, gre]: add the type to its tunnel_types";
    assert!(problems.iter().any(|problem| problem == named), "{problems:?}");
    cloud.send("red1", &one_to_three()).assert_nowhere();

    cloud.put("network red 1 vxlan segment=5");
    let problems = cloud.problems("a");
    let named = "the network travels in vxlan tunnels, and this node has a tunnel port for geneve";
    assert!(problems.iter().any(|problem| problem.starts_with(named)), "{problems:?}");
    // On the node itself it works all the same.
    let walk = cloud.send("red1", &ping((mac(ONE), "10.0.0.1"), (mac("02:00:00:00:00:02"), "10.0.0.2")));
    assert_eq!(walk.receivers(), ["red2"]);
}

#[test]
fn networks_without_tunnels_stay_on_their_node() {
    let mut cloud = Cloud::new(THREE_NODES);
    for (kind, problems) in [("vlan segment=100", 1), ("flat", 1), ("local", 0)] {
        cloud.put(&format!("network red 1 {kind}"));
        assert_eq!(cloud.send("red1", &to_all()).receivers(), ["red2"]);
        cloud.send("red1", &one_to_three()).assert_nowhere();
        // Where its frames should leave is not known: `provider` says more.
        assert_eq!(cloud.problems("a").len(), problems, "{:?}", cloud.problems("a"));
    }
    cloud.put("network red 1 stt");
    assert!(cloud.problems("a")[0].contains("networks of type stt are not known here"));
}

#[test]
fn numbers_that_do_not_fit_are_refused_by_name() {
    let mut cloud = Cloud::new(THREE_NODES);
    cloud.put("network red 16777216 geneve");
    let problems = cloud.problems("a");
    assert!(
        problems
            .iter()
            .any(|problem| problem.contains("key 16777216 of the network is larger than 16777215")),
        "{problems:?}"
    );
    cloud.send("red1", &one_to_three()).assert_nowhere();
    cloud.put("network red 16777215 geneve");
    assert_eq!(cloud.send("red1", &one_to_three()).receivers(), ["red3"]);
    cloud.put("network red 1 vxlan segment=16777216");
    assert!(cloud.problems("a").iter().any(|problem| problem.contains("segmentation id 16777216")));
    cloud.put("network red 1 vxlan");
    assert!(cloud.problems("a").iter().any(|problem| problem.contains("has no segmentation id")));
    cloud.put("network red 1 vxlan segment=0");
    assert!(cloud.problems("a").iter().any(|problem| problem.contains("by which nodes watch each other")));
}
