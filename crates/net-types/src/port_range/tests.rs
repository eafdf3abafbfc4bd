use proptest::prelude::*;

use super::*;

fn any_range() -> impl Strategy<Value = PortRange> {
    let ends = prop_oneof![
        any::<(u16, u16)>(),
        // Ends near powers of two are where an off-by-one would hide.
        (0_u32..16, -2_i32..=2, 0_u32..16, -2_i32..=2).prop_map(|(a, da, b, db)| {
            let end = |exponent: u32, delta: i32| {
                u16::try_from(((1_i32 << exponent) + delta).clamp(0, 65535)).unwrap()
            };
            (end(a, da), end(b, db))
        }),
    ];
    ends.prop_map(|(a, b)| PortRange::new(a.min(b), a.max(b)).unwrap())
}

proptest! {
    #[test]
    fn masked_pairs_cover_the_range_exactly_once(range in any_range()) {
        let pairs = range.masked();
        for port in 0..=u16::MAX {
            let matches = pairs.iter().filter(|(value, mask)| port & mask == *value).count();
            prop_assert_eq!(matches, usize::from(range.contains(port)), "port {}", port);
        }
    }

    /// Every block of a cover lies in one maximal block, and maximal blocks are disjoint: a cover by distinct
    /// maximal blocks cannot be beaten. A block is maximal when the block twice its size leaves the range.
    #[test]
    fn masked_pairs_are_the_fewest(range in any_range()) {
        for (value, mask) in range.masked() {
            prop_assert_eq!(mask.leading_ones() + mask.trailing_zeros(), 16, "mask {:#x} is no prefix", mask);
            if mask != 0 {
                let parent_mask = mask << 1;
                let parent_first = value & parent_mask;
                let parent_last = parent_first | !parent_mask;
                prop_assert!(!(range.contains(parent_first) && range.contains(parent_last)));
            }
        }
    }

    #[test]
    fn text_gives_the_range_back(range in any_range()) {
        prop_assert_eq!(range.to_string().parse(), Ok(range));
    }
}

#[test]
fn known_ranges() {
    assert_eq!(PortRange::ALL.masked(), [(0, 0)]);
    assert_eq!(PortRange::single(443).masked(), [(443, 0xffff)]);
    assert_eq!(PortRange::single(65535).masked(), [(65535, 0xffff)]);
    assert_eq!(
        PortRange::new(1000, 1999).unwrap().masked(),
        [
            (1000, 0xfff8),
            (1008, 0xfff0),
            (1024, 0xfe00),
            (1536, 0xff00),
            (1792, 0xff80),
            (1920, 0xffc0),
            (1984, 0xfff0)
        ]
    );
    assert_eq!(PortRange::new(1, 65534).unwrap().masked().len(), 30, "the worst range");
}

#[test]
fn empty_and_malformed_ranges_are_refused() {
    assert_eq!(PortRange::new(2, 1), None);
    assert!("2-1".parse::<PortRange>().unwrap_err().to_string().contains("first port is above"));
    for text in ["", "-", "1-", "-1", "1-2-3", "65536", "http"] {
        assert!(text.parse::<PortRange>().is_err(), "{text:?}");
    }
}
