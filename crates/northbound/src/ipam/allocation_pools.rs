//! What is given out of a subnet: the pools that follow from its range and gateway, and the rules for given ones.

use std::net::IpAddr;

use ipnet::IpNet;

use super::address::{net_bounds, number};
use super::{AddressRange, IpVersion, IpamError};

/// A pool as a request says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AllocationPool {
    /// The first address.
    pub start: IpAddr,
    /// The last one.
    pub end: IpAddr,
}

/// The addresses of a subnet that hosts can have: not the network's nor the broadcast address of IPv4, which a link of
/// two hosts and a single host do not have, and not the anycast address of routers of IPv6.
#[must_use]
pub fn host_range(cidr: &IpNet) -> AddressRange {
    let (first, last) = net_bounds(cidr);
    let (first, last) = match cidr {
        _ if first == last => (first, last),
        IpNet::V4(v4) if v4.prefix_len() > 30 => (first, last),
        IpNet::V4(_) => (first + 1, last - 1),
        IpNet::V6(_) => (first + 1, last),
    };
    AddressRange::from_numbers(IpVersion::of_net(cidr), first, last)
        .expect("a network has its addresses in order")
}

/// The pools of a subnet for which none are given: all hosts but the gateway.
#[must_use]
pub fn default_pools(cidr: &IpNet, gateway: Option<IpAddr>) -> Vec<AddressRange> {
    let hosts = host_range(cidr);
    let is_single_host = cidr.prefix_len() == cidr.max_prefix_len();
    let Some(gateway) = gateway.filter(|gateway| hosts.contains(*gateway) && !is_single_host) else {
        return vec![hosts];
    };
    let (first, last) = hosts.bounds();
    let gateway = number(gateway);
    let before = (first < gateway).then(|| (first, gateway.saturating_sub(1)));
    let behind = (gateway < last).then(|| (gateway.saturating_add(1), last));
    let ranges = [before, behind].into_iter().flatten();
    ranges.filter_map(|(first, last)| AddressRange::from_numbers(hosts.version(), first, last)).collect()
}

/// The ranges of given pools, which lie in the subnet and share no address.
///
/// # Errors
/// When they do not.
pub fn check_pools(pools: &[AllocationPool], cidr: &IpNet) -> Result<Vec<AddressRange>, IpamError> {
    let ranges: Vec<AddressRange> = pools.iter().map(range).collect::<Result<_, _>>()?;
    let hosts = host_range(cidr);
    for pool in &ranges {
        if pool.version() != hosts.version() {
            return Err(IpamError::InvalidAllocationPool { pool: pool.to_string() });
        }
        if !hosts.contains(pool.first()) || !hosts.contains(pool.last()) {
            return Err(IpamError::OutOfBoundsAllocationPool { pool: *pool, cidr: *cidr });
        }
    }
    // Sorted neighbours overlap if any two do; many pools cost no square.
    let mut sorted: Vec<usize> = (0..ranges.len()).collect();
    sorted.sort_by_key(|index| ranges.get(*index));
    for (earlier, later) in sorted.iter().zip(sorted.iter().skip(1)) {
        let (first, second) = (earlier.min(later), earlier.max(later));
        if let (Some(first), Some(second)) = (ranges.get(*first), ranges.get(*second))
            && first.overlaps(second)
        {
            return Err(IpamError::OverlappingAllocationPools {
                first: *first,
                second: *second,
                cidr: *cidr,
            });
        }
    }
    Ok(ranges)
}

/// Checks that no pool has the gateway.
///
/// # Errors
/// When one has.
pub fn check_gateway(gateway: Option<IpAddr>, pools: &[AddressRange]) -> Result<(), IpamError> {
    let conflict = |gateway| pools.iter().find(|pool| pool.contains(gateway)).map(|pool| (gateway, *pool));
    match gateway.and_then(conflict) {
        Some((gateway, pool)) => Err(IpamError::GatewayConflictWithAllocationPools { gateway, pool }),
        None => Ok(()),
    }
}

fn range(pool: &AllocationPool) -> Result<AddressRange, IpamError> {
    // Neutron shows a pool that is no range as Python shows what was sent.
    let text = || format!("{{'start': '{}', 'end': '{}'}}", pool.start, pool.end);
    AddressRange::new(pool.start, pool.end).ok_or_else(|| IpamError::InvalidAllocationPool { pool: text() })
}

#[cfg(test)]
mod tests;
