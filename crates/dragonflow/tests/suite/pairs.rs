//! An address of allowed address pairs that moves between machines of two hosts.

use std::net::Ipv6Addr;

use net_types::MacAddr;
use packet::arp::Arp;
use packet::build::Ethernet;
use packet::nd::{Advertisement, Neighbor};
use packet::pcap::PcapWriter;
use serde_json::json;
use testkit::cloud::{CloudSpec, Vm};
use testkit::scratch::ScratchDir;
use testkit::try_wait_until;

use crate::support::{Lab, PATIENCE, binary};

const SHARED: &str = "10.0.0.100";
const SHARED_V6: &str = "fd00:9::100";

/// All nodes of a link.
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

/// The machine says that it has the shared address now.
fn announce(vm: &Vm) {
    let mac: MacAddr = vm.mac().parse().expect("an address");
    let shared = SHARED.parse().expect("an address");
    send(vm, &Ethernet::new(mac, MacAddr::BROADCAST).arp(&Arp::request(mac, shared, shared)));
}

/// The same of the shared address of IPv6.
fn announce_v6(vm: &Vm) {
    let mac: MacAddr = vm.mac().parse().expect("an address");
    let shared = SHARED_V6.parse().expect("an address");
    let claim = Neighbor::Advertisement(Advertisement {
        is_router: false,
        is_solicited: false,
        is_override: true,
        target: shared,
        target_link: Some(mac),
    });
    let link = Ethernet::new(mac, MacAddr::of_ipv6_multicast(ALL_NODES));
    send(vm, &link.neighbor(shared, ALL_NODES, &claim).expect("a small packet"));
}

fn send(vm: &Vm, frame: &[u8]) {
    let mut capture = PcapWriter::new();
    capture.push(0, 0, frame).expect("a frame is short");
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

fn ip_v6(vm: &Vm, action: &str, address: &str) {
    let address = format!("{address}/64");
    let check = if action == "add" { &["nodad"][..] } else { &[] };
    let words = [&["addr", action, &address, "dev", vm.guest().device()], check].concat();
    vm.namespace().ip(&words).expect("ip runs");
}

/// Which port is said to have a shared address.
fn holder_of(lab: &Lab, network: &str, address: &str) -> Option<String> {
    let row = lab.find_row(&format!("/activeport/{network}{address}"))?;
    row["detected_lport"].as_str().map(str::to_owned)
}

fn holder(lab: &Lab, network: &str) -> Option<String> {
    holder_of(lab, network, SHARED)
}

/// Waits until a port is said to have a shared address, or none is.
#[track_caller]
fn wait_for_holder(lab: &Lab, network: &str, address: &str, port: Option<&Vm>) {
    let expected = port.map(Vm::port_id);
    let is_said = || (holder_of(lab, network, address).as_deref() == expected).then_some(());
    try_wait_until(PATIENCE, "the holder to be known", is_said).expect("it is known");
}

/// A machine that may use the shared addresses.
fn boot_with_pairs(lab: &Lab, host: usize, name: &str, network: &str) -> Vm {
    let pairs = [json!({"ip_address": SHARED}), json!({"ip_address": SHARED_V6})];
    let body = json!({"network_id": network, "name": name, "allowed_address_pairs": pairs});
    let vm = lab.cloud.boot_port(host, name, &body).expect("a machine");
    lab.cloud.wait_status(&vm, "ACTIVE").expect("its port forwards");
    vm.dhcp().expect("an address");
    vm
}

#[test]
fn an_address_that_moves_is_reached_at_its_new_holder_from_other_hosts() {
    let lab = Lab::new(2);
    let network = lab.network("blue", "geneve", "10.0.0.0/24");
    let (one, two) = (boot_with_pairs(&lab, 0, "one", &network), boot_with_pairs(&lab, 1, "two", &network));
    let (near, thief) = (lab.boot(1, "near", &network), lab.boot(0, "thief", &network));
    let shared = SHARED.parse().expect("an address");
    let mut last: Option<&Vm> = None;
    for vm in [&one, &two, &one] {
        if let Some(last) = last.replace(vm) {
            ip(last, "del");
        }
        ip(vm, "add");
        announce(vm);
        wait_for_holder(&lab, &network, SHARED, Some(vm));
        near.namespace().wait_for_ping(shared, PATIENCE).expect("the holder answers");
        thief.namespace().wait_for_ping(shared, PATIENCE).expect("the holder answers on its own host");
    }
    // Who has no such pair moves nothing.
    announce(&thief);
    near.namespace().wait_for_ping(shared, PATIENCE).expect("the holder answers");
    assert_eq!(holder(&lab, &network).as_deref(), Some(one.port_id()));
}

#[test]
fn an_ipv6_address_that_moves_is_reached_at_its_new_holder_from_other_hosts() {
    let lab = Lab::new(2);
    let network = lab.network("blue", "geneve", "10.0.0.0/24");
    lab.subnet(&json!({"network_id": network, "ip_version": 6, "cidr": "fd00:9::/64", "enable_dhcp": false}));
    let (one, two) = (boot_with_pairs(&lab, 0, "one", &network), boot_with_pairs(&lab, 1, "two", &network));
    let (near, far) = (lab.boot(1, "near", &network), lab.boot(0, "far", &network));
    for vm in [&one, &two, &near, &far] {
        let row = lab.row(&format!("/lport/{}", vm.port_id()));
        let ips = row["ips"].as_array().expect("addresses").iter().filter_map(|ip| ip.as_str());
        let own = ips.into_iter().find(|ip| ip.contains(':')).expect("an IPv6 address").to_owned();
        ip_v6(vm, "add", &own);
    }
    let shared = SHARED_V6.parse().expect("an address");
    let mut last: Option<&Vm> = None;
    for vm in [&one, &two, &one] {
        if let Some(last) = last.replace(vm) {
            ip_v6(last, "del", SHARED_V6);
        }
        ip_v6(vm, "add", SHARED_V6);
        announce_v6(vm);
        wait_for_holder(&lab, &network, SHARED_V6, Some(vm));
        near.namespace().wait_for_ping(shared, PATIENCE).expect("the holder answers");
        far.namespace().wait_for_ping(shared, PATIENCE).expect("the holder answers on its own host");
    }
    // Who has no such pair moves nothing.
    announce_v6(&far);
    near.namespace().wait_for_ping(shared, PATIENCE).expect("the holder answers");
    assert_eq!(holder_of(&lab, &network, SHARED_V6).as_deref(), Some(one.port_id()));
}

#[test]
fn a_holder_that_goes_silent_or_is_deleted_is_given_up_and_who_has_the_address_is_found() {
    let detection = "[df_active_port_detection]\ndetection_interval_time = 2\n";
    let lab = Lab::with(&CloudSpec { hosts: 2, host_options: detection, ..CloudSpec::new(binary()) });
    let network = lab.network("blue", "geneve", "10.0.0.0/24");
    let (one, two) = (boot_with_pairs(&lab, 0, "one", &network), boot_with_pairs(&lab, 1, "two", &network));
    let near = lab.boot(1, "near", &network);
    let shared = SHARED.parse().expect("an address");
    // Nobody announces anything: who has the address answers when it is asked.
    ip(&one, "add");
    wait_for_holder(&lab, &network, SHARED, Some(&one));
    near.namespace().wait_for_ping(shared, PATIENCE).expect("the holder answers");
    ip(&one, "del");
    wait_for_holder(&lab, &network, SHARED, None);
    ip(&two, "add");
    wait_for_holder(&lab, &network, SHARED, Some(&two));
    near.namespace().wait_for_ping(shared, PATIENCE).expect("the new holder answers");
    // A port that is deleted leaves no row.
    let deleted = lab.cloud.api().delete(&format!("/v2.0/ports/{}", two.port_id()));
    deleted.and_then(|answer| answer.expect(204)).expect("the port is deleted");
    wait_for_holder(&lab, &network, SHARED, None);
}
