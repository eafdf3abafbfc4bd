//! The embedded store: one file, one process, etcd's API.
//!
//! # What it guarantees
//! - **What was acknowledged is on the disk.** A commit is answered when fsync returned. Killing the process at any moment
//!   loses nothing acknowledged, and never leaves half of a transaction.
//! - **Nobody sees what may still be lost.** Readers and watches see a transaction when it is on the disk.
//! - **etcd's semantics**: one revision per transaction, versions, leases, compaction, watches from any revision that is
//!   still known, transactions inside transactions, with etcd's codes and texts where something is refused. So a deployment
//!   that outgrows one machine changes an address. Users and members there are none of.
//! - **Bounds**: history, memory, requests, streams and leases have limits ([`Options`]). A client that is too slow for its
//!   watch is not waited for: it loses its place when the history it has not seen is compacted, and is told so.
//!
//! # How it works
//! ```text
//!   nb::Store ----+                          +--> readers, watches
//!                 +--> writer (one thread) --+        ^
//!   gRPC face ----+      |  evaluate         |        | what is on the disk
//!                        |  fsync            +--> State (rows with their versions, leases)
//!                        v
//!                      file (redb)
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | `keyspace`, `lease` | the rows and leases in memory |
//! | `staged` | what a batch will change |
//! | `check`, `ranges`, `plan`, `apply` | etcd's semantics |
//! | `disk` | the file |
//! | `writer` | group commit |
//! | `store` | the object; `driver` its face as a northbound store |
//! | `grpc`, `serve` | its face as an etcd server |

mod apply;
mod authority;
mod check;
mod disk;
mod driver;
mod error;
mod grpc;
mod identity;
mod keyspace;
mod lease;
mod options;
mod plan;
mod ranges;
mod serve;
mod staged;
mod store;
mod writer;

pub use error::{CompactError, OpenError};
pub use options::Options;
pub use serve::ServeError;
pub use store::EmbeddedStore;
