//! Packets out of tunnels at random: from honest nodes, and from whoever else reaches the tunnel port.

use model::TunnelType;
use net_types::{MacAddr, OfPort};
use ofsim::Packet;
use proptest::prelude::*;

use super::filters::lets_pass;
use super::frames::{Body, DEFAULT_HOPS, Frame, Payload};
use super::routing::{ROUTERS, leg_mac};
use super::world::{NETWORKS, NODES, PORTS_OF_NETWORK, Port, World, ipv4, mac};
use crate::support::{Cloud, ping};

const KINDS: [TunnelType; 3] = [TunnelType::Geneve, TunnelType::Vxlan, TunnelType::Gre];

/// A packet out of a tunnel.
#[derive(Debug, Clone)]
pub(crate) struct Arrival {
    pub(crate) node: usize,
    kind: TunnelType,
    id: u32,
    option: Option<u32>,
    dst: MacAddr,
}

pub(crate) fn any_arrival() -> impl Strategy<Value = Arrival> {
    let networks = u32::try_from(NETWORKS.len()).expect("few");
    let id = prop_oneof![4 => 1..=networks, 4 => 101..=100 + networks, 1 => any::<u32>()];
    let egress = prop_oneof![
        4 => 1_u32..=15,
        1 => Just(0_u32),
        1 => Just(0x8000_u32),
        1 => 0x8001_u32..0x8010,
        1 => 0_u32..=0xffff,
    ];
    let option = (any::<u16>(), egress).prop_map(|(ingress, egress)| u32::from(ingress) << 16 | egress);
    let dst = prop_oneof![
        6 => (0..PORTS_OF_NETWORK).prop_map(mac),
        2 => Just(MacAddr::BROADCAST),
        1 => Just(MacAddr([0x33, 0x33, 0, 0, 0, 1])),
        1 => Just(mac(99)),
        1 => (0..ROUTERS, 0..NETWORKS.len()).prop_map(|(router, network)| leg_mac(router, network)),
    ];
    (0..NODES.len(), prop::sample::select(KINDS.to_vec()), id, prop::option::weighted(0.7, option), dst)
        .prop_map(|(node, kind, id, option, dst)| Arrival { node, kind, id, option, dst })
}

impl Arrival {
    /// The packet as the switch of its node sees it; nothing where the node has no such tunnels.
    pub(crate) fn packet(&self, cloud: &Cloud) -> Option<Packet> {
        let port = cloud.nodes[NODES[self.node]].tunnels.get(&self.kind)?;
        let frame = ping((mac(50), "10.0.0.50"), (self.dst, "10.0.0.1"));
        let mut key = Packet::of_frame(OfPort::new(*port), &frame).key;
        key.tunnel.id = self.id.into();
        key.tunnel.metadata[0] = self.option.filter(|_| self.kind == TunnelType::Geneve);
        Some(Packet::of_key(key))
    }

    /// Who should get it: guests of this node and of the network that the wire names.
    pub(crate) fn receivers<'a>(&self, world: &'a World) -> Vec<&'a str> {
        let Some(network) = self.network(world) else { return vec![] };
        let all = || world.ports.iter().filter(|port| port.network == network);
        // A node knows networks of which any port is bound to it.
        if !all().any(|port| port.node == Some(self.node)) {
            return vec![];
        }
        let egress =
            self.option.filter(|_| self.kind == TunnelType::Geneve).map_or(0, |option| option & 0xffff);
        let wants = |port: &&Port| match egress {
            1..=0x7fff => port.key == egress,
            _ => world.is_addressed(port, self.dst),
        };
        let body = Body::Ip { src: ipv4(0, 50).into(), dst: ipv4(0, 1).into(), payload: Payload::Icmp(8) };
        let frame = Frame { src: mac(50), dst: self.dst, body, is_tagged: false, hops: DEFAULT_HOPS };
        let here =
            all().filter(|port| port.place() == Some(self.node) && lets_pass(world, port, &frame, true));
        let mut names: Vec<&str> = here.filter(wants).map(|port| port.name.as_str()).collect();
        names.sort_unstable();
        names
    }

    fn network(&self, world: &World) -> Option<usize> {
        let number = match self.kind {
            // The wire has 24 bits for it, and so has the register.
            TunnelType::Geneve => self.id & 0x00ff_ffff,
            _ => self.id.checked_sub(100)?,
        };
        let place = usize::try_from(number.checked_sub(1)?).ok().filter(|place| *place < NETWORKS.len())?;
        let travels_so = world.networks[place] == self.kind.as_str();
        (self.kind == TunnelType::Geneve || travels_so).then_some(place)
    }
}
