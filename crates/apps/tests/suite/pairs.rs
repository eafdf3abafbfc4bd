//! Addresses of allowed address pairs: who uses one now is seen, and asked for.

use engine::{PacketIn, Reply};
use model::Table;
use net_types::MacAddr;
use packet::arp::{Arp, ArpOperation};
use packet::build::Ethernet;
use packet::nd::{Advertisement, Neighbor, Solicitation, solicited_node};

use crate::support::{Cloud, Walk, arp_request, mac, v4, v6};

/// Two ports on two nodes may use 10.0.0.100 and fd00::100; a third one asks for them, a fourth may not use them.
const CLOUD: &str = "
    node a 192.0.2.1 geneve
    node b 192.0.2.2 geneve
    network red 1 geneve
    port one 11 red on=a:1 mac=02:00:00:00:00:01 ip=10.0.0.1,fd00::1 pair=10.0.0.100/02:00:00:00:00:01,fd00::100/02:00:00:00:00:01
    port two 12 red on=b:2 mac=02:00:00:00:00:02 ip=10.0.0.2,fd00::2 pair=10.0.0.100/02:00:00:00:00:02,fd00::100/02:00:00:00:00:02
    port asks 13 red on=b:3 mac=02:00:00:00:00:03 ip=10.0.0.3,fd00::3
    port other 14 red on=a:4 mac=02:00:00:00:00:04 ip=10.0.0.4
";
const ONE: &str = "02:00:00:00:00:01";
const TWO: &str = "02:00:00:00:00:02";

fn gratuitous(from: &str) -> Vec<u8> {
    arp_request((mac(from), "10.0.0.100"), "10.0.0.100")
}

/// Gives what was sent up to the controller of its node, and does to the rows what it wants.
fn told(cloud: &mut Cloud, walk: &Walk) -> usize {
    let mut written = 0;
    for sent in &walk.to_controller {
        let key = &sent.packet_in.key;
        let packet = PacketIn {
            in_port: key.in_port.get(),
            network: u32::try_from(key.metadata & 0x00ff_ffff).expect("24 bits"),
            ingress: key.regs[6],
            userdata: sent.packet_in.controller.userdata.clone(),
            frame: walk.frame.clone(),
            at_ms: 1,
            ..PacketIn::default()
        };
        let outputs = cloud.node(&sent.node).step(vec![engine::Input::Packet(packet)]);
        for reply in outputs.replies {
            if let Reply::Write(write) = reply {
                written += 1;
                cloud.put_row(write.wanted.expect("a row"));
            }
        }
    }
    written
}

fn announce(cloud: &mut Cloud, port: &str, frame: &[u8]) -> usize {
    let walk = cloud.send(port, frame);
    told(cloud, &walk)
}

/// The MAC address that somebody who asks is told.
fn answered(cloud: &Cloud) -> Option<MacAddr> {
    let walk = cloud.send("asks", &arp_request((mac("02:00:00:00:00:03"), "10.0.0.3"), "10.0.0.100"));
    let [delivery] = walk.deliveries.as_slice() else { return None };
    MacAddr::from_u64(delivery.key.eth_src).filter(|_| delivery.port == "asks")
}

#[test]
fn who_announces_an_address_of_a_pair_is_asked_for_it_on_every_node() {
    let mut cloud = Cloud::new(CLOUD);
    assert_eq!(answered(&cloud), None, "nobody has said anything: it is asked for everywhere");
    assert_eq!(announce(&mut cloud, "one", &gratuitous(ONE)), 1);
    assert_eq!(answered(&cloud), Some(mac(ONE)));
    assert_eq!(announce(&mut cloud, "one", &gratuitous(ONE)), 0, "what is known is not written again");
    assert_eq!(announce(&mut cloud, "two", &gratuitous(TWO)), 1);
    assert_eq!(answered(&cloud), Some(mac(TWO)), "it has moved");
    // An answer to a probe counts as well.
    let answer = Arp {
        operation: ArpOperation::REPLY,
        sender_mac: mac(ONE),
        sender_ip: v4("10.0.0.100"),
        target_mac: mac("fe:00:00:00:00:01"),
        target_ip: v4("0.0.0.0"),
    };
    let answer = Ethernet::new(mac(ONE), mac("fe:00:00:00:00:01")).arp(&answer);
    assert_eq!(announce(&mut cloud, "one", &answer), 1);
    assert_eq!(answered(&cloud), Some(mac(ONE)));
}

#[test]
fn an_announcement_reaches_everybody_and_one_of_a_foreign_address_nobody() {
    let mut cloud = Cloud::new(CLOUD);
    assert_eq!(cloud.send("one", &gratuitous(ONE)).receivers(), ["asks", "other", "two"]);
    let stolen = gratuitous("02:00:00:00:00:04");
    cloud.send("other", &stolen).assert_nowhere();
    assert_eq!(announce(&mut cloud, "other", &stolen), 0);
}

#[test]
fn a_holder_that_is_gone_or_may_not_any_more_is_not_named() {
    let mut cloud = Cloud::new(CLOUD);
    announce(&mut cloud, "one", &gratuitous(ONE));
    cloud.put("port one 11 red on=a:1 mac=02:00:00:00:00:01 ip=10.0.0.1,fd00::1");
    assert_eq!(answered(&cloud), None);
    cloud.put("port one 11 red on=a:1 mac=02:00:00:00:00:01 ip=10.0.0.1 pair=10.0.0.100/02:00:00:00:00:01");
    assert_eq!(answered(&cloud), Some(mac(ONE)));
    cloud.delete(Table::LogicalPort, "one");
    assert_eq!(answered(&cloud), None);
}

#[test]
fn neighbour_advertisements_move_addresses_of_ipv6() {
    let mut cloud = Cloud::new(CLOUD);
    let announcement = |from: &str| {
        let claim = Advertisement {
            is_router: false,
            is_solicited: false,
            is_override: true,
            target: v6("fd00::100"),
            target_link: Some(mac(from)),
        };
        let all = v6("ff02::1");
        let link = Ethernet::new(mac(from), MacAddr::of_ipv6_multicast(all));
        link.neighbor(v6("fd00::100"), all, &Neighbor::Advertisement(claim)).expect("a frame")
    };
    let answered = |cloud: &Cloud| {
        let group = solicited_node(v6("fd00::100"));
        let asks = mac("02:00:00:00:00:03");
        let question = Solicitation { target: v6("fd00::100"), source_link: Some(asks) };
        let link = Ethernet::new(asks, MacAddr::of_ipv6_multicast(group));
        let frame = link.neighbor(v6("fd00::3"), group, &Neighbor::Solicitation(question)).expect("a frame");
        let walk = cloud.send("asks", &frame);
        let [delivery] = walk.deliveries.as_slice() else { return None };
        MacAddr::from_u64(delivery.key.eth_src).filter(|_| delivery.port == "asks")
    };
    assert_eq!(answered(&cloud), None);
    for (port, from) in [("one", ONE), ("two", TWO), ("one", ONE)] {
        assert_eq!(announce(&mut cloud, port, &announcement(from)), 1);
        assert_eq!(answered(&cloud), Some(mac(from)));
    }
}

#[test]
fn ports_with_pairs_are_asked_whether_they_use_them() {
    let mut cloud = Cloud::new(CLOUD);
    cloud.put("port other 14 red on=a:4 mac=02:00:00:00:00:04 ip=10.0.0.4 pair=10.0.0.101/02:00:00:00:00:04");
    cloud.set("a", |settings| settings.learning.ask_interval_s = 7);
    let asked: Vec<_> = cloud.node("a").engine.desired().beacons;
    let question = |port: u32, ip: &str| {
        let asks = mac(&format!("fe:00:00:00:00:0{port}"));
        let frame = arp_request((asks, "0.0.0.0"), ip).into();
        engine::Beacon { port: net_types::OfPort::new(port), frame, interval_s: 7, burst: 1 }
    };
    assert!(
        asked.contains(&question(1, "10.0.0.100")) && asked.contains(&question(4, "10.0.0.101")),
        "{asked:?}"
    );
}
