//! Listening for etcd's clients.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use etcd_wire::EtcdService;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tonic::codegen::tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Server;
use tonic::transport::server::Connected;
use tracing::{info, warn};

use crate::authority::Authority;
use crate::grpc::{Closing, Face};
use crate::store::EmbeddedStore;

/// How much larger than a request its message may be: etcd allows the same.
const MESSAGE_OVERHEAD_BYTES: usize = 512 << 10;

/// How much is read from a connection at once.
const READ_BYTES: usize = 16 << 10;

/// How often a silent client is asked whether it is there.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(30);

/// How long it has to answer.
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);

/// How long to wait after no connection could be accepted, which says that the system has no room for it.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long clients have to take the answers to what was begun before the server ended.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(5);

/// The API could not be served.
#[derive(Debug, Error)]
pub enum ServeError {
    /// The socket says no address.
    #[error("cannot tell the address of the listening socket")]
    Address(#[source] io::Error),
    /// The server failed.
    #[error("the server of the store failed")]
    Server(#[source] tonic::transport::Error),
}

impl EmbeddedStore {
    /// Serves etcd's API to whoever connects to `listener`, until `shutdown` is done; then streams are ended, what was
    /// begun is answered, and it returns.
    ///
    /// # Errors
    /// When the server cannot go on.
    pub async fn serve(
        &self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), ServeError> {
        let address = listener.local_addr().map_err(ServeError::Address)?;
        let options = &self.shared.options;
        let (closing, is_closing) = watch::channel(false);
        let is_closing = Closing(is_closing);
        let face = Face::new(self.clone(), format!("http://{address}"), is_closing.clone());
        let message_bytes_max = options.request_bytes_max.saturating_add(MESSAGE_OVERHEAD_BYTES);
        let service = EtcdService::new(Arc::new(face), message_bytes_max);
        let connections = Arc::new(Semaphore::new(options.connections_max));
        let (accepted, incoming) = mpsc::channel(1);
        let out_of_patience = {
            let is_closing = is_closing.clone();
            async move {
                is_closing.wait().await;
                tokio::time::sleep(SHUTDOWN_GRACE).await;
            }
        };
        let accepting = tokio::spawn(accept(listener, connections, accepted, is_closing));
        info!(%address, path = %self.shared.path.display(), "the embedded store listens");
        if !address.ip().is_loopback() {
            warn!(%address, "the store knows no users: whoever reaches this address can read and write all of it");
        }
        // Who speaks HTTP/1 wants etcd's gateway for JSON, and is told that there is none.
        let server = Server::builder()
            .accept_http1(true)
            .max_concurrent_streams(options.connection_streams_max)
            .http2_keepalive_interval(Some(KEEPALIVE_INTERVAL))
            .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT));
        let end = async move {
            shutdown.await;
            closing.send_replace(true);
        };
        let served = server.serve_with_incoming_shutdown(service, ReceiverStream::new(incoming), end);
        let served = tokio::select! {
            served = served => served.map_err(ServeError::Server),
            () = out_of_patience => {
                warn!(%address, "clients of the store that do not read their answers were left behind");
                Ok(())
            }
        };
        accepting.abort();
        served
    }
}

/// Accepts connections while there is room for them; the others wait in the system's queue.
async fn accept(
    listener: TcpListener,
    connections: Arc<Semaphore>,
    accepted: mpsc::Sender<io::Result<Connection>>,
    closing: Closing,
) {
    loop {
        let next = async {
            let place = Arc::clone(&connections).acquire_owned().await.map_err(io::Error::other)?;
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            Ok::<_, io::Error>(Connection::new(stream, place))
        };
        let connection = tokio::select! {
            connection = next => connection,
            () = closing.wait() => return,
        };
        match connection {
            Ok(connection) => {
                if accepted.send(Ok(connection)).await.is_err() {
                    return;
                }
            }
            Err(error) => {
                warn!(%error, "a connection to the store was not accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// A connection, and its place among those that are allowed.
struct Connection {
    stream: TcpStream,
    authority: Authority,
    /// What came in and was not yet read, from `read` on.
    unread: Vec<u8>,
    read: usize,
    _place: OwnedSemaphorePermit,
}

impl Connection {
    const fn new(stream: TcpStream, place: OwnedSemaphorePermit) -> Self {
        Self { stream, authority: Authority::new(), unread: Vec::new(), read: 0, _place: place }
    }
}

impl Connected for Connection {
    type ConnectInfo = ();

    fn connect_info(&self) {}
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        while this.read == this.unread.len() {
            let mut space = [0; READ_BYTES];
            let mut came = ReadBuf::new(&mut space);
            ready!(Pin::new(&mut this.stream).poll_read(cx, &mut came))?;
            if came.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            this.read = 0;
            this.unread.clear();
            this.authority.take(came.filled(), &mut this.unread);
        }
        let unread = this.unread.get(this.read..).unwrap_or_default();
        let (here, _) = unread.split_at(unread.len().min(buf.remaining()));
        buf.put_slice(here);
        this.read = this.read.saturating_add(here.len());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
