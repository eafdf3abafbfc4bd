//! `dragonflow local-controller`: a controller on the store that the configuration names.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use config::Config;
use controller::options::{OVS_RUNDIR, Recording};
use controller::{Controller, Notifier, Options};
use nb_etcd::EtcdStore;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::arguments::LocalController;
use crate::configuration::Wrong;

/// Bytes of a recording, with which it ends.
const RECORDING_BYTES_MAX: u64 = 1 << 30;

pub(crate) async fn run(
    arguments: LocalController,
    config: Config,
    shutdown: CancellationToken,
) -> Result<()> {
    let rundir = std::env::var_os("OVS_RUNDIR").map_or_else(|| PathBuf::from(OVS_RUNDIR), PathBuf::from);
    let (mut options, notices) =
        Options::from_config(&config, &rundir).map_err(|error| Wrong(error.to_string()))?;
    for notice in notices {
        warn!("{notice}");
    }
    options.recording = arguments.record.map(|path| Recording { path, bytes_max: RECORDING_BYTES_MAX });
    options.limits.audit_interval =
        Some(Duration::from_secs(arguments.audit_interval)).filter(|interval| !interval.is_zero());
    let store = EtcdStore::new(&store_options(&config)).map_err(|error| Wrong(error.to_string()))?;
    let controller = Controller::new(options, Arc::new(store)).with_notifier(Notifier::from_environment());
    Ok(controller.run(shutdown.cancelled_owned()).await?)
}

/// How the store is reached.
pub(crate) fn store_options(config: &Config) -> nb_etcd::Options {
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
