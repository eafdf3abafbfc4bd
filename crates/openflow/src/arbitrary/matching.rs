//! Random matches: first what the packet is, then fields that such a packet has.

use net_types::OfPort;
use proptest::prelude::*;
use proptest::sample::subsequence;

use super::Scope;
use crate::field::Field;
use crate::matching::{Match, VLAN_PRESENT, registers_of};

/// Most fields of one match beyond those that say what the packet is.
const EXTRA_FIELDS_MAX: usize = 8;

/// Fields of tunnel options that matches use; with all of them there would be little else in a match.
const SOME_OPTIONS: [Field; 3] = [Field::TunMetadata0, Field::TunMetadata1, Field::TunMetadata63];

/// A port that exists in some switch.
pub(super) fn physical_port() -> impl Strategy<Value = OfPort> {
    (1_u32..0xff00).prop_map(OfPort::new)
}

/// A value that `field` can have.
pub fn field_value(field: Field) -> BoxedStrategy<u128> {
    let full = field.full_mask();
    match field {
        Field::InPort | Field::ActsetOutput => {
            prop_oneof![physical_port(), Just(OfPort::LOCAL)].prop_map(|port| port.get().into()).boxed()
        }
        Field::InPort16 => (1_u128..0xff00).boxed(),
        Field::EthType => (0x0600_u128..=0xffff).boxed(),
        Field::VlanVid => (0_u128..0x1000).prop_map(|vid| vid | VLAN_PRESENT).boxed(),
        Field::ArpOp => (0_u128..=0xff).boxed(),
        Field::IpTos => (0_u128..64).prop_map(|dscp| dscp << 2).boxed(),
        Field::CtState => (0_u128..=0xff).boxed(),
        // Open vSwitch does not tell a protocol of zero from none.
        Field::CtNwProto => (1_u128..=0xff).boxed(),
        // Extremes are where encodings go wrong.
        _ => prop_oneof![8 => any::<u128>(), 1 => Just(0), 1 => Just(u128::MAX)]
            .prop_map(move |v| v & full)
            .boxed(),
    }
}

/// What a packet is: the fields that others presuppose.
fn base() -> impl Strategy<Value = Match> {
    let ip = |ether: u16, proto: u8| Match::new().with(Field::EthType, ether).with(Field::IpProto, proto);
    let ether = |ether: u16| Match::new().with(Field::EthType, ether);
    let nd = |kind: u8| ip(0x86dd, 58).with(Field::Icmp6Type, kind).with(Field::Icmp6Code, 0_u8);
    let with_ct = |base: Match| base.with_masked(Field::CtState, 0x22_u32, 0x22_u32);
    let shapes = vec![
        Match::new(),
        ether(0x88cc),
        ether(0x0806),
        ether(0x8035),
        ether(0x8847),
        ether(0x8848),
        ether(0x0800),
        ether(0x86dd),
        with_ct(ether(0x0800)),
        with_ct(ether(0x86dd)),
        with_ct(ip(0x0800, 6)).with(Field::CtNwProto, 6_u8),
        with_ct(ip(0x86dd, 17)).with(Field::CtNwProto, 17_u8),
        ip(0x0800, 6),
        ip(0x0800, 17),
        ip(0x0800, 132),
        ip(0x0800, 1),
        ip(0x86dd, 6),
        ip(0x86dd, 17),
        ip(0x86dd, 132),
        ip(0x86dd, 58),
        nd(135),
        nd(136),
        Match::new().with(Field::VlanVid, 0x1000_u16 | 17),
        Match::new().with_masked(Field::VlanVid, 0x1000_u16, 0x1000_u16),
        ether(0x0800).with(Field::VlanVid, 0_u16),
        ip(0x0800, 17).with(Field::VlanVid, 0x1fff_u16),
    ];
    proptest::sample::select(shapes)
}

/// Whether a field exists only once a tunnel option is bound to it.
pub(super) fn is_tunnel_option(field: Field) -> bool {
    (Field::TunMetadata0..=Field::TunMetadata63).contains(&field)
}

/// Whether a field is another view of fields that a match holds already in their own form.
fn is_view(field: Field) -> bool {
    matches!(field, Field::InPort16 | Field::VlanTci | Field::IpTos) || registers_of(field).is_some()
}

/// A value and a mask for `field`.
fn masked(field: Field) -> BoxedStrategy<(u128, u128)> {
    let full = field.full_mask();
    let exact = field_value(field).prop_map(move |value| (value, full));
    match field {
        // Only these can be said in text: not a fragment, any, the first, a later one, not a later one.
        Field::IpFrag => proptest::sample::select(vec![(0, 3), (1, 1), (1, 3), (3, 3), (0, 2)]).boxed(),
        // Open vSwitch prints these flags without their mask.
        Field::TunGbpFlags | Field::TunFlags | Field::VlanVid => exact.boxed(),
        _ if !field.def().maskable => exact.boxed(),
        _ => {
            let prefix = (0..field.bits()).prop_map(move |zeros| full << zeros & full);
            let mask = prop_oneof![prefix, any::<u128>().prop_map(move |mask| mask & full)];
            let some_bits =
                (field_value(field), mask.prop_filter("an empty mask says nothing", |mask| *mask != 0));
            prop_oneof![2 => exact, 1 => some_bits.prop_map(|(value, mask)| (value & mask, mask))].boxed()
        }
    }
}

/// A match that states the prerequisites of all its fields.
pub fn matches(scope: Scope) -> impl Strategy<Value = Match> {
    base().prop_flat_map(move |base| {
        let fields: Vec<Field> = Field::ALL
            .iter()
            .copied()
            .filter(|&field| !is_view(field) && base.get(field).is_none() && base.meets(field.def().prereq))
            // What others presuppose stays as the base has it.
            .filter(|field| {
                !matches!(field, Field::EthType | Field::IpProto | Field::VlanVid | Field::CtNwProto)
            })
            .filter(|field| !matches!(field, Field::Icmp6Type | Field::Icmp6Code | Field::CtState))
            .filter(|field| {
                !is_tunnel_option(*field) || scope == Scope::Anything && SOME_OPTIONS.contains(field)
            })
            .collect();
        let most = fields.len().min(EXTRA_FIELDS_MAX);
        subsequence(fields, 0..=most)
            .prop_flat_map(|fields| {
                fields.into_iter().map(|field| (Just(field), masked(field))).collect::<Vec<_>>()
            })
            .prop_map(move |entries| {
                let mut out = base.clone();
                for (field, (value, mask)) in entries {
                    out.set(field, value, mask);
                }
                // A later fragment has no transport header.
                if out.missing_prerequisite().is_some() { base.clone() } else { out }
            })
    })
}
