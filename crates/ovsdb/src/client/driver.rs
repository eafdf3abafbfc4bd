//! The task behind a [`Client`](super::Client): joins the session to a stream, and streams to each other.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, ReadHalf, WriteHalf};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until, timeout};
use tracing::{info, warn};

use super::backoff::Backoff;
use super::delivery::Delivery;
use super::stream::{ConnectError, Stream};
use super::{
    ClientConfig, ConnectionState, NotSent, Outcome, Source, Submission, TransactError, TransactionError,
    Unanswered, saturating_deadline,
};
use crate::replica::Replica;
use crate::row::Batch;
use crate::session::{RequestId, Session, SessionEvent};

/// Bytes that one read takes at most.
const READ_CHUNK_BYTES: usize = 64 << 10;

type Waiting = BTreeMap<RequestId, oneshot::Sender<Result<Outcome, TransactError>>>;

/// Why a conversation ended.
enum End {
    /// Connect again.
    Lost(String),
    /// The peer connected anew.
    Replaced(Stream),
    /// Nobody needs us any more.
    Stopped,
}

pub(super) struct Driver {
    source: Source,
    config: ClientConfig,
    /// None only while a session has it.
    replica: Option<Replica>,
    submissions: mpsc::Receiver<Submission>,
    delivery: Delivery,
    report: watch::Sender<ConnectionState>,
    alive: watch::Receiver<()>,
    backoff: Backoff,
    attempts: usize,
    epoch: Instant,
}

impl Driver {
    pub(super) fn new(
        source: Source,
        config: ClientConfig,
        replica: Replica,
        submissions: mpsc::Receiver<Submission>,
        batches: mpsc::Sender<Batch>,
        report: watch::Sender<ConnectionState>,
        alive: watch::Receiver<()>,
    ) -> Self {
        Self {
            backoff: Backoff::new(config.backoff),
            source,
            config,
            replica: Some(replica),
            submissions,
            delivery: Delivery::new(batches),
            report,
            alive,
            attempts: 0,
            epoch: Instant::now(),
        }
    }

    pub(super) async fn run(mut self) {
        let mut next = None;
        loop {
            let stream = match next.take() {
                Some(stream) => stream,
                None => match self.connect().await {
                    Some(Ok(stream)) => stream,
                    Some(Err(error)) => {
                        if self.pause(error.to_string()).await {
                            continue;
                        }
                        break;
                    }
                    None => break,
                },
            };
            match self.converse(stream).await {
                End::Stopped => break,
                End::Replaced(stream) => {
                    let error = Some("the peer connected anew".to_owned());
                    self.report.send_replace(ConnectionState::Down { failures: 0, error });
                    next = Some(stream);
                }
                End::Lost(reason) => {
                    if !self.pause(reason).await {
                        break;
                    }
                }
            }
        }
        self.report.send_replace(ConnectionState::Stopped);
    }

    fn now(&self) -> Duration {
        self.epoch.elapsed()
    }

    /// The next stream; None when there will be none any more.
    async fn connect(&mut self) -> Option<Result<Stream, ConnectError>> {
        let attempt = self.attempts;
        self.attempts = self.attempts.wrapping_add(1);
        let limit = self.config.connect_timeout;
        let connecting = async {
            match &mut self.source {
                Source::Accepted(streams) => streams.recv().await.map(Ok),
                Source::Dial { addresses, tls } => {
                    let Some(address) = attempt.checked_rem(addresses.len()).and_then(|at| addresses.get(at))
                    else {
                        return Some(Err(ConnectError::NoAddress));
                    };
                    let connected = timeout(limit, Stream::connect(address, tls.as_ref())).await;
                    let late = |_| Err(ConnectError::Timeout { address: address.clone() });
                    Some(connected.unwrap_or_else(late))
                }
            }
        };
        tokio::pin!(connecting);
        loop {
            tokio::select! {
                biased;
                _ = self.alive.changed() => return None,
                () = self.delivery.flush() => {}
                connected = &mut connecting => return connected,
            }
        }
    }

    /// Reports why we are not connected and waits before the next attempt; false if we are to stop.
    async fn pause(&mut self, error: String) -> bool {
        let delay = self.backoff.failed();
        let failures = self.backoff.failures();
        warn!(%error, failures, ?delay, "ovsdb connection down");
        self.report.send_replace(ConnectionState::Down { failures, error: Some(error) });
        // Whoever is dialled has nothing to wait for: the peer decides when it comes.
        let delay = if matches!(self.source, Source::Accepted(_)) { Duration::ZERO } else { delay };
        let until = saturating_deadline(Instant::now(), delay);
        loop {
            tokio::select! {
                biased;
                _ = self.alive.changed() => return false,
                () = self.delivery.flush() => {}
                () = sleep_until(until) => return true,
            }
        }
    }

    async fn converse(&mut self, stream: Stream) -> End {
        let Some(replica) = self.replica.take() else { return End::Stopped };
        let session = Session::new(self.config.session.clone(), replica, self.now());
        let peer = stream.peer().to_owned();
        let (reader, writer) = tokio::io::split(stream);
        let mut conversation =
            Conversation { session, peer, reader, out: Outgoing::new(writer), waiting: Waiting::new() };
        let end = self.exchange(&mut conversation).await;
        // What came before the end is in the replica already, so the consumer has to hear of it.
        self.dispatch(&mut conversation);
        conversation.give_back_unsent();
        self.replica = Some(conversation.session.into_replica());
        end
    }

    async fn exchange(&mut self, conversation: &mut Conversation) -> End {
        let mut chunk = vec![0; READ_CHUNK_BYTES];
        loop {
            let Conversation { session, reader, out, .. } = conversation;
            out.refill(session);
            let deadline = saturating_deadline(self.epoch, session.deadline());
            let ready = session.is_live() && session.has_room();
            tokio::select! {
                biased;
                _ = self.alive.changed() => return End::Stopped,
                Some(stream) = newer_stream(&mut self.source) => return End::Replaced(stream),
                written = out.write(), if out.has_work() => {
                    if let Err(error) = written {
                        return End::Lost(format!("write to {}: {error}", conversation.peer));
                    }
                }
                () = self.delivery.flush() => {}
                () = sleep_until(deadline) => {
                    if let Err(error) = session.tick(self.epoch.elapsed()) {
                        return End::Lost(error.to_string());
                    }
                }
                Some(submission) = self.submissions.recv(), if ready => conversation.submit(submission),
                read = reader.read(&mut chunk) => {
                    let received = match read {
                        Ok(0) => return End::Lost(format!("{} closed the connection", conversation.peer)),
                        Ok(count) => chunk.get(..count).unwrap_or_default(),
                        Err(error) => return End::Lost(format!("read from {}: {error}", conversation.peer)),
                    };
                    let handled = session.receive(received, self.epoch.elapsed());
                    self.dispatch(conversation);
                    if let Err(error) = handled {
                        return End::Lost(error.to_string());
                    }
                }
            }
        }
    }

    fn dispatch(&mut self, conversation: &mut Conversation) {
        while let Some(event) = conversation.session.next_event() {
            match event {
                SessionEvent::Batch(batch) => self.delivery.push(batch),
                SessionEvent::Live { method, missing } => {
                    let peer = conversation.peer.clone();
                    info!(%peer, ?method, ?missing, "ovsdb connection live");
                    self.backoff.succeeded();
                    self.report.send_replace(ConnectionState::Live { peer, method, missing });
                }
                SessionEvent::Transacted { request, result } => {
                    let Some(reply) = conversation.waiting.remove(&request) else { continue };
                    let result = result.map_err(|error| match error {
                        TransactionError::Malformed(reason) => {
                            TransactError::OutcomeUnknown(Unanswered::MalformedReply(reason))
                        }
                        error => TransactError::Failed(error),
                    });
                    // A caller that gave up is not there to hear it.
                    let _ = reply.send(result);
                }
            }
        }
    }
}

/// A connection that a peer made while an older one is in use.
async fn newer_stream(source: &mut Source) -> Option<Stream> {
    match source {
        Source::Accepted(streams) => streams.recv().await,
        Source::Dial { .. } => std::future::pending().await,
    }
}

struct Conversation {
    session: Session,
    peer: String,
    reader: ReadHalf<Stream>,
    out: Outgoing,
    /// Dropped with the conversation, which tells the callers that the outcome is unknown.
    waiting: Waiting,
}

impl Conversation {
    fn submit(&mut self, submission: Submission) {
        if !submission.claim.take() {
            return;
        }
        match self.session.transact(&submission.transaction) {
            Ok(request) => drop(self.waiting.insert(request, submission.reply)),
            Err(_) => drop(submission.reply.send(Err(TransactError::NotSent(NotSent::Busy)))),
        }
    }

    /// Tells the callers of transactions that never left that these may be repeated.
    fn give_back_unsent(&mut self) {
        for request in self.session.unsent() {
            if let Some(reply) = self.waiting.remove(&request) {
                // A caller that gave up is not there to hear it.
                let _ = reply.send(Err(TransactError::NotSent(NotSent::ConnectionLost)));
            }
        }
    }
}

/// The message that is being written.
struct Outgoing {
    writer: WriteHalf<Stream>,
    message: Vec<u8>,
    written: usize,
    flushed: bool,
}

impl Outgoing {
    fn new(writer: WriteHalf<Stream>) -> Self {
        Self { writer, message: Vec::new(), written: 0, flushed: true }
    }

    fn refill(&mut self, session: &mut Session) {
        if self.written >= self.message.len()
            && let Some(message) = session.next_outgoing()
        {
            self.message = message;
            self.written = 0;
        }
    }

    fn has_work(&self) -> bool {
        self.written < self.message.len() || !self.flushed
    }

    /// Makes some progress. Safe to cancel: what was written is counted.
    async fn write(&mut self) -> std::io::Result<()> {
        let rest = self.message.get(self.written..).unwrap_or_default();
        if rest.is_empty() {
            self.writer.flush().await?;
            self.flushed = true;
            return Ok(());
        }
        match self.writer.write(rest).await? {
            0 => Err(std::io::ErrorKind::WriteZero.into()),
            count => {
                self.written = self.written.saturating_add(count);
                self.flushed = false;
                Ok(())
            }
        }
    }
}
