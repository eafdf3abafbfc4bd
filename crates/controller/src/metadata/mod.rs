//! The proxy of the metadata service: it tells Nova which instance asks, and gives back what Nova says.
//!
//! # Guarantees
//! - **Who asks is known by its port**, because the switch gave its packets an address that has the port's key in it. What a guest says
//!   about itself is not believed: headers that would say it are replaced.
//! - **An index answers**, never a look through a table: which instance a key is of is kept as rows of ports change, and stays known while
//!   the store is away.
//! - **Guests cannot exhaust it.** Connections of all and of each, the time that anything takes and the bytes that a request has are
//!   limited; what is too often is told so (429) where the operator wants it.
//! - **It mends its device.** Address and route are there again within seconds after somebody took them away, or the switch was restarted.
//!
//! | answer | when |
//! |---|---|
//! | what Nova says | it was asked, 403 for a wrong secret and 404 for an instance that it does not know among it |
//! | 404 | the port is not known, or is of no instance |
//! | 413, 429 | the request is too large, or one too many |
//! | 503 | Nova cannot be reached, or takes too long |
//! | 500 | Nova cannot be understood |
//!
//! # Module map
//! | module | what it holds |
//! |---|---|
//! | `directory` | which instance has which key: pure |
//! | `request` | what Nova is asked for a guest: pure |
//! | `device` | the device of the host, its address and routes |
//! | `nova` | connections to Nova |
//! | `serve` | connections of guests |

mod body;
mod device;
mod directory;
mod nova;
mod request;
mod serve;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use config::{Config, WebProtocol};
use model::{Chassis, Id, Table};
use nb::Store;
use pipeline::metadata::PROXY_V6;
use thiserror::Error;
use tokio::sync::watch;
use tracing::info;

pub use directory::{Directory, Instance};
pub use nova::NovaError;

use crate::northbound;

/// What the proxy has to be told.
#[derive(Debug, Clone)]
pub struct ProxyOptions {
    /// The node whose guests it serves.
    pub chassis: Id<Chassis>,
    /// The device by which guests' packets come.
    pub interface: String,
    /// Where it listens for who asks by IPv4.
    pub address: Ipv4Addr,
    /// The TCP port that it listens at.
    pub port: u16,
    /// Nova.
    pub nova: NovaOptions,
    /// What proves to Nova that requests come from us.
    pub secret: String,
    /// How much.
    pub limits: ProxyLimits,
}

/// How Nova is reached.
#[derive(Debug, Clone)]
pub struct NovaOptions {
    /// Its host.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How connections to it are protected; none, where they are not.
    pub tls: Option<TlsOptions>,
}

/// How connections to Nova are protected.
#[derive(Debug, Clone, Default)]
pub struct TlsOptions {
    /// Whether it is believed whatever it shows.
    pub is_insecure: bool,
    /// Who vouches for it; the system's authorities, if nobody is named.
    pub authorities: Option<PathBuf>,
    /// The certificate that we show and its private key.
    pub identity: Option<(PathBuf, PathBuf)>,
}

/// How much the proxy does.
#[derive(Debug, Clone)]
pub struct ProxyLimits {
    /// Connections of all guests.
    pub connections_max: usize,
    /// Connections of one port.
    pub port_connections_max: usize,
    /// Requests of one port each second, if they are limited.
    pub requests_per_s: Option<u32>,
    /// How long Nova may take for an answer.
    pub request_timeout: Duration,
    /// Bytes of the body of a request.
    pub body_bytes_max: u64,
}

/// The configuration asks for something that there is not.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ProxyError {
    /// Guests cannot be led there.
    #[error("[df_metadata] ip is {0}: say an IPv4 address; who asks by IPv6 is served too")]
    Address(IpAddr),
    /// The host has no name.
    #[error("[DEFAULT] host is empty: give this node a name")]
    NoHost,
    /// One without the other.
    #[error("of nova_client_cert and nova_client_priv_key only one is set: set both, or none")]
    HalfIdentity,
    /// Nova cannot be reached like that.
    #[error("{0}")]
    Nova(String),
}

impl ProxyOptions {
    /// What the configuration says.
    ///
    /// # Errors
    /// When it contradicts itself.
    pub fn from_config(config: &Config) -> Result<Self, ProxyError> {
        let (of, shared) = (&config.df_metadata, &config.default);
        let IpAddr::V4(address) = of.ip else { return Err(ProxyError::Address(of.ip)) };
        let identity = match (&shared.nova_client_cert, &shared.nova_client_priv_key) {
            (Some(certificate), Some(key)) => Some((certificate.clone(), key.clone())),
            (None, None) => None,
            _ => return Err(ProxyError::HalfIdentity),
        };
        let tls = TlsOptions {
            is_insecure: shared.nova_metadata_insecure,
            authorities: shared.auth_ca_cert.clone(),
            identity,
        };
        let is_protected = matches!(shared.nova_metadata_protocol, WebProtocol::Https);
        let secret = shared.metadata_proxy_shared_secret.as_ref().map(|secret| secret.reveal().to_owned());
        Ok(Self {
            chassis: Id::new(config.host()).map_err(|_| ProxyError::NoHost)?,
            interface: of.metadata_interface.as_str().to_owned(),
            address,
            port: of.port,
            nova: NovaOptions {
                host: shared.nova_metadata_host.as_str().to_owned(),
                port: shared.nova_metadata_port,
                tls: Some(tls).filter(|_| is_protected),
            },
            secret: secret.unwrap_or_default(),
            limits: ProxyLimits {
                connections_max: usize::try_from(of.connections_max).unwrap_or(usize::MAX),
                port_connections_max: usize::try_from(of.port_connections_max).unwrap_or(usize::MAX),
                requests_per_s: Some(of.port_requests_per_second_max).filter(|rate| *rate > 0),
                request_timeout: of.request_timeout.duration(),
                body_bytes_max: of.request_bytes_max.into(),
            },
        })
    }

    /// Where it listens.
    fn listens_at(&self) -> [SocketAddr; 2] {
        [SocketAddr::new(self.address.into(), self.port), SocketAddr::new(PROXY_V6.into(), self.port)]
    }
}

/// Serves guests until it is dropped, by what the directory says.
///
/// # Errors
/// When the certificates that the options name cannot be used.
pub async fn run(options: ProxyOptions, directory: Directory) -> Result<(), ProxyError> {
    let nova = nova::Nova::new(&options.nova, options.limits.request_timeout)
        .map_err(|error| ProxyError::Nova(error.to_string()))?;
    let proxy = Arc::new(serve::Proxy::new(&options, nova, directory));
    info!(nova = %proxy.nova_address(), interface = options.interface, "the metadata service is served");
    let [v4, v6] = options.listens_at();
    let mended = watch::Sender::new(0);
    tokio::join!(
        device::keep(&options, &mended),
        serve::listen(Arc::clone(&proxy), v4, mended.subscribe()),
        serve::listen(Arc::clone(&proxy), v6, mended.subscribe())
    );
    Ok(())
}

/// Keeps a directory as the store says, for a process that does nothing else with the store.
pub async fn follow(store: Arc<dyn Store>, directory: Directory) {
    let tables = vec![Table::LogicalPort, Table::ChildPortSegmentation];
    let seed = directory.chassis().to_string();
    let (mut news, following) = northbound::follow_tables(store, tables, None, &seed);
    let learning = async {
        while let Some(news) = news.recv().await {
            directory.store(&news);
        }
    };
    tokio::join!(following, learning);
}
