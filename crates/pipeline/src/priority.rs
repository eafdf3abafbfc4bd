//! Priorities: bands that mean the same in every table.
//!
//! A band is wide enough for a level within it, so "longer prefix first" or "rule order" stays inside its band.

/// Priority of a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Priority(u16);

/// Levels that each band holds.
const LEVELS: u16 = 256;

impl Priority {
    /// The flow that decides when no other does; the miss flow of a table has it.
    pub const MISS: Self = Self(0);
    /// Flows that apply unless something more special does.
    pub const DEFAULT: Self = Self(LEVELS);
    /// Prefixes; the level is the prefix length.
    pub const PREFIX: Self = Self(8 * LEVELS);
    /// Flows that match one address, port or object.
    pub const EXACT: Self = Self(32 * LEVELS);
    /// Flows that forbid, before anything allows.
    pub const GUARD: Self = Self(64 * LEVELS);

    /// `level` above the bottom of the band; a higher level decides first.
    pub const fn level(self, level: u8) -> Self {
        Self(self.0 + level as u16)
    }

    /// The number on the wire.
    pub const fn number(self) -> u16 {
        self.0
    }
}
