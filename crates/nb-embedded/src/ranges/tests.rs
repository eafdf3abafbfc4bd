use proptest::prelude::*;

use super::*;

fn key() -> impl Strategy<Value = Bytes> {
    prop::collection::vec(0..3_u8, 1..4).prop_map(Bytes::from)
}

fn range() -> impl Strategy<Value = KeyRange> {
    prop_oneof![
        4 => key().prop_map(KeyRange::One),
        1 => key().prop_map(KeyRange::From),
        8 => (key(), key()).prop_map(|(first, end)| KeyRange::Between(first, end)),
    ]
}

proptest! {
    #[test]
    fn a_key_is_in_the_ranges_if_it_is_in_one_of_them(
        ranges in prop::collection::vec(range(), 0..12),
        split in 0..12_usize,
        keys in prop::collection::vec(key(), 1..20),
    ) {
        let (mut joined, mut others) = (KeyRanges::default(), KeyRanges::default());
        for (place, range) in ranges.iter().enumerate() {
            if place < split { joined.add(range.clone()) } else { others.add(range.clone()) }
        }
        joined.add_all(others);
        for key in &keys {
            prop_assert_eq!(joined.contains(key), ranges.iter().any(|range| range.contains(key)), "{:?}", key);
        }
        // They neither touch nor overlap.
        let mut ends = joined.ends.iter().peekable();
        while let Some((first, end)) = ends.next() {
            prop_assert!(end.as_ref().is_none_or(|end| first < end));
            if let Some((next, _)) = ends.peek() {
                prop_assert!(end.as_ref().is_some_and(|end| end < *next));
            }
        }
    }
}
