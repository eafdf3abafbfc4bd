//! What is in use in one network, and drawing from what is free.
//!
//! # The choice of an address
//! As in Neutron, a guest gets a random one of the first [`WINDOW`] free addresses of the first pool that has any: two
//! servers that have not heard of each other yet seldom draw the same, and addresses still fill a large pool from its
//! beginning. A DHCP server gets the first free one. A draw walks over no more ranges than the window has addresses.

use std::net::IpAddr;

use net_types::MacAddr;
use rustc_hash::FxHashSet;

use super::address::number;
use super::{AddressRange, Claim, Entropy, IpVersion, NetworkId, RangeSet};

/// Free addresses among which one is drawn.
pub const WINDOW: u32 = 1000;

/// Draws that may give an address which the same request has already, before the first other one is taken.
const DRAWS_MAX: u32 = 4;

/// The addresses and MAC addresses that are in use in a network.
#[derive(Debug, Clone)]
pub struct NetworkAddresses {
    network: NetworkId,
    v4: RangeSet,
    v6: RangeSet,
    macs: FxHashSet<MacAddr>,
}

impl NetworkAddresses {
    /// A network in which nothing is in use.
    #[must_use]
    pub fn new(network: NetworkId) -> Self {
        Self { network, v4: RangeSet::new(), v6: RangeSet::new(), macs: FxHashSet::default() }
    }

    /// The network.
    #[must_use]
    pub const fn network(&self) -> &NetworkId {
        &self.network
    }

    /// Whether nothing is in use.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty() && self.macs.is_empty()
    }

    /// Notes that a row of claims was written. One of another network is none of ours.
    pub fn occupy(&mut self, claim: &Claim) {
        match claim {
            _ if *claim.network() != self.network => {}
            Claim::Address(_, address) => self.used_mut(*address).insert(number(*address), number(*address)),
            Claim::Mac(_, mac) => {
                self.macs.insert(*mac);
            }
        }
    }

    /// Notes that a row of claims was deleted.
    pub fn vacate(&mut self, claim: &Claim) {
        match claim {
            _ if *claim.network() != self.network => {}
            Claim::Address(_, address) => self.used_mut(*address).remove(number(*address), number(*address)),
            Claim::Mac(_, mac) => {
                self.macs.remove(mac);
            }
        }
    }

    /// Whether somebody has the address.
    #[must_use]
    pub fn has_address(&self, address: IpAddr) -> bool {
        self.used(IpVersion::of(&address)).contains(number(address))
    }

    /// Whether somebody has the MAC address.
    #[must_use]
    pub fn has_mac(&self, mac: MacAddr) -> bool {
        self.macs.contains(&mac)
    }

    /// How many addresses of a range are in use.
    #[must_use]
    pub fn count_used(&self, range: &AddressRange) -> u128 {
        let (first, last) = range.bounds();
        self.used(range.version()).count(first, last)
    }

    /// A free address of the first of these pools that has one, other than those that the same request `has`.
    pub(super) fn draw(&self, pools: &[AddressRange], has: &[IpAddr], random: Entropy<'_>) -> Option<IpAddr> {
        pools.iter().find_map(|pool| self.draw_from(pool, has, random).or_else(|| self.first_of(pool, has)))
    }

    /// The first free address of the first of these pools that has one, other than those that the same request `has`.
    pub(super) fn first(&self, pools: &[AddressRange], has: &[IpAddr]) -> Option<IpAddr> {
        pools.iter().find_map(|pool| self.first_of(pool, has))
    }

    fn draw_from(&self, pool: &AddressRange, has: &[IpAddr], random: Entropy<'_>) -> Option<IpAddr> {
        let (first, last) = pool.bounds();
        let used = self.used(pool.version());
        (0..DRAWS_MAX)
            .map_while(|_| used.draw(first, last, WINDOW, random()))
            .filter_map(|drawn| pool.version().address(drawn))
            .find(|address| !has.contains(address))
    }

    fn first_of(&self, pool: &AddressRange, has: &[IpAddr]) -> Option<IpAddr> {
        let (first, last) = pool.bounds();
        let free = self.used(pool.version()).gaps(first, last).flat_map(|(start, end)| start..=end);
        free.filter_map(|free| pool.version().address(free)).find(|address| !has.contains(address))
    }

    const fn used(&self, version: IpVersion) -> &RangeSet {
        match version {
            IpVersion::V4 => &self.v4,
            IpVersion::V6 => &self.v6,
        }
    }

    const fn used_mut(&mut self, address: IpAddr) -> &mut RangeSet {
        match address {
            IpAddr::V4(_) => &mut self.v4,
            IpAddr::V6(_) => &mut self.v6,
        }
    }
}

#[cfg(test)]
mod tests;
