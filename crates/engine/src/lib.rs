//! What a node should hold in its switch, computed from what it knows, and recomputed as little as possible.
//!
//! ```text
//!  inputs ->  facts          rows, interfaces, tunnels, settings ...      `facts`, `node`
//!               | which of them changed
//!             units          (rule, subject): a call of an app's function  `rule`, `view`, `sink`
//!               | what they said, before and after
//!             desired        one entry for each key, whoever wants it      `wanted`, `desired`, `dispute`
//!               | what differs
//!  outputs <- delta
//! ```
//!
//! An app says by [`Rule`]s which flows there should be for one subject *now*. It reads facts only through a [`View`], which
//! records every read. When a fact changes, exactly the units that read it run again, and what they say is compared with
//! what they said before. There are no handlers that could be forgotten.
//!
//! # Guarantees
//! - **Deterministic**: no clock, no randomness, no I/O. The same inputs give the same outputs, so a recording replays
//!   ([`record`]).
//! - **The path does not matter**: what is desired follows from the present facts alone. [`Engine::recompute`] is the same code
//!   without the memory of earlier runs, and always gives the same.
//! - **Compiling cannot fail**: bad data gives fewer flows and a [`Finding`], and takes nothing else down.
//! - **One entry for a key**: two units that want different flows with one key are a finding; which of them prevails depends
//!   on their names and not on who came first.
//! - A change costs what it touches, not what exists; [`Outputs::units_run`] says how much that was.

mod account;
mod beacon;
mod bucket;
mod counted;
mod derived;
mod desired;
mod dispute;
mod engine;
mod facts;
mod graph;
mod input;
mod node;
pub mod numbers;
mod packet;
mod peers;
mod read;
pub mod record;
mod registered;
mod reserve;
mod rule;
mod sink;
mod view;
mod wanted;

pub use account::{Account, Fact};
pub use beacon::Beacon;
pub use derived::Derived;
pub use desired::{Desired, Finding};
pub use engine::Engine;
pub use input::{Input, Outputs, RowChange};
pub use node::{Dhcp, Interface, Learning, MetadataProxy, Multicast, Provider, Settings};
pub use packet::{Ask, Instead, Listens, Neighbor, PacketIn, Reply, Responder, Resume, Write};
pub use peers::{Peers, Reach, Watched};
pub use registered::Explanation;
pub use reserve::Reserve;
pub use rule::{App, Rule};
pub use sink::Sink;
pub use view::View;
