//! How often something may be logged that somebody else can make happen.
//!
//! A switch that sends nonsense, or a person who deletes a hundred thousand flows, must not fill the disk of the controller. The
//! first lines of a kind are written, then one a second, and each says how many were left out before it.

/// Lines that are written at once, after a quiet time.
const BURST_LINES: u64 = 10;
/// Milliseconds after which another line may be written.
const REFILL_MS: u64 = 1_000;

/// The quota of one kind of line.
#[derive(Debug)]
pub(crate) struct LogQuota {
    lines: u64,
    refilled_at_ms: u64,
    left_out: u64,
}

impl Default for LogQuota {
    fn default() -> Self {
        Self { lines: BURST_LINES, refilled_at_ms: 0, left_out: 0 }
    }
}

impl LogQuota {
    /// Whether a line may be written now, and how many were left out since the last one.
    pub(crate) fn admit(&mut self, now_ms: u64) -> Option<u64> {
        let refill = now_ms.saturating_sub(self.refilled_at_ms) / REFILL_MS;
        self.refilled_at_ms += refill * REFILL_MS;
        self.lines = self.lines.saturating_add(refill).min(BURST_LINES);
        if self.lines == 0 {
            self.left_out += 1;
            return None;
        }
        self.lines -= 1;
        Some(std::mem::take(&mut self.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_becomes_a_burst_and_a_trickle_and_nothing_is_uncounted() {
        let mut quota = LogQuota::default();
        let (mut written, mut left_out) = (0, 0);
        for now_ms in 50_000..60_000 {
            for _ in 0..100 {
                if let Some(count) = quota.admit(now_ms) {
                    written += 1;
                    left_out += count;
                }
            }
        }
        assert_eq!(written, BURST_LINES + 9);
        assert_eq!(written + left_out + quota.left_out, 1_000_000);
        assert_eq!(
            (0..20).filter(|_| quota.admit(u64::MAX).is_some()).count(),
            10,
            "quiet again, full again"
        );
    }

    #[test]
    fn what_is_rare_is_always_written() {
        let mut quota = LogQuota::default();
        assert!((0..100).all(|second| quota.admit(second * REFILL_MS) == Some(0)));
    }
}
