//! The checks that new and changed subnets share.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::ipam::error::InvalidInput;
use crate::ipam::{
    HostRoute, IpVersion, IpamError, Ipv6Mode, NetworkFacts, NetworkId, SubnetId, SubnetLimits,
};

/// The shortest packets that IPv4 hosts have to take, in bytes.
const IPV4_MTU_MIN: u32 = 68;
/// The shortest packets that IPv6 links have to carry, in bytes.
const IPV6_MTU_MIN: u32 = 1280;

fn check_version(
    version: IpVersion,
    name: &'static str,
    value: &str,
    of: IpVersion,
) -> Result<(), InvalidInput> {
    if version == of {
        Ok(())
    } else {
        Err(InvalidInput::WrongIpVersion { name, value: value.to_owned(), version })
    }
}

pub(super) fn check_cidr_version(version: IpVersion, cidr: &IpNet) -> Result<(), InvalidInput> {
    check_version(version, "cidr", &cidr.to_string(), IpVersion::of_net(cidr))
}

/// Whether a DHCP server can serve the range.
pub(super) fn check_dhcp(cidr: &IpNet) -> Result<(), InvalidInput> {
    let host_bits_min = 2;
    if cidr.max_prefix_len().saturating_sub(cidr.prefix_len()) < host_bits_min {
        return Err(InvalidInput::PrefixLengthWithDhcp);
    }
    if cidr.network().is_multicast() {
        return Err(InvalidInput::MulticastWithDhcp);
    }
    if cidr.network().is_loopback() {
        return Err(InvalidInput::LoopbackWithDhcp);
    }
    if cidr.network().is_ipv4() && cidr.network().is_unspecified() {
        return Err(InvalidInput::ZeroWithDhcp);
    }
    Ok(())
}

/// Whether the address is the network's or the broadcast address of an IPv4 subnet.
pub(super) fn is_no_host(cidr: &IpNet, gateway: IpAddr) -> bool {
    gateway.is_ipv4() && (gateway == cidr.network() || gateway == cidr.broadcast())
}

/// Whether the address can be a gateway. One outside the subnet can: hosts may reach it on the link all the same.
pub(super) fn check_gateway(
    version: IpVersion,
    cidr: Option<&IpNet>,
    gateway: IpAddr,
) -> Result<(), InvalidInput> {
    check_version(version, "gateway_ip", &gateway.to_string(), IpVersion::of(&gateway))?;
    match cidr {
        Some(cidr) if is_no_host(cidr, gateway) => Err(InvalidInput::Gateway),
        _ => Ok(()),
    }
}

pub(super) fn check_dns_nameservers(
    version: IpVersion,
    servers: &[IpAddr],
    subnet: Option<&SubnetId>,
    limits: &SubnetLimits,
) -> Result<(), IpamError> {
    let limit = limits.dns_nameservers_max;
    if servers.len() > limit {
        return Err(IpamError::DnsNameServersExhausted { subnet: subnet.cloned(), limit });
    }
    for server in servers {
        check_version(version, "dns_nameserver", &server.to_string(), IpVersion::of(server))?;
    }
    Ok(())
}

pub(super) fn check_host_routes(
    version: IpVersion,
    routes: &[HostRoute],
    subnet: Option<&SubnetId>,
    limits: &SubnetLimits,
) -> Result<(), IpamError> {
    let limit = limits.host_routes_max;
    if routes.len() > limit {
        return Err(IpamError::HostRoutesExhausted { subnet: subnet.cloned(), limit });
    }
    for route in routes {
        check_version(version, "nexthop", &route.nexthop.to_string(), IpVersion::of(&route.nexthop))?;
        check_version(
            version,
            "destination",
            &route.destination.to_string(),
            IpVersion::of_net(&route.destination),
        )?;
    }
    Ok(())
}

/// The modes of IPv6 of a new subnet.
pub(super) fn check_modes(
    version: IpVersion,
    cidr: Option<&IpNet>,
    ra_mode: Option<Ipv6Mode>,
    address_mode: Option<Ipv6Mode>,
    enable_dhcp: bool,
) -> Result<(), InvalidInput> {
    if version == IpVersion::V4 {
        return match (ra_mode, address_mode) {
            (Some(_), _) => Err(InvalidInput::ModeOfIpv6 { attribute: "ipv6_ra_mode" }),
            (None, Some(_)) => Err(InvalidInput::ModeOfIpv6 { attribute: "ipv6_address_mode" }),
            (None, None) => Ok(()),
        };
    }
    let Some(mode) = ra_mode.or(address_mode) else { return Ok(()) };
    if !enable_dhcp {
        return Err(InvalidInput::ModesWithoutDhcp);
    }
    if let (Some(ra_mode), Some(address_mode)) = (ra_mode, address_mode)
        && ra_mode != address_mode
    {
        return Err(InvalidInput::ModesDiffer {
            ra_mode: ra_mode.as_str(),
            address_mode: address_mode.as_str(),
        });
    }
    match cidr {
        Some(cidr) if mode.makes_addresses_of_macs() && cidr.prefix_len() != 64 => {
            Err(InvalidInput::NoRoomForEui64 { cidr: *cidr })
        }
        _ => Ok(()),
    }
}

/// Checks that packets of the network are long enough for subnets of a family. An unknown length is not wrong.
///
/// # Errors
/// When they are not.
pub fn check_mtu(network: &NetworkId, mtu: Option<u32>, version: IpVersion) -> Result<(), IpamError> {
    let Some(mtu) = mtu.filter(|mtu| *mtu > 0) else { return Ok(()) };
    let is_too_short_for_both = mtu < IPV4_MTU_MIN;
    let mtu_min = if is_too_short_for_both || version == IpVersion::V4 { IPV4_MTU_MIN } else { IPV6_MTU_MIN };
    if mtu < mtu_min {
        return Err(IpamError::NetworkMtuSubnetConflict { network: network.clone(), mtu_min });
    }
    Ok(())
}

/// Whether the range is free in the network.
pub(super) fn check_overlap(cidr: &IpNet, network: &NetworkFacts<'_>) -> Result<(), InvalidInput> {
    if cidr.prefix_len() == 0 {
        return Err(InvalidInput::ZeroPrefixLength);
    }
    let overlaps = |other: &IpNet| other.contains(cidr) || cidr.contains(other);
    if network.subnets.iter().any(|sibling| overlaps(&sibling.cidr)) {
        return Err(InvalidInput::OverlappingSubnets { cidr: *cidr, network: network.id.clone() });
    }
    Ok(())
}

/// Whether all subnets of the family come from this subnet pool, or none from any.
pub(super) fn check_pool_affinity(
    version: IpVersion,
    pool: Option<&str>,
    network: &NetworkFacts<'_>,
) -> Result<(), IpamError> {
    let mut family = network.subnets.iter().filter(|sibling| IpVersion::of_net(&sibling.cidr) == version);
    if family.any(|sibling| sibling.subnet_pool != pool) {
        return Err(IpamError::NetworkSubnetPoolAffinity);
    }
    Ok(())
}
