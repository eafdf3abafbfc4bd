//! The store as an object of this process.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::thread::JoinHandle;
use std::time::Instant;

use etcd_wire::EtcdError;
use etcd_wire::kv::{RangeRequest, RangeResponse, TxnRequest, TxnResponse};
use tokio::sync::{mpsc, oneshot, watch};

use crate::apply::{is_read_only, range, read_txn};
use crate::check::{check_range, check_txn};
use crate::disk::{self, Disk, Opener};
use crate::error::{CompactError, Failure, OpenError};
use crate::identity::Identity;
use crate::options::Options;
use crate::staged::State;
use crate::writer::{Command, Done, Job, Writer};

/// An embedded store. Clones are the same store; the file is closed when the last is dropped.
#[derive(Debug, Clone)]
pub struct EmbeddedStore {
    pub(crate) shared: Arc<Shared>,
    writer: Arc<WriterHandle>,
}

/// What readers and the writer share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) state: RwLock<State>,
    pub(crate) options: Options,
    pub(crate) identity: Identity,
    pub(crate) path: PathBuf,
    /// The revision that readers see; the writer's end goes with the writer.
    pub(crate) revision: watch::Receiver<i64>,
}

impl Shared {
    /// The state as it is now.
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, State> {
        // Only a writer that dies half-way leaves a mark on the lock, and applying a batch has nothing to die of.
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The writer's thread. Dropping it waits until everything that was asked for is written.
#[derive(Debug)]
struct WriterHandle {
    queue: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for WriterHandle {
    fn drop(&mut self) {
        drop(self.queue.take());
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that writes the store died");
        }
    }
}

impl EmbeddedStore {
    /// Opens the store in the file at `path`, which is made if it is not there.
    ///
    /// # Errors
    /// When the file is in use, damaged, of a later release, or cannot be read or written.
    pub fn open(path: impl AsRef<Path>, options: Options) -> Result<Self, OpenError> {
        let opener = disk::file(path.as_ref(), options.cache_bytes_max);
        Self::open_with(path.as_ref(), opener, options)
    }

    pub(crate) fn open_with(path: &Path, opener: Opener, options: Options) -> Result<Self, OpenError> {
        let options = options.usable();
        let (disk, state, identity) = Disk::open(path, opener, Instant::now())?;
        let (revision, seen) = watch::channel(state.keyspace.revision());
        let (queue, jobs) = mpsc::channel(options.queue_requests_max);
        let state = RwLock::new(state);
        let shared = Arc::new(Shared { state, options, identity, path: path.to_owned(), revision: seen });
        let writer = Writer::new(Arc::clone(&shared), disk, jobs, revision);
        let io = |source| OpenError::Io { path: path.to_owned(), source };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().map_err(io)?;
        let thread = std::thread::Builder::new().name("nb-embedded".to_owned());
        let thread = thread.spawn(move || runtime.block_on(writer.run())).map_err(io)?;
        let writer = Arc::new(WriterHandle { queue: Some(queue), thread: Some(thread) });
        Ok(Self { shared, writer })
    }

    /// The present revision.
    #[must_use]
    pub fn revision(&self) -> i64 {
        self.shared.read().keyspace.revision()
    }

    /// Forgets everything before `revision`, which is the oldest state that can still be read and watched from.
    ///
    /// # Errors
    /// When it is forgotten already or not yet there, or the disk fails.
    pub async fn compact(&self, revision: i64) -> Result<(), CompactError> {
        match self.ask(Command::Compact { revision }).await {
            Ok(_) => Ok(()),
            Err(Failure::Etcd(EtcdError::Compacted)) => Err(CompactError::Forgotten { revision }),
            Err(Failure::Etcd(EtcdError::FutureRevision)) => Err(CompactError::NotYet { revision }),
            Err(failure) => Err(CompactError::Store(failure.into())),
        }
    }

    /// Reads rows.
    pub(crate) fn range(&self, request: &RangeRequest) -> Result<RangeResponse, Failure> {
        check_range(request)?;
        range(&self.shared.read().keyspace, request)
    }

    /// Does a transaction.
    pub(crate) async fn txn(&self, txn: TxnRequest) -> Result<TxnResponse, Failure> {
        check_txn(&txn, &self.shared.options)?;
        if is_read_only(&txn) {
            return read_txn(&self.shared.read().keyspace, &txn);
        }
        match self.ask(Command::Txn(txn)).await? {
            Done::Txn(response) => Ok(response),
            Done::At { .. } | Done::Granted { .. } => Err(closed()),
        }
    }

    /// Has something written, and waits until it is on the disk.
    pub(crate) async fn ask(&self, command: Command) -> Result<Done, Failure> {
        let queue = self.writer.queue.as_ref().ok_or_else(closed)?;
        let (reply, done) = oneshot::channel();
        queue.send(Job { command, reply }).await.map_err(|_| closed())?;
        done.await.map_err(|_| closed())?
    }
}

fn closed() -> Failure {
    Failure::Unavailable { reason: "the store was closed".to_owned() }
}
