//! A guest that moves to another host under a ping.

use std::time::Duration;

use serde_json::json;
use testkit::cloud::Vm;
use testkit::try_wait_until;

use crate::support::{Lab, PATIENCE, talks};

/// What a ping of a hundred requests a second may lose in a move, beyond what it takes the guest itself to stop and to run again.
const LOST_MAX: usize = 1;

pub(crate) fn key(vm: &Vm) -> String {
    format!("/migration/{}", vm.port_id())
}

pub(crate) fn put_migration(lab: &Lab, vm: &Vm, status: &str) {
    let id = vm.port_id();
    lab.put_row(&key(vm), &json!({"id": id, "lport": id, "dest_chassis": "host-2", "status": status}));
}

/// The flows of a host that speak of a machine.
pub(crate) fn flows_of(lab: &Lab, place: usize, vm: &Vm) -> usize {
    let key = lab.row(&format!("/lport/{}", vm.port_id()))["unique_key"].as_u64().expect("a number");
    let flows = lab.cloud.sites()[place].flows().expect("flows");
    flows
        .iter()
        .filter(|flow| flow.contains(&format!("reg6={key:#x},")) || flow.contains(&format!("reg6={key:#x} ")))
        .count()
}

/// The same machine at its destination, where it does not run yet: it says nothing by itself, and has no address to answer for.
fn arrive(lab: &Lab, vm: &Vm) -> Vm {
    let port =
        lab.cloud.api().get(&format!("/v2.0/ports/{}", vm.port_id())).expect("a port").body["port"].clone();
    let there = Vm::plug(&lab.cloud.sites()[1].ovs, "there", &port).expect("it is plugged in");
    let setting = format!("net.ipv6.conf.{}.disable_ipv6=1", there.guest().device());
    there.namespace().run("sysctl", &["-q", "-w", &setting]).expect("no IPv6");
    there
}

/// Lets it run there as well: it answers what it is asked.
fn run_there(there: &Vm, peer: &Vm) {
    let (namespace, device) = (there.namespace(), there.guest().device());
    let target = peer.address().expect("an address").to_string();
    namespace
        .ip(&["neigh", "replace", &target, "lladdr", peer.mac(), "dev", device])
        .expect("it knows its peer");
    let address = there.address().expect("an address");
    namespace.add_address(device, &format!("{address}/24")).expect("its address");
}

#[test]
fn a_guest_that_moves_loses_no_more_than_one_packet_and_its_first_frame_decides() {
    let lab = Lab::new(2);
    let network = lab.network("blue", "geneve", "10.0.0.0/24");
    let (vm, peer) = (lab.boot(0, "vm", &network), lab.boot(0, "peer", &network));
    let witness = lab.boot(1, "witness", &network);
    talks(&peer, &vm);
    talks(&witness, &vm);
    let there = arrive(&lab, &vm);
    assert_eq!(flows_of(&lab, 1, &vm), 0, "it is not there");
    put_migration(&lab, &vm, "dest_plug");
    try_wait_until(PATIENCE, "the destination to be ready", || (flows_of(&lab, 1, &vm) > 0).then_some(()))
        .expect("its flows are there");
    talks(&peer, &vm);

    let target = vm.address().expect("an address").into();
    let mut ping = peer.namespace().start_ping(target, Duration::from_millis(10)).expect("ping runs");
    ping.wait_for_requests(30).expect("pings");
    assert_eq!(lab.row(&key(&vm))["status"], "dest_plug", "it does not run there yet");
    run_there(&there, &peer);
    try_wait_until(PATIENCE, "its first frame to be heard of", || {
        (lab.row(&key(&vm))["status"] == "src_unplug").then_some(())
    })
    .expect("its answers at the destination are its first frames");
    let sent = ping.requests().expect("pings");
    ping.wait_for_requests(sent + 100).expect("pings");
    let report = ping.stop().expect("a report");
    assert!(report.lost() <= LOST_MAX, "{report:?}");
    // What it left behind is not heard any more.
    let here = vm.namespace().ping(peer.address().expect("an address").into(), 1).expect("ping runs");
    assert_eq!(here.received, 0, "it is quiet where it was");

    lab.change_port_row(
        vm.port_id(),
        &json!({"binding": {"type": "chassis", "chassis": "host-2", "vtep_address": null}}),
    );
    lab.cloud.wait_status(&there, "ACTIVE").expect("it is served where it is");
    lab.delete_row(&key(&vm));
    let after = peer.namespace().ping(vm.address().expect("an address").into(), 20).expect("ping runs");
    assert_eq!(after.lost(), 0, "{after:?}");
}

#[test]
fn a_move_that_is_given_up_leaves_nothing_at_the_destination() {
    let lab = Lab::new(2);
    let network = lab.network("blue", "geneve", "10.0.0.0/24");
    let (vm, peer) = (lab.boot(0, "vm", &network), lab.boot(0, "peer", &network));
    let _there = arrive(&lab, &vm);
    let before = lab.cloud.sites()[1].flows().expect("flows");
    put_migration(&lab, &vm, "dest_plug");
    try_wait_until(PATIENCE, "the destination to be ready", || (flows_of(&lab, 1, &vm) > 0).then_some(()))
        .expect("its flows are there");
    lab.delete_row(&key(&vm));
    try_wait_until(PATIENCE, "the destination to be clean", || {
        (lab.cloud.sites()[1].flows().ok()? == before).then_some(())
    })
    .expect("nothing stays");
    talks(&peer, &vm);
    lab.cloud.wait_status(&vm, "ACTIVE").expect("it is where it was");
}

#[test]
fn a_guest_is_reached_from_its_destination_before_it_is_plugged_in_there() {
    let lab = Lab::new(2);
    let network = lab.network("blue", "geneve", "10.0.0.0/24");
    let (vm, witness) = (lab.boot(0, "vm", &network), lab.boot(1, "witness", &network));
    talks(&witness, &vm);
    let before = lab.cloud.sites()[1].flows().expect("flows");
    put_migration(&lab, &vm, "dest_plug");
    try_wait_until(PATIENCE, "the destination to know of the move", || {
        (lab.cloud.sites()[1].flows().ok()? != before).then_some(())
    })
    .expect("it knows");
    talks(&witness, &vm);
    talks(&vm, &witness);
}
