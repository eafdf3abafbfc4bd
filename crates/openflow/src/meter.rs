//! Meters: rate limits that flows and packet-ins share.

use std::fmt;

/// An entry of the meter table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Meter {
    /// Identity.
    pub id: u32,
    /// What rates and bursts count.
    pub unit: MeterUnit,
    /// Whether bursts are given.
    pub burst: bool,
    /// Whether the switch counts what passes.
    pub stats: bool,
    /// The limits, from the lowest rate up.
    pub bands: Vec<Band>,
}

/// What a meter counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MeterUnit {
    /// Kilobits a second.
    Kbps,
    /// Packets a second.
    Pktps,
}

/// One limit of a meter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Band {
    /// What happens beyond the rate.
    pub kind: BandKind,
    /// The rate.
    pub rate: u32,
    /// The burst; 0 lets the switch choose.
    pub burst: u32,
}

/// What happens to packets beyond a rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BandKind {
    /// They are dropped.
    Drop,
    /// Their drop precedence rises by so many levels.
    DscpRemark(u8),
}

impl fmt::Display for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        crate::text::print::fmt_meter(f, self)
    }
}
