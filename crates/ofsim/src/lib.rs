//! What a switch does with a packet, without a switch: a flow interpreter that installs the same changes as the
//! switch connection, follows a packet through the tables, and finds mistakes in flows that no packet has met yet.
//!
//! # Guarantees
//! - It agrees with Open vSwitch 3.1: on the flow that decides in every table, on what leaves by which port, on the fields
//!   it leaves with. `tests/agrees_with_ovs.rs` asks both about thousands of random packets in random flow tables.
//! - It is pure and deterministic: no I/O, no clock, no chance. What a switch asks others (the connection tracker,
//!   the liveness of ports, the hash of a group) it asks an [`Environment`].
//! - It always ends, whatever the flows say, and needs no deep stack.
//!
//! # Module map
//! | module | what it holds |
//! |---|---|
//! | [`key`], [`packet`] | the fields of a packet, and the packet around them |
//! | [`lookup`], [`entry`], [`switch`] | flows in tables, groups, meters |
//! | [`exec`], [`environment`] | the interpreter, and what it asks |
//! | [`mod@trace`] | what became of a packet, in values and in words |
//! | [`analysis`] | loops, unreachable tables, shadowed flows, dangling references |

pub mod analysis;
pub mod entry;
pub mod environment;
pub mod exec;
pub mod key;
pub mod lookup;
pub mod packet;
pub mod switch;
pub mod trace;

pub use entry::Entry;
pub use environment::{Assumed, Environment};
pub use exec::{Continuation, resume, run, trace};
pub use key::Key;
pub use packet::Packet;
pub use switch::Switch;
pub use trace::Trace;
