//! Ranges of addresses, and the two families as numbers.
//!
//! A range never mixes families and never ends before it begins, so nobody downstream checks that again. Its text is the
//! one that Neutron's errors show.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// A family of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IpVersion {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl IpVersion {
    /// The family that the API names by this number.
    #[must_use]
    pub const fn from_number(number: u64) -> Option<Self> {
        match number {
            4 => Some(Self::V4),
            6 => Some(Self::V6),
            _ => None,
        }
    }

    /// The number by which the API names it.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::V4 => 4,
            Self::V6 => 6,
        }
    }

    /// The bits of an address.
    #[must_use]
    pub const fn bits(self) -> u8 {
        match self {
            Self::V4 => 32,
            Self::V6 => 128,
        }
    }

    /// The family of an address.
    #[must_use]
    pub const fn of(address: &IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }

    /// The family of a network.
    #[must_use]
    pub const fn of_net(net: &IpNet) -> Self {
        match net {
            IpNet::V4(_) => Self::V4,
            IpNet::V6(_) => Self::V6,
        }
    }

    /// The address with this number; `None` when the family has no such number.
    #[must_use]
    pub fn address(self, number: u128) -> Option<IpAddr> {
        match self {
            Self::V4 => u32::try_from(number).ok().map(|bits| IpAddr::V4(Ipv4Addr::from_bits(bits))),
            Self::V6 => Some(IpAddr::V6(Ipv6Addr::from_bits(number))),
        }
    }
}

impl fmt::Display for IpVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.number().fmt(f)
    }
}

/// The number of an address in its family.
#[must_use]
pub fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(v4.to_bits()),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

/// The first and the last number in a network.
#[must_use]
pub fn net_bounds(net: &IpNet) -> (u128, u128) {
    (number(net.network()), number(net.broadcast()))
}

/// Addresses of one family, from the first to the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AddressRange {
    first: IpAddr,
    last: IpAddr,
}

impl AddressRange {
    /// The range; `None` when the families differ or the last address is before the first.
    #[must_use]
    pub fn new(first: IpAddr, last: IpAddr) -> Option<Self> {
        let same_family = first.is_ipv4() == last.is_ipv4();
        (same_family && first <= last).then_some(Self { first, last })
    }

    /// The range of these numbers.
    #[must_use]
    pub fn from_numbers(version: IpVersion, first: u128, last: u128) -> Option<Self> {
        Self::new(version.address(first)?, version.address(last)?)
    }

    /// The first address.
    #[must_use]
    pub const fn first(&self) -> IpAddr {
        self.first
    }

    /// The last address.
    #[must_use]
    pub const fn last(&self) -> IpAddr {
        self.last
    }

    /// The family.
    #[must_use]
    pub const fn version(&self) -> IpVersion {
        IpVersion::of(&self.first)
    }

    /// The first and the last number.
    #[must_use]
    pub fn bounds(&self) -> (u128, u128) {
        (number(self.first), number(self.last))
    }

    /// Whether the address is in it.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        // The order of addresses puts one family wholly before the other.
        self.first <= address && address <= self.last
    }

    /// Whether an address is in both.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }
}

impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.first, self.last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_range_has_one_family_and_an_order() {
        assert_eq!(AddressRange::new(ip("10.0.0.2"), ip("10.0.0.1")), None);
        assert_eq!(AddressRange::new(ip("10.0.0.2"), ip("fd00::1")), None);
        assert_eq!(
            AddressRange::new(ip("10.0.0.2"), ip("10.0.0.2")).unwrap().to_string(),
            "10.0.0.2-10.0.0.2"
        );
    }

    #[test]
    fn membership_never_crosses_families() {
        let v4 = AddressRange::new(ip("0.0.0.0"), ip("255.255.255.255")).unwrap();
        let v6 = AddressRange::new(ip("::"), ip("ffff::")).unwrap();
        assert!(v4.contains(ip("10.0.0.1")) && v6.contains(ip("::1")));
        assert!(!v4.contains(ip("::1")) && !v6.contains(ip("10.0.0.1")) && !v4.overlaps(&v6));
    }

    #[test]
    fn numbers_and_addresses_are_the_same_thing() {
        for text in [
            "0.0.0.0",
            "10.1.2.3",
            "255.255.255.255",
            "::",
            "fd00::7",
            "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        ] {
            assert_eq!(IpVersion::of(&ip(text)).address(number(ip(text))), Some(ip(text)));
        }
        assert_eq!(IpVersion::V4.address(1 << 32), None);
    }
}
