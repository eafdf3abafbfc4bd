//! Transactions happen as a whole or not at all, and only if all they require holds.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::Table;
use tokio::task::JoinSet;

use super::Harness;
use super::tools::{OTHER_TABLE, all, commit, key, key_in, number, put, read_one, snapshot, within};
use crate::counter;
use crate::key::{Key, Stamp};
use crate::store::Store;
use crate::txn::{CommitError, Op, Require, Txn};

const TASKS: u64 = 8;

/// Limits beyond this are not tried out, for the time it takes.
const OPS_TRIED_MAX: usize = 20_000;
const BYTES_TRIED_MAX: usize = 64 << 20;

async fn stamp(store: &dyn Store, key: Key) -> Stamp {
    read_one(store, key).await.expect("a row that was written").stamp
}

async fn assert_refused(store: &dyn Store, txn: Txn, why: &str) {
    let before = snapshot(store, &all()).await;
    match within("a refusal", store.commit(txn)).await {
        Err(CommitError::Conflict) => {}
        other => panic!("{why} is no conflict but {other:?}"),
    }
    assert_eq!(snapshot(store, &all()).await.rows, before.rows, "{why}: something was done");
}

/// Absent, present and unchanged mean what they say, before and after each way to change a row.
pub async fn requirements_decide(harness: &dyn Harness) {
    let store = &*harness.connect();
    let a = || key("a");
    let write = |require| Txn::new().require(require).put(a(), "x").put(key("b"), "x");
    assert_refused(store, write(Require::Present(a())), "a row that is not there, required as present").await;
    assert_refused(store, write(Require::Unchanged(a(), Stamp(1))), "a row that never was").await;
    commit(store, write(Require::Absent(a()))).await;
    assert_refused(store, write(Require::Absent(a())), "a row that is there, required as absent").await;
    let first = stamp(store, a()).await;
    commit(store, write(Require::Present(a()))).await;
    assert_refused(store, write(Require::Unchanged(a(), first)), "a row that was written since").await;
    let second = stamp(store, a()).await;
    assert_ne!(first, second, "two states of a row with one stamp");
    put(store, key("c"), "x").await;
    commit(store, write(Require::Unchanged(a(), second))).await;
    let third = stamp(store, a()).await;
    commit(store, Txn::new().require(Require::Unchanged(a(), third)).delete(a())).await;
    assert_refused(store, write(Require::Unchanged(a(), third)), "a row that was deleted since").await;
    commit(store, write(Require::Absent(a()))).await;
    assert_refused(store, write(Require::Unchanged(a(), third)), "a row that was made anew").await;
}

/// One requirement that does not hold undoes everything else; several that hold let all of it happen.
pub async fn all_or_nothing_happens(harness: &dyn Harness) {
    let store = &*harness.connect();
    put(store, key("there"), "1").await;
    let mixed = Txn::new()
        .require(Require::Present(key("there")))
        .require(Require::Absent(key("not there")))
        .require(Require::Absent(key("there")))
        .put(key("new"), "1")
        .delete(key("there"))
        .put(key_in(OTHER_TABLE, "new"), "1");
    assert_refused(store, mixed, "one of three requirements").await;
    assert_eq!(read_one(store, key_in(OTHER_TABLE, "new")).await, None);
    let good = Txn::new()
        .require(Require::Present(key("there")))
        .require(Require::Absent(key("not there")))
        .put(key("new"), "1")
        .delete(key("there"))
        .put(key_in(OTHER_TABLE, "new"), "2");
    commit(store, good).await;
    let other = harness.connect();
    let keys = [key("new"), key("there"), key_in(OTHER_TABLE, "new")];
    let rows = within("rows", other.read(&keys)).await.expect("rows");
    let values: Vec<_> = rows.iter().map(|row| row.as_ref().map(|row| row.value.as_ref())).collect();
    assert_eq!(values, [Some(&b"1"[..]), None, Some(b"2")]);
    let check = Txn::new().require(Require::Present(key("new")));
    commit(store, check).await;
    assert_refused(store, Txn::new().require(Require::Absent(key("new"))), "a check without operations")
        .await;
}

/// Eight tasks add to one number; whoever was overtaken reads again. Nothing is lost.
pub async fn racing_writers_lose_no_update(harness: &dyn Harness) {
    const ADDITIONS: u64 = 10;
    let store = harness.connect();
    put(&*store, key("sum"), "0").await;
    let mut tasks = JoinSet::new();
    for _ in 0..TASKS {
        let store = harness.connect();
        tasks.spawn(async move {
            for _ in 0..ADDITIONS {
                add_one(&*store).await;
            }
        });
    }
    within("all additions", async {
        while let Some(done) = tasks.join_next().await {
            done.expect("a task that adds");
        }
    })
    .await;
    let sum = read_one(&*store, key("sum")).await.expect("the sum");
    assert_eq!(number(&sum.value), TASKS * ADDITIONS);
}

async fn add_one(store: &dyn Store) {
    loop {
        let row = read_one(store, key("sum")).await.expect("the sum");
        let next = number(&row.value) + 1;
        let txn =
            Txn::new().require(Require::Unchanged(key("sum"), row.stamp)).put(key("sum"), next.to_string());
        match within("an addition", store.commit(txn)).await {
            Ok(_) => return,
            Err(CommitError::Conflict) => {}
            Err(error) => panic!("an addition: {error}"),
        }
    }
}

/// Unique keys are unique, whoever takes how many; and none is left out.
pub async fn counters_give_no_number_twice(harness: &dyn Harness) {
    const TAKES: u32 = 5;
    let mut tasks = JoinSet::new();
    for task in 0..8_u32 {
        let store: Arc<dyn Store> = harness.connect();
        let count = task % 3 + 1;
        tasks.spawn(async move {
            let mut taken = Vec::new();
            for _ in 0..TAKES {
                let first = counter::allocate(&*store, Table::LogicalPort, count).await.expect("numbers");
                taken.extend((0..count).map(|offset| first.get() + offset));
            }
            taken
        });
    }
    let mut all = Vec::new();
    within("all numbers", async {
        while let Some(taken) = tasks.join_next().await {
            all.extend(taken.expect("a task that takes numbers"));
        }
    })
    .await;
    let different: BTreeSet<u32> = all.iter().copied().collect();
    assert_eq!(different.len(), all.len(), "a number was given twice: {all:?}");
    let last = u32::try_from(all.len()).expect("few numbers");
    assert_eq!(different, (1..=last).collect::<BTreeSet<_>>(), "numbers were left out");
}

/// A row in two operations is a mistake of the caller, and nothing is done.
pub async fn a_row_occurs_once(harness: &dyn Harness) {
    let store = harness.connect();
    for twice in [
        Txn::new().put(key("a"), "1").put(key("b"), "1").put(key("a"), "2"),
        Txn::new().put(key("a"), "1").delete(key("a")),
        Txn::new().delete(key("a")).put(key("a"), "1"),
    ] {
        let refused = within("a refusal", store.commit(twice)).await;
        assert!(matches!(refused, Err(CommitError::Invalid { .. })), "{refused:?}");
    }
    assert_eq!(snapshot(&*store, &all()).await.rows, []);
}

/// To delete what is not there is no error, and does not keep the rest from happening.
pub async fn absent_rows_can_be_deleted(harness: &dyn Harness) {
    let store = &*harness.connect();
    let before = put(store, key("a"), "1").await;
    let after = commit(store, Txn::new().delete(key("absent"))).await;
    assert!(after >= before);
    commit(store, Txn::new().delete(key("absent")).delete(key("a")).put(key("b"), "1")).await;
    let rows = snapshot(store, &all()).await.rows;
    assert_eq!(rows.into_iter().map(|row| row.key).collect::<Vec<_>>(), [key("b")]);
}

/// What [`Store::limits`] says, it takes.
pub async fn the_largest_transaction_is_taken(harness: &dyn Harness) {
    let store = &*harness.connect();
    let limits = store.limits();
    let ops = limits.txn_ops.min(OPS_TRIED_MAX);
    let ids: Vec<String> = (0..ops).map(|number| number.to_string()).collect();
    let absent = ids.iter().fold(Txn::new(), |txn, id| txn.require(Require::Absent(key(id))));
    commit(store, ids.iter().fold(absent, |txn, id| txn.put(key(id), "x"))).await;
    assert_eq!(snapshot(store, &all()).await.rows.len(), ops);
    let bytes = limits.txn_bytes.min(BYTES_TRIED_MAX);
    let overhead = Txn::new().put(key("large"), "").size_bytes();
    let largest = Txn::new().put(key("large"), vec![b'x'; bytes - overhead]);
    assert_eq!(largest.size_bytes(), bytes);
    commit(store, largest).await;
    let row = read_one(store, key("large")).await.expect("a large row");
    assert_eq!(row.value.len(), bytes - overhead);
}

/// What is more is refused, with the limit in the error, and nothing of it is done.
pub async fn what_is_too_large_is_refused_whole(harness: &dyn Harness) {
    let store = &*harness.connect();
    let limits = store.limits();
    assert!(limits.txn_ops < OPS_TRIED_MAX * 1000, "a limit that cannot be tried: {limits:?}");
    let ids = || (0..=limits.txn_ops).map(|number| number.to_string());
    let operations = Txn { ops: ids().map(|id| Op::Delete(key(&id))).collect(), ..Txn::new() };
    let requirements =
        Txn { require: ids().map(|id| Require::Absent(key(&id))).collect(), ..Txn::new() }.put(key("a"), "1");
    let half = limits.txn_bytes / 2 + 1;
    let bytes = Txn::new().put(key("a"), vec![b'x'; half]).put(key("b"), vec![b'x'; half]);
    let ops_limit = limits.txn_ops.to_string();
    let bytes_limit = limits.txn_bytes.to_string();
    for (txn, limit) in
        [(operations.put(key("a"), "1"), &ops_limit), (requirements, &ops_limit), (bytes, &bytes_limit)]
    {
        match within("a refusal", store.commit(txn)).await {
            Err(CommitError::TooLarge { reason }) => {
                assert!(reason.contains(limit.as_str()), "{reason:?} does not name the limit {limit}");
            }
            other => panic!("a transaction over the limit {limit}: {other:?}"),
        }
    }
    assert_eq!(snapshot(store, &all()).await.rows, []);
    commit(store, Txn::new().put(key("a"), "1")).await;
}
