//! OVSDB (RFC 7047 and the extensions of Open vSwitch): types, codec, replica.
pub mod address;
#[cfg(feature = "client")]
pub mod client;
pub mod datum;
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
