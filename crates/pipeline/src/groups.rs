//! Ids of groups. Those that this module does not name belong to somebody else.

use std::ops::RangeInclusive;

/// A network's key has as many bits.
const NETWORK_BITS: u32 = 24;
const FLOOD: u32 = 1 << NETWORK_BITS;
const LOCAL_FLOOD: u32 = 2 << NETWORK_BITS;
const UNKNOWN: u32 = 3 << NETWORK_BITS;

/// All ids that are ours.
pub const OURS: RangeInclusive<u32> = FLOOD..=UNKNOWN + (1 << NETWORK_BITS) - 1;

/// Everybody in a network, here and on other hosts. Keys are cut to 24 bits.
pub const fn flood(network: u32) -> u32 {
    FLOOD | network & ((1 << NETWORK_BITS) - 1)
}

/// Everybody in a network on this host.
pub const fn local_flood(network: u32) -> u32 {
    LOCAL_FLOOD | network & ((1 << NETWORK_BITS) - 1)
}

/// Everybody in a network who takes frames for addresses that nobody has.
pub const fn unknown(network: u32) -> u32 {
    UNKNOWN | network & ((1 << NETWORK_BITS) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_distinct_and_ours() {
        for network in [0, 1, (1 << NETWORK_BITS) - 1] {
            assert_ne!(flood(network), local_flood(network));
            assert!(OURS.contains(&flood(network)) && OURS.contains(&local_flood(network)));
        }
        assert!(!OURS.contains(&0) && !OURS.contains(&u32::MAX));
    }
}
