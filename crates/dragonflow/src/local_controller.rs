//! `dragonflow local-controller`: a controller on the store that the configuration names.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use config::{Config, OvsdbConnection};
use controller::metadata::{self, Directory};
use controller::options::{OVS_RUNDIR, OVSDB_SOCKET, Recording};
use controller::{Controller, Notifier, Options};
use nb_etcd::EtcdStore;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::arguments::LocalController;
use crate::configuration::{Wrong, store_is_built};
use crate::metadata_service;

/// Bytes of a recording, with which it ends.
const RECORDING_BYTES_MAX: u64 = 1 << 30;
/// Between two looks for an Open vSwitch that is not there yet.
const SWITCH_LOOK_INTERVAL: Duration = Duration::from_millis(500);
/// How long one look takes at most.
const SWITCH_LOOK_TIMEOUT: Duration = Duration::from_secs(2);

pub(crate) async fn run(
    arguments: LocalController,
    config: Config,
    shutdown: CancellationToken,
) -> Result<()> {
    let (store, (_, notices)) = (store(&config)?, options(&config)?);
    for notice in notices {
        warn!("{notice}");
    }
    let notifier = Notifier::from_environment();
    tokio::select! {
        () = switch_is_somewhere(&config, &notifier) => {}
        () = shutdown.cancelled() => {
            notifier.stopping();
            return Ok(());
        }
    }
    let (mut options, _) = options(&config)?;
    options.recording = arguments.record.map(|path| Recording { path, bytes_max: RECORDING_BYTES_MAX });
    options.limits.audit_interval =
        Some(Duration::from_secs(arguments.audit_interval)).filter(|interval| !interval.is_zero());
    let proxy = proxy(&config, &mut options)?;
    let controller = Controller::new(options, Arc::new(store)).with_notifier(notifier);
    let running = controller.run(shutdown.cancelled_owned());
    tokio::select! {
        ended = running => Ok(ended?),
        ended = proxy => match ended {
            Ok(()) => Err(anyhow::anyhow!("the proxy of the metadata service ended")),
            Err(error) => Err(Wrong(error.to_string()).into()),
        },
    }
}

/// The proxy of the metadata service, where it is in this process; else what never ends.
fn proxy(
    config: &Config,
    options: &mut Options,
) -> Result<impl Future<Output = Result<(), metadata::ProxyError>> + use<>, Wrong> {
    let is_here = config.df_metadata.in_controller && options.metadata.is_some();
    let proxy = is_here.then(|| metadata_service::options(config)).transpose()?;
    let directory = Directory::new(options.chassis.clone());
    options.metadata_directory = proxy.is_some().then(|| directory.clone());
    Ok(async move {
        match proxy {
            Some(proxy) => metadata::run(proxy, directory).await,
            None => std::future::pending().await,
        }
    })
}

/// What the configuration says to a controller, and lines for the log.
pub(crate) fn options(config: &Config) -> Result<(Options, Vec<String>), Wrong> {
    Options::from_config(config, &ovs_rundir()).map_err(|error| Wrong(error.to_string()))
}

fn ovs_rundir() -> PathBuf {
    std::env::var_os("OVS_RUNDIR").map_or_else(|| PathBuf::from(OVS_RUNDIR), PathBuf::from)
}

/// Where the configuration does not say where the database of Open vSwitch is, that depends on what is there. While
/// nothing is, as when a machine starts, nothing can be said: wait until something is.
async fn switch_is_somewhere(config: &Config, notifier: &Notifier) {
    if config.df.ovsdb_connection.is_some() {
        return;
    }
    let socket = ovs_rundir().join(OVSDB_SOCKET);
    let mut is_said = false;
    loop {
        let OvsdbConnection::Tcp(at) =
            config.ovsdb_connection(Some(&*socket).filter(|socket| socket.exists()))
        else {
            return;
        };
        if let Ok(Ok(_)) = tokio::time::timeout(SWITCH_LOOK_TIMEOUT, TcpStream::connect(at)).await {
            return;
        }
        if !std::mem::replace(&mut is_said, true) {
            let text = format!("waiting for open vswitch at {} or tcp:{at}", socket.display());
            warn!("{text}; [df] ovsdb_connection names another place");
            notifier.status(&text);
        }
        tokio::time::sleep(SWITCH_LOOK_INTERVAL).await;
    }
}

/// The store that the configuration names. Nothing is connected to yet.
pub(crate) fn store(config: &Config) -> Result<EtcdStore, Wrong> {
    store_is_built(config)?;
    EtcdStore::new(&store_options(config)).map_err(|error| Wrong(error.to_string()))
}

/// How the store is reached.
fn store_options(config: &Config) -> nb_etcd::Options {
    let store = &config.df_store;
    let mut options = nb_etcd::Options::new(config.df.remote_db_hosts.iter().map(ToString::to_string));
    options.request_timeout_ms = u64::from(store.request_timeout_ms.0);
    options.login = store
        .username
        .clone()
        .zip(store.password.as_ref())
        .map(|(user, password)| nb_etcd::Login { user, password: password.reveal().to_owned() });
    options.tls = store.tls_ca_file.clone().map(|ca_certificates| nb_etcd::Tls {
        ca_certificates,
        identity: store
            .tls_cert_file
            .clone()
            .zip(store.tls_key_file.clone())
            .map(|(certificate, private_key)| nb_etcd::options::Identity { certificate, private_key }),
        server_name: None,
    });
    options
}
