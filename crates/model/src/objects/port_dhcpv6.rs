//! What a port is told by DHCPv6 besides: a table of ours.
//!
//! Options of DHCPv6 have numbers of their own, and the row of a port has room for those of DHCP for IPv4 alone. A port without such options has
//! no such row; else it has the id of the port.

use crate::macros::{object, record};
use crate::{Id, LogicalPort, Topic, Version};

record! {
    /// An option as its owner says it.
    Dhcpv6Option {
        /// Its number, or its name.
        name: String,
        /// What it says; nothing, if it is not to be told at all.
        value: String,
    }
}

object! {
    /// What a port is told by DHCPv6 besides.
    PortDhcpv6 [topic version] {
        /// The id of the port.
        id: Id<Self>,
        /// The port.
        lport: Id<LogicalPort> => weak,
        /// The options; of two with one number the later counts.
        options: Vec<Dhcpv6Option>,
        /// The project of the port.
        topic: Topic,
        /// How often it was changed.
        version: Option<Version>,
    }
    indexes {
        /// The options of a port.
        BY_LPORT: Id<LogicalPort> = |row, visit| visit(row.lport.clone());
        /// The ports of a project.
        BY_TOPIC: Topic = |row, visit| visit(row.topic.clone());
    }
    rules {
        const IS_ORIGINAL: bool = false;
    }
}

impl PortDhcpv6 {
    /// The id of the options of this port.
    #[must_use]
    pub fn id_of(lport: &Id<LogicalPort>) -> Id<Self> {
        Id::from_row(lport.row().clone())
    }
}
