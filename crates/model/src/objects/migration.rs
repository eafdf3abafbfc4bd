//! A port on its way between hypervisors. Its id is that of the port.

use crate::macros::{choice, object};
use crate::{Chassis, Id, LogicalPort};

choice! {
    /// How far a migration is.
    closed MigrationStatus {
        /// The port is plugged at its destination.
        DestPlug = "dest_plug",
        /// The port is unplugged where it was.
        SrcUnplug = "src_unplug",
        /// The port is bound to its destination.
        Rebound = "rebound",
    }
}

object! {
    /// A port on its way between hypervisors.
    Migration [] {
        /// Where to.
        dest_chassis: Option<Id<Chassis>>,
        /// The id of the port.
        id: Id<Self>,
        /// The port.
        lport: Option<Id<LogicalPort>>,
        /// How far it is.
        status: MigrationStatus,
    }
    indexes {
        /// The ports on their way to a hypervisor.
        BY_DEST_CHASSIS: Id<Chassis> = |row, visit| row.dest_chassis.clone().into_iter().for_each(visit);
        /// The migration of a port.
        BY_LPORT: Id<LogicalPort> = |row, visit| row.lport.clone().into_iter().for_each(visit);
    }
}

impl Migration {
    /// The id of the migration of this port: there is one at a time.
    #[must_use]
    pub fn id_of(lport: &Id<LogicalPort>) -> Id<Self> {
        Id::from_row(lport.row().clone())
    }
}
