//! Guests that leave with the address of their node (`chassis_snat`, `external_host_ip`), with real packets.

use serde_json::json;
use testkit::cloud::Vm;
use testkit::{Capture, try_wait_until};

use crate::nat::{call, wait_ping_says};
use crate::routers::{GATEWAY, Routed, UPSTREAM, address, id, ip, reaches};
use crate::support::PATIENCE;

/// The addresses of the first two hosts; the third has none.
const HOSTS: [&str; 2] = ["203.0.113.101", "203.0.113.102"];

/// Sends back what comes to a UDP port.
const ECHO: &str = "
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('', 7777))
while True:
    data, sender = s.recvfrom(2000)
    s.sendto(data, sender)
";

/// Has the controllers of the first two hosts started anew with an address outside.
fn with_addresses(routed: &mut Routed) {
    for (place, ip) in HOSTS.iter().enumerate() {
        let site = routed.lab.cloud.site_mut(place);
        let apps = "l2,l3_proactive,dhcp,dnat,sg,provider,chassis_snat";
        let text = std::fs::read_to_string(site.config()).expect("a configuration");
        let text = text.replace("[df]\n", &format!("[df]\napps_list = {apps}\nexternal_host_ip = {ip}\n"));
        std::fs::write(site.config(), text).expect("a configuration");
        site.kill_controller().expect("it ends");
        site.start_controller().expect("it starts");
    }
}

/// As whom a machine is seen outside that pings.
fn seen_outside(routed: &Routed, vm: &Vm) -> String {
    let out = routed.upstream.namespace();
    let seen = Capture::start(out, routed.upstream.device(), "icmp[icmptype] == 8").expect("a capture");
    let mut text = String::new();
    try_wait_until(PATIENCE, "a ping to be seen", || {
        let _ = vm.namespace().ping(ip(UPSTREAM), 1);
        text = seen.text().ok()?;
        text.contains(" > ").then_some(())
    })
    .unwrap_or_else(|error| panic!("{error}: {text}"));
    let source = text.lines().find_map(|line| line.split_once(&format!(" > {UPSTREAM}:")));
    source.and_then(|(line, _)| line.split(' ').next_back()).expect("a source").to_owned()
}

/// Waits until a machine is seen as somebody.
#[track_caller]
fn wait_seen(routed: &Routed, vm: &Vm, expected: &str) {
    let mut seen = String::new();
    let found = try_wait_until(PATIENCE, "the source", || {
        seen = seen_outside(routed, vm);
        (seen == expected).then_some(())
    });
    assert!(found.is_ok(), "{} is seen as {seen} and not as {expected}", vm.name());
}

/// Another tenant's network with the addresses of `red`, and a router to the outside.
fn twin(routed: &Routed) -> String {
    let network = routed.lab.network("twin", "geneve", "10.0.1.0/24");
    let body = json!({"name": "twin", "external_gateway_info": {"network_id": routed.outside}});
    let router = id(&routed.make("router", &body));
    let interface = json!({"subnet_id": routed.subnet_of(&network)});
    call(routed, &format!("/v2.0/routers/{router}/add_router_interface"), &interface);
    network
}

#[test]
fn guests_leave_with_the_address_of_their_own_node_and_the_gateway_is_not_needed() {
    let mut routed = Routed::new();
    with_addresses(&mut routed);
    let last = routed.lab.cloud.sites().last().expect("a host").name.clone();
    let (one, two) = (routed.boot(0, "one", &routed.red), routed.boot(1, "two", &routed.blue));
    let far = routed.boot(2, "far", &routed.red);
    for (vm, seen) in [(&one, HOSTS[0]), (&two, HOSTS[1]), (&far, GATEWAY)] {
        wait_seen(&routed, vm, seen);
    }
    // Where the gateway is does not matter to them, nor whether it is anywhere.
    routed.lab.cloud.site_mut(2).stop_controller().expect("it ends");
    let row = format!("/gateway_candidate/{last}");
    routed.lab.delete_row(&row);
    for (vm, seen) in [(&one, HOSTS[0]), (&two, HOSTS[1])] {
        reaches(vm, "198.51.100.1");
        wait_seen(&routed, vm, seen);
    }
    // Between the networks nothing is translated, and nobody outside gets in.
    reaches(&one, &address(&two));
    let out = routed.upstream.namespace();
    let report = out.ping(ip(HOSTS[0]), 2).expect("ping runs");
    assert_eq!(report.lost(), 2, "{report:?}");
}

#[test]
fn two_tenants_with_one_address_on_a_node_each_get_their_own_answers() {
    let mut routed = Routed::new();
    with_addresses(&mut routed);
    let red = routed.boot(0, "red-one", &routed.red);
    let network = twin(&routed);
    let fixed = json!([{"ip_address": address(&red)}]);
    let body = json!({
        "network_id": network, "name": "twin-one", "fixed_ips": fixed, "port_security_enabled": false,
        "security_groups": [],
    });
    let other = routed.lab.cloud.boot_port(0, "twin-one", &body).expect("a machine");
    routed.lab.cloud.wait_status(&other, "ACTIVE").expect("its port forwards");
    other.dhcp().expect("an address");
    assert_eq!(address(&red), address(&other));
    for vm in [&red, &other] {
        wait_seen(&routed, vm, HOSTS[0]);
    }
    // The same ports to the same server at the same time: two connections outside, each answered to its own.
    let out = routed.upstream.namespace();
    let mut command = out.command("python3");
    command.args(["-c", ECHO]);
    let log = routed.lab.cloud.path("echo");
    let _echo = testkit::process::Daemon::start("echo", &command, &log).expect("python runs");
    for round in 0..5 {
        for vm in [&red, &other] {
            let word = format!("{}-{round}", vm.name());
            let script = format!("echo {word} | nc -u -n -p 5555 -w 1 {UPSTREAM} 7777");
            let mut said = String::new();
            try_wait_until(PATIENCE, "the echo", || {
                said = vm.namespace().run("sh", &["-c", &script]).unwrap_or_default();
                said.contains(&word).then_some(())
            })
            .unwrap_or_else(|error| panic!("{error}: {word}: {said}"));
            assert!(!said.contains(if vm.name() == "red-one" { "twin" } else { "red" }), "{said}");
        }
    }
}

#[test]
fn floating_ips_go_before_and_errors_find_their_guests() {
    let mut routed = Routed::new();
    with_addresses(&mut routed);
    let out = routed.upstream.namespace();
    out.run("sysctl", &["-qw", "net.ipv4.ip_forward=1"]).expect("the machine outside is a router");
    let (one, same) = (routed.boot(0, "one", &routed.red), routed.boot(0, "same", &routed.blue));
    let other = routed.boot(1, "other", &routed.blue);
    let floating = routed.floating(&same, "203.0.113.20");
    routed.wait_floating(&floating, "ACTIVE");
    wait_seen(&routed, &same, "203.0.113.20");
    wait_seen(&routed, &one, HOSTS[0]);
    // A floating IP on the same node, and one that is reached from another.
    reaches(&one, "203.0.113.20");
    reaches(&other, "203.0.113.20");
    // An error about what was translated twice is turned back twice, with what it quotes.
    wait_ping_says(one.namespace(), &["-t", "2", "198.51.100.77"], &format!("From {UPSTREAM} "));
    // The floating IP goes, and its guest is one of many.
    let deleted = routed.lab.cloud.api().delete(&format!("/v2.0/floatingips/{floating}"));
    deleted.and_then(|deleted| deleted.expect(204)).expect("it goes");
    wait_seen(&routed, &same, HOSTS[0]);
}
