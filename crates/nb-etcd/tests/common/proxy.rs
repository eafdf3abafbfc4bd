//! A TCP proxy that does what networks do: cut, stall, delay, lose what comes back, lead elsewhere.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

const CHUNK_BYTES: usize = 16 * 1024;

/// What happens to bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// They pass.
    None,
    /// They stay where they are; connections stay open.
    Stall,
    /// Connections end, and new ones end at once.
    Cut,
    /// What the server says is lost, what the client says is not.
    LoseAnswers,
    /// Each piece waits before it passes.
    Delay(Duration),
}

/// The proxy; it ends with the value.
#[derive(Debug)]
pub(crate) struct Proxy {
    address: SocketAddr,
    fault: Arc<watch::Sender<Fault>>,
    target: Arc<watch::Sender<SocketAddr>>,
    /// Connections that are open.
    open: watch::Receiver<usize>,
    task: JoinHandle<()>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Proxy {
    /// A proxy to an endpoint.
    pub(crate) async fn start(endpoint: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let fault = Arc::new(watch::Sender::new(Fault::None));
        let target = Arc::new(watch::Sender::new(address_of(endpoint)));
        let (counter, open) = watch::channel(0);
        let task = tokio::spawn(serve(listener, Arc::clone(&fault), Arc::clone(&target), Arc::new(counter)));
        Self { address, fault, target, open, task }
    }

    pub(crate) fn endpoint(&self) -> String {
        self.address.to_string()
    }

    pub(crate) fn set(&self, fault: Fault) {
        self.fault.send_replace(fault);
    }

    /// Ends all connections; new ones pass again.
    pub(crate) async fn cut(&self) {
        self.set(Fault::Cut);
        self.open.clone().wait_for(|open| *open == 0).await.expect("a proxy that runs");
        self.set(Fault::None);
    }

    /// Connections that are made from now on lead to another endpoint.
    pub(crate) fn lead_to(&self, endpoint: &str) {
        self.target.send_replace(address_of(endpoint));
    }
}

fn address_of(endpoint: &str) -> SocketAddr {
    let address = endpoint.split_once("://").map_or(endpoint, |(_, address)| address);
    address.parse().expect("the address of an endpoint")
}

async fn serve(
    listener: TcpListener,
    fault: Arc<watch::Sender<Fault>>,
    target: Arc<watch::Sender<SocketAddr>>,
    open: Arc<watch::Sender<usize>>,
) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((client, _)) = listener.accept().await else { return };
        if *fault.borrow() == Fault::Cut {
            continue;
        }
        let fault = fault.subscribe();
        let server = *target.borrow();
        let counted = Counted::new(Arc::clone(&open));
        connections.spawn(async move {
            let _counted = counted;
            let Ok(server) = TcpStream::connect(server).await else { return };
            let (from_client, to_client) = client.into_split();
            let (from_server, to_server) = server.into_split();
            let mut is_cut = fault.clone();
            // Either end closes both, as does a cut.
            tokio::select! {
                () = pump(from_client, to_server, fault.clone(), false) => {}
                () = pump(from_server, to_client, fault, true) => {}
                _ = is_cut.wait_for(|fault| *fault == Fault::Cut) => {}
            }
        });
    }
}

/// One open connection.
struct Counted(Arc<watch::Sender<usize>>);

impl Counted {
    fn new(open: Arc<watch::Sender<usize>>) -> Self {
        open.send_modify(|open| *open += 1);
        Self(open)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.send_modify(|open| *open -= 1);
    }
}

async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut fault: watch::Receiver<Fault>,
    is_answer: bool,
) {
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let Ok(read @ 1..) = from.read(&mut chunk).await else { return };
        let is_over = fault.wait_for(|fault| *fault != Fault::Stall).await.map(|fault| *fault);
        match is_over {
            Ok(Fault::Cut) | Err(_) => return,
            Ok(Fault::LoseAnswers) if is_answer => continue,
            Ok(Fault::Delay(time)) => tokio::time::sleep(time).await,
            Ok(_) => {}
        }
        if to.write_all(&chunk[..read]).await.is_err() {
            return;
        }
    }
}
