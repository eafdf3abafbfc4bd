//! Who may depend on whom.
//!
//! The crates stand in layers and a crate depends only on crates above it; pure crates do not see an
//! asynchronous runtime, not even through others. What a crate needs for its tests is its own
//! affair.

use anyhow::{Result, bail};

use super::Finding;
use super::workspace::{Crate, Workspace};
use crate::shell::{cargo, read};

/// From the top. A `*` at the end stands for several crates of one layer, which do not depend on
/// each other.
const LAYERS: [&str; 18] = [
    "net-types",
    "model",
    "openflow",
    "ovsdb",
    "packet",
    "config",
    "etcd-wire",
    "nb",
    "nb-*",
    "pubsub-*",
    "pipeline",
    "engine",
    "apps",
    "switch",
    "ofsim",
    "tracer",
    "northbound",
    "controller",
];

/// Programs and developer's tools: they may use every layer and nothing may use them.
const TOP: [&str; 8] = ["bin", "demo", "xtask", "testkit", "sim", "bench", "fuzz-checks", "dragonflow"];

/// What the order of the layers would permit and the design does not.
const NEVER: [(&str, &str); 5] = [
    ("openflow", "model"),
    ("ovsdb", "model"),
    ("pipeline", "model"),
    ("switch", "apps"),
    ("pubsub-*", "nb-*"),
];

/// Crates that know no runtime: their callers decide when things happen, and tests replay it.
const PURE: [&str; 9] =
    ["net-types", "model", "openflow", "packet", "pipeline", "engine", "apps", "ofsim", "tracer"];
const RUNTIME: &str = "tokio";

pub(super) fn check(workspace: &Workspace) -> Result<Vec<Finding>> {
    let mut findings: Vec<Finding> = workspace.crates.iter().flat_map(check_layers).collect();
    findings.extend(workspace.crates.iter().filter_map(check_lints));
    for package in workspace.crates.iter().filter(|package| PURE.contains(&package.name.as_str())) {
        let tree =
            ["tree", "-p", &package.name, "-e", "normal", "--all-features", "--prefix", "none", "-f", "{p}"];
        let tree = read(&mut cargo(&tree))?;
        if !tree.contains(&package.name) {
            bail!("cargo tree shows nothing for {}", package.name);
        }
        findings.extend(check_purity(package, &tree));
    }
    Ok(findings)
}

fn check_layers(package: &Crate) -> Vec<Finding> {
    let place = format!("{}/Cargo.toml", package.directory);
    let name = package.name.as_str();
    let in_top = TOP.contains(&name);
    let own = layer(name);
    if own.is_none() && !in_top {
        let problem =
            format!("{name} has no layer: add it to LAYERS or TOP in xtask/src/invariants/dependencies.rs");
        return vec![Finding::new(place, problem)];
    }
    let mut findings = Vec::new();
    for dependency in package.internal.iter().filter(|dependency| *dependency != name) {
        let allowed = match (own, layer(dependency)) {
            _ if in_top => true,
            (Some(own), Some(other)) => other < own && !is_forbidden(name, dependency),
            _ => false,
        };
        if !allowed {
            findings.push(Finding::new(&place, format!("{name} must not depend on {dependency}")));
        }
    }
    findings
}

/// A crate that does not take the lints of the workspace escapes every one of them.
fn check_lints(package: &Crate) -> Option<Finding> {
    let inherits = package
        .manifest
        .split_once("[lints]")
        .is_some_and(|(_, rest)| rest.trim_start().starts_with("workspace = true"));
    let problem = "does not take the lints of the workspace: add `[lints]` with `workspace = true`";
    (!inherits).then(|| Finding::new(format!("{}/Cargo.toml", package.directory), problem))
}

fn check_purity(package: &Crate, tree: &str) -> Option<Finding> {
    let found = tree.lines().any(|line| line.split(' ').next() == Some(RUNTIME));
    let problem = || {
        let hint = format!("cargo tree -p {} -e normal --all-features -i {RUNTIME}", package.name);
        format!("{} depends on {RUNTIME}; `{hint}` shows how", package.name)
    };
    found.then(|| Finding::new(format!("{}/Cargo.toml", package.directory), problem()))
}

fn is_forbidden(from: &str, to: &str) -> bool {
    NEVER.iter().any(|(left, right)| matches(left, from) && matches(right, to))
}

fn layer(name: &str) -> Option<usize> {
    LAYERS.iter().position(|pattern| matches(pattern, name))
}

fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => name == pattern,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, internal: &[&str]) -> Crate {
        let internal = internal.iter().map(|name| (*name).to_owned()).collect();
        let manifest = "[lints]\nworkspace = true\n".to_owned();
        Crate { name: name.to_owned(), directory: format!("crates/{name}"), internal, manifest }
    }

    fn problems(name: &str, internal: &[&str]) -> Vec<String> {
        check_layers(&package(name, internal)).into_iter().map(|finding| finding.problem).collect()
    }

    #[test]
    fn a_crate_depends_on_those_above() {
        assert!(problems("switch", &["net-types", "openflow", "ovsdb"]).is_empty());
        assert_eq!(problems("openflow", &["switch"]), ["openflow must not depend on switch"]);
        assert_eq!(problems("ofsim", &["testkit"]), ["ofsim must not depend on testkit"]);
        assert!(problems("demo", &["testkit", "switch"]).is_empty());
    }

    #[test]
    fn the_design_forbids_more_than_the_order() {
        assert_eq!(problems("ovsdb", &["model"]), ["ovsdb must not depend on model"]);
        assert_eq!(problems("switch", &["apps"]), ["switch must not depend on apps"]);
    }

    #[test]
    fn drivers_do_not_know_each_other() {
        assert!(problems("nb-etcd", &["nb", "model"]).is_empty());
        assert_eq!(problems("nb-etcd", &["nb-redis"]), ["nb-etcd must not depend on nb-redis"]);
        assert_eq!(problems("pubsub-zmq", &["nb-redis"]), ["pubsub-zmq must not depend on nb-redis"]);
    }

    #[test]
    fn a_new_crate_needs_a_layer() {
        assert!(problems("sausage", &[])[0].contains("has no layer"));
    }

    #[test]
    fn a_runtime_is_found_in_the_tree() {
        let pure = package("engine", &[]);
        assert!(check_purity(&pure, "engine v0.1.0 (/w)\nmio v1.0.0\ntokio v1.54.0\n").is_some());
        assert!(check_purity(&pure, "engine v0.1.0 (/w)\ntokio-util v0.7.0\n").is_none());
    }

    #[test]
    fn every_crate_takes_the_lints() {
        let mut escaped = package("engine", &[]);
        assert!(check_lints(&escaped).is_none());
        escaped.manifest = "[dependencies]\n".to_owned();
        assert!(check_lints(&escaped).is_some());
    }
}
