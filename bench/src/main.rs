//! Measures what a node costs, part by part, and the connection to a switch beside Open vSwitch's own tool; prints a table.
//!
//! Times are medians of several rounds; where two things are compared, their rounds alternate, so that a machine that is busy for
//! a while is busy for both. Nothing is asserted: what is read off here is a ratio or a size, on this machine, now.

#![expect(clippy::print_stdout, reason = "a benchmark prints its results")]

mod agent;
mod cloud;
mod codec;
mod flows;
mod groups;
mod load;
mod node;
mod report;
mod workload;

use std::num::NonZeroUsize;

use anyhow::{Context, Result, bail};

/// Rounds of which the median is shown, unless the command line says otherwise.
const ROUNDS: usize = 5;

#[tokio::main]
async fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let mut table = report::Table::default();
    match args.as_slice() {
        [] => all(ROUNDS, &mut table).await?,
        ["node"] => node::run(&mut table)?,
        ["groups"] => groups::run(&mut table).await?,
        ["agent", store] => {
            let store =
                nb_etcd::EtcdStore::new(&nb_etcd::Options::new([*store])).context("cannot use the store")?;
            return agent::run(std::sync::Arc::new(store)).await;
        }
        [text] => {
            let number: NonZeroUsize =
                text.parse().with_context(|| format!("{text:?} is no number of rounds and no benchmark"))?;
            all(number.get(), &mut table).await?;
        }
        other => {
            bail!(
                "the benchmarks take a number of rounds, `node`, `groups`, `agent STORE`, or nothing, not: {}",
                other.join(" ")
            )
        }
    }
    println!("{table}");
    Ok(())
}

async fn all(rounds: usize, table: &mut report::Table) -> Result<()> {
    codec::run(rounds, table)?;
    node::run(table)?;
    groups::run(table).await?;
    load::run(rounds, table).await
}
