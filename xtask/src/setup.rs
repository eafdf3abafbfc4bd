//! `cargo xtask setup`: the Debian packages and Rust components that the other commands need.
//!
//! Only what is missing is installed, so on a prepared machine this takes no time and needs neither
//! root nor a network. Installing `openvswitch-switch` may start an Open vSwitch of the machine;
//! nothing here uses it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail, ensure};

use crate::shell::{cargo, command, is_installed, read, run as run_command, say, succeeds};

/// One line each: a program, or a module of Python, and the package it comes from. The tests read the same list.
const PACKAGES: &str = include_str!("../../crates/testkit/debian-packages.txt");

pub(crate) fn run(args: &[&str]) -> Result<()> {
    ensure!(args.is_empty(), "setup takes no arguments");
    install_packages()?;
    install_components()
}

/// How the list says that something is a module and not a program.
const PYTHON_MODULE: &str = "python3:";

fn is_there(what: &str) -> bool {
    match what.strip_prefix(PYTHON_MODULE) {
        Some(module) => {
            is_installed("python3") && succeeds(&mut command("python3", &["-c", &format!("import {module}")]))
        }
        None => is_installed(what),
    }
}

fn install_packages() -> Result<()> {
    let missing = missing_packages(&packages(PACKAGES)?, is_there);
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.iter().copied().collect::<Vec<_>>().join(" ");
    ensure!(is_installed("apt-get"), "missing programs of the Debian packages: {list}; install them by hand");
    ensure!(
        read(&mut command("id", &["-u"]))?.trim() == "0",
        "missing Debian packages: {list}; run this as root"
    );
    say(&format!("installing Debian packages: {list}"));
    let missing: Vec<&str> = missing.into_iter().collect();
    if apt_get_install(&missing).is_err() {
        say("apt-get could not install them; trying again with fresh package lists");
        run_command(command("apt-get", &["update"]).env("DEBIAN_FRONTEND", "noninteractive"))?;
        apt_get_install(&missing)?;
    }
    let still_missing = missing_packages(&packages(PACKAGES)?, is_there);
    ensure!(
        still_missing.is_empty(),
        "installed, but without the programs expected of them: {still_missing:?}"
    );
    Ok(())
}

fn apt_get_install(packages: &[&str]) -> Result<()> {
    let mut install = command("apt-get", &["install", "--yes", "--no-install-recommends"]);
    // Another package run on this machine may hold the lock for a while.
    install.args(["-o", "DPkg::Lock::Timeout=300"]).args(packages).env("DEBIAN_FRONTEND", "noninteractive");
    run_command(&mut install)
}

/// The formatter and the linter are parts of the toolchain that a minimal installation leaves out.
fn install_components() -> Result<()> {
    let missing: Vec<&str> = [("fmt", "rustfmt"), ("clippy", "clippy")]
        .into_iter()
        .filter(|(subcommand, _)| !succeeds(&mut cargo(&[subcommand, "--version"])))
        .map(|(_, component)| component)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let mut add = command("rustup", &["component", "add"]);
    run_command(add.args(&missing)).with_context(|| format!("install the components {}", missing.join(", ")))
}

/// The list as program → package.
fn packages(text: &str) -> Result<BTreeMap<&str, &str>> {
    let mut packages = BTreeMap::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [program, package] = words[..] else { bail!("`{line}` is not a program and a package") };
        ensure!(packages.insert(program, package).is_none(), "{program} is listed twice");
    }
    Ok(packages)
}

fn missing_packages<'a>(
    packages: &BTreeMap<&'a str, &'a str>,
    is_installed: impl Fn(&str) -> bool,
) -> BTreeSet<&'a str> {
    packages.iter().filter(|(program, _)| !is_installed(program)).map(|(_, package)| *package).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_well_formed() {
        let packages = packages(PACKAGES).unwrap();
        assert_eq!(packages.get("ovs-vswitchd"), Some(&"openvswitch-switch"));
    }

    #[test]
    fn only_packages_of_missing_programs_are_installed_and_each_once() {
        let packages = packages("# comment\nip iproute2\nss iproute2\n\nping iputils-ping\n").unwrap();
        let missing = missing_packages(&packages, |program| program == "ping");
        assert_eq!(missing.into_iter().collect::<Vec<_>>(), ["iproute2"]);
    }

    #[test]
    fn a_malformed_list_is_refused() {
        assert!(packages("ip\n").is_err());
        assert!(packages("ip iproute2\nip iproute3\n").is_err());
    }
}
