//! Numbers of what filters: conntrack zones, security groups, sets of addresses.

use std::ops::RangeInclusive;

/// Zones of ports. Zone 0 is everybody's, and that of ports whose connections nobody follows.
pub const ZONES: RangeInclusive<u32> = 1..=60_000;

/// Zones of routers, where they translate addresses.
pub const ROUTER_ZONES: RangeInclusive<u32> = 60_001..=65_000;

/// Security groups in their places: what a register has room for; 0 is no group.
pub const GROUPS: RangeInclusive<u32> = 1..=0xfffe;

/// The group of ports that are filtered and have none: it permits nothing.
pub const NO_GROUP: u32 = 0xffff;

/// Sets of addresses: ids of conjunctive matches.
pub const ADDRESS_SETS: RangeInclusive<u32> = 1..=0xff_ffff;

/// What a connection is marked with that no rule permits any more.
pub const MARK_CUT: u32 = 1;
