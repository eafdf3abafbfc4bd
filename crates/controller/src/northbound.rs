//! The store's side: snapshots and changes, decoded and handed on in order.
//!
//! ```text
//!            retry, backoff                        gap, or time for a comparison (where the store needs it)
//!   ask -----------------------> snapshot ----> watch -----------------------------.
//!    ^                              |             |                                |
//!    |                           Snapshot      Changes, Away, Back                 |
//!    `-----------------------------------------------------------------------------'
//! ```
//! - What is handed on is always complete up to some revision: a snapshot, and then every change after it. Where the
//!   store cannot prove that, a new snapshot comes.
//! - A store that is away takes nothing from what is known.
//! - A row that cannot be read is handed on as absent, and is a finding with its name: what a node does follows from what the
//!   store says now, and not from what it once said. No other row suffers.
//! - The queue is bounded: whoever is slow slows the watch, and in the end gets a snapshot.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use engine::RowChange;
use model::{Object, Table};
use nb::{Change, Key, Revision, Row, Selector, Store, StoreError, WatchItem};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};
use tracing::{info, warn};

use crate::retry::{Backoff, Random, due};

/// News that wait for the engine.
const NEWS_MAX: usize = 64;
/// First and longest wait between two tries to read the store.
const RETRY_MIN: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_secs(5);
/// After a gap, all nodes take a snapshot within this time and not at once.
const GAP_SPREAD_MAX: Duration = Duration::from_secs(2);

/// Tables that no flow depends on: heartbeats, and who listens to what. They change all the time.
const UNFOLLOWED: [Table; 4] = [Table::Service, Table::Publisher, Table::Listener, Table::PortStatus];

/// What the store says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum News {
    /// All rows of all tables that are followed.
    Snapshot(Vec<Object>),
    /// What happened after that, in order.
    Changes(Vec<RowChange>),
    /// The store cannot be reached; what is known stays.
    Away(String),
    /// It can be reached again.
    Back,
    /// How many rows cannot be read now.
    Undecodable(usize),
}

/// The tables that are followed.
pub(crate) fn tables() -> Vec<Table> {
    Table::ALL.iter().copied().filter(|table| !UNFOLLOWED.contains(table)).collect()
}

/// Follows the store for as long as anybody listens.
pub(crate) fn follow(
    store: Arc<dyn Store>,
    resync_interval: Option<Duration>,
    seed: &str,
) -> (mpsc::Receiver<News>, impl Future<Output = ()> + Send + use<>) {
    follow_tables(store, tables(), resync_interval, seed)
}

/// The same for some tables only.
pub(crate) fn follow_tables(
    store: Arc<dyn Store>,
    tables: Vec<Table>,
    resync_interval: Option<Duration>,
    seed: &str,
) -> (mpsc::Receiver<News>, impl Future<Output = ()> + Send + use<>) {
    let (news, receiver) = mpsc::channel(NEWS_MAX);
    let follower = Follower {
        store,
        selector: Selector::tables(tables),
        news,
        backoff: Backoff::new(RETRY_MIN, RETRY_MAX, seed),
        random: Random::new(seed),
        resync_interval,
        unreadable: BTreeMap::new(),
        is_away: false,
    };
    (receiver, follower.run())
}

/// Nobody listens any more.
struct Unheard;

struct Follower {
    store: Arc<dyn Store>,
    selector: Selector,
    news: mpsc::Sender<News>,
    backoff: Backoff,
    random: Random,
    resync_interval: Option<Duration>,
    /// Rows that cannot be read, and why.
    unreadable: BTreeMap<Key, String>,
    is_away: bool,
}

impl Follower {
    async fn run(mut self) {
        // It ends when nobody listens.
        let Err(Unheard) = self.keep_following().await;
    }

    async fn keep_following(&mut self) -> Result<std::convert::Infallible, Unheard> {
        loop {
            let revision = self.snapshot().await?;
            self.watch(revision).await?;
        }
    }

    /// Hands on a snapshot, however long it takes to get one.
    async fn snapshot(&mut self) -> Result<Revision, Unheard> {
        loop {
            match self.store.snapshot(&self.selector).await {
                Ok(snapshot) => {
                    self.backoff.reset();
                    self.back().await?;
                    let known_before = std::mem::take(&mut self.unreadable);
                    let revision = snapshot.revision;
                    // Each text goes as soon as it was read: a large store is not held twice.
                    let rows =
                        snapshot.rows.into_iter().filter_map(|row| self.read(&row, &known_before)).collect();
                    self.say(News::Snapshot(rows)).await?;
                    self.say(News::Undecodable(self.unreadable.len())).await?;
                    return Ok(revision);
                }
                Err(error) => {
                    self.away(&error).await?;
                    sleep(self.backoff.wait()).await;
                }
            }
        }
    }

    /// Hands changes on until there is a gap, or it is time for a comparison with the whole store.
    async fn watch(&mut self, after: Revision) -> Result<(), Unheard> {
        let mut watch = self.store.watch(self.selector.clone(), after);
        let resync_at = self.resync_interval.map(|interval| Instant::now() + self.random.shortened(interval));
        loop {
            let item = tokio::select! {
                item = watch.next() => item,
                () = self.news.closed() => return Err(Unheard),
                // While the store is away there is nothing to compare with.
                () = due(resync_at), if !self.is_away => return Ok(()),
            };
            match item {
                Some(WatchItem::Batch { changes, .. }) => self.changes(&changes).await?,
                Some(WatchItem::UpTo(_)) => {}
                Some(WatchItem::Away { reason }) => self.away(&StoreError::Unavailable { reason }).await?,
                Some(WatchItem::Back) => self.back().await?,
                Some(WatchItem::Gap { reason }) => return self.gap(&reason).await,
                None => return self.gap("the watch ended").await,
            }
        }
    }

    async fn gap(&mut self, reason: &str) -> Result<(), Unheard> {
        let wait = self.random.shortened(GAP_SPREAD_MAX);
        warn!(
            reason,
            wait_ms = wait.as_millis(),
            "changes of the store may be lost; reading all of it again"
        );
        sleep(wait).await;
        Ok(())
    }

    async fn changes(&mut self, changes: &[Change]) -> Result<(), Unheard> {
        let unreadable_before = self.unreadable.len();
        let mut read = Vec::with_capacity(changes.len());
        for change in changes {
            let Some(table) = change.key().table.model() else { continue };
            let object = match change {
                Change::Put(row) => {
                    let known_before = self.unreadable.remove_entry(&row.key).into_iter().collect();
                    self.read(row, &known_before)
                }
                Change::Delete(key, _) => {
                    self.unreadable.remove(key);
                    None
                }
            };
            read.push(match object {
                Some(object) => RowChange::Put(object),
                None => RowChange::Delete(table, change.key().id.clone()),
            });
        }
        self.say(News::Changes(read)).await?;
        if self.unreadable.len() != unreadable_before {
            self.say(News::Undecodable(self.unreadable.len())).await?;
        }
        Ok(())
    }

    /// The object that a row says; a row that says none is noted, and complained of once for each complaint.
    fn read(&mut self, row: &Row, known_before: &BTreeMap<Key, String>) -> Option<Object> {
        let table = row.key.table.model()?;
        let complaint = match read_object(table, row) {
            Ok(object) => return Some(object),
            Err(complaint) => complaint,
        };
        if known_before.get(&row.key) != Some(&complaint) {
            warn!(
                key = %row.key,
                complaint,
                "a row of the store cannot be read and is taken to be absent; correct or delete it"
            );
        }
        self.unreadable.insert(row.key.clone(), complaint);
        None
    }

    async fn away(&mut self, error: &StoreError) -> Result<(), Unheard> {
        if std::mem::replace(&mut self.is_away, true) {
            return Ok(());
        }
        warn!(%error, "the store is away; what is known stays in force, and we keep trying");
        self.say(News::Away(error.to_string())).await
    }

    async fn back(&mut self) -> Result<(), Unheard> {
        if !std::mem::replace(&mut self.is_away, false) {
            return Ok(());
        }
        info!("the store is back");
        self.say(News::Back).await
    }

    async fn say(&self, news: News) -> Result<(), Unheard> {
        self.news.send(news).await.map_err(|_| Unheard)
    }
}

fn read_object(table: Table, row: &Row) -> Result<Object, String> {
    let text = std::str::from_utf8(&row.value).map_err(|error| error.to_string())?;
    let object = Object::from_text(table, text).map_err(|error| error.to_string())?;
    if *object.id() != row.key.id {
        return Err(format!("it says that its id is {}", object.id()));
    }
    Ok(object)
}

#[cfg(test)]
mod tests;
