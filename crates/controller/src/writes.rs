//! Rows that answers to packets change: written while the rest goes on.
//!
//! What an app saw is compared with what the store says: a row that somebody else has changed meanwhile stays as it is, because the
//! app would not say the same of it now. A change that is newer replaces the older one of the same row, so what waits is bounded
//! by the rows that packets speak of, and a store that was away hears the last word only. A row is written a few times a second at most.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use engine::Write;
use model::{Object, RowId, Table};
use nb::{CommitError, Key, Require, Store, Txn};
use tokio::sync::Notify;
use tokio::time::sleep;
use tracing::{debug, info, warn};

use crate::retry::Backoff;

/// Rows that wait at most; more are lost, and the packets that speak of them come again.
const WAITING_MAX: usize = 4_096;
/// Rows that are written before the next breath.
const AT_ONCE_MAX: usize = 64;
/// How long a breath is.
const BREATH: Duration = Duration::from_millis(50);
/// First and longest wait while the store is away.
const RETRY_MIN: Duration = Duration::from_millis(50);
const RETRY_MAX: Duration = Duration::from_secs(5);

/// Changes that wait: the newest of each row.
#[derive(Debug, Default, Clone)]
pub(crate) struct Writes {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<BTreeMap<(Table, RowId), Write>>,
    changed: Notify,
}

impl Writes {
    /// Adds a change, in the place of an older one of the same row.
    pub(crate) fn add(&self, write: Write) {
        let Some(name) = write.object().map(|object| (object.table(), object.id().clone())) else { return };
        let mut waiting = self.lock();
        if waiting.len() < WAITING_MAX || waiting.contains_key(&name) {
            waiting.insert(name, write);
            self.shared.changed.notify_one();
        }
    }

    fn put_back(&self, name: (Table, RowId), write: Write) {
        self.lock().entry(name).or_insert(write);
    }

    async fn take(&self) -> Vec<((Table, RowId), Write)> {
        loop {
            let taken: Vec<_> = {
                let mut waiting = self.lock();
                std::iter::from_fn(|| waiting.pop_first()).take(AT_ONCE_MAX).collect()
            };
            if !taken.is_empty() {
                return taken;
            }
            self.shared.changed.notified().await;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<(Table, RowId), Write>> {
        // Every change of the map is made at once, so one that panicked left a whole map.
        self.shared.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes for as long as it runs.
pub(crate) async fn run(store: Arc<dyn Store>, seed: String, writes: Writes) {
    let mut backoff = Backoff::new(RETRY_MIN, RETRY_MAX, &seed);
    let mut is_away = false;
    loop {
        let mut left = Vec::new();
        for (name, write) in writes.take().await {
            if !left.is_empty() {
                left.push((name, write));
                continue;
            }
            match change(&*store, &write).await {
                Ok(outcome) => debug!(table = ?name.0, row = %name.1, outcome, "a packet speaks of a row"),
                Err(error) => {
                    if !std::mem::replace(&mut is_away, true) {
                        warn!(%error, "what packets say cannot be written to the store; trying on");
                    }
                    left.push((name, write));
                }
            }
        }
        if left.is_empty() {
            is_away = false;
            backoff.reset();
            sleep(BREATH).await;
        } else {
            left.into_iter().for_each(|(name, write)| writes.put_back(name, write));
            sleep(backoff.wait()).await;
        }
    }
}

/// Changes a row, if it is what was seen; what became of it.
async fn change(store: &dyn Store, write: &Write) -> Result<&'static str, String> {
    let Some(object) = write.object() else { return Ok("nothing is said") };
    let key = Key::of(object);
    let rows = store.read(std::slice::from_ref(&key)).await.map_err(|error| error.to_string())?;
    let stored = rows.into_iter().next().flatten();
    let row = stored.as_ref().and_then(|row| {
        let text = std::str::from_utf8(&row.value).ok()?;
        Object::from_text(object.table(), text).ok()
    });
    if row == write.wanted {
        return Ok("it says so already");
    }
    if row != write.seen {
        return Ok("somebody else has changed it");
    }
    let unchanged = match stored {
        Some(row) => Require::Unchanged(key.clone(), row.stamp),
        None => Require::Absent(key.clone()),
    };
    let txn = Txn::new().require(unchanged);
    let txn = match &write.wanted {
        Some(wanted) => txn.put_object(wanted),
        None => txn.delete(key),
    };
    match store.commit(txn).await {
        Ok(_) => {
            info!(table = ?object.table(), row = %object.id(), "written, because a packet says so");
            Ok("written")
        }
        Err(CommitError::Store(error)) => Err(error.to_string()),
        Err(_) => Ok("somebody else has changed it"),
    }
}

#[cfg(test)]
mod tests;
