use std::collections::BTreeSet;

use super::*;

#[test]
fn every_row_is_consistent() {
    let mut names = BTreeSet::new();
    let mut headers = BTreeSet::new();
    for &field in Field::ALL {
        let def = field.def();
        assert!(names.insert(def.name), "two fields are called {}", def.name);
        assert!(def.bits <= u16::from(def.bytes) * 8, "{} has more bits than bytes", def.name);
        assert!(def.nxm.is_some() || def.oxm.is_some(), "{} has no header", def.name);
        for header in [def.nxm, def.oxm].into_iter().flatten() {
            assert!(headers.insert((header.class.number(), header.number)), "{} is taken", header.name);
            assert_eq!(table::by_header(header.class.number(), header.number), Some(field));
            assert_eq!(Field::by_name(header.name), Some(field), "{}", header.name);
        }
        assert_eq!(Field::by_name(def.name), Some(field));
    }
}

#[test]
fn headers_round_trip() {
    for &field in Field::ALL {
        for masked in [false, true] {
            for header in [field.action_header(), field.match_header()] {
                let mut out = Vec::new();
                header.put(&mut out, field.bytes() * if masked { 2 } else { 1 }, masked);
                let read = WireHeader::read(&mut Reader::new(&out)).unwrap();
                assert_eq!((read.field, read.masked), (Some(field), masked));
            }
        }
    }
}

#[test]
fn a_header_with_another_length_is_not_the_field() {
    let read = WireHeader::read(&mut Reader::new(&[0x80, 0x00, 0x00, 0x05])).unwrap();
    assert_eq!(read, WireHeader { field: None, masked: false, payload_bytes: 5, value_bytes: 5 });
    let error = WireHeader::read(&mut Reader::new(&[0xff, 0xff, 0x00, 0x03])).unwrap_err();
    assert_eq!(error.offset, 4);
}

#[test]
fn subfields_stay_inside_their_field() {
    assert_eq!(Subfield::new(Field::Reg0, 28, 5), None);
    assert_eq!(Subfield::new(Field::Reg0, 0, 0), None);
    assert_eq!(Subfield::new(Field::Reg0, u16::MAX, 2), None);
    let low = Subfield::new(Field::CtLabel, 0, 128).unwrap();
    assert_eq!(low.mask(), u128::MAX);
    let middle = Subfield::new(Field::Reg0, 8, 4).unwrap();
    assert_eq!(middle.get(0xabcd), 0xb);
    assert_eq!(middle.set(0xabcd, 0x1), 0xa1cd);
}
