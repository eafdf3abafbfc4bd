//! Addresses that routers have only inside a switch, between what they hide and the address of the node.

use std::net::Ipv4Addr;

/// The network of these addresses. Nobody has any of it: no packet leaves with one, and none arrives with one.
pub const BETWEEN: (Ipv4Addr, Ipv4Addr) = (Ipv4Addr::new(240, 0, 0, 0), Ipv4Addr::new(255, 255, 0, 0));

/// The address of the router whose connections are tracked in this zone.
#[must_use]
pub const fn between(zone: u16) -> Ipv4Addr {
    let [high, low] = zone.to_be_bytes();
    Ipv4Addr::new(240, 0, high, low)
}
