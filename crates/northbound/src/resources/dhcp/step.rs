//! When the DHCP server of a network has a port, and with which addresses.
//!
//! A network with an IPv4 subnet that has DHCP has one port of `network:dhcp`, which has an address in each of these
//! subnets; controllers answer from it. It belongs to the project of the subnet, and has neither name, device nor
//! host, as the original's. When the last such subnet goes, it goes. Asked again it does nothing, so a server that died
//! between a subnet and its port is made good by the next one that asks.

use crate::ipam::{FixedIpRequest, IpVersion, PortAddresses, PortChange, Subnet, SubnetId};

/// What has to happen to the port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum DhcpPortStep {
    /// Nothing.
    Nothing,
    /// It is created with these addresses.
    Create(Vec<FixedIpRequest>),
    /// It is changed so.
    Change(PortChange),
    /// It is deleted.
    Delete,
}

/// What has to happen to the port of a network that has these subnets and now this port, if any.
#[must_use]
pub(super) fn step(subnets: &[Subnet], port: Option<&PortAddresses>) -> DhcpPortStep {
    let served = served(subnets);
    match port {
        None if served.is_empty() => DhcpPortStep::Nothing,
        None => DhcpPortStep::Create(served.into_iter().map(any_of).collect()),
        Some(_) if served.is_empty() => DhcpPortStep::Delete,
        Some(port) => change(subnets, &served, port),
    }
}

/// The subnets in which the server has an address, by their ids.
fn served(subnets: &[Subnet]) -> Vec<&SubnetId> {
    let is_served = |subnet: &&Subnet| subnet.enable_dhcp && subnet.version() == IpVersion::V4;
    let mut served: Vec<&SubnetId> = subnets.iter().filter(is_served).map(|subnet| &subnet.id).collect();
    served.sort();
    served
}

fn change(subnets: &[Subnet], served: &[&SubnetId], port: &PortAddresses) -> DhcpPortStep {
    let has = |subnet: &SubnetId| port.fixed_ips.iter().any(|fixed| fixed.subnet_id == *subnet);
    let is_automatic = |id: &SubnetId| subnets.iter().any(|subnet| subnet.id == *id && subnet.is_automatic());
    let lacks_none = served.iter().all(|subnet| has(subnet));
    let belongs = |subnet: &SubnetId| served.contains(&subnet) || is_automatic(subnet);
    if lacks_none && port.fixed_ips.iter().all(|fixed| belongs(&fixed.subnet_id)) {
        return DhcpPortStep::Nothing;
    }
    let kept = port.fixed_ips.iter().filter(|fixed| served.contains(&&fixed.subnet_id));
    let kept = kept.map(|fixed| FixedIpRequest {
        subnet_id: Some(fixed.subnet_id.clone()),
        ip_address: Some(fixed.ip_address),
    });
    let lacking = served.iter().filter(|subnet| !has(subnet)).map(|subnet| any_of(subnet));
    DhcpPortStep::Change(PortChange { mac: None, fixed_ips: Some(kept.chain(lacking).collect()) })
}

fn any_of(subnet: &SubnetId) -> FixedIpRequest {
    FixedIpRequest { subnet_id: Some(subnet.clone()), ip_address: None }
}

#[cfg(test)]
mod tests;
