//! Who gets what is sent to multicast addresses, where the operator wants listeners to be looked at.

use std::net::{Ipv4Addr, Ipv6Addr};

use engine::Reply;
use model::Table;
use net_types::MacAddr;
use packet::Headers;
use packet::build::{Transport, Udp};
use packet::headers::TransportKey;
use packet::listeners::{ALL_SYSTEMS, IGMP_REPORTS, Listener, Record, mld};
use pipeline::userdata;

use crate::support::{Cloud, ask, ip, mac, v4, v6};

const CLOUD: &str = "
    node a 192.0.2.1 geneve
    node b 192.0.2.2 geneve
    node c 192.0.2.3 geneve
    network red 1 geneve
    network blue 2 geneve
    port red1 11 red on=a:1 mac=02:00:00:00:00:01 ip=10.0.0.1,fd00::1
    port red2 12 red on=a:2 mac=02:00:00:00:00:02 ip=10.0.0.2,fd00::2
    port red3 13 red on=b:3 mac=02:00:00:00:00:03 ip=10.0.0.3,fd00::3
    port red4 14 red on=b:4 mac=02:00:00:00:00:04 ip=10.0.0.4,fd00::4
    port red5 15 red on=c:5 mac=02:00:00:00:00:05 ip=10.0.0.5,fd00::5
    port blue1 21 blue on=a:11 mac=02:00:00:00:00:01 ip=10.0.0.1
    port blue3 23 blue on=b:13 mac=02:00:00:00:00:03 ip=10.0.0.3
";
const ONE: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);
const EVERYBODY: [&str; 4] = ["red2", "red3", "red4", "red5"];

fn snooping(floods_unregistered: bool) -> Cloud {
    let mut cloud = Cloud::new(CLOUD);
    for node in ["a", "b", "c"] {
        cloud.set(node, |settings| {
            settings.multicast = engine::Multicast { snoops: true, floods_unregistered };
        });
    }
    cloud
}

fn to_group(group: &str) -> Vec<u8> {
    let transport = Transport::Udp(Udp { src_port: 1, dst_port: 2, payload: vec![7; 20] });
    match group.parse::<Ipv4Addr>() {
        Ok(group) => {
            ip((ONE, v4("10.0.0.1").into()), (MacAddr::of_ipv4_multicast(group), group.into()), &transport)
        }
        Err(_) => {
            let group = v6(group);
            ip((ONE, v6("fd00::1").into()), (MacAddr::of_ipv6_multicast(group), group.into()), &transport)
        }
    }
}

/// Who gets what red1 sends to an address, and to how many other nodes it goes.
fn sent(cloud: &Cloud, group: &str) -> (Vec<String>, usize) {
    let walk = cloud.send("red1", &to_group(group));
    (walk.receivers().into_iter().map(str::to_owned).collect(), walk.hops.len())
}

fn got(receivers: &[&str], hops: usize) -> (Vec<String>, usize) {
    (receivers.iter().map(|name| (*name).to_owned()).collect(), hops)
}

#[test]
fn what_is_listened_to_goes_to_listeners_and_once_to_each_node_that_has_any() {
    let mut cloud = snooping(true);
    assert_eq!(sent(&cloud, "239.1.1.1"), got(&EVERYBODY, 2), "nobody is known to listen");
    cloud.put("listens red 239.1.1.1 b red4");
    assert_eq!(sent(&cloud, "239.1.1.1"), got(&["red4"], 1));
    assert_eq!(sent(&cloud, "239.1.1.2"), got(&EVERYBODY, 2), "another address");
    cloud.put("listens red 239.1.1.1 b red3,red4\nlistens red 239.1.1.1 a red1,red2");
    assert_eq!(sent(&cloud, "239.1.1.1"), got(&["red2", "red3", "red4"], 1));
    cloud.put("listens red ff05::77 c red5");
    assert_eq!(sent(&cloud, "ff05::77"), got(&["red5"], 1));
    // Another network with the same addresses.
    let walk = cloud.send("blue1", &to_group("239.1.1.1"));
    assert_eq!(walk.receivers(), ["blue3"]);
    cloud.delete(Table::MulticastMember, "red-239.1.1.1-b");
    assert_eq!(sent(&cloud, "239.1.1.1"), got(&["red2"], 0));
    cloud.delete(Table::MulticastMember, "red-239.1.1.1-a");
    assert_eq!(sent(&cloud, "239.1.1.1"), got(&EVERYBODY, 2));
}

#[test]
fn listeners_that_left_without_a_word_or_are_somewhere_else_get_nothing() {
    let mut cloud = snooping(true);
    cloud.put("listens red 239.1.1.1 b red3,red4,blue3,gone");
    assert_eq!(sent(&cloud, "239.1.1.1"), got(&["red3", "red4"], 1));
    cloud.unplug("b", "red3");
    assert_eq!(sent(&cloud, "239.1.1.1"), got(&["red4"], 1));
    cloud.put("port red4 14 red on=b:4 mac=02:00:00:00:00:04 ip=10.0.0.4 disabled");
    assert_eq!(sent(&cloud, "239.1.1.1"), got(&[], 1));
}

#[test]
fn what_is_of_the_link_goes_to_everybody_and_the_rest_to_nobody_if_the_operator_wants_that() {
    let mut cloud = snooping(false);
    for group in ["224.0.0.251", "ff02::fb", "ff02::1:ff00:3", "ff01::1"] {
        assert_eq!(sent(&cloud, group), got(&EVERYBODY, 2), "{group}");
    }
    for group in ["239.1.1.1", "224.0.1.1", "ff05::77", "ff0e::1"] {
        assert_eq!(sent(&cloud, group), got(&[], 0), "{group}");
    }
    cloud.put("listens red 239.1.1.1 c red5\nlistens red 224.0.0.251 c red5\nlistens red ff02::fb c red5");
    assert_eq!(sent(&cloud, "239.1.1.1"), got(&["red5"], 1));
    // Who listens to what is of the link does not matter.
    assert_eq!(sent(&cloud, "224.0.0.251"), got(&EVERYBODY, 2));
    assert_eq!(sent(&cloud, "ff02::fb"), got(&EVERYBODY, 2));
    // A broadcast is not for listeners.
    let frame = crate::support::udp((ONE, "10.0.0.1", 1), (MacAddr::BROADCAST, "10.0.0.255", 1));
    assert_eq!(cloud.send("red1", &frame).receivers(), EVERYBODY);
}

#[test]
fn without_snooping_everything_is_flooded_and_nobody_is_asked() {
    let mut cloud = Cloud::new(CLOUD);
    cloud.put("listens red 239.1.1.1 c red5");
    assert_eq!(sent(&cloud, "239.1.1.1"), got(&EVERYBODY, 2));
    assert!(cloud.node("a").engine.desired().beacons.is_empty());
    let report = Listener::Report(v4("239.1.1.1")).frame(ONE, v4("10.0.0.1"), v4("239.1.1.1"));
    assert!(cloud.send("red1", &report).to_controller.is_empty());
}

/// What the controller remembers of what red1 says, and who else gets it.
fn said(cloud: &mut Cloud, frame: &[u8]) -> (Vec<(String, bool)>, usize) {
    let others = cloud.send("red1", frame).receivers().len();
    let (responder, reply) = ask(cloud, "red1", frame);
    assert_eq!(responder, userdata::LISTENERS);
    let Reply::Listens(listens) = reply else { panic!("{reply:?}") };
    let names = (listens.port.to_string(), listens.network.to_string(), listens.topic.to_string());
    assert_eq!(names, ("red1".to_owned(), "red".to_owned(), "t".to_owned()));
    (listens.changes.into_iter().map(|(group, listens)| (group.to_string(), listens)).collect(), others)
}

#[test]
fn what_guests_say_goes_to_their_controller() {
    let mut cloud = snooping(true);
    let (v4_src, group) = (v4("10.0.0.1"), v4("239.1.1.1"));
    let joined = vec![("239.1.1.1".to_owned(), true)];
    // Of the older versions nobody else hears, or others would say nothing.
    let old = Listener::Report(group).frame(ONE, v4_src, group);
    assert_eq!(said(&mut cloud, &old), (joined.clone(), 0));
    let left = Listener::Done(group).frame(ONE, v4_src, v4("224.0.0.2"));
    assert_eq!(said(&mut cloud, &left), (vec![("239.1.1.1".to_owned(), false)], 0));
    let records = vec![Record { kind: 4, group, sources: vec![] }];
    let new = Listener::Records(records).frame(ONE, v4_src, IGMP_REPORTS);
    assert_eq!(said(&mut cloud, &new), (joined, EVERYBODY.len()));

    let (v6_src, group) = (ONE.link_local(), v6("ff05::77"));
    let old = Listener::Report(group).frame(ONE, v6_src, group);
    assert_eq!(said(&mut cloud, &old), (vec![("ff05::77".to_owned(), true)], 0));
    let left = Listener::Done(group).frame(ONE, v6_src, v6("ff02::2"));
    assert_eq!(said(&mut cloud, &left), (vec![("ff05::77".to_owned(), false)], 0));
    // Its groups of the link are not remembered.
    let of_link = Record { kind: 4, group: v6("ff02::1:ff00:1"), sources: vec![] };
    let records = vec![of_link, Record { kind: 4, group, sources: vec![] }];
    let new = Listener::Records(records).frame(ONE, v6_src, v6("ff02::16"));
    assert_eq!(said(&mut cloud, &new), (vec![("ff05::77".to_owned(), true)], EVERYBODY.len()));
}

#[test]
fn a_filtered_guest_may_say_what_it_listens_to_and_a_thief_may_not() {
    let mut cloud = snooping(true);
    cloud.put("port red1 11 red on=a:1 mac=02:00:00:00:00:01 ip=10.0.0.1,fd00::1 filtered");
    let group = v4("239.1.1.1");
    let report = Listener::Report(group).frame(ONE, v4("10.0.0.1"), group);
    assert_eq!(said(&mut cloud, &report).0.len(), 1);
    let stolen = Listener::Report(group).frame(ONE, v4("10.0.0.2"), group);
    cloud.send("red1", &stolen).assert_nowhere();
}

#[test]
fn nonsense_is_ignored() {
    let mut cloud = snooping(true);
    let group = v4("239.1.1.1");
    let mut damaged = Listener::Report(group).frame(ONE, v4("10.0.0.1"), group);
    *damaged.last_mut().expect("a frame") ^= 1;
    assert!(matches!(ask(&mut cloud, "red1", &damaged).1, Reply::Ignore(_)));
    let nothing = Listener::<Ipv4Addr>::Records(vec![]).frame(ONE, v4("10.0.0.1"), IGMP_REPORTS);
    assert!(matches!(ask(&mut cloud, "red1", &nothing).1, Reply::Ignore(_)));
}

#[test]
fn guests_are_asked_by_the_server_of_their_network_or_by_nobody_in_particular() {
    let mut cloud = snooping(true);
    let asked = |cloud: &mut Cloud| -> Vec<Headers> {
        let beacons = cloud.node("a").engine.desired().beacons;
        let own = beacons.iter().filter(|beacon| beacon.port.get() == 1);
        own.map(|beacon| Headers::parse(&beacon.frame)).collect()
    };
    let kinds = |asked: &[Headers]| {
        let igmp = TransportKey::Igmp { kind: 0x11, code: 100, group: Ipv4Addr::UNSPECIFIED };
        let mld = TransportKey::Icmpv6 { kind: mld::QUERY, code: 0, nd: None };
        asked.iter().any(|headers| headers.transport == Some(igmp))
            && asked.iter().any(|headers| headers.transport == Some(mld))
    };
    let first = asked(&mut cloud);
    assert!(first.len() == 2 && kinds(&first), "{first:?}");
    cloud.put("port server 30 red mac=02:00:00:00:00:30 ip=10.0.0.30 owner=network:dhcp");
    let then = asked(&mut cloud);
    assert!(then.iter().all(|headers| headers.ethernet.expect("a frame").src == mac("02:00:00:00:00:30")));
    let beacons = cloud.node("a").engine.desired().beacons;
    let mld = beacons.iter().find_map(|beacon| {
        let headers = Headers::parse(&beacon.frame);
        let message = &beacon.frame[headers.layout.transport?..];
        let src = mac("02:00:00:00:00:30").link_local();
        Listener::<Ipv6Addr>::parse(message, src, v6("ff02::1"), 1).ok()
    });
    assert!(matches!(mld, Some(Listener::Query(query)) if query.group.is_unspecified()));
    assert_eq!(ALL_SYSTEMS, v4("224.0.0.1"));
}

#[test]
fn in_a_physical_network_the_wire_gets_a_copy_of_everything() {
    let mut cloud = snooping(false);
    cloud.put(
        "network green 3 flat in=public
         wire a public 90
         port green1 31 green on=a:21 mac=02:00:00:00:00:01 ip=10.0.0.1
         port green2 32 green on=a:22 mac=02:00:00:00:00:02 ip=10.0.0.2",
    );
    let outputs = |frame: &[u8], cloud: &Cloud| -> Vec<u32> {
        let walk = cloud.send("green1", frame);
        let mut ports: Vec<u32> = walk.traces[0].1.outputs().map(|output| output.port.get()).collect();
        ports.sort_unstable();
        ports
    };
    assert_eq!(outputs(&to_group("239.1.1.1"), &cloud), [90]);
    cloud.put("listens green 239.1.1.1 a green2");
    assert_eq!(outputs(&to_group("239.1.1.1"), &cloud), [22, 90]);
    let group = v4("239.1.1.1");
    let report = Listener::Report(group).frame(ONE, v4("10.0.0.1"), group);
    assert_eq!(outputs(&report, &cloud), [90]);
}

#[test]
fn one_more_listener_changes_one_group_and_no_flow() {
    let mut cloud = snooping(true);
    cloud.put("listens red 239.1.1.1 a red1");
    let more = |text: &str| {
        let row = Cloud::rows_of(text).remove(0);
        engine::Input::Row(engine::RowChange::Put(row))
    };
    let outputs = cloud.node("a").step(vec![more("listens red 239.1.1.1 a red1,red2")]);
    assert_eq!((outputs.delta.flows.len(), outputs.delta.groups.len()), (0, 1));
    let outputs = cloud.node("a").step(vec![more("listens red 239.1.1.1 b red3")]);
    assert_eq!((outputs.delta.flows.len(), outputs.delta.groups.len()), (0, 1));
    let outputs = cloud.node("a").step(vec![more("listens red 239.1.1.1 b red3,red4")]);
    assert!(outputs.delta.is_empty(), "what another node does with it is its own affair");
}
