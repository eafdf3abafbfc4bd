//! One OVSDB session as a state machine without I/O.
//!
//! Bytes go in ([`Session::receive`]), time goes in ([`Session::tick`]), bytes come out
//! ([`Session::next_outgoing`]) and events come out ([`Session::next_event`]). After any error the session is
//! over; [`Session::into_replica`] then gives the replica back, which is consistent and can resume on the next
//! connection.
//!
//! The conversation: ask for the schema and compare it with what the replica follows; ask for the content with
//! the best method the server has, `monitor_cond_since` (resumes), `monitor_cond`, `monitor`; then live. The
//! peer's echo requests are answered at any time; when it is silent for a while, we send our own.
//!
//! Events keep the order of the wire: the batch that shows the effect of a transaction comes before its
//! [`SessionEvent::Transacted`].

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use serde_json::{Value, json};
use thiserror::Error;

use crate::json::{FrameError, FrameLimits, Framer};
use crate::jsonrpc::{Message, MessageError};
use crate::monitor::{Available, SchemaMismatch};
use crate::replica::{Replica, ReplicaError, UpdateFormat};
use crate::row::Batch;
use crate::schema::{DatabaseSchema, SchemaError};
use crate::transaction::{Outcome, Receipt, Transaction, TransactionError};
use crate::value::Uuid;

/// How our monitor is called in requests and notifications. A session has one.
const MONITOR_ID: &str = "replica";
/// How our echo requests are called.
const PROBE_ID: &str = "probe";

/// Limits and times of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionConfig {
    pub database: String,
    pub limits: FrameLimits,
    /// Silence after which we ask whether the peer is alive; after the same time again, it is not.
    pub probe_interval: Duration,
    /// From the connection to the first content.
    pub handshake_timeout: Duration,
    /// Transactions that await their reply.
    pub max_pending_requests: usize,
    /// Bytes that the peer has not taken yet.
    pub max_outgoing_bytes: usize,
}

impl SessionConfig {
    #[must_use]
    pub fn new(database: &str) -> Self {
        Self {
            database: database.to_owned(),
            limits: FrameLimits::default(),
            probe_interval: Duration::from_secs(5),
            handshake_timeout: Duration::from_secs(30),
            max_pending_requests: 256,
            max_outgoing_bytes: 32 << 20,
        }
    }
}

/// Names a transaction of this session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(u64);

/// The request that brings the content, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MonitorMethod {
    CondSince,
    Cond,
    Plain,
}

impl MonitorMethod {
    const fn name(self) -> &'static str {
        match self {
            Self::CondSince => "monitor_cond_since",
            Self::Cond => "monitor_cond",
            Self::Plain => "monitor",
        }
    }

    const fn worse(self) -> Option<Self> {
        match self {
            Self::CondSince => Some(Self::Cond),
            Self::Cond => Some(Self::Plain),
            Self::Plain => None,
        }
    }

    const fn format(self) -> UpdateFormat {
        match self {
            Self::CondSince | Self::Cond => UpdateFormat::Differences,
            Self::Plain => UpdateFormat::Rows,
        }
    }
}

/// What a session tells its owner.
#[derive(Debug, PartialEq)]
pub enum SessionEvent {
    /// The replica changed. The first batch of a session may be empty: it says that the replica is up to date.
    Batch(Batch),
    /// The content is there; transactions are welcome. `missing` are monitored columns the server lacks.
    Live { method: MonitorMethod, missing: Vec<String> },
    /// The server answered a transaction.
    Transacted { request: RequestId, result: Result<Outcome, TransactionError> },
}

/// Why a session ended.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SessionError {
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error(transparent)]
    Message(#[from] MessageError),
    #[error(transparent)]
    Schema(#[from] SchemaError),
    #[error(transparent)]
    Mismatch(#[from] SchemaMismatch),
    #[error("update refused: {0}")]
    Replica(#[from] ReplicaError),
    #[error("{request} failed: {reason}")]
    Handshake { request: &'static str, reason: String },
    #[error("no content within {0:?} after connecting")]
    HandshakeTimeout(Duration),
    #[error("unexpected message: {0}")]
    Unexpected(String),
    #[error("the server ended our monitor")]
    MonitorCanceled,
    #[error("the peer has been silent for {0:?} and does not answer echo requests")]
    Unresponsive(Duration),
    #[error("the peer does not take its replies: more than {0} bytes are waiting")]
    OutgoingFull(usize),
}

/// A transaction that the session cannot take now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Busy {
    #[error("{0} transactions await their reply already")]
    Requests(usize),
    #[error("more than {0} bytes wait to be sent")]
    Bytes(usize),
}

#[derive(Debug)]
enum Phase {
    Schema,
    Monitor { method: MonitorMethod, available: Available, resume: Option<Uuid> },
    Live { method: MonitorMethod },
}

/// The state machine. See the [module](self).
#[derive(Debug)]
pub struct Session {
    config: SessionConfig,
    framer: Framer,
    replica: Replica,
    phase: Phase,
    next_id: u64,
    /// The request whose reply the handshake awaits.
    handshake_id: u64,
    transactions: BTreeMap<u64, Receipt>,
    /// Messages, with the transactions that they carry.
    outgoing: VecDeque<(Option<RequestId>, Vec<u8>)>,
    outgoing_bytes: usize,
    events: VecDeque<SessionEvent>,
    started: Duration,
    last_received: Duration,
    /// When we asked whether the peer is alive. Counted from then on, because a process that was stopped for a
    /// while finds the answer in its socket only after it has looked at the clock.
    probed: Option<Duration>,
}

impl Session {
    /// Begins a conversation on a fresh connection. Times are since any fixed moment.
    #[must_use]
    pub fn new(config: SessionConfig, replica: Replica, now: Duration) -> Self {
        let mut session = Self {
            framer: Framer::new(config.limits),
            config,
            replica,
            phase: Phase::Schema,
            next_id: 0,
            handshake_id: 0,
            transactions: BTreeMap::new(),
            outgoing: VecDeque::new(),
            outgoing_bytes: 0,
            events: VecDeque::new(),
            started: now,
            last_received: now,
            probed: None,
        };
        session.handshake_id = session.request("get_schema", json!([session.config.database]));
        session
    }

    #[must_use]
    pub fn replica(&self) -> &Replica {
        &self.replica
    }

    /// Ends the session. What it had not confirmed stays unknown.
    #[must_use]
    pub fn into_replica(self) -> Replica {
        self.replica
    }

    #[must_use]
    pub fn is_live(&self) -> bool {
        matches!(self.phase, Phase::Live { .. })
    }

    /// Bytes to send, in order.
    pub fn next_outgoing(&mut self) -> Option<Vec<u8>> {
        let (_, bytes) = self.outgoing.pop_front()?;
        self.outgoing_bytes = self.outgoing_bytes.saturating_sub(bytes.len());
        Some(bytes)
    }

    /// Transactions that [`Session::next_outgoing`] has not given out: if the session ends now, they have
    /// certainly not taken effect.
    pub fn unsent(&self) -> impl Iterator<Item = RequestId> {
        self.outgoing.iter().filter_map(|(request, _)| *request)
    }

    /// Events, in order. Those that came before an error are still valid after it.
    pub fn next_event(&mut self) -> Option<SessionEvent> {
        self.events.pop_front()
    }

    /// Whether [`Session::transact`] would take another transaction.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.check_room().is_ok()
    }

    fn check_room(&self) -> Result<(), Busy> {
        if self.transactions.len() >= self.config.max_pending_requests {
            return Err(Busy::Requests(self.transactions.len()));
        }
        if self.outgoing_bytes >= self.config.max_outgoing_bytes {
            return Err(Busy::Bytes(self.config.max_outgoing_bytes));
        }
        Ok(())
    }

    /// Sends a transaction.
    pub fn transact(&mut self, transaction: &Transaction) -> Result<RequestId, Busy> {
        self.check_room()?;
        let id = self.new_id();
        let params = transaction.to_params(&self.config.database);
        let message = Message::Request { id: json!(id), method: "transact".to_owned(), params };
        self.send(Some(RequestId(id)), message);
        self.transactions.insert(id, transaction.receipt());
        Ok(RequestId(id))
    }

    /// When [`Session::tick`] wants to be called at the latest.
    #[must_use]
    pub fn deadline(&self) -> Duration {
        let since = self.probed.unwrap_or(self.last_received);
        let silence = since.saturating_add(self.config.probe_interval);
        if self.is_live() {
            return silence;
        }
        silence.min(self.started.saturating_add(self.config.handshake_timeout))
    }

    /// Lets time pass.
    pub fn tick(&mut self, now: Duration) -> Result<(), SessionError> {
        if !self.is_live() && now.saturating_sub(self.started) >= self.config.handshake_timeout {
            return Err(SessionError::HandshakeTimeout(self.config.handshake_timeout));
        }
        let silence = now.saturating_sub(self.last_received);
        match self.probed {
            Some(asked) if now.saturating_sub(asked) >= self.config.probe_interval => {
                return Err(SessionError::Unresponsive(silence));
            }
            None if silence >= self.config.probe_interval => {
                self.probed = Some(now);
                let (id, method) = (json!(PROBE_ID), "echo".to_owned());
                self.send(None, Message::Request { id, method, params: json!([]) });
            }
            _ => {}
        }
        Ok(())
    }

    /// Takes what the peer sent.
    pub fn receive(&mut self, mut bytes: &[u8], now: Duration) -> Result<(), SessionError> {
        self.last_received = now;
        self.probed = None;
        while let Some(frame) = self.framer.feed(&mut bytes)? {
            let message = Message::from_value(frame.parse()?)?;
            self.handle(message)?;
        }
        Ok(())
    }

    fn handle(&mut self, message: Message) -> Result<(), SessionError> {
        match message {
            Message::Request { id, method, params } => {
                let outcome = if method == "echo" { Ok(params) } else { Err(json!("unknown method")) };
                self.send(None, Message::Response { id, outcome });
                if self.outgoing_bytes > self.config.max_outgoing_bytes {
                    return Err(SessionError::OutgoingFull(self.config.max_outgoing_bytes));
                }
                Ok(())
            }
            Message::Notification { method, params } => self.notified(&method, &params),
            Message::Response { id, outcome } => self.answered(&id, outcome),
        }
    }

    fn answered(&mut self, id: &Value, outcome: Result<Value, Value>) -> Result<(), SessionError> {
        if id == PROBE_ID {
            return Ok(());
        }
        let unexpected = || SessionError::Unexpected("a response to a request that we did not make".into());
        let id = id.as_u64().ok_or_else(unexpected)?;
        if let Some(receipt) = self.transactions.remove(&id) {
            let result = receipt.read(outcome);
            self.events.push_back(SessionEvent::Transacted { request: RequestId(id), result });
            return Ok(());
        }
        if id != self.handshake_id || self.is_live() {
            return Err(unexpected());
        }
        match std::mem::replace(&mut self.phase, Phase::Schema) {
            Phase::Monitor { method, available, resume } => {
                self.monitored(method, available, resume, outcome)
            }
            Phase::Schema | Phase::Live { .. } => self.compare_schema(outcome),
        }
    }

    fn compare_schema(&mut self, outcome: Result<Value, Value>) -> Result<(), SessionError> {
        let schema = outcome.map_err(|error| handshake_error("get_schema", &error))?;
        let available = self.replica.spec().resolve(&DatabaseSchema::from_json(&schema)?)?;
        let resume = self.replica.resume_point(&available);
        self.monitor(MonitorMethod::CondSince, available, resume);
        Ok(())
    }

    fn monitor(&mut self, method: MonitorMethod, available: Available, resume: Option<Uuid>) {
        let mut params = vec![json!(self.config.database), json!(MONITOR_ID), available.requests().clone()];
        if method == MonitorMethod::CondSince {
            params.push(json!(resume.unwrap_or(Uuid::ZERO).to_string()));
        }
        self.handshake_id = self.request(method.name(), Value::Array(params));
        self.phase = Phase::Monitor { method, available, resume };
    }

    fn monitored(
        &mut self,
        method: MonitorMethod,
        available: Available,
        resume: Option<Uuid>,
        outcome: Result<Value, Value>,
    ) -> Result<(), SessionError> {
        let reply = match (outcome, method.worse()) {
            (Ok(reply), _) => reply,
            (Err(error), Some(worse)) if error_code(&error) == Some("unknown method") => {
                self.monitor(worse, available, resume);
                return Ok(());
            }
            (Err(error), _) => return Err(handshake_error(method.name(), &error)),
        };
        let batch = match method {
            MonitorMethod::CondSince => self.replica.apply_since_reply(&reply, resume)?,
            MonitorMethod::Cond | MonitorMethod::Plain => self.replica.apply_full(&reply, method.format())?,
        };
        self.events.push_back(SessionEvent::Batch(batch));
        self.events.push_back(SessionEvent::Live { method, missing: available.missing().to_vec() });
        self.phase = Phase::Live { method };
        Ok(())
    }

    fn notified(&mut self, method: &str, params: &Value) -> Result<(), SessionError> {
        let params = params.as_array().map(Vec::as_slice).unwrap_or_default();
        if method == "monitor_canceled" && params.first().is_some_and(|id| id == MONITOR_ID) {
            return Err(SessionError::MonitorCanceled);
        }
        if !matches!(method, "update" | "update2" | "update3") {
            // Lock notifications and whatever newer servers invent: not asked for, not harmful.
            return Ok(());
        }
        let Phase::Live { method: monitor } = self.phase else {
            return Err(SessionError::Unexpected(format!("{method} before the first content")));
        };
        let batch = match (method, monitor, params) {
            ("update", MonitorMethod::Plain, [id, updates])
            | ("update2", MonitorMethod::Cond, [id, updates])
                if id == MONITOR_ID =>
            {
                self.replica.apply_update(updates, monitor.format())?
            }
            ("update3", MonitorMethod::CondSince, [id, last, updates]) if id == MONITOR_ID => {
                self.replica.apply_update3(last, updates)?
            }
            _ => {
                return Err(SessionError::Unexpected(format!(
                    "{method} that does not fit our {}",
                    monitor.name()
                )));
            }
        };
        if !batch.changes.is_empty() {
            self.events.push_back(SessionEvent::Batch(batch));
        }
        Ok(())
    }

    fn request(&mut self, method: &str, params: Value) -> u64 {
        let id = self.new_id();
        self.send(None, Message::Request { id: json!(id), method: method.to_owned(), params });
        id
    }

    fn new_id(&mut self) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        id
    }

    fn send(&mut self, transaction: Option<RequestId>, message: Message) {
        let bytes = message.encode();
        self.outgoing_bytes = self.outgoing_bytes.saturating_add(bytes.len());
        self.outgoing.push_back((transaction, bytes));
    }
}

fn error_code(error: &Value) -> Option<&str> {
    error.as_str().or_else(|| error.get("error").and_then(Value::as_str))
}

fn handshake_error(request: &'static str, error: &Value) -> SessionError {
    let reason = error_code(error).unwrap_or("unspecified error").chars().take(256).collect();
    SessionError::Handshake { request, reason }
}

#[cfg(test)]
mod tests;
