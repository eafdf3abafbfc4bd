//! How long to wait before connecting again: doubling, bounded, jittered.
//!
//! The jitter comes from a seed, so a run can be repeated exactly; different chassis take different seeds, so
//! they do not all come back to a restarted server in the same millisecond.

use std::time::Duration;

/// The bounds of the waiting time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackoffConfig {
    pub min_delay: Duration,
    pub max_delay: Duration,
    /// Something that differs between the clients of one server.
    pub jitter_seed: u64,
}

impl Default for BackoffConfig {
    fn default() -> Self {
        Self { min_delay: Duration::from_millis(50), max_delay: Duration::from_secs(8), jitter_seed: 0 }
    }
}

/// The state: how many times in a row it went wrong.
#[derive(Debug, Clone)]
pub struct Backoff {
    config: BackoffConfig,
    failures: u32,
    state: u64,
}

impl Backoff {
    #[must_use]
    pub fn new(config: BackoffConfig) -> Self {
        Self { config, failures: 0, state: config.jitter_seed }
    }

    /// Failures since the last success.
    #[must_use]
    pub const fn failures(&self) -> u32 {
        self.failures
    }

    /// A session went well: the next delay is short again.
    pub fn succeeded(&mut self) {
        self.failures = 0;
    }

    /// Counts a failure and says how long to wait: between half and all of the doubling bound.
    pub fn failed(&mut self) -> Duration {
        let doublings = self.failures.min(31);
        self.failures = self.failures.saturating_add(1);
        let bound = self.config.min_delay.saturating_mul(1 << doublings).min(self.config.max_delay);
        let half = bound / 2;
        let half_nanos = u64::try_from(half.as_nanos()).unwrap_or(u64::MAX - 1);
        half + Duration::from_nanos(self.random() % (half_nanos + 1))
    }

    /// SplitMix64: every seed, zero included, gives a full sequence.
    fn random(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests;
