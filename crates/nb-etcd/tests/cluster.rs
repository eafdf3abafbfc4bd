//! Three members, of which one or another is gone; large tables; keys that others wrote.

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use common::{DEADLINE, Etcd, all, connect, key, options, patient, put, until, until_revision};
use model::{Object, RowId, Table};
use nb::{
    Change, CommitError, Key, Require, Selector, Stamp, Store, StoreError, TableName, Txn, Watch, WatchItem,
};
use nb_etcd::{EtcdStore, Options};
use testkit::EtcdCluster;
use tokio::task::{JoinHandle, block_in_place};

/// Writes new rows, each with the next number, until it is told to stop; gives those that were acknowledged.
fn append(store: Arc<EtcdStore>, name: usize, stop: Arc<AtomicBool>) -> JoinHandle<Vec<String>> {
    tokio::spawn(async move {
        let mut acknowledged = Vec::new();
        for number in 0.. {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            let id = format!("{name}-{number}");
            let txn = || Txn::new().require(Require::Absent(key(&id))).put(key(&id), "x");
            let mut is_repeated = false;
            loop {
                match store.commit(txn()).await {
                    Ok(_) => break,
                    Err(CommitError::Store(StoreError::Unavailable { .. })) => is_repeated = true,
                    // The answer that was lost said so.
                    Err(CommitError::Conflict) if is_repeated => break,
                    Err(error) => panic!("{id}: {error}"),
                }
            }
            acknowledged.push(id);
        }
        acknowledged
    })
}

/// Listens until the row `end` is written; gives the rows that were told, each of which is written once.
fn listen(mut watch: Watch) -> JoinHandle<BTreeMap<Key, Stamp>> {
    tokio::spawn(async move {
        let mut told = BTreeMap::new();
        while !told.contains_key(&key("end")) {
            match common::next(&mut watch).await {
                WatchItem::Batch { changes, .. } => {
                    for change in changes {
                        let Change::Put(row) = change else { panic!("{change:?}") };
                        assert_eq!(
                            told.insert(row.key.clone(), row.stamp),
                            None,
                            "{} was told twice",
                            row.key
                        );
                    }
                }
                WatchItem::Gap { reason } => panic!("a gap: {reason}"),
                WatchItem::UpTo(_) | WatchItem::Away { .. } | WatchItem::Back => {}
            }
        }
        told
    })
}

async fn rows(store: &EtcdStore) -> BTreeMap<Key, Stamp> {
    let snapshot = store.snapshot(&all()).await.expect("a snapshot");
    snapshot.rows.into_iter().map(|row| (row.key, row.stamp)).collect()
}

async fn until_rows(store: &EtcdStore, count: usize) {
    let start = Instant::now();
    while rows(store).await.len() < count {
        assert!(start.elapsed() < DEADLINE, "waited {DEADLINE:?} for {count} rows, in vain");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Disturbs the cluster while writers write and watches watch: what was acknowledged is there, and every watch told it.
async fn survives(disturb: impl FnOnce(&mut EtcdCluster) + Send) {
    let etcd = Etcd::start(3);
    let endpoints = etcd.endpoints();
    let reader = connect(&patient(endpoints.clone()));
    let start = reader.snapshot(&all()).await.expect("a snapshot").revision;
    // One watch begins at each member.
    let from = |first| {
        let mut endpoints = endpoints.clone();
        endpoints.rotate_left(first);
        listen(connect(&options(endpoints)).watch(all(), start))
    };
    let listeners = [from(0), from(1), from(2)];
    let stop = Arc::new(AtomicBool::new(false));
    let writer = |name| append(connect(&options(endpoints.clone())), name, Arc::clone(&stop));
    let writers = [writer(0), writer(1), writer(2)];
    until_rows(&reader, 100).await;
    block_in_place(|| disturb(&mut etcd.cluster()));
    let written = rows(&reader).await.len();
    until_rows(&reader, written + 100).await;
    stop.store(true, Ordering::Relaxed);
    let mut acknowledged = Vec::new();
    for writer in writers {
        let ids = tokio::time::timeout(DEADLINE, writer).await.expect("a writer that ends");
        acknowledged.extend(ids.expect("a writer"));
    }
    put(&*reader, "end", "x").await;
    let truth = rows(&reader).await;
    for id in &acknowledged {
        assert!(truth.contains_key(&key(id)), "{id} was acknowledged and is gone");
    }
    for listener in listeners {
        assert_eq!(listener.await.expect("a watch"), truth);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_death_of_leaders_in_the_middle_of_writes_and_watches() {
    survives(|cluster| {
        for _ in 0..2 {
            let leader = cluster.leader().expect("a leader");
            cluster.kill(leader).expect("a leader to kill");
            // The others hold an election, and go on without it for a while.
            cluster.leader().expect("another leader");
            cluster.restart(leader).expect("a member that comes back");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_hangs_in_the_middle_of_writes_and_watches() {
    survives(|cluster| {
        let leader = cluster.leader().expect("a leader");
        cluster.freeze(leader).expect("a leader to freeze");
        std::thread::sleep(Duration::from_secs(5));
        cluster.thaw(leader).expect("a member that goes on");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_majority_the_store_is_away_and_not_old() {
    let etcd = Etcd::start(3);
    let survivor = etcd.endpoints().remove(0);
    let store = connect(&options([survivor]));
    let start = put(&*store, "a", "1").await;
    let mut watch = store.watch(all(), start);
    block_in_place(|| {
        let mut cluster = etcd.cluster();
        cluster.kill(1).expect("a member to kill");
        cluster.kill(2).expect("a member to kill");
    });
    let away = until(&mut watch, "the news", |item| matches!(item, WatchItem::Away { .. })).await;
    let read = store.read(&[key("a")]).await;
    assert!(matches!(read, Err(StoreError::Unavailable { .. })), "{away:?}, and {read:?}");
    let written = store.commit(Txn::new().put(key("a"), "2")).await;
    assert!(matches!(written, Err(CommitError::Store(StoreError::Unavailable { .. }))), "{written:?}");
    block_in_place(|| etcd.cluster().restart(1)).expect("a majority");
    until(&mut watch, "the news", |item| *item == WatchItem::Back).await;
    let end = put(&*connect(&patient(etcd.endpoints())), "b", "1").await;
    until_revision(&mut watch, end).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_was_set_back_is_a_gap() {
    let etcd = Etcd::start(1);
    let store = connect(&options(etcd.endpoints()));
    let start = put(&*store, "a", "1").await;
    let mut watch = store.watch(all(), start);
    let seen = put(&*store, "a", "2").await;
    until_revision(&mut watch, seen).await;
    block_in_place(|| {
        let mut cluster = etcd.cluster();
        cluster.kill(0).expect("a member to kill");
        cluster.wipe(0).expect("files to remove");
        cluster.restart(0).expect("a member that starts");
    });
    let gap = until(&mut watch, "a gap", |item| matches!(item, WatchItem::Gap { .. })).await;
    assert!(matches!(&gap, WatchItem::Gap { reason } if reason.contains("was set back")), "{gap:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_thousand_rows_pass_the_limits_of_grpc() {
    const ROWS: usize = 50_000;
    let etcd = Etcd::start(1);
    let endpoints = etcd.endpoints();
    // What gRPC takes if nobody says otherwise.
    let small = Options { response_bytes_max: 4 << 20, ..patient(endpoints) };
    let store = connect(&small);
    let ids: Vec<String> = (0..ROWS).map(|number| format!("{number:05}")).collect();
    for ids in ids.chunks(store.limits().txn_ops) {
        let txn = ids.iter().fold(Txn::new(), |txn, id| txn.put(key(id), vec![b'x'; 300]));
        store.commit(txn).await.expect("rows");
    }
    assert_eq!(store.snapshot(&all()).await.expect("a snapshot").rows.len(), ROWS);
    // A first page of these would be many times too large.
    let large = TableName::new("large");
    for number in 0..16 {
        let key = Key::new(large.clone(), RowId::new(&number.to_string()).expect("an id"));
        store.commit(Txn::new().put(key, vec![b'x'; 1 << 20])).await.expect("a large row");
    }
    let snapshot = store.snapshot(&Selector::tables([large])).await.expect("a snapshot");
    assert_eq!(snapshot.rows.iter().map(|row| row.value.len()).sum::<usize>(), 16 << 20);
}

fn start_with(arguments: &[&str]) -> EtcdCluster {
    block_in_place(|| EtcdCluster::start_with(1, None, arguments).expect("an etcd"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_is_full_says_so_and_is_read_all_the_same() {
    let etcd = start_with(&["--quota-backend-bytes=2097152"]);
    let store = connect(&options(etcd.endpoints()));
    put(&*store, "a", "1").await;
    let refused = loop {
        match store.commit(Txn::new().put(key("large"), vec![b'x'; 100_000])).await {
            Ok(revision) => assert!(revision.0 < 1_000, "a store of two megabytes takes a hundred"),
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, CommitError::Store(StoreError::Full { .. })), "{refused:?}");
    assert!(store.read(&[key("a")]).await.expect("a row")[0].is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_with_smaller_limits_is_named_as_the_reason() {
    let etcd = start_with(&["--max-txn-ops=10", "--max-request-bytes=20000"]);
    let store = connect(&options(etcd.endpoints()));
    let many = (0..50).fold(Txn::new(), |txn, number| txn.put(key(&number.to_string()), "x"));
    for (txn, option) in [
        (many.clone(), "--max-txn-ops"),
        (Txn::new().put(key("a"), vec![b'x'; 30_000]), "--max-request-bytes"),
    ] {
        match store.commit(txn).await {
            Err(CommitError::TooLarge { reason }) => assert!(reason.contains(option), "{reason}"),
            other => panic!("{other:?}"),
        }
    }
    assert!(rows(&store).await.is_empty());
    let informed = connect(&Options { txn_ops_max: 10, ..options(etcd.endpoints()) });
    assert!(matches!(informed.commit(many).await, Err(CommitError::TooLarge { .. })));
    let keys: Vec<Key> = (0..50).map(|number| key(&number.to_string())).collect();
    assert_eq!(informed.read(&keys).await.expect("rows in parts").len(), 50);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_of_others_are_left_alone() {
    let etcd = Etcd::start(1);
    let store = connect(&options(etcd.endpoints()));
    let start = put(&*store, "a", "1").await;
    let mut watch = store.watch(all(), start);
    block_in_place(|| {
        let cluster = etcd.cluster();
        for foreign in ["foreign", "/of_ours", "/of_ours/", "/of_ours_too/x", "/of/ours", "//x"] {
            cluster.etcdctl(&["put", foreign, "1"]).expect("a key of somebody else");
        }
        cluster.etcdctl(&["put", "/of_ours/by hand", "1"]).expect("a row by hand");
    });
    let batch = until(&mut watch, "the row", |item| matches!(item, WatchItem::Batch { .. })).await;
    let WatchItem::Batch { changes, .. } = batch else { panic!("{batch:?}") };
    assert_eq!(changes.iter().map(Change::key).collect::<Vec<_>>(), [&key("by hand")]);
    assert_eq!(rows(&store).await.into_keys().collect::<Vec<_>>(), [key("a"), key("by hand")]);
}

/// The rows that the original wrote are read as rows, and written under the same keys.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_of_the_original_are_rows() {
    let Some(path) = testkit::shared_fixture("fixtures/dragonflow/etcd-db-create.jsonl") else { return };
    let text = std::fs::read_to_string(path).expect("the recording");
    let recorded: Vec<(String, String)> = text.lines().map(recorded_row).collect();
    let etcd = Etcd::start(1);
    let store = connect(&options(etcd.endpoints()));
    block_in_place(|| {
        let cluster = etcd.cluster();
        for (key, value) in &recorded {
            cluster.etcdctl(&["put", key, "--", value]).expect("a row of the original");
        }
    });
    let tables = Table::ALL.iter().copied().map(TableName::from).chain([nb::counter::COUNTERS]);
    let snapshot = store.snapshot(&Selector::tables(tables)).await.expect("a snapshot");
    let found: BTreeMap<String, String> = snapshot
        .rows
        .iter()
        .map(|row| {
            let value = String::from_utf8_lossy(&row.value).into_owned();
            if let Some(table) = row.key.table.model() {
                let object = Object::from_text(table, &value).expect("an object");
                assert_eq!(
                    (object.id(), object.topic()),
                    (&row.key.id, row.key.topic.clone()),
                    "{}",
                    row.key
                );
            }
            (format!("/{}/{}", row.key.table, row.key.id), value)
        })
        .collect();
    assert!(found.len() > 20, "a recording of few rows: {}", found.len());
    // Messages travel through keys of etcd too, and are no rows.
    let rows = recorded.into_iter().filter(|(key, _)| !key.starts_with("/pubsub/"));
    assert_eq!(found, rows.collect());
}

fn recorded_row(line: &str) -> (String, String) {
    let line: serde_json::Value = serde_json::from_str(line).expect("a line of the recording");
    let text = |name: &str| line[name].as_str().expect("a member of the recording").to_owned();
    (text("key"), text("value"))
}
