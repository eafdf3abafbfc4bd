//! What guests send arrives where it should, as it should, and nowhere else.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::cloud::CloudSpec;
use testkit::{Capture, try_wait_until};

use crate::support::{Lab, binary, talks};

const PATIENCE: Duration = Duration::from_secs(30);
const GENEVE_PORT: u16 = 6081;

#[test]
fn machines_get_addresses_and_talk_on_one_host_and_on_two() {
    let lab = Lab::new(2);
    let network = lab.network("blue", "geneve", "10.0.0.0/24");
    let (one, two, far) =
        (lab.boot(0, "one", &network), lab.boot(0, "two", &network), lab.boot(1, "far", &network));
    let wire = lab.cloud.sites()[0].capture_underlay("udp port 6081 or arp").expect("tcpdump runs");
    talks(&one, &two);
    talks(&one, &far);
    talks(&far, &two);

    let frames = wire.frames().expect("a capture");
    let geneve: Vec<Outer> = frames.iter().filter_map(|frame| Outer::of(frame)).collect();
    assert!(!geneve.is_empty(), "nothing crossed the wire");
    assert!(
        geneve.iter().all(|outer| outer.inner_type != 0x0806),
        "an ARP packet of guests crossed the wire"
    );
    let key = |table: &str, id: &str| number(&lab.row(&format!("/{table}/{id}"))["unique_key"]);
    let (vni, from, to) =
        (key("lswitch", &network), key("lport", one.port_id()), key("lport", far.port_id()));
    let request = geneve
        .iter()
        .find(|outer| outer.inner_dst == far.mac().to_lowercase())
        .expect("a ping to the other host");
    assert_eq!(request.vni, vni, "the network id on the wire is the key of the network");
    // Class 0x0102, type 0x80, one word: 15 bits of the ingress port, 16 bits of the egress port.
    assert_eq!(
        request.options,
        [vec![0x01, 0x02, 0x80, 0x01], (from << 16 | to).to_be_bytes().to_vec()].concat()
    );
}

#[test]
fn networks_with_equal_addresses_do_not_hear_each_other() {
    let lab = Lab::new(2);
    let (blue, red) =
        (lab.network("blue", "geneve", "10.0.0.0/24"), lab.network("red", "geneve", "10.0.0.0/24"));
    let (one, two) = (lab.boot(0, "one", &blue), lab.boot(1, "two", &blue));
    let strangers = [lab.boot(0, "three", &red), lab.boot(1, "four", &red)];
    let ears: Vec<Capture> = strangers
        .iter()
        .map(|vm| Capture::start(vm.namespace(), vm.guest().device(), "arp or ip").expect("tcpdump runs"))
        .collect();
    talks(&one, &two);
    // What nobody has is asked for by broadcast.
    let nobody = "10.0.0.200".parse().expect("an address");
    assert_eq!(one.namespace().ping(nobody, 1).expect("ping runs").received, 0);
    for (ear, vm) in ears.iter().zip(&strangers) {
        let heard = ear.frames().expect("a capture");
        let strange: Vec<_> = heard.iter().filter(|frame| mac(frame, 6) != vm.mac().to_lowercase()).collect();
        assert!(strange.is_empty(), "{} heard {strange:?}", vm.name());
    }
}

#[test]
fn vxlan_and_gre_carry_networks_too_beside_geneve() {
    let lab = Lab::new(2);
    for (kind, filter) in [("vxlan", "udp port 4789"), ("gre", "ip proto 47"), ("geneve", "udp port 6081")] {
        let network = lab.network(kind, kind, "10.1.0.0/24");
        let (here, there) = (lab.boot(0, "here", &network), lab.boot(1, "there", &network));
        let mut wire = lab.cloud.sites()[1].capture_underlay(filter).expect("tcpdump runs");
        talks(&here, &there);
        wire.wait_for(PATIENCE, kind, |_| true).expect("packets of the tunnel");
    }
}

#[test]
fn a_broadcast_reaches_everybody_once_on_three_hosts() {
    let lab = Lab::with(&CloudSpec { hosts: 3, ..CloudSpec::new(binary()) });
    let network = lab.network("blue", "geneve", "10.0.0.0/24");
    let vms: Vec<_> = (0..6).map(|n| lab.boot(n % 3, &format!("vm{n}"), &network)).collect();
    let sender = vms[0].mac().to_lowercase();
    let ears: Vec<Capture> = vms[1..]
        .iter()
        .map(|vm| Capture::start(vm.namespace(), vm.guest().device(), "arp").expect("tcpdump runs"))
        .collect();
    let own = Capture::start(vms[0].namespace(), vms[0].guest().device(), "arp").expect("tcpdump runs");
    let nobody = "10.0.0.200".parse().expect("an address");
    vms[0].namespace().ping(nobody, 1).expect("ping runs");
    // It may ask once more while the others are looked at.
    let sent_in = |capture: &Capture| {
        let frames = capture.frames().expect("a capture");
        frames.iter().filter(|frame| mac(frame, 6) == sender).count()
    };
    assert!(sent_in(&own) > 0, "nothing was asked");
    for (ear, vm) in ears.iter().zip(&vms[1..]) {
        try_wait_until(PATIENCE, "each broadcast once", || (sent_in(ear) == sent_in(&own)).then_some(()))
            .unwrap_or_else(|error| panic!("{}: {error}: {}", vm.name(), ear.text().unwrap_or_default()));
    }
}

#[test]
fn what_a_machine_may_not_send_goes_nowhere() {
    let lab = Lab::new(2);
    let network = lab.network("blue", "geneve", "10.0.0.0/24");
    let (thief, victim) = (lab.boot(0, "thief", &network), lab.boot(1, "victim", &network));
    talks(&thief, &victim);
    let ear =
        Capture::start(victim.namespace(), victim.guest().device(), "icmp or arp").expect("tcpdump runs");
    let device = thief.guest().device();
    thief.namespace().add_address(device, "10.0.0.99/24").expect("another address");
    let from_other = thief.namespace().run(
        "ping",
        &["-c", "2", "-W", "1", "-I", "10.0.0.99", &victim.address().expect("an address").to_string()],
    );
    assert!(from_other.is_err(), "an address that is not the port's was answered");
    thief.namespace().set_mac(device, "fa:16:3e:99:99:99").expect("another MAC address");
    assert_eq!(
        thief.namespace().ping(victim.address().expect("an address").into(), 2).expect("ping runs").received,
        0
    );
    let heard = ear.frames().expect("a capture");
    assert!(
        heard.iter().all(|frame| mac(frame, 6) != "fa:16:3e:99:99:99"),
        "a frame with a strange MAC address passed"
    );
    let stolen = |frame: &&testkit::Frame| {
        frame.get(12..14) == Some(&[8, 0]) && frame.get(26..30) == Some(&[10, 0, 0, 99])
    };
    assert_eq!(heard.iter().filter(stolen).count(), 0, "a packet with a strange address passed");
}

#[test]
fn allowed_address_pairs_are_reached_on_their_own_mac_and_from_ranges() {
    const ROUTER_MAC: &str = "00:00:5e:00:01:07";
    let lab = Lab::new(2);
    let network = lab.network("blue", "geneve", "10.0.0.0/24");
    let (holder, other) = (lab.boot(0, "holder", &network), lab.boot(1, "other", &network));
    let pairs =
        json!([{"ip_address": "10.0.0.240/28"}, {"ip_address": "10.0.0.150", "mac_address": ROUTER_MAC}]);
    let path = format!("/v2.0/ports/{}", holder.port_id());
    let change = json!({"port": {"allowed_address_pairs": pairs}});
    lab.cloud.api().put(&path, &change).and_then(|changed| changed.expect(200)).expect("the port is changed");

    let device = holder.guest().device();
    holder.namespace().add_address(device, "10.0.0.249/24").expect("another address");
    let target = other.address().expect("an address").to_string();
    let from_range = || {
        let args = ["-c", "1", "-W", "1", "-I", "10.0.0.249", &target];
        holder.namespace().run("ping", &args).ok()
    };
    try_wait_until(PATIENCE, "an address of the range to be answered", from_range).expect("it is answered");
    other
        .namespace()
        .wait_for_ping("10.0.0.249".parse().expect("an address"), PATIENCE)
        .expect("it is reached");

    // As VRRP does: the address moves to whoever holds the MAC address that no port has.
    holder.namespace().set_mac(device, ROUTER_MAC).expect("another MAC address");
    holder.namespace().add_address(device, "10.0.0.150/24").expect("another address");
    other
        .namespace()
        .wait_for_ping("10.0.0.150".parse().expect("an address"), PATIENCE)
        .expect("it is reached");
}

/// What the outside of a Geneve packet says.
struct Outer {
    vni: u32,
    options: Vec<u8>,
    inner_dst: String,
    inner_type: u16,
}

impl Outer {
    fn of(frame: &[u8]) -> Option<Self> {
        let word = |at: usize| Some(u16::from_be_bytes([*frame.get(at)?, *frame.get(at + 1)?]));
        // Ethernet 14, IPv4 20 without options, UDP 8, then Geneve.
        if word(12)? != 0x0800 || *frame.get(23)? != 17 || word(36)? != GENEVE_PORT {
            return None;
        }
        let geneve = frame.get(42..)?;
        let options_len = usize::from(geneve.first()? & 0x3f) * 4;
        let inner = geneve.get(8 + options_len..)?;
        Some(Self {
            vni: u32::from_be_bytes([0, geneve[4], geneve[5], geneve[6]]),
            options: geneve.get(8..8 + options_len)?.to_vec(),
            inner_dst: mac(inner, 0),
            inner_type: u16::from_be_bytes([*inner.get(12)?, *inner.get(13)?]),
        })
    }
}

/// The MAC address at a place of a frame, as text.
fn mac(frame: &[u8], at: usize) -> String {
    let bytes = frame.get(at..at + 6).unwrap_or_default();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":")
}

fn number(value: &Value) -> u32 {
    value.as_u64().and_then(|number| u32::try_from(number).ok()).expect("a number")
}
