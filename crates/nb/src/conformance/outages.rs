//! A store that cannot be reached is said to be; when it can, everything goes on from where it was.

use std::time::Duration;

use tokio::task::JoinSet;

use super::Outages;
use super::tools::{Replica, all, commit, commit_stubbornly, key, put, snapshot, within};
use crate::store::StoreError;
use crate::txn::{CommitError, Txn};
use crate::watch::WatchItem;

/// The watch says that the store is away, says that it is back, and has lost nothing.
pub async fn outages_are_told(harness: &dyn Outages) {
    let store = harness.connect();
    put(&*store, key("a"), "1").await;
    let start = snapshot(&*store, &all()).await;
    let mut watch = store.watch(all(), start.revision);
    let mut replica = Replica::of(start);
    let before = put(&*store, key("a"), "2").await;
    replica.catch_up(&mut watch, before).await;
    harness.stop().await;
    replica.follow(&mut watch, "the news that the store is away", |replica| replica.is_away).await;
    harness.start().await;
    replica.follow(&mut watch, "the news that the store is back", |replica| !replica.is_away).await;
    let after = commit_stubbornly(&*store, &Txn::new().put(key("a"), "3")).await;
    replica.catch_up(&mut watch, after).await;
    replica.assert_true(&*store, &all()).await;
}

/// Whoever asks while the store is away gets an answer, in time, that says that it makes sense to ask again; so does
/// who only begins to watch.
pub async fn requests_end_while_the_store_is_away(harness: &dyn Outages) {
    let store = harness.connect();
    let lease = within("a lease", store.grant(600)).await.expect("a lease");
    let revision = put(&*store, key("a"), "1").await;
    harness.stop().await;
    let read = within("an error", store.read(&[key("a")])).await.map(drop);
    let cut = within("an error", store.snapshot(&all())).await.map(drop);
    let granted = within("an error", store.grant(1)).await.map(drop);
    let renewed = within("an error", store.keep_alive(lease)).await;
    let revoked = within("an error", store.revoke(lease)).await;
    for (what, outcome) in
        [("read", read), ("snapshot", cut), ("grant", granted), ("keep_alive", renewed), ("revoke", revoked)]
    {
        assert!(matches!(outcome, Err(StoreError::Unavailable { .. })), "{what}: {outcome:?}");
    }
    let written = within("an error", store.commit(Txn::new().put(key("a"), "2"))).await;
    assert!(matches!(written, Err(CommitError::Store(StoreError::Unavailable { .. }))), "{written:?}");
    let mut watch = store.watch(all(), revision);
    let first = within("the news that the store is away", watch.next()).await;
    assert!(matches!(first, Some(WatchItem::Away { .. })), "{first:?}");
    harness.start().await;
    let second = within("the news that the store is back", watch.next()).await;
    assert_eq!(second, Some(WatchItem::Back));
}

/// Writers that try again and a consumer that follows, over several restarts: it ends with the truth, and nothing was
/// told twice or in the wrong order.
pub async fn nothing_is_lost_over_restarts(harness: &dyn Outages) {
    const RESTARTS: usize = 3;
    const WRITERS: usize = 3;
    let reader = harness.connect();
    let start = snapshot(&*reader, &all()).await;
    let mut watch = reader.watch(all(), start.revision);
    let mut replica = Replica::of(start);
    let (end_writing, stop) = tokio::sync::watch::channel(false);
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let (store, stop) = (harness.connect(), stop.clone());
        writers.spawn(async move {
            let own = key(&format!("row-{writer}"));
            for number in 0_u64.. {
                commit_stubbornly(&*store, &Txn::new().put(own.clone(), number.to_string())).await;
                if *stop.borrow() {
                    return (own, number);
                }
            }
            unreachable!("numbers do not end")
        });
    }
    for _ in 0..RESTARTS {
        let heard = replica.revision;
        replica
            .follow(&mut watch, "changes between restarts", |replica| replica.revision.0 > heard.0 + 20)
            .await;
        harness.stop().await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        harness.start().await;
        replica.follow(&mut watch, "the store to be back", |replica| !replica.is_away).await;
    }
    end_writing.send_replace(true);
    let mut last = Vec::new();
    within("all writers", async {
        while let Some(done) = writers.join_next().await {
            last.push(done.expect("a writer"));
        }
    })
    .await;
    let end = commit_stubbornly(&*reader, &Txn::new().put(key("end"), "1")).await;
    replica.catch_up(&mut watch, end).await;
    for (key, number) in last {
        assert_eq!(replica.value(&key), Some(number), "the last write of {key}");
        let told: Vec<u64> = replica.told[&key]
            .iter()
            .map(|value| super::tools::number(value.as_ref().expect("nothing was deleted")))
            .collect();
        // A write whose answer was lost may have happened, and then it was written again.
        assert!(told.is_sorted(), "{key} went back in time: {told:?}");
    }
    replica.assert_true(&*reader, &all()).await;
}

/// What the store said it has, it has after it was gone.
pub async fn what_was_acknowledged_survives(harness: &dyn Outages) {
    let store = harness.connect();
    let mut written = Vec::new();
    for round in 0..3 {
        for number in 0..20 {
            let key = key(&format!("{round}-{number}"));
            commit(&*store, Txn::new().put(key.clone(), number.to_string())).await;
            written.push(key);
        }
        harness.stop().await;
        harness.start().await;
        commit_stubbornly(&*store, &Txn::new().put(key("round"), round.to_string())).await;
        let found = Replica::of(snapshot(&*store, &all()).await);
        for key in &written {
            assert!(found.rows.contains_key(key), "{key} was acknowledged and is gone");
        }
    }
}
