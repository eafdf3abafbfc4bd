//! Who is answered to neighbour solicitations, and what ports are told of their link.

use std::net::Ipv6Addr;

use engine::Reply;
use model::{Object, Table};
use net_types::{MacAddr, OfPort};
use packet::Headers;
use packet::build::{Ethernet, Ip, Ipv6, Transport};
use packet::headers::NetworkKey;
use packet::nd::{Envelope, HOP_LIMIT, Neighbor, Solicitation, solicited_node};
use packet::router::{self, ALL_NODES, ALL_ROUTERS, Advertisement, Preference, Router};
use pipeline::userdata;
use serde_json::json;

use crate::support::{Cloud, Walk, ask, mac, v6};

const CLOUD: &str = "
    node a 192.0.2.1 geneve
    node b 192.0.2.2 geneve
    network red 1 geneve mtu=1442
    subnet s red fd00::/64 dhcp ra=slaac mode=slaac gateway=fd00::fe dns=fd00::53,8.8.8.8
    subnet f red fd01::/64 dhcp ra=dhcpv6-stateful mode=dhcpv6-stateful
    subnet quiet red fd02::/64 dhcp
    port red1 11 red on=a:1 mac=02:00:00:00:00:01 ip=fd00::1 subnet=s
    port red2 12 red on=a:2 mac=02:00:00:00:00:02 ip=fd00::2,10.0.0.2 subnet=s
    port red3 13 red on=b:3 mac=02:00:00:00:00:03 ip=fd00::3 subnet=s
    port both 14 red on=a:4 mac=02:00:00:00:00:04 ip=fd00::4,fd01::4 subnet=s,f
    port still 15 red on=a:5 mac=02:00:00:00:00:05 ip=fd02::5 subnet=quiet
    port open 16 red on=a:6 mac=02:00:00:00:00:06 ip=fd00::6 subnet=s unsecured
    port server 20 red mac=02:00:00:00:00:20 ip=fd00::20 subnet=s owner=network:dhcp
    network blue 2 geneve
    port blue1 21 blue on=a:11 mac=02:00:00:00:00:01 ip=fd00::1
    port blue2 22 blue on=b:12 mac=02:00:00:00:00:02 ip=fd00::2
";
const ONE: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);

fn solicitation(from: MacAddr, src: &str, target: &str, source_link: Option<MacAddr>) -> Vec<u8> {
    let group = solicited_node(v6(target));
    let question = Neighbor::Solicitation(Solicitation { target: v6(target), source_link });
    let link = Ethernet::new(from, MacAddr::of_ipv6_multicast(group));
    link.neighbor(v6(src), group, &question).expect("a small packet")
}

fn asks_for(cloud: &Cloud, target: &str) -> Walk {
    cloud.send("red1", &solicitation(ONE, "fd00::1", target, Some(ONE)))
}

/// Asserts that red1 got the advertisement of `target` at `owner` and nobody got anything else.
fn assert_answer(walk: &Walk, target: &str, owner: MacAddr, is_router: bool) {
    assert_eq!((walk.receivers(), walk.hops.len()), (vec!["red1"], 0), "{target}");
    let got = &walk.deliveries[0].key;
    let question = Solicitation { target: v6(target), source_link: Some(ONE) };
    let (envelope, answer) = question.answer(v6("fd00::1"), owner, is_router);
    let frame =
        Ethernet::new(owner, ONE).neighbor(envelope.src, envelope.dst, &Neighbor::Advertisement(answer));
    let expected = ofsim::Packet::of_frame(OfPort::new(1), &frame.expect("a small packet")).key;
    assert_eq!((got.eth_src, got.eth_dst), (expected.eth_src, expected.eth_dst));
    // The interpreter remembers the option that the question had beside the one that it has become.
    let mut net = got.net.clone();
    net.sha = expected.net.sha;
    assert_eq!(net, expected.net);
}

#[test]
fn a_solicitation_is_answered_on_the_node_of_who_asks() {
    let cloud = Cloud::new(CLOUD);
    for (target, owner) in [("fd00::2", 2), ("fd00::3", 3), ("fd01::4", 4), ("fd00::20", 0x20)] {
        assert_answer(&asks_for(&cloud, target), target, MacAddr([2, 0, 0, 0, 0, owner]), false);
    }
    let three = mac("02:00:00:00:00:03");
    let link_local = three.link_local().to_string();
    assert_answer(&asks_for(&cloud, &link_local), &link_local, three, false);
    // To one station, as it asks whether that is still there.
    let question = Neighbor::Solicitation(Solicitation { target: v6("fd00::3"), source_link: Some(ONE) });
    let frame = Ethernet::new(ONE, three).neighbor(v6("fd00::1"), v6("fd00::3"), &question).unwrap();
    assert_answer(&cloud.send("red1", &frame), "fd00::3", three, false);
}

#[test]
fn a_router_says_that_it_is_one() {
    let mut cloud = Cloud::new(CLOUD);
    cloud.put("port gw 30 red mac=02:00:00:00:00:30 ip=fd00::fe subnet=s owner=network:router_interface");
    assert_answer(&asks_for(&cloud, "fd00::fe"), "fd00::fe", mac("02:00:00:00:00:30"), true);
}

#[test]
fn a_check_for_duplicates_reaches_everybody_and_is_not_answered() {
    let cloud = Cloud::new(CLOUD);
    let everybody_else = ["both", "open", "red2", "red3", "still"];
    let walk = cloud.send("red1", &solicitation(ONE, "::", "fd00::1", None));
    assert_eq!(walk.receivers(), everybody_else);
    // Also of an address that somebody has, and from a port that may say so.
    let six = mac("02:00:00:00:00:06");
    let walk = cloud.send("open", &solicitation(six, "::", "fd00::1", None));
    assert_eq!(walk.receivers(), ["both", "red1", "red2", "red3", "still"]);
    let walk = cloud.send("open", &solicitation(six, "fd00::6", "fd00::1", Some(six)));
    assert_eq!(walk.receivers(), ["open"]);
}

#[test]
fn nobody_is_answered_about_its_own_addresses_and_other_networks() {
    let mut cloud = Cloud::new(CLOUD);
    let everybody_else = ["both", "open", "red2", "red3", "still"];
    for own in ["fd00::1".to_owned(), ONE.link_local().to_string()] {
        assert_eq!(asks_for(&cloud, &own).receivers(), everybody_else, "{own}");
    }
    let walk = cloud.send("blue1", &solicitation(ONE, "fd00::1", "fd00::3", Some(ONE)));
    assert_eq!(walk.receivers(), ["blue2"], "blue has nobody with this address");
    cloud.put(
        "port red1 11 red on=a:1 mac=02:00:00:00:00:01 ip=fd00::1 pair=fd00::2/02:00:00:00:00:01 subnet=s",
    );
    assert_eq!(asks_for(&cloud, "fd00::2").receivers(), everybody_else, "an address that it shares");
}

#[test]
fn what_the_switch_cannot_answer_goes_to_who_is_asked() {
    let cloud = Cloud::new(CLOUD);
    let walk = cloud.send("red1", &solicitation(ONE, "fd00::1", "fd00::3", None));
    assert!(walk.receivers().contains(&"red3") && !walk.receivers().contains(&"red1"));
}

#[test]
fn ports_are_answered_for_as_with_arp_and_an_operator_may_not_want_answers() {
    let mut cloud = Cloud::new(CLOUD);
    let is_answered = |cloud: &Cloud| asks_for(cloud, "fd00::3").receivers() == ["red1"];
    for (port, answered) in [
        ("port red3 13 red on=b:3 mac=02:00:00:00:00:03 ip=fd00::3 disabled", false),
        ("port red3 13 red mac=02:00:00:00:00:03 ip=fd00::3", false),
        ("port red3 13 red mac=02:00:00:00:00:03 ip=fd00::3 owner=network:dhcp", true),
        ("port red3 13 red on=b:3 mac=02:00:00:00:00:03 ip=10.0.0.3", false),
        ("port red3 13 red on=b:3 mac=02:00:00:00:00:03 ip=fd00::3", true),
    ] {
        cloud.put(port);
        assert_eq!(is_answered(&cloud), answered, "{port}");
    }
    cloud.set("a", |settings| settings.answer_arp = false);
    assert!(!is_answered(&cloud));
}

#[test]
fn a_port_inside_another_gets_its_answer_with_its_tag() {
    let mut cloud = Cloud::new(CLOUD);
    cloud.put("inside sub red1 7\nport sub 17 red on=a mac=02:00:00:00:00:07 ip=fd00::7 subnet=s");
    let seven = mac("02:00:00:00:00:07");
    let tag = packet::headers::VlanTag::customer(7, 0);
    let group = solicited_node(v6("fd00::3"));
    let question = Neighbor::Solicitation(Solicitation { target: v6("fd00::3"), source_link: Some(seven) });
    let link = Ethernet::new(seven, MacAddr::of_ipv6_multicast(group)).tagged(tag);
    let walk = cloud.send("red1", &link.neighbor(v6("fd00::7"), group, &question).unwrap());
    assert_eq!(walk.deliveries.len(), 1);
    assert_eq!(walk.deliveries[0].key.vlans[0].tci & 0x0fff, 7);
    let told = beacon(&mut cloud, "a", 1);
    assert!(told.iter().any(|frame| frame.get(12..16) == Some(&[0x81, 0, 0, 7])), "its own advertisement");
}

/// The frames that a switch port is sent from time to time.
fn beacon(cloud: &mut Cloud, node: &str, port: u32) -> Vec<Vec<u8>> {
    let beacons = cloud.node(node).engine.desired().beacons;
    beacons
        .into_iter()
        .filter(|beacon| beacon.port.get() == port)
        .map(|beacon| beacon.frame.to_vec())
        .collect()
}

/// The advertisement in a frame, who sent it, and from where.
fn advertisement(frame: &[u8]) -> (MacAddr, Ipv6Addr, Advertisement) {
    let headers = Headers::parse(frame);
    let ethernet = headers.ethernet.expect("a frame");
    let Some(NetworkKey::Ipv6 { src, dst, .. }) = headers.network else { panic!("not IPv6") };
    assert_eq!((dst, ethernet.dst), (ALL_NODES, MacAddr([0x33, 0x33, 0, 0, 0, 1])));
    let message = &frame[headers.layout.transport.expect("a transport")..];
    match Router::parse(message, Envelope { src, dst, hop_limit: HOP_LIMIT }) {
        Ok(Router::Advertisement(advertisement)) => (ethernet.src, src, advertisement),
        other => panic!("{other:?}"),
    }
}

fn told(cloud: &mut Cloud, port: u32) -> Advertisement {
    let frames = beacon(cloud, "a", port);
    assert_eq!(frames.len(), 1);
    advertisement(&frames[0]).2
}

#[test]
fn ports_are_told_of_the_subnets_that_they_have_addresses_of() {
    let mut cloud = Cloud::new(CLOUD);
    let frames = beacon(&mut cloud, "a", 1);
    let (mac, src, told_one) = advertisement(&frames[0]);
    assert_eq!((mac, src), (MacAddr([2, 0, 0, 0, 0, 0x20]), mac.link_local()));
    assert_eq!((told_one.is_managed, told_one.has_other, told_one.lifetime_s), (false, false, 0));
    assert_eq!((told_one.mtu, told_one.source_link, told_one.hop_limit), (Some(1442), Some(mac), 64));
    let prefixes = |told: &Advertisement| -> Vec<_> {
        let of = |prefix: &router::Prefix| {
            (prefix.prefix.to_string(), prefix.length, prefix.is_on_link, prefix.is_autonomous)
        };
        told.prefixes.iter().map(of).collect()
    };
    assert_eq!(prefixes(&told_one), [("fd00::".to_owned(), 64, true, true)]);
    assert_eq!(told_one.dns_servers[0].servers, [v6("fd00::53")]);
    assert_eq!(told_one.dns_search[0].domains, ["openstacklocal"]);
    // Two subnets, one of which has its addresses given.
    let told_both = told(&mut cloud, 4);
    assert_eq!((told_both.is_managed, told_both.has_other), (true, true));
    assert_eq!(
        prefixes(&told_both),
        [("fd01::".to_owned(), 64, true, false), ("fd00::".to_owned(), 64, true, true)]
    );
    // A subnet without a mode announces nothing, and a network without such subnets neither.
    assert!(beacon(&mut cloud, "a", 5).is_empty() && beacon(&mut cloud, "a", 11).is_empty());
    assert_eq!(beacon(&mut cloud, "a", 2), frames, "the same to all with addresses of the same subnets");
}

#[test]
fn what_is_announced_follows_the_rows() {
    let mut cloud = Cloud::new(CLOUD);
    cloud.put("port gw 30 red mac=02:00:00:00:00:30 ip=fd00::fe subnet=s owner=network:router_interface");
    let frames = beacon(&mut cloud, "a", 1);
    let (from, _, with_router) = advertisement(&frames[0]);
    assert!(from == mac("02:00:00:00:00:30") && with_router.lifetime_s > 0);
    assert_eq!(with_router.preference, Preference::Medium);
    cloud.put("subnet s red fd00::/64 dhcp ra=slaac mode=slaac gateway=fd00::fe preference=high");
    assert_eq!(told(&mut cloud, 1).preference, Preference::High);
    cloud.put("subnet s red fd00::/64 dhcp ra=slaac mode=slaac gateway=fd00::fe preference=low");
    assert_eq!(told(&mut cloud, 1).preference, Preference::Low);
    cloud.delete(Table::LogicalPort, "gw");
    let without_router = told(&mut cloud, 1);
    assert_eq!((without_router.lifetime_s, without_router.preference), (0, Preference::Medium));
    cloud.put("subnet s red fd00::/64 dhcp ra=dhcpv6-stateless mode=dhcpv6-stateless");
    let stateless = told(&mut cloud, 1);
    assert_eq!(
        (stateless.is_managed, stateless.has_other, stateless.prefixes[0].is_autonomous),
        (false, true, true)
    );
    assert!(stateless.dns_servers.is_empty());
    cloud.set("a", |settings| {
        std::sync::Arc::make_mut(&mut settings.dhcp).dns_servers_v6 = vec![v6("fd00::54")];
    });
    assert_eq!(told(&mut cloud, 1).dns_servers[0].servers, [v6("fd00::54")]);
    let extra = json!({"id": "red", "lswitch": "red", "topic": "t", "dns_domain": "Red.Example."});
    cloud.put_row(Object::from_text(Table::NetworkExtra, &extra.to_string()).expect("a row"));
    assert_eq!(told(&mut cloud, 1).dns_search[0].domains, ["red.example"]);
    // A network without a server speaks all the same.
    cloud.delete(Table::LogicalPort, "server");
    let frames = beacon(&mut cloud, "a", 1);
    let (from, src, _) = advertisement(&frames[0]);
    assert_eq!((from, src), (mac("02:df:00:00:00:01"), from.link_local()));
    cloud.delete(Table::SubnetIpv6, "s");
    assert!(beacon(&mut cloud, "a", 1).is_empty());
}

fn router_solicitation(from: MacAddr, src: &str, hop_limit: u8) -> Vec<u8> {
    let link = Some(from).filter(|_| src != "::");
    let message = Router::Solicitation(router::Solicitation { source_link: link }).to_message();
    let ip = Ip::V6(Ipv6 { hop_limit, ..Ipv6::new(v6(src), ALL_ROUTERS) });
    let link = Ethernet::new(from, MacAddr::of_ipv6_multicast(ALL_ROUTERS));
    link.ip(&ip, &Transport::Icmp(message)).expect("a small packet")
}

#[test]
fn who_asks_for_routers_is_told_at_once_and_nobody_else_hears_of_it() {
    let mut cloud = Cloud::new(CLOUD);
    for src in ["::".to_owned(), ONE.link_local().to_string(), "fd00::1".to_owned()] {
        let question = router_solicitation(ONE, &src, HOP_LIMIT);
        let walk = cloud.send("red1", &question);
        assert!(walk.receivers().is_empty() && walk.hops.is_empty(), "{src}");
        let expected = beacon(&mut cloud, "a", 1).remove(0);
        let (responder, reply) = ask(&mut cloud, "red1", &question);
        assert_eq!(responder, userdata::ROUTER_SOLICITATION);
        assert_eq!(reply, Reply::Send { frame: expected, port: OfPort::new(1) });
    }
    let (_, reply) = ask(&mut cloud, "red1", &router_solicitation(ONE, "::", 64));
    assert!(matches!(reply, Reply::Ignore(_)), "from beyond the link");
    let six = mac("02:00:00:00:00:06");
    let (_, reply) = ask(&mut cloud, "open", &router_solicitation(six, "::", HOP_LIMIT));
    assert!(matches!(reply, Reply::Send { port, .. } if port == OfPort::new(6)));
    // One that is not told anything may find a router among the guests.
    let five = mac("02:00:00:00:00:05");
    let walk = cloud.send("still", &router_solicitation(five, "::", HOP_LIMIT));
    assert_eq!(walk.receivers(), ["both", "open", "red1", "red2", "red3"]);
}

#[test]
fn who_may_use_any_address_announces_those_of_others_to_everybody() {
    let cloud = Cloud::new(CLOUD);
    let claim = router_free(v6("fd00::2"), mac("02:00:00:00:00:06"));
    let link = Ethernet::new(mac("02:00:00:00:00:06"), MacAddr::of_ipv6_multicast(ALL_NODES));
    let frame =
        link.neighbor(v6("fd00::2"), ALL_NODES, &Neighbor::Advertisement(claim)).expect("a small packet");
    let walk = cloud.send("open", &frame);
    assert_eq!(walk.receivers(), ["both", "red1", "red2", "red3", "still"]);
}

/// An unsolicited advertisement of who is no router.
fn router_free(target: Ipv6Addr, at: MacAddr) -> packet::nd::Advertisement {
    packet::nd::Advertisement {
        is_router: false,
        is_solicited: false,
        is_override: true,
        target,
        target_link: Some(at),
    }
}
