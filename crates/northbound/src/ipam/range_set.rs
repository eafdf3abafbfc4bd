//! A set of numbers, kept as the ranges it consists of.
//!
//! Neighbouring ranges are one range, so what is used densely takes one entry however much it is, and every operation
//! costs the logarithm of the number of ranges. Numbers are 128 bits wide: an IPv6 address, an IPv4 address or the
//! number of a tunnel.

use std::collections::BTreeMap;

/// A set of numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RangeSet {
    /// The last number of a range by its first. Ranges neither overlap nor touch.
    ranges: BTreeMap<u128, u128>,
}

impl RangeSet {
    /// The empty set.
    #[must_use]
    pub const fn new() -> Self {
        Self { ranges: BTreeMap::new() }
    }

    /// Whether it has no number.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Whether it has the number.
    #[must_use]
    pub fn contains(&self, number: u128) -> bool {
        self.ranges.range(..=number).next_back().is_some_and(|(_, last)| number <= *last)
    }

    /// Whether it has all numbers from `first` to `last`.
    #[must_use]
    pub fn covers(&self, first: u128, last: u128) -> bool {
        self.ranges.range(..=first).next_back().is_some_and(|(_, end)| last <= *end)
    }

    /// Whether it has a number from `first` to `last`.
    #[must_use]
    pub fn intersects(&self, first: u128, last: u128) -> bool {
        self.ranges.range(..=last).next_back().is_some_and(|(_, end)| first <= *end)
    }

    /// How many numbers it has from `first` to `last`; one too few when it has all 2^128.
    #[must_use]
    pub fn count(&self, first: u128, last: u128) -> u128 {
        let before = self.ranges.range(..first).next_back();
        let within = (first <= last).then(|| self.ranges.range(first..=last)).into_iter().flatten();
        let overlap = |(start, end): (&u128, &u128)| {
            let (start, end) = (first.max(*start), last.min(*end));
            if start <= end { size(start, end) } else { 0 }
        };
        before.into_iter().chain(within).map(overlap).fold(0, u128::saturating_add)
    }

    /// Its ranges in order, first and last number.
    pub fn iter(&self) -> impl Iterator<Item = (u128, u128)> + '_ {
        self.ranges.iter().map(|(first, last)| (*first, *last))
    }

    /// Adds the numbers from `first` to `last`.
    pub fn insert(&mut self, first: u128, last: u128) {
        if first > last {
            return;
        }
        let (mut start, mut end) = (first, last);
        if let Some((before, before_end)) = self.ranges.range(..=first).next_back()
            && before_end.saturating_add(1) >= first
        {
            start = *before;
            end = end.max(*before_end);
        }
        while let Some((next, next_end)) = self.ranges.range(start..=end.saturating_add(1)).next() {
            let (next, next_end) = (*next, *next_end);
            self.ranges.remove(&next);
            end = end.max(next_end);
        }
        self.ranges.insert(start, end);
    }

    /// Takes out the numbers from `first` to `last`.
    pub fn remove(&mut self, first: u128, last: u128) {
        if first > last {
            return;
        }
        let before = self.ranges.range(..first).next_back().map(|(start, end)| (*start, *end));
        if let Some((start, end)) = before
            && end >= first
        {
            self.ranges.insert(start, first - 1);
            if end > last {
                self.ranges.insert(last + 1, end);
            }
        }
        while let Some((start, end)) = self.ranges.range(first..=last).next() {
            let (start, end) = (*start, *end);
            self.ranges.remove(&start);
            if end > last {
                self.ranges.insert(last + 1, end);
            }
        }
    }

    /// The ranges between `first` and `last` that it has no number of, in order.
    pub fn gaps(&self, first: u128, last: u128) -> impl Iterator<Item = (u128, u128)> + '_ {
        let within = move |number: &u128| *number <= last;
        let covered_to =
            self.ranges.range(..=first).next_back().map(|(_, end)| *end).filter(|end| *end >= first);
        let begin = covered_to.map_or(Some(first), |end| end.checked_add(1)).filter(within);
        let mut taken = begin.map(|begin| self.ranges.range(begin..=last)).into_iter().flatten();
        let mut cursor = begin;
        std::iter::from_fn(move || {
            loop {
                let start = cursor?;
                let Some((next, next_end)) = taken.next() else {
                    cursor = None;
                    return Some((start, last));
                };
                cursor = next_end.checked_add(1).filter(within);
                if start < *next {
                    return Some((start, next - 1));
                }
            }
        })
    }

    /// One of the first `window` numbers between `first` and `last` that it does not have; `random` says which.
    /// `None` when it has all of them.
    #[must_use]
    pub fn draw(&self, first: u128, last: u128, window: u32, random: u64) -> Option<u128> {
        let place = u128::from(random).checked_rem(u128::from(window))?;
        self.nth_free(first, last, place)
            .or_else(|free| {
                // There are fewer than the window has: other bits choose among those.
                let place = u128::from(random.rotate_left(32)).checked_rem(free).ok_or(free)?;
                self.nth_free(first, last, place)
            })
            .ok()
    }

    /// The number that it does not have behind `place` others between `first` and `last`; else how many there are.
    fn nth_free(&self, first: u128, last: u128, place: u128) -> Result<u128, u128> {
        let mut before = 0;
        for (start, end) in self.gaps(first, last) {
            let here = size(start, end);
            if place - before < here {
                return Ok(start + (place - before));
            }
            before += here;
        }
        Err(before)
    }

    /// The first number at or behind `begin` that it does not have, going on at `first` behind `last`.
    #[must_use]
    pub fn next_free(&self, first: u128, last: u128, begin: u128) -> Option<u128> {
        let behind = self.gaps(begin.max(first), last).next();
        behind.or_else(|| self.gaps(first, last).next()).map(|(start, _)| start)
    }
}

/// How many numbers there are from `start` to `end`; one too few when there are all 2^128.
fn size(start: u128, end: u128) -> u128 {
    (end - start).saturating_add(1)
}

#[cfg(test)]
mod tests;
