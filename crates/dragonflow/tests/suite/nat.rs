//! Addresses that are translated, with real packets: how long paths are and what they take, ports that stand for others, who sees whom as
//! what, and what becomes of it all when somebody moves.

use net_types::MacAddr;
use packet::arp::Arp;
use packet::build::Ethernet;
use packet::pcap::PcapWriter;
use serde_json::{Value, json};
use testkit::cloud::Vm;
use testkit::process::Daemon;
use testkit::scratch::ScratchDir;
use testkit::{Capture, Namespace, try_wait_until};

use crate::routers::{GATEWAY, Routed, UPSTREAM, address, id, ip, reaches};
use crate::support::PATIENCE;

/// A network behind the router of the external network, which takes only short packets; somebody in it.
const NARROW: &str = "198.51.101.1/24";
const NARROW_MTU_BYTES: &str = "1000";
const FAR: &str = "198.51.101.9";

const FLOATING: &str = "203.0.113.20";

/// What `ping` says.
pub(crate) fn ping_says(from: &Namespace, words: &[&str]) -> String {
    let mut command = from.command("ping");
    command.args(["-n", "-c", "1", "-W", "1"]).args(words);
    let output = command.output().expect("ping runs");
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Pings until it says something.
#[track_caller]
pub(crate) fn wait_ping_says(from: &Namespace, words: &[&str], expected: &str) {
    let mut said = String::new();
    let heard = try_wait_until(PATIENCE, expected, || {
        said = ping_says(from, words);
        said.contains(expected).then_some(())
    });
    assert!(heard.is_ok(), "{words:?}: {said} and not {expected}");
}

#[test]
fn paths_can_be_traced_and_their_mtu_found_through_floating_ips_and_gateways() {
    let routed = Routed::new();
    let out = routed.upstream.namespace();
    out.run("sysctl", &["-qw", "net.ipv4.ip_forward=1"]).expect("the machine outside is a router");
    out.ip(&["link", "add", "narrow", "type", "veth", "peer", "name", "end"]).expect("a device");
    out.ip(&["link", "set", "end", "up"]).expect("its end");
    out.ip(&["link", "set", "narrow", "mtu", NARROW_MTU_BYTES, "up"]).expect("a short one");
    out.add_address("narrow", NARROW).expect("an address");
    let (hidden, seen) = (routed.boot(0, "hidden", &routed.red), routed.boot(1, "seen", &routed.blue));
    routed.floating(&seen, FLOATING);
    out.wait_for_ping(ip(FLOATING), PATIENCE).expect("the floating IP answers");
    for vm in [&hidden, &seen] {
        reaches(vm, UPSTREAM);
        let inside = if vm.name() == "seen" { "10.0.2.1" } else { "10.0.1.1" };
        wait_ping_says(vm.namespace(), &["-t", "1", FAR], &format!("From {inside} "));
        wait_ping_says(vm.namespace(), &["-t", "2", FAR], &format!("From {UPSTREAM} "));
        wait_ping_says(vm.namespace(), &["-M", "do", "-s", "1200", FAR], "mtu = 1000");
        let route = vm.namespace().ip(&["route", "get", FAR]).expect("a route");
        assert!(route.contains("mtu 1000"), "{}: {route}", vm.name());
    }
    // Who is outside hears of what it sent, in the name of the gateway, and nothing of addresses inside.
    let heard = Capture::start(out, routed.upstream.device(), "icmp[icmptype] == 11").expect("a capture");
    wait_ping_says(out, &["-t", "1", FLOATING], &format!("From {GATEWAY} "));
    let text = heard.text().expect("what was heard");
    assert!(!text.contains("10.0."), "{text}");
    // What a machine itself refuses is heard as well.
    let at_guest = Capture::start(seen.namespace(), seen.guest().device(), "udp or icmp[icmptype] == 3");
    let at_guest = at_guest.expect("a capture");
    let refusal = Capture::start(out, routed.upstream.device(), "icmp[icmptype] == 3").expect("a capture");
    try_wait_until(PATIENCE, "a refusal", || {
        out.run("bash", &["-c", &format!("echo hello > /dev/udp/{FLOATING}/9999")]).ok()?;
        let text = refusal.text().ok()?;
        text.contains(&format!("{FLOATING} udp port 9999 unreachable")).then_some(())
    })
    .unwrap_or_else(|error| panic!("{error}: {:?}, {:?}", refusal.text(), at_guest.text()));
}

#[test]
fn who_is_outside_finds_how_long_answers_to_hidden_guests_may_be() {
    let routed = Routed::new();
    let hidden = routed.boot(0, "hidden", &routed.red);
    reaches(&hidden, UPSTREAM);
    let out = routed.upstream.namespace();
    let heard = Capture::start(out, routed.upstream.device(), "icmp[icmptype] == 3").expect("a capture");
    // The whole answer fits the wire, and not the tunnel; after the first one it comes in shorter pieces.
    try_wait_until(PATIENCE, "a long answer", || {
        ping_says(hidden.namespace(), &["-s", "3000", UPSTREAM]).contains(" 0% packet loss").then_some(())
    })
    .unwrap_or_else(|error| panic!("{error}: {:?}", heard.text()));
    let text = heard.text().expect("what was heard");
    assert!(text.contains("need to frag") && !text.contains("10.0."), "{text}");
}

/// A TCP server that answers with a word.
fn serve(routed: &Routed, vm: &Vm, port: u16) -> Daemon {
    let script = format!("while true; do echo {} | nc -l -n -N {port}; done", vm.name());
    let mut command = vm.namespace().command("sh");
    command.args(["-c", &script]);
    Daemon::start("serve", &command, &routed.lab.cloud.path(&format!("{}-{port}", vm.name())))
        .expect("sh runs")
}

/// Who answers at a port, if anybody does.
fn who_answers(from: &Namespace, target: &str, port: u16) -> Option<String> {
    let said = from.run("nc", &["-n", "-d", "-w", "2", target, &port.to_string()]).ok()?;
    Some(said.trim().to_owned()).filter(|said| !said.is_empty())
}

#[track_caller]
fn wait_answers(from: &Namespace, target: &str, port: u16, who: Option<&str>) {
    let mut said = None;
    let heard = try_wait_until(PATIENCE, "the answer", || {
        said = who_answers(from, target, port);
        (said.as_deref() == who).then_some(())
    });
    assert!(heard.is_ok(), "{target}:{port}: {said:?} and not {who:?}");
}

pub(crate) fn call(routed: &Routed, path: &str, body: &Value) {
    let changed = routed.lab.cloud.api().put(path, body).and_then(|changed| changed.expect(200));
    changed.unwrap_or_else(|error| panic!("{path}: {error:#}"));
}

#[test]
fn ports_of_a_floating_ip_stand_for_ports_of_guests() {
    let routed = Routed::new();
    let (one, two) = (routed.boot(0, "one", &routed.red), routed.boot(1, "two", &routed.blue));
    let _servers = [serve(&routed, &one, 80), serve(&routed, &two, 81)];
    let floating = routed
        .make("floatingip", &json!({"floating_network_id": routed.outside, "floating_ip_address": FLOATING}));
    let rules = format!("/v2.0/floatingips/{}/port_forwardings", id(&floating));
    let forward = |vm: &Vm, external: u16, internal: u16| {
        let rule = json!({
            "internal_port_id": vm.port_id(), "internal_ip_address": address(vm), "internal_port": internal,
            "external_port": external, "protocol": "tcp",
        });
        let made = routed.lab.cloud.api().post(&rules, &json!({ "port_forwarding": rule }));
        id(&made.and_then(|made| made.expect(201)).expect("a rule")["port_forwarding"])
    };
    let rule = forward(&one, 8080, 80);
    forward(&two, 8081, 81);
    let out = routed.upstream.namespace();
    wait_answers(out, FLOATING, 8080, Some("one"));
    wait_answers(out, FLOATING, 8081, Some("two"));
    routed.wait_floating(&id(&floating), "ACTIVE");
    // From inside as well, from another machine and from the server itself.
    wait_answers(two.namespace(), FLOATING, 8080, Some("one"));
    wait_answers(two.namespace(), FLOATING, 8081, Some("two"));
    assert_eq!(who_answers(out, FLOATING, 80), None);
    // The gateway goes on for all else, errors among it.
    reaches(&one, UPSTREAM);
    let refusal = Capture::start(out, routed.upstream.device(), "icmp[icmptype] == 3").expect("a capture");
    try_wait_until(PATIENCE, "a refusal", || {
        let late =
            out.command("sh").args(["-c", "(sleep 2; echo late) | timeout 3 nc -u -n -l 7778"]).spawn();
        one.namespace().run("bash", &["-c", &format!("echo early > /dev/udp/{UPSTREAM}/7778")]).ok()?;
        late.ok()?.wait().ok()?;
        refusal.text().ok()?.contains(&format!("{GATEWAY} udp port")).then_some(())
    })
    .unwrap_or_else(|error| panic!("{error}: {:?}", refusal.text()));

    call(&routed, &format!("{rules}/{rule}"), &json!({"port_forwarding": {"external_port": 9090}}));
    wait_answers(out, FLOATING, 9090, Some("one"));
    wait_answers(out, FLOATING, 8080, None);
    let gone = routed.lab.cloud.api().delete(&format!("{rules}/{rule}"));
    gone.and_then(|gone| gone.expect(204)).expect("the rule goes");
    wait_answers(out, FLOATING, 9090, None);
    wait_answers(out, FLOATING, 8081, Some("two"));
}

/// As whom a machine sees another that pings an address.
pub(crate) fn seen_as(from: &Vm, target: &str, at: &Vm) -> String {
    let own = from.namespace().wait_for_ping(ip(target), PATIENCE);
    own.unwrap_or_else(|error| panic!("{} to {target}: {error:#}", from.name()));
    let seen = Capture::start(at.namespace(), at.guest().device(), "icmp[icmptype] == 8").expect("a capture");
    let mut text = String::new();
    try_wait_until(PATIENCE, "a ping to be seen", || {
        let _ = from.namespace().ping(ip(target), 1);
        text = seen.text().ok()?;
        text.contains(" > ").then_some(())
    })
    .unwrap_or_else(|error| panic!("{error}: {text}"));
    let line = text.lines().find(|line| line.contains(&format!(" > {}:", address(at)))).expect("a line");
    line.split(" > ").next().and_then(|line| line.split(' ').next_back()).expect("a source").to_owned()
}

#[test]
fn who_reaches_a_floating_ip_from_inside_is_seen_as_it_would_be_outside() {
    let routed = Routed::new();
    let names = [
        (0, "near", &routed.red),
        (0, "same", &routed.blue),
        (1, "other", &routed.blue),
        (1, "plain", &routed.red),
    ];
    let [near, same, other, plain] = names.map(|(host, name, network)| routed.boot(host, name, network));
    for (vm, floating) in [(&near, "203.0.113.21"), (&same, "203.0.113.22"), (&other, "203.0.113.23")] {
        routed.floating(vm, floating);
        routed.upstream.namespace().wait_for_ping(ip(floating), PATIENCE).expect("the floating IP answers");
    }
    for (from, target, at, source) in [
        (&near, "203.0.113.22", &same, "203.0.113.21"),
        (&near, "203.0.113.23", &other, "203.0.113.21"),
        (&plain, "203.0.113.21", &near, GATEWAY),
        (&plain, "203.0.113.23", &other, GATEWAY),
        (&near, &*address(&other), &other, &*address(&near)),
    ] {
        assert_eq!(seen_as(from, target, at), source, "{} to {target}", from.name());
    }
    // Its own.
    reaches(&near, "203.0.113.21");
}

/// A machine says that it has an address now.
fn announce(vm: &Vm, shared: &str) {
    let mac: MacAddr = vm.mac().parse().expect("an address");
    let shared = shared.parse().expect("an address");
    let frame = Ethernet::new(mac, MacAddr::BROADCAST).arp(&Arp::request(mac, shared, shared));
    let mut capture = PcapWriter::new();
    capture.push(0, 0, &frame).expect("a frame is short");
    let directory = ScratchDir::new().expect("a directory");
    let file = directory.path().join("announcement.pcap");
    std::fs::write(&file, capture.finish()).expect("a file is written");
    let (device, file) = (format!("--intf1={}", vm.guest().device()), file.display().to_string());
    vm.namespace().run("tcpreplay", &[&device, "--quiet", &file]).expect("the frame is sent");
}

#[test]
fn a_floating_ip_follows_an_address_that_moves_between_machines() {
    const SHARED: &str = "10.0.2.100";
    let routed = Routed::new();
    let pair = json!([{"ip_address": SHARED}]);
    let boot = |host, name| {
        let body = json!({"network_id": routed.blue, "name": name, "allowed_address_pairs": pair});
        let vm = routed.lab.cloud.boot_port(host, name, &body).expect("a machine");
        routed.lab.cloud.wait_status(&vm, "ACTIVE").expect("its port forwards");
        vm.dhcp().expect("an address");
        vm
    };
    let vms = [boot(0, "first"), boot(1, "second")];
    let everybody = json!({"direction": "ingress", "ethertype": "IPv4", "protocol": "icmp"});
    let group = routed.lab.row(&format!("/lport/{}", vms[0].port_id()))["security_groups"][0].clone();
    let mut rule = everybody;
    rule["security_group_id"] = group;
    let permitted =
        routed.lab.cloud.api().post("/v2.0/security-group-rules", &json!({ "security_group_rule": rule }));
    permitted.and_then(|made| made.expect(201)).expect("a rule");
    let reserved = routed.lab.port(&json!({
        "network_id": routed.blue, "name": "shared", "fixed_ips": [{"ip_address": SHARED}],
    }));
    let body = json!({
        "floating_network_id": routed.outside, "floating_ip_address": FLOATING, "port_id": reserved["id"],
    });
    routed.make("floatingip", &body);
    let out = routed.upstream.namespace();
    for place in [0, 1, 0] {
        let (holder, other) = (&vms[place], &vms[1 - place]);
        let _ =
            other.namespace().ip(&["addr", "del", &format!("{SHARED}/24"), "dev", other.guest().device()]);
        holder.namespace().add_address(holder.guest().device(), &format!("{SHARED}/24")).expect("an address");
        announce(holder, SHARED);
        let seen = Capture::start(holder.namespace(), holder.guest().device(), "icmp[icmptype] == 8");
        let seen = seen.expect("a capture");
        out.wait_for_ping(ip(FLOATING), PATIENCE).expect("the floating IP answers");
        let text = seen.text().expect("what was seen");
        assert!(text.contains(SHARED), "{} got it: {text}", holder.name());
    }
}

#[test]
fn ipv6_leaves_and_arrives_as_it_is_by_next_hops_of_whom_only_a_link_local_address_is_known() {
    const OUT: &str = "2001:db8:99::1";
    let routed = Routed::new();
    let outside = routed.lab.subnet(&json!({
        "network_id": routed.outside, "ip_version": 6, "cidr": "2001:db8:50::/64", "gateway_ip": "fe80::1",
        "enable_dhcp": false,
    }));
    let inside = routed.lab.subnet(&json!({
        "network_id": routed.red, "ip_version": 6, "cidr": "2001:db8:1::/64", "gateway_ip": "2001:db8:1::1",
        "enable_dhcp": false,
    }));
    let path = format!("/v2.0/routers/{}", routed.router);
    let fixed = json!([{"ip_address": GATEWAY}, {"subnet_id": outside, "ip_address": "2001:db8:50::10"}]);
    let gateway = json!({"network_id": routed.outside, "external_fixed_ips": fixed});
    call(&routed, &path, &json!({"router": {"external_gateway_info": gateway}}));
    call(&routed, &format!("{path}/add_router_interface"), &json!({"subnet_id": inside}));

    let (out, device) = (routed.upstream.namespace(), routed.upstream.device());
    let all = |namespace: &Namespace, words: &[&str]| namespace.ip(words).expect("ip runs");
    for address in ["fe80::1/64", "2001:db8:50::1/64", "2001:db8:99::1/128"] {
        all(out, &["addr", "add", address, "dev", device, "nodad"]);
    }
    all(out, &["route", "add", "2001:db8:1::/64", "via", "2001:db8:50::10"]);
    let vm = routed.boot(1, "six", &routed.red);
    let row = routed.lab.row(&format!("/lport/{}", vm.port_id()));
    let ips = row["ips"].as_array().expect("addresses").iter().filter_map(Value::as_str);
    let own = ips.into_iter().find(|ip| ip.contains(':')).expect("an address of IPv6").to_owned();
    all(vm.namespace(), &["addr", "add", &format!("{own}/64"), "dev", vm.guest().device(), "nodad"]);
    all(vm.namespace(), &["route", "add", "default", "via", "2001:db8:1::1"]);
    let seen = Capture::start(out, device, "icmp6 and ip6[40] == 128").expect("a capture");
    reaches(&vm, OUT);
    let text = seen.text().expect("what was seen");
    assert!(text.contains(&format!("{own} > {OUT}")), "{text}");
    out.wait_for_ping(ip(&own), PATIENCE).expect("the machine is reached");
    out.wait_for_ping(ip("2001:db8:50::10"), PATIENCE).expect("the gateway answers");
}

#[test]
fn who_sends_what_is_too_long_for_another_network_is_told_how_long_it_may_be() {
    let routed = Routed::new();
    let path = format!("/v2.0/networks/{}", routed.blue);
    call(&routed, &path, &json!({"network": {"mtu": 1000}}));
    let (one, two) = (routed.boot(0, "one", &routed.red), routed.boot(1, "two", &routed.blue));
    reaches(&one, &address(&two));
    wait_ping_says(one.namespace(), &["-M", "do", "-s", "1200", &address(&two)], "mtu = 1000");
    // Outside it is the floating IP that takes no more.
    routed.floating(&two, FLOATING);
    let out = routed.upstream.namespace();
    out.wait_for_ping(ip(FLOATING), PATIENCE).expect("the floating IP answers");
    wait_ping_says(out, &["-M", "do", "-s", "1200", FLOATING], "mtu = 1000");
    let route = out.ip(&["route", "get", FLOATING]).expect("a route");
    assert!(route.contains("mtu 1000"), "{route}");
}

/// The source ports of TCP packets to an address that a capture has seen, each as often as it was.
fn source_ports(seen: &Capture, to: &str) -> Vec<String> {
    let text = seen.text().expect("what was seen");
    let ends = text.lines().filter_map(|line| line.split_once(&format!(" > {to}.")));
    ends.filter_map(|(from, _)| from.rsplit('.').next().map(str::to_owned)).collect()
}

#[test]
fn connections_are_spread_over_next_hops_and_each_stays_on_its_own() {
    const BEHIND: &str = "10.9.0.1";
    const CONNECTIONS: usize = 40;
    let routed = Routed::new();
    let from = routed.boot(0, "from", &routed.red);
    let hops = [routed.boot(1, "left", &routed.blue), routed.boot(2, "right", &routed.blue)];
    let route = |to: &[&Vm]| {
        let routes: Vec<_> =
            to.iter().map(|hop| json!({"destination": "10.9.0.0/24", "nexthop": address(hop)})).collect();
        call(&routed, &format!("/v2.0/routers/{}", routed.router), &json!({"router": {"routes": routes}}));
    };
    for hop in &hops {
        hop.namespace().add_address(hop.guest().device(), &format!("{BEHIND}/32")).expect("an address");
    }
    // A switch loses the first packets that go into a tunnel.
    for hop in &hops {
        reaches(&from, &address(hop));
    }
    route(&[&hops[0], &hops[1]]);
    reaches(&from, BEHIND);
    let send = format!("for n in $(seq {CONNECTIONS}); do true < /dev/tcp/{BEHIND}/9; done");
    let capture = |vm: &Vm| Capture::start(vm.namespace(), vm.guest().device(), "tcp").expect("a capture");
    // All are refused, and a port may come twice.
    let sent = |captures: &[Capture; 2]| {
        let _ = from.namespace().run("bash", &["-c", &send]);
        let seen = || captures.each_ref().map(|seen| source_ports(seen, BEHIND));
        let all = || seen().concat().into_iter().collect::<std::collections::BTreeSet<_>>().len();
        try_wait_until(PATIENCE, "most connections", || (all() >= CONNECTIONS * 3 / 4).then(seen))
            .unwrap_or_else(|error| panic!("{error}: {:?}", seen()))
    };
    let [left, right] = sent(&hops.each_ref().map(capture));
    assert!(!left.is_empty() && !right.is_empty(), "{left:?} {right:?}");
    assert!(left.iter().all(|port| !right.contains(port)), "{left:?} {right:?}");

    // One that is taken away gets nothing more.
    route(&[&hops[1]]);
    try_wait_until(PATIENCE, "the route to go", || {
        let gone = hops.each_ref().map(capture);
        let [left, _] = sent(&gone);
        left.is_empty().then_some(())
    })
    .expect("the other gets everything");
}
