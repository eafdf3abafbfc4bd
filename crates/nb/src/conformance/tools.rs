//! What the cases share: keys, a consumer that checks what it is told, and waiting.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use model::RowId;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::key::{Key, Revision, Row, TableName};
use crate::store::{Selector, Snapshot, Store, StoreError};
use crate::txn::{CommitError, Txn};
use crate::watch::{Change, Watch, WatchItem};

/// After this, what should have happened did not.
pub(super) const DEADLINE: Duration = Duration::from_secs(30);

pub(super) const TABLE: TableName = TableName::new("conformance");
/// Begins as the other does: a prefix is no table.
pub(super) const OTHER_TABLE: TableName = TableName::new("conformance_too");

pub(super) fn key(id: &str) -> Key {
    key_in(TABLE, id)
}

pub(super) fn key_in(table: impl Into<TableName>, id: &str) -> Key {
    Key::new(table, RowId::new(id).expect("an id"))
}

pub(super) fn all() -> Selector {
    Selector::tables([TABLE])
}

/// Waits for what has to happen.
pub(super) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match timeout(DEADLINE, future).await {
        Ok(value) => value,
        Err(_) => panic!("waited {DEADLINE:?} for {what}, in vain"),
    }
}

pub(super) async fn put(store: &dyn Store, key: Key, value: impl Into<Bytes>) -> Revision {
    commit(store, Txn::new().put(key, value)).await
}

/// Commits what has to succeed. Only for stores that are there.
pub(super) async fn commit(store: &dyn Store, txn: Txn) -> Revision {
    match within("a transaction", store.commit(txn)).await {
        Ok(revision) => revision,
        Err(error) => panic!("a transaction that has to succeed: {error}"),
    }
}

pub(super) async fn snapshot(store: &dyn Store, selector: &Selector) -> Snapshot {
    within("a snapshot", store.snapshot(selector)).await.expect("a snapshot")
}

pub(super) async fn read_one(store: &dyn Store, key: Key) -> Option<Row> {
    let rows = within("a row", store.read(&[key])).await.expect("rows that can be read");
    rows.into_iter().next().expect("an answer for each key")
}

pub(super) fn number(value: &[u8]) -> u64 {
    let text = String::from_utf8_lossy(value);
    text.parse().unwrap_or_else(|_| panic!("{text:?} is not the number that was written"))
}

/// Commits until the store is there; for transactions that may happen twice.
pub(super) async fn commit_stubbornly(store: &dyn Store, txn: &Txn) -> Revision {
    within("a store that comes back", async {
        loop {
            match store.commit(txn.clone()).await {
                Ok(revision) => return revision,
                Err(CommitError::Store(StoreError::Unavailable { .. })) => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                Err(error) => panic!("a store that is away is unavailable and not {error}"),
            }
        }
    })
    .await
}

/// A task that goes on until the case ends.
#[derive(Debug)]
pub(super) struct Background(JoinHandle<()>);

impl Background {
    pub(super) fn run(task: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(tokio::spawn(task))
    }

    /// Writes the same growing number into all `keys` at once, again and again.
    pub(super) fn count_together(store: Arc<dyn Store>, keys: Vec<Key>) -> Self {
        Self::run(async move {
            for count in 1_u64.. {
                let txn = keys.iter().fold(Txn::new(), |txn, key| txn.put(key.clone(), count.to_string()));
                commit(&*store, txn).await;
                // A store that answers at once would leave no turn to the reader.
                tokio::task::yield_now().await;
            }
        })
    }

    /// Writes one new row after the other: none of them is written again, so that one that is missed stays missed.
    pub(super) fn append(store: Arc<dyn Store>) -> Self {
        Self::run(async move {
            for count in 1_u64.. {
                put(&*store, key(&format!("once-{count}")), "1").await;
                tokio::task::yield_now().await;
            }
        })
    }

    /// Ends it, with the panic that it had.
    pub(super) async fn stop(mut self) {
        self.0.abort();
        if let Err(error) = (&mut self.0).await
            && error.is_panic()
        {
            std::panic::resume_unwind(error.into_panic());
        }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A consumer: what it knows, and that it was told as the contract says.
#[derive(Debug)]
pub(super) struct Replica {
    pub(super) rows: BTreeMap<Key, Row>,
    pub(super) revision: Revision,
    pub(super) is_away: bool,
    /// All texts that were seen, by row, in order; `None` is a delete.
    pub(super) told: BTreeMap<Key, Vec<Option<Bytes>>>,
    pub(super) gap: Option<String>,
}

impl Replica {
    pub(super) fn of(snapshot: Snapshot) -> Self {
        Self {
            rows: snapshot.rows.into_iter().map(|row| (row.key.clone(), row)).collect(),
            revision: snapshot.revision,
            is_away: false,
            told: BTreeMap::new(),
            gap: None,
        }
    }

    pub(super) fn take(&mut self, item: WatchItem) {
        assert!(self.gap.is_none(), "after a gap came {item:?}");
        match item {
            WatchItem::Batch { revision, changes } => {
                let before = self.revision;
                assert!(revision > before, "a batch of revision {revision:?} was told after {before:?}");
                self.revision = revision;
                for change in changes {
                    self.change(change);
                }
            }
            WatchItem::UpTo(revision) => {
                assert!(revision >= self.revision, "{revision:?} was told after {:?}", self.revision);
                self.revision = revision;
            }
            WatchItem::Gap { reason } => self.gap = Some(reason),
            WatchItem::Away { .. } => {
                assert!(!self.is_away, "the store went away twice");
                self.is_away = true;
            }
            WatchItem::Back => {
                assert!(self.is_away, "the store is back, and never was away");
                self.is_away = false;
            }
        }
    }

    fn change(&mut self, change: Change) {
        let key = change.key().clone();
        let value = match change {
            Change::Put(row) => {
                let value = row.value.clone();
                let known = self.rows.insert(key.clone(), row.clone());
                assert!(
                    known.is_none_or(|known| known.stamp != row.stamp),
                    "{key} was told twice with the same stamp"
                );
                Some(value)
            }
            Change::Delete(_, _) => {
                assert!(self.rows.remove(&key).is_some(), "{key} was deleted, and was not there");
                None
            }
        };
        self.told.entry(key).or_default().push(value);
    }

    /// Listens until `done`, and fails at a gap.
    pub(super) async fn follow(&mut self, watch: &mut Watch, what: &str, done: impl Fn(&Self) -> bool) {
        within(what, async {
            while !done(self) {
                self.take(watch.next().await.expect("a watch goes on"));
                assert!(self.gap.is_none(), "a gap while waiting for {what}: {:?}", self.gap);
            }
        })
        .await;
    }

    /// Listens until everything up to `revision` is known.
    pub(super) async fn catch_up(&mut self, watch: &mut Watch, revision: Revision) {
        self.follow(watch, &format!("{revision:?}"), |replica| replica.revision >= revision).await;
    }

    /// Listens as a real consumer does: at a gap it takes a new snapshot.
    pub(super) async fn follow_over_gaps(
        &mut self,
        store: &dyn Store,
        selector: &Selector,
        watch: &mut Watch,
        revision: Revision,
    ) {
        within("the truth", async {
            while self.revision < revision {
                match watch.next().await {
                    Some(item) => self.take(item),
                    None => assert!(self.gap.is_some(), "the watch ended without a gap"),
                }
                if self.gap.is_some() {
                    *self = Self::of(snapshot(store, selector).await);
                    *watch = store.watch(selector.clone(), self.revision);
                }
            }
        })
        .await;
    }

    pub(super) fn value(&self, key: &Key) -> Option<u64> {
        self.rows.get(key).map(|row| number(&row.value))
    }

    /// Fails unless it knows what the store holds.
    pub(super) async fn assert_true(&self, store: &dyn Store, selector: &Selector) {
        let truth = Self::of(snapshot(store, selector).await).rows;
        assert_eq!(self.rows.len(), truth.len(), "the consumer has other rows than the store");
        for (key, row) in truth {
            assert_eq!(self.rows.get(&key), Some(&row), "{key}");
        }
    }
}
