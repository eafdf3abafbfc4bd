//! `cargo xtask ci`: what CI runs, as CI runs it. The script is the one definition of it.

use anyhow::{Result, ensure};

use crate::shell::{command, run as run_command};

pub(crate) fn run(args: &[&str]) -> Result<()> {
    ensure!(args.is_empty(), "ci takes no arguments");
    run_command(command("bash", &[".ci/run"]).env("CI", "true"))
}
