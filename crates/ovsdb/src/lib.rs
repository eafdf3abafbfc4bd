//! OVSDB (RFC 7047 with the extensions of Open vSwitch): follow a database, change it, stay connected.
//!
//! The core is free of I/O and can be driven by bytes and times alone; tokio enters with the feature `client`
//! (on by default). What it guarantees: hostile bytes give an error with an offset, never a panic and never
//! unbounded memory; consumers of a replica see real changes only, in order; a transaction's fate is never
//! guessed.
//!
//! ```no_run
//! use std::time::Duration;
//! use ovsdb::client::{Client, ClientConfig, Source};
//! use ovsdb::monitor::MonitorSpec;
//! use ovsdb::transaction::{Mutations, Rows, Transaction};
//! use ovsdb::vswitch::{self, Interface};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let source = Source::Dial { addresses: vec!["unix:/run/openvswitch/db.sock".parse()?], tls: None };
//! let monitor = MonitorSpec::new(&[Interface::NAME.info(), Interface::OFPORT.info()]);
//! let (client, mut batches) = Client::spawn(source, ClientConfig::new(vswitch::DATABASE), monitor);
//! while let Some(batch) = batches.recv().await {
//!     for (uuid, change) in batch.of::<Interface>() {
//!         println!("{uuid}: {change:?}");
//!     }
//!     let mut transaction = Transaction::new();
//!     let rows = Rows::matching(&Interface::NAME, &"vif1".to_owned());
//!     let ids = [("iface-id".to_owned(), "port-1".to_owned())].into();
//!     transaction.mutate(&rows, &Mutations::new().put(&Interface::EXTERNAL_IDS, &ids));
//!     client.transact(transaction, Duration::from_secs(5)).await?;
//! }
//! # Ok(())
//! # }
//! ```
//!
//! | module | concern |
//! |---|---|
//! | [`json`], [`jsonrpc`] | cutting the stream into messages, and what a message may be |
//! | [`value`], [`datum`] | atoms, sets and maps in canonical form; differences |
//! | [`schema`], [`typed`], [`vswitch`] | schemas; typed tables and columns; the generated model |
//! | [`monitor`], [`row`], [`replica`] | which columns to follow; rows and batches; the copy |
//! | [`transaction`] | building transactions and reading their results |
//! | [`session`] | one connection as a state machine |
//! | [`address`], [`client`] | where a peer is; connecting, listening, TLS, reconnecting |
//! | `testserver` | a server in memory with faults, for tests (feature `testserver`) |
//! | [`fuzz`] | entry points for fuzzers |

pub mod address;
#[cfg(feature = "client")]
pub mod client;
pub mod datum;
pub mod fuzz;
pub mod json;
pub mod jsonrpc;
pub mod monitor;
pub mod replica;
pub mod row;
pub mod schema;
pub mod session;
#[cfg(feature = "testserver")]
pub mod testserver;
pub mod transaction;
pub mod typed;
pub mod value;
pub mod vswitch;

pub use datum::{AtomMap, AtomSet, Datum, Shape};
pub use value::{Atom, AtomicType, NamedUuids, Real, Uuid, ValueError};
