//! Byte streams to a peer: unix, tcp, and TLS over tcp, behind one type.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::task::{Context, Poll};

use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

use super::tls::{TlsConfig, TlsError};
use crate::address::Address;

/// Why a connection could not be made.
#[derive(Debug, Error)]
pub enum ConnectError {
    #[error("connect to {address}: {source}")]
    Io { address: Address, source: io::Error },
    #[error("connect to {address}: no answer within the timeout")]
    Timeout { address: Address },
    #[error("{0} needs a private key, a certificate and a ca certificate; configure them")]
    NoTls(Address),
    #[error("{0} is an address to listen at, not one to connect to")]
    Passive(Address),
    #[error("{0} is an address to connect to, not one to listen at")]
    Active(Address),
    #[error("socket path {} exists and is not a stale socket; remove it or choose another", .0.display())]
    PathTaken(PathBuf),
    #[error("no address to connect to is configured")]
    NoAddress,
    #[error(transparent)]
    Tls(#[from] TlsError),
}

trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// An established connection.
pub struct Stream {
    inner: Box<dyn Duplex>,
    peer: String,
}

impl Stream {
    /// Wraps any byte stream, for instance one end of an in-memory pipe.
    pub fn new(inner: impl AsyncRead + AsyncWrite + Send + Unpin + 'static, peer: impl Into<String>) -> Self {
        Self { inner: Box::new(inner), peer: peer.into() }
    }

    /// Who is at the other end, for people.
    #[must_use]
    pub fn peer(&self) -> &str {
        &self.peer
    }

    /// Connects to an active address.
    pub async fn connect(address: &Address, tls: Option<&TlsConfig>) -> Result<Self, ConnectError> {
        let fail = |source| ConnectError::Io { address: address.clone(), source };
        match address {
            Address::Unix(path) => {
                Ok(Self::new(UnixStream::connect(path).await.map_err(fail)?, address.to_string()))
            }
            Address::Tcp { host, port } => {
                Ok(Self::new(connect_tcp(host, *port).await.map_err(fail)?, address.to_string()))
            }
            Address::Tls { host, port } => {
                let tls = tls.ok_or_else(|| ConnectError::NoTls(address.clone()))?;
                let (connector, name) = tls.connector(host)?;
                let tcp = connect_tcp(host, *port).await.map_err(fail)?;
                let stream = connector.connect(name, tcp).await.map_err(fail)?;
                Ok(Self::new(stream, address.to_string()))
            }
            passive => Err(ConnectError::Passive(passive.clone())),
        }
    }
}

async fn connect_tcp(host: &str, port: u16) -> io::Result<TcpStream> {
    let stream = TcpStream::connect((host, port)).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Stream({})", self.peer)
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
