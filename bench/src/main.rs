//! Measures what the connection to a switch costs, beside Open vSwitch's own tool, and prints a table.
//!
//! Times are medians of several rounds; where two things are compared, their rounds alternate, so that a machine that is busy for
//! a while is busy for both. Nothing is asserted: what is read off here is a ratio or a size, on this machine, now.

#![expect(clippy::print_stdout, reason = "a benchmark prints its results")]

mod codec;
mod flows;
mod load;
mod report;

use std::num::NonZeroUsize;

use anyhow::{Context, Result, bail};

/// Rounds of which the median is shown, unless the command line says otherwise.
const ROUNDS: usize = 5;

#[tokio::main]
async fn main() -> Result<()> {
    let rounds = match std::env::args().skip(1).collect::<Vec<_>>().as_slice() {
        [] => ROUNDS,
        [text] => {
            let number: NonZeroUsize =
                text.parse().with_context(|| format!("{text:?} is no number of rounds"))?;
            number.get()
        }
        other => bail!("the benchmarks take a number of rounds or nothing, not: {}", other.join(" ")),
    };
    let mut table = report::Table::default();
    codec::run(rounds, &mut table)?;
    load::run(rounds, &mut table).await?;
    println!("{table}");
    Ok(())
}
