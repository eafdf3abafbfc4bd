//! What guests may send, and what they may not, one by one; `properties` asks the same of random packets.

use model::Table;
use net_types::MacAddr;
use packet::arp::{Arp, ArpOperation};
use packet::build::{Ethernet, Ip, Ipv6, Transport, Udp};
use packet::icmp::Message;
use packet::nd::{Advertisement, Neighbor, Solicitation, solicited_node};

use crate::support::{
    Cloud, arp_request, dhcp_discover, ip, ipv4_header, ipv6_header, mac, ping, udp, v4, v6,
};

const CLOUD: &str = "
    node a 192.0.2.1 geneve
    network red 1 geneve
    port red1 11 red on=a:1 mac=02:00:00:00:00:01 ip=10.0.0.1,fd00::1 pair=10.0.0.100/02:00:00:00:01:00
    port red2 12 red on=a:2 mac=02:00:00:00:00:02 ip=10.0.0.2,fd00::2
    port only4 13 red on=a:3 mac=02:00:00:00:00:03 ip=10.0.0.3
    port open 14 red on=a:4 mac=02:00:00:00:00:04 ip=10.0.0.4 unsecured
";
const ONE: &str = "02:00:00:00:00:01";
const TWO: &str = "02:00:00:00:00:02";

/// Whether red2 gets what another port sends.
fn passes(sender: &str, frame: &[u8]) -> bool {
    Cloud::new(CLOUD).send(sender, frame).receivers().contains(&"red2")
}

fn answered(sender: &str, frame: &[u8]) -> bool {
    Cloud::new(CLOUD).send(sender, frame).receivers() == [sender]
}

#[test]
fn ipv4_comes_from_an_address_of_the_port_and_its_mac() {
    let to_two = |src: &str, src_ip: &str| ping((mac(src), src_ip), (mac(TWO), "10.0.0.2"));
    assert!(passes("red1", &to_two(ONE, "10.0.0.1")));
    assert!(passes("red1", &to_two("02:00:00:00:01:00", "10.0.0.100")), "an allowed pair");
    assert!(!passes("red1", &to_two("02:00:00:00:01:00", "10.0.0.1")), "halves of two pairs");
    assert!(!passes("red1", &to_two(ONE, "10.0.0.100")), "halves of two pairs");
    assert!(!passes("red1", &to_two("02:00:00:00:00:09", "10.0.0.1")), "a foreign MAC");
    assert!(!passes("red1", &to_two(ONE, "10.0.0.9")), "a foreign address");
    assert!(!passes("red1", &to_two(ONE, "0.0.0.0")));
    assert!(!passes("red1", &to_two("03:00:00:00:00:01", "10.0.0.1")), "a group is no sender");
    assert!(
        !passes("red1", &Ethernet::new(mac(ONE), mac(TWO)).frame(0x88cc, &[0; 60])),
        "neither IP nor ARP"
    );
}

#[test]
fn an_allowed_address_pair_may_be_a_range() {
    let mut cloud = Cloud::new(CLOUD);
    let passes = |cloud: &Cloud, src: &str, src_ip: &str, dst_ip: &str| {
        let frame = ping((mac(src), src_ip), (mac(TWO), dst_ip));
        cloud.send("red1", &frame).receivers().contains(&"red2")
    };
    let pod = "02:00:00:00:02:00";
    cloud.put(&format!(
        "port red1 11 red on=a:1 mac={ONE} ip=10.0.0.1,fd00::1 pair=10.8.0.0/16/{ONE},10.9.9.9/24/{pod},fd08::/32/{pod}"
    ));
    assert!(passes(&cloud, ONE, "10.0.0.1", "10.0.0.2"));
    assert!(passes(&cloud, ONE, "10.8.255.7", "10.0.0.2") && !passes(&cloud, ONE, "10.9.9.7", "10.0.0.2"));
    assert!(passes(&cloud, pod, "10.9.9.7", "10.0.0.2") && !passes(&cloud, pod, "10.8.255.7", "10.0.0.2"));
    assert!(passes(&cloud, pod, "fd08:0:7::7", "fd00::2") && !passes(&cloud, ONE, "fd08:0:7::7", "fd00::2"));
    // ARP says what is true, and asks for others in the range are answered as always.
    let asks = |src_ip: &str, ip: &str| arp_request((mac(ONE), src_ip), ip);
    assert_eq!(cloud.send("red1", &asks("10.8.3.3", "10.0.0.2")).receivers(), ["red1"]);
    cloud.send("red1", &asks("10.7.3.3", "10.0.0.2")).assert_nowhere();
    cloud.put(&format!("port red1 11 red on=a:1 mac={ONE} ip=10.0.0.1 pair=0.0.0.0/0/{ONE}"));
    assert!(passes(&cloud, ONE, "203.0.113.9", "10.0.0.2") && !passes(&cloud, ONE, "fd00::1", "fd00::2"));
    assert_eq!(cloud.send("red1", &asks("10.0.0.1", "10.0.0.2")).receivers(), ["red1"]);

    cloud.delete(Table::PortAddressRanges, "red1");
    cloud.put(&format!("port red1 11 red on=a:1 mac={ONE} ip=10.0.0.1"));
    assert!(passes(&cloud, ONE, "10.0.0.1", "10.0.0.2") && !passes(&cloud, ONE, "10.8.255.7", "10.0.0.2"));
}

#[test]
fn later_fragments_pass_by_their_addresses() {
    let datagram = Transport::Udp(Udp { src_port: 1, dst_port: 2, payload: vec![0; 3000] });
    let fragments = |src: &str| {
        let header = Ip::V4(ipv4_header(src, "10.0.0.2"));
        Ethernet::new(mac(ONE), mac(TWO)).ip_fragments(&header, &datagram, 1000).expect("fragments")
    };
    let own = fragments("10.0.0.1");
    assert!(own.len() > 2 && own.iter().all(|fragment| passes("red1", fragment)));
    assert!(!fragments("10.0.0.9").iter().any(|fragment| passes("red1", fragment)));
    let header = Ip::V6(ipv6_header("fd00::1", "fd00::2"));
    let own = Ethernet::new(mac(ONE), mac(TWO)).ip_fragments(&header, &datagram, 1000).expect("fragments");
    assert!(own.len() > 2 && own.iter().all(|fragment| passes("red1", fragment)));
}

#[test]
fn discovery_in_fragments_goes_nowhere_and_long_pings_pass() {
    let passing = |hop_limit: u8, kind: u8| {
        let message = Message { kind, code: 0, rest: [0; 4], payload: vec![0; 3000] };
        let header = Ip::V6(Ipv6 { hop_limit, ..ipv6_header("fd00::1", "fd00::2") });
        let ethernet = Ethernet::new(mac(ONE), mac(TWO));
        let fragments = ethernet.ip_fragments(&header, &Transport::Icmp(message), 1000).expect("fragments");
        fragments.iter().map(|fragment| passes("red1", fragment)).collect::<Vec<_>>()
    };
    // Advertisements of routers and neighbours, solicitations, redirects: what later fragments say is of no use without the first.
    for kind in [134, 136, 135, 137] {
        assert_eq!(passing(255, kind), [false, true, true, true], "{kind}");
    }
    assert_eq!(passing(64, 128), [true; 4]);
}

#[test]
fn arp_says_of_the_sender_what_is_true() {
    let arp = |eth_src: &str, sha: &str, spa: &str| {
        Ethernet::new(mac(eth_src), MacAddr::BROADCAST).arp(&Arp::request(mac(sha), v4(spa), v4("10.0.0.99")))
    };
    assert!(passes("red1", &arp(ONE, ONE, "10.0.0.1")));
    assert!(passes("red1", &arp(ONE, ONE, "0.0.0.0")), "a probe");
    assert!(passes("red1", &arp("02:00:00:00:01:00", "02:00:00:00:01:00", "10.0.0.100")));
    for (eth_src, sha, spa) in [
        (ONE, ONE, "10.0.0.2"),
        (ONE, TWO, "10.0.0.1"),
        (ONE, TWO, "0.0.0.0"),
        (TWO, ONE, "10.0.0.1"),
        (TWO, TWO, "10.0.0.2"),
        (ONE, ONE, "10.0.0.100"),
    ] {
        assert!(!passes("red1", &arp(eth_src, sha, spa)), "{eth_src} {sha} {spa}");
    }
    let reply =
        |spa: &str| Arp { operation: ArpOperation::REPLY, ..Arp::request(mac(ONE), v4(spa), v4("10.0.0.2")) };
    assert!(passes("red1", &Ethernet::new(mac(ONE), mac(TWO)).arp(&reply("10.0.0.1"))));
    assert!(!passes("red1", &Ethernet::new(mac(ONE), mac(TWO)).arp(&reply("10.0.0.4"))), "a foreign address");
    assert!(!passes("red1", &Ethernet::new(mac(ONE), mac(TWO)).arp(&reply("0.0.0.0"))), "no probe");
    assert!(!answered("red1", &arp_request((mac(TWO), "10.0.0.2"), "10.0.0.4")));
}

#[test]
fn guests_are_no_dhcp_servers_and_no_routers() {
    let server = |port| udp((mac(ONE), "10.0.0.1", port), (mac(TWO), "10.0.0.2", 68));
    assert!(!passes("red1", &server(67)) && passes("red1", &server(66)));
    let server = |port| udp((mac(ONE), "fd00::1", port), (mac(TWO), "fd00::2", 546));
    assert!(!passes("red1", &server(547)) && passes("red1", &server(548)));
    let icmp = |kind| {
        let message = Message { kind, code: 0, rest: [0; 4], payload: vec![0; 16] };
        ip(
            (mac(ONE), "fd00::1".parse().expect("an address")),
            (mac(TWO), v6("fd00::2").into()),
            &Transport::Icmp(message),
        )
    };
    assert!(!passes("red1", &icmp(134)) && !passes("red1", &icmp(137)) && passes("red1", &icmp(128)));
    // Who is trusted may be one.
    assert!(passes("open", &udp((mac(ONE), "10.0.0.9", 67), (mac(TWO), "10.0.0.2", 68))));
}

#[test]
fn dhcp_requests_are_not_switched_where_they_are_answered() {
    let renewal = udp((mac(ONE), "10.0.0.1", 68), (mac(TWO), "10.0.0.2", 67));
    let table = pipeline::tables::DHCP.id;
    for (sender, frame) in [
        ("red1", dhcp_discover(mac(ONE))),
        ("red1", renewal),
        ("open", dhcp_discover(mac("02:00:00:00:00:04"))),
    ] {
        assert!(Cloud::new(CLOUD).send(sender, &frame).tables("a").contains(&table), "{sender}");
    }
    for (frame, may_be_answered) in [
        (dhcp_discover(mac(TWO)), false),
        (udp((mac(ONE), "0.0.0.0", 68), (mac(TWO), "10.0.0.2", 69)), false),
        // It may once have been an address of the port.
        (udp((mac(ONE), "10.0.0.2", 68), (mac(TWO), "10.0.0.2", 67)), true),
    ] {
        let walk = Cloud::new(CLOUD).send("red1", &frame);
        assert_eq!(walk.tables("a").contains(&table), may_be_answered);
        walk.assert_nowhere();
    }
}

#[test]
fn ipv6_comes_from_an_address_of_the_port_or_its_link_local_one() {
    let to_two = |src: &str, src_ip: &str| ping((mac(src), src_ip), (mac(TWO), "fd00::2"));
    let link_local = mac(ONE).link_local().to_string();
    assert!(passes("red1", &to_two(ONE, "fd00::1")));
    assert!(passes("red1", &to_two(ONE, &link_local)));
    assert!(!passes("red1", &to_two(ONE, "fd00::2")));
    assert!(!passes("red1", &to_two(ONE, "fe80::1")));
    assert!(!passes("red1", &to_two(ONE, "::")));
    assert!(!passes("red1", &to_two(TWO, "fd00::1")));
    let only4 = mac("02:00:00:00:00:03");
    assert!(!passes("only4", &ping((only4, &only4.link_local().to_string()), (mac(TWO), "fd00::2"))));
}

/// A message of neighbour discovery from red1's MAC, to everybody.
fn neighbor(src: &str, message: Neighbor) -> Vec<u8> {
    let dst = solicited_node(v6("fd00::99"));
    Ethernet::new(mac(ONE), MacAddr::of_ipv6_multicast(dst))
        .neighbor(v6(src), dst, &message)
        .expect("a small packet")
}

#[test]
fn neighbour_solicitations_tell_the_truth_about_who_asks() {
    let solicits = |src: &str, target: &str, source_link: Option<&str>| {
        let question = Solicitation { target: v6(target), source_link: source_link.map(mac) };
        passes("red1", &neighbor(src, Neighbor::Solicitation(question)))
    };
    assert!(solicits("fd00::1", "fd00::77", Some(ONE)));
    assert!(solicits("fd00::1", "fd00::2", None));
    assert!(!solicits("fd00::1", "fd00::77", Some(TWO)));
    assert!(!solicits("fd00::2", "fd00::77", Some(ONE)));
    assert!(!solicits("fd00::2", "fd00::1", Some(ONE)));
    // Duplicate address detection, of its own addresses only.
    assert!(solicits("::", "fd00::1", None));
    assert!(solicits("::", &mac(ONE).link_local().to_string(), None));
    assert!(!solicits("::", "fd00::2", None));
    assert!(!solicits("::", "fd00::1", Some(ONE)));
}

#[test]
fn neighbour_advertisements_are_about_addresses_of_the_port() {
    let advertises = |src: &str, target: &str, target_link: Option<&str>| {
        let claim = Advertisement {
            is_router: false,
            is_solicited: true,
            is_override: true,
            target: v6(target),
            target_link: target_link.map(mac),
        };
        passes("red1", &neighbor(src, Neighbor::Advertisement(claim)))
    };
    let link_local = mac(ONE).link_local().to_string();
    assert!(advertises("fd00::1", "fd00::1", Some(ONE)));
    assert!(advertises("fd00::1", "fd00::1", None));
    assert!(advertises(&link_local, "fd00::1", Some(ONE)));
    assert!(advertises(&link_local, &link_local, Some(ONE)));
    assert!(!advertises("fd00::1", "fd00::2", Some(ONE)));
    assert!(!advertises("fd00::1", "fd00::1", Some(TWO)));
    assert!(!advertises("fd00::2", "fd00::1", Some(ONE)));
    assert!(!advertises("::", "fd00::1", Some(ONE)));
}

#[test]
fn who_has_no_ipv6_address_yet_may_ask_for_routers_and_report_listeners() {
    let sends = |kind: u8| {
        let message = Message { kind, code: 0, rest: [0; 4], payload: vec![0; 16] };
        let dst = v6("ff02::2");
        let frame = ip(
            (mac(ONE), v6("::").into()),
            (MacAddr::of_ipv6_multicast(dst), dst.into()),
            &Transport::Icmp(message),
        );
        passes("red1", &frame)
    };
    assert!([133, 131, 132, 143].into_iter().all(sends));
    assert!(![128, 129, 130, 134, 135, 136, 137, 151].into_iter().any(sends));
}

#[test]
fn without_port_security_only_groups_are_no_senders() {
    let open = |src: &str, src_ip: &str| passes("open", &ping((mac(src), src_ip), (mac(TWO), "10.0.0.2")));
    assert!(open("02:00:00:00:00:04", "10.0.0.4") && open("02:00:00:00:00:77", "192.0.2.77"));
    assert!(!open("03:00:00:00:00:04", "10.0.0.4") && !open("ff:ff:ff:ff:ff:ff", "10.0.0.4"));
    assert!(passes("open", &Ethernet::new(mac("02:00:00:00:00:55"), mac(TWO)).frame(0x88cc, &[0; 60])));
    assert!(answered("open", &arp_request((mac("02:00:00:00:00:77"), "10.0.0.77"), "10.0.0.2")));
}

#[test]
fn a_port_without_the_member_is_secured() {
    let mut cloud = Cloud::new(CLOUD);
    let row = cloud.row(model::Table::LogicalPort, "open").to_text();
    let row = row.replace(r#""port_security_enabled": false"#, r#""port_security_enabled": null"#);
    cloud.put_row(model::Object::from_text(model::Table::LogicalPort, &row).expect("a row"));
    cloud
        .send("open", &ping((mac("02:00:00:00:00:77"), "10.0.0.4"), (mac(TWO), "10.0.0.2")))
        .assert_nowhere();
    let own = ping((mac("02:00:00:00:00:04"), "10.0.0.4"), (mac(TWO), "10.0.0.2"));
    assert_eq!(cloud.send("open", &own).receivers(), ["red2"]);
}
