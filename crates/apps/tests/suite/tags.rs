//! What is asked inside the tags of guests, in networks that carry them.

use net_types::MacAddr;
use packet::build::{Ethernet, Ip, Ipv6, Transport};
use packet::nd::{Advertisement, HOP_LIMIT, Neighbor, Solicitation, solicited_node};
use packet::router::{ALL_NODES, ALL_ROUTERS, Router};

use crate::support::{Cloud, arp_request, mac, udp, v6};

const ONE: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);

#[test]
fn what_is_asked_inside_a_tag_of_a_guest_is_switched_and_not_answered() {
    let mut cloud = Cloud::new(
        "node a 192.0.2.1 geneve
         node b 192.0.2.2 geneve
         network red 1 geneve tags
         subnet f red fd00::/64 dhcp ra=dhcpv6-stateful mode=dhcpv6-stateful
         port red1 11 red on=a:1 mac=02:00:00:00:00:01 ip=fd00::1 subnet=f pair=fd00::100/02:00:00:00:00:01,10.0.0.96/27/02:00:00:00:00:01
         port red2 12 red on=a:2 mac=02:00:00:00:00:02 ip=fd00::2 subnet=f
         port red3 13 red on=b:3 mac=02:00:00:00:00:03 ip=fd00::3 subnet=f",
    );
    let link = |group| Ethernet::new(ONE, MacAddr::of_ipv6_multicast(group));
    let ask = |message: Neighbor, to| link(to).neighbor(v6("fd00::1"), to, &message).expect("a small packet");
    let question = Solicitation { target: v6("fd00::2"), source_link: Some(ONE) };
    let claim = Advertisement {
        is_router: false,
        is_solicited: false,
        is_override: true,
        target: v6("fd00::100"),
        target_link: Some(ONE),
    };
    let routers = ALL_ROUTERS;
    let solicitation = Router::Solicitation(packet::router::Solicitation { source_link: Some(ONE) });
    let ip = Ip::V6(Ipv6 { hop_limit: HOP_LIMIT, ..Ipv6::new(ONE.link_local(), routers) });
    let frames = [
        ask(Neighbor::Solicitation(question), solicited_node(v6("fd00::2"))),
        ask(Neighbor::Advertisement(claim), ALL_NODES),
        link(routers).ip(&ip, &Transport::Icmp(solicitation.to_message())).expect("a small packet"),
        udp((ONE, "fe80::ff:fe00:1", 546), (mac("33:33:00:01:00:02"), "ff02::1:2", 547)),
        arp_request((ONE, "10.0.0.97"), "10.0.0.97"),
    ];
    for (place, frame) in frames.iter().enumerate() {
        let walk = cloud.send("red1", &[&frame[..12], &[0x81, 0, 0, 7], &frame[12..]].concat());
        assert_eq!((walk.receivers(), walk.to_controller.len()), (vec!["red2", "red3"], 0), "{place}");
    }
    let told: Vec<usize> = frames.iter().map(|frame| cloud.send("red1", frame).to_controller.len()).collect();
    assert_eq!(told, [0, 1, 1, 1, 1], "without the tag they are looked at");
    assert_eq!(cloud.send("red1", &frames[0]).receivers(), ["red1"]);
    cloud.node("a").check();
}
