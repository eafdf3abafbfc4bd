//! How the replica is kept up to date: a snapshot, then whatever happens after it; after a gap, another snapshot.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use nb::{Revision, Store, StoreError, Watch, WatchItem};
use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::state::{State, selector};
use crate::resources::port::Attachment;
use crate::translate::{CloudDomain, SegmentSettings};

/// Between two attempts to read the store.
const RETRY_AFTER_MS: u64 = 500;

/// What is known, shared by all requests.
#[derive(Debug)]
pub struct Replica {
    state: Arc<RwLock<State>>,
    revision: watch::Receiver<Revision>,
    follower: AbortHandle,
}

impl Drop for Replica {
    fn drop(&mut self) {
        self.follower.abort();
    }
}

impl Replica {
    /// Reads the store and begins to follow it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn follow(
        store: Arc<dyn Store>,
        segments: SegmentSettings,
        attachment: Attachment,
        cloud_domain: CloudDomain,
    ) -> Result<Self, StoreError> {
        let snapshot = store.snapshot(&selector()).await?;
        let revision = snapshot.revision;
        let mut state = State::new(segments, attachment, cloud_domain);
        state.replace(snapshot);
        let state = Arc::new(RwLock::new(state));
        let (sender, receiver) = watch::channel(revision);
        let follower = Follower { store, state: Arc::clone(&state), revision: sender };
        let follower = tokio::spawn(follower.run(revision)).abort_handle();
        Ok(Self { state, revision: receiver, follower })
    }

    /// What is known. Nobody can change it while this is held, so not for long, and never while waiting.
    pub fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known, to note what requests hold.
    pub fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until this state is known, or the time is over; says which.
    pub async fn knows(&self, revision: Revision, within: Duration) -> bool {
        let mut known = self.revision.clone();
        let waiting = known.wait_for(|known| *known >= revision);
        matches!(tokio::time::timeout(within, waiting).await, Ok(Ok(_)))
    }

    /// Waits until more than this state is known, or the time is over.
    pub async fn knows_more(&self, than: Revision, within: Duration) {
        let mut known = self.revision.clone();
        // Whoever waits tries again in any case, so it does not matter what ended the waiting.
        let _ = tokio::time::timeout(within, known.wait_for(|known| *known > than)).await;
    }
}

struct Follower {
    store: Arc<dyn Store>,
    state: Arc<RwLock<State>>,
    revision: watch::Sender<Revision>,
}

impl Follower {
    async fn run(self, mut revision: Revision) {
        loop {
            let watch = self.store.watch(selector(), revision);
            self.drain(watch).await;
            revision = self.resync().await;
        }
    }

    /// Notes what a watch says until it ends.
    async fn drain(&self, mut watch: Watch) {
        while let Some(item) = watch.next().await {
            match item {
                WatchItem::Batch { revision, changes } => {
                    self.change(|state| state.apply(revision, changes));
                }
                WatchItem::UpTo(revision) => self.change(|state| state.apply(revision, Vec::new())),
                WatchItem::Gap { reason } => {
                    tracing::warn!(reason, "changes of the store may have been lost; reading all of it");
                    return;
                }
                WatchItem::Away { reason } => {
                    tracing::warn!(reason, "the store is away; answering from what is known");
                }
                WatchItem::Back => tracing::info!("the store is back"),
            }
        }
    }

    /// Reads all of the store, as often as it takes.
    async fn resync(&self) -> Revision {
        loop {
            match self.store.snapshot(&selector()).await {
                Ok(snapshot) => {
                    let revision = snapshot.revision;
                    self.change(|state| state.replace(snapshot));
                    return revision;
                }
                Err(error) => {
                    tracing::warn!(%error, "the store cannot be read; trying again");
                    tokio::time::sleep(Duration::from_millis(RETRY_AFTER_MS)).await;
                }
            }
        }
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let revision = {
            let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
            change(&mut state);
            state.revision()
        };
        self.revision.send_replace(revision);
    }
}
