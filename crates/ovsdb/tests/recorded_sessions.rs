//! The OVSDB sessions that the original Dragonflow really had decode completely.
//!
//! The recordings lie beside the repository and not in it. Where they are absent the test says so, and fails
//! in CI.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test ends, and says why, when something is wrong"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ovsdb::json::{FrameLimits, Framer};
use ovsdb::jsonrpc::Message;
use ovsdb::monitor::MonitorSpec;
use ovsdb::replica::{Replica, UpdateFormat};
use ovsdb::row::TypedChange;
use ovsdb::schema::DatabaseSchema;
use ovsdb::vswitch::{Bridge, Controller, Interface, OpenvSwitch, Port, QoS, Queue};
use serde_json::Value;

const RECORDINGS: [&str; 3] = ["ovsdb-fresh-host-a.jsonl", "ovsdb-host-a.jsonl", "ovsdb-host-b.jsonl"];

fn recordings() -> Option<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures/dragonflow");
    if directory.is_dir() {
        return Some(directory);
    }
    assert!(std::env::var_os("CI").is_none(), "the recordings are absent: {}", directory.display());
    println!("the recordings are absent, nothing was tested: {}", directory.display());
    None
}

/// What the original monitored.
fn spec() -> MonitorSpec {
    let bridge = [
        Bridge::CONTROLLER.info(),
        Bridge::FAIL_MODE.info(),
        Bridge::PORTS.info(),
        Bridge::NAME.info(),
        Bridge::DATAPATH_TYPE.info(),
    ];
    let interface = [
        Interface::TYPE.info(),
        Interface::ADMIN_STATE.info(),
        Interface::OPTIONS.info(),
        Interface::NAME.info(),
        Interface::OFPORT.info(),
        Interface::INGRESS_POLICING_BURST.info(),
        Interface::INGRESS_POLICING_RATE.info(),
        Interface::MAC_IN_USE.info(),
        Interface::EXTERNAL_IDS.info(),
    ];
    let root = [OpenvSwitch::CUR_CFG.info(), OpenvSwitch::BRIDGES.info(), OpenvSwitch::NEXT_CFG.info()];
    let port = [Port::INTERFACES.info(), Port::NAME.info(), Port::EXTERNAL_IDS.info(), Port::QOS.info()];
    let qos = [QoS::QUEUES.info(), QoS::EXTERNAL_IDS.info(), QoS::TYPE.info()];
    let queue = [Queue::DSCP.info(), Queue::EXTERNAL_IDS.info(), Queue::OTHER_CONFIG.info()];
    let all = [&bridge[..], &interface, &root, &port, &qos, &queue, &[Controller::TARGET.info()]].concat();
    MonitorSpec::new(&all)
}

/// One TCP connection of a recording.
#[derive(Default)]
struct Connection {
    to_client: Option<Framer>,
    to_server: Option<Framer>,
    requests: BTreeMap<String, (String, Value)>,
    replica: Option<Replica>,
}

#[derive(Debug, Default, PartialEq)]
struct Seen {
    messages: usize,
    initial: usize,
    updates: usize,
    transactions: usize,
    echoes: usize,
    interfaces: Vec<String>,
}

impl Connection {
    fn message(&mut self, to_client: bool, text: &str) -> Message {
        let side = if to_client { &mut self.to_client } else { &mut self.to_server };
        let framer = side.get_or_insert_with(|| Framer::new(FrameLimits::default()));
        let mut bytes = text.as_bytes();
        let frame = framer.feed(&mut bytes).unwrap().expect("one complete message");
        assert!(bytes.is_empty());
        Message::from_value(frame.parse().unwrap()).unwrap()
    }

    fn take(&mut self, to_client: bool, message: Message, seen: &mut Seen) {
        seen.messages += 1;
        match message {
            Message::Request { id, method, params } => {
                seen.echoes += usize::from(method == "echo");
                if !to_client {
                    self.requests.insert(id.to_string(), (method, params));
                }
            }
            Message::Notification { method, params } => {
                assert_eq!(method, "update2");
                let replica = self.replica.as_mut().expect("the monitor was answered");
                let batch = replica.apply_update(&params[1], UpdateFormat::Differences).unwrap();
                assert!(!batch.changes.is_empty());
                seen.updates += 1;
                for (_, change) in batch.of::<Interface>() {
                    if let TypedChange::Inserted(row) = change {
                        seen.interfaces.push(row.name);
                    }
                }
            }
            Message::Response { id, outcome } if to_client => {
                if let Some((method, params)) = self.requests.remove(&id.to_string()) {
                    self.answered(&method, &params, &outcome.unwrap(), seen);
                }
            }
            Message::Response { .. } => {}
        }
    }

    fn answered(&mut self, method: &str, params: &Value, result: &Value, seen: &mut Seen) {
        match method {
            "monitor_cond" => {
                // The original must have asked for exactly the columns that we decode with.
                let mut replica = Replica::new(spec());
                let asked = params[2].as_object().unwrap();
                for table in replica.spec().tables() {
                    assert!(asked.contains_key(table.name()));
                }
                let batch = replica.apply_full(result, UpdateFormat::Differences).unwrap();
                seen.initial += batch.changes.len();
                self.replica = Some(replica);
            }
            "transact" => {
                let results = result.as_array().unwrap();
                assert_eq!(results.len(), params.as_array().unwrap().len() - 1);
                assert!(results.iter().all(|result| result.get("error").is_none()), "{result}");
                seen.transactions += 1;
            }
            "get_schema" | "echo" => {}
            other => panic!("an answer to {other}"),
        }
    }
}

fn replay(path: &Path) -> Seen {
    let mut seen = Seen::default();
    let mut connections: BTreeMap<u64, Connection> = BTreeMap::new();
    for line in std::fs::read_to_string(path).unwrap().lines() {
        let record: Value = serde_json::from_str(line).unwrap();
        let connection = connections.entry(record["conn"].as_u64().unwrap()).or_default();
        let to_client = record["dir"] == "to_client";
        let message = connection.message(to_client, &record["msg"].to_string());
        connection.take(to_client, message, &mut seen);
    }
    for connection in connections.values().filter_map(|connection| connection.replica.as_ref()) {
        let interfaces: Vec<Interface> = connection.typed().map(|(_, row)| row).collect();
        let bridges: Vec<Bridge> = connection.typed().map(|(_, row)| row).collect();
        assert!(bridges.iter().any(|bridge| bridge.name == "br-int"));
        for port in connection.typed::<Port>().map(|(_, row)| row) {
            assert!(interfaces.iter().any(|interface| interface.name == port.name), "{}", port.name);
        }
    }
    seen
}

#[test]
fn the_recorded_sessions_decode_completely() {
    let Some(directory) = recordings() else { return };
    for file in RECORDINGS {
        let path = directory.join(file);
        let lines = std::fs::read_to_string(&path).unwrap().lines().count();
        let seen = replay(&path);
        assert_eq!(seen.messages, lines, "{file}");
        assert!(
            seen.initial > 0 && seen.updates > 0 && seen.transactions > 0 && seen.echoes > 0,
            "{file}: {seen:?}"
        );
    }
    let fresh = replay(&directory.join(RECORDINGS[0]));
    assert!(fresh.interfaces.iter().any(|name| name.contains("301") || name.contains("p301")), "{fresh:?}");
}

#[test]
fn the_model_has_what_the_original_monitored() {
    let text = std::fs::read_to_string("/usr/share/openvswitch/vswitch.ovsschema").unwrap();
    let schema = DatabaseSchema::parse(&text).unwrap();
    assert_eq!(spec().resolve(&schema).unwrap().missing(), [""; 0]);
}
