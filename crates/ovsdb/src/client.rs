//! A connection that is kept: dial or be dialled, follow, transact, reconnect, resume.
//!
//! ```text
//!  Client ──transactions, bounded──▶ driver task ──batches, bounded──▶ consumer
//!    ▲                                 │     ▲
//!    └────────── results ──────────────┘     └── Session (no I/O) + stream
//! ```
//!
//! * **Batches** arrive in order. A consumer that falls behind gets fewer and larger batches: what does not fit
//!   into the channel is merged into its net effect, so the socket is read and echoes are answered all the same.
//! * **Reconnecting** waits a bounded, jittered time and resumes from the last transaction. The consumer sees
//!   only what changed, whether or not the server could resume: a clustered database and a relay keep a history
//!   and can, a standalone ovsdb-server keeps none in any version so far and sends everything again.
//! * **A member of a raft cluster** is taken as it is: the database `_Server` is not read, so neither leadership
//!   nor the member's own connection to the others is asked for. A follower passes transactions on; a member that
//!   is cut off goes on serving what it had, and transactions there end as unknown after their timeout; a member
//!   that lags behind takes the replica back to an earlier state until it has caught up. The database of a switch
//!   is never a cluster; whoever follows one that is should list the leader first.
//! * **A transaction** ends in exactly one of three ways, which the error type keeps apart: it was answered, it
//!   was never sent (safe to repeat), or its outcome is unknown because the connection broke in between (look
//!   before repeating). Nothing is ever sent twice.
//! * **Stopping**: when the last [`Client`] is dropped, the driver closes the connection and ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use thiserror::Error;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, timeout_at};

use crate::address::Address;
use crate::monitor::MonitorSpec;
use crate::replica::Replica;
use crate::row::Batch;
use crate::session::{MonitorMethod, SessionConfig};
use crate::transaction::{Outcome, Transaction, TransactionError};

pub use backoff::{Backoff, BackoffConfig};
pub use listen::{Listener, Peer};
pub use stream::{ConnectError, Stream};
pub use tls::{ServerNamePolicy, TlsConfig, TlsError};

mod backoff;
mod delivery;
mod driver;
mod listen;
mod stream;
mod tls;

/// Times and limits of a client.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    pub session: SessionConfig,
    pub backoff: BackoffConfig,
    /// For a connection to be established, TLS included.
    pub connect_timeout: Duration,
    /// Transactions that wait to be sent.
    pub max_queued_transactions: usize,
    /// Batches that wait for the consumer before they are merged.
    pub max_queued_batches: usize,
}

impl ClientConfig {
    /// The defaults, for the database of this name.
    #[must_use]
    pub fn new(database: &str) -> Self {
        Self {
            session: SessionConfig::new(database),
            backoff: BackoffConfig::default(),
            connect_timeout: Duration::from_secs(5),
            max_queued_transactions: 64,
            max_queued_batches: 8,
        }
    }
}

/// Where connections come from.
#[derive(Debug)]
pub enum Source {
    /// We connect, to each address in turn until one answers.
    Dial { addresses: Vec<Address>, tls: Option<TlsConfig> },
    /// The peer connects to us: whoever runs the [`Listener`] hands its connections over. A newer connection
    /// replaces the present one, since a peer that connects again has lost the old.
    Accepted(mpsc::Receiver<Stream>),
}

/// How the connection stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConnectionState {
    /// Not connected. `error` says why the last attempt or session ended.
    Down { failures: u32, error: Option<String> },
    /// The replica follows the server. `missing` are monitored columns that this server does not have.
    Live { peer: String, method: MonitorMethod, missing: Vec<String> },
    /// Will not connect again.
    Stopped,
}

impl ConnectionState {
    #[must_use]
    pub const fn is_live(&self) -> bool {
        matches!(self, Self::Live { .. })
    }
}

/// Why a transaction has no result.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TransactError {
    /// The server refused it, so nothing changed. Repeating it as it is will not help, except after a conflict.
    #[error(transparent)]
    Failed(#[from] TransactionError),
    /// It never left. Repeating it is safe.
    #[error("transaction not sent: {0}")]
    NotSent(NotSent),
    /// It left, and no usable answer came. It may or may not have taken effect: look at the replica.
    #[error("outcome of the transaction unknown: {0}")]
    OutcomeUnknown(Unanswered),
}

/// Why a transaction was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NotSent {
    #[error("no connection within the timeout")]
    Timeout,
    #[error("the client has stopped")]
    Stopped,
    #[error("the session takes no more requests")]
    Busy,
    #[error("the connection was lost before")]
    ConnectionLost,
}

/// Why a transaction was not answered.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Unanswered {
    #[error("the connection was lost")]
    ConnectionLost,
    #[error("no reply within the timeout")]
    Timeout,
    #[error("{0}")]
    MalformedReply(String),
}

/// A transaction on its way to the driver.
struct Submission {
    transaction: Transaction,
    reply: oneshot::Sender<Result<Outcome, TransactError>>,
    claim: Claim,
}

/// Decides, exactly once, whether a transaction is sent or given up: the first to ask owns it.
#[derive(Clone, Default)]
struct Claim(Arc<AtomicBool>);

impl Claim {
    fn take(&self) -> bool {
        !self.0.swap(true, Ordering::AcqRel)
    }
}

/// The handle. Clone it freely.
#[derive(Debug, Clone)]
pub struct Client {
    submissions: mpsc::Sender<Submission>,
    state: watch::Receiver<ConnectionState>,
    _alive: Arc<watch::Sender<()>>,
}

impl std::fmt::Debug for Submission {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Submission({} operations)", self.transaction.len())
    }
}

impl Client {
    /// Starts the driver on the present tokio runtime.
    #[must_use]
    pub fn spawn(
        source: Source,
        config: ClientConfig,
        monitor: MonitorSpec,
    ) -> (Self, mpsc::Receiver<Batch>) {
        Self::spawn_with(source, config, Replica::new(monitor))
    }

    /// Like [`Client::spawn`], going on from a replica that an earlier client left.
    #[must_use]
    pub fn spawn_with(
        source: Source,
        config: ClientConfig,
        replica: Replica,
    ) -> (Self, mpsc::Receiver<Batch>) {
        let (submissions, receive_submissions) = mpsc::channel(config.max_queued_transactions.max(1));
        let (batches, receive_batches) = mpsc::channel(config.max_queued_batches.max(1));
        let (report, state) = watch::channel(ConnectionState::Down { failures: 0, error: None });
        let (alive, watch_alive) = watch::channel(());
        let driver =
            driver::Driver::new(source, config, replica, receive_submissions, batches, report, watch_alive);
        tokio::spawn(driver.run());
        (Self { submissions, state, _alive: Arc::new(alive) }, receive_batches)
    }

    /// How the connection stands now, and a way to wait for changes.
    #[must_use]
    pub fn state(&self) -> watch::Receiver<ConnectionState> {
        self.state.clone()
    }

    /// Waits until the replica follows a server. False if the client has stopped.
    pub async fn wait_until_live(&self) -> bool {
        let mut state = self.state.clone();
        let settled = |state: &ConnectionState| state.is_live() || *state == ConnectionState::Stopped;
        state.wait_for(settled).await.is_ok_and(|state| state.is_live())
    }

    /// Runs a transaction. `timeout` covers everything: waiting for a connection, sending, the reply.
    pub async fn transact(
        &self,
        transaction: Transaction,
        timeout: Duration,
    ) -> Result<Outcome, TransactError> {
        transaction.check()?;
        let deadline = saturating_deadline(Instant::now(), timeout);
        let permit = match timeout_at(deadline, self.submissions.reserve()).await {
            Ok(Ok(permit)) => permit,
            Ok(Err(_)) => return Err(TransactError::NotSent(NotSent::Stopped)),
            Err(_) => return Err(TransactError::NotSent(NotSent::Timeout)),
        };
        let claim = Claim::default();
        let (reply, result) = oneshot::channel();
        permit.send(Submission { transaction, reply, claim: claim.clone() });
        match timeout_at(deadline, result).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) if claim.take() => Err(TransactError::NotSent(NotSent::Stopped)),
            Ok(Err(_)) => Err(TransactError::OutcomeUnknown(Unanswered::ConnectionLost)),
            Err(_) if claim.take() => Err(TransactError::NotSent(NotSent::Timeout)),
            Err(_) => Err(TransactError::OutcomeUnknown(Unanswered::Timeout)),
        }
    }
}

/// A timeout that means "for ever" must not overflow the clock.
fn saturating_deadline(start: Instant, timeout: Duration) -> Instant {
    const FAR_FUTURE: Duration = Duration::from_secs(10 * 365 * 24 * 3600);
    start.checked_add(timeout).unwrap_or(start + FAR_FUTURE)
}
