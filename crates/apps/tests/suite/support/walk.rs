//! The way of a packet from guest to guest, through the switches of all nodes on it.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use model::TunnelType;
use net_types::OfPort;
use ofsim::key::REGISTERS;
use ofsim::trace::PacketIn;
use ofsim::{Assumed, Key, Packet, Trace};

use super::cloud::{Cloud, Node};
use super::tracker::Tracker;

/// Hops after which a packet is in a loop.
const HOPS_MAX: usize = 64;

/// The connections that each switch remembers.
pub(crate) type Trackers = BTreeMap<String, Tracker>;

/// A packet that reached a guest.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    pub(crate) node: String,
    pub(crate) port: String,
    pub(crate) key: Box<Key>,
}

/// A packet that a node's controller got.
#[derive(Debug, Clone)]
pub(crate) struct ToController {
    pub(crate) node: String,
    pub(crate) packet_in: PacketIn,
}

/// A packet between two nodes.
#[derive(Debug, Clone)]
pub(crate) struct Hop {
    pub(crate) from: String,
    pub(crate) kind: TunnelType,
    pub(crate) dst: IpAddr,
    pub(crate) key: Box<Key>,
}

/// A packet that a node sent to a physical network.
#[derive(Debug, Clone)]
pub(crate) struct OnWire {
    pub(crate) from: String,
    pub(crate) network: String,
    pub(crate) key: Box<Key>,
}

/// Everything that became of one packet.
#[derive(Debug, Default)]
pub(crate) struct Walk {
    pub(crate) deliveries: Vec<Delivery>,
    pub(crate) to_controller: Vec<ToController>,
    pub(crate) hops: Vec<Hop>,
    pub(crate) on_wire: Vec<OnWire>,
    pub(crate) traces: Vec<(String, Trace)>,
    /// The frame as a guest sent it; nothing, if none did.
    pub(crate) frame: Vec<u8>,
}

impl Walk {
    /// Who got it, each as often as it did, in the order of names.
    pub(crate) fn receivers(&self) -> Vec<&str> {
        let mut ports: Vec<&str> = self.deliveries.iter().map(|delivery| delivery.port.as_str()).collect();
        ports.sort_unstable();
        ports
    }

    /// Tables that the packet passed on a node, in order.
    pub(crate) fn tables(&self, node: &str) -> Vec<u8> {
        let traces = self.traces.iter().filter(|(name, _)| name == node);
        traces.flat_map(|(_, trace)| trace.deciding().map(|(table, _)| table)).collect()
    }

    /// No guest got it; nodes may have sent it to each other.
    pub(crate) fn assert_nobody(&self) {
        let trace = self.traces.iter().map(|(_, trace)| trace.to_string()).collect::<String>();
        assert!(self.deliveries.is_empty(), "{:?}\n{trace}", self.receivers());
    }

    pub(crate) fn assert_nowhere(&self) {
        let trace = self.traces.iter().map(|(_, trace)| trace.to_string()).collect::<String>();
        assert!(
            self.deliveries.is_empty()
                && self.to_controller.is_empty()
                && self.hops.is_empty()
                && self.on_wire.is_empty(),
            "{trace}"
        );
    }
}

impl Cloud {
    /// A guest sends a frame that begins whatever connection it is of.
    pub(crate) fn send(&self, port: &str, frame: &[u8]) -> Walk {
        let (node, packet) = self.packet_of_guest(port, frame);
        Walk { frame: frame.to_vec(), ..self.walk(node, packet, None) }
    }

    /// A guest sends a frame, while switches remember connections.
    pub(crate) fn send_tracked(&self, port: &str, frame: &[u8], trackers: &mut Trackers) -> Walk {
        let (node, packet) = self.packet_of_guest(port, frame);
        self.walk(node, packet, Some(trackers))
    }

    fn packet_of_guest(&self, port: &str, frame: &[u8]) -> (&str, Packet) {
        let id = super::cloud::row_id(port);
        let place = self.nodes.iter().find_map(|(name, node)| Some((name, node.plugged.get(&id)?)));
        let (node, of_port) = place.unwrap_or_else(|| panic!("{port} is plugged in nowhere"));
        (node, Packet::of_frame(OfPort::new(*of_port), frame))
    }

    /// A packet comes in at a switch.
    pub(crate) fn inject(&self, node: &str, packet: Packet) -> Walk {
        self.walk(node, packet, None)
    }

    fn walk(&self, node: &str, packet: Packet, mut trackers: Option<&mut Trackers>) -> Walk {
        let mut walk = Walk::default();
        let mut queue = VecDeque::from([(node.to_owned(), packet)]);
        for _ in 0..HOPS_MAX {
            let Some((name, packet)) = queue.pop_front() else { return walk };
            let node = &self.nodes[&name];
            let trace = match &mut trackers {
                Some(trackers) => trackers.entry(name.clone()).or_default().trace(&node.switch, packet),
                None => ofsim::trace(&node.switch, packet, &mut Assumed::new()),
            };
            for packet_in in trace.packet_ins() {
                walk.to_controller.push(ToController { node: name.clone(), packet_in: packet_in.clone() });
            }
            for output in trace.outputs() {
                let from = output.key.in_port;
                let port = if output.port == OfPort::IN_PORT { from } else { output.port };
                if let Some(kind) = node.tunnel_at(port) {
                    let dst = outer_dst(&output.key);
                    queue.extend(self.arrive(node, &kind, dst, &output.key));
                    walk.hops.push(Hop { from: name.clone(), kind, dst, key: output.key.clone() });
                } else if let Some(network) = node.wire_at(port) {
                    queue.extend(self.off_the_wire(&name, network, &output.key));
                    let (from, network) = (name.clone(), network.to_owned());
                    walk.on_wire.push(OnWire { from, network, key: output.key.clone() });
                } else if let Some(guest) = node.guest_at(port) {
                    let delivery = Delivery { node: name.clone(), port: guest, key: output.key.clone() };
                    walk.deliveries.push(delivery);
                }
            }
            walk.traces.push((name, trace));
        }
        panic!("a packet makes more than {HOPS_MAX} hops: it is in a loop");
    }

    /// The packet as it comes out of a tunnel at the node that it was sent to, if there is one that listens.
    fn arrive(&self, from: &Node, kind: &TunnelType, dst: IpAddr, sent: &Key) -> Option<(String, Packet)> {
        let (name, node) = self.nodes.iter().find(|(_, node)| node.settings.tunnel_ip == dst)?;
        let port = node.tunnels.get(kind)?;
        let mut key = sent.clone();
        key.in_port = OfPort::new(*port);
        (key.metadata, key.regs) = (0, [0; REGISTERS]);
        match from.settings.tunnel_ip {
            IpAddr::V4(ip) => key.tunnel.src = ip.to_bits(),
            IpAddr::V6(ip) => key.tunnel.ipv6_src = ip.to_bits(),
        }
        if *kind != TunnelType::Geneve {
            key.tunnel.metadata.fill(None);
        }
        Some((name.clone(), Packet::of_key(key)))
    }

    /// The packet as every other node gets it that is in the physical network: that is a hub, which knows no addresses.
    fn off_the_wire(&self, from: &str, network: &str, sent: &Key) -> Vec<(String, Packet)> {
        let others = self.nodes.iter().filter(|(name, _)| *name != from);
        let arrive = |(name, node): (&String, &Node)| {
            let port = node.providers.get(network)?.of_port?;
            let mut key = sent.clone();
            key.in_port = OfPort::new(port);
            (key.metadata, key.regs) = (0, [0; REGISTERS]);
            Some((name.clone(), Packet::of_key(key)))
        };
        others.filter_map(arrive).collect()
    }

    /// Which ports of a network are plugged in at their nodes, by name.
    pub(crate) fn plugged(&self) -> BTreeMap<String, String> {
        let ports = self
            .nodes
            .iter()
            .flat_map(|(name, node)| node.plugged.keys().map(move |port| (port.to_string(), name.clone())));
        ports.collect()
    }
}

fn outer_dst(key: &Key) -> IpAddr {
    match key.tunnel.ipv6_dst {
        0 => Ipv4Addr::from(key.tunnel.dst).into(),
        dst => Ipv6Addr::from(dst).into(),
    }
}
