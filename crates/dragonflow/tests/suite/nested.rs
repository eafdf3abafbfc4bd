//! Containers that are ports of their own because a pair of addresses of their guest names them, as Kuryr makes them: nobody says in
//! any other way what is inside what.

use std::net::{IpAddr, Ipv4Addr};

use serde_json::{Value, json};
use testkit::cloud::{CloudSpec, Vm};
use testkit::{Namespace, try_wait_until};

use crate::groups::{Group, boot, wait_pings};
use crate::support::{Lab, PATIENCE, binary};

const OPTION: &str = "\n[df]\nauto_detect_port_behind_port = True";
const DEVICE: &str = "eth0";

fn lab() -> Lab {
    Lab::with(&CloudSpec { server_options: OPTION, ..CloudSpec::new(binary()) })
}

fn id(port: &Value) -> &str {
    port["id"].as_str().expect("an id")
}

fn address(port: &Value) -> Ipv4Addr {
    port["fixed_ips"][0]["ip_address"].as_str().expect("an address").parse().expect("an address")
}

fn change(lab: &Lab, port: &str, change: &Value) {
    let put = lab.cloud.api().put(&format!("/v2.0/ports/{port}"), &json!({ "port": change }));
    put.and_then(|put| put.expect(200)).expect("the port changes");
}

/// The port of a container, in a group.
fn pod(lab: &Lab, network: &str, group: &Group<'_>) -> Value {
    lab.port(
        &json!({"network_id": network, "name": "pod", "device_owner": "compute:kuryr", "device_id": "pod",
        "security_groups": [group.id]}),
    )
}

fn shown(lab: &Lab, port: &Value) -> Value {
    lab.cloud.api().get(&format!("/v2.0/ports/{}", id(port))).expect("a port").body["port"].clone()
}

#[track_caller]
fn wait_status(lab: &Lab, port: &Value, status: &str) {
    try_wait_until(PATIENCE, status, || (shown(lab, port)["status"] == status).then_some(()))
        .expect("it becomes so");
}

fn pings(from: &Namespace, to: Ipv4Addr) -> bool {
    from.ping(IpAddr::V4(to), 2).expect("ping runs").received > 0
}

#[track_caller]
fn wait_answered(from: &Vm, to: Ipv4Addr, answered: bool) {
    let what = if answered { "pings are answered" } else { "pings are not answered" };
    try_wait_until(PATIENCE, what, || (pings(from.namespace(), to) == answered).then_some(())).expect(what);
}

fn permits_pings<'a>(lab: &'a Lab, name: &str) -> Group<'a> {
    let group = Group::new(lab, name, &json!({}));
    group.rule(&json!({"protocol": "icmp"}));
    group
}

#[test]
fn a_container_with_the_mac_address_of_a_pair_is_a_port_in_its_own_network_and_groups() {
    let lab = lab();
    let (blue, pods) =
        (lab.network("blue", "geneve", "10.0.0.0/24"), lab.network("pods", "vxlan", "10.1.0.0/24"));
    let (open, closed) = (permits_pings(&lab, "open"), Group::new(&lab, "closed", &json!({})));
    let vm = boot(&lab, 0, "vm", &blue, &[&closed]);
    let near = boot(&lab, 1, "near", &blue, &[&open]);
    let far = boot(&lab, 1, "far", &pods, &[&open]);
    let port = pod(&lab, &pods, &open);
    let pair = json!({"ip_address": address(&port).to_string(), "mac_address": port["mac_address"]});
    change(&lab, vm.port_id(), &json!({"allowed_address_pairs": [pair]}));
    wait_status(&lab, &port, "ACTIVE");
    assert_eq!(lab.row(&format!("/lport/{}", id(&port)))["binding"]["chassis"], "host-1");
    assert_eq!(shown(&lab, &port)["device_owner"], "compute:kuryr");

    // The container: a device on that of the guest, in a namespace of its own.
    let inside = Namespace::new().expect("a namespace");
    let link = ["link", "add", "pod0", "link", vm.guest().device(), "type", "macvlan", "mode", "bridge"];
    vm.namespace().ip(&link).expect("macvlan");
    vm.namespace().ip(&["link", "set", "pod0", "netns", inside.name(), "name", DEVICE]).expect("it moves");
    inside.set_mac(DEVICE, port["mac_address"].as_str().expect("an address")).expect("its address");
    inside.disable_checksum_offload(DEVICE).expect("checksums");
    inside.set_up(DEVICE).expect("its device");
    let udhcpc = ["-f", "-q", "-n", "-t", "5", "-T", "1", "-s", "/bin/true", "-i", DEVICE];
    inside.run("udhcpc", &udhcpc).expect("it is offered its address");
    inside.add_address(DEVICE, &format!("{}/24", address(&port))).expect("its address");

    // Its own groups count, and not those of the guest, whichever of them is open.
    wait_answered(&far, address(&port), true);
    assert!(pings(&inside, far.address().expect("an address")));
    assert!(!pings(near.namespace(), vm.address().expect("an address")));
    change(&lab, vm.port_id(), &json!({"security_groups": [open.id]}));
    wait_pings(&near, &vm, true);
    change(&lab, id(&port), &json!({"security_groups": [closed.id]}));
    wait_answered(&far, address(&port), false);
    assert!(pings(near.namespace(), vm.address().expect("an address")));
    change(&lab, id(&port), &json!({"security_groups": [open.id]}));
    wait_answered(&far, address(&port), true);
    // Switched off, it is not the guest's either.
    change(&lab, id(&port), &json!({"admin_state_up": false}));
    wait_status(&lab, &port, "DOWN");
    assert!(!pings(&inside, far.address().expect("an address")));
    change(&lab, id(&port), &json!({"admin_state_up": true}));
    wait_status(&lab, &port, "ACTIVE");
    wait_answered(&far, address(&port), true);

    change(&lab, vm.port_id(), &json!({"allowed_address_pairs": []}));
    wait_status(&lab, &port, "DOWN");
    wait_answered(&far, address(&port), false);
    assert!(!pings(&inside, far.address().expect("an address")));
    assert!(pings(near.namespace(), vm.address().expect("an address")));
}

#[test]
fn a_container_with_the_address_of_a_pair_has_the_mac_address_of_its_guest_inside_and_its_own_outside() {
    let lab = lab();
    let network = lab.network("blue", "geneve", "10.0.0.0/24");
    let (open, closed) = (permits_pings(&lab, "open"), Group::new(&lab, "closed", &json!({})));
    let vm = boot(&lab, 0, "vm", &network, &[&closed]);
    let far = boot(&lab, 1, "far", &network, &[&open]);
    // The pair is first, and the port that it names comes later.
    let wanted = Ipv4Addr::new(10, 0, 0, 200);
    change(&lab, vm.port_id(), &json!({"allowed_address_pairs": [{"ip_address": wanted.to_string()}]}));
    vm.namespace().add_address(vm.guest().device(), &format!("{wanted}/24")).expect("the address");
    let port = lab.port(&json!({"network_id": network, "device_owner": "compute:kuryr",
        "fixed_ips": [{"ip_address": wanted.to_string()}], "security_groups": [open.id]}));
    wait_status(&lab, &port, "ACTIVE");
    wait_answered(&far, wanted, true);
    let neighbors = far.namespace().ip(&["neigh", "show", &wanted.to_string()]).expect("ip runs");
    let mac = port["mac_address"].as_str().expect("an address");
    assert!(neighbors.contains(mac), "{neighbors}");
    assert!(!pings(far.namespace(), vm.address().expect("an address")), "its groups are other ones");
    // Its port is deleted, and the address is the guest's again, with what its groups permit.
    let gone = lab.cloud.api().delete(&format!("/v2.0/ports/{}", id(&port)));
    gone.and_then(|gone| gone.expect(204)).expect("the port is gone");
    wait_answered(&far, wanted, false);
    change(&lab, vm.port_id(), &json!({"security_groups": [open.id]}));
    wait_pings(&far, &vm, true);
    wait_answered(&far, wanted, true);
}
