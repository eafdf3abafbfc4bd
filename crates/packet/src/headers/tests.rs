//! Cases chosen by hand; `tests/ovs_flow_extract.rs` compares with OVS on thousands of frames.

use proptest::prelude::*;

use super::*;
use crate::build::{Ethernet, Ip, Ipv4, Ipv6, Tcp, Transport, Udp, tcp_flags};
use crate::icmp::Message;
use crate::nd::{Neighbor, Solicitation};
use crate::{ethertype, ip_proto};

const SRC: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);
const DST: MacAddr = MacAddr([2, 0, 0, 0, 0, 2]);
const V4: Ip = Ip::V4(Ipv4 {
    src: Ipv4Addr::new(10, 0, 0, 1),
    dst: Ipv4Addr::new(10, 0, 0, 2),
    ttl: 9,
    tos: 0xb9,
    id: 1,
    dont_fragment: false,
});

fn ethernet() -> Ethernet {
    Ethernet::new(SRC, DST)
}

fn v6() -> Ip {
    Ip::V6(Ipv6 { traffic_class: 0xb9, flow_label: 0xabcde, ..Ipv6::new(SRC.link_local(), DST.link_local()) })
}

fn udp_frame(ip: &Ip) -> Vec<u8> {
    let udp = Udp { src_port: 5353, dst_port: 53, payload: vec![1, 2, 3] };
    ethernet().ip(ip, &Transport::Udp(udp)).unwrap()
}

fn ethertype_of(frame: &[u8]) -> u16 {
    Headers::parse(frame).ethernet.unwrap().ethertype
}

/// Layers are given up from the outside in: what is known about a prefix stays true of the whole.
fn assert_known_prefix(cut: &Headers, whole: &Headers) {
    if let Some(ethernet) = cut.ethernet {
        let whole = whole.ethernet.unwrap();
        assert_eq!((ethernet.src, ethernet.dst), (whole.src, whole.dst));
    }
    assert!(cut.network.is_none() || cut.network == whole.network);
    assert!(cut.transport.is_none() || cut.transport == whole.transport);
}

#[test]
fn every_truncation_is_survived() {
    let tcp = Tcp { src_port: 1, dst_port: 2, flags: tcp_flags::SYN, payload: vec![0; 9], ..Tcp::default() };
    let solicitation =
        Neighbor::Solicitation(Solicitation { target: DST.link_local(), source_link: Some(SRC) });
    let frames = [
        udp_frame(&V4),
        udp_frame(&v6()),
        ethernet().tagged(VlanTag::customer(7, 3)).ip(&V4, &Transport::Tcp(tcp)).unwrap(),
        ethernet().neighbor(SRC.link_local(), DST.link_local(), &solicitation).unwrap(),
        ethernet().arp(&crate::arp::Arp::announcement(SRC, Ipv4Addr::LOCALHOST)),
    ];
    for frame in frames {
        let whole = Headers::parse(&frame);
        for length in 0..frame.len() {
            let cut = Headers::parse(&frame[..length]);
            assert_eq!(cut.ethernet.is_some(), length >= 14);
            assert_known_prefix(&cut, &whole);
        }
    }
}

#[test]
fn tags_beyond_the_limit_are_payload() {
    let frame = ethernet()
        .tagged(VlanTag::customer(1, 0))
        .tagged(VlanTag::customer(2, 0))
        .tagged(VlanTag::customer(3, 0))
        .frame(ethertype::IPV4, &[]);
    let one = Headers::parse(&frame);
    assert_eq!(one.vlans, [Some(VlanTag::customer(1, 0)), None]);
    assert_eq!(one.ethernet.unwrap().ethertype, ethertype::VLAN);
    let two = Headers::parse_with_vlan_limit(&frame, VlanLimit::Two);
    assert_eq!(two.vlans, [Some(VlanTag::customer(1, 0)), Some(VlanTag::customer(2, 0))]);
    assert_eq!(two.ethernet.unwrap().ethertype, ethertype::VLAN);
    assert_eq!(two.layout.network, Some(14 + 8));
}

#[test]
fn a_tag_needs_an_ethertype_after_it() {
    let frame = ethernet().frame(ethertype::VLAN, &[0x20, 0x05, 0x08]);
    let headers = Headers::parse(&frame);
    assert_eq!((headers.vlans, ethertype_of(&frame)), ([None; 2], ethertype::VLAN));
}

#[test]
fn tag_fields() {
    let tag = VlanTag::customer(0x1abc, 0xfd);
    assert_eq!((tag.vid(), tag.pcp(), tag.tci), (0xabc, 5, 0xbabc));
}

#[test]
fn length_frames_have_a_type_only_through_snap() {
    let snap = |organisation, kind: u16| {
        let mut payload = vec![0xaa, 0xaa, 3, 0, 0, organisation];
        payload.extend(kind.to_be_bytes());
        payload
    };
    assert_eq!(ethertype_of(&ethernet().frame(100, &[0x42, 0x42, 3])), ethertype::NONE);
    assert_eq!(ethertype_of(&ethernet().frame(8, &snap(0, 0x1234))), 0x1234);
    assert_eq!(ethertype_of(&ethernet().frame(8, &snap(1, 0x1234))), ethertype::NONE);
    assert_eq!(ethertype_of(&ethernet().frame(8, &snap(0, 0x05ff))), ethertype::NONE);
    assert_eq!(ethertype_of(&ethernet().frame(0x0600, &[])), 0x0600);
}

#[test]
fn labels_are_recorded_three_deep() {
    let entry = |label: u32, is_bottom: bool| {
        ((label << 12) | (5 << 9) | (u32::from(is_bottom) << 8) | 64).to_be_bytes()
    };
    let mut stack: Vec<u8> = (1..=5).flat_map(|label| entry(label, label == 5)).collect();
    stack.extend([0x45; 20]);
    let headers = Headers::parse(&ethernet().frame(ethertype::MPLS, &stack));
    let labels: Vec<_> = headers.mpls.iter().flatten().map(|entry| entry.label()).collect();
    assert_eq!(labels, [1, 2, 3]);
    assert_eq!(
        headers.layout.network,
        Some(14 + 20),
        "all five are skipped, and what follows the bottom is not"
    );
    let first = headers.mpls[0].unwrap();
    assert_eq!((first.traffic_class(), first.is_bottom(), first.ttl()), (5, false, 64));
}

#[test]
fn padding_is_not_part_of_the_packet() {
    let mut frame = udp_frame(&V4);
    let packet_end = frame.len();
    frame.resize(packet_end + 20, 0xee);
    let headers = Headers::parse(&frame);
    assert_eq!(headers.layout.network_end, Some(packet_end));
    assert_eq!(headers.transport, Some(TransportKey::Udp { src: 5353, dst: 53 }));
    assert_eq!(headers.ip_payload(&frame), Some(&frame[14 + 20..packet_end]));
    assert_eq!(headers.udp_payload(&frame), Some(&frame[14 + 20 + 8..packet_end]));

    frame.resize(packet_end + usize::from(u16::MAX), 0);
    assert!(Headers::parse(&frame).network.is_some());
    frame.push(0);
    assert_eq!(Headers::parse(&frame).network, None, "more padding than OVS keeps count of");
}

#[test]
fn only_a_datagram_has_a_payload_of_udp() {
    let frame = ethernet().ip(&V4, &Transport::Icmp(Message::echo_request_v4(1, 1, vec![0; 16]))).unwrap();
    let headers = Headers::parse(&frame);
    assert!(headers.ip_payload(&frame).is_some());
    assert_eq!(headers.udp_payload(&frame), None);
    let cut = &udp_frame(&V4)[..14 + 12];
    assert_eq!(Headers::parse(cut).ip_payload(cut), None);
}

#[test]
fn a_lying_length_removes_the_network_layer() {
    for (ip, length_at) in [(V4, 14 + 3), (v6(), 14 + 5)] {
        let mut frame = udp_frame(&ip);
        frame[length_at] += 1;
        let headers = Headers::parse(&frame);
        assert_eq!((headers.network, headers.ip, headers.transport), (None, None, None));
        assert!(headers.layout.network.is_some());
    }
}

#[test]
fn header_length_and_options() {
    let mut frame = udp_frame(&V4);
    frame[14] = 0x44;
    assert_eq!(Headers::parse(&frame).network, None, "shorter than the fixed header");
    frame[14] = 0x4f;
    assert_eq!(Headers::parse(&frame).network, None, "longer than the packet");

    let mut frame = udp_frame(&V4);
    frame[14] = 0x46;
    frame[17] += 4;
    frame.splice(34..34, [1; 4]);
    let headers = Headers::parse(&frame);
    assert_eq!(headers.layout.transport, Some(14 + 24));
    assert_eq!(headers.transport, Some(TransportKey::Udp { src: 5353, dst: 53 }));
}

#[test]
fn traffic_class_and_label() {
    let headers = Headers::parse(&udp_frame(&v6()));
    let ip = headers.ip.unwrap();
    assert_eq!((ip.tos, ip.ttl, ip.proto), (0xb9, 64, ip_proto::UDP));
    assert!(matches!(headers.network, Some(NetworkKey::Ipv6 { flow_label: 0xabcde, .. })));
}

#[test]
fn a_broken_extension_leaves_only_the_addresses() {
    let options = vec![ip_proto::UDP, 9, 0, 0, 0, 0, 0, 0];
    let raw = Transport::Raw { proto: ip_proto::HOP_BY_HOP, payload: options };
    let headers = Headers::parse(&ethernet().ip(&v6(), &raw).unwrap());
    let expected = NetworkKey::Ipv6 { src: SRC.link_local(), dst: DST.link_local(), flow_label: 0 };
    assert_eq!((headers.network, headers.ip), (Some(expected), None));
}

#[test]
fn extensions_are_skipped() {
    // Destination options of 16 bytes, authentication header of 12, an atomic fragment header, then UDP.
    let mut payload = vec![ip_proto::AUTHENTICATION, 1];
    payload.extend([0; 14]);
    payload.extend([ip_proto::FRAGMENT, 1]);
    payload.extend([0; 10]);
    payload.extend([ip_proto::UDP, 0, 0, 0, 0, 0, 0, 7]);
    payload.extend([0, 1, 0, 2, 0, 8, 0, 0]);
    let raw = Transport::Raw { proto: ip_proto::DESTINATION_OPTIONS, payload };
    let headers = Headers::parse(&ethernet().ip(&v6(), &raw).unwrap());
    let ip = headers.ip.unwrap();
    assert_eq!((ip.proto, ip.fragment), (ip_proto::UDP, Fragment::No));
    assert_eq!(headers.transport, Some(TransportKey::Udp { src: 1, dst: 2 }));
}

#[test]
fn later_fragments_have_no_ports() {
    let udp = Transport::Udp(Udp { src_port: 1, dst_port: 2, payload: vec![0; 40] });
    for (ip, later_proto) in [(V4, ip_proto::UDP), (v6(), ip_proto::FRAGMENT)] {
        let frames = ethernet().ip_fragments(&ip, &udp, 24).unwrap();
        let [first, second] = &frames[..] else { panic!("two fragments expected") };
        let first = Headers::parse(first);
        assert_eq!(first.ip.map(|ip| (ip.fragment.nw_frag(), ip.proto)), Some((1, ip_proto::UDP)));
        assert_eq!(first.transport.map(TransportKey::ports), Some((1, 2)));
        let second = Headers::parse(second);
        assert_eq!(second.ip.map(|ip| (ip.fragment.nw_frag(), ip.proto)), Some((3, later_proto)));
        assert_eq!(second.transport, None);
    }
    assert_eq!(Fragment::No.nw_frag(), 0);
}

#[test]
fn tcp_needs_its_whole_header() {
    let tcp = Tcp { src_port: 1, dst_port: 2, flags: 0xfff, ..Tcp::default() };
    let mut frame = ethernet().ip(&V4, &Transport::Tcp(tcp)).unwrap();
    let expected = TransportKey::Tcp { src: 1, dst: 2, flags: 0xfff };
    assert_eq!(Headers::parse(&frame).transport, Some(expected));
    frame[14 + 20 + 12] = 0x60;
    assert_eq!(Headers::parse(&frame).transport, None, "options are announced and missing");
    frame[14 + 20 + 12] = 0x40;
    assert_eq!(Headers::parse(&frame).transport, None, "shorter than the fixed header");
}

#[test]
fn large_arp_operations_are_dropped() {
    let mut frame = ethernet().arp(&crate::arp::Arp::announcement(SRC, Ipv4Addr::LOCALHOST));
    let operation_of = |frame: &[u8]| match Headers::parse(frame).network {
        Some(NetworkKey::Arp(arp)) => (arp.operation, arp.spa),
        other => panic!("not ARP: {other:?}"),
    };
    assert_eq!(operation_of(&frame), (Some(1), Ipv4Addr::LOCALHOST));
    frame[14 + 6] = 1;
    assert_eq!(operation_of(&frame), (None, Ipv4Addr::LOCALHOST));
    frame[14 + 4] = 8;
    assert_eq!(Headers::parse(&frame).network, None, "another address length");
}

#[test]
fn a_repeated_link_address_spoils_the_solicitation() {
    let mut message =
        Neighbor::Solicitation(Solicitation { target: DST.link_local(), source_link: Some(SRC) })
            .to_message();
    let nd_of = |message: &crate::icmp::Message| {
        let frame = ethernet().ip(&v6(), &Transport::Icmp(message.clone())).unwrap();
        match Headers::parse(&frame).transport {
            Some(TransportKey::Icmpv6 { kind: 135, code: 0, nd: Some(nd) }) => nd,
            other => panic!("not a solicitation: {other:?}"),
        }
    };
    let good = nd_of(&message);
    assert_eq!(
        (good.target, good.sll, good.tll, good.option_type),
        (DST.link_local(), SRC, MacAddr::ZERO, 1)
    );
    message.payload.extend([1, 1, 2, 0, 0, 0, 0, 9]);
    let spoilt = nd_of(&message);
    assert_eq!((spoilt.target, spoilt.sll, spoilt.option_type), (Ipv6Addr::UNSPECIFIED, MacAddr::ZERO, 1));
}

proptest! {
    #[test]
    fn random_bytes_never_panic(bytes: Vec<u8>, ethertype in prop_oneof![
        Just(ethertype::IPV4), Just(ethertype::IPV6), Just(ethertype::ARP), Just(ethertype::VLAN), any::<u16>(),
    ]) {
        let frame = ethernet().frame(ethertype, &bytes);
        for limit in [VlanLimit::One, VlanLimit::Two] {
            let layout = Headers::parse_with_vlan_limit(&frame, limit).layout;
            for offset in [layout.network, layout.transport, layout.network_end].into_iter().flatten() {
                prop_assert!(offset <= frame.len());
            }
            prop_assert!(layout.transport.is_none_or(|transport| Some(transport) <= layout.network_end));
        }
    }
}
