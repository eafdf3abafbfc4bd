//! Changes of rows, as they come.
//!
//! The queue between driver and consumer is bounded: a consumer that is slow slows the driver, which lets the store
//! keep what it did not fetch, and in the end is told of a gap.

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::key::{Key, Revision, Row};

/// Items that wait between a driver and a consumer.
pub const QUEUE_ITEMS_MAX: usize = 1024;

/// What happened to a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It was written.
    Put(Row),
    /// It was deleted; what it last said, where the store tells.
    Delete(Key, Option<Bytes>),
}

impl Change {
    /// The row.
    #[must_use]
    pub const fn key(&self) -> &Key {
        match self {
            Self::Put(row) => &row.key,
            Self::Delete(key, _) => key,
        }
    }
}

/// What a watch says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WatchItem {
    /// The changes of one or several commits, complete up to `revision`. A row that changed several times may occur once.
    Batch {
        /// The state after the changes.
        revision: Revision,
        /// The changes, in order.
        changes: Vec<Change>,
    },
    /// Nothing else happened up to this revision.
    UpTo(Revision),
    /// Something may have been lost. The watch is over: take a snapshot and watch from there.
    Gap {
        /// Why.
        reason: String,
    },
    /// The store cannot be reached; the driver keeps trying.
    Away {
        /// Why.
        reason: String,
    },
    /// The store is reached again, and nothing was lost.
    Back,
}

/// The consumer's end. Dropping it ends the watch.
#[derive(Debug)]
pub struct Watch {
    items: mpsc::Receiver<WatchItem>,
}

/// The driver's end.
pub type WatchSender = mpsc::Sender<WatchItem>;

impl Watch {
    /// A watch and the end into which a driver puts its items.
    #[must_use]
    pub fn channel() -> (WatchSender, Self) {
        let (sender, items) = mpsc::channel(QUEUE_ITEMS_MAX);
        (sender, Self { items })
    }

    /// The next item; `None` when the driver is gone, or after a gap. Safe to cancel.
    pub async fn next(&mut self) -> Option<WatchItem> {
        self.items.recv().await
    }

    /// The next item, if it is there already.
    pub fn try_next(&mut self) -> Option<WatchItem> {
        self.items.try_recv().ok()
    }
}
