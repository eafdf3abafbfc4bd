//! Hosts with an Open vSwitch and a controller each, on one store in memory; guests that are plugged into them.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use config::{Environment, Source, load};
use controller::{Controller, Options, Status};
use model::{LogicalPort, Model, Object, PortState, PortStatus, RowId, Table, Topic};
use nb::{Key, MemoryStore, Store, Txn};
use testkit::{Guest, GuestSpec, Namespace, Ovs};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

pub(crate) const BRIDGE: &str = "br-int";
/// How long anything may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// How often somebody who waits looks.
const LOOK: Duration = Duration::from_millis(10);
const UNDERLAY: &str = "underlay0";

/// The hosts of a test, joined by a switch, and the store.
pub(crate) struct Cloud {
    pub(crate) hosts: Vec<Host>,
    pub(crate) store: MemoryStore,
    _fabric: Namespace,
}

/// A host.
pub(crate) struct Host {
    running: Option<Running>,
    pub(crate) ovs: Ovs,
    pub(crate) namespace: Namespace,
    pub(crate) name: String,
    pub(crate) tunnel_ip: Ipv4Addr,
    pub(crate) recording: Option<PathBuf>,
    pub(crate) audit_interval: Option<Duration>,
}

/// A controller that runs.
struct Running {
    status: watch::Receiver<Status>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), controller::ControllerError>>,
}

impl Cloud {
    pub(crate) fn new(hosts: u8) -> Self {
        testkit::require_root();
        let store = MemoryStore::new();
        let fabric = Namespace::new().unwrap();
        fabric.ip(&["link", "add", "fabric", "type", "bridge"]).unwrap();
        fabric.set_up("fabric").unwrap();
        let hosts = (1..=hosts).map(|number| Host::new(&fabric, number)).collect();
        Self { hosts, store, _fabric: fabric }
    }

    /// The same, with all controllers started.
    pub(crate) async fn started(hosts: u8) -> Self {
        let mut cloud = Self::new(hosts);
        for place in 0..cloud.hosts.len() {
            cloud.start(place);
        }
        for host in &mut cloud.hosts {
            host.wait(|status| status.is_ready).await;
        }
        cloud
    }

    pub(crate) fn start(&mut self, place: usize) {
        let store = Arc::new(self.store.clone());
        self.hosts[place].start(store);
    }

    pub(crate) async fn put(&self, table: Table, text: &str) {
        let object = Object::from_text(table, text).unwrap_or_else(|error| panic!("{error}"));
        self.store.commit(Txn::new().put_object(&object)).await.unwrap();
    }

    pub(crate) async fn delete(&self, table: Table, id: &str) {
        let key = Key::new(table, RowId::new(id).unwrap()).with_topic(Topic::new("t"));
        self.store.commit(Txn::new().delete(key)).await.unwrap();
    }

    /// Deletes a row that is of no project.
    pub(crate) async fn delete_plain(&self, table: Table, id: &str) {
        self.store.commit(Txn::new().delete(Key::new(table, RowId::new(id).unwrap()))).await.unwrap();
    }

    /// A network with a subnet 10.`number`.0.0/24.
    pub(crate) async fn network(&self, name: &str, number: u8) {
        let network = format!(
            r#"{{"id": "{name}", "topic": "t", "unique_key": {number}, "version": 1, "network_type": "geneve",
                "segmentation_id": {number}, "mtu": 1400, "is_external": false}}"#
        );
        let subnet = format!(
            r#"{{"id": "{name}-v4", "topic": "t", "version": 1, "lswitch": "{name}", "cidr": "10.{number}.0.0/24",
                "enable_dhcp": false, "gateway_ip": "10.{number}.0.254"}}"#
        );
        self.put(Table::LogicalSwitch, &network).await;
        self.put(Table::Subnet, &subnet).await;
    }

    /// A port of a network, bound to a host or to none.
    pub(crate) async fn port(&self, port: Port, host: Option<&str>) {
        self.put(Table::LogicalPort, &port.row(host, 1)).await;
    }

    pub(crate) fn plug(&self, place: usize, port: Port) -> Guest {
        let spec = GuestSpec {
            bridge: BRIDGE,
            interface: &format!("tap-{}", port.name),
            mac: &port.mac(),
            addresses: &[&format!("{}/24", port.ip())],
            iface_id: Some(port.name),
        };
        Guest::plug(&self.hosts[place].ovs, spec).unwrap()
    }

    pub(crate) async fn read<T: Model>(&self, id: &str) -> Option<T> {
        let key = Key::new(T::TABLE, RowId::new(id).unwrap()).with_topic(Topic::new("t"));
        let row = self.store.read(&[key]).await.ok()?.remove(0)?;
        Some(T::from_text(std::str::from_utf8(&row.value).unwrap()).unwrap())
    }

    pub(crate) async fn state(&self, port: &str) -> Option<PortState> {
        self.read::<PortStatus>(port).await.map(|status| status.state)
    }

    pub(crate) async fn chassis(&self, port: &str) -> Option<String> {
        self.read::<LogicalPort>(port).await?.chassis().map(ToString::to_string)
    }

    pub(crate) async fn wait_state(&self, port: &str, state: PortState) {
        let what = format!("port {port} to be {state:?}");
        until(&what, async || (self.state(port).await == Some(state)).then_some(())).await;
    }

    pub(crate) async fn wait_chassis(&self, port: &str, chassis: Option<&str>) {
        let what = format!("port {port} to be on {chassis:?}");
        until(&what, async || (self.chassis(port).await.as_deref() == chassis).then_some(())).await;
    }
}

/// Waits until there is something.
pub(crate) async fn until<T>(what: &str, look: impl AsyncFn() -> Option<T>) -> T {
    let waiting = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            sleep(LOOK).await;
        }
    };
    timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("waited in vain for {what}"))
}

/// A port in a network `10.<network>.0.0/24`.
#[derive(Clone, Copy)]
pub(crate) struct Port {
    pub(crate) name: &'static str,
    pub(crate) network: &'static str,
    pub(crate) network_number: u8,
    pub(crate) number: u8,
}

impl Port {
    pub(crate) const fn new(name: &'static str, network: (&'static str, u8), number: u8) -> Self {
        Self { name, network: network.0, network_number: network.1, number }
    }

    pub(crate) fn ip(self) -> IpAddr {
        Ipv4Addr::new(10, self.network_number, 0, self.number).into()
    }

    pub(crate) fn mac(self) -> String {
        format!("fa:16:3e:00:{:02x}:{:02x}", self.network_number, self.number)
    }

    pub(crate) fn row(self, host: Option<&str>, version: u64) -> String {
        let binding = match host {
            Some(host) => format!(r#"{{"chassis": "{host}", "type": "chassis"}}"#),
            None => "null".to_owned(),
        };
        format!(
            r#"{{"id": "{}", "topic": "t", "unique_key": {}, "version": {version}, "lswitch": "{}", "enabled": true,
                "macs": ["{}"], "ips": ["{}"], "subnets": ["{}-v4"], "device_owner": "compute:nova",
                "binding": {binding}}}"#,
            self.name,
            u32::from(self.network_number) * 256 + u32::from(self.number),
            self.network,
            self.mac(),
            self.ip(),
            self.network,
        )
    }
}

impl Host {
    fn new(fabric: &Namespace, number: u8) -> Self {
        let cable = format!("to-host-{number}");
        let namespace = Namespace::new().unwrap();
        namespace.connect(UNDERLAY, fabric, &cable).unwrap();
        namespace.disable_checksum_offload(UNDERLAY).unwrap();
        fabric.ip(&["link", "set", "dev", &cable, "master", "fabric"]).unwrap();
        let tunnel_ip = Ipv4Addr::new(192, 0, 2, number);
        let ovs = Ovs::netdev(&namespace).unwrap();
        ovs.add_underlay("br-phys", UNDERLAY, &format!("{tunnel_ip}/24")).unwrap();
        Self {
            running: None,
            ovs,
            namespace,
            name: format!("host-{number}"),
            tunnel_ip,
            recording: None,
            audit_interval: None,
        }
    }

    fn options(&self) -> Options {
        let text = format!(
            "[DEFAULT]\nhost = {}\n[df]\nlocal_ip = {}\nenable_dpdk = True\nreport_interval = 1\n\
             ovsdb_connection = unix:{}\n[df_l3_app]\ngateway_hold_seconds = 3\n",
            self.name,
            self.tunnel_ip,
            self.ovs.db_socket().display()
        );
        let source = Source::Text { name: "test".to_owned(), text };
        let loaded =
            load(&[source], &Environment::new("unnamed")).unwrap_or_else(|problems| panic!("{problems}"));
        let (mut options, _) = Options::from_config(&loaded.config, self.ovs.rundir()).unwrap();
        options.recording =
            self.recording.clone().map(|path| controller::options::Recording { path, bytes_max: 1 << 30 });
        options.limits.audit_interval = self.audit_interval;
        options
    }

    fn start(&mut self, store: Arc<dyn Store>) {
        assert!(self.running.is_none(), "the controller of {} runs already", self.name);
        let controller = Controller::new(self.options(), store);
        let status = controller.status();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(controller.run(async {
            // Told to stop, or forgotten with the test.
            let _ = stopped.await;
        }));
        self.running = Some(Running { status, stop, task });
    }

    /// Stops the controller as an operator does.
    pub(crate) async fn stop(&mut self) {
        let Running { stop, task, .. } = self.running.take().expect("the controller runs");
        stop.send(()).expect("the controller runs");
        timeout(PATIENCE, task).await.expect("it stops in time").unwrap().unwrap();
    }

    /// Ends the controller where it stands.
    pub(crate) async fn kill(&mut self) {
        let Running { task, .. } = self.running.take().expect("the controller runs");
        task.abort();
        let _ = task.await;
    }

    pub(crate) fn status(&self) -> Status {
        self.running.as_ref().expect("the controller runs").status.borrow().clone()
    }

    pub(crate) async fn wait(&mut self, wanted: impl FnMut(&Status) -> bool) -> Status {
        let running = self.running.as_mut().expect("the controller runs");
        if let Ok(found) = timeout(PATIENCE, running.status.wait_for(wanted)).await {
            return found.expect("the controller runs").clone();
        }
        panic!("{} did not come to it: {:#?}", self.name, running.status.borrow())
    }

    /// The flows of the integration bridge, sorted, without statistics.
    pub(crate) fn flows(&self) -> Vec<String> {
        let dumped = self.ovs.ofctl(&["-O", "OpenFlow13", "--no-stats", "dump-flows", BRIDGE]).unwrap();
        let mut flows: Vec<String> = dumped.lines().map(|line| line.trim().to_owned()).collect();
        flows.sort_unstable();
        flows
    }

    /// How many flows and groups mention a text.
    pub(crate) fn mentions(&self, text: &str) -> usize {
        let groups = self.ovs.ofctl(&["-O", "OpenFlow13", "dump-groups", BRIDGE]).unwrap();
        let flows = self.flows();
        flows.iter().map(String::as_str).chain(groups.lines()).filter(|line| line.contains(text)).count()
    }
}

/// Runs something that waits for processes, without holding up the controllers.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

/// One answer to a ping.
pub(crate) async fn reaches(guest: &Guest, target: IpAddr) {
    let namespace = guest.namespace().clone();
    blocking(move || namespace.wait_for_ping(target, PATIENCE)).await.unwrap();
}

/// How many of some pings are answered.
pub(crate) async fn pings(guest: &Guest, target: IpAddr, count: usize) -> usize {
    let namespace = guest.namespace().clone();
    blocking(move || namespace.ping(target, count)).await.unwrap().received
}

/// Logs to the output of the test, if asked for by RUST_LOG.
pub(crate) fn log() {
    let _ = tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_test_writer()
        .try_init();
}
