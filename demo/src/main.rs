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

use anyhow::{Result, bail};

#[tokio::main]
async fn main() -> Result<()> {
    let once = match std::env::args().skip(1).collect::<Vec<_>>().as_slice() {
        [] => false,
        [flag] if flag == "--once" => true,
        other => bail!("the demo takes --once or nothing, not {other:?}"),
    };
    let start = std::time::Instant::now();
    let mut cloud = cloud::Cloud::start().await?;
    show::run(&mut cloud, start).await?;
    if !once {
        show::invite(&cloud);
        tokio::signal::ctrl_c().await?;
        println!("\nremoving namespaces and switches");
    }
    Ok(())
}
