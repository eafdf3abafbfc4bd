//! Leases: how long each lives, and which rows go with it.
//!
//! A lease that ran out is marked before its rows are deleted, so that a client is never told that a lease lives while it
//! is about to go. What was granted and how long it lives is on the disk; when it runs out is not: after a restart every
//! lease lives its full time again, because nobody could keep it alive meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;

#[cfg(test)]
mod tests;

/// The longest a lease may live, as etcd has it.
pub(crate) const TTL_S_MAX: i64 = 9_000_000_000;

/// In place of a deadline: the lease ran out.
const RAN_OUT: u64 = 0;

/// A lease.
#[derive(Debug)]
pub(crate) struct Lease {
    ttl_s: i64,
    /// When it runs out, in milliseconds since the clock of the leases began.
    deadline_ms: AtomicU64,
    keys: BTreeSet<Bytes>,
}

impl Lease {
    /// How long it lives after being kept alive.
    pub(crate) const fn ttl_s(&self) -> i64 {
        self.ttl_s
    }

    /// The rows that go with it.
    pub(crate) const fn keys(&self) -> &BTreeSet<Bytes> {
        &self.keys
    }
}

/// All leases.
#[derive(Debug)]
pub(crate) struct Leases {
    epoch: Instant,
    leases: BTreeMap<i64, Lease>,
}

impl Leases {
    /// None. `epoch` is when their clock begins.
    pub(crate) const fn new(epoch: Instant) -> Self {
        Self { epoch, leases: BTreeMap::new() }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.leases.len()
    }

    /// Their numbers.
    pub(crate) fn ids(&self) -> impl Iterator<Item = i64> {
        self.leases.keys().copied()
    }

    /// A lease.
    pub(crate) fn get(&self, id: i64) -> Option<&Lease> {
        self.leases.get(&id)
    }

    /// Adds a lease that lives from now on.
    pub(crate) fn grant(&mut self, id: i64, ttl_s: i64, now: Instant) {
        let deadline_ms = AtomicU64::new(self.deadline_ms(ttl_s, now));
        self.leases.insert(id, Lease { ttl_s, deadline_ms, keys: BTreeSet::new() });
    }

    /// Forgets a lease.
    pub(crate) fn remove(&mut self, id: i64) {
        self.leases.remove(&id);
    }

    /// A row goes with a lease from now on, or with none (0), instead of with another or none before.
    pub(crate) fn attach(&mut self, key: &Bytes, before: i64, after: i64) {
        if before == after {
            return;
        }
        if let Some(lease) = self.leases.get_mut(&before) {
            lease.keys.remove(key);
        }
        if let Some(lease) = self.leases.get_mut(&after) {
            lease.keys.insert(key.clone());
        }
    }

    /// Lets a lease live its full time again and gives it; `None` when it is not there or ran out.
    pub(crate) fn keep_alive(&self, id: i64, now: Instant) -> Option<i64> {
        let lease = self.leases.get(&id)?;
        let deadline = self.deadline_ms(lease.ttl_s, now);
        let longer = |at: u64| (at != RAN_OUT).then(|| at.max(deadline));
        lease.deadline_ms.fetch_update(Ordering::AcqRel, Ordering::Acquire, longer).ok()?;
        Some(lease.ttl_s)
    }

    /// Seconds that a lease lives if nobody keeps it alive.
    pub(crate) fn remaining_s(&self, id: i64, now: Instant) -> Option<u64> {
        let deadline = self.leases.get(&id)?.deadline_ms.load(Ordering::Acquire);
        Some(deadline.saturating_sub(self.millis(now)) / 1000)
    }

    /// Marks the leases that ran out, and gives them; also those that were marked before and are still there.
    pub(crate) fn take_expired(&self, now: Instant) -> Vec<i64> {
        let now = self.millis(now);
        let ran_out = |lease: &Lease| {
            let end = |at: u64| (at <= now).then_some(RAN_OUT);
            lease.deadline_ms.fetch_update(Ordering::AcqRel, Ordering::Acquire, end).is_ok()
        };
        self.leases.iter().filter(|(_, lease)| ran_out(lease)).map(|(id, _)| *id).collect()
    }

    /// When the next lease runs out.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let first = self.leases.values().map(|lease| lease.deadline_ms.load(Ordering::Acquire)).min()?;
        self.epoch.checked_add(Duration::from_millis(first))
    }

    fn deadline_ms(&self, ttl_s: i64, now: Instant) -> u64 {
        self.millis(now)
            .saturating_add(u64::try_from(ttl_s).unwrap_or(0).saturating_mul(1000))
            .max(RAN_OUT + 1)
    }

    fn millis(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.epoch).as_millis()).unwrap_or(u64::MAX)
    }
}
