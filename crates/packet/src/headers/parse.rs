//! The extraction itself, layer by layer. A layer that returns `None` ends the walk; everything that was
//! recorded before it stays.

use std::net::{Ipv4Addr, Ipv6Addr};

use net_types::MacAddr;

use super::{
    ArpKey, EthernetKey, Fragment, Headers, IpKey, MplsEntry, NdKey, NetworkKey, TransportKey, VLAN_TAGS_MAX,
    VlanLimit, VlanTag,
};
use crate::arp::Arp;
use crate::bytes::Reader;
use crate::wire::{ETHERNET_HEADER_BYTES, IPV4_HEADER_BYTES, IPV6_HEADER_BYTES};
use crate::{ethertype, ip_proto, nd};

/// OVS gives up on frames with more link-layer padding than its metadata can hold.
const L2_PADDING_BYTES_MAX: usize = u16::MAX as usize;
const TCP_HEADER_BYTES: usize = 20;

pub(super) fn headers(frame: &[u8], vlan_limit: VlanLimit) -> Headers {
    let mut headers = Headers::default();
    let mut reader = Reader::new(frame);
    let Some(ethertype) = link(&mut headers, &mut reader, vlan_limit) else {
        return headers;
    };
    if matches!(ethertype, ethertype::MPLS | ethertype::MPLS_MULTICAST) {
        mpls(&mut headers, &mut reader);
    }
    headers.layout.network = Some(reader.offset());
    let ip = match ethertype {
        ethertype::IPV4 => ipv4(&mut headers, &mut reader),
        ethertype::IPV6 => ipv6(&mut headers, &mut reader),
        ethertype::ARP | ethertype::RARP => {
            headers.network = arp(reader).map(NetworkKey::Arp);
            None
        }
        _ => None,
    };
    if let Some(ip) = ip {
        headers.ip = Some(ip);
        headers.layout.transport = Some(reader.offset());
        if ip.fragment != Fragment::Later {
            headers.transport = transport(ip.proto, reader);
        }
    }
    headers
}

fn link(headers: &mut Headers, reader: &mut Reader<'_>, vlan_limit: VlanLimit) -> Option<u16> {
    reader.peek::<ETHERNET_HEADER_BYTES>()?;
    let dst = MacAddr(reader.take()?);
    let src = MacAddr(reader.take()?);
    let tags_max = match vlan_limit {
        VlanLimit::One => 1,
        VlanLimit::Two => VLAN_TAGS_MAX,
    };
    for tag in headers.vlans.iter_mut().take(tags_max) {
        *tag = vlan_tag(reader);
        if tag.is_none() {
            break;
        }
    }
    let ethertype = ethertype_or_snap(reader)?;
    headers.ethernet = Some(EthernetKey { dst, src, ethertype });
    Some(ethertype)
}

/// Reads one tag, if there is one and an EtherType after it.
fn vlan_tag(reader: &mut Reader<'_>) -> Option<VlanTag> {
    let [tpid_high, tpid_low, tci_high, tci_low, _, _] = reader.peek()?;
    let tpid = u16::from_be_bytes([tpid_high, tpid_low]);
    if !matches!(tpid, ethertype::VLAN | ethertype::VLAN_SERVICE) {
        return None;
    }
    reader.skip(4)?;
    Some(VlanTag { tpid, tci: u16::from_be_bytes([tci_high, tci_low]) | VlanTag::PRESENT })
}

fn ethertype_or_snap(reader: &mut Reader<'_>) -> Option<u16> {
    /// DSAP and SSAP of SNAP, unnumbered information, organisation "Ethernet".
    const SNAP_ETHERNET: [u8; 6] = [0xaa, 0xaa, 0x03, 0, 0, 0];

    let ethertype = u16::from_be_bytes(reader.take()?);
    if ethertype >= ethertype::MIN {
        return Some(ethertype);
    }
    let Some([snap @ .., high, low]) = reader.peek::<8>() else {
        return Some(ethertype::NONE);
    };
    if snap != SNAP_ETHERNET {
        return Some(ethertype::NONE);
    }
    reader.skip(8)?;
    let ethertype = u16::from_be_bytes([high, low]);
    Some(if ethertype >= ethertype::MIN { ethertype } else { ethertype::NONE })
}

/// Reads to the bottom of the stack, although only the first entries are recorded.
fn mpls(headers: &mut Headers, reader: &mut Reader<'_>) {
    let mut slots = headers.mpls.iter_mut();
    while let Some(bytes) = reader.take() {
        let entry = MplsEntry(u32::from_be_bytes(bytes));
        if let Some(slot) = slots.next() {
            *slot = Some(entry);
        }
        if entry.is_bottom() {
            break;
        }
    }
}

fn ipv4(headers: &mut Headers, reader: &mut Reader<'_>) -> Option<IpKey> {
    const OFFSET_MASK: u16 = 0x1fff;
    const MORE_FRAGMENTS: u16 = 0x2000;

    let fixed: [u8; IPV4_HEADER_BYTES] = reader.peek()?;
    let [version_ihl, tos, len_hi, len_lo, _, _, frag_hi, frag_lo, ttl, proto, _, _, addresses @ ..] = fixed;
    let header_len = usize::from(version_ihl & 0x0f) * 4;
    let total_len = usize::from(u16::from_be_bytes([len_hi, len_lo]));
    if header_len < IPV4_HEADER_BYTES || header_len > total_len {
        return None;
    }
    cut_padding(headers, reader, total_len)?;
    reader.skip(header_len)?;

    let [s0, s1, s2, s3, d0, d1, d2, d3] = addresses;
    headers.network =
        Some(NetworkKey::Ipv4 { src: Ipv4Addr::new(s0, s1, s2, s3), dst: Ipv4Addr::new(d0, d1, d2, d3) });
    let frag = u16::from_be_bytes([frag_hi, frag_lo]);
    let fragment = if frag & OFFSET_MASK != 0 {
        Fragment::Later
    } else if frag & MORE_FRAGMENTS != 0 {
        Fragment::First
    } else {
        Fragment::No
    };
    Some(IpKey { proto, tos, ttl, fragment })
}

/// Ends the reader where the IP packet of `packet_len` bytes ends; `None` when the frame does not fit it.
fn cut_padding(headers: &mut Headers, reader: &mut Reader<'_>, packet_len: usize) -> Option<()> {
    let padding = reader.len().checked_sub(packet_len)?;
    if padding > L2_PADDING_BYTES_MAX {
        return None;
    }
    headers.layout.network_end = Some(reader.offset() + packet_len);
    reader.truncate(packet_len);
    Some(())
}

fn ipv6(headers: &mut Headers, reader: &mut Reader<'_>) -> Option<IpKey> {
    const FLOW_LABEL_MASK: u32 = 0x000f_ffff;

    let mut fixed = Reader::new(reader.rest());
    let version_class_label = u32::from_be_bytes(fixed.take()?);
    let payload_len = usize::from(u16::from_be_bytes(fixed.take()?));
    let [next_header, ttl] = fixed.take()?;
    let src = Ipv6Addr::from(fixed.take::<16>()?);
    let dst = Ipv6Addr::from(fixed.take::<16>()?);
    cut_padding(headers, reader, IPV6_HEADER_BYTES + payload_len)?;
    reader.skip(IPV6_HEADER_BYTES)?;

    let chain = ipv6_extensions(next_header, reader);
    let flow_label = if chain.is_some() { version_class_label & FLOW_LABEL_MASK } else { 0 };
    headers.network = Some(NetworkKey::Ipv6 { src, dst, flow_label });
    let (proto, fragment) = chain?;
    let [tos, ..] = (version_class_label << 4).to_be_bytes();
    Some(IpKey { proto, tos, ttl, fragment })
}

/// Walks the extension headers to the protocol of the payload; `None` when one is cut off.
fn ipv6_extensions(mut next_header: u8, reader: &mut Reader<'_>) -> Option<(u8, Fragment)> {
    const OFFSET_MASK: u16 = 0xfff8;

    let mut fragment = Fragment::No;
    loop {
        match next_header {
            ip_proto::HOP_BY_HOP | ip_proto::ROUTING | ip_proto::DESTINATION_OPTIONS => {
                let [following, len, ..] = reader.peek::<8>()?;
                reader.skip((usize::from(len) + 1) * 8)?;
                next_header = following;
            }
            ip_proto::AUTHENTICATION => {
                let [following, len, ..] = reader.peek::<8>()?;
                reader.skip((usize::from(len) + 2) * 4)?;
                next_header = following;
            }
            ip_proto::FRAGMENT => {
                let [following, _, high, low, ..] = reader.take::<8>()?;
                next_header = following;
                // Two reserved bits count as "more": OVS compares the whole field with zero.
                let offset_and_flags = u16::from_be_bytes([high, low]);
                if offset_and_flags & OFFSET_MASK != 0 {
                    return Some((ip_proto::FRAGMENT, Fragment::Later));
                }
                if offset_and_flags != 0 {
                    fragment = Fragment::First;
                }
            }
            proto => return Some((proto, fragment)),
        }
    }
}

fn arp(reader: Reader<'_>) -> Option<ArpKey> {
    let message = Arp::parse(reader.rest()).ok()?;
    Some(ArpKey {
        operation: u8::try_from(message.operation.0).ok(),
        spa: message.sender_ip,
        tpa: message.target_ip,
        sha: message.sender_mac,
        tha: message.target_mac,
    })
}

fn transport(proto: u8, reader: Reader<'_>) -> Option<TransportKey> {
    match proto {
        ip_proto::TCP => tcp(reader),
        ip_proto::UDP => {
            let (src, dst) = ports(reader.peek::<8>()?);
            Some(TransportKey::Udp { src, dst })
        }
        ip_proto::SCTP => {
            let (src, dst) = ports(reader.peek::<12>()?);
            Some(TransportKey::Sctp { src, dst })
        }
        ip_proto::ICMP => {
            let [kind, code, ..] = reader.peek::<8>()?;
            Some(TransportKey::Icmpv4 { kind, code })
        }
        ip_proto::IGMP => {
            let [kind, code, _, _, group @ ..] = reader.peek::<8>()?;
            Some(TransportKey::Igmp { kind, code, group: Ipv4Addr::from(group) })
        }
        ip_proto::ICMPV6 => icmpv6(reader),
        _ => None,
    }
}

fn ports<const N: usize>(header: [u8; N]) -> (u16, u16) {
    let mut reader = Reader::new(&header);
    let mut port = || reader.take().map_or(0, u16::from_be_bytes);
    (port(), port())
}

fn tcp(reader: Reader<'_>) -> Option<TransportKey> {
    let header: [u8; TCP_HEADER_BYTES] = reader.peek()?;
    let [s0, s1, d0, d1, _, _, _, _, _, _, _, _, control_high, control_low, ..] = header;
    let header_len = usize::from(control_high >> 4) * 4;
    if header_len < TCP_HEADER_BYTES || header_len > reader.len() {
        return None;
    }
    Some(TransportKey::Tcp {
        src: u16::from_be_bytes([s0, s1]),
        dst: u16::from_be_bytes([d0, d1]),
        flags: u16::from_be_bytes([control_high, control_low]) & 0x0fff,
    })
}

fn icmpv6(mut reader: Reader<'_>) -> Option<TransportKey> {
    let [kind, code, _, _, reserved @ ..] = reader.take::<8>()?;
    let is_nd = code == 0 && matches!(kind, nd::NEIGHBOR_SOLICITATION | nd::NEIGHBOR_ADVERTISEMENT);
    let nd_key = is_nd.then(|| neighbor_discovery(u32::from_be_bytes(reserved), reader));
    Some(TransportKey::Icmpv6 { kind, code, nd: nd_key })
}

fn neighbor_discovery(reserved: u32, mut reader: Reader<'_>) -> NdKey {
    let none = NdKey {
        target: Ipv6Addr::UNSPECIFIED,
        sll: MacAddr::ZERO,
        tll: MacAddr::ZERO,
        reserved,
        option_type: 0,
    };
    let Some(target) = reader.take::<16>() else {
        return none;
    };
    let mut key = NdKey { target: Ipv6Addr::from(target), ..none };
    while let Some([kind, len_in_eights, mac @ ..]) = reader.peek::<8>() {
        let len = usize::from(len_in_eights) * 8;
        if len == 0 {
            break;
        }
        let slot = match kind {
            nd::SOURCE_LINK_ADDRESS if len == 8 => Some(&mut key.sll),
            nd::TARGET_LINK_ADDRESS if len == 8 => Some(&mut key.tll),
            _ => None,
        };
        if let Some(slot) = slot {
            if !slot.is_zero() {
                return NdKey { option_type: key.option_type, ..none };
            }
            *slot = MacAddr(mac);
            if key.option_type == 0 {
                key.option_type = kind;
            }
        }
        if reader.skip(len).is_none() {
            break;
        }
    }
    key
}
