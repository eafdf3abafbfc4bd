//! `dragonflow server`: Neutron's API on a store, which is its own unless the configuration says otherwise.

mod settings;

use std::fs::DirBuilder;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::DirBuilderExt as _;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use config::{Config, HostPort};
use controller::Notifier;
use nb::{Store, StoreError};
use nb_embedded::EmbeddedStore;
use northbound::{Server, Settings};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::configuration::{Wrong, store_is_built};
use crate::local_controller;

/// The file of the embedded store, in the directory of its files.
const STORE_FILE: &str = "northbound.redb";

/// Between two attempts to read a store that is away.
const STORE_LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// `[df] remote_db_hosts` where nobody said anything.
const DEFAULT_DB_HOST: &str = "127.0.0.1:4001";

/// Who may read its directory, where we make it: we.
const DIRECTORY_MODE: u32 = 0o700;

pub(crate) async fn run(config: Config, shutdown: CancellationToken) -> Result<()> {
    let settings = settings(&config)?;
    for notice in notices(&config) {
        warn!("{notice}");
    }
    let mut tasks: JoinSet<Result<()>> = JoinSet::new();
    let store = store(&config, &shutdown, &mut tasks).await?;
    let notifier = Notifier::from_environment();
    let server = tokio::select! {
        server = on_store(store, settings, &notifier) => server.context("cannot read the northbound store")?,
        () = shutdown.cancelled() => {
            notifier.stopping();
            return Ok(());
        }
    };
    for address in &config.df_api.bind.0 {
        let listener = listen(*address, "[df_api] bind").await?;
        info!(%address, "Neutron's API is served");
        let (server, shutdown) = (server.clone(), shutdown.clone());
        tasks.spawn(async move { Ok(server.serve(listener, shutdown.cancelled_owned()).await?) });
    }
    notifier.ready();
    // The first that ends ends all: a server that does half of its work helps nobody to notice.
    let ended = tokio::select! {
        ended = tasks.join_next() => ended.transpose()?.unwrap_or(Ok(())),
        () = feed_watchdog(&notifier) => Ok(()),
    };
    shutdown.cancel();
    notifier.stopping();
    while tasks.join_next().await.is_some() {}
    ended
}

/// A server that knows what the store holds. A store that is away is waited for, as when machines start at once.
async fn on_store(
    store: Arc<dyn Store>,
    settings: Settings,
    notifier: &Notifier,
) -> Result<Server, StoreError> {
    let mut is_said = false;
    loop {
        match Server::new(Arc::clone(&store), settings.clone()).await {
            Err(StoreError::Unavailable { reason }) => {
                if !std::mem::replace(&mut is_said, true) {
                    warn!("waiting for the store: {reason}");
                    notifier.status(&format!("waiting for the store: {reason}"));
                }
                tokio::time::sleep(STORE_LOOK_INTERVAL).await;
            }
            known => return known,
        }
    }
}

/// What the configuration says to the server.
pub(crate) fn settings(config: &Config) -> Result<Settings, Wrong> {
    store_is_built(config)?;
    settings::from_config(config).map_err(|error| Wrong(format!("{error:#}")))
}

/// Lines for the log.
pub(crate) fn notices(config: &Config) -> Vec<String> {
    let store = &config.df_store;
    let hosts = &config.df.remote_db_hosts;
    let is_default = hosts.iter().map(ToString::to_string).eq([DEFAULT_DB_HOST]);
    let is_elsewhere = !is_default && !hosts.iter().any(|host| may_be(host, store.embedded_listen));
    let hosts = hosts.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let notice = format!(
        "[df] remote_db_hosts = {hosts} is not the embedded store at {}, which this server uses: set [df_store] \
         embedded_enabled = False if it is meant to use that",
        store.embedded_listen
    );
    Some(notice).filter(|_| store.embedded_enabled && is_elsewhere).into_iter().collect()
}

/// Whether a host can be where we listen. What a name stands for is not looked up.
fn may_be(host: &HostPort, listen: SocketAddr) -> bool {
    let is_there = match host.host.as_str().parse::<IpAddr>() {
        Ok(ip) => ip == listen.ip() || listen.ip().is_unspecified(),
        Err(_) => true,
    };
    is_there && host.port == listen.port()
}

/// Tells the service manager for ever that threads which answer requests get to work.
async fn feed_watchdog(notifier: &Notifier) {
    let Some(interval) = notifier.watchdog_interval() else { return std::future::pending().await };
    let mut interval = tokio::time::interval(interval);
    loop {
        interval.tick().await;
        if tokio::spawn(async {}).await.is_ok() {
            notifier.alive();
        }
    }
}

/// The store: the embedded one, which is served to the controllers as well, or the one that the configuration names.
async fn store(
    config: &Config,
    shutdown: &CancellationToken,
    tasks: &mut JoinSet<Result<()>>,
) -> Result<Arc<dyn Store>> {
    let options = &config.df_store;
    if !options.embedded_enabled {
        return Ok(Arc::new(local_controller::store(config)?));
    }
    // The rows of all projects are nobody else's to read.
    let made = DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(&options.embedded_path);
    made.with_context(|| {
        format!("[df_store] embedded_path: cannot make {}", options.embedded_path.display())
    })?;
    let file = options.embedded_path.join(STORE_FILE);
    let embedded = EmbeddedStore::open(&file, nb_embedded::Options::default())
        .context("[df_store] embedded_path: the store cannot be opened")?;
    let listener = listen(options.embedded_listen, "[df_store] embedded_listen").await?;
    info!(address = %options.embedded_listen, file = %file.display(), "the embedded store is served");
    let (served, shutdown) = (embedded.clone(), shutdown.clone());
    tasks.spawn(async move { Ok(served.serve(listener, shutdown.cancelled_owned()).await?) });
    Ok(Arc::new(embedded))
}

async fn listen(address: SocketAddr, option: &str) -> Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("{option}: cannot listen at {address}"))
}
