//! The gRPC API of etcd v3, as both of its ends speak it.
//!
//! The messages are written by hand with etcd's field numbers, so building needs no protocol compiler, and only what a
//! store needs is here: keys and transactions, watches, leases, and of the rest as much as `etcdctl` asks for to tell
//! how a server is. Fields of later etcd releases that are unknown here are skipped when read, as protobuf promises.
//!
//! Everything about a method (its path, what goes in and out) is said once, in [`method`]; the client and the server
//! are made of that table.
//!
//! | module | what it holds |
//! |---|---|
//! | [`kv`] | rows, reading and writing them, transactions, compaction |
//! | [`watch`] | watches and their events |
//! | [`lease`] | leases |
//! | [`admin`] | state of a server, its members, users |
//! | [`range`] | which keys a request means |
//! | [`error`] | the errors of etcd: code and text |
//! | [`method`] | the table of methods |
//! | [`client`] | calls over any channel of tonic's |
//! | [`server`] | a service that hands calls to a handler |

pub mod admin;
pub mod client;
pub mod error;
pub mod kv;
pub mod lease;
pub mod method;
pub mod range;
pub mod server;
pub mod watch;

pub use client::Client;
pub use error::EtcdError;
pub use range::KeyRange;
pub use server::{Etcd, EtcdService};

/// What every response begins with.
#[derive(Clone, Copy, PartialEq, Eq, Hash, prost::Message)]
pub struct ResponseHeader {
    /// The cluster that answers.
    #[prost(uint64, tag = "1")]
    pub cluster_id: u64,
    /// The member that answers.
    #[prost(uint64, tag = "2")]
    pub member_id: u64,
    /// The revision of the store when it answered.
    #[prost(int64, tag = "3")]
    pub revision: i64,
    /// The term of the consensus.
    #[prost(uint64, tag = "4")]
    pub raft_term: u64,
}
