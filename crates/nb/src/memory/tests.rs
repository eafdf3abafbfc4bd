use std::time::Duration;

use model::{RowId, Table, Topic};

use super::*;
use crate::key::{Stamp, TableName};
use crate::txn::{Op, Require};
use crate::watch::{Change, QUEUE_ITEMS_MAX};

const TABLE: TableName = TableName::new("of_ours");

fn key(id: &str) -> Key {
    Key::new(TABLE, RowId::new(id).unwrap())
}

fn all() -> Selector {
    Selector::tables([TABLE])
}

async fn put(store: &MemoryStore, id: &str, value: &'static str) -> Revision {
    store.commit(Txn::new().put(key(id), value)).await.unwrap()
}

async fn ids(store: &MemoryStore) -> Vec<String> {
    let rows = store.snapshot(&all()).await.unwrap().rows;
    rows.iter().map(|row| row.key.id.to_string()).collect()
}

#[tokio::test]
async fn clones_share_the_rows() {
    let store = MemoryStore::new();
    put(&store.clone(), "a", "1").await;
    assert_eq!(ids(&store).await, ["a"]);
}

#[tokio::test]
async fn a_transaction_that_changes_nothing_makes_no_state() {
    let store = MemoryStore::new();
    let revision = put(&store, "a", "1").await;
    let same = store.commit(Txn::new().delete(key("b"))).await.unwrap();
    let checked = store.commit(Txn::new().require(Require::Present(key("a")))).await.unwrap();
    assert_eq!((same, checked), (revision, revision));
}

#[tokio::test]
async fn stamps_are_never_used_again() {
    let store = MemoryStore::new();
    put(&store, "a", "1").await;
    let first = store.read(&[key("a")]).await.unwrap()[0].clone().unwrap().stamp;
    store.commit(Txn::new().delete(key("a"))).await.unwrap();
    put(&store, "a", "1").await;
    let stale = Txn::new().require(Require::Unchanged(key("a"), first)).put(key("a"), "2");
    assert!(matches!(store.commit(stale).await, Err(CommitError::Conflict)));
    assert_ne!(first, Stamp(0));
}

#[tokio::test]
async fn a_watch_is_told_of_rows_that_leave_its_topic() {
    let store = MemoryStore::new();
    let port = Key::new(Table::LogicalPort, RowId::new("p").unwrap());
    let text = |topic: &str| format!(r#"{{"id": "p", "topic": "{topic}"}}"#);
    let selector = |topic| Selector {
        topics: Some([Topic::new(topic)].into()),
        ..Selector::tables([Table::LogicalPort])
    };
    let mut watch = store.watch(selector("old"), Revision(0));
    let mut stranger = store.watch(selector("strange"), Revision(0));
    store.commit(Txn::new().put(port.clone(), text("old"))).await.unwrap();
    store.commit(Txn::new().put(port.clone(), text("new"))).await.unwrap();
    store.commit(Txn::new().put(port.clone(), text("newest"))).await.unwrap();
    let end = store.commit(Txn::new().delete(port)).await.unwrap();
    let mut topics = Vec::new();
    loop {
        match watch.next().await.unwrap() {
            WatchItem::Batch { revision, changes } => {
                topics.extend(changes.iter().map(|change| change.key().topic.clone().unwrap()));
                if revision == end {
                    break;
                }
            }
            WatchItem::UpTo(revision) if revision == end => break,
            _ => {}
        }
    }
    assert_eq!(topics, [Topic::new("old"), Topic::new("new")]);
    assert_eq!(stranger.next().await, Some(WatchItem::UpTo(end)));
}

#[tokio::test]
async fn history_is_bounded_and_its_end_is_a_gap() {
    let store = MemoryStore::with_options(Options { history_changes_max: 10, ..Options::default() });
    for _ in 0..11 {
        put(&store, "a", "1").await;
    }
    let mut late = store.watch(all(), Revision(0));
    assert!(matches!(late.next().await, Some(WatchItem::Gap { .. })));
    assert_eq!(late.next().await, None);
    let mut in_time = store.watch(all(), Revision(1));
    let Some(WatchItem::Batch { revision, changes }) = in_time.next().await else { panic!("no batch") };
    assert_eq!((revision, changes.len()), (Revision(11), 10));
}

#[tokio::test]
async fn a_consumer_that_sleeps_too_long_has_a_gap() {
    let store = MemoryStore::with_options(Options { history_changes_max: 10, ..Options::default() });
    let mut watch = store.watch(all(), Revision(0));
    for _ in 0..QUEUE_ITEMS_MAX + 100 {
        put(&store, "a", "1").await;
        tokio::task::yield_now().await;
    }
    let mut batches = 0;
    loop {
        match watch.next().await.unwrap() {
            WatchItem::Gap { .. } => break,
            _ => batches += 1,
        }
    }
    assert!((1..=QUEUE_ITEMS_MAX + 1).contains(&batches), "{batches}");
}

#[tokio::test]
async fn a_store_that_went_back_in_time_is_a_gap() {
    let store = MemoryStore::new();
    let mut watch = store.watch(all(), Revision(7));
    let Some(WatchItem::Gap { reason }) = watch.next().await else { panic!("no gap") };
    assert_eq!(reason, "the store is at revision 0, before 7");
}

#[tokio::test]
async fn a_gap_can_be_forced() {
    let store = MemoryStore::new();
    let mut before = store.watch(all(), Revision(0));
    store.force_gap("on purpose");
    let mut after = store.watch(all(), Revision(0));
    put(&store, "a", "1").await;
    assert_eq!(before.next().await, Some(WatchItem::Gap { reason: "on purpose".to_owned() }));
    assert!(matches!(after.next().await, Some(WatchItem::Batch { .. })));
}

#[tokio::test]
async fn while_away_nothing_works_and_watches_say_so() {
    let store = MemoryStore::new();
    let mut watch = store.watch(all(), Revision(0));
    store.go_away("the cable is out");
    let error = store.commit(Txn::new().put(key("a"), "1")).await.unwrap_err();
    assert_eq!(error.to_string(), "the store is unavailable: the cable is out");
    assert!(store.read(&[]).await.is_err() && store.snapshot(&all()).await.is_err());
    assert!(store.grant(1).await.is_err());
    assert_eq!(watch.next().await, Some(WatchItem::Away { reason: "the cable is out".to_owned() }));
    store.come_back();
    assert_eq!(watch.next().await, Some(WatchItem::Back));
    let revision = put(&store, "a", "1").await;
    assert!(matches!(watch.next().await, Some(WatchItem::Batch { revision: told, .. }) if told == revision));
}

#[tokio::test]
async fn a_lost_answer_leaves_what_was_done() {
    let store = MemoryStore::new();
    store.lose_answers(1);
    let txn = || Txn::new().require(Require::Absent(key("a"))).put(key("a"), "1");
    let lost = store.commit(txn()).await;
    assert!(matches!(lost, Err(CommitError::Store(StoreError::Unavailable { .. }))));
    assert!(matches!(store.commit(txn()).await, Err(CommitError::Conflict)));
    assert_eq!(ids(&store).await, ["a"]);
}

#[tokio::test(start_paused = true)]
async fn a_lease_ends_when_nobody_renews_it() {
    let store = MemoryStore::new();
    let lease = store.grant(10).await.unwrap();
    let txn = Txn::new().put_with_lease(key("a"), "1", lease).put_with_lease(key("b"), "1", lease);
    store.commit(txn).await.unwrap();
    put(&store, "b", "mine now").await;
    let mut watch = store.watch(all(), store.revision());
    tokio::time::sleep(Duration::from_secs(9)).await;
    store.keep_alive(lease).await.unwrap();
    tokio::time::sleep(Duration::from_secs(9)).await;
    assert_eq!(ids(&store).await, ["a", "b"]);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(ids(&store).await, ["b"]);
    let Some(WatchItem::Batch { changes, .. }) = watch.next().await else { panic!("nothing is told") };
    assert_eq!(changes, [Change::Delete(key("a"), Some("1".into()))]);
    assert!(matches!(store.keep_alive(lease).await, Err(StoreError::NoSuchLease(dead)) if dead == lease));
    let op = Op::Put { key: key("c"), value: "1".into(), lease: Some(lease) };
    let late = store.commit(Txn { ops: vec![op], ..Txn::new() }).await;
    assert!(matches!(late, Err(CommitError::Store(StoreError::NoSuchLease(_)))));
}

#[tokio::test]
async fn a_watch_ends_with_its_store() {
    let store = MemoryStore::new();
    let mut watch = store.watch(all(), Revision(0));
    drop(store);
    assert_eq!(watch.next().await, None);
}
