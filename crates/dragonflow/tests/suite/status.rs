//! What the API says of a port is true.

use std::time::Duration;

use serde_json::json;
use testkit::try_wait_until;

use crate::support::{Lab, gets_address, talks};

const PATIENCE: Duration = Duration::from_secs(30);
/// Ports that are plugged one after another.
const PORTS: usize = 8;

#[test]
fn a_packet_that_is_sent_when_a_port_becomes_active_passes() {
    let lab = Lab::new(1);
    let network = lab.network("blue", "geneve", "10.0.0.0/24");
    let first = lab.boot(0, "first", &network);
    for number in 0..PORTS {
        let vm = lab.cloud.boot(0, &format!("vm{number}"), &network).expect("a machine");
        let address = vm.address().expect("an address");
        vm.namespace().add_address(vm.guest().device(), &format!("{address}/24")).expect("its address");
        lab.cloud.wait_status(&vm, "ACTIVE").expect("it becomes active");
        talks(&vm, &first);
    }
}

#[test]
fn a_port_is_down_until_it_is_plugged_in_and_after_it_was_pulled_out() {
    let lab = Lab::new(2);
    let network = lab.network("blue", "geneve", "10.0.0.0/24");
    let body = json!({"port": {"network_id": network, "name": "idle"}});
    let idle = lab.cloud.api().post("/v2.0/ports", &body).and_then(|made| made.expect(201)).expect("a port");
    assert_eq!(idle["port"]["status"], "DOWN");
    let (vm, other) = (lab.boot(0, "vm", &network), lab.boot(1, "other", &network));
    talks(&vm, &other);
    let (id, mac) = (vm.port_id().to_owned(), vm.mac().to_lowercase());
    vm.unplug(&lab.cloud.sites()[0].ovs).expect("it is pulled out");
    let path = format!("/v2.0/ports/{id}");
    let api = lab.cloud.api();
    try_wait_until(PATIENCE, "the port to be down", || {
        (api.get(&path).ok()?.body["port"]["status"] == "DOWN").then_some(())
    })
    .expect("it goes down");
    api.delete(&path).and_then(|gone| gone.expect(204)).expect("it is deleted");
    for site in lab.cloud.sites() {
        try_wait_until(PATIENCE, "its flows to go", || {
            (!site.flows().ok()?.iter().any(|flow| flow.contains(&mac))).then_some(())
        })
        .expect("no flow mentions it");
    }
}

#[test]
fn a_port_that_is_bound_to_another_host_is_not_claimed() {
    let lab = Lab::new(2);
    let network = lab.network("blue", "geneve", "10.0.0.0/24");
    let port = json!({"network_id": network, "binding:host_id": "host-2"});
    let vm = lab.cloud.boot_port(0, "lost", &port).expect("a machine");
    // The other host gets the same port later, and is the one that serves it.
    let elsewhere = testkit::cloud::Vm::plug(
        &lab.cloud.sites()[1].ovs,
        "found",
        &lab.cloud.api().get(&format!("/v2.0/ports/{}", vm.port_id())).expect("the port").body["port"],
    )
    .expect("a machine");
    lab.cloud.wait_status(&elsewhere, "ACTIVE").expect("it is served where it is bound");
    elsewhere.dhcp().expect("an address");
    assert!(!gets_address(&vm), "a machine at the wrong host got an address");
}
