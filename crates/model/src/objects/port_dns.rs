//! The name of a port for DNS: a table of ours. It has the id of the port; a port without a name has no such row.

use crate::macros::object;
use crate::{Id, LogicalPort, LogicalSwitch, Topic, Version};

object! {
    /// The name of a port.
    PortDns [topic version] {
        /// The domain that the name is in; that of the network or the cloud, if it is not said.
        domain: Option<String>,
        /// The id of the port.
        id: Id<Self>,
        /// The port.
        lport: Id<LogicalPort> => weak,
        /// The network of the port.
        lswitch: Id<LogicalSwitch> => weak,
        /// The name, without the domain.
        name: String,
        /// The project.
        topic: Topic,
        /// How often it was changed.
        version: Option<Version>,
    }
    indexes {
        /// The name of a port.
        BY_LPORT: Id<LogicalPort> = |row, visit| visit(row.lport.clone());
        /// The names in a network.
        BY_LSWITCH: Id<LogicalSwitch> = |row, visit| visit(row.lswitch.clone());
        /// The ports with a name.
        BY_NAME: String = |row, visit| visit(row.name.to_ascii_lowercase());
        /// The names of a project.
        BY_TOPIC: Topic = |row, visit| visit(row.topic.clone());
    }
    rules {
        const IS_ORIGINAL: bool = false;
    }
}

/// The domain that a cloud comes with, in which ports have no names.
pub const UNNAMED_DOMAIN: &str = "openstacklocal";

impl PortDns {
    /// The id of the name of this port.
    #[must_use]
    pub fn id_of(port: &Id<LogicalPort>) -> Id<Self> {
        Id::from_row(port.row().clone())
    }
}
