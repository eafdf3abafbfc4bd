//! `cargo xtask bench`: the benchmarks, optimised, on a prepared machine.

use anyhow::Result;

use crate::setup;
use crate::shell::{cargo, run as run_command};

pub(crate) fn run(args: &[&str]) -> Result<()> {
    setup::run(&[])?;
    run_command(cargo(&["run", "--release", "--package", "bench", "--"]).args(args))
}
