//! Why a command did not do what it was asked.

use model::{DecodeError, EmptyId, LifecycleError, RowId};
use nb::{CommitError, StoreError, TableName};
use thiserror::Error;

/// A command did not do what it was asked.
#[derive(Debug, Error)]
pub enum AdminError {
    /// No table has this name.
    #[error("there is no table {0:?}; `tables` lists those that there are")]
    NoTable(String),
    /// A table whose rows are not written by hand.
    #[error("table {0} is not one of objects, so nothing can be written to it by hand")]
    NoObjects(TableName),
    /// No row has this id.
    #[error("table {table} has no row {id}")]
    NoRow {
        /// The table.
        table: TableName,
        /// The id.
        id: RowId,
    },
    /// A row with this id is there already.
    #[error("table {table} has a row {id} already; use `update` to change it")]
    Exists {
        /// The table.
        table: TableName,
        /// The id.
        id: RowId,
    },
    /// A text that is no object.
    #[error("not an object of JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// An object that is no row of its table.
    #[error(transparent)]
    Row(#[from] DecodeError),
    /// An id that is none.
    #[error("an id is not empty")]
    Id(#[from] EmptyId),
    /// A row that cannot be made ready.
    #[error(transparent)]
    Lifecycle(#[from] LifecycleError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store did not do it.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// Others were always faster.
    #[error("row {id} of table {table} was changed by others {attempts} times while we tried; try again")]
    Contended {
        /// The table.
        table: TableName,
        /// The id.
        id: RowId,
        /// How often.
        attempts: u32,
    },
}
