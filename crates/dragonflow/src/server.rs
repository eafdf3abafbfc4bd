//! `dragonflow server`: Neutron's API on a store, which is its own unless the configuration says otherwise.

mod settings;

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use config::{Config, NbDriver};
use controller::Notifier;
use nb::Store;
use nb_embedded::EmbeddedStore;
use nb_etcd::EtcdStore;
use northbound::Server;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::configuration::Wrong;
use crate::local_controller::store_options;

/// The file of the embedded store, in the directory of its files.
const STORE_FILE: &str = "northbound.redb";

pub(crate) async fn run(config: Config, shutdown: CancellationToken) -> Result<()> {
    if config.df.nb_db_class != NbDriver::Etcd {
        let driver = config.df.nb_db_class.word();
        return Err(
            Wrong(format!("[df] nb_db_class = {driver} is not built yet: use etcd_nb_db_driver")).into()
        );
    }
    let settings = settings::from_config(&config).map_err(|error| Wrong(format!("{error:#}")))?;
    let mut tasks: JoinSet<Result<()>> = JoinSet::new();
    let store = store(&config, &shutdown, &mut tasks).await?;
    let server = Server::new(store, settings).await.context("cannot read the northbound store")?;
    for address in &config.df_api.bind.0 {
        let listener = listen(*address, "[df_api] bind").await?;
        info!(%address, "Neutron's API is served");
        let (server, shutdown) = (server.clone(), shutdown.clone());
        tasks.spawn(async move { Ok(server.serve(listener, shutdown.cancelled_owned()).await?) });
    }
    let notifier = Notifier::from_environment();
    notifier.ready();
    // The first that ends ends all: a server that does half of its work helps nobody to notice.
    let ended = tasks.join_next().await.transpose()?.unwrap_or(Ok(()));
    shutdown.cancel();
    notifier.stopping();
    while tasks.join_next().await.is_some() {}
    ended
}

/// The store: the embedded one, which is served to the controllers as well, or the one that the configuration names.
async fn store(
    config: &Config,
    shutdown: &CancellationToken,
    tasks: &mut JoinSet<Result<()>>,
) -> Result<Arc<dyn Store>> {
    let options = &config.df_store;
    if !options.embedded_enabled {
        let store = EtcdStore::new(&store_options(config)).map_err(|error| Wrong(error.to_string()))?;
        return Ok(Arc::new(store));
    }
    std::fs::create_dir_all(&options.embedded_path).with_context(|| {
        format!("[df_store] embedded_path: cannot make {}", options.embedded_path.display())
    })?;
    let file = options.embedded_path.join(STORE_FILE);
    let embedded = EmbeddedStore::open(&file, nb_embedded::Options::default())
        .with_context(|| format!("[df_store] embedded_path: cannot open the store {}", file.display()))?;
    let listener = listen(options.embedded_listen, "[df_store] embedded_listen").await?;
    info!(address = %options.embedded_listen, file = %file.display(), "the embedded store is served");
    let (served, shutdown) = (embedded.clone(), shutdown.clone());
    tasks.spawn(async move { Ok(served.serve(listener, shutdown.cancelled_owned()).await?) });
    Ok(Arc::new(embedded))
}

async fn listen(address: SocketAddr, option: &str) -> Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("{option}: cannot listen at {address}"))
}
