//! Frames for the comparison: built layer by layer with every choice that the extraction looks at, then left
//! alone, damaged, or cut. The generator is seeded, so a failure is found again.

use std::net::{Ipv4Addr, Ipv6Addr};

use net_types::MacAddr;
use packet::build::{Ethernet, Ip, Ipv4, Ipv6, Transport};
use packet::headers::VlanTag;
use packet::{ethertype, ip_proto};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

/// An EtherType and what follows it.
type Layer = (u16, Vec<u8>);

pub(crate) fn many(count: usize) -> Vec<Vec<u8>> {
    let mut runner = TestRunner::deterministic();
    let strategy = damaged_frame();
    let mut frame = || strategy.new_tree(&mut runner).expect("no strategy here rejects values").current();
    (0..count).map(|_| frame()).collect()
}

/// One frame with each header that has an end to be cut off.
pub(crate) fn samples() -> Vec<Vec<u8>> {
    let ipv4 = Ip::V4(Ipv4::new(Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2)));
    let host = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
    let ipv6 = Ip::V6(Ipv6::new(host, host));
    let packet = |ip: &Ip, proto, payload: &[u8]| {
        let packet = ip.packet(&Transport::Raw { proto, payload: payload.to_vec() });
        (ip.ethertype(), packet.expect("the payload is short"))
    };
    let mut solicitation = vec![135, 0, 0, 0, 0, 0, 0, 0];
    solicitation.extend(host.octets());
    solicitation.extend([1, 1, 2, 0, 0, 0, 0, 1, 14, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    let mut extensions = vec![ip_proto::AUTHENTICATION, 0, 0, 0, 0, 0, 0, 0];
    extensions.extend([ip_proto::FRAGMENT, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    extensions.extend([ip_proto::UDP, 0, 0, 1, 0, 0, 0, 0]);
    extensions.extend([0, 1, 0, 2, 0, 8, 0, 0]);
    let mut tcp = vec![0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0x60, 0x12];
    tcp.extend([0; 12]);
    let layers = [
        packet(&ipv4, ip_proto::TCP, &tcp),
        packet(&ipv4, ip_proto::SCTP, &[1; 16]),
        packet(&ipv6, ip_proto::ICMPV6, &solicitation),
        packet(&ipv6, ip_proto::HOP_BY_HOP, &extensions),
        (ethertype::ARP, [vec![0, 1, 8, 0, 6, 4, 0, 1], vec![7; 20]].concat()),
        (ethertype::MPLS, vec![0, 1, 0, 64, 0, 2, 1, 64]),
        (100, vec![0xaa, 0xaa, 3, 0, 0, 0, 8, 6, 1, 2, 3]),
    ];
    let plain = Ethernet::new(MacAddr([2, 0, 0, 0, 0, 1]), MacAddr([2, 0, 0, 0, 0, 2]));
    let tagged = plain.clone().tagged(VlanTag::customer(5, 1)).tagged(VlanTag::customer(6, 2));
    let frames = layers.iter().flat_map(|(ethertype, payload)| {
        [plain.frame(*ethertype, payload), tagged.frame(*ethertype, payload)]
    });
    // Cutting a frame whose length still fits tests the IP check only; this also cuts the packet inside.
    frames.chain(shortened_packets(&plain, &layers)).collect()
}

/// Packets that are cut and whose IP length says so.
fn shortened_packets(ethernet: &Ethernet, layers: &[Layer]) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    for (ethertype, packet) in layers {
        let header_bytes = match *ethertype {
            ethertype::IPV4 => 20,
            ethertype::IPV6 => 40,
            _ => continue,
        };
        for length in header_bytes..packet.len() {
            let mut packet = packet[..length].to_vec();
            set_ip_length(&mut packet);
            frames.push(ethernet.frame(*ethertype, &packet));
        }
    }
    frames
}

/// Makes the length field of an IP packet say how long it is.
fn set_ip_length(packet: &mut [u8]) {
    let (at, counted_from) = if packet[0] >> 4 == 4 { (2, 0) } else { (4, 40) };
    let length = u16::try_from(packet.len() - counted_from).expect("test packets are short");
    packet[at..at + 2].copy_from_slice(&length.to_be_bytes());
}

fn damaged_frame() -> impl Strategy<Value = Vec<u8>> {
    let flips = vec((any::<prop::sample::Index>(), any::<u8>()), 0..4);
    (frame(), 0_u8..10, flips, any::<prop::sample::Index>(), vec(any::<u8>(), 0..30)).prop_map(
        |(mut frame, damage, flips, cut, padding)| {
            match damage {
                0..4 => {}
                4..6 => frame.extend(padding),
                6..8 => {
                    for (index, value) in flips {
                        let index = index.index(frame.len());
                        frame[index] = value;
                    }
                }
                8 => frame.truncate(1 + cut.index(frame.len())),
                // What is short of an Ethernet header is rare otherwise.
                _ => frame.truncate(1 + cut.index(frame.len().min(20))),
            }
            frame
        },
    )
}

fn frame() -> impl Strategy<Value = Vec<u8>> {
    let tag = (prop_oneof![Just(ethertype::VLAN), Just(ethertype::VLAN_SERVICE)], any::<u16>())
        .prop_map(|(tpid, tci)| VlanTag { tpid, tci });
    let tags = prop_oneof![4 => Just(Vec::new()), 3 => vec(tag, 1..4)];
    (any::<([u8; 6], [u8; 6])>(), tags, network()).prop_map(|((src, dst), vlans, (ethertype, payload))| {
        Ethernet { src: MacAddr(src), dst: MacAddr(dst), vlans }.frame(ethertype, &payload)
    })
}

fn network() -> impl Strategy<Value = Layer> {
    prop_oneof![
        6 => ipv4().boxed(),
        8 => ipv6().boxed(),
        2 => arp().boxed(),
        2 => mpls().boxed(),
        2 => snap(prop_oneof![ipv4().boxed(), arp().boxed(), other().boxed()]).boxed(),
        1 => other().boxed(),
    ]
}

fn other() -> impl Strategy<Value = Layer> {
    let ethertype = prop_oneof![any::<u16>(), 0x0500_u16..0x0700, Just(ethertype::NSH)];
    (ethertype, vec(any::<u8>(), 0..60))
}

fn snap(inner: impl Strategy<Value = Layer>) -> impl Strategy<Value = Layer> {
    let header = prop_oneof![
        4 => Just([0xaa, 0xaa, 3, 0, 0, 0]),
        1 => (0_usize..6, any::<u8>()).prop_map(|(index, value)| {
            let mut header = [0xaa, 0xaa, 3, 0, 0, 0];
            header[index] = value;
            header
        }),
    ];
    (0_u16..0x0600, header, inner).prop_map(|(length, header, (ethertype, payload))| {
        (length, [&header[..], &ethertype.to_be_bytes(), &payload].concat())
    })
}

fn mpls() -> impl Strategy<Value = Layer> {
    let ethertype = prop_oneof![Just(ethertype::MPLS), Just(ethertype::MPLS_MULTICAST)];
    let entries = vec(any::<u32>().prop_map(|entry| entry & !0x100), 0..4);
    (ethertype, entries, any::<u32>(), any::<bool>(), ipv4()).prop_map(
        |(ethertype, mut entries, last, is_ended, (_, packet))| {
            if is_ended {
                entries.push(last | 0x100);
            }
            let mut payload: Vec<u8> = entries.iter().flat_map(|entry| entry.to_be_bytes()).collect();
            if is_ended {
                payload.extend(packet);
            }
            (ethertype, payload)
        },
    )
}

fn arp() -> impl Strategy<Value = Layer> {
    let ethertype = prop_oneof![3 => Just(ethertype::ARP), 1 => Just(ethertype::RARP)];
    let header = prop_oneof![
        5 => Just([0, 1, 8, 0, 6, 4]),
        1 => (0_usize..6, any::<u8>()).prop_map(|(index, value)| {
            let mut header = [0, 1, 8, 0, 6, 4];
            header[index] = value;
            header
        }),
    ];
    let operation = prop_oneof![3 => 0_u16..5, 1 => 250_u16..260, 1 => any::<u16>()];
    (ethertype, header, operation, any::<[u8; 20]>()).prop_map(|(ethertype, header, operation, addresses)| {
        (ethertype, [&header[..], &operation.to_be_bytes(), &addresses].concat())
    })
}

fn ipv4() -> impl Strategy<Value = Layer> {
    let options = prop_oneof![3 => Just(0_u8), 1 => 1_u8..=10];
    let fragment = prop_oneof![4 => Just(0_u16), 1 => Just(0x2000), 1 => Just(0x4000), 2 => any::<u16>()];
    (any::<(u32, u32, u8, u8)>(), options, fragment, transport()).prop_map(
        |((src, dst, tos, ttl), option_words, fragment, (proto, payload))| {
            let ip = Ipv4 { tos, ttl, ..Ipv4::new(src.into(), dst.into()) };
            let packet = Ip::V4(ip).packet(&Transport::Raw { proto, payload });
            let mut packet = packet.expect("the payload is short");
            packet[0] += option_words;
            packet.splice(20..20, vec![1; usize::from(option_words) * 4]);
            packet[6..8].copy_from_slice(&fragment.to_be_bytes());
            set_ip_length(&mut packet);
            (ethertype::IPV4, packet)
        },
    )
}

fn ipv6() -> impl Strategy<Value = Layer> {
    let extensions = prop_oneof![2 => Just(Vec::new()), 3 => vec(extension(), 1..5)];
    (any::<(u128, u128, u8, u8, u32)>(), extensions, transport()).prop_map(
        |((src, dst, traffic_class, hop_limit, flow_label), extensions, (mut proto, mut payload))| {
            // From the inside out: each header names the one that follows it.
            for (kind, mut header) in extensions {
                header[0] = proto;
                header.extend(payload);
                (proto, payload) = (kind, header);
            }
            let ip = Ipv6 { traffic_class, hop_limit, flow_label, ..Ipv6::new(src.into(), dst.into()) };
            let packet = Ip::V6(ip).packet(&Transport::Raw { proto, payload });
            (ethertype::IPV6, packet.expect("the payload is short"))
        },
    )
}

/// An extension header whose length field is mostly true.
fn extension() -> impl Strategy<Value = (u8, Vec<u8>)> {
    let length = |words: u8| prop_oneof![9 => Just(words), 1 => any::<u8>()];
    let options = (
        prop_oneof![Just(ip_proto::HOP_BY_HOP), Just(ip_proto::ROUTING), Just(ip_proto::DESTINATION_OPTIONS)],
        (0_u8..3).prop_flat_map(move |eights| (Just(eights), length(eights))),
    )
        .prop_map(|(kind, (eights, claimed))| {
            let mut header = vec![0; (usize::from(eights) + 1) * 8];
            header[1] = claimed;
            (kind, header)
        });
    let authentication =
        (0_u8..4).prop_flat_map(move |words| (Just(words), length(words))).prop_map(|(words, claimed)| {
            let mut header = vec![0; (usize::from(words) + 2) * 4];
            header[1] = claimed;
            (ip_proto::AUTHENTICATION, header)
        });
    let fragment =
        prop_oneof![2 => Just(0_u16), 2 => Just(1), 1 => Just(6), 1 => any::<u16>()].prop_map(|field| {
            let mut header = vec![0; 8];
            header[2..4].copy_from_slice(&field.to_be_bytes());
            (ip_proto::FRAGMENT, header)
        });
    prop_oneof![options, authentication, fragment]
}

fn transport() -> impl Strategy<Value = (u8, Vec<u8>)> {
    let tcp = (any::<[u8; 12]>(), 0_u8..16, any::<[u8; 7]>(), vec(any::<u8>(), 0..50)).prop_map(
        |(start, words, middle, rest)| {
            // Mostly a header length that is there.
            let words = if words < 4 { 5 } else { words };
            let control_high = (words << 4) | (middle[0] & 0x0f);
            (ip_proto::TCP, [&start[..], &[control_high], &middle, &rest].concat())
        },
    );
    let simple = prop_oneof![
        Just(ip_proto::UDP),
        Just(ip_proto::SCTP),
        Just(ip_proto::ICMP),
        Just(ip_proto::IGMP),
        Just(ip_proto::ICMPV6),
        any::<u8>(),
    ];
    prop_oneof![
        2 => tcp,
        4 => (simple, vec(any::<u8>(), 0..40)),
        2 => neighbor_discovery(),
    ]
}

fn neighbor_discovery() -> impl Strategy<Value = (u8, Vec<u8>)> {
    let code = prop_oneof![5 => Just(0_u8), 1 => any::<u8>()];
    let mac = prop_oneof![3 => any::<[u8; 6]>(), 1 => Just([0; 6])];
    let eights = prop_oneof![6 => Just(1_u8), 1 => Just(2), 1 => Just(0), 1 => any::<u8>()];
    let option =
        (prop_oneof![4 => 1_u8..=2, 1 => any::<u8>()], eights, mac).prop_map(|(kind, eights, mac)| {
            let mut option = vec![kind, eights];
            option.extend(mac);
            if eights == 2 {
                option.extend([0xee; 8]);
            }
            option
        });
    (135_u8..=136, code, any::<[u8; 6]>(), any::<[u8; 16]>(), vec(option, 0..4)).prop_map(
        |(kind, code, checksum_and_reserved, target, options)| {
            let mut message = vec![kind, code];
            message.extend(checksum_and_reserved);
            message.extend(target);
            message.extend(options.concat());
            (ip_proto::ICMPV6, message)
        },
    )
}
