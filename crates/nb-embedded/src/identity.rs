//! Random numbers that tell stores and leases apart. Nobody has to be unable to guess them.

use std::hash::{BuildHasher, Hasher, RandomState};

/// Who answers: one store is one cluster of one member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) cluster_id: u64,
    pub(crate) member_id: u64,
}

impl Identity {
    /// A new one.
    pub(crate) fn new() -> Self {
        Self { cluster_id: random().max(1), member_id: random().max(1) }
    }
}

/// The number of a new lease: positive, because some clients print it as a signed number.
pub(crate) fn random_lease_id() -> i64 {
    (random() >> 1).max(1).cast_signed()
}

fn random() -> u64 {
    // The standard library seeds each of these with fresh random keys of the system.
    RandomState::new().build_hasher().finish()
}
