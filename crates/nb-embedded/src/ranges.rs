//! Many ranges of keys, of which only matters which keys are in any of them. However many there are, asking is cheap.

use std::collections::BTreeMap;

use bytes::Bytes;
use etcd_wire::KeyRange;

#[cfg(test)]
mod tests;

/// Keys, as ranges that neither touch nor overlap: where each begins and, unless it is open, where it ends.
#[derive(Debug, Default)]
pub(crate) struct KeyRanges {
    ends: BTreeMap<Bytes, Option<Bytes>>,
}

impl KeyRanges {
    /// Adds the keys of a range.
    pub(crate) fn add(&mut self, range: KeyRange) {
        if range.is_empty() {
            return;
        }
        let (first, end) = match range {
            // The key that follows another has a zero byte more.
            KeyRange::One(key) => (key.clone(), Some([&key[..], &[0]].concat().into())),
            KeyRange::From(first) => (first, None),
            KeyRange::Between(first, end) => (first, Some(end)),
        };
        self.join(first, end);
    }

    /// Adds all that another has.
    pub(crate) fn add_all(&mut self, other: Self) {
        for (first, end) in other.ends {
            self.join(first, end);
        }
    }

    /// Whether the key is in any of the ranges.
    pub(crate) fn contains(&self, key: &Bytes) -> bool {
        let before = self.ends.range::<Bytes, _>(..=key).next_back();
        before.is_some_and(|(_, end)| end.as_ref().is_none_or(|end| key < end))
    }

    fn join(&mut self, mut first: Bytes, mut end: Option<Bytes>) {
        // The last range that does not begin after this one ends is the only one that may reach into it or beyond.
        loop {
            let met = match &end {
                Some(end) => self.ends.range::<Bytes, _>(..=end).next_back(),
                None => self.ends.last_key_value(),
            };
            let Some((other_first, other_end)) =
                met.filter(|(_, other_end)| other_end.as_ref().is_none_or(|other_end| *other_end >= first))
            else {
                break;
            };
            let (other_first, other_end) = (other_first.clone(), other_end.clone());
            end = end.zip(other_end).map(|(end, other_end)| end.max(other_end));
            self.ends.remove(&other_first);
            first = first.min(other_first);
        }
        self.ends.insert(first, end);
    }
}
