//! Routers with real packets: between networks, hosts, and a machine outside that the cloud knows nothing of.

use std::net::IpAddr;

use serde_json::{Value, json};
use testkit::cloud::{CloudSpec, Vm};
use testkit::{Guest, try_wait_until};

use crate::support::{Lab, PATIENCE, binary};

/// The router of the external network, a machine.
pub(crate) const UPSTREAM: &str = "203.0.113.1";
pub(crate) const GATEWAY: &str = "203.0.113.10";

/// Three hosts on one wire, the last of which has the gateways, and a machine outside.
pub(crate) struct Routed {
    pub(crate) lab: Lab,
    pub(crate) upstream: Guest,
    pub(crate) red: String,
    pub(crate) blue: String,
    pub(crate) outside: String,
    pub(crate) router: String,
}

pub(crate) fn id(made: &Value) -> String {
    made["id"].as_str().expect("an id").to_owned()
}

pub(crate) fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// Joins the physical bridges of all hosts, each to the next.
pub(crate) fn join(lab: &Lab) {
    lab.cloud.lay_wire().expect("a wire");
}

impl Routed {
    pub(crate) fn new() -> Self {
        Self::on(Self::wired())
    }

    /// The hosts, and the machine outside.
    pub(crate) fn wired() -> (Lab, Guest) {
        Self::wired_with(&CloudSpec { hosts: 3, ..CloudSpec::new(binary()) })
    }

    /// The same, configured otherwise.
    pub(crate) fn wired_with(spec: &CloudSpec<'_>) -> (Lab, Guest) {
        let lab = Lab::with(spec);
        join(&lab);
        let upstream = lab.cloud.sites()[0]
            .plug_upstream(&["203.0.113.1/24", "198.51.100.1/32"])
            .expect("a machine outside");
        (lab, upstream)
    }

    /// Makes what there is in the cloud.
    pub(crate) fn on((lab, upstream): (Lab, Guest)) -> Self {
        let red = lab.network("red", "geneve", "10.0.1.0/24");
        let blue = lab.network("blue", "geneve", "10.0.2.0/24");
        let nothing = String::new;
        let mut routed = Self { lab, upstream, red, blue, outside: nothing(), router: nothing() };
        routed.make_router();
        routed
    }

    /// Asks the API for something new.
    pub(crate) fn make(&self, kind: &str, body: &Value) -> Value {
        let made = self.lab.cloud.api().post(&format!("/v2.0/{kind}s"), &json!({ kind: body }));
        made.and_then(|made| made.expect(201)).unwrap_or_else(|error| panic!("{body}: {error:#}"))[kind]
            .clone()
    }

    fn make_router(&mut self) {
        let outside = self.make(
            "network",
            &json!({
                "name": "outside", "router:external": true, "provider:network_type": "flat",
                "provider:physical_network": "public",
            }),
        );
        self.outside = id(&outside);
        self.lab.subnet(&json!({
            "network_id": self.outside, "ip_version": 4, "cidr": "203.0.113.0/24", "gateway_ip": UPSTREAM,
            "enable_dhcp": false, "allocation_pools": [{"start": "203.0.113.10", "end": "203.0.113.50"}],
        }));
        let fixed = json!([{"ip_address": GATEWAY}]);
        let router = self.make(
            "router",
            &json!({
                "name": "gate",
                "external_gateway_info": {"network_id": self.outside, "external_fixed_ips": fixed},
            }),
        );
        self.router = id(&router);
        for subnet in [&self.red, &self.blue].map(|network| self.subnet_of(network)) {
            let body = json!({"subnet_id": subnet});
            let path = format!("/v2.0/routers/{}/add_router_interface", self.router);
            self.lab.cloud.api().put(&path, &body).and_then(|added| added.expect(200)).expect("an interface");
        }
        let last = self.lab.cloud.sites().last().expect("a host").name.clone();
        let row = json!({"id": last, "chassis": last, "priority": 1});
        self.lab.put_row(&format!("/gateway_candidate/{last}"), &row);
    }

    pub(crate) fn subnet_of(&self, network: &str) -> String {
        let listed = self.lab.cloud.api().get(&format!("/v2.0/subnets?network_id={network}"));
        let listed = listed.and_then(|listed| listed.expect(200)).expect("subnets");
        id(&listed["subnets"][0])
    }

    /// Gives a machine a floating IP; its id.
    pub(crate) fn floating(&self, vm: &Vm, address: &str) -> String {
        let body = json!({
            "floating_network_id": self.outside, "floating_ip_address": address, "port_id": vm.port_id(),
        });
        id(&self.make("floatingip", &body))
    }

    pub(crate) fn wait_floating(&self, floating_ip: &str, status: &str) {
        let path = format!("/v2.0/floatingips/{floating_ip}");
        try_wait_until(PATIENCE, "the status of the floating IP", || {
            let shown = self.lab.cloud.api().get(&path).and_then(|shown| shown.expect(200)).ok()?;
            (shown["floatingip"]["status"] == status).then_some(())
        })
        .unwrap_or_else(|error| panic!("{status}: {error}"));
    }

    pub(crate) fn boot(&self, host: usize, name: &str, network: &str) -> Vm {
        let body = json!({"network_id": network, "name": name, "port_security_enabled": false, "security_groups": []});
        let vm = self.lab.cloud.boot_port(host, name, &body).expect("a machine");
        self.lab.cloud.wait_status(&vm, "ACTIVE").expect("its port forwards");
        vm.dhcp().expect("an address");
        vm
    }
}

pub(crate) fn reaches(vm: &Vm, target: &str) {
    vm.namespace()
        .wait_for_ping(ip(target), PATIENCE)
        .unwrap_or_else(|error| panic!("{}: {error:#}", vm.name()));
}

pub(crate) fn address(vm: &Vm) -> String {
    vm.address().expect("an address").to_string()
}

#[test]
fn guests_of_two_networks_and_hosts_reach_each_other_and_the_world_outside() {
    let routed = Routed::new();
    let (one, two) = (routed.boot(0, "one", &routed.red), routed.boot(1, "two", &routed.blue));
    reaches(&one, "10.0.1.1");
    reaches(&one, &address(&two));
    reaches(&two, &address(&one));
    // The gateway hides both.
    reaches(&one, UPSTREAM);
    reaches(&two, "198.51.100.1");
    let out = routed.upstream.namespace();
    out.wait_for_ping(ip(GATEWAY), PATIENCE).expect("the gateway answers");
    let floating = routed.floating(&two, "203.0.113.20");
    out.wait_for_ping(ip("203.0.113.20"), PATIENCE).expect("the floating IP answers");
    routed.wait_floating(&floating, "ACTIVE");
    reaches(&one, "203.0.113.20");
    reaches(&two, "203.0.113.20");

    // Taken away, it is dead, and its machine is hidden like the others.
    let body = json!({"floatingip": {"port_id": null}});
    let path = format!("/v2.0/floatingips/{floating}");
    routed
        .lab
        .cloud
        .api()
        .put(&path, &body)
        .and_then(|changed| changed.expect(200))
        .expect("it is taken away");
    routed.wait_floating(&floating, "DOWN");
    let report = out.ping(ip("203.0.113.20"), 2).expect("ping runs");
    assert_eq!(report.lost(), 2, "{report:?}");
    reaches(&two, UPSTREAM);
}
