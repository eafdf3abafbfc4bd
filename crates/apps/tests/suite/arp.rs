//! Who is answered to ARP, and with what.

use net_types::{MacAddr, OfPort};
use ofsim::Packet;
use packet::arp::{Arp, ArpOperation};
use packet::build::Ethernet;

use crate::packets::THREE_NODES;
use crate::support::{Cloud, Walk, arp_request, mac, v4, v6};

const ONE: &str = "02:00:00:00:00:01";
const TWO: &str = "02:00:00:00:00:02";

/// Who got a question, and nobody answered.
fn asked(walk: &Walk, asker: &str) -> String {
    assert!(!walk.receivers().contains(&asker), "answered");
    walk.receivers().join(",")
}

#[test]
fn a_request_is_answered_on_the_node_of_who_asks() {
    let cloud = Cloud::new(THREE_NODES);
    let answer = |target: &str, target_mac: &str| {
        let frame = arp_request((mac(ONE), "10.0.0.1"), target);
        let walk = cloud.send("red1", &frame);
        assert_eq!((walk.receivers(), walk.hops.len()), (vec!["red1"], 0), "{target}");
        let request = Arp::request(mac(ONE), v4("10.0.0.1"), v4(target));
        let reply = Ethernet::new(mac(target_mac), mac(ONE)).arp(&request.reply(mac(target_mac)));
        let expected = Packet::of_frame(OfPort::new(1), &reply).key;
        let got = &walk.deliveries[0].key;
        assert_eq!(
            (got.eth_src, got.eth_dst, got.eth_type),
            (expected.eth_src, expected.eth_dst, expected.eth_type)
        );
        assert_eq!(got.net, expected.net);
    };
    answer("10.0.0.2", TWO);
    answer("10.0.0.3", "02:00:00:00:00:03");
    answer("10.0.0.5", "02:00:00:00:00:05");
}

#[test]
fn nobody_is_answered_about_its_own_address() {
    let mut cloud = Cloud::new(THREE_NODES);
    for sender in ["10.0.0.1", "0.0.0.0"] {
        let walk = cloud.send("red1", &arp_request((mac(ONE), sender), "10.0.0.1"));
        assert_eq!(asked(&walk, "red1"), "red2,red3,red4,red5");
    }
    // Another guest that checks whether it is free learns that it is not.
    let walk = cloud.send("red2", &arp_request((mac(TWO), "0.0.0.0"), "10.0.0.1"));
    assert_eq!(walk.receivers(), ["red2"]);
    // The same for an address that it shares with others.
    cloud.put("port red1 11 red on=a:1 mac=02:00:00:00:00:01 ip=10.0.0.1 pair=10.0.0.4/02:00:00:00:00:01");
    for sender in ["10.0.0.4", "0.0.0.0"] {
        let walk = cloud.send("red1", &arp_request((mac(ONE), sender), "10.0.0.4"));
        assert_eq!(asked(&walk, "red1"), "red2,red3,red4,red5");
    }
}

#[test]
fn what_nobody_answers_is_flooded_in_its_network() {
    let cloud = Cloud::new(THREE_NODES);
    let walk = cloud.send("red1", &arp_request((mac(ONE), "10.0.0.1"), "10.0.0.99"));
    assert_eq!(asked(&walk, "red1"), "red2,red3,red4,red5");
    // Blue has no guest with this address.
    let walk = cloud.send("blue1", &arp_request((mac(ONE), "10.0.0.1"), "10.0.0.2"));
    assert_eq!(asked(&walk, "blue1"), "blue3");
}

#[test]
fn a_question_to_one_station_and_an_answer_go_to_it() {
    let cloud = Cloud::new(THREE_NODES);
    let request = Arp::request(mac(ONE), v4("10.0.0.1"), v4("10.0.0.2"));
    let walk = cloud.send("red1", &Ethernet::new(mac(ONE), mac(TWO)).arp(&request));
    assert_eq!(asked(&walk, "red1"), "red2");
    let reply = Arp::request(mac(TWO), v4("10.0.0.2"), v4("10.0.0.1")).reply(mac(ONE));
    assert_eq!(reply.operation, ArpOperation::REPLY);
    let walk = cloud.send("red1", &Ethernet::new(mac(ONE), mac(TWO)).arp(&reply));
    assert_eq!(walk.receivers(), ["red2"]);
    // An announcement in the form of a reply, to everybody.
    let announcement = Arp { target_mac: mac(ONE), target_ip: v4("10.0.0.1"), ..reply };
    let walk = cloud.send("red1", &Ethernet::new(mac(ONE), MacAddr::BROADCAST).arp(&announcement));
    assert_eq!(asked(&walk, "red1"), "red2,red3,red4,red5");
}

#[test]
fn ports_that_are_disabled_or_bound_nowhere_are_not_answered_for_unless_the_network_is_behind_them() {
    let mut cloud = Cloud::new(THREE_NODES);
    let is_answered = |cloud: &Cloud| {
        let walk = cloud.send("red1", &arp_request((mac(ONE), "10.0.0.1"), "10.0.0.3"));
        walk.receivers() == ["red1"]
    };
    assert!(is_answered(&cloud));
    for (port, answered) in [
        ("port red3 13 red on=b:3 mac=02:00:00:00:00:03 ip=10.0.0.3 disabled", false),
        ("port red3 13 red on=b:3 mac=02:00:00:00:00:03 ip=10.0.0.3,10.0.0.33", true),
        ("port red3 13 red mac=02:00:00:00:00:03 ip=10.0.0.3", false),
        ("port red3 13 red mac=02:00:00:00:00:03 ip=10.0.0.3 owner=compute:nova", false),
        ("port red3 13 red mac=02:00:00:00:00:03 ip=10.0.0.3 owner=network:dhcp", true),
        ("port red3 13 red mac=02:00:00:00:00:03 ip=10.0.0.3 owner=network:dhcp disabled", false),
        ("port red3 13 red on=b:3 mac=02:00:00:00:00:03 ip=fd00::3", false),
        ("port red3 13 red on=b:3 ip=10.0.0.3", false),
    ] {
        cloud.put(port);
        assert_eq!(is_answered(&cloud), answered, "{port}");
    }
}

#[test]
fn an_operator_may_not_want_answers() {
    let mut cloud = Cloud::new(THREE_NODES);
    let request = arp_request((mac(ONE), "10.0.0.1"), "10.0.0.2");
    cloud.set("a", |settings| settings.answer_arp = false);
    assert_eq!(asked(&cloud.send("red1", &request), "red1"), "red2,red3,red4,red5");
    cloud.set("a", |settings| settings.answer_arp = true);
    assert_eq!(cloud.send("red1", &request).receivers(), ["red1"]);
}

#[test]
fn of_two_ports_with_one_address_the_same_one_is_named_everywhere() {
    let mut cloud = Cloud::new(THREE_NODES);
    cloud.put("port red0 99 red on=c:99 mac=02:00:00:00:00:99 ip=10.0.0.3");
    for (asker, number) in [("red1", 1), ("red2", 2), ("red4", 4)] {
        let asker_mac = MacAddr([2, 0, 0, 0, 0, number]);
        let walk = cloud.send(asker, &arp_request((asker_mac, &format!("10.0.0.{number}")), "10.0.0.3"));
        assert_eq!(walk.receivers(), [asker]);
        assert_eq!(walk.deliveries[0].key.net.sha, mac("02:00:00:00:00:99").to_u64());
    }
    assert!(cloud.problems("a").iter().any(|problem| problem.contains("(address 10.0.0.3)")));
}

#[test]
fn an_address_of_one_version_is_not_taken_for_one_of_the_other() {
    // The first 32 bits of 2001:db8::/32 are 32.1.13.184.
    let cloud = Cloud::new(
        "node a 192.0.2.1 geneve
         network red 1 geneve
         port red1 11 red on=a:1 mac=02:00:00:00:00:01 ip=32.1.13.1,2001:db8::1
         port red2 12 red on=a:2 mac=02:00:00:00:00:02 ip=32.1.13.184
         port red3 13 red on=a:3 mac=02:00:00:00:00:03 ip=2001:db8::3",
    );
    let who = (mac("02:00:00:00:00:01"), "32.1.13.1");
    let walk = cloud.send("red1", &arp_request(who, "32.1.13.184"));
    assert_eq!((walk.receivers(), walk.deliveries[0].key.net.sha), (vec!["red1"], 2 | 0x0200 << 32));
    let asks = |ip: &str| {
        let question = packet::nd::Solicitation { target: v6(ip), source_link: Some(who.0) };
        let group = packet::nd::solicited_node(v6(ip));
        let link = packet::build::Ethernet::new(who.0, MacAddr::of_ipv6_multicast(group));
        let frame = link.neighbor(v6("2001:db8::1"), group, &packet::nd::Neighbor::Solicitation(question));
        cloud.send("red1", &frame.expect("a question"))
    };
    assert_eq!(asks("2001:db8::3").receivers(), ["red1"]);
    assert_eq!(asks("2001:db8::").receivers(), ["red2", "red3"], "nobody has it, so everybody is asked");
}

#[test]
fn who_may_use_any_address_announces_those_of_others_to_everybody() {
    let mut cloud = Cloud::new(THREE_NODES);
    let announcement = |from: &str, ip: &str| arp_request((mac(from), ip), ip);
    let is_answered = |cloud: &Cloud, from: &str, frame: &[u8]| cloud.send(from, frame).receivers() == [from];
    cloud.put("port free 90 red on=a:9 mac=02:00:00:00:00:90 ip=10.0.0.90 unsecured");
    cloud
        .put("port pair 91 red on=b:91 mac=02:00:00:00:00:91 ip=10.0.0.91 pair=10.0.0.200/02:00:00:00:00:91");
    cloud.put("active red pair 10.0.0.200 02:00:00:00:00:91");
    for ip in ["10.0.0.2", "10.0.0.3", "10.0.0.200"] {
        let walk = cloud.send("free", &announcement("02:00:00:00:00:90", ip));
        assert_eq!(asked(&walk, "free"), "pair,red1,red2,red3,red4,red5", "{ip}");
        // A question for it is one, also from somebody who has another address that is not its own.
        assert!(
            is_answered(&cloud, "free", &arp_request((mac("02:00:00:00:00:90"), "10.0.0.77"), ip)),
            "{ip}"
        );
    }
    // Who holds the address of a pair says so as before, and its controller is told.
    cloud
        .put("port pair 91 red on=a:91 mac=02:00:00:00:00:91 ip=10.0.0.91 pair=10.0.0.200/02:00:00:00:00:91");
    let walk = cloud.send("pair", &announcement("02:00:00:00:00:91", "10.0.0.200"));
    assert_eq!((walk.to_controller.len(), walk.receivers().len()), (1, 6));
}
