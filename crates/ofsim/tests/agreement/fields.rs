//! Matches and packets over small pools of values, so that packets hit flows often.

use ofsim::Key;
use openflow::field::Prereq;
use openflow::{Field, Match};

use super::answer::TRANSPORT;
use super::rng::Rng;

/// Ports of the bridge.
pub(crate) const PORTS: [u32; 4] = [1, 2, 3, 4];

const VLAN_PRESENT: u128 = 0x1000;

/// Values of a field that flows and packets use.
fn pool(field: Field) -> &'static [u128] {
    match field {
        Field::InPort => &[1, 2, 3, 4],
        Field::EthSrc | Field::ArpSha | Field::NdSll => {
            &[0x0200_0000_0001, 0x0200_0000_0002, 0x0a00_0000_0003]
        }
        Field::EthDst | Field::ArpTha | Field::NdTll => {
            &[0x0200_0000_0004, 0x0200_0000_0005, 0xffff_ffff_ffff]
        }
        Field::Ipv4Src | Field::ArpSpa | Field::CtNwSrc => &[0x0a00_0001, 0x0a00_0102, 0xc0a8_0001],
        Field::Ipv4Dst | Field::ArpTpa | Field::CtNwDst | Field::TunSrc | Field::TunDst => {
            &[0x0a00_0003, 0x0a00_0104, 0xc0a8_0101]
        }
        Field::Ipv6Src | Field::CtIpv6Src => {
            &[0xfd00_0000_0000_0000_0000_0000_0000_0001, 0xfd00_0001_0000_0000_0000_0000_0000_0002]
        }
        Field::Ipv6Dst | Field::NdTarget | Field::CtIpv6Dst => {
            &[0xfd00_0000_0000_0000_0000_0000_0000_0003, 0xfe80_0000_0000_0000_0000_0000_0000_0004]
        }
        Field::TcpSrc | Field::UdpSrc | Field::SctpSrc | Field::CtTpSrc => &[1000, 1001, 5353],
        Field::TcpDst | Field::UdpDst | Field::SctpDst | Field::CtTpDst => &[22, 53, 80],
        Field::TcpFlags => &[0x002, 0x010, 0x012],
        Field::IcmpType => &[0, 8, 3],
        Field::Icmp6Type => &[128, 129, 135, 136],
        Field::IcmpCode | Field::Icmp6Code => &[0, 1],
        Field::ArpOp => &[1, 2],
        Field::IpTtl | Field::MplsTtl => &[1, 2, 64],
        Field::IpDscp => &[0, 10, 46],
        Field::IpEcn => &[0, 1, 3],
        Field::IpFrag => &[0, 0, 0, 1, 3],
        Field::CtState => &[0, 0x21, 0x22, 0x2a, 0x30],
        Field::CtNwProto => &[6, 17],
        Field::CtZone => &[0, 5, 6],
        Field::MplsLabel => &[16, 17],
        Field::MplsBos => &[1],
        Field::VlanVid => &[VLAN_PRESENT | 10, VLAN_PRESENT | 20],
        Field::VlanPcp | Field::MplsTc => &[0, 3],
        Field::TunId | Field::Metadata => &[0, 1, 0x1_0000_0002, 0xff],
        Field::CtLabel => &[0, 1, 0x1_0000_0000_0000_0000_0002],
        _ => &[0, 1, 2, 0x10, 0xff00],
    }
}

/// A value of a field from its pool.
pub(crate) fn value_of(rng: &mut Rng, field: Field) -> u128 {
    rng.pick(pool(field))
}

/// What a packet is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Unknown,
    Arp,
    Mpls,
    Ip { v6: bool, proto: Option<u8> },
}

fn kind(rng: &mut Rng) -> Kind {
    match rng.below(20) {
        0 => Kind::Unknown,
        1..=3 => Kind::Arp,
        4 => Kind::Mpls,
        5..=14 => {
            Kind::Ip { v6: false, proto: rng.pick(&[None, Some(6), Some(6), Some(17), Some(132), Some(1)]) }
        }
        _ => Kind::Ip { v6: true, proto: rng.pick(&[None, Some(6), Some(17), Some(58), Some(58)]) },
    }
}

impl Kind {
    /// The fields that make a packet one of this kind.
    fn defining(self) -> Vec<(Field, u128)> {
        match self {
            Self::Unknown => vec![(Field::EthType, 0x88b5)],
            Self::Arp => vec![(Field::EthType, 0x0806)],
            Self::Mpls => vec![(Field::EthType, 0x8847)],
            Self::Ip { v6, proto } => {
                let mut fields = vec![(Field::EthType, if v6 { 0x86dd } else { 0x0800 })];
                fields.extend(proto.map(|proto| (Field::IpProto, proto.into())));
                fields
            }
        }
    }

    /// Further fields that such packets have.
    fn further(self) -> Vec<Field> {
        use Field as F;
        let mut fields = match self {
            Self::Unknown => vec![],
            Self::Arp => vec![F::ArpOp, F::ArpSpa, F::ArpTpa, F::ArpSha, F::ArpTha],
            Self::Mpls => vec![F::MplsLabel, F::MplsTc, F::MplsBos, F::MplsTtl],
            Self::Ip { v6: false, .. } => vec![F::Ipv4Src, F::Ipv4Dst],
            Self::Ip { v6: true, .. } => vec![F::Ipv6Src, F::Ipv6Dst, F::Ipv6Label],
        };
        if let Self::Ip { proto, .. } = self {
            fields.extend([F::IpFrag, F::IpDscp, F::IpEcn, F::IpTtl]);
            fields.extend(match proto {
                Some(6) => vec![F::TcpSrc, F::TcpDst, F::TcpFlags],
                Some(17) => vec![F::UdpSrc, F::UdpDst],
                Some(132) => vec![F::SctpSrc, F::SctpDst],
                Some(1) => vec![F::IcmpType, F::IcmpCode],
                Some(58) => {
                    vec![F::Icmp6Type, F::Icmp6Code, F::NdTarget, F::NdSll, F::NdTll, F::NdReserved]
                }
                _ => vec![],
            });
        }
        fields
    }
}

const PIPELINE: [Field; 15] = [
    Field::InPort,
    Field::Reg0,
    Field::Reg1,
    Field::Reg2,
    Field::Reg3,
    Field::Metadata,
    Field::TunId,
    Field::TunSrc,
    Field::TunDst,
    Field::PktMark,
    Field::CtState,
    Field::CtZone,
    Field::CtMark,
    Field::EthSrc,
    Field::EthDst,
];

/// Chances in percent that a match names a field that it may name: broad matches and narrow ones.
const NAMED: [usize; 3] = [4, 8, 14];
const MASKED: usize = 30;

/// A valid match.
pub(crate) fn random_match(rng: &mut Rng) -> Match {
    let named = rng.pick(&NAMED);
    let mut matching = Match::new();
    for field in PIPELINE {
        if rng.percent(named) {
            constrain(rng, &mut matching, field);
        }
    }
    match rng.below(12) {
        0 => matching.set(Field::VlanVid, 0, 0x1fff),
        1 => matching.set(Field::VlanVid, VLAN_PRESENT, VLAN_PRESENT),
        2 => {
            matching.set(Field::VlanVid, value_of(rng, Field::VlanVid), 0x1fff);
            if rng.percent(50) {
                constrain(rng, &mut matching, Field::VlanPcp);
            }
        }
        _ => {}
    }
    if rng.percent(65) {
        let kind = kind(rng);
        for (field, value) in kind.defining() {
            matching.set(field, value, field.full_mask());
        }
        for field in kind.further() {
            if matching.meets(field.def().prereq) && rng.percent(2 * named) {
                constrain(rng, &mut matching, field);
            }
        }
        let tuple = [Field::CtNwSrc, Field::CtNwDst, Field::CtNwProto];
        if let Kind::Ip { v6: false, .. } = kind
            && rng.percent(5)
        {
            matching.set(Field::CtState, 0x21, 0x21);
            constrain(rng, &mut matching, rng.clone().pick(&tuple));
        }
    }
    matching
}

/// Requires some bits of a field.
pub(crate) fn constrain(rng: &mut Rng, matching: &mut Match, field: Field) {
    let full = field.full_mask();
    let mask = match field {
        Field::CtState => rng.pick(&[0x21, 0x20, 0x3f, 0x02]),
        Field::IpFrag => rng.pick(&[1, 3, 3, 2]),
        _ if field.def().maskable && rng.percent(MASKED) => {
            let bits = rng.below(usize::from(field.bits()));
            // A prefix, or any bits.
            if rng.percent(60) { full << bits & full } else { u128::from(rng.next()) << 8 & full }
        }
        _ => full,
    };
    // The first fragment cannot be asked for with the "later" bit alone set in the value.
    let value = if field == Field::IpFrag && mask & 1 == 0 { 0 } else { value_of(rng, field) };
    matching.set(field, value, mask);
}

/// A packet, often one that `likes` matches. Only fields that it really has are set.
pub(crate) fn random_key(rng: &mut Rng, likes: Option<&Match>) -> Key {
    let mut key = Key::new(net_types::OfPort::new(0));
    for field in PIPELINE {
        if field == Field::InPort || rng.percent(40) {
            key.set(field, value_of(rng, field));
        }
    }
    if rng.percent(25) {
        key.set(Field::VlanVid, value_of(rng, Field::VlanVid));
        key.set(Field::VlanPcp, value_of(rng, Field::VlanPcp));
    }
    let kind = kind(rng);
    for (field, value) in kind.defining() {
        key.set(field, value);
    }
    let wanted = likes.map_or(&[][..], Match::fields);
    let of_kind = |field: Field| matches!(field, Field::EthType | Field::IpProto);
    for entry in wanted.iter().filter(|entry| of_kind(entry.field)) {
        key.set_masked(entry.field, entry.value, entry.mask);
    }
    let all = Field::ALL.iter().take_while(|field| **field != Field::InPort16);
    for &field in all {
        let settable = !matches!(field, Field::ConjId | Field::ActsetOutput) && !of_kind(field);
        let layered = !matches!(field.def().prereq, Prereq::Any | Prereq::Vlan);
        if settable && layered && key.meets(field.def().prereq) && rng.percent(80) {
            key.set(field, value_of(rng, field));
        }
    }
    for entry in wanted.iter().filter(|entry| !of_kind(entry.field) && entry.field != Field::ConjId) {
        key.set_masked(entry.field, entry.value, entry.mask);
    }
    // What was overlaid may be something that no packet has.
    if key.net.frag & 2 != 0 {
        key.net.frag = 3;
    }
    if !key.has_vlan() {
        key.set(Field::VlanTci, 0);
    }
    let mut packet = existing(&key);
    if packet.in_port.get() == 0 {
        packet.set(Field::InPort, 1);
    }
    packet
}

/// The key without values in fields that the packet does not have.
fn existing(key: &Key) -> Key {
    let mut out = Key::new(key.in_port);
    for (field, value) in stated(key) {
        out.set(field, value);
    }
    out
}

/// The fields that describe a packet, each behind those that it needs.
pub(crate) fn stated(key: &Key) -> Vec<(Field, u128)> {
    let mut fields =
        vec![(Field::EthType, key.get(Field::EthType)), (Field::VlanTci, key.get(Field::VlanTci))];
    if key.is_ip() {
        fields.push((Field::IpProto, key.get(Field::IpProto)));
        fields.push((Field::IpFrag, key.get(Field::IpFrag)));
    }
    fields.push((Field::CtState, key.get(Field::CtState)));
    let all = Field::ALL.iter().take_while(|field| **field != Field::InPort16);
    for &field in all {
        let stated = fields.iter().any(|(other, _)| *other == field)
            || matches!(field, Field::VlanVid | Field::VlanPcp | Field::ConjId | Field::ActsetOutput);
        if !stated && key.meets(field.def().prereq) && exists(key, field) {
            fields.push((field, key.get(field)));
        }
    }
    fields.retain(|(_, value)| *value != 0);
    fields
}

/// Conntrack fields of the tuple exist by family, and a later fragment has no transport.
fn exists(key: &Key, field: Field) -> bool {
    let v4 = key.eth_type == 0x0800;
    let later = key.net.frag & 2 != 0;
    match field {
        _ if later && TRANSPORT.contains(&field) => false,
        Field::CtNwSrc | Field::CtNwDst => v4,
        Field::CtIpv6Src | Field::CtIpv6Dst => key.eth_type == 0x86dd,
        Field::CtNwProto | Field::CtTpSrc | Field::CtTpDst => key.is_ip(),
        _ => true,
    }
}
