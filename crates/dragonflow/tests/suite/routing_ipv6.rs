//! IPv6 between networks: the way of packets, what is said of those that do not arrive, and routes that somebody wrote.

use net_types::MacAddr;
use serde_json::{Value, json};
use testkit::cloud::Vm;
use testkit::{Capture, Namespace, try_wait_until};

use crate::nat::{call, wait_ping_says};
use crate::routers::{Routed, ip, reaches};
use crate::support::PATIENCE;

/// What the packets of blue may be long.
const MTU_BYTES: u32 = 1300;
/// Legs of the router, and an address of blue that nobody has.
const RED_LEG: &str = "2001:db8:1::1";
const BLUE_LEG: &str = "2001:db8:2::1";
const NOBODY: &str = "2001:db8:2::dead";
/// Where a frame without tags says how many hops it has left.
const HOPS: usize = 21;

/// Gives both networks a subnet of IPv6 behind the router.
fn with_ipv6() -> Routed {
    let routed = Routed::new();
    for (network, leg) in [(&routed.red, RED_LEG), (&routed.blue, BLUE_LEG)] {
        let subnet = routed.lab.subnet(&json!({
            "network_id": network, "ip_version": 6, "cidr": format!("{leg}/64").replace("::1/", "::/"),
            "gateway_ip": leg, "enable_dhcp": false,
        }));
        let path = format!("/v2.0/routers/{}/add_router_interface", routed.router);
        call(&routed, &path, &json!({"subnet_id": subnet}));
    }
    routed
}

/// A machine with its address of IPv6, and that address.
fn boot(routed: &Routed, host: usize, name: &str, network: &str, gateway: &str) -> (Vm, String) {
    let vm = routed.boot(host, name, network);
    let row = routed.lab.row(&format!("/lport/{}", vm.port_id()));
    let ips = row["ips"].as_array().expect("addresses").iter().filter_map(Value::as_str);
    let own = ips.into_iter().find(|ip| ip.contains(':')).expect("an address of IPv6").to_owned();
    let device = vm.guest().device();
    let words = ["addr", "add", &format!("{own}/64"), "dev", device, "nodad"];
    vm.namespace().ip(&words).expect("its address");
    vm.namespace().ip(&["-6", "route", "replace", "default", "via", gateway]).expect("a route");
    (vm, own)
}

fn set_routes(routed: &Routed, routes: &[(&str, &str)]) {
    let route =
        |(destination, nexthop): &(&str, &str)| json!({"destination": destination, "nexthop": nexthop});
    let routes: Vec<Value> = routes.iter().map(route).collect();
    call(routed, &format!("/v2.0/routers/{}", routed.router), &json!({"router": {"routes": routes}}));
}

fn says(from: &Namespace, words: &[&str], expected: &str) {
    wait_ping_says(from, &[&["-6"], words].concat(), expected);
}

/// The MAC address of the leg with an address.
fn leg(routed: &Routed, own: &str) -> MacAddr {
    let path = format!("/v2.0/ports?device_id={}", routed.router);
    let shown = routed.lab.cloud.api().get(&path).and_then(|shown| shown.expect(200)).expect("ports");
    let has = |port: &&Value| port["fixed_ips"].to_string().contains(&format!("{own}\""));
    let port = shown["ports"].as_array().expect("ports").iter().find(has).expect("a leg").clone();
    port["mac_address"].as_str().expect("an address").parse().expect("an address")
}

#[test]
fn ipv6_between_networks_loses_a_hop_and_who_is_not_reached_is_told_of() {
    let routed = with_ipv6();
    call(&routed, &format!("/v2.0/networks/{}", routed.blue), &json!({"network": {"mtu": MTU_BYTES}}));
    let (one, _) = boot(&routed, 0, "one", &routed.red, RED_LEG);
    let (near, near_ip) = boot(&routed, 0, "near", &routed.blue, BLUE_LEG);
    let (two, two_ip) = boot(&routed, 1, "two", &routed.blue, BLUE_LEG);
    for (vm, own) in [(&near, &near_ip), (&two, &two_ip)] {
        let seen = Capture::start(vm.namespace(), vm.guest().device(), "icmp6 and ip6[40] == 128");
        let seen = seen.expect("a capture");
        reaches(&one, own);
        let mac = leg(&routed, BLUE_LEG).octets();
        let frames = seen.frames().expect("frames");
        let is_routed = |frame: &Vec<u8>| frame[HOPS] == 63 && frame[6..12] == mac;
        assert!(!frames.is_empty() && frames.iter().all(is_routed), "{:?}", seen.text());
    }
    for target in [RED_LEG, BLUE_LEG] {
        reaches(&one, target);
    }
    let from = one.namespace();
    says(from, &["-t", "1", &two_ip], &format!("From {RED_LEG} icmp_seq=1 Time exceeded: Hop limit"));
    says(from, &["-t", "2", &two_ip], " bytes from ");
    says(from, &["2001:db8:77::1"], &format!("From {RED_LEG} icmp_seq=1 Destination unreachable: No route"));
    let nobody = format!("From {RED_LEG} icmp_seq=1 Destination unreachable: Address unreachable");
    says(from, &[NOBODY], &nobody);
    says(
        from,
        &["-M", "do", "-s", "1350", &two_ip],
        &format!("From {RED_LEG} icmp_seq=1 Packet too big: mtu={MTU_BYTES}"),
    );
    let route = from.ip(&["-6", "route", "get", &two_ip]).expect("a route");
    assert!(route.contains(&format!("mtu {MTU_BYTES}")), "{route}");
    // As long as blue takes, in one piece.
    says(from, &["-M", "do", "-s", "1252", &near_ip], " bytes from ");

    let heard = Capture::start(from, one.guest().device(), "icmp6 and ip6[40] == 1").expect("a capture");
    try_wait_until(PATIENCE, "a refusal", || {
        let _ = from.run("nc", &["-6", "-n", "-u", "-v", "-z", "-w", "1", BLUE_LEG, "9999"]);
        heard.text().ok()?.contains("unreachable port").then_some(())
    })
    .unwrap_or_else(|error| panic!("{error}: {:?}", heard.text()));
}

#[test]
fn routes_of_ipv6_lead_through_guests_the_longest_first_and_are_withdrawn() {
    let routed = with_ipv6();
    let (one, _) = boot(&routed, 0, "one", &routed.red, RED_LEG);
    let (wide, wide_ip) = boot(&routed, 1, "wide", &routed.blue, BLUE_LEG);
    let (narrow, narrow_ip) = boot(&routed, 0, "narrow", &routed.blue, BLUE_LEG);
    for (vm, own) in
        [(&wide, ["2001:db8:50::1", "2001:db8:60::1"]), (&narrow, ["2001:db8:50:1::1", "2001:db8:60::1"])]
    {
        for own in own {
            let words = ["addr", "add", &format!("{own}/128"), "dev", vm.guest().device(), "nodad"];
            vm.namespace().ip(&words).expect("an address");
        }
    }
    let gone = format!("From {RED_LEG} icmp_seq=1 Destination unreachable: No route");
    says(one.namespace(), &["2001:db8:50::1"], &gone);
    let long = [("2001:db8:50::/44", &*wide_ip), ("2001:db8:50:1::/64", &*narrow_ip)];
    let spread = [("2001:db8:60::/48", &*wide_ip), ("2001:db8:60::/48", &*narrow_ip)];
    set_routes(&routed, &[long, spread].concat());
    for target in ["2001:db8:50::1", "2001:db8:50:1::1", "2001:db8:60::1"] {
        reaches(&one, target);
    }
    // Either of two by itself.
    for only in spread {
        set_routes(&routed, &[only]);
        reaches(&one, "2001:db8:60::1");
        says(one.namespace(), &["2001:db8:50::1"], &gone);
    }
    set_routes(&routed, &[]);
    says(one.namespace(), &["2001:db8:60::1"], &gone);
    reaches(&one, &wide_ip);
    assert!(one.namespace().ping(ip("2001:db8:60::1"), 1).is_ok_and(|report| report.received == 0));
}
