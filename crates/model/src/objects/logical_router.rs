//! A router with its ports.

use ipnet::IpNet;
use net_types::MacAddr;

use crate::macros::{object, record};
use crate::{HostRoute, Id, LogicalPort, LogicalSwitch, Topic, UniqueKey, Version};

record! {
    /// A port of a router, made of the port in the network that it is attached to.
    LogicalRouterPort {
        /// The id of the port in the network.
        id: Id<LogicalPort> => weak,
        /// The network.
        lswitch: Option<Id<LogicalSwitch>>,
        /// Its MAC address.
        mac: Option<MacAddr>,
        /// Its address, with the prefix length of the subnet.
        network: Option<IpNet>,
        /// The project.
        topic: Topic,
        /// The number of the port in the network: routers have no counter for ports.
        unique_key: UniqueKey,
    }
}

object! {
    /// A router.
    LogicalRouter [topic version unique_key] {
        /// The id of the router in Neutron.
        id: Id<Self>,
        /// A name for people.
        name: Option<String>,
        /// Its ports.
        ports: Vec<LogicalRouterPort>,
        /// Its routes to elsewhere than its own networks.
        routes: Vec<HostRoute>,
        /// The project.
        topic: Topic,
        /// Its number in the switch.
        unique_key: UniqueKey,
        /// How often it was changed.
        version: Option<Version>,
    }
    indexes {
        /// The router of a port.
        BY_LPORT: Id<LogicalPort> = |row, visit| row.ports.iter().map(|port| port.id.clone()).for_each(visit);
        /// The routers of a network.
        BY_LSWITCH: Id<LogicalSwitch> = |row, visit| {
            row.ports.iter().filter_map(|port| port.lswitch.clone()).for_each(visit);
        };
        /// The routers of a project.
        BY_TOPIC: Topic = |row, visit| visit(row.topic.clone());
        /// The router with a number.
        BY_UNIQUE_KEY: UniqueKey = |row, visit| visit(row.unique_key);
    }
}
