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

/// The question for an address that a port gets, and in whose name.
fn question(port: u32, ip: &str) -> engine::Beacon {
    let asks = mac(&format!("fe:00:00:00:00:0{port}"));
    let frame = match ip.parse().expect("an address") {
        std::net::IpAddr::V4(_) => arp_request((asks, "0.0.0.0"), ip),
        std::net::IpAddr::V6(target) => {
            let group = solicited_node(target);
            let question = Neighbor::Solicitation(Solicitation { target, source_link: Some(asks) });
            let link = Ethernet::new(asks, MacAddr::of_ipv6_multicast(group));
            link.neighbor(asks.link_local(), group, &question).expect("a frame")
        }
    };
    engine::Beacon {
        port: net_types::OfPort::new(port),
        frame: frame.into(),
        interval_s: 7,
        burst: 1,
        proves: None,
    }
}

#[test]
fn ports_with_pairs_are_asked_whether_they_use_them() {
    let mut cloud = Cloud::new(CLOUD);
    cloud.put("port other 14 red on=a:4 mac=02:00:00:00:00:04 ip=10.0.0.4 pair=10.0.0.101/02:00:00:00:00:04");
    cloud.set("a", |settings| settings.learning.ask_interval_s = 7);
    let asked: Vec<_> = cloud.node("a").engine.desired().beacons;
    let mut expected = vec![question(1, "10.0.0.100"), question(1, "fd00::100"), question(4, "10.0.0.101")];
    expected.sort_unstable();
    assert_eq!(asked, expected);
}

#[test]
fn answers_to_who_asks_are_told_and_go_nowhere_else() {
    let mut cloud = Cloud::new(CLOUD);
    // Who may have any address gets what is for nobody known.
    cloud.put("port any 15 red on=a:5 mac=02:00:00:00:00:05 ip=10.0.0.5 unsecured");
    cloud.put("port any2 16 red on=b:6 mac=02:00:00:00:00:06 ip=10.0.0.6 unsecured");
    let asker = mac("fe:00:00:00:00:01");
    let (claim, link) = (v6("fd00::100"), Ethernet::new(mac(ONE), asker));
    let request = Arp::request(asker, v4("0.0.0.0"), v4("10.0.0.100"));
    let (envelope, answer) =
        Solicitation { target: claim, source_link: Some(asker) }.answer(asker.link_local(), mac(ONE), false);
    let neighbor = link.neighbor(envelope.src, envelope.dst, &Neighbor::Advertisement(answer));
    for frame in [link.arp(&request.reply(mac(ONE))), neighbor.expect("a frame")] {
        let walk = cloud.send("one", &frame);
        assert_eq!((walk.receivers(), walk.hops.len(), walk.to_controller.len()), (vec![], 0, 1));
        assert_eq!(told(&mut cloud, &walk), 1);
    }
    // What the guest asks back goes nowhere either.
    let back = crate::support::ping((mac(ONE), "fd00::1"), (asker, "fe80::fc00:ff:fe00:1"));
    cloud.send("one", &back).assert_nowhere();
}

/// A port with ranges of addresses, here and on another node.
const RANGES: &str = "
    port wide 17 red on=a:7 mac=02:00:00:00:00:07 ip=10.0.0.7,fd00::7 pair=10.0.0.96/27/02:00:00:00:00:07,fd00::/120/02:00:00:00:00:07
    port wide2 18 red on=b:8 mac=02:00:00:00:00:08 ip=10.0.0.8 pair=10.0.0.96/27/02:00:00:00:00:08
";
const WIDE: &str = "02:00:00:00:00:07";

#[test]
fn addresses_of_ranges_follow_who_announces_them_as_well() {
    let mut cloud = Cloud::new(CLOUD);
    cloud.put(RANGES);
    let wide2 = "02:00:00:00:00:08";
    for (port, from) in [("wide", WIDE), ("wide2", wide2), ("one", ONE), ("wide", WIDE)] {
        assert_eq!(announce(&mut cloud, port, &gratuitous(from)), 1, "{port}");
        assert_eq!(answered(&cloud), Some(mac(from)));
        assert_eq!(announce(&mut cloud, port, &gratuitous(from)), 0, "{port}");
    }
    let answer = Arp::request(mac(ONE), v4("10.0.0.1"), v4("10.0.0.100")).reply(mac(wide2));
    let answer = Ethernet::new(mac(wide2), mac(ONE)).arp(&answer);
    assert_eq!(announce(&mut cloud, "wide2", &answer), 1);
    assert_eq!(answered(&cloud), Some(mac(wide2)));
    // What a port holds it is asked for, and the others of the range not.
    cloud.set("b", |settings| settings.learning.ask_interval_s = 7);
    let asked = |cloud: &mut Cloud| {
        let beacons = cloud.node("b").engine.desired().beacons;
        beacons.into_iter().filter(|beacon| beacon.port == net_types::OfPort::new(8)).collect::<Vec<_>>()
    };
    let row = (Table::AllowedAddressPairsActivePort, crate::support::row_id("red10.0.0.100"));
    assert_eq!(asked(&mut cloud), [engine::Beacon { proves: Some(row), ..question(8, "10.0.0.100") }]);
    announce(&mut cloud, "one", &gratuitous(ONE));
    assert_eq!(asked(&mut cloud), []);
    // A range that is taken away holds nothing.
    announce(&mut cloud, "wide2", &gratuitous(wide2));
    cloud.delete(Table::PortAddressRanges, "wide2");
    assert_eq!(answered(&cloud), None);
}

#[test]
fn who_may_use_a_range_is_answered_and_announces_addresses_of_others_to_everybody() {
    let mut cloud = Cloud::new(CLOUD);
    cloud.put(RANGES);
    cloud.put("port in 19 red on=b:9 mac=02:00:00:00:00:09 ip=10.0.0.99");
    for sender in ["10.0.0.7", "10.0.0.97"] {
        let walk = cloud.send("wide", &arp_request((mac(WIDE), sender), "10.0.0.99"));
        assert_eq!(walk.receivers(), ["wide"], "{sender}");
    }
    let walk = cloud.send("wide", &arp_request((mac(WIDE), "10.0.0.99"), "10.0.0.99"));
    assert_eq!(walk.receivers(), ["asks", "in", "one", "other", "two", "wide2"]);
    cloud.send("wide", &arp_request((mac(WIDE), "10.0.0.128"), "10.0.0.128")).assert_nowhere();
}

#[test]
fn a_port_holds_so_many_addresses_and_no_more() {
    let mut cloud = Cloud::new(CLOUD);
    cloud.put("port wide 17 red on=a:7 mac=02:00:00:00:00:07 ip=10.9.0.7 pair=10.9.0.0/16/02:00:00:00:00:07");
    for number in 0..256 {
        cloud.put(&format!("active red wide 10.9.1.{number} {WIDE}"));
    }
    let says = |ip: &str| arp_request((mac(WIDE), ip), ip);
    assert_eq!(announce(&mut cloud, "wide", &says("10.9.2.1")), 0);
    // An address of its own is no address of the range, and one that it holds costs nothing more.
    assert_eq!(announce(&mut cloud, "wide", &says("10.9.0.7")), 0);
    cloud.delete(Table::AllowedAddressPairsActivePort, "red10.9.1.3");
    assert_eq!(announce(&mut cloud, "wide", &says("10.9.0.7")), 0);
    assert_eq!(announce(&mut cloud, "wide", &says("10.9.2.1")), 1);
}

/// Two ports on two nodes share a MAC address that is neither's own, as routers do that take each other's place.
const ROUTERS: &str = "
    node a 192.0.2.1 geneve vxlan
    node b 192.0.2.2 geneve vxlan
    node c 192.0.2.3 geneve vxlan
    wire a public 90
    wire b public 90
    network red 1 geneve
    network blue 2 vlan segment=100 in=public
    network green 3 vxlan segment=77
";
const VIRTUAL: &str = "00:00:5e:00:01:07";

/// Whoever gets a frame for the shared MAC address, with the packets on the wire.
fn reached(cloud: &Cloud, from: &str, src: &str) -> (Vec<String>, usize) {
    let walk = cloud.send(from, &crate::support::ping((mac(src), "10.0.0.3"), (mac(VIRTUAL), "10.0.0.100")));
    (walk.receivers().iter().map(|port| (*port).to_owned()).collect(), walk.on_wire.len())
}

#[test]
fn frames_for_a_shared_mac_address_follow_its_holder_whatever_was_heard_before() {
    for (network, key) in [("red", 1), ("blue", 2), ("green", 3)] {
        let mut cloud = Cloud::new(ROUTERS);
        for (port, number, node) in [("one", 1, "a"), ("two", 2, "b")] {
            let pairs = format!("pair=10.0.0.100/{VIRTUAL},fd00::100/{VIRTUAL}");
            cloud.put(&format!(
                "port {port} {key}{number} {network} on={node}:{number} mac=02:00:00:00:00:0{number} ip=10.0.0.{number} {pairs}"
            ));
        }
        cloud.put(&format!("port near {key}3 {network} on=a:3 mac=02:00:00:00:00:03 ip=10.0.0.3"));
        cloud.put(&format!("port far {key}4 {network} on=b:4 mac=02:00:00:00:00:04 ip=10.0.0.3"));
        let is_wire = network == "blue";
        for (holder, heard, others) in [("one", 1, "far"), ("two", 2, "near"), ("one", 1, "far")] {
            cloud.put(&format!("active {network} {holder} 10.0.0.100 {VIRTUAL}"));
            cloud.put(&format!("active {network} {holder} fd00::100 {VIRTUAL}"));
            // Both switches remember the one that had it last to be where the other one is now.
            for (node, of_port) in [("a", 1), ("b", 2)].into_iter().filter(|(_, of_port)| *of_port != heard) {
                let old = arp_request((mac(VIRTUAL), "10.0.0.100"), "10.0.0.100");
                let packet = ofsim::Packet::of_frame(net_types::OfPort::new(of_port), &old);
                ofsim::run(&mut cloud.node(node).switch, packet, &mut ofsim::Assumed::new());
            }
            for (from, src) in [("near", "02:00:00:00:00:03"), ("far", "02:00:00:00:00:04")] {
                let on_wire = usize::from(is_wire && from == others);
                assert_eq!(
                    reached(&cloud, from, src),
                    (vec![holder.to_owned()], on_wire),
                    "{network} {from}"
                );
            }
        }
    }
}

#[test]
fn who_may_not_have_a_shared_mac_address_any_more_is_not_reached_because_a_row_says_so() {
    let mut cloud = Cloud::new(ROUTERS);
    let pairs = format!("pair=10.0.0.100/{VIRTUAL}");
    cloud.put(&format!("port one 11 red on=a:1 mac=02:00:00:00:00:01 ip=10.0.0.1 {pairs}"));
    cloud.put(&format!("port two 12 red on=b:2 mac=02:00:00:00:00:02 ip=10.0.0.2 {pairs}"));
    cloud.put("port near 13 red on=a:3 mac=02:00:00:00:00:03 ip=10.0.0.3");
    cloud.put(&format!("active red one 10.0.0.100 {VIRTUAL}"));
    assert_eq!(reached(&cloud, "near", "02:00:00:00:00:03").0, ["one"]);
    cloud.put("port one 11 red on=a:1 mac=02:00:00:00:00:01 ip=10.0.0.1");
    assert_eq!(reached(&cloud, "near", "02:00:00:00:00:03").0, ["two"], "the one that may have it");
}

#[test]
fn of_two_holders_of_one_mac_address_the_same_one_is_reached_from_everywhere() {
    let mut cloud = Cloud::new(ROUTERS);
    let pairs = format!("pair=10.0.0.100/{VIRTUAL},10.0.0.101/{VIRTUAL}");
    cloud.put(&format!("port one 11 red on=a:1 mac=02:00:00:00:00:01 ip=10.0.0.1 {pairs}"));
    cloud.put(&format!("port two 12 red on=b:2 mac=02:00:00:00:00:02 ip=10.0.0.2 {pairs}"));
    cloud.put("port near 13 red on=a:3 mac=02:00:00:00:00:03 ip=10.0.0.3");
    cloud.put("port far 14 red on=b:4 mac=02:00:00:00:00:04 ip=10.0.0.3");
    cloud.put(&format!("active red two 10.0.0.101 {VIRTUAL}"));
    cloud.put(&format!("active red one 10.0.0.100 {VIRTUAL}"));
    for (from, src) in [("near", "02:00:00:00:00:03"), ("far", "02:00:00:00:00:04")] {
        assert_eq!(reached(&cloud, from, src).0, ["one"], "{from}");
    }
    assert!(cloud.problems("a").iter().any(|problem| problem.contains(VIRTUAL)));
}

/// Which nodes say that a row has to be deleted.
fn deleters(cloud: &mut Cloud) -> Vec<String> {
    let names: Vec<String> = cloud.nodes.keys().cloned().collect();
    names.into_iter().filter(|name| !cloud.node(name).engine.desired().stale_rows.is_empty()).collect()
}

#[test]
fn a_row_that_is_not_true_any_more_is_deleted_by_one_node() {
    let mut cloud = Cloud::new(CLOUD);
    announce(&mut cloud, "one", &gratuitous(ONE));
    assert_eq!(deleters(&mut cloud), [""; 0]);
    let one = "port one 11 red on=a:1 mac=02:00:00:00:00:01 ip=10.0.0.1";
    let pair = "pair=10.0.0.100/02:00:00:00:00:01";
    for (port, expected) in [
        (one.to_owned(), vec!["a"]),
        (format!("{one} {pair} disabled"), vec!["a"]),
        (format!("{one} pair=10.0.0.100/02:00:00:00:00:77"), vec!["a"]),
        (format!("{one} pair=10.0.0.96/27/02:00:00:00:00:01"), vec![]),
        (format!("{one} {pair}"), vec![]),
    ] {
        cloud.put(&port);
        assert_eq!(deleters(&mut cloud), expected, "{port}");
    }
    // Plugged in nowhere.
    cloud.unplug("a", "one");
    assert_eq!(deleters(&mut cloud), ["a"]);
    cloud.plug("a", "one", 1);
    // On its way to another node.
    cloud.put("moving one b src_unplug");
    assert_eq!(deleters(&mut cloud), ["b"], "it has to be plugged in there");
    cloud.delete(Table::Migration, "one");
    // Bound to none, and then gone.
    cloud.put(&format!("port one 11 red mac=02:00:00:00:00:01 ip=10.0.0.1 {pair}"));
    let deputy = deleters(&mut cloud);
    assert_eq!(deputy.len(), 1);
    cloud.delete(Table::LogicalPort, "one");
    assert_eq!(deleters(&mut cloud), deputy);
    // Without that node it is another one's to do.
    cloud.delete(Table::Chassis, &deputy[0]);
    assert_eq!(deleters(&mut cloud).len(), 1);
    assert_ne!(deleters(&mut cloud), deputy);
    cloud.delete(Table::AllowedAddressPairsActivePort, "red10.0.0.100");
    assert_eq!(deleters(&mut cloud), [""; 0]);
}

#[test]
fn who_is_said_to_hold_an_address_is_asked_for_proof_and_its_answer_is_one() {
    let mut cloud = Cloud::new(CLOUD);
    let proofs = |cloud: &mut Cloud, node: &str| {
        let beacons = cloud.node(node).engine.desired().beacons;
        beacons
            .into_iter()
            .filter_map(|beacon| Some((beacon.port.get(), beacon.proves?.1.to_string())))
            .collect::<Vec<_>>()
    };
    assert_eq!(proofs(&mut cloud, "a"), []);
    announce(&mut cloud, "one", &gratuitous(ONE));
    assert_eq!(
        (proofs(&mut cloud, "a"), proofs(&mut cloud, "b")),
        (vec![(1, "red10.0.0.100".to_owned())], vec![])
    );
    // Of a guest that is on two nodes one of them hears nothing.
    cloud.put("moving one b dest_plug");
    assert_eq!((proofs(&mut cloud, "a"), proofs(&mut cloud, "b")), (vec![], vec![]));
    cloud.delete(Table::Migration, "one");
    let (responder, reply) = crate::support::ask(&mut cloud, "one", &gratuitous(ONE));
    assert_eq!(responder, pipeline::userdata::PAIR_ADDRESS);
    assert!(matches!(reply, Reply::Heard(_, row) if row.to_string() == "red10.0.0.100"));
    announce(&mut cloud, "two", &gratuitous(TWO));
    assert_eq!((proofs(&mut cloud, "a"), proofs(&mut cloud, "b").len()), (vec![], 1));
}
