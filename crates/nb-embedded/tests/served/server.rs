//! A store that is served, and `etcdctl` to ask it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use nb_embedded::{EmbeddedStore, Options};
use testkit::process::output_of;
use testkit::require_tool;
use testkit::scratch::ScratchDir;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A store in a directory of its own, served on a port of its own.
pub(crate) struct Served {
    pub(crate) store: EmbeddedStore,
    pub(crate) address: SocketAddr,
    pub(crate) runtime: Runtime,
    end: Option<oneshot::Sender<()>>,
    serving: Option<JoinHandle<()>>,
    _directory: ScratchDir,
}

impl Served {
    pub(crate) fn start(options: Options) -> Self {
        let directory = ScratchDir::new().expect("a directory");
        let store = EmbeddedStore::open(directory.path().join("store"), options).expect("a store");
        let runtime = Runtime::new().expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port");
        let address = listener.local_addr().expect("an address");
        let (end, ended) = oneshot::channel::<()>();
        let served = store.clone();
        let serving = runtime.spawn(async move {
            let until = async {
                let _ = ended.await;
            };
            served.serve(listener, until).await.expect("a server");
        });
        Self { store, address, runtime, end: Some(end), serving: Some(serving), _directory: directory }
    }

    /// Ends the server and waits until it is gone.
    pub(crate) fn stop(&mut self) {
        drop(self.end.take());
        if let Some(serving) = self.serving.take() {
            self.runtime.block_on(serving).expect("the server ends well");
        }
    }

    /// The command `etcdctl` with these arguments.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(etcdctl());
        command.env("ETCDCTL_API", "3").arg("--endpoints").arg(self.address.to_string()).args(args);
        command
    }

    /// What `etcdctl` says; fails when it does.
    pub(crate) fn ctl(&self, args: &[&str]) -> String {
        let output = output_of(&self.command(args)).expect("etcdctl runs");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success(),
            "etcdctl {args:?}: {said}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        said
    }

    /// What `etcdctl` says when it fails.
    pub(crate) fn ctl_fails(&self, args: &[&str]) -> String {
        let output = output_of(&self.command(args)).expect("etcdctl runs");
        assert!(
            !output.status.success(),
            "etcdctl {args:?} went well: {}",
            String::from_utf8_lossy(&output.stdout)
        );
        String::from_utf8_lossy(&output.stderr).into_owned()
    }
}

fn etcdctl() -> PathBuf {
    require_tool("etcdctl")
}
