//! Judges other than the code under test: `etherparse` for lengths and checksums, and our own strict parsers.

use etherparse::{LinkExtHeader, NetHeaders, PacketHeaders, TransportHeader};
use proptest::prelude::*;

use super::*;
use crate::headers::{Fragment, Headers, NetworkKey, TransportKey, VlanLimit};
use crate::icmp::Message;
use crate::nd::{Advertisement, Envelope, Solicitation};

const SRC: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);
const DST: MacAddr = MacAddr([2, 0, 0, 0, 0, 2]);

fn ethernet() -> Ethernet {
    Ethernet::new(SRC, DST)
}

fn any_ip() -> impl Strategy<Value = Ip> {
    prop_oneof![
        any::<(u32, u32, u8, u8, u16, bool)>().prop_map(|(src, dst, ttl, tos, id, dont_fragment)| {
            Ip::V4(Ipv4 { src: src.into(), dst: dst.into(), ttl, tos, id, dont_fragment })
        }),
        any::<(u128, u128, u8, u8, u32, u32)>().prop_map(
            |(src, dst, hop_limit, traffic_class, label, id)| {
                let flow_label = label & 0xf_ffff;
                Ip::V6(Ipv6 { src: src.into(), dst: dst.into(), hop_limit, traffic_class, flow_label, id })
            }
        ),
    ]
}

fn any_payload() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 0..100)
}

fn any_tcp() -> impl Strategy<Value = Tcp> {
    (any::<(u16, u16, u32, u32, u16, u16)>(), any_payload()).prop_map(
        |((src_port, dst_port, sequence, acknowledgement, flags, window), payload)| Tcp {
            src_port,
            dst_port,
            sequence,
            acknowledgement,
            // `etherparse` knows nine of the twelve bits and loses the others.
            flags: flags & 0x1ff,
            window,
            timestamps: None,
            payload,
        },
    )
}

fn any_udp() -> impl Strategy<Value = Udp> {
    (any::<(u16, u16)>(), any_payload()).prop_map(|((src_port, dst_port), payload)| Udp {
        src_port,
        dst_port,
        payload,
    })
}

fn checksum_by_etherparse(headers: &PacketHeaders<'_>) -> u16 {
    let payload = headers.payload.slice();
    match (headers.transport.as_ref().unwrap(), headers.net.as_ref().unwrap()) {
        (TransportHeader::Tcp(tcp), NetHeaders::Ipv4(ip, _)) => tcp.calc_checksum_ipv4(ip, payload).unwrap(),
        (TransportHeader::Tcp(tcp), NetHeaders::Ipv6(ip, _)) => tcp.calc_checksum_ipv6(ip, payload).unwrap(),
        (TransportHeader::Udp(udp), NetHeaders::Ipv4(ip, _)) => udp.calc_checksum_ipv4(ip, payload).unwrap(),
        (TransportHeader::Udp(udp), NetHeaders::Ipv6(ip, _)) => udp.calc_checksum_ipv6(ip, payload).unwrap(),
        (TransportHeader::Icmpv4(icmp), NetHeaders::Ipv4(..)) => icmp.icmp_type.calc_checksum(payload),
        (TransportHeader::Icmpv6(icmp), NetHeaders::Ipv6(ip, _)) => {
            icmp.icmp_type.calc_checksum(ip.source, ip.destination, payload).unwrap()
        }
        other => panic!("unexpected headers {other:?}"),
    }
}

fn fragment_offset_by_etherparse(ip: &Ip, packet: &[u8]) -> u16 {
    let offset = match ip {
        Ip::V4(_) => etherparse::Ipv4Header::from_slice(packet).unwrap().0.fragment_offset,
        Ip::V6(_) => {
            let (header, payload) = etherparse::Ipv6Header::from_slice(packet).unwrap();
            assert_eq!(header.next_header, etherparse::IpNumber::IPV6_FRAGMENTATION_HEADER);
            etherparse::Ipv6FragmentHeader::from_slice(payload).unwrap().0.fragment_offset
        }
    };
    offset.value()
}

fn assert_ip_header(headers: &PacketHeaders<'_>, ip: &Ip) {
    match (headers.net.as_ref().unwrap(), ip) {
        (NetHeaders::Ipv4(header, _), Ip::V4(ip)) => {
            assert_eq!(header.calc_header_checksum(), header.header_checksum);
            assert_eq!((Ipv4Addr::from(header.source), Ipv4Addr::from(header.destination)), (ip.src, ip.dst));
            assert_eq!((header.time_to_live, header.identification), (ip.ttl, ip.id));
            assert_eq!((header.dscp.value() << 2) | header.ecn.value(), ip.tos);
            assert_eq!(header.dont_fragment, ip.dont_fragment);
        }
        (NetHeaders::Ipv6(header, _), Ip::V6(ip)) => {
            assert_eq!((Ipv6Addr::from(header.source), Ipv6Addr::from(header.destination)), (ip.src, ip.dst));
            assert_eq!((header.hop_limit, header.traffic_class), (ip.hop_limit, ip.traffic_class));
            assert_eq!(header.flow_label.value(), ip.flow_label);
        }
        other => panic!("the family changed: {other:?}"),
    }
}

proptest! {
    #[test]
    fn tcp_is_what_etherparse_reads(ip in any_ip(), tcp in any_tcp()) {
        let frame = ethernet().ip(&ip, &Transport::Tcp(tcp.clone())).unwrap();
        let headers = PacketHeaders::from_ethernet_slice(&frame).unwrap();
        assert_ip_header(&headers, &ip);
        let TransportHeader::Tcp(header) = headers.transport.clone().unwrap() else { panic!("not TCP") };
        prop_assert_eq!(header.checksum, checksum_by_etherparse(&headers));
        prop_assert_eq!((header.source_port, header.destination_port), (tcp.src_port, tcp.dst_port));
        prop_assert_eq!(header.sequence_number, tcp.sequence);
        prop_assert_eq!(header.acknowledgment_number, tcp.acknowledgement);
        prop_assert_eq!(header.window_size, tcp.window);
        prop_assert_eq!(headers.payload.slice(), &tcp.payload[..]);
        let expected = TransportKey::Tcp { src: tcp.src_port, dst: tcp.dst_port, flags: tcp.flags };
        prop_assert_eq!(Headers::parse(&frame).transport, Some(expected));
    }

    #[test]
    fn udp_is_what_etherparse_reads(ip in any_ip(), udp in any_udp()) {
        let frame = ethernet().ip(&ip, &Transport::Udp(udp.clone())).unwrap();
        let headers = PacketHeaders::from_ethernet_slice(&frame).unwrap();
        assert_ip_header(&headers, &ip);
        let TransportHeader::Udp(header) = headers.transport.clone().unwrap() else { panic!("not UDP") };
        prop_assert_eq!(header.checksum, checksum_by_etherparse(&headers));
        prop_assert_eq!((header.source_port, header.destination_port), (udp.src_port, udp.dst_port));
        prop_assert_eq!(headers.payload.slice(), &udp.payload[..]);
    }

    #[test]
    fn echo_is_what_both_parsers_read(ip in any_ip(), id: u16, sequence: u16, payload in any_payload()) {
        let (family, message) = match ip {
            Ip::V4(_) => (crate::icmp::Family::V4, Message::echo_request_v4(id, sequence, payload)),
            Ip::V6(ip) => (
                crate::icmp::Family::V6 { src: ip.src, dst: ip.dst },
                Message::echo_request_v6(id, sequence, payload),
            ),
        };
        let frame = ethernet().ip(&ip, &Transport::Icmp(message.clone())).unwrap();
        let layout = Headers::parse(&frame).layout;
        prop_assert_eq!(layout.network_end, Some(frame.len()));
        let headers = PacketHeaders::from_ethernet_slice(&frame).unwrap();
        let checksum = match headers.transport.as_ref().unwrap() {
            TransportHeader::Icmpv4(icmp) => icmp.checksum,
            TransportHeader::Icmpv6(icmp) => icmp.checksum,
            other => panic!("not ICMP: {other:?}"),
        };
        prop_assert_eq!(checksum, checksum_by_etherparse(&headers));
        prop_assert_eq!(Message::parse(&frame[layout.transport.unwrap()..], family), Ok(message));
    }

    #[test]
    fn fragments_reassemble(
        ip in any_ip(),
        payload in proptest::collection::vec(any::<u8>(), 1..300),
        max in 8_usize..200,
    ) {
        let transport = Transport::Raw { proto: ip_proto::UDP, payload: payload.clone() };
        let frames = ethernet().ip_fragments(&ip, &transport, max).unwrap();
        let mut reassembled: Vec<u8> = Vec::new();
        for (index, frame) in frames.iter().enumerate() {
            let headers = Headers::parse(frame);
            let fragment = headers.ip.unwrap().fragment;
            let expected = match (index, frames.len()) {
                (0, 1) => Fragment::No,
                (0, _) => Fragment::First,
                _ => Fragment::Later,
            };
            prop_assert_eq!(fragment, expected);
            let chunk = &frame[headers.layout.transport.unwrap()..headers.layout.network_end.unwrap()];
            prop_assert_eq!(headers.transport.is_some(), fragment != Fragment::Later && chunk.len() >= 8);
            prop_assert!(chunk.len() <= max);
            let offset = fragment_offset_by_etherparse(&ip, &frame[14..]);
            prop_assert_eq!(usize::from(offset) * 8, reassembled.len());
            reassembled.extend(chunk);
        }
        prop_assert_eq!(reassembled, payload);
    }
}

#[test]
fn tags_are_emitted_outermost_first_and_without_the_presence_bit() {
    let service = VlanTag { tpid: ethertype::VLAN_SERVICE, ..VlanTag::customer(100, 0) };
    let frame = ethernet().tagged(service).tagged(VlanTag::customer(200, 5)).frame(0x1234, &[9]);
    assert_eq!(frame[12..], [0x88, 0xa8, 0, 100, 0x81, 0, 0xa0, 200, 0x12, 0x34, 9]);
    let headers = Headers::parse_with_vlan_limit(&frame, VlanLimit::Two);
    assert_eq!(headers.vlans, [Some(service), Some(VlanTag::customer(200, 5))]);
    let headers = PacketHeaders::from_ethernet_slice(&frame).unwrap();
    let ids: Vec<_> = headers
        .link_exts
        .iter()
        .map(|ext| match ext {
            LinkExtHeader::Vlan(vlan) => vlan.vlan_id.value(),
            other => panic!("unexpected {other:?}"),
        })
        .collect();
    assert_eq!(ids, [100, 200]);
}

#[test]
fn arp_and_neighbor_frames_pass_the_strict_parsers() {
    let arp = Arp::request(SRC, Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2));
    let frame = ethernet().arp(&arp);
    assert_eq!(Arp::parse(&frame[14..]), Ok(arp));

    let (src, dst) = (SRC.link_local(), DST.link_local());
    let envelope = Envelope { src, dst, hop_limit: 255 };
    for message in [
        Neighbor::Solicitation(Solicitation { target: dst, source_link: Some(SRC) }),
        Neighbor::Advertisement(Advertisement {
            is_router: true,
            is_solicited: true,
            is_override: false,
            target: src,
            target_link: Some(SRC),
        }),
    ] {
        let frame = ethernet().neighbor(src, dst, &message).unwrap();
        let headers = Headers::parse(&frame);
        assert_eq!(headers.ip.unwrap().ttl, 255);
        assert_eq!(headers.network, Some(NetworkKey::Ipv6 { src, dst, flow_label: 0 }));
        assert_eq!(Neighbor::parse(&frame[headers.layout.transport.unwrap()..], envelope), Ok(message));
    }
}

#[test]
fn what_does_not_fit_is_refused_with_the_limit() {
    let v4 = Ip::V4(Ipv4::new(Ipv4Addr::LOCALHOST, Ipv4Addr::LOCALHOST));
    let v6 = Ip::V6(Ipv6::new(Ipv6Addr::LOCALHOST, Ipv6Addr::LOCALHOST));
    let raw = |bytes| Transport::Raw { proto: 253, payload: vec![0; bytes] };
    assert!(v4.packet(&raw(65_515)).is_ok());
    let error = v4.packet(&raw(65_516)).unwrap_err().to_string();
    assert_eq!(error, "IPv4 packet of 65536 bytes does not fit its length field: send at most 65535");
    assert!(v6.packet(&raw(65_535)).is_ok());
    assert!(v6.packet(&raw(65_536)).is_err());
    let udp = Transport::Udp(Udp { payload: vec![0; 65_528], ..Udp::default() });
    assert!(matches!(v6.packet(&udp), Err(BuildError::TooLong { layer: "UDP datagram", .. })));

    assert_eq!(v4.fragments(&raw(9), 7), Err(BuildError::FragmentTooShort { bytes_max: 7 }));
    assert_eq!(v4.fragments(&raw(65_535), 8).map(|packets| packets.len()), Ok(8192));
    assert!(v4.fragments(&raw(65_536), 8).is_err());
}

#[test]
fn addresses_of_two_families_make_no_packet() {
    let v4 = IpAddr::from([10, 0, 0, 1]);
    let v6 = IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1_u16]);
    assert!(matches!(Ip::between(v4, v4), Some(Ip::V4(_))));
    assert!(matches!(Ip::between(v6, v6), Some(Ip::V6(_))));
    assert_eq!(Ip::between(v4, v6), None);
}
