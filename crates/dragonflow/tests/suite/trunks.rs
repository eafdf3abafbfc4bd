//! Guests that tag their frames, and guests that have others inside: what a switch of their own sends, on real cables.

use std::net::Ipv4Addr;

use serde_json::{Value, json};
use testkit::cloud::Vm;
use testkit::{Capture, Namespace, Ovs, try_wait_until};

use crate::support::{Lab, PATIENCE};

const PROJECT: &str = "11112222333344445555666677778888";
const BRIDGE: &str = "br-vm";
const DEVICE: &str = "eth0";

/// A guest with a switch inside: what is plugged in there by a tag is a machine of its own.
struct Trunk {
    // Dropped in this order: the switch before the namespace that it is in.
    ovs: Ovs,
    vm: Vm,
}

/// A machine behind a guest's switch, or inside the guest in some other way.
struct Inner {
    namespace: Namespace,
    address: Ipv4Addr,
    port: Value,
}

impl Trunk {
    fn new(vm: Vm) -> Self {
        let ovs = Ovs::netdev(vm.namespace()).expect("Open vSwitch starts");
        ovs.vsctl(&["add-br", BRIDGE, "--", "set", "bridge", BRIDGE, "datapath_type=netdev"])
            .expect("a bridge");
        ovs.vsctl(&["add-port", BRIDGE, vm.guest().device()]).expect("its cable");
        Self { ovs, vm }
    }

    /// A machine whose frames carry a tag; 0 is none.
    fn machine(&self, vlan: u16, port: &Value) -> Inner {
        let device = format!("v{vlan}");
        let namespace = Namespace::new().expect("a namespace");
        self.vm.namespace().connect(&device, &namespace, DEVICE).expect("a cable");
        let tag = format!("tag={vlan}");
        self.ovs.vsctl(&["add-port", BRIDGE, &device, &tag]).expect("its plug");
        Inner::new(namespace, port)
    }
}

impl Inner {
    fn new(namespace: Namespace, port: &Value) -> Self {
        namespace.set_mac(DEVICE, port["mac_address"].as_str().expect("an address")).expect("its address");
        namespace.disable_checksum_offload(DEVICE).expect("checksums");
        let address = port["fixed_ips"][0]["ip_address"].as_str().expect("an address");
        namespace.add_address(DEVICE, &format!("{address}/24")).expect("its address");
        namespace.set_up(DEVICE).expect("its device");
        Self { namespace, address: address.parse().expect("an address"), port: port.clone() }
    }

    fn id(&self) -> &str {
        self.port["id"].as_str().expect("an id")
    }

    #[track_caller]
    fn talks(&self, to: Ipv4Addr) {
        let report = self.namespace.ping(to.into(), 3).expect("ping runs");
        assert_eq!(report.lost(), 0, "{} to {to}: {report:?}", self.address);
    }
}

fn segmentation_key(inner: &str) -> String {
    format!("/child_port_segmentation/{inner}")
}

/// Puts one port inside another.
fn put_inside(lab: &Lab, inner: &Value, outer: &str, by: &str, vlan: u16) {
    let id = inner["id"].as_str().expect("an id");
    let row = json!({
        "id": id, "topic": PROJECT, "parent": outer, "port": id, "segmentation_type": by, "segmentation_id": vlan,
    });
    lab.put_row(&segmentation_key(id), &row);
}

fn wait_status(lab: &Lab, port: &str, status: &str) {
    let path = format!("/v2.0/ports/{port}");
    try_wait_until(PATIENCE, status, || {
        (lab.cloud.api().get(&path).ok()?.body["port"]["status"] == status).then_some(())
    })
    .expect("it becomes so");
}

fn binding(lab: &Lab, port: &str) -> Value {
    lab.row(&format!("/lport/{port}"))["binding"]["chassis"].clone()
}

fn plain_port(lab: &Lab, network: &str, name: &str) -> Value {
    lab.port(&json!({"network_id": network, "name": name}))
}

#[test]
fn subports_of_a_trunk_are_ports_with_their_own_networks_and_come_and_go_live() {
    let lab = Lab::new(2);
    let (blue, red) =
        (lab.network("blue", "geneve", "10.0.0.0/24"), lab.network("red", "vxlan", "10.1.0.0/24"));
    let (near, far) = (lab.boot(0, "near", &red), lab.boot(1, "far", &blue));
    let far_address = far.address().expect("an address");
    let vm = lab.cloud.boot(0, "trunk", &blue).expect("a machine");
    lab.cloud.wait_status(&vm, "ACTIVE").expect("its port forwards");
    let outer_id = vm.port_id().to_owned();
    let outer_port =
        lab.cloud.api().get(&format!("/v2.0/ports/{outer_id}")).expect("a port").body["port"].clone();
    let trunk = Trunk::new(vm);
    let outer = trunk.machine(0, &outer_port);
    outer.talks(far_address);

    let ports = [&blue, &blue, &red].map(|network| plain_port(&lab, network, "inner"));
    for (port, vlan) in ports.iter().zip([7, 8, 9]) {
        put_inside(&lab, port, &outer_id, "vlan", vlan);
    }
    let [seven, eight, nine] = [7_u16, 8, 9].map(|vlan| trunk.machine(vlan, &ports[usize::from(vlan) - 7]));
    for inner in [&seven, &eight, &nine] {
        wait_status(&lab, inner.id(), "ACTIVE");
        assert_eq!(binding(&lab, inner.id()), "host-1", "it is where the outer port is");
    }
    // In one network: to another host, to each other, and to the outer port, both ways.
    seven.talks(far_address);
    seven.talks(eight.address);
    seven.talks(outer.address);
    outer.talks(eight.address);
    nine.talks(near.address().expect("an address"));
    let udhcpc = ["-f", "-q", "-n", "-t", "5", "-T", "1", "-s", "/bin/true", "-i", DEVICE];
    nine.namespace.run("udhcpc", &udhcpc).expect("it is offered an address");
    // What is for many comes to each of them, and not back to who sent it.
    let ears = [&seven, &eight, &outer].map(|inner| {
        Capture::start(&inner.namespace, DEVICE, "arp and host 10.0.0.200").expect("tcpdump runs")
    });
    far.namespace().ping("10.0.0.200".parse().expect("an address"), 1).expect("ping runs");
    let heard = |ear: &Capture| ear.frames().expect("a capture").len();
    try_wait_until(PATIENCE, "the question", || ears.iter().all(|ear| heard(ear) > 0).then_some(()))
        .expect("heard");

    // Taken out, nothing of it stays; the others do not notice.
    let flows = || lab.cloud.sites()[0].flows().expect("flows");
    let mac = seven.port["mac_address"].as_str().expect("an address").to_owned();
    lab.delete_row(&segmentation_key(seven.id()));
    wait_status(&lab, seven.id(), "DOWN");
    assert_eq!(binding(&lab, seven.id()), Value::Null, "it is nowhere");
    try_wait_until(PATIENCE, "its flows to go", || {
        let is_left = |flow: &String| flow.contains("dl_vlan=7") || flow.contains("vlan_tci=0x1007");
        (!flows().iter().any(is_left)).then_some(())
    })
    .expect("no flow speaks of its tag");
    assert_eq!(seven.namespace.ping(far_address.into(), 1).expect("ping runs").received, 0, "{mac}");
    eight.talks(far_address);
    put_inside(&lab, &seven.port, &outer_id, "vlan", 7);
    wait_status(&lab, seven.id(), "ACTIVE");
    seven.talks(eight.address);
}

#[test]
fn subports_follow_the_outer_port_to_another_host() {
    let lab = Lab::new(2);
    let network = lab.network("blue", "geneve", "10.0.0.0/24");
    let vm = lab.cloud.boot(0, "trunk", &network).expect("a machine");
    lab.cloud.wait_status(&vm, "ACTIVE").expect("its port forwards");
    let outer_id = vm.port_id().to_owned();
    let outer = lab.cloud.api().get(&format!("/v2.0/ports/{outer_id}")).expect("a port").body["port"].clone();
    let inner = plain_port(&lab, &network, "inner");
    let inner_id = inner["id"].as_str().expect("an id").to_owned();
    put_inside(&lab, &inner, &outer_id, "vlan", 7);
    wait_status(&lab, &inner_id, "ACTIVE");
    vm.unplug(&lab.cloud.sites()[0].ovs).expect("it is pulled out");
    wait_status(&lab, &inner_id, "DOWN");
    try_wait_until(PATIENCE, "the port to be unbound", || binding(&lab, &inner_id).is_null().then_some(()))
        .expect("it is released with the outer port");
    let moved = Vm::plug(&lab.cloud.sites()[1].ovs, "trunk", &outer).expect("it is plugged in elsewhere");
    wait_status(&lab, &inner_id, "ACTIVE");
    assert_eq!(binding(&lab, &inner_id), "host-2");
    let trunk = Trunk::new(moved);
    let machine = trunk.machine(7, &inner);
    machine.talks(lab.boot(0, "other", &network).address().expect("an address"));
}

/// A container in a machine, with a MAC address of its own.
fn macvlan(vm: &Vm, device: &str, port: &Value) -> Inner {
    let (namespace, outer) = (Namespace::new().expect("a namespace"), vm.guest().device());
    let add = ["link", "add", device, "link", outer, "type", "macvlan", "mode", "bridge"];
    vm.namespace().ip(&add).expect("macvlan");
    let moves = ["link", "set", device, "netns", namespace.name(), "name", DEVICE];
    vm.namespace().ip(&moves).expect("it moves");
    Inner::new(namespace, port)
}

#[test]
fn a_container_with_its_own_mac_address_is_a_port() {
    let lab = Lab::new(2);
    let network = lab.network("blue", "geneve", "10.0.0.0/24");
    let (vm, far) = (lab.boot(0, "vm", &network), lab.boot(1, "far", &network));
    let pod = plain_port(&lab, &network, "pod");
    put_inside(&lab, &pod, vm.port_id(), "macvlan", 0);
    let other = plain_port(&lab, &network, "other");
    put_inside(&lab, &other, vm.port_id(), "macvlan", 0);
    let (pod, other) = (macvlan(&vm, "pod0", &pod), macvlan(&vm, "pod1", &other));
    wait_status(&lab, other.id(), "ACTIVE");
    wait_status(&lab, pod.id(), "ACTIVE");
    pod.talks(far.address().expect("an address"));
    let back = far.namespace().ping(pod.address.into(), 3).expect("ping runs");
    assert_eq!(back.lost(), 0, "{back:?}");
    // To the guest that they are in and to each other, which is as the device of macvlan has it: the one by the switch, the other not.
    let outer = vm.address().expect("an address");
    pod.talks(outer);
    pod.talks(other.address);
    other.talks(outer);
    let inwards = vm.namespace().ping(pod.address.into(), 3).expect("ping runs");
    assert_eq!(inwards.lost(), 0, "{inwards:?}");
    // It is a port by itself, and the guest that it is in is as before.
    let to_vm = far.namespace().ping(vm.address().expect("an address").into(), 3).expect("ping runs");
    assert_eq!(to_vm.lost(), 0, "{to_vm:?}");
    lab.delete_row(&segmentation_key(pod.id()));
    wait_status(&lab, pod.id(), "DOWN");
    let after = pod.namespace.ping(far.address().expect("an address").into(), 1).expect("ping runs");
    assert_eq!(after.received, 0, "it is nobody's");
}
