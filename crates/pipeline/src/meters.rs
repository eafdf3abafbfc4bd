//! Ids of meters. Those that this module does not name belong to somebody else.

use std::ops::RangeInclusive;

/// All ids that are ours. Open vSwitch's userspace datapath has 65,536 meters; its first few are left to the operator.
pub const OURS: RangeInclusive<u32> = 1024..=65_000;
