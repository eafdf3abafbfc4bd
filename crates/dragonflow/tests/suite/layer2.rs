//! What guests may not say, frames for addresses that no port has, tags inside, announcements of the link, and tunnels that move: by what
//! really arrives where.

use std::net::Ipv6Addr;

use net_types::MacAddr;
use packet::arp::Arp;
use packet::build::{Ethernet, Ip, Ipv4, Ipv6, Transport, Udp};
use packet::headers::VlanTag;
use packet::icmp::Message;
use packet::pcap::PcapWriter;
use serde_json::json;
use testkit::cloud::Vm;
use testkit::scratch::ScratchDir;
use testkit::{Capture, try_wait_until};

use crate::support::{Lab, PATIENCE, gets_address, talks, times_ready, wait_ready};

const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
/// An address that no port has.
const STRANGER: MacAddr = MacAddr([2, 0, 0, 0, 0x77, 0x77]);
const ROUTER_ADVERTISEMENT: u8 = 134;
/// More than a link is announced by itself in a short time.
const QUESTIONS: usize = 10;

fn mac(vm: &Vm) -> MacAddr {
    vm.mac().parse().expect("an address")
}

fn send(vm: &Vm, frames: &[Vec<u8>]) {
    let mut capture = PcapWriter::new();
    frames.iter().for_each(|frame| capture.push(0, 0, frame).expect("a frame is short"));
    let directory = ScratchDir::new().expect("a directory");
    let file = directory.path().join("frames.pcap");
    std::fs::write(&file, capture.finish()).expect("a file is written");
    let (device, file) = (format!("--intf1={}", vm.guest().device()), file.display().to_string());
    vm.namespace().run("tcpreplay", &[&device, "--quiet", &file]).expect("the frames are sent");
}

/// A machine whose port may send and get whatever it likes.
fn open(lab: &Lab, host: usize, name: &str, network: &str) -> Vm {
    let body =
        json!({"network_id": network, "name": name, "port_security_enabled": false, "security_groups": []});
    let vm = lab.cloud.boot_port(host, name, &body).expect("a machine");
    lab.cloud.wait_status(&vm, "ACTIVE").expect("its port forwards");
    vm
}

fn all(vm: &Vm) -> Capture {
    Capture::start(vm.namespace(), vm.guest().device(), "").expect("a capture")
}

/// How often a frame has arrived.
fn count(capture: &Capture, frame: &[u8]) -> usize {
    let is_it = |seen: &Vec<u8>| seen.get(..frame.len()) == Some(frame);
    capture.frames().expect("frames").into_iter().filter(is_it).count()
}

/// A question that everybody gets, after what was sent before.
fn marker(from: &Vm, number: u8) -> Vec<u8> {
    let [own, target] = [[10, 0, 0, 250], [10, 0, 0, 100 + number]].map(Into::into);
    let own = from.address().unwrap_or(own);
    Ethernet::new(mac(from), MacAddr::BROADCAST).arp(&Arp::request(mac(from), own, target))
}

/// Sends frames, and waits until everybody has got what was sent after them.
fn send_and_mark(from: &Vm, frames: &[Vec<u8>], number: u8, at: &[&Capture]) {
    let marker = marker(from, number);
    send(from, &[frames, std::slice::from_ref(&marker)].concat());
    for capture in at {
        try_wait_until(PATIENCE, "the last frame", || (count(capture, &marker) > 0).then_some(()))
            .unwrap_or_else(|error| panic!("{error}: {:?}", capture.text()));
    }
}

/// What nobody may say whose port is secured: that it has the address of another, that it is a DHCP server, that it is a router.
fn lies(from: &Vm, other: &Vm) -> [Vec<u8>; 3] {
    let to_all = Ethernet::new(mac(from), MacAddr::BROADCAST);
    let theft = to_all.arp(&Arp::announcement(mac(from), other.address().expect("an address")));
    let header = Ipv4::new(from.address().expect("an address"), [255; 4].into());
    let offer = Udp { src_port: 67, dst_port: 68, payload: vec![2; 240] };
    let offer = to_all.ip(&Ip::V4(header), &Transport::Udp(offer)).expect("a frame");
    let header = Ipv6 { hop_limit: 255, ..Ipv6::new(mac(from).link_local(), ALL_NODES) };
    let router = Message { kind: ROUTER_ADVERTISEMENT, code: 0, rest: [64, 0, 7, 8], payload: vec![0; 8] };
    let link = Ethernet::new(mac(from), MacAddr::of_ipv6_multicast(ALL_NODES));
    let router = link.ip(&Ip::V6(header), &Transport::Icmp(router)).expect("a frame");
    [theft, offer, router]
}

#[test]
fn what_guests_may_not_say_is_heard_by_nobody() {
    let lab = Lab::new(2);
    let network = lab.network("blue", "geneve", "10.0.0.0/24");
    lab.subnet(
        &json!({"network_id": network, "ip_version": 6, "cidr": "fd00:88::/64", "enable_dhcp": false}),
    );
    let (liar, free) = (lab.boot(0, "liar", &network), open(&lab, 0, "free", &network));
    let (near, far) = (open(&lab, 0, "near", &network), open(&lab, 1, "far", &network));
    let heard = [all(&near), all(&far)];
    let at: Vec<&Capture> = heard.iter().collect();
    // The tunnel has been used.
    try_wait_until(PATIENCE, "both hosts to be reached", || {
        let marker = marker(&free, 0);
        send(&free, std::slice::from_ref(&marker));
        heard.iter().all(|capture| count(capture, &marker) > 0).then_some(())
    })
    .expect("they are");
    let said = lies(&liar, &near);
    send_and_mark(&liar, &said, 1, &at);
    for capture in &heard {
        for frame in &said {
            assert_eq!(count(capture, frame), 0, "{:?}", capture.text());
        }
    }
    // Whose port is not secured is heard: the frames are what they should be.
    let said = lies(&free, &near);
    send_and_mark(&free, &said, 2, &at);
    for capture in &heard {
        assert_eq!(count(capture, &said[0]), 1, "{:?}", capture.text());
    }
}

#[test]
fn who_is_not_known_or_has_no_dhcp_gets_no_offer() {
    let lab = Lab::new(1);
    let network = lab.network("blue", "geneve", "10.0.0.0/24");
    let silent = lab.cloud.api().post("/v2.0/networks", &json!({"network": {"name": "silent"}}));
    let silent = silent.and_then(|made| made.expect(201)).expect("a network")["network"]["id"].clone();
    lab.subnet(&json!({
        "network_id": silent, "ip_version": 4, "cidr": "10.0.1.0/24", "enable_dhcp": false,
    }));
    let (secured, free) = (lab.boot(0, "secured", &network), open(&lab, 0, "free", &network));
    let quiet = lab.cloud.boot(0, "quiet", silent.as_str().expect("an id")).expect("a machine");
    lab.cloud.wait_status(&quiet, "ACTIVE").expect("its port forwards");
    assert!(gets_address(&secured) && gets_address(&free));
    assert!(!gets_address(&quiet), "its subnet has no DHCP");
    for vm in [&secured, &free] {
        vm.namespace().set_mac(vm.guest().device(), "02:00:00:00:77:77").expect("another address");
        assert!(!gets_address(vm), "{} is somebody else", vm.name());
        vm.namespace().set_mac(vm.guest().device(), vm.mac()).expect("its address");
        assert!(gets_address(vm), "{} is itself again", vm.name());
    }
}

/// A frame to an address that no port has.
fn to_stranger(from: &Vm, number: u8) -> Vec<u8> {
    Ethernet::new(mac(from), STRANGER).frame(0x88b5, &[number; 46])
}

#[test]
fn frames_for_addresses_of_no_port_go_where_they_were_heard_last_or_to_all_who_may_have_them() {
    let lab = Lab::new(2);
    let network = lab.network("blue", "geneve", "10.0.0.0/24");
    let [from, near] = ["from", "near"].map(|name| open(&lab, 0, name, &network));
    let far = open(&lab, 1, "far", &network);
    let (closed, locked) = (lab.boot(0, "closed", &network), lab.boot(1, "locked", &network));
    let seen = [all(&near), all(&far)];
    let unseen = [all(&closed), all(&locked)];
    let at: Vec<&Capture> = seen.iter().chain(&unseen).collect();
    try_wait_until(PATIENCE, "all to be reached", || {
        let marker = marker(&from, 0);
        send(&from, std::slice::from_ref(&marker));
        at.iter().all(|capture| count(capture, &marker) > 0).then_some(())
    })
    .expect("they are");

    let arrives = |number: u8, expected: [usize; 2]| {
        let frame = to_stranger(&from, number);
        send_and_mark(&from, std::slice::from_ref(&frame), number, &at);
        let counts = seen.each_ref().map(|capture| count(capture, &frame));
        assert!(
            unseen.iter().all(|capture| count(capture, &frame) == 0),
            "secured ports have no other address"
        );
        counts == expected
    };
    assert!(arrives(1, [1, 1]), "nobody was heard yet");
    // It is heard behind one of them, then behind the other one: its next frame goes there alone.
    for (round, (holder, expected)) in (0..).zip([(&far, [0, 1]), (&near, [1, 0]), (&far, [0, 1])]) {
        let hello = Ethernet::new(STRANGER, mac(&from)).frame(0x88b5, &[200; 46]);
        send(holder, std::slice::from_ref(&hello));
        let mut number = 10 + 10 * round;
        try_wait_until(PATIENCE, "it to be found there", || {
            number += 1;
            arrives(number, expected).then_some(())
        })
        .unwrap_or_else(|error| panic!("{}: {error}: {:#?}", holder.name(), lab.cloud.sites()[0].flows()));
    }
    // What was heard is forgotten after a time, by the switch itself.
    let learned = lab.cloud.sites()[0].flows().expect("flows");
    let is_learned = |flow: &&String| flow.contains(&format!("dl_dst={STRANGER}"));
    let learned: Vec<_> = learned.iter().filter(is_learned).collect();
    assert!(
        !learned.is_empty() && learned.iter().all(|flow| flow.contains("hard_timeout=300,")),
        "{learned:?}"
    );
}

#[test]
fn tags_inside_are_carried_between_hosts_where_the_network_says_so_and_nowhere_else() {
    let lab = Lab::new(2);
    for (name, is_carried) in [("plain", false), ("trunk", true)] {
        let body = json!({"network": {"name": name, "vlan_transparent": is_carried}});
        let made = lab.cloud.api().post("/v2.0/networks", &body).and_then(|made| made.expect(201));
        let network = made.expect("a network")["network"]["id"].as_str().expect("an id").to_owned();
        lab.subnet(
            &json!({"network_id": network, "ip_version": 4, "cidr": "10.0.0.0/24", "enable_dhcp": false}),
        );
        let [from, near] = ["from", "near"].map(|end| open(&lab, 0, &format!("{name}-{end}"), &network));
        let far = open(&lab, 1, &format!("{name}-far"), &network);
        let seen = [all(&near), all(&far)];
        let at: Vec<&Capture> = seen.iter().collect();
        try_wait_until(PATIENCE, "all to be reached", || {
            let marker = marker(&from, 0);
            send(&from, std::slice::from_ref(&marker));
            seen.iter().all(|capture| count(capture, &marker) > 0).then_some(())
        })
        .expect("they are");
        let tag = VlanTag::customer(42, 0);
        let frames = [MacAddr::BROADCAST, mac(&far)]
            .map(|to| Ethernet::new(mac(&from), to).tagged(tag).frame(0x88b5, &[7; 46]));
        send_and_mark(&from, &frames, 1, &at);
        let counts = frames.each_ref().map(|frame| seen.each_ref().map(|capture| count(capture, frame)));
        let expected = if is_carried { [[1, 1], [0, 1]] } else { [[0, 0], [0, 0]] };
        assert_eq!(counts, expected, "{name}: {:?}", seen.each_ref().map(Capture::text));
    }
}

#[test]
fn a_link_is_announced_to_who_asks_and_to_who_does_not() {
    let lab = Lab::new(1);
    let made = lab.cloud.api().post("/v2.0/networks", &json!({"network": {"name": "six", "mtu": 1400}}));
    let network = made.and_then(|made| made.expect(201)).expect("a network")["network"]["id"].clone();
    let subnet = lab.subnet(&json!({
        "network_id": network, "ip_version": 6, "cidr": "fd00:77::/64", "ipv6_ra_mode": "slaac",
        "ipv6_address_mode": "slaac", "dns_nameservers": ["fd00:77::53"], "ipv6_router_preference": "high",
    }));
    let vm = lab.cloud.boot(0, "vm", network.as_str().expect("an id")).expect("a machine");
    let (namespace, device) = (vm.namespace(), vm.guest().device());
    // It asks for nothing, and takes nothing: it only hears.
    namespace.run("sysctl", &["-qw", &format!("net.ipv6.conf.{device}.accept_ra=0")]).expect("sysctl");
    let heard = Capture::start(namespace, device, "icmp6 and ip6[40] == 134").expect("a capture");
    let asked = Capture::start(namespace, device, "icmp6 and ip6[40] == 133").expect("a capture");
    let wait = |more_than: usize| {
        try_wait_until(PATIENCE, "an announcement", || {
            (heard.frames().ok()?.len() > more_than).then_some(())
        })
        .unwrap_or_else(|error| panic!("{error}: {}", lab.cloud.logs()));
    };
    wait(0);
    assert_eq!(asked.frames().expect("frames").len(), 0, "nobody asked");
    let text = heard.text().expect("what was heard");
    for part in ["fd00:77::/64", "mtu option (5), length 8 (1):  1400", "fd00:77::53", "auto"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    // And when it asks, each time: of those that come by themselves there are a few at first, and then one in a minute or more.
    let before = heard.frames().expect("frames").len();
    let own = mac(&vm);
    let all_routers = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);
    let header = Ipv6 { hop_limit: 255, ..Ipv6::new(own.link_local(), all_routers) };
    let question = Message { kind: 133, code: 0, rest: [0; 4], payload: vec![] };
    let link = Ethernet::new(own, MacAddr::of_ipv6_multicast(all_routers));
    let question = link.ip(&Ip::V6(header), &Transport::Icmp(question)).expect("a frame");
    for asked in 0..QUESTIONS {
        send(&vm, std::slice::from_ref(&question));
        wait(before + asked);
    }
    // A router says how good it is, and while there is none nobody does.
    assert!(!heard.text().expect("what was heard").contains("pref high"));
    let api = lab.cloud.api();
    let made = api.post("/v2.0/routers", &json!({"router": {"name": "r"}}));
    let router = made.and_then(|made| made.expect(201)).expect("a router")["router"]["id"].clone();
    let path = format!("/v2.0/routers/{}/add_router_interface", router.as_str().expect("an id"));
    let added = api.put(&path, &json!({"subnet_id": subnet}));
    added.and_then(|added| added.expect(200)).expect("an interface");
    try_wait_until(PATIENCE, "an announcement of the router", || {
        send(&vm, std::slice::from_ref(&question));
        heard.text().ok()?.contains("pref high").then_some(())
    })
    .unwrap_or_else(|error| panic!("{error}: {}", heard.text().unwrap_or_default()));
}

#[test]
fn a_node_whose_tunnels_end_elsewhere_now_is_reached_there() {
    const ELSEWHERE: &str = "192.0.2.102";
    let mut lab = Lab::new(2);
    let network = lab.network("blue", "geneve", "10.0.0.0/24");
    let (one, two) = (lab.boot(0, "one", &network), lab.boot(1, "two", &network));
    talks(&one, &two);
    let site = lab.cloud.site_mut(1);
    site.stop_controller().expect("it stops");
    for (action, address) in [("del", "192.0.2.2"), ("add", ELSEWHERE)] {
        let words = ["addr", action, &format!("{address}/24"), "dev", "br-phys"];
        site.namespace.ip(&words).expect("another address");
    }
    let text = std::fs::read_to_string(site.config()).expect("its configuration");
    std::fs::write(
        site.config(),
        text.replace("local_ip = 192.0.2.2\n", &format!("local_ip = {ELSEWHERE}\n")),
    )
    .expect("it is written");
    let ready = times_ready(site);
    site.start_controller().expect("it starts");
    wait_ready(&lab.cloud.sites()[1], ready);
    let row = |lab: &Lab| lab.row("/chassis/host-2")["ip"].clone();
    try_wait_until(PATIENCE, "the node to say so", || (row(&lab) == *ELSEWHERE).then_some(()))
        .unwrap_or_else(|error| panic!("{error}: {}", row(&lab)));
    one.namespace()
        .wait_for_ping(two.address().expect("an address").into(), PATIENCE)
        .expect("it is reached");
    let wire = lab.cloud.sites()[0].capture_underlay("udp port 6081").expect("a capture");
    talks(&one, &two);
    talks(&two, &one);
    let text = wire.text().expect("what was sent");
    assert!(text.contains(ELSEWHERE) && !text.contains("192.0.2.2."), "{text}");
}
