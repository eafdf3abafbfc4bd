//! What a batch of requests will change, before it is on the disk.
//!
//! Each request of a batch sees what the ones before it did, and nobody else does: readers look at the keyspace, which
//! learns of the batch only when the disk has it. So a batch that cannot be written leaves no trace.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use etcd_wire::KeyRange;

use crate::keyspace::{Keyspace, NOW, Version, Versions, last_up_to, visible};
use crate::lease::Leases;

#[cfg(test)]
mod tests;

/// The rows and leases that clients see.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) keyspace: Keyspace,
    pub(crate) leases: Leases,
}

impl State {
    /// Does what a batch changed.
    pub(crate) fn apply(&mut self, effects: &Effects, now: std::time::Instant) {
        for (id, ttl_s) in &effects.leases {
            if let Some(ttl_s) = ttl_s {
                self.leases.grant(*id, *ttl_s, now);
            }
        }
        for (key, version) in &effects.versions {
            self.push(key.clone(), version.clone());
        }
        for (id, ttl_s) in &effects.leases {
            if ttl_s.is_none() {
                self.leases.remove(*id);
            }
        }
    }

    /// Adds a version of a row, which is later than all others.
    pub(crate) fn push(&mut self, key: Bytes, version: Version) {
        let before = visible(self.keyspace.versions(&key), NOW).map_or(0, |version| version.lease);
        self.leases.attach(&key, before, version.lease);
        self.keyspace.push(key, version);
    }
}

/// What a batch changes.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Effects {
    /// New versions of rows, in order.
    pub(crate) versions: Vec<(Bytes, Version)>,
    /// Leases that are granted for so many seconds, or gone.
    pub(crate) leases: BTreeMap<i64, Option<i64>>,
}

impl Effects {
    pub(crate) fn is_empty(&self) -> bool {
        self.versions.is_empty() && self.leases.is_empty()
    }
}

/// Something in which rows can be looked up, in any state it knows.
pub(crate) trait View {
    /// The present revision.
    fn revision(&self) -> i64;

    /// The oldest revision that can be read.
    fn compacted(&self) -> i64;

    /// What a row said at a revision, or says [`NOW`].
    fn get(&self, key: &[u8], at: i64) -> Option<&Version>;

    /// The rows of a range as they were at a revision, or are [`NOW`], in the order of keys.
    fn scan<'a>(
        &'a self,
        range: &'a KeyRange,
        at: i64,
    ) -> Box<dyn Iterator<Item = (&'a Bytes, &'a Version)> + 'a>;
}

impl View for Keyspace {
    fn revision(&self) -> i64 {
        self.revision()
    }

    fn compacted(&self) -> i64 {
        self.compacted()
    }

    fn get(&self, key: &[u8], at: i64) -> Option<&Version> {
        visible(self.versions(key), at)
    }

    fn scan<'a>(
        &'a self,
        range: &'a KeyRange,
        at: i64,
    ) -> Box<dyn Iterator<Item = (&'a Bytes, &'a Version)> + 'a> {
        Box::new(self.rows(range).filter_map(move |(key, versions)| Some((key, visible(versions, at)?))))
    }
}

/// A state, and what a batch will have changed in it.
#[derive(Debug)]
pub(crate) struct Staged<'a> {
    state: &'a State,
    rows: BTreeMap<Bytes, Versions>,
    revision: i64,
    sub: u32,
    live_bytes: usize,
    effects: Effects,
}

impl<'a> Staged<'a> {
    /// Nothing changed yet.
    pub(crate) fn new(state: &'a State) -> Self {
        let revision = state.keyspace.revision();
        let live_bytes = state.keyspace.live_bytes();
        Self { state, rows: BTreeMap::new(), revision, sub: 0, live_bytes, effects: Effects::default() }
    }

    /// What the present rows cost in memory. What the batch deletes still counts.
    pub(crate) const fn live_bytes(&self) -> usize {
        self.live_bytes
    }

    /// Whether the request changed something since [`Staged::finish_request`].
    pub(crate) const fn has_changed(&self) -> bool {
        self.sub > 0
    }

    /// The revision of what this request changes.
    pub(crate) const fn next_revision(&self) -> i64 {
        self.revision.saturating_add(1)
    }

    /// The revision after the request as far as it was done.
    pub(crate) const fn revision_so_far(&self) -> i64 {
        if self.has_changed() { self.next_revision() } else { self.revision }
    }

    /// Writes a row.
    pub(crate) fn put(&mut self, key: Bytes, value: Bytes, lease: i64) {
        let revision = self.next_revision();
        let (created, count) =
            self.get(&key, NOW).map_or((revision, 0), |version| (version.created, version.count));
        let count = count.saturating_add(1);
        self.push(key, Version { revision, sub: self.sub, created, count, lease, value });
    }

    /// Deletes the rows of a range and gives them.
    pub(crate) fn delete(&mut self, range: &KeyRange) -> Vec<(Bytes, Version)> {
        let deleted: Vec<_> =
            self.scan(range, NOW).map(|(key, version)| (key.clone(), version.clone())).collect();
        for (key, _) in &deleted {
            self.push(key.clone(), Version::deleted(self.next_revision(), self.sub));
        }
        deleted
    }

    fn push(&mut self, key: Bytes, version: Version) {
        self.live_bytes = self.live_bytes.saturating_add(version.bytes(&key));
        self.sub = self.sub.saturating_add(1);
        self.effects.versions.push((key.clone(), version.clone()));
        self.rows.entry(key).or_default().push(version);
    }

    /// What comes next is another request.
    pub(crate) fn finish_request(&mut self) {
        self.revision = self.revision_so_far();
        self.sub = 0;
    }

    /// Whether a lease is there.
    pub(crate) fn has_lease(&self, id: i64) -> bool {
        match self.effects.leases.get(&id) {
            Some(lease) => lease.is_some(),
            None => self.state.leases.get(id).is_some(),
        }
    }

    /// How many leases there are at most.
    pub(crate) fn leases_len(&self) -> usize {
        self.state.leases.len().saturating_add(self.effects.leases.len())
    }

    /// Adds a lease.
    pub(crate) fn grant(&mut self, id: i64, ttl_s: i64) {
        self.effects.leases.insert(id, Some(ttl_s));
    }

    /// Ends a lease and deletes its rows.
    pub(crate) fn revoke(&mut self, id: i64) {
        let known = self.state.leases.get(id).map(|lease| lease.keys().clone()).unwrap_or_default();
        let new = self.rows.keys().cloned();
        let keys: BTreeSet<_> = known.into_iter().chain(new).collect();
        for key in keys {
            if self.get(&key, NOW).is_some_and(|version| version.lease == id) {
                self.push(key, Version::deleted(self.next_revision(), self.sub));
            }
        }
        self.effects.leases.insert(id, None);
    }

    /// What the batch changes.
    pub(crate) fn into_effects(self) -> Effects {
        self.effects
    }
}

impl View for Staged<'_> {
    fn revision(&self) -> i64 {
        self.revision_so_far()
    }

    fn compacted(&self) -> i64 {
        self.state.keyspace.compacted()
    }

    fn get(&self, key: &[u8], at: i64) -> Option<&Version> {
        let staged = self.rows.get(key).and_then(|versions| last_up_to(versions, at));
        match staged {
            Some(version) => Some(version).filter(|version| !version.is_deleted()),
            None => self.state.keyspace.get(key, at),
        }
    }

    fn scan<'a>(
        &'a self,
        range: &'a KeyRange,
        at: i64,
    ) -> Box<dyn Iterator<Item = (&'a Bytes, &'a Version)> + 'a> {
        let mut known = self.state.keyspace.rows(range).peekable();
        let staged = range.bounds().map(|bounds| self.rows.range::<[u8], _>(bounds));
        let mut staged = staged.into_iter().flatten().peekable();
        let merged = std::iter::from_fn(move || match (known.peek(), staged.peek()) {
            (Some((old, _)), Some((new, _))) if old == new => {
                staged.next();
                known.next().map(|(key, _)| key)
            }
            (Some((old, _)), Some((new, _))) if new < old => staged.next().map(|(key, _)| key),
            (None, Some(_)) => staged.next().map(|(key, _)| key),
            _ => known.next().map(|(key, _)| key),
        });
        Box::new(merged.filter_map(move |key| Some((key, self.get(key, at)?))))
    }
}
