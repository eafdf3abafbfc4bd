//! The rows in memory: all states since the last compaction.
//!
//! Every row keeps its versions in the order of their revisions; the last is the present one. A state of the whole store
//! is what the rows' last versions up to a revision say, so an old state costs only what changed since. The log names
//! the rows that each revision changed, for watches.
//!
//! A compaction at revision R keeps everything that can be seen at R or later: of each row the last version up to R, and
//! of the log what happened at R and after. Deleted rows go when their deletion is older than R.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use etcd_wire::KeyRange;
use etcd_wire::kv::KeyValue;
use smallvec::SmallVec;

#[cfg(test)]
mod tests;

/// Looks at the present state.
pub(crate) const NOW: i64 = i64::MAX;

/// A fresh store is at this revision, as etcd's is.
const FIRST_REVISION: i64 = 1;

/// Nothing was compacted yet.
const NEVER: i64 = -1;

/// What a version costs beside its text: itself, its entry of the log, and the nodes that hold them.
const VERSION_OVERHEAD_BYTES: usize = 160;

/// What a row said from a revision on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Version {
    /// The revision that wrote it.
    pub(crate) revision: i64,
    /// Its place among the changes of that revision.
    pub(crate) sub: u32,
    /// The revision that made the row.
    pub(crate) created: i64,
    /// How often the row was written since; 0: it was deleted.
    pub(crate) count: i64,
    /// The lease it goes with, or 0.
    pub(crate) lease: i64,
    /// What it says.
    pub(crate) value: Bytes,
}

impl Version {
    /// The end of a row.
    pub(crate) fn deleted(revision: i64, sub: u32) -> Self {
        Self { revision, sub, created: 0, count: 0, lease: 0, value: Bytes::new() }
    }

    pub(crate) const fn is_deleted(&self) -> bool {
        self.count == 0
    }

    /// The row as etcd's clients see it.
    pub(crate) fn to_row(&self, key: &Bytes) -> KeyValue {
        KeyValue {
            key: key.clone(),
            create_revision: self.created,
            mod_revision: self.revision,
            version: self.count,
            value: self.value.clone(),
            lease: self.lease,
        }
    }

    /// What a row as clients see it says; the reverse of [`Version::to_row`].
    pub(crate) fn of_row(row: KeyValue, sub: u32) -> (Bytes, Self) {
        let version = Self {
            revision: row.mod_revision,
            sub,
            created: row.create_revision,
            count: row.version,
            lease: row.lease,
            value: row.value,
        };
        (row.key, version)
    }

    /// What it costs in memory, with a key of this length.
    pub(crate) fn bytes(&self, key: &[u8]) -> usize {
        key.len().saturating_add(self.value.len()).saturating_add(VERSION_OVERHEAD_BYTES)
    }
}

/// The versions of one row. Most rows have one.
pub(crate) type Versions = SmallVec<[Version; 1]>;

/// The last version up to `at`, unless it is a deletion.
pub(crate) fn visible(versions: &[Version], at: i64) -> Option<&Version> {
    last_up_to(versions, at).filter(|version| !version.is_deleted())
}

/// The last version up to `at`.
pub(crate) fn last_up_to(versions: &[Version], at: i64) -> Option<&Version> {
    let known = versions.partition_point(|version| version.revision <= at);
    versions.get(..known)?.last()
}

/// A change of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) key: Bytes,
    pub(crate) version: Version,
    /// What the row said before, where it was there and that is still known.
    pub(crate) before: Option<Version>,
}

/// What happened from a revision on.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Changes {
    pub(crate) changes: Vec<Change>,
    /// Nothing up to this revision is missing.
    pub(crate) complete_to: i64,
}

/// The revision asked for is forgotten; the store begins at this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Compacted(pub(crate) i64);

/// A version that nobody can see any more, by its revision and its place there.
pub(crate) type Obsolete = (i64, u32);

/// All rows.
#[derive(Debug)]
pub(crate) struct Keyspace {
    rows: BTreeMap<Bytes, Versions>,
    log: VecDeque<(i64, Bytes)>,
    revision: i64,
    compacted: i64,
    bytes: usize,
    superseded_bytes: usize,
}

impl Keyspace {
    /// No rows, in the state that a fresh store has.
    pub(crate) const fn new() -> Self {
        Self {
            rows: BTreeMap::new(),
            log: VecDeque::new(),
            revision: FIRST_REVISION,
            compacted: NEVER,
            bytes: 0,
            superseded_bytes: 0,
        }
    }

    /// The present revision.
    pub(crate) const fn revision(&self) -> i64 {
        self.revision
    }

    /// The oldest revision that can be read.
    pub(crate) const fn compacted(&self) -> i64 {
        self.compacted
    }

    /// What all versions cost in memory.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// What the present rows cost in memory.
    pub(crate) const fn live_bytes(&self) -> usize {
        self.bytes.saturating_sub(self.superseded_bytes)
    }

    /// The revisions that can be read.
    pub(crate) fn history_revisions(&self) -> i64 {
        self.revision.saturating_sub(self.compacted.max(FIRST_REVISION))
    }

    /// The versions of a row; none where it was never there.
    pub(crate) fn versions(&self, key: &[u8]) -> &[Version] {
        self.rows.get(key).map(SmallVec::as_slice).unwrap_or_default()
    }

    /// Rows of a range with their versions, in the order of keys. Some of them may be deleted.
    pub(crate) fn rows(&self, range: &KeyRange) -> impl Iterator<Item = (&Bytes, &[Version])> {
        let rows = range.bounds().map(|bounds| self.rows.range::<[u8], _>(bounds));
        rows.into_iter().flatten().map(|(key, versions)| (key, versions.as_slice()))
    }

    /// Adds a version, which is later than all others.
    pub(crate) fn push(&mut self, key: Bytes, version: Version) {
        let bytes = version.bytes(&key);
        let last = self.versions(&key).last().filter(|last| !last.is_deleted());
        let superseded = last.map_or(0, |last| last.bytes(&key));
        let deleted = if version.is_deleted() { bytes } else { 0 };
        self.superseded_bytes = self.superseded_bytes.saturating_add(superseded).saturating_add(deleted);
        self.bytes = self.bytes.saturating_add(bytes);
        self.revision = self.revision.max(version.revision);
        if version.revision >= self.compacted {
            self.log.push_back((version.revision, key.clone()));
        }
        self.rows.entry(key).or_default().push(version);
    }

    /// Sets where the store is, before its rows are read.
    pub(crate) fn restore(&mut self, revision: i64, compacted: i64) {
        self.revision = self.revision.max(revision);
        self.compacted = compacted;
    }

    /// What happened to rows of `range` at `from` and after: whole revisions, until there are `bytes_max`.
    pub(crate) fn changes(
        &self,
        range: &KeyRange,
        from: i64,
        bytes_max: usize,
    ) -> Result<Changes, Compacted> {
        if from < self.compacted {
            return Err(Compacted(self.compacted));
        }
        let mut found = Changes { changes: Vec::new(), complete_to: self.revision };
        let (mut bytes, mut revision) = (0_usize, from);
        let first = self.log.partition_point(|(revision, _)| *revision < from);
        for (at, key) in self.log.range(first..) {
            if *at > revision && bytes >= bytes_max {
                found.complete_to = revision;
                break;
            }
            revision = *at;
            if let Some(change) = range.contains(key).then(|| self.change(key, *at)).flatten() {
                bytes = bytes.saturating_add(change.version.bytes(key));
                found.changes.push(change);
            }
        }
        Ok(found)
    }

    fn change(&self, key: &Bytes, at: i64) -> Option<Change> {
        let versions = self.versions(key);
        let place = versions.binary_search_by_key(&at, |version| version.revision).ok()?;
        let before = place.checked_sub(1).and_then(|before| versions.get(before));
        Some(Change {
            key: key.clone(),
            version: versions.get(place)?.clone(),
            before: before.filter(|version| !version.is_deleted()).cloned(),
        })
    }

    /// The versions that nobody can see after a compaction at `at`.
    pub(crate) fn obsolete(&self, at: i64) -> Vec<Obsolete> {
        let mut obsolete = Vec::new();
        for key in self.touched_up_to(at) {
            let versions = self.versions(key);
            let gone = obsolete_count(versions, at);
            obsolete.extend(versions.iter().take(gone).map(|version| (version.revision, version.sub)));
        }
        obsolete.sort_unstable();
        obsolete.dedup();
        obsolete
    }

    /// Forgets what nobody can see at `at` or later.
    pub(crate) fn compact(&mut self, at: i64) {
        let touched: Vec<_> = self.touched_up_to(at).cloned().collect();
        for key in touched {
            self.prune(&key, at);
        }
        let forgotten = self.log.partition_point(|(revision, _)| *revision < at);
        self.log.drain(..forgotten);
        self.compacted = at;
    }

    fn touched_up_to(&self, at: i64) -> impl Iterator<Item = &Bytes> {
        let end = self.log.partition_point(|(revision, _)| *revision <= at);
        self.log.range(..end).map(|(_, key)| key)
    }

    fn prune(&mut self, key: &Bytes, at: i64) {
        let Some(versions) = self.rows.get_mut(key) else { return };
        let gone = obsolete_count(versions, at);
        for version in versions.drain(..gone) {
            let bytes = version.bytes(key);
            self.bytes = self.bytes.saturating_sub(bytes);
            self.superseded_bytes = self.superseded_bytes.saturating_sub(bytes);
        }
        if versions.is_empty() {
            self.rows.remove(key);
        } else {
            versions.shrink_to_fit();
        }
    }

    /// The revision to compact at so that at most `revisions_max` revisions and `bytes_max` of what is superseded are kept,
    /// if that is exceeded. It leaves a quarter of room, so that not every commit has to compact.
    pub(crate) fn excess(&self, revisions_max: i64, bytes_max: usize) -> Option<i64> {
        let by_revisions = (self.history_revisions() > revisions_max)
            .then(|| self.revision.saturating_sub(revisions_max / 4 * 3));
        let by_bytes = (self.superseded_bytes > bytes_max).then(|| {
            let target = self.superseded_bytes.saturating_sub(bytes_max / 4 * 3);
            self.revision_that_frees(target)
        });
        by_revisions.max(by_bytes).filter(|at| *at > self.compacted)
    }

    /// The first revision whose compaction frees about `target` bytes.
    fn revision_that_frees(&self, target: usize) -> i64 {
        let mut freed = 0_usize;
        for (revision, key) in &self.log {
            let versions = self.versions(key);
            let place = versions.partition_point(|version| version.revision < *revision);
            let before = place.checked_sub(1).and_then(|before| versions.get(before));
            freed = freed.saturating_add(before.map_or(0, |version| version.bytes(key)));
            if freed >= target {
                return *revision;
            }
        }
        self.revision
    }
}

/// How many of the first versions nobody can see at `at` or later.
fn obsolete_count(versions: &[Version], at: i64) -> usize {
    let known = versions.partition_point(|version| version.revision <= at);
    let Some(last) = known.checked_sub(1).and_then(|last| versions.get(last)) else { return 0 };
    // A deletion at the revision itself is still an event that a watch from there has to see.
    if last.is_deleted() && last.revision < at { known } else { known.saturating_sub(1) }
}
