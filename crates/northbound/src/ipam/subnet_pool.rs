//! Pools of prefixes from which subnets are cut.
//!
//! A pool gives the prefix that wastes least: the first of the smallest free blocks that are large enough. It gives no
//! address twice, keeps to its bounds, and to the share of each project. (Neutron counts what the owner of the pool has taken,
//! whoever asks; we count what the one who asks has taken, as its API says.)

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Subnets, Ipv6Subnets};
use rustc_hash::FxHashMap;

use super::address::net_bounds;
use super::error::{PoolError, PrefixUpdate};
use super::{IpVersion, RangeSet};

/// What a request for a subnet pool says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PoolRequest {
    /// The id.
    pub id: String,
    /// What it gives out.
    pub prefixes: Vec<IpNet>,
    /// The largest subnet, as the length of its prefix.
    pub min_prefix_len: Option<u8>,
    /// The smallest one.
    pub max_prefix_len: Option<u8>,
    /// The one that is given when nobody says which.
    pub default_prefix_len: Option<u8>,
    /// How much a project may have, in IPv4 addresses or in IPv6 prefixes of 64 bits.
    pub default_quota: Option<u64>,
}

/// A pool, and what of it is in use.
#[derive(Debug, Clone)]
pub struct SubnetPool {
    id: String,
    version: IpVersion,
    prefixes: RangeSet,
    taken: RangeSet,
    /// Addresses by project.
    shares: FxHashMap<String, u128>,
    min_prefix_len: u8,
    max_prefix_len: u8,
    default_prefix_len: u8,
    default_quota: Option<u64>,
}

impl SubnetPool {
    /// The pool, of which nothing is in use yet.
    ///
    /// # Errors
    /// When it would have no addresses or two families, or when its bounds contradict each other.
    pub fn new(request: &PoolRequest) -> Result<Self, PoolError> {
        let first = request.prefixes.first().ok_or(PoolError::EmptyPrefixList)?;
        let version = IpVersion::of_net(first);
        if request.prefixes.iter().any(|prefix| IpVersion::of_net(prefix) != version) {
            return Err(PoolError::PrefixVersionMismatch);
        }
        let largest_default = match version {
            IpVersion::V4 => 8,
            IpVersion::V6 => 64,
        };
        let min_prefix_len = request.min_prefix_len.unwrap_or(largest_default);
        let max_prefix_len = request.max_prefix_len.unwrap_or_else(|| version.bits());
        let default_prefix_len = request.default_prefix_len.unwrap_or(min_prefix_len);
        check_bounds(version, min_prefix_len, max_prefix_len, default_prefix_len)?;
        Ok(Self {
            id: request.id.clone(),
            version,
            prefixes: range_set(&request.prefixes),
            taken: RangeSet::new(),
            shares: FxHashMap::default(),
            min_prefix_len,
            max_prefix_len,
            default_prefix_len,
            default_quota: request.default_quota,
        })
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its family.
    #[must_use]
    pub const fn ip_version(&self) -> IpVersion {
        self.version
    }

    /// The length of the shortest prefix that it gives.
    #[must_use]
    pub const fn min_prefix_len(&self) -> u8 {
        self.min_prefix_len
    }

    /// The length of the longest prefix that it gives.
    #[must_use]
    pub const fn max_prefix_len(&self) -> u8 {
        self.max_prefix_len
    }

    /// The length of a prefix of which nobody says the length.
    #[must_use]
    pub const fn default_prefix_len(&self) -> u8 {
        self.default_prefix_len
    }

    /// What it gives out, in as few prefixes as possible.
    #[must_use]
    pub fn prefixes(&self) -> Vec<IpNet> {
        self.blocks(&self.prefixes)
    }

    /// Notes that a subnet of a project has this range.
    pub fn occupy(&mut self, cidr: &IpNet, project_id: &str) {
        let (first, last) = net_bounds(cidr);
        self.taken.insert(first, last);
        let share = self.shares.entry(project_id.to_owned()).or_default();
        *share = share.saturating_add(addresses(cidr));
    }

    /// Notes that no subnet has this range any more.
    pub fn vacate(&mut self, cidr: &IpNet, project_id: &str) {
        let (first, last) = net_bounds(cidr);
        self.taken.remove(first, last);
        if let Some(share) = self.shares.get_mut(project_id) {
            *share = share.saturating_sub(addresses(cidr));
        }
    }

    /// Whether a subnet comes from it.
    ///
    /// # Errors
    /// When one does: the pool cannot go.
    pub fn check_unused(&self) -> Result<(), PoolError> {
        if self.taken.is_empty() { Ok(()) } else { Err(PoolError::InUse) }
    }

    /// Checks that it gives prefixes of this length.
    ///
    /// # Errors
    /// When it does not.
    pub fn check_prefix_len(&self, length: u8) -> Result<(), PoolError> {
        if length > self.max_prefix_len {
            return Err(PoolError::PrefixTooLong { length, length_max: self.max_prefix_len });
        }
        if length < self.min_prefix_len {
            return Err(PoolError::PrefixTooShort { length, length_min: self.min_prefix_len });
        }
        Ok(())
    }

    /// A free prefix of this length, for a project.
    ///
    /// # Errors
    /// When the pool gives none of the length, none is left, or the project has had its share.
    pub fn choose(&self, length: u8, project_id: &str) -> Result<IpNet, PoolError> {
        self.check_prefix_len(length)?;
        let mut smallest: Option<IpNet> = None;
        for (first, last) in self.prefixes.iter() {
            for block in
                self.taken.gaps(first, last).flat_map(|(first, last)| cidrs(self.version, first, last))
            {
                let is_better = smallest.is_none_or(|smallest| block.prefix_len() > smallest.prefix_len());
                if block.prefix_len() <= length && is_better {
                    smallest = Some(block);
                }
            }
        }
        let chosen = smallest.and_then(|block| IpNet::new(block.network(), length).ok());
        let chosen = chosen.ok_or(PoolError::InsufficientPrefixSpace { length })?;
        self.check_quota(&chosen, project_id)?;
        Ok(chosen)
    }

    /// Checks that a project can have this prefix.
    ///
    /// # Errors
    /// When it is not free, not of a length that the pool gives, or more than the project may have.
    pub fn check_specific(&self, cidr: &IpNet, project_id: &str) -> Result<(), PoolError> {
        self.check_prefix_len(cidr.prefix_len())?;
        self.check_quota(cidr, project_id)?;
        let (first, last) = net_bounds(cidr);
        let is_ours = IpVersion::of_net(cidr) == self.version && self.prefixes.covers(first, last);
        if is_ours && !self.taken.intersects(first, last) {
            Ok(())
        } else {
            Err(PoolError::PrefixNotAvailable)
        }
    }

    /// Checks that these prefixes can replace its own: all of them have to stay.
    ///
    /// # Errors
    /// When one would go.
    pub fn check_replacement(&self, prefixes: &[IpNet]) -> Result<(), PoolError> {
        let ours = prefixes.iter().filter(|prefix| IpVersion::of_net(prefix) == self.version);
        let after = range_set(ours);
        if self.prefixes.iter().all(|(first, last)| after.covers(first, last)) {
            return Ok(());
        }
        Err(PoolError::IllegalPrefixUpdate(PrefixUpdate::NotASuperset))
    }

    /// What it gives out without these prefixes.
    ///
    /// # Errors
    /// When a subnet comes from them.
    pub fn without(&self, prefixes: &[IpNet]) -> Result<Vec<IpNet>, PoolError> {
        let mut rest = self.prefixes.clone();
        for prefix in prefixes.iter().filter(|prefix| IpVersion::of_net(prefix) == self.version) {
            let (first, last) = net_bounds(prefix);
            if self.taken.intersects(first, last) {
                return Err(PoolError::IllegalPrefixUpdate(PrefixUpdate::InUse));
            }
            rest.remove(first, last);
        }
        Ok(self.blocks(&rest))
    }

    fn check_quota(&self, cidr: &IpNet, project_id: &str) -> Result<(), PoolError> {
        // Neutron takes 0 for no quota, too.
        let Some(quota) = self.default_quota.filter(|quota| *quota > 0) else { return Ok(()) };
        let unit_bits = match self.version {
            IpVersion::V4 => 0,
            IpVersion::V6 => 64,
        };
        let has = self.shares.get(project_id).copied().unwrap_or_default();
        if has.saturating_add(addresses(cidr)) > u128::from(quota) << unit_bits {
            return Err(PoolError::QuotaExceeded);
        }
        Ok(())
    }

    fn blocks(&self, set: &RangeSet) -> Vec<IpNet> {
        set.iter().flat_map(|(first, last)| cidrs(self.version, first, last)).collect()
    }
}

fn check_bounds(version: IpVersion, min: u8, max: u8, default: u8) -> Result<(), PoolError> {
    let illegal = |name, length, base_name, base_length| {
        Err(PoolError::IllegalPrefixBounds { name, length, base_name, base_length })
    };
    if min > max {
        return illegal("min_prefixlen", min, "max_prefixlen", max);
    }
    if max > version.bits() {
        return illegal("max_prefixlen", max, "ip_version_max", version.bits());
    }
    if default < min {
        return illegal("default_prefixlen", default, "min_prefixlen", min);
    }
    if default > max {
        return illegal("default_prefixlen", default, "max_prefixlen", max);
    }
    Ok(())
}

fn range_set<'a>(prefixes: impl IntoIterator<Item = &'a IpNet>) -> RangeSet {
    let mut set = RangeSet::new();
    for prefix in prefixes {
        let (first, last) = net_bounds(prefix);
        set.insert(first, last);
    }
    set
}

/// How many addresses a prefix has; one too few for all of IPv6.
fn addresses(cidr: &IpNet) -> u128 {
    let (first, last) = net_bounds(cidr);
    (last - first).saturating_add(1)
}

/// The fewest prefixes that make up a range, in order.
fn cidrs(version: IpVersion, first: u128, last: u128) -> impl Iterator<Item = IpNet> {
    let ends = version.address(first).zip(version.address(last));
    let (v4, v6) = match ends {
        Some((IpAddr::V4(first), IpAddr::V4(last))) => (Some(Ipv4Subnets::new(first, last, 0)), None),
        Some((IpAddr::V6(first), IpAddr::V6(last))) => (None, Some(Ipv6Subnets::new(first, last, 0))),
        _ => (None, None),
    };
    v4.into_iter().flatten().map(IpNet::V4).chain(v6.into_iter().flatten().map(IpNet::V6))
}

#[cfg(test)]
mod tests;
