//! Routers with real packets: between networks, hosts, and a machine outside that the cloud knows nothing of.

use std::net::IpAddr;

use serde_json::json;
use testkit::cloud::{CloudSpec, Site, Vm};
use testkit::{Capture, Guest, GuestSpec, try_wait_until};

use crate::support::{Lab, PATIENCE, binary};

/// The bridge that the default configuration maps to physical network `public`, and the cable between those of two hosts.
const PHYSICAL: &str = "br-ex";

/// The router of the external network, a machine.
const UPSTREAM: &str = "203.0.113.1";

/// Three hosts on one wire, the last of which has the gateways, and a machine outside.
struct Routed {
    lab: Lab,
    upstream: Guest,
    red: String,
    blue: String,
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// Joins the physical bridges of all hosts, each to the next.
fn join(lab: &Lab) {
    for site in lab.cloud.sites() {
        let set = ["--", "set", "Bridge", PHYSICAL, "datapath_type=netdev"];
        site.ovs.vsctl(&[&["add-br", PHYSICAL][..], &set].concat()).expect("a bridge");
    }
    for (number, pair) in lab.cloud.sites().windows(2).enumerate() {
        let [one, two] = pair else { continue };
        let (here, there) = (format!("to-next{number}"), format!("to-last{number}"));
        one.namespace.connect(&here, &two.namespace, &there).expect("a cable");
        for (site, cable) in [(one, &here), (two, &there)] {
            site.namespace.disable_checksum_offload(cable).expect("checksums");
            site.ovs.vsctl(&["add-port", PHYSICAL, cable]).expect("a port");
        }
    }
}

impl Routed {
    fn new() -> Self {
        let lab = Lab::with(&CloudSpec { hosts: 3, ..CloudSpec::new(binary()) });
        join(&lab);
        let outside = GuestSpec {
            bridge: PHYSICAL,
            interface: "upstream",
            mac: "02:00:00:00:ee:01",
            addresses: &["203.0.113.1/24", "198.51.100.1/32"],
            iface_id: None,
        };
        let upstream = Guest::plug(&lab.cloud.sites()[0].ovs, outside).expect("a machine outside");
        let red = lab.network("red", "geneve", "10.0.1.0/24");
        let blue = lab.network("blue", "geneve", "10.0.2.0/24");
        let routed = Self { lab, upstream, red, blue };
        routed.make_router();
        routed
    }

    /// A port of a router in a network, as Neutron makes one.
    fn leg(&self, network: &str, owner: &str, address: &str) -> serde_json::Value {
        self.lab.port(&json!({
            "network_id": network, "device_owner": owner, "device_id": "r1",
            "fixed_ips": [{"ip_address": address}],
        }))
    }

    fn make_router(&self) {
        let body = json!({"network": {
            "name": "outside", "router:external": true, "provider:network_type": "flat",
            "provider:physical_network": "public",
        }});
        let made = self.lab.cloud.api().post("/v2.0/networks", &body).and_then(|made| made.expect(201));
        let outside = made.expect("a network")["network"]["id"].as_str().expect("an id").to_owned();
        let pool = json!({"start": "203.0.113.10", "end": "203.0.113.50"});
        self.lab.subnet(&json!({
            "network_id": outside, "ip_version": 4, "cidr": "203.0.113.0/24", "gateway_ip": UPSTREAM,
            "enable_dhcp": false, "allocation_pools": [pool],
        }));
        let legs = [(&self.red, "10.0.1.1"), (&self.blue, "10.0.2.1")]
            .map(|(network, address)| self.leg(network, "network:router_interface_distributed", address));
        let gateway = self.leg(&outside, "network:router_gateway", "203.0.113.10");
        let leg = |port: &serde_json::Value| {
            let row = self.lab.row(&format!("/lport/{}", port["id"].as_str().expect("an id")));
            json!({
                "id": port["id"], "topic": "t", "lswitch": port["network_id"], "mac": port["mac_address"],
                "unique_key": row["unique_key"],
            })
        };
        let ports: Vec<_> = legs.iter().map(leg).collect();
        self.lab.put_row(
            "/lrouter_extra/r1",
            &json!({
                "id": "r1", "lrouter": "r1", "topic": "t", "version": 1,
                "gateways": [{"port": gateway["id"], "lswitch": outside, "enable_snat": true}],
            }),
        );
        self.lab.put_row(
            "/lrouter/r1",
            &json!({
                "id": "r1", "topic": "t", "unique_key": 7, "version": 1, "ports": ports,
            }),
        );
        let last = self.lab.cloud.sites().last().expect("a host").name.clone();
        self.lab.put_row(
            &format!("/gateway_candidate/{last}"),
            &json!({
                "id": last, "chassis": last, "priority": 1,
            }),
        );
    }

    /// Gives a machine a floating IP.
    fn floating(&self, vm: &Vm, address: &str) {
        let outside = self.lab.row("/lrouter_extra/r1")["gateways"][0]["lswitch"].clone();
        let port = self.leg(outside.as_str().expect("an id"), "network:floatingip", address);
        self.lab.put_row(
            &format!("/floatingip/{address}"),
            &json!({
                "id": address, "topic": "t", "version": 1, "floating_lport": port["id"],
                "floating_ip_address": address, "lrouter": "r1", "lport": vm.port_id(),
                "fixed_ip_address": vm.address().expect("an address").to_string(),
            }),
        );
    }

    fn boot(&self, host: usize, name: &str, network: &str) -> Vm {
        let body = json!({"network_id": network, "name": name, "port_security_enabled": false, "security_groups": []});
        let vm = self.lab.cloud.boot_port(host, name, &body).expect("a machine");
        self.lab.cloud.wait_status(&vm, "ACTIVE").expect("its port forwards");
        vm.dhcp().expect("an address");
        vm
    }
}

fn reaches(vm: &Vm, target: &str) {
    vm.namespace()
        .wait_for_ping(ip(target), PATIENCE)
        .unwrap_or_else(|error| panic!("{}: {error:#}", vm.name()));
}

fn address(vm: &Vm) -> String {
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
    out.wait_for_ping(ip("203.0.113.10"), PATIENCE).expect("the gateway answers");
    routed.floating(&two, "203.0.113.20");
    out.wait_for_ping(ip("203.0.113.20"), PATIENCE).expect("the floating IP answers");
    reaches(&one, "203.0.113.20");
}
