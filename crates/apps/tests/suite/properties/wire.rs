//! Frames from physical networks at random: with tags of networks and of nobody, one in another, from strangers and from who pretends
//! to be a guest here.

use net_types::{MacAddr, OfPort};
use ofsim::Packet;
use packet::build::Ethernet;
use packet::headers::VlanTag;
use proptest::prelude::*;

use super::filters::lets_pass;
use super::frames::{Body, DEFAULT_HOPS, Frame};
use super::world::{NETWORKS, NODES, PORTS_OF_NETWORK, Port, World, mac};

/// The type of something that nobody here looks into.
const PAYLOAD_TYPE: u16 = 0x88b5;

/// A frame from a wire.
#[derive(Debug, Clone)]
pub(crate) struct FromWire {
    node: usize,
    /// It comes by the wire that leads to this network.
    by: usize,
    tags: Vec<u16>,
    src: MacAddr,
    dst: MacAddr,
}

pub(crate) fn any_frame_of_the_wire() -> impl Strategy<Value = FromWire> {
    let address = || prop_oneof![6 => (0..PORTS_OF_NETWORK).prop_map(mac), 2 => Just(mac(50))];
    let dst = prop_oneof![4 => address(), 2 => Just(MacAddr::BROADCAST), 1 => Just(MacAddr([0x33, 0x33, 0, 0, 0, 1]))];
    let tag = || prop_oneof![8 => 101_u16..=103, 1 => Just(0), 1 => Just(104)];
    let tags = prop_oneof![3 => Just(vec![]), 6 => tag().prop_map(|tag| vec![tag]), 1 => (tag(), tag()).prop_map(|(outer, inner)| vec![outer, inner])];
    (0..NODES.len(), 0..NETWORKS.len(), tags, address(), dst)
        .prop_map(|(node, by, tags, src, dst)| FromWire { node, by, tags, src, dst })
}

impl FromWire {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let ethernet = Ethernet::new(self.src, self.dst);
        let ethernet = self.tags.iter().fold(ethernet, |frame, tag| frame.tagged(VlanTag::customer(*tag, 0)));
        ethernet.frame(PAYLOAD_TYPE, &[0; 46])
    }

    /// The frame as the switch of its node gets it.
    pub(crate) fn packet(&self, world: &World) -> (&'static str, Packet) {
        let port = OfPort::new(world.wire(self.by).1);
        (NODES[self.node], Packet::of_frame(port, &self.bytes()))
    }

    /// Who should get it: guests here of the network whose frames look so on this wire.
    pub(crate) fn receivers<'a>(&self, world: &'a World) -> Vec<&'a str> {
        let Some(network) = (0..NETWORKS.len()).find(|network| self.is_of(world, *network)) else {
            return vec![];
        };
        if world.is_owned_at(network, self.node, self.src) {
            return vec![];
        }
        let frame =
            Frame { src: self.src, dst: self.dst, body: Body::Other, is_tagged: false, hops: DEFAULT_HOPS };
        let hears = |port: &&Port| {
            port.network == network
                && port.place() == Some(self.node)
                && world.is_addressed(port, self.dst)
                && lets_pass(world, port, &frame, true)
        };
        let mut names: Vec<&str> = world.ports.iter().filter(hears).map(|port| port.name.as_str()).collect();
        names.sort_unstable();
        names
    }

    fn is_of(&self, world: &World, network: usize) -> bool {
        let tags: Vec<u16> = match world.networks[network] {
            "vlan" => vec![101 + u16::try_from(network).expect("few")],
            "flat" => vec![],
            _ => return false,
        };
        self.tags == tags && world.wire(self.by) == world.wire(network)
    }
}
