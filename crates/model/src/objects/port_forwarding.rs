//! Ports of a floating IP that stand for ports of a guest: a table of ours.

use std::net::IpAddr;

use crate::macros::object;
use crate::{FloatingIp, Id, LogicalPort, Topic, Version};

object! {
    /// Ports of a floating IP that stand for ports of a guest.
    PortForwarding [topic version] {
        /// How many ports there are from the first on, on both sides.
        count: u16,
        /// The first port of the floating IP.
        external_port: u16,
        /// The floating IP.
        floatingip: Id<FloatingIp>,
        /// The id of the rule in Neutron.
        id: Id<Self>,
        /// The address of the guest.
        internal_ip: IpAddr,
        /// The first port of the guest.
        internal_port: u16,
        /// The port of the guest.
        lport: Id<LogicalPort> => weak,
        /// The protocol, by its number.
        protocol: u8,
        /// The project.
        topic: Topic,
        /// How often it was changed.
        version: Option<Version>,
    }
    indexes {
        /// The rules of a floating IP.
        BY_FLOATING_IP: Id<FloatingIp> = |row, visit| visit(row.floatingip.clone());
        /// The rules that lead to a port.
        BY_LPORT: Id<LogicalPort> = |row, visit| visit(row.lport.clone());
        /// The rules of a project.
        BY_TOPIC: Topic = |row, visit| visit(row.topic.clone());
    }
    rules {
        const IS_ORIGINAL: bool = false;
    }
}
