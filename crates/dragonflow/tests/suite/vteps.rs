//! Ports behind the end of a tunnel that is no node's: a VXLAN device of Linux.

use serde_json::json;
use testkit::{Namespace, try_wait_until};

use crate::support::{Lab, PATIENCE, talks};
use crate::trace::ask;

/// Where the tunnels of the device end, beside those of the hosts.
const END: &str = "192.0.2.100";
const DEVICE: &str = "vxlan0";

/// A machine behind a VXLAN device, which is on the underlay of the first host.
fn machine(lab: &Lab, vni: u64, port: &serde_json::Value) -> Namespace {
    let (site, machine) = (&lab.cloud.sites()[0], Namespace::new().expect("a namespace"));
    site.namespace.connect("to-vtep", &machine, "eth0").expect("a cable");
    for (namespace, device) in [(&site.namespace, "to-vtep"), (&machine, "eth0")] {
        namespace.disable_checksum_offload(device).expect("checksums");
    }
    site.ovs.vsctl(&["add-port", "br-phys", "to-vtep"]).expect("a plug");
    machine.add_address("eth0", &format!("{END}/24")).expect("an address");
    machine.set_up("eth0").expect("a device");
    let vni = vni.to_string();
    let vxlan = ["link", "add", DEVICE, "type", "vxlan", "id", &vni, "local", END, "dstport", "4789"];
    machine.ip(&vxlan).expect("a VXLAN device");
    machine.set_mac(DEVICE, port["mac_address"].as_str().expect("an address")).expect("an address");
    let address = port["fixed_ips"][0]["ip_address"].as_str().expect("an address");
    machine.add_address(DEVICE, &format!("{address}/24")).expect("an address");
    machine.set_up(DEVICE).expect("a device");
    for site in lab.cloud.sites() {
        let end = site.tunnel_ip.to_string();
        let flood = ["fdb", "append", "00:00:00:00:00:00", "dev", DEVICE, "dst", &end];
        machine.run("bridge", &flood).expect("an end to flood to");
    }
    machine
}

#[test]
fn a_port_behind_a_vtep_is_reached_there_and_traces_say_so() {
    let lab = Lab::new(2);
    let network = lab.network("red", "vxlan", "10.1.0.0/24");
    let (near, far) = (lab.boot(0, "near", &network), lab.boot(1, "far", &network));
    let port = lab.port(&json!({"network_id": network, "name": "behind"}));
    let id = port["id"].as_str().expect("an id");
    let vni = lab.row(&format!("/lswitch/{network}"))["segmentation_id"].as_u64().expect("a number");
    let machine = machine(&lab, vni, &port);
    lab.change_port_row(id, &json!({"binding": {"type": "vtep", "vtep_address": END, "chassis": null}}));
    for site in lab.cloud.sites() {
        try_wait_until(PATIENCE, "frames to go there", || {
            site.flows().ok()?.iter().any(|flow| flow.contains(&format!("{END}->tun_dst"))).then_some(())
        })
        .expect("they do");
        // While Open vSwitch asks for the address of a neighbour, it drops what goes to it.
        machine.wait_for_ping(site.tunnel_ip.into(), PATIENCE).expect("the ends are neighbours");
    }
    let address = port["fixed_ips"][0]["ip_address"].as_str().expect("an address");
    let target = address.parse().expect("an address");
    for vm in [&near, &far] {
        vm.namespace().wait_for_ping(target, PATIENCE).expect("it is reached");
        let there = vm.namespace().ping(target, 3).expect("ping runs");
        let back = machine.ping(vm.address().expect("an address").into(), 3).expect("ping runs");
        assert_eq!((there.lost(), back.lost()), (0, 0), "{}: {there:?} {back:?}", vm.name());
        let said = ask(&lab, 0, "trace", &["--json", "--port", vm.name(), "--to", "behind"]);
        assert_eq!((said.code, said.receivers()), (Some(0), vec![id.to_owned()]), "{}", said.errors);
    }
    talks(&near, &far);
    let said = ask(&lab, 0, "trace", &["--port", "behind", "--to", "near"]);
    assert!(said.code == Some(2) && said.errors.contains(END), "{}", said.errors);
}
