//! Ethernet addresses.
//!
//! [`MacAddr`] prints as `aa:bb:cc:dd:ee:ff`, lower case and always two digits an octet, which is what OVS and
//! Neutron print, and parses that form in either case. It also derives the addresses that follow from a MAC
//! (link-local, SLAAC) and the MACs that follow from a multicast IP address, so that no other crate repeats
//! that bit arithmetic.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use thiserror::Error;

/// A 48-bit Ethernet address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct MacAddr(pub [u8; 6]);

/// The text is not an Ethernet address.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("invalid MAC address {0:?}: expected six pairs of hex digits separated by colons")]
pub struct ParseMacError(String);

impl MacAddr {
    /// `00:00:00:00:00:00`, "unknown" in ARP and ND.
    pub const ZERO: Self = Self([0; 6]);
    /// `ff:ff:ff:ff:ff:ff`.
    pub const BROADCAST: Self = Self([0xff; 6]);

    const MAX_U64: u64 = (1 << 48) - 1;

    /// The address whose octets are the low 48 bits of `value`; `None` when a higher bit is set.
    #[must_use]
    pub const fn from_u64(value: u64) -> Option<Self> {
        if value > Self::MAX_U64 {
            return None;
        }
        let [_, _, a, b, c, d, e, f] = value.to_be_bytes();
        Some(Self([a, b, c, d, e, f]))
    }

    /// The octets as the low 48 bits of an integer, the first octet highest.
    #[must_use]
    pub const fn to_u64(self) -> u64 {
        let [a, b, c, d, e, f] = self.0;
        u64::from_be_bytes([0, 0, a, b, c, d, e, f])
    }

    /// The six octets in wire order.
    #[must_use]
    pub const fn octets(self) -> [u8; 6] {
        self.0
    }

    /// Whether this is a group address; broadcast is one.
    #[must_use]
    pub const fn is_multicast(self) -> bool {
        self.0[0] & 1 != 0
    }

    /// Whether all bits are one.
    #[must_use]
    pub const fn is_broadcast(self) -> bool {
        self.to_u64() == Self::MAX_U64
    }

    /// Whether one station can own this address: neither a group address nor zero.
    #[must_use]
    pub const fn is_unicast(self) -> bool {
        !self.is_multicast() && !self.is_zero()
    }

    /// Whether all bits are zero.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.to_u64() == 0
    }

    /// The modified EUI-64 interface identifier (RFC 4291, appendix A).
    #[must_use]
    pub const fn eui64(self) -> u64 {
        let [a, b, c, d, e, f] = self.0;
        u64::from_be_bytes([a ^ 0x02, b, c, 0xff, 0xfe, d, e, f])
    }

    /// The address in the /64 of `prefix` whose interface identifier is this MAC's EUI-64, as SLAAC forms it.
    /// The low 64 bits of `prefix` are ignored.
    #[must_use]
    pub const fn slaac_address(self, prefix: Ipv6Addr) -> Ipv6Addr {
        let network = prefix.to_bits() & !(u64::MAX as u128);
        Ipv6Addr::from_bits(network | self.eui64() as u128)
    }

    /// The link-local address that a host with this MAC gives itself.
    #[must_use]
    pub const fn link_local(self) -> Ipv6Addr {
        self.slaac_address(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0))
    }

    /// Where frames to the multicast group `group` go (RFC 1112, section 6.4).
    #[must_use]
    pub const fn of_ipv4_multicast(group: Ipv4Addr) -> Self {
        let [_, b, c, d] = group.octets();
        Self([0x01, 0x00, 0x5e, b & 0x7f, c, d])
    }

    /// Where frames to the multicast group `group` go (RFC 2464, section 7).
    #[must_use]
    pub const fn of_ipv6_multicast(group: Ipv6Addr) -> Self {
        let [.., a, b, c, d] = group.octets();
        Self([0x33, 0x33, a, b, c, d])
    }
}

impl From<[u8; 6]> for MacAddr {
    fn from(octets: [u8; 6]) -> Self {
        Self(octets)
    }
}

impl From<MacAddr> for [u8; 6] {
    fn from(mac: MacAddr) -> Self {
        mac.0
    }
}

impl fmt::Display for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

/// Same as the text form: a derived list of decimal octets cannot be read in a failing test.
impl fmt::Debug for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for MacAddr {
    type Err = ParseMacError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse_octets(text).map(Self).ok_or_else(|| ParseMacError(text.to_owned()))
    }
}

fn parse_octets(text: &str) -> Option<[u8; 6]> {
    let mut octets = [0; 6];
    let mut pairs = text.split(':');
    for octet in &mut octets {
        let pair = pairs.next()?;
        // `from_str_radix` alone would let "+1" through.
        if pair.len() != 2 || !pair.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        *octet = u8::from_str_radix(pair, 16).ok()?;
    }
    pairs.next().is_none().then_some(octets)
}

#[cfg(test)]
mod tests;
