//! The trait of drivers.

use std::collections::BTreeSet;
use std::fmt;
use std::pin::Pin;

use model::Topic;
use thiserror::Error;

use crate::key::{Key, LeaseId, Revision, Row, TableName};
use crate::txn::{CommitError, Txn};
use crate::watch::Watch;

/// A future of a driver. Drivers are chosen when a program is configured, so they have to be objects.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Which rows somebody wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector {
    /// Rows of these tables.
    pub tables: BTreeSet<TableName>,
    /// Of tables with topics, only rows with these; `None` is all. A driver may hand on more, and a watch does for a
    /// row that had one of them and has another now: its next text is handed on once.
    pub topics: Option<BTreeSet<Topic>>,
}

impl Selector {
    /// All rows of these tables.
    pub fn tables<T: Into<TableName>>(tables: impl IntoIterator<Item = T>) -> Self {
        Self { tables: tables.into_iter().map(Into::into).collect(), topics: None }
    }

    /// Whether a row is meant.
    #[must_use]
    pub fn selects(&self, key: &Key) -> bool {
        let topic_fits = match (&self.topics, &key.topic) {
            (Some(topics), Some(topic)) => topics.contains(topic),
            _ => true,
        };
        self.tables.contains(&key.table) && topic_fits
    }
}

/// A consistent cut of the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The state that was read; a watch from here misses nothing.
    pub revision: Revision,
    /// The rows, in no particular order.
    pub rows: Vec<Row>,
}

/// What a store can take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most operations and requirements of one transaction, each.
    pub txn_ops: usize,
    /// Most bytes of a transaction, as [`Txn::size_bytes`] counts them.
    pub txn_bytes: usize,
}

impl Limits {
    /// What every store takes: those of an etcd that nobody configured.
    pub const SMALLEST: Self = Self { txn_ops: 128, txn_bytes: 1024 * 1024 };
}

/// The store did not do what was asked.
#[derive(Debug, Clone, Error)]
pub enum StoreError {
    /// It cannot be reached, or is too slow. Trying again makes sense.
    #[error("the store is unavailable: {reason}")]
    Unavailable {
        /// What happened.
        reason: String,
    },
    /// It refuses us.
    #[error("the store refuses access: {reason}; check the user and password of the store")]
    Denied {
        /// What it said.
        reason: String,
    },
    /// The lease is not there (any more).
    #[error("lease {} is not known to the store", .0.0)]
    NoSuchLease(LeaseId),
    /// What it holds or says makes no sense.
    #[error("the store is damaged: {reason}")]
    Damaged {
        /// What is wrong.
        reason: String,
    },
    /// Its disk is full, or its quota used up.
    #[error("the store is full: {reason}")]
    Full {
        /// What it said.
        reason: String,
    },
}

impl StoreError {
    /// Whether trying again makes sense.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::Full { .. })
    }
}

/// A driver. All of it may be called from many tasks at once.
pub trait Store: Send + Sync + fmt::Debug + 'static {
    /// Rows by their keys, in the order of the keys: all in one state of the store.
    fn read<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<Vec<Option<Row>>, StoreError>>;

    /// All rows that are selected.
    fn snapshot<'a>(&'a self, selector: &'a Selector) -> BoxFuture<'a, Result<Snapshot, StoreError>>;

    /// Everything that happens to selected rows after `after`. It ends when the watch is dropped.
    fn watch(&self, selector: Selector, after: Revision) -> Watch;

    /// Does all of a transaction, or nothing of it; the revision contains it.
    fn commit(&self, txn: Txn) -> BoxFuture<'_, Result<Revision, CommitError>>;

    /// A new lease that ends `ttl_s` seconds after it was last kept alive.
    fn grant(&self, ttl_s: u32) -> BoxFuture<'_, Result<LeaseId, StoreError>>;

    /// Keeps a lease alive once more.
    fn keep_alive(&self, lease: LeaseId) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Ends a lease and deletes its rows.
    fn revoke(&self, lease: LeaseId) -> BoxFuture<'_, Result<(), StoreError>>;

    /// What the store can take.
    fn limits(&self) -> Limits;
}
