//! Transactions.

use bytes::Bytes;
use model::Object;
use rustc_hash::FxHashSet;
use thiserror::Error;

use crate::key::{Key, LeaseId, Stamp};
use crate::store::{Limits, StoreError};

/// What a store may need to say of an operation or requirement, beside its key and value.
const FRAME_BYTES: usize = 64;

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

    /// Also writes a text that goes with a lease.
    #[must_use]
    pub fn put_with_lease(mut self, key: Key, value: impl Into<Bytes>, lease: LeaseId) -> Self {
        self.ops.push(Op::Put { key, value: value.into(), lease: Some(lease) });
        self
    }

    /// Also deletes.
    #[must_use]
    pub fn delete(mut self, key: Key) -> Self {
        self.ops.push(Op::Delete(key));
        self
    }

    /// What it may need on its way to a store, as [`Limits::txn_bytes`] counts it.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        let requirements = self.require.iter().map(|require| key_bytes(require.key()));
        let ops = self.ops.iter().map(|op| match op {
            Op::Put { key, value, .. } => key_bytes(key).saturating_add(value.len()),
            Op::Delete(key) => key_bytes(key),
        });
        requirements.chain(ops).fold(0, usize::saturating_add)
    }

    /// Whether any store with these limits could do it: what every driver asks before it tries.
    ///
    /// # Errors
    /// When it is too large, when a row occurs in two operations, or a table has a name that no key can hold.
    pub fn check(&self, limits: Limits) -> Result<(), CommitError> {
        let counts = [(self.ops.len(), "operations"), (self.require.len(), "requirements")];
        if let Some((count, what)) = counts.into_iter().find(|(count, _)| *count > limits.txn_ops) {
            return Err(CommitError::TooLarge {
                reason: format!("{count} {what}, and the store takes {}", limits.txn_ops),
            });
        }
        let size = self.size_bytes();
        if size > limits.txn_bytes {
            return Err(CommitError::TooLarge {
                reason: format!("{size} bytes, and the store takes {}", limits.txn_bytes),
            });
        }
        let keys = self.require.iter().map(Require::key).chain(self.ops.iter().map(Op::key));
        if let Some(key) = keys.into_iter().find(|key| !key.table.is_valid()) {
            return Err(CommitError::Invalid {
                reason: format!("{:?} is no name of a table", key.table.as_str()),
            });
        }
        let mut seen = FxHashSet::default();
        match self.ops.iter().find(|op| !seen.insert(op.key())) {
            Some(op) => {
                Err(CommitError::Invalid { reason: format!("{} occurs in two operations", op.key()) })
            }
            None => Ok(()),
        }
    }
}

fn key_bytes(key: &Key) -> usize {
    FRAME_BYTES + key.table.as_str().len() + key.id.with_str(str::len)
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

#[cfg(test)]
mod tests;
