//! The developer's commands: `cargo xtask <command>`.
//!
//! Whatever CI does is one of these commands, so that it can be done at a desk. They depend on
//! almost nothing and build in seconds; each command is a file.

mod bench;
mod ci;
mod codegen;
mod demo;
mod fuzz;
mod invariants;
mod ovsdb_model;
mod setup;
mod shell;
mod test;

use std::process::ExitCode;

use anyhow::{Result, bail};

const USAGE: &str = "\
usage: cargo xtask <command>

  test [-- CARGO_TEST_ARGS]   prepare the machine, check everything, run every test; with arguments
                              (`-- -p switch`) run only those tests
  demo [--once]               a two-host cloud on this machine; --once checks it and exits
  ci                          what CI runs, as CI runs it
  bench [ROUNDS]              the benchmarks, optimised; medians of so many rounds
  bench side-by-side SIZE     the product beside OVN on a neutral workload (tiny, small, medium, large)
  fuzz [TARGET] [--seconds N] each fuzz target (or one) for N seconds
  codegen [--check]           write the files that are generated, or compare them
  invariants                  the rules of docs/ARCHITECTURE.md that are marked (ci)
  setup                       install the Debian packages that are missing";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            shell::say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn dispatch(args: &[String]) -> Result<()> {
    let Some((command, rest)) = args.split_first() else { bail!("no command given\n\n{USAGE}") };
    let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
    match command.as_str() {
        "test" => test::run(&rest),
        "demo" => demo::run(&rest),
        "ci" => ci::run(&rest),
        "bench" => bench::run(&rest),
        "fuzz" => fuzz::run(&rest),
        "codegen" => codegen::run(&rest),
        "invariants" => invariants::run(&rest),
        "setup" => setup::run(&rest),
        "help" | "--help" | "-h" => {
            shell::say(USAGE);
            Ok(())
        }
        other => bail!("no command named {other}\n\n{USAGE}"),
    }
}
