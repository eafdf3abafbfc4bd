//! A public address that stands for the address of a port.

use std::net::IpAddr;

use crate::macros::object;
use crate::{Id, LogicalPort, LogicalRouter, Topic, Version};

object! {
    /// A public address that stands for the address of a port.
    FloatingIp [topic version] {
        /// The address of the port; none while the public address stands for nothing.
        fixed_ip_address: Option<IpAddr>,
        /// The public address.
        floating_ip_address: Option<IpAddr>,
        /// The port in the external network that holds the public address.
        floating_lport: Option<Id<LogicalPort>>,
        /// The id of the floating IP in Neutron.
        id: Id<Self>,
        /// The port that the address stands for.
        lport: Option<Id<LogicalPort>>,
        /// The router between them.
        lrouter: Option<Id<LogicalRouter>>,
        /// The project.
        topic: Topic,
        /// How often it was changed.
        version: Option<Version>,
    }
    indexes {
        /// The floating IP that a port in the external network holds.
        BY_FLOATING_LPORT: Id<LogicalPort> = |row, visit| row.floating_lport.clone().into_iter().for_each(visit);
        /// The floating IPs of a port.
        BY_LPORT: Id<LogicalPort> = |row, visit| row.lport.clone().into_iter().for_each(visit);
        /// The floating IPs behind a router.
        BY_LROUTER: Id<LogicalRouter> = |row, visit| row.lrouter.clone().into_iter().for_each(visit);
        /// The floating IPs of a project.
        BY_TOPIC: Topic = |row, visit| visit(row.topic.clone());
    }
}
