//! The two servers: a real etcd, and ours.

use std::time::{Duration, Instant};

use etcd_wire::admin::StatusRequest;
use etcd_wire::{Client, ResponseHeader};
use nb_embedded::{EmbeddedStore, Options};
use testkit::EtcdCluster;
use testkit::scratch::ScratchDir;
use tokio::net::TcpListener;
use tokio::task::block_in_place;
use tonic::transport::{Channel, Endpoint};

/// How long a server may take to answer its first request.
const START_DEADLINE: Duration = Duration::from_secs(30);

/// A real etcd of one member.
pub(crate) struct Etcd {
    pub(crate) client: Client<Channel>,
    _cluster: EtcdCluster,
}

impl Etcd {
    pub(crate) async fn start() -> Self {
        let cluster = block_in_place(|| EtcdCluster::start(1).expect("an etcd"));
        let client = client(&cluster.endpoints()[0]).await;
        Self { client, _cluster: cluster }
    }
}

/// Our store, served.
pub(crate) struct Ours {
    pub(crate) client: Client<Channel>,
    _directory: ScratchDir,
}

impl Ours {
    pub(crate) async fn start() -> Self {
        let directory = ScratchDir::new().expect("a directory");
        let store = EmbeddedStore::open(directory.path().join("store"), Options::default()).expect("a store");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(async move { store.serve(listener, std::future::pending()).await });
        Self { client: client(&url).await, _directory: directory }
    }
}

async fn client(url: &str) -> Client<Channel> {
    let client = Client::new(Endpoint::from_shared(url.to_owned()).expect("a URL").connect_lazy());
    let start = Instant::now();
    loop {
        match client.status(StatusRequest {}).await {
            Ok(_) => return client,
            Err(status) => assert!(start.elapsed() < START_DEADLINE, "{url} does not answer: {status}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Leaves of a header what has to be the same on both servers.
pub(crate) fn anonymous(header: &mut Option<ResponseHeader>) {
    if let Some(header) = header {
        *header = ResponseHeader { revision: header.revision, ..ResponseHeader::default() };
    }
}
