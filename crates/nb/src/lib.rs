//! The northbound store: what every driver promises, whatever stands behind it.
//!
//! A store holds rows: a key (table, id, and the topic where the store partitions by it) and a text. The rows of the model's
//! tables are the original's; tables of our own stand beside them under other names.
//!
//! # The contract
//! - A **snapshot** is a consistent cut of what a selector selects, with the revision it was taken at.
//! - A **watch** hands on everything after a revision, once and in commit order per row. A driver that cannot prove that
//!   nothing was lost says [`WatchItem::Gap`], and the consumer takes a new snapshot. Losing a connection is the driver's
//!   affair: it reconnects, for ever, and tells by [`WatchItem::Away`] and [`WatchItem::Back`].
//! - A **transaction** happens as a whole or not at all, and only if all it requires holds. After an error that says
//!   `unavailable` nobody knows whether it happened; a transaction that requires what it changes can be sent again.
//! - What was **acknowledged** survives the death of any process.
//! - A **lease** keeps rows for as long as somebody renews it.
//!
//! So a consumer that snapshots, watches from there and snapshots again at a gap always ends with what the store holds.
//!
//! | module | what it holds |
//! |---|---|
//! | [`key`] | keys, tables, revisions, stamps |
//! | [`store`] | the trait, snapshots, selectors, errors |
//! | [`txn`] | transactions |
//! | [`watch`] | changes as they come |
//! | [`claim`] | who says where a port is |
//! | [`counter`] | numbers that are given once |
//! | [`topic`] | topics of rows whose key does not say it |
//! | [`path`] | keys as texts, for stores that etcd's clients look into |
//! | [`memory`] | a store for tests and simulations |
//! | `conformance` | what every driver has to pass (feature `conformance`) |

pub mod claim;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod counter;
pub mod key;
pub mod memory;
pub mod path;
pub mod store;
pub mod topic;
pub mod txn;
pub mod watch;

pub use claim::{CLAIMS, Claim};
pub use key::{Key, LeaseId, Revision, Row, Stamp, TableName};
pub use memory::MemoryStore;
pub use store::{BoxFuture, Limits, Selector, Snapshot, Store, StoreError};
pub use txn::{CommitError, Op, Require, Txn};
pub use watch::{Change, Watch, WatchItem, WatchSender};
