//! Writing to the store what became of ports: claims, releases, states.
//!
//! A wish says what is the case with one port. The reporter reads what the store says of it, decides ([`claims`]), and writes
//! the difference, if nobody wrote in between; otherwise it looks again. A wish that is newer replaces the older, so what
//! waits is bounded by the ports of the node, and a store that was away hears only how things are then.
//!
//! As long as the name of the node is another one's, or may be, wishes wait: what is said of ports would be said in its name.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use model::{Chassis, Id, LogicalPort, Model, PortStatus, RowId, Table};
use nb::{CLAIMS, Claim, CommitError, Key, Row, Store, TableName, Txn};
use tokio::sync::{Notify, watch};
use tokio::time::sleep;
use tracing::{debug, error, info, warn};

use crate::claims::{ClaimEvent, Decision, Rows, Stored, decide};
use crate::clock;
use crate::ports::Wish;
use crate::retry::Backoff;
use crate::writes::Writes;

/// Ports that are looked up in one go.
const PORTS_AT_ONCE_MAX: usize = 32;
/// First and longest wait while the store is away.
const RETRY_MIN: Duration = Duration::from_millis(50);
const RETRY_MAX: Duration = Duration::from_secs(5);

/// Wishes that wait: the newest for each port.
#[derive(Debug, Default, Clone)]
pub(crate) struct Wishes {
    shared: Arc<Shared>,
    /// What packets say of rows, which goes the same way.
    pub(crate) writes: Writes,
}

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<BTreeMap<RowId, Wish>>,
    changed: Notify,
}

impl Wishes {
    /// Adds wishes, in the place of older ones for the same port.
    pub(crate) fn add(&self, wishes: Vec<(RowId, Wish)>) {
        if wishes.is_empty() {
            return;
        }
        self.lock().extend(wishes);
        self.shared.changed.notify_one();
    }

    /// Puts wishes back that could not be granted, unless there are newer ones.
    fn put_back(&self, wishes: Vec<(RowId, Wish)>) {
        let mut waiting = self.lock();
        for (id, wish) in wishes {
            waiting.entry(id).or_insert(wish);
        }
    }

    async fn take(&self) -> Vec<(RowId, Wish)> {
        loop {
            let taken: Vec<(RowId, Wish)> = {
                let mut waiting = self.lock();
                std::iter::from_fn(|| waiting.pop_first()).take(PORTS_AT_ONCE_MAX).collect()
            };
            if !taken.is_empty() {
                return taken;
            }
            self.shared.changed.notified().await;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<RowId, Wish>> {
        // Every change of the map is made at once, so one that panicked left a whole map.
        self.shared.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Grants wishes for as long as it runs, and whenever the name of the node is its own.
pub(crate) async fn run(
    store: Arc<dyn Store>,
    us: Id<Chassis>,
    mut name_is_own: watch::Receiver<bool>,
    wishes: Wishes,
) {
    let backoff = Backoff::new(RETRY_MIN, RETRY_MAX, &us.to_string());
    let mut reporter = Reporter { store, us, backoff, elsewhere: BTreeMap::new(), is_away: false };
    loop {
        if name_is_own.wait_for(|is_own| *is_own).await.is_err() {
            // Nobody looks any more whose name it is, so the controller ends.
            return pending().await;
        }
        let taken = wishes.take().await;
        if !*name_is_own.borrow() {
            wishes.put_back(taken);
            continue;
        }
        let left = reporter.grant(taken).await;
        if left.is_empty() {
            reporter.is_away = false;
            reporter.backoff.reset();
        } else {
            wishes.put_back(left);
            sleep(reporter.backoff.wait()).await;
        }
    }
}

/// What became of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Written {
    /// There is nothing left to do.
    Done,
    /// Somebody else wrote in between: look again.
    Contested,
    /// The store is away.
    Unreached,
}

struct Reporter {
    store: Arc<dyn Store>,
    us: Id<Chassis>,
    backoff: Backoff,
    /// Ports that are plugged in here and bound to another node, which is said once.
    elsewhere: BTreeMap<RowId, Id<Chassis>>,
    is_away: bool,
}

impl Reporter {
    /// Grants wishes; gives back those for which the store has to be asked again.
    async fn grant(&mut self, wishes: Vec<(RowId, Wish)>) -> Vec<(RowId, Wish)> {
        let keys: Vec<Key> = wishes.iter().flat_map(|(id, wish)| keys_of(id, wish)).collect();
        let rows = match self.store.read(&keys).await {
            Ok(rows) if rows.len() == keys.len() => rows,
            Ok(_) => {
                self.say_away(&"it gave another number of rows than it was asked for");
                return wishes;
            }
            Err(error) => {
                self.say_away(&error);
                return wishes;
            }
        };
        let mut read = keys.into_iter().zip(rows);
        let mut decided = Vec::new();
        for (id, wish) in wishes {
            let (Some(lport), Some(claim), Some(status)) = (read.next(), read.next(), read.next()) else {
                break;
            };
            let rows = Rows { lport: model_row(lport), claim: claim_row(claim), status: model_row(status) };
            let decision = decide(&self.us, &wish.here, &rows, &clock::now());
            self.say_elsewhere(&id, decision.elsewhere.clone());
            if !decision.txn.ops.is_empty() {
                debug!(port = %id, txn = ?decision.txn, "telling the store");
                decided.push((id, wish, decision));
            }
        }
        if self.commit_together(&decided).await {
            return Vec::new();
        }
        let mut left = Vec::new();
        let mut is_reached = true;
        for (id, wish, decision) in decided {
            // Where one cannot be written the others need not be tried one by one.
            let written = if is_reached { self.commit(&id, decision).await } else { Written::Unreached };
            is_reached &= written != Written::Unreached;
            if written != Written::Done {
                left.push((id, wish));
            }
        }
        left
    }

    /// Writes what was decided of several ports at once, which is many times faster; false when each has to go alone, because
    /// together they are too much, or one of them does not fit any more.
    async fn commit_together(&self, decided: &[(RowId, Wish, Decision)]) -> bool {
        let txns = decided.iter().map(|(_, _, decision)| decision.txn.clone());
        let together = txns.fold(Txn::new(), |mut together, txn| {
            together.require.extend(txn.require);
            together.ops.extend(txn.ops);
            together
        });
        let is_worth_it = decided.len() > 1 && together.check(self.store.limits()).is_ok();
        if !is_worth_it || self.store.commit(together).await.is_err() {
            return decided.is_empty();
        }
        decided.iter().for_each(|(id, _, decision)| say_event(id, decision.event));
        true
    }

    async fn commit(&mut self, id: &RowId, decision: Decision) -> Written {
        match self.store.commit(decision.txn).await {
            Ok(_) => {
                say_event(id, decision.event);
                Written::Done
            }
            Err(CommitError::Conflict) => {
                if decision.event == Some(ClaimEvent::Claimed) {
                    info!(port = %id, "somebody else was faster to change the port; looking again");
                }
                Written::Contested
            }
            Err(CommitError::Store(error)) => {
                self.say_away(&error);
                Written::Unreached
            }
            Err(error @ (CommitError::TooLarge { .. } | CommitError::Invalid { .. })) => {
                // It would be the same the next time.
                error!(port = %id, %error, "the state of a port cannot be written");
                Written::Done
            }
        }
    }

    fn say_away(&mut self, error: &dyn std::fmt::Display) {
        if !std::mem::replace(&mut self.is_away, true) {
            warn!(%error, "the state of ports cannot be written to the store; trying on");
        }
    }

    fn say_elsewhere(&mut self, id: &RowId, chassis: Option<Id<Chassis>>) {
        let Some(chassis) = chassis else {
            self.elsewhere.remove(id);
            return;
        };
        if self.elsewhere.get(id) != Some(&chassis) {
            warn!(port = %id, %chassis, "the port is plugged in here and bound to another node, which has it");
            self.elsewhere.insert(id.clone(), chassis);
        }
    }
}

fn say_event(id: &RowId, event: Option<ClaimEvent>) {
    match event {
        Some(ClaimEvent::Claimed) => info!(port = %id, "the port was unbound and is ours now"),
        Some(ClaimEvent::Released) => info!(port = %id, "the port is unplugged and unbound again"),
        None => {}
    }
}

/// The rows that speak of a port, in the order in which they are read.
fn keys_of(id: &RowId, wish: &Wish) -> [Key; 3] {
    let key = |table: TableName| {
        let key = Key::new(table, id.clone());
        match &wish.topic {
            Some(topic) => key.with_topic(topic.clone()),
            None => key,
        }
    };
    let status = PortStatus::id_of(&Id::<LogicalPort>::from_row(id.clone()));
    let status = Key { id: status.row().clone(), ..key(Table::PortStatus.into()) };
    [key(Table::LogicalPort.into()), Key::new(CLAIMS, id.clone()), status]
}

fn model_row<T: Model>((key, row): (Key, Option<Row>)) -> Stored<T> {
    stored(key, row, |value| T::from_text(std::str::from_utf8(value).ok()?).ok())
}

fn claim_row((key, row): (Key, Option<Row>)) -> Stored<Claim> {
    stored(key, row, |value| serde_json::from_slice(value).ok())
}

fn stored<T>(key: Key, row: Option<Row>, read: impl FnOnce(&[u8]) -> Option<T>) -> Stored<T> {
    let stamp = row.as_ref().map(|row| row.stamp);
    Stored { key, row: row.and_then(|row| read(&row.value)), stamp }
}

#[cfg(test)]
mod tests;
