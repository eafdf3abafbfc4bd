//! What routers do for those behind them whatever happens: two that look alike, addresses that change hands, routers that are turned off,
//! programs that die, and that nothing stays of it in the end.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use testkit::cloud::Vm;
use testkit::process::Daemon;
use testkit::{BackgroundPing, Capture, try_wait_until};

use crate::nat::call;
use crate::routers::{GATEWAY, Routed, UPSTREAM, address, id, ip, reaches};
use crate::support::{PATIENCE, Wire, times_ready, wait_ready};

const FLOATING: &str = "203.0.113.20";
/// What there is of a project as soon as it has anything: its default group, and what counts.
const STAYS: [&str; 6] = [
    "/neutron_default_security_group_rule/",
    "/neutron_security_group",
    "/secgroup/",
    "/neutron_guard/default-",
    "/neutron_guard/quota:",
    "/unique_key/",
];
/// The port that two machines speak from.
const PORT: &str = "5555";

/// Somebody who speaks TCP and says nothing, for as long as it is held.
fn connect(routed: &Routed, vm: &Vm) -> Daemon {
    let mut command = vm.namespace().command("nc");
    command.args(["-n", "-d", "-p", PORT, UPSTREAM, "80"]);
    Daemon::start("nc", &command, &routed.lab.cloud.path(&format!("{}-nc", vm.name()))).expect("nc runs")
}

fn two_may_speak_from_one_port(routed: &Routed, vms: [&Vm; 2]) {
    let out = routed.upstream.namespace();
    let mut listener = out.command("nc");
    listener.args(["-n", "-l", "-k", "80"]);
    let _server = Daemon::start("nc -l", &listener, &routed.lab.cloud.path("listener")).expect("nc runs");
    try_wait_until(PATIENCE, "the listener", || {
        out.run("ss", &["-Hltn", "sport", "=", ":80"]).ok().filter(|text| !text.is_empty())
    })
    .expect("it listens");
    let _clients = vms.map(|vm| connect(routed, vm));
    for vm in vms {
        try_wait_until(PATIENCE, "a connection", || {
            let shown = vm
                .namespace()
                .run("ss", &["-Htn", "state", "established", "sport", "=", &format!(":{PORT}")]);
            shown.ok().filter(|text| !text.is_empty())
        })
        .unwrap_or_else(|error| panic!("{}: {error}", vm.name()));
    }
    let seen = out.run("ss", &["-Htn", "state", "established", "sport", "=", ":80"]).expect("connections");
    let peers: BTreeSet<&str> = seen.lines().filter_map(|line| line.split_whitespace().last()).collect();
    assert_eq!(peers.len(), 2, "{seen}");
    assert!(peers.iter().all(|peer| peer.starts_with(GATEWAY)), "{seen}");
}

fn set_gateway(routed: &Routed, hides: bool) {
    let fixed = json!([{"ip_address": GATEWAY}]);
    let gateway = json!({"network_id": routed.outside, "enable_snat": hides, "external_fixed_ips": fixed});
    let body = json!({"router": {"external_gateway_info": gateway}});
    call(routed, &format!("/v2.0/routers/{}", routed.router), &body);
}

/// A gateway that hides nobody passes packets as they are, in both directions.
fn addresses_are_shown(routed: &Routed, vm: &Vm) {
    let out = routed.upstream.namespace();
    set_gateway(routed, false);
    let own = address(vm);
    let seen =
        Capture::start(out, routed.upstream.device(), &format!("icmp and src {own}")).expect("a capture");
    try_wait_until(PATIENCE, "its own address", || {
        let _ = vm.namespace().ping(ip(UPSTREAM), 1);
        (!seen.frames().ok()?.is_empty()).then_some(())
    })
    .expect("it is seen");
    out.ip(&["route", "add", "10.0.0.0/8", "via", GATEWAY]).expect("a route");
    reaches(vm, UPSTREAM);
    out.wait_for_ping(ip(&own), PATIENCE).expect("it is reached");
    out.ip(&["route", "del", "10.0.0.0/8"]).expect("no route");
    set_gateway(routed, true);
    reaches(vm, UPSTREAM);
}

/// Says what a floating IP stands for.
fn lead(routed: &Routed, floating: &str, vm: Option<&Vm>) {
    let body = json!({"floatingip": {"port_id": vm.map(Vm::port_id)}});
    call(routed, &format!("/v2.0/floatingips/{floating}"), &body);
}

/// A second router, with a network of its own; both.
fn second_router(routed: &Routed) -> (String, String) {
    let green = routed.lab.network("green", "geneve", "10.0.3.0/24");
    let info = json!({"network_id": routed.outside});
    let router = id(&routed.make("router", &json!({"name": "second", "external_gateway_info": info})));
    let subnet = json!({"subnet_id": routed.subnet_of(&green)});
    call(routed, &format!("/v2.0/routers/{router}/add_router_interface"), &subnet);
    (router, green)
}

/// A floating IP that goes to a machine behind another router leads there, for who knew it before as well.
fn changes_hands(routed: &Routed, floating: &str, former: &Vm, next: &Vm) {
    let out = routed.upstream.namespace();
    out.wait_for_ping(ip(FLOATING), PATIENCE).expect("the floating IP answers");
    lead(routed, floating, None);
    routed.wait_floating(floating, "DOWN");
    lead(routed, floating, Some(next));
    let [old, new] = [former, next].map(|vm| {
        Capture::start(vm.namespace(), vm.guest().device(), "icmp[icmptype] == 8").expect("a capture")
    });
    out.wait_for_ping(ip(FLOATING), PATIENCE).expect("the floating IP answers");
    routed.wait_floating(floating, "ACTIVE");
    assert!(!new.frames().expect("frames").is_empty());
    assert_eq!(old.frames().expect("frames").len(), 0, "{:?}", old.text());
}

fn is_turned_off_and_on(routed: &Routed, router: &str, vm: &Vm) {
    let out = routed.upstream.namespace();
    let turn = |up: bool| {
        call(routed, &format!("/v2.0/routers/{router}"), &json!({"router": {"admin_state_up": up}}));
    };
    turn(false);
    try_wait_until(PATIENCE, "the floating IP to be dead", || {
        (out.ping(ip(FLOATING), 1).ok()?.lost() == 1).then_some(())
    })
    .expect("it is dead");
    let report = vm.namespace().ping(ip(UPSTREAM), 2).expect("ping runs");
    assert_eq!(report.lost(), 2, "{report:?}");
    turn(true);
    out.wait_for_ping(ip(FLOATING), PATIENCE).expect("the floating IP answers");
    reaches(vm, UPSTREAM);
}

fn delete(routed: &Routed, path: &str) {
    let gone = routed.lab.cloud.api().delete(&format!("/v2.0/{path}"));
    gone.and_then(|gone| gone.expect(204)).unwrap_or_else(|error| panic!("{path}: {error:#}"));
}

/// Everything in a list of the API.
fn all(routed: &Routed, kinds: &str) -> Vec<Value> {
    let shown = routed.lab.cloud.api().get(&format!("/v2.0/{kinds}")).and_then(|shown| shown.expect(200));
    shown.expect("a list")[kinds].as_array().expect("a list").clone()
}

/// Deletes whatever there is, in the order that the API wants.
fn delete_everything(routed: &Routed) {
    for floating in all(routed, "floatingips") {
        delete(routed, &format!("floatingips/{}", id(&floating)));
    }
    for port in all(routed, "ports") {
        let owner = port["device_owner"].as_str().unwrap_or_default();
        if owner.starts_with("network:router_interface") {
            let router = port["device_id"].as_str().expect("a router");
            let path = format!("/v2.0/routers/{router}/remove_router_interface");
            call(routed, &path, &json!({"port_id": port["id"]}));
        } else if !owner.starts_with("network:") {
            delete(routed, &format!("ports/{}", id(&port)));
        }
    }
    for router in all(routed, "routers") {
        delete(routed, &format!("routers/{}", id(&router)));
    }
    for network in all(routed, "networks") {
        delete(routed, &format!("networks/{}", id(&network)));
    }
    let candidate = &routed.lab.cloud.sites().last().expect("a host").name;
    routed.lab.delete_row(&format!("/gateway_candidate/{candidate}"));
}

#[test]
fn guests_behind_gateways_come_and_go_and_nothing_stays() {
    let wired = Routed::wired();
    // The last flows that come for themselves are those of the way to the physical network.
    for site in wired.0.cloud.sites() {
        let is_there = |flow: &String| flow.contains("dl_type=0x88a8");
        try_wait_until(PATIENCE, "the host to be ready", || {
            site.flows().ok()?.iter().any(is_there).then_some(())
        })
        .unwrap_or_else(|error| panic!("{}: {error}: {:#?}", site.name, site.flows()));
    }
    let flows = |routed: &Routed| -> Vec<_> {
        routed.lab.cloud.sites().iter().map(|site| site.flows().expect("flows")).collect()
    };
    let rows = wired.0.keys();
    let before: Vec<_> = wired.0.cloud.sites().iter().map(|site| site.flows().expect("flows")).collect();
    let routed = Routed::on(wired);
    let (one, two) = (routed.boot(0, "one", &routed.red), routed.boot(1, "two", &routed.blue));
    reaches(&one, UPSTREAM);
    reaches(&two, UPSTREAM);
    two_may_speak_from_one_port(&routed, [&one, &two]);
    addresses_are_shown(&routed, &one);

    let (second, green) = second_router(&routed);
    let three = routed.boot(1, "three", &green);
    let floating = routed.floating(&one, FLOATING);
    let outside = all(&routed, "ports").into_iter().filter(|port| port["network_id"] == *routed.outside);
    assert_eq!(outside.count(), 3, "an address for each gateway and floating IP, and no other");
    changes_hands(&routed, &floating, &one, &three);
    is_turned_off_and_on(&routed, &second, &three);

    for (place, vm) in [(0, one), (1, two), (1, three)] {
        vm.unplug(&routed.lab.cloud.sites()[place].ovs).expect("it is pulled out");
    }
    delete_everything(&routed);
    try_wait_until(PATIENCE, "the flows of before", || (flows(&routed) == before).then_some(()))
        .unwrap_or_else(|error| {
            let after = flows(&routed);
            let more: Vec<_> =
                after.iter().zip(&before).map(|(after, before)| differing(after, before)).collect();
            panic!("{error}: {more:#?}");
        });
    let left = || {
        let changed: Vec<String> = routed.lab.keys().symmetric_difference(&rows).cloned().collect();
        changed
            .into_iter()
            .filter(|key| !STAYS.iter().any(|table| key.starts_with(table)))
            .collect::<Vec<_>>()
    };
    try_wait_until(PATIENCE, "the rows of before", || left().is_empty().then_some(()))
        .unwrap_or_else(|error| panic!("{error}: {:#?}", left()));
}

fn differing<'a>(after: &'a [String], before: &'a [String]) -> Vec<&'a String> {
    let new = after.iter().filter(|flow| !before.contains(flow));
    new.chain(before.iter().filter(|flow| !after.contains(flow))).collect()
}

/// Watches an address from somewhere with a hundred requests a second.
fn watch(from: &testkit::Namespace, target: &str) -> BackgroundPing {
    from.wait_for_ping(ip(target), PATIENCE).expect("it answers");
    let mut ping = from.start_ping(ip(target), Duration::from_millis(10)).expect("ping runs");
    ping.wait_for_requests(30).expect("pings");
    ping
}

#[test]
fn programs_that_die_cost_those_behind_gateways_no_packet_and_no_flow() {
    let mut routed = Routed::new();
    let (seen, hidden) = (routed.boot(0, "seen", &routed.red), routed.boot(1, "hidden", &routed.blue));
    let floating = routed.floating(&seen, FLOATING);
    routed.wait_floating(&floating, "ACTIVE");
    let mut pings = [
        watch(routed.upstream.namespace(), FLOATING),
        watch(seen.namespace(), UPSTREAM),
        watch(hidden.namespace(), UPSTREAM),
        watch(seen.namespace(), &address(&hidden)),
    ];
    let begun: Vec<usize> =
        routed.lab.cloud.sites().iter().map(|site| Wire::watch(site).begun_at()).collect();
    for place in 0..3 {
        let site = routed.lab.cloud.site_mut(place);
        let ready = times_ready(site);
        site.kill_controller().expect("it ends");
        site.start_controller().expect("it starts");
        wait_ready(site, ready);
    }
    routed.lab.cloud.kill_server().expect("it ends");
    let mut go_on = |requests: usize| {
        let sent = pings[0].requests().expect("pings");
        pings[0].wait_for_requests(sent + requests).expect("pings");
    };
    go_on(300);
    routed.lab.cloud.start_server().expect("it starts");
    go_on(300);
    for ping in pings {
        let report = ping.stop().expect("a report");
        assert_eq!(report.lost(), 0, "{report:?}");
    }
    for (site, begun) in routed.lab.cloud.sites().iter().zip(begun) {
        let wire = Wire::since(site, begun);
        assert!(wire.received().iter().any(|kind| kind.contains("FLOW")), "the switch was not asked");
        assert_eq!(wire.changes(), [""; 0], "{}", site.name);
    }
}
