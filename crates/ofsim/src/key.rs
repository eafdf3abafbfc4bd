//! The flow key: what a switch knows of a packet while it is on its way through the tables.
//!
//! # Guarantees
//! - The layout is Open vSwitch's: fields that share storage there share it here (the addresses of IPv4 and of ARP, TCP
//!   ports and ICMP types, link-layer addresses of ARP and of neighbour discovery). So a value that reaches a field by
//!   way of another one is the one that a switch would see, also in a pipeline that should not have done so.
//! - A field that the packet does not have reads as zero. Matches need nothing else, because a valid match states the
//!   prerequisites of its fields; [`Key::meets`] tells the actions that must not touch a field that is not there.

mod access;
mod layers;
#[cfg(test)]
mod tests;
mod view;

use net_types::OfPort;
use openflow::field::Prereq;
use packet::headers::{Headers, NetworkKey, TransportKey};
use packet::{ethertype, ip_proto};

pub use layers::MplsPopped;

/// Tags that a key holds.
pub const VLAN_TAGS_MAX: usize = 2;
/// Label stack entries that a key holds.
pub const MPLS_ENTRIES_MAX: usize = 3;
/// Geneve options that the fields `tun_metadata0` and following name.
pub const TUN_METADATA_FIELDS: usize = 64;
/// 32-bit registers.
pub const REGISTERS: usize = 16;

/// Bits of `ct_state`.
pub mod ct_state {
    /// The packet starts a connection.
    pub const NEW: u32 = 0x01;
    /// The packet belongs to a committed connection.
    pub const ESTABLISHED: u32 = 0x02;
    /// The packet is related to a committed connection.
    pub const RELATED: u32 = 0x04;
    /// The packet goes against the direction that was committed.
    pub const REPLY: u32 = 0x08;
    /// The tracker could not make sense of the packet.
    pub const INVALID: u32 = 0x10;
    /// The packet went through the tracker.
    pub const TRACKED: u32 = 0x20;
    /// The source was translated.
    pub const SNAT: u32 = 0x40;
    /// The destination was translated.
    pub const DNAT: u32 = 0x80;
    /// With one of these there is an original tuple.
    pub const VALID: u32 = NEW | ESTABLISHED | REPLY;
}

const FRAGMENT_ANY: u8 = 1;
const FRAGMENT_LATER: u8 = 2;
const NEIGHBOR_SOLICITATION: u16 = 135;
const NEIGHBOR_ADVERTISEMENT: u16 = 136;

/// A tag as OVS keeps it; all zeros where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Vlan {
    /// EtherType of the tag.
    pub tpid: u16,
    /// Priority, presence, identifier.
    pub tci: u16,
}

/// The tunnel a packet came by, or will leave by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tunnel {
    /// VNI or GRE key.
    pub id: u64,
    /// Public flags (`oam`).
    pub flags: u16,
    /// Outer IPv4 source.
    pub src: u32,
    /// Outer IPv4 destination.
    pub dst: u32,
    /// Outer IPv6 source.
    pub ipv6_src: u128,
    /// Outer IPv6 destination.
    pub ipv6_dst: u128,
    /// Group policy of VXLAN.
    pub gbp_id: u16,
    /// Group policy flags.
    pub gbp_flags: u8,
    /// Geneve options by field; nothing where the packet has no such option.
    pub metadata: [Option<u32>; TUN_METADATA_FIELDS],
}

/// Network and transport layer, with the original tuple of the connection that OVS keeps beside them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Network {
    /// IPv4 source, or sender of ARP.
    pub nw_src: u32,
    /// IPv4 destination, or target of ARP.
    pub nw_dst: u32,
    /// IPv6 source.
    pub ipv6_src: u128,
    /// IPv6 destination.
    pub ipv6_dst: u128,
    /// IPv6 flow label.
    pub ipv6_label: u32,
    /// Bit 0: a fragment; bit 1: not the first.
    pub frag: u8,
    /// DSCP and ECN.
    pub tos: u8,
    /// TTL or hop limit.
    pub ttl: u8,
    /// Protocol, or operation of ARP.
    pub proto: u8,
    /// Target of neighbour discovery.
    pub nd_target: u128,
    /// Sender of ARP, or source link-layer address of neighbour discovery.
    pub sha: u64,
    /// Target of ARP, or target link-layer address of neighbour discovery.
    pub tha: u64,
    /// TCP flags, or type of the first option of neighbour discovery.
    pub tcp_flags: u16,
    /// Source port, or ICMP type.
    pub tp_src: u16,
    /// Destination port, or ICMP code.
    pub tp_dst: u16,
    /// Group of IGMP, or the reserved word of neighbour discovery.
    pub igmp_group: u32,
    /// Original tuple.
    pub ct: CtTuple,
}

/// The tuple of a connection in its original direction.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CtTuple {
    /// IPv4 source.
    pub nw_src: u32,
    /// IPv4 destination.
    pub nw_dst: u32,
    /// IPv6 source.
    pub ipv6_src: u128,
    /// IPv6 destination.
    pub ipv6_dst: u128,
    /// Protocol; 0 where there is no tuple.
    pub proto: u8,
    /// Source port, or ICMP type.
    pub tp_src: u16,
    /// Destination port, or ICMP code.
    pub tp_dst: u16,
}

/// Every field of a packet in the pipeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Tunnel.
    pub tunnel: Tunnel,
    /// The metadata register.
    pub metadata: u64,
    /// The registers.
    pub regs: [u32; REGISTERS],
    /// Queue of later outputs (`skb_priority`), 0 for the default.
    pub queue: u32,
    /// Mark that the packet carries outside the switch.
    pub pkt_mark: u32,
    /// Where it came in.
    pub in_port: OfPort,
    /// State of its connection.
    pub ct_state: u32,
    /// Zone in which it was tracked.
    pub ct_zone: u16,
    /// Mark of its connection.
    pub ct_mark: u32,
    /// Label of its connection.
    pub ct_label: u128,
    /// The conjunctive match that is being looked up.
    pub conj_id: u32,
    /// Output of the action set.
    pub actset_output: OfPort,
    /// Ethernet destination.
    pub eth_dst: u64,
    /// Ethernet source.
    pub eth_src: u64,
    /// EtherType behind the tags.
    pub eth_type: u16,
    /// Tags, outermost first.
    pub vlans: [Vlan; VLAN_TAGS_MAX],
    /// Label stack entries, outermost first.
    pub mpls: [u32; MPLS_ENTRIES_MAX],
    /// Everything above.
    pub net: Network,
}

impl Default for Tunnel {
    fn default() -> Self {
        Self {
            id: 0,
            flags: 0,
            src: 0,
            dst: 0,
            ipv6_src: 0,
            ipv6_dst: 0,
            gbp_id: 0,
            gbp_flags: 0,
            metadata: [None; TUN_METADATA_FIELDS],
        }
    }
}

impl Key {
    /// A packet of which nothing is known but its port.
    pub fn new(in_port: OfPort) -> Self {
        Self {
            tunnel: Tunnel::default(),
            metadata: 0,
            regs: [0; REGISTERS],
            queue: 0,
            pkt_mark: 0,
            in_port,
            ct_state: 0,
            ct_zone: 0,
            ct_mark: 0,
            ct_label: 0,
            conj_id: 0,
            actset_output: OfPort::UNSET,
            eth_dst: 0,
            eth_src: 0,
            eth_type: 0,
            vlans: [Vlan::default(); VLAN_TAGS_MAX],
            mpls: [0; MPLS_ENTRIES_MAX],
            net: Network::default(),
        }
    }

    /// The key of a frame that came in by `in_port`.
    pub fn of_headers(in_port: OfPort, headers: &Headers) -> Self {
        let mut key = Self::new(in_port);
        if let Some(ethernet) = headers.ethernet {
            key.eth_dst = ethernet.dst.to_u64();
            key.eth_src = ethernet.src.to_u64();
            key.eth_type = ethernet.ethertype;
        }
        for (slot, tag) in key.vlans.iter_mut().zip(headers.vlans.iter().flatten()) {
            *slot = Vlan { tpid: tag.tpid, tci: tag.tci };
        }
        for (slot, entry) in key.mpls.iter_mut().zip(headers.mpls.iter().flatten()) {
            *slot = entry.0;
        }
        key.net = Network::of_headers(headers);
        key
    }

    /// Whether the packet has what fields with this prerequisite need.
    pub fn meets(&self, prereq: Prereq) -> bool {
        let net = &self.net;
        let (v4, v6) = (self.eth_type == ethertype::IPV4, self.eth_type == ethertype::IPV6);
        let whole = |proto| self.is_ip() && net.proto == proto && net.frag & FRAGMENT_LATER == 0;
        let nd = |kinds: &[u16]| {
            v6 && net.proto == ip_proto::ICMPV6 && net.tp_dst == 0 && kinds.contains(&net.tp_src)
        };
        match prereq {
            Prereq::Any => true,
            Prereq::Vlan => self.has_vlan(),
            Prereq::Mpls => self.is_mpls(),
            Prereq::Ipv4 => v4,
            Prereq::Ipv6 => v6,
            Prereq::Ip => self.is_ip(),
            Prereq::Arp => matches!(self.eth_type, ethertype::ARP | ethertype::RARP),
            Prereq::Tcp => whole(ip_proto::TCP),
            Prereq::Udp => whole(ip_proto::UDP),
            Prereq::Sctp => whole(ip_proto::SCTP),
            Prereq::Icmp4 => v4 && net.proto == ip_proto::ICMP,
            Prereq::Icmp6 => v6 && net.proto == ip_proto::ICMPV6,
            Prereq::Nd => nd(&[NEIGHBOR_SOLICITATION, NEIGHBOR_ADVERTISEMENT]),
            Prereq::NdSolicit => nd(&[NEIGHBOR_SOLICITATION]),
            Prereq::NdAdvert => nd(&[NEIGHBOR_ADVERTISEMENT]),
            Prereq::CtIpv4 | Prereq::CtIpv6 | Prereq::CtIp | Prereq::CtTransport => {
                self.ct_state & ct_state::VALID != 0
            }
        }
    }

    /// Whether this is IPv4 or IPv6.
    pub fn is_ip(&self) -> bool {
        matches!(self.eth_type, ethertype::IPV4 | ethertype::IPV6)
    }

    /// Whether a label is outermost.
    pub fn is_mpls(&self) -> bool {
        matches!(self.eth_type, ethertype::MPLS | ethertype::MPLS_MULTICAST)
    }

    /// Whether there is a tag.
    pub fn has_vlan(&self) -> bool {
        self.vlans[0].is_present()
    }

    /// Whether this is a fragment, the first one included.
    pub fn is_fragment(&self) -> bool {
        self.net.frag & FRAGMENT_ANY != 0
    }
}

impl Vlan {
    const PRESENT: u16 = 0x1000;

    /// Whether there is a tag at all.
    pub fn is_present(self) -> bool {
        self.tci & Self::PRESENT != 0
    }
}

impl Network {
    fn of_headers(headers: &Headers) -> Self {
        let mut net = Self::default();
        match headers.network {
            Some(NetworkKey::Ipv4 { src, dst }) => {
                net.nw_src = src.to_bits();
                net.nw_dst = dst.to_bits();
            }
            Some(NetworkKey::Ipv6 { src, dst, flow_label }) => {
                net.ipv6_src = src.to_bits();
                net.ipv6_dst = dst.to_bits();
                net.ipv6_label = flow_label;
            }
            Some(NetworkKey::Arp(arp)) => {
                net.proto = arp.operation.unwrap_or(0);
                net.nw_src = arp.spa.to_bits();
                net.nw_dst = arp.tpa.to_bits();
                net.sha = arp.sha.to_u64();
                net.tha = arp.tha.to_u64();
            }
            None => {}
        }
        if let Some(ip) = headers.ip {
            net.proto = ip.proto;
            net.tos = ip.tos;
            net.ttl = ip.ttl;
            net.frag = ip.fragment.nw_frag();
        }
        if let Some(transport) = headers.transport {
            (net.tp_src, net.tp_dst) = transport.ports();
            net.set_transport_extras(transport);
        }
        net
    }

    fn set_transport_extras(&mut self, transport: TransportKey) {
        match transport {
            TransportKey::Tcp { flags, .. } => self.tcp_flags = flags,
            TransportKey::Igmp { group, .. } => self.igmp_group = group.to_bits(),
            TransportKey::Icmpv6 { nd: Some(nd), .. } => {
                self.nd_target = nd.target.to_bits();
                self.sha = nd.sll.to_u64();
                self.tha = nd.tll.to_u64();
                self.igmp_group = nd.reserved;
                self.tcp_flags = nd.option_type.into();
            }
            _ => {}
        }
    }
}
