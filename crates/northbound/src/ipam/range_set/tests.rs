use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

const LAST: u128 = 40;

/// A small universe, so that everything meets everything.
fn operations() -> impl Strategy<Value = Vec<(bool, u128, u128)>> {
    prop::collection::vec((any::<bool>(), 0..=LAST, 0..=LAST), 0..60)
}

fn both(operations: &[(bool, u128, u128)]) -> (RangeSet, BTreeSet<u128>) {
    let (mut set, mut naive) = (RangeSet::new(), BTreeSet::new());
    for (insert, first, last) in operations {
        if *insert {
            set.insert(*first, *last);
            naive.extend(*first..=*last);
        } else {
            set.remove(*first, *last);
            naive.retain(|number| !(first..=last).contains(&number));
        }
    }
    (set, naive)
}

proptest! {
    #[test]
    fn agrees_with_a_set_of_single_numbers(operations in operations(), first in 0..=LAST, last in 0..=LAST) {
        let (set, naive) = both(&operations);
        for number in 0..=LAST {
            prop_assert_eq!(set.contains(number), naive.contains(&number));
        }
        prop_assert_eq!(set.is_empty(), naive.is_empty());
        if first <= last {
            prop_assert_eq!(set.covers(first, last), (first..=last).all(|number| naive.contains(&number)));
            prop_assert_eq!(set.intersects(first, last), (first..=last).any(|number| naive.contains(&number)));
        }
        prop_assert_eq!(set.count(first, last), naive.iter().filter(|n| (first..=last).contains(n)).count() as u128);
        let free: Vec<u128> = set.gaps(first, last).flat_map(|(start, end)| start..=end).collect();
        let expected: Vec<u128> = (first..=last).filter(|number| !naive.contains(number)).collect();
        prop_assert_eq!(free, expected);
    }

    #[test]
    fn ranges_neither_overlap_nor_touch(operations in operations()) {
        let (set, _) = both(&operations);
        let ranges: Vec<(u128, u128)> = set.iter().collect();
        prop_assert!(ranges.iter().all(|(first, last)| first <= last));
        prop_assert!(ranges.windows(2).all(|pair| pair[0].1 + 1 < pair[1].0), "{:?}", ranges);
    }

    #[test]
    fn draws_from_the_first_free_ones_and_reaches_each(operations in operations(), window in 1_u32..10) {
        let (set, naive) = both(&operations);
        let expected: BTreeSet<u128> =
            (0..=LAST).filter(|number| !naive.contains(number)).take(window as usize).collect();
        let drawn: BTreeSet<u128> =
            (0..u64::from(window)).filter_map(|random| set.draw(0, LAST, window, random)).collect();
        prop_assert_eq!(drawn, expected);
    }

    #[test]
    fn the_next_free_one_wraps_around(operations in operations(), begin in 0..=LAST) {
        let (set, naive) = both(&operations);
        let expected = (begin..=LAST).chain(0..begin).find(|number| !naive.contains(number));
        prop_assert_eq!(set.next_free(0, LAST, begin), expected);
    }
}

#[test]
fn the_ends_of_the_numbers_are_numbers_too() {
    let mut set = RangeSet::new();
    set.insert(0, u128::MAX);
    assert_eq!(set.gaps(0, u128::MAX).next(), None);
    assert_eq!(set.draw(0, u128::MAX, 1000, 7), None);
    assert_eq!(set.count(0, u128::MAX), u128::MAX);
    set.remove(u128::MAX, u128::MAX);
    set.remove(0, 0);
    assert_eq!(set.gaps(0, u128::MAX).collect::<Vec<_>>(), [(0, 0), (u128::MAX, u128::MAX)]);
    set.insert(u128::MAX, u128::MAX);
    set.insert(0, 0);
    assert_eq!(set.iter().collect::<Vec<_>>(), [(0, u128::MAX)]);
    assert_eq!(RangeSet::new().draw(0, u128::MAX, 1000, u64::MAX), Some(u128::from(u64::MAX) % 1000));
}
