//! Waiting before another try: longer each time, never in step with others.
//!
//! A store that comes back is asked by all nodes at once. So every wait is shortened by a random part of a half, from a
//! generator that is seeded with the name of the node: no two nodes share it, and a test gets the same waits again.

use std::future::pending;
use std::hash::Hasher;
use std::time::Duration;

use rustc_hash::FxHasher;
use tokio::time::{Instant, sleep_until};

/// Waits that double up to a limit, each shortened by chance.
#[derive(Debug)]
pub(crate) struct Backoff {
    min: Duration,
    max: Duration,
    next: Duration,
    random: Random,
}

impl Backoff {
    pub(crate) fn new(min: Duration, max: Duration, seed: &str) -> Self {
        Self { min, max, next: min, random: Random::new(seed) }
    }

    /// How long to wait now.
    pub(crate) fn wait(&mut self) -> Duration {
        let wait = self.random.shortened(self.next);
        self.next = self.next.saturating_mul(2).min(self.max);
        wait
    }

    /// It worked: the next wait is a short one.
    pub(crate) fn reset(&mut self) {
        self.next = self.min;
    }
}

/// Waits for a moment that may never come.
pub(crate) async fn due(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => pending().await,
    }
}

/// A generator of numbers without a pattern that matters (xorshift64*). Not for secrets.
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: &str) -> Self {
        let mut hasher = FxHasher::default();
        hasher.write(seed.as_bytes());
        Self(hasher.finish() | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Something between a half of the time and all of it.
    pub(crate) fn shortened(&mut self, whole: Duration) -> Duration {
        let part = u32::try_from(self.next() >> 32).unwrap_or(u32::MAX);
        whole.mul_f64(0.5 + f64::from(part) / f64::from(u32::MAX) / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_limit_and_start_again() {
        let (min, max) = (Duration::from_millis(100), Duration::from_secs(1));
        let mut backoff = Backoff::new(min, max, "n1");
        for whole_ms in [100, 200, 400, 800, 1000, 1000] {
            let whole = Duration::from_millis(whole_ms);
            let wait = backoff.wait();
            assert!(wait >= whole / 2 && wait <= whole, "{wait:?} of {whole:?}");
        }
        backoff.reset();
        assert!(backoff.wait() <= min);
    }

    #[test]
    fn two_nodes_do_not_wait_alike() {
        let waits = |seed| {
            let mut random = Random::new(seed);
            [0; 8].map(|_| random.shortened(Duration::from_secs(10)))
        };
        assert_eq!(waits("n1"), waits("n1"));
        assert!(waits("n1").iter().zip(waits("n2")).all(|(one, two)| *one != two));
    }
}
