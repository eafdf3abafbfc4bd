use super::*;

fn bytes(matching: &Match) -> Vec<u8> {
    let mut out = Vec::new();
    matching.encode_fields(&mut out);
    out
}

fn decoded(bytes: &[u8]) -> Match {
    Match::decode_fields(&mut Reader::new(bytes)).unwrap()
}

/// As `ovs-ofctl parse-oxm OpenFlow13` normalises them.
#[test]
fn flags_are_masked_as_the_switch_masks_them() {
    let ct_state = [0x00, 0x01, 0xd3, 0x08, 0, 0, 0, 0x21, 0, 0, 0, 0xff];
    assert_eq!(bytes(&Match::new().with(Field::CtState, 0x21_u32)), ct_state);
    assert_eq!(decoded(&[0x00, 0x01, 0xd2, 0x04, 0, 0, 0, 0x21]), decoded(&ct_state));

    let tun_flags = [0x00, 0x01, 0xd1, 0x04, 0, 1, 0, 1];
    assert_eq!(bytes(&Match::new().with(Field::TunFlags, 1_u8)), tun_flags);
    assert_eq!(decoded(&[0x00, 0x01, 0xd0, 0x02, 0, 1]), decoded(&tun_flags));
}

#[test]
fn an_option_that_only_has_to_be_there_is_not_forgotten() {
    let wire = [0x00, 0x01, 0x51, 0x08, 0, 0, 0, 0, 0, 0, 0, 0];
    let matching = decoded(&wire);
    assert!(!matching.is_empty());
    assert_eq!(matching.unknown(), [wire.to_vec()]);
    assert_eq!(bytes(&matching), wire);
    assert_eq!(matching.to_string().parse(), Ok(matching));
}

#[test]
fn a_priority_in_a_tag_needs_the_tag() {
    let tagged = Match::new().with(Field::VlanTci, 0x3005_u16);
    assert_eq!(tagged, Match::new().with(Field::VlanVid, 0x1005_u16).with(Field::VlanPcp, 1_u8));
    let untagged = Match::new().with(Field::VlanTci, 0_u16);
    assert_eq!(untagged, Match::new().with(Field::VlanVid, 0_u16));
}

#[test]
fn views_of_a_field_become_the_field() {
    let double = Match::new().with(Field::XReg1, 0x1_0000_0002_u64);
    assert_eq!(double, Match::new().with(Field::Reg2, 1_u32).with(Field::Reg3, 2_u32));
    let port = Match::new().with(Field::InPort16, 0xfffe_u16);
    assert_eq!(port, Match::new().with(Field::InPort, OfPort::LOCAL));
    let tos = Match::new().with(Field::IpTos, 32_u8);
    assert_eq!(tos, Match::new().with(Field::IpDscp, 8_u8));
}
