//! Frames that ports are sent regularly, without being asked for: advertisements of routers, queries for listeners.

use std::sync::Arc;

use model::{RowId, Table};
use net_types::OfPort;

/// A frame that is sent to a port again and again, for as long as an app says so.
///
/// When exactly, whoever sends it decides: not all at once, and not later than the interval after the time before.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Beacon {
    /// The port of the switch that it leaves by.
    pub port: OfPort,
    /// The frame. Shared, because the list of all beacons is told whenever one changes.
    pub frame: Arc<[u8]>,
    /// The longest time between two of them.
    pub interval_s: u32,
    /// How many are sent soon after it was said first, at short intervals.
    pub burst: u8,
    /// A row that is true only as long as somebody answers: see [`Reply::Heard`](crate::Reply::Heard). Whoever sends the frame gives
    /// the row up when nobody does.
    pub proves: Option<(Table, RowId)>,
}
