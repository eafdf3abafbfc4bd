//! Frames of keys: what a responder gets to read is bytes.
//!
//! A key has no payload, so a frame has none either, but for a DHCP request, where the payload is what is asked: the
//! discovery of a client at the sender's MAC address.

use std::net::{Ipv4Addr, Ipv6Addr};

use net_types::MacAddr;
use ofsim::Key;
use packet::arp::{Arp, ArpOperation};
use packet::build::{Ethernet, Ip, Ipv4, Ipv6, Tcp, Transport, Udp};
use packet::dhcp::{Message as Dhcp, MessageType, Op, codes};
use packet::headers::VlanTag;
use packet::icmp::Message;
use packet::{ethertype, ip_proto};

const DHCP_SERVER: u16 = 67;
const DHCP_CLIENT: u16 = 68;
/// Types of neighbour discovery: solicitation and advertisement.
const ABOUT_NEIGHBORS: [u16; 2] = [135, 136];
const OPTION_EIGHTS: u8 = 1;

/// The frame that a key is of.
pub(crate) fn frame_of(key: &Key) -> Vec<u8> {
    let mut ethernet = Ethernet::new(mac(key.eth_src), mac(key.eth_dst));
    for vlan in key.vlans.iter().filter(|vlan| vlan.is_present()) {
        ethernet = ethernet.tagged(VlanTag { tpid: vlan.tpid, tci: vlan.tci });
    }
    let net = &key.net;
    let ip = match key.eth_type {
        ethertype::IPV4 => {
            let (src, dst) = (Ipv4Addr::from_bits(net.nw_src), Ipv4Addr::from_bits(net.nw_dst));
            Ip::V4(Ipv4 { ttl: net.ttl, tos: net.tos, ..Ipv4::new(src, dst) })
        }
        ethertype::IPV6 => {
            let (src, dst) = (Ipv6Addr::from_bits(net.ipv6_src), Ipv6Addr::from_bits(net.ipv6_dst));
            Ip::V6(Ipv6 { hop_limit: net.ttl, traffic_class: net.tos, ..Ipv6::new(src, dst) })
        }
        ethertype::ARP => {
            return ethernet.arp(&Arp {
                operation: ArpOperation(net.proto.into()),
                sender_mac: mac(net.sha),
                sender_ip: Ipv4Addr::from_bits(net.nw_src),
                target_mac: mac(net.tha),
                target_ip: Ipv4Addr::from_bits(net.nw_dst),
            });
        }
        other => return ethernet.frame(other, &[]),
    };
    // Only a payload that is too long is refused, and none is.
    ethernet.ip(&ip, &transport(key)).unwrap_or_default()
}

fn transport(key: &Key) -> Transport {
    let net = &key.net;
    let (src_port, dst_port) = (net.tp_src, net.tp_dst);
    match net.proto {
        ip_proto::TCP => Transport::Tcp(Tcp { src_port, dst_port, flags: net.tcp_flags, ..Tcp::default() }),
        ip_proto::UDP if (src_port, dst_port) == (DHCP_CLIENT, DHCP_SERVER) => {
            Transport::Udp(Udp { src_port, dst_port, payload: discovery(mac(key.eth_src)) })
        }
        ip_proto::UDP => Transport::Udp(Udp { src_port, dst_port, payload: Vec::new() }),
        ip_proto::ICMPV6 if ABOUT_NEIGHBORS.contains(&src_port) => {
            let link = if src_port == ABOUT_NEIGHBORS[0] { net.sha } else { net.tha };
            let option = (link != 0)
                .then(|| [&[option_kind(src_port), OPTION_EIGHTS], &mac(link).octets()[..]].concat());
            let payload = [&net.nd_target.to_be_bytes()[..], &option.unwrap_or_default()].concat();
            Transport::Icmp(Message {
                kind: low(src_port),
                code: low(dst_port),
                rest: net.igmp_group.to_be_bytes(),
                payload,
            })
        }
        ip_proto::ICMP | ip_proto::ICMPV6 => Transport::Icmp(Message {
            kind: low(src_port),
            code: low(dst_port),
            rest: [0; 4],
            payload: Vec::new(),
        }),
        proto => Transport::Raw { proto, payload: Vec::new() },
    }
}

/// The option with the link-layer address of who asks, or of who answers.
const fn option_kind(message: u16) -> u8 {
    if message == ABOUT_NEIGHBORS[0] { 1 } else { 2 }
}

fn discovery(client: MacAddr) -> Vec<u8> {
    let mut message = Dhcp::new(Op::Request, 1, client);
    message.options.set(codes::MESSAGE_TYPE, [MessageType::Discover.number()]);
    message.emit()
}

fn mac(bits: u64) -> MacAddr {
    MacAddr::from_u64(bits).unwrap_or(MacAddr::ZERO)
}

fn low(number: u16) -> u8 {
    number.to_be_bytes()[1]
}
