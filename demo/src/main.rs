//! A cloud of two hosts on one machine: each a network namespace with an Open vSwitch and a controller of its own, one server
//! with the API and the store, and guests that know nothing but their cable.
//!
//! ```text
//!   vm1 --.                                             .-- vm2   network blue
//!          |-- br-int | host-1 | ==Geneve== | host-2 | br-int --|
//!   vm3 --'      ^                                 ^    |`-- vm4   network red, with the addresses of blue
//!                                                       `--- vm5   network green, which a router joins to blue
//!            controller          server           controller
//! ```
//!
//! `cargo xtask demo` shows what it does and stays up to play with; `--once` checks and exits.

#![expect(clippy::print_stdout, reason = "the demo talks to a person")]

mod outside;
mod show;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, bail, ensure};
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() -> ExitCode {
    let Err(error) = run().await else { return ExitCode::SUCCESS };
    println!("\nerror: {error:#}");
    ExitCode::FAILURE
}

async fn run() -> Result<()> {
    let once = match std::env::args().skip(1).collect::<Vec<_>>().as_slice() {
        [] => false,
        [flag] if flag == "--once" => true,
        other => bail!("the demo takes --once or nothing, not: {}", other.join(" ")),
    };
    ensure!(testkit::is_root(), "the demo makes network namespaces and needs root");
    let binary = binary()?;
    let (mut interrupted, mut terminated) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let is_over = Arc::new(AtomicBool::new(false));
    let noticed = Arc::clone(&is_over);
    let mut shown = tokio::task::spawn_blocking(move || show::run(&binary, once, &noticed));
    // Whichever it is: the cloud is dropped by the thread that shows it, and what was made goes with it.
    tokio::select! {
        shown = &mut shown => return shown?,
        _ = interrupted.recv() => {}
        _ = terminated.recv() => {}
    }
    is_over.store(true, Ordering::Relaxed);
    // A step that was cut short fails; that is no news to somebody who cut it.
    let _ = shown.await;
    Ok(())
}

/// The program that is shown; it is built into the same directory as the demo.
fn binary() -> Result<PathBuf> {
    let here = std::env::current_exe().context("cannot find out where the demo is")?;
    let binary = here.with_file_name("dragonflow");
    ensure!(binary.exists(), "{} is missing; `cargo xtask demo` builds it", binary.display());
    Ok(binary)
}
