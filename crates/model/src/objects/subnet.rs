//! A range of addresses on a network, and what its hosts are told by DHCP.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::macros::{object, record};
use crate::{Id, LogicalSwitch, Topic, Version};

record! {
    /// A route.
    HostRoute {
        /// Where to.
        destination: IpNet,
        /// Through whom.
        nexthop: IpAddr,
    }
}

object! {
    /// A range of addresses on a network.
    Subnet [topic version] {
        /// The range.
        cidr: Option<IpNet>,
        /// The address of its DHCP server.
        dhcp_ip: Option<IpAddr>,
        /// The name servers that hosts are told.
        dns_nameservers: Vec<IpAddr>,
        /// Whether hosts get their addresses by DHCP.
        enable_dhcp: Option<bool>,
        /// The default router that hosts are told.
        gateway_ip: Option<IpAddr>,
        /// The other routes that hosts are told.
        host_routes: Vec<HostRoute>,
        /// The id of the subnet in Neutron.
        id: Id<Self>,
        /// The network.
        lswitch: Id<LogicalSwitch>,
        /// A name for people.
        name: Option<String>,
        /// The project.
        topic: Topic,
        /// How often it was changed.
        version: Option<Version>,
    }
    indexes {
        /// The subnets of a network.
        BY_LSWITCH: Id<LogicalSwitch> = |row, visit| visit(row.lswitch.clone());
        /// The subnets of a project.
        BY_TOPIC: Topic = |row, visit| visit(row.topic.clone());
    }
}
