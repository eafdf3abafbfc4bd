//! Which way packets of floating IPs take, on three hosts and with a machine outside: they enter and leave at the guest's host, whoever
//! else lives, follow the guest when it moves, and lead to guests of other routers as to anybody.

use std::time::{Duration, Instant};

use serde_json::json;
use testkit::cloud::Vm;
use testkit::{BackgroundPing, Capture, Namespace, try_wait_until};

use crate::migration::{flows_of, key, put_migration};
use crate::nat::{call, seen_as};
use crate::routers::{GATEWAY, Routed, UPSTREAM, address, id, ip, reaches};
use crate::routing::{between, octets};
use crate::support::PATIENCE;

const FLOATING: &str = "203.0.113.20";
/// What a ping of twenty requests a second may lose in a move, beyond what it takes the guest itself to stop and to run again.
const LOST_MAX: usize = 1;
/// Milliseconds between two requests.
const PING_INTERVAL_MS: usize = 50;
/// The hosts by their places: the machine outside is beside the first, the gateways are on the last.
const FIRST: usize = 0;
const SECOND: usize = 1;
const LAST: usize = 2;

/// Sends requests on and on to somebody who answers.
fn watch(from: &Namespace, target: &str) -> BackgroundPing {
    from.wait_for_ping(ip(target), PATIENCE).expect("it answers");
    let interval = Duration::from_millis(u64::try_from(PING_INTERVAL_MS).expect("a short time"));
    let mut ping = from.start_ping(ip(target), interval).expect("ping runs");
    ping.wait_for_requests(10).expect("pings");
    ping
}

fn go_on(ping: &mut BackgroundPing, requests: usize) {
    let sent = ping.requests().expect("pings");
    ping.wait_for_requests(sent + requests).expect("pings");
}

/// The MAC address of a floating IP.
fn mac_outside(routed: &Routed, floating: &str) -> String {
    let path = format!("/v2.0/ports?device_id={floating}");
    let shown = routed.lab.cloud.api().get(&path).and_then(|shown| shown.expect(200)).expect("ports");
    shown["ports"][0]["mac_address"].as_str().expect("an address").to_owned()
}

/// Flows of a host that speak of a floating IP, by its address or by its MAC address.
fn flows_about(routed: &Routed, place: usize, mac: &str) -> Vec<String> {
    let mut flows = routed.lab.cloud.sites()[place].flows().expect("flows");
    flows.retain(|flow| flow.contains(mac) || flow.contains(FLOATING) || flow.contains("0xcb007114"));
    flows
}

/// The same machine at its destination, where it does not run yet.
fn arrive(routed: &Routed, vm: &Vm, place: usize) -> Vm {
    let path = format!("/v2.0/ports/{}", vm.port_id());
    let port = routed.lab.cloud.api().get(&path).expect("a port").body["port"].clone();
    let there = Vm::plug(&routed.lab.cloud.sites()[place].ovs, "there", &port).expect("it is plugged in");
    let device = there.guest().device();
    let setting = format!("net.ipv6.conf.{device}.disable_ipv6=1");
    there.namespace().run("sysctl", &["-q", "-w", &setting]).expect("no IPv6");
    // It knows what it knew where it was, and has everything but its address.
    let neighbors = vm.namespace().ip(&["neigh", "show", "dev", device]).expect("neighbours");
    for line in neighbors.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let [target, "lladdr", mac, ..] = words.as_slice()
            && !target.contains(':')
        {
            let known = ["neigh", "replace", target, "lladdr", mac, "dev", device];
            there.namespace().ip(&known).expect("it knows its neighbours");
        }
    }
    let way = ["route", "add", "default", "via", "10.0.1.1", "dev", device, "onlink"];
    there.namespace().ip(&way).expect("a way");
    there
}

/// Stops the machine where it was, and lets it run where it is; for how many milliseconds it ran nowhere.
fn switch_over(vm: &Vm, there: &Vm) -> usize {
    let own = format!("{}/24", address(vm));
    let stopped = Instant::now();
    vm.namespace().ip(&["addr", "flush", "dev", vm.guest().device()]).expect("it stops");
    there.namespace().add_address(there.guest().device(), &own).expect("it runs");
    usize::try_from(stopped.elapsed().as_millis()).expect("a short time")
}

fn wait_destination(routed: &Routed, vm: &Vm, place: usize) {
    let is_ready = || (flows_of(&routed.lab, place, vm) > 0).then_some(());
    try_wait_until(PATIENCE, "the destination to be ready", is_ready).expect("its flows are there");
}

#[test]
fn a_guest_that_moves_takes_its_floating_ip_along_and_leaves_nothing_behind() {
    let routed = Routed::new();
    let vm = routed.boot(FIRST, "vm", &routed.red);
    let (peer, neighbor) =
        (routed.boot(FIRST, "peer", &routed.blue), routed.boot(SECOND, "neighbor", &routed.blue));
    let floating = routed.floating(&vm, FLOATING);
    routed.wait_floating(&floating, "ACTIVE");
    reaches(&vm, UPSTREAM);
    reaches(&vm, &address(&peer));
    let there = arrive(&routed, &vm, SECOND);
    put_migration(&routed.lab, &vm, "dest_plug");
    wait_destination(&routed, &vm, SECOND);
    let mut pings = [
        ("outside", watch(routed.upstream.namespace(), FLOATING)),
        ("its host", watch(peer.namespace(), &address(&vm))),
        ("its next host", watch(neighbor.namespace(), &address(&vm))),
    ];

    let stopped_ms = switch_over(&vm, &there);
    try_wait_until(PATIENCE, "its first frame to be heard of", || {
        (routed.lab.row(&key(&vm))["status"] == "src_unplug").then_some(())
    })
    .expect("its answers at the destination are its first frames");
    go_on(&mut pings[0].1, 40);
    let binding = json!({"type": "chassis", "chassis": "host-2", "vtep_address": null});
    routed.lab.change_port_row(vm.port_id(), &json!({ "binding": binding }));
    routed.lab.cloud.wait_status(&there, "ACTIVE").expect("it is served where it is");
    routed.lab.delete_row(&key(&vm));
    go_on(&mut pings[0].1, 40);
    for (who, ping) in pings {
        let report = ping.stop().expect("a report");
        let lost_max = LOST_MAX + stopped_ms.div_ceil(PING_INTERVAL_MS);
        assert!(report.lost() <= lost_max, "from {who}, stopped for {stopped_ms} ms: {report:?}");
    }
    routed.wait_floating(&floating, "ACTIVE");
    reaches(&there, UPSTREAM);

    // Where it was, nothing is left of it but the way to it from inside.
    assert_eq!(flows_of(&routed.lab, FIRST, &vm), 0);
    let mac = mac_outside(&routed, &floating);
    assert!(!flows_about(&routed, SECOND, &mac).is_empty());
    assert_eq!(flows_about(&routed, FIRST, &mac), [""; 0]);
    let (device, own) = (vm.guest().device(), format!("{}/24", address(&vm)));
    vm.namespace().add_address(device, &own).expect("it runs where it was");
    vm.namespace().ip(&["route", "add", "default", "via", "10.0.1.1"]).expect("a way");
    let report = vm.namespace().ping(ip(UPSTREAM), 2).expect("ping runs");
    assert_eq!(report.received, 0, "it is quiet where it was");
}

#[test]
fn a_move_with_a_floating_ip_that_is_given_up_is_noticed_by_nobody() {
    let routed = Routed::new();
    let (vm, peer) = (routed.boot(FIRST, "vm", &routed.red), routed.boot(FIRST, "peer", &routed.blue));
    let floating = routed.floating(&vm, FLOATING);
    routed.wait_floating(&floating, "ACTIVE");
    let _there = arrive(&routed, &vm, SECOND);
    let mut pings = [watch(routed.upstream.namespace(), FLOATING), watch(peer.namespace(), &address(&vm))];
    let before = routed.lab.cloud.sites()[SECOND].flows().expect("flows");
    put_migration(&routed.lab, &vm, "dest_plug");
    wait_destination(&routed, &vm, SECOND);
    go_on(&mut pings[0], 40);
    routed.lab.delete_row(&key(&vm));
    let after = || routed.lab.cloud.sites()[SECOND].flows().ok();
    try_wait_until(PATIENCE, "the destination to be clean", || (after()? == before).then_some(()))
        .unwrap_or_else(|error| panic!("{error}: {:#?} and not {before:#?}", after()));
    go_on(&mut pings[0], 40);
    for ping in pings {
        let report = ping.stop().expect("a report");
        assert_eq!(report.lost(), 0, "{report:?}");
    }
    routed.wait_floating(&floating, "ACTIVE");
}

/// Frames of a floating IP, or of the machine that it stands for, to or from the machine outside.
fn of_floating_ip(capture: &Capture, vm: &Vm) -> usize {
    let own = address(vm);
    let ends = [(FLOATING, UPSTREAM), (UPSTREAM, FLOATING), (&*own, UPSTREAM), (UPSTREAM, &*own)];
    ends.iter().map(|(from, to)| between(capture, from, to).len()).sum()
}

#[test]
fn a_floating_ip_enters_and_leaves_at_its_guests_host_also_without_the_gateways() {
    let mut routed = Routed::new();
    let vm = routed.boot(SECOND, "vm", &routed.red);
    let floating = routed.floating(&vm, FLOATING);
    let out = routed.upstream.namespace();
    // The wire knows then where it is.
    out.wait_for_ping(ip(FLOATING), PATIENCE).expect("the floating IP answers");
    reaches(&vm, UPSTREAM);
    let sites = routed.lab.cloud.sites();
    let tunnels: Vec<_> = sites.iter().map(|site| site.capture_underlay("udp").expect("a capture")).collect();
    let beyond = Capture::start(&sites[LAST].namespace, "to-last1", "").expect("a capture");
    let seen = Capture::start(out, routed.upstream.device(), "icmp").expect("a capture");
    for report in [out.ping(ip(FLOATING), 5), vm.namespace().ping(ip(UPSTREAM), 5)] {
        assert_eq!(report.expect("ping runs").lost(), 0);
    }
    try_wait_until(PATIENCE, "all that was sent", || (of_floating_ip(&seen, &vm) >= 20).then_some(()))
        .unwrap_or_else(|error| panic!("{error}: {:?}", seen.text()));
    for capture in tunnels.iter().chain([&beyond]) {
        assert_eq!(of_floating_ip(capture, &vm), 0, "{:?}", capture.text());
    }
    // It is seen with one MAC address, one hop from the guest.
    let mac = octets(&mac_outside(&routed, &floating));
    let frames = between(&seen, FLOATING, UPSTREAM);
    assert!(frames.iter().all(|frame| frame[6..12] == mac && frame[22] == 63), "{:?}", seen.text());

    answers_once(&routed, &mac);

    // Nobody has the gateway any more, nor knows of it.
    routed.lab.cloud.site_mut(LAST).kill_controller().expect("it ends");
    routed.lab.cloud.site_mut(LAST).ovs.kill9_vswitchd().expect("it dies");
    let out = routed.upstream.namespace();
    try_wait_until(PATIENCE, "the gateway to be dead", || {
        (out.ping(ip(GATEWAY), 1).ok()?.lost() == 1).then_some(())
    })
    .expect("it is");
    out.ip(&["neigh", "flush", "all"]).expect("forgotten");
    vm.namespace().ip(&["neigh", "flush", "all"]).expect("forgotten");
    for report in [out.ping(ip(FLOATING), 5), vm.namespace().ping(ip(UPSTREAM), 5)] {
        assert_eq!(report.expect("ping runs").lost(), 0);
    }
    // Another one begins there as well.
    let next = routed.boot(FIRST, "next", &routed.blue);
    routed.floating(&next, "203.0.113.21");
    routed.upstream.namespace().wait_for_ping(ip("203.0.113.21"), PATIENCE).expect("it is reached");
    reaches(&next, UPSTREAM);
}

/// Each question for a floating IP has one answer, which names the MAC address that its packets come from.
fn answers_once(routed: &Routed, mac: &[u8; 6]) {
    let out = routed.upstream.namespace();
    let wire = Capture::start(out, routed.upstream.device(), "arp").expect("a capture");
    for _ in 0..5 {
        out.ip(&["neigh", "flush", "all"]).expect("forgotten");
        out.wait_for_ping(ip(FLOATING), PATIENCE).expect("the floating IP answers");
    }
    let own = [203, 0, 113, 1];
    let target = [203, 0, 113, 20];
    let frames = wire.frames().expect("frames");
    let asks = |frame: &&Vec<u8>| frame[20..22] == [0, 1] && frame[28..32] == own && frame[38..42] == target;
    let tells = |frame: &&Vec<u8>| frame[20..22] == [0, 2] && frame[28..32] == target;
    let (asked, told) = (frames.iter().filter(asks).count(), frames.iter().filter(tells).count());
    assert!(asked >= 5 && asked == told, "{asked} questions, {told} answers: {:?}", wire.text());
    assert!(frames.iter().filter(tells).all(|frame| frame[22..28] == *mac), "{:?}", wire.text());
}

/// A second router to the same world outside, with a network of its own; the network.
fn second_router(routed: &Routed) -> String {
    let green = routed.lab.network("green", "geneve", "10.0.3.0/24");
    let info = json!({"network_id": routed.outside, "external_fixed_ips": [{"ip_address": "203.0.113.11"}]});
    let router = id(&routed.make("router", &json!({"name": "second", "external_gateway_info": info})));
    let subnet = json!({"subnet_id": routed.subnet_of(&green)});
    call(routed, &format!("/v2.0/routers/{router}/add_router_interface"), &subnet);
    green
}

#[test]
fn guests_of_other_routers_are_reached_by_their_floating_ips_as_from_outside() {
    let routed = Routed::new();
    let green = second_router(&routed);
    let [near, plain, gated] = [(FIRST, "near"), (SECOND, "plain"), (LAST, "gated")]
        .map(|(host, name)| routed.boot(host, name, &routed.red));
    let [same, other, last, hidden] =
        [(FIRST, "same"), (SECOND, "other"), (LAST, "last"), (SECOND, "hidden")]
            .map(|(host, name)| routed.boot(host, name, &green));
    for (vm, floating) in
        [(&near, "203.0.113.21"), (&same, "203.0.113.22"), (&other, "203.0.113.23"), (&last, "203.0.113.24")]
    {
        routed.floating(vm, floating);
        routed.upstream.namespace().wait_for_ping(ip(floating), PATIENCE).expect("the floating IP answers");
    }
    for (from, target, at, source) in [
        // With a floating IP: on the same host, on another one, on that of the gateways, and back.
        (&near, "203.0.113.22", &same, "203.0.113.21"),
        (&near, "203.0.113.23", &other, "203.0.113.21"),
        (&near, "203.0.113.24", &last, "203.0.113.21"),
        (&same, "203.0.113.21", &near, "203.0.113.22"),
        (&last, "203.0.113.21", &near, "203.0.113.24"),
        // Without: by the gateway, from its own host and from another one.
        (&plain, "203.0.113.22", &same, GATEWAY),
        (&plain, "203.0.113.23", &other, GATEWAY),
        (&plain, "203.0.113.24", &last, GATEWAY),
        (&gated, "203.0.113.22", &same, GATEWAY),
        (&gated, "203.0.113.24", &last, GATEWAY),
        (&hidden, "203.0.113.21", &near, "203.0.113.11"),
    ] {
        assert_eq!(seen_as(from, target, at), source, "{} to {target}", from.name());
    }
    // The gateways of each other, and who has no floating IP cannot be reached.
    reaches(&hidden, GATEWAY);
    reaches(&plain, "203.0.113.11");
    let report = near.namespace().ping(ip(&address(&hidden)), 2).expect("ping runs");
    assert_eq!(report.received, 0, "{report:?}");
}
