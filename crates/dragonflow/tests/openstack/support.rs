//! Servers for tests: the real program with an API, on a store of its own or on that of another server.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use testkit::process::{self, Daemon};
use testkit::scratch::ScratchDir;
use testkit::{require_tool, wait_until};

use crate::http::Client;

pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
const FIRST_PORT: u16 = 20_000;

/// All rows of a store, by their keys.
pub(crate) type Dump = BTreeMap<String, String>;

/// A server. Dropping it kills it and removes its files.
pub(crate) struct Server {
    daemon: Option<Daemon>,
    api: String,
    store: String,
    directory: ScratchDir,
}

impl Drop for Server {
    #[expect(clippy::print_stderr, reason = "what the program logged belongs to the failure of a test")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.path("log")).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            eprintln!("{}", lines[lines.len().saturating_sub(30)..].join("\n"));
        }
    }
}

impl Server {
    /// A server with a store of its own.
    pub(crate) fn new() -> Self {
        Self::with("")
    }

    /// The same with more lines in section `[df_api]`.
    pub(crate) fn with(api_options: &str) -> Self {
        Self::alone(&format!("auth_strategy = noauth\n{api_options}"))
    }

    /// A server that asks keystone, as these lines in section `[keystone_authtoken]` say.
    pub(crate) fn with_keystone(options: &str) -> Self {
        Self::alone(&format!("auth_strategy = keystone\n\n[keystone_authtoken]\n{options}"))
    }

    fn alone(api_options: &str) -> Self {
        let directory = ScratchDir::new().expect("a directory");
        let store = unique_address();
        let path = directory.path().join("store");
        let options = format!("embedded_path = {}\nembedded_listen = {store}", path.display());
        Self::launch(directory, store, &options, api_options)
    }

    /// A further server on the store of this one.
    pub(crate) fn beside(&self) -> Self {
        let directory = ScratchDir::new().expect("a directory");
        Self::launch(directory, self.store.clone(), "embedded_enabled = False", "auth_strategy = noauth")
    }

    fn launch(directory: ScratchDir, store: String, store_options: &str, api_options: &str) -> Self {
        let api = unique_address();
        let text = format!(
            "[DEFAULT]\ndns_domain = example.test\n\n[df]\nnb_db_class = etcd_nb_db_driver\nremote_db_hosts = {store}\n\n[df_store]\n{store_options}\n\n\
             [df_api]\nbind = {api}\n{api_options}\n\n\
             [quotas]\nquota_port = -1\nquota_network = -1\nquota_subnet = -1\nquota_security_group = 20\nquota_router = 50\n"
        );
        std::fs::write(directory.path().join("server.ini"), text).expect("the configuration is written");
        let mut server = Self { daemon: None, api, store, directory };
        server.start();
        server
    }

    /// Starts a server that was killed, and waits until it answers.
    pub(crate) fn start(&mut self) {
        let mut command = Command::new(binary());
        command.args(["server", "--config-file"]).arg(self.path("server.ini"));
        let mut daemon = Daemon::start("dragonflow server", &command, &self.path("log")).expect("it starts");
        wait_until(PATIENCE, "the API to answer", || {
            daemon.check_running().expect("the server runs");
            TcpStream::connect(&self.api).ok()
        });
        self.daemon = Some(daemon);
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        self.daemon.take().expect("the server runs").kill().expect("it is killed");
    }

    pub(crate) fn pid(&self) -> u32 {
        self.daemon.as_ref().expect("the server runs").pid()
    }

    /// Whether the process has not ended.
    pub(crate) fn assert_running(&mut self) {
        self.daemon.as_mut().expect("the server runs").check_running().expect("the server runs on");
    }

    /// A file beside those of the server.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Where the API listens.
    pub(crate) fn address(&self) -> &str {
        &self.api
    }

    /// A connection of an administrator.
    pub(crate) fn client(&self) -> Client {
        Client::new(&self.api)
    }

    /// All that is stored, as `etcdctl` sees it.
    pub(crate) fn dump(&self) -> Dump {
        let mut command = Command::new(require_tool("etcdctl"));
        command.env("ETCDCTL_API", "3").args(["--endpoints", &self.store, "get", "--prefix", ""]);
        let text = process::run(&command).expect("etcdctl reads the store");
        let mut lines = text.lines();
        let mut rows = Dump::new();
        while let Some(key) = lines.next() {
            assert!(key.starts_with('/'), "no key: {key}");
            rows.insert(key.to_owned(), lines.next().expect("a value").to_owned());
        }
        rows
    }

    /// A network with a subnet; their ids.
    pub(crate) fn network(&self, name: &str, cidr: &str) -> (String, String) {
        let mut client = self.client();
        let network = client.create("network", &json!({"name": name}));
        let network = text(&network["id"]);
        let subnet = client
            .create("subnet", &json!({"network_id": network, "ip_version": 4, "cidr": cidr, "name": name}));
        (network, text(&subnet["id"]))
    }
}

/// The program under test.
fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_dragonflow"))
}

/// A loopback address and a port that no other test uses.
pub(crate) fn unique_address() -> String {
    static NEXT: AtomicU16 = AtomicU16::new(FIRST_PORT);
    let [_, high, middle, low] = std::process::id().to_be_bytes();
    let address = Ipv4Addr::new(127, 64 + high % 64, middle, low);
    SocketAddrV4::new(address, NEXT.fetch_add(1, Ordering::Relaxed)).to_string()
}

/// A text that has to be one.
#[track_caller]
pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}
