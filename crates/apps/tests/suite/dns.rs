//! What guests ask name servers, and what is answered here.

use std::net::IpAddr;

use engine::Reply;
use model::{Object, Table};
use net_types::{MacAddr, OfPort};
use openflow::action::Action;
use packet::Headers;
use packet::build::{Transport, Udp};
use packet::dns::{INTERNET, Name, Query, kinds};
use packet::headers::{NetworkKey, TransportKey};
use pipeline::{regs, tables, userdata};
use serde_json::json;

use crate::support::{Cloud, ask, ip, mac, v4, v6};

const CLOUD: &str = "
    node a 192.0.2.1 geneve
    node b 192.0.2.2 geneve
    network red 1 geneve
    network blue 2 geneve
    port red1 11 red on=a:1 mac=02:00:00:00:00:01 ip=10.0.0.1,fd00::1
    port red2 12 red on=b:2 mac=02:00:00:00:00:02 ip=10.0.0.2,fd00::2
    port red3 13 red on=a:3 mac=02:00:00:00:00:03 ip=10.0.0.3
    port server 14 red on=b:4 mac=02:00:00:00:00:53 ip=10.0.0.53,fd00::53
    port blue1 21 blue on=a:11 mac=02:00:00:00:00:01 ip=10.0.0.1
    port blue2 22 blue on=a:12 mac=02:00:00:00:00:53 ip=10.0.0.53
";
pub(crate) const ONE: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);

fn name(cloud: &mut Cloud, port: &str, network: &str, name: &str, domain: Option<&str>) {
    let row =
        json!({"id": port, "lport": port, "lswitch": network, "name": name, "domain": domain, "topic": "t"});
    cloud.put_row(Object::from_text(Table::PortDns, &row.to_string()).expect("a row"));
}

pub(crate) fn cloud() -> Cloud {
    let mut cloud = Cloud::new(CLOUD);
    for node in ["a", "b"] {
        cloud.set(node, |settings| {
            let dhcp = engine::Dhcp { domain: "cloud.example.".to_owned(), ..engine::Dhcp::default() };
            settings.dhcp = std::sync::Arc::new(dhcp);
        });
    }
    name(&mut cloud, "red2", "red", "Db", None);
    name(&mut cloud, "red3", "red", "web", Some("shop.example."));
    cloud
}

pub(crate) fn query(name: &str, kind: u16) -> Query {
    let name = Name::from_text(name).expect("a name");
    Query { id: 7, is_recursive: true, is_unchecked: false, name, kind, class: INTERNET, edns: None }
}

/// A question to the server of the network, as a guest sends it.
fn frame(from: IpAddr, server: IpAddr, payload: Vec<u8>) -> Vec<u8> {
    let datagram = Udp { src_port: 40_000, dst_port: 53, payload };
    ip((ONE, from), (mac("02:00:00:00:00:53"), server), &Transport::Udp(datagram))
}

fn asks(name: &str, kind: u16) -> Vec<u8> {
    frame(v4("10.0.0.1").into(), v4("10.0.0.53").into(), query(name, kind).emit())
}

/// The answer to a question of red1: the counts of answers and of authorities, and all of it.
fn answered(cloud: &mut Cloud, name: &str, kind: u16) -> (u8, u8, Vec<u8>) {
    let (responder, reply) = ask(cloud, "red1", &asks(name, kind));
    assert_eq!(responder, userdata::DNS);
    let Reply::Send { frame, port } = reply else { panic!("{name} is not answered: {reply:?}") };
    assert_eq!(port, OfPort::new(1));
    let headers = Headers::parse(&frame);
    assert_eq!(
        headers.ethernet.map(|ethernet| (ethernet.src, ethernet.dst)),
        Some((mac("02:00:00:00:00:53"), ONE))
    );
    let Some(NetworkKey::Ipv4 { src, dst }) = headers.network else { panic!("an IPv4 packet") };
    assert_eq!((src, dst), (v4("10.0.0.53"), v4("10.0.0.1")));
    assert_eq!(headers.transport, Some(TransportKey::Udp { src: 53, dst: 40_000 }));
    let message = frame[headers.layout.transport.expect("a datagram") + Udp::HEADER_BYTES..].to_vec();
    assert_eq!((&message[..2], message[3] & 15), (&[0, 7][..], 0), "no error");
    (message[7], message[9], message)
}

/// Asserts that a question of red1 goes on, and only once.
pub(crate) fn goes_on(cloud: &mut Cloud, frame: &[u8]) {
    let (_, reply) = ask(cloud, "red1", frame);
    let Reply::Resume(resume) = reply else { panic!("{reply:?}") };
    assert_eq!((resume.frame.as_slice(), resume.table), (frame, tables::L2.id));
    for register in [(&regs::NETWORK, 1), (&regs::INGRESS_PORT, 11), (&regs::LOOKED_UP, 1)] {
        assert!(
            resume.registers.contains(&Action::load(register.0.bits, register.1)),
            "{:?}",
            resume.registers
        );
    }
}

#[test]
fn names_of_ports_are_answered_for_each_version_as_they_were_asked_for() {
    let mut cloud = cloud();
    for name in ["db.cloud.example", "DB.Cloud.Example", "db"] {
        let (answers, _, message) = answered(&mut cloud, name, kinds::A);
        assert_eq!(answers, 1);
        assert!(message.ends_with(&[0, 4, 10, 0, 0, 2]), "{name}: {message:?}");
        let asked = query(name, kinds::A).emit();
        assert_eq!(message[12..asked.len()], asked[12..], "in the same letters");
    }
    let (answers, _, message) = answered(&mut cloud, "db.cloud.example", kinds::AAAA);
    assert!(answers == 1 && message.ends_with(&v6("fd00::2").octets()));
    assert_eq!(answered(&mut cloud, "db", kinds::ANY).0, 2);
    assert_eq!(answered(&mut cloud, "web.shop.example", kinds::A).0, 1);
    // It is there, and has no such thing.
    for kind in [kinds::AAAA, kinds::SOA, 65] {
        let (answers, authorities, _) = answered(&mut cloud, "web.shop.example", kind);
        assert_eq!((answers, authorities), (0, 1), "type {kind}");
    }
    let (_, _, message) = answered(&mut cloud, "2.0.0.10.in-addr.arpa", kinds::PTR);
    assert!(message.ends_with(b"\x02Db\x05cloud\x07example\0"), "{message:?}");
    let reverse = "2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa";
    assert_eq!(answered(&mut cloud, reverse, kinds::PTR).0, 1);
}

#[test]
fn the_domain_is_that_of_the_port_or_of_the_network_and_addresses_are_those_of_now() {
    let mut cloud = cloud();
    let row = json!({"id": "red", "lswitch": "red", "topic": "t", "dns_domain": "Red.example."});
    cloud.put_row(Object::from_text(Table::NetworkExtra, &row.to_string()).expect("a row"));
    assert_eq!(answered(&mut cloud, "db.red.example", kinds::A).0, 1);
    assert_eq!(answered(&mut cloud, "web.shop.example", kinds::A).0, 1);
    assert_eq!(
        answered(&mut cloud, "db.cloud.example", kinds::A).0,
        1,
        "guests may have been told this domain"
    );
    let (_, _, message) = answered(&mut cloud, "2.0.0.10.in-addr.arpa", kinds::PTR);
    assert!(message.ends_with(b"\x02Db\x03red\x07example\0"), "{message:?}");
    cloud.put("port red2 12 red on=b:2 mac=02:00:00:00:00:02 ip=10.0.0.22");
    let (_, _, message) = answered(&mut cloud, "db", kinds::A);
    assert!(message.ends_with(&[10, 0, 0, 22]));
    cloud.delete(Table::PortDns, "red2");
    goes_on(&mut cloud, &asks("db", kinds::A));
}

#[test]
fn a_name_of_several_labels_is_one_name() {
    let mut cloud = cloud();
    name(&mut cloud, "red2", "red", "a.db", None);
    for (name, kind) in [("a.db", kinds::A), ("A.db.cloud.example", kinds::AAAA)] {
        assert_eq!(answered(&mut cloud, name, kind).0, 1, "{name}");
    }
    for name in
        ["a", "db", "db.cloud.example", "a.cloud.example", "b.db.cloud.example", &["a"; 127].join(".")]
    {
        goes_on(&mut cloud, &asks(name, kinds::A));
    }
    let (_, _, message) = answered(&mut cloud, "2.0.0.10.in-addr.arpa", kinds::PTR);
    assert!(message.ends_with(b"\x01a\x02db\x05cloud\x07example\0"), "{message:?}");
}

#[test]
fn everything_else_goes_on_to_the_server_untouched() {
    let mut cloud = cloud();
    for name in [
        "example.org",
        "other.cloud.example",
        "db.shop.example",
        "web.red.example",
        "a.db.cloud.example",
        "cloud.example",
    ] {
        goes_on(&mut cloud, &asks(name, kinds::A));
    }
    goes_on(&mut cloud, &asks("9.0.0.10.in-addr.arpa", kinds::PTR));
    goes_on(&mut cloud, &asks("1.0.0.10.in-addr.arpa", kinds::PTR));
    let other_class = Query { class: 3, ..query("db", kinds::A) };
    for payload in [other_class.emit(), vec![], vec![0xff; 40], query("db", kinds::A).emit()[..19].to_vec()] {
        let frame = frame(v4("10.0.0.1").into(), v4("10.0.0.53").into(), payload);
        goes_on(&mut cloud, &frame);
    }
}

#[test]
fn only_questions_in_networks_with_names_are_looked_at() {
    let mut cloud = cloud();
    let walk = cloud.send("blue1", &asks("db.cloud.example", kinds::A));
    assert_eq!((walk.receivers(), walk.to_controller.len()), (vec!["blue2"], 0), "another network");
    let other = Udp { src_port: 53, dst_port: 5353, payload: vec![] };
    let other = ip(
        (ONE, v4("10.0.0.1").into()),
        (mac("02:00:00:00:00:53"), v4("10.0.0.53").into()),
        &Transport::Udp(other),
    );
    assert_eq!(cloud.send("red1", &other).receivers(), ["server"]);
    // From an address that is not its own nobody asks.
    let spoofed = frame(v4("10.0.0.9").into(), v4("10.0.0.53").into(), query("db", kinds::A).emit());
    cloud.send("red1", &spoofed).assert_nowhere();
    // By IPv6 as well.
    let by_v6 = frame(v6("fd00::1").into(), v6("fd00::53").into(), query("db", kinds::A).emit());
    assert!(matches!(ask(&mut cloud, "red1", &by_v6).1, Reply::Send { .. }));
    cloud.delete(Table::PortDns, "red2");
    cloud.delete(Table::PortDns, "red3");
    let walk = cloud.send("red1", &asks("db.cloud.example", kinds::A));
    assert_eq!((walk.receivers(), walk.to_controller.len()), (vec!["server"], 0));
}
