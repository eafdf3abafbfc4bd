//! The time of day, for what others read: heartbeats, the moments at which packets came.

use std::time::{SystemTime, UNIX_EPOCH};

use model::Timestamp;

/// Milliseconds since the epoch.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// The same as rows have it.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_seconds(since.as_secs_f64()).expect("a duration is a finite number")
}
