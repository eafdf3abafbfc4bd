//! The connection to one Open vSwitch: it makes the switch hold exactly what is desired, and says when it does.
//!
//! # Guarantees
//! - Nothing is flushed. On every connection the switch is asked what it holds; what is right stays, the rest changes by
//!   ordered make-before-break bundles. A reconnect with nothing changed sends no flow-mod.
//! - A change is reported as committed only after the switch confirmed it, and in the order in which changes were made.
//! - An entry that the switch refuses is named and left out; everything else goes in.
//! - Only what is in our [`Scope`] is compared, changed or deleted.
//! - Queues are bounded; a switch that falls silent is given up and reconnected with bounded back-off.
//!
//! # Module map
//! | module | what it holds |
//! |---|---|
//! | [`desired`], [`entry`], [`scope`] | wishes, changes and their order, what is ours: pure |
//! | [`compare`] | what a dump lacks: pure |
//! | [`execution`] | steps, confirmations, refusals: pure |
//! | [`machine`] | the states of a connection: pure, time comes from outside |
//! | [`endpoint`], [`driver`] | sockets and the task that drives the machine |
//! | [`configuration`], [`interfaces`], [`bridge`] | what OVSDB knows: ports that appear, bridges and tunnels that we need |
//! | [`features`] | what a switch has to be able to do |
//! | [`sessions`] | what Open vSwitch sees of other nodes |

pub mod bridge;
pub mod compare;
pub mod configuration;
pub mod desired;
pub mod driver;
pub mod endpoint;
pub mod entry;
pub mod execution;
pub mod features;
pub mod interfaces;
mod log_quota;
pub mod machine;
pub mod scope;
pub mod sessions;

pub use driver::{Handle, Options, SendError, Stopped};
pub use entry::EntryId;
pub use execution::Refusal;
pub use machine::{ChangeId, Event};
pub use scope::Scope;
