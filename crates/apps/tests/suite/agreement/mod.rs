//! Does Open vSwitch do with our flows what the interpreter says? Random clouds are installed in a real switch, random packets are
//! traced by both, as guests send them and as they come out of tunnels, and both must name the same flow in each
//! table, in the same order, and send to the same ports. What the switch then shows of itself is what we wanted, byte for byte, so that a
//! restart finds nothing to change.

mod dump;

use std::collections::{BTreeMap, BTreeSet};

use net_types::OfPort;
use ofsim::{Key, Trace};
use openflow::Field;
use packet::ethertype;
use packet::headers::{Headers, TransportKey};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use testkit::{Datapath, Ovs, OvsBuilder, UnixCtl};

use crate::properties::{any_frame_of_the_wire, any_packet, any_world};
use crate::real;
use crate::support::{Cloud, Node};

const BRIDGE: &str = "br-int";
const WORLDS: usize = 12;
const PACKETS: usize = 50;

/// A switch, and which port is which in its datapath.
struct Judge {
    ovs: Ovs,
    control: UnixCtl,
    /// OpenFlow ports by their numbers in the datapath.
    ports: BTreeMap<u32, u32>,
}

/// A packet at a switch, as `ofproto/trace` wants to be told.
struct Told {
    flow: String,
    frame: String,
}

/// What became of a packet: the flows that decided, and the ports that it left by.
#[derive(Debug, PartialEq, Eq)]
struct Fate {
    decided: Vec<(u8, Option<u64>)>,
    ports: Vec<u32>,
}

impl Judge {
    fn start(ports: &BTreeSet<u32>) -> Self {
        let ovs = OvsBuilder::new(Datapath::Dummy).bridge(BRIDGE).start().expect("Open vSwitch starts");
        for port in ports {
            let number = u16::try_from(*port).expect("a number of 16 bits");
            ovs.add_port(BRIDGE, &format!("p{port}"), number).expect("a port");
        }
        real::bind_option(&ovs, BRIDGE);
        let mut control = ovs.unixctl().expect("the switch answers");
        let shown = control.call("dpif/show", &[]).expect("the ports");
        Self { ports: port_numbers(&shown), ovs, control }
    }

    fn install(&self, node: &Node) {
        let desired = node.engine.desired();
        real::install(&self.ovs, BRIDGE, &desired);
        let shown = dump::flows(&self.ovs, BRIDGE);
        for flow in &desired.flows {
            assert_eq!(shown.get(flow.key_bytes()), Some(flow), "{}", flow.unpack());
        }
        assert_eq!(shown.len(), desired.flows.len());
        assert_eq!(dump::groups(&self.ovs, BRIDGE), desired.groups);
    }

    fn fate(&mut self, told: &Told) -> (Fate, String) {
        let answer = self.control.call("ofproto/trace", &[BRIDGE, &told.flow, &told.frame]);
        let text = answer.unwrap_or_else(|error| panic!("{}: {error:#}", told.flow));
        // Once for each time that the packet comes back from the connection tracker, and once before.
        let actions = text.lines().filter_map(|line| line.strip_prefix("Datapath actions: "));
        let mut ports: Vec<u32> = actions.flat_map(|actions| self.output_ports(actions)).collect();
        ports.sort_unstable();
        if text.contains("learn(") {
            // Who traces a whole frame has the switch remember it, and each packet is to be the first.
            let learned = format!("table={}", pipeline::tables::LEARNED.id);
            self.ovs.ofctl(&["-OOpenFlow13", "del-flows", BRIDGE, &learned]).expect("they go");
        }
        let decided = text.lines().filter_map(table_line).collect();
        (Fate { decided, ports }, text)
    }

    /// Ports in datapath actions are numbers by themselves; whatever else there is has parentheses.
    fn output_ports(&self, actions: &str) -> Vec<u32> {
        let mut depth = 0_u32;
        let flat: String = actions
            .chars()
            .map(|letter| {
                depth += u32::from(letter == '(');
                let shown = if depth == 0 { letter } else { '.' };
                depth -= u32::from(letter == ')');
                shown
            })
            .collect();
        let numbers = flat.split(',').filter_map(|action| action.parse::<u32>().ok());
        numbers.map(|number| self.ports[&number]).collect()
    }
}

/// `    p1 1/2: (dummy)` says that port 1 is number 2 in the datapath.
fn port_numbers(shown: &str) -> BTreeMap<u32, u32> {
    let numbers = shown.lines().filter_map(|line| {
        let (port, number) = line.split_whitespace().nth(1)?.strip_suffix(':')?.split_once('/')?;
        Some((number.parse().ok()?, OfPort::from_of10(port.parse().ok()?).get()))
    });
    numbers.collect()
}

/// ` 3. reg0=0x1, priority 100, cookie 0x12`
fn table_line(line: &str) -> Option<(u8, Option<u64>)> {
    let (table, rest) = line.trim_start().split_once(". ")?;
    let table = table.parse().ok()?;
    let cookie = rest.rsplit_once("cookie 0x").and_then(|(_, cookie)| u64::from_str_radix(cookie, 16).ok());
    assert!(cookie.is_some() || rest == "No match.", "a flow without a cookie: {line}");
    Some((table, cookie))
}

/// What the interpreter says. `IN_PORT` is the port that the packet came by.
fn fate_of(trace: &Trace) -> Fate {
    let decided =
        trace.deciding().map(|(table, entry)| (table, entry.map(|entry| entry.flow.cookie))).collect();
    let port = |output: &ofsim::trace::Output| match output.port {
        OfPort::IN_PORT => output.key.in_port.get(),
        port => port.get(),
    };
    let mut ports: Vec<u32> = trace.outputs().map(port).collect();
    ports.sort_unstable();
    Fate { decided, ports }
}

/// Fields that a frame does not have.
const BESIDES_THE_FRAME: [Field; 6] =
    [Field::InPort, Field::TunId, Field::TunSrc, Field::TunDst, Field::TunMetadata0, Field::TunFlags];

/// Where a frame without tags says what routers change: in IPv4, in IPv6.
const HOPS: [usize; 2] = [22, 21];
const SOURCE: [usize; 2] = [26, 22];
const ICMP_TYPE: [usize; 2] = [34, 54];

/// The frame as other nodes have changed it: routed, made the answer to a ping, with the tag of its network around it. Nobody who traces asks for
/// checksums.
fn on_the_wire(first: &Key, frame: &[u8]) -> Vec<u8> {
    let mut frame = frame.to_vec();
    let headers = Headers::parse(&frame);
    if headers.vlans[0].is_some() {
        return frame;
    }
    frame[..6].copy_from_slice(&first.eth_dst.to_be_bytes()[2..]);
    frame[6..12].copy_from_slice(&first.eth_src.to_be_bytes()[2..]);
    let net = &first.net;
    let routed = match first.eth_type {
        ethertype::IPV4 => Some((0, [net.nw_src, net.nw_dst].map(u32::to_be_bytes).concat())),
        ethertype::IPV6 => Some((1, [net.ipv6_src, net.ipv6_dst].map(u128::to_be_bytes).concat())),
        _ => None,
    };
    if let Some((version, ends)) = routed {
        frame[HOPS[version]] = net.ttl;
        frame[SOURCE[version]..][..ends.len()].copy_from_slice(&ends);
        if let Some(TransportKey::Icmpv4 { .. } | TransportKey::Icmpv6 { .. }) = headers.transport {
            frame[ICMP_TYPE[version]] = u8::try_from(net.tp_src).expect("a type");
        }
    }
    if first.has_vlan() {
        let [tag, ..] = first.vlans;
        frame.splice(12..12, [tag.tpid.to_be_bytes(), (tag.tci & 0x0fff).to_be_bytes()].concat());
    }
    frame
}

/// A packet at a switch: where it came in, the tunnel, and the frame.
fn told(first: &Key, frame: &[u8]) -> Told {
    let frame = on_the_wire(first, frame);
    let fields = first.to_match();
    let besides = fields.fields().iter().filter(|entry| BESIDES_THE_FRAME.contains(&entry.field));
    let flow = besides.map(|entry| openflow::Match::new().with(entry.field, entry.value).to_string());
    let frame = frame.iter().map(|byte| format!("{byte:02x}")).collect();
    Told { flow: flow.collect::<Vec<_>>().join(","), frame }
}

#[test]
fn open_vswitch_does_with_our_flows_what_the_interpreter_says() {
    let mut runner = TestRunner::deterministic();
    let packets = prop::collection::vec(any_packet(), PACKETS);
    let ports: BTreeSet<u32> = (1..=15).chain(90..=93).chain([60_001, 60_002, 60_003]).collect();
    let mut judge = Judge::start(&ports);
    let wired = prop::collection::vec(any_frame_of_the_wire(), PACKETS);
    let (mut compared, mut from_tunnels, mut from_wires, mut sent) = (0, 0, 0, 0);
    for number in 0..WORLDS {
        let world = any_world().new_tree(&mut runner).expect("a world").current();
        let mut cloud = Cloud::new(&world.text());
        // In every other world listeners are looked at, and there are some.
        let snoops = number % 2 == 1;
        let names: Vec<String> = cloud.nodes.keys().filter(|_| snoops).cloned().collect();
        for name in &names {
            cloud.set(name, |settings| settings.multicast.snoops = true);
            cloud.put(&format!(
                "listens red 239.1.1.1 {name} red0,red1,red2\nlistens red ff05::1 {name} red3"
            ));
        }
        let mut asked: BTreeMap<String, Vec<(Told, Trace)>> = BTreeMap::new();
        for packet in packets.new_tree(&mut runner).expect("packets").current() {
            let Some((sender, frame)) = packet.sent_in(&world) else { continue };
            let frame = frame.bytes();
            for (node, trace) in cloud.send(&sender.name, &frame).traces {
                asked.entry(node).or_default().push((told(&trace.passes[0].first, &frame), trace));
            }
        }
        for frame in wired.new_tree(&mut runner).expect("frames").current() {
            let (node, packet) = frame.packet(&world);
            for (node, trace) in cloud.inject(node, packet).traces {
                from_wires += usize::from(!trace.outputs().collect::<Vec<_>>().is_empty());
                asked.entry(node).or_default().push((told(&trace.passes[0].first, &frame.bytes()), trace));
            }
        }
        for (node, asked) in asked {
            judge.install(&cloud.nodes[&node]);
            for (packet, trace) in asked {
                let ours = fate_of(&trace);
                let (theirs, text) = judge.fate(&packet);
                assert_eq!(ours, theirs, "{}\n{trace}\nOpen vSwitch:\n{text}", packet.flow);
                compared += 1;
                from_tunnels += usize::from(packet.flow.contains("tun_id"));
                sent += usize::from(!ours.ports.is_empty());
            }
        }
    }
    let counts = format!("{compared} {from_tunnels} {from_wires} {sent}");
    assert!(compared > 300 && from_tunnels > 30 && from_wires > 10 && sent > 100, "{counts}");
}
