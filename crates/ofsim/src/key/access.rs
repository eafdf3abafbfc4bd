//! Reading and writing a key by field: the one place that says where each field of the table is kept.

use net_types::OfPort;
use openflow::field::Subfield;
use openflow::matching::registers_of;
use openflow::{Field, Match};

use super::{Key, REGISTERS, TUN_METADATA_FIELDS, Vlan};
use packet::ethertype;

const VID_MASK: u16 = 0x1fff;
const ECN_MASK: u8 = 0x03;
const LABEL_SHIFT: u32 = 12;
const TC_SHIFT: u32 = 9;
const BOS_SHIFT: u32 = 8;

/// The low bits of a value, as many as the type has.
trait Low: Sized {
    fn low(value: u128) -> Self;
}

macro_rules! low {
    ($($number:ty)+) => {$(
        impl Low for $number {
            fn low(value: u128) -> Self {
                Self::try_from(value & u128::from(Self::MAX)).unwrap_or(Self::MAX)
            }
        }
    )+};
}

low!(u8 u16 u32 u64);

/// Place of `field` in a run of `count` fields that starts with `first`.
fn place(field: Field, first: Field, count: usize) -> Option<usize> {
    field.index().checked_sub(first.index()).filter(|place| *place < count)
}

impl Key {
    /// The value of a field; zero where the packet does not have it.
    pub fn get(&self, field: Field) -> u128 {
        if let Some(register) = place(field, Field::Reg0, REGISTERS) {
            return self.regs[register].into();
        }
        if let Some(option) = place(field, Field::TunMetadata0, TUN_METADATA_FIELDS) {
            return self.tunnel.metadata[option].unwrap_or(0).into();
        }
        if let Some(registers) = registers_of(field) {
            return registers.iter().fold(0, |value, &register| value << 32 | self.get(register));
        }
        self.get_pipeline(field).or_else(|| self.get_link(field)).unwrap_or_else(|| self.get_network(field))
    }

    /// What the switch keeps beside the packet.
    fn get_pipeline(&self, field: Field) -> Option<u128> {
        let (tunnel, ct) = (&self.tunnel, &self.net.ct);
        Some(match field {
            Field::ConjId => self.conj_id.into(),
            Field::InPort => self.in_port.get().into(),
            Field::InPort16 => self.in_port.to_of10().unwrap_or(u16::MAX).into(),
            Field::ActsetOutput => self.actset_output.get().into(),
            Field::TunId => tunnel.id.into(),
            Field::TunFlags => tunnel.flags.into(),
            Field::TunSrc => tunnel.src.into(),
            Field::TunDst => tunnel.dst.into(),
            Field::TunIpv6Src => tunnel.ipv6_src,
            Field::TunIpv6Dst => tunnel.ipv6_dst,
            Field::TunGbpId => tunnel.gbp_id.into(),
            Field::TunGbpFlags => tunnel.gbp_flags.into(),
            Field::PktMark => self.pkt_mark.into(),
            Field::CtState => self.ct_state.into(),
            Field::CtZone => self.ct_zone.into(),
            Field::CtMark => self.ct_mark.into(),
            Field::CtLabel => self.ct_label,
            Field::CtNwSrc => ct.nw_src.into(),
            Field::CtNwDst => ct.nw_dst.into(),
            Field::CtIpv6Src => ct.ipv6_src,
            Field::CtIpv6Dst => ct.ipv6_dst,
            Field::CtNwProto => ct.proto.into(),
            Field::CtTpSrc => ct.tp_src.into(),
            Field::CtTpDst => ct.tp_dst.into(),
            Field::Metadata => self.metadata.into(),
            _ => return None,
        })
    }

    fn get_link(&self, field: Field) -> Option<u128> {
        let (tci, entry) = (u128::from(self.vlans[0].tci), u128::from(self.mpls[0]));
        Some(match field {
            Field::EthSrc => self.eth_src.into(),
            Field::EthDst => self.eth_dst.into(),
            Field::EthType => self.eth_type.into(),
            Field::VlanTci => tci,
            Field::VlanVid => tci & u128::from(VID_MASK),
            Field::VlanPcp => tci >> 13,
            Field::MplsLabel => entry >> LABEL_SHIFT,
            Field::MplsTc => entry >> TC_SHIFT & 7,
            Field::MplsBos => entry >> BOS_SHIFT & 1,
            Field::MplsTtl => entry & 0xff,
            _ => return None,
        })
    }

    fn get_network(&self, field: Field) -> u128 {
        let net = &self.net;
        match field {
            Field::Ipv4Src | Field::ArpSpa => net.nw_src.into(),
            Field::Ipv4Dst | Field::ArpTpa => net.nw_dst.into(),
            Field::Ipv6Src => net.ipv6_src,
            Field::Ipv6Dst => net.ipv6_dst,
            Field::Ipv6Label => net.ipv6_label.into(),
            Field::IpFrag => net.frag.into(),
            Field::IpDscp => (net.tos >> 2).into(),
            Field::IpTos => (net.tos & !ECN_MASK).into(),
            Field::IpEcn => (net.tos & ECN_MASK).into(),
            Field::IpTtl => net.ttl.into(),
            Field::IpProto | Field::ArpOp => net.proto.into(),
            Field::TcpSrc | Field::UdpSrc | Field::SctpSrc => net.tp_src.into(),
            Field::TcpDst | Field::UdpDst | Field::SctpDst => net.tp_dst.into(),
            Field::IcmpType | Field::Icmp6Type => u128::from(net.tp_src) & 0xff,
            Field::IcmpCode | Field::Icmp6Code => u128::from(net.tp_dst) & 0xff,
            Field::TcpFlags => u128::from(net.tcp_flags) & Field::TcpFlags.full_mask(),
            Field::NdOptionsType => u128::from(net.tcp_flags) & 0xff,
            Field::NdReserved => net.igmp_group.into(),
            Field::NdTarget => net.nd_target,
            Field::ArpSha | Field::NdSll => net.sha.into(),
            Field::ArpTha | Field::NdTll => net.tha.into(),
            _ => 0,
        }
    }

    /// Writes a whole field, whether or not the packet has the layer; ask [`Key::meets`] first where that matters.
    pub fn set(&mut self, field: Field, value: u128) {
        if let Some(register) = place(field, Field::Reg0, REGISTERS) {
            self.regs[register] = u32::low(value);
        } else if let Some(option) = place(field, Field::TunMetadata0, TUN_METADATA_FIELDS) {
            self.tunnel.metadata[option] = Some(u32::low(value));
        } else if let Some(registers) = registers_of(field) {
            for (position, &register) in registers.iter().rev().enumerate() {
                self.set(register, value >> (32 * position));
            }
        } else if !self.set_pipeline(field, value) && !self.set_link(field, value) {
            self.set_network(field, value);
        }
    }

    fn set_pipeline(&mut self, field: Field, value: u128) -> bool {
        let (tunnel, ct) = (&mut self.tunnel, &mut self.net.ct);
        match field {
            Field::ConjId => self.conj_id = u32::low(value),
            Field::InPort => self.in_port = OfPort::new(u32::low(value)),
            Field::InPort16 => self.in_port = OfPort::from_of10(u16::low(value)),
            Field::ActsetOutput => self.actset_output = OfPort::new(u32::low(value)),
            Field::TunId => tunnel.id = u64::low(value),
            Field::TunFlags => tunnel.flags = u16::low(value),
            Field::TunSrc => tunnel.src = u32::low(value),
            Field::TunDst => tunnel.dst = u32::low(value),
            Field::TunIpv6Src => tunnel.ipv6_src = value,
            Field::TunIpv6Dst => tunnel.ipv6_dst = value,
            Field::TunGbpId => tunnel.gbp_id = u16::low(value),
            Field::TunGbpFlags => tunnel.gbp_flags = u8::low(value),
            Field::PktMark => self.pkt_mark = u32::low(value),
            Field::CtState => self.ct_state = u32::low(value),
            Field::CtZone => self.ct_zone = u16::low(value),
            Field::CtMark => self.ct_mark = u32::low(value),
            Field::CtLabel => self.ct_label = value,
            Field::CtNwSrc => ct.nw_src = u32::low(value),
            Field::CtNwDst => ct.nw_dst = u32::low(value),
            Field::CtIpv6Src => ct.ipv6_src = value,
            Field::CtIpv6Dst => ct.ipv6_dst = value,
            Field::CtNwProto => ct.proto = u8::low(value),
            Field::CtTpSrc => ct.tp_src = u16::low(value),
            Field::CtTpDst => ct.tp_dst = u16::low(value),
            Field::Metadata => self.metadata = u64::low(value),
            _ => return false,
        }
        true
    }

    fn set_link(&mut self, field: Field, value: u128) -> bool {
        let tci = self.vlans[0].tci;
        match field {
            Field::EthSrc => self.eth_src = u64::low(value),
            Field::EthDst => self.eth_dst = u64::low(value),
            Field::EthType => self.eth_type = u16::low(value),
            Field::VlanTci => self.set_tci(u16::low(value)),
            Field::VlanVid => self.set_tci(tci & !VID_MASK | u16::low(value) & VID_MASK),
            // A priority makes a tag where there was none.
            Field::VlanPcp => self.set_tci(tci & VID_MASK | u16::low(value & 7) << 13 | Vlan::PRESENT),
            Field::MplsLabel => self.set_mpls_bits(LABEL_SHIFT, 20, value),
            Field::MplsTc => self.set_mpls_bits(TC_SHIFT, 3, value),
            Field::MplsBos => self.set_mpls_bits(BOS_SHIFT, 1, value),
            Field::MplsTtl => self.set_mpls_bits(0, 8, value),
            _ => return false,
        }
        true
    }

    fn set_network(&mut self, field: Field, value: u128) {
        let net = &mut self.net;
        match field {
            Field::Ipv4Src | Field::ArpSpa => net.nw_src = u32::low(value),
            Field::Ipv4Dst | Field::ArpTpa => net.nw_dst = u32::low(value),
            Field::Ipv6Src => net.ipv6_src = value,
            Field::Ipv6Dst => net.ipv6_dst = value,
            Field::Ipv6Label => net.ipv6_label = u32::low(value & Field::Ipv6Label.full_mask()),
            Field::IpFrag => net.frag = u8::low(value & 3),
            Field::IpDscp => net.tos = net.tos & ECN_MASK | u8::low(value << 2) & !ECN_MASK,
            Field::IpTos => net.tos = net.tos & ECN_MASK | u8::low(value) & !ECN_MASK,
            Field::IpEcn => net.tos = net.tos & !ECN_MASK | u8::low(value) & ECN_MASK,
            Field::IpTtl => net.ttl = u8::low(value),
            Field::IpProto | Field::ArpOp => net.proto = u8::low(value),
            Field::TcpSrc | Field::UdpSrc | Field::SctpSrc => net.tp_src = u16::low(value),
            Field::TcpDst | Field::UdpDst | Field::SctpDst => net.tp_dst = u16::low(value),
            Field::IcmpType | Field::Icmp6Type => net.tp_src = u8::low(value).into(),
            Field::IcmpCode | Field::Icmp6Code => net.tp_dst = u8::low(value).into(),
            Field::TcpFlags => net.tcp_flags = u16::low(value),
            Field::NdOptionsType => net.tcp_flags = u8::low(value).into(),
            Field::NdReserved => net.igmp_group = u32::low(value),
            Field::NdTarget => net.nd_target = value,
            Field::ArpSha | Field::NdSll => net.sha = u64::low(value),
            Field::ArpTha | Field::NdTll => net.tha = u64::low(value),
            // Every other field was handled before this is reached.
            _ => {}
        }
    }

    /// Writes some bits of a field.
    pub fn set_masked(&mut self, field: Field, value: u128, mask: u128) {
        self.set(field, self.get(field) & !mask | value & mask);
    }

    /// The value of a part of a field.
    pub fn get_part(&self, part: Subfield) -> u128 {
        part.get(self.get(part.field))
    }

    /// Writes a part of a field.
    pub fn set_part(&mut self, part: Subfield, value: u128) {
        self.set(part.field, part.set(self.get(part.field), value));
    }

    /// Whether the packet is one of `matching`. A match with a field that nobody knows matches nothing.
    pub fn matches(&self, matching: &Match) -> bool {
        matching.unknown().is_empty()
            && matching.fields().iter().all(|entry| self.get(entry.field) & entry.mask == entry.value)
    }

    fn set_tci(&mut self, tci: u16) {
        let tag = &mut self.vlans[0];
        tag.tci = tci;
        if tag.tpid == 0 && tci != 0 {
            tag.tpid = ethertype::VLAN;
        }
    }

    fn set_mpls_bits(&mut self, shift: u32, bits: u32, value: u128) {
        let mask = (u32::MAX >> (32 - bits)) << shift;
        let entry = &mut self.mpls[0];
        *entry = *entry & !mask | u32::low(value << shift) & mask;
    }
}
