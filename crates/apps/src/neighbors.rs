//! Who is asked for addresses, whether by guests or by routers: one flow of the table `neighbor` says where an address is, and both look there.
//!
//! A guest's question by ARP or neighbour discovery looks its target up as a router does its next hop, and what was found becomes the
//! answer. So a port costs one flow for each of its addresses, and not one more where its network has a router.
//!
//! The addresses of some ports mean to routers something else than to guests, and the tables `arp` and `nd` have flows for them: those
//! of ports of routers, whose frames are routed, those in physical networks, where routers speak with MAC addresses of nodes, and that of
//! the metadata service, which is on every link.

use std::net::IpAddr;

use model::LogicalPort;
use pipeline::metadata::{SERVICE_V4, SERVICE_V6};

use crate::network::Network;

/// Ports of routers, and of what is translated, have owners that begin so.
const OWNERS_APART: [&str; 2] = ["network:router_", "network:floatingip"];

/// Whether guests that ask for an address of a port find it where routers do.
pub(crate) fn is_found(port: &LogicalPort, network: &Network, ip: IpAddr) -> bool {
    let is_apart = port
        .device_owner
        .as_deref()
        .is_some_and(|owner| OWNERS_APART.iter().any(|apart| owner.starts_with(apart)));
    let is_of_service = ip == IpAddr::V4(SERVICE_V4) || ip == IpAddr::V6(SERVICE_V6);
    network.wire.is_none() && !is_apart && !is_of_service
}
