//! The file: what is in it, and how it is written.
//!
//! | table | key | what it says |
//! |---|---|---|
//! | `meta` | a name | a number: format, identity, where the store is |
//! | `log` | revision, place in it | a version of a row, as etcd's row; without a version number it is a deletion |
//! | `leases` | a lease | how many seconds it lives |
//!
//! Everything a batch changes is one transaction of the file, which is on the disk when [`Disk::write`] returns. A write
//! that fails leaves the file in doubt until it is opened again: the number of the batch says whether it is there.
//!
//! Transactions are committed in two phases. It costs a second fsync, and buys that a state of the file which cannot be
//! read is always damage and never the remains of an interrupted commit: so it is reported, where otherwise the state
//! before it would be taken, and the last acknowledged batch be lost without a word. All checksums are looked at when the
//! file is opened, before anything in it is believed.

use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use etcd_wire::kv::KeyValue;
use prost::Message;
use redb::{
    Database, DatabaseError, ReadableDatabase, ReadableTable, StorageError, TableDefinition, TableError,
};

use crate::error::OpenError;
use crate::identity::Identity;
use crate::keyspace::{Keyspace, Obsolete, Version};
use crate::lease::Leases;
use crate::staged::{Effects, State};

#[cfg(test)]
mod tests;

/// The format that we write. What was written by later formats is refused.
const FORMAT: u64 = 1;

const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
const LOG: TableDefinition<'_, (i64, u32), &[u8]> = TableDefinition::new("log");
const LEASES: TableDefinition<'_, i64, i64> = TableDefinition::new("leases");

const META_FORMAT: &str = "format";
const META_CLUSTER: &str = "cluster_id";
const META_MEMBER: &str = "member_id";
const META_REVISION: &str = "revision";
const META_COMPACTED: &str = "compacted";
const META_BATCH: &str = "batch";

/// Whether a file that is not there is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    /// It is: a store begins empty.
    Make,
    /// It is not: the file was there before, and an empty one in its place would be a loss.
    Refuse,
}

/// How the file is opened; tests have files that fail.
pub(crate) type Opener = Arc<dyn Fn(Missing) -> Result<Database, DatabaseError> + Send + Sync>;

/// What is written together.
#[derive(Debug, Default, Clone)]
pub(crate) struct Batch {
    pub(crate) effects: Effects,
    /// The revision afterwards.
    pub(crate) revision: i64,
    /// Forget what was before this revision.
    pub(crate) compaction: Option<Compaction>,
}

/// What a compaction removes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Compaction {
    pub(crate) at: i64,
    pub(crate) obsolete: Vec<Obsolete>,
}

/// The file failed.
#[derive(Debug)]
pub(crate) struct DiskError {
    pub(crate) is_full: bool,
    pub(crate) reason: String,
}

/// The open file.
pub(crate) struct Disk {
    path: PathBuf,
    opener: Opener,
    database: Option<Database>,
    /// Which store it is.
    cluster_id: u64,
    /// The number of the last batch that is on the disk, as far as we know.
    batch: u64,
}

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Disk").field("path", &self.path).field("batch", &self.batch).finish_non_exhaustive()
    }
}

/// How to open the file at `path`.
pub(crate) fn file(path: &Path, cache_bytes: usize) -> Opener {
    let path = path.to_owned();
    Arc::new(move |missing| {
        let mut builder = Database::builder();
        builder.set_cache_size(cache_bytes);
        match missing {
            Missing::Make => builder.create(&path),
            Missing::Refuse => builder.open(&path),
        }
    })
}

impl Disk {
    /// Opens the file and reads all of it.
    pub(crate) fn open(
        path: &Path,
        opener: Opener,
        epoch: Instant,
    ) -> Result<(Self, State, Identity), OpenError> {
        let database = open_checked(path, &opener)?;
        let identity = found_store(path, &database)?;
        let (state, batch) = load(path, &database, epoch)?;
        let cluster_id = identity.cluster_id;
        let disk = Self { path: path.to_owned(), opener, database: Some(database), cluster_id, batch };
        Ok((disk, state, identity))
    }

    /// Writes a batch. When this returns well, the batch is on the disk. After an error the file is closed, and
    /// [`Disk::recover`] has to tell whether the batch is there.
    pub(crate) fn write(&mut self, batch: &Batch) -> Result<(), DiskError> {
        let next = self.batch.saturating_add(1);
        let database = self.database.as_ref().ok_or_else(|| DiskError {
            is_full: false,
            reason: format!("{} is closed since it failed", self.path.display()),
        })?;
        match write(database, batch, next) {
            Ok(()) => {
                self.batch = next;
                Ok(())
            }
            Err(error) => {
                self.database = None;
                Err(self.disk_error(error))
            }
        }
    }

    /// Opens the file again after a write failed, and tells whether that batch is on the disk.
    pub(crate) fn recover(&mut self) -> Result<bool, DiskError> {
        self.database = None;
        let database = (self.opener)(Missing::Refuse).map_err(|error| self.disk_error(error.into()))?;
        let read = |name| read_meta(&database, name).map_err(|error| self.disk_error(error));
        let (cluster_id, found) = (read(META_CLUSTER)?, read(META_BATCH)?.unwrap_or_default());
        let next = self.batch.saturating_add(1);
        if cluster_id != Some(self.cluster_id) || (found != self.batch && found != next) {
            let reason =
                format!("{} is not the file it was; stop the store and put it back", self.path.display());
            return Err(DiskError { is_full: false, reason });
        }
        let written = found == next;
        self.batch = found;
        self.database = Some(database);
        Ok(written)
    }

    /// Whether the file is open.
    pub(crate) const fn is_open(&self) -> bool {
        self.database.is_some()
    }

    /// Gives room that the file does not need back to the disk.
    pub(crate) fn shrink(&mut self) -> Result<(), DiskError> {
        let Some(database) = self.database.as_mut() else { return Ok(()) };
        match database.compact() {
            Ok(_) => Ok(()),
            Err(error) => {
                self.database = None;
                Err(self.disk_error(error.into()))
            }
        }
    }

    fn disk_error(&self, error: redb::Error) -> DiskError {
        let is_full = matches!(&error, redb::Error::Io(source) if no_room(source));
        let verb = if is_full { "there is no room on the disk of" } else { "cannot write" };
        DiskError { is_full, reason: format!("{verb} {}: {error}", self.path.display()) }
    }
}

fn no_room(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
    )
}

/// Opens the file and looks at all its checksums.
fn open_checked(path: &Path, opener: &Opener) -> Result<Database, OpenError> {
    let open = || -> Result<_, redb::Error> {
        let mut database = opener(Missing::Make)?;
        let is_clean = database.check_integrity()?;
        Ok((database, is_clean))
    };
    // The library trusts its list of free pages, which no checksum covers until the check: a byte flipped there makes it
    // panic.
    let opened = catch_unwind(AssertUnwindSafe(open));
    let opened = opened.map_err(|_| damaged(path, "its list of free pages makes no sense".to_owned()))?;
    let (database, is_clean) = opened.map_err(|error| open_error(path, error))?;
    if !is_clean {
        tracing::warn!(path = %path.display(), "the store had lost track of the free space in its file; it was mended");
    }
    Ok(database)
}

/// The identity of the store in the file, which is made a store if it is empty.
fn found_store(path: &Path, database: &Database) -> Result<Identity, OpenError> {
    let fail = |error: redb::Error| open_error(path, error);
    match read_meta(database, META_FORMAT).map_err(fail)? {
        Some(FORMAT) => {}
        Some(found) if found > FORMAT => {
            return Err(OpenError::TooNew { path: path.to_owned(), found, known: FORMAT });
        }
        Some(found) => return Err(damaged(path, format!("it has format {found}, which there never was"))),
        None => make_store(database).map_err(fail)?,
    }
    let number = |name: &str| {
        let number = read_meta(database, name).map_err(fail)?;
        number.ok_or_else(|| damaged(path, format!("it has no {name}")))
    };
    Ok(Identity { cluster_id: number(META_CLUSTER)?, member_id: number(META_MEMBER)? })
}

fn make_store(database: &Database) -> Result<(), redb::Error> {
    let identity = Identity::new();
    let fresh = Keyspace::new();
    let mut txn = database.begin_write()?;
    txn.set_two_phase_commit(true);
    {
        let mut meta = txn.open_table(META)?;
        meta.insert(META_FORMAT, FORMAT)?;
        meta.insert(META_CLUSTER, identity.cluster_id)?;
        meta.insert(META_MEMBER, identity.member_id)?;
        meta.insert(META_REVISION, fresh.revision().cast_unsigned())?;
        meta.insert(META_COMPACTED, fresh.compacted().cast_unsigned())?;
        meta.insert(META_BATCH, 0)?;
        txn.open_table(LOG)?;
        txn.open_table(LEASES)?;
    }
    txn.commit()?;
    Ok(())
}

fn read_meta(database: &Database, name: &str) -> Result<Option<u64>, redb::Error> {
    let txn = database.begin_read()?;
    let meta = match txn.open_table(META) {
        Ok(meta) => meta,
        Err(TableError::TableDoesNotExist(_)) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    Ok(meta.get(name)?.map(|number| number.value()))
}

/// Reads the whole file; also gives the number of its last batch.
fn load(path: &Path, database: &Database, epoch: Instant) -> Result<(State, u64), OpenError> {
    let fail = |error: redb::Error| open_error(path, error);
    let number = |name: &str| Ok(read_meta(database, name).map_err(fail)?.unwrap_or_default());
    let revision = number(META_REVISION)?.cast_signed();
    let mut state = State { keyspace: Keyspace::new(), leases: Leases::new(epoch) };
    state.keyspace.restore(revision, number(META_COMPACTED)?.cast_signed());
    read_leases(database, &mut state, epoch).map_err(fail)?;
    let txn = database.begin_read().map_err(|error| fail(error.into()))?;
    let log = txn.open_table(LOG).map_err(|error| fail(error.into()))?;
    for entry in log.iter().map_err(|error| fail(error.into()))? {
        let (place, row) = entry.map_err(|error| fail(error.into()))?;
        let (at, sub) = place.value();
        let (key, version) = read_row(at, sub, row.value()).map_err(|reason| damaged(path, reason))?;
        if at > revision {
            return Err(damaged(path, format!("it has revision {at}, but says that it ends at {revision}")));
        }
        state.push(key, version);
    }
    Ok((state, number(META_BATCH)?))
}

fn read_leases(database: &Database, state: &mut State, now: Instant) -> Result<(), redb::Error> {
    let txn = database.begin_read()?;
    for entry in txn.open_table(LEASES)?.iter()? {
        let (id, ttl_s) = entry?;
        state.leases.grant(id.value(), ttl_s.value(), now);
    }
    Ok(())
}

fn read_row(at: i64, sub: u32, bytes: &[u8]) -> Result<(Bytes, Version), String> {
    let row = KeyValue::decode(bytes)
        .map_err(|error| format!("what revision {at} wrote cannot be read: {error}"))?;
    if row.mod_revision != at {
        return Err(format!("revision {at} has a row of revision {}", row.mod_revision));
    }
    Ok(Version::of_row(row, sub))
}

fn write(database: &Database, batch: &Batch, number: u64) -> Result<(), redb::Error> {
    let mut txn = database.begin_write()?;
    txn.set_durability(redb::Durability::Immediate)?;
    txn.set_two_phase_commit(true);
    {
        let mut meta = txn.open_table(META)?;
        meta.insert(META_REVISION, batch.revision.cast_unsigned())?;
        meta.insert(META_BATCH, number)?;
        let mut log = txn.open_table(LOG)?;
        let mut bytes = Vec::new();
        for (key, version) in &batch.effects.versions {
            bytes.clear();
            version
                .to_row(key)
                .encode(&mut bytes)
                .map_err(|error| StorageError::Corrupted(error.to_string()))?;
            log.insert((version.revision, version.sub), bytes.as_slice())?;
        }
        if let Some(compaction) = &batch.compaction {
            meta.insert(META_COMPACTED, compaction.at.cast_unsigned())?;
            for place in &compaction.obsolete {
                log.remove(place)?;
            }
        }
        let mut leases = txn.open_table(LEASES)?;
        for (id, ttl_s) in &batch.effects.leases {
            match ttl_s {
                Some(ttl_s) => leases.insert(id, ttl_s)?,
                None => leases.remove(id)?,
            };
        }
    }
    txn.commit()?;
    Ok(())
}

fn damaged(path: &Path, reason: String) -> OpenError {
    OpenError::Damaged { path: path.to_owned(), reason }
}

fn open_error(path: &Path, error: redb::Error) -> OpenError {
    let path = path.to_owned();
    match error {
        redb::Error::DatabaseAlreadyOpen => OpenError::InUse { path },
        redb::Error::Io(source) if no_room(&source) => OpenError::Full { path, reason: source.to_string() },
        // What is no file of redb's is reported as data that makes no sense.
        redb::Error::Io(source) if source.kind() == io::ErrorKind::InvalidData => {
            OpenError::Damaged { path, reason: source.to_string() }
        }
        redb::Error::Io(source) => OpenError::Io { path, source },
        error => OpenError::Damaged { path, reason: error.to_string() },
    }
}
