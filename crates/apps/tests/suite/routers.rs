//! Routers: who reaches whom, by which way, and what packets look like on it.

use engine::{Input, PacketIn, Reply};
use model::Table;
use net_types::{MacAddr, OfPort};
use ofsim::Packet;
use ofsim::analysis::Finding;
use openflow::Field;
use packet::build::Ethernet;
use packet::nd::{Neighbor, Solicitation, solicited_node};
use pipeline::tables;

use crate::support::{Cloud, Walk, arp_request, mac, ping, udp, v4};

/// Two networks of one tenant behind a router, on two nodes, and a third node that has nothing to do with them; another tenant with the same
/// addresses.
pub(crate) const ROUTED: &str = "
    node a 192.0.2.1 geneve
    node b 192.0.2.2 geneve
    node c 192.0.2.3 geneve
    network red 1 geneve
    network blue 2 geneve
    network other 3 geneve
    subnet red4 red 10.0.1.0/24 gateway=10.0.1.1
    subnet red6 red fd00:1::/64 gateway=fd00:1::1
    subnet blue4 blue 10.0.2.0/24 gateway=10.0.2.1
    subnet blue6 blue fd00:2::/64 gateway=fd00:2::1
    subnet other4 other 10.0.1.0/24 gateway=10.0.1.1
    port redleg 101 red owner=network:router_interface_distributed mac=02:00:00:00:01:01 ip=10.0.1.1,fd00:1::1 subnet=red4,red6
    port blueleg 102 blue owner=network:router_interface_distributed mac=02:00:00:00:02:01 ip=10.0.2.1,fd00:2::1 subnet=blue4,blue6
    port otherleg 103 other owner=network:router_interface mac=02:00:00:00:01:01 ip=10.0.1.1 subnet=other4
    router r 7 legs=redleg/red/101,blueleg/blue/102
    router s 8 legs=otherleg/other/103
    port red1 11 red on=a:1 mac=02:00:00:00:00:01 ip=10.0.1.11,fd00:1::11 subnet=red4,red6
    port blue1 21 blue on=a:2 mac=02:00:00:00:00:02 ip=10.0.2.21,fd00:2::21 subnet=blue4,blue6
    port blue2 22 blue on=b:3 mac=02:00:00:00:00:03 ip=10.0.2.22,fd00:2::22 subnet=blue4,blue6
    port other1 31 other on=c:4 mac=02:00:00:00:00:04 ip=10.0.1.11 subnet=other4
";

/// More lines for that: a second router behind the first one, with a network of its own.
pub(crate) const IN_A_ROW: &str = "
    network transit 5 geneve
    network green 6 geneve
    subnet transit4 transit 10.0.5.0/24
    subnet green4 green 10.0.6.0/24 gateway=10.0.6.1
    port rtransit 104 transit owner=network:router_interface mac=02:00:00:00:05:01 ip=10.0.5.1 subnet=transit4
    port ttransit 105 transit owner=network:router_interface mac=02:00:00:00:05:02 ip=10.0.5.2 subnet=transit4
    port tgreen 106 green owner=network:router_interface mac=02:00:00:00:06:01 ip=10.0.6.1 subnet=green4
    router r 7 legs=redleg/red/101,blueleg/blue/102,rtransit/transit/104 route=10.0.6.0/24/10.0.5.2
    router t 9 legs=ttransit/transit/105,tgreen/green/106 route=10.0.1.0/24/10.0.5.1
    port green1 61 green on=b:6 mac=02:00:00:00:00:06 ip=10.0.6.61 subnet=green4
";

pub(crate) const RED1: (&str, MacAddr) = ("red1", MacAddr([2, 0, 0, 0, 0, 1]));
pub(crate) const RED_LEG: MacAddr = MacAddr([2, 0, 0, 0, 1, 1]);
pub(crate) const BLUE_LEG: MacAddr = MacAddr([2, 0, 0, 0, 2, 1]);

pub(crate) fn from_red(cloud: &Cloud, to: &str) -> Walk {
    let own = if to.contains(':') { "fd00:1::11" } else { "10.0.1.11" };
    cloud.send(RED1.0, &ping((RED1.1, own), (RED_LEG, to)))
}

/// What one guest got, and from whom as far as it can see.
pub(crate) fn only(walk: &Walk) -> (&str, MacAddr, MacAddr, u8) {
    let traces = walk.traces.iter().map(|(_, trace)| trace.to_string()).collect::<String>();
    let [delivery] = walk.deliveries.as_slice() else { panic!("{:?}\n{traces}", walk.receivers()) };
    let key = &delivery.key;
    let mac = |bits: u64| MacAddr(bits.to_be_bytes()[2..].try_into().expect("six octets"));
    (&delivery.port, mac(key.eth_src), mac(key.eth_dst), key.net.ttl)
}

#[test]
fn a_packet_to_another_network_is_routed_where_it_comes_from() {
    let cloud = Cloud::new(ROUTED);
    for to in ["10.0.2.21", "fd00:2::21"] {
        let walk = from_red(&cloud, to);
        assert_eq!(only(&walk), ("blue1", BLUE_LEG, mac("02:00:00:00:00:02"), 63), "{to}");
        assert!(walk.hops.is_empty(), "it is on the same node");
    }
    for to in ["10.0.2.22", "fd00:2::22"] {
        let walk = from_red(&cloud, to);
        assert_eq!(only(&walk), ("blue2", BLUE_LEG, mac("02:00:00:00:00:03"), 63), "{to}");
        let [hop] = walk.hops.as_slice() else { panic!("{} hops", walk.hops.len()) };
        assert_eq!((hop.from.as_str(), hop.key.tunnel.id), ("a", 2), "in the network that it leaves to");
        assert!(walk.tables("a").len() <= 10, "{:?}", walk.tables("a"));
    }
}

#[test]
fn every_address_of_a_router_answers_pings_on_the_node_of_who_asks() {
    let cloud = Cloud::new(ROUTED);
    for ip in ["10.0.1.1", "10.0.2.1", "fd00:1::1", "fd00:2::1"] {
        let walk = from_red(&cloud, ip);
        let (port, from, to, ttl) = only(&walk);
        assert_eq!((port, from, to, ttl), ("red1", RED_LEG, RED1.1, 64), "{ip}");
        assert!(walk.hops.is_empty());
        let key = &walk.deliveries[0].key;
        assert_eq!(key.net.tp_src, if ip.contains(':') { 129 } else { 0 }, "it is an answer");
    }
}

#[test]
fn tenants_with_the_same_addresses_do_not_meet() {
    let cloud = Cloud::new(ROUTED);
    let walk = cloud.send("other1", &ping((mac("02:00:00:00:00:04"), "10.0.1.11"), (RED_LEG, "10.0.2.21")));
    walk.assert_nobody();
    let [up] = walk.to_controller.as_slice() else { panic!("{:?}", walk.to_controller) };
    assert_eq!(up.packet_in.controller.userdata, [pipeline::userdata::UNDELIVERABLE, 2], "there is no route");
}

#[test]
fn a_node_knows_the_routers_of_its_ports_and_no_others() {
    let mut cloud = Cloud::new(ROUTED);
    let routed = [tables::ROUTE.id, tables::NEIGHBOR.id];
    let routes = |cloud: &mut Cloud, node: &str, key: u128| {
        let desired = cloud.node(node).engine.desired();
        let flows = desired.flows.iter().map(openflow::flow::PackedFlow::unpack);
        flows
            .filter(|flow| routed.contains(&flow.table))
            .filter(|flow| flow.matching.get(Field::Reg8).is_some_and(|entry| entry.value == key))
            .count()
    };
    assert!(routes(&mut cloud, "a", 7) > 0 && routes(&mut cloud, "b", 7) > 0);
    assert_eq!((routes(&mut cloud, "c", 7), routes(&mut cloud, "a", 8)), (0, 0));
    assert!(routes(&mut cloud, "c", 8) > 0);
}

#[test]
fn a_disabled_router_forwards_and_answers_nothing() {
    let mut cloud = Cloud::new(ROUTED);
    cloud.put("router r 7 legs=redleg/red/101,blueleg/blue/102 disabled");
    from_red(&cloud, "10.0.2.21").assert_nowhere();
    from_red(&cloud, "10.0.1.1").assert_nowhere();
    cloud.put("router r 7 legs=redleg/red/101,blueleg/blue/102");
    assert_eq!(only(&from_red(&cloud, "10.0.2.21")).0, "blue1");
    cloud.put("router r 7 legs=redleg/red/101");
    from_red(&cloud, "10.0.2.21").assert_nobody();
    cloud.delete(Table::LogicalRouter, "r");
    from_red(&cloud, "10.0.1.1").assert_nowhere();
}

#[test]
fn the_longest_prefix_counts_and_networks_of_the_router_before_written_routes() {
    let mut cloud = Cloud::new(ROUTED);
    let with = |routes: &str| format!("router r 7 legs=redleg/red/101,blueleg/blue/102 route={routes}");
    cloud.put(&with("10.0.0.0/8/10.0.2.21,10.9.9.0/24/10.0.2.22,10.0.2.0/24/10.0.1.11"));
    assert_eq!(only(&from_red(&cloud, "10.8.0.1")).0, "blue1", "a guest is the next hop");
    assert_eq!(only(&from_red(&cloud, "10.9.9.1")).0, "blue2");
    assert_eq!(only(&from_red(&cloud, "10.0.2.21")).0, "blue1", "the network of a leg goes before");
    cloud.put(&with("10.9.9.0/24/10.0.2.22"));
    from_red(&cloud, "10.8.0.1").assert_nobody();
    cloud.put(&with("10.9.9.0/24/10.0.7.1"));
    let findings = cloud.node("a").engine.findings();
    assert!(findings.iter().any(|finding| finding.problem.contains("10.0.7.1")), "{findings:?}");
}

#[test]
fn routers_in_a_row_pass_packets_on() {
    let cloud = Cloud::new(&format!("{ROUTED}{IN_A_ROW}"));
    let walk = from_red(&cloud, "10.0.6.61");
    assert_eq!(only(&walk), ("green1", mac("02:00:00:00:06:01"), mac("02:00:00:00:00:06"), 62));
    let back = ping((mac("02:00:00:00:00:06"), "10.0.6.61"), (mac("02:00:00:00:06:01"), "10.0.1.11"));
    assert_eq!(only(&cloud.send("green1", &back)).0, "red1");
}

#[test]
fn what_is_for_the_router_itself_and_no_ping_is_refused() {
    let cloud = Cloud::new(ROUTED);
    let walk = cloud.send(RED1.0, &udp((RED1.1, "10.0.1.11", 1000), (RED_LEG, "10.0.2.1", 2000)));
    let [up] = walk.to_controller.as_slice() else { panic!("{:?}", walk.to_controller) };
    assert_eq!(up.packet_in.controller.userdata, [pipeline::userdata::UNDELIVERABLE, 4]);
}

/// The same behind a gateway to a flat external network, which nodes a, b and g are in; node g is the candidate.
pub(crate) const OUTSIDE: &str = "
    node g 192.0.2.9 geneve
    wire a public 90
    wire b public 91
    wire g public 92
    candidate g 1
    network ext 50 flat in=public external
    subnet ext4 ext 203.0.113.0/24 gateway=203.0.113.1
    port gw 500 ext owner=network:router_gateway mac=02:00:00:00:50:01 ip=203.0.113.10 subnet=ext4
    router r 7 legs=redleg/red/101,blueleg/blue/102 gateway=gw/ext
    port f1port 501 ext owner=network:floatingip mac=02:00:00:00:50:11 ip=203.0.113.11 subnet=ext4
    port f2port 502 ext owner=network:floatingip mac=02:00:00:00:50:12 ip=203.0.113.12 subnet=ext4
    floating f1 f1port 203.0.113.11 r red1/10.0.1.11
    floating f2 f2port 203.0.113.12 r blue2/10.0.2.22
";

/// The router of the external network, whom no row says anything of.
pub(crate) const UPSTREAM: (MacAddr, &str) = (MacAddr([2, 0, 0, 0, 0xee, 1]), "203.0.113.1");
pub(crate) const FLOATING1: MacAddr = MacAddr([2, 0, 0, 0, 0x50, 0x11]);
pub(crate) const GATEWAY: MacAddr = MacAddr([2, 0, 0, 0, 0x50, 1]);

pub(crate) fn outside() -> Cloud {
    Cloud::new(&format!("{ROUTED}{OUTSIDE}"))
}

pub(crate) fn from_wire(cloud: &Cloud, node: &str, frame: &[u8]) -> Walk {
    let port = cloud.nodes[node].providers["public"].of_port.expect("a wire");
    cloud.inject(node, Packet::of_frame(OfPort::new(port), frame))
}

#[test]
fn a_floating_ip_is_turned_back_at_its_guest_and_at_no_other_node() {
    let cloud = outside();
    let frame = ping((UPSTREAM.0, "198.51.100.1"), (FLOATING1, "203.0.113.11"));
    let walk = from_wire(&cloud, "a", &frame);
    assert_eq!(only(&walk), ("red1", RED_LEG, RED1.1, 63));
    assert_eq!(walk.deliveries[0].key.net.nw_dst, u32::from(v4("10.0.1.11")));
    for node in ["b", "g"] {
        from_wire(&cloud, node, &frame).assert_nobody();
    }
}

#[test]
fn what_a_guest_with_a_floating_ip_sends_leaves_on_its_own_node_and_asks_for_the_next_hop() {
    let mut cloud = outside();
    let walk = from_red(&cloud, "198.51.100.1");
    assert!(walk.hops.is_empty() && walk.on_wire.is_empty(), "nobody knows the next hop yet");
    let [up] = walk.to_controller.as_slice() else { panic!("{:?}", walk.to_controller) };
    let key = &up.packet_in.key;
    assert_eq!((key.eth_src, key.net.nw_src), (bits(FLOATING1), u32::from(v4("203.0.113.11"))));
    let packet = PacketIn {
        frame: ping((FLOATING1, "203.0.113.11"), (RED_LEG, "198.51.100.1")),
        network: 50,
        router: key.regs[8],
        next_hop: Some(std::net::Ipv4Addr::from(key.regs[10]).into()),
        userdata: up.packet_in.controller.userdata.clone(),
        ..PacketIn::default()
    };
    let reply = cloud.node("a").step(vec![Input::Packet(packet)]).replies.remove(0);
    let Reply::Ask(asked) = reply else { panic!("{reply:?}") };
    assert_eq!(asked.neighbor.ip, std::net::IpAddr::from(v4(UPSTREAM.1)));
    let question = packet::Headers::parse(&asked.question.frame);
    assert_eq!(question.ethernet.expect("a frame").src, FLOATING1);
}

#[test]
fn one_node_answers_for_each_address_outside() {
    let cloud = outside();
    for (ip, node, mac) in [("203.0.113.11", "a", FLOATING1), ("203.0.113.10", "g", GATEWAY)] {
        let question = arp_request(UPSTREAM, ip);
        for asked in ["a", "b", "g"] {
            let walk = from_wire(&cloud, asked, &question);
            let answers: Vec<u64> =
                walk.on_wire.iter().filter(|sent| sent.from == asked).map(|sent| sent.key.eth_src).collect();
            let expected = if asked == node { vec![bits(mac)] } else { vec![] };
            assert_eq!(answers, expected, "{ip} at {asked}");
        }
    }
}

#[test]
fn what_has_no_floating_ip_goes_to_the_node_of_the_gateway_as_it_is() {
    let cloud = outside();
    let frame = ping((mac("02:00:00:00:00:02"), "10.0.2.21"), (BLUE_LEG, "198.51.100.1"));
    let walk = cloud.send("blue1", &frame);
    let [hop] = walk.hops.as_slice() else { panic!("{} hops", walk.hops.len()) };
    assert_eq!((hop.from.as_str(), hop.dst.to_string().as_str()), ("a", "192.0.2.9"));
    assert_eq!((hop.key.tunnel.id, hop.key.net.ttl), (50, 64), "it is routed there and not here");
    assert!(walk.tables("g").contains(&tables::EXTERNAL.id), "{:?}", walk.tables("g"));
}

#[test]
fn floating_ips_reach_each_other_and_themselves() {
    let cloud = outside();
    let walk = from_red(&cloud, "203.0.113.11");
    assert_eq!(only(&walk).0, "red1", "its own");
    assert_eq!(walk.deliveries[0].key.net.nw_src, u32::from(v4("203.0.113.11")));
    assert!(walk.hops.is_empty() && walk.on_wire.is_empty());
}

#[test]
fn a_router_without_a_candidate_has_a_finding_and_its_floating_ips_go_on() {
    let mut cloud = outside();
    cloud.delete(Table::GatewayCandidate, "g");
    let findings = cloud.node("a").engine.findings();
    assert!(findings.iter().any(|finding| finding.problem.contains("df-l3-agent")), "{findings:?}");
    let frame = ping((UPSTREAM.0, "198.51.100.1"), (FLOATING1, "203.0.113.11"));
    assert_eq!(only(&from_wire(&cloud, "a", &frame)).0, "red1");
}

#[test]
fn a_floating_ip_moves_with_its_port_and_dies_when_it_is_taken_away() {
    let mut cloud = outside();
    let frame = ping((UPSTREAM.0, "198.51.100.1"), (FLOATING1, "203.0.113.11"));
    cloud.put("floating f1 f1port 203.0.113.11 r blue2/10.0.2.22");
    from_wire(&cloud, "a", &frame).assert_nobody();
    assert_eq!(only(&from_wire(&cloud, "b", &frame)).0, "blue2");
    cloud.put("floating f1 f1port 203.0.113.11 r");
    for node in ["a", "b", "g"] {
        from_wire(&cloud, node, &frame).assert_nobody();
    }
}

pub(crate) fn bits(mac: MacAddr) -> u64 {
    mac.octets().iter().fold(0, |bits, octet| bits << 8 | u64::from(*octet))
}

/// Two VLAN networks behind a router, on two nodes, and a third one that speaks for the router.
const ON_WIRES: &str = "
    node a 192.0.2.1 geneve
    node b 192.0.2.2 geneve
    node g 192.0.2.9 geneve
    wire a public 90
    wire b public 91
    wire g public 92
    candidate g 1
    network red 1 vlan segment=101 in=public
    network blue 2 vlan segment=102 in=public
    subnet red4 red 10.0.1.0/24 gateway=10.0.1.1
    subnet blue4 blue 10.0.2.0/24 gateway=10.0.2.1
    port redleg 101 red owner=network:router_interface mac=02:00:00:00:01:01 ip=10.0.1.1 subnet=red4
    port blueleg 102 blue owner=network:router_interface mac=02:00:00:00:02:01 ip=10.0.2.1 subnet=blue4
    router r 7 legs=redleg/red/101,blueleg/blue/102 bare
    port red1 11 red on=a:1 mac=02:00:00:00:00:01 ip=10.0.1.11 subnet=red4
    port blue2 22 blue on=b:3 mac=02:00:00:00:00:03 ip=10.0.2.22 subnet=blue4
";

#[test]
fn in_physical_networks_a_router_has_the_mac_address_of_the_node_and_gets_its_own_back() {
    let cloud = Cloud::new(ON_WIRES);
    let walk = from_red(&cloud, "10.0.2.22");
    assert_eq!(only(&walk), ("blue2", BLUE_LEG, mac("02:00:00:00:00:03"), 63));
    let [sent] = walk.on_wire.as_slice() else { panic!("{} times on the wire", walk.on_wire.len()) };
    assert_eq!((sent.key.eth_src >> 32, sent.key.vlans[0].tci & 0x0fff), (0x0edf, 102));
    assert!(walk.hops.is_empty(), "no tunnel");
}

#[test]
fn one_node_speaks_for_a_router_to_whoever_is_on_the_wire() {
    let cloud = Cloud::new(ON_WIRES);
    let host = (mac("02:00:00:00:0a:01"), "10.0.1.99");
    let tagged = |frame: &[u8]| [&frame[..12], &[0x81, 0x00, 0, 101], &frame[12..]].concat();
    for node in ["a", "b", "g"] {
        let walk = from_wire(&cloud, node, &tagged(&arp_request(host, "10.0.1.1")));
        let answers = walk.on_wire.iter().filter(|sent| sent.from == node).count();
        assert_eq!(answers, usize::from(node == "g"), "{node}");
        let walk = from_wire(&cloud, node, &tagged(&ping(host, (RED_LEG, "10.0.2.22"))));
        assert_eq!(walk.receivers().len(), usize::from(node == "g"), "{node}");
    }
    // A guest that asks is answered on its own node.
    let walk = cloud.send("red1", &arp_request((RED1.1, "10.0.1.11"), "10.0.1.1"));
    assert_eq!((walk.receivers(), walk.on_wire.len()), (vec!["red1"], 0));
}

#[test]
fn who_asks_for_a_router_on_the_wire_is_heard_where_listeners_are_looked_at_too() {
    let mut cloud = Cloud::new(ON_WIRES);
    cloud.put(
        "subnet red6 red fd00:1::/64 gateway=fd00:1::1
        port redleg 101 red owner=network:router_interface mac=02:00:00:00:01:01 ip=10.0.1.1,fd00:1::1 subnet=red4,red6
        port red9 19 red on=g:9 mac=02:00:00:00:00:09 ip=10.0.1.19,fd00:1::19 subnet=red4,red6",
    );
    let (host, target) = (mac("02:00:00:00:0a:01"), "fd00:1::1".parse().expect("an address"));
    let group = solicited_node(target);
    let question = Neighbor::Solicitation(Solicitation { target, source_link: Some(host) });
    let link = Ethernet::new(host, MacAddr::of_ipv6_multicast(group));
    let frame = link.neighbor("fd00:1::99".parse().expect("an address"), group, &question).expect("small");
    let tagged = [&frame[..12], &[0x81, 0x00, 0, 101], &frame[12..]].concat();
    for snoops in [false, true] {
        cloud.set("g", |settings| settings.multicast.snoops = snoops);
        let walk = from_wire(&cloud, "g", &tagged);
        let [up] = walk.to_controller.as_slice() else { panic!("{} times", walk.to_controller.len()) };
        let responder = up.packet_in.controller.userdata.first();
        assert_eq!((up.node.as_str(), responder), ("g", Some(&pipeline::userdata::ROUTER_NEIGHBOR)));
        assert_eq!(walk.receivers(), ["red9"], "guests may have the address as well");
        // Whichever of two flows a switch takes, it is the right one.
        let findings = ofsim::analysis::findings(&cloud.node("g").switch, &[]);
        let ambiguous = findings.iter().filter(|finding| matches!(finding, Finding::Ambiguous { .. }));
        assert_eq!(ambiguous.map(ToString::to_string).collect::<Vec<_>>(), Vec::<String>::new());
    }
}

/// What a guest on node a is told regularly of the MAC address of an IPv4 address.
fn told(cloud: &mut Cloud, port: u32, ip: &str) -> Vec<MacAddr> {
    let beacons = cloud.node("a").engine.desired().beacons;
    let announced = beacons.iter().filter(|beacon| beacon.port == OfPort::new(port)).filter_map(|beacon| {
        let arp = packet::arp::Arp::parse(beacon.frame.get(14..)?).ok()?;
        (arp.is_gratuitous() && arp.sender_ip == v4(ip)).then_some(arp.sender_mac)
    });
    announced.collect()
}

#[test]
fn guests_are_told_where_their_router_is_and_where_another_is_that_takes_its_place() {
    let mut cloud = Cloud::new(ROUTED);
    assert_eq!((told(&mut cloud, 1, "10.0.1.1"), told(&mut cloud, 2, "10.0.1.1")), (vec![RED_LEG], vec![]));
    cloud.put(
        "port redleg 101 red owner=network:router_interface_distributed mac=02:00:00:00:01:09 ip=10.0.1.1 subnet=red4",
    );
    assert_eq!(told(&mut cloud, 1, "10.0.1.1"), [mac("02:00:00:00:01:09")]);
    cloud.put("router r 7 legs=redleg/red/101,blueleg/blue/102 disabled");
    assert_eq!(told(&mut cloud, 1, "10.0.1.1"), []);
}
