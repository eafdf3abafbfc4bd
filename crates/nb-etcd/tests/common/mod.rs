//! An etcd of the test's own, seen through the driver.

#![allow(dead_code, reason = "each test program uses another part")]

pub(crate) mod proxy;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use model::RowId;
use nb::conformance::{Harness, Outages};
use nb::{BoxFuture, Key, Revision, Selector, Store, TableName, Txn, Watch, WatchItem};
use nb_etcd::{EtcdStore, Options};
use testkit::EtcdCluster;
use tokio::task::block_in_place;

pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

pub(crate) const TABLE: TableName = TableName::new("of_ours");

/// Short times, so that tests of failures do not take minutes.
pub(crate) fn options(endpoints: impl IntoIterator<Item = String>) -> Options {
    Options {
        request_timeout_ms: 3_000,
        connect_timeout_ms: 1_000,
        progress_interval_ms: 500,
        silence_ms: 2_000,
        backoff_max_ms: 500,
        ..Options::new(endpoints)
    }
}

/// Times of a driver whose etcd has to hold an election on a busy machine first.
pub(crate) fn patient(endpoints: impl IntoIterator<Item = String>) -> Options {
    Options { request_timeout_ms: 20_000, ..options(endpoints) }
}

pub(crate) fn connect(options: &Options) -> Arc<EtcdStore> {
    Arc::new(EtcdStore::new(options).expect("good options"))
}

/// An etcd that cases can stop.
#[derive(Debug)]
pub(crate) struct Etcd(Mutex<EtcdCluster>);

impl Etcd {
    pub(crate) fn start(members: usize) -> Self {
        Self(Mutex::new(block_in_place(|| EtcdCluster::start(members).expect("an etcd"))))
    }

    pub(crate) fn endpoints(&self) -> Vec<String> {
        self.cluster().endpoints()
    }

    pub(crate) fn cluster(&self) -> MutexGuard<'_, EtcdCluster> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Harness for Etcd {
    fn connect(&self) -> Arc<dyn Store> {
        connect(&options(self.endpoints()))
    }

    fn compact(&self) -> BoxFuture<'_, ()> {
        Box::pin(async { block_in_place(|| self.cluster().compact().expect("a compaction")) })
    }
}

impl Outages for Etcd {
    fn stop(&self) -> BoxFuture<'_, ()> {
        Box::pin(async { block_in_place(|| self.cluster().kill(0).expect("a member to kill")) })
    }

    fn start(&self) -> BoxFuture<'_, ()> {
        Box::pin(async { block_in_place(|| self.cluster().restart(0).expect("a member that starts")) })
    }
}

pub(crate) fn key(id: &str) -> Key {
    Key::new(TABLE, RowId::new(id).expect("an id"))
}

pub(crate) fn all() -> Selector {
    Selector::tables([TABLE])
}

pub(crate) async fn put(store: &dyn Store, id: &str, value: &str) -> Revision {
    store.commit(Txn::new().put(key(id), value.to_owned())).await.expect("a write")
}

/// The next item, within the deadline.
pub(crate) async fn next(watch: &mut Watch) -> WatchItem {
    let next = tokio::time::timeout(DEADLINE, watch.next()).await;
    next.expect("an item in time").expect("a watch goes on")
}

/// Items until one is as wanted.
pub(crate) async fn until(watch: &mut Watch, what: &str, wanted: impl Fn(&WatchItem) -> bool) -> WatchItem {
    let start = Instant::now();
    loop {
        let item = next(watch).await;
        if wanted(&item) {
            return item;
        }
        assert!(start.elapsed() < DEADLINE, "waited {DEADLINE:?} for {what}, in vain");
    }
}

/// Items until everything up to `revision` was told; no gap.
pub(crate) async fn until_revision(watch: &mut Watch, revision: Revision) {
    until(watch, "a revision", |item| match item {
        WatchItem::Batch { revision: told, .. } | WatchItem::UpTo(told) => *told >= revision,
        WatchItem::Gap { reason } => panic!("a gap: {reason}"),
        WatchItem::Away { .. } | WatchItem::Back => false,
    })
    .await;
}
