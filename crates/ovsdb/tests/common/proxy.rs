//! A unix socket in front of a server that a test can cut and restore.

use std::path::{Path, PathBuf};

use ovsdb::address::Address;
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;

pub(crate) struct Proxy {
    path: PathBuf,
    upstream: PathBuf,
    /// Aborted when dropped, and the connections with it.
    accepting: Option<JoinSet<()>>,
}

impl Proxy {
    pub(crate) fn new(path: PathBuf, upstream: &Path) -> Self {
        let mut proxy = Self { path, upstream: upstream.to_owned(), accepting: None };
        proxy.restore();
        proxy
    }

    pub(crate) fn address(&self) -> Address {
        Address::Unix(self.path.clone())
    }

    /// Breaks every connection and takes no more.
    pub(crate) fn cut(&mut self) {
        self.accepting = None;
        std::fs::remove_file(&self.path).unwrap();
    }

    pub(crate) fn restore(&mut self) {
        let listener = UnixListener::bind(&self.path).unwrap();
        let upstream = self.upstream.clone();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((mut down, _)) = listener.accept().await {
                let upstream = upstream.clone();
                connections.spawn(async move {
                    if let Ok(mut up) = UnixStream::connect(upstream).await {
                        let _ = tokio::io::copy_bidirectional(&mut down, &mut up).await;
                    }
                });
            }
        });
        self.accepting = Some(tasks);
    }
}
