//! What a node says of itself that the original's row of it has no room for: a table of ours. It has the id of the node.

use crate::macros::object;
use crate::{Chassis, Id};

object! {
    /// What a node says besides its row.
    ChassisExtra [] {
        /// The availability zones that it is in.
        availability_zones: Vec<String>,
        /// The node.
        chassis: Id<Chassis> => weak,
        /// Its name.
        id: Id<Self>,
        /// The physical networks that it has a bridge for.
        physical_networks: Vec<String>,
        /// The version of its controller.
        software_version: Option<String>,
    }
    indexes {
        /// What a node says.
        BY_CHASSIS: Id<Chassis> = |row, visit| visit(row.chassis.clone());
        /// The nodes at a physical network.
        BY_PHYSICAL_NETWORK: String = |row, visit| row.physical_networks.iter().cloned().for_each(visit);
    }
    rules {
        const IS_ORIGINAL: bool = false;
    }
}

impl ChassisExtra {
    /// The id of what this node says besides its row.
    #[must_use]
    pub fn id_of(chassis: &Id<Chassis>) -> Id<Self> {
        Id::from_row(chassis.row().clone())
    }
}
