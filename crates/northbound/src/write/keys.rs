//! Numbers for new rows, taken from the counters of the store in blocks.
//!
//! A counter is one row that everybody writes; a block a time keeps those who create apart.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use model::{Table, UniqueKey};
use nb::{Store, StoreError};

/// Numbers in a block. What is left of it when the server ends is lost, of four thousand million.
const BLOCK_KEYS: u32 = 256;

/// Numbers that are ours to give.
#[derive(Debug, Default)]
pub struct KeyStock {
    blocks: Mutex<BTreeMap<Table, Range<u32>>>,
    /// Whoever fetches, fetches for all.
    fetching: tokio::sync::Mutex<()>,
}

impl KeyStock {
    /// The next number for a row of a table, if there is one left.
    pub fn take(&self, table: Table) -> Option<UniqueKey> {
        let mut blocks = self.blocks.lock().unwrap_or_else(PoisonError::into_inner);
        blocks.get_mut(&table)?.next().and_then(UniqueKey::new)
    }

    /// Fetches another block, unless there are numbers again.
    ///
    /// # Errors
    /// When the store does not give them.
    pub async fn fetch(&self, store: &dyn Store, table: Table) -> Result<(), StoreError> {
        let _one_at_a_time = self.fetching.lock().await;
        if self.has(table) {
            return Ok(());
        }
        let first = nb::counter::allocate(store, table, BLOCK_KEYS).await?.get();
        let mut blocks = self.blocks.lock().unwrap_or_else(PoisonError::into_inner);
        blocks.insert(table, first..first.saturating_add(BLOCK_KEYS));
        Ok(())
    }

    fn has(&self, table: Table) -> bool {
        let blocks = self.blocks.lock().unwrap_or_else(PoisonError::into_inner);
        blocks.get(&table).is_some_and(|block| !block.is_empty())
    }
}
