//! What a subnet may be: its range, family, gateway, modes, name servers and routes.
//!
//! A request becomes a [`SubnetPlan`] or an error, in the order of Neutron's checks, so that a request that is wrong in
//! two ways gets the answer that clients know.

use std::net::IpAddr;

use ipnet::IpNet;

use super::allocation_pools::host_range;
use super::{AddressRange, IpVersion, NetworkId, SubnetId, owner};
use net_types::MacAddr;

mod change;
mod check;
mod request;

pub use change::SubnetChange;
pub use check::check_mtu;
pub use request::{GatewayRequest, SubnetPlan, SubnetRequest};

/// How hosts of an IPv6 subnet get addresses, and what routers announce.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ipv6Mode {
    /// They make them of what routers announce.
    Slaac,
    /// They ask DHCP for them.
    DhcpStateful,
    /// They make them, and ask DHCP for the rest.
    DhcpStateless,
}

impl Ipv6Mode {
    /// The mode that the API names so.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        [Self::Slaac, Self::DhcpStateful, Self::DhcpStateless].into_iter().find(|mode| mode.as_str() == text)
    }

    /// The API's name of it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Slaac => "slaac",
            Self::DhcpStateful => "dhcpv6-stateful",
            Self::DhcpStateless => "dhcpv6-stateless",
        }
    }

    const fn makes_addresses_of_macs(self) -> bool {
        matches!(self, Self::Slaac | Self::DhcpStateless)
    }
}

/// A route that hosts of a subnet are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct HostRoute {
    /// Where to.
    pub destination: IpNet,
    /// Through whom.
    pub nexthop: IpAddr,
}

/// What a subnet may have at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubnetLimits {
    /// `max_dns_nameservers`.
    pub dns_nameservers_max: usize,
    /// `max_subnet_host_routes`.
    pub host_routes_max: usize,
}

impl Default for SubnetLimits {
    fn default() -> Self {
        Self { dns_nameservers_max: 5, host_routes_max: 20 }
    }
}

/// What the network of a new subnet has.
#[derive(Debug, Clone, Copy)]
pub struct NetworkFacts<'a> {
    /// The network.
    pub id: &'a NetworkId,
    /// The longest packet, in bytes, if that is known.
    pub mtu: Option<u32>,
    /// Its subnets.
    pub subnets: &'a [Sibling<'a>],
}

/// Another subnet of the network.
#[derive(Debug, Clone, Copy)]
pub struct Sibling<'a> {
    /// Its range.
    pub cidr: IpNet,
    /// The id of the subnet pool from which it comes.
    pub subnet_pool: Option<&'a str>,
}

/// What of a subnet decides who gets which of its addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subnet {
    /// Its id.
    pub id: SubnetId,
    /// Its range.
    pub cidr: IpNet,
    /// What is given out of it.
    pub pools: Vec<AddressRange>,
    /// What routers announce.
    pub ipv6_ra_mode: Option<Ipv6Mode>,
    /// How hosts get addresses.
    pub ipv6_address_mode: Option<Ipv6Mode>,
    /// Whether it has a DHCP server.
    pub enable_dhcp: bool,
    /// The kinds of ports that it is for; all when it names none.
    pub service_types: Vec<String>,
}

impl Subnet {
    /// The family.
    #[must_use]
    pub const fn version(&self) -> IpVersion {
        IpVersion::of_net(&self.cidr)
    }

    /// Whether hosts make their addresses of their MAC addresses.
    #[must_use]
    pub fn is_automatic(&self) -> bool {
        let modes = [self.ipv6_ra_mode, self.ipv6_address_mode];
        modes.into_iter().flatten().any(Ipv6Mode::makes_addresses_of_macs)
    }

    /// The address that a host makes of its MAC address, where hosts do.
    #[must_use]
    pub fn automatic_address(&self, mac: MacAddr) -> Option<IpAddr> {
        match &self.cidr {
            IpNet::V6(v6) if self.is_automatic() => Some(IpAddr::V6(mac.slaac_address(v6.network()))),
            _ => None,
        }
    }

    /// The address that a port gets in any case: hosts make it without asking. Inner ports of routers do not.
    #[must_use]
    pub fn imposed_address(&self, device_owner: &str, mac: MacAddr) -> Option<IpAddr> {
        let is_for = self.is_for(device_owner) && !owner::is_inner_router_port(device_owner);
        self.automatic_address(mac).filter(|_| is_for)
    }

    /// Whether ports of this kind may have its addresses. DHCP servers serve whom they are told to.
    #[must_use]
    pub fn is_for(&self, device_owner: &str) -> bool {
        let is_named = self.service_types.iter().any(|kind| kind == device_owner);
        self.service_types.is_empty() || is_named || (self.enable_dhcp && device_owner == owner::DHCP)
    }

    /// Whether a port of this kind may have the address. The address that all routers of an IPv6 subnet share is one for
    /// ports of routers, and for those of which nobody said what they are. (Neutron also refuses the lower address of a
    /// link of two hosts, RFC 3021, which it gives out itself.)
    #[must_use]
    pub fn admits(&self, address: IpAddr, device_owner: &str) -> bool {
        let is_anycast = address.is_ipv6() && address == self.cidr.network();
        let may_be_anycast = device_owner.is_empty() || owner::is_router_port(device_owner);
        host_range(&self.cidr).contains(address) || (is_anycast && may_be_anycast)
    }
}

#[cfg(test)]
mod tests;
