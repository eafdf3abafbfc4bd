//! What tests of this module have in common: short ways to say a network, and randomness that can be told.

use std::net::IpAddr;

use ipnet::IpNet;

use super::allocation_pools::default_pools;
use super::{AddressRange, Claim, NetworkAddresses, NetworkId, Subnet, SubnetId};

pub(super) fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

pub(super) fn net(text: &str) -> IpNet {
    text.parse().unwrap()
}

pub(super) fn range(first: &str, last: &str) -> AddressRange {
    AddressRange::new(ip(first), ip(last)).unwrap()
}

pub(super) fn network_id() -> NetworkId {
    "11111111-1111-4111-8111-111111111111".parse().unwrap()
}

pub(super) fn subnet_id(number: u8) -> SubnetId {
    format!("22222222-2222-4222-8222-2222222222{number:02x}").parse().unwrap()
}

/// A subnet with the pools that follow from its range, and the first host as gateway.
pub(super) fn subnet(number: u8, cidr: &str) -> Subnet {
    let cidr = net(cidr);
    Subnet {
        id: subnet_id(number),
        cidr,
        pools: default_pools(&cidr, cidr.hosts().nth(usize::from(cidr.network().is_ipv6()))),
        ipv6_ra_mode: None,
        ipv6_address_mode: None,
        enable_dhcp: true,
        service_types: Vec::new(),
    }
}

/// A network in which these addresses are in use.
pub(super) fn in_use(addresses: &[&str]) -> NetworkAddresses {
    let mut network = NetworkAddresses::new(network_id());
    for address in addresses {
        network.occupy(&Claim::Address(network_id(), ip(address)));
    }
    network
}

/// A repeatable source of random numbers (SplitMix64).
pub(super) fn entropy(mut state: u64) -> impl FnMut() -> u64 {
    move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
