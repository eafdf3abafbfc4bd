//! Clouds for tests.

use std::path::Path;

use serde_json::json;
use testkit::cloud::{Cloud, CloudSpec, Vm};

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

    /// A network of a type, with one subnet; its id.
    pub(crate) fn network(&self, name: &str, kind: &str, cidr: &str) -> String {
        let api = self.cloud.api();
        let body = json!({"network": {"name": name, "provider:network_type": kind}});
        let network = api.post("/v2.0/networks", &body).and_then(|made| made.expect(201)).expect("a network");
        let id = network["network"]["id"].as_str().expect("an id").to_owned();
        let body = json!({"subnet": {"network_id": id, "ip_version": 4, "cidr": cidr}});
        api.post("/v2.0/subnets", &body).and_then(|made| made.expect(201)).expect("a subnet");
        id
    }

    /// A machine on a host, with its address, ready to talk.
    pub(crate) fn boot(&self, host: usize, name: &str, network: &str) -> Vm {
        let vm = self.cloud.boot(host, name, network).expect("a machine");
        self.cloud.wait_status(&vm, "ACTIVE").expect("its port forwards");
        let lease = vm.dhcp().expect("an address");
        assert_eq!(lease.get("ip"), Some(vm.address().expect("an address").to_string().as_str()));
        vm
    }

    /// The row of a table in the store, as text.
    pub(crate) fn row(&self, key: &str) -> serde_json::Value {
        let mut command = std::process::Command::new(testkit::require_tool("etcdctl"));
        command.env("ETCDCTL_API", "3").args([
            "--endpoints",
            self.cloud.store(),
            "get",
            "--print-value-only",
            key,
        ]);
        let text = testkit::process::run(&command).expect("etcdctl reads the store");
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{key} is no JSON ({error}): {text:?}"))
    }
}

/// Asserts that every ping is answered.
#[track_caller]
pub(crate) fn talks(from: &Vm, to: &Vm) {
    let target = to.address().expect("an address").into();
    let report = from.namespace().ping(target, 3).expect("ping runs");
    assert_eq!(report.lost(), 0, "{} to {}: {report:?}", from.name(), to.name());
}
