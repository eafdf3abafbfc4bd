//! Policies, measured where they are felt: at the device of who receives.

use std::fs;
use std::time::Instant;

use net_types::MacAddr;
use packet::build::{Ethernet, Ip, Ipv4, Transport, Udp};
use packet::pcap::PcapWriter;
use serde_json::{Value, json};
use testkit::cloud::Vm;
use testkit::process::Daemon;
use testkit::scratch::ScratchDir;
use testkit::{Capture, Guest, try_wait_until};

use crate::support::{Lab, PATIENCE, Wire, talks, times_ready, wait_ready};

const POLICY: &str = "11111111-2222-4333-8444-555555555555";
pub(crate) const PAYLOAD_BYTES: usize = 958;
/// A frame with that payload, as a meter counts it.
pub(crate) const FRAME_BYTES: u64 = 1_000;
/// How far a measured rate may be from what it should be, in percent.
const TOLERANCE_PERCENT: u64 = 20;

/// How often a rate is measured that is not what it should be.
const MEASUREMENTS_MAX: usize = 4;

/// Datagrams of one machine to another, at a steady rate.
pub(crate) struct Stream {
    _daemon: Daemon,
    _directory: ScratchDir,
}

impl Stream {
    fn start(from: &Vm, to: &Vm, packets_s: u32) -> Self {
        let mac = |vm: &Vm| vm.mac().parse::<MacAddr>().expect("an address");
        let header = Ipv4::new(from.address().expect("an address"), to.address().expect("an address"));
        let datagram = Udp { src_port: 7, dst_port: 9, payload: vec![0; PAYLOAD_BYTES] };
        let frame = Ethernet::new(mac(from), mac(to)).ip(&Ip::V4(header), &Transport::Udp(datagram));
        Self::send(from.guest(), &frame.expect("a frame"), packets_s)
    }

    /// Frames of a machine's choice.
    pub(crate) fn send(from: &Guest, frame: &[u8], packets_s: u32) -> Self {
        let mut capture = PcapWriter::new();
        for _ in 0..64 {
            capture.push(0, 0, frame).expect("a frame is short");
        }
        let directory = ScratchDir::new().expect("a directory");
        let file = directory.path().join("frames.pcap");
        fs::write(&file, capture.finish()).expect("a file is written");
        let mut command = from.namespace().command("tcpreplay");
        let device = format!("--intf1={}", from.device());
        let rate = format!("--pps={packets_s}");
        command.args([&device, &rate, "--loop=0", "--preload-pcap", "--quiet"]).arg(&file);
        let log = directory.path().join("log");
        let daemon = Daemon::start("tcpreplay", &command, &log).expect("tcpreplay starts");
        Self { _daemon: daemon, _directory: directory }
    }
}

fn received(guest: &Guest) -> u64 {
    let path = format!("/sys/class/net/{}/statistics/rx_packets", guest.device());
    let text = guest.namespace().run("cat", &[&path]).expect("a counter");
    text.trim().parse().expect("a number")
}

/// How many frames a second a machine gets, once what is allowed at once is used up: so many are left out first.
pub(crate) fn rate(guest: &Guest, left_out: u64, counted: u64) -> u64 {
    let wait = |frames: u64| {
        try_wait_until(PATIENCE, "frames", || {
            let now = received(guest);
            (now >= frames).then(|| (now, Instant::now()))
        })
        .expect("frames arrive")
    };
    let (first, begun) = wait(received(guest) + left_out);
    let (last, ended) = wait(first + counted);
    (last - first) * 1_000 / u64::try_from((ended - begun).as_millis()).expect("a short time")
}

/// Asserts that what a machine gets comes at about this rate. On a machine that is busy with something else, who sends may
/// be late, so it is measured again, a few times at most.
#[track_caller]
pub(crate) fn assert_about(expected: u64, measure: impl Fn() -> u64) {
    let (least, most) = (100 - TOLERANCE_PERCENT, 100 + TOLERANCE_PERCENT);
    let is_about = |rate: &u64| (expected * least..=expected * most).contains(&(rate * 100));
    let mut measured = Vec::new();
    while measured.len() < MEASUREMENTS_MAX && !measured.last().is_some_and(is_about) {
        measured.push(measure());
    }
    assert!(measured.last().is_some_and(is_about), "{measured:?} and not {expected}");
}

fn put_policy(lab: &Lab, rules: &Value, extra: &Value) {
    let project = "11112222333344445555666677778888";
    let row = json!({"id": POLICY, "topic": project, "name": "gold", "version": 1, "rules": rules});
    lab.put_row(&format!("/qospolicy/{POLICY}"), &row);
    let row = json!({"id": POLICY, "policy": POLICY, "topic": project, "version": 1, "rules": extra});
    lab.put_row(&format!("/qospolicy_extra/{POLICY}"), &row);
}

fn egress(kbps: u64) -> Value {
    json!({"id": "out", "type": "bandwidth_limit", "direction": "egress", "max_kbps": kbps, "max_burst_kbps": 100})
}

fn ingress(kbps: u64) -> Value {
    json!({"id": "in", "type": "bandwidth_limit", "direction": "ingress", "max_kbps": kbps, "max_burst_kbps": 100})
}

pub(crate) fn meters(lab: &Lab, place: usize) -> String {
    let shown = lab.cloud.sites()[place].ovs.ofctl(&["-O", "OpenFlow13", "dump-meters", "br-int"]);
    let shown = shown.expect("meters");
    shown.lines().filter(|line| line.contains("kbps") || line.contains("rate=")).collect()
}

pub(crate) fn wait_meters(lab: &Lab, place: usize, what: &str) {
    try_wait_until(PATIENCE, what, || meters(lab, place).contains(what).then_some(()))
        .unwrap_or_else(|error| panic!("{error}: {}", meters(lab, place)));
}

#[test]
fn bandwidth_is_limited_in_both_directions_live_over_restarts_and_without_a_trace() {
    let mut lab = Lab::new(2);
    let network = lab.network("blue", "geneve", "10.0.0.0/24");
    let (limited, other) = (lab.boot(0, "limited", &network), lab.boot(1, "other", &network));
    talks(&limited, &other);
    let (flows, before) = (lab.cloud.sites()[0].flows().expect("flows"), meters(&lab, 0));

    // Twice 4 Mb/s are sent, in either direction.
    put_policy(&lab, &json!([egress(4_000)]), &json!([ingress(2_000)]));
    lab.change_port_row(limited.port_id(), &json!({"qos_policy": POLICY}));
    wait_meters(&lab, 0, "rate=4000");
    let kbps = |vm: &Vm| rate(vm.guest(), 150, 1_000) * FRAME_BYTES * 8 / 1_000;
    let out = Stream::start(&limited, &other, 1_000);
    assert_about(4_000, || kbps(&other));
    drop(out);
    let _back = Stream::start(&other, &limited, 1_000);
    assert_about(2_000, || kbps(&limited));

    // Another rate, while the stream goes on: a meter changes, and nothing else.
    let site = &lab.cloud.sites()[0];
    let wire = Wire::watch(site);
    put_policy(&lab, &json!([egress(4_000)]), &json!([ingress(5_000)]));
    wait_meters(&lab, 0, "rate=5000");
    assert_about(5_000, || kbps(&limited));
    let changes = wire.changes();
    assert!(!changes.is_empty() && changes.iter().all(|kind| kind.contains("METER")), "{changes:?}");

    // A controller that starts anew changes nothing.
    let (limited_flows, limited_meters) = (site.flows().expect("flows"), meters(&lab, 0));
    let site = lab.cloud.site_mut(0);
    let ready = times_ready(site);
    site.kill_controller().expect("it is killed");
    site.start_controller().expect("it starts");
    wait_ready(&lab.cloud.sites()[0], ready);
    let site = &lab.cloud.sites()[0];
    assert_eq!((site.flows().expect("flows"), meters(&lab, 0)), (limited_flows, limited_meters));
    assert_about(5_000, || kbps(&limited));

    lab.change_port_row(limited.port_id(), &json!({"qos_policy": null}));
    try_wait_until(PATIENCE, "no trace of the policy", || {
        let is_gone = site.flows().ok()? == flows && meters(&lab, 0) == before;
        is_gone.then_some(())
    })
    .expect("nothing stays");
    assert_about(8_000, || kbps(&limited));
}

#[test]
fn packets_are_counted_and_marked() {
    let lab = Lab::new(1);
    let network = lab.network("blue", "geneve", "10.0.0.0/24");
    let (limited, other) = (lab.boot(0, "limited", &network), lab.boot(0, "other", &network));
    talks(&limited, &other);
    let packets = |direction: &str| json!({"id": direction, "type": "packet_rate_limit", "direction": direction, "max_kpps": 1, "max_burst_kpps": 0});
    let mark = json!([{"id": "mark", "type": "dscp_marking", "dscp_mark": 46}]);
    put_policy(&lab, &mark, &json!([packets("egress")]));
    lab.change_port_row(limited.port_id(), &json!({"qos_policy": POLICY}));
    wait_meters(&lab, 0, "rate=1000");

    let filter = "udp port 9";
    let mut heard = Capture::start(other.namespace(), other.guest().device(), filter).expect("tcpdump runs");
    let out = Stream::start(&limited, &other, 3_000);
    let marked = heard.wait_for(PATIENCE, "a datagram", |_| true).expect("a datagram");
    assert_eq!(marked.get(15), Some(&(46 << 2)), "the second octet of the header is what is marked");
    drop(heard);
    assert_about(1_000, || rate(other.guest(), 1_500, 3_000));
    drop(out);

    // What it is sent is not marked, and counted only if the policy says so.
    let mut heard =
        Capture::start(limited.namespace(), limited.guest().device(), filter).expect("tcpdump runs");
    let back = Stream::start(&other, &limited, 3_000);
    let plain = heard.wait_for(PATIENCE, "a datagram", |_| true).expect("a datagram");
    assert_eq!(plain.get(15), Some(&0));
    drop(heard);
    let unlimited = rate(limited.guest(), 500, 3_000);
    assert!(unlimited > 1_200, "{unlimited} frames a second where nothing limits them");
    put_policy(&lab, &mark, &json!([packets("ingress")]));
    assert_about(1_000, || rate(limited.guest(), 4_000, 3_000));
    drop(back);
}
