//! Clouds for tests.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use testkit::cloud::{Cloud, CloudSpec, Site, Vm};
use testkit::{BackgroundPing, try_wait_until};

/// For everything that should happen; what takes longer does not happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A running cloud, with the logs of its programs at hand when a test fails.
pub(crate) struct Lab {
    pub(crate) cloud: Cloud,
}

impl Drop for Lab {
    #[expect(clippy::print_stderr, reason = "what the programs logged belongs to the failure of a test")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.cloud.logs());
        }
    }
}

/// The program under test.
pub(crate) fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_dragonflow"))
}

impl Lab {
    /// A cloud of so many hosts.
    pub(crate) fn new(hosts: u8) -> Self {
        Self::with(&CloudSpec { hosts, ..CloudSpec::new(binary()) })
    }

    pub(crate) fn with(spec: &CloudSpec<'_>) -> Self {
        testkit::require_root();
        Self { cloud: Cloud::start(spec).expect("the cloud starts") }
    }

    /// A network of a type, with one subnet of 256 addresses; its id. Ports are given addresses at random: those that end with
    /// 2 to 63, and others only if a test says so.
    pub(crate) fn network(&self, name: &str, kind: &str, cidr: &str) -> String {
        let api = self.cloud.api();
        let body = json!({"network": {"name": name, "provider:network_type": kind}});
        let network = api.post("/v2.0/networks", &body).and_then(|made| made.expect(201)).expect("a network");
        let id = network["network"]["id"].as_str().expect("an id").to_owned();
        let first = cidr.strip_suffix(".0/24").expect("256 addresses");
        let pool = json!({"start": format!("{first}.2"), "end": format!("{first}.63")});
        let body = json!({"network_id": id, "ip_version": 4, "cidr": cidr, "allocation_pools": [pool]});
        let body = json!({ "subnet": body });
        api.post("/v2.0/subnets", &body).and_then(|made| made.expect(201)).expect("a subnet");
        id
    }

    /// A subnet of the caller's choice in a network; its id.
    pub(crate) fn subnet(&self, body: &Value) -> String {
        let made = self.cloud.api().post("/v2.0/subnets", &json!({ "subnet": body }));
        let made = made.and_then(|made| made.expect(201)).expect("a subnet");
        made["subnet"]["id"].as_str().expect("an id").to_owned()
    }

    /// A port of the caller's choice, as the API shows it.
    pub(crate) fn port(&self, body: &Value) -> Value {
        let made = self.cloud.api().post("/v2.0/ports", &json!({ "port": body }));
        made.and_then(|made| made.expect(201)).expect("a port")["port"].clone()
    }

    /// A machine on a host, with its address, ready to talk.
    pub(crate) fn boot(&self, host: usize, name: &str, network: &str) -> Vm {
        let vm = self.cloud.boot(host, name, network).expect("a machine");
        self.cloud.wait_status(&vm, "ACTIVE").expect("its port forwards");
        let lease = vm.dhcp().expect("an address");
        assert_eq!(lease.get("ip"), Some(vm.address().expect("an address").to_string().as_str()));
        vm
    }

    /// Waits until all hosts know a port, as the API shows it.
    #[track_caller]
    pub(crate) fn wait_known(&self, port: &Value) {
        let mac = port["mac_address"].as_str().expect("a MAC address");
        for site in self.cloud.sites() {
            try_wait_until(PATIENCE, "a host to know the port", || {
                site.flows().ok()?.iter().any(|flow| flow.contains(mac)).then_some(())
            })
            .unwrap_or_else(|error| panic!("{mac} on {}: {error}: {:#?}", site.name, site.flows()));
        }
    }

    /// The row of a table in the store, as text.
    pub(crate) fn row(&self, key: &str) -> serde_json::Value {
        self.find_row(key).unwrap_or_else(|| panic!("there is no row {key}"))
    }

    /// The same, if there is one.
    pub(crate) fn find_row(&self, key: &str) -> Option<serde_json::Value> {
        let text = self.etcdctl(&["get", "--print-value-only", key]);
        let is_there = !text.trim().is_empty();
        is_there.then(|| {
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{key} is no JSON ({error}): {text:?}"))
        })
    }

    /// Writes a row by hand.
    pub(crate) fn put_row(&self, key: &str, row: &Value) {
        self.etcdctl(&["put", key, &row.to_string()]);
    }

    /// Deletes a row by hand.
    pub(crate) fn delete_row(&self, key: &str) {
        self.etcdctl(&["del", key]);
    }

    /// Changes members of the row of a port by hand; null takes one away.
    pub(crate) fn change_port_row(&self, port: &str, members: &Value) {
        let key = format!("/lport/{port}");
        let mut row = self.row(&key);
        for (name, value) in members.as_object().expect("members") {
            row[name] = value.clone();
        }
        row["version"] = (row["version"].as_u64().unwrap_or_default() + 1).into();
        self.put_row(&key, &row);
    }

    /// The keys of all rows.
    pub(crate) fn keys(&self) -> std::collections::BTreeSet<String> {
        let text = self.etcdctl(&["get", "--prefix", "--keys-only", "/"]);
        text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
    }

    fn etcdctl(&self, arguments: &[&str]) -> String {
        let mut command = std::process::Command::new(testkit::require_tool("etcdctl"));
        command.env("ETCDCTL_API", "3").args(["--endpoints", self.cloud.store()]).args(arguments);
        testkit::process::run(&command).expect("etcdctl reaches the store")
    }
}

/// How often the controller of a host has said that its switch holds what it should: once for each connection to it.
pub(crate) fn times_ready(site: &Site) -> usize {
    site.log().matches("the switch holds what it should").count()
}

/// Waits until the controller of a host has said so more often than `before`.
#[track_caller]
pub(crate) fn wait_ready(site: &Site, before: usize) {
    try_wait_until(PATIENCE, "the controller to be ready", || (times_ready(site) > before).then_some(()))
        .expect("it is ready");
}

/// What the switch of a host is told over OpenFlow, by its own log.
pub(crate) struct Wire<'a> {
    site: &'a Site,
    begun_at: usize,
}

impl<'a> Wire<'a> {
    pub(crate) fn watch(site: &'a Site) -> Self {
        site.ovs.appctl(&["vlog/set", "vconn:file:dbg"]).expect("the switch logs messages");
        site.ovs.appctl(&["vlog/disable-rate-limit", "vconn"]).expect("the switch logs all messages");
        Self::since(site, Self::log(site).len())
    }

    /// The same from an earlier moment on.
    pub(crate) const fn since(site: &'a Site, begun_at: usize) -> Self {
        Self { site, begun_at }
    }

    /// The moment from which on messages count.
    pub(crate) const fn begun_at(&self) -> usize {
        self.begun_at
    }

    fn log(site: &Site) -> String {
        let file = site.ovs.rundir().join("ovs-vswitchd.log");
        String::from_utf8_lossy(&std::fs::read(file).expect("the log of the switch")).into_owned()
    }

    /// The kinds of the messages that it was sent since, in order, as `OFPT_HELLO`.
    pub(crate) fn received(&self) -> Vec<String> {
        let log = Self::log(self.site);
        let said = log.get(self.begun_at..).unwrap_or_default().split("received: ").skip(1);
        said.filter_map(|message| message.split_whitespace().next().map(str::to_owned)).collect()
    }

    /// Those of them that change flows, groups, meters, ports or tables.
    pub(crate) fn changes(&self) -> Vec<String> {
        let mut kinds = self.received();
        kinds.retain(|kind| kind.contains("_MOD") || kind.contains("BUNDLE"));
        kinds
    }
}

/// Whether a machine is offered an address at once; it takes none.
pub(crate) fn gets_address(vm: &Vm) -> bool {
    let device = vm.guest().device();
    let args = ["-f", "-q", "-n", "-t", "2", "-T", "1", "-s", "/bin/true", "-i", device];
    vm.namespace().run("udhcpc", &args).is_ok()
}

/// A ping with a hundred requests a second that watches over what a test does.
///
/// One *between* hosts must not watch while a device of theirs appears or changes, so not while a machine is plugged in or
/// pulled out: Open vSwitch then reads the kernel's routes anew, and until its userspace datapath has, it knows no end of a
/// tunnel and loses what comes out of one or goes into one. It does so without any controller. A ping on *one* host may watch.
pub(crate) struct Watch(BackgroundPing);

impl Watch {
    pub(crate) fn start(from: &Vm, to: &Vm) -> Self {
        let target = to.address().expect("an address").into();
        let mut ping = from.namespace().start_ping(target, Duration::from_millis(10)).expect("ping runs");
        ping.wait_for_requests(30).expect("pings");
        Self(ping)
    }

    /// Goes on until so many more requests were sent.
    pub(crate) fn on_for(&mut self, requests: usize) {
        let sent = self.0.requests().expect("pings");
        self.0.wait_for_requests(sent + requests).expect("pings");
    }

    /// Ends it, and asserts that every request was answered.
    #[track_caller]
    pub(crate) fn nothing_was_lost(self) {
        let report = self.0.stop().expect("a report");
        assert_eq!(report.lost(), 0, "{report:?}");
    }
}

/// Asserts that every ping is answered.
#[track_caller]
pub(crate) fn talks(from: &Vm, to: &Vm) {
    let target = to.address().expect("an address").into();
    let report = from.namespace().ping(target, 3).expect("ping runs");
    assert_eq!(report.lost(), 0, "{} to {}: {report:?}", from.name(), to.name());
}
