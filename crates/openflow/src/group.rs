//! Groups: one packet, several buckets.
//!
//! Buckets keep the order in which they were given; Open vSwitch keeps it too, so a group that did not change compares
//! equal to its dump.

use std::fmt;

use net_types::OfPort;

use crate::action::Action;

/// Which buckets a packet takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GroupKind {
    /// Every bucket gets a copy: flooding.
    All,
    /// One bucket, chosen by a hash of the packet: ECMP.
    Select,
    /// The only bucket.
    Indirect,
    /// The first bucket that is alive.
    FastFailover,
}

/// One way a packet can take.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bucket {
    /// Share of the packets in a `select` group.
    pub weight: u16,
    /// Port whose liveness is the bucket's.
    pub watch_port: Option<OfPort>,
    /// Group whose liveness is the bucket's.
    pub watch_group: Option<u32>,
    /// What is done with the copy.
    pub actions: Vec<Action>,
}

/// An entry of the group table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Group {
    /// Identity.
    pub id: u32,
    /// Which buckets a packet takes.
    pub kind: GroupKind,
    /// The buckets.
    pub buckets: Vec<Bucket>,
}

impl Bucket {
    /// A bucket of actions, without a weight; only `select` groups want one, and there a bucket of weight 0 is never taken.
    pub fn new(actions: Vec<Action>) -> Self {
        Self { weight: 0, watch_port: None, watch_group: None, actions }
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        crate::text::print::fmt_group(f, self)
    }
}
