//! Which way packets between networks take, what they look like when they arrive, and what is said of those that do not.

use std::collections::BTreeSet;
use std::net::IpAddr;

use net_types::MacAddr;
use serde_json::{Value, json};
use testkit::cloud::{CloudSpec, Vm};
use testkit::{Capture, Guest, GuestSpec, try_wait_until};

use crate::nat::{call, wait_ping_says};
use crate::routers::{GATEWAY, Routed, address, id, ip, join, reaches};
use crate::support::{Lab, PATIENCE, binary};

/// Where a frame without tags says how many hops it has left.
const TTL: usize = 22;

/// Those frames that have an IPv4 packet from one address to another in them, or in a tunnel.
pub(crate) fn between(capture: &Capture, from: &str, to: &str) -> Vec<Vec<u8>> {
    let octets = |text: &str| match ip(text) {
        IpAddr::V4(ip) => ip.octets(),
        IpAddr::V6(_) => panic!("{text} is of another version"),
    };
    let wanted = [octets(from), octets(to)].concat();
    let mut frames = capture.frames().expect("frames");
    frames.retain(|frame| frame.windows(wanted.len()).any(|bytes| bytes == wanted));
    frames
}

fn at(vm: &Vm) -> Capture {
    Capture::start(vm.namespace(), vm.guest().device(), "icmp").expect("a capture")
}

/// The MAC address of a router in a network.
fn leg(lab: &Lab, router: &str, network: &str) -> String {
    let path = format!("/v2.0/ports?device_id={router}&network_id={network}");
    let shown = lab.cloud.api().get(&path).and_then(|shown| shown.expect(200)).expect("ports");
    shown["ports"][0]["mac_address"].as_str().expect("an address").to_owned()
}

pub(crate) fn octets(mac: &str) -> [u8; 6] {
    mac.parse::<MacAddr>().expect("an address").octets()
}

fn lost(from: &Vm, target: &str) {
    let report = from.namespace().ping(ip(target), 3).expect("ping runs");
    assert_eq!(report.lost(), 3, "{} reaches {target}", from.name());
}

/// Pings, and compares what is on the cables of the hosts with what arrives: of each packet, as many as said for each host.
#[track_caller]
fn crosses(routed: &Routed, (from, to): (&Vm, &Vm), times: [usize; 3]) {
    reaches(from, &address(to));
    let (arrived, answered) = (at(to), at(from));
    let wires: Vec<Capture> = routed
        .lab
        .cloud
        .sites()
        .iter()
        .map(|site| site.capture_underlay("udp").expect("a capture"))
        .collect();
    let report = from.namespace().ping(to.address().expect("an address").into(), 5).expect("ping runs");
    assert_eq!(report.lost(), 0, "{report:?}");
    let (source, target) = (address(from), address(to));
    let count = |capture: &Capture| {
        [between(capture, &source, &target).len(), between(capture, &target, &source).len()]
    };
    let mut seen = Vec::new();
    try_wait_until(PATIENCE, "all that was sent", || {
        let sent = count(&arrived);
        seen = wires.iter().map(count).collect();
        let expected: Vec<_> = times.iter().map(|times| sent.map(|sent| sent * times)).collect();
        (sent[0] >= 5 && sent == count(&answered) && seen == expected).then_some(())
    })
    .unwrap_or_else(|error| panic!("{error}: {seen:?} of {:?}, {:?}", count(&arrived), count(&answered)));

    // One hop, and from the router.
    let (out, back) = (&routed.blue, &routed.red);
    for (capture, network, frames) in [
        (&arrived, out, between(&arrived, &source, &target)),
        (&answered, back, between(&answered, &target, &source)),
    ] {
        let mac = octets(&leg(&routed.lab, &routed.router, network));
        let is_routed = |frame: &Vec<u8>| frame[TTL] == 63 && frame[6..12] == mac;
        assert!(frames.iter().all(is_routed), "{:?}", capture.text());
    }
}

/// A machine that asks again for the addresses of its neighbours after a second or two, and not after most of a minute.
fn forgets_soon(vm: &Vm) {
    let option = |name: &str, value: u32| format!("net.ipv4.neigh.{}.{name}={value}", vm.guest().device());
    let options = [option("base_reachable_time_ms", 1000), option("delay_first_probe_time", 1)];
    vm.namespace().run("sysctl", &["-qw", &options[0], &options[1]]).expect("options");
}

/// Who sends a datagram to an address of the router is told that nobody listens.
fn is_refused(from: &Vm, target: &str) {
    let heard =
        Capture::start(from.namespace(), from.guest().device(), "icmp[icmptype] == 3").expect("a capture");
    try_wait_until(PATIENCE, "a refusal", || {
        let _ = from.namespace().run("nc", &["-n", "-u", "-v", "-z", "-w", "1", target, "9999"]);
        heard.text().ok()?.contains(&format!("{target} udp port 9999 unreachable")).then_some(())
    })
    .unwrap_or_else(|error| panic!("{error}: {:?}", heard.text()));
}

fn owners_in(lab: &Lab, network: &str) -> BTreeSet<String> {
    let path = format!("/v2.0/ports?network_id={network}");
    let shown = lab.cloud.api().get(&path).and_then(|shown| shown.expect(200)).expect("ports");
    let ports = shown["ports"].as_array().expect("ports").clone();
    ports.iter().filter_map(|port| port["device_owner"].as_str().map(str::to_owned)).collect()
}

#[test]
fn packets_between_networks_go_straight_and_need_nobody_else() {
    let mut routed = Routed::new();
    let one = routed.boot(0, "one", &routed.red);
    let (near, two) = (routed.boot(0, "near", &routed.blue), routed.boot(1, "two", &routed.blue));
    [&near, &two].into_iter().for_each(forgets_soon);
    crosses(&routed, (&one, &near), [0, 0, 0]);
    crosses(&routed, (&one, &two), [1, 1, 0]);
    let hidden = owners_in(&routed.lab, &routed.red);
    assert!(hidden.iter().all(|owner| !owner.contains("snat")), "{hidden:?}");

    // What does not arrive.
    wait_ping_says(one.namespace(), &["-t", "1", &address(&two)], "From 10.0.1.1 ");
    wait_ping_says(one.namespace(), &["-t", "2", &address(&two)], " bytes from ");
    wait_ping_says(one.namespace(), &["10.0.2.200"], "From 10.0.1.1 icmp_seq=1 Destination Host Unreachable");
    for target in ["10.0.1.1", "10.0.2.1"] {
        is_refused(&one, target);
    }

    // An interface that goes and comes.
    let subnet = json!({"subnet_id": routed.subnet_of(&routed.blue)});
    let path = format!("/v2.0/routers/{}", routed.router);
    let mac = leg(&routed.lab, &routed.router, &routed.blue);
    let flows_with = |mac: &str| {
        let sites = routed.lab.cloud.sites().iter();
        let flows = sites.flat_map(|site| site.flows().expect("flows"));
        flows.filter(|flow| flow.contains(mac)).collect::<Vec<_>>()
    };
    assert!(!flows_with(&mac).is_empty());
    call(&routed, &format!("{path}/remove_router_interface"), &subnet);
    try_wait_until(PATIENCE, "the interface to be gone", || flows_with(&mac).is_empty().then_some(()))
        .unwrap_or_else(|error| panic!("{error}: {:?}", flows_with(&mac)));
    lost(&one, &address(&two));
    call(&routed, &format!("{path}/add_router_interface"), &subnet);
    // As soon as those behind it ask for its new MAC address.
    reaches(&one, &address(&two));
    reaches(&one, &address(&near));

    // Without the host of the gateway, and without any controller but its own.
    routed.lab.cloud.site_mut(2).ovs.kill9_vswitchd().expect("it dies");
    for place in [1, 2] {
        routed.lab.cloud.site_mut(place).kill_controller().expect("it ends");
    }
    one.namespace().ip(&["neigh", "flush", "all"]).expect("forgotten");
    for target in ["10.0.1.1", "10.0.2.1", GATEWAY, &address(&two), &address(&near)] {
        let report = one.namespace().ping(ip(target), 3).expect("ping runs");
        assert_eq!(report.lost(), 0, "{target}: {report:?}");
    }
}

/// A router with some interfaces: the gateways of subnets, or ports with addresses.
fn router(lab: &Lab, name: &str, legs: &[(&str, Option<&str>)]) -> String {
    let api = lab.cloud.api();
    let made = api.post("/v2.0/routers", &json!({"router": {"name": name}}));
    let router = id(&made.and_then(|made| made.expect(201)).expect("a router")["router"]);
    for (network, own) in legs {
        let body = match own {
            Some(own) => {
                let port = json!({"network_id": network, "fixed_ips": [{"ip_address": own}]});
                json!({"port_id": lab.port(&port)["id"]})
            }
            None => {
                let path = format!("/v2.0/subnets?network_id={network}");
                let subnets = api.get(&path).and_then(|shown| shown.expect(200)).expect("subnets");
                json!({"subnet_id": subnets["subnets"][0]["id"]})
            }
        };
        let path = format!("/v2.0/routers/{router}/add_router_interface");
        api.put(&path, &body).and_then(|added| added.expect(200)).expect("an interface");
    }
    router
}

fn set_routes(lab: &Lab, router: &str, routes: &[(&str, &str)]) {
    let route =
        |(destination, nexthop): &(&str, &str)| json!({"destination": destination, "nexthop": nexthop});
    let routes: Vec<Value> = routes.iter().map(route).collect();
    let body = json!({"router": {"routes": routes}});
    let set = lab.cloud.api().put(&format!("/v2.0/routers/{router}"), &body);
    set.and_then(|set| set.expect(200)).expect("routes");
}

/// A machine that may send what it likes.
fn boot(lab: &Lab, host: usize, name: &str, network: &str) -> Vm {
    let body =
        json!({"network_id": network, "name": name, "port_security_enabled": false, "security_groups": []});
    let vm = lab.cloud.boot_port(host, name, &body).expect("a machine");
    lab.cloud.wait_status(&vm, "ACTIVE").expect("its port forwards");
    vm.dhcp().expect("an address");
    vm
}

#[test]
fn routes_lead_through_routers_in_a_row_and_through_guests() {
    const ACROSS: &str = "10.0.9.200";
    let lab = Lab::new(2);
    let red = lab.network("red", "geneve", "10.0.1.0/24");
    let blue = lab.network("blue", "geneve", "10.0.2.0/24");
    let transit = lab.network("transit", "geneve", "10.0.9.0/24");
    let first = router(&lab, "first", &[(&red, None), (&transit, None)]);
    let second = router(&lab, "second", &[(&blue, None), (&transit, Some(ACROSS))]);
    set_routes(&lab, &second, &[("10.0.1.0/24", "10.0.9.1")]);
    let (one, two) = (boot(&lab, 0, "one", &red), boot(&lab, 1, "two", &blue));
    let (wide, narrow) = (boot(&lab, 1, "wide", &red), boot(&lab, 0, "narrow", &red));
    wait_ping_says(
        one.namespace(),
        &[&address(&two)],
        "From 10.0.1.1 icmp_seq=1 Destination Net Unreachable",
    );

    let across = ("10.0.2.0/24", ACROSS);
    set_routes(&lab, &first, &[across]);
    reaches(&one, &address(&two));
    reaches(&two, &address(&one));
    wait_ping_says(one.namespace(), &["-t", "1", &address(&two)], "From 10.0.1.1 ");
    wait_ping_says(one.namespace(), &["-t", "2", &address(&two)], &format!("From {ACROSS} "));
    wait_ping_says(one.namespace(), &["-t", "3", &address(&two)], " bytes from ");
    wait_ping_says(one.namespace(), &["10.99.0.1"], "From 10.0.1.1 icmp_seq=1 Destination Net Unreachable");

    // Guests as next hops: who has a longer prefix counts, and either of two with the same.
    for (vm, addresses) in
        [(&wide, ["10.50.0.1/32", "10.60.0.1/32"]), (&narrow, ["10.50.1.1/32", "10.60.0.1/32"])]
    {
        addresses.iter().for_each(|address| vm.namespace().add_address("lo", address).expect("an address"));
    }
    let hops = (address(&wide), address(&narrow));
    let long = [("10.50.0.0/16", &*hops.0), ("10.50.1.0/24", &*hops.1)];
    let spread = [("10.60.0.0/16", &*hops.0), ("10.60.0.0/16", &*hops.1)];
    set_routes(&lab, &first, &[&[across][..], &long, &spread].concat());
    set_routes(&lab, &second, &[("10.0.0.0/8", "10.0.9.1")]);
    for target in ["10.50.0.1", "10.50.1.1", "10.60.0.1"] {
        reaches(&one, target);
        reaches(&two, target);
    }
    for last in spread {
        set_routes(&lab, &first, &[across, last]);
        reaches(&two, "10.60.0.1");
        wait_ping_says(two.namespace(), &["10.50.0.1"], "Destination Net Unreachable");
    }
    set_routes(&lab, &first, &[across]);
    wait_ping_says(one.namespace(), &["10.60.0.1"], "From 10.0.1.1 icmp_seq=1 Destination Net Unreachable");
    reaches(&one, &address(&two));
}

const VLAN: u16 = 100;
/// A machine on the wire, and the router there.
const MACHINE: &str = "10.0.0.200";
const ROUTER: &str = "10.0.0.1";

/// A network with a tag, and its subnet.
fn vlan(lab: &Lab) -> String {
    let body = json!({"network": {
        "name": "tagged", "provider:network_type": "vlan", "provider:segmentation_id": VLAN,
        "provider:physical_network": "public",
    }});
    let made = lab.cloud.api().post("/v2.0/networks", &body).and_then(|made| made.expect(201));
    let network = id(&made.expect("a network")["network"]);
    let pool = json!({"start": "10.0.0.2", "end": "10.0.0.63"});
    lab.subnet(&json!({
        "network_id": network, "ip_version": 4, "cidr": "10.0.0.0/24", "allocation_pools": [pool],
    }));
    network
}

fn machine(lab: &Lab) -> Guest {
    let site = &lab.cloud.sites()[0];
    let spec = GuestSpec {
        bridge: "br-ex",
        interface: "machine",
        mac: "02:00:00:00:01:c8",
        addresses: &["10.0.0.200/24"],
        iface_id: None,
    };
    let machine = Guest::plug(&site.ovs, spec).expect("a machine on the wire");
    site.ovs.vsctl(&["set", "Port", "machine", &format!("tag={VLAN}")]).expect("an access port");
    machine.namespace().add_default_route(ROUTER).expect("a route");
    machine
}

#[test]
fn a_router_in_a_vlan_answers_once_and_is_seen_in_one_place() {
    let server_options = "\n[ml2_type_vlan]\nnetwork_vlan_ranges = public\n";
    let lab = Lab::with(&CloudSpec { hosts: 2, server_options, ..CloudSpec::new(binary()) });
    join(&lab);
    let (tagged, blue) = (vlan(&lab), lab.network("blue", "geneve", "10.0.2.0/24"));
    let gate = router(&lab, "gate", &[(&tagged, None), (&blue, None)]);
    let speaker = lab.cloud.sites()[1].name.clone();
    let row = json!({"id": speaker, "chassis": speaker, "priority": 1});
    lab.put_row(&format!("/gateway_candidate/{speaker}"), &row);
    let machine = machine(&lab);
    let vms = [(0, "near", &tagged), (1, "far", &tagged), (0, "one", &blue), (1, "two", &blue)]
        .map(|(host, name, network)| boot(&lab, host, name, network));
    let [near, far, one, two] = &vms;
    let mac = octets(&leg(&lab, &gate, &tagged));

    // Routed from either host to the other, and to the wire and back.
    let arrived = at(far);
    for (from, to) in [(one, far), (two, near), (one, near), (two, far), (near, two), (far, one)] {
        reaches(from, &address(to));
    }
    reaches(one, MACHINE);
    reaches(two, MACHINE);
    for vm in [one, two] {
        machine.namespace().wait_for_ping(ip(&address(vm)), PATIENCE).expect("the wire reaches guests");
    }
    let frames = between(&arrived, &address(one), &address(far));
    let is_routed = |frame: &Vec<u8>| frame[6..12] == mac && frame[TTL] == 63;
    assert!(!frames.is_empty() && frames.iter().all(is_routed), "{:?}", arrived.text());

    // Each question for the router has one answer.
    let questions = Capture::start(machine.namespace(), machine.device(), "arp").expect("a capture");
    for _ in 0..5 {
        machine.namespace().ip(&["neigh", "flush", "all"]).expect("forgotten");
        machine.namespace().wait_for_ping(ip(ROUTER), PATIENCE).expect("the router answers");
    }
    let text = questions.text().expect("what was asked");
    let count = |what: &str| text.matches(what).count();
    let (asked, told) =
        (count(&format!("who-has {ROUTER} tell {MACHINE}")), count(&format!("{ROUTER} is-at")));
    assert!(asked >= 5, "{text}");
    assert_eq!(asked, told, "{text}");
    for site in lab.cloud.sites() {
        let stats = site.ovs.appctl(&["fdb/stats-show", "br-ex"]).expect("what the bridge has learned");
        let moved = stats.lines().find(|line| line.contains("moved")).expect("a line about moves");
        assert!(moved.trim().ends_with(" 0") || moved.trim().ends_with(":0"), "{}: {stats}", site.name);
    }
}
