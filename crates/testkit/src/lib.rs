//! The real world, made small enough for a test: private Open vSwitch instances, network
//! namespaces, guests with a cable into a bridge, packet captures.
//!
//! What every helper guarantees, so that a test need not:
//!
//! - **Nothing is shared.** Each [`Ovs`] has its own run directory and database, each [`Namespace`]
//!   its own name; tests run in parallel and beside an Open vSwitch of the machine.
//! - **Nothing is left behind.** Dropping a value ends its processes, by their process id, and
//!   removes its files and namespaces. When the test process itself is killed, the kernel kills the
//!   daemons ([`process`]), and the next test process removes what else was left ([`scratch`]).
//! - **Nothing is assumed.** A missing program or missing rights is a failure that names the package
//!   to install ([`require_tool`], [`require_root`]), never a skipped test.
//! - **Nothing waits for luck.** Whatever takes time is polled up to a deadline ([`wait_until`]).
//!
//! Everything is synchronous: threads, processes, blocking sockets. A test of asynchronous code
//! brings its own runtime.

mod capture;
pub mod cloud;
mod etcd;
mod fixture;
mod guest;
mod netns;
mod ovs;
mod ping;
pub mod process;
mod require;
pub mod scratch;
mod wait;

pub use capture::{Capture, Frame};
pub use etcd::{EtcdCluster, EtcdTls};
pub use fixture::shared_fixture;
pub use guest::{Guest, GuestSpec};
pub use netns::Namespace;
pub use ovs::{DatabaseModel, Datapath, Ovs, OvsBuilder, UnixCtl};
pub use ping::{BackgroundPing, PingReport};
pub use require::{is_root, require_root, require_tool};
pub use wait::{try_wait_until, wait_until};
