//! Guests that leave with the address of their node.

use std::net::Ipv4Addr;

use net_types::MacAddr;
use ofsim::trace::Outcome;
use openflow::action::NatAddrs;
use openflow::flow::PackedFlow;
use pipeline::tables;

use crate::routers::{
    BLUE_LEG, FLOATING1, GATEWAY, OUTSIDE, ROUTED, UPSTREAM, bits, from_red, from_wire, only,
};
use crate::support::{Cloud, Walk, arp_request, mac, ping, udp};

const ADDRESS: &str = "203.0.113.101";
const STRANGER: &str = "198.51.100.1";
const BLUE1: (MacAddr, &str) = (MacAddr([2, 0, 0, 0, 0, 2]), "10.0.2.21");
const BLUE2: (MacAddr, &str) = (MacAddr([2, 0, 0, 0, 0, 3]), "10.0.2.22");

/// Another tenant whose guest on node a has the address of red1, and no floating IP.
const TWIN: &str = "
    network twin 4 geneve
    subnet twin4 twin 10.0.2.0/24 gateway=10.0.2.1
    port twinleg 104 twin owner=network:router_interface_distributed mac=02:00:00:00:04:01 ip=10.0.2.1 subnet=twin4
    port twingw 510 ext owner=network:router_gateway mac=02:00:00:00:50:02 ip=203.0.113.15 subnet=ext4
    router w 9 legs=twinleg/twin/104 gateway=twingw/ext
    port twin1 41 twin on=a:9 mac=02:00:00:00:00:41 ip=10.0.2.21 subnet=twin4
";

fn cloud(more: &str) -> Cloud {
    let mut cloud = Cloud::new(&format!("{ROUTED}{OUTSIDE}{more}"));
    cloud.set("a", |settings| settings.host_address = Some(ADDRESS.parse().expect("an address")));
    cloud
}

fn out(cloud: &Cloud, port: &str, from: (MacAddr, &str), leg: MacAddr) -> Walk {
    cloud.send(port, &ping(from, (leg, STRANGER)))
}

/// With which addresses a packet was translated on a node, one after the other.
fn hidden_behind(walk: &Walk, node: &str) -> Vec<Ipv4Addr> {
    let traces = walk.traces.iter().filter(|(name, _)| name == node);
    let nats = traces.flat_map(|(_, trace)| trace.outcomes()).filter_map(|outcome| match outcome {
        Outcome::Tracked(tracking) => tracking.nat.as_ref()?.addrs,
        _ => None,
    });
    nats.map(|addrs| match addrs {
        NatAddrs::V4 { min, .. } => min,
        other => panic!("{other:?}"),
    })
    .collect()
}

/// The address in between of what leaves with the address of a node.
fn between(walk: &Walk, node: &str) -> Ipv4Addr {
    let hidden = hidden_behind(walk, node);
    let [between, seen] = hidden[..] else { panic!("{hidden:?}") };
    assert_eq!((between.octets()[0], seen.to_string().as_str()), (240, ADDRESS));
    between
}

fn has_no_part(cloud: &Cloud, why: &str) {
    let walk = out(cloud, "blue1", BLUE1, BLUE_LEG);
    assert_eq!(hidden_behind(&walk, "a"), [] as [Ipv4Addr; 0], "{why}");
}

/// The flows of one table that say something.
fn flows(cloud: &mut Cloud, node: &str, table: u8, words: &str) -> Vec<String> {
    let desired = cloud.node(node).engine.desired();
    let all = desired.flows.iter().map(PackedFlow::unpack).filter(|flow| flow.table == table);
    all.map(|flow| flow.to_string()).filter(|flow| flow.contains(words)).collect()
}

#[test]
fn what_has_no_floating_ip_leaves_on_its_node_with_the_address_of_the_node() {
    let mut cloud = cloud("");
    let walk = out(&cloud, "blue1", BLUE1, BLUE_LEG);
    assert!(walk.hops.is_empty(), "nobody needs the gateway's node");
    let between = between(&walk, "a");
    let [up] = walk.to_controller.as_slice() else { panic!("{} packets", walk.to_controller.len()) };
    let (us, key) = (apps::routers::node_mac(&chassis("a")), &up.packet_in.key);
    assert_eq!((key.eth_src, Ipv4Addr::from(key.net.nw_src).to_string().as_str()), (bits(us), ADDRESS));
    // What answers it goes the other way.
    let back = flows(&mut cloud, "a", tables::HOST_ADDRESS.id, &format!("nw_dst={between}"));
    assert!(matches!(back.as_slice(), [flow] if flow.contains("0x7->reg8")), "{back:?}");
    let answer = ping((UPSTREAM.0, STRANGER), (us, ADDRESS));
    let walk = from_wire(&cloud, "a", &answer);
    assert_eq!(walk.tables("a").last(), Some(&tables::HOST_ADDRESS.id), "it is of no connection");
    walk.assert_nowhere();
    // Guests of nodes without an address leave by the gateway, and who has a floating IP with that.
    let walk = out(&cloud, "blue2", BLUE2, BLUE_LEG);
    assert_eq!(walk.hops.len(), 0, "blue2 has a floating IP");
    let walk = from_red(&cloud, STRANGER);
    assert_eq!(hidden_behind(&walk, "a"), [] as [Ipv4Addr; 0]);
    assert_eq!(walk.to_controller[0].packet_in.key.eth_src, bits(FLOATING1));
}

fn chassis(name: &str) -> model::Id<model::Chassis> {
    model::Id::new(name).expect("a name")
}

#[test]
fn tenants_with_the_same_addresses_have_addresses_and_zones_of_their_own_in_between() {
    let cloud = cloud(TWIN);
    let one = between(&out(&cloud, "blue1", BLUE1, BLUE_LEG), "a");
    let twin = (mac("02:00:00:00:00:41"), "10.0.2.21");
    let other = between(&out(&cloud, "twin1", twin, mac("02:00:00:00:04:01")), "a");
    assert_ne!(one, other);
}

#[test]
fn nobody_else_answers_for_the_address_and_the_node_does() {
    let cloud = cloud("");
    for node in ["a", "b", "g"] {
        let walk = from_wire(&cloud, node, &arp_request(UPSTREAM, ADDRESS));
        let answers = walk.on_wire.iter().filter(|sent| sent.from == node).map(|sent| sent.key.eth_src);
        let expected = if node == "a" { vec![bits(apps::routers::node_mac(&chassis("a")))] } else { vec![] };
        assert_eq!(answers.collect::<Vec<_>>(), expected, "{node}");
    }
}

#[test]
fn only_routers_that_hide_on_the_spot_have_a_part_in_it() {
    let mut cloud = cloud("");
    let router = |words: &str| format!("router r 7 legs=redleg/red/101,blueleg/blue/102 {words}");
    for (words, why) in [
        ("", "no gateway, no way out"),
        ("gateway=gw/ext/plain", "a gateway that hides nothing"),
        ("gateway=gw/ext central", "all goes by the gateway's node"),
    ] {
        cloud.put(&router(words));
        has_no_part(&cloud, why);
    }
    cloud.put(&router("gateway=gw/ext"));
    between(&out(&cloud, "blue1", BLUE1, BLUE_LEG), "a");
    cloud.set("a", |settings| settings.host_address = Some("192.0.2.77".parse().expect("an address")));
    has_no_part(&cloud, "an address of no subnet outside");
    cloud.set("a", |settings| settings.host_address = None);
    has_no_part(&cloud, "no address");
}

#[test]
fn an_address_that_somebody_has_is_a_finding_and_not_used() {
    let mut cloud = cloud("");
    cloud.set("a", |settings| settings.host_address = Some("203.0.113.10".parse().expect("an address")));
    has_no_part(&cloud, "it is the gateway's");
    let problems = cloud.problems("a");
    assert!(problems.iter().any(|problem| problem.contains("external_host_ip")), "{problems:?}");
}

#[test]
fn nobody_needs_a_candidate_for_it() {
    let mut cloud = cloud("");
    cloud.delete(model::Table::GatewayCandidate, "g");
    between(&out(&cloud, "blue1", BLUE1, BLUE_LEG), "a");
    let problems = cloud.problems("a");
    assert!(!problems.iter().any(|problem| problem.contains("df-l3-agent")), "{problems:?}");
}

#[test]
fn what_is_translated_at_the_gateway_goes_there_all_the_same() {
    let cloud = cloud(
        "
        port f3port 503 ext owner=network:floatingip mac=02:00:00:00:50:13 ip=203.0.113.13 subnet=ext4
        floating f3 f3port 203.0.113.13 r
        forward f3 17 1000 blue1/10.0.2.21 2000 40
        port blue1 21 blue on=a:2 mac=02:00:00:00:00:02 ip=10.0.2.21 pair=10.0.2.99/02:00:00:00:00:02 subnet=blue4
        port held 23 blue ip=10.0.2.99 subnet=blue4
        port f4port 504 ext owner=network:floatingip mac=02:00:00:00:50:14 ip=203.0.113.14 subnet=ext4
        floating f4 f4port 203.0.113.14 r held/10.0.2.99
        ",
    );
    let sent =
        |source: &str, port| cloud.send("blue1", &udp((BLUE1.0, source, port), (BLUE_LEG, STRANGER, 53)));
    let walk = sent(BLUE1.1, 2017);
    assert_eq!((walk.hops.len(), hidden_behind(&walk, "a").len()), (1, 0), "a forwarded port");
    let walk = sent(BLUE1.1, 2040);
    assert_eq!((walk.hops.len(), hidden_behind(&walk, "a").len()), (0, 2), "another");
    let walk = sent("10.0.2.99", 2040);
    assert_eq!(
        (walk.hops.len(), hidden_behind(&walk, "a").len()),
        (1, 0),
        "an address that is bound nowhere"
    );
}

#[test]
fn what_others_send_to_a_gateway_has_its_address_also_where_guests_have_that_of_the_node() {
    let mut cloud = cloud("port blue3 24 blue on=b:5 mac=02:00:00:00:00:24 ip=10.0.2.24 subnet=blue4");
    cloud.set("a", |settings| settings.host_address = None);
    cloud.set("g", |settings| settings.host_address = Some(ADDRESS.parse().expect("an address")));
    cloud.put("port blue4 25 blue on=g:5 mac=02:00:00:00:00:25 ip=10.0.2.25 subnet=blue4");
    let walk = out(&cloud, "blue3", (mac("02:00:00:00:00:24"), "10.0.2.24"), BLUE_LEG);
    assert_eq!(hidden_behind(&walk, "g"), ["203.0.113.10".parse::<Ipv4Addr>().expect("an address")]);
    let walk = out(&cloud, "blue4", (mac("02:00:00:00:00:25"), "10.0.2.25"), BLUE_LEG);
    between(&walk, "g");
    // What comes back to the gateway is the gateway's.
    let walk = from_wire(&cloud, "g", &arp_request(UPSTREAM, "203.0.113.10"));
    assert!(walk.on_wire.iter().any(|sent| sent.key.eth_src == bits(GATEWAY)));
    let walk =
        from_wire(&cloud, "b", &ping((UPSTREAM.0, STRANGER), (mac("02:00:00:00:50:12"), "203.0.113.12")));
    assert_eq!(only(&walk).0, "blue2");
}
