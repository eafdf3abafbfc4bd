//! An OVSDB server in memory, for tests of code that uses a client.
//!
//! It type-checks with a real schema, runs every operation of RFC 7047 atomically, enforces references,
//! indexes, row limits and the removal of unreferenced rows, and serves `monitor`, `monitor_cond` and
//! `monitor_cond_since` with a history. Where it is simpler than ovsdb-server: a `wait` tests and never waits,
//! monitors take no conditions, there are no locks, rows have no `_version`, and nothing is stored.
//!
//! Unlike a real server it can be told to misbehave: [`TestServer::drop_connections`],
//! [`TestServer::forget_history`], [`TestServer::refuse_method`], [`TestServer::set_mute`],
//! [`TestServer::set_swallow_replies`]. Uuids are counted, not random, so runs repeat exactly.
//!
//! The crate's tests drive it and the real ovsdb-server with the same transactions and compare.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::client::{Listener, Stream};
use crate::json::{FrameLimits, Framer};
use crate::jsonrpc::Message;
use crate::schema::DatabaseSchema;
use crate::transaction::{Outcome, Transaction, TransactionError};
use database::{Database, Delta};
use monitor::{Monitor, Notation};

mod condition;
mod database;
mod execute;
mod monitor;
mod mutation;
mod names;

/// Messages that one connection has not taken yet; a connection that falls further behind is dropped.
const MAX_OUTBOX_MESSAGES: usize = 4096;

/// The server. Clones are handles of the same one.
#[derive(Debug, Clone)]
pub struct TestServer {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    database: Database,
    schema_json: Value,
    connections: BTreeMap<u64, Connection>,
    next_connection: u64,
    refused_methods: BTreeSet<String>,
    mute: bool,
    swallow_replies: bool,
    requests: BTreeMap<String, u64>,
}

#[derive(Debug)]
struct Connection {
    monitors: Vec<Monitor>,
    outbox: mpsc::Sender<Message>,
}

impl TestServer {
    /// An empty database of this schema, given as the text of an `.ovsschema` file.
    pub fn new(schema_text: &str) -> Result<Self, crate::schema::SchemaError> {
        let schema = DatabaseSchema::parse(schema_text)?;
        let state = State {
            database: Database::new(schema),
            schema_json: serde_json::from_str(schema_text).unwrap_or_default(),
            connections: BTreeMap::new(),
            next_connection: 0,
            refused_methods: BTreeSet::new(),
            mute: false,
            swallow_replies: false,
            requests: BTreeMap::new(),
        };
        Ok(Self { state: Arc::new(Mutex::new(state)) })
    }

    /// Serves every connection to the listener until the returned set is dropped.
    #[must_use]
    pub fn listen(&self, mut listener: Listener) -> JoinSet<()> {
        let server = self.clone();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            loop {
                if let Ok(stream) = listener.accept().await {
                    tokio::spawn(server.clone().serve(stream));
                }
            }
        });
        tasks
    }

    /// A connection through memory.
    #[must_use]
    pub fn connect(&self) -> Stream {
        let (near, far) = tokio::io::duplex(64 << 10);
        tokio::spawn(self.clone().serve(Stream::new(far, "test client")));
        Stream::new(near, "test server")
    }

    /// Runs a transaction as if another client had sent it.
    pub fn transact(&self, transaction: &Transaction) -> Result<Outcome, TransactionError> {
        let mut state = self.lock();
        let name = state.database.schema().name.clone();
        let params = transaction.to_params(&name);
        let reply = state.transact(&params);
        drop(state);
        transaction.receipt().read(reply)
    }

    /// Ends every connection.
    pub fn drop_connections(&self) {
        self.lock().connections.clear();
    }

    /// Forgets the past, as a restarted standalone server does.
    pub fn forget_history(&self) {
        self.lock().database.forget_history();
    }

    /// Calls this method unknown, as an older server does.
    pub fn refuse_method(&self, method: &str) {
        self.lock().refused_methods.insert(method.to_owned());
    }

    /// While mute, reads requests and does nothing about them.
    pub fn set_mute(&self, mute: bool) {
        self.lock().mute = mute;
    }

    /// While set, a transaction takes effect, and its connection ends instead of the reply.
    pub fn set_swallow_replies(&self, swallow: bool) {
        self.lock().swallow_replies = swallow;
    }

    /// How often a method was called so far.
    #[must_use]
    pub fn requests(&self, method: &str) -> u64 {
        self.lock().requests.get(method).copied().unwrap_or(0)
    }

    /// How many clients are connected.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.lock().connections.len()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change of the state is complete before anything can panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn serve(self, stream: Stream) {
        let (outbox, mut outgoing) = mpsc::channel(MAX_OUTBOX_MESSAGES);
        let number = self.lock().add_connection(outbox);
        let (mut reader, mut writer) = tokio::io::split(stream);
        let mut framer = Framer::new(FrameLimits::default());
        let mut chunk = vec![0; 16 << 10];
        'connection: loop {
            tokio::select! {
                biased;
                message = outgoing.recv() => {
                    let Some(message) = message else { break };
                    if writer.write_all(&message.encode()).await.is_err() || writer.flush().await.is_err() {
                        break;
                    }
                }
                read = reader.read(&mut chunk) => {
                    let Ok(count @ 1..) = read else { break };
                    let mut input = chunk.get(..count).unwrap_or_default();
                    loop {
                        let Ok(frame) = framer.feed(&mut input) else { break 'connection };
                        let Some(frame) = frame else { break };
                        let message = frame.parse().ok().and_then(|value| Message::from_value(value).ok());
                        let Some(message) = message else { break 'connection };
                        self.lock().handle(number, message);
                    }
                }
            }
        }
        self.lock().connections.remove(&number);
    }
}

impl State {
    fn add_connection(&mut self, outbox: mpsc::Sender<Message>) -> u64 {
        let number = self.next_connection;
        self.next_connection += 1;
        self.connections.insert(number, Connection { monitors: Vec::new(), outbox });
        number
    }

    fn handle(&mut self, connection: u64, message: Message) {
        if self.mute {
            return;
        }
        let Message::Request { id, method, params } = message else { return };
        *self.requests.entry(method.clone()).or_default() += 1;
        let outcome = if self.refused_methods.contains(&method) {
            Err(json!("unknown method"))
        } else {
            self.answer(connection, &method, params)
        };
        if method == "transact" && self.swallow_replies {
            self.connections.remove(&connection);
            return;
        }
        self.send(connection, Message::Response { id, outcome });
    }

    fn answer(&mut self, connection: u64, method: &str, params: Value) -> Result<Value, Value> {
        match method {
            "echo" => Ok(params),
            "list_dbs" => Ok(json!([self.database.schema().name])),
            "get_schema" => self.check_database(&params).map(|()| self.schema_json.clone()),
            "transact" => self.transact(&params),
            "monitor" => self.monitor(connection, &params, Notation::Rows),
            "monitor_cond" => self.monitor(connection, &params, Notation::Differences),
            "monitor_cond_since" => self.monitor(connection, &params, Notation::Since),
            "monitor_cancel" => self.cancel(connection, &params),
            _ => Err(json!("unknown method")),
        }
    }

    fn check_database(&self, params: &Value) -> Result<(), Value> {
        let name = params.get(0).and_then(Value::as_str);
        if name == Some(self.database.schema().name.as_str()) {
            Ok(())
        } else {
            Err(json!("unknown database"))
        }
    }

    fn transact(&mut self, params: &Value) -> Result<Value, Value> {
        self.check_database(params)?;
        let operations = params.as_array().and_then(|params| params.get(1..)).unwrap_or_default();
        let (results, delta) = self.database.transact(operations);
        if !delta.is_empty() {
            self.publish(&delta);
        }
        Ok(Value::Array(results))
    }

    fn publish(&mut self, delta: &Delta) {
        let (schema, last) = (self.database.schema(), self.database.last_transaction());
        let mut messages = Vec::new();
        for (number, connection) in &self.connections {
            for monitor in &connection.monitors {
                messages.extend(monitor.notification(schema, delta, last).map(|message| (*number, message)));
            }
        }
        for (number, message) in messages {
            self.send(number, message);
        }
    }

    fn monitor(&mut self, connection: u64, params: &Value, notation: Notation) -> Result<Value, Value> {
        self.check_database(params)?;
        let monitor = Monitor::from_params(self.database.schema(), params, notation)?;
        let reply = monitor.first_reply(&self.database, params)?;
        let connection = self.connections.get_mut(&connection).ok_or_else(|| json!("canceled"))?;
        if connection.monitors.iter().any(|other| other.id() == monitor.id()) {
            return Err(json!({"error": "syntax error", "details": "duplicate monitor ID"}));
        }
        connection.monitors.push(monitor);
        Ok(reply)
    }

    fn cancel(&mut self, connection: u64, params: &Value) -> Result<Value, Value> {
        let connection = self.connections.get_mut(&connection).ok_or_else(|| json!("canceled"))?;
        let before = connection.monitors.len();
        connection.monitors.retain(|monitor| Some(monitor.id()) != params.get(0));
        if connection.monitors.len() < before { Ok(json!({})) } else { Err(json!("unknown monitor")) }
    }

    /// A connection whose outbox is full has stopped reading, and is dropped.
    fn send(&mut self, number: u64, message: Message) {
        let sent = self.connections.get(&number).map(|connection| connection.outbox.try_send(message));
        if matches!(sent, Some(Err(_))) {
            self.connections.remove(&number);
        }
    }
}
