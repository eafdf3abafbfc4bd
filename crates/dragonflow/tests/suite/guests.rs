//! A guest that means harm: it sends as fast as it can, and its neighbours on the node do not suffer.

use std::fs;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use net_types::MacAddr;
use packet::arp::Arp;
use packet::build::{Ethernet, Ip, Ipv4, Ipv6, Transport, Udp};
use packet::dhcp::{CLIENT_PORT, Message, MessageType, Op, SERVER_PORT, codes};
use packet::icmp::Message as IcmpMessage;
use packet::pcap::PcapWriter;
use packet::router::{ALL_ROUTERS, ROUTER_SOLICITATION};
use serde_json::json;
use testkit::cloud::{CloudSpec, Vm};
use testkit::process::{Daemon, cpu_ms, rss_kib};
use testkit::scratch::ScratchDir;
use testkit::try_wait_until;

use crate::support::{Lab, PATIENCE, binary, talks};

/// Leases that are asked for one after the other.
const LEASES: usize = 20;
/// Frames of which the flood consists, again and again.
const FRAMES: u32 = 512;
/// What has to be sent for a flood.
const FLOOD_FRAMES_MIN: u64 = 300_000;
/// What the controller may grow by.
const GROWTH_KIB_MAX: u64 = 4 * 1024;
/// How many hundredths of one processor the controller may take for what it is asked in a flood.
const CPU_PERCENT_MAX: u128 = 30;

/// Sends frames over and over, for as long as it is held.
struct Flood {
    daemon: Daemon,
    _directory: ScratchDir,
}

impl Flood {
    fn start(vm: &Vm, frames: &[Vec<u8>]) -> Self {
        Self::at(vm, frames, "--topspeed")
    }

    /// The same at a speed.
    fn at(vm: &Vm, frames: &[Vec<u8>], speed: &str) -> Self {
        let directory = ScratchDir::new().expect("a directory");
        let file = directory.path().join("frames.pcap");
        let mut capture = PcapWriter::new();
        for frame in frames {
            capture.push(0, 0, frame).expect("a frame is short");
        }
        fs::write(&file, capture.finish()).expect("a file is written");
        let mut command = vm.namespace().command("tcpreplay");
        let device = format!("--intf1={}", vm.guest().device());
        command.args([&device, speed, "--loop=0", "--preload-pcap", "--quiet"]).arg(&file);
        let daemon =
            Daemon::start("tcpreplay", &command, &directory.path().join("log")).expect("tcpreplay starts");
        Self { daemon, _directory: directory }
    }
}

fn sent(vm: &Vm) -> u64 {
    let path = format!("/sys/class/net/{}/statistics/tx_packets", vm.guest().device());
    let text = vm.namespace().run("cat", &[&path]).expect("a counter");
    text.trim().parse().expect("a number")
}

fn discover(mac: MacAddr, number: u32) -> Vec<u8> {
    let mut message = Message::new(Op::Request, number, mac);
    message.options.set(codes::MESSAGE_TYPE, [MessageType::Discover.number()]);
    let datagram = Udp { src_port: CLIENT_PORT, dst_port: SERVER_PORT, payload: message.emit() };
    let header = Ip::V4(Ipv4::new(Ipv4Addr::UNSPECIFIED, Ipv4Addr::BROADCAST));
    Ethernet::new(mac, MacAddr::BROADCAST).ip(&header, &Transport::Udp(datagram)).expect("a frame")
}

/// Everything that a node answers: searches for leases, and questions for addresses that are there and that are not.
fn frames(vm: &Vm) -> Vec<Vec<u8>> {
    let mac: MacAddr = vm.mac().parse().expect("an address");
    let own = vm.address().expect("an address");
    let ask = |number: u32| {
        let target = Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 0, 0, 0)) + number % 256);
        Ethernet::new(mac, MacAddr::BROADCAST).arp(&Arp::request(mac, own, target))
    };
    (0..FRAMES).map(|number| if number % 2 == 0 { discover(mac, number) } else { ask(number) }).collect()
}

#[test]
fn a_flood_of_one_guest_keeps_no_neighbour_from_its_address() {
    let lab = Lab::new(1);
    let network = lab.network("blue", "geneve", "10.0.0.0/24");
    let (hostile, quiet) = (lab.boot(0, "hostile", &network), lab.boot(0, "quiet", &network));
    let site = &lab.cloud.sites()[0];
    let controller = site.controller().expect("it runs").pid();
    let flows = site.flows().expect("flows");
    let (memory, cpu) = (rss_kib(controller).expect("memory"), cpu_ms(controller).expect("time"));

    let begun = Instant::now();
    let before = sent(&hostile);
    let mut flood = Flood::start(&hostile, &frames(&hostile));
    let goes_on = |frames: u64| {
        try_wait_until(PATIENCE, "the flood", || (sent(&hostile) >= before + frames).then_some(()))
    };
    goes_on(FLOOD_FRAMES_MIN / 2).expect("it floods");
    quiet.dhcp().expect("an address for who asks in a flood");
    assert_eq!(site.flows().expect("flows"), flows, "flows follow from what a guest sends");
    // A machine that comes in the middle of it is served as well.
    let late = lab.boot(0, "late", &network);
    goes_on(FLOOD_FRAMES_MIN).expect("it floods");
    flood.daemon.check_running().expect("it floods to the end");
    let elapsed = begun.elapsed();
    let (memory_after, cpu_after) = (rss_kib(controller).expect("memory"), cpu_ms(controller).expect("time"));
    let flooded = sent(&hostile) - before;
    drop(flood);

    let grown = memory_after.saturating_sub(memory);
    assert!(grown < GROWTH_KIB_MAX, "{grown} KiB more after {flooded} frames");
    let percent = u128::from(cpu_after - cpu) * 100 / elapsed.as_millis();
    assert!(percent < CPU_PERCENT_MAX, "{percent} % of a processor for {flooded} frames in {elapsed:?}");
    talks(&late, &quiet);
    // The hostile guest itself is served again when it has come to its senses.
    try_wait_until(PATIENCE, "an address", || hostile.dhcp().ok()).expect("it is served");
}

/// What its controller answers, of both versions of IP: searches for leases and for routers.
fn questions(vm: &Vm) -> Vec<Vec<u8>> {
    let mac: MacAddr = vm.mac().parse().expect("an address");
    let header = Ip::V6(Ipv6 { hop_limit: 255, ..Ipv6::new(mac.link_local(), ALL_ROUTERS) });
    let routers =
        Transport::Icmp(IcmpMessage { kind: ROUTER_SOLICITATION, code: 0, rest: [0; 4], payload: vec![] });
    let routers = Ethernet::new(mac, MacAddr::of_ipv6_multicast(ALL_ROUTERS)).ip(&header, &routers);
    let routers = routers.expect("a frame");
    (0..FRAMES).map(|number| if number % 2 == 0 { discover(mac, number) } else { routers.clone() }).collect()
}

/// How long each of several leases took that were got with a single question each.
fn leases(vm: &Vm) -> Vec<Duration> {
    let device = vm.guest().device();
    let args = ["-f", "-q", "-n", "-t", "1", "-T", "1", "-s", "/bin/true", "-i", device];
    let lease = |number: usize| {
        let begun = Instant::now();
        vm.namespace().run("udhcpc", &args).unwrap_or_else(|error| panic!("question {number}: {error:#}"));
        begun.elapsed()
    };
    (0..LEASES).map(lease).collect()
}

/// Ten thousand packets a second that the controller would have to look at.
#[test]
fn a_storm_of_questions_delays_no_neighbours_lease() {
    // More than one guest asks in earnest, so that the quiet one may ask as often as the test wants.
    let host_options = "[df_dhcp_app]\ndf_dhcp_max_rate_per_sec = 50\n";
    let lab = Lab::with(&CloudSpec { hosts: 1, host_options, ..CloudSpec::new(binary()) });
    let network = lab.network("blue", "geneve", "10.0.0.0/24");
    lab.subnet(&json!({
        "network_id": network, "ip_version": 6, "cidr": "fd00:1::/64", "ipv6_ra_mode": "slaac",
        "ipv6_address_mode": "slaac",
    }));
    let (hostile, quiet) = (lab.boot(0, "hostile", &network), lab.boot(0, "quiet", &network));
    let calm = leases(&quiet);
    let before = sent(&hostile);
    let mut storm = Flood::at(&hostile, &questions(&hostile), "--pps=10000");
    let goes_on = || (sent(&hostile) > before + u64::from(FRAMES)).then_some(());
    try_wait_until(PATIENCE, "the storm", goes_on).expect("it storms");
    let stormy = leases(&quiet);
    storm.daemon.check_running().expect("it storms to the end");
    let stormed = sent(&hostile) - before;
    let longest = |times: &[Duration]| times.iter().max().copied().unwrap_or_default();
    eprintln!(
        "the longest of {LEASES} leases: {:?} in calm, {:?} in a storm of {stormed} questions",
        longest(&calm),
        longest(&stormy)
    );
}
