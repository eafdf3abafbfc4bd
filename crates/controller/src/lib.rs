//! The local controller of one node, as a library: it keeps an Open vSwitch as the northbound store wants it.
//!
//! # Guarantees
//! - **Nothing is touched before everything is known.** The store, the interfaces, the tunnels and the numbers of an earlier run
//!   are read first; then the switch is compared with what follows from them. A restart with nothing changed sends no flow.
//! - **A store that is away changes nothing.** What is known stays in force, packets are answered from it, and afterwards
//!   only differences are looked at. At the start, the data path is left as it is until the store was read.
//! - **ACTIVE means forwarding.** The row `port_status` of a port says so only after the switch confirmed what the port needs.
//! - **A port has one node.** Which one, the store decides (`claims`).
//! - **Guests cannot get at it.** Packets come by a connection of their own, limited for each port; every queue is bounded.
//! - **It can be checked.** What is desired is computed anew from time to time and compared, and what the engine was told can be
//!   recorded and replayed.
//!
//! # Module map
//! | module | what it holds |
//! |---|---|
//! | [`controller`] | the tasks and their life |
//! | [`options`] | what it has to be told, out of the configuration |
//! | `intake`, `pending` | what is new, each fact once: pure |
//! | `work` | the loop around the engine |
//! | `northbound` | snapshots and changes of the store, decoded |
//! | `vswitch`, `numbers`, `ways` | the bridge, interfaces and numbers in OVSDB |
//! | `sessions`, `liveness` | which other nodes are there |
//! | `ports`, `claims` | which ports forward, and what the store should say of them: pure |
//! | `report`, `chassis` | what is written to the store: ports; the node and its heartbeat |
//! | `packets`, `bucket` | packets of guests and their limits |
//! | `beacons` | frames that guests are sent regularly |
//! | `listeners` | which multicast addresses guests listen to, written to the store |
//! | [`metadata`] | the proxy of the metadata service |
//! | `audit`, `recorder` | checking and recording |
//! | [`gateway_agent`] | the program that makes its node a candidate for gateways |
//! | [`inspect`] | a look at a node from beside its controller, for tools |
//! | [`notify`], [`status`] | what a service manager and others are told |

mod apps_list;
mod audit;
mod beacons;
mod bucket;
mod chassis;
mod claims;
mod clock;
pub mod controller;
pub mod gateway_agent;
pub mod inspect;
mod intake;
mod listeners;
mod liveness;
pub mod metadata;
mod namesake;
mod neighbors;
mod nested;
mod northbound;
pub mod notify;
mod numbers;
pub mod options;
mod packets;
mod pending;
mod ports;
mod recorder;
mod report;
mod retry;
mod sessions;
pub mod status;
mod vswitch;
mod ways;
mod work;
mod writes;

pub use controller::{Controller, ControllerError};
pub use gateway_agent::GatewayAgent;
pub use notify::Notifier;
pub use options::{Options, OptionsError};
pub use status::Status;
