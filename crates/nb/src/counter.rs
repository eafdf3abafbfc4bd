//! Numbers that are given once: unique keys, one counter for each table.
//!
//! The counters are the original's (the text of the last number that was given), so that its plugin and we may count in
//! one store. Numbers are given in blocks to whoever needs many, and never come back.

use model::{RowId, Table, UniqueKey};

use crate::key::{Key, TableName};
use crate::store::{Store, StoreError};
use crate::txn::{CommitError, Require, Txn};

/// The table of counters, as the original names it.
pub const COUNTERS: TableName = TableName::new("unique_key");

/// Times that somebody else may be faster before we give up.
const ATTEMPTS_MAX: u32 = 100;

/// Takes the next `count` numbers of `table`'s counter and gives the first; the others follow it.
///
/// # Errors
/// When the store fails, or the counter is no number.
pub async fn allocate(store: &dyn Store, table: Table, count: u32) -> Result<UniqueKey, StoreError> {
    let id = RowId::new(table.name()).map_err(|error| StoreError::Damaged { reason: error.to_string() })?;
    let keys = [Key::new(COUNTERS, id)];
    for _ in 0..ATTEMPTS_MAX {
        let row = store.read(&keys).await?.into_iter().next().flatten();
        let (last, require) = match row {
            None => (0, Require::Absent(keys[0].clone())),
            Some(row) => {
                let text = String::from_utf8_lossy(&row.value).into_owned();
                let last: u32 = text.trim().parse().map_err(|_| StoreError::Damaged {
                    reason: format!("the counter of table {table} says {text:?}, which is no number"),
                })?;
                (last, Require::Unchanged(row.key, row.stamp))
            }
        };
        let next = last.checked_add(count).and_then(|next| Some((UniqueKey::new(last + 1)?, next)));
        let (first, next) = next.ok_or_else(|| StoreError::Full {
            reason: format!("the counter of table {table} has no numbers left"),
        })?;
        let txn = Txn::new().require(require).put(keys[0].clone(), next.to_string());
        match store.commit(txn).await {
            Ok(_) => return Ok(first),
            Err(CommitError::Conflict) => {}
            Err(CommitError::Store(error)) => return Err(error),
            Err(error) => return Err(StoreError::Damaged { reason: error.to_string() }),
        }
    }
    Err(StoreError::Unavailable {
        reason: format!("others took numbers of table {table} {ATTEMPTS_MAX} times before us"),
    })
}
