//! `cargo xtask fuzz`: libFuzzer on every decoder.
//!
//! The seeds in `fuzz/corpus` are checked in and only read: what a run finds interesting goes to the
//! target directory. An input that breaks a decoder is kept by cargo-fuzz in `fuzz/artifacts`; it
//! belongs into `fuzz/regressions` once the decoder is mended, where every test run replays it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use crate::shell::{announce, cargo, command, root, run as run_command, say, succeeds};

const SECONDS_DEFAULT: u32 = 60;
/// A decoder that needs more than this for one input has no bound on its memory.
const RSS_MIB_MAX: u32 = 1024;
/// Long enough for any message that matters, short enough to try many.
const INPUT_BYTES_MAX: u32 = 64 * 1024;

pub(crate) fn run(args: &[&str]) -> Result<()> {
    let options = Options::parse(args)?;
    let known = targets(&root().join("fuzz/fuzz_targets"))?;
    let chosen = match &options.target {
        None => known,
        Some(target) if known.contains(target) => vec![target.clone()],
        Some(target) => bail!("no fuzz target named {target}; there are: {}", known.join(", ")),
    };
    prepare()?;
    let mut broken = Vec::new();
    for target in &chosen {
        announce(&format!("fuzz {target} for {} s", options.seconds));
        if let Err(error) = fuzz(target, options.seconds) {
            say(&format!("error: {error:#}"));
            broken.push(target.as_str());
        }
    }
    ensure!(broken.is_empty(), "xtask fuzz: FAILED: {}; the inputs are in fuzz/artifacts", broken.join(", "));
    say(&format!("\nxtask fuzz: ok: {} targets, {} s each, no finding", chosen.len(), options.seconds));
    Ok(())
}

#[derive(Debug, PartialEq, Eq)]
struct Options {
    target: Option<String>,
    seconds: u32,
}

impl Options {
    fn parse(args: &[&str]) -> Result<Self> {
        let mut options = Self { target: None, seconds: SECONDS_DEFAULT };
        let mut rest = args.iter();
        while let Some(&arg) = rest.next() {
            match arg {
                "--seconds" => {
                    let value = rest.next().context("--seconds needs a number")?;
                    options.seconds = value.parse().with_context(|| format!("--seconds {value}"))?;
                    ensure!(options.seconds > 0, "--seconds 0 would fuzz for ever");
                }
                flag if flag.starts_with('-') => bail!("fuzz has no option {flag}"),
                target => {
                    ensure!(options.target.is_none(), "fuzz takes one target or none");
                    options.target = Some(target.to_owned());
                }
            }
        }
        Ok(options)
    }
}

/// The names of the targets: one file each.
fn targets(directory: &Path) -> Result<Vec<String>> {
    let entries = fs::read_dir(directory).with_context(|| format!("read {}", directory.display()))?;
    let mut names = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "rs")
            && let Some(name) = path.file_stem()
        {
            names.push(name.to_string_lossy().into_owned());
        }
    }
    ensure!(!names.is_empty(), "no fuzz targets in {}", directory.display());
    names.sort();
    Ok(names)
}

fn prepare() -> Result<()> {
    if !succeeds(&mut command("rustc", &["+nightly", "--version"])) {
        run_command(&mut command("rustup", &["toolchain", "install", "nightly", "--profile", "minimal"]))?;
    }
    if !succeeds(&mut cargo(&["fuzz", "--version"])) {
        run_command(&mut cargo(&["install", "cargo-fuzz", "--locked"]))?;
    }
    Ok(())
}

fn fuzz(target: &str, seconds: u32) -> Result<()> {
    let found = target_directory().join("fuzz-corpus").join(target);
    fs::create_dir_all(&found).with_context(|| format!("make {}", found.display()))?;
    let seeds = root().join("fuzz/corpus").join(target);
    let dictionary = root().join("fuzz/dictionaries").join(format!("{target}.dict"));

    // Not the cargo that runs us, which is of a toolchain already chosen: this one is for rustup.
    let mut command = command("cargo", &["+nightly", "fuzz", "run", target]);
    command.env_remove("CARGO").env_remove("RUSTUP_TOOLCHAIN").arg(&found);
    if seeds.is_dir() {
        command.arg(seeds);
    }
    command.arg("--").arg(format!("-max_total_time={seconds}"));
    command.arg(format!("-rss_limit_mb={RSS_MIB_MAX}")).arg(format!("-max_len={INPUT_BYTES_MAX}"));
    command.arg("-print_final_stats=1");
    if dictionary.is_file() {
        command.arg(format!("-dict={}", dictionary.display()));
    }
    run_command(&mut command)
}

fn target_directory() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_come_in_any_order() {
        let expected = Options { target: Some("openflow".to_owned()), seconds: 300 };
        assert_eq!(Options::parse(&["openflow", "--seconds", "300"]).unwrap(), expected);
        assert_eq!(Options::parse(&["--seconds", "300", "openflow"]).unwrap(), expected);
        assert_eq!(Options::parse(&[]).unwrap(), Options { target: None, seconds: SECONDS_DEFAULT });
    }

    #[test]
    fn wrong_options_are_refused() {
        for args in
            [&["--seconds"][..], &["--seconds", "soon"], &["--seconds", "0"], &["a", "b"], &["--fast"]]
        {
            assert!(Options::parse(args).is_err(), "{args:?}");
        }
    }
}
