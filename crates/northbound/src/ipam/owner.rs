//! What the owner of a port says about it: the texts of `device_owner` that have a meaning.

/// The DHCP server of a network.
pub const DHCP: &str = "network:dhcp";
/// What serves instances from every hypervisor, as the metadata service.
pub const DISTRIBUTED: &str = "network:distributed";
/// A router's leg in a network.
pub const ROUTER_INTERFACE: &str = "network:router_interface";
/// A distributed router's leg in a network.
pub const DISTRIBUTED_ROUTER_INTERFACE: &str = "network:router_interface_distributed";
/// A highly available router's leg in a network.
pub const REPLICATED_ROUTER_INTERFACE: &str = "network:ha_router_replicated_interface";
/// The leg from which a distributed router hides addresses.
pub const ROUTER_SNAT: &str = "network:router_centralized_snat";
/// What holds a floating IP in its external network.
pub const FLOATING_IP: &str = "network:floatingip";
/// A router's leg in an external network.
pub const ROUTER_GATEWAY: &str = "network:router_gateway";

/// Whether the network has the port for itself, and not for a guest.
#[must_use]
pub fn is_of_network(owner: &str) -> bool {
    owner.starts_with("network:")
}

/// Whether it is a router's leg, the address of which is the gateway of guests.
#[must_use]
pub fn is_router_interface(owner: &str) -> bool {
    matches!(owner, ROUTER_INTERFACE | DISTRIBUTED_ROUTER_INTERFACE | REPLICATED_ROUTER_INTERFACE)
}

/// Whether it is a router's leg on the inner side, also the one that hides addresses. Such a port never makes addresses of
/// its MAC address.
#[must_use]
pub fn is_inner_router_port(owner: &str) -> bool {
    is_router_interface(owner) || owner == ROUTER_SNAT
}

/// Whether it is a router's leg at all.
#[must_use]
pub fn is_router_port(owner: &str) -> bool {
    is_inner_router_port(owner) || owner == ROUTER_GATEWAY
}

/// Whether it takes the first free address: guests expect the servers of a network at its beginning.
#[must_use]
pub fn prefers_first_address(owner: &str) -> bool {
    matches!(owner, DHCP | DISTRIBUTED)
}
