//! Addresses by which guests reach the metadata service, and by which its proxy on the node tells them apart.
//!
//! ```text
//!   guest                         switch                                     proxy
//!   10.0.0.7 -> 169.254.169.254   240.0.0.0/4 | key -> the proxy's address   who? the port with this key
//! ```
//! Guests of different networks may have equal addresses. So the switch replaces the address that a guest sends from by one that only
//! its port has: the port's key, behind a prefix that no host of a network has.

use std::net::{Ipv4Addr, Ipv6Addr};

use net_types::MacAddr;

/// Where guests ask.
pub const SERVICE_V4: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);
/// Where guests ask that have IPv6 only.
pub const SERVICE_V6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0xa9fe, 0xa9fe);
/// The port of the service, as guests know it.
pub const SERVICE_PORT: u16 = 80;

/// Who answers guests that ask for the MAC address of the service, and the address of the switch port that leads to the proxy. It is
/// the same on all nodes, and no node ever sees that of another.
pub const MAC: MacAddr = MacAddr([0x02, 0xdf, 0xa9, 0xfe, 0xa9, 0xfe]);

/// Where the proxy listens for who asks by IPv6.
pub const PROXY_V6: Ipv6Addr = Ipv6Addr::new(0xfd64, 0x6672, 0x6d64, 0, 0, 0, 0xa9fe, 0xa9fe);
/// Bits of the network in which that address and those of guests are.
pub const PROXY_V6_BITS: u8 = 64;

/// What IPv4 addresses of guests begin with, towards the proxy. Nobody else in the world has such addresses.
const GUESTS_V4: u32 = 0xf000_0000;
/// How many bits of an IPv4 address are the key.
pub const KEY_BITS_V4: u16 = 28;
/// The network of these addresses.
pub const GUESTS_V4_NETWORK: (Ipv4Addr, u8) = (Ipv4Addr::from_bits(GUESTS_V4), 32 - 28);
/// The largest key that fits: with one more, the address would be that of a broadcast.
pub const KEY_MAX_V4: u32 = (1 << KEY_BITS_V4) - 2;

/// What IPv6 addresses of guests begin with, towards the proxy; the key is their last 32 bits.
const GUESTS_V6: u128 = 0xfd64_6672_6d64_0000_0001_0000_0000_0000;
/// How many bits of an IPv6 address are the key.
pub const KEY_BITS_V6: u16 = 32;

/// The IPv4 address that the proxy sees for the port with a key; none for a key that does not fit.
#[must_use]
pub const fn guest_v4(key: u32) -> Option<Ipv4Addr> {
    if key <= KEY_MAX_V4 { Some(Ipv4Addr::from_bits(GUESTS_V4 | key)) } else { None }
}

/// The IPv6 address that the proxy sees for the port with a key.
#[must_use]
pub const fn guest_v6(key: u32) -> Ipv6Addr {
    Ipv6Addr::from_bits(GUESTS_V6 | key as u128)
}

/// The key of the port with this address, if it is one of a guest.
#[must_use]
pub fn key_of(address: std::net::IpAddr) -> Option<u32> {
    match address.to_canonical() {
        std::net::IpAddr::V4(address) => {
            let bits = address.to_bits();
            Some(bits & !GUESTS_V4).filter(|key| bits & GUESTS_V4 == GUESTS_V4 && *key <= KEY_MAX_V4)
        }
        std::net::IpAddr::V6(address) => {
            let bits = address.to_bits();
            u32::try_from(bits ^ GUESTS_V6).ok()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_again_in_the_address_of_its_port() {
        for key in [0, 1, 0x0abc_def0, KEY_MAX_V4] {
            assert_eq!(guest_v4(key).and_then(|address| key_of(address.into())), Some(key));
        }
        for key in [0, 1, u32::MAX] {
            assert_eq!(key_of(guest_v6(key).into()), Some(key));
        }
        assert_eq!(
            key_of(guest_v4(7).unwrap().to_ipv6_mapped().into()),
            Some(7),
            "as a dual-stack socket says it"
        );
        assert_eq!(guest_v4(KEY_MAX_V4 + 1), None, "that is the broadcast of all");
    }

    #[test]
    fn nobody_else_has_such_an_address() {
        for address in ["10.0.0.1", "169.254.169.254", "127.0.0.1", "255.255.255.255", "::1", "fe80::1"] {
            assert_eq!(key_of(address.parse().unwrap()), None, "{address}");
        }
        assert_eq!(key_of(PROXY_V6.into()), None);
        assert_eq!(key_of(SERVICE_V6.into()), None);
    }
}
