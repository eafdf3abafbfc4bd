//! Networks that cut, stall, delay and lose answers.

mod common;

use std::time::{Duration, Instant};

use common::proxy::{Fault, Proxy};
use common::{Etcd, all, connect, key, next, options, put, until, until_revision};
use nb::conformance::Harness as _;
use nb::watch::QUEUE_ITEMS_MAX;
use nb::{Change, CommitError, Require, Revision, Store, StoreError, Txn, WatchItem};
use nb_etcd::Options;

/// An etcd behind a proxy, with its direct endpoint.
async fn behind_proxy() -> (Etcd, Proxy, String) {
    let etcd = Etcd::start(1);
    let direct = etcd.endpoints().remove(0);
    let proxy = Proxy::start(&direct).await;
    (etcd, proxy, direct)
}

/// How often a row was written since it was made.
fn version(etcd: &Etcd, id: &str) -> u64 {
    let answer = tokio::task::block_in_place(|| {
        etcd.cluster().etcdctl(&["get", &format!("/of_ours/{id}"), "--write-out=fields"]).expect("a row")
    });
    let line = answer.lines().find_map(|line| line.strip_prefix("\"Version\" : "));
    line.map_or(0, |version| version.trim().parse().expect("a number"))
}

fn is_unavailable(outcome: &Result<Revision, CommitError>) -> bool {
    matches!(outcome, Err(CommitError::Store(StoreError::Unavailable { .. })))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_whose_answer_is_lost_is_not_repeated() {
    let (etcd, proxy, _) = behind_proxy().await;
    let store = connect(&Options { request_timeout_ms: 1_000, ..options([proxy.endpoint()]) });
    put(&*store, "warm", "1").await;
    proxy.set(Fault::LoseAnswers);
    let outcome = store.commit(Txn::new().put(key("a"), "1")).await;
    assert!(is_unavailable(&outcome), "{outcome:?}");
    proxy.set(Fault::None);
    assert_eq!(version(&etcd, "a"), 1, "written once, although nobody was told");
    // Whoever requires what it changes learns that it happened.
    let again = Txn::new().require(Require::Absent(key("a"))).put(key("a"), "1");
    assert!(matches!(store.commit(again).await, Err(CommitError::Conflict)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_are_not_repeated_however_often_the_line_is_cut() {
    let (etcd, proxy, _) = behind_proxy().await;
    let store = connect(&options([proxy.endpoint()]));
    let start = put(&*store, "a", "0").await;
    let writer = tokio::spawn(async move {
        let (mut acknowledged, mut unknown) = (1_u64, 0_u64);
        let mut last = start;
        while acknowledged < 200 {
            match store.commit(Txn::new().put(key("a"), acknowledged.to_string())).await {
                Ok(revision) => {
                    assert!(revision > last, "an acknowledged write made no state");
                    last = revision;
                    acknowledged += 1;
                }
                Err(CommitError::Store(StoreError::Unavailable { .. })) => unknown += 1,
                Err(error) => panic!("{error}"),
            }
        }
        (acknowledged, unknown)
    });
    while !writer.is_finished() {
        tokio::time::sleep(Duration::from_millis(150)).await;
        proxy.cut().await;
    }
    let (acknowledged, unknown) = writer.await.expect("the writer");
    let written = version(&etcd, "a");
    assert!(
        (acknowledged..=acknowledged + unknown).contains(&written),
        "{written} writes happened, {acknowledged} were acknowledged and {unknown} are unknown"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_are_asked_again_when_the_answer_is_lost() {
    let (_etcd, proxy, direct) = behind_proxy().await;
    let store = connect(&options([proxy.endpoint(), direct]));
    put(&*store, "a", "1").await;
    proxy.set(Fault::LoseAnswers);
    let rows = store.read(&[key("a")]).await.expect("an answer of the other endpoint");
    assert_eq!(rows[0].as_ref().map(|row| row.value.as_ref()), Some(&b"1"[..]));
    let snapshot = store.snapshot(&all()).await.expect("a snapshot");
    assert_eq!(snapshot.rows.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_cannot_leave_goes_to_another_endpoint_at_once() {
    let etcd = Etcd::start(1);
    let live = etcd.endpoints().remove(0);
    // One that refuses, and one whose machine hangs: it takes connections and never says a word.
    let refused = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let refused_at = refused.local_addr().expect("an address").to_string();
    drop(refused);
    let hung = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let hung_at = hung.local_addr().expect("an address").to_string();
    let store = connect(&options([refused_at, hung_at, live]));
    let txn = Txn::new().require(Require::Absent(key("a"))).put(key("a"), "1");
    store.commit(txn).await.expect("a member that lives");
    assert_eq!(version(&etcd, "a"), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_hangs_is_left_also_by_those_who_give_up_early() {
    let etcd = Etcd::start(1);
    let live = etcd.endpoints().remove(0);
    let hung = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let hung_at = hung.local_addr().expect("an address").to_string();
    let store = connect(&Options { connect_timeout_ms: 600_000, ..options([hung_at, live]) });
    let first = store.read(&[key("a")]).await;
    assert!(matches!(first, Err(StoreError::Unavailable { .. })), "{first:?}");
    assert_eq!(store.read(&[key("a")]).await.expect("the other member answers"), [None]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_line_is_noticed_and_nothing_is_lost() {
    let (etcd, proxy, direct) = behind_proxy().await;
    let store = connect(&options([proxy.endpoint()]));
    let writer = connect(&options([direct]));
    let start = put(&*writer, "a", "1").await;
    let mut watch = store.watch(all(), start);
    let before = put(&*writer, "a", "2").await;
    until_revision(&mut watch, before).await;
    proxy.set(Fault::Stall);
    for number in 0..10 {
        put(&*writer, "a", &number.to_string()).await;
    }
    until(&mut watch, "the news that the store is away", |item| matches!(item, WatchItem::Away { .. })).await;
    let during = put(&*writer, "a", "during").await;
    proxy.set(Fault::None);
    assert_eq!(next(&mut watch).await, WatchItem::Back);
    let mut stamps = Vec::new();
    let mut told = before;
    while told < during {
        match next(&mut watch).await {
            WatchItem::Batch { revision, changes } => {
                told = revision;
                stamps.extend(changes.into_iter().map(|change| match change {
                    Change::Put(row) => row.stamp.0,
                    Change::Delete(key, _) => panic!("{key} was not deleted"),
                }));
            }
            WatchItem::UpTo(revision) => told = revision,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(stamps, (before.0 + 1..=during.0).collect::<Vec<_>>(), "each write once, and in order");
    drop(etcd);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_line_is_not_taken_for_a_dead_one() {
    let (_etcd, proxy, _) = behind_proxy().await;
    proxy.set(Fault::Delay(Duration::from_millis(100)));
    let store = connect(&options([proxy.endpoint()]));
    let start = put(&*store, "a", "0").await;
    let mut watch = store.watch(all(), start);
    // Longer than the silence that a watch bears.
    let begin = Instant::now();
    let mut end = start;
    while begin.elapsed() < Duration::from_secs(5) {
        end = put(&*store, "a", "1").await;
    }
    until(&mut watch, "the last change", |item| match item {
        WatchItem::Batch { revision, .. } => *revision >= end,
        WatchItem::UpTo(_) => false,
        other => panic!("{other:?}"),
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn history_that_is_forgotten_in_the_middle_of_a_watch_is_a_gap() {
    let (etcd, proxy, direct) = behind_proxy().await;
    let store = connect(&options([proxy.endpoint()]));
    let writer = connect(&options([direct]));
    let start = put(&*writer, "a", "1").await;
    let mut watch = store.watch(all(), start);
    let before = put(&*writer, "a", "2").await;
    until_revision(&mut watch, before).await;
    proxy.set(Fault::Stall);
    for number in 0..10 {
        put(&*writer, "a", &number.to_string()).await;
    }
    writer.commit(Txn::new().delete(key("a"))).await.expect("a delete");
    etcd.compact().await;
    // What is stalled is lost with the connection; the next one has to begin before the compaction.
    proxy.cut().await;
    let gap = until(&mut watch, "a gap", |item| match item {
        WatchItem::Batch { changes, .. } => panic!("told without a gap: {changes:?}"),
        item => matches!(item, WatchItem::Gap { .. }),
    })
    .await;
    assert!(matches!(&gap, WatchItem::Gap { reason } if reason.contains("are forgotten")), "{gap:?}");
    assert_eq!(watch.next().await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_cluster_behind_the_same_address_is_a_gap() {
    let (etcd, proxy, _) = behind_proxy().await;
    let other = Etcd::start(1);
    let store = connect(&options([proxy.endpoint()]));
    let start = put(&*store, "a", "1").await;
    let mut watch = store.watch(all(), start);
    let seen = put(&*store, "a", "2").await;
    until_revision(&mut watch, seen).await;
    let elsewhere = connect(&options(other.endpoints()));
    // The other store is further on: its revisions would fit.
    for number in 0..20 {
        put(&*elsewhere, "b", &number.to_string()).await;
    }
    proxy.lead_to(&other.endpoints()[0]);
    proxy.cut().await;
    let gap = until(&mut watch, "a gap", |item| matches!(item, WatchItem::Gap { .. })).await;
    assert!(matches!(&gap, WatchItem::Gap { reason } if reason.contains("another cluster")), "{gap:?}");
    drop(etcd);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_that_sleeps_is_not_a_server_that_is_silent() {
    let etcd = Etcd::start(1);
    let store = connect(&options(etcd.endpoints()));
    let start = put(&*store, "a", "0").await;
    let mut watch = store.watch(all(), start);
    let mut writers = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let store = std::sync::Arc::clone(&store);
        writers.spawn(async move {
            for _ in 0..QUEUE_ITEMS_MAX / 16 + 20 {
                put(&*store, "a", "x").await;
            }
        });
    }
    while let Some(done) = writers.join_next().await {
        done.expect("a writer");
    }
    let end = put(&*store, "end", "x").await;
    // The queue is full now, and the driver waits for longer than it bears silence.
    tokio::time::sleep(Duration::from_secs(5)).await;
    let mut last = start;
    while last < end {
        match next(&mut watch).await {
            WatchItem::Batch { revision, .. } => {
                assert!(revision > last, "told twice");
                last = revision;
            }
            WatchItem::UpTo(_) => {}
            other => panic!("{other:?}"),
        }
    }
}
