//! Machines outside as next hops: who is not known yet, who is known for a time only, and who is somewhere else now.

use std::net::{IpAddr, Ipv4Addr};

use net_types::MacAddr;
use packet::arp::{Arp, ArpOperation};
use packet::build::Ethernet;
use packet::pcap::PcapWriter;
use pipeline::regs;
use testkit::scratch::ScratchDir;
use testkit::{Capture, Guest, GuestSpec, try_wait_until};

use crate::routers::{Routed, UPSTREAM, ip};
use crate::support::PATIENCE;

const FLOATING: &str = "203.0.113.20";
/// A machine outside that is no router.
const OTHER: &str = "203.0.113.77";
/// How long a switch remembers what a neighbour said, as its flows say.
const REMEMBERED: &str = "hard_timeout=180,";
/// The host of the guest.
const HOST: usize = 1;
const BURST: &str = "5";

fn other(routed: &Routed) -> Guest {
    let spec = GuestSpec {
        bridge: "br-ex",
        interface: "other",
        mac: "02:00:00:00:ee:77",
        addresses: &["203.0.113.77/24"],
        iface_id: None,
    };
    Guest::plug(&routed.lab.cloud.sites()[0].ovs, spec).expect("a machine outside")
}

/// Says to everybody where an address is now.
fn announce(from: &Guest, mac: &str, own: &str, operation: ArpOperation) {
    let (mac, own): (MacAddr, Ipv4Addr) =
        (mac.parse().expect("an address"), own.parse().expect("an address"));
    let says = Arp { operation, ..Arp::announcement(mac, own) };
    let mut capture = PcapWriter::new();
    capture.push(0, 0, &Ethernet::new(mac, MacAddr::BROADCAST).arp(&says)).expect("a frame is short");
    let directory = ScratchDir::new().expect("a directory");
    let file = directory.path().join("announcement.pcap");
    std::fs::write(&file, capture.finish()).expect("a file is written");
    let (device, file) = (format!("--intf1={}", from.device()), file.display().to_string());
    from.namespace().run("tcpreplay", &[&device, "--quiet", &file]).expect("the frame is sent");
}

/// What the switch of the guest's host remembers of an address: flows with their times, as it shows them.
fn remembered(routed: &Routed, target: &str) -> Vec<String> {
    let IpAddr::V4(target) = ip(target) else { panic!("{target} is of another version") };
    let register = format!("{}={:#x}", regs::NEXT_HOP.bits.field.name(), u32::from(target));
    let mut flows = routed.lab.cloud.sites()[HOST].flows().expect("flows");
    flows.retain(|flow| flow.contains("hard_timeout=") && flow.contains(&register));
    flows
}

fn wait_remembered(routed: &Routed, target: &str, mac: &str) {
    // As the switch shows a number.
    let number = mac.replace(':', "");
    let number = format!("load:0x{}->", number.trim_start_matches('0'));
    let is_known = || remembered(routed, target).iter().any(|flow| flow.contains(&number)).then_some(());
    try_wait_until(PATIENCE, "the neighbour to be remembered", is_known)
        .unwrap_or_else(|error| panic!("{target} at {mac}: {error}: {:?}", remembered(routed, target)));
}

#[test]
fn who_is_not_known_is_asked_for_and_the_first_packets_wait() {
    let routed = Routed::new();
    let vm = routed.boot(HOST, "vm", &routed.red);
    let floating = routed.floating(&vm, FLOATING);
    let other = other(&routed);
    routed.wait_floating(&floating, "ACTIVE");
    // The guest knows its router, and the machine outside who will have sent it something.
    vm.namespace().wait_for_ping(ip("10.0.1.1"), PATIENCE).expect("its router answers");
    assert_eq!(remembered(&routed, OTHER), [""; 0]);
    let wire =
        Capture::start(other.namespace(), other.device(), "arp or icmp[icmptype] == 8").expect("a capture");
    // All at once, before anybody can have answered.
    let said = vm.namespace().run("ping", &["-n", "-c", BURST, "-l", BURST, "-W", "10", OTHER]);
    let said = said.expect("all are answered");
    assert!(said.contains(" 0% packet loss"), "{said}");
    let text = wire.text().expect("what was seen");
    assert_eq!(text.matches("ICMP echo request").count().to_string(), BURST, "{text}");
    let order: Vec<usize> = (1..=5).filter_map(|number| text.find(&format!("seq {number},"))).collect();
    assert!(order.len() == 5 && order.is_sorted(), "{text}");
    assert!(text.contains(&format!("who-has {OTHER} tell {FLOATING}")), "{text}");

    // Who does not exist is asked for, and costs others nothing.
    let nobody = vm.namespace().ping(ip("203.0.113.78"), 3).expect("ping runs");
    assert_eq!(nobody.received, 0);
    let report = vm.namespace().ping(ip(OTHER), 3).expect("ping runs");
    assert_eq!(report.lost(), 0, "{report:?}");
}

#[test]
fn neighbours_are_remembered_for_a_time_and_followed_when_they_announce_themselves() {
    let routed = Routed::new();
    let vm = routed.boot(HOST, "vm", &routed.red);
    let floating = routed.floating(&vm, FLOATING);
    let other = other(&routed);
    routed.wait_floating(&floating, "ACTIVE");
    for (target, mac) in [(OTHER, "02:00:00:00:ee:77"), (UPSTREAM, "02:00:00:00:ee:01")] {
        vm.namespace().wait_for_ping(ip(target), PATIENCE).expect("it answers");
        wait_remembered(&routed, target, mac);
        let flows = remembered(&routed, target);
        assert!(flows.iter().all(|flow| flow.contains(REMEMBERED)), "{flows:?}");
    }

    // When the time is over, the switch forgets it; it is asked for again, and no packet is lost.
    let wire = Capture::start(other.namespace(), other.device(), "arp").expect("a capture");
    let site = &routed.lab.cloud.sites()[HOST];
    let cookies: Vec<String> = remembered(&routed, OTHER)
        .iter()
        .filter_map(|flow| flow.split([' ', ',']).find(|word| word.starts_with("cookie=")).map(str::to_owned))
        .collect();
    for cookie in cookies {
        site.ovs
            .ofctl(&["-O", "OpenFlow13", "del-flows", "br-int", &format!("{cookie}/-1")])
            .expect("forgotten");
    }
    assert_eq!(remembered(&routed, OTHER), [""; 0]);
    let report = vm.namespace().ping(ip(OTHER), 3).expect("ping runs");
    assert_eq!(report.lost(), 0, "{report:?}");
    wait_remembered(&routed, OTHER, "02:00:00:00:ee:77");
    let text = wire.text().expect("what was asked");
    assert!(text.contains(&format!("who-has {OTHER} tell {FLOATING}")), "{text}");

    // Another machine has the address now, and says so: the router of the network in any way, others as answers nobody asked for.
    for (guest, target, mac, operation) in [
        (&routed.upstream, UPSTREAM, "02:00:00:00:ee:a1", ArpOperation::REQUEST),
        (&routed.upstream, UPSTREAM, "02:00:00:00:ee:a2", ArpOperation::REPLY),
        (&other, OTHER, "02:00:00:00:ee:a3", ArpOperation::REPLY),
    ] {
        guest.namespace().set_mac(guest.device(), mac).expect("another address");
        announce(guest, mac, target, operation);
        wait_remembered(&routed, target, mac);
        let report = vm.namespace().ping(ip(target), 5).expect("ping runs");
        assert_eq!(report.lost(), 0, "{target}: {report:?}");
    }
}
