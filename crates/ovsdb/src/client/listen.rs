//! The listening side: a switch whose manager we are connects to us.
//!
//! [`Listener::accept`] completes TLS handshakes in the background, a bounded number at a time, so a peer that
//! connects and says nothing delays nobody. Accepting again after a transient error (the process is out of file
//! descriptors, a peer went away) is the caller's loop; such errors never close the listener.

use std::io;
use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;
use std::time::Duration;

use tokio::net::{TcpListener, UnixListener};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::stream::{ConnectError, Stream};
use super::tls::TlsConfig;
use crate::address::Address;

/// TLS handshakes in progress; further connections wait in the kernel's queue.
const MAX_PENDING_HANDSHAKES: usize = 64;
/// From the connection to the end of the TLS handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Who connected, as the transport knows it. Which switch it is only its database says.
pub type Peer = String;

#[derive(Debug)]
enum Socket {
    Unix(UnixListener),
    Tcp(TcpListener),
}

/// A bound passive address.
pub struct Listener {
    socket: Socket,
    tls: Option<TlsAcceptor>,
    handshakes: JoinSet<Result<Stream, io::Error>>,
    address: Address,
}

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Listener({})", self.address)
    }
}

impl Listener {
    /// Listens at a passive address. A stale socket file at a unix path is replaced, anything else is not.
    pub async fn bind(address: &Address, tls: Option<&TlsConfig>) -> Result<Self, ConnectError> {
        let fail = |source| ConnectError::Io { address: address.clone(), source };
        let acceptor = match (address.is_tls(), tls) {
            (false, _) => None,
            (true, Some(tls)) => Some(tls.acceptor()?),
            (true, None) => return Err(ConnectError::NoTls(address.clone())),
        };
        let socket = match address {
            Address::ListenUnix(path) => {
                remove_stale_socket(path)?;
                Socket::Unix(UnixListener::bind(path).map_err(fail)?)
            }
            Address::ListenTcp { host, port } | Address::ListenTls { host, port } => {
                Socket::Tcp(TcpListener::bind((host.as_str(), *port)).await.map_err(fail)?)
            }
            active => return Err(ConnectError::Active(active.clone())),
        };
        let address = with_real_port(address, &socket);
        Ok(Self { socket, tls: acceptor, handshakes: JoinSet::new(), address })
    }

    /// Where it listens; a port that was asked for as 0 is the one that the system chose.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// The next connection that is ready to talk. Safe to cancel. An error concerns one connection only.
    pub async fn accept(&mut self) -> io::Result<Stream> {
        loop {
            let room = self.handshakes.len() < MAX_PENDING_HANDSHAKES;
            tokio::select! {
                biased;
                Some(done) = self.handshakes.join_next() => return done.map_err(io::Error::other)?,
                accepted = accept_one(&self.socket), if room => {
                    let accepted = accepted?;
                    let Some(acceptor) = self.tls.clone() else { return Ok(accepted) };
                    self.handshakes.spawn(async move {
                        let peer = accepted.peer().to_owned();
                        let stream = timeout(HANDSHAKE_TIMEOUT, acceptor.accept(accepted)).await;
                        let context = |error: io::Error| io::Error::new(error.kind(), format!("{peer}: {error}"));
                        let stream = stream.map_err(|_| context(io::ErrorKind::TimedOut.into()))?.map_err(context)?;
                        Ok(Stream::new(stream, peer))
                    });
                }
            }
        }
    }
}

async fn accept_one(socket: &Socket) -> io::Result<Stream> {
    match socket {
        Socket::Unix(listener) => {
            let (stream, _) = listener.accept().await?;
            Ok(Stream::new(stream, "unix socket"))
        }
        Socket::Tcp(listener) => {
            let (stream, peer) = listener.accept().await?;
            stream.set_nodelay(true)?;
            Ok(Stream::new(stream, peer.to_string()))
        }
    }
}

fn remove_stale_socket(path: &Path) -> Result<(), ConnectError> {
    let Ok(found) = std::fs::symlink_metadata(path) else { return Ok(()) };
    // Connecting tells a socket that somebody serves from one that a dead process left behind.
    if !found.file_type().is_socket() || std::os::unix::net::UnixStream::connect(path).is_ok() {
        return Err(ConnectError::PathTaken(path.to_owned()));
    }
    std::fs::remove_file(path).map_err(|_| ConnectError::PathTaken(path.to_owned()))
}

fn with_real_port(address: &Address, socket: &Socket) -> Address {
    let mut address = address.clone();
    if let (Address::ListenTcp { port, .. } | Address::ListenTls { port, .. }, Socket::Tcp(listener)) =
        (&mut address, socket)
        && let Ok(bound) = listener.local_addr()
    {
        *port = bound.port();
    }
    address
}
