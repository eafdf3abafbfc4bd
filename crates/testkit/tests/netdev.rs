//! Namespaces, guests and real packets through the userspace datapath.

use std::net::IpAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use testkit::{Capture, Datapath, Guest, GuestSpec, Namespace, Ovs, OvsBuilder};

const SOON: Duration = Duration::from_secs(60);
const ICMP: u8 = 1;

struct TwoGuests {
    // The guests go first: their cables end in the namespace of the switch.
    alice: Guest,
    bob: Guest,
    ovs: Ovs,
}

fn address(text: &str) -> IpAddr {
    text.parse().expect("an address literal")
}

fn two_guests() -> TwoGuests {
    let host = Namespace::new().expect("a namespace for the switch");
    let ovs = OvsBuilder::new(Datapath::Netdev(host)).bridge("br-int").start().expect("a switch");
    let plug = |interface, mac, addresses: &[&str]| {
        let iface_id = Some(interface);
        Guest::plug(&ovs, GuestSpec { bridge: "br-int", interface, mac, addresses, iface_id })
            .expect("a guest")
    };
    let alice = plug("tapalice", "02:00:00:00:00:0a", &["10.0.0.10/24", "fd00::a/64"]);
    let bob = plug("tapbob", "02:00:00:00:00:0b", &["10.0.0.11/24", "fd00::b/64"]);
    TwoGuests { alice, bob, ovs }
}

fn connect_guests(setup: &TwoGuests) {
    setup.ovs.ofctl(&["add-flow", "br-int", "actions=NORMAL"]).expect("a flow");
}

fn is_icmp(frame: &[u8]) -> bool {
    frame.get(12..14) == Some(&[0x08, 0x00]) && frame.get(23) == Some(&ICMP)
}

#[test]
fn guests_talk_only_when_a_flow_lets_them() {
    let setup = two_guests();
    let alice = setup.alice.namespace();
    let silent = alice.ping(address("10.0.0.11"), 2).unwrap();
    assert_eq!((silent.sent, silent.received), (2, 0), "a secure bridge drops what no flow handles");

    connect_guests(&setup);
    alice.wait_for_ping(address("10.0.0.11"), SOON).unwrap();
    alice.wait_for_ping(address("fd00::b"), SOON).unwrap();
    assert_eq!(alice.ping(address("10.0.0.11"), 5).unwrap().lost(), 0);
}

#[test]
fn a_guest_is_known_by_its_iface_id_and_can_be_unplugged() {
    let TwoGuests { alice, bob, ovs } = two_guests();
    assert_eq!(ovs.vsctl(&["get", "Interface", "tapbob", "external_ids:iface-id"]).unwrap().trim(), "tapbob");
    assert_ne!(alice.ofport(&ovs).unwrap(), bob.ofport(&ovs).unwrap());
    bob.unplug(&ovs).unwrap();
    assert_eq!(ovs.vsctl(&["list-ports", "br-int"]).unwrap().trim(), "tapalice");
}

#[test]
fn a_capture_sees_the_packet_that_arrives() {
    let setup = two_guests();
    connect_guests(&setup);
    let bob = &setup.bob;
    let mut capture = Capture::start(bob.namespace(), bob.device(), "icmp").unwrap();
    setup.alice.namespace().wait_for_ping(address("10.0.0.11"), SOON).unwrap();

    let frame = capture.wait_for(SOON, "an echo request at bob", is_icmp).unwrap();
    assert_eq!(frame[..6], [2, 0, 0, 0, 0, 0x0b]);
    assert_eq!(frame[6..12], [2, 0, 0, 0, 0, 0x0a]);
    assert!(capture.frames().unwrap().iter().all(|frame| is_icmp(frame)), "the filter holds");

    let error = capture.wait_for(Duration::from_millis(50), "a jumbo", |frame| frame.len() > 9000);
    let message = format!("{:#}", error.unwrap_err());
    assert!(message.contains("a packet: a jumbo") && message.contains("ICMP echo request"), "{message}");
}

#[test]
fn a_background_ping_counts_what_a_dead_switch_loses() {
    let mut setup = two_guests();
    connect_guests(&setup);
    let alice = setup.alice.namespace().clone();
    let bob = address("10.0.0.11");
    alice.wait_for_ping(bob, SOON).unwrap();

    let mut ping = alice.start_ping(bob, Duration::from_millis(20)).unwrap();
    ping.wait_for_requests(10).unwrap();
    let healthy = ping.stop().unwrap();
    assert!(healthy.sent >= 10 && healthy.lost() == 0, "{healthy:?}");

    let mut ping = alice.start_ping(bob, Duration::from_millis(20)).unwrap();
    ping.wait_for_requests(1).unwrap();
    setup.ovs.kill9_vswitchd().unwrap();
    let before = ping.requests().unwrap();
    // One more may have been sent than ping had told.
    ping.wait_for_requests(before + 11).unwrap();
    let broken = ping.stop().unwrap();
    assert!(broken.lost() >= 10, "{broken:?}");
    assert_eq!(alice.ping(bob, 2).unwrap().received, 0);

    setup.ovs.restart_vswitchd().unwrap();
    connect_guests(&setup);
    alice.wait_for_ping(bob, SOON).unwrap();
}

#[test]
fn guests_of_two_switches_talk_through_a_tunnel() {
    let (first, second) = (Namespace::new().unwrap(), Namespace::new().unwrap());
    first.connect("underlay", &second, "underlay").unwrap();
    let hosts = [
        (&first, "192.0.2.1", "192.0.2.2", "02:00:00:00:00:01", "10.0.0.1/24"),
        (&second, "192.0.2.2", "192.0.2.1", "02:00:00:00:00:02", "10.0.0.2/24"),
    ];
    let switches = hosts.map(|(namespace, local, remote, mac, address)| {
        let ovs = Ovs::netdev(namespace).unwrap();
        ovs.add_bridge("br-int").unwrap();
        ovs.add_underlay("br-phy", "underlay", &format!("{local}/24")).unwrap();
        let remote = format!("options:remote_ip={remote}");
        let tunnel = ["add-port", "br-int", "gnv0", "--", "set", "Interface", "gnv0", "type=geneve", &remote];
        ovs.vsctl(&tunnel).unwrap();
        ovs.ofctl(&["add-flow", "br-int", "actions=NORMAL"]).unwrap();
        let addresses = &[address];
        let spec = GuestSpec { bridge: "br-int", interface: "tap0", mac, addresses, iface_id: None };
        (Guest::plug(&ovs, spec).unwrap(), ovs)
    });
    first.wait_for_ping(address("192.0.2.2"), SOON).unwrap();
    let mut wire = Capture::start(&second, "underlay", "udp port 6081").unwrap();
    switches[0].0.namespace().wait_for_ping(address("10.0.0.2"), SOON).unwrap();
    wire.wait_for(SOON, "the guests' traffic in the tunnel", |_| true).unwrap();
}

#[test]
fn a_namespace_goes_with_its_last_handle_and_its_processes() {
    let namespace = Namespace::new().unwrap();
    let path = Path::new("/run/netns").join(namespace.name());
    let mut sleeper = namespace.command("sleep").arg("1000").spawn().unwrap();
    let clone = namespace.clone();
    drop(namespace);
    assert!(path.exists(), "a handle is left");
    testkit::wait_until(SOON, "sleep to run in the namespace", || {
        clone
            .run("ip", &["netns", "identify", &sleeper.id().to_string()])
            .ok()?
            .contains(clone.name())
            .then_some(())
    });
    drop(clone);
    assert!(!path.exists());
    assert!(!sleeper.wait().unwrap().success(), "killed with the namespace");
}

#[test]
fn a_namespace_of_a_dead_process_is_removed_by_the_next() {
    let mut maker = Command::new("true").spawn().unwrap();
    let abandoned = format!("df-{}-7", maker.id());
    maker.wait().unwrap();
    let add = Command::new("ip").args(["netns", "add", &abandoned]).status().unwrap();
    assert!(add.success());
    // The sweep happens once in a process, and this one has done it: have another make a namespace.
    let next = ["--exact", "a_namespace_has_its_loopback_up"];
    let next = Command::new(std::env::current_exe().unwrap()).args(next).output().unwrap();
    assert!(next.status.success(), "{}", String::from_utf8_lossy(&next.stdout));
    assert!(!Path::new("/run/netns").join(abandoned).exists());
}

#[test]
fn a_namespace_has_its_loopback_up() {
    let namespace = Namespace::new().unwrap();
    let loopback = namespace.ip(&["-oneline", "link", "show", "dev", "lo"]).unwrap();
    assert!(loopback.contains("LOOPBACK,UP"), "{loopback}");
    namespace.wait_for_ping(address("127.0.0.1"), SOON).unwrap();
    namespace.wait_for_ping(address("::1"), SOON).unwrap();
}

#[test]
fn a_guest_needs_a_datapath_with_devices() {
    let ovs = Ovs::dummy().unwrap();
    ovs.add_bridge("br-int").unwrap();
    let mac = "02:00:00:00:00:01";
    let spec = GuestSpec { bridge: "br-int", interface: "tap0", mac, addresses: &[], iface_id: None };
    let error = Guest::plug(&ovs, spec).unwrap_err().to_string();
    assert!(error.contains("Datapath::Netdev"), "{error}");
}
