//! Which keys a request means: etcd says it by a key and an end.
//!
//! | end | keys |
//! |---|---|
//! | empty | the one key |
//! | a zero byte | all from the key on |
//! | anything else | all from the key on, but not the end nor what follows it |

use std::ops::Bound;

use bytes::Bytes;

/// The end that means all keys from the first on.
pub const TO_THE_LAST: Bytes = Bytes::from_static(&[0]);

/// The keys that a request means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyRange {
    /// This key.
    One(Bytes),
    /// From this key on.
    From(Bytes),
    /// From the first key on, but not the second nor what follows it.
    Between(Bytes, Bytes),
}

/// The two ends of a range for a sorted map.
pub type Bounds<'a> = (Bound<&'a [u8]>, Bound<&'a [u8]>);

impl KeyRange {
    /// The keys that `key` and `range_end` of a request mean.
    #[must_use]
    pub fn new(key: Bytes, range_end: Bytes) -> Self {
        if range_end.is_empty() {
            Self::One(key)
        } else if range_end == TO_THE_LAST {
            Self::From(key)
        } else {
            Self::Between(key, range_end)
        }
    }

    /// All keys that begin with `prefix`.
    #[must_use]
    pub fn prefix(prefix: Bytes) -> Self {
        let end = prefix_end(&prefix);
        // Every key begins with nothing, and etcd refuses an empty key.
        let key = if prefix.is_empty() { TO_THE_LAST } else { prefix };
        Self::new(key, end)
    }

    /// The `key` and `range_end` of a request that means these keys.
    #[must_use]
    pub fn into_request(self) -> (Bytes, Bytes) {
        match self {
            Self::One(key) => (key, Bytes::new()),
            Self::From(key) => (key, TO_THE_LAST),
            Self::Between(key, end) => (key, end),
        }
    }

    /// Whether `key` is meant.
    #[must_use]
    pub fn contains(&self, key: &[u8]) -> bool {
        match self {
            Self::One(one) => key == one,
            Self::From(first) => key >= first.as_ref(),
            Self::Between(first, end) => key >= first.as_ref() && key < end.as_ref(),
        }
    }

    /// Whether no key can be meant, because the range ends before it begins.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Between(first, end) if first >= end)
    }

    /// The range for a sorted map; `None` when it is empty, which such maps take for a mistake.
    #[must_use]
    pub fn bounds(&self) -> Option<Bounds<'_>> {
        match self {
            _ if self.is_empty() => None,
            Self::One(key) => Some((Bound::Included(key), Bound::Included(key))),
            Self::From(first) => Some((Bound::Included(first), Bound::Unbounded)),
            Self::Between(first, end) => Some((Bound::Included(first), Bound::Excluded(end))),
        }
    }
}

/// The end of the range of all keys that begin with `prefix`: the first key behind them.
#[must_use]
pub fn prefix_end(prefix: &[u8]) -> Bytes {
    let kept = prefix.iter().rposition(|byte| *byte != u8::MAX);
    let Some((last, before)) = kept.and_then(|kept| prefix.get(..=kept)).and_then(<[u8]>::split_last) else {
        return TO_THE_LAST;
    };
    let mut end = before.to_vec();
    end.push(last.saturating_add(1));
    end.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_before_the_next_key_that_does_not_begin_with_it() {
        assert_eq!(prefix_end(b"aa"), "ab");
        assert_eq!(prefix_end(b"a\xff"), "b");
        assert_eq!(prefix_end(b"a\xff\xff"), "b");
        assert_eq!(prefix_end(b"\xff\xff"), TO_THE_LAST);
        assert_eq!(prefix_end(b""), TO_THE_LAST);
        let lports = KeyRange::prefix(Bytes::from_static(b"/lport/"));
        assert!(lports.contains(b"/lport/") && lports.contains(b"/lport/\xff\xff"));
        assert!(!lports.contains(b"/lport") && !lports.contains(b"/lport0"));
    }

    #[test]
    fn what_a_request_means_survives_the_way_there_and_back() {
        for (key, end, inside, outside) in
            [("b", "", "b", "bb"), ("b", "\0", "zz", "a"), ("b", "d", "czz", "d")]
        {
            let range = KeyRange::new(key.into(), end.into());
            assert!(range.contains(inside.as_bytes()) && !range.contains(outside.as_bytes()), "{range:?}");
            let (key, end) = range.clone().into_request();
            assert_eq!(KeyRange::new(key, end), range);
        }
    }

    #[test]
    fn a_range_that_ends_before_it_begins_has_no_bounds() {
        let range = KeyRange::new("b".into(), "a".into());
        assert!(range.is_empty() && range.bounds().is_none() && !range.contains(b"b"));
        assert!(KeyRange::new("b".into(), "b".into()).bounds().is_none());
        assert!(KeyRange::new("b".into(), "".into()).bounds().is_some());
    }
}
