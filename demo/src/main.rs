//! Two hosts on one machine: each a network namespace with an Open vSwitch of its own, an agent that programs it, and guests that
//! talk through a Geneve tunnel. Everything is real but the hosts.
//!
//! ```text
//!   vm1 10.0.0.1 --.                                             .-- vm2 10.0.0.2   network blue
//!                   |-- br-int | host-a | ==Geneve== | host-b | br-int --|
//!   vm3 10.0.0.2 --'      ^                                 ^     `-- vm4 10.0.0.4   network red
//!                      agent a                           agent b
//! ```
//!
//! `cargo xtask demo` shows what it does and stays up to play with; `--once` checks and exits.

#![expect(clippy::print_stdout, reason = "the demo talks to a person")]

mod agent;
mod cloud;
mod compile;
mod show;
mod topology;

use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Result, bail, ensure};
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
    let (mut interrupted, mut terminated) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    // Whichever it is: when the demonstration is dropped, what it has made goes with it.
    tokio::select! {
        shown = demonstrate(once) => shown,
        _ = interrupted.recv() => Ok(()),
        _ = terminated.recv() => Ok(()),
    }
}

async fn demonstrate(once: bool) -> Result<()> {
    let start = Instant::now();
    let mut cloud = cloud::Cloud::start().await?;
    show::run(&mut cloud, start).await?;
    if once {
        return Ok(());
    }
    show::invite(&cloud);
    std::future::pending().await
}
