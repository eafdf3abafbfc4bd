//! What happens to a row when it is created, changed and received, as the original decides it.
//!
//! - A **new** row gets the next number of its table's counter, whatever number it came with, and version 1 unless
//!   its writer gave a version.
//! - A **changed** row counts its version up, unless the writer did. A change that changes nothing is none: nothing is
//!   written and nobody is told.
//! - A **received** row replaces the known one if its version is higher; if the table counts no versions, if it differs.
//!
//! The last rule is for news whose order nobody vouches for. It never goes back, so a row that was deleted and made
//! again with a lower version waits for the news of the deletion. Who reads a store that orders its changes by
//! revision needs no such rule.

use thiserror::Error;

use crate::{Model, RowId, Table, Timestamp, UniqueKey, Version};

/// What the store and the clock give to a new row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Creation {
    /// The next number of the table's counter, where [`Table::has_unique_key`].
    pub unique_key: Option<UniqueKey>,
    /// The time.
    pub now: Timestamp,
}

/// A row cannot be stored.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LifecycleError {
    /// The number was not allocated.
    #[error("new row {id} of table {table} has no unique key: allocate one from the table's counter first")]
    NoUniqueKey {
        /// The table.
        table: Table,
        /// The row.
        id: RowId,
    },
}

/// Makes a new row ready to be stored.
///
/// # Errors
/// When the table has a counter and `creation` no number of it.
pub fn on_create<M: Model>(row: &mut M, creation: &Creation) -> Result<(), LifecycleError> {
    if M::HAS_UNIQUE_KEY {
        let no_key = || LifecycleError::NoUniqueKey { table: M::TABLE, id: row.id().row().clone() };
        let key = creation.unique_key.ok_or_else(no_key)?;
        row.set_unique_key(key);
    }
    if row.version().is_none() {
        row.set_version(Version::FIRST);
    }
    row.touch(&creation.now);
    Ok(())
}

/// Makes a changed row ready to be stored; `None` when it is not changed.
#[must_use]
pub fn on_update<M: Model>(stored: &M, mut changed: M, now: &Timestamp) -> Option<M> {
    if changed == *stored {
        return None;
    }
    if changed.version() == stored.version() {
        changed.set_version(stored.version().map_or(Version::FIRST, Version::next));
    }
    changed.touch(now);
    Some(changed)
}

/// Whether a received row replaces the known one. A row without a version, which the original never writes to a
/// table that counts them, is older than any with one.
#[must_use]
pub fn supersedes<M: Model>(received: &M, known: Option<&M>) -> bool {
    let Some(known) = known else { return true };
    match (received.version(), known.version()) {
        (None, None) => received != known,
        (received, known) => received > known,
    }
}

#[cfg(test)]
mod tests;
