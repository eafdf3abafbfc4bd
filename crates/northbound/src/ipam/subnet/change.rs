//! A change of a subnet.

use std::net::IpAddr;

use super::check::{check_dhcp, check_dns_nameservers, check_gateway, check_host_routes};
use crate::ipam::allocation_pools::{self, AllocationPool, check_pools};
use crate::ipam::error::InvalidInput;
use crate::ipam::{AddressRange, HostRoute, IpamError, PortId, Subnet, SubnetLimits};

/// What a request changes of a subnet; what it does not name stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SubnetChange {
    /// Another gateway, or none.
    pub gateway: Option<Option<IpAddr>>,
    /// Other pools.
    pub allocation_pools: Option<Vec<AllocationPool>>,
    /// Whether it has a DHCP server.
    pub enable_dhcp: Option<bool>,
    /// Other name servers.
    pub dns_nameservers: Option<Vec<IpAddr>>,
    /// Other routes.
    pub host_routes: Option<Vec<HostRoute>>,
}

impl SubnetChange {
    /// Checks the change and gives the pools that the subnet then has.
    ///
    /// `gateway_ip` is the gateway that it has now, and `gateway_port` the router's leg that has this address, if one
    /// has: such a gateway stays.
    ///
    /// # Errors
    /// When the change contradicts itself or the subnet.
    pub fn plan(
        &self,
        subnet: &Subnet,
        gateway_ip: Option<IpAddr>,
        gateway_port: Option<&PortId>,
        limits: &SubnetLimits,
    ) -> Result<Vec<AddressRange>, IpamError> {
        let version = subnet.version();
        if self.enable_dhcp == Some(true) && !subnet.enable_dhcp {
            check_dhcp(&subnet.cidr)?;
        }
        if let Some(wanted) = self.gateway {
            if let Some(wanted) = wanted {
                check_gateway(version, Some(&subnet.cidr), wanted)?;
            }
            if let (Some(gateway), Some(port)) = (gateway_ip.filter(|_| wanted != gateway_ip), gateway_port) {
                return Err(IpamError::GatewayIpInUse { gateway, port: port.clone() });
            }
        }
        if let Some(servers) = &self.dns_nameservers {
            check_dns_nameservers(version, servers, Some(&subnet.id), limits)?;
        }
        if let Some(routes) = &self.host_routes {
            check_host_routes(version, routes, Some(&subnet.id), limits)?;
        }
        let has_modes = subnet.ipv6_ra_mode.is_some() || subnet.ipv6_address_mode.is_some();
        if self.enable_dhcp == Some(false) && has_modes {
            return Err(InvalidInput::DhcpNeededByModes.into());
        }
        let pools = match &self.allocation_pools {
            Some(pools) => check_pools(pools, &subnet.cidr)?,
            None => subnet.pools.clone(),
        };
        let gateway = self.gateway.unwrap_or(gateway_ip);
        if gateway != gateway_ip || self.allocation_pools.is_some() {
            allocation_pools::check_gateway(gateway, &pools)?;
        }
        Ok(pools)
    }
}
