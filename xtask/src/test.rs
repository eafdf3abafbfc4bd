//! `cargo xtask test`: prepare the machine, check everything, run every test.
//!
//! The stages are ordered by cost, so that a forgotten `cargo fmt` is known in a second. A failed
//! stage does not hide the ones after it; the last line names every stage that failed.

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::shell::{announce, cargo, describe, in_ci, run as run_command, say, succeeds};
use crate::{codegen, invariants, setup};

type Stage = (&'static str, fn(&mut Counts) -> Result<()>);

const STAGES: [Stage; 6] = [
    ("format", |_| run_command(&mut cargo(&["fmt", "--all", "--check"]))),
    ("generated files", |_| codegen::run(&["--check"])),
    ("invariants", |_| invariants::run(&[])),
    ("dependencies", |_| check_dependencies()),
    ("lints", |_| {
        run_command(&mut cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))
    }),
    ("tests", |counts| run_tests(&["--workspace", "--no-fail-fast"], counts)),
];

pub(crate) fn run(args: &[&str]) -> Result<()> {
    let start = Instant::now();
    let mut counts = Counts::default();
    let passed_through = match args {
        [] => None,
        ["--", rest @ ..] => Some(rest),
        _ => bail!("arguments for `cargo test` stand after `--`: cargo xtask test -- -p switch"),
    };
    announce("setup");
    setup::run(&[])?;
    let mut failed = Vec::new();
    match passed_through {
        Some(selection) => {
            announce("tests");
            record("tests", run_tests(selection, &mut counts), &mut failed);
        }
        None => {
            for (name, stage) in STAGES {
                announce(name);
                record(name, stage(&mut counts), &mut failed);
            }
        }
    }
    let summary = counts.describe(start.elapsed().as_secs());
    if !failed.is_empty() {
        bail!("xtask test: FAILED: {}; {summary}", failed.join(", "));
    }
    say(&format!("\nxtask test: ok: {summary}"));
    Ok(())
}

fn record(name: &'static str, outcome: Result<()>, failed: &mut Vec<&'static str>) {
    if let Err(error) = outcome {
        say(&format!("error: {error:#}"));
        failed.push(name);
    }
}

/// The version that is installed where there is none: a newer one may judge otherwise, and that is not this change's affair.
const CARGO_DENY: &str = "0.20.2";

/// Licences, bans, sources and advisories. The advisory data come from a network that a machine may
/// not have; the rest of the policy is checked all the same, and what was not is said.
fn check_dependencies() -> Result<()> {
    if !succeeds(&mut cargo(&["deny", "--version"])) {
        if !in_ci() {
            say(
                "cargo-deny is not installed: licences and bans are left to CI (`cargo install cargo-deny --locked`)",
            );
            return Ok(());
        }
        // It runs for a second: to optimise it would take longer than all tests do.
        run_command(&mut cargo(&["install", "cargo-deny", "--version", CARGO_DENY, "--locked", "--debug"]))?;
    }
    run_command(&mut cargo(&["deny", "--workspace", "check", "licenses", "bans", "sources"]))?;
    if succeeds(&mut cargo(&["deny", "--workspace", "fetch", "db"])) {
        run_command(&mut cargo(&["deny", "--workspace", "check", "--disable-fetch", "advisories"]))
    } else {
        say("the advisory database cannot be fetched here: advisories are not checked");
        Ok(())
    }
}

/// Runs `cargo test`, shows its output as it comes and counts the results in it.
fn run_tests(args: &[&str], counts: &mut Counts) -> Result<()> {
    let mut command = cargo(&["test"]);
    command.args(args).stdout(Stdio::piped());
    let mut child = command.spawn().with_context(|| format!("start `{}`", describe(&command)))?;
    let output = child.stdout.take().context("cargo test has no output")?;
    let mut shown = std::io::stdout().lock();
    for line in BufReader::new(output).split(b'\n') {
        let line = line.context("read the output of cargo test")?;
        shown.write_all(&line)?;
        shown.write_all(b"\n")?;
        counts.add(&String::from_utf8_lossy(&line));
    }
    let status = child.wait()?;
    if !status.success() {
        bail!("`{}` failed ({status})", describe(&command));
    }
    Ok(())
}

/// What the test binaries reported, added up.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    passed: u64,
    failed: u64,
    ignored: u64,
}

impl Counts {
    /// Adds a line such as "test result: ok. 28 passed; 0 failed; 1 ignored; 0 measured; ...".
    fn add(&mut self, line: &str) {
        let Some((_, results)) = line.strip_prefix("test result: ").and_then(|rest| rest.split_once(". "))
        else {
            return;
        };
        for result in results.split("; ") {
            let Some((number, what)) = result.split_once(' ') else { continue };
            let Ok(number) = number.parse::<u64>() else { continue };
            match what {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.ignored += number,
                _ => {}
            }
        }
    }

    fn describe(&self, seconds: u64) -> String {
        format!(
            "{} tests passed, {} failed, {} ignored, in {seconds} s",
            self.passed, self.failed, self.ignored
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adds_up_the_test_binaries() {
        let mut counts = Counts::default();
        counts.add("running 3 tests");
        counts.add(
            "test result: ok. 28 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.05s",
        );
        counts.add(
            "test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 7 filtered out; finished in 4s",
        );
        assert_eq!(counts, Counts { passed: 29, failed: 2, ignored: 1 });
        assert_eq!(counts.describe(9), "29 tests passed, 2 failed, 1 ignored, in 9 s");
    }

    #[test]
    fn arguments_need_the_separator() {
        let error = run(&["-p", "switch"]).unwrap_err().to_string();
        assert!(error.contains("stand after `--`"), "{error}");
    }
}
