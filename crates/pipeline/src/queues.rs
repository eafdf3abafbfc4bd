//! Numbers of queues that devices of the host have for guests. Those that this module does not name belong to somebody else.
//!
//! Open vSwitch tells the kernel the queue of a frame by its priority, which is the number and one more. Devices that have no such queue look
//! at the last four bits of a priority alone, if at all, and take some of them for urgent and some for what can wait. Those of our queues
//! are 0, which is neither.

use std::ops::RangeInclusive;

/// Numbers of ports that have a queue.
pub const PORTS: RangeInclusive<u32> = 64..=3_807;

/// The queue of all other frames, in Open vSwitch's words: what no queue is said of.
pub const OTHERS: u32 = 0;

/// The queue of a port, by its number in [`PORTS`].
#[must_use]
pub const fn of_port(number: u32) -> u32 {
    (number << 4) - 1
}

/// The number in [`PORTS`] of the port that a queue is of, if it may be one of ours.
#[must_use]
pub const fn port_of(queue: u32) -> Option<u32> {
    match queue.checked_add(1) {
        Some(next) if next & 0xf == 0 => {
            let number = next >> 4;
            if *PORTS.start() <= number && number <= *PORTS.end() { Some(number) } else { None }
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Queues of one device that Open vSwitch has numbers for.
    const QUEUES_MAX: u32 = 0xf000;

    #[test]
    fn queues_are_numbers_that_open_vswitch_takes_and_urgent_to_nobody() {
        for number in PORTS {
            let queue = of_port(number);
            assert!(queue > OTHERS && queue < QUEUES_MAX, "{queue}");
            assert_eq!((queue + 1) & 0xf, 0, "{queue}");
            assert_eq!(port_of(queue), Some(number));
        }
        for queue in [OTHERS, 1, 15, of_port(*PORTS.start()) - 16, of_port(*PORTS.end()) + 16, u32::MAX] {
            assert_eq!(port_of(queue), None, "{queue}");
        }
    }
}
