//! The rows, and what the compiler makes of them.

use super::{Class, FieldDef, Format, Header, Prereq};

macro_rules! header {
    (none) => {
        None
    };
    ($class:ident $number:literal $name:literal) => {
        Some(Header { class: Class::$class, number: $number, name: $name })
    };
}

macro_rules! access {
    (rw) => {
        true
    };
    (ro) => {
        false
    };
    (masked) => {
        true
    };
    (exact) => {
        false
    };
}

macro_rules! fields {
    ($($variant:ident $name:literal [$($alias:literal)*] $bits:literal $bytes:literal $format:ident
       $access:ident $mask:ident $prereq:ident ($($nxm:tt)+) ($($oxm:tt)+),)+) => {
        /// A field of a packet or of its journey through the switch.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Field {
            $(
                #[doc = concat!("`", $name, "`, ", $bits, " bits.")]
                $variant,
            )+
        }

        static DEFS: &[FieldDef] = &[$(FieldDef {
            name: $name,
            aliases: &[$($alias),*],
            bits: $bits,
            bytes: $bytes,
            format: Format::$format,
            writable: access!($access),
            maskable: access!($mask),
            prereq: Prereq::$prereq,
            nxm: header!($($nxm)+),
            oxm: header!($($oxm)+),
        },)+];

        impl Field {
            /// Every field, in the order in which Open vSwitch writes a match.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];
        }
    };
}

// variant "name" ["aliases"] bits bytes format access maskable prerequisite (NXM) (OXM)
fields! {
    // Where the packet is in the switch.
    ConjId "conj_id" [] 32 4 Decimal ro exact Any (NxmNx 37 "NXM_NX_CONJ_ID") (none),
    InPort "in_port_oxm" [] 32 4 Port rw exact Any (none) (OxmOf 0 "OXM_OF_IN_PORT"),
    ActsetOutput "actset_output" [] 32 4 Port ro exact Any (none) (Onf 43 "ONFOXM_ET_ACTSET_OUTPUT"),
    // Ethernet, VLAN, MPLS.
    EthSrc "eth_src" ["dl_src"] 48 6 Mac rw masked Any (NxmOf 2 "NXM_OF_ETH_SRC") (OxmOf 4 "OXM_OF_ETH_SRC"),
    EthDst "eth_dst" ["dl_dst"] 48 6 Mac rw masked Any (NxmOf 1 "NXM_OF_ETH_DST") (OxmOf 3 "OXM_OF_ETH_DST"),
    EthType "eth_type" ["dl_type"] 16 2 Hex ro exact Any (NxmOf 3 "NXM_OF_ETH_TYPE") (OxmOf 5 "OXM_OF_ETH_TYPE"),
    VlanVid "vlan_vid" [] 13 2 Decimal rw masked Any (none) (OxmOf 6 "OXM_OF_VLAN_VID"),
    VlanPcp "vlan_pcp" [] 3 1 Decimal rw exact Vlan (none) (OxmOf 7 "OXM_OF_VLAN_PCP"),
    MplsTc "mpls_tc" [] 3 1 Decimal rw exact Mpls (none) (OxmOf 35 "OXM_OF_MPLS_TC"),
    MplsBos "mpls_bos" [] 1 1 Decimal ro exact Mpls (none) (OxmOf 36 "OXM_OF_MPLS_BOS"),
    MplsTtl "mpls_ttl" [] 8 1 Decimal rw exact Mpls (NxmNx 30 "NXM_NX_MPLS_TTL") (none),
    MplsLabel "mpls_label" [] 20 4 Decimal rw exact Mpls (none) (OxmOf 34 "OXM_OF_MPLS_LABEL"),
    // IPv4 and IPv6.
    Ipv4Src "ip_src" ["nw_src"] 32 4 Ipv4 rw masked Ipv4 (NxmOf 7 "NXM_OF_IP_SRC") (OxmOf 11 "OXM_OF_IPV4_SRC"),
    Ipv4Dst "ip_dst" ["nw_dst"] 32 4 Ipv4 rw masked Ipv4 (NxmOf 8 "NXM_OF_IP_DST") (OxmOf 12 "OXM_OF_IPV4_DST"),
    Ipv6Src "ipv6_src" [] 128 16 Ipv6 rw masked Ipv6 (NxmNx 19 "NXM_NX_IPV6_SRC") (OxmOf 26 "OXM_OF_IPV6_SRC"),
    Ipv6Dst "ipv6_dst" [] 128 16 Ipv6 rw masked Ipv6 (NxmNx 20 "NXM_NX_IPV6_DST") (OxmOf 27 "OXM_OF_IPV6_DST"),
    IpFrag "ip_frag" ["nw_frag"] 2 1 Fragment ro masked Ip (NxmNx 26 "NXM_NX_IP_FRAG") (none),
    IpDscp "ip_dscp" [] 6 1 Decimal rw exact Ip (none) (OxmOf 8 "OXM_OF_IP_DSCP"),
    IpEcn "nw_ecn" ["ip_ecn"] 2 1 Decimal rw exact Ip (NxmNx 28 "NXM_NX_IP_ECN") (OxmOf 9 "OXM_OF_IP_ECN"),
    IpTtl "nw_ttl" [] 8 1 Decimal rw exact Ip (NxmNx 29 "NXM_NX_IP_TTL") (none),
    Ipv6Label "ipv6_label" [] 20 4 Hex rw masked Ipv6 (NxmNx 27 "NXM_NX_IPV6_LABEL") (OxmOf 28 "OXM_OF_IPV6_FLABEL"),
    IpProto "nw_proto" ["ip_proto"] 8 1 Decimal ro exact Ip (NxmOf 6 "NXM_OF_IP_PROTO") (OxmOf 10 "OXM_OF_IP_PROTO"),
    // Transport.
    TcpSrc "tcp_src" ["tp_src"] 16 2 Decimal rw masked Tcp (NxmOf 9 "NXM_OF_TCP_SRC") (OxmOf 13 "OXM_OF_TCP_SRC"),
    TcpDst "tcp_dst" ["tp_dst"] 16 2 Decimal rw masked Tcp (NxmOf 10 "NXM_OF_TCP_DST") (OxmOf 14 "OXM_OF_TCP_DST"),
    TcpFlags "tcp_flags" [] 12 2 TcpFlags ro masked Tcp (NxmNx 34 "NXM_NX_TCP_FLAGS") (Onf 42 "ONFOXM_ET_TCP_FLAGS"),
    UdpSrc "udp_src" [] 16 2 Decimal rw masked Udp (NxmOf 11 "NXM_OF_UDP_SRC") (OxmOf 15 "OXM_OF_UDP_SRC"),
    UdpDst "udp_dst" [] 16 2 Decimal rw masked Udp (NxmOf 12 "NXM_OF_UDP_DST") (OxmOf 16 "OXM_OF_UDP_DST"),
    SctpSrc "sctp_src" [] 16 2 Decimal rw masked Sctp (none) (OxmOf 17 "OXM_OF_SCTP_SRC"),
    SctpDst "sctp_dst" [] 16 2 Decimal rw masked Sctp (none) (OxmOf 18 "OXM_OF_SCTP_DST"),
    IcmpType "icmp_type" [] 8 1 Decimal rw exact Icmp4 (NxmOf 13 "NXM_OF_ICMP_TYPE") (OxmOf 19 "OXM_OF_ICMPV4_TYPE"),
    IcmpCode "icmp_code" [] 8 1 Decimal rw exact Icmp4 (NxmOf 14 "NXM_OF_ICMP_CODE") (OxmOf 20 "OXM_OF_ICMPV4_CODE"),
    Icmp6Type "icmpv6_type" [] 8 1 Decimal rw exact Icmp6 (NxmNx 21 "NXM_NX_ICMPV6_TYPE") (OxmOf 29 "OXM_OF_ICMPV6_TYPE"),
    Icmp6Code "icmpv6_code" [] 8 1 Decimal rw exact Icmp6 (NxmNx 22 "NXM_NX_ICMPV6_CODE") (OxmOf 30 "OXM_OF_ICMPV6_CODE"),
    NdReserved "nd_reserved" [] 32 4 Decimal rw exact Nd (none) (Ericsson 1 "ERICOXM_OF_ICMPV6_ND_RESERVED"),
    NdTarget "nd_target" [] 128 16 Ipv6 rw masked Nd (NxmNx 23 "NXM_NX_ND_TARGET") (OxmOf 31 "OXM_OF_IPV6_ND_TARGET"),
    NdOptionsType "nd_options_type" [] 8 1 Decimal rw exact Nd (none) (Ericsson 2 "ERICOXM_OF_ICMPV6_ND_OPTIONS_TYPE"),
    NdSll "nd_sll" [] 48 6 Mac rw masked NdSolicit (NxmNx 24 "NXM_NX_ND_SLL") (OxmOf 32 "OXM_OF_IPV6_ND_SLL"),
    NdTll "nd_tll" [] 48 6 Mac rw masked NdAdvert (NxmNx 25 "NXM_NX_ND_TLL") (OxmOf 33 "OXM_OF_IPV6_ND_TLL"),
    // ARP.
    ArpOp "arp_op" [] 16 2 Decimal rw exact Arp (NxmOf 15 "NXM_OF_ARP_OP") (OxmOf 21 "OXM_OF_ARP_OP"),
    ArpSpa "arp_spa" [] 32 4 Ipv4 rw masked Arp (NxmOf 16 "NXM_OF_ARP_SPA") (OxmOf 22 "OXM_OF_ARP_SPA"),
    ArpTpa "arp_tpa" [] 32 4 Ipv4 rw masked Arp (NxmOf 17 "NXM_OF_ARP_TPA") (OxmOf 23 "OXM_OF_ARP_TPA"),
    ArpSha "arp_sha" [] 48 6 Mac rw masked Arp (NxmNx 17 "NXM_NX_ARP_SHA") (OxmOf 24 "OXM_OF_ARP_SHA"),
    ArpTha "arp_tha" [] 48 6 Mac rw masked Arp (NxmNx 18 "NXM_NX_ARP_THA") (OxmOf 25 "OXM_OF_ARP_THA"),
    // Tunnels.
    TunId "tun_id" ["tunnel_id"] 64 8 Hex rw masked Any (NxmNx 16 "NXM_NX_TUN_ID") (OxmOf 38 "OXM_OF_TUNNEL_ID"),
    TunFlags "tun_flags" [] 1 2 TunFlags rw masked Any (NxmNx 104 "NXM_NX_TUN_FLAGS") (none),
    TunSrc "tun_src" [] 32 4 Ipv4 rw masked Any (NxmNx 31 "NXM_NX_TUN_IPV4_SRC") (none),
    TunDst "tun_dst" [] 32 4 Ipv4 rw masked Any (NxmNx 32 "NXM_NX_TUN_IPV4_DST") (none),
    TunIpv6Src "tun_ipv6_src" [] 128 16 Ipv6 rw masked Any (NxmNx 109 "NXM_NX_TUN_IPV6_SRC") (none),
    TunIpv6Dst "tun_ipv6_dst" [] 128 16 Ipv6 rw masked Any (NxmNx 110 "NXM_NX_TUN_IPV6_DST") (none),
    TunGbpId "tun_gbp_id" [] 16 2 Decimal rw masked Any (NxmNx 38 "NXM_NX_TUN_GBP_ID") (none),
    TunGbpFlags "tun_gbp_flags" [] 8 1 Hex rw masked Any (NxmNx 39 "NXM_NX_TUN_GBP_FLAGS") (none),
    // Geneve options that the option map binds; ours, like OVN's, are four bytes long.
    TunMetadata0 "tun_metadata0" [] 32 4 Hex rw masked Any (NxmNx 40 "NXM_NX_TUN_METADATA0") (none),
    TunMetadata1 "tun_metadata1" [] 32 4 Hex rw masked Any (NxmNx 41 "NXM_NX_TUN_METADATA1") (none),
    TunMetadata2 "tun_metadata2" [] 32 4 Hex rw masked Any (NxmNx 42 "NXM_NX_TUN_METADATA2") (none),
    TunMetadata3 "tun_metadata3" [] 32 4 Hex rw masked Any (NxmNx 43 "NXM_NX_TUN_METADATA3") (none),
    TunMetadata4 "tun_metadata4" [] 32 4 Hex rw masked Any (NxmNx 44 "NXM_NX_TUN_METADATA4") (none),
    TunMetadata5 "tun_metadata5" [] 32 4 Hex rw masked Any (NxmNx 45 "NXM_NX_TUN_METADATA5") (none),
    TunMetadata6 "tun_metadata6" [] 32 4 Hex rw masked Any (NxmNx 46 "NXM_NX_TUN_METADATA6") (none),
    TunMetadata7 "tun_metadata7" [] 32 4 Hex rw masked Any (NxmNx 47 "NXM_NX_TUN_METADATA7") (none),
    TunMetadata8 "tun_metadata8" [] 32 4 Hex rw masked Any (NxmNx 48 "NXM_NX_TUN_METADATA8") (none),
    TunMetadata9 "tun_metadata9" [] 32 4 Hex rw masked Any (NxmNx 49 "NXM_NX_TUN_METADATA9") (none),
    TunMetadata10 "tun_metadata10" [] 32 4 Hex rw masked Any (NxmNx 50 "NXM_NX_TUN_METADATA10") (none),
    TunMetadata11 "tun_metadata11" [] 32 4 Hex rw masked Any (NxmNx 51 "NXM_NX_TUN_METADATA11") (none),
    TunMetadata12 "tun_metadata12" [] 32 4 Hex rw masked Any (NxmNx 52 "NXM_NX_TUN_METADATA12") (none),
    TunMetadata13 "tun_metadata13" [] 32 4 Hex rw masked Any (NxmNx 53 "NXM_NX_TUN_METADATA13") (none),
    TunMetadata14 "tun_metadata14" [] 32 4 Hex rw masked Any (NxmNx 54 "NXM_NX_TUN_METADATA14") (none),
    TunMetadata15 "tun_metadata15" [] 32 4 Hex rw masked Any (NxmNx 55 "NXM_NX_TUN_METADATA15") (none),
    TunMetadata16 "tun_metadata16" [] 32 4 Hex rw masked Any (NxmNx 56 "NXM_NX_TUN_METADATA16") (none),
    TunMetadata17 "tun_metadata17" [] 32 4 Hex rw masked Any (NxmNx 57 "NXM_NX_TUN_METADATA17") (none),
    TunMetadata18 "tun_metadata18" [] 32 4 Hex rw masked Any (NxmNx 58 "NXM_NX_TUN_METADATA18") (none),
    TunMetadata19 "tun_metadata19" [] 32 4 Hex rw masked Any (NxmNx 59 "NXM_NX_TUN_METADATA19") (none),
    TunMetadata20 "tun_metadata20" [] 32 4 Hex rw masked Any (NxmNx 60 "NXM_NX_TUN_METADATA20") (none),
    TunMetadata21 "tun_metadata21" [] 32 4 Hex rw masked Any (NxmNx 61 "NXM_NX_TUN_METADATA21") (none),
    TunMetadata22 "tun_metadata22" [] 32 4 Hex rw masked Any (NxmNx 62 "NXM_NX_TUN_METADATA22") (none),
    TunMetadata23 "tun_metadata23" [] 32 4 Hex rw masked Any (NxmNx 63 "NXM_NX_TUN_METADATA23") (none),
    TunMetadata24 "tun_metadata24" [] 32 4 Hex rw masked Any (NxmNx 64 "NXM_NX_TUN_METADATA24") (none),
    TunMetadata25 "tun_metadata25" [] 32 4 Hex rw masked Any (NxmNx 65 "NXM_NX_TUN_METADATA25") (none),
    TunMetadata26 "tun_metadata26" [] 32 4 Hex rw masked Any (NxmNx 66 "NXM_NX_TUN_METADATA26") (none),
    TunMetadata27 "tun_metadata27" [] 32 4 Hex rw masked Any (NxmNx 67 "NXM_NX_TUN_METADATA27") (none),
    TunMetadata28 "tun_metadata28" [] 32 4 Hex rw masked Any (NxmNx 68 "NXM_NX_TUN_METADATA28") (none),
    TunMetadata29 "tun_metadata29" [] 32 4 Hex rw masked Any (NxmNx 69 "NXM_NX_TUN_METADATA29") (none),
    TunMetadata30 "tun_metadata30" [] 32 4 Hex rw masked Any (NxmNx 70 "NXM_NX_TUN_METADATA30") (none),
    TunMetadata31 "tun_metadata31" [] 32 4 Hex rw masked Any (NxmNx 71 "NXM_NX_TUN_METADATA31") (none),
    TunMetadata32 "tun_metadata32" [] 32 4 Hex rw masked Any (NxmNx 72 "NXM_NX_TUN_METADATA32") (none),
    TunMetadata33 "tun_metadata33" [] 32 4 Hex rw masked Any (NxmNx 73 "NXM_NX_TUN_METADATA33") (none),
    TunMetadata34 "tun_metadata34" [] 32 4 Hex rw masked Any (NxmNx 74 "NXM_NX_TUN_METADATA34") (none),
    TunMetadata35 "tun_metadata35" [] 32 4 Hex rw masked Any (NxmNx 75 "NXM_NX_TUN_METADATA35") (none),
    TunMetadata36 "tun_metadata36" [] 32 4 Hex rw masked Any (NxmNx 76 "NXM_NX_TUN_METADATA36") (none),
    TunMetadata37 "tun_metadata37" [] 32 4 Hex rw masked Any (NxmNx 77 "NXM_NX_TUN_METADATA37") (none),
    TunMetadata38 "tun_metadata38" [] 32 4 Hex rw masked Any (NxmNx 78 "NXM_NX_TUN_METADATA38") (none),
    TunMetadata39 "tun_metadata39" [] 32 4 Hex rw masked Any (NxmNx 79 "NXM_NX_TUN_METADATA39") (none),
    TunMetadata40 "tun_metadata40" [] 32 4 Hex rw masked Any (NxmNx 80 "NXM_NX_TUN_METADATA40") (none),
    TunMetadata41 "tun_metadata41" [] 32 4 Hex rw masked Any (NxmNx 81 "NXM_NX_TUN_METADATA41") (none),
    TunMetadata42 "tun_metadata42" [] 32 4 Hex rw masked Any (NxmNx 82 "NXM_NX_TUN_METADATA42") (none),
    TunMetadata43 "tun_metadata43" [] 32 4 Hex rw masked Any (NxmNx 83 "NXM_NX_TUN_METADATA43") (none),
    TunMetadata44 "tun_metadata44" [] 32 4 Hex rw masked Any (NxmNx 84 "NXM_NX_TUN_METADATA44") (none),
    TunMetadata45 "tun_metadata45" [] 32 4 Hex rw masked Any (NxmNx 85 "NXM_NX_TUN_METADATA45") (none),
    TunMetadata46 "tun_metadata46" [] 32 4 Hex rw masked Any (NxmNx 86 "NXM_NX_TUN_METADATA46") (none),
    TunMetadata47 "tun_metadata47" [] 32 4 Hex rw masked Any (NxmNx 87 "NXM_NX_TUN_METADATA47") (none),
    TunMetadata48 "tun_metadata48" [] 32 4 Hex rw masked Any (NxmNx 88 "NXM_NX_TUN_METADATA48") (none),
    TunMetadata49 "tun_metadata49" [] 32 4 Hex rw masked Any (NxmNx 89 "NXM_NX_TUN_METADATA49") (none),
    TunMetadata50 "tun_metadata50" [] 32 4 Hex rw masked Any (NxmNx 90 "NXM_NX_TUN_METADATA50") (none),
    TunMetadata51 "tun_metadata51" [] 32 4 Hex rw masked Any (NxmNx 91 "NXM_NX_TUN_METADATA51") (none),
    TunMetadata52 "tun_metadata52" [] 32 4 Hex rw masked Any (NxmNx 92 "NXM_NX_TUN_METADATA52") (none),
    TunMetadata53 "tun_metadata53" [] 32 4 Hex rw masked Any (NxmNx 93 "NXM_NX_TUN_METADATA53") (none),
    TunMetadata54 "tun_metadata54" [] 32 4 Hex rw masked Any (NxmNx 94 "NXM_NX_TUN_METADATA54") (none),
    TunMetadata55 "tun_metadata55" [] 32 4 Hex rw masked Any (NxmNx 95 "NXM_NX_TUN_METADATA55") (none),
    TunMetadata56 "tun_metadata56" [] 32 4 Hex rw masked Any (NxmNx 96 "NXM_NX_TUN_METADATA56") (none),
    TunMetadata57 "tun_metadata57" [] 32 4 Hex rw masked Any (NxmNx 97 "NXM_NX_TUN_METADATA57") (none),
    TunMetadata58 "tun_metadata58" [] 32 4 Hex rw masked Any (NxmNx 98 "NXM_NX_TUN_METADATA58") (none),
    TunMetadata59 "tun_metadata59" [] 32 4 Hex rw masked Any (NxmNx 99 "NXM_NX_TUN_METADATA59") (none),
    TunMetadata60 "tun_metadata60" [] 32 4 Hex rw masked Any (NxmNx 100 "NXM_NX_TUN_METADATA60") (none),
    TunMetadata61 "tun_metadata61" [] 32 4 Hex rw masked Any (NxmNx 101 "NXM_NX_TUN_METADATA61") (none),
    TunMetadata62 "tun_metadata62" [] 32 4 Hex rw masked Any (NxmNx 102 "NXM_NX_TUN_METADATA62") (none),
    TunMetadata63 "tun_metadata63" [] 32 4 Hex rw masked Any (NxmNx 103 "NXM_NX_TUN_METADATA63") (none),
    // Registers.
    Reg0 "reg0" [] 32 4 Hex rw masked Any (NxmNx 0 "NXM_NX_REG0") (none),
    Reg1 "reg1" [] 32 4 Hex rw masked Any (NxmNx 1 "NXM_NX_REG1") (none),
    Reg2 "reg2" [] 32 4 Hex rw masked Any (NxmNx 2 "NXM_NX_REG2") (none),
    Reg3 "reg3" [] 32 4 Hex rw masked Any (NxmNx 3 "NXM_NX_REG3") (none),
    Reg4 "reg4" [] 32 4 Hex rw masked Any (NxmNx 4 "NXM_NX_REG4") (none),
    Reg5 "reg5" [] 32 4 Hex rw masked Any (NxmNx 5 "NXM_NX_REG5") (none),
    Reg6 "reg6" [] 32 4 Hex rw masked Any (NxmNx 6 "NXM_NX_REG6") (none),
    Reg7 "reg7" [] 32 4 Hex rw masked Any (NxmNx 7 "NXM_NX_REG7") (none),
    Reg8 "reg8" [] 32 4 Hex rw masked Any (NxmNx 8 "NXM_NX_REG8") (none),
    Reg9 "reg9" [] 32 4 Hex rw masked Any (NxmNx 9 "NXM_NX_REG9") (none),
    Reg10 "reg10" [] 32 4 Hex rw masked Any (NxmNx 10 "NXM_NX_REG10") (none),
    Reg11 "reg11" [] 32 4 Hex rw masked Any (NxmNx 11 "NXM_NX_REG11") (none),
    Reg12 "reg12" [] 32 4 Hex rw masked Any (NxmNx 12 "NXM_NX_REG12") (none),
    Reg13 "reg13" [] 32 4 Hex rw masked Any (NxmNx 13 "NXM_NX_REG13") (none),
    Reg14 "reg14" [] 32 4 Hex rw masked Any (NxmNx 14 "NXM_NX_REG14") (none),
    Reg15 "reg15" [] 32 4 Hex rw masked Any (NxmNx 15 "NXM_NX_REG15") (none),
    // Marks and connection tracking.
    PktMark "pkt_mark" [] 32 4 Hex rw masked Any (NxmNx 33 "NXM_NX_PKT_MARK") (none),
    CtState "ct_state" [] 32 4 CtState ro masked Any (NxmNx 105 "NXM_NX_CT_STATE") (none),
    CtZone "ct_zone" [] 16 2 Hex ro exact Any (NxmNx 106 "NXM_NX_CT_ZONE") (none),
    CtMark "ct_mark" [] 32 4 Hex rw masked Any (NxmNx 107 "NXM_NX_CT_MARK") (none),
    CtLabel "ct_label" [] 128 16 Hex rw masked Any (NxmNx 108 "NXM_NX_CT_LABEL") (none),
    CtNwSrc "ct_nw_src" [] 32 4 Ipv4 ro masked CtIpv4 (NxmNx 120 "NXM_NX_CT_NW_SRC") (none),
    CtIpv6Src "ct_ipv6_src" [] 128 16 Ipv6 ro masked CtIpv6 (NxmNx 122 "NXM_NX_CT_IPV6_SRC") (none),
    CtNwDst "ct_nw_dst" [] 32 4 Ipv4 ro masked CtIpv4 (NxmNx 121 "NXM_NX_CT_NW_DST") (none),
    CtIpv6Dst "ct_ipv6_dst" [] 128 16 Ipv6 ro masked CtIpv6 (NxmNx 123 "NXM_NX_CT_IPV6_DST") (none),
    CtNwProto "ct_nw_proto" [] 8 1 Decimal ro exact CtIp (NxmNx 119 "NXM_NX_CT_NW_PROTO") (none),
    CtTpSrc "ct_tp_src" [] 16 2 Decimal ro masked CtTransport (NxmNx 124 "NXM_NX_CT_TP_SRC") (none),
    CtTpDst "ct_tp_dst" [] 16 2 Decimal ro masked CtTransport (NxmNx 125 "NXM_NX_CT_TP_DST") (none),
    Metadata "metadata" [] 64 8 Hex rw masked Any (none) (OxmOf 2 "OXM_OF_METADATA"),
    // Other views of fields above. A match turns them into those; actions may name them.
    InPort16 "in_port" [] 16 2 Port rw exact Any (NxmOf 0 "NXM_OF_IN_PORT") (none),
    VlanTci "vlan_tci" [] 16 2 Hex rw masked Any (NxmOf 4 "NXM_OF_VLAN_TCI") (none),
    IpTos "nw_tos" [] 8 1 Decimal rw exact Ip (NxmOf 5 "NXM_OF_IP_TOS") (none),
    XReg0 "xreg0" [] 64 8 Hex rw masked Any (none) (PktReg 0 "OXM_OF_PKT_REG0"),
    XReg1 "xreg1" [] 64 8 Hex rw masked Any (none) (PktReg 1 "OXM_OF_PKT_REG1"),
    XReg2 "xreg2" [] 64 8 Hex rw masked Any (none) (PktReg 2 "OXM_OF_PKT_REG2"),
    XReg3 "xreg3" [] 64 8 Hex rw masked Any (none) (PktReg 3 "OXM_OF_PKT_REG3"),
    XReg4 "xreg4" [] 64 8 Hex rw masked Any (none) (PktReg 4 "OXM_OF_PKT_REG4"),
    XReg5 "xreg5" [] 64 8 Hex rw masked Any (none) (PktReg 5 "OXM_OF_PKT_REG5"),
    XReg6 "xreg6" [] 64 8 Hex rw masked Any (none) (PktReg 6 "OXM_OF_PKT_REG6"),
    XReg7 "xreg7" [] 64 8 Hex rw masked Any (none) (PktReg 7 "OXM_OF_PKT_REG7"),
    XxReg0 "xxreg0" [] 128 16 Hex rw masked Any (NxmNx 111 "NXM_NX_XXREG0") (none),
    XxReg1 "xxreg1" [] 128 16 Hex rw masked Any (NxmNx 112 "NXM_NX_XXREG1") (none),
    XxReg2 "xxreg2" [] 128 16 Hex rw masked Any (NxmNx 113 "NXM_NX_XXREG2") (none),
    XxReg3 "xxreg3" [] 128 16 Hex rw masked Any (NxmNx 114 "NXM_NX_XXREG3") (none),
}

impl Field {
    /// The row of the field.
    pub fn def(self) -> &'static FieldDef {
        &DEFS[self as usize]
    }

    /// Place in the table.
    pub fn index(self) -> usize {
        self as usize
    }
}

/// Numbers in a class are below 128: seven bits of the header.
const NUMBERS: usize = 128;
const CLASSES: [Class; 6] =
    [Class::NxmOf, Class::NxmNx, Class::Ericsson, Class::OxmOf, Class::PktReg, Class::Onf];

/// Field by class and number, made by the compiler.
static BY_HEADER: [[Option<Field>; NUMBERS]; CLASSES.len()] = {
    let mut index = [[None; NUMBERS]; CLASSES.len()];
    let mut row = 0;
    while row < DEFS.len() {
        if let Some(header) = DEFS[row].nxm {
            index[header.class as usize][header.number as usize] = Some(Field::ALL[row]);
        }
        if let Some(header) = DEFS[row].oxm {
            index[header.class as usize][header.number as usize] = Some(Field::ALL[row]);
        }
        row += 1;
    }
    index
};

/// The field with this header.
pub(super) fn by_header(class: u16, number: u8) -> Option<Field> {
    let place = CLASSES.iter().position(|known| known.number() == class)?;
    BY_HEADER[place].get(usize::from(number)).copied().flatten()
}
