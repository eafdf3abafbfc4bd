//! Frames, the messages in them, and files of them.

use std::net::{Ipv4Addr, Ipv6Addr};

use net_types::MacAddr;
use packet::arp::Arp;
use packet::dhcp::{self, Answer, Arrival, Lease, Overrides, Route};
use packet::headers::{Headers, VLAN_TAGS_MAX, VlanLimit};
use packet::icmp::{Family, Message};
use packet::nd::{Envelope, HOP_LIMIT, Neighbor};
use packet::pcap::{PcapError, PcapReader, PcapWriter};
use packet::{ParseError, ethertype};

use crate::bytes::Bytes;

/// Bytes of an Ethernet header.
const ETHERNET_BYTES: usize = 14;

/// A frame, as a switch reads it.
pub fn packet_headers(data: &[u8]) {
    for limit in [VlanLimit::One, VlanLimit::Two] {
        check_headers(data, limit);
    }
}

fn check_headers(frame: &[u8], limit: VlanLimit) {
    let headers = Headers::parse_with_vlan_limit(frame, limit);
    assert_eq!(headers.ethernet.is_some(), frame.len() >= ETHERNET_BYTES);
    let tags = headers.vlans.iter().flatten().count();
    assert!(tags <= if limit == VlanLimit::One { 1 } else { VLAN_TAGS_MAX });
    assert!(headers.vlans.iter().take(tags).all(Option::is_some), "the tags have a gap");
    let labels = headers.mpls.iter().flatten().count();
    assert!(headers.mpls.iter().take(labels).all(Option::is_some), "the labels have a gap");

    // A layer is there only above those that carry it, and in the order of the frame.
    assert!(headers.transport.is_none() || headers.ip.is_some());
    assert!(headers.ip.is_none() || headers.network.is_some());
    assert!(headers.network.is_none() || headers.ethernet.is_some());
    let layout = headers.layout;
    let places = [layout.network, layout.transport, layout.network_end, Some(frame.len())];
    assert!(places.iter().flatten().is_sorted(), "{layout:?} in {} bytes", frame.len());

    // Padding behind an IP packet changes nothing.
    let is_ip = headers.ethernet.is_some_and(|ethernet| {
        matches!(ethernet.ethertype, ethertype::IPV4 | ethertype::IPV6) && layout.network_end.is_some()
    });
    if is_ip {
        let padded = [frame, &[0xa5; 3]].concat();
        assert_eq!(Headers::parse_with_vlan_limit(&padded, limit), headers);
    }
}

pub(crate) fn check_error(error: &ParseError, len: usize) {
    match error {
        ParseError::Truncated { offset, needed, available, .. } => {
            assert!(needed > available && offset + available <= len, "{error}, in {len} bytes");
        }
        ParseError::Invalid { offset, .. } => assert!(*offset <= len, "{error}, in {len} bytes"),
        ParseError::Checksum { .. } => {}
    }
}

/// An ARP, ICMP or neighbour discovery message: the addresses around it, a byte for the hop limit, and the message. It is read
/// as it is, and with a right checksum.
pub fn packet_messages(data: &[u8]) {
    check_arp(data);
    let mut bytes = Bytes::new(data);
    let (src, dst) = (Ipv6Addr::from(bytes.array::<16>()), Ipv6Addr::from(bytes.array::<16>()));
    // Half of the values are the hop limit without which nothing else is looked at.
    let hop_limit = bytes.u8() | 0xfe;
    let body = bytes.rest();
    let envelope = Envelope { src, dst, hop_limit };
    for family in [Family::V4, Family::V6 { src, dst }] {
        if let Some(message) = check_icmp(body, family) {
            // Not the same bytes: a checksum has two ways to say zero.
            assert_eq!(check_icmp(&message.emit(family), family), Some(message));
        }
        let mut bytes = Bytes::new(body);
        let ([kind, code], rest) = (bytes.array(), bytes.array());
        let message = Message { kind, code, rest, payload: bytes.rest().to_vec() };
        let emitted = message.emit(family);
        assert_eq!(check_icmp(&emitted, family), Some(message));
        if family != Family::V4 {
            check_neighbor(&emitted, envelope);
        }
    }
    check_neighbor(body, envelope);
}

fn check_arp(bytes: &[u8]) {
    match Arp::parse(bytes) {
        Ok(arp) => {
            assert_eq!(bytes.get(..Arp::BYTES), Some(arp.emit().as_slice()));
            let reply = arp.reply(arp.target_mac);
            assert_eq!(Arp::parse(&reply.emit()), Ok(reply));
        }
        Err(error) => check_error(&error, bytes.len()),
    }
}

fn check_icmp(bytes: &[u8], family: Family) -> Option<Message> {
    match Message::parse(bytes, family) {
        Ok(message) => {
            let reply = message.echo_reply(family);
            assert!(reply.is_none_or(|reply| Message::parse(&reply.emit(family), family) == Ok(reply)));
            Some(message)
        }
        Err(error) => {
            check_error(&error, bytes.len());
            None
        }
    }
}

fn check_neighbor(bytes: &[u8], envelope: Envelope) {
    let Envelope { src, dst, hop_limit } = envelope;
    match Neighbor::parse(bytes, envelope) {
        Ok(neighbor) => {
            assert_eq!(hop_limit, HOP_LIMIT);
            assert_eq!(Neighbor::parse(&neighbor.emit(src, dst), envelope), Ok(neighbor));
        }
        Err(error) => check_error(&error, bytes.len()),
    }
}

/// A capture file.
pub fn packet_pcap(data: &[u8]) {
    let reader = match PcapReader::new(data) {
        Ok(reader) => reader,
        Err(error) => return check_pcap_error(&error, data.len()),
    };
    let mut writer = PcapWriter::new();
    let (mut captured, mut records) = (0, Vec::new());
    for (count, record) in reader.enumerate() {
        match record {
            Ok(record) => {
                captured += record.data.len();
                assert_eq!(count, records.len(), "a record came after an error");
                assert_eq!(writer.push(record.seconds, record.nanoseconds, record.data), Ok(()));
                records.push((record.seconds, record.nanoseconds, record.data));
            }
            Err(error) => check_pcap_error(&error, data.len()),
        }
    }
    assert!(captured <= data.len());
    let written = writer.finish();
    let again = PcapReader::new(&written).expect("what was written is a capture file");
    let again: Result<Vec<_>, _> =
        again.map(|record| record.map(|r| (r.seconds, r.nanoseconds, r.data))).collect();
    assert_eq!(again, Ok(records));
}

fn check_pcap_error(error: &PcapError, len: usize) {
    match error {
        PcapError::BadMagic { .. } => {}
        PcapError::Truncated { offset }
        | PcapError::TooLong { offset, .. }
        | PcapError::BadTimestamp { offset } => assert!(*offset <= len, "{error}, in {len} bytes"),
    }
}

/// A DHCP message: five bytes that say how it comes, and the message. It is read, written in little space, and answered.
pub fn packet_dhcp(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    let (destination, bytes_max) = (bytes.u8(), usize::from(bytes.u16()));
    let source = Ipv4Addr::new(10, 0, bytes.u8(), bytes.u8());
    let body = bytes.rest();
    let message = match dhcp::Message::parse(body) {
        Ok(message) => message,
        Err(error) => return check_error(&error, body.len()),
    };
    let written = message.emit();
    // Each option costs two bytes at least to write, and no more than two to read; names and padding have their place.
    assert!(written.len() <= body.len() + 512, "{} bytes from {}", written.len(), body.len());
    assert_eq!(dhcp::Message::parse(&written).as_ref(), Ok(&message));
    check_fitted(&message, bytes_max);

    let lease = dhcp_lease(&message);
    let destination = match destination {
        0..=127 => Ipv4Addr::BROADCAST,
        128..=191 => lease.server,
        other => Ipv4Addr::new(10, 0, 0, other),
    };
    let arrival = Arrival { source_mac: message.client_mac, source, destination };
    if let Answer::Reply(reply) = dhcp::answer(&message, arrival, &lease) {
        assert_eq!(message.op, dhcp::Op::Request);
        assert!(reply.payload.len() <= DHCP_REPLY_BYTES_MAX);
        let said = dhcp::Message::parse(&reply.payload).expect("what was written is a message");
        assert_eq!(
            (said.transaction, said.message_type()),
            (message.transaction, reply.message.message_type())
        );
        assert!(said.message_type().is_some() && reply.frame().is_ok());
    }
}

/// What is left of an Ethernet frame without IP and UDP header.
const DHCP_REPLY_BYTES_MAX: usize = 1472;

fn check_fitted(message: &dhcp::Message, bytes_max: usize) {
    let dhcp::Fitted { bytes, left_out } = message.emit_within(bytes_max);
    assert!(bytes.len() <= bytes_max.max(300));
    let fitted = dhcp::Message::parse(&bytes).expect("what was written is a message");
    for option in &message.options {
        let expected = (!left_out.contains(&option.code)).then_some(option.value.as_slice());
        assert_eq!(fitted.options.get(option.code), expected, "option {}", option.code);
    }
    assert_eq!(fitted.options.iter().count() + left_out.len(), message.options.iter().count());
}

/// A lease of whoever asks, so that messages get answers.
fn dhcp_lease(message: &dhcp::Message) -> Lease {
    let mut overrides = Overrides::default();
    overrides.set_text(67, "pxelinux.0").expect("it is a text");
    Lease {
        client_mac: message.client_mac,
        address: Ipv4Addr::new(10, 0, 0, 12),
        prefix_length: 24,
        server: Ipv4Addr::new(10, 0, 0, 2),
        server_mac: MacAddr([0xfa, 0x16, 0x3e, 0, 0, 2]),
        router: Some(Ipv4Addr::new(10, 0, 0, 1)),
        dns_servers: vec![Ipv4Addr::new(8, 8, 8, 8)],
        domain: "example.org".to_owned(),
        host_name: "web".to_owned(),
        mtu_bytes: Some(1450),
        routes: Route::new(Ipv4Addr::new(169, 254, 169, 254), 32, Ipv4Addr::new(10, 0, 0, 12))
            .into_iter()
            .collect(),
        seconds: 86_400,
        next_server: None,
        overrides,
    }
}
