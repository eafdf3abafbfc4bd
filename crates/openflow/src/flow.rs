//! Flows: as a value that is easy to build and read ([`Flow`]), and as one block of wire bytes ([`PackedFlow`]) that is
//! cheap to keep by the hundred thousand.
//!
//! # Guarantees
//! - A [`FlowKey`] is a flow's identity as OpenFlow sees it: table, priority and canonical match. Two flows with equal
//!   keys replace each other in a switch.
//! - Packing is canonical: equal flows are equal bytes, and a flow that a switch dumps packs into the bytes that were sent
//!   to it. So comparing a dump with what is desired compares bytes.

mod packed;
mod set;
#[cfg(test)]
mod tests;

use std::fmt;

pub use packed::{FlowKey, PackedFlow, TooLong, WireFlow};
pub use set::FlowSet;

use crate::action::Action;
use crate::field::{FieldValue, Subfield};
use crate::instruction::Instructions;
use crate::matching::Match;

/// Priority of a flow whose text does not say one.
pub const PRIORITY_DEFAULT: u16 = 0x8000;

/// Flags of a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct FlowFlags(pub u16);

impl FlowFlags {
    /// The switch tells when the flow goes.
    pub const SEND_FLOW_REM: Self = Self(1 << 0);
    /// The switch refuses the flow when it overlaps another of its priority.
    pub const CHECK_OVERLAP: Self = Self(1 << 1);
    /// Counters start anew.
    pub const RESET_COUNTS: Self = Self(1 << 2);
    /// Packets need not be counted.
    pub const NO_PKT_COUNTS: Self = Self(1 << 3);
    /// Bytes need not be counted.
    pub const NO_BYT_COUNTS: Self = Self(1 << 4);

    /// What a switch remembers of a flow's flags; the others are about the moment of adding it.
    pub const KEPT: Self = Self(Self::SEND_FLOW_REM.0 | Self::NO_PKT_COUNTS.0 | Self::NO_BYT_COUNTS.0);

    /// Whether all bits of `other` are set.
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// An entry of a flow table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Flow {
    /// Table.
    pub table: u8,
    /// The highest priority that matches wins.
    pub priority: u16,
    /// Which packets.
    pub matching: Match,
    /// Who made the flow; not part of its identity.
    pub cookie: u64,
    /// Seconds without a packet after which the flow goes; 0 for never.
    pub idle_s: u16,
    /// Seconds after which the flow goes; 0 for never.
    pub hard_s: u16,
    /// Flags.
    pub flags: FlowFlags,
    /// What is done.
    pub instructions: Instructions,
}

impl Flow {
    /// A flow that matches and drops everything in `table`.
    pub fn new(table: u8, priority: u16) -> Self {
        Self {
            table,
            priority,
            matching: Match::new(),
            cookie: 0,
            idle_s: 0,
            hard_s: 0,
            flags: FlowFlags::default(),
            instructions: Instructions::default(),
        }
    }

    /// Replaces the match.
    #[must_use]
    pub fn matching(mut self, matching: Match) -> Self {
        self.matching = matching;
        self
    }

    /// Replaces the cookie.
    #[must_use]
    pub fn cookie(mut self, cookie: u64) -> Self {
        self.cookie = cookie;
        self
    }

    /// Adds an action that is applied at once.
    #[must_use]
    pub fn action(mut self, action: Action) -> Self {
        self.instructions.apply.push(action);
        self
    }

    /// Adds actions that are applied at once.
    #[must_use]
    pub fn actions(mut self, actions: impl IntoIterator<Item = Action>) -> Self {
        self.instructions.apply.extend(actions);
        self
    }

    /// Writes a whole field.
    #[must_use]
    pub fn set(self, field: crate::Field, value: impl FieldValue) -> Self {
        self.action(Action::set(field, value))
    }

    /// Copies bits.
    #[must_use]
    pub fn copy(self, src: impl Into<Subfield>, dst: impl Into<Subfield>) -> Self {
        self.action(Action::copy(src, dst))
    }

    /// Goes on in a later table.
    #[must_use]
    pub fn goto(mut self, table: u8) -> Self {
        self.instructions.goto = Some(table);
        self
    }
}

impl fmt::Display for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        crate::text::print::fmt_flow(f, self)
    }
}
