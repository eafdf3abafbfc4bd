//! What an embedded store may use. The defaults of what clients notice are etcd's, so that a deployment that outgrows
//! one machine meets the same limits on a cluster.

use std::time::Duration;

use tokio::sync::Semaphore;

/// More often than this nobody is told that nothing happened.
const PROGRESS_INTERVAL_MIN: Duration = Duration::from_millis(1);

/// What an embedded store may use.
#[derive(Debug, Clone)]
pub struct Options {
    /// Revisions that can still be read and watched from; older ones are forgotten.
    pub history_revisions_max: i64,
    /// Bytes of rows that were overwritten or deleted and can still be read; the oldest are forgotten.
    pub history_bytes_max: usize,
    /// Bytes of the present rows; more is refused until something was deleted.
    pub store_bytes_max: usize,
    /// Bytes of one request.
    pub request_bytes_max: usize,
    /// Operations, and conditions, of one transaction.
    pub txn_ops_max: usize,
    /// Leases.
    pub leases_max: usize,
    /// Requests that wait to be written; who comes then waits, too.
    pub queue_requests_max: usize,
    /// Requests that are written to the disk together.
    pub batch_requests_max: usize,
    /// Connections of clients.
    pub connections_max: usize,
    /// Requests and streams of one connection at a time.
    pub connection_streams_max: u32,
    /// Requests of all connections that are answered at a time; more are refused.
    pub requests_in_flight_max: usize,
    /// Streams of all connections, each of which may have many watches.
    pub streams_max: usize,
    /// Watches of one stream.
    pub stream_watches_max: usize,
    /// Bytes of changes that a watch is given at a time.
    pub watch_batch_bytes_max: usize,
    /// How often a watch that asked for it is told that nothing happened.
    pub progress_interval: Duration,
    /// Bytes of pages of the file that are kept in memory.
    pub cache_bytes_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            history_revisions_max: 100_000,
            history_bytes_max: 16 << 20,
            store_bytes_max: 2 << 30,
            request_bytes_max: 3 << 19,
            txn_ops_max: 128,
            leases_max: 100_000,
            queue_requests_max: 1024,
            batch_requests_max: 1024,
            connections_max: 4096,
            connection_streams_max: 1024,
            requests_in_flight_max: 4096,
            streams_max: 16_384,
            stream_watches_max: 4096,
            watch_batch_bytes_max: 1 << 20,
            progress_interval: Duration::from_secs(600),
            cache_bytes_max: 16 << 20,
        }
    }
}

impl Options {
    /// The same with limits that something can work with: a queue has a place, and time passes between two rounds.
    pub(crate) fn usable(self) -> Self {
        let places = |count: usize| count.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            history_revisions_max: self.history_revisions_max.max(0),
            queue_requests_max: places(self.queue_requests_max),
            batch_requests_max: self.batch_requests_max.max(1),
            connections_max: places(self.connections_max),
            connection_streams_max: self.connection_streams_max.max(1),
            requests_in_flight_max: places(self.requests_in_flight_max),
            streams_max: places(self.streams_max),
            progress_interval: self.progress_interval.max(PROGRESS_INTERVAL_MIN),
            ..self
        }
    }
}
