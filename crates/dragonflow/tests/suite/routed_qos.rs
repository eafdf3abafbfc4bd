//! Policies of floating IPs and gateways, measured where they are felt: at the guest, and at the machine outside.

use net_types::MacAddr;
use packet::build::{Ethernet, Ip, Ipv4, Transport, Udp};
use serde_json::{Value, json};
use testkit::cloud::Vm;
use testkit::{Guest, try_wait_until};

use crate::nat::call;
use crate::qos::{FRAME_BYTES, PAYLOAD_BYTES, Stream, assert_about, meters, rate, wait_meters};
use crate::routers::{GATEWAY, Routed, UPSTREAM, address, id, ip, reaches};
use crate::support::{PATIENCE, Wire};

const FLOATING: &str = "203.0.113.20";
/// The host of the guest, and that of the gateway.
const HOST: usize = 1;
const LAST: usize = 2;
/// What a policy lets pass at once.
const BURST_KBIT: u32 = 100;
/// So many frames of 8,000 bits are sent in a second: 8 Mb/s.
const SENT_S: u32 = 1_000;
const SENT_KBPS: u64 = 8_000;

/// A policy with a rule for each direction, as its owner makes it.
struct Policy<'a> {
    routed: &'a Routed,
    path: String,
    rules: [String; 2],
}

impl<'a> Policy<'a> {
    fn new(routed: &'a Routed, [out, back]: [u64; 2]) -> Self {
        let path = format!(
            "/v2.0/qos/policies/{}",
            id(&Self::made(routed, "qos/policies", "policy", &json!({"name": "p"})))
        );
        let rules = [("egress", out), ("ingress", back)].map(|(direction, kbps)| {
            let rule = json!({"direction": direction, "max_kbps": kbps, "max_burst_kbps": BURST_KBIT});
            let rules = format!("{}/bandwidth_limit_rules", path.trim_start_matches("/v2.0/"));
            id(&Self::made(routed, &rules, "bandwidth_limit_rule", &rule))
        });
        Self { routed, path, rules }
    }

    fn made(routed: &Routed, path: &str, kind: &str, body: &Value) -> Value {
        let made = routed.lab.cloud.api().post(&format!("/v2.0/{path}"), &json!({ kind: body }));
        made.and_then(|made| made.expect(201)).unwrap_or_else(|error| panic!("{path}: {error:#}"))[kind]
            .clone()
    }

    fn id(&self) -> &str {
        self.path.rsplit('/').next().expect("an id")
    }

    /// Another rate for what comes in.
    fn change_ingress(&self, kbps: u64) {
        let path = format!("{}/bandwidth_limit_rules/{}", self.path, self.rules[1]);
        call(self.routed, &path, &json!({"bandwidth_limit_rule": {"max_kbps": kbps}}));
    }
}

/// A datagram from one end to another, as it is handed to a router with this MAC address.
fn datagram(from: &Guest, router: &str, src: (&str, u16), dst: (&str, u16)) -> Vec<u8> {
    let own = from.namespace().run("cat", &[&format!("/sys/class/net/{}/address", from.device())]);
    let mac = |text: &str| text.trim().parse::<MacAddr>().expect("an address");
    let header = Ipv4::new(src.0.parse().expect("an address"), dst.0.parse().expect("an address"));
    let payload = Udp { src_port: src.1, dst_port: dst.1, payload: vec![0; PAYLOAD_BYTES] };
    Ethernet::new(mac(&own.expect("a device")), mac(router))
        .ip(&Ip::V4(header), &Transport::Udp(payload))
        .expect("a frame")
}

/// The MAC address that a machine knows for a neighbour.
fn known(at: &Guest, target: &str) -> String {
    let shown = at.namespace().ip(&["neigh", "show", target]).expect("neighbours");
    let words: Vec<&str> = shown.split_whitespace().collect();
    let place =
        words.iter().position(|word| *word == "lladdr").unwrap_or_else(|| panic!("{target}: {shown}"));
    words[place + 1].to_owned()
}

fn kbps(at: &Guest) -> u64 {
    rate(at, 150, 1_000) * FRAME_BYTES * 8 / 1_000
}

/// What a machine sends outside, and the answers to it, at once.
fn streams(routed: &Routed, vm: &Vm, outside: &str) -> [Stream; 2] {
    reaches(vm, UPSTREAM);
    routed.upstream.namespace().wait_for_ping(ip(outside), PATIENCE).expect("it answers");
    let out = datagram(vm.guest(), &known(vm.guest(), "10.0.1.1"), (&address(vm), 7), (UPSTREAM, 9));
    let back = datagram(&routed.upstream, &known(&routed.upstream, outside), (UPSTREAM, 9), (outside, 7));
    [Stream::send(vm.guest(), &out, SENT_S), Stream::send(&routed.upstream, &back, SENT_S)]
}

#[test]
fn a_floating_ip_has_a_limit_in_both_directions_that_changes_live_and_goes_without_a_trace() {
    let routed = Routed::new();
    let vm = routed.boot(HOST, "vm", &routed.red);
    let floating = routed.floating(&vm, FLOATING);
    routed.wait_floating(&floating, "ACTIVE");
    reaches(&vm, UPSTREAM);
    let site = &routed.lab.cloud.sites()[HOST];
    // What the switch has learned comes and goes by itself, and so do the ways of what nodes ask each other.
    let flows = || -> Vec<String> {
        let mut flows = site.flows().expect("flows");
        flows.retain(|flow| {
            !["hard_timeout", "tun_id=0,", "set_field:0->tun_id"].iter().any(|part| flow.contains(part))
        });
        flows
    };
    let (before, meters_before) = (flows(), meters(&routed.lab, HOST));
    let policy = Policy::new(&routed, [4_000, 2_000]);
    let path = format!("/v2.0/floatingips/{floating}");
    call(&routed, &path, &json!({"floatingip": {"qos_policy_id": policy.id(), "port_id": vm.port_id()}}));
    wait_meters(&routed.lab, HOST, "rate=4000");
    let running = streams(&routed, &vm, FLOATING);
    assert_about(4_000, || kbps(&routed.upstream));
    assert_about(2_000, || kbps(vm.guest()));

    // Another rate is another meter, and nothing else.
    let wire = Wire::watch(site);
    policy.change_ingress(5_000);
    wait_meters(&routed.lab, HOST, "rate=5000");
    assert_about(5_000, || kbps(vm.guest()));
    assert_about(4_000, || kbps(&routed.upstream));
    let changes = wire.changes();
    assert!(!changes.is_empty() && changes.iter().all(|kind| kind.contains("METER")), "{changes:?}");

    // Who talks inside is not limited by it.
    call(&routed, &path, &json!({"floatingip": {"qos_policy_id": null, "port_id": vm.port_id()}}));
    let is_gone = || (flows() == before && meters(&routed.lab, HOST) == meters_before).then_some(());
    try_wait_until(PATIENCE, "no trace of the policy", is_gone)
        .unwrap_or_else(|error| panic!("{error}: {:#?} and not {before:#?}", flows()));
    assert_about(SENT_KBPS, || kbps(&routed.upstream));
    assert_about(SENT_KBPS, || kbps(vm.guest()));
    drop(running);
}

#[test]
fn a_gateway_has_a_limit_for_what_it_hides_and_not_for_floating_ips() {
    let routed = Routed::new();
    let (hidden, seen) = (routed.boot(HOST, "hidden", &routed.red), routed.boot(HOST, "seen", &routed.red));
    let floating = routed.floating(&seen, FLOATING);
    routed.wait_floating(&floating, "ACTIVE");
    let policy = Policy::new(&routed, [3_000, 2_000]);
    let path = format!("/v2.0/routers/{}", routed.router);
    let gateway = |policy: Value| {
        let fixed = json!([{"ip_address": GATEWAY}]);
        let info =
            json!({"network_id": routed.outside, "external_fixed_ips": fixed, "qos_policy_id": policy});
        call(&routed, &path, &json!({"router": {"external_gateway_info": info}}));
    };
    let meters_before = meters(&routed.lab, LAST);
    gateway(json!(policy.id()));
    wait_meters(&routed.lab, LAST, "rate=3000");

    let running = streams(&routed, &hidden, GATEWAY);
    assert_about(3_000, || kbps(&routed.upstream));
    assert_about(2_000, || kbps(hidden.guest()));
    drop(running);
    let running = streams(&routed, &seen, FLOATING);
    assert_about(SENT_KBPS, || kbps(&routed.upstream));
    assert_about(SENT_KBPS, || kbps(seen.guest()));
    drop(running);

    gateway(Value::Null);
    try_wait_until(PATIENCE, "no trace of the policy", || {
        (meters(&routed.lab, LAST) == meters_before).then_some(())
    })
    .unwrap_or_else(|error| panic!("{error}: {}", meters(&routed.lab, LAST)));
    let running = streams(&routed, &hidden, GATEWAY);
    assert_about(SENT_KBPS, || kbps(&routed.upstream));
    drop(running);
}
