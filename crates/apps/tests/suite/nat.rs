//! Addresses that are translated: ports of floating IPs, errors about translated packets, limits, where a floating IP is.

use std::net::IpAddr;

use engine::{Input, PacketIn, Reply, Resume};
use model::Table;
use net_types::MacAddr;
use ofsim::trace::{Outcome, PacketIn as Up};
use openflow::Field;
use openflow::action::Action;
use packet::build::{Ip, Transport, Udp};
use packet::icmp::Message;
use packet::translate::{Side, end, quoted_end};
use pipeline::{regs, tables, userdata};

use crate::routers::{
    BLUE_LEG, FLOATING1, GATEWAY, OUTSIDE, RED_LEG, RED1, ROUTED, UPSTREAM, from_wire, only,
};
use crate::support::{Cloud, Walk, ip, mac, ping, udp, v4};

const BLUE1: (MacAddr, &str) = (MacAddr([2, 0, 0, 0, 0, 2]), "10.0.2.21");
const SHARED: MacAddr = MacAddr([2, 0, 0, 0, 0x50, 0x13]);
const STRANGER: &str = "198.51.100.1";

/// A floating IP that stands for no port, ports of which stand for ports of a guest that has no floating IP.
const FORWARDED: &str = "
    port f3port 503 ext owner=network:floatingip mac=02:00:00:00:50:13 ip=203.0.113.13 subnet=ext4
    floating f3 f3port 203.0.113.13 r
    forward f3 17 1000 blue1/10.0.2.21 2000 40
    forward f3 6 8080 blue1/10.0.2.21 80
    forward f3 1 1 blue1/10.0.2.21 1
";

fn cloud(more: &str) -> Cloud {
    Cloud::new(&format!("{ROUTED}{OUTSIDE}{more}"))
}

fn to_shared(port: u16) -> Vec<u8> {
    udp((UPSTREAM.0, STRANGER, 5353), (SHARED, "203.0.113.13", port))
}

/// Hands a packet that went up to the engine of its node, and returns the answer.
fn answer(cloud: &mut Cloud, node: &str, up: &Up, frame: Vec<u8>) -> Reply {
    let key = &up.key;
    let packet = PacketIn {
        frame,
        network: u32::try_from(key.metadata & 0xff_ffff).expect("a network"),
        router: key.regs[8],
        next_hop: Some(std::net::Ipv4Addr::from(key.regs[10]).into()),
        userdata: up.controller.userdata.clone(),
        ..PacketIn::default()
    };
    cloud.node(node).step(vec![Input::Packet(packet)]).replies.remove(0)
}

/// The packet in a frame that goes on.
fn resumed(reply: Reply) -> (Resume, Vec<u8>) {
    let Reply::Resume(resume) = reply else { panic!("{reply:?}") };
    let bytes = resume.frame[14..].to_vec();
    (resume, bytes)
}

fn only_up(walk: &Walk) -> (&str, &Up) {
    let [up] = walk.to_controller.as_slice() else { panic!("{:?}", walk.to_controller) };
    assert!(up.packet_in.controller.meter.is_some(), "nothing limits what goes up");
    (&up.node, &up.packet_in)
}

#[test]
fn ports_of_a_floating_ip_lead_to_ports_of_a_guest_at_the_gateway_alone() {
    let cloud = cloud(FORWARDED);
    for (port, guest) in [(1000, 2000), (1017, 2017), (1039, 2039)] {
        let walk = from_wire(&cloud, "g", &to_shared(port));
        assert_eq!(only(&walk), ("blue1", BLUE_LEG, BLUE1.0, 63));
        let net = &walk.deliveries[0].key.net;
        assert_eq!((net.nw_dst, net.tp_dst), (u32::from(v4(BLUE1.1)), guest));
        for node in ["a", "b"] {
            from_wire(&cloud, node, &to_shared(port)).assert_nobody();
        }
    }
    for port in [999, 1040, 2000] {
        from_wire(&cloud, "g", &to_shared(port)).assert_nowhere();
    }
    let walk = from_wire(&cloud, "g", &ping((UPSTREAM.0, STRANGER), (SHARED, "203.0.113.13")));
    assert_eq!(only(&walk).0, "blue1", "pings are forwarded");
}

/// With which source a packet is to be handed to the next hop, at the gateway.
fn leaves_as(cloud: &Cloud, frame: &[u8]) -> (u64, std::net::Ipv4Addr, u16) {
    let walk = cloud.send("blue1", frame);
    let (node, up) = only_up(&walk);
    assert_eq!((node, up.controller.userdata.first()), ("g", Some(&userdata::UNRESOLVED)));
    (up.key.eth_src, up.key.net.nw_src.into(), up.key.net.tp_src)
}

fn number(mac: MacAddr) -> u64 {
    mac.octets().iter().fold(0, |bits, octet| bits << 8 | u64::from(*octet))
}

#[test]
fn what_a_guest_sends_from_a_forwarded_port_leaves_with_the_floating_ip_and_its_port() {
    let cloud = cloud(FORWARDED);
    let from = |port| udp((BLUE1.0, BLUE1.1, port), (BLUE_LEG, STRANGER, 5353));
    for (port, seen) in [(2000, 1000), (2031, 1031), (2039, 1039)] {
        assert_eq!(leaves_as(&cloud, &from(port)), (number(SHARED), v4("203.0.113.13"), seen));
    }
    assert_eq!(leaves_as(&cloud, &from(2040)).0, number(GATEWAY), "the rest leaves as that of others");
}

#[test]
fn what_answers_a_hidden_guest_has_the_floating_ip_before_its_connection_is_looked_for() {
    let cloud = cloud(FORWARDED);
    let frame = udp((BLUE1.0, BLUE1.1, 2000), (BLUE_LEG, "203.0.113.10", 5353));
    let walk = cloud.send("blue1", &frame);
    let tracked: Vec<_> = walk
        .traces
        .iter()
        .filter(|(node, _)| node == "g")
        .flat_map(|(_, trace)| trace.outcomes())
        .filter_map(|outcome| match outcome {
            Outcome::Tracked(tracking) => Some((tracking.key.net.nw_src, tracking.key.net.tp_src)),
            _ => None,
        })
        .collect();
    assert_eq!(tracked, [(u32::from(v4("203.0.113.13")), 1000)]);
}

#[test]
fn rules_that_change_or_go_take_effect_and_leave_nothing() {
    let mut cloud = cloud(FORWARDED);
    cloud.put("forward f3 17 1000 blue1/10.0.2.21 3000 2");
    let walk = from_wire(&cloud, "g", &to_shared(1001));
    assert_eq!(walk.deliveries[0].key.net.tp_dst, 3001);
    from_wire(&cloud, "g", &to_shared(1017)).assert_nowhere();
    cloud.put("forward f3 17 1000 blue2/10.0.2.22 3000 2");
    assert_eq!(only(&from_wire(&cloud, "g", &to_shared(1001))).0, "blue2");
    let before = cloud.node("g").engine.desired();
    for rule in ["f3-17-1000", "f3-6-8080", "f3-1-1"] {
        cloud.delete(Table::PortForwarding, rule);
    }
    from_wire(&cloud, "g", &to_shared(1001)).assert_nowhere();
    let after = cloud.node("g").engine.desired();
    let names_it = |flow: &openflow::flow::PackedFlow| {
        let flow = flow.unpack().to_string();
        flow.contains("203.0.113.13") || flow.contains("reg7=503")
    };
    assert!(before.flows.iter().any(names_it));
    let left: Vec<String> =
        after.flows.iter().filter(|flow| names_it(flow)).map(|flow| flow.unpack().to_string()).collect();
    assert!(left.iter().all(|flow| flow.contains("table=96")), "{left:?}");
}

#[test]
fn a_range_costs_few_flows() {
    let mut cloud = cloud(FORWARDED);
    let before = cloud.node("g").engine.desired().flows.len();
    cloud.put("forward f3 132 4096 blue1/10.0.2.21 8192 4096");
    let after = cloud.node("g").engine.desired().flows.len();
    assert_eq!(after - before, 2, "one block, in both directions");
}

#[test]
fn two_rules_for_one_port_are_a_finding_and_one_of_them_counts() {
    let mut cloud = cloud(FORWARDED);
    let twice = r#"{"id": "f3-again", "topic": "t", "floatingip": "f3", "lport": "blue2", "internal_ip": "10.0.2.22",
        "protocol": 6, "count": 1, "external_port": 8080, "internal_port": 81}"#;
    cloud.put_row(model::Object::from_text(Table::PortForwarding, twice).expect("a row"));
    let problems = cloud.problems("g");
    assert!(problems.iter().any(|problem| problem.contains("8080")), "{problems:?}");
}

/// An error of somebody on the way about a packet.
fn error(from: (MacAddr, &str), to: (MacAddr, &str), about: &[u8]) -> Vec<u8> {
    let address = |text: &str| -> IpAddr { text.parse().expect("an address") };
    let message = Message::fragmentation_needed_v4(1280, about);
    ip((from.0, address(from.1)), (to.0, address(to.1)), &Transport::Icmp(message))
}

fn datagram(src: (&str, u16), dst: (&str, u16)) -> Vec<u8> {
    let header = Ip::between(v4(src.0).into(), v4(dst.0).into()).expect("one version");
    let udp = Udp { src_port: src.1, dst_port: dst.1, payload: b"datagram".to_vec() };
    header.packet(&Transport::Udp(udp)).expect("a packet")
}

#[test]
fn errors_from_outside_are_about_what_the_guest_sent() {
    let mut cloud = cloud(FORWARDED);
    for (node, floating, inside, guest) in [
        ("a", (FLOATING1, "203.0.113.11", 999), ("10.0.1.11", 999), "red1"),
        ("g", (SHARED, "203.0.113.13", 1039), ("10.0.2.21", 2039), "blue1"),
    ] {
        let about = datagram((floating.1, floating.2), (STRANGER, 53));
        let frame = error((UPSTREAM.0, UPSTREAM.1), (floating.0, floating.1), &about);
        let walk = from_wire(&cloud, node, &frame);
        let (at, up) = only_up(&walk);
        assert_eq!(at, node);
        let (resume, bytes) = resumed(answer(&mut cloud, node, up, frame));
        assert_eq!(resume.table, tables::ROUTE.id, "it is for {guest}");
        assert_eq!(end(&bytes, Side::Dst).expect("a packet").ip, v4(inside.0));
        let quoted = quoted_end(&bytes, Side::Src).expect("an error whose checksum is right");
        assert_eq!((quoted.ip, quoted.port), (v4(inside.0), Some(inside.1)));
    }
}

#[test]
fn errors_of_a_guest_are_about_what_was_sent_to_its_floating_ip() {
    let mut cloud = cloud(FORWARDED);
    let about = datagram((STRANGER, 53), ("10.0.1.11", 999));
    let frame = error((RED1.1, "10.0.1.11"), (RED_LEG, STRANGER), &about);
    let walk = cloud.send(RED1.0, &frame);
    let (node, up) = only_up(&walk);
    let (resume, bytes) = resumed(answer(&mut cloud, node, up, frame));
    assert_eq!((node, resume.table), ("a", tables::NEIGHBOR.id));
    assert_eq!(end(&bytes, Side::Src).expect("a packet").ip, v4("203.0.113.11"));
    assert_eq!(quoted_end(&bytes, Side::Dst).expect("an error").ip, v4("203.0.113.11"));
    // At the gateway the same of a forwarded port.
    let about = datagram((STRANGER, 53), (BLUE1.1, 2039));
    let frame = error((BLUE1.0, BLUE1.1), (BLUE_LEG, STRANGER), &about);
    let walk = cloud.send("blue1", &frame);
    let (node, up) = only_up(&walk);
    let (_, bytes) = resumed(answer(&mut cloud, node, up, frame));
    let quoted = quoted_end(&bytes, Side::Dst).expect("an error");
    assert_eq!((node, quoted.ip, quoted.port), ("g", v4("203.0.113.13"), Some(1039)));
    // Of any other connection it is the gateway's, and is not asked about again.
    let about = datagram((STRANGER, 53), (BLUE1.1, 999));
    let frame = error((BLUE1.0, BLUE1.1), (BLUE_LEG, STRANGER), &about);
    let walk = cloud.send("blue1", &frame);
    let (node, up) = only_up(&walk);
    let (resume, bytes) = resumed(answer(&mut cloud, node, up, frame));
    let is_marked = Action::load(regs::IS_FOR_GATEWAY.bits, 1);
    assert_eq!((resume.table, resume.registers.contains(&is_marked)), (tables::EXTERNAL.id, true));
    assert_eq!(quoted_end(&bytes, Side::Dst).expect("an error").ip, v4(BLUE1.1));
}

#[test]
fn errors_of_a_guest_live_one_hop_less_whichever_way_they_leave() {
    let mut cloud = cloud(FORWARDED);
    for (from, sender, leg, about) in [
        (RED1.0, (RED1.1, "10.0.1.11"), RED_LEG, ("10.0.1.11", 999)),
        ("blue1", BLUE1, BLUE_LEG, (BLUE1.1, 2039)),
        ("blue1", BLUE1, BLUE_LEG, (BLUE1.1, 999)),
    ] {
        let frame = error(sender, (leg, STRANGER), &datagram((STRANGER, 53), about));
        let walk = cloud.send(from, &frame);
        let (node, up) = only_up(&walk);
        let before = frame[22];
        let (resume, bytes) = resumed(answer(&mut cloud, node, up, frame));
        let tables_left = u8::from(resume.table == tables::EXTERNAL.id);
        let said = u8::try_from(resume.registers.iter().filter(|action| **action == Action::DecTtl).count());
        let lost = before - up.key.net.ttl + said.expect("few") + tables_left;
        assert_eq!((lost, bytes[8]), (1, before), "{from} about {about:?}");
    }
}

#[test]
fn errors_about_nothing_that_was_sent_are_dropped() {
    let mut cloud = cloud(FORWARDED);
    let about = datagram(("203.0.113.13", 1), (STRANGER, 53));
    let frame = error((UPSTREAM.0, UPSTREAM.1), (SHARED, "203.0.113.13"), &about);
    let walk = from_wire(&cloud, "g", &frame);
    let reply = answer(&mut cloud, "g", only_up(&walk).1, frame);
    assert!(matches!(reply, Reply::Ignore(_)), "{reply:?}");
}

#[test]
fn who_is_outside_is_told_of_what_it_sent_and_not_of_addresses_inside() {
    let mut cloud = cloud("");
    let mut frame = ping((UPSTREAM.0, STRANGER), (FLOATING1, "203.0.113.11"));
    frame[22] = 1;
    frame[24..26].copy_from_slice(&[0, 0]);
    let walk = from_wire(&cloud, "a", &frame);
    let (node, up) = only_up(&walk);
    assert_eq!(up.controller.userdata, [userdata::UNDELIVERABLE, 1]);
    // As the switch has changed it by then.
    let mut translated = ping((UPSTREAM.0, STRANGER), (FLOATING1, "10.0.1.11"));
    translated[22] = 1;
    let (_, bytes) = resumed(answer(&mut cloud, node, up, translated));
    assert_eq!(end(&bytes, Side::Src).expect("a packet").ip, v4("203.0.113.10"));
    assert_eq!(quoted_end(&bytes, Side::Dst).expect("an error").ip, v4("203.0.113.11"));
    // What answers a guest behind the gateway is told of from inside, so that the tracker turns the address and port back.
    let mut answer_of_outside = udp((UPSTREAM.0, STRANGER, 53), (GATEWAY, BLUE1.1, 5353));
    answer_of_outside[22] = 1;
    answer_of_outside[20] |= 0x20; // a first piece
    let (resume, bytes) = resumed(answer(&mut cloud, "g", up, answer_of_outside));
    assert_eq!(resume.table, tables::ROUTE.id);
    assert_eq!(end(&bytes, Side::Src).expect("a packet").ip, v4("10.0.2.1"));
    assert_eq!(bytes[28 + 6] & 0x20, 0, "the tracker knows no pieces");
    // Who is inside sent it to the guest itself.
    let mut inner = ping((mac("02:00:00:00:00:02"), BLUE1.1), (BLUE_LEG, "10.0.1.11"));
    inner[22] = 1;
    let walk = cloud.send("blue1", &inner);
    let (node, up) = only_up(&walk);
    let (_, bytes) = resumed(answer(&mut cloud, node, up, inner));
    assert_eq!(quoted_end(&bytes, Side::Dst).expect("an error").ip, v4("10.0.1.11"));
}

#[test]
fn floating_ips_of_a_router_that_is_not_distributed_are_at_the_gateway() {
    let mut cloud = cloud("");
    cloud.put("router r 7 legs=redleg/red/101,blueleg/blue/102 gateway=gw/ext central");
    let frame = ping((UPSTREAM.0, STRANGER), (FLOATING1, "203.0.113.11"));
    from_wire(&cloud, "a", &frame).assert_nobody();
    assert_eq!(only(&from_wire(&cloud, "g", &frame)), ("red1", RED_LEG, RED1.1, 63));
    let walk = cloud.send(RED1.0, &ping((RED1.1, "10.0.1.11"), (RED_LEG, STRANGER)));
    let (node, up) = only_up(&walk);
    assert_eq!((node, up.key.net.nw_src), ("g", u32::from(v4("203.0.113.11"))));
    assert_eq!(up.key.eth_src, number(FLOATING1));
}

/// The rates of the meters that a packet passed.
fn passed(cloud: &mut Cloud, walk: &Walk) -> Vec<u32> {
    let mut rates = Vec::new();
    for (node, trace) in &walk.traces {
        let known = cloud.node(node).engine.desired().meters;
        for outcome in trace.outcomes() {
            if let Outcome::Metered(id) = outcome {
                rates.extend(known.iter().filter(|meter| meter.id == *id).map(|meter| meter.bands[0].rate));
            }
        }
    }
    rates
}

#[test]
fn floating_ips_and_gateways_have_limits_in_both_directions_which_go_without_a_trace() {
    let mut cloud = cloud(FORWARDED);
    let untouched = cloud.node("a").engine.desired();
    cloud.put("policy gold out=8000 in=4000");
    cloud.put("limits f1 gold");
    let out = |cloud: &Cloud| cloud.send(RED1.0, &ping((RED1.1, "10.0.1.11"), (RED_LEG, STRANGER)));
    let back =
        |cloud: &Cloud| from_wire(cloud, "a", &ping((UPSTREAM.0, STRANGER), (FLOATING1, "203.0.113.11")));
    let walk = out(&cloud);
    assert_eq!(passed(&mut cloud, &walk), [8_000]);
    let walk = back(&cloud);
    assert_eq!(passed(&mut cloud, &walk), [4_000]);
    // Another rate is another meter and no other flow.
    let flows = cloud.node("a").engine.desired().flows;
    cloud.put("policy gold out=9000 in=4000");
    let walk = out(&cloud);
    assert_eq!(passed(&mut cloud, &walk), [9_000]);
    assert_eq!(cloud.node("a").engine.desired().flows, flows);
    cloud.delete(Table::FloatingIpExtra, "f1");
    let walk = out(&cloud);
    assert!(passed(&mut cloud, &walk).is_empty());
    let after = cloud.node("a").engine.desired();
    assert_eq!((&after.flows, &after.meters), (&untouched.flows, &untouched.meters));

    // The gateway's are on what it hides, and not on floating IPs.
    cloud.put("port gw 500 ext owner=network:router_gateway mac=02:00:00:00:50:01 ip=203.0.113.10 subnet=ext4 policy=gold");
    let walk = cloud.send("blue1", &ping(BLUE1, (BLUE_LEG, STRANGER)));
    assert_eq!(passed(&mut cloud, &walk), [9_000]);
    let walk = from_wire(&cloud, "g", &ping((UPSTREAM.0, STRANGER), (GATEWAY, "203.0.113.10")));
    assert_eq!(passed(&mut cloud, &walk)[0], 4_000);
    let walk = out(&cloud);
    assert!(passed(&mut cloud, &walk).is_empty());
}

#[test]
fn a_floating_ip_without_a_policy_has_that_of_the_external_network() {
    let mut cloud = cloud("");
    cloud.put("policy gold out=7000");
    cloud.put("network ext 50 flat in=public external policy=gold");
    let walk = cloud.send(RED1.0, &ping((RED1.1, "10.0.1.11"), (RED_LEG, STRANGER)));
    assert_eq!(passed(&mut cloud, &walk), [7_000]);
}

#[test]
fn a_floating_ip_of_a_shared_address_is_where_its_holder_is() {
    let pair = "pair=10.0.2.99/02:00:00:00:00:99";
    let guest = |name: &str, key: u32, at: &str, mac: &str, ip: &str| {
        format!("port {name} {key} blue on={at} mac={mac} ip={ip} subnet=blue4 {pair}\n")
    };
    let guests = guest("vip1", 23, "a:7", "02:00:00:00:00:07", "10.0.2.31")
        + &guest("vip2", 24, "b:8", "02:00:00:00:00:08", "10.0.2.32");
    let mut cloud = cloud(&format!(
        "{guests}
        port vip 25 blue mac=02:00:00:00:00:99 ip=10.0.2.99 subnet=blue4
        port f4port 504 ext owner=network:floatingip mac=02:00:00:00:50:14 ip=203.0.113.14 subnet=ext4
        floating f4 f4port 203.0.113.14 r vip/10.0.2.99
        "
    ));
    let frame = ping((UPSTREAM.0, STRANGER), (mac("02:00:00:00:50:14"), "203.0.113.14"));
    for (holder, node) in [("vip1", "a"), ("vip2", "b"), ("vip1", "a")] {
        cloud.put(&format!("active blue {holder} 10.0.2.99 02:00:00:00:00:99"));
        for asked in ["a", "b", "g"] {
            let walk = from_wire(&cloud, asked, &frame);
            let expected = if asked == node { vec![holder] } else { vec![] };
            assert_eq!(walk.receivers(), expected, "at {asked}");
        }
    }
}

#[test]
fn an_address_that_a_second_router_gets_never_reaches_the_former_guest() {
    let mut cloud = cloud(
        "
        port gw2 510 ext owner=network:router_gateway mac=02:00:00:00:50:02 ip=203.0.113.20 subnet=ext4
        router s 8 legs=otherleg/other/103 gateway=gw2/ext
        wire c public 93
        ",
    );
    let frame = ping((UPSTREAM.0, STRANGER), (FLOATING1, "203.0.113.11"));
    assert_eq!(only(&from_wire(&cloud, "a", &frame)).0, "red1");
    cloud.put("floating f1 f1port 203.0.113.11 s other1/10.0.1.11");
    for node in ["a", "b", "g"] {
        from_wire(&cloud, node, &frame).assert_nobody();
    }
    let walk = from_wire(&cloud, "c", &frame);
    assert_eq!(only(&walk).0, "other1");
    // What the former guest sends does not leave with it any more.
    let walk = cloud.send(RED1.0, &ping((RED1.1, "10.0.1.11"), (RED_LEG, STRANGER)));
    assert_ne!(only_up(&walk).1.key.eth_src, number(FLOATING1));
    let flows = cloud.node("a").engine.desired().flows;
    let sets = |flow: &openflow::flow::PackedFlow| {
        let flow = flow.unpack();
        flow.table == tables::EXTERNAL.id && flow.matching.get(Field::Ipv4Src).is_some()
    };
    assert!(!flows.iter().any(sets), "no flow of the floating IP is left");
}

#[test]
fn a_link_local_next_hop_is_behind_the_gateway_and_link_local_addresses_of_gateways_are_answered_for() {
    let mut cloud = cloud(
        "
        subnet ext6 ext 2001:db8:50::/64 gateway=fe80::1
        port gw 500 ext owner=network:router_gateway mac=02:00:00:00:50:01 ip=203.0.113.10,2001:db8:50::10 subnet=ext4,ext6
        router r 7 legs=redleg/red/101,blueleg/blue/102 gateway=gw/ext route=2001:db8:7::/48/fe80::7
        ",
    );
    for (to, next_hop) in [("2001:db8:99::1", "fe80::1"), ("2001:db8:7::1", "fe80::7")] {
        let walk = cloud.send(RED1.0, &ping((RED1.1, "fd00:1::11"), (RED_LEG, to)));
        let (node, up) = only_up(&walk);
        let hop = up.key.regs[..4].iter().fold(0_u128, |ip, part| ip << 32 | u128::from(*part));
        assert_eq!((node, std::net::Ipv6Addr::from(hop).to_string().as_str()), ("g", next_hop));
    }
    assert!(cloud.problems("a").iter().all(|problem| !problem.contains("fe80")), "{:?}", cloud.problems("a"));
    let own = GATEWAY.link_local();
    let question = packet::nd::Solicitation { target: own, source_link: Some(UPSTREAM.0) };
    let group = packet::nd::solicited_node(own);
    let to = MacAddr::of_ipv6_multicast(group);
    let frame = packet::build::Ethernet::new(UPSTREAM.0, to)
        .neighbor(
            "fe80::1".parse().expect("an address"),
            group,
            &packet::nd::Neighbor::Solicitation(question),
        )
        .expect("a question");
    let walk = from_wire(&cloud, "g", &frame);
    let (_, up) = only_up(&walk);
    let (_, bytes) = resumed(answer(&mut cloud, "g", up, frame));
    assert!(bytes.ends_with(&GATEWAY.octets()), "{bytes:02x?}");
}
