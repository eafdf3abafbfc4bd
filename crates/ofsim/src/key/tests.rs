use net_types::OfPort;
use openflow::field::Prereq;
use openflow::{Field, Match};
use proptest::prelude::*;

use super::{Key, MplsPopped, VLAN_TAGS_MAX};

fn key() -> Key {
    Key::new(OfPort::new(1))
}

/// Fields whose storage is narrower than the field, or that make a tag, do not keep just any value.
fn keeps_any_value(field: Field) -> bool {
    !matches!(field, Field::VlanPcp | Field::ArpOp | Field::IpTos | Field::InPort16 | Field::NdOptionsType)
}

proptest! {
    #[test]
    fn what_is_written_is_read(index in 0..Field::ALL.len(), value: u128) {
        let field = Field::ALL[index];
        prop_assume!(keeps_any_value(field));
        let mut key = key();
        key.set(field, value & field.full_mask());
        prop_assert_eq!(key.get(field), value & field.full_mask(), "{}", field.name());
    }

    #[test]
    fn writing_some_bits_leaves_the_others(index in 0..Field::ALL.len(), old: u128, new: u128, mask: u128) {
        let field = Field::ALL[index];
        prop_assume!(keeps_any_value(field));
        let mut key = key();
        key.set(field, old & field.full_mask());
        key.set_masked(field, new, mask & field.full_mask());
        prop_assert_eq!(key.get(field), (old & !mask | new & mask) & field.full_mask());
    }

    #[test]
    fn a_key_matches_the_match_that_it_makes(reg: u32, ethertype in prop_oneof![Just(0x0800_u16), Just(0x0806)], address: u32) {
        let mut key = key();
        key.set(Field::Reg3, reg.into());
        key.set(Field::EthType, ethertype.into());
        key.set(Field::Ipv4Src, address.into());
        prop_assert!(key.matches(&key.to_match()));
    }
}

#[test]
fn wide_registers_are_views_of_narrow_ones() {
    let mut key = key();
    key.set(Field::XxReg0, 0x1_0000_0002_0000_0003_0000_0004);
    assert_eq!(&key.regs[..4], &[1, 2, 3, 4]);
    assert_eq!(key.get(Field::XReg1), 0x3_0000_0004);
}

#[test]
fn a_priority_makes_a_tag_and_a_tag_without_presence_is_none() {
    let mut key = key();
    key.set(Field::VlanPcp, 5);
    assert!(key.has_vlan() && key.get(Field::VlanTci) == 0xb000);
    assert_eq!(key.vlans[0].tpid, 0x8100);
    key.set(Field::VlanTci, 0);
    assert!(!key.has_vlan());
}

#[test]
fn tags_are_a_stack() {
    let mut key = key();
    for vid in 1..=3_u16 {
        key.push_vlan(0x8100);
        key.set(Field::VlanVid, u128::from(0x1000 | vid));
    }
    assert_eq!(key.vlan_count(), VLAN_TAGS_MAX);
    key.pop_vlan();
    assert_eq!(key.get(Field::VlanVid), 0x1002);
    key.pop_vlan();
    key.pop_vlan();
    assert!(!key.has_vlan());
}

#[test]
fn labels_are_a_stack_of_three() {
    let mut key = key();
    key.set(Field::EthType, 0x0800);
    (key.net.ttl, key.net.tos) = (9, 0x28);
    assert!(key.push_mpls(0x8847).unwrap().is_some());
    let seen = [Field::MplsLabel, Field::MplsTc, Field::MplsBos, Field::MplsTtl].map(|field| key.get(field));
    assert_eq!(seen, [0, 2, 1, 9]);
    assert_eq!(key.net, super::Network::default(), "what is behind a label cannot be seen");
    assert_eq!(key.push_mpls(0x8847), Ok(None));
    assert_eq!(key.get(Field::MplsBos), 0);
    assert_eq!(key.push_mpls(0x8847), Ok(None));
    assert_eq!(key.push_mpls(0x8847), Err(MplsPopped::TooDeep));
    assert_eq!([key.pop_mpls(0x8847), key.pop_mpls(0x8847), key.pop_mpls(0x0800)], [MplsPopped::Done; 3]);
    assert_eq!(key.pop_mpls(0x0800), MplsPopped::Nothing);
    key.set(Field::EthType, 0x8847);
    key.mpls = [0x1000, 0x2000, 0x3000];
    assert_eq!(key.pop_mpls(0x8847), MplsPopped::TooDeep);
}

#[test]
fn a_later_fragment_has_no_ports_to_write() {
    let mut key = key();
    key.set(Field::EthType, 0x0800);
    key.set(Field::IpProto, 6);
    assert!(key.meets(Prereq::Tcp) && !key.meets(Prereq::Udp));
    key.set(Field::IpFrag, 3);
    assert!(!key.meets(Prereq::Tcp));
}

#[test]
fn the_tuple_is_swapped_only_where_there_is_one() {
    let mut key = key();
    key.set(Field::EthType, 0x0800);
    assert!(!key.swap_tuple());
    key.net.nw_src = 1;
    (key.net.ct.proto, key.net.ct.nw_src) = (17, 2);
    assert!(key.swap_tuple());
    assert_eq!((key.net.proto, key.net.nw_src, key.net.ct.nw_src), (17, 2, 1));
}

#[test]
fn a_match_with_an_unknown_field_matches_nothing() {
    let unknown = [0x12, 0x34, 0x02, 0x01, 0x55];
    let matching = Match::decode_fields(&mut openflow::wire::Reader::new(&unknown)).unwrap();
    assert!(!key().matches(&matching) && key().matches(&Match::new()));
}
