//! Where a switch is reached: its management socket, a TCP address, or an address where it comes to us.

use std::fmt;
use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::time::{sleep, timeout};

/// A host that does not answer within this time is tried again.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Pause after a connection that could not be accepted.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// An address of a switch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// `unix:PATH`, usually the bridge's management socket.
    Unix(PathBuf),
    /// `tcp:IP:PORT`, where the switch listens.
    Tcp(SocketAddr),
    /// `ptcp:PORT:IP`, where we listen.
    Listen(SocketAddr),
}

/// Text that is no address of a switch.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0:?} is not the address of a switch: use unix:PATH, tcp:IP:PORT or ptcp:PORT[:IP]")]
pub struct ParseEndpointError(String);

impl FromStr for Endpoint {
    type Err = ParseEndpointError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || ParseEndpointError(text.to_owned());
        match text.split_once(':').ok_or_else(error)? {
            ("unix", path) if !path.is_empty() => Ok(Self::Unix(path.into())),
            ("tcp", address) => address.parse().map(Self::Tcp).map_err(|_| error()),
            ("ptcp", rest) => {
                let (port, ip) = rest.split_once(':').unwrap_or((rest, "127.0.0.1"));
                let port = port.parse().map_err(|_| error())?;
                let ip = ip.trim_matches(['[', ']']).parse().map_err(|_| error())?;
                Ok(Self::Listen(SocketAddr::new(ip, port)))
            }
            _ => Err(error()),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Tcp(address) => write!(f, "tcp:{address}"),
            Self::Listen(address) if address.is_ipv6() => {
                write!(f, "ptcp:{}:[{}]", address.port(), address.ip())
            }
            Self::Listen(address) => write!(f, "ptcp:{}:{}", address.port(), address.ip()),
        }
    }
}

/// A byte stream to a switch.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Makes connections to one endpoint, one after the other.
#[derive(Debug)]
pub struct Connector {
    endpoint: Endpoint,
    listener: Option<TcpListener>,
}

impl Connector {
    /// Connects to `endpoint` whenever asked.
    pub fn new(endpoint: Endpoint) -> Self {
        Self { endpoint, listener: None }
    }

    /// Where it connects to.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// A connection that somebody makes to us; never where we do not listen. Can be cancelled without loss.
    pub async fn next_incoming(&mut self) -> Box<dyn Stream> {
        let Some(listener) = &self.listener else { return pending().await };
        loop {
            match listener.accept().await.and_then(|(stream, _)| without_delay(stream)) {
                Ok(stream) => return stream,
                // Out of file descriptors, or a peer that is gone already: neither is helped by haste.
                Err(_) => sleep(ACCEPT_PAUSE).await,
            }
        }
    }

    /// The next connection.
    pub async fn connect(&mut self) -> io::Result<Box<dyn Stream>> {
        if let (Endpoint::Listen(address), None) = (&self.endpoint, &self.listener) {
            self.listener = Some(TcpListener::bind(address).await?);
        }
        match (&self.endpoint, &self.listener) {
            (Endpoint::Unix(path), _) => Ok(Box::new(UnixStream::connect(path).await?)),
            (Endpoint::Tcp(address), _) => {
                without_delay(timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await??)
            }
            (Endpoint::Listen(_), Some(listener)) => without_delay(listener.accept().await?.0),
            (Endpoint::Listen(address), None) => {
                Err(io::Error::new(io::ErrorKind::NotConnected, format!("not listening on {address}")))
            }
        }
    }
}

/// A change of one flow is a small message that should not wait for more.
fn without_delay(stream: TcpStream) -> io::Result<Box<dyn Stream>> {
    stream.set_nodelay(true)?;
    Ok(Box::new(stream))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_round_trip() {
        for text in [
            "unix:/run/openvswitch/br-int.mgmt",
            "tcp:127.0.0.1:6653",
            "ptcp:6653:0.0.0.0",
            "ptcp:6653:[::1]",
        ] {
            assert_eq!(text.parse::<Endpoint>().unwrap().to_string(), text);
        }
        assert_eq!("ptcp:6653".parse::<Endpoint>().unwrap().to_string(), "ptcp:6653:127.0.0.1");
    }

    #[test]
    fn what_is_no_address_is_refused_with_a_hint() {
        for text in
            ["", "br-int", "unix:", "tcp:localhost", "tcp:127.0.0.1:x", "ptcp:70000", "ssl:127.0.0.1:1"]
        {
            let error = text.parse::<Endpoint>().unwrap_err().to_string();
            assert!(error.contains("unix:PATH"), "{error}");
        }
    }
}
