//! Transactions.

use bytes::Bytes;
use model::Object;
use thiserror::Error;

use crate::key::{Key, LeaseId, Stamp};
use crate::store::StoreError;

/// What has to hold for a transaction to happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Require {
    /// There is no such row.
    Absent(Key),
    /// There is such a row.
    Present(Key),
    /// Nobody wrote the row since its stamp was read.
    Unchanged(Key, Stamp),
}

/// What a transaction does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    /// Writes a row, whether it was there or not.
    Put {
        /// Its key.
        key: Key,
        /// Its text.
        value: Bytes,
        /// The lease with which it goes.
        lease: Option<LeaseId>,
    },
    /// Deletes a row; one that is not there is no error.
    Delete(Key),
}

/// A transaction. A row may occur in one operation only.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Txn {
    /// All of this has to hold.
    pub require: Vec<Require>,
    /// All of this is done.
    pub ops: Vec<Op>,
}

impl Txn {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Also requires.
    #[must_use]
    pub fn require(mut self, require: Require) -> Self {
        self.require.push(require);
        self
    }

    /// Also writes a text.
    #[must_use]
    pub fn put(mut self, key: Key, value: impl Into<Bytes>) -> Self {
        self.ops.push(Op::Put { key, value: value.into(), lease: None });
        self
    }

    /// Also writes an object of the model.
    #[must_use]
    pub fn put_object(self, object: &Object) -> Self {
        self.put(Key::of(object), object.to_text())
    }

    /// Also deletes.
    #[must_use]
    pub fn delete(mut self, key: Key) -> Self {
        self.ops.push(Op::Delete(key));
        self
    }
}

impl Require {
    /// The row that is spoken of.
    #[must_use]
    pub const fn key(&self) -> &Key {
        match self {
            Self::Absent(key) | Self::Present(key) | Self::Unchanged(key, _) => key,
        }
    }
}

impl Op {
    /// The row that is changed.
    #[must_use]
    pub const fn key(&self) -> &Key {
        match self {
            Self::Put { key, .. } | Self::Delete(key) => key,
        }
    }
}

/// A transaction did not happen, or nobody knows.
#[derive(Debug, Clone, Error)]
pub enum CommitError {
    /// Something that it requires does not hold; nothing was done. Which it was, not every store says.
    #[error("a requirement of the transaction does not hold")]
    Conflict,
    /// It is more than the store takes; nothing was done.
    #[error("the transaction is too large for the store: {reason}")]
    TooLarge {
        /// What is too large, and the limit.
        reason: String,
    },
    /// It makes no sense; nothing was done.
    #[error("the transaction makes no sense: {reason}")]
    Invalid {
        /// What is wrong.
        reason: String,
    },
    /// The store failed. If it was unavailable, the transaction may have happened.
    #[error(transparent)]
    Store(#[from] StoreError),
}
