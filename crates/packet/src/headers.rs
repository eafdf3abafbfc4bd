//! The flow key of a frame, extracted exactly as Open vSwitch 3.1 extracts it.
//!
//! # What it guarantees
//!
//! [`Headers::parse`] accepts any bytes, because a switch does: what a layer lacks is `None`, and no lower layer
//! is affected by a broken upper one. What OVS would match as zero because it gave up on a header is absent
//! here, so an interpreter that reads an absent field as zero agrees with the switch.
//!
//! # The rules that surprise
//!
//! * A VLAN tag's TCI always has bit 12 (once CFI) set: OpenFlow uses it to say "a tag is there". Tags beyond
//!   the limit stay unparsed and show as the EtherType. `ovs-vswitchd` reads one tag unless its `vlan-limit`
//!   says otherwise, OVS's tools read two; hence [`VlanLimit`].
//! * A frame with an 802.3 length has EtherType 0x05ff, unless a SNAP header with a zero organisation brings one.
//! * Checksums are not looked at. Trailing padding is cut off by the IP length before layer 4 is read; a length
//!   that does not fit the frame removes the whole network layer.
//! * A later fragment has no layer 4. In IPv6 its protocol is 44 (fragment); in IPv4 it is the real one. An
//!   IPv6 fragment header with neither offset nor the more flag is no fragment.
//! * A broken IPv6 extension header leaves the addresses, but no label, protocol, TTL or DSCP.
//! * ARP is read for Ethernet and IPv4 only. An opcode above 255 is dropped while the addresses stay.
//! * Layer 4 goes by the protocol number alone: ICMPv6 inside IPv4 is read as ICMPv6.
//! * An ND message with the same link-layer option twice loses its target and both addresses, but is still an
//!   ND message.

mod parse;

use std::net::{Ipv4Addr, Ipv6Addr};

use net_types::MacAddr;

use crate::build::Udp;

/// How many VLAN tags OVS records of a frame.
pub const VLAN_TAGS_MAX: usize = 2;
/// How many MPLS label stack entries OVS records of a frame.
pub const MPLS_ENTRIES_MAX: usize = 3;

/// How many VLAN tags to read before whatever follows counts as payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum VlanLimit {
    /// `ovs-vswitchd` without `other_config:vlan-limit`.
    #[default]
    One,
    /// `ovs-vswitchd` with `vlan-limit` 0 or 2, and the OVS command line tools.
    Two,
}

/// What a frame's headers say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Headers {
    /// Absent only from frames that are shorter than an Ethernet header.
    pub ethernet: Option<EthernetKey>,
    /// Outermost first, without gaps.
    pub vlans: [Option<VlanTag>; VLAN_TAGS_MAX],
    /// Outermost first, without gaps.
    pub mpls: [Option<MplsEntry>; MPLS_ENTRIES_MAX],
    /// Addresses of the network layer.
    pub network: Option<NetworkKey>,
    /// What IPv4 and IPv6 have in common.
    pub ip: Option<IpKey>,
    /// Layer 4 of an IP packet that has it.
    pub transport: Option<TransportKey>,
    /// Where the layers are in the frame.
    pub layout: Layout,
}

/// Positions in the frame, in bytes from its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Layout {
    /// First byte after the link layer (Ethernet, VLAN tags, SNAP, MPLS).
    pub network: Option<usize>,
    /// First byte after a well-formed IP header and its extensions.
    pub transport: Option<usize>,
    /// First byte after the IP packet: link-layer padding starts here.
    pub network_end: Option<usize>,
}

/// The Ethernet header, with the type that remains after tags and SNAP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EthernetKey {
    /// Destination address.
    pub dst: MacAddr,
    /// Source address.
    pub src: MacAddr,
    /// EtherType of what follows all tags; [`crate::ethertype::NONE`] when the frame has none.
    pub ethertype: u16,
}

/// One 802.1Q or 802.1ad tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VlanTag {
    /// The tag's own EtherType.
    pub tpid: u16,
    /// Priority (3 bits), presence (1 bit), identifier (12 bits).
    pub tci: u16,
}

impl VlanTag {
    /// The bit of a TCI that says that there is a tag.
    pub const PRESENT: u16 = 0x1000;

    /// A customer tag (TPID 0x8100). Bits of `vid` above 12 and of `pcp` above 3 are dropped.
    #[must_use]
    pub fn customer(vid: u16, pcp: u8) -> Self {
        let tci = (u16::from(pcp & 7) << 13) | Self::PRESENT | (vid & 0x0fff);
        Self { tpid: crate::ethertype::VLAN, tci }
    }

    /// The VLAN identifier; 0 is a priority tag.
    #[must_use]
    pub fn vid(self) -> u16 {
        self.tci & 0x0fff
    }

    /// The priority code point.
    #[must_use]
    pub fn pcp(self) -> u8 {
        self.tci.to_be_bytes()[0] >> 5
    }
}

/// One MPLS label stack entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MplsEntry(pub u32);

impl MplsEntry {
    /// The 20-bit label.
    #[must_use]
    pub fn label(self) -> u32 {
        self.0 >> 12
    }

    /// The traffic class.
    #[must_use]
    pub fn traffic_class(self) -> u8 {
        (self.0.to_be_bytes()[2] >> 1) & 7
    }

    /// Whether this is the innermost entry.
    #[must_use]
    pub fn is_bottom(self) -> bool {
        self.0 & 0x100 != 0
    }

    /// Time to live.
    #[must_use]
    pub fn ttl(self) -> u8 {
        self.0.to_be_bytes()[3]
    }
}

/// Addresses of the network layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NetworkKey {
    /// IPv4.
    Ipv4 {
        /// Source address.
        src: Ipv4Addr,
        /// Destination address.
        dst: Ipv4Addr,
    },
    /// IPv6.
    Ipv6 {
        /// Source address.
        src: Ipv6Addr,
        /// Destination address.
        dst: Ipv6Addr,
        /// 20-bit flow label; 0 when an extension header is broken.
        flow_label: u32,
    },
    /// ARP or RARP over Ethernet for IPv4.
    Arp(ArpKey),
}

/// The fields of ARP and RARP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArpKey {
    /// Operation; `None` when above 255, which OpenFlow cannot express.
    pub operation: Option<u8>,
    /// Sender's protocol address.
    pub spa: Ipv4Addr,
    /// Target's protocol address.
    pub tpa: Ipv4Addr,
    /// Sender's hardware address.
    pub sha: MacAddr,
    /// Target's hardware address.
    pub tha: MacAddr,
}

/// What IPv4 and IPv6 have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IpKey {
    /// Protocol of the payload, after IPv6 extension headers.
    pub proto: u8,
    /// DSCP (6 bits) and ECN (2 bits).
    pub tos: u8,
    /// Time to live or hop limit.
    pub ttl: u8,
    /// Whether the packet is a fragment.
    pub fragment: Fragment,
}

/// Position of a packet in a fragmented datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fragment {
    /// Not fragmented.
    #[default]
    No,
    /// A fragment that begins at offset zero.
    First,
    /// Any other fragment.
    Later,
}

impl Fragment {
    /// The value of the `nw_frag` match field.
    #[must_use]
    pub fn nw_frag(self) -> u8 {
        const ANY: u8 = 1;
        const LATER: u8 = 2;
        match self {
            Self::No => 0,
            Self::First => ANY,
            Self::Later => ANY | LATER,
        }
    }
}

/// Layer 4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransportKey {
    /// TCP with a complete header.
    Tcp {
        /// Source port.
        src: u16,
        /// Destination port.
        dst: u16,
        /// The twelve flag bits.
        flags: u16,
    },
    /// UDP.
    Udp {
        /// Source port.
        src: u16,
        /// Destination port.
        dst: u16,
    },
    /// SCTP.
    Sctp {
        /// Source port.
        src: u16,
        /// Destination port.
        dst: u16,
    },
    /// ICMP.
    Icmpv4 {
        /// Message type.
        kind: u8,
        /// Message code.
        code: u8,
    },
    /// IGMP.
    Igmp {
        /// Message type.
        kind: u8,
        /// Message code, or maximum response time.
        code: u8,
        /// Group address.
        group: Ipv4Addr,
    },
    /// ICMPv6.
    Icmpv6 {
        /// Message type.
        kind: u8,
        /// Message code.
        code: u8,
        /// Present in neighbour solicitations and advertisements with code zero.
        nd: Option<NdKey>,
    },
}

impl TransportKey {
    /// The fields that OVS keeps in `tp_src` and `tp_dst`: ports, or type and code.
    #[must_use]
    pub fn ports(self) -> (u16, u16) {
        match self {
            Self::Tcp { src, dst, .. } | Self::Udp { src, dst } | Self::Sctp { src, dst } => (src, dst),
            Self::Icmpv4 { kind, code } | Self::Igmp { kind, code, .. } | Self::Icmpv6 { kind, code, .. } => {
                (kind.into(), code.into())
            }
        }
    }
}

/// The fields of neighbour discovery. An absent address matches as zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NdKey {
    /// The address that is asked for or announced; unspecified when cut off.
    pub target: Ipv6Addr,
    /// Source link-layer address option.
    pub sll: MacAddr,
    /// Target link-layer address option.
    pub tll: MacAddr,
    /// The reserved word, which holds the flags of an advertisement.
    pub reserved: u32,
    /// Which of the two link-layer options came first (1 source, 2 target), 0 for none.
    pub option_type: u8,
}

impl Headers {
    /// Extracts the headers as `ovs-vswitchd` does in its default configuration.
    #[must_use]
    pub fn parse(frame: &[u8]) -> Self {
        Self::parse_with_vlan_limit(frame, VlanLimit::default())
    }

    /// Extracts the headers of a frame.
    #[must_use]
    pub fn parse_with_vlan_limit(frame: &[u8], vlan_limit: VlanLimit) -> Self {
        parse::headers(frame, vlan_limit)
    }

    /// What the IP packet in the frame carries, if its header is whole: not the padding behind it. The frame is the one that the headers are of.
    #[must_use]
    pub fn ip_payload<'a>(&self, frame: &'a [u8]) -> Option<&'a [u8]> {
        frame.get(self.layout.transport?..self.layout.network_end?)
    }

    /// What the UDP datagram in the frame carries. Neither its length nor its checksum is looked at: guests that leave these to
    /// their network card, as virtual machines do, send them unfinished.
    #[must_use]
    pub fn udp_payload<'a>(&self, frame: &'a [u8]) -> Option<&'a [u8]> {
        let Some(TransportKey::Udp { .. }) = self.transport else { return None };
        self.ip_payload(frame)?.get(Udp::HEADER_BYTES..)
    }
}

#[cfg(test)]
mod tests;
