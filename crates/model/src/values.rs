//! Small values of rows: versions, keys, times.

use std::cmp::Ordering;
use std::fmt;

/// How often a row was changed, as its writer counts: Neutron's revision number where Neutron owns the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u64);

impl Version {
    /// What a new row gets whose writer has no number of its own.
    pub const FIRST: Self = Self(1);

    /// The number behind this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// The number by which the switch knows a row, in registers and tunnel headers. One counter a table, from 1 on,
/// never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UniqueKey(u32);

impl UniqueKey {
    /// The key with this number; `None` for zero, which no counter gives.
    #[must_use]
    pub const fn new(number: u32) -> Option<Self> {
        if number == 0 { None } else { Some(Self(number)) }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

/// A number that is written as it was read: `1` stays whole and `1.0` stays a fraction. Never infinite.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Number(pub(crate) serde_json::Number);

impl Number {
    /// The number; `None` when it is infinite or not a number.
    #[must_use]
    pub fn from_f64(value: f64) -> Option<Self> {
        serde_json::Number::from_f64(value).map(Self)
    }

    /// The nearest number with a fraction.
    #[must_use]
    pub fn as_f64(&self) -> f64 {
        self.0.as_f64().unwrap_or_default()
    }
}

impl From<u64> for Number {
    fn from(value: u64) -> Self {
        Self(value.into())
    }
}

/// Seconds since 1970, by the clock of the writer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Timestamp(pub Number);

impl Timestamp {
    /// The moment; `None` when it is infinite or not a number.
    #[must_use]
    pub fn from_seconds(seconds: f64) -> Option<Self> {
        Number::from_f64(seconds).map(Self)
    }

    /// Seconds since 1970.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.0.as_f64()
    }

    /// Whether this was at most `limit_s` seconds before `now`. A moment in the future is recent: clocks differ.
    #[must_use]
    pub fn is_recent(&self, now: &Self, limit_s: f64) -> bool {
        matches!(
            (now.seconds() - self.seconds()).partial_cmp(&limit_s),
            Some(Ordering::Less | Ordering::Equal)
        )
    }
}

/// A text that goes into the row and nowhere else: neither logs nor errors show it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Secret(String);

impl Secret {
    /// What stands in its place where it is not shown.
    pub(crate) const HIDDEN: &'static str = "a secret that is not shown";

    /// The secret with this text.
    #[must_use]
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    /// The text, for whoever has to prove to know it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::HIDDEN)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for UniqueKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_ends_where_its_integer_ends() {
        assert_eq!(Version(7).next(), Version(8));
        assert_eq!(Version(u64::MAX).next(), Version(u64::MAX));
    }

    #[test]
    fn recent_is_within_the_limit() {
        let at = |seconds| Timestamp::from_seconds(seconds).unwrap();
        assert!(at(100.0).is_recent(&at(130.0), 30.0));
        assert!(!at(100.0).is_recent(&at(130.5), 30.0));
        assert!(at(200.0).is_recent(&at(130.0), 30.0));
        assert_eq!(Timestamp::from_seconds(f64::NAN), None);
    }
}
