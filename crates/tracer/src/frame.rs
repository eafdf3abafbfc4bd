//! Frames of keys: what a responder gets to read is bytes.
//!
//! A key has no payload, so a frame has none either, but for requests of DHCP and DHCPv6, where the payload is what is asked: the
//! discovery or solicitation of a client at the sender's MAC address.

use std::net::{Ipv4Addr, Ipv6Addr};

use net_types::MacAddr;
use ofsim::Key;
use packet::arp::{Arp, ArpOperation};
use packet::build::{Ethernet, Ip, Ipv4, Ipv6, Tcp, Transport, Udp};
use packet::dhcp::{Message as Dhcp, MessageType, Op, codes};
use packet::dhcp6::{self, Association};
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
        ip_proto::UDP if (src_port, dst_port) == (dhcp6::CLIENT_PORT, dhcp6::SERVER_PORT) => {
            Transport::Udp(Udp { src_port, dst_port, payload: solicitation(mac(key.eth_src)) })
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

/// Asks for an address, in one group of the client's.
fn solicitation(client: MacAddr) -> Vec<u8> {
    let group = Association { id: 1, renew_s: 0, rebind_s: 0, addresses: Vec::new(), status: None };
    let message = dhcp6::Message::new(dhcp6::Kind::Solicit, [0, 0, 1]);
    let message = message.with(dhcp6::codes::CLIENT_ID, dhcp6::duid_of(client));
    message.with(dhcp6::codes::IA_NA, group.value()).emit()
}

fn mac(bits: u64) -> MacAddr {
    MacAddr::from_u64(bits).unwrap_or(MacAddr::ZERO)
}

fn low(number: u16) -> u8 {
    number.to_be_bytes()[1]
}

#[cfg(test)]
mod tests {
    use net_types::OfPort;
    use openflow::text::parse_match;
    use packet::Headers;

    use super::*;

    fn key(fields: &str) -> Key {
        let mut key = Key::new(OfPort::new(3));
        for entry in parse_match(fields).unwrap().fields() {
            key.set(entry.field, entry.value);
        }
        key
    }

    #[test]
    fn the_frame_of_a_key_has_that_key() {
        for fields in [
            "tcp,nw_src=10.0.0.1,nw_dst=10.0.0.2,nw_ttl=64,tp_src=1000,tp_dst=80,tcp_flags=syn",
            "udp6,ipv6_src=fd00::1,ipv6_dst=fd00::2,nw_ttl=7,nw_tos=32,tp_src=53,tp_dst=1000",
            "udp,nw_dst=255.255.255.255,nw_ttl=64,tp_src=68,tp_dst=67",
            "udp6,ipv6_src=fe80::1,ipv6_dst=ff02::1:2,nw_ttl=1,tp_src=546,tp_dst=547",
            "icmp,nw_src=10.0.0.1,nw_dst=10.0.0.2,nw_ttl=64,icmp_type=8,icmp_code=0",
            "icmp6,ipv6_src=fd00::1,ipv6_dst=ff02::2,nw_ttl=255,icmp_type=133,icmp_code=0",
            "icmp6,ipv6_src=fd00::1,ipv6_dst=ff02::1:ff00:2,nw_ttl=255,icmp_type=135,icmp_code=0,nd_target=fd00::2,\
             nd_sll=02:00:00:00:00:01,nd_options_type=1",
            "icmp6,ipv6_src=fd00::1,ipv6_dst=ff02::1,nw_ttl=255,icmp_type=136,icmp_code=0,nd_target=fd00::1,\
             nd_tll=02:00:00:00:00:01,nd_options_type=2",
            "arp,arp_op=1,arp_spa=10.0.0.1,arp_tpa=10.0.0.2,arp_sha=02:00:00:00:00:01",
            "dl_type=0x88cc",
        ] {
            let mut key = key(&format!("{fields},dl_src=02:00:00:00:00:01,dl_dst=02:00:00:00:00:02"));
            let of_frame =
                |key: &Key| Key::of_headers(OfPort::new(3), &Headers::parse(&frame_of(key))).to_string();
            assert_eq!(of_frame(&key), key.to_string());
            key.push_vlan(ethertype::VLAN);
            key.set(openflow::Field::VlanVid, 0x1000 | 42);
            assert_eq!(of_frame(&key), key.to_string());
        }
    }
}
