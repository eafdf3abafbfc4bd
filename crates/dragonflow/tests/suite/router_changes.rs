//! Routers that are, or become, something else than the usual one: not distributed, with another gateway, beside another router in one
//! subnet, with networks that others have as well, or whose networks take longer packets than before.

use serde_json::{Value, json};
use testkit::cloud::{CloudSpec, Vm};
use testkit::{Capture, Guest, GuestSpec, try_wait_until};

use crate::nat::{call, ping_says, seen_as, wait_ping_says};
use crate::routers::{GATEWAY, Routed, UPSTREAM, address, id, ip, reaches};
use crate::routing::between;
use crate::support::{Lab, PATIENCE, binary};

const FLOATING: &str = "203.0.113.20";
/// The hosts by their places: the machine outside is beside the first, the gateways are on the last.
const FIRST: usize = 0;
const SECOND: usize = 1;
const LAST: usize = 2;

fn turn(routed: &Routed, router: &str, up: bool) {
    call(routed, &format!("/v2.0/routers/{router}"), &json!({"router": {"admin_state_up": up}}));
}

/// Changes the mode of a router, which has to be down meanwhile.
fn set_mode(routed: &Routed, router: &str, is_distributed: bool) {
    let path = format!("/v2.0/routers/{router}");
    let body = json!({"router": {"distributed": is_distributed}});
    let refused = routed.lab.cloud.api().put(&path, &body).expect("an answer");
    assert_eq!(refused.status, 400, "{refused:?}");
    turn(routed, router, false);
    call(routed, &path, &body);
    turn(routed, router, true);
}

/// Waits until what a machine with a floating IP and the machine outside say crosses the cable of the last host, or does not.
fn passes_last_host(routed: &Routed, vm: &Vm, expected: bool) {
    let out = routed.upstream.namespace();
    out.wait_for_ping(ip(FLOATING), PATIENCE).expect("the floating IP answers");
    reaches(vm, UPSTREAM);
    let site = &routed.lab.cloud.sites()[LAST];
    try_wait_until(PATIENCE, "the way of the floating IP", || {
        let wire = Capture::start(&site.namespace, "to-last1", "icmp").ok()?;
        let arrived = Capture::start(out, routed.upstream.device(), "icmp").ok()?;
        (out.ping(ip(FLOATING), 3).ok()?.lost() == 0).then_some(())?;
        (vm.namespace().ping(ip(UPSTREAM), 3).ok()?.lost() == 0).then_some(())?;
        let count = |capture: &Capture| {
            [(FLOATING, UPSTREAM), (UPSTREAM, FLOATING)].map(|(from, to)| between(capture, from, to).len())
        };
        let expected = if expected { count(&arrived) } else { [0, 0] };
        (count(&arrived).iter().all(|seen| *seen >= 6) && count(&wire) == expected).then_some(())
    })
    .unwrap_or_else(|error| panic!("distributed {}: {error}", !expected));
}

#[test]
fn floating_ips_are_at_the_gateway_while_their_router_is_not_distributed() {
    let routed = Routed::new();
    let (vm, near) = (routed.boot(FIRST, "vm", &routed.red), routed.boot(SECOND, "near", &routed.blue));
    let floating = routed.floating(&vm, FLOATING);
    passes_last_host(&routed, &vm, false);

    set_mode(&routed, &routed.router, false);
    passes_last_host(&routed, &vm, true);
    routed.wait_floating(&floating, "ACTIVE");
    // One answer, as ever.
    let out = routed.upstream.namespace();
    let wire = Capture::start(out, routed.upstream.device(), "arp").expect("a capture");
    for _ in 0..5 {
        out.ip(&["neigh", "flush", "all"]).expect("forgotten");
        out.wait_for_ping(ip(FLOATING), PATIENCE).expect("the floating IP answers");
    }
    let text = wire.text().expect("what was asked");
    let count = |what: &str| text.matches(what).count();
    let asked = count(&format!("who-has {FLOATING} tell {UPSTREAM}"));
    assert!(asked >= 5 && asked == count(&format!("{FLOATING} is-at")), "{text}");
    // What goes between networks is routed as before, and who is hidden is hidden.
    assert_eq!(seen_as(&near, &address(&vm), &vm), address(&near));
    assert_eq!(seen_as(&near, FLOATING, &vm), GATEWAY);
    reaches(&near, UPSTREAM);
    reaches(&vm, FLOATING);

    set_mode(&routed, &routed.router, true);
    passes_last_host(&routed, &vm, false);
    routed.wait_floating(&floating, "ACTIVE");
}

/// As whom the machine outside sees one that pings it.
fn seen_outside(routed: &Routed, outside: &Guest, vm: &Vm, target: &str) -> String {
    reaches(vm, target);
    let seen =
        Capture::start(outside.namespace(), outside.device(), "icmp[icmptype] == 8").expect("a capture");
    let mut text = String::new();
    try_wait_until(PATIENCE, "a ping to be seen", || {
        let _ = vm.namespace().ping(ip(target), 1);
        text = seen.text().ok()?;
        text.contains(&format!(" > {target}:")).then_some(())
    })
    .unwrap_or_else(|error| panic!("{error}: {text}, {}", routed.lab.cloud.logs()));
    let line = text.lines().find(|line| line.contains(&format!(" > {target}:"))).expect("a line");
    line.split(" > ").next().and_then(|line| line.split(' ').next_back()).expect("a source").to_owned()
}

#[test]
fn a_router_that_is_distributed_and_one_that_is_not_serve_one_subnet() {
    const OTHER: &str = "10.0.1.200";
    const OTHER_GATEWAY: &str = "203.0.113.11";
    let routed = Routed::new();
    let green = routed.lab.network("green", "geneve", "10.0.3.0/24");
    let info = json!({"network_id": routed.outside, "external_fixed_ips": [{"ip_address": OTHER_GATEWAY}]});
    let body = json!({"name": "central", "distributed": false, "external_gateway_info": info});
    let router = id(&routed.make("router", &body));
    let path = format!("/v2.0/routers/{router}/add_router_interface");
    call(&routed, &path, &json!({"subnet_id": routed.subnet_of(&green)}));
    let port = json!({"network_id": routed.red, "fixed_ips": [{"ip_address": OTHER}]});
    call(&routed, &path, &json!({"port_id": routed.lab.port(&port)["id"]}));

    for place in [FIRST, SECOND] {
        let name = |what: &str| format!("{what}{place}");
        let usual = routed.boot(place, &name("usual"), &routed.red);
        let other = routed.boot(place, &name("other"), &routed.red);
        other.namespace().ip(&["route", "replace", "default", "via", OTHER]).expect("a route");
        let blue = routed.boot(SECOND, &name("blue"), &routed.blue);
        let far = routed.boot(FIRST, &name("green"), &green);
        reaches(&usual, &address(&other));
        // Each to the networks of its router, on the same host and on another one.
        reaches(&usual, &address(&blue));
        wait_ping_says(usual.namespace(), &["-t", "1", &address(&blue)], "From 10.0.1.1 ");
        wait_ping_says(other.namespace(), &["-t", "1", UPSTREAM], &format!("From {OTHER} "));
        assert_eq!(seen_outside(&routed, &routed.upstream, &usual, UPSTREAM), GATEWAY);
        assert_eq!(seen_outside(&routed, &routed.upstream, &other, UPSTREAM), OTHER_GATEWAY);
        reaches(&other, &address(&far));
        // Who is behind the other router only answers who asks through it.
        wait_ping_says(usual.namespace(), &[&address(&far)], " 100% packet loss");
    }
}

/// The machine outside in a second external network, which has a tag.
const VLAN: u16 = 200;
const SECOND_UPSTREAM: &str = "198.18.5.1";
const SECOND_GATEWAY: &str = "198.18.5.10";

fn second_outside(lab: &Lab) -> Guest {
    let site = &lab.cloud.sites()[FIRST];
    let spec = GuestSpec {
        bridge: "br-ex",
        interface: "upstream2",
        mac: "02:00:00:00:ee:02",
        addresses: &["198.18.5.1/24"],
        iface_id: None,
    };
    let guest = Guest::plug(&site.ovs, spec).expect("a machine outside");
    site.ovs.vsctl(&["set", "Port", "upstream2", &format!("tag={VLAN}")]).expect("an access port");
    guest
}

fn set_gateway(routed: &Routed, network: &str, address: &str) {
    let info = json!({"network_id": network, "external_fixed_ips": [{"ip_address": address}]});
    let path = format!("/v2.0/routers/{}", routed.router);
    call(routed, &path, &json!({"router": {"external_gateway_info": info}}));
}

/// Asks for an address until nobody has it any more.
fn wait_dead(from: &Guest, target: &str) {
    try_wait_until(PATIENCE, "the address to be dead", || {
        from.namespace().ip(&["neigh", "flush", "all"]).ok()?;
        (from.namespace().ping(ip(target), 2).ok()?.received == 0).then_some(())
    })
    .unwrap_or_else(|error| panic!("{target}: {error}"));
    let answers = Capture::start(from.namespace(), from.device(), "arp[6:2] == 2").expect("a capture");
    let _ = from.namespace().ping(ip(target), 2);
    let text = answers.text().expect("what was answered");
    assert!(!text.contains(&format!("{target} is-at")), "{text}");
}

#[test]
fn another_gateway_is_what_is_seen_outside_and_the_former_is_dead() {
    const NEXT: &str = "203.0.113.30";
    let server_options = "\n[ml2_type_vlan]\nnetwork_vlan_ranges = public\n";
    let routed =
        Routed::on(Routed::wired_with(&CloudSpec { hosts: 3, server_options, ..CloudSpec::new(binary()) }));
    let second = second_outside(&routed.lab);
    let vms = [routed.boot(FIRST, "one", &routed.red), routed.boot(LAST, "two", &routed.blue)];
    for vm in &vms {
        assert_eq!(seen_outside(&routed, &routed.upstream, vm, UPSTREAM), GATEWAY);
    }
    set_gateway(&routed, &routed.outside, NEXT);
    wait_dead(&routed.upstream, GATEWAY);
    for vm in &vms {
        assert_eq!(seen_outside(&routed, &routed.upstream, vm, UPSTREAM), NEXT);
    }
    routed.upstream.namespace().wait_for_ping(ip(NEXT), PATIENCE).expect("it answers");

    // Another network outside.
    let body = json!({
        "name": "outside2", "router:external": true, "provider:network_type": "vlan",
        "provider:physical_network": "public", "provider:segmentation_id": VLAN,
    });
    let outside = id(&routed.make("network", &body));
    let pool = json!({"start": SECOND_GATEWAY, "end": "198.18.5.50"});
    routed.lab.subnet(&json!({
        "network_id": outside, "ip_version": 4, "cidr": "198.18.5.0/24", "gateway_ip": SECOND_UPSTREAM,
        "enable_dhcp": false, "allocation_pools": [pool],
    }));
    set_gateway(&routed, &outside, SECOND_GATEWAY);
    wait_dead(&routed.upstream, NEXT);
    for vm in &vms {
        assert_eq!(seen_outside(&routed, &second, vm, SECOND_UPSTREAM), SECOND_GATEWAY);
    }
    second.namespace().wait_for_ping(ip(SECOND_GATEWAY), PATIENCE).expect("it answers");
    // Nothing of the former addresses is left.
    for site in routed.lab.cloud.sites() {
        let gone = || {
            let flows = site.flows().ok()?;
            let names = |flow: &&String| {
                flow.contains(NEXT) || flow.contains(&format!("{GATEWAY},")) || flow.contains("0xcb00711e")
            };
            let left: Vec<_> =
                flows.iter().filter(names).filter(|flow| !flow.contains("hard_timeout")).cloned().collect();
            left.is_empty().then_some(())
        };
        try_wait_until(PATIENCE, "nothing of the former gateways", gone)
            .unwrap_or_else(|error| panic!("{}: {error}: {:#?}", site.name, site.flows()));
    }
}

#[test]
fn networks_with_equal_addresses_behind_different_routers_do_not_meet() {
    const FLOATINGS: [&str; 2] = ["203.0.113.21", "203.0.113.22"];
    const GATEWAYS: [&str; 2] = [GATEWAY, "203.0.113.11"];
    let routed = Routed::new();
    let twins = [("red2", "10.0.1.0/24"), ("blue2", "10.0.2.0/24")]
        .map(|(name, cidr)| routed.lab.network(name, "geneve", cidr));
    let info = json!({"network_id": routed.outside, "external_fixed_ips": [{"ip_address": GATEWAYS[1]}]});
    let second = id(&routed.make("router", &json!({"name": "second", "external_gateway_info": info})));
    for network in &twins {
        let subnet = json!({"subnet_id": routed.subnet_of(network)});
        call(&routed, &format!("/v2.0/routers/{second}/add_router_interface"), &subnet);
    }
    let boot = |place, name: &str, network: &str, own: &str| {
        let body = json!({
            "network_id": network, "name": name, "port_security_enabled": false, "security_groups": [],
            "fixed_ips": [{"ip_address": own}],
        });
        let vm = routed.lab.cloud.boot_port(place, name, &body).expect("a machine");
        routed.lab.cloud.wait_status(&vm, "ACTIVE").expect("its port forwards");
        vm.dhcp().expect("an address");
        vm
    };
    let sides = [[&routed.red, &routed.blue], [&twins[0], &twins[1]]];
    // On one host, and across two.
    let vms = [0, 1].map(|side| {
        let [near, far] = sides[side];
        [
            boot(FIRST, &format!("near{side}"), near, "10.0.1.5"),
            boot(FIRST, &format!("same{side}"), far, "10.0.2.5"),
            boot(SECOND, &format!("far{side}"), far, "10.0.2.6"),
        ]
    });
    for (side, [near, same, far]) in vms.iter().enumerate() {
        let [_, same2, far2] = &vms[1 - side];
        routed.floating(same, FLOATINGS[side]);
        routed.upstream.namespace().wait_for_ping(ip(FLOATINGS[side]), PATIENCE).expect("it answers");
        assert_eq!(seen_outside(&routed, &routed.upstream, near, UPSTREAM), GATEWAYS[side]);
        assert_eq!(seen_outside(&routed, &routed.upstream, same, UPSTREAM), FLOATINGS[side]);
        let [not_same, not_far] = [same2, far2]
            .map(|vm| Capture::start(vm.namespace(), vm.guest().device(), "icmp").expect("a capture"));
        assert_eq!(seen_as(near, "10.0.2.5", same), "10.0.1.5");
        assert_eq!(seen_as(near, "10.0.2.6", far), "10.0.1.5");
        routed.upstream.namespace().wait_for_ping(ip(FLOATINGS[side]), PATIENCE).expect("it answers");
        for capture in [not_same, not_far] {
            assert_eq!(capture.frames().expect("frames").len(), 0, "{:?}", capture.text());
        }
    }
}

/// How long packets may be, as a guest was told by DHCP.
fn told(vm: &Vm) -> Value {
    vm.dhcp()
        .expect("a lease")
        .get("mtu")
        .map_or(Value::Null, |mtu| json!(mtu.parse::<u32>().expect("a number")))
}

#[test]
fn another_mtu_of_a_network_is_told_by_everybody_at_once() {
    let routed = Routed::new();
    let (one, two) = (routed.boot(FIRST, "one", &routed.red), routed.boot(SECOND, "two", &routed.blue));
    routed.floating(&two, FLOATING);
    let out = routed.upstream.namespace();
    out.wait_for_ping(ip(FLOATING), PATIENCE).expect("the floating IP answers");
    reaches(&one, &address(&two));
    let long = ["-M", "do", "-s", "1300", &*address(&two)];
    wait_ping_says(one.namespace(), &long, " bytes from ");
    let path = format!("/v2.0/networks/{}", routed.blue);
    for mtu in [1000, 900] {
        call(&routed, &path, &json!({"network": {"mtu": mtu}}));
        let says = format!("mtu = {mtu}");
        // The sender has to forget what it was told before.
        try_wait_until(PATIENCE, "the router to say so", || {
            one.namespace().ip(&["route", "flush", "cache"]).ok()?;
            let said = ping_says(one.namespace(), &long);
            said.contains(&says).then_some(())
        })
        .unwrap_or_else(|error| panic!("{mtu}: {error}"));
        try_wait_until(PATIENCE, "the floating IP to say so", || {
            out.ip(&["route", "flush", "cache"]).ok()?;
            let said = ping_says(out, &["-M", "do", "-s", "1300", FLOATING]);
            said.contains(&says).then_some(())
        })
        .unwrap_or_else(|error| panic!("{mtu}: {error}"));
        try_wait_until(PATIENCE, "DHCP to say so", || (told(&two) == json!(mtu)).then_some(()))
            .unwrap_or_else(|error| panic!("{mtu}: {error}: {}", told(&two)));
        reaches(&one, &address(&two));
    }
    call(&routed, &path, &json!({"network": {"mtu": 1400}}));
    try_wait_until(PATIENCE, "longer packets to pass", || {
        one.namespace().ip(&["route", "flush", "cache"]).ok()?;
        two.dhcp().ok()?;
        ping_says(one.namespace(), &long).contains(" bytes from ").then_some(())
    })
    .expect("they do");
}
