//! `cargo xtask invariants`: the rules of `docs/ARCHITECTURE.md` that a machine can check.
//!
//! Compilers know nothing of an architecture: a dependency in the wrong direction, a table number in
//! an app, compile as well as anything. Each rule here is a function from what the repository
//! contains to findings, and all findings are printed at once. The rules also run as a test of this
//! crate, so that `cargo test --workspace` alone would notice.

mod dependencies;
mod documents;
mod lexer;
mod numbers;
mod sources;
mod workspace;

use anyhow::{Result, bail, ensure};

use crate::shell::say;

/// One broken rule, with the place.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    place: String,
    problem: String,
}

impl Finding {
    fn new(place: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { place: place.into(), problem: problem.into() }
    }

    fn in_line(file: &str, line: usize, problem: impl Into<String>) -> Self {
        Self::new(format!("{file}:{line}"), problem)
    }
}

pub(crate) fn run(args: &[&str]) -> Result<()> {
    ensure!(args.is_empty(), "invariants takes no arguments");
    let workspace = workspace::load()?;
    let mut findings = dependencies::check(&workspace)?;
    findings.extend(numbers::check(&workspace));
    findings.extend(sources::check(&workspace));
    findings.extend(documents::check(&workspace)?);
    for finding in &findings {
        say(&format!("{}: {}", finding.place, finding.problem));
    }
    if !findings.is_empty() {
        bail!("{} broken invariants; docs/ARCHITECTURE.md says why they are there", findings.len());
    }
    say(&format!("invariants hold: {} crates, {} files", workspace.crates.len(), workspace.files.len()));
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_repository_keeps_its_invariants() {
        super::run(&[]).unwrap();
    }
}
