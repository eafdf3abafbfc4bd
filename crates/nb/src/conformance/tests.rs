//! The store in memory passes, and stores that break one promise each do not.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::tools::{OTHER_TABLE, TABLE};
use super::*;
use crate::key::{Key, LeaseId, Revision, Row};
use crate::memory::MemoryStore;
use crate::store::{Limits, Selector, Snapshot, StoreError};
use crate::txn::{CommitError, Op, Require, Txn};
use crate::watch::{Change, Watch, WatchItem};

impl Harness for MemoryStore {
    fn connect(&self) -> Arc<dyn Store> {
        Arc::new(self.clone())
    }

    fn compact(&self) -> BoxFuture<'_, ()> {
        Box::pin(async { Self::compact(self) })
    }
}

impl Outages for MemoryStore {
    fn stop(&self) -> BoxFuture<'_, ()> {
        Box::pin(async { self.go_away("stopped by the test") })
    }

    fn start(&self) -> BoxFuture<'_, ()> {
        Box::pin(async { self.come_back() })
    }
}

mod memory {
    use super::*;

    crate::conformance_tests!(MemoryStore::new());
    crate::outage_tests!(MemoryStore::new());
}

/// The promise that a store breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    ReadsOneByOne,
    SnapshotsTableByTable,
    SnapshotsAllTables,
    SnapshotsPagesOfSeveralStates,
    RevisionOfSnapshotIsTooNew,
    IgnoresRequirements,
    IgnoresStamps,
    CommitsOneByOne,
    LosesTheTenthChange,
    TellsTwice,
    TellsHalves,
    TellsInTheWrongOrder,
    TellsFromTheBeginning,
    HidesDeletes,
    HidesRowsThatLeaveTheirTopic,
    HidesForeignChanges,
    HidesGaps,
    HidesOutages,
    ForgetsKeepAlives,
    IgnoresLeases,
    AcceptsDeadLeases,
    AcceptsAnySize,
    SaysConflictForLarge,
    AnswersInTheOrderOfTheStore,
    FoldsTheCaseOfIds,
    HangsWhileAway,
    LosesWhatItHadWhenStopped,
}

/// A store in memory with a flaw.
#[derive(Debug, Clone)]
struct Broken {
    store: MemoryStore,
    flaw: Flaw,
    count: Arc<AtomicU64>,
}

impl Broken {
    fn new(flaw: Flaw) -> Self {
        Self { store: MemoryStore::new(), flaw, count: Arc::default() }
    }

    /// Lets others write. No sleep: the paused clock stands still while anybody works.
    async fn pause(&self) {
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
    }

    fn spoil(&self, item: WatchItem, selector: &Selector) -> Vec<WatchItem> {
        let WatchItem::Batch { revision, mut changes } = item else {
            return match (self.flaw, &item) {
                (Flaw::HidesForeignChanges, WatchItem::UpTo(_))
                | (Flaw::HidesGaps, WatchItem::Gap { .. })
                | (Flaw::HidesOutages, WatchItem::Away { .. } | WatchItem::Back) => Vec::new(),
                _ => vec![item],
            };
        };
        match self.flaw {
            Flaw::LosesTheTenthChange => {
                changes.retain(|_| self.count.fetch_add(1, Ordering::Relaxed) % 10 != 9);
            }
            Flaw::TellsTwice => {
                changes = changes.into_iter().flat_map(|change| [change.clone(), change]).collect()
            }
            Flaw::TellsHalves if changes.len() > 1 => {
                let rest = changes.split_off(1);
                let half = Revision(revision.0 - 1);
                return vec![
                    WatchItem::Batch { revision: half, changes },
                    WatchItem::Batch { revision, changes: rest },
                ];
            }
            Flaw::TellsInTheWrongOrder => changes.reverse(),
            Flaw::HidesDeletes => changes.retain(|change| matches!(change, Change::Put(_))),
            Flaw::HidesRowsThatLeaveTheirTopic => changes.retain(|change| selector.selects(change.key())),
            _ => {}
        }
        vec![WatchItem::Batch { revision, changes }]
    }

    fn spoil_txn(&self, mut txn: Txn) -> Txn {
        match self.flaw {
            Flaw::IgnoresRequirements => txn.require.clear(),
            Flaw::IgnoresStamps => {
                for require in &mut txn.require {
                    if let Require::Unchanged(key, _) = require {
                        *require = Require::Present(key.clone());
                    }
                }
            }
            Flaw::IgnoresLeases => clear_leases(&mut txn, |_| true),
            Flaw::FoldsTheCaseOfIds => {
                for op in &mut txn.ops {
                    if let Op::Put { key, .. } = op {
                        key.id = model::RowId::new(&key.id.to_string().to_lowercase()).unwrap();
                    }
                }
            }
            _ => {}
        }
        txn
    }
}

fn clear_leases(txn: &mut Txn, which: impl Fn(LeaseId) -> bool) {
    for op in &mut txn.ops {
        if let Op::Put { lease, .. } = op
            && lease.is_some_and(&which)
        {
            *lease = None;
        }
    }
}

impl Store for Broken {
    fn read<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<Vec<Option<Row>>, StoreError>> {
        Box::pin(async move {
            match self.flaw {
                Flaw::ReadsOneByOne => {
                    let mut rows = Vec::new();
                    for key in keys {
                        rows.extend(self.store.read(std::slice::from_ref(key)).await?);
                        self.pause().await;
                    }
                    Ok(rows)
                }
                Flaw::AnswersInTheOrderOfTheStore => {
                    let mut sorted = keys.to_vec();
                    sorted.sort();
                    self.store.read(&sorted).await
                }
                Flaw::HangsWhileAway => {
                    while self.store.read(&[]).await.is_err() {
                        tokio::time::sleep(Duration::from_secs(1)).await;
                    }
                    self.store.read(keys).await
                }
                _ => {
                    let rows = self.store.read(keys).await;
                    // What was read is old before it is used, as with stores that are far away.
                    self.pause().await;
                    rows
                }
            }
        })
    }

    fn snapshot<'a>(&'a self, selector: &'a Selector) -> BoxFuture<'a, Result<Snapshot, StoreError>> {
        Box::pin(async move {
            let mut snapshot = self.store.snapshot(selector).await?;
            match self.flaw {
                Flaw::SnapshotsTableByTable => {
                    snapshot.rows.clear();
                    for table in &selector.tables {
                        let one = Selector::tables([table.clone()]);
                        snapshot.rows.extend(self.store.snapshot(&one).await?.rows);
                        self.pause().await;
                    }
                }
                Flaw::SnapshotsAllTables => {
                    let tables = selector.tables.iter().cloned().chain([TABLE, OTHER_TABLE]);
                    snapshot = self.store.snapshot(&Selector::tables(tables)).await?;
                }
                Flaw::SnapshotsPagesOfSeveralStates if snapshot.rows.len() > 1000 => {
                    self.pause().await;
                    let later = self.store.snapshot(selector).await?.rows;
                    snapshot.rows.truncate(1000);
                    snapshot.rows.extend(later.into_iter().skip(1000));
                }
                Flaw::RevisionOfSnapshotIsTooNew => {
                    self.pause().await;
                    snapshot.revision = self.store.revision();
                }
                _ => {}
            }
            Ok(snapshot)
        })
    }

    fn watch(&self, selector: Selector, after: Revision) -> Watch {
        let (sender, watch) = Watch::channel();
        let after = if self.flaw == Flaw::TellsFromTheBeginning { Revision(0) } else { after };
        let mut source = self.store.watch(selector.clone(), after);
        let broken = self.clone();
        tokio::spawn(async move {
            while let Some(item) = source.next().await {
                for item in broken.spoil(item, &selector) {
                    if sender.send(item).await.is_err() {
                        return;
                    }
                }
            }
        });
        watch
    }

    fn commit(&self, txn: Txn) -> BoxFuture<'_, Result<Revision, CommitError>> {
        Box::pin(async move {
            let mut txn = self.spoil_txn(txn);
            match self.flaw {
                Flaw::CommitsOneByOne => {
                    let mut last = self.store.revision();
                    for op in txn.ops {
                        last = self.store.commit(Txn { ops: vec![op], ..Txn::new() }).await?;
                    }
                    return match txn.require.is_empty() {
                        true => Ok(last),
                        false => self.store.commit(Txn { require: txn.require, ops: Vec::new() }).await,
                    };
                }
                Flaw::AcceptsDeadLeases => {
                    let mut dead = Vec::new();
                    for op in &txn.ops {
                        if let Op::Put { lease: Some(lease), .. } = op
                            && self.store.keep_alive(*lease).await.is_err()
                        {
                            dead.push(*lease);
                        }
                    }
                    clear_leases(&mut txn, |lease| dead.contains(&lease));
                }
                Flaw::AcceptsAnySize => txn.ops.truncate(self.limits().txn_ops),
                Flaw::SaysConflictForLarge if txn.check(self.limits()).is_err() => {
                    return Err(CommitError::Conflict);
                }
                _ => {}
            }
            self.store.commit(txn).await
        })
    }

    fn grant(&self, ttl_s: u32) -> BoxFuture<'_, Result<LeaseId, StoreError>> {
        self.store.grant(ttl_s)
    }

    fn keep_alive(&self, lease: LeaseId) -> BoxFuture<'_, Result<(), StoreError>> {
        match self.flaw {
            Flaw::ForgetsKeepAlives => Box::pin(async { Ok(()) }),
            _ => self.store.keep_alive(lease),
        }
    }

    fn revoke(&self, lease: LeaseId) -> BoxFuture<'_, Result<(), StoreError>> {
        self.store.revoke(lease)
    }

    fn limits(&self) -> Limits {
        self.store.limits()
    }
}

impl Harness for Broken {
    fn connect(&self) -> Arc<dyn Store> {
        Arc::new(self.clone())
    }

    fn compact(&self) -> BoxFuture<'_, ()> {
        Box::pin(async { self.store.compact() })
    }
}

impl Outages for Broken {
    fn stop(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            if self.flaw == Flaw::LosesWhatItHadWhenStopped {
                let rows = self.store.snapshot(&Selector::tables([TABLE])).await.unwrap().rows;
                let newest = rows.into_iter().max_by_key(|row| row.stamp.0).unwrap();
                self.store.commit(Txn::new().delete(newest.key)).await.unwrap();
            }
            self.store.go_away("stopped by the test");
        })
    }

    fn start(&self) -> BoxFuture<'_, ()> {
        Box::pin(async { self.store.come_back() })
    }
}

/// Each flaw with cases that notice it. The clock is paused, so that waiting in vain takes no time.
macro_rules! teeth {
    ($($test:ident: $flaw:ident => $($module:ident :: $case:ident),+;)+) => {
        $(
            #[tokio::test(start_paused = true)]
            async fn $test() {
                $(
                    let broken = Broken::new(Flaw::$flaw);
                    let outcome = tokio::spawn(async move { $module::$case(&broken).await }).await;
                    let failed = outcome.is_err_and(|error| error.is_panic());
                    assert!(failed, "{} does not notice {:?}", stringify!($case), Flaw::$flaw);
                )+
            }
        )+
    };
}

teeth! {
    reads_of_several_states: ReadsOneByOne => reads::reads_see_one_state;
    cuts_of_several_states: SnapshotsTableByTable => reads::snapshots_see_one_state;
    foreign_tables: SnapshotsAllTables => reads::snapshots_hold_what_is_selected;
    pages_of_several_states: SnapshotsPagesOfSeveralStates => reads::large_tables_are_read_in_one_state;
    cuts_that_claim_too_much: RevisionOfSnapshotIsTooNew => reads::snapshots_see_one_state;
    ignored_requirements: IgnoresRequirements => txns::requirements_decide, txns::all_or_nothing_happens,
        txns::racing_writers_lose_no_update, txns::counters_give_no_number_twice;
    ignored_stamps: IgnoresStamps => txns::requirements_decide;
    halves_of_transactions: CommitsOneByOne => txns::all_or_nothing_happens, txns::a_row_occurs_once,
        txns::what_is_too_large_is_refused_whole, watches::transactions_are_told_whole;
    lost_changes: LosesTheTenthChange => watches::nothing_is_lost_or_told_twice,
        watches::slow_consumers_end_with_the_truth;
    repeated_changes: TellsTwice => watches::nothing_is_lost_or_told_twice;
    halves_that_are_told: TellsHalves => watches::transactions_are_told_whole;
    wrong_order: TellsInTheWrongOrder => watches::nothing_is_lost_or_told_twice;
    repeated_history: TellsFromTheBeginning => watches::a_watch_begins_where_it_is_told;
    hidden_deletes: HidesDeletes => watches::deletes_are_told, leases::rows_go_with_their_lease;
    rows_that_leave_in_silence: HidesRowsThatLeaveTheirTopic => watches::rows_that_change_their_topic_are_told;
    silence: HidesForeignChanges => watches::the_watch_goes_on_while_others_change;
    hidden_gaps: HidesGaps => watches::forgotten_history_is_a_gap, watches::a_state_that_never_was_is_a_gap;
    hidden_outages: HidesOutages => outages::outages_are_told, outages::requests_end_while_the_store_is_away;
    forgotten_renewals: ForgetsKeepAlives => leases::a_renewed_lease_stays, leases::dead_leases_are_refused;
    ignored_leases: IgnoresLeases => leases::rows_go_with_their_lease, leases::revoked_leases_take_their_rows,
        leases::dead_leases_are_refused, leases::a_row_that_is_written_anew_leaves_its_lease;
    dead_leases: AcceptsDeadLeases => leases::dead_leases_are_refused;
    no_limits: AcceptsAnySize => txns::what_is_too_large_is_refused_whole;
    limits_that_look_like_conflicts: SaysConflictForLarge => txns::what_is_too_large_is_refused_whole;
    answers_out_of_order: AnswersInTheOrderOfTheStore => reads::rows_come_in_the_order_of_their_keys;
    ids_that_fall_together: FoldsTheCaseOfIds => reads::odd_ids_come_back_unchanged;
    requests_that_hang: HangsWhileAway => outages::requests_end_while_the_store_is_away;
    lost_rows: LosesWhatItHadWhenStopped => outages::what_was_acknowledged_survives;
}
