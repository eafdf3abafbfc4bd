//! How many packets a port may send up to us: a bucket of tokens for each.
//!
//! The meter of the flow in the switch is the first limit and the better one. This is the second: it holds where the
//! datapath has no meters, and it is by port whatever the flow says, so that one guest cannot take the share of others.

use rustc_hash::FxHashMap;

/// Ports that are remembered; when there are more, those that sent nothing lately are forgotten.
const PORTS_MAX: usize = 4_096;

/// How much each port may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PacketLimits {
    /// Packets of one port each second, in the long run.
    pub per_port_per_s: u32,
    /// Packets of one port at once, after a quiet time.
    pub per_port_burst: u32,
    /// Packets that wait for an answer, of all ports together.
    pub waiting_max: usize,
}

impl Default for PacketLimits {
    fn default() -> Self {
        Self { per_port_per_s: 100, per_port_burst: 100, waiting_max: 256 }
    }
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    /// Thousandths of a packet: what a millisecond adds at a rate of one a second.
    tokens_milli: u64,
    filled_at_ms: u64,
}

/// The buckets of all ports.
#[derive(Debug)]
pub(crate) struct Buckets {
    limits: PacketLimits,
    ports: FxHashMap<u32, Bucket>,
}

impl Buckets {
    pub(crate) fn new(limits: PacketLimits) -> Self {
        Self { limits, ports: FxHashMap::default() }
    }

    /// Whether a packet of this port is let through.
    pub(crate) fn admit(&mut self, port: u32, now_ms: u64) -> bool {
        let full = u64::from(self.limits.per_port_burst) * 1_000;
        let rate = u64::from(self.limits.per_port_per_s);
        let filled = move |bucket: Bucket| {
            let since_ms = now_ms.saturating_sub(bucket.filled_at_ms);
            bucket.tokens_milli.saturating_add(since_ms.saturating_mul(rate)).min(full)
        };
        if self.ports.len() >= PORTS_MAX && !self.ports.contains_key(&port) {
            self.ports.retain(|_, bucket| filled(*bucket) < full);
            if self.ports.len() >= PORTS_MAX {
                return false;
            }
        }
        let bucket = self.ports.entry(port).or_insert(Bucket { tokens_milli: full, filled_at_ms: now_ms });
        let tokens_milli = filled(*bucket);
        let admitted = tokens_milli >= 1_000;
        let left = if admitted { tokens_milli - 1_000 } else { tokens_milli };
        *bucket = Bucket { tokens_milli: left, filled_at_ms: now_ms };
        admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: PacketLimits = PacketLimits { per_port_per_s: 10, per_port_burst: 5, waiting_max: 1 };

    fn admitted(buckets: &mut Buckets, port: u32, times_ms: impl Iterator<Item = u64>) -> usize {
        times_ms.filter(|now_ms| buckets.admit(port, *now_ms)).count()
    }

    #[test]
    fn a_storm_becomes_a_burst_and_the_rate() {
        let mut buckets = Buckets::new(LIMITS);
        assert_eq!(admitted(&mut buckets, 1, (0..10_000).map(|_| 77)), 5);
        assert_eq!(
            admitted(&mut buckets, 1, 77..10_077),
            99,
            "ten a second for ten seconds, less a millisecond"
        );
    }

    #[test]
    fn one_port_does_not_take_the_share_of_another() {
        let mut buckets = Buckets::new(LIMITS);
        assert_eq!(admitted(&mut buckets, 1, 0..1_000), 14);
        assert_eq!(admitted(&mut buckets, 2, 0..10), 5);
    }

    #[test]
    fn memory_is_bounded_and_quiet_ports_are_forgotten_first() {
        let mut buckets = Buckets::new(LIMITS);
        let storm = 0..u32::try_from(PORTS_MAX).unwrap();
        assert!(storm.clone().all(|port| buckets.admit(port, 0)));
        assert!(!buckets.admit(u32::MAX, 0), "all remembered ports sent something just now");
        assert_eq!(buckets.ports.len(), PORTS_MAX);
        assert!(buckets.admit(u32::MAX, 10_000));
        assert_eq!(buckets.ports.len(), 1);
    }

    #[test]
    fn a_clock_that_goes_back_gives_nothing() {
        let mut buckets = Buckets::new(LIMITS);
        assert_eq!(admitted(&mut buckets, 1, (0..100).map(|_| 1_000)), 5);
        assert_eq!(admitted(&mut buckets, 1, (0..100).map(|_| 10)), 0);
    }
}
