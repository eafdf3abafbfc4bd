//! Requests: to which member they go, how often, and what an error means.
//!
//! All requests share one connection. A request that fails for a reason that lies in the member moves everybody on to
//! the next; what may be sent again is sent again, until the deadline.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use etcd_wire::{Client, EtcdError, ResponseHeader};
use nb::StoreError;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until, timeout_at};
use tonic::{Code, Status};
use tracing::{debug, warn};

use crate::connection::{ConnectError, Connection, Connector, was_not_sent};

const BACKOFF_MIN: Duration = Duration::from_millis(50);

/// The connection that requests go through.
pub(crate) struct Session {
    pub(crate) connector: Arc<Connector>,
    line: Mutex<Line>,
    /// The cluster that answered last; 0 before the first answer.
    cluster: AtomicU64,
}

impl fmt::Debug for Session {
    /// Without the connection, which bears the token of our user.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("connector", &self.connector).finish_non_exhaustive()
    }
}

struct Line {
    client: Option<Client<Connection>>,
    /// Tells connections apart: who reports a broken one may be late.
    number: u64,
    /// The member.
    member: usize,
}

/// Whether a request may be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// It changes nothing, or the same whenever it is done.
    Always,
    /// Only if it provably was not looked at.
    Never,
}

/// A request failed for good.
#[derive(Debug)]
pub(crate) enum Failure {
    /// What it means is known.
    Store(StoreError),
    /// Etcd says so, and it depends on the request what it means.
    Etcd(EtcdError),
    /// The answer is larger than we take.
    AnswerTooLarge,
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Store(error) => error,
            Failure::Etcd(error) => Self::Damaged { reason: format!("etcd says {:?}", error.text()) },
            Failure::AnswerTooLarge => {
                Self::Damaged { reason: "an answer is larger than we take".to_owned() }
            }
        }
    }
}

/// What follows from an error.
#[derive(Debug)]
enum Verdict {
    /// Nothing else would come out at another member.
    Final(Failure),
    /// Our token is not known any more; the request was not looked at.
    LogInAgain,
    /// Another member may do better.
    Elsewhere,
}

impl Session {
    pub(crate) fn new(connector: Connector) -> Self {
        Self {
            connector: Arc::new(connector),
            line: Mutex::new(Line { client: None, number: 0, member: 0 }),
            cluster: AtomicU64::new(0),
        }
    }

    /// The cluster that answered last, if any did.
    pub(crate) fn cluster(&self) -> Option<u64> {
        Some(self.cluster.load(Ordering::Relaxed)).filter(|cluster| *cluster != 0)
    }

    /// Notes who answered, and gives the revision of the answer.
    pub(crate) fn note(&self, header: Option<ResponseHeader>) -> Result<u64, StoreError> {
        let damaged = |reason: &str| StoreError::Damaged { reason: reason.to_owned() };
        let header = header.ok_or_else(|| damaged("an answer of etcd has no header"))?;
        let before = self.cluster.swap(header.cluster_id, Ordering::Relaxed);
        if before != 0 && before != header.cluster_id {
            warn!(before, now = header.cluster_id, "the endpoints of etcd lead to another cluster now");
        }
        u64::try_from(header.revision).map_err(|_| damaged("an answer of etcd has a negative revision"))
    }

    /// Asks one member after the other until one answers or the deadline is over.
    pub(crate) async fn call<T, F>(
        &self,
        repeat: Repeat,
        request: impl Fn(Client<Connection>) -> F,
    ) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, Status>>,
    {
        let deadline = Instant::now() + self.connector.timing.request;
        let mut backoff = Backoff::new(self.connector.timing.backoff_max);
        let mut logged_in_again = false;
        loop {
            let (client, number) = match timeout_at(deadline, self.client()).await {
                Ok(Ok(line)) => line,
                Ok(Err(ConnectError::Denied(reason))) => return Err(StoreError::Denied { reason }.into()),
                Ok(Err(ConnectError::Unreachable(reason))) => {
                    let again = Instant::now() + backoff.next_pause();
                    if again >= deadline {
                        return Err(StoreError::Unavailable { reason }.into());
                    }
                    sleep_until(again).await;
                    continue;
                }
                Err(_) => return Err(self.too_late("no member of etcd could be reached")),
            };
            let status = match timeout_at(self.patience(repeat, deadline), request(client)).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(status)) => status,
                Err(_) => Status::deadline_exceeded("the member did not answer in time"),
            };
            let not_sent = was_not_sent(&status);
            match judge(&status) {
                Verdict::Final(failure) => return Err(failure),
                Verdict::LogInAgain if logged_in_again => {
                    return Err(StoreError::Denied { reason: status.message().to_owned() }.into());
                }
                Verdict::LogInAgain => {
                    logged_in_again = true;
                    self.abandon(number, 0).await;
                }
                Verdict::Elsewhere => {
                    debug!(error = status.message(), "a member of etcd failed");
                    self.abandon(number, 1).await;
                    let again = Instant::now() + backoff.next_pause();
                    if !(not_sent || repeat == Repeat::Always) || again >= deadline {
                        return Err(StoreError::Unavailable { reason: status.message().to_owned() }.into());
                    }
                    sleep_until(again).await;
                }
            }
        }
    }

    fn too_late(&self, what: &str) -> Failure {
        let ms = self.connector.timing.request.as_millis();
        StoreError::Unavailable { reason: format!("{what} within {ms} ms") }.into()
    }

    /// How long one member has. What may be asked elsewhere is not left with a member that is stuck until the end.
    fn patience(&self, repeat: Repeat, deadline: Instant) -> Instant {
        let now = Instant::now();
        if repeat == Repeat::Always && self.connector.endpoints() > 1 {
            now + deadline.saturating_duration_since(now) / 2
        } else {
            deadline
        }
    }

    /// The connection, and its number. Makes one if there is none: one member after the other, each once.
    async fn client(&self) -> Result<(Client<Connection>, u64), ConnectError> {
        let mut line = self.line.lock().await;
        if let Some(client) = &line.client {
            return Ok((client.clone(), line.number));
        }
        let mut failed = ConnectError::Unreachable("there is no member".to_owned());
        for _ in 0..self.connector.endpoints() {
            let number = line.member;
            // Who gives up before this is over leaves it to the next to ask another: a member may hang for ever.
            line.member += 1;
            match self.connector.connect(number).await {
                Ok(member) => {
                    line.member = number;
                    line.client = Some(member.client.clone());
                    line.number += 1;
                    return Ok((member.client, line.number));
                }
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }

    /// Nobody uses connection `number` from now on; the next is to the member `further` on.
    async fn abandon(&self, number: u64, further: usize) {
        let mut line = self.line.lock().await;
        if line.number == number && line.client.take().is_some() {
            line.member += further;
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

fn judge(status: &Status) -> Verdict {
    let reason = || status.message().to_owned();
    let Some(error) = EtcdError::of(status) else {
        return match status.code() {
            Code::PermissionDenied | Code::Unauthenticated => {
                Verdict::Final(StoreError::Denied { reason: reason() }.into())
            }
            // Not etcd's, which has texts for these: our decoder says so.
            Code::OutOfRange => Verdict::Final(Failure::AnswerTooLarge),
            Code::Unimplemented | Code::InvalidArgument | Code::FailedPrecondition | Code::DataLoss => {
                Verdict::Final(StoreError::Damaged { reason: reason() }.into())
            }
            _ => Verdict::Elsewhere,
        };
    };
    match error {
        EtcdError::NoSpace => Verdict::Final(StoreError::Full { reason: reason() }.into()),
        EtcdError::AuthFailed | EtcdError::PermissionDenied | EtcdError::UserEmpty => {
            Verdict::Final(StoreError::Denied { reason: reason() }.into())
        }
        EtcdError::InvalidAuthToken | EtcdError::AuthOldRevision => Verdict::LogInAgain,
        EtcdError::Corrupt => Verdict::Final(StoreError::Damaged { reason: reason() }.into()),
        EtcdError::TooManyRequests
        | EtcdError::NoLeader
        | EtcdError::NotLeader
        | EtcdError::LeaderChanged
        | EtcdError::Stopped
        | EtcdError::Timeout
        | EtcdError::TimeoutDueToLeaderFail
        | EtcdError::TimeoutDueToConnectionLost
        | EtcdError::Unhealthy => Verdict::Elsewhere,
        other => Verdict::Final(Failure::Etcd(other)),
    }
}

/// Pauses that grow up to a limit, and differ between processes: those that lost one server do not return as one.
#[derive(Debug)]
pub(crate) struct Backoff {
    next: Duration,
    max: Duration,
}

impl Backoff {
    pub(crate) fn new(max: Duration) -> Self {
        Self { next: BACKOFF_MIN.min(max), max }
    }

    pub(crate) fn reset(&mut self) {
        self.next = BACKOFF_MIN.min(self.max);
    }

    /// Between half and all of a pause that doubles.
    pub(crate) fn next_pause(&mut self) -> Duration {
        let pause = self.next;
        self.next = (pause * 2).min(self.max);
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        // The low digits of the clock are as good as dice here.
        let share = (now.subsec_nanos() / 128) % 1024;
        pause / 2 + pause / 2 * share / 1024
    }
}

#[cfg(test)]
mod tests;
