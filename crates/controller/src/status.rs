//! What a controller says of itself, for whoever watches it.

use engine::{Finding, Peers};
use switch::machine::SyncReport;

/// How things stand. All counts are since the start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// The store was read, and the switch holds what follows from it.
    pub is_ready: bool,
    /// The store cannot be reached; what is known stays in force.
    pub is_store_away: bool,
    /// How often it could not be reached any more.
    pub store_outages: u64,
    /// How often the whole store was read.
    pub snapshots: u64,
    /// Rows that cannot be read now.
    pub rows_unreadable: usize,
    /// The switch is connected and holds what is desired, or is about to.
    pub is_switch_connected: bool,
    /// How often the switch was compared with what is desired, after a connection.
    pub syncs: u64,
    /// What the last comparison found and did.
    pub last_sync: Option<SyncReport>,
    /// Flows that were written or deleted, comparisons included.
    pub flow_mods: u64,
    /// How often the switch refused an entry.
    pub entries_refused: u64,
    /// Steps of the engine.
    pub steps: u64,
    /// Units of apps that ran.
    pub units_run: u64,
    /// Flows that there should be.
    pub flows: usize,
    /// Ports that are plugged in here.
    pub ports_plugged: usize,
    /// Ports of which the switch confirmed that they forward.
    pub ports_active: usize,
    /// What is seen of the nodes that this one watches.
    pub peers: Peers,
    /// What is wrong with what the store says.
    pub findings: Vec<Finding>,
    /// Packets that were answered.
    pub packets_answered: u64,
    /// Packets that no answer was given to.
    pub packets_ignored: u64,
    /// Comparisons of what is desired with what is computed anew, and how many found a difference.
    pub audits: u64,
    /// Of these, how many found a difference.
    pub audits_failed: u64,
}
