//! The time, as resources say it, and chance.
//!
//! Both come from outside, so that a test decides about them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use model::Timestamp;
use uuid::Uuid;

/// Where the time comes from.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    now: fn() -> SystemTime,
}

impl Clock {
    /// The clock of the machine.
    #[must_use]
    pub const fn system() -> Self {
        Self { now: SystemTime::now }
    }

    /// The time, as daemons say it of their heartbeats.
    #[must_use]
    pub fn timestamp(&self) -> Timestamp {
        let since_1970 = (self.now)().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_seconds(since_1970.as_secs_f64()).unwrap_or_else(|| Timestamp(model::Number::from(0)))
    }

    /// The time in UTC to the second, as `2026-11-20T14:15:16Z`.
    #[must_use]
    pub fn now(&self) -> String {
        let since_1970 = (self.now)().duration_since(UNIX_EPOCH).unwrap_or_default();
        text(since_1970.as_secs())
    }
}

/// A time in UTC to the second, as `2026-11-20T14:15:16Z`.
pub(crate) fn text(seconds: u64) -> String {
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = date(days);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", second / 3600, second / 60 % 60, second % 60)
}

/// Year, month and day of a day that is counted from 1970 on. Years begin with March here, so that the day that is not
/// in all of them is their last.
const fn date(days: u64) -> (u64, u64, u64) {
    const DAYS_TO_1970: u64 = 719_468;
    const DAYS_OF_400_YEARS: u64 = 146_097;
    let days = days + DAYS_TO_1970;
    let (era, day_of_era) = (days / DAYS_OF_400_YEARS, days % DAYS_OF_400_YEARS);
    let leap_days = day_of_era / 1460 + day_of_era / 146_096 - day_of_era / 36_524;
    let year_of_era = (day_of_era - leap_days) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year_of_era + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

/// The seconds since 1970 of a time in UTC; fractions of a second are cut off.
#[must_use]
pub fn seconds(text: &str) -> Option<u64> {
    let (day, time) = text.strip_suffix('Z')?.split_once('T')?;
    let numbers = |text: &str, separator: char| -> Option<[u64; 3]> {
        let parts: Option<Vec<u64>> = text.split(separator).map(|part| part.parse().ok()).collect();
        parts?.try_into().ok()
    };
    let [year, month, day] = numbers(day, '-')?;
    let [hour, minute, second] = numbers(time.split('.').next()?, ':')?;
    let is_valid = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    if !is_valid {
        return None;
    }
    // The day is the one of which the date is this.
    let earliest = (year - 1970) * 365 + (month - 1) * 28;
    let days = (earliest..earliest + 2500).find(|days| date(*days) == (year, month, day))?;
    Some(days * 86_400 + hour * 3600 + minute * 60 + second)
}

/// Where random numbers come from: enough to keep servers from drawing the same, nothing to guard a secret with.
#[derive(Debug)]
pub struct Chance {
    state: AtomicU64,
}

impl Chance {
    /// Another one for each server.
    #[must_use]
    pub fn new() -> Self {
        let (first, second) = Uuid::new_v4().as_u64_pair();
        Self::from_seed(first ^ second.rotate_left(32))
    }

    /// The one that this seed makes.
    #[must_use]
    pub const fn from_seed(seed: u64) -> Self {
        Self { state: AtomicU64::new(seed) }
    }

    /// The next number (SplitMix64).
    pub fn next(&self) -> u64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut number = self.state.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        number ^ (number >> 31)
    }
}

impl Default for Chance {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_164_799, "2024-02-28T23:59:59Z"),
            (1_735_689_600, "2025-01-01T00:00:00Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(text(seconds), expected);
            assert_eq!(super::seconds(expected), Some(seconds));
        }
        assert_eq!(seconds("9999-12-31T23:59:59.999Z"), Some(253_402_300_799));
        for wrong in
            ["", "2024-02-30T00:00:00Z", "2024-02-28T24:00:00Z", "2024-02-28 00:00:00Z", "1-1-1T0:0:0Z"]
        {
            assert_eq!(seconds(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn chance_differs_from_server_to_server() {
        assert_ne!(Chance::new().next(), Chance::new().next());
        assert_eq!(Chance::from_seed(1).next(), Chance::from_seed(1).next());
    }
}
