//! `dragonflow metadata-service`: the proxy of the metadata service of a node, in a process of its own.

use std::sync::Arc;

use anyhow::Result;
use config::{App, Config};
use controller::Notifier;
use controller::metadata::{self, Directory, ProxyOptions};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::configuration::Wrong;
use crate::local_controller;

pub(crate) async fn run(config: Config, shutdown: CancellationToken) -> Result<()> {
    let options = options(&config)?;
    if config.df_metadata.in_controller && config.df.apps_list.contains(App::Metadata) {
        warn!(
            "[df_metadata] in_controller is set, so the local controller of this node serves metadata too, and one of both waits: unset it"
        );
    }
    let directory = Directory::new(options.chassis.clone());
    let store = Arc::new(local_controller::store(&config)?);
    let notifier = Notifier::from_environment();
    let following = metadata::follow(store, directory.clone());
    let known = directory.clone();
    notifier.ready();
    tokio::select! {
        served = metadata::run(options, known) => served.map_err(|error| Wrong(error.to_string()))?,
        () = following => {}
        () = feed_watchdog(&notifier) => {}
        () = shutdown.cancelled() => {}
    }
    notifier.stopping();
    Ok(())
}

/// What the proxy has to be told.
pub(crate) fn options(config: &Config) -> Result<ProxyOptions, Wrong> {
    ProxyOptions::from_config(config).map_err(|error| Wrong(error.to_string()))
}

async fn feed_watchdog(notifier: &Notifier) {
    let Some(interval) = notifier.watchdog_interval() else { return std::future::pending().await };
    loop {
        tokio::time::sleep(interval).await;
        notifier.alive();
    }
}
