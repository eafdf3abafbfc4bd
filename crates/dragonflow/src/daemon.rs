//! What all daemons have in common: configuration, log, runtime, signals.

use anyhow::{Context as _, Result};
use config::Config;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::arguments::{Files, LogFormat};
use crate::{configuration, logging};

/// Threads that wait for sockets. What computes has a task that never waits.
const THREADS: usize = 2;

/// Runs a daemon until it ends or is told to.
pub(crate) fn run<F, D>(files: &Files, log: LogFormat, daemon: D) -> Result<()>
where
    F: Future<Output = Result<()>>,
    D: FnOnce(Config, CancellationToken) -> F,
{
    let loaded = configuration::load(files)?;
    logging::start(log, loaded.config.default.debug);
    for notice in &loaded.notices {
        tracing::warn!("{notice}");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(THREADS)
        .enable_all()
        .build()
        .context("cannot start")?;
    runtime.block_on(async {
        let shutdown = CancellationToken::new();
        let (mut interrupted, mut terminated) =
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        // Whoever sends it wants the configuration read again, or has closed the terminal. A service manager starts us anew.
        let mut hung_up = signal(SignalKind::hangup())?;
        let told = shutdown.clone();
        tokio::spawn(async move {
            tokio::select! {
                _ = interrupted.recv() => info!("interrupted"),
                _ = terminated.recv() => info!("told to stop"),
                _ = hung_up.recv() => info!("hung up"),
            }
            told.cancel();
        });
        daemon(loaded.config, shutdown).await
    })
}
