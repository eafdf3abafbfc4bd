//! What is on the wire between two real switches that hold our flows: guests ping each other, and the packets between their
//! nodes are looked at bit by bit.

use std::time::Duration;

use model::{RowId, TunnelType};
use testkit::{Capture, Guest, GuestSpec, Namespace, Ovs};

use crate::real;
use crate::support::Cloud;

const SOON: Duration = Duration::from_secs(60);
const BRIDGE: &str = "br-int";
const UNDERLAY: &str = "underlay";
const ETHERNET_BYTES: usize = 14;
const IPV4_BYTES: usize = 20;
const UDP_BYTES: usize = 8;

/// A node with a guest for each network.
struct RealNode {
    // The guests go first: their cables end in the namespace of the switch.
    guests: Vec<Guest>,
    ovs: Ovs,
    namespace: Namespace,
}

/// A network with a guest on each node: what is captured, and the guests by node.
struct TestNetwork {
    name: &'static str,
    filter: &'static str,
    address: &'static str,
    /// Bytes between the outer IP header and the guest's frame.
    header_bytes: usize,
}

const NETWORKS: [TestNetwork; 3] = [
    TestNetwork { name: "red", filter: "udp port 6081", address: "10.1.0", header_bytes: UDP_BYTES + 16 },
    TestNetwork { name: "green", filter: "udp port 4789", address: "10.2.0", header_bytes: UDP_BYTES + 8 },
    TestNetwork { name: "grey", filter: "proto gre", address: "10.3.0", header_bytes: 8 },
];

/// Keys and ids whose every byte is another one.
const TOPOLOGY: &str = "
    network red 1122867 geneve
    network green 2 vxlan segment=2241348
    network grey 3 gre segment=3359829
    port red-a 4660 red on=a mac=02:00:00:01:00:0a ip=10.1.0.1
    port red-b 22136 red on=b mac=02:00:00:01:00:0b ip=10.1.0.2
    port green-a 21 green on=a mac=02:00:00:02:00:0a ip=10.2.0.1
    port green-b 22 green on=b mac=02:00:00:02:00:0b ip=10.2.0.2
    port grey-a 31 grey on=a mac=02:00:00:03:00:0a ip=10.3.0.1
    port grey-b 32 grey on=b mac=02:00:00:03:00:0b ip=10.3.0.2
";

impl RealNode {
    fn start(namespace: Namespace, host: u8) -> Self {
        let ovs = Ovs::netdev(&namespace).expect("a switch");
        ovs.add_bridge(BRIDGE).expect("a bridge");
        ovs.add_underlay("br-phy", UNDERLAY, &format!("192.0.2.{host}/24")).expect("an underlay");
        for kind in ["geneve", "vxlan", "gre"] {
            let (name, kind) = (format!("{kind}-all"), format!("type={kind}"));
            let flows = ["options:key=flow", "options:remote_ip=flow"];
            let add = ["add-port", BRIDGE, &name, "--", "set", "Interface", &name, &kind, flows[0], flows[1]];
            ovs.vsctl(&add).expect("a tunnel port");
        }
        real::bind_option(&ovs, BRIDGE);
        let guests = NETWORKS.iter().zip(1_u8..).map(|(network, number)| {
            let interface = format!("tap{number}");
            let mac = format!("02:00:00:0{number}:00:0{}", if host == 1 { "a" } else { "b" });
            let address = format!("{}.{host}/24", network.address);
            let addresses = [address.as_str()];
            let spec = GuestSpec {
                bridge: BRIDGE,
                interface: &interface,
                mac: &mac,
                addresses: &addresses,
                iface_id: None,
            };
            Guest::plug(&ovs, spec).expect("a guest")
        });
        Self { guests: guests.collect(), ovs, namespace }
    }

    fn port_number(&self, interface: &str) -> u32 {
        let text = self.ovs.vsctl(&["get", "Interface", interface, "ofport"]).expect("an interface");
        text.trim().parse().expect("a number")
    }
}

/// What the network layer of a captured frame carries.
fn payload(frame: &[u8]) -> &[u8] {
    &frame[ETHERNET_BYTES + IPV4_BYTES..]
}

#[test]
fn tunnels_say_on_the_wire_what_they_should() {
    let (a, b) = (Namespace::new().expect("a namespace"), Namespace::new().expect("a namespace"));
    a.connect(UNDERLAY, &b, UNDERLAY).expect("a cable");
    let nodes = [("a", RealNode::start(a, 1)), ("b", RealNode::start(b, 2))];
    let mut cloud = Cloud::new(&format!(
        "node a 192.0.2.1 geneve vxlan gre\nnode b 192.0.2.2 geneve vxlan gre\n{TOPOLOGY}"
    ));
    for (name, real) in &nodes {
        let tunnels = [TunnelType::Geneve, TunnelType::Vxlan, TunnelType::Gre].into_iter().map(|kind| {
            let number = real.port_number(&format!("{}-all", kind.as_str()));
            (kind, number)
        });
        let plugged = NETWORKS.iter().zip(&real.guests).map(|(network, guest)| {
            let port: RowId = crate::support::row_id(&format!("{}-{name}", network.name));
            (port, guest.ofport(&real.ovs).expect("a number"))
        });
        let node = cloud.node(name);
        node.tunnels = tunnels.collect();
        node.plugged = plugged.collect();
        let facts = node.own_facts();
        node.step(facts);
        node.check();
        real::install(&real.ovs, BRIDGE, &node.engine.desired());
    }
    let [(_, here), (_, there)] = &nodes;
    here.namespace.wait_for_ping("192.0.2.2".parse().expect("an address"), SOON).expect("an underlay");

    for (network, guest) in NETWORKS.iter().zip(&here.guests) {
        let mut capture = Capture::start(&there.namespace, UNDERLAY, network.filter).expect("a capture");
        let target = format!("{}.2", network.address).parse().expect("an address");
        guest.namespace().wait_for_ping(target, SOON).expect(network.name);
        let request = |frame: &[u8]| frame.get(26..34) == Some(&[192, 0, 2, 1, 192, 0, 2, 2]);
        let frame = capture.wait_for(SOON, "a request", request).expect("a packet");
        check(network.name, payload(&frame));
        for frame in capture.frames().expect("frames") {
            let inner = &payload(&frame)[network.header_bytes..];
            assert_eq!(inner[12..14], [0x08, 0x00], "ARP is answered where it is asked");
        }
    }
}

/// Looks at what a frame of the network has in front of the guest's.
fn check(network: &str, payload: &[u8]) {
    match network {
        "red" => {
            let geneve = &payload[UDP_BYTES..];
            // Version 0, one option of four bytes behind its header; critical options present; Ethernet inside.
            assert_eq!(geneve[..4], [2, 0x40, 0x65, 0x58]);
            assert_eq!(geneve[4..8], [0x11, 0x22, 0x33, 0], "the network's key, 1122867");
            assert_eq!(geneve[8..12], [0x01, 0x02, 0x80, 1], "class, type, length of the option");
            assert_eq!(geneve[12..16], [0x12, 0x34, 0x56, 0x78], "from port 4660 to port 22136");
            assert_eq!(geneve[16..22], [2, 0, 0, 1, 0, 0x0b], "the guest's frame");
        }
        "green" => {
            let vxlan = &payload[UDP_BYTES..];
            assert_eq!(vxlan[..8], [0x08, 0, 0, 0, 0x22, 0x33, 0x44, 0], "segmentation id 2241348");
            assert_eq!(vxlan[8..14], [2, 0, 0, 2, 0, 0x0b]);
        }
        _ => {
            // A key is present; Ethernet inside.
            assert_eq!(payload[..4], [0x20, 0, 0x65, 0x58]);
            assert_eq!(payload[4..8], 3_359_829_u32.to_be_bytes(), "the segmentation id");
            assert_eq!(payload[8..14], [2, 0, 0, 3, 0, 0x0b]);
        }
    }
}
