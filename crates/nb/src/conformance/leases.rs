//! A lease keeps rows for as long as somebody renews it, and no longer.

use std::time::Duration;

use super::Harness;
use super::tools::{Replica, all, commit, key, put, read_one, snapshot, within};
use crate::key::LeaseId;
use crate::store::{Store, StoreError};
use crate::txn::{CommitError, Txn};

/// The shortest that stores grant; some make it a little longer.
const TTL_S: u32 = 2;

async fn grant(store: &dyn Store, ttl_s: u32) -> LeaseId {
    within("a lease", store.grant(ttl_s)).await.expect("a lease")
}

async fn wait_until_gone(store: &dyn Store, id: &str) {
    within("rows that go with their lease", async {
        while read_one(store, key(id)).await.is_some() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

/// Rows of a lease vanish when it ends, all at once, and the watch tells; other rows stay.
pub async fn rows_go_with_their_lease(harness: &dyn Harness) {
    let store = &*harness.connect();
    let lease = grant(store, TTL_S).await;
    let txn = Txn::new().put_with_lease(key("a"), "1", lease).put_with_lease(key("b"), "1", lease);
    commit(store, txn.put(key("mine"), "1")).await;
    let start = snapshot(store, &all()).await;
    assert_eq!(start.rows.len(), 3, "rows went before their time");
    let mut watch = store.watch(all(), start.revision);
    let mut replica = Replica::of(start);
    replica.follow(&mut watch, "the end of the lease", |replica| replica.rows.len() < 3).await;
    assert_eq!(
        replica.rows.into_keys().collect::<Vec<_>>(),
        [key("mine")],
        "the rows of a lease go together"
    );
    wait_until_gone(store, "a").await;
}

/// A lease that is renewed keeps its rows beyond its time; then they go.
pub async fn a_renewed_lease_stays(harness: &dyn Harness) {
    let (store, other) = (&*harness.connect(), &*harness.connect());
    let lease = grant(store, TTL_S).await;
    commit(store, Txn::new().put_with_lease(key("a"), "1", lease)).await;
    for _ in 0..8 {
        tokio::time::sleep(Duration::from_millis(500)).await;
        // Whoever knows the lease can renew it.
        within("a renewal", other.keep_alive(lease)).await.expect("a lease that lives");
        assert!(read_one(store, key("a")).await.is_some(), "a row went although its lease was renewed");
    }
    wait_until_gone(store, "a").await;
}

/// The end of a lease can be asked for.
pub async fn revoked_leases_take_their_rows(harness: &dyn Harness) {
    let store = &*harness.connect();
    let (lease, longer) = (grant(store, 600).await, grant(store, 600).await);
    assert_ne!(lease, longer, "two leases with one number");
    let txn = Txn::new().put_with_lease(key("a"), "1", lease).put_with_lease(key("b"), "1", longer);
    commit(store, txn).await;
    within("the end of a lease", store.revoke(lease)).await.expect("a lease that lives");
    assert_eq!(read_one(store, key("a")).await, None);
    assert!(read_one(store, key("b")).await.is_some(), "a row of another lease went");
}

/// A lease that is over, or never was, is named in the error; nothing is written with it.
pub async fn dead_leases_are_refused(harness: &dyn Harness) {
    let store = &*harness.connect();
    let dead = grant(store, 600).await;
    within("the end of a lease", store.revoke(dead)).await.expect("a lease that lives");
    for unknown in [dead, LeaseId(i64::MAX - 1)] {
        let renewed = within("a refusal", store.keep_alive(unknown)).await;
        assert!(matches!(renewed, Err(StoreError::NoSuchLease(lease)) if lease == unknown), "{renewed:?}");
        let revoked = within("a refusal", store.revoke(unknown)).await;
        assert!(matches!(revoked, Err(StoreError::NoSuchLease(lease)) if lease == unknown), "{revoked:?}");
        let txn = Txn::new().put(key("b"), "1").put_with_lease(key("a"), "1", unknown);
        let written = within("a refusal", store.commit(txn)).await;
        let refused = matches!(
            written,
            Err(CommitError::Store(StoreError::NoSuchLease(lease))) if lease == unknown
        );
        assert!(refused, "{written:?}");
    }
    assert_eq!(snapshot(store, &all()).await.rows, []);
}

/// The last writer says with which lease a row goes, if with any.
pub async fn a_row_that_is_written_anew_leaves_its_lease(harness: &dyn Harness) {
    let store = &*harness.connect();
    let (first, second) = (grant(store, 600).await, grant(store, 600).await);
    let txn = Txn::new().put_with_lease(key("kept"), "1", first).put_with_lease(key("moved"), "1", first);
    commit(store, txn).await;
    put(store, key("kept"), "2").await;
    commit(store, Txn::new().put_with_lease(key("moved"), "2", second)).await;
    within("the end of a lease", store.revoke(first)).await.expect("a lease that lives");
    assert_eq!(snapshot(store, &all()).await.rows.len(), 2, "rows went with a lease that they had left");
    within("the end of a lease", store.revoke(second)).await.expect("a lease that lives");
    let rows = snapshot(store, &all()).await.rows;
    assert_eq!(rows.into_iter().map(|row| row.key).collect::<Vec<_>>(), [key("kept")]);
}
