//! Entry points for fuzzers: one function a decoder, bytes in, panic on a broken promise.
//!
//! Each checks more than "does not crash": what was decoded encodes to itself, a refused update leaves the
//! replica as it was, an accepted one leaves rows that the typed model can read. The fuzz targets are one line
//! each, and the same functions run on random and on damaged valid input in the unit tests.

use std::time::Duration;

use serde_json::{Value, json};

use crate::address::Address;
use crate::datum::{Datum, Shape};
use crate::json::{FrameLimits, Framer};
use crate::monitor::MonitorSpec;
use crate::replica::{Replica, UpdateFormat};
use crate::schema::DatabaseSchema;
use crate::session::{Session, SessionConfig};
use crate::transaction::{Mutations, Rows, Transaction, Values};
use crate::value::{AtomicType, NamedUuids, Uuid};
use crate::vswitch::{Bridge, DATABASE, Interface};

/// Small limits, so that a fuzzer reaches them.
const LIMITS: FrameLimits =
    FrameLimits { max_message_bytes: 64 << 10, max_depth: 32, max_parsed_bytes: 1 << 20 };
const MAX_REPLICA_BYTES: usize = 64 << 10;

fn replica() -> Replica {
    let spec = MonitorSpec::new(&[
        Interface::NAME.info(),
        Interface::OFPORT.info(),
        Interface::EXTERNAL_IDS.info(),
        Interface::CFM_REMOTE_MPIDS.info(),
        Bridge::PORTS.info(),
    ]);
    let mut replica = Replica::with_limit(spec, MAX_REPLICA_BYTES);
    let row = Uuid::from_u128(1).to_string();
    let content =
        json!({"Interface": {row: {"initial": {"name": "a", "external_ids": ["map", [["k", "v"]]]}}}});
    let applied = replica.apply_full(&content, UpdateFormat::Differences);
    assert!(applied.is_ok(), "{applied:?}");
    replica
}

/// The schema that the session of [`stream`] is told; the reply to its first request.
fn schema() -> Value {
    let set = |key: &str| json!({"type": {"key": key, "min": 0, "max": "unlimited"}});
    json!({"name": DATABASE, "version": "1.0.0", "tables": {
        "Bridge": {"columns": {"ports": set("uuid")}},
        "Interface": {"columns": {
            "name": {"type": "string"},
            "ofport": {"type": {"key": "integer", "min": 0}},
            "external_ids": {"type": {"key": "string", "value": "string", "min": 0, "max": "unlimited"}},
            "cfm_remote_mpids": set("integer"),
        }},
    }})
}

/// Every row that the replica holds can be read as its type.
fn check_rows(replica: &Replica) {
    assert!(replica.memory_bytes() <= MAX_REPLICA_BYTES);
    assert_eq!(replica.typed::<Interface>().count(), replica.rows("Interface").count());
    assert_eq!(replica.typed::<Bridge>().count(), replica.rows("Bridge").count());
}

/// A peer that says this after the connection is made: framing, JSON-RPC, schema, monitor reply, updates. The
/// first byte chooses how far the conversation has come by then, and where the stream is cut.
pub fn stream(bytes: &[u8]) {
    let Some((choice, mut stream)) = bytes.split_first() else { return };
    let config =
        SessionConfig { limits: LIMITS, max_outgoing_bytes: 64 << 10, ..SessionConfig::new(DATABASE) };
    let mut session = Session::new(config, replica(), Duration::ZERO);
    let mut give = |bytes: &[u8]| session.receive(bytes, Duration::ZERO).is_ok();
    if choice & 1 != 0 && !give(json!({"id": 0, "result": schema(), "error": null}).to_string().as_bytes()) {
        unreachable!("the schema fits the replica");
    }
    if choice & 3 == 3 {
        let reply = json!([false, Uuid::from_u128(9).to_string(), {}]);
        assert!(give(json!({"id": 1, "result": reply, "error": null}).to_string().as_bytes()));
    }
    let cut = usize::from(choice >> 2).min(stream.len());
    let (head, tail) = stream.split_at(cut);
    stream = tail;
    if give(head) {
        give(stream);
    }
    while session.next_event().is_some() {}
    while let Some(message) = session.next_outgoing() {
        assert!(serde_json::from_slice::<Value>(&message).is_ok(), "what we send is json");
    }
    check_rows(session.replica());
}

/// The members of an update; the first byte chooses the notation.
pub fn update(bytes: &[u8]) {
    let Some((choice, text)) = bytes.split_first() else { return };
    let Some(value) = parse(text) else { return };
    let before = replica();
    let mut after = before.clone();
    let (one, nine) = (json!(Uuid::from_u128(1).to_string()), Uuid::from_u128(9));
    let result = match choice % 5 {
        0 => after.apply_update(&value, UpdateFormat::Rows),
        1 => after.apply_update(&value, UpdateFormat::Differences),
        2 => after.apply_update3(&one, &value),
        3 => after.apply_full(&value, UpdateFormat::Rows),
        _ => after.apply_since_reply(&value, Some(nine)),
    };
    check_rows(&after);
    match result {
        Err(_) => assert_eq!(after, before, "a refused update leaves no trace"),
        Ok(batch) => assert!(batch.changes.iter().all(|change| change.old != change.new)),
    }
}

/// A datum; the first byte chooses the type of its column.
pub fn datum(bytes: &[u8]) {
    let Some((choice, text)) = bytes.split_first() else { return };
    let Some(value) = parse(text) else { return };
    let types =
        [AtomicType::Integer, AtomicType::Real, AtomicType::Boolean, AtomicType::String, AtomicType::Uuid];
    let pick = |number: u8| types.get(usize::from(number % 5)).copied().unwrap_or(AtomicType::String);
    let shape = match choice % 3 {
        0 => Shape::set(pick(choice / 3), 0, Some(4)),
        1 => Shape::scalar(pick(choice / 3)),
        _ => Shape::map(pick(choice / 3), pick(choice / 15), 0, None),
    };
    if let Ok(datum) = Datum::parse(&value, &shape, NamedUuids::Accept) {
        let again = Datum::parse(&datum.to_json(), &shape, NamedUuids::Accept);
        assert_eq!(again.as_ref(), Ok(&datum), "what was decoded encodes to itself");
        let unchanged = datum.apply_diff(&datum.difference(&datum, &shape), &shape);
        assert_eq!(unchanged.as_ref(), Ok(&datum), "no difference changes nothing");
    }
}

/// A schema, as text.
pub fn schema_text(bytes: &[u8]) {
    let Some(value) = parse(bytes) else { return };
    if let Ok(schema) = DatabaseSchema::from_json(&value) {
        let spec = MonitorSpec::everything(&schema);
        let available = spec.resolve(&schema);
        assert!(available.is_ok_and(|available| available.missing().is_empty()), "a schema has what it has");
    }
}

/// The reply to a transaction.
pub fn reply(bytes: &[u8]) {
    let Some((choice, text)) = bytes.split_first() else { return };
    let Some(value) = parse(text) else { return };
    let mut transaction = Transaction::new();
    let row = transaction.insert(&Values::<Bridge>::new());
    transaction.mutate(&Rows::<Bridge>::all(), &Mutations::new());
    let selected = transaction.select(&Rows::<Interface>::all(), &[]);
    let result = if choice & 1 == 0 { Ok(value) } else { Err(value) };
    if let Ok(outcome) = transaction.receipt().read(result) {
        assert!(outcome.uuid(row).is_some() && outcome.results().len() == 3);
        // The rows may be of the wrong type; that is an error, not a panic.
        drop(outcome.rows::<Interface>(selected));
    }
}

/// An address.
pub fn address(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(address) = text.parse::<Address>() {
        assert_eq!(address.to_string().parse(), Ok(address));
    }
}

/// JSON that has passed the framing, as everything that the decoders get has.
fn parse(text: &[u8]) -> Option<Value> {
    let wrapped = [b"{\"v\":", text, b"}"].concat();
    let mut input = wrapped.as_slice();
    let frame = Framer::new(LIMITS).feed(&mut input).ok()??;
    frame.parse().ok()?.get_mut("v").map(Value::take)
}

#[cfg(test)]
mod tests;
