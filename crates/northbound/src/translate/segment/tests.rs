use proptest::prelude::*;

use super::*;

fn segments() -> impl Strategy<Value = Segment> {
    let name = "\\PC{0,12}";
    let tunnel = prop_oneof![Just(SegmentType::Gre), Just(SegmentType::Vxlan), Just(SegmentType::Geneve)];
    prop_oneof![
        name.prop_map(|physical_network| Segment::Flat { physical_network }),
        (name, 1..=4094_u32).prop_map(|(physical_network, id)| Segment::Vlan { physical_network, id }),
        (tunnel, 1..1_u32 << 24).prop_map(|(kind, id)| Segment::Tunnel { kind, id }),
    ]
}

proptest! {
    #[test]
    fn a_segment_is_a_row_and_back(segment in segments()) {
        let key = segment.key().unwrap();
        prop_assert!(key.id.with_str(|text| text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/')));
        prop_assert_eq!(Segment::of_key(&key), Some(segment));
    }

    #[test]
    fn no_row_is_misread(text in "(flat|vlan|gre|geneve|local|x)(:[a-z0-9%/:]{0,8}){0,2}") {
        let key = Key::new(SEGMENTS, model::RowId::new(&text).unwrap());
        if let Some(segment) = Segment::of_key(&key) {
            prop_assert_eq!(segment.key(), Some(key));
        }
    }
}

#[test]
fn rows_are_readable() {
    let text = |segment: Segment| segment.key().map(|key| key.to_string());
    let tunnel = Segment::Tunnel { kind: SegmentType::Geneve, id: 42 };
    assert_eq!(text(tunnel).as_deref(), Some("row geneve:42 of table neutron_segment"));
    let vlan = Segment::Vlan { physical_network: "rack/1".to_owned(), id: 101 };
    assert_eq!(text(vlan).as_deref(), Some("row vlan:101:rack%2f1 of table neutron_segment"));
    assert_eq!(text(Segment::Local), None);
}

#[test]
fn types_have_the_names_of_the_api_and_of_the_model() {
    for kind in SegmentType::ALL {
        assert_eq!(SegmentType::from_text(kind.as_str()), Some(kind));
        assert_eq!(kind.network_type().as_str(), kind.as_str());
    }
    assert_eq!(SegmentType::from_text("uplink"), None);
}

#[test]
fn a_segment_says_what_the_api_shows() {
    let vlan = Segment::Vlan { physical_network: "p1".to_owned(), id: 7 };
    assert_eq!(
        (vlan.kind(), vlan.physical_network(), vlan.segmentation_id()),
        (SegmentType::Vlan, Some("p1"), Some(7))
    );
    let local = Segment::Local;
    assert_eq!(
        (local.kind(), local.physical_network(), local.segmentation_id()),
        (SegmentType::Local, None, None)
    );
}
