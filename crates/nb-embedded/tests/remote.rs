//! The etcd driver against the store over a socket: the contract of northbound stores holds from end to end, also while
//! the server goes and comes back.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nb::conformance::{Harness, Outages};
use nb::{BoxFuture, Store};
use nb_embedded::{EmbeddedStore, OpenError, Options};
use nb_etcd::EtcdStore;
use testkit::scratch::ScratchDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

const DEADLINE: Duration = Duration::from_secs(20);

/// A server that can be stopped.
struct Server {
    address: SocketAddr,
    path: PathBuf,
    running: Mutex<Option<Running>>,
    _directory: ScratchDir,
}

struct Running {
    store: EmbeddedStore,
    end: oneshot::Sender<()>,
    serving: JoinHandle<()>,
}

impl Server {
    async fn start() -> Self {
        let directory = ScratchDir::new().expect("a directory");
        let path = directory.path().join("store");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let running = Mutex::new(Some(serve(&path, listener).await));
        Self { address, path, running, _directory: directory }
    }

    fn running(&self) -> MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn serve(path: &PathBuf, listener: TcpListener) -> Running {
    let start = Instant::now();
    let store = loop {
        match EmbeddedStore::open(path, Options::default()) {
            Ok(store) => break store,
            // The last task of the server before may still be about to end.
            Err(OpenError::InUse { .. }) if start.elapsed() < DEADLINE => {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            Err(error) => panic!("{error}"),
        }
    };
    let (end, ended) = oneshot::channel::<()>();
    let served = store.clone();
    let serving = tokio::spawn(async move {
        let until = async {
            let _ = ended.await;
        };
        served.serve(listener, until).await.expect("a server");
    });
    Running { store, end, serving }
}

impl Harness for Server {
    fn connect(&self) -> Arc<dyn Store> {
        let options = nb_etcd::Options {
            request_timeout_ms: 3_000,
            connect_timeout_ms: 1_000,
            progress_interval_ms: 500,
            silence_ms: 2_000,
            backoff_max_ms: 500,
            ..nb_etcd::Options::new([format!("http://{}", self.address)])
        };
        Arc::new(EtcdStore::new(&options).expect("good options"))
    }

    fn compact(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            let store = self.running().as_ref().expect("a server").store.clone();
            store.compact(store.revision()).await.expect("a compaction");
        })
    }
}

impl Outages for Server {
    fn stop(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            let Running { store, end, serving } = self.running().take().expect("a server");
            drop(end);
            let ended = tokio::time::timeout(DEADLINE, serving).await;
            ended.expect("the server ends in time").expect("the server ends well");
            drop(store);
        })
    }

    fn start(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            let listener = TcpListener::bind(self.address).await.expect("the port of before");
            let running = serve(&self.path, listener).await;
            *self.running() = Some(running);
        })
    }
}

nb::conformance_tests!(Server::start().await);
nb::outage_tests!(Server::start().await);
