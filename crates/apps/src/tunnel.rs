//! Tunnels to other nodes: what a packet needs to get there, and who is there.
//!
//! | type | network id on the wire | what else |
//! |---|---|---|
//! | Geneve | key of the network | one option with the keys of both ports, see [`pipeline::tunnels`] |
//! | VXLAN | segmentation id of the network | |
//! | GRE | segmentation id of the network (32 bits) | |

use std::net::IpAddr;

use engine::View;
use model::{Chassis, Id, LogicalSwitch, NetworkType, TunnelType};
use net_types::OfPort;
use openflow::action::Action;
use openflow::{Field, Match};
use pipeline::{regs, tunnels};

/// How frames of a network get to other nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tunnel {
    /// The kind of tunnel.
    pub kind: TunnelType,
    /// The switch port of all tunnels of this kind.
    pub port: OfPort,
    /// What names the network on the wire.
    pub id: u32,
}

/// Where a packet in a tunnel goes to, besides the node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Egress {
    /// To the port with this key.
    Port(u32),
    /// To everybody in the network.
    Flood,
    /// To whom its MAC address belongs.
    ByMac,
}

/// The tunnels in which networks of this type travel.
#[must_use]
pub fn tunnel_type(network_type: &NetworkType) -> Option<TunnelType> {
    match network_type {
        NetworkType::Geneve => Some(TunnelType::Geneve),
        NetworkType::Vxlan => Some(TunnelType::Vxlan),
        NetworkType::Gre => Some(TunnelType::Gre),
        _ => None,
    }
}

/// That a number does not fit where networks are told apart.
pub(crate) fn too_large(what: &str, number: u32) -> String {
    let largest = pipeline::tunnels::VNI_MAX;
    format!("the {what} {number} of the network is larger than {largest}, which is as far as 24 bits go")
}

impl Tunnel {
    /// What names a network on the wire of such tunnels.
    pub(crate) fn network_id(kind: &TunnelType, network: &LogicalSwitch) -> Result<u32, String> {
        if *kind == TunnelType::Geneve {
            return Ok(network.unique_key.get());
        }
        match network.segmentation_id {
            Some(tunnels::WATCH_ID) => Err(format!(
                "the segmentation id of the network is {}, by which nodes watch each other: give it another",
                tunnels::WATCH_ID
            )),
            Some(id) if id <= tunnels::VNI_MAX || *kind == TunnelType::Gre => Ok(id),
            Some(id) => Err(too_large("segmentation id", id)),
            None => {
                Err(format!("the network travels in {} tunnels and has no segmentation id", kind.as_str()))
            }
        }
    }

    /// The tunnel in which packets for a gateway go to its node, where the external network has none of its own: the first kind
    /// that the node takes and this one has.
    pub(crate) fn to_gateway(
        view: &mut View<'_>,
        node: &Id<Chassis>,
        network: u32,
        gateway: u32,
    ) -> Option<Self> {
        let row = view.get(node)?;
        let ours = view.tunnels();
        let shared = row.tunnel_types.iter().find_map(|kind| Some((kind.clone(), *ours.get(kind)?)));
        let (kind, port) = shared?;
        let id = match kind {
            TunnelType::Geneve => network,
            _ => tunnels::gateway_vni(gateway),
        };
        Some(Self { kind, port, id })
    }

    /// What a packet gets before it goes to any node: the network, and where it goes to.
    #[must_use]
    pub fn label(&self, egress: Egress) -> Vec<Action> {
        let mut actions = vec![Action::set(Field::TunId, self.id)];
        if self.kind == TunnelType::Geneve {
            let egress = match egress {
                Egress::Port(key) => tunnels::key_on_wire(key).into(),
                Egress::Flood => tunnels::EGRESS_FLOOD,
                Egress::ByMac => 0,
            };
            actions.push(Action::load(tunnels::OPTION_EGRESS, egress));
            actions.push(Action::copy(regs::INGRESS_ON_WIRE.bits, tunnels::OPTION_INGRESS));
        }
        actions
    }

    /// Sends a labelled packet to the node whose tunnels end at `end`.
    #[must_use]
    pub fn send(&self, end: IpAddr) -> [Action; 2] {
        let address = match end {
            IpAddr::V4(end) => Action::set(Field::TunDst, end),
            IpAddr::V6(end) => Action::set(Field::TunIpv6Dst, end),
        };
        [address, Action::output(self.port)]
    }

    /// The end of a tunnel that is no node's, if this node can send there.
    pub fn vtep(&self, view: &mut View<'_>, address: IpAddr) -> Result<IpAddr, String> {
        match view.settings().map(|settings| settings.tunnel_ip) {
            Some(ours) if ours == address => Err(format!("the VTEP {address} is this node")),
            Some(ours) if ours.is_ipv4() == address.is_ipv4() => Ok(address),
            _ => Err(format!("the VTEP {address} is of another IP version than the tunnels of this node")),
        }
    }

    /// Where the tunnels of another node end, or why none of this kind leads there.
    pub fn end(&self, view: &mut View<'_>, chassis: &Id<Chassis>) -> Result<IpAddr, String> {
        let Some(row) = view.get(chassis) else {
            return Err(format!(
                "chassis {chassis} has ports of the network and is not registered: it gets no frames until it is"
            ));
        };
        if !row.tunnel_types.contains(&self.kind) {
            let takes: Vec<&str> = row.tunnel_types.iter().map(TunnelType::as_str).collect();
            return Err(format!(
                "the network travels in {} tunnels, and chassis {chassis} takes [{}]: add the type to its tunnel_types",
                self.kind.as_str(),
                takes.join(", ")
            ));
        }
        let ours = view.settings().map(|settings| settings.tunnel_ip);
        if ours == Some(row.ip) {
            return Err(format!(
                "the tunnels of chassis {chassis} end at {}, which is this node: delete its row if the node was renamed",
                row.ip
            ));
        }
        match ours {
            Some(ours) if ours.is_ipv4() == row.ip.is_ipv4() => Ok(row.ip),
            _ => Err(format!(
                "the tunnels of chassis {chassis} end at {}, which is of another IP version than those of this node",
                row.ip
            )),
        }
    }
}

/// Matches what comes out of a tunnel port for one network.
#[must_use]
pub fn matches(tunnel: &Tunnel) -> Match {
    Match::new().with(Field::InPort, tunnel.port).with(Field::TunId, u64::from(tunnel.id))
}
