//! Physical networks with real bridges, real cables between hosts, and machines on the wire that the cloud knows nothing of.

use std::net::IpAddr;

use serde_json::json;
use testkit::cloud::{BRIDGE, CloudSpec, PHYSICAL_BRIDGE, Site, Vm, cable};
use testkit::{Capture, Guest, GuestSpec, try_wait_until};

use crate::support::{Lab, PATIENCE, Wire, binary, talks, times_ready, wait_ready};

const VLAN: u16 = 100;

/// A cloud whose server knows the physical network.
fn lab(hosts: u8) -> Lab {
    let server_options = "\n[ml2_type_vlan]\nnetwork_vlan_ranges = public\n";
    Lab::with(&CloudSpec { hosts, server_options, ..CloudSpec::new(binary()) })
}

/// A machine that is plugged into the physical bridge, by an access port of a VLAN or without tags.
fn on_wire(site: &Site, name: &str, address: &str, vlan: Option<u16>) -> Guest {
    let number = address.rsplit(['.', '/']).nth(1).expect("a number");
    let mac = format!("02:00:00:00:01:{:02x}", number.parse::<u8>().expect("a number"));
    let spec = GuestSpec {
        bridge: PHYSICAL_BRIDGE,
        interface: name,
        mac: &mac,
        addresses: &[address],
        iface_id: None,
    };
    let guest = Guest::plug(&site.ovs, spec).expect("a machine on the wire");
    if let Some(vlan) = vlan {
        site.ovs.vsctl(&["set", "Port", name, &format!("tag={vlan}")]).expect("an access port");
    }
    guest
}

fn network(lab: &Lab, name: &str, provider: &serde_json::Value) -> String {
    let mut body = provider.clone();
    body["name"] = name.into();
    body["provider:physical_network"] = "public".into();
    let made = lab.cloud.api().post("/v2.0/networks", &json!({ "network": body }));
    let made = made.and_then(|made| made.expect(201)).expect("a network");
    let id = made["network"]["id"].as_str().expect("an id").to_owned();
    let pool = json!({"start": "10.0.0.2", "end": "10.0.0.63"});
    lab.subnet(
        &json!({"network_id": id, "ip_version": 4, "cidr": "10.0.0.0/24", "allocation_pools": [pool]}),
    );
    id
}

fn vlan(lab: &Lab, name: &str, vlan: u16) -> String {
    network(lab, name, &json!({"provider:network_type": "vlan", "provider:segmentation_id": vlan}))
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn reaches(vm: &Vm, target: &str) {
    vm.namespace()
        .wait_for_ping(ip(target), PATIENCE)
        .unwrap_or_else(|error| panic!("{}: {error:#}", vm.name()));
}

fn reaches_not(vm: &Vm, target: &str) {
    let report = vm.namespace().ping(ip(target), 3).expect("ping runs");
    assert_eq!(report.lost(), 3, "{} reaches {target}", vm.name());
}

fn ports(site: &Site, bridge: &str) -> Vec<String> {
    let text = site.ovs.vsctl(&["list-ports", bridge]).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

fn wait_patched(site: &Site, is_there: bool) {
    let has = |bridge, port: &str| ports(site, bridge).iter().any(|name| name == port);
    try_wait_until(PATIENCE, "the patch ports", || {
        let ends = [has(BRIDGE, "br-ex-patch"), has(PHYSICAL_BRIDGE, "br-int-patch")];
        (ends == [is_there; 2]).then_some(())
    })
    .unwrap_or_else(|error| panic!("{error}: {:?} {:?}", ports(site, BRIDGE), ports(site, PHYSICAL_BRIDGE)));
}

/// Whether a frame is the ARP request of a machine, and with which VLAN.
fn request_of(vm: &Vm, frame: &[u8]) -> Option<u16> {
    let mac: net_types::MacAddr = vm.mac().parse().expect("an address");
    if !frame.starts_with(&[0xff; 6]) || frame.get(6..12) != Some(&mac.octets()[..]) {
        return None;
    }
    match frame.get(12..18)? {
        [0x08, 0x06, ..] => Some(0),
        [0x81, 0x00, high, low, 0x08, 0x06] => Some(u16::from_be_bytes([high & 0x0f, *low])),
        _ => None,
    }
}

#[test]
fn guests_of_two_hosts_meet_each_other_and_others_in_their_vlan_and_nobody_else() {
    let mut lab = lab(2);
    lab.cloud.lay_wire().expect("a wire");
    lab.cloud.sites().iter().for_each(|site| wait_patched(site, true));
    let red = vlan(&lab, "red", VLAN);
    let (one, two) = (lab.boot(0, "one", &red), lab.boot(1, "two", &red));
    talks(&one, &two);
    let [here, there] = lab.cloud.sites() else { panic!("two hosts") };
    let machines = [
        on_wire(here, "wire100", "10.0.0.200/24", Some(VLAN)),
        on_wire(there, "wire100", "10.0.0.201/24", Some(VLAN)),
        on_wire(there, "wire101", "10.0.0.202/24", Some(VLAN + 1)),
        on_wire(there, "untagged", "10.0.0.203/24", None),
    ];
    for (target, is_reached) in
        [("10.0.0.200", true), ("10.0.0.201", true), ("10.0.0.202", false), ("10.0.0.203", false)]
    {
        if is_reached { reaches(&one, target) } else { reaches_not(&one, target) }
    }

    // A flat network is on the same wire, without a tag, and with the same addresses.
    let flat = network(&lab, "flat", &json!({"provider:network_type": "flat"}));
    let three = lab.boot(0, "three", &flat);
    reaches(&three, "10.0.0.203");
    reaches_not(&three, "10.0.0.201");
    drop(machines);

    asks_once(&lab, &one, &two);
    a_restart_changes_nothing(&mut lab, &one, &two);
}

/// What one asks everybody has the tag on the wire, once for each time it was asked, and comes back to nobody.
fn asks_once(lab: &Lab, one: &Vm, two: &Vm) {
    let wire = Capture::start(&lab.cloud.sites()[1].namespace, &cable(1, 0), "").expect("a capture");
    let device = one.guest().device();
    let ends = [one, two].map(|vm| Capture::start(vm.namespace(), device, "arp").expect("a capture"));
    reaches_not(one, "10.0.0.250");
    let count = |capture: &Capture, tag: u16| {
        let frames = capture.frames().expect("frames");
        frames.iter().filter(|frame| request_of(one, frame) == Some(tag)).count()
    };
    let asked = count(&ends[0], 0);
    assert!(asked > 0);
    try_wait_until(PATIENCE, "the other guest to hear it", || (count(&ends[1], 0) >= asked).then_some(()))
        .expect("it is heard");
    assert_eq!([count(&wire, VLAN), count(&ends[1], 0), count(&ends[0], 0)], [asked; 3]);
    assert_eq!([count(&wire, 0), count(&wire, VLAN + 1)], [0, 0], "and with no other tag");
}

fn a_restart_changes_nothing(lab: &mut Lab, one: &Vm, two: &Vm) {
    let network = one.network_id().to_owned();
    let body = json!({"network_id": network, "port_security_enabled": false, "security_groups": []});
    let open = lab.cloud.boot_port(0, "open", &body).expect("a machine");
    lab.cloud.wait_status(&open, "ACTIVE").expect("its port forwards");
    let learned = borrows_an_address(lab, &open);
    let begun = Wire::watch(&lab.cloud.sites()[0]).begun_at();
    let site = lab.cloud.site_mut(0);
    let ready = times_ready(site);
    site.kill_controller().expect("it ends");
    site.start_controller().expect("it starts");
    wait_ready(site, ready);
    talks(one, two);
    let wire = Wire::since(&lab.cloud.sites()[0], begun);
    assert!(wire.received().iter().any(|kind| kind.contains("FLOW")), "the switch was not asked");
    assert_eq!(wire.changes(), [""; 0]);
    assert_eq!(flows_of(lab, BORROWED), learned, "the switch remembers");
}

/// An address that no port has.
const BORROWED: &str = "02:00:00:00:02:01";

/// The flows of the first host that go to an address.
fn flows_of(lab: &Lab, mac: &str) -> Vec<String> {
    let mut flows = lab.cloud.sites()[0].flows().expect("flows");
    flows.retain(|flow| flow.contains(&format!("dl_dst={mac}")));
    flows
}

/// A machine takes an address that its port has not; what the switch remembers of it.
fn borrows_an_address(lab: &Lab, vm: &Vm) -> Vec<String> {
    vm.namespace().set_mac(vm.guest().device(), BORROWED).expect("an address");
    vm.namespace().add_address(vm.guest().device(), "10.0.0.240/24").expect("an address");
    reaches_not(vm, "10.0.0.249");
    let remembered = || Some(flows_of(lab, BORROWED)).filter(|flows| !flows.is_empty());
    try_wait_until(PATIENCE, "the switch to remember", remembered).expect("it is heard")
}

#[test]
fn a_bridge_that_is_missing_concerns_its_networks_alone_and_heals_when_it_comes() {
    let mut lab = lab(1);
    let red = vlan(&lab, "red", VLAN);
    let blue = lab.network("blue", "geneve", "10.1.0.0/24");
    let (one, two) = (lab.boot(0, "one", &red), lab.boot(0, "two", &red));
    let (three, four) = (lab.boot(0, "three", &blue), lab.boot(0, "four", &blue));
    talks(&one, &two);
    talks(&three, &four);
    let says = |words: &[&str]| {
        let site = &lab.cloud.sites()[0];
        let said =
            || site.log().lines().any(|line| words.iter().all(|word| line.contains(word))).then_some(());
        try_wait_until(PATIENCE, "a line of the log", said)
            .unwrap_or_else(|error| panic!("{words:?}: {error}"));
    };
    says(&["WARN", "br-ex", "public", "create the bridge"]);

    let site = &lab.cloud.sites()[0];
    site.add_physical_bridge().expect("a bridge");
    wait_patched(site, true);
    let _machine = on_wire(site, "wire100", "10.0.0.200/24", Some(VLAN));
    reaches(&one, "10.0.0.200");
    says(&["this finding is over", "br-ex"]);

    // What somebody takes away comes back, and what is not ours stays.
    for (bridge, port) in [(BRIDGE, "br-ex-patch"), (PHYSICAL_BRIDGE, "br-int-patch")] {
        site.ovs.vsctl(&["del-port", bridge, port]).expect("it goes");
        wait_patched(site, true);
        reaches(&one, "10.0.0.200");
    }
    site.ovs.vsctl(&["del-br", PHYSICAL_BRIDGE]).expect("it goes");
    try_wait_until(PATIENCE, "the port that leads nowhere to go", || {
        (!ports(site, BRIDGE).contains(&"br-ex-patch".to_owned())).then_some(())
    })
    .expect("it goes");
    site.add_physical_bridge().expect("a bridge");
    wait_patched(site, true);

    // Another mapping.
    let config = lab.cloud.path("host-1.ini");
    let text = std::fs::read_to_string(&config).expect("the configuration");
    std::fs::write(&config, text + "\n[df_provider_networks]\nbridge_mappings = other:br-other\n")
        .expect("written");
    let site = lab.cloud.site_mut(0);
    let ready = times_ready(site);
    site.stop_controller().expect("it ends");
    site.start_controller().expect("it starts");
    wait_ready(site, ready);
    wait_patched(&lab.cloud.sites()[0], false);
    says_error(&lab, &["other", "br-other"]);
    assert_eq!(ports(&lab.cloud.sites()[0], PHYSICAL_BRIDGE), [""; 0]);
    talks(&three, &four);
}

fn says_error(lab: &Lab, words: &[&str]) {
    let site = &lab.cloud.sites()[0];
    let said = || {
        let is_it = |line: &str| line.contains("ERROR") && words.iter().all(|word| line.contains(word));
        site.log().lines().any(is_it).then_some(())
    };
    try_wait_until(PATIENCE, "an error in the log", said)
        .unwrap_or_else(|error| panic!("{words:?}: {error}"));
}
