//! Ids of groups. Those that this module does not name belong to somebody else.

use std::ops::RangeInclusive;

/// A network's key has as many bits.
const NETWORK_BITS: u32 = 24;
const FLOOD: u32 = 1 << NETWORK_BITS;
const LOCAL_FLOOD: u32 = 2 << NETWORK_BITS;
const UNKNOWN: u32 = 3 << NETWORK_BITS;
const LOCAL_UNKNOWN: u32 = 4 << NETWORK_BITS;
const ROUTES: u32 = 5 << NETWORK_BITS;
const LISTENERS: u32 = 6 << NETWORK_BITS;
const LOCAL_LISTENERS: u32 = 7 << NETWORK_BITS;

/// Where the number of a part is.
const PART_SHIFT: u32 = 27;

/// A group message has room for some thousand buckets; a group that needs more is continued in others, at most so many of
/// them with the first.
pub const PARTS_MAX: u32 = 8;

/// All ids that are ours.
pub const OURS: RangeInclusive<u32> =
    FLOOD..=(PARTS_MAX - 1) << PART_SHIFT | LOCAL_LISTENERS | ((1 << NETWORK_BITS) - 1);

/// Numbers of multicast addresses that somebody listens to in a network.
pub const LISTENED: RangeInclusive<u32> = 1..=(1 << NETWORK_BITS) - 1;

/// Numbers of routes that have several next hops.
pub const SPREAD: RangeInclusive<u32> = 1..=(1 << NETWORK_BITS) - 1;

/// The next hops of a route, by its number in [`SPREAD`].
pub const fn routes(number: u32) -> u32 {
    ROUTES | number & ((1 << NETWORK_BITS) - 1)
}

/// The id under which a group goes on; part 0 is the group itself. There are [`PARTS_MAX`].
pub const fn part(group: u32, part: u32) -> u32 {
    group | (part % PARTS_MAX) << PART_SHIFT
}

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

/// Those of them that are on this host.
pub const fn local_unknown(network: u32) -> u32 {
    LOCAL_UNKNOWN | network & ((1 << NETWORK_BITS) - 1)
}

/// Everybody who listens to a multicast address, by its number in [`LISTENED`].
pub const fn listeners(number: u32) -> u32 {
    LISTENERS | number & ((1 << NETWORK_BITS) - 1)
}

/// Those of them that are on this host.
pub const fn local_listeners(number: u32) -> u32 {
    LOCAL_LISTENERS | number & ((1 << NETWORK_BITS) - 1)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ids_are_distinct_and_ours() {
        let mut seen = BTreeSet::new();
        for network in [0, 1, (1 << NETWORK_BITS) - 1] {
            let of_network = [flood(network), local_flood(network), unknown(network), local_unknown(network)];
            let by_number = [listeners(network), local_listeners(network), routes(network)];
            for id in of_network.into_iter().chain(by_number) {
                assert_eq!(part(id, 0), id);
                for id in (0..PARTS_MAX).map(|number| part(id, number)) {
                    assert!(seen.insert(id) && OURS.contains(&id), "{id:#x}");
                }
            }
        }
        assert!(!OURS.contains(&0) && !OURS.contains(&u32::MAX));
    }
}
