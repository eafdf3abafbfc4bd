//! A store in the memory of one process, for tests and simulations.
//!
//! It keeps the whole contract, as tightly as the tightest real store: small transactions, a history that is bounded,
//! rows that go with their lease. What real stores do on bad days it does on demand: be away, lose an answer, forget
//! its history, say that something may be lost.
//!
//! Clones share one store, as connections share a server. Time is tokio's, so a test with a paused clock decides when
//! leases end. Watches and leases need a tokio runtime; nothing else does.

mod state;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::watch;
use tokio::time::Instant;

use self::state::{News, State};
use crate::key::{Key, LeaseId, Revision, Row};
use crate::store::{BoxFuture, Limits, Selector, Snapshot, Store, StoreError};
use crate::txn::{CommitError, Txn};
use crate::watch::{Watch, WatchItem, WatchSender};

/// How much the store takes and keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Changes that are kept for watches that lag or come back.
    pub history_changes_max: usize,
    /// What a transaction may be.
    pub limits: Limits,
}

impl Default for Options {
    fn default() -> Self {
        Self { history_changes_max: 100_000, limits: Limits::SMALLEST }
    }
}

/// A store in memory. Clones share it.
#[derive(Clone)]
pub struct MemoryStore {
    shared: Arc<Shared>,
}

struct Shared {
    inner: Mutex<Inner>,
    /// Counts whatever a watch may want to look at.
    changed: watch::Sender<u64>,
}

struct Inner {
    state: State,
    away: Option<String>,
    gap: Gaps,
    answers_to_lose: u32,
}

/// How often watches were told of a gap, and why last.
#[derive(Debug, Clone, Default)]
struct Gaps {
    count: u64,
    reason: String,
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = self.shared.lock();
        f.debug_struct("MemoryStore")
            .field("revision", &inner.state.revision())
            .field("away", &inner.away)
            .finish_non_exhaustive()
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::with_options(Options::default())
    }

    /// An empty store with other limits.
    #[must_use]
    pub fn with_options(options: Options) -> Self {
        let inner =
            Inner { state: State::new(options), away: None, gap: Gaps::default(), answers_to_lose: 0 };
        Self { shared: Arc::new(Shared { inner: Mutex::new(inner), changed: watch::Sender::new(0) }) }
    }

    /// The state it is in.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.shared.lock().state.revision()
    }

    /// From now on nobody reaches the store: requests fail, watches say so. Leases go on ending.
    pub fn go_away(&self, reason: &str) {
        self.shared.change(|inner| inner.away = Some(reason.to_owned()));
    }

    /// The store can be reached again.
    pub fn come_back(&self) {
        self.shared.change(|inner| inner.away = None);
    }

    /// The next `count` transactions that succeed are reported as unavailable: they happened, and nobody is told.
    pub fn lose_answers(&self, count: u32) {
        self.shared.lock().answers_to_lose = count;
    }

    /// Forgets all history: a watch that is not at the present state has a gap.
    pub fn compact(&self) {
        self.shared.change(|inner| inner.state.compact());
    }

    /// Tells all watches that something may be lost, whether or not that is so.
    pub fn force_gap(&self, reason: &str) {
        self.shared.change(|inner| {
            inner.gap = Gaps { count: inner.gap.count + 1, reason: reason.to_owned() };
        });
    }

    async fn ask<T>(&self, ask: impl FnOnce(&mut Inner) -> Result<T, StoreError>) -> Result<T, StoreError> {
        // Nothing here waits, so that a task which only asks would never let others run.
        tokio::task::consume_budget().await;
        let mut inner = self.shared.lock();
        inner.check_present()?;
        ask(&mut inner)
    }

    async fn try_commit(&self, txn: Txn) -> Result<Revision, CommitError> {
        tokio::task::consume_budget().await;
        let mut inner = self.shared.lock();
        inner.check_present()?;
        let revision = inner.state.commit(txn)?;
        let answer_is_lost = inner.answers_to_lose > 0;
        inner.answers_to_lose = inner.answers_to_lose.saturating_sub(1);
        drop(inner);
        self.shared.announce();
        if answer_is_lost {
            let reason = "the connection ended before the answer came".to_owned();
            return Err(StoreError::Unavailable { reason }.into());
        }
        Ok(revision)
    }
}

impl Inner {
    fn check_present(&self) -> Result<(), StoreError> {
        match &self.away {
            None => Ok(()),
            Some(reason) => Err(StoreError::Unavailable { reason: reason.clone() }),
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A test that panicked while it held the lock left a whole state: every change is made at once.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn announce(&self) {
        self.changed.send_modify(|count| *count += 1);
    }

    fn change<T>(&self, change: impl FnOnce(&mut Inner) -> T) -> T {
        let result = change(&mut self.lock());
        self.announce();
        result
    }
}

impl Store for MemoryStore {
    fn read<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<Vec<Option<Row>>, StoreError>> {
        Box::pin(self.ask(|inner| Ok(inner.state.read(keys))))
    }

    fn snapshot<'a>(&'a self, selector: &'a Selector) -> BoxFuture<'a, Result<Snapshot, StoreError>> {
        Box::pin(self.ask(|inner| Ok(inner.state.snapshot(selector))))
    }

    fn watch(&self, selector: Selector, after: Revision) -> Watch {
        let (sender, watch) = Watch::channel();
        let follower = Follower {
            selector,
            position: after,
            gaps_known: self.shared.lock().gap.count,
            is_away: false,
            changed: self.shared.changed.subscribe(),
            // A watch does not keep the store.
            shared: Arc::downgrade(&self.shared),
        };
        tokio::spawn(follower.run(sender));
        watch
    }

    fn commit(&self, txn: Txn) -> BoxFuture<'_, Result<Revision, CommitError>> {
        Box::pin(self.try_commit(txn))
    }

    fn grant(&self, ttl_s: u32) -> BoxFuture<'_, Result<LeaseId, StoreError>> {
        Box::pin(async move {
            let (lease, ends) = self.ask(|inner| Ok(inner.state.grant(ttl_s, Instant::now()))).await?;
            tokio::spawn(end_in_time(Arc::downgrade(&self.shared), lease, ends));
            Ok(lease)
        })
    }

    fn keep_alive(&self, lease: LeaseId) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.ask(move |inner| inner.state.keep_alive(lease, Instant::now())))
    }

    fn revoke(&self, lease: LeaseId) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            self.ask(|inner| inner.state.revoke(lease)).await?;
            self.shared.announce();
            Ok(())
        })
    }

    fn limits(&self) -> Limits {
        self.shared.lock().state.limits()
    }
}

/// Waits until a lease is over, however often it is renewed.
async fn end_in_time(shared: Weak<Shared>, lease: LeaseId, mut ends: Instant) {
    loop {
        tokio::time::sleep_until(ends).await;
        let Some(shared) = shared.upgrade() else { return };
        match shared.change(|inner| inner.state.expire(lease, Instant::now())) {
            Some(later) => ends = later,
            None => return,
        }
    }
}

/// What hands the changes to one watch.
struct Follower {
    selector: Selector,
    position: Revision,
    gaps_known: u64,
    is_away: bool,
    changed: watch::Receiver<u64>,
    shared: Weak<Shared>,
}

impl Follower {
    async fn run(mut self, sender: WatchSender) {
        loop {
            self.changed.mark_unchanged();
            let Some(item) = self.next_item() else { return };
            match item {
                Some(item) => {
                    let is_over = matches!(item, WatchItem::Gap { .. });
                    if sender.send(item).await.is_err() || is_over {
                        return;
                    }
                }
                None => {
                    tokio::select! {
                        changed = self.changed.changed() => if changed.is_err() { return },
                        () = sender.closed() => return,
                    }
                }
            }
        }
    }

    /// What to say now; the outer `None` when the store is gone.
    fn next_item(&mut self) -> Option<Option<WatchItem>> {
        let shared = self.shared.upgrade()?;
        let inner = shared.lock();
        if inner.gap.count != self.gaps_known {
            return Some(Some(WatchItem::Gap { reason: inner.gap.reason.clone() }));
        }
        match (&inner.away, self.is_away) {
            (Some(_), true) => return Some(None),
            (Some(reason), false) => {
                self.is_away = true;
                return Some(Some(WatchItem::Away { reason: reason.clone() }));
            }
            (None, true) => {
                self.is_away = false;
                return Some(Some(WatchItem::Back));
            }
            (None, false) => {}
        }
        Some(match inner.state.news(&self.selector, self.position) {
            News::Nothing => None,
            News::Gap(reason) => Some(WatchItem::Gap { reason }),
            News::UpTo(revision) => {
                self.position = revision;
                Some(WatchItem::UpTo(revision))
            }
            News::Batch { revision, changes } => {
                self.position = revision;
                Some(WatchItem::Batch { revision, changes })
            }
        })
    }
}

#[cfg(test)]
mod tests;
