//! The one thread that writes.
//!
//! ```text
//!  many callers --> queue --> [ evaluate all that wait | one fsync | show to readers | answer all ] --> ...
//! ```
//!
//! While one batch is on its way to the disk the next gathers, so the price of an fsync is shared by everybody who waits.
//! Requests are evaluated in the order they came, each on top of those before it. Readers and watches see a batch when it
//! is on the disk, and not before; callers are answered after that.
//!
//! When the disk fails, the file is opened again and asked whether the batch is there, so that callers are told the truth.
//! Only when even that fails does nobody know; then all further writes are refused until the file opens again.

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use etcd_wire::EtcdError;
use etcd_wire::kv::{TxnRequest, TxnResponse};
use tokio::sync::{mpsc, oneshot, watch};
use tracing::{error, info, warn};

use crate::apply::write_txn;
use crate::disk::{Batch, Compaction, Disk, DiskError};
use crate::error::Failure;
use crate::identity::random_lease_id;
use crate::lease::TTL_S_MAX;
use crate::staged::{Effects, Staged};
use crate::store::Shared;

/// How long after a look at the leases the next one comes at the earliest.
const LEASE_CHECK_MIN: Duration = Duration::from_millis(100);

/// How long to wait, after the disk failed, before rows of leases that ran out are tried again.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// Something to write.
#[derive(Debug)]
pub(crate) enum Command {
    /// A transaction that was checked.
    Txn(TxnRequest),
    /// Forget what was before a revision.
    Compact { revision: i64 },
    /// A new lease; without a number one is chosen.
    Grant { id: i64, ttl_s: i64 },
    /// The end of a lease.
    Revoke { id: i64 },
    /// Give room back to the disk.
    Shrink,
}

/// What came of it.
#[derive(Debug)]
pub(crate) enum Done {
    /// The transaction happened.
    Txn(TxnResponse),
    /// It happened; the store is at this revision.
    At { revision: i64 },
    /// There is a lease.
    Granted { id: i64, ttl_s: i64, revision: i64 },
}

/// A command, and who waits for it.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) command: Command,
    pub(crate) reply: oneshot::Sender<Result<Done, Failure>>,
}

/// Who waits, and what they will be told if the disk takes the batch.
type Replies = Vec<(oneshot::Sender<Result<Done, Failure>>, Result<Done, Failure>)>;

/// The writer.
#[derive(Debug)]
pub(crate) struct Writer {
    shared: Arc<Shared>,
    disk: Disk,
    queue: mpsc::Receiver<Job>,
    revision: watch::Sender<i64>,
    /// A batch of which nobody knows whether it is on the disk.
    doubt: Option<Batch>,
    /// When to look at the leases again.
    wake: Option<Instant>,
    /// There are leases that `wake` does not know of.
    leases_changed: bool,
}

impl Writer {
    pub(crate) const fn new(
        shared: Arc<Shared>,
        disk: Disk,
        queue: mpsc::Receiver<Job>,
        revision: watch::Sender<i64>,
    ) -> Self {
        Self { shared, disk, queue, revision, doubt: None, wake: None, leases_changed: false }
    }

    /// Writes until nobody can ask for it any more.
    pub(crate) async fn run(mut self) {
        let mut jobs = Vec::new();
        self.wake = self.shared.read().leases.next_deadline();
        loop {
            let wake = self.wake;
            let sleep = async {
                match wake {
                    Some(at) => tokio::time::sleep_until(at.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                count = self.queue.recv_many(&mut jobs, self.shared.options.batch_requests_max) => {
                    if count == 0 {
                        return;
                    }
                }
                () = sleep => {}
            }
            self.work(jobs.drain(..).collect());
        }
    }

    fn work(&mut self, mut jobs: VecDeque<Job>) {
        if let Err(error) = self.settle() {
            warn!(reason = error.reason, "the store takes no writes");
            let failure = refusal(&error);
            for job in jobs {
                answer(job.reply, Err(failure.clone()));
            }
            self.wake = self.wake.map(|wake| wake.max(Instant::now() + RETRY_PAUSE));
            return;
        }
        let mut pause = LEASE_CHECK_MIN;
        loop {
            let (batch, replies) = self.evaluate(&mut jobs);
            self.leases_changed |= !batch.effects.leases.is_empty();
            let result = self.commit(batch);
            if result.is_err() {
                pause = RETRY_PAUSE;
            }
            for (reply, done) in replies {
                answer(reply, result.clone().and(done));
            }
            match jobs.pop_front() {
                None => break,
                Some(Job { command: Command::Compact { revision }, reply }) => {
                    let done = self.compact(revision);
                    answer(reply, done);
                }
                Some(Job { command: Command::Shrink, reply }) => {
                    let done = self.shrink();
                    answer(reply, done);
                }
                // `evaluate` takes all the others.
                Some(_) => {}
            }
        }
        // Keeping a lease alive only delays its end, so an old answer is early and never late.
        if self.leases_changed || self.is_lease_due() {
            self.leases_changed = false;
            let soonest = Instant::now() + pause;
            self.wake = self.shared.read().leases.next_deadline().map(|at| at.max(soonest));
        }
    }

    /// Whether some lease may have run out.
    fn is_lease_due(&self) -> bool {
        self.wake.is_some_and(|wake| wake <= Instant::now())
    }

    /// Works out what the next jobs change, up to the first that needs a batch of its own.
    fn evaluate(&self, jobs: &mut VecDeque<Job>) -> (Batch, Replies) {
        let options = &self.shared.options;
        let state = self.shared.read();
        let mut staged = Staged::new(&state);
        let expired =
            if self.is_lease_due() { state.leases.take_expired(Instant::now()) } else { Vec::new() };
        for id in expired {
            staged.revoke(id);
            staged.finish_request();
        }
        let mut replies = Vec::new();
        while let Some(job) =
            jobs.pop_front_if(|job| !matches!(job.command, Command::Compact { .. } | Command::Shrink))
        {
            let done = match job.command {
                Command::Txn(txn) => write_txn(&mut staged, &txn, options.store_bytes_max).map(Done::Txn),
                Command::Grant { id, ttl_s } => grant(&mut staged, id, ttl_s, options.leases_max),
                Command::Revoke { id } => revoke(&mut staged, id),
                Command::Compact { .. } | Command::Shrink => continue,
            };
            replies.push((job.reply, done));
        }
        let excess = state.keyspace.excess(options.history_revisions_max, options.history_bytes_max);
        let compaction = excess.map(|at| Compaction { at, obsolete: state.keyspace.obsolete(at) });
        let revision = staged.next_revision().saturating_sub(1);
        (Batch { effects: staged.into_effects(), revision, compaction }, replies)
    }

    /// Brings a batch to the disk, and then to the readers.
    fn commit(&mut self, batch: Batch) -> Result<(), Failure> {
        if batch.effects.is_empty() && batch.compaction.is_none() {
            return Ok(());
        }
        match self.disk.write(&batch) {
            Ok(()) => {
                self.show(&batch);
                Ok(())
            }
            Err(failed) => {
                error!(reason = failed.reason, "a batch was not written");
                self.doubt = Some(batch);
                match self.settle() {
                    Ok(true) => Ok(()),
                    Ok(false) => Err(refusal(&failed)),
                    Err(error) => Err(Failure::Unavailable { reason: error.reason }),
                }
            }
        }
    }

    /// Opens the file again if it failed, and tells whether the batch that is in doubt is there.
    fn settle(&mut self) -> Result<bool, DiskError> {
        if self.disk.is_open() {
            return Ok(false);
        }
        let written = self.disk.recover()?;
        info!("the file of the store is open again");
        self.leases_changed = true;
        if let Some(batch) = self.doubt.take().filter(|_| written) {
            self.show(&batch);
        }
        Ok(written)
    }

    /// Lets readers and watches see a batch.
    fn show(&self, batch: &Batch) {
        let mut state = self.shared.state.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(compaction) = &batch.compaction {
            state.keyspace.compact(compaction.at);
        }
        state.apply(&batch.effects, Instant::now());
        let revision = state.keyspace.revision();
        drop(state);
        self.revision.send_replace(revision);
    }

    fn compact(&mut self, at: i64) -> Result<Done, Failure> {
        let state = self.shared.read();
        let revision = state.keyspace.revision();
        if at <= state.keyspace.compacted() {
            return Err(EtcdError::Compacted.into());
        }
        if at > revision {
            return Err(EtcdError::FutureRevision.into());
        }
        let compaction = Some(Compaction { at, obsolete: state.keyspace.obsolete(at) });
        drop(state);
        self.commit(Batch { effects: Effects::default(), revision, compaction })?;
        Ok(Done::At { revision })
    }

    fn shrink(&mut self) -> Result<Done, Failure> {
        let revision = self.shared.read().keyspace.revision();
        self.disk.shrink().map_err(|error| refusal(&error))?;
        Ok(Done::At { revision })
    }
}

fn answer(reply: oneshot::Sender<Result<Done, Failure>>, done: Result<Done, Failure>) {
    // Who does not wait any more does not want to know.
    let _ = reply.send(done);
}

/// Nothing was written, and the callers are told why.
fn refusal(error: &DiskError) -> Failure {
    let reason = error.reason.clone();
    if error.is_full { Failure::Full { reason } } else { Failure::Unavailable { reason } }
}

fn grant(staged: &mut Staged<'_>, id: i64, ttl_s: i64, leases_max: usize) -> Result<Done, Failure> {
    if ttl_s > TTL_S_MAX {
        return Err(EtcdError::LeaseTtlTooLarge.into());
    }
    if id != 0 && staged.has_lease(id) {
        return Err(EtcdError::LeaseExists.into());
    }
    if staged.leases_len() >= leases_max {
        return Err(EtcdError::TooManyRequests.into());
    }
    let mut id = id;
    while id == 0 || staged.has_lease(id) {
        id = random_lease_id();
    }
    let ttl_s = ttl_s.max(1);
    staged.grant(id, ttl_s);
    Ok(Done::Granted { id, ttl_s, revision: staged.next_revision().saturating_sub(1) })
}

fn revoke(staged: &mut Staged<'_>, id: i64) -> Result<Done, Failure> {
    if !staged.has_lease(id) {
        return Err(EtcdError::LeaseNotFound.into());
    }
    staged.revoke(id);
    staged.finish_request();
    Ok(Done::At { revision: staged.next_revision().saturating_sub(1) })
}
