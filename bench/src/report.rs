//! The table that is printed, and the statistics in it.

use std::fmt;
use std::time::{Duration, Instant};

/// Rows of a benchmark.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: Vec<[String; 3]>,
}

impl Table {
    /// Adds a row: what was measured, the figure, and what it is to be read against.
    pub(crate) fn row(
        &mut self,
        what: impl Into<String>,
        figure: impl Into<String>,
        note: impl Into<String>,
    ) {
        self.rows.push([what.into(), figure.into(), note.into()]);
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width =
            |column: usize| self.rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let (what, figure) = (width(0), width(1));
        for row in &self.rows {
            writeln!(f, "{:what$}  {:>figure$}  {}", row[0], row[1], row[2])?;
        }
        Ok(())
    }
}

/// The middle one of several measurements.
pub(crate) fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// Time of `work`, and what it gave.
pub(crate) fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let start = Instant::now();
    let value = work();
    (start.elapsed(), value)
}

/// A duration per item.
pub(crate) fn per_item(time: Duration, items: usize) -> String {
    format!("{:.0} ns", time.as_secs_f64() * 1e9 / items.max(1) as f64)
}

/// A duration in milliseconds.
pub(crate) fn ms(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}

/// How many times longer `time` is than `than`.
pub(crate) fn ratio(time: Duration, than: Duration) -> String {
    format!("{:.2} x", time.as_secs_f64() / than.as_secs_f64())
}
