use model::RowId;
use nb::{MemoryStore, Txn};

use super::*;

const HOUR: Duration = Duration::from_secs(3600);
const NEVER: Option<Duration> = None;

fn key(table: Table, id: &str) -> Key {
    Key::new(table, RowId::new(id).unwrap())
}

fn network(id: &str, key: u32) -> Object {
    let text = format!(r#"{{"id": "{id}", "topic": "t", "unique_key": {key}}}"#);
    Object::from_text(Table::LogicalSwitch, &text).unwrap()
}

fn start(store: &MemoryStore, resync_interval: Option<Duration>) -> mpsc::Receiver<News> {
    let (news, run) = follow(Arc::new(store.clone()), resync_interval, "n1");
    tokio::spawn(run);
    news
}

async fn put(store: &MemoryStore, object: &Object) {
    store.commit(Txn::new().put_object(object)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_comes_first_and_then_every_change() {
    let store = MemoryStore::new();
    put(&store, &network("n1", 1)).await;
    let mut news = start(&store, NEVER);
    assert_eq!(news.recv().await, Some(News::Snapshot(vec![network("n1", 1)])));
    assert_eq!(news.recv().await, Some(News::Undecodable(0)));
    put(&store, &network("n1", 2)).await;
    assert_eq!(news.recv().await, Some(News::Changes(vec![RowChange::Put(network("n1", 2))])));
    store.commit(Txn::new().delete(key(Table::LogicalSwitch, "n1"))).await.unwrap();
    let gone = RowChange::Delete(Table::LogicalSwitch, RowId::new("n1").unwrap());
    assert_eq!(news.recv().await, Some(News::Changes(vec![gone])));
}

#[tokio::test(start_paused = true)]
async fn heartbeats_of_others_wake_nobody() {
    let store = MemoryStore::new();
    let mut news = start(&store, NEVER);
    assert!(matches!(news.recv().await, Some(News::Snapshot(_))));
    assert_eq!(news.recv().await, Some(News::Undecodable(0)));
    for table in UNFOLLOWED {
        store.commit(Txn::new().put(key(table, "x"), "{}")).await.unwrap();
    }
    put(&store, &network("n1", 1)).await;
    assert_eq!(news.recv().await, Some(News::Changes(vec![RowChange::Put(network("n1", 1))])));
}

#[tokio::test(start_paused = true)]
async fn a_row_that_cannot_be_read_is_absent_until_it_can() {
    let store = MemoryStore::new();
    put(&store, &network("good", 1)).await;
    let bad = key(Table::LogicalSwitch, "bad");
    store.commit(Txn::new().put(bad.clone(), "{")).await.unwrap();
    let mut news = start(&store, NEVER);
    assert_eq!(news.recv().await, Some(News::Snapshot(vec![network("good", 1)])));
    assert_eq!(news.recv().await, Some(News::Undecodable(1)));
    put(&store, &network("bad", 2)).await;
    assert_eq!(news.recv().await, Some(News::Changes(vec![RowChange::Put(network("bad", 2))])));
    assert_eq!(news.recv().await, Some(News::Undecodable(0)));
    // What was good and is not any more is gone: a node that starts now would not know it either.
    store.commit(Txn::new().put(bad.clone(), &b"\xff"[..])).await.unwrap();
    let gone = RowChange::Delete(Table::LogicalSwitch, bad.id.clone());
    assert_eq!(news.recv().await, Some(News::Changes(vec![gone])));
    assert_eq!(news.recv().await, Some(News::Undecodable(1)));
}

#[tokio::test(start_paused = true)]
async fn a_row_that_says_another_id_is_not_believed() {
    let store = MemoryStore::new();
    store.commit(Txn::new().put(key(Table::LogicalSwitch, "a"), network("b", 1).to_text())).await.unwrap();
    let mut news = start(&store, NEVER);
    assert_eq!(news.recv().await, Some(News::Snapshot(vec![])));
    assert_eq!(news.recv().await, Some(News::Undecodable(1)));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_away_at_first_is_waited_for() {
    let store = MemoryStore::new();
    store.go_away("power cut");
    let mut news = start(&store, NEVER);
    assert_eq!(
        news.recv().await,
        Some(News::Away("the store is unavailable: power cut".to_owned())),
        "said once, however often it is tried"
    );
    tokio::time::sleep(HOUR).await;
    store.come_back();
    assert_eq!(news.recv().await, Some(News::Back));
    assert!(matches!(news.recv().await, Some(News::Snapshot(_))));
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_told_and_nothing_is_lost() {
    let store = MemoryStore::new();
    let mut news = start(&store, NEVER);
    assert!(matches!(news.recv().await, Some(News::Snapshot(_))));
    assert_eq!(news.recv().await, Some(News::Undecodable(0)));
    tokio::time::sleep(24 * HOUR).await;
    assert!(news.try_recv().is_err(), "nothing is read that need not be");
    store.go_away("cable");
    assert!(matches!(news.recv().await, Some(News::Away(_))));
    store.come_back();
    assert_eq!(news.recv().await, Some(News::Back));
    put(&store, &network("n1", 1)).await;
    assert_eq!(news.recv().await, Some(News::Changes(vec![RowChange::Put(network("n1", 1))])));
}

#[tokio::test(start_paused = true)]
async fn a_gap_brings_a_snapshot_but_not_at_once() {
    let store = MemoryStore::new();
    let mut news = start(&store, NEVER);
    assert!(matches!(news.recv().await, Some(News::Snapshot(_))));
    assert_eq!(news.recv().await, Some(News::Undecodable(0)));
    let before = Instant::now();
    store.force_gap("compacted");
    assert!(matches!(news.recv().await, Some(News::Snapshot(_))));
    assert!(before.elapsed() >= GAP_SPREAD_MAX / 2 && before.elapsed() <= GAP_SPREAD_MAX);
}

#[tokio::test(start_paused = true)]
async fn the_whole_store_is_compared_from_time_to_time() {
    let store = MemoryStore::new();
    let interval = Duration::from_secs(120);
    let mut news = start(&store, Some(interval));
    let start = Instant::now();
    for _ in 0..3 {
        assert!(matches!(news.recv().await, Some(News::Snapshot(_))));
        assert_eq!(news.recv().await, Some(News::Undecodable(0)));
    }
    assert!(start.elapsed() >= interval && start.elapsed() <= interval * 2);
}

#[tokio::test(start_paused = true)]
async fn it_ends_when_nobody_listens() {
    let (news, run) = follow(Arc::new(MemoryStore::new()), NEVER, "n1");
    let running = tokio::spawn(run);
    drop(news);
    running.await.unwrap();
}
