//! The northbound store in etcd v3, or in the embedded store, which speaks the same protocol.
//!
//! Rows have the original's keys, `/<table>/<id>`, so that its plugin and its tools work on the same store. What the
//! driver promises beyond [`nb`]'s contract:
//!
//! - **Any member will do.** A request goes to one member after the other until its deadline, and a watch moves on from a
//!   member that dies, falls silent or has lost its leader. Members that cannot be reached are tried again with bounded,
//!   jittered pauses.
//! - **Nothing happens twice.** What changes the store is sent again only if it provably never left, or was turned away
//!   before it was looked at; else the answer is `unavailable`, and the caller has to look.
//! - **Snapshots have one revision,** however many pages they take.
//! - **Batches are whole.** One watch covers all tables of a consumer, on a connection of its own, so that a
//!   transaction over several tables is told in one piece and a slow consumer slows nobody else.
//! - **Silence is not health.** A watch asks how far it is every few seconds; a server that does not answer is left.
//! - **Another store is a gap.** When the endpoints lead to another cluster, or to one that was set back to a backup,
//!   the watch says so instead of waiting for a revision that means something else.
//!
//! | module | what it holds |
//! |---|---|
//! | [`options`] | where etcd is, and how long to wait for it |
//! | `endpoint`, `tls`, `connection` | one HTTP/2 connection to one member |
//! | `session` | requests: which member, how often, what an error means |
//! | `keys` | ranges of tables |
//! | `requests`, `snapshot` | the methods of the store |
//! | `feed`, `watch` | what a watch hands on; the task that keeps it alive |

mod connection;
mod endpoint;
mod feed;
mod keys;
pub mod options;
mod requests;
mod session;
mod snapshot;
mod tls;
mod watch;

use std::sync::Arc;

use nb::{
    BoxFuture, CommitError, Key, LeaseId, Limits, Revision, Row, Selector, Snapshot, Store, StoreError, Txn,
    Watch,
};

use crate::connection::Connector;
pub use crate::options::{Login, Options, OptionsError, Tls};
use crate::session::Session;

/// A client of etcd. It connects when it is first asked; clones share the connection.
#[derive(Debug, Clone)]
pub struct EtcdStore {
    session: Arc<Session>,
    limits: Limits,
}

impl EtcdStore {
    /// A client with these options.
    ///
    /// # Errors
    /// When an endpoint makes no sense, or certificates cannot be read.
    pub fn new(options: &Options) -> Result<Self, OptionsError> {
        let connector = Connector::new(options)?;
        Ok(Self { session: Arc::new(Session::new(connector)), limits: options.limits() })
    }
}

impl Store for EtcdStore {
    fn read<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<Vec<Option<Row>>, StoreError>> {
        Box::pin(requests::read(&self.session, keys, self.limits.txn_ops))
    }

    fn snapshot<'a>(&'a self, selector: &'a Selector) -> BoxFuture<'a, Result<Snapshot, StoreError>> {
        Box::pin(snapshot::snapshot(&self.session, selector))
    }

    fn watch(&self, selector: Selector, after: Revision) -> Watch {
        watch::start(&self.session, selector, after)
    }

    fn commit(&self, txn: Txn) -> BoxFuture<'_, Result<Revision, CommitError>> {
        Box::pin(requests::commit(&self.session, txn, self.limits))
    }

    fn grant(&self, ttl_s: u32) -> BoxFuture<'_, Result<LeaseId, StoreError>> {
        Box::pin(requests::grant(&self.session, ttl_s))
    }

    fn keep_alive(&self, lease: LeaseId) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(requests::keep_alive(&self.session, lease))
    }

    fn revoke(&self, lease: LeaseId) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(requests::revoke(&self.session, lease))
    }

    fn limits(&self) -> Limits {
        self.limits
    }
}
