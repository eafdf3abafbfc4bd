//! An address of allowed address pairs that moves between machines of two hosts.

use net_types::MacAddr;
use packet::arp::Arp;
use packet::build::Ethernet;
use packet::pcap::PcapWriter;
use serde_json::json;
use testkit::cloud::Vm;
use testkit::scratch::ScratchDir;
use testkit::try_wait_until;

use crate::support::{Lab, PATIENCE};

const SHARED: &str = "10.0.0.100";

/// The machine says that it has the shared address now.
fn announce(vm: &Vm) {
    let mac: MacAddr = vm.mac().parse().expect("an address");
    let shared = SHARED.parse().expect("an address");
    let frame = Ethernet::new(mac, MacAddr::BROADCAST).arp(&Arp::request(mac, shared, shared));
    let mut capture = PcapWriter::new();
    capture.push(0, 0, &frame).expect("a frame is short");
    let directory = ScratchDir::new().expect("a directory");
    let file = directory.path().join("announcement.pcap");
    std::fs::write(&file, capture.finish()).expect("a file is written");
    let device = format!("--intf1={}", vm.guest().device());
    let file = file.display().to_string();
    vm.namespace().run("tcpreplay", &[&device, "--quiet", &file]).expect("the frame is sent");
}

fn ip(vm: &Vm, action: &str) {
    let address = format!("{SHARED}/24");
    vm.namespace().ip(&["addr", action, &address, "dev", vm.guest().device()]).expect("ip runs");
}

/// Which port is said to have the shared address.
fn holder(lab: &Lab, network: &str) -> Option<String> {
    let row = lab.find_row(&format!("/activeport/{network}{SHARED}"))?;
    row["detected_lport"].as_str().map(str::to_owned)
}

#[test]
fn an_address_that_moves_is_reached_at_its_new_holder_from_other_hosts() {
    let lab = Lab::new(2);
    let network = lab.network("blue", "geneve", "10.0.0.0/24");
    let boot = |host: usize, name: &str| {
        let pairs = [json!({"ip_address": SHARED})];
        let body = json!({"network_id": network, "name": name, "allowed_address_pairs": pairs});
        let vm = lab.cloud.boot_port(host, name, &body).expect("a machine");
        lab.cloud.wait_status(&vm, "ACTIVE").expect("its port forwards");
        vm.dhcp().expect("an address");
        vm
    };
    let (one, two) = (boot(0, "one"), boot(1, "two"));
    let (near, thief) = (lab.boot(1, "near", &network), lab.boot(0, "thief", &network));
    let shared = SHARED.parse().expect("an address");
    let mut last: Option<&Vm> = None;
    for vm in [&one, &two, &one] {
        if let Some(last) = last.replace(vm) {
            ip(last, "del");
        }
        ip(vm, "add");
        announce(vm);
        let is_said = || (holder(&lab, &network).as_deref() == Some(vm.port_id())).then_some(());
        try_wait_until(PATIENCE, "the holder to be known", is_said).expect("it is known");
        near.namespace().wait_for_ping(shared, PATIENCE).expect("the holder answers");
        thief.namespace().wait_for_ping(shared, PATIENCE).expect("the holder answers on its own host");
    }
    // Who has no such pair moves nothing.
    announce(&thief);
    near.namespace().wait_for_ping(shared, PATIENCE).expect("the holder answers");
    assert_eq!(holder(&lab, &network).as_deref(), Some(one.port_id()));
}
