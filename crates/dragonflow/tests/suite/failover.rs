//! A gateway that moves, under traffic: its host's switch dies, the host is cut off, its agent is told to stop, and each time it comes
//! back. How long nothing passed is printed, and not asserted: machines differ.

use std::net::{IpAddr, Ipv4Addr};
use std::process::Command;
use std::time::Duration;

use net_types::MacAddr;
use packet::arp::Arp;
use packet::build::Ethernet;
use packet::pcap::PcapWriter;
use serde_json::json;
use testkit::cloud::{CloudSpec, UNDERLAY_DEVICE, Vm, cable};
use testkit::process::Daemon;
use testkit::scratch::ScratchDir;
use testkit::{Capture, Guest, try_wait_until};

use crate::routers::Routed;
use crate::support::{Lab, PATIENCE, binary, times_ready, wait_ready};

/// The router of the external network, a machine beside the host in the middle.
const UPSTREAM: &str = "203.0.113.1";
/// Hosts by their places: the two that may have the gateway are on either side of the one with the guest and the way out.
const FIRST: usize = 0;
const MIDDLE: usize = 1;
const SECOND: usize = 2;
/// Milliseconds between two packets of a guest.
const PING_INTERVAL_MS: u64 = 10;
/// Packets after a fault, within which it has to be over.
const PACKETS_AFTER: usize = 400;

struct Failover {
    // The agents end before what they speak to.
    agents: Vec<Option<Daemon>>,
    guest: Vm,
    upstream: Guest,
    gateway: IpAddr,
    lab: Lab,
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

impl Failover {
    fn new() -> Self {
        Self::with_hold(3)
    }

    /// Nodes that come back get their gateways after these seconds.
    fn with_hold(seconds: u32) -> Self {
        let host_options = &format!("[df_l3_app]\ngateway_hold_seconds = {seconds}\n");
        let lab = Lab::with(&CloudSpec { hosts: 3, host_options, ..CloudSpec::new(binary()) });
        lab.cloud.lay_wire().expect("a wire");
        let upstream =
            lab.cloud.sites()[MIDDLE].plug_upstream(&["203.0.113.1/24"]).expect("a machine outside");
        let inside = lab.network("inside", "geneve", "10.0.1.0/24");
        let gateway = Self::make_router(&lab, &inside);
        let agents = vec![Self::start_agent(&lab, FIRST, 200), None, Self::start_agent(&lab, SECOND, 100)];
        let guest = lab.boot(MIDDLE, "guest", &inside);
        let failover = Self { agents, guest, upstream, gateway, lab };
        failover.wait_sessions();
        failover
    }

    /// A router between a network and the world outside; the address of its gateway.
    fn make_router(lab: &Lab, inside: &str) -> IpAddr {
        let api = lab.cloud.api();
        let post =
            |path: &str, body| api.post(path, &body).and_then(|made| made.expect(201)).expect("it is made");
        let body = json!({"network": {
            "name": "outside", "router:external": true, "provider:network_type": "flat",
            "provider:physical_network": "public",
        }});
        let outside = post("/v2.0/networks", body)["network"]["id"].clone();
        let pool = json!({"start": "203.0.113.10", "end": "203.0.113.50"});
        lab.subnet(&json!({
            "network_id": outside, "ip_version": 4, "cidr": "203.0.113.0/24", "gateway_ip": UPSTREAM,
            "enable_dhcp": false, "allocation_pools": [pool],
        }));
        let body = json!({"router": {"name": "r", "external_gateway_info": {"network_id": outside}}});
        let router = post("/v2.0/routers", body)["router"].clone();
        let path = format!("/v2.0/subnets?network_id={inside}");
        let subnets = api.get(&path).and_then(|shown| shown.expect(200)).expect("subnets");
        let path = format!("/v2.0/routers/{}/add_router_interface", router["id"].as_str().expect("an id"));
        let body = json!({"subnet_id": subnets["subnets"][0]["id"]});
        api.put(&path, &body).and_then(|made| made.expect(200)).expect("an interface");
        let address = &router["external_gateway_info"]["external_fixed_ips"][0]["ip_address"];
        ip(address.as_str().expect("the address of the gateway"))
    }

    fn start_agent(lab: &Lab, place: usize, priority: u32) -> Option<Daemon> {
        let name = &lab.cloud.sites()[place].name;
        let mut command = Command::new(binary());
        command
            .args(["l3-agent", "--config-file"])
            .arg(lab.cloud.path(&format!("{name}.ini")))
            .env("OS_DF_L3_APP__GATEWAY_PRIORITY", priority.to_string());
        let log = lab.cloud.path(&format!("{name}-l3-agent.log"));
        let agent = Daemon::start("dragonflow l3-agent", &command, &log).expect("the agent starts");
        let row = format!("/gateway_candidate/{name}");
        let is_there = || lab.find_row(&row).map(drop);
        try_wait_until(PATIENCE, "the node to be a candidate", is_there).expect("it is one");
        Some(agent)
    }

    /// Asks an agent to stop, as systemd does.
    fn stop_agent(&mut self, place: usize) {
        let mut agent = self.agents[place].take().expect("the agent runs");
        let pid = agent.pid().to_string();
        testkit::process::run(Command::new("kill").args(["-TERM", &pid])).expect("it is told");
        let ended = || agent.check_running().is_err().then_some(());
        try_wait_until(PATIENCE, "the agent to stop", ended).expect("it stops");
        let row = format!("/gateway_candidate/{}", self.lab.cloud.sites()[place].name);
        assert!(self.lab.find_row(&row).is_none(), "it has taken its word back");
    }

    /// Waits until each host asks both others as often as it was told to.
    fn wait_sessions(&self) {
        for site in self.lab.cloud.sites() {
            try_wait_until(PATIENCE, "sessions at their full rate", || {
                let shown = site.ovs.appctl(&["bfd/show"]).ok()?;
                let brisk =
                    |which: &str| shown.matches(&format!("{which} Interval: Approx 100ms")).count() == 2;
                (brisk("TX") && brisk("RX")).then_some(())
            })
            .unwrap_or_else(|error| panic!("{}: {error}", site.name));
        }
    }

    fn passes(&self) {
        self.guest.namespace().wait_for_ping(ip(UPSTREAM), PATIENCE).expect("the world outside answers");
    }

    /// Whether what leaves comes through this host: its flows count packets of the guest on their way out.
    fn waits_for_gateway_on(&self, place: usize) {
        let site = &self.lab.cloud.sites()[place];
        let (from, to) = (self.gateway.to_string(), UPSTREAM);
        let what = format!("what leaves to come through {}", site.name);
        try_wait_until(PATIENCE, &what, || {
            let mut wire = Capture::start(
                &site.namespace,
                &self.cable(place),
                &format!("icmp and src {from} and dst {to}"),
            )
            .ok()?;
            self.guest.namespace().ping(ip(to), 1).ok()?;
            wire.wait_for(Duration::from_millis(500), "a request", |_| true).ok().map(drop)
        })
        .expect("it does");
    }

    /// The cable of an outer host to the one in the middle.
    fn cable(&self, place: usize) -> String {
        cable(place, MIDDLE)
    }

    /// What is lost of a guest's packets while something is done, and that it is over soon.
    #[expect(clippy::print_stderr, reason = "a figure for whoever reads the output of the test")]
    fn under_traffic(&mut self, what: &str, fault: impl FnOnce(&mut Self)) {
        let interval = Duration::from_millis(PING_INTERVAL_MS);
        let mut ping = self.guest.namespace().start_ping(ip(UPSTREAM), interval).expect("ping runs");
        ping.wait_for_requests(30).expect("pings");
        fault(self);
        let sent = ping.requests().expect("pings");
        ping.wait_for_requests(sent + PACKETS_AFTER).expect("pings");
        let report = ping.stop().expect("a report");
        let lost_ms = u64::try_from(report.lost()).unwrap_or(u64::MAX).saturating_mul(PING_INTERVAL_MS);
        eprintln!("{what}: nothing passed for about {lost_ms} ms");
        let again = self.guest.namespace().ping(ip(UPSTREAM), 3).expect("ping runs");
        assert_eq!(again.lost(), 0, "{what}: it is not over: {report:?}");
    }
}

#[test]
fn a_gateway_moves_when_its_host_fails_and_back_when_it_has_recovered() {
    let mut failover = Failover::new();
    failover.passes();
    failover.waits_for_gateway_on(FIRST);

    failover.under_traffic("kill -9 of the switch", |failover| {
        failover.lab.cloud.site_mut(FIRST).ovs.kill9_vswitchd().expect("it dies");
    });
    failover.waits_for_gateway_on(SECOND);
    failover.under_traffic("the switch is back", |failover| {
        failover.lab.cloud.site_mut(FIRST).ovs.restart_vswitchd().expect("it starts");
        failover.waits_for_gateway_on(FIRST);
    });
    failover.wait_sessions();

    let cable = |failover: &Failover, state: &str| {
        let site = &failover.lab.cloud.sites()[FIRST];
        site.namespace.ip(&["link", "set", UNDERLAY_DEVICE, state]).expect("a cable");
    };
    failover.under_traffic("the cable of the tunnels is cut", |failover| cable(failover, "down"));
    failover.waits_for_gateway_on(SECOND);
    failover.under_traffic("the cable is mended", |failover| {
        cable(failover, "up");
        failover.waits_for_gateway_on(FIRST);
    });

    failover.under_traffic("the agent is told to stop", |failover| failover.stop_agent(FIRST));
    failover.waits_for_gateway_on(SECOND);
    failover.under_traffic("the agent is started again", |failover| {
        failover.agents[FIRST] = Failover::start_agent(&failover.lab, FIRST, 200);
        failover.waits_for_gateway_on(FIRST);
    });
}

#[test]
fn an_agent_or_a_controller_that_is_killed_moves_nothing() {
    let mut failover = Failover::new();
    failover.passes();
    failover.waits_for_gateway_on(FIRST);
    let mut ping = failover
        .guest
        .namespace()
        .start_ping(ip(UPSTREAM), Duration::from_millis(PING_INTERVAL_MS))
        .expect("ping runs");
    ping.wait_for_requests(30).expect("pings");
    failover.agents[FIRST].take().expect("the agent runs").kill().expect("it is killed");
    let before = times_ready(&failover.lab.cloud.sites()[FIRST]);
    failover.lab.cloud.site_mut(FIRST).kill_controller().expect("it is killed");
    failover.lab.cloud.site_mut(FIRST).start_controller().expect("it starts");
    wait_ready(&failover.lab.cloud.sites()[FIRST], before);
    failover.waits_for_gateway_on(FIRST);
    let report = ping.stop().expect("a report");
    assert_eq!(report.lost(), 0, "{report:?}");
}

/// What the controller of a host waits for, as it is kept beside its switch.
fn waited_for(failover: &Failover, place: usize) -> Vec<String> {
    let site = &failover.lab.cloud.sites()[place];
    let ids = site.ovs.vsctl(&["get", "Bridge", "br-int", "external_ids"]).expect("the bridge is there");
    let all = ids.trim().trim_matches(['{', '}']).split(", ").map(str::to_owned);
    all.filter(|pair| ["held-", "heard-", "unsettled"].iter().any(|word| pair.contains(word))).collect()
}

#[test]
fn controllers_that_are_restarted_while_a_host_has_to_stay_let_it_have_nothing_sooner() {
    // Longer than the test takes.
    let mut failover = Failover::with_hold(3_600);
    failover.passes();
    failover.waits_for_gateway_on(FIRST);
    failover.lab.cloud.site_mut(FIRST).ovs.kill9_vswitchd().expect("it dies");
    failover.waits_for_gateway_on(SECOND);
    failover.lab.cloud.site_mut(FIRST).ovs.restart_vswitchd().expect("it starts");
    failover.wait_sessions();
    let name = failover.lab.cloud.sites()[FIRST].name.clone();
    let places = [FIRST, MIDDLE, SECOND];
    let waits = |failover: &Failover| places.map(|place| waited_for(failover, place));
    try_wait_until(PATIENCE, "all to wait", || {
        let [first, middle, second] = waits(&failover);
        let holds = |pairs: &[String]| pairs.iter().any(|pair| pair.contains(&format!("held-{name}")));
        let is_unsettled = first.iter().any(|pair| pair.contains("unsettled"));
        (is_unsettled && first.len() > 1 && holds(&middle) && holds(&second)).then_some(())
    })
    .unwrap_or_else(|error| panic!("{error}: {:?}", waits(&failover)));
    let before = waits(&failover);
    for place in places {
        let count = times_ready(&failover.lab.cloud.sites()[place]);
        let site = failover.lab.cloud.site_mut(place);
        site.kill_controller().expect("it is killed");
        site.start_controller().expect("it starts");
        wait_ready(&failover.lab.cloud.sites()[place], count);
    }
    failover.passes();
    failover.waits_for_gateway_on(SECOND);
    assert_eq!(waits(&failover), before, "they wait for the same as before");
}

#[test]
fn one_host_answers_for_the_gateway() {
    let failover = Failover::new();
    failover.passes();
    let out = failover.upstream.namespace();
    let is_reply = |frame: &[u8]| frame.get(20..22) == Some(&[0, 2]);
    let is_request = |frame: &[u8]| frame.get(20..22) == Some(&[0, 1]);
    let filter = format!("arp and host {}", failover.gateway);
    let mut wire = Capture::start(out, failover.upstream.device(), &filter).expect("a capture");
    for _ in 0..5 {
        out.ip(&["neigh", "flush", "all"]).expect("forgotten");
        out.wait_for_ping(failover.gateway, PATIENCE).expect("the gateway answers");
    }
    wire.wait_for(PATIENCE, "an answer", is_reply).expect("there is one");
    let frames = wire.frames().expect("frames");
    let from_upstream = |frame: &&Vec<u8>| is_request(frame) && frame.get(28..32) == Some(&[203, 0, 113, 1]);
    let asked = frames.iter().map(|frame| frame.to_vec()).collect::<Vec<_>>();
    let questions = asked.iter().filter(from_upstream).count();
    let answers = asked.iter().filter(|frame| is_reply(frame)).count();
    assert!(questions >= 5 && answers <= questions, "{answers} answers to {questions} questions");
}

/// Two nodes that do not hear each other for a moment both take themselves for the one, and the other may stop last.
#[test]
fn who_has_a_gateway_says_so_again_when_another_has_had_the_last_word() {
    let routed = Routed::new();
    let api = routed.lab.cloud.api();
    let gateway = || {
        let ports = api.get("/v2.0/ports?device_owner=network:router_gateway").ok()?.expect(200).ok()?;
        Some(ports["ports"][0].clone())
    };
    let wait_active = || {
        let active = || gateway().filter(|port| port["status"] == "ACTIVE");
        try_wait_until(PATIENCE, "the gateway to be said to work", active).expect("it is")
    };
    let port = wait_active()["id"].clone();
    let port = port.as_str().expect("an id");
    let other = json!({
        "id": port, "lport": port, "chassis": "host-1", "generation": 1000, "state": "DOWN", "topic": "admin", "version": 1000,
    });
    let key = format!("/port_status/{port}");
    routed.lab.put_row(&key, &other);
    let is_said = || (routed.lab.row(&key)["state"] == "ACTIVE").then_some(());
    try_wait_until(PATIENCE, "who has it to say so", is_said).expect("it looks again");
    wait_active();
}

/// How many ask for the gateway, one after the other, and how many of them in a second: longer than it takes to come back.
const ASKERS: u16 = 4_000;
const ASKED_S: u32 = 100;

/// Asks for the gateway on and on, each time in the name of somebody else.
fn ask_on_and_on(failover: &Failover) -> (Daemon, ScratchDir) {
    let mac: MacAddr = "02:00:00:00:ee:01".parse().expect("an address");
    let IpAddr::V4(gateway) = failover.gateway else { panic!("the gateway has IPv4") };
    let mut capture = PcapWriter::new();
    for number in 0..ASKERS {
        let [high, low] = number.to_be_bytes();
        let question = Arp::request(mac, Ipv4Addr::new(10, 77, high, low), gateway);
        capture.push(0, 0, &Ethernet::new(mac, MacAddr::BROADCAST).arp(&question)).expect("it is short");
    }
    let directory = ScratchDir::new().expect("a directory");
    let file = directory.path().join("questions.pcap");
    std::fs::write(&file, capture.finish()).expect("a file is written");
    let mut command = failover.upstream.namespace().command("tcpreplay");
    let device = format!("--intf1={}", failover.upstream.device());
    command.args([&device, &format!("--pps={ASKED_S}"), "--preload-pcap", "--quiet"]).arg(&file);
    let daemon =
        Daemon::start("tcpreplay", &command, &directory.path().join("log")).expect("tcpreplay starts");
    (daemon, directory)
}

#[test]
fn no_two_hosts_answer_for_a_gateway_that_goes_and_comes_back() {
    let mut failover = Failover::new();
    failover.passes();
    failover.waits_for_gateway_on(FIRST);
    let answers = |place: usize| {
        let site = &failover.lab.cloud.sites()[place];
        let filter = format!("arp[6:2] == 2 and src host {}", failover.gateway);
        Capture::start(&site.namespace, &failover.cable(place), &filter).expect("a capture")
    };
    let (first, second) = (answers(FIRST), answers(SECOND));
    let questions = Capture::start(
        failover.upstream.namespace(),
        failover.upstream.device(),
        "arp[6:2] == 1 and arp[14:2] == 0x0a4d",
    )
    .expect("a capture");
    let (mut asking, _directory) = ask_on_and_on(&failover);
    let has_answered = |capture: &Capture, more_than: usize| {
        let is_more = || (capture.frames().ok()?.len() > more_than).then_some(());
        try_wait_until(PATIENCE, "an answer", is_more).expect("there is one");
    };
    has_answered(&first, 0);
    failover.lab.cloud.site_mut(FIRST).ovs.kill9_vswitchd().expect("it dies");
    has_answered(&second, 0);
    let so_far = first.frames().expect("frames").len();
    failover.lab.cloud.site_mut(FIRST).ovs.restart_vswitchd().expect("it starts");
    // It has the gateway again, for good.
    has_answered(&first, so_far + 50);
    let was_asking = asking.check_running().is_ok();
    drop(asking);

    let asker = |frame: Vec<u8>| [frame[38], frame[39], frame[40], frame[41]];
    let of = |capture: &Capture| -> Vec<[u8; 4]> {
        capture.frames().expect("frames").into_iter().map(asker).filter(|ip| ip[..2] == [10, 77]).collect()
    };
    let (first, second) = (of(&first), of(&second));
    let mut all = [first.clone(), second.clone()].concat();
    let (count, asked) = (all.len(), questions.frames().expect("frames").len());
    all.sort_unstable();
    all.dedup();
    assert!(was_asking, "all {ASKERS} were over too soon: {asked} questions, {count} answers");
    assert_eq!(all.len(), count, "somebody was answered twice: {} and {}", first.len(), second.len());
    // What changes hands does so at once: after the first answer of the one that is back, the other is silent.
    let last_of_second = second.iter().max().expect("it has answered");
    let back = first.iter().filter(|ip| *ip > second.iter().min().expect("it has answered"));
    let first_back = back.min().expect("it has answered again");
    assert!(first_back > last_of_second, "{first_back:?} while {last_of_second:?} was answered elsewhere");
}
