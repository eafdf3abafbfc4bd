//! The store as clients of etcd meet it: `etcdctl`, and streams of the wire.

mod etcdctl;
mod server;
mod streams;
