//! What a network says that the original's row of it has no room for: a table of ours.
//!
//! It has the id of the network. A network that says nothing of the kind has no such row.

use crate::macros::object;
use crate::{Id, LogicalSwitch, Topic, Version};

object! {
    /// What a network says besides its row.
    NetworkExtra [topic version] {
        /// The domain of the names of its ports.
        dns_domain: Option<String>,
        /// The id of the network.
        id: Id<Self>,
        /// The network.
        lswitch: Id<LogicalSwitch> => weak,
        /// The project.
        topic: Topic,
        /// How often it was changed.
        version: Option<Version>,
        /// Whether guests may put VLAN tags on their frames, which are carried as they are.
        vlan_transparent: Option<bool>,
    }
    indexes {
        /// What a network says.
        BY_LSWITCH: Id<LogicalSwitch> = |row, visit| visit(row.lswitch.clone());
        /// The networks of a project.
        BY_TOPIC: Topic = |row, visit| visit(row.topic.clone());
    }
    rules {
        const IS_ORIGINAL: bool = false;
    }
}

impl NetworkExtra {
    /// The id of what this network says besides its row.
    #[must_use]
    pub fn id_of(network: &Id<LogicalSwitch>) -> Id<Self> {
        Id::from_row(network.row().clone())
    }
}
