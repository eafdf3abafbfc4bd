//! Complete frames from plain structs, with every length and checksum right.
//!
//! What can be said cannot be wrong: lengths, header checksums, pseudo headers and the EtherType follow from
//! the parts, and the one thing that can fail is a packet that is longer than its length field can say. Wrong
//! frames, which tests need too, are made by changing the bytes afterwards.
//!
//! Frames are not padded to the Ethernet minimum: that is the work of the interface that sends them.

mod transport;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use net_types::MacAddr;
use thiserror::Error;

pub use transport::{Tcp, Transport, Udp, tcp_flags};

use crate::arp::Arp;
use crate::checksum::Checksum;
use crate::headers::VlanTag;
use crate::nd::{self, Neighbor};
use crate::wire::{ETHERNET_HEADER_BYTES, IPV4_HEADER_BYTES, IPV6_HEADER_BYTES};
use crate::{ethertype, ip_proto};

/// The longest IPv4 packet and the longest IPv6 payload: both have a length field of 16 bits.
const IP_LENGTH_BYTES_MAX: usize = u16::MAX as usize;
const DEFAULT_TTL: u8 = 64;

/// The parts do not fit the packet.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BuildError {
    /// The length field cannot express it.
    #[error("{layer} of {bytes} bytes does not fit its length field: send at most {bytes_max}")]
    TooLong {
        /// What is too long.
        layer: &'static str,
        /// How long it is.
        bytes: usize,
        /// How long it may be.
        bytes_max: usize,
    },
    /// Fragment offsets count in eights.
    #[error("fragments of {bytes_max} bytes are impossible: allow at least 8")]
    FragmentTooShort {
        /// The limit that was asked for.
        bytes_max: usize,
    },
}

/// Link layer of a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ethernet {
    /// Source address.
    pub src: MacAddr,
    /// Destination address.
    pub dst: MacAddr,
    /// Outermost first.
    pub vlans: Vec<VlanTag>,
}

/// Network layer of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ip {
    /// IPv4.
    V4(Ipv4),
    /// IPv6.
    V6(Ipv6),
}

/// An IPv4 header without options.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ipv4 {
    /// Source address.
    pub src: Ipv4Addr,
    /// Destination address.
    pub dst: Ipv4Addr,
    /// Time to live.
    pub ttl: u8,
    /// DSCP and ECN.
    pub tos: u8,
    /// Identification, the same in all fragments.
    pub id: u16,
    /// Routers must not fragment this. Ignored in fragments.
    pub dont_fragment: bool,
}

/// An IPv6 header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ipv6 {
    /// Source address.
    pub src: Ipv6Addr,
    /// Destination address.
    pub dst: Ipv6Addr,
    /// Hop limit.
    pub hop_limit: u8,
    /// DSCP and ECN.
    pub traffic_class: u8,
    /// Flow label; bits above 20 are dropped.
    pub flow_label: u32,
    /// Identification, the same in all fragments and only in fragments.
    pub id: u32,
}

impl Ipv4 {
    /// A header with time to live 64 and nothing else special.
    #[must_use]
    pub fn new(src: Ipv4Addr, dst: Ipv4Addr) -> Self {
        Self { src, dst, ttl: DEFAULT_TTL, tos: 0, id: 0, dont_fragment: false }
    }
}

impl Ipv6 {
    /// A header with hop limit 64 and nothing else special.
    #[must_use]
    pub fn new(src: Ipv6Addr, dst: Ipv6Addr) -> Self {
        Self { src, dst, hop_limit: DEFAULT_TTL, traffic_class: 0, flow_label: 0, id: 0 }
    }
}

impl Ip {
    /// A default header between two addresses; `None` when they are of different families.
    #[must_use]
    pub fn between(src: IpAddr, dst: IpAddr) -> Option<Self> {
        match (src, dst) {
            (IpAddr::V4(src), IpAddr::V4(dst)) => Some(Self::V4(Ipv4::new(src, dst))),
            (IpAddr::V6(src), IpAddr::V6(dst)) => Some(Self::V6(Ipv6::new(src, dst))),
            _ => None,
        }
    }

    /// The EtherType that announces this header.
    #[must_use]
    pub fn ethertype(&self) -> u16 {
        match self {
            Self::V4(_) => ethertype::IPV4,
            Self::V6(_) => ethertype::IPV6,
        }
    }

    /// The packet from its IP header on.
    pub fn packet(&self, transport: &Transport) -> Result<Vec<u8>, BuildError> {
        let payload = transport.emit(self)?;
        let proto = transport.proto(self);
        match self {
            Self::V4(ipv4) => ipv4.emit(proto, &payload, ipv4.unfragmented()),
            Self::V6(ipv6) => ipv6.emit(proto, &payload),
        }
    }

    /// The packet in fragments, each with at most `payload_bytes_max` bytes of the original payload. One that
    /// fits becomes one fragment which says that it is the last: in IPv6 it still has a fragment header.
    pub fn fragments(
        &self,
        transport: &Transport,
        payload_bytes_max: usize,
    ) -> Result<Vec<Vec<u8>>, BuildError> {
        let payload = transport.emit(self)?;
        if payload.len() > IP_LENGTH_BYTES_MAX {
            return Err(too_long("fragmented payload", payload.len(), IP_LENGTH_BYTES_MAX));
        }
        let chunk_bytes = payload_bytes_max - payload_bytes_max % 8;
        if chunk_bytes == 0 {
            return Err(BuildError::FragmentTooShort { bytes_max: payload_bytes_max });
        }
        let proto = transport.proto(self);
        let count = payload.len().div_ceil(chunk_bytes);
        let emit_chunk = |(index, chunk): (usize, &[u8])| {
            let offset_bytes =
                u16::try_from(index * chunk_bytes).expect("the payload is shorter than 64 KiB");
            let has_more = index + 1 < count;
            match self {
                Self::V4(ipv4) => ipv4.emit(proto, chunk, Ipv4::fragment(offset_bytes, has_more)),
                Self::V6(ipv6) => ipv6.emit_fragment(proto, chunk, offset_bytes, has_more),
            }
        };
        payload.chunks(chunk_bytes).enumerate().map(emit_chunk).collect()
    }

    /// The sum that a transport checksum over `length` bytes starts with.
    fn pseudo_header(&self, proto: u8, length: usize) -> Checksum {
        match self {
            Self::V4(ip) => Checksum::ipv4_pseudo_header(ip.src, ip.dst, proto, length),
            Self::V6(ip) => Checksum::ipv6_pseudo_header(ip.src, ip.dst, proto, length),
        }
    }
}

impl Ipv4 {
    const DONT_FRAGMENT: u16 = 0x4000;
    const MORE_FRAGMENTS: u16 = 0x2000;

    fn unfragmented(&self) -> u16 {
        if self.dont_fragment { Self::DONT_FRAGMENT } else { 0 }
    }

    fn fragment(offset_bytes: u16, has_more: bool) -> u16 {
        let more = if has_more { Self::MORE_FRAGMENTS } else { 0 };
        (offset_bytes / 8) | more
    }

    fn emit(&self, proto: u8, payload: &[u8], fragment_field: u16) -> Result<Vec<u8>, BuildError> {
        const VERSION_AND_WORDS: u8 = 0x45;
        const CHECKSUM_AT: usize = 10;

        let total_bytes = IPV4_HEADER_BYTES + payload.len();
        let mut packet = Vec::with_capacity(total_bytes);
        packet.extend([VERSION_AND_WORDS, self.tos]);
        packet.extend(length_field("IPv4 packet", total_bytes)?);
        packet.extend(self.id.to_be_bytes());
        packet.extend(fragment_field.to_be_bytes());
        packet.extend([self.ttl, proto, 0, 0]);
        packet.extend(self.src.octets());
        packet.extend(self.dst.octets());
        let checksum = Checksum::default().add(&packet).finish().to_be_bytes();
        packet.splice(CHECKSUM_AT..CHECKSUM_AT + 2, checksum);
        packet.extend(payload);
        Ok(packet)
    }
}

impl Ipv6 {
    fn emit(&self, next_header: u8, payload: &[u8]) -> Result<Vec<u8>, BuildError> {
        const VERSION: u32 = 6 << 28;
        const FLOW_LABEL_MASK: u32 = 0x000f_ffff;

        let label = self.flow_label & FLOW_LABEL_MASK;
        let mut packet = Vec::with_capacity(IPV6_HEADER_BYTES + payload.len());
        packet.extend((VERSION | (u32::from(self.traffic_class) << 20) | label).to_be_bytes());
        packet.extend(length_field("IPv6 payload", payload.len())?);
        packet.extend([next_header, self.hop_limit]);
        packet.extend(self.src.octets());
        packet.extend(self.dst.octets());
        packet.extend(payload);
        Ok(packet)
    }

    fn emit_fragment(
        &self,
        next_header: u8,
        chunk: &[u8],
        offset_bytes: u16,
        has_more: bool,
    ) -> Result<Vec<u8>, BuildError> {
        // The offset is in eights and shifted by three: the same bits as the offset in bytes.
        let offset_and_more = offset_bytes | u16::from(has_more);
        let mut payload = vec![next_header, 0];
        payload.extend(offset_and_more.to_be_bytes());
        payload.extend(self.id.to_be_bytes());
        payload.extend(chunk);
        self.emit(ip_proto::FRAGMENT, &payload)
    }
}

impl Ethernet {
    /// An untagged link layer.
    #[must_use]
    pub fn new(src: MacAddr, dst: MacAddr) -> Self {
        Self { src, dst, vlans: Vec::new() }
    }

    /// The same with one more tag, inside those that are there.
    #[must_use]
    pub fn tagged(mut self, tag: VlanTag) -> Self {
        self.vlans.push(tag);
        self
    }

    /// A frame with any payload.
    #[must_use]
    pub fn frame(&self, ethertype: u16, payload: &[u8]) -> Vec<u8> {
        const VLAN_TAG_BYTES: usize = 4;

        let mut frame =
            Vec::with_capacity(ETHERNET_HEADER_BYTES + VLAN_TAG_BYTES * self.vlans.len() + payload.len());
        frame.extend(self.dst.octets());
        frame.extend(self.src.octets());
        for tag in &self.vlans {
            frame.extend(tag.tpid.to_be_bytes());
            // The presence bit is OpenFlow's; on the wire it means "may be dropped first".
            frame.extend((tag.tci & !VlanTag::PRESENT).to_be_bytes());
        }
        frame.extend(ethertype.to_be_bytes());
        frame.extend(payload);
        frame
    }

    /// A frame with an ARP message.
    #[must_use]
    pub fn arp(&self, arp: &Arp) -> Vec<u8> {
        self.frame(ethertype::ARP, &arp.emit())
    }

    /// A frame with a neighbour discovery message, hop limit 255.
    pub fn neighbor(&self, src: Ipv6Addr, dst: Ipv6Addr, message: &Neighbor) -> Result<Vec<u8>, BuildError> {
        let ip = Ipv6 { hop_limit: nd::HOP_LIMIT, ..Ipv6::new(src, dst) };
        self.ip(&Ip::V6(ip), &Transport::Icmp(message.to_message()))
    }

    /// A frame with an IP packet.
    pub fn ip(&self, ip: &Ip, transport: &Transport) -> Result<Vec<u8>, BuildError> {
        Ok(self.frame(ip.ethertype(), &ip.packet(transport)?))
    }

    /// Frames with the fragments of an IP packet; see [`Ip::fragments`].
    pub fn ip_fragments(
        &self,
        ip: &Ip,
        transport: &Transport,
        payload_bytes_max: usize,
    ) -> Result<Vec<Vec<u8>>, BuildError> {
        let packets = ip.fragments(transport, payload_bytes_max)?;
        Ok(packets.iter().map(|packet| self.frame(ip.ethertype(), packet)).collect())
    }
}

fn length_field(layer: &'static str, bytes: usize) -> Result<[u8; 2], BuildError> {
    let length = u16::try_from(bytes).map_err(|_| too_long(layer, bytes, IP_LENGTH_BYTES_MAX))?;
    Ok(length.to_be_bytes())
}

fn too_long(layer: &'static str, bytes: usize, bytes_max: usize) -> BuildError {
    BuildError::TooLong { layer, bytes, bytes_max }
}

#[cfg(test)]
mod tests;
