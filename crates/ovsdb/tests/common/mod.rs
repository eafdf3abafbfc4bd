//! A real ovsdb-server for each test, and a consumer that checks every batch it gets.
//!
//! Each server has its own directory, sockets and database; it is ended by its process id when dropped.

#![allow(dead_code, reason = "each test binary uses its own part")]

pub(crate) mod pki;
pub(crate) mod proxy;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use ovsdb::Uuid;
use ovsdb::address::Address;
use ovsdb::client::{Client, ClientConfig, Source};
use ovsdb::monitor::MonitorSpec;
use ovsdb::row::{Batch, BatchKind, Row};
use ovsdb::transaction::{Mutations, Outcome, RowRef, Rows, Transaction, Values};
use ovsdb::typed::Table;
use ovsdb::vswitch::{self, Bridge, Interface, OpenvSwitch, Port};
use testkit::process::Daemon;
use testkit::scratch::ScratchDir;
use testkit::wait_until;
use tokio::sync::mpsc;

pub(crate) const SCHEMA: &str = "/usr/share/openvswitch/vswitch.ovsschema";
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

pub(crate) fn scratch() -> ScratchDir {
    ScratchDir::new().expect("a directory of this test")
}

/// Runs a command to its end and fails with what it said.
pub(crate) fn run(program: &str, arguments: &[&str]) -> String {
    testkit::process::run(Command::new(testkit::require_tool(program)).args(arguments)).unwrap()
}

/// A port that nobody listened on a moment ago.
pub(crate) fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// One ovsdb-server process and its database file.
pub(crate) struct Server {
    // Before the directory that it writes to.
    process: Option<Daemon>,
    pub(crate) dir: ScratchDir,
    database: PathBuf,
    extra: Vec<String>,
}

impl Server {
    /// With a fresh standalone database of the vswitch schema.
    pub(crate) fn standalone(extra: &[&str]) -> Self {
        let dir = scratch();
        Self::with_schema(dir, Path::new(SCHEMA), extra)
    }

    pub(crate) fn with_schema(dir: ScratchDir, schema: &Path, extra: &[&str]) -> Self {
        let database = dir.path().join("conf.db");
        run("ovsdb-tool", &["create", text(&database), text(schema)]);
        Self::start(dir, database, extra)
    }

    /// With a fresh raft database of one member.
    pub(crate) fn clustered() -> Self {
        let dir = scratch();
        let database = dir.path().join("conf.db");
        let address = format!("tcp:127.0.0.1:{}", free_port());
        run("ovsdb-tool", &["create-cluster", text(&database), SCHEMA, &address]);
        let server = Self::start(dir, database, &[]);
        server.wait_for_leader();
        server
    }

    fn start(dir: ScratchDir, database: PathBuf, extra: &[&str]) -> Self {
        let extra = extra.iter().map(|argument| (*argument).to_owned()).collect();
        let mut server = Self { process: None, dir, database, extra };
        server.launch();
        server
    }

    pub(crate) fn launch(&mut self) {
        // A killed server leaves its sockets behind, and they must not be taken for the new ones.
        let sockets = [self.socket(), self.control()];
        for stale in &sockets {
            let _ = std::fs::remove_file(stale);
        }
        let mut command = Command::new("ovsdb-server");
        command
            .arg(format!("--remote=punix:{}", text(&self.socket())))
            .arg(format!("--unixctl={}", text(&self.control())))
            .args(&self.extra)
            .arg(&self.database);
        self.process = Some(Daemon::start("ovsdb-server", &command, &self.log()).unwrap());
        wait_until(DEADLINE, "ovsdb-server to take connections", || {
            let listens = |socket| std::os::unix::net::UnixStream::connect(socket).is_ok();
            sockets.iter().all(listens).then_some(())
        });
    }

    /// A raft member of one accepts transactions only after it has elected itself.
    pub(crate) fn wait_for_leader(&self) {
        wait_until(DEADLINE, "the cluster to have a leader", || {
            let status = self.control_output(&["cluster/status", "Open_vSwitch"]);
            status.contains("Role: leader").then_some(())
        });
    }

    /// SIGKILL, as a crash would.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
        }
    }

    pub(crate) fn restart(&mut self) {
        self.kill();
        self.launch();
    }

    /// Changes the database file of a server that does not run.
    pub(crate) fn change_while_down(&self, transaction: &Transaction) {
        assert!(self.process.is_none(), "the server runs");
        let parameters = transaction.to_params(vswitch::DATABASE).to_string();
        let reply = run("ovsdb-tool", &["transact", text(&self.database), &parameters]);
        assert!(!reply.contains("\"error\""), "{reply}");
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.dir.path().join("db.sock")
    }

    pub(crate) fn control(&self) -> PathBuf {
        self.dir.path().join("ctl")
    }

    fn log(&self) -> PathBuf {
        self.dir.path().join("server.log")
    }

    pub(crate) fn address(&self) -> Address {
        Address::Unix(self.socket())
    }

    pub(crate) fn control_output(&self, command: &[&str]) -> String {
        let target = self.control();
        let mut arguments = vec!["-t", text(&target)];
        arguments.extend(command);
        run("ovs-appctl", &arguments)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Ok(log) = std::fs::read_to_string(self.log())
        {
            println!("ovsdb-server said:\n{log}");
        }
    }
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The columns that the tests follow.
pub(crate) fn monitor() -> MonitorSpec {
    MonitorSpec::new(&[
        OpenvSwitch::BRIDGES.info(),
        OpenvSwitch::EXTERNAL_IDS.info(),
        OpenvSwitch::NEXT_CFG.info(),
        Bridge::NAME.info(),
        Bridge::PORTS.info(),
        Bridge::FAIL_MODE.info(),
        Port::NAME.info(),
        Port::INTERFACES.info(),
        Port::TAG.info(),
        Interface::NAME.info(),
        Interface::TYPE.info(),
        Interface::OFPORT.info(),
        Interface::OPTIONS.info(),
        Interface::EXTERNAL_IDS.info(),
        Interface::ADMIN_STATE.info(),
    ])
}

/// Fast reconnection, so that tests wait little.
pub(crate) fn config() -> ClientConfig {
    let mut config = ClientConfig::new(vswitch::DATABASE);
    config.backoff.max_delay = Duration::from_millis(200);
    config
}

pub(crate) type Rowset = BTreeMap<(String, Uuid), Arc<Row>>;

/// A consumer that rebuilds the content from batches alone, and refuses batches that do not fit.
pub(crate) struct Follower {
    pub(crate) client: Client,
    batches: mpsc::Receiver<Batch>,
    pub(crate) rows: Rowset,
    pub(crate) kinds: Vec<BatchKind>,
}

impl Follower {
    pub(crate) fn dial(addresses: Vec<Address>) -> Self {
        Self::of(Source::Dial { addresses, tls: None })
    }

    pub(crate) fn of(source: Source) -> Self {
        Self::with(source, config())
    }

    pub(crate) fn with(source: Source, config: ClientConfig) -> Self {
        let (client, batches) = Client::spawn(source, config, monitor());
        Self { client, batches, rows: Rowset::new(), kinds: Vec::new() }
    }

    /// Waits for the next batch and applies it.
    pub(crate) async fn next(&mut self) -> Batch {
        self.next_for("the next batch").await
    }

    async fn next_for(&mut self, what: &str) -> Batch {
        let batch = tokio::time::timeout(DEADLINE, self.batches.recv()).await;
        let state = self.client.state().borrow().clone();
        let batch = batch.unwrap_or_else(|_| panic!("{what}: not within {DEADLINE:?}; {state:?}"));
        let batch = batch.expect("the client runs");
        self.apply(&batch);
        batch
    }

    /// Applies batches until the content satisfies the condition.
    pub(crate) async fn until(&mut self, what: &str, condition: impl Fn(&Rowset) -> bool) {
        while !condition(&self.rows) {
            self.next_for(what).await;
        }
    }

    fn apply(&mut self, batch: &Batch) {
        self.kinds.push(batch.kind);
        for change in &batch.changes {
            let key = (change.table().to_owned(), change.uuid);
            assert_ne!(change.old, change.new, "a change that changes nothing");
            let old = match &change.new {
                Some(new) => self.rows.insert(key, Arc::clone(new)),
                None => self.rows.remove(&key),
            };
            assert_eq!(old, change.old, "a batch does not continue where the last one ended");
        }
        assert!(batch.changes.is_sorted_by_key(|change| (change.table().to_owned(), change.uuid)));
    }

    pub(crate) async fn transact(&self, transaction: Transaction) -> Outcome {
        self.client.transact(transaction, DEADLINE).await.unwrap()
    }
}

/// The rows of a table, typed.
pub(crate) fn typed<T: Table>(rows: &Rowset) -> Vec<(Uuid, T)> {
    rows.iter().filter_map(|((_, uuid), row)| Some((*uuid, row.decode()?))).collect()
}

pub(crate) fn interface(rows: &Rowset, name: &str) -> Option<Interface> {
    typed::<Interface>(rows).into_iter().find(|(_, row)| row.name == name).map(|(_, row)| row)
}

/// What a reader that connects now sees.
pub(crate) async fn fresh_read(address: Address) -> Rowset {
    let mut reader = Follower::dial(vec![address]);
    let first = reader.next().await;
    assert_eq!(first.kind, BatchKind::Initial);
    reader.rows
}

/// Inserts the row of `Open_vSwitch` and a bridge.
pub(crate) fn create_bridge(name: &str) -> Transaction {
    let mut transaction = Transaction::new();
    let bridge = transaction.insert(&Values::new().set(&Bridge::NAME, name.to_owned()));
    transaction.insert(&Values::<OpenvSwitch>::new().refer(&OpenvSwitch::BRIDGES, [bridge]));
    transaction
}

/// Adds a port with an interface to a bridge.
pub(crate) fn add_port(bridge: &str, name: &str) -> Transaction {
    let mut transaction = Transaction::new();
    let interface = transaction.insert(&Values::of(&Interface { name: name.into(), ..Interface::default() }));
    let port = transaction
        .insert(&Values::new().set(&Port::NAME, name.to_owned()).refer(&Port::INTERFACES, [interface]));
    transaction.mutate(
        &Rows::matching(&Bridge::NAME, &bridge.to_owned()),
        &Mutations::new().insert_references(&Bridge::PORTS, [port]),
    );
    transaction
}

/// Takes a port off its bridge; the server then drops the port and its interface.
pub(crate) fn remove_port(bridge: &str, port: Uuid) -> Transaction {
    let mut transaction = Transaction::new();
    transaction.mutate(
        &Rows::matching(&Bridge::NAME, &bridge.to_owned()),
        &Mutations::new().delete_references(&Bridge::PORTS, [RowRef::Existing(port)]),
    );
    transaction
}

/// Sets external ids of an interface.
pub(crate) fn tag_interface(name: &str, key: &str, value: &str) -> Transaction {
    let mut transaction = Transaction::new();
    transaction.mutate(
        &Rows::matching(&Interface::NAME, &name.to_owned()),
        &Mutations::new().put(&Interface::EXTERNAL_IDS, &[(key.to_owned(), value.to_owned())].into()),
    );
    transaction
}
