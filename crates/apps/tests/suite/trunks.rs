//! Ports inside others: each is a port like any other, to itself, to the outer port and to everybody else.

use model::Table;
use net_types::{MacAddr, OfPort};
use ofsim::Packet;
use packet::arp::{Arp, ArpOperation};
use packet::build::Ethernet;
use packet::nd::{Advertisement, Neighbor, Solicitation, solicited_node};

use crate::support::{Cloud, Walk, arp_request, mac, ping, v4, v6};

const OUTER: &str = "02:00:00:00:00:01";
const FIRST: &str = "02:00:00:00:00:02";
const SECOND: &str = "02:00:00:00:00:03";
const FAR: &str = "02:00:00:00:00:04";
/// An outer port with two ports inside that are all in one network, a third in another; a guest of each network elsewhere.
const CLOUD: &str = "
    node a 192.0.2.1 geneve
    node b 192.0.2.2 geneve
    network red 1 geneve
    network blue 2 geneve
    port outer 11 red on=a:1 mac=02:00:00:00:00:01 ip=10.0.0.1
    port first 12 red on=a mac=02:00:00:00:00:02 ip=10.0.0.2
    port second 13 red on=a mac=02:00:00:00:00:03 ip=10.0.0.3
    port far 14 red on=b:4 mac=02:00:00:00:00:04 ip=10.0.0.4
    port third 21 blue on=a mac=02:00:00:00:00:02 ip=10.0.0.2
    port elsewhere 22 blue on=b:5 mac=02:00:00:00:00:04 ip=10.0.0.4
    inside first outer 7
    inside second outer 8
    inside third outer 9
";

fn tagged(vlan: u16, frame: &[u8]) -> Vec<u8> {
    [&frame[..12], &[0x81, 0], &vlan.to_be_bytes(), &frame[12..]].concat()
}

/// A guest's frame on the outer port.
fn sent(cloud: &Cloud, frame: &[u8]) -> Walk {
    cloud.inject("a", Packet::of_frame(OfPort::new(1), frame))
}

/// Who got it: the plug, and the tag.
fn heard(walk: &Walk) -> Vec<(String, Option<u16>)> {
    let mut all = Vec::new();
    for delivery in &walk.deliveries {
        let tag = delivery.key.vlans.first().filter(|tag| tag.tpid != 0).map(|tag| tag.tci & 0xfff);
        all.push((delivery.port.clone(), tag));
    }
    all.sort();
    all
}

fn plug(port: &str, tag: Option<u16>) -> (String, Option<u16>) {
    (port.to_owned(), tag)
}

#[test]
fn ports_inside_one_reach_each_other_and_the_outer_one_in_one_network() {
    let cloud = Cloud::new(CLOUD);
    let frame = |from: (&str, &str), to: (&str, &str)| ping((mac(from.0), from.1), (mac(to.0), to.1));
    let (outer, first, second) = ((OUTER, "10.0.0.1"), (FIRST, "10.0.0.2"), (SECOND, "10.0.0.3"));
    assert_eq!(heard(&sent(&cloud, &tagged(7, &frame(first, second)))), [plug("outer", Some(8))]);
    assert_eq!(heard(&sent(&cloud, &tagged(7, &frame(first, outer)))), [plug("outer", None)]);
    assert_eq!(heard(&sent(&cloud, &frame(outer, first))), [plug("outer", Some(7))]);
    assert_eq!(heard(&sent(&cloud, &tagged(7, &frame(first, (FAR, "10.0.0.4"))))), [plug("far", None)]);
    let back = cloud.send("far", &frame((FAR, "10.0.0.4"), second));
    assert_eq!(heard(&back), [plug("outer", Some(8))]);
    // Nobody hears itself, and what is nobody's tag is nobody's frame.
    sent(&cloud, &tagged(7, &frame(first, first))).assert_nowhere();
    sent(&cloud, &frame(outer, outer)).assert_nowhere();
    sent(&cloud, &tagged(6, &frame(first, outer))).assert_nowhere();
    sent(&cloud, &tagged(8, &frame(first, outer))).assert_nowhere();
    // The same addresses in another network.
    assert_eq!(heard(&sent(&cloud, &tagged(9, &frame(first, (FAR, "10.0.0.4"))))), [plug("elsewhere", None)]);
}

#[test]
fn what_is_for_many_reaches_everybody_inside_once_and_not_who_sent_it() {
    let cloud = Cloud::new(CLOUD);
    let asks = |from: (&str, &str)| arp_request((mac(from.0), from.1), "10.0.0.99");
    let all = [plug("far", None), plug("outer", None), plug("outer", Some(7)), plug("outer", Some(8))];
    let but =
        |left: (String, Option<u16>)| all.iter().filter(|who| **who != left).cloned().collect::<Vec<_>>();
    assert_eq!(heard(&cloud.send("far", &asks((FAR, "10.0.0.4")))), but(plug("far", None)));
    assert_eq!(heard(&sent(&cloud, &asks((OUTER, "10.0.0.1")))), but(plug("outer", None)));
    assert_eq!(heard(&sent(&cloud, &tagged(7, &asks((FIRST, "10.0.0.2"))))), but(plug("outer", Some(7))));
    let third = sent(&cloud, &tagged(9, &asks((FIRST, "10.0.0.2"))));
    assert_eq!(heard(&third), [plug("elsewhere", None)]);
}

#[test]
fn an_answer_carries_the_tag_of_who_asked() {
    let cloud = Cloud::new(CLOUD);
    let answer = sent(&cloud, &tagged(7, &arp_request((mac(FIRST), "10.0.0.2"), "10.0.0.4")));
    assert_eq!(heard(&answer), [plug("outer", Some(7))]);
    let answer = sent(&cloud, &arp_request((mac(OUTER), "10.0.0.1"), "10.0.0.4"));
    assert_eq!(heard(&answer), [plug("outer", None)]);
}

#[test]
fn a_limit_on_what_a_port_inside_is_sent_keeps_the_way_between_them() {
    let mut cloud = Cloud::new(CLOUD);
    cloud.put("policy slow in=1000\nport second 13 red on=a mac=02:00:00:00:00:03 ip=10.0.0.3 policy=slow");
    let frame = ping((mac(FIRST), "10.0.0.2"), (mac(SECOND), "10.0.0.3"));
    assert_eq!(heard(&sent(&cloud, &tagged(7, &frame))), [plug("outer", Some(8))]);
    let own = ping((mac(SECOND), "10.0.0.3"), (mac(SECOND), "10.0.0.3"));
    sent(&cloud, &tagged(8, &own)).assert_nowhere();
}

#[test]
fn a_port_that_is_taken_out_leaves_no_flow() {
    let mut cloud = Cloud::new("node a 192.0.2.1 geneve\nnetwork red 1 geneve");
    cloud.put("port outer 11 red on=a:1 mac=02:00:00:00:00:01 ip=10.0.0.1");
    cloud.put("port child 12 red on=a mac=02:00:00:00:00:02 ip=10.0.0.2,fd00::2");
    let before = cloud.node("a").engine.desired();
    for by in ["7", "macvlan", "ipvlan"] {
        cloud.put(&format!("inside child outer {by}"));
        let node = cloud.node("a");
        assert!(node.engine.desired().flows.len() > before.flows.len(), "{by}");
        assert!(node.ready.contains(&crate::support::row_id("child")), "{by}");
        cloud.delete(Table::ChildPortSegmentation, "child-in-outer");
        assert_eq!(cloud.node("a").engine.desired(), before, "{by}");
    }
    // Not without the outer port, be it unplugged, disabled or bound elsewhere.
    cloud.put("inside child outer 7");
    cloud.put("port outer 11 red on=a mac=02:00:00:00:00:01 ip=10.0.0.1 disabled");
    assert!(cloud.node("a").ready.is_empty());
    cloud.put("port outer 11 red on=b mac=02:00:00:00:00:01 ip=10.0.0.1");
    assert!(cloud.node("a").ready.is_empty());
    cloud.put("port outer 11 red on=a mac=02:00:00:00:00:01 ip=10.0.0.1");
    assert_eq!(cloud.node("a").ready.len(), 2);
    cloud.unplug("a", "outer");
    assert!(cloud.node("a").ready.is_empty());
}

const NESTED: &str = "
    node a 192.0.2.1 geneve
    node b 192.0.2.2 geneve
    network red 1 geneve
    port outer 11 red on=a:1 mac=02:00:00:00:00:01 ip=10.0.0.1,fd00::1
    port pod 12 red on=a mac=02:00:00:00:00:02 ip=10.0.0.2,10.0.0.22,fd00::2
    port far 14 red on=b:4 mac=02:00:00:00:00:04 ip=10.0.0.4,fd00::4
";

#[test]
fn a_port_inside_by_its_mac_address_has_its_own_addresses_and_no_others() {
    let mut cloud = Cloud::new(NESTED);
    cloud.put("inside pod outer macvlan");
    for (own, far) in [("10.0.0.2", "10.0.0.4"), ("10.0.0.22", "10.0.0.4"), ("fd00::2", "fd00::4")] {
        let walk = sent(&cloud, &ping((mac(FIRST), own), (mac(FAR), far)));
        assert_eq!(heard(&walk), [plug("far", None)], "{own}");
        assert_eq!(
            walk.hops[0].key.tunnel.metadata[0],
            Some(12 << 16 | 14),
            "it is the inner port that sends"
        );
        assert_eq!(
            heard(&cloud.send("far", &ping((mac(FAR), far), (mac(FIRST), own)))),
            [plug("outer", None)]
        );
    }
    sent(&cloud, &ping((mac(FIRST), "10.0.0.1"), (mac(FAR), "10.0.0.4"))).assert_nowhere();
    sent(&cloud, &ping((mac(OUTER), "10.0.0.2"), (mac(FAR), "10.0.0.4"))).assert_nowhere();
    // What is for many comes once, and does not come back.
    let asked = cloud.send("far", &arp_request((mac(FAR), "10.0.0.4"), "10.0.0.99"));
    assert_eq!(heard(&asked), [plug("outer", None)]);
    let asks = sent(&cloud, &arp_request((mac(FIRST), "10.0.0.2"), "10.0.0.99"));
    assert_eq!(heard(&asks), [plug("far", None)]);
}

#[test]
fn a_port_inside_by_its_ip_addresses_speaks_with_its_own_mac_outside_and_that_of_the_guest_inside() {
    let mut cloud = Cloud::new(NESTED);
    cloud.put("inside pod outer ipvlan");
    let macs = |walk: &Walk| {
        let key = &walk.deliveries[0].key;
        (key.eth_src, key.eth_dst)
    };
    for (own, far) in [("10.0.0.2", "10.0.0.4"), ("10.0.0.22", "10.0.0.4"), ("fd00::2", "fd00::4")] {
        let out = sent(&cloud, &ping((mac(OUTER), own), (mac(FAR), far)));
        assert_eq!(
            (heard(&out), macs(&out)),
            (vec![plug("far", None)], (mac(FIRST).to_u64(), mac(FAR).to_u64()))
        );
        let back = cloud.send("far", &ping((mac(FAR), far), (mac(FIRST), own)));
        assert_eq!(
            (heard(&back), macs(&back)),
            (vec![plug("outer", None)], (mac(FAR).to_u64(), mac(OUTER).to_u64()))
        );
    }
    // The outer port itself is as before.
    let outer = sent(&cloud, &ping((mac(OUTER), "10.0.0.1"), (mac(FAR), "10.0.0.4")));
    assert_eq!(macs(&outer), (mac(OUTER).to_u64(), mac(FAR).to_u64()));
    // ARP names the MAC address of who says it: outside its own, inside that of the guest.
    let asks = sent(&cloud, &arp_request((mac(OUTER), "10.0.0.2"), "10.0.0.99"));
    assert_eq!(
        (heard(&asks), asks.deliveries[0].key.net.sha),
        (vec![plug("far", None)], mac(FIRST).to_u64())
    );
    let answer = sent(&cloud, &arp_request((mac(OUTER), "10.0.0.2"), "10.0.0.4"));
    let key = &answer.deliveries[0].key;
    assert_eq!((key.net.tha, key.eth_dst), (mac(OUTER).to_u64(), mac(OUTER).to_u64()));
    let reply = Arp {
        operation: ArpOperation::REPLY,
        target_mac: mac(FIRST),
        ..Arp::request(mac(FAR), v4("10.0.0.4"), v4("10.0.0.2"))
    };
    let told = cloud.send("far", &Ethernet::new(mac(FAR), mac(FIRST)).arp(&reply));
    assert_eq!(
        (heard(&told), told.deliveries[0].key.net.tha),
        (vec![plug("outer", None)], mac(OUTER).to_u64())
    );
}

#[test]
fn neighbours_hear_of_a_port_inside_by_its_ip_address_with_its_own_mac() {
    let mut cloud = Cloud::new(NESTED);
    cloud.put("inside pod outer ipvlan");
    let neighbor = |src: &str, message: Neighbor| {
        let dst = solicited_node(v6("fd00::99"));
        let frame = Ethernet::new(mac(OUTER), MacAddr::of_ipv6_multicast(dst));
        frame.neighbor(v6(src), dst, &message).expect("a small packet")
    };
    let asks = |src: &str, target: &str, link: Option<&str>| {
        let question = Solicitation { target: v6(target), source_link: link.map(mac) };
        sent(&cloud, &neighbor(src, Neighbor::Solicitation(question)))
    };
    let asked = asks("fd00::2", "fd00::99", Some(OUTER));
    assert_eq!(
        (heard(&asked), asked.deliveries[0].key.net.sha),
        (vec![plug("far", None)], mac(FIRST).to_u64())
    );
    assert_eq!(
        heard(&asks("::", "fd00::2", None)),
        [plug("far", None)],
        "it looks whether its address is free"
    );
    let claim = Advertisement {
        is_router: false,
        is_solicited: false,
        is_override: true,
        target: v6("fd00::2"),
        target_link: Some(mac(OUTER)),
    };
    let announced = sent(&cloud, &neighbor("fd00::2", Neighbor::Advertisement(claim)));
    assert_eq!(heard(&announced), [plug("far", None)]);
    assert_eq!(announced.deliveries[0].key.net.tha, mac(FIRST).to_u64());
}

#[test]
fn a_tag_inside_that_of_a_subport_is_dropped_unless_its_network_carries_tags() {
    for more in ["", "unsecured"] {
        let mut cloud = Cloud::new(CLOUD);
        cloud.put(&format!("port first 12 red on=a mac=02:00:00:00:00:02 ip=10.0.0.2 {more}"));
        let frame = ping((mac(FIRST), "10.0.0.2"), (mac(FAR), "10.0.0.4"));
        assert_eq!(heard(&sent(&cloud, &tagged(7, &frame))), [plug("far", None)]);
        let twice = tagged(7, &tagged(5, &frame));
        let other_type = tagged(7, &[&frame[..12], &[0x88, 0xa8, 0, 5], &frame[12..]].concat());
        // A switch looks at one tag, or at two.
        let looks_at_two = |frame: &[u8]| {
            let headers = packet::Headers::parse_with_vlan_limit(frame, packet::headers::VlanLimit::Two);
            Packet::of_key(ofsim::Key::of_headers(OfPort::new(1), &headers))
        };
        for frame in [&twice, &other_type] {
            sent(&cloud, frame).assert_nowhere();
            cloud.inject("a", looks_at_two(frame)).assert_nowhere();
        }
        cloud.put("network red 1 geneve tags");
        assert_eq!(heard(&cloud.inject("a", looks_at_two(&twice))), [plug("far", Some(5))], "{more}");
    }
}

/// An outer port with one inside by its MAC address, two by their IP addresses and one by a tag, all in one network.
const MIXED: &str = "
    node a 192.0.2.1 geneve
    network red 1 geneve
    network blue 2 geneve
    port outer 11 red on=a:1 mac=02:00:00:00:00:01 ip=10.0.0.1
    port own 12 red on=a mac=02:00:00:00:00:02 ip=10.0.0.2
    port first 13 red on=a mac=02:00:00:00:00:03 ip=10.0.0.3
    port second 14 red on=a mac=02:00:00:00:00:04 ip=10.0.0.4
    port tag 15 red on=a mac=02:00:00:00:00:05 ip=10.0.0.5
    inside own outer macvlan
    inside first outer ipvlan
    inside second outer ipvlan
    inside tag outer 7
";

/// What the guest of [`MIXED`] sends for one of its ports, what its device sends it as, and what it has to get: the destination on its
/// device, and the tag.
fn sent_inside(from: &str, to: &str) -> (Vec<u8>, (u64, Option<u16>)) {
    let (outer, own) = (mac(OUTER), mac(FIRST));
    let side = |name: &str| match name {
        "outer" => (outer, "10.0.0.1", outer, None),
        "own" => (own, "10.0.0.2", own, None),
        "first" => (outer, "10.0.0.3", mac(SECOND), None),
        "second" => (outer, "10.0.0.4", mac(FAR), None),
        _ => (mac("02:00:00:00:00:05"), "10.0.0.5", mac("02:00:00:00:00:05"), Some(7)),
    };
    let ((device, source, _, tag), (got_by, target, said, got_with)) = (side(from), side(to));
    let frame = ping((device, source), (said, target));
    let frame = tag.map_or(frame.clone(), |tag| tagged(tag, &frame));
    (frame, (got_by.to_u64(), got_with))
}

#[test]
fn ports_inside_reach_the_outer_one_and_each_other_by_their_addresses_however_they_are_told_apart() {
    let names = ["outer", "own", "first", "second", "tag"];
    let mut cloud = Cloud::new(MIXED);
    for policy in ["", "policy=slow"] {
        cloud.put("policy slow in=1000");
        for (at, name) in names.iter().enumerate() {
            let at = at + 1;
            let plug = if at == 1 { ":1" } else { "" };
            cloud.put(&format!(
                "port {name} 1{at} red on=a{plug} mac=02:00:00:00:00:0{at} ip=10.0.0.{at} {policy}"
            ));
        }
        for from in names {
            for to in names {
                let (frame, expected) = sent_inside(from, to);
                let walk = sent(&cloud, &frame);
                if from == to {
                    walk.assert_nowhere();
                    continue;
                }
                let got: Vec<(u64, Option<u16>)> = walk
                    .deliveries
                    .iter()
                    .zip(heard(&walk))
                    .map(|(one, (_, tag))| (one.key.eth_dst, tag))
                    .collect();
                assert_eq!(got, [expected], "{from} to {to} {policy}");
            }
        }
        // What is for many the guest passes on itself, but not between those with tags and those without.
        let many = |device: &str, ip: &str| arp_request((mac(device), ip), "10.0.0.99");
        for (device, ip) in [(OUTER, "10.0.0.1"), (FIRST, "10.0.0.2"), (OUTER, "10.0.0.3")] {
            assert_eq!(heard(&sent(&cloud, &many(device, ip))), [plug("outer", Some(7))], "{ip}");
        }
        let from_tag = tagged(7, &many("02:00:00:00:00:05", "10.0.0.5"));
        assert_eq!(heard(&sent(&cloud, &from_tag)), [plug("outer", None)]);
    }
    // So it does where the outer port is in another network, and what is for the network's many comes once.
    cloud.put("port outer 11 blue on=a:1 mac=02:00:00:00:00:01 ip=10.1.0.1");
    let from_tag = tagged(7, &arp_request((mac("02:00:00:00:00:05"), "10.0.0.5"), "10.0.0.99"));
    assert_eq!(heard(&sent(&cloud, &from_tag)), [plug("outer", None)]);
    for (device, ip) in [(FIRST, "10.0.0.2"), (OUTER, "10.0.0.3"), (OUTER, "10.0.0.4")] {
        let asks = sent(&cloud, &arp_request((mac(device), ip), "10.0.0.99"));
        assert_eq!(heard(&asks), [plug("outer", Some(7))], "{ip}");
    }
}

#[test]
fn an_answer_by_arp_to_a_port_inside_by_its_ip_address_names_the_guest() {
    let cloud = Cloud::new(MIXED);
    let reply = Arp {
        operation: ArpOperation::REPLY,
        target_mac: mac(SECOND),
        ..Arp::request(mac(OUTER), v4("10.0.0.1"), v4("10.0.0.3"))
    };
    let told = sent(&cloud, &Ethernet::new(mac(OUTER), mac(SECOND)).arp(&reply));
    assert_eq!(heard(&told), [plug("outer", None)]);
    let key = &told.deliveries[0].key;
    assert_eq!((key.eth_dst, key.net.tha), (mac(OUTER).to_u64(), mac(OUTER).to_u64()));
}

#[test]
fn packets_are_routed_between_a_port_and_one_inside_it() {
    let mut cloud = Cloud::new(NESTED);
    cloud.put(
        "network blue 2 geneve\nsubnet s red 10.0.0.0/24\nsubnet t blue 10.1.0.0/24\n\
         port pod 12 blue on=a mac=02:00:00:00:00:02 ip=10.1.0.2\ninside pod outer macvlan\n\
         port leg1 101 red owner=network:router_interface mac=02:00:00:00:01:01 ip=10.0.0.254 subnet=s\n\
         port leg2 102 blue owner=network:router_interface mac=02:00:00:00:01:02 ip=10.1.0.254 subnet=t\n\
         router r 100 legs=leg1/red/101,leg2/blue/102",
    );
    let down = ping((mac(OUTER), "10.0.0.1"), (mac("02:00:00:00:01:01"), "10.1.0.2"));
    let up = ping((mac(FIRST), "10.1.0.2"), (mac("02:00:00:00:01:02"), "10.0.0.1"));
    for (frame, to) in [(down, FIRST), (up, OUTER)] {
        let walk = sent(&cloud, &frame);
        assert_eq!(heard(&walk), [plug("outer", None)], "to {to}");
        assert_eq!(walk.deliveries[0].key.eth_dst, mac(to).to_u64());
    }
}

#[test]
fn rows_that_put_ports_where_they_cannot_be_are_named_and_put_them_nowhere() {
    for (rows, named) in [
        ("inside pod outer 0", "the segmentation_id of port pod is 0"),
        ("inside pod outer 4095", "the segmentation_id of port pod is 4095"),
        ("inside outer outer macvlan", "port outer cannot be inside itself"),
    ] {
        let mut cloud = Cloud::new(NESTED);
        let before = cloud.node("a").engine.desired();
        cloud.put(rows);
        assert!(
            cloud.problems("a").iter().any(|problem| problem.contains(named)),
            "{:?}",
            cloud.problems("a")
        );
        assert!(cloud.problems("b").is_empty(), "the outer port is not there");
        let after = cloud.node("a").engine.desired();
        assert_eq!(after.ready, before.ready, "{rows}");
    }
    // Of two rows one counts, and the other is named once.
    let mut cloud = Cloud::new(NESTED);
    cloud.put("port second 15 red on=a:2 mac=02:00:00:00:00:05 ip=10.0.0.5\ninside pod outer 7");
    let of_pod = |cloud: &mut Cloud| -> Vec<String> {
        let desired = cloud.node("a").engine.desired();
        let flows = desired.flows.iter().map(|flow| flow.unpack().to_string());
        let speaks_of_it = |flow: &String| {
            ["reg6=0xc", "->reg6", "reg7=0xc", "dl_vlan="].iter().any(|part| flow.contains(part))
        };
        flows.filter(speaks_of_it).collect()
    };
    let one = of_pod(&mut cloud);
    cloud.put("inside pod second 8");
    assert_eq!(of_pod(&mut cloud), one);
    let named = "row pod-in-outer says as well what port pod is inside of, and counts";
    assert_eq!(cloud.problems("a"), [named]);
    cloud.delete(Table::ChildPortSegmentation, "pod-in-outer");
    assert!(cloud.problems("a").is_empty());
    let frame = tagged(8, &ping((mac(FIRST), "10.0.0.2"), (mac(FAR), "10.0.0.4")));
    let walk = cloud.inject("a", Packet::of_frame(OfPort::new(2), &frame));
    assert_eq!(heard(&walk), [plug("far", None)]);
    // What is inside of something that is inside.
    cloud.put("port deep 16 red on=a mac=02:00:00:00:00:06 ip=10.0.0.6\ninside deep pod 9");
    assert!(cloud.problems("a")[0].contains("port pod, which is inside another one itself"));
}
