//! What guests ask and say for themselves: routers, DHCPv6, names (also by TCP), multicast listening.

use std::net::{Ipv4Addr, Ipv6Addr};

use packet::dhcp6;
use packet::dns::{Answer, Name, Query, Record};
use packet::icmp::{Family, Message};
use packet::listeners::Listener;
use packet::nd::{Envelope, HOP_LIMIT};
use packet::router::Router;
use packet::tcp::Segment;

use crate::bytes::Bytes;
use crate::packets::check_error;

/// Where a message comes from and goes to.
const SRC: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
const DST: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);

/// A DHCPv6 message, and an ICMPv6 or IGMP message whose checksum is put right: what is read is written so that it is read again.
pub fn packet_services(data: &[u8]) {
    match dhcp6::Message::parse(data) {
        Ok(message) => assert_eq!(dhcp6::Message::parse(&message.emit()), Ok(message)),
        Err(error) => check_error(&error, data.len()),
    }
    question(data);
    asked_by_tcp(data);
    let mut bytes = Bytes::new(data);
    let ([kind, code], rest) = (bytes.array(), bytes.array());
    let message = Message { kind, code, rest, payload: bytes.rest().to_vec() };
    router(&message.emit(Family::V6 { src: SRC, dst: DST }));
    listener_v6(&message.emit(Family::V6 { src: SRC, dst: DST }));
    listener_v4(&message.emit(Family::V4));
    router(data);
    listener_v6(data);
    listener_v4(data);
}

fn question(bytes: &[u8]) {
    match Query::parse(bytes) {
        Ok(query) => {
            let records = query.name.to_address().map(Record::Address).into_iter().collect();
            let zone = Name::from_text("example.org").expect("a name");
            assert!(Answer { zone, seconds: 1, records }.emit(&query).len() <= packet::dns::EDNS_BYTES_MAX);
            assert_eq!(Query::parse(&query.emit()), Ok(query));
        }
        Err(error) => check_error(&error, bytes.len()),
    }
}

fn asked_by_tcp(bytes: &[u8]) {
    let segment = match Segment::parse(bytes) {
        Ok(segment) => segment,
        Err(error) => return check_error(&error, bytes.len()),
    };
    assert_eq!(segment.last_answer(Vec::new()).sequence, segment.acknowledgement);
    assert_eq!(segment.break_off().sequence, segment.sequence);
    if let Ok(query) = Query::parse_stream(segment.payload) {
        let records = vec![Record::Address(SRC.into()); 100];
        let zone = Name::from_text("example.org").expect("a name");
        let answer = Answer { zone, seconds: 1, records }.emit_stream(&query);
        assert!(answer.len() <= packet::dns::STREAM_BYTES_MAX);
    }
}

fn router(bytes: &[u8]) {
    let envelope = Envelope { src: SRC, dst: DST, hop_limit: HOP_LIMIT };
    match Router::parse(bytes, envelope) {
        Ok(router) => assert_eq!(Router::parse(&router.emit(SRC, DST), envelope), Ok(router)),
        Err(error) => check_error(&error, bytes.len()),
    }
}

fn listener_v6(bytes: &[u8]) {
    match Listener::<Ipv6Addr>::parse(bytes, SRC, DST, 1) {
        Ok(listener) => {
            let again = Listener::<Ipv6Addr>::parse(&listener.emit(SRC, DST), SRC, DST, 1);
            assert_eq!(again, Ok(listener));
        }
        Err(error) => check_error(&error, bytes.len()),
    }
}

fn listener_v4(bytes: &[u8]) {
    match Listener::<Ipv4Addr>::parse(bytes) {
        Ok(listener) => assert_eq!(Listener::<Ipv4Addr>::parse(&listener.emit()), Ok(listener)),
        Err(error) => check_error(&error, bytes.len()),
    }
}
