//! Frames with the headers of a key, for tests that let both sides read the bytes by themselves.

use ofsim::Key;
use openflow::Field;
use packet::build::{Ethernet, Ip, Ipv4, Ipv6, Transport};
use packet::headers::VlanTag;

const ND_SOURCE_LINK_OPTION: [u8; 2] = [1, 1];
const TCP_HEADER_WORDS: u16 = 5;

/// A frame with the fields of `key`, as far as a frame has them.
pub(crate) fn frame_of(key: &Key) -> Vec<u8> {
    let mac = |value| net_types::MacAddr::from_u64(value).unwrap();
    let mut ethernet = Ethernet::new(mac(key.eth_src), mac(key.eth_dst));
    if key.has_vlan() {
        ethernet = ethernet.tagged(VlanTag { tpid: 0x8100, tci: key.vlans[0].tci });
    }
    let net = &key.net;
    let transport = Transport::Raw { proto: net.proto, payload: transport_of(key) };
    let ip = match key.eth_type {
        0x0800 => {
            let addresses = Ipv4::new(net.nw_src.into(), net.nw_dst.into());
            Ip::V4(Ipv4 { ttl: net.ttl, tos: net.tos, ..addresses })
        }
        0x86dd => {
            let addresses = Ipv6::new(net.ipv6_src.into(), net.ipv6_dst.into());
            let (hop_limit, traffic_class, flow_label) = (net.ttl, net.tos, net.ipv6_label);
            Ip::V6(Ipv6 { hop_limit, traffic_class, flow_label, ..addresses })
        }
        0x0806 => return ethernet.frame(0x0806, &arp(key)),
        0x8847 => {
            let labels: Vec<u8> = key.mpls.iter().take(1).flat_map(|entry| entry.to_be_bytes()).collect();
            return ethernet.frame(0x8847, &[&labels[..], &[0x45; 40]].concat());
        }
        other => return ethernet.frame(other, &[0; 46]),
    };
    ethernet.ip(&ip, &transport).unwrap()
}

fn arp(key: &Key) -> Vec<u8> {
    let net = &key.net;
    let mac = |value: u64| value.to_be_bytes()[2..].to_vec();
    let mut out = vec![0, 1, 8, 0, 6, 4, 0, net.proto];
    out.extend([mac(net.sha), net.nw_src.to_be_bytes().to_vec()].concat());
    out.extend([mac(net.tha), net.nw_dst.to_be_bytes().to_vec()].concat());
    out
}

fn transport_of(key: &Key) -> Vec<u8> {
    let net = &key.net;
    let ports = [net.tp_src.to_be_bytes(), net.tp_dst.to_be_bytes()].concat();
    let kind_and_code =
        || [Field::IcmpType, Field::IcmpCode].map(|field| u8::try_from(key.get(field)).unwrap());
    match net.proto {
        6 => {
            let control = TCP_HEADER_WORDS << 12 | net.tcp_flags & 0xfff;
            [&ports[..], &[0; 8], &control.to_be_bytes(), &[0; 6]].concat()
        }
        17 => [&ports[..], &[0, 8, 0, 0]].concat(),
        132 => [&ports[..], &[0; 8]].concat(),
        1 => [&kind_and_code()[..], &[0; 6]].concat(),
        58 => {
            let head = [&kind_and_code()[..], &[0; 2], &net.igmp_group.to_be_bytes()].concat();
            let option = [&ND_SOURCE_LINK_OPTION[..], &net.sha.to_be_bytes()[2..]].concat();
            [head, net.nd_target.to_be_bytes().to_vec(), option].concat()
        }
        _ => vec![0; 8],
    }
}
