//! Ranges of transport ports, and their expression as masked matches.
//!
//! OpenFlow cannot match a range, only a value under a mask. [`PortRange::masked`] covers a range exactly with
//! the fewest aligned power-of-two blocks, at most 30 for the worst range. Only prefix masks are used: there
//! are seventeen of them, so rules with many ranges still share few masks, and the cost of a look-up in OVS grows
//! with the number of different masks.

use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;

use thiserror::Error;

/// An inclusive, never empty range of TCP, UDP or SCTP ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortRange {
    first: u16,
    last: u16,
}

/// The text is not a range of ports.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ParsePortRangeError {
    /// One end is not a number of 16 bits.
    #[error("invalid port range {text:?}: expected one port or two joined by a dash, each 0 to 65535")]
    NotAPort {
        /// The whole text.
        text: String,
        /// Why the end is not a port.
        source: ParseIntError,
    },
    /// The range would be empty.
    #[error("invalid port range {text:?}: the first port is above the last")]
    Reversed {
        /// The whole text.
        text: String,
    },
}

impl PortRange {
    /// All ports.
    pub const ALL: Self = Self { first: 0, last: u16::MAX };

    /// The ports from `first` to `last`, both included; `None` when that is empty.
    #[must_use]
    pub const fn new(first: u16, last: u16) -> Option<Self> {
        if first > last { None } else { Some(Self { first, last }) }
    }

    /// One port.
    #[must_use]
    pub const fn single(port: u16) -> Self {
        Self { first: port, last: port }
    }

    /// The lowest port.
    #[must_use]
    pub const fn first(self) -> u16 {
        self.first
    }

    /// The highest port.
    #[must_use]
    pub const fn last(self) -> u16 {
        self.last
    }

    /// Whether `port` is in the range.
    #[must_use]
    pub const fn contains(self, port: u16) -> bool {
        self.first <= port && port <= self.last
    }

    /// The fewest `(value, mask)` pairs with prefix masks that match exactly the ports of the range, in rising
    /// order of value. All ports are the one pair `(0, 0)`.
    #[must_use]
    pub fn masked(self) -> Vec<(u16, u16)> {
        let mut pairs = Vec::new();
        let mut next = Some(self.first);
        while let Some(value) = next {
            let block_last = self.widest_block_last(value);
            pairs.push((value, !(value ^ block_last)));
            next = block_last.checked_add(1).filter(|following| *following <= self.last);
        }
        pairs
    }

    /// The end of the widest aligned block that starts at `first` and stays in the range.
    fn widest_block_last(self, first: u16) -> u16 {
        // The low bits of `first` that are zero may vary, as long as setting them all does not leave the range.
        (0..=first.trailing_zeros())
            .map(|bits| first | u16::MAX.checked_shr(u16::BITS - bits).unwrap_or(0))
            .take_while(|last| *last <= self.last)
            .last()
            .unwrap_or(first)
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            write!(f, "{}", self.first)
        } else {
            write!(f, "{}-{}", self.first, self.last)
        }
    }
}

impl FromStr for PortRange {
    type Err = ParsePortRangeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let port = |end: &str| {
            end.parse().map_err(|source| ParsePortRangeError::NotAPort { text: text.to_owned(), source })
        };
        Self::new(port(first)?, port(last)?)
            .ok_or_else(|| ParsePortRangeError::Reversed { text: text.to_owned() })
    }
}

#[cfg(test)]
mod tests;
