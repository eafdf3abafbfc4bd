//! A watch tells everything, once, in order, in whole transactions; or it says that it cannot.

use std::time::Duration;

use bytes::Bytes;
use model::{Table, Topic};
use tokio::task::JoinSet;

use super::Harness;
use super::tools::{
    Background, OTHER_TABLE, Replica, TABLE, all, commit, key, key_in, put, snapshot, within,
};
use crate::key::{Key, Revision};
use crate::store::Selector;
use crate::txn::Txn;
use crate::watch::{Change, QUEUE_ITEMS_MAX, WatchItem};

/// Four writers, each with a row of its own, which it also deletes now and then: what is told of a row is what was
/// written, in order, and leads to what the store holds.
pub async fn nothing_is_lost_or_told_twice(harness: &dyn Harness) {
    const WRITERS: usize = 4;
    const WRITES: usize = 150;
    let reader = harness.connect();
    let start = snapshot(&*reader, &all()).await;
    let mut watch = reader.watch(all(), start.revision);
    let mut tasks = JoinSet::new();
    for writer in 0..WRITERS {
        let store = harness.connect();
        tasks.spawn(async move {
            let own = key(&format!("row-{writer}"));
            let mut written = Vec::new();
            for number in 0..WRITES {
                let is_delete = number % 10 == 9;
                let value = (!is_delete).then(|| Bytes::from(number.to_string()));
                let txn = match &value {
                    Some(value) => Txn::new().put(own.clone(), value.clone()),
                    None => Txn::new().delete(own.clone()),
                };
                commit(&*store, txn).await;
                written.push(value);
            }
            (own, written)
        });
    }
    let mut replica = Replica::of(start);
    let mut written = Vec::new();
    within("all writers", async {
        while let Some(done) = tasks.join_next().await {
            written.push(done.expect("a writer"));
        }
    })
    .await;
    let end = put(&*reader, key("end"), "1").await;
    replica.catch_up(&mut watch, end).await;
    for (key, written) in written {
        let told = replica.told.remove(&key).unwrap_or_default();
        assert_in_order(&key, &told, &written);
    }
    replica.assert_true(&*reader, &all()).await;
}

/// A batch may leave states out that nobody needs any more, but it invents none, repeats none and ends with the last.
fn assert_in_order(key: &Key, told: &[Option<Bytes>], written: &[Option<Bytes>]) {
    let mut rest = written.iter();
    for value in told {
        assert!(rest.any(|written| written == value), "{key}: {value:?} was told in the wrong order");
    }
    assert_eq!(told.last(), written.last(), "{key}: the last state was not told");
}

/// What one transaction wrote is never seen in part.
pub async fn transactions_are_told_whole(harness: &dyn Harness) {
    const TRANSACTIONS: u64 = 300;
    // Large enough that a server splits them over several messages.
    const PADDING: usize = 200;
    let reader = harness.connect();
    let both = Selector::tables([TABLE, OTHER_TABLE]);
    let start = snapshot(&*reader, &both).await;
    let mut watch = reader.watch(both, start.revision);
    let keys: Vec<Key> =
        (0..10).map(|id| id.to_string()).flat_map(|id| [key(&id), key_in(OTHER_TABLE, &id)]).collect();
    let writer = {
        let (store, keys) = (harness.connect(), keys.clone());
        Background::run(async move {
            for count in 1..=TRANSACTIONS {
                let text = format!("{count:0PADDING$}");
                let txn = keys.iter().fold(Txn::new(), |txn, key| txn.put(key.clone(), text.clone()));
                commit(&*store, txn).await;
            }
        })
    };
    let mut replica = Replica::of(start);
    within("all transactions", async {
        while replica.value(&keys[0]) != Some(TRANSACTIONS) {
            replica.take(watch.next().await.expect("a watch goes on"));
            assert_eq!(replica.gap, None);
            let first = replica.value(&keys[0]);
            for key in &keys {
                assert_eq!(replica.value(key), first, "half of a transaction was told");
            }
        }
    })
    .await;
    writer.stop().await;
}

/// A watch from a revision tells what came after it, and nothing of before.
pub async fn a_watch_begins_where_it_is_told(harness: &dyn Harness) {
    let store = harness.connect();
    let mut revisions = Vec::new();
    for number in 0..10 {
        revisions.push(put(&*store, key(&format!("row-{number}")), "x").await);
    }
    assert!(revisions.is_sorted_by(|a, b| a < b), "revisions do not grow: {revisions:?}");
    let end = *revisions.last().expect("revisions");
    for (number, after) in revisions.iter().enumerate() {
        let mut watch = store.watch(all(), *after);
        let empty = crate::Snapshot { revision: *after, rows: Vec::new() };
        let mut replica = Replica::of(empty);
        replica.catch_up(&mut watch, end).await;
        let expected: Vec<Key> = (number + 1..10).map(|later| key(&format!("row-{later}"))).collect();
        assert_eq!(replica.rows.into_keys().collect::<Vec<_>>(), expected, "after {after:?}");
    }
}

/// Deletes are told with the topic, if the row had one and the store knows, to whoever wants the topic.
pub async fn deletes_are_told(harness: &dyn Harness) {
    let store = harness.connect();
    let topic = Topic::new("red");
    let port = key_in(Table::LogicalPort, "p").with_topic(topic.clone());
    let text = r#"{"id": "p", "topic": "red", "name": "n"}"#;
    let selector = Selector {
        topics: Some([topic.clone()].into()),
        ..Selector::tables([TABLE.clone(), Table::LogicalPort.into()])
    };
    let before = commit(&*store, Txn::new().put(port.clone(), text).put(key("a"), "A")).await;
    let mut watch = harness.connect().watch(selector, before);
    commit(&*store, Txn::new().delete(port.clone()).delete(key("a"))).await;
    let mut deleted = Vec::new();
    within("two deletes", async {
        while deleted.len() < 2 {
            match watch.next().await.expect("a watch goes on") {
                WatchItem::Batch { changes, .. } => deleted.extend(changes),
                WatchItem::UpTo(_) => {}
                other => panic!("{other:?}"),
            }
        }
    })
    .await;
    for change in deleted {
        let Change::Delete(gone, last) = change else { panic!("{change:?} is no delete") };
        if gone == port {
            assert!(gone.topic.is_none_or(|told| told == topic), "the topic of another row");
            assert!(last.is_none_or(|last| last == text), "the text of another row");
        } else {
            assert_eq!(gone, key("a"));
            assert!(last.is_none_or(|last| last == "A"), "the text of another row");
        }
    }
}

/// Who wants a topic learns of rows that get it and of rows that lose it.
pub async fn rows_that_change_their_topic_are_told(harness: &dyn Harness) {
    let store = harness.connect();
    let text = |topic: &str| format!(r#"{{"id": "p", "topic": "{topic}"}}"#);
    let port = |topic: &str| key_in(Table::LogicalPort, "p").with_topic(Topic::new(topic));
    let selector = |topic: &str| Selector {
        topics: Some([Topic::new(topic)].into()),
        ..Selector::tables([Table::LogicalPort])
    };
    let before = put(&*store, port("red"), text("red")).await;
    let mut red = harness.connect().watch(selector("red"), before);
    let mut blue = harness.connect().watch(selector("blue"), before);
    // A store that partitions by topic has to move the row: the caller deletes the old one.
    put(&*store, port("blue"), text("blue")).await;
    for (watch, name) in [(&mut red, "red"), (&mut blue, "blue")] {
        within(&format!("what concerns {name}"), async {
            loop {
                match watch.next().await.expect("a watch goes on") {
                    WatchItem::Batch { changes, .. }
                        if changes.iter().any(|change| *change.key() == port("")) =>
                    {
                        break;
                    }
                    WatchItem::Batch { .. } | WatchItem::UpTo(_) => {}
                    other => panic!("{other:?}"),
                }
            }
        })
        .await;
    }
}

/// A consumer of a quiet table learns how far the store is, so that its history is not forgotten before it looks again.
pub async fn the_watch_goes_on_while_others_change(harness: &dyn Harness) {
    let store = harness.connect();
    let start = snapshot(&*store, &all()).await;
    let mut watch = store.watch(all(), start.revision);
    let mut replica = Replica::of(start);
    let mut end = Revision(0);
    for number in 0..20 {
        end = put(&*store, key_in(OTHER_TABLE, "a"), number.to_string()).await;
    }
    replica.catch_up(&mut watch, end).await;
    assert!(replica.told.is_empty(), "rows of another table were told: {:?}", replica.told);
}

/// A consumer that sleeps while more happens than any queue holds ends with what the store holds all the same.
pub async fn slow_consumers_end_with_the_truth(harness: &dyn Harness) {
    const EXTRA: usize = 200;
    let store = harness.connect();
    let start = snapshot(&*store, &all()).await;
    let mut watch = harness.connect().watch(all(), start.revision);
    let mut writers = JoinSet::new();
    for writer in 0..8 {
        let store = harness.connect();
        writers.spawn(async move {
            let mut last = Revision(0);
            for number in 0..(QUEUE_ITEMS_MAX + EXTRA) / 8 {
                last = put(&*store, key(&format!("{writer}-{}", number % 10)), vec![b'0'; 100]).await;
            }
            last
        });
    }
    let mut end = Revision(0);
    while let Some(last) = writers.join_next().await {
        end = end.max(last.expect("a writer"));
    }
    let mut replica = Replica::of(start);
    replica.follow_over_gaps(&*store, &all(), &mut watch, end).await;
    replica.assert_true(&*store, &all()).await;
}

/// Whoever comes back for what is forgotten is told so, and the watch is over; a new snapshot leads on.
pub async fn forgotten_history_is_a_gap(harness: &dyn Harness) {
    let store = harness.connect();
    let old = put(&*store, key("a"), "1").await;
    for number in 0..20 {
        put(&*store, key("a"), number.to_string()).await;
    }
    commit(&*store, Txn::new().delete(key("a"))).await;
    put(&*store, key("b"), "1").await;
    harness.compact().await;
    let mut watch = harness.connect().watch(all(), old);
    within("a gap", async {
        loop {
            match watch.next().await {
                Some(WatchItem::Gap { reason }) => {
                    assert!(!reason.is_empty(), "a gap without a reason");
                    break;
                }
                Some(WatchItem::Batch { changes, .. }) => panic!("without a gap: {changes:?}"),
                Some(_) => {}
                None => panic!("the watch ended without a gap"),
            }
        }
    })
    .await;
    assert_eq!(within("the end of the watch", watch.next()).await, None);
    let fresh = snapshot(&*store, &all()).await;
    let mut watch = store.watch(all(), fresh.revision);
    let mut replica = Replica::of(fresh);
    let end = put(&*store, key("c"), "1").await;
    replica.catch_up(&mut watch, end).await;
    replica.assert_true(&*store, &all()).await;
}

/// A watch that is at the present state loses nothing when the past is forgotten.
pub async fn the_present_outlives_compaction(harness: &dyn Harness) {
    let store = harness.connect();
    let start = snapshot(&*store, &all()).await;
    let mut watch = store.watch(all(), start.revision);
    let mut replica = Replica::of(start);
    for round in 0..3 {
        let mut end = Revision(0);
        for number in 0..10 {
            end = put(&*store, key(&number.to_string()), round.to_string()).await;
        }
        replica.catch_up(&mut watch, end).await;
        harness.compact().await;
    }
    let quiet = snapshot(&*store, &all()).await;
    let mut late = harness.connect().watch(all(), quiet.revision);
    let mut late_replica = Replica::of(quiet);
    let end = put(&*store, key("end"), "1").await;
    replica.catch_up(&mut watch, end).await;
    late_replica.catch_up(&mut late, end).await;
    replica.assert_true(&*store, &all()).await;
    late_replica.assert_true(&*store, &all()).await;
}

/// A consumer that knows more than the store (an old backup came back) is not left waiting for it to catch up.
pub async fn a_state_that_never_was_is_a_gap(harness: &dyn Harness) {
    let store = harness.connect();
    let Revision(present) = put(&*store, key("a"), "1").await;
    let mut watch = store.watch(all(), Revision(present + 1_000_000));
    let item = within("a gap", async {
        loop {
            match watch.next().await {
                Some(WatchItem::UpTo(_) | WatchItem::Away { .. } | WatchItem::Back) => {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                other => break other,
            }
        }
    })
    .await;
    assert!(matches!(item, Some(WatchItem::Gap { .. })), "{item:?}");
}
