//! Waiting for a condition, with a deadline and a message that names what did not happen.
//!
//! The pause between two looks grows from half a millisecond to twenty, so a condition that is met
//! at once costs nothing and one that takes seconds does not keep a core busy.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

const PAUSE_MIN: Duration = Duration::from_micros(500);
const PAUSE_MAX: Duration = Duration::from_millis(20);

/// Calls `probe` until it returns `Some`, and panics when `timeout` passes first.
///
/// `what` completes the sentence "waited 5s for ...".
#[track_caller]
pub fn wait_until<T>(timeout: Duration, what: &str, probe: impl FnMut() -> Option<T>) -> T {
    match try_wait_until(timeout, what, probe) {
        Ok(value) => value,
        Err(error) => panic!("{error}"),
    }
}

/// As [`wait_until`], with an error in place of the panic. The last look happens at or after the
/// deadline, so a slow machine cannot miss a condition that came true in the last pause.
pub fn try_wait_until<T>(timeout: Duration, what: &str, mut probe: impl FnMut() -> Option<T>) -> Result<T> {
    let start = Instant::now();
    let mut pause = PAUSE_MIN;
    loop {
        let expired = start.elapsed() >= timeout;
        if let Some(value) = probe() {
            return Ok(value);
        }
        if expired {
            bail!("waited {timeout:?} for {what}, in vain");
        }
        thread::sleep(pause.min(timeout.saturating_sub(start.elapsed())));
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn returns_what_the_probe_found() {
        let mut looks = 0;
        let found = wait_until(Duration::from_secs(5), "the third look", || {
            looks += 1;
            (looks == 3).then_some("found")
        });
        assert_eq!((found, looks), ("found", 3));
    }

    #[test]
    fn looks_once_even_without_time() {
        assert_eq!(try_wait_until(Duration::ZERO, "nothing", || Some(7)).unwrap(), 7);
    }

    #[test]
    fn says_what_it_waited_for() {
        let error = try_wait_until(Duration::from_millis(3), "a unicorn", || None::<()>).unwrap_err();
        assert_eq!(error.to_string(), "waited 3ms for a unicorn, in vain");
    }

    #[test]
    #[should_panic(expected = "waited 1ms for rain, in vain")]
    fn panics_at_the_deadline() {
        wait_until(Duration::from_millis(1), "rain", || None::<()>);
    }
}
