//! What a router says that the original's row of it has no room for: a table of ours.
//!
//! It has the id of the router. A router without such a row is enabled and distributed, and has no gateway. Where the ports of a
//! router are, and which addresses they have, the rows of these ports say.

use ipnet::IpNet;

use crate::macros::{object, record};
use crate::{Chassis, Id, LogicalPort, LogicalRouter, LogicalSwitch, Topic, Version};

record! {
    /// A gateway of a router: its port in an external network. The routes through it lead to the gateways of its subnets.
    RouterGateway {
        /// Whether what has no floating IP leaves with the address of the gateway; it does, if it is not said.
        enable_snat: Option<bool>,
        /// The external network.
        lswitch: Id<LogicalSwitch>,
        /// The port.
        port: Id<LogicalPort> => weak,
    }
}

record! {
    /// A node that may be the gateway of a router.
    RouterChassis {
        /// The node.
        chassis: Id<Chassis> => weak,
        /// The node with the highest priority of those that are alive is the gateway.
        priority: u32,
    }
}

object! {
    /// What a router says besides its row.
    RouterExtra [topic version] {
        /// The nodes that may be its gateway, where somebody chose them; all candidates otherwise.
        chassis: Vec<RouterChassis>,
        /// Destinations to which nothing is sent. A longer prefix of its routes goes before.
        discards: Vec<IpNet>,
        /// Whether floating IPs are translated on the nodes of their ports; they are, if it is not said.
        distributed: Option<bool>,
        /// Whether it forwards; it does, if it is not said.
        enabled: Option<bool>,
        /// Its gateways; the first is the one of Neutron's `external_gateway_info`.
        gateways: Vec<RouterGateway>,
        /// The id of the router.
        id: Id<Self>,
        /// The router.
        lrouter: Id<LogicalRouter> => weak,
        /// The project.
        topic: Topic,
        /// How often it was changed.
        version: Option<Version>,
        /// The availability zones that its gateways are to be in; any, if it says none.
        zones: Vec<String>,
    }
    indexes {
        /// The routers that a node was chosen for.
        BY_CHASSIS: Id<Chassis> = |row, visit| {
            row.chassis.iter().map(|choice| choice.chassis.clone()).for_each(visit);
        };
        /// The router with a gateway port.
        BY_GATEWAY_PORT: Id<LogicalPort> = |row, visit| {
            row.gateways.iter().map(|gateway| gateway.port.clone()).for_each(visit);
        };
        /// The routers with a gateway in a network.
        BY_GATEWAY_NETWORK: Id<LogicalSwitch> = |row, visit| {
            row.gateways.iter().map(|gateway| gateway.lswitch.clone()).for_each(visit);
        };
        /// What a router says.
        BY_LROUTER: Id<LogicalRouter> = |row, visit| visit(row.lrouter.clone());
        /// The routers of a project.
        BY_TOPIC: Topic = |row, visit| visit(row.topic.clone());
    }
    rules {
        const IS_ORIGINAL: bool = false;
    }
}

impl RouterExtra {
    /// The id of what this router says besides its row.
    #[must_use]
    pub fn id_of(router: &Id<LogicalRouter>) -> Id<Self> {
        Id::from_row(router.row().clone())
    }
}
