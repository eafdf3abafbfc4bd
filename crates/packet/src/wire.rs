//! Assigned numbers and header lengths that more than one module needs, under the names of their registries.

/// Two addresses and an EtherType.
pub(crate) const ETHERNET_HEADER_BYTES: usize = 14;
/// Without options.
pub(crate) const IPV4_HEADER_BYTES: usize = 20;
/// Without extension headers.
pub(crate) const IPV6_HEADER_BYTES: usize = 40;

/// EtherTypes.
pub mod ethertype {
    /// IPv4.
    pub const IPV4: u16 = 0x0800;
    /// Address resolution.
    pub const ARP: u16 = 0x0806;
    /// Reverse address resolution; same layout as ARP.
    pub const RARP: u16 = 0x8035;
    /// 802.1Q customer tag.
    pub const VLAN: u16 = 0x8100;
    /// IPv6.
    pub const IPV6: u16 = 0x86dd;
    /// MPLS unicast.
    pub const MPLS: u16 = 0x8847;
    /// MPLS multicast, or with an upstream-assigned label.
    pub const MPLS_MULTICAST: u16 = 0x8848;
    /// 802.1ad service tag.
    pub const VLAN_SERVICE: u16 = 0x88a8;
    /// Network service header. OVS reads it, [`crate::Headers`] does not.
    pub const NSH: u16 = 0x894f;
    /// The smallest EtherType; below it the field is an 802.3 length.
    pub const MIN: u16 = 0x0600;
    /// What OpenFlow matches on an 802.3 frame without an EtherType.
    pub const NONE: u16 = 0x05ff;
}

/// IP protocol numbers, which are also those of IPv6 extension headers.
pub mod ip_proto {
    /// IPv6 hop-by-hop options.
    pub const HOP_BY_HOP: u8 = 0;
    /// ICMP for IPv4.
    pub const ICMP: u8 = 1;
    /// IGMP.
    pub const IGMP: u8 = 2;
    /// TCP.
    pub const TCP: u8 = 6;
    /// UDP.
    pub const UDP: u8 = 17;
    /// IPv6 routing header.
    pub const ROUTING: u8 = 43;
    /// IPv6 fragment header.
    pub const FRAGMENT: u8 = 44;
    /// IP authentication header.
    pub const AUTHENTICATION: u8 = 51;
    /// ICMP for IPv6.
    pub const ICMPV6: u8 = 58;
    /// IPv6 destination options.
    pub const DESTINATION_OPTIONS: u8 = 60;
    /// SCTP.
    pub const SCTP: u8 = 132;
}
