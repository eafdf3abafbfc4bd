//! `cargo xtask bench`: the benchmarks, optimised, on a prepared machine; `bench side-by-side SIZE` the product beside OVN.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::setup;
use crate::shell::{cargo, command, is_installed, run as run_command, say};

/// The neutral workloads and the harness that measures OVN on them, beside the checkout.
const HARNESS: &str = "../shared/bench";
const PRODUCTS: [&str; 2] = ["ovn", "dragonflow"];
/// What is built of both.
const PHASES: &str = "bulk,idle,local,remote,sgrule,restart,delete";

pub(crate) fn run(args: &[&str]) -> Result<()> {
    setup::run(&[])?;
    match args {
        ["side-by-side", size, rest @ ..] => side_by_side(size, rest),
        _ => run_command(cargo(&["run", "--release", "--package", "bench", "--"]).args(args)),
    }
}

/// Runs a workload on each product in turn and prints one report, and one table of both with what is aimed at. More arguments go to the harness.
fn side_by_side(size: &str, rest: &[&str]) -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask has no parent directory")?;
    let harness =
        root.join(HARNESS).canonicalize().with_context(|| format!("{HARNESS} is not beside the checkout"))?;
    ensure!(
        is_installed("ovn-northd"),
        "OVN is missing: install ovn-central and ovn-host to compare with it"
    );
    run_command(&mut cargo(&["build", "--release", "--package", "dragonflow", "--package", "bench"]))?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let directory = target.join("side-by-side");
    std::fs::create_dir_all(&directory).with_context(|| format!("make {}", directory.display()))?;
    let workload = directory.join(format!("{size}.json"));
    run_command(
        command("python3", &[]).arg(harness.join("workload.py")).args(["--size", size, "-o"]).arg(&workload),
    )?;
    let mut results = Vec::new();
    for product in PRODUCTS {
        say(&format!("measuring {product} on the workload {size}"));
        let result = directory.join(format!("{product}-{size}-0.json"));
        let mut scale = command("python3", &[]);
        scale.arg(harness.join("ovn/scale.py")).args([
            "--backend",
            product,
            "--phases",
            PHASES,
            "--workload",
        ]);
        scale.arg(&workload).arg("-o").arg(&result).args(rest);
        scale.env("PYTHONPATH", root.join("bench/side-by-side")).env("PYTHONDONTWRITEBYTECODE", "1");
        scale.env("DRAGONFLOW_BIN", target.join("release"));
        run_command(&mut scale)?;
        results.push(result);
    }
    run_command(command("python3", &[]).arg(harness.join("ovn/report.py")).args(&results))?;
    run_command(command("python3", &[]).arg(root.join("bench/side-by-side/compare.py")).args(&results))
}
