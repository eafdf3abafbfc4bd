//! Bandwidth that ports are promised on the devices by which their frames leave the node.

use model::{Id, LogicalPort};

/// A queue that a port has on all devices by which a bridge leads out of the node.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reserve {
    /// The bridge.
    pub bridge: String,
    /// The number of the queue, which the port's frames carry.
    pub queue: u32,
    /// The port.
    pub port: Id<LogicalPort>,
    /// What is promised to it, in kilobits a second.
    pub least_kbps: u64,
}
