//! Ids of meters. Those that this module does not name belong to somebody else.

use std::ops::RangeInclusive;

/// All ids that are ours. Open vSwitch's userspace datapath has 65,536 meters; its first few are left to the operator.
pub const OURS: RangeInclusive<u32> = 1024..=65_000;

/// What a port may ask of the DHCP server.
pub const DHCP: RangeInclusive<u32> = 1024..=16_999;
/// How much a port may send.
pub const EGRESS_RATE: RangeInclusive<u32> = 17_000..=26_999;
/// How much a port may be sent.
pub const INGRESS_RATE: RangeInclusive<u32> = 27_000..=36_999;
/// How many packets a port may send.
pub const EGRESS_PACKETS: RangeInclusive<u32> = 37_000..=46_999;
/// How many packets a port may be sent.
pub const INGRESS_PACKETS: RangeInclusive<u32> = 47_000..=56_999;
/// What else of a port's packets reaches the controller.
pub const SLOW_PATH: RangeInclusive<u32> = 57_000..=65_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ranges_are_ours_and_apart() {
        let ranges = [DHCP, EGRESS_RATE, INGRESS_RATE, EGRESS_PACKETS, INGRESS_PACKETS, SLOW_PATH];
        assert!(ranges.windows(2).all(|pair| pair[0].end() < pair[1].start()));
        assert!(ranges.iter().all(|range| OURS.contains(range.start()) && OURS.contains(range.end())));
    }
}
