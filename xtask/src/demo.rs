//! `cargo xtask demo`: see it work on this machine.

use anyhow::Result;

use crate::setup;
use crate::shell::{cargo, run as run_command};

pub(crate) fn run(args: &[&str]) -> Result<()> {
    setup::run(&[])?;
    run_command(&mut cargo(&["build", "--quiet", "--package", "dragonflow", "--package", "demo"]))?;
    run_command(cargo(&["run", "--quiet", "--package", "demo", "--"]).args(args))
}
