//! A new subnet.

use std::net::IpAddr;

use ipnet::IpNet;

use super::check::{
    check_cidr_version, check_dhcp, check_dns_nameservers, check_gateway, check_host_routes, check_modes,
    check_mtu, check_overlap, check_pool_affinity, is_no_host,
};
use crate::ipam::address::number;
use crate::ipam::allocation_pools::{self, AllocationPool, check_pools, default_pools};
use crate::ipam::error::{BadSubnetRequest, InvalidInput, PoolError};
use crate::ipam::{
    AddressRange, HostRoute, IpVersion, IpamError, Ipv6Mode, NetworkFacts, SubnetLimits, SubnetPool,
};

/// The gateway that a request asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum GatewayRequest {
    /// The one that follows from the range.
    #[default]
    Default,
    /// None.
    None,
    /// This one.
    At(IpAddr),
}

/// What a request for a subnet says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubnetRequest {
    /// The project that asks, for its share of a subnet pool.
    pub project_id: String,
    /// The family.
    pub ip_version: IpVersion,
    /// The range. Bits behind the prefix are dropped.
    pub cidr: Option<IpNet>,
    /// The size of a range that a subnet pool chooses.
    pub prefix_len: Option<u8>,
    /// The gateway.
    pub gateway: GatewayRequest,
    /// What is given out; what follows from the range when it is not said.
    pub allocation_pools: Option<Vec<AllocationPool>>,
    /// Whether it has a DHCP server.
    pub enable_dhcp: bool,
    /// What routers announce.
    pub ipv6_ra_mode: Option<Ipv6Mode>,
    /// How hosts get addresses.
    pub ipv6_address_mode: Option<Ipv6Mode>,
    /// The name servers that hosts are told.
    pub dns_nameservers: Vec<IpAddr>,
    /// The routes that hosts are told.
    pub host_routes: Vec<HostRoute>,
}

/// What follows from a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubnetPlan {
    /// The range.
    pub cidr: IpNet,
    /// The gateway.
    pub gateway_ip: Option<IpAddr>,
    /// What is given out.
    pub allocation_pools: Vec<AddressRange>,
}

impl SubnetRequest {
    /// The subnet that the request makes in a network, out of a subnet pool if it comes from one.
    ///
    /// # Errors
    /// When the request contradicts itself, the network or the pool.
    pub fn plan(
        &self,
        network: &NetworkFacts<'_>,
        pool: Option<&SubnetPool>,
        limits: &SubnetLimits,
    ) -> Result<SubnetPlan, IpamError> {
        let cidr = self.cidr.map(|cidr| cidr.trunc());
        self.check_origin(pool)?;
        self.check_attributes(cidr.as_ref(), limits)?;
        check_mtu(network.id, network.mtu, self.ip_version)?;
        if let Some(pool) = pool
            && pool.ip_version() != self.ip_version
        {
            let (requested, pool) = (self.ip_version, pool.ip_version());
            return Err(BadSubnetRequest::PoolOfOtherVersion { requested, pool }.into());
        }
        let plan = match (cidr, pool) {
            (Some(cidr), _) => self.plan_range(cidr)?,
            (None, Some(pool)) => self.plan_any(pool)?,
            (None, None) => return Err(BadSubnetRequest::NeitherCidrNorPool.into()),
        };
        if let Some(gateway) = plan.gateway_ip.filter(|gateway| is_no_host(&plan.cidr, *gateway)) {
            return Err(IpamError::GatewayIsNoHost { gateway, cidr: plan.cidr });
        }
        if let Some(pool) = pool {
            pool.check_specific(&plan.cidr, &self.project_id)?;
        }
        check_overlap(&plan.cidr, network)?;
        check_pool_affinity(self.ip_version, pool.map(SubnetPool::id), network)?;
        Ok(plan)
    }

    fn check_origin(&self, pool: Option<&SubnetPool>) -> Result<(), BadSubnetRequest> {
        match (self.cidr, pool) {
            (Some(_), _) if self.prefix_len.is_some() => Err(BadSubnetRequest::CidrAndPrefixLength),
            (None, None) => Err(BadSubnetRequest::NeitherCidrNorPool),
            (None, Some(_)) if self.allocation_pools.is_some() => {
                Err(BadSubnetRequest::AllocationPoolsWithoutCidr)
            }
            _ => Ok(()),
        }
    }

    fn check_attributes(&self, cidr: Option<&IpNet>, limits: &SubnetLimits) -> Result<(), IpamError> {
        let version = self.ip_version;
        if let Some(cidr) = cidr {
            check_cidr_version(version, cidr)?;
            if version == IpVersion::V6 && cidr.network().is_unspecified() {
                return Err(InvalidInput::UnspecifiedSubnet.into());
            }
            if self.enable_dhcp {
                check_dhcp(cidr)?;
            }
        }
        if let GatewayRequest::At(gateway) = self.gateway {
            check_gateway(version, cidr, gateway)?;
        }
        check_dns_nameservers(version, &self.dns_nameservers, None, limits)?;
        check_host_routes(version, &self.host_routes, None, limits)?;
        check_modes(version, cidr, self.ipv6_ra_mode, self.ipv6_address_mode, self.enable_dhcp)?;
        Ok(())
    }

    /// A range that the request names.
    fn plan_range(&self, cidr: IpNet) -> Result<SubnetPlan, IpamError> {
        let gateway_ip = match self.gateway {
            GatewayRequest::Default => Some(default_gateway(&cidr)),
            GatewayRequest::None => None,
            GatewayRequest::At(gateway) => Some(gateway),
        };
        let Some(pools) = &self.allocation_pools else {
            return Ok(SubnetPlan { cidr, gateway_ip, allocation_pools: default_pools(&cidr, gateway_ip) });
        };
        let allocation_pools = check_pools(pools, &cidr)?;
        allocation_pools::check_gateway(gateway_ip, &allocation_pools)?;
        Ok(SubnetPlan { cidr, gateway_ip, allocation_pools })
    }

    /// A range that the pool chooses, or the one around the gateway.
    fn plan_any(&self, pool: &SubnetPool) -> Result<SubnetPlan, IpamError> {
        let prefix_len = self.prefix_len.unwrap_or_else(|| pool.default_prefix_len());
        let (cidr, gateway_ip) = match self.gateway {
            GatewayRequest::At(gateway) => {
                pool.check_prefix_len(prefix_len)?;
                let around = IpNet::new(gateway, prefix_len).map_err(|_| PoolError::PrefixNotAvailable)?;
                (around.trunc(), Some(gateway))
            }
            GatewayRequest::Default => {
                let cidr = pool.choose(prefix_len, &self.project_id)?;
                (cidr, Some(first_host(&cidr)))
            }
            GatewayRequest::None => (pool.choose(prefix_len, &self.project_id)?, None),
        };
        check_modes(
            self.ip_version,
            Some(&cidr),
            self.ipv6_ra_mode,
            self.ipv6_address_mode,
            self.enable_dhcp,
        )?;
        if self.enable_dhcp {
            check_dhcp(&cidr)?;
        }
        Ok(SubnetPlan { cidr, gateway_ip, allocation_pools: default_pools(&cidr, gateway_ip) })
    }
}

/// The gateway of a range that the request names: the first host of IPv4, the address that all routers share of IPv6.
fn default_gateway(cidr: &IpNet) -> IpAddr {
    match cidr {
        IpNet::V4(_) => first_host(cidr),
        IpNet::V6(v6) => IpAddr::V6(v6.network()),
    }
}

/// The address behind that of the network, which may be outside.
fn first_host(cidr: &IpNet) -> IpAddr {
    let first =
        number(cidr.network()).checked_add(1).and_then(|number| IpVersion::of_net(cidr).address(number));
    first.unwrap_or_else(|| cidr.network())
}
