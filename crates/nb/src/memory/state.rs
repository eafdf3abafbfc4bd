//! What the store in memory holds and remembers: a state machine without clock, locks or tasks.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::Options;
use crate::key::{Key, LeaseId, Revision, Row, Stamp};
use crate::store::{Limits, Selector, Snapshot, StoreError};
use crate::topic;
use crate::txn::{CommitError, Op, Require, Txn};
use crate::watch::Change;

/// A watch that lags gets its changes in batches of this many, or of one commit if that is more.
const BATCH_CHANGES_MAX: usize = 1024;

#[derive(Debug)]
struct Stored {
    row: Row,
    lease: Option<LeaseId>,
}

#[derive(Debug)]
struct Lease {
    ttl_s: u32,
    ends: Instant,
    keys: BTreeSet<Key>,
}

/// A change as history keeps it.
#[derive(Debug, Clone)]
struct Logged {
    change: Change,
    /// The row before, with the topic it had: who wanted that has to learn that the row is elsewhere now.
    before: Option<Key>,
}

#[derive(Debug)]
struct Commit {
    revision: Revision,
    changes: Vec<Logged>,
}

/// What a watch at some revision is told next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum News {
    Nothing,
    Batch { revision: Revision, changes: Vec<Change> },
    UpTo(Revision),
    Gap(String),
}

#[derive(Debug)]
pub(super) struct State {
    options: Options,
    revision: Revision,
    rows: BTreeMap<Key, Stored>,
    history: VecDeque<Commit>,
    history_changes: usize,
    /// Changes up to here are forgotten.
    compacted: Revision,
    leases: BTreeMap<LeaseId, Lease>,
    next_lease: i64,
}

impl State {
    pub(super) const fn new(options: Options) -> Self {
        Self {
            options,
            revision: Revision(0),
            rows: BTreeMap::new(),
            history: VecDeque::new(),
            history_changes: 0,
            compacted: Revision(0),
            leases: BTreeMap::new(),
            next_lease: 1,
        }
    }

    pub(super) const fn limits(&self) -> Limits {
        self.options.limits
    }

    pub(super) const fn revision(&self) -> Revision {
        self.revision
    }

    pub(super) fn read(&self, keys: &[Key]) -> Vec<Option<Row>> {
        keys.iter().map(|key| self.rows.get(key).map(|stored| stored.row.clone())).collect()
    }

    pub(super) fn snapshot(&self, selector: &Selector) -> Snapshot {
        let rows = self.rows.values().filter(|stored| selector.selects(&stored.row.key));
        Snapshot { revision: self.revision, rows: rows.map(|stored| stored.row.clone()).collect() }
    }

    pub(super) fn commit(&mut self, txn: Txn) -> Result<Revision, CommitError> {
        txn.check(self.options.limits)?;
        if !txn.require.iter().all(|require| self.holds(require)) {
            return Err(CommitError::Conflict);
        }
        for op in &txn.ops {
            if let Op::Put { lease: Some(lease), .. } = op
                && !self.leases.contains_key(lease)
            {
                return Err(StoreError::NoSuchLease(*lease).into());
            }
        }
        Ok(self.apply(txn.ops))
    }

    fn holds(&self, require: &Require) -> bool {
        let found = self.rows.get(require.key());
        match require {
            Require::Absent(_) => found.is_none(),
            Require::Present(_) => found.is_some(),
            Require::Unchanged(_, stamp) => found.is_some_and(|stored| stored.row.stamp == *stamp),
        }
    }

    /// Does what was checked. Nothing that changes nothing makes a new state.
    fn apply(&mut self, ops: Vec<Op>) -> Revision {
        let revision = Revision(self.revision.0 + 1);
        let changes: Vec<Logged> = ops
            .into_iter()
            .filter_map(|op| match op {
                Op::Put { key, value, lease } => Some(self.put(key, value, lease, revision)),
                Op::Delete(key) => self.delete(&key),
            })
            .collect();
        if changes.is_empty() {
            return self.revision;
        }
        self.revision = revision;
        self.history_changes += changes.len();
        self.history.push_back(Commit { revision, changes });
        while self.history_changes > self.options.history_changes_max && self.forget_oldest() {}
        revision
    }

    fn put(&mut self, key: Key, value: Bytes, lease: Option<LeaseId>, revision: Revision) -> Logged {
        let key = match key.topic {
            Some(_) => key,
            None => topic::key_of_row(key.table, key.id, &value),
        };
        let row = Row { key: key.clone(), value, stamp: Stamp(revision.0) };
        let before = self.rows.insert(key.clone(), Stored { row: row.clone(), lease });
        if let Some(old) = before.as_ref().and_then(|stored| stored.lease) {
            self.detach(old, &key);
        }
        if let Some(lease) = lease.and_then(|lease| self.leases.get_mut(&lease)) {
            lease.keys.insert(key);
        }
        Logged { change: Change::Put(row), before: before.map(|stored| stored.row.key) }
    }

    fn delete(&mut self, key: &Key) -> Option<Logged> {
        let Stored { row, lease } = self.rows.remove(key)?;
        if let Some(lease) = lease {
            self.detach(lease, key);
        }
        Some(Logged { change: Change::Delete(row.key, Some(row.value)), before: None })
    }

    fn detach(&mut self, lease: LeaseId, key: &Key) {
        if let Some(lease) = self.leases.get_mut(&lease) {
            lease.keys.remove(key);
        }
    }

    fn forget_oldest(&mut self) -> bool {
        let Some(commit) = self.history.pop_front() else { return false };
        self.history_changes -= commit.changes.len();
        self.compacted = commit.revision;
        true
    }

    pub(super) fn compact(&mut self) {
        while self.forget_oldest() {}
    }

    /// What happened to selected rows after `position`.
    pub(super) fn news(&self, selector: &Selector, position: Revision) -> News {
        if position > self.revision {
            let reason = format!("the store is at revision {}, before {}", self.revision.0, position.0);
            return News::Gap(reason);
        }
        if position < self.compacted {
            let reason = format!("changes up to revision {} are forgotten", self.compacted.0);
            return News::Gap(reason);
        }
        let mut changes = Vec::new();
        let mut end = position;
        let first = self.history.partition_point(|commit| commit.revision <= position);
        for commit in self.history.range(first..) {
            if changes.len() >= BATCH_CHANGES_MAX {
                break;
            }
            let wanted = commit.changes.iter().filter(|logged| logged.concerns(selector));
            changes.extend(wanted.map(|logged| logged.change.clone()));
            end = commit.revision;
        }
        match (changes.is_empty(), end == position) {
            (false, _) => News::Batch { revision: end, changes },
            (true, false) => News::UpTo(end),
            (true, true) => News::Nothing,
        }
    }

    pub(super) fn grant(&mut self, ttl_s: u32, now: Instant) -> (LeaseId, Instant) {
        let id = LeaseId(self.next_lease);
        self.next_lease += 1;
        let ends = now + Duration::from_secs(ttl_s.into());
        self.leases.insert(id, Lease { ttl_s, ends, keys: BTreeSet::new() });
        (id, ends)
    }

    pub(super) fn keep_alive(&mut self, id: LeaseId, now: Instant) -> Result<(), StoreError> {
        let lease = self.leases.get_mut(&id).ok_or(StoreError::NoSuchLease(id))?;
        lease.ends = now + Duration::from_secs(lease.ttl_s.into());
        Ok(())
    }

    pub(super) fn revoke(&mut self, id: LeaseId) -> Result<(), StoreError> {
        let lease = self.leases.remove(&id).ok_or(StoreError::NoSuchLease(id))?;
        self.apply(lease.keys.into_iter().map(Op::Delete).collect());
        Ok(())
    }

    /// Ends a lease whose time is over; otherwise says when that will be, or that it is gone.
    pub(super) fn expire(&mut self, id: LeaseId, now: Instant) -> Option<Instant> {
        let ends = self.leases.get(&id)?.ends;
        if now < ends {
            return Some(ends);
        }
        // It is there, so that this cannot fail.
        let _ = self.revoke(id);
        None
    }
}

impl Logged {
    fn concerns(&self, selector: &Selector) -> bool {
        selector.selects(self.change.key()) || self.before.as_ref().is_some_and(|key| selector.selects(key))
    }
}
