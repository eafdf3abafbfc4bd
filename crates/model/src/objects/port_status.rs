//! What became of a port: a table of ours, which the original never reads.
//!
//! The controller that claimed the port writes the row, Neutron's side reads it. Keeping it in the store means that
//! a server that was away misses nothing, unlike with the original's messages. Its id is that of the port.

use crate::macros::{choice, object};
use crate::{Chassis, Id, LogicalPort, Topic, Version};

choice! {
    /// Whether a port forwards.
    closed PortState {
        /// The switch confirmed the flows of the port: what it sends now is delivered.
        Active = "ACTIVE",
        /// It does not forward.
        Down = "DOWN",
    }
}

object! {
    /// What became of a port.
    PortStatus [topic version] {
        /// The hypervisor that says so.
        chassis: Id<Chassis> => weak,
        /// Counts the claims of the port: a hypervisor that claims it takes the next number, and what earlier
        /// holders still say about it is void.
        generation: u64,
        /// The id of the port.
        id: Id<Self>,
        /// The port. It may be gone before its status is.
        lport: Id<LogicalPort> => weak,
        /// The version of the port that was confirmed, where it counts versions.
        lport_version: Option<Version>,
        /// Whether it forwards.
        state: PortState,
        /// The project of the port.
        topic: Topic,
        /// How often the row was changed.
        version: Option<Version>,
    }
    indexes {
        /// What a hypervisor says.
        BY_CHASSIS: Id<Chassis> = |row, visit| visit(row.chassis.clone());
        /// What is said of a port.
        BY_LPORT: Id<LogicalPort> = |row, visit| visit(row.lport.clone());
        /// The ports of a project.
        BY_TOPIC: Topic = |row, visit| visit(row.topic.clone());
    }
    rules {
        const IS_ORIGINAL: bool = false;
    }
}

impl PortStatus {
    /// The id of the status of this port.
    #[must_use]
    pub fn id_of(lport: &Id<LogicalPort>) -> Id<Self> {
        Id::from_row(lport.row().clone())
    }

    /// Whether a hypervisor may write this over `stored`: a later claim, or the same one going on.
    #[must_use]
    pub fn may_replace(&self, stored: &Self) -> bool {
        self.generation > stored.generation
            || (self.generation == stored.generation && self.chassis == stored.chassis)
    }
}
