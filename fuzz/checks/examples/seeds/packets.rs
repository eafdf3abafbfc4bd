//! Frames, messages in them, and capture files.

use std::net::{Ipv4Addr, Ipv6Addr};

use net_types::MacAddr;
use packet::arp::Arp;
use packet::build::{Ethernet, Ip, Ipv4, Ipv6, Tcp, Transport, Udp, tcp_flags};
use packet::dhcp::{self, MessageType, Op, codes};
use packet::headers::VlanTag;
use packet::icmp::{Family, Message};
use packet::nd::{Advertisement, HOP_LIMIT, Neighbor, Solicitation, solicited_node};
use packet::pcap::PcapWriter;
use packet::{ethertype, ip_proto};

use crate::Seeds;

const SRC: MacAddr = MacAddr([0xfa, 0x16, 0x3e, 0, 0, 1]);
const DST: MacAddr = MacAddr([0xfa, 0x16, 0x3e, 0, 0, 2]);
const SRC_V4: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const DST_V4: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
const SRC_V6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
const DST_V6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 2);

fn ethernet() -> Ethernet {
    Ethernet::new(SRC, DST)
}

fn v4() -> Ip {
    Ip::V4(Ipv4::new(SRC_V4, DST_V4))
}

fn v6() -> Ip {
    Ip::V6(Ipv6 { flow_label: 0x12345, ..Ipv6::new(SRC_V6, DST_V6) })
}

fn tcp() -> Transport {
    let flags = tcp_flags::SYN | tcp_flags::ACK;
    Transport::Tcp(Tcp { src_port: 1000, dst_port: 80, flags, payload: b"hello".to_vec(), ..Tcp::default() })
}

/// A UDP datagram over IPv4.
pub(crate) fn udp_frame() -> Vec<u8> {
    let udp = Udp { src_port: 1000, dst_port: 53, payload: vec![7; 40] };
    ethernet().ip(&v4(), &Transport::Udp(udp)).expect("it is short")
}

fn raw(proto: u8, payload: &[u8]) -> Transport {
    Transport::Raw { proto, payload: payload.to_vec() }
}

fn neighbors() -> [Neighbor; 2] {
    [
        Neighbor::Solicitation(Solicitation { target: DST_V6, source_link: Some(SRC) }),
        Neighbor::Advertisement(Advertisement {
            is_router: true,
            is_solicited: true,
            is_override: false,
            target: SRC_V6,
            target_link: Some(SRC),
        }),
    ]
}

pub(crate) fn frames() -> Seeds {
    let ip = |ip: &Ip, transport: &Transport| ethernet().ip(ip, transport).expect("it is short");
    let tagged = ethernet().tagged(VlanTag::customer(5, 3));
    let twice = tagged.clone().tagged(VlanTag { tpid: ethertype::VLAN_SERVICE, tci: 0x1007 });
    let [solicitation, advertisement] = neighbors();
    // Hop-by-hop options, routing header, destination options, authentication, then UDP.
    let extensions = [
        [43, 0, 0, 0, 0, 0, 0, 0].as_slice(),
        &[60, 0, 0, 0, 0, 0, 0, 0],
        &[51, 0, 0, 0, 0, 0, 0, 0],
        &[17, 0, 0, 0, 0, 0, 0, 0],
        &[0, 1, 0, 2, 0, 8, 0, 0],
    ]
    .concat();
    let mut seeds = Seeds::new();
    let mut add = |name: &str, bytes: Vec<u8>| seeds.push((name.to_owned(), bytes));
    add("arp-request", ethernet().arp(&Arp::request(SRC, SRC_V4, DST_V4)));
    add("arp-announcement-in-two-tags", twice.arp(&Arp::announcement(SRC, SRC_V4)));
    add("rarp", ethernet().frame(ethertype::RARP, &Arp::request(SRC, SRC_V4, DST_V4).emit()));
    add("tcp", ip(&v4(), &tcp()));
    add("tcp-in-a-tag", tagged.ip(&v4(), &tcp()).expect("it is short"));
    add("tcp6", ip(&v6(), &tcp()));
    add("udp", udp_frame());
    add("icmp", ip(&v4(), &Transport::Icmp(Message::echo_request_v4(1, 2, vec![3; 8]))));
    add("icmp6", ip(&v6(), &Transport::Icmp(Message::echo_request_v6(1, 2, vec![3; 8]))));
    add("igmp", ip(&v4(), &raw(ip_proto::IGMP, &[0x16, 0, 0, 0, 224, 0, 0, 5])));
    add("sctp", ip(&v4(), &raw(ip_proto::SCTP, &[0, 1, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4])));
    add("extensions", ip(&v6(), &raw(ip_proto::HOP_BY_HOP, &extensions)));
    add("mpls", ethernet().frame(ethertype::MPLS, &[0, 0, 0x10, 64, 0, 0, 0x21, 64, 0x45, 0, 0, 20]));
    add("snap", ethernet().frame(40, &[0xaa, 0xaa, 3, 0, 0, 0, 8, 0, 0x45, 0, 0, 20]));
    let group = solicited_node(DST_V6);
    add("neighbor-solicitation", ethernet().neighbor(SRC_V6, group, &solicitation).expect("it is short"));
    add("neighbor-advertisement", ethernet().neighbor(SRC_V6, DST_V6, &advertisement).expect("it is short"));
    for (name, header) in [("fragment4", v4()), ("fragment6", v6())] {
        let fragments = ethernet().ip_fragments(&header, &tcp(), 16).expect("it is short");
        for (number, fragment) in fragments.into_iter().enumerate() {
            add(&format!("{name}-{number}"), fragment);
        }
    }
    seeds
}

/// Addresses, hop limit, message.
pub(crate) fn messages() -> Seeds {
    let around = |dst: Ipv6Addr, message: Vec<u8>| {
        [SRC_V6.octets().as_slice(), &dst.octets(), &[HOP_LIMIT], &message].concat()
    };
    let family = Family::V6 { src: SRC_V6, dst: DST_V6 };
    let [solicitation, advertisement] = neighbors();
    let group = solicited_node(DST_V6);
    let request = Message::echo_request_v4(1, 2, vec![3; 8]);
    let request6 = Message::echo_request_v6(1, 2, vec![3; 8]);
    let too_big = Message::packet_too_big_v6(1400, &udp_frame());
    let arp = Arp::request(SRC, SRC_V4, DST_V4);
    let seeds = [
        ("arp-request", arp.emit()),
        ("arp-reply", arp.reply(DST).emit()),
        ("echo", around(DST_V6, request.emit(Family::V4))),
        ("echo6", around(DST_V6, request6.emit(family))),
        (
            "unreachable",
            around(DST_V6, Message::fragmentation_needed_v4(1400, &udp_frame()).emit(Family::V4)),
        ),
        ("too-big", around(DST_V6, too_big.emit(family))),
        ("solicitation", around(group, solicitation.emit(SRC_V6, group))),
        ("advertisement", around(DST_V6, advertisement.emit(SRC_V6, DST_V6))),
    ];
    seeds.into_iter().map(|(name, bytes)| (name.to_owned(), bytes)).collect()
}

/// How it comes, then the message.
pub(crate) fn dhcp() -> Seeds {
    let blank = || dhcp::Message::new(Op::Request, 0x1234_5678, SRC);
    let message = |kind: MessageType, change: &dyn Fn(&mut dhcp::Message)| {
        let mut message = blank();
        message.options.set(codes::MESSAGE_TYPE, [kind.number()]);
        change(&mut message);
        [[0, 2, 64, 0, 0].as_slice(), &message.emit()].concat()
    };
    let own = Ipv4Addr::new(10, 0, 0, 12);
    let discover = message(MessageType::Discover, &|m| {
        m.options.set(codes::CLIENT_ID, [1, 0xfa, 0x16, 0x3e, 0, 0, 1]);
        m.options.set(codes::MAX_MESSAGE_BYTES, [2, 64]);
        m.options.set(codes::PARAMETER_LIST, [1, 28, 2, 121, 3, 15, 6, 12, 26, 42, 249, 66, 67]);
    });
    let selecting = message(MessageType::Request, &|m| {
        m.options.set(codes::REQUESTED_ADDRESS, own.octets());
        m.options.set(codes::SERVER_ID, DST_V4.octets());
    });
    let elsewhere = message(MessageType::Request, &|m| {
        m.options.set(codes::REQUESTED_ADDRESS, [10, 0, 0, 99]);
    });
    let renewing = message(MessageType::Request, &|m| m.client_address = own);
    let relayed = message(MessageType::Discover, &|m| {
        m.relay_address = Ipv4Addr::new(10, 0, 9, 1);
        m.options.set(codes::RELAY_AGENT, [1, 2, 0, 7]);
    });
    let long = message(MessageType::Discover, &|m| m.options.set(43, vec![7; 600]));
    // The same in little space, where the names hold options.
    let mut crowded = blank();
    for code in 60..70 {
        crowded.options.set(code, [code; 40]);
    }
    let crowded = [[0, 2, 64, 0, 0].as_slice(), &crowded.emit_within(548).bytes].concat();
    let seeds = [
        ("discover", discover),
        ("selecting", selecting),
        ("init-reboot-elsewhere", elsewhere),
        ("renewing", renewing),
        ("inform", message(MessageType::Inform, &|m| m.client_address = own)),
        ("release", message(MessageType::Release, &|m| m.client_address = own)),
        ("relayed", relayed),
        ("long-option", long),
        ("overload", crowded),
    ];
    seeds.into_iter().map(|(name, bytes)| (name.to_owned(), bytes)).collect()
}

pub(crate) fn captures() -> Seeds {
    let mut writer = PcapWriter::new();
    let empty = writer.clone().finish();
    for (second, (_, frame)) in (1..).zip(frames().into_iter().take(4)) {
        writer.push(second, 999_999_999, &frame).expect("the frames are short");
    }
    // What tcpdump writes on a big-endian machine, with microseconds.
    let big_endian: Vec<u8> = [0xa1b2_c3d4, 0x0002_0004, 0, 0, 262_144, 1, 5, 999_999, 3, 60, 0x0102_0300]
        .iter()
        .flat_map(|word: &u32| word.to_be_bytes())
        .collect();
    let big_endian = big_endian.split_at(big_endian.len() - 1).0.to_vec();
    let seeds = [("empty", empty), ("frames", writer.finish()), ("big-endian-microseconds", big_endian)];
    seeds.into_iter().map(|(name, bytes)| (name.to_owned(), bytes)).collect()
}

/// Messages to DHCPv6 servers, and ICMPv6 and IGMP messages without their checksums.
pub(crate) fn services() -> Seeds {
    let group = Ipv6Addr::new(0xff05, 0, 0, 0, 0, 0, 0, 9).octets();
    let link = [&[1, 1][..], &SRC.0].concat();
    let advertisement = [
        &[134, 0, 64, 0xc0, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0][..],
        &link,
        &[5, 1, 0, 0, 0, 0, 5, 0xaa],
        &[3, 4, 64, 0xc0, 0, 1, 0x51, 0x80, 0, 0, 0x38, 0x40, 0, 0, 0, 0],
        &DST_V6.octets(),
        &[25, 3, 0, 0, 0, 0, 7, 8],
        &SRC_V6.octets(),
        &[31, 2, 0, 0, 0, 0, 7, 8, 1, b'a', 2, b'b', b'c', 0, 0, 0],
    ];
    let solicit =
        [1, 0xab, 0xcd, 0xef, 0, 1, 0, 4, 0, 3, 0, 1, 0, 3, 0, 12, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];
    super::numbered(
        "service",
        [
            solicit.to_vec(),
            [&[133, 0, 0, 0, 0, 0][..], &link].concat(),
            advertisement.concat(),
            [&[130, 0, 39, 16, 0, 0][..], &group, &[2, 125, 0, 0]].concat(),
            [&[131, 0, 0, 0, 0, 0][..], &group].concat(),
            [&[143, 0, 0, 0, 0, 1, 4, 0, 0, 1][..], &group, &SRC_V6.octets()].concat(),
            vec![0x11, 100, 0, 0, 0, 0],
            vec![0x16, 0, 239, 1, 1, 1],
            vec![0x17, 0, 239, 1, 1, 1],
            vec![0x22, 0, 0, 0, 0, 1, 4, 0, 0, 1, 239, 1, 1, 1, 10, 0, 0, 1],
        ],
    )
}
