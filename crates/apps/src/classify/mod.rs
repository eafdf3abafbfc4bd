//! Where a packet comes from, and where it leaves: the first table and the last one.
//!
//! # Guarantees
//! - A packet has a network and an ingress port before any other table sees it. One that comes in by a switch port
//!   that is no known guest's and no tunnel's is dropped, and so is one with a VLAN tag from a guest: guests that tag
//!   their frames are ports of a trunk.
//! - A packet for a port leaves by the switch port that it is plugged into, or by the tunnel to the node that it is bound
//!   to; for a port that is neither, that is disabled, or in another network than the packet, it is dropped.
//! - A packet out of a tunnel goes into none again, whatever else is wrong, and one from a physical network goes to none.
//! - A guest never gets its own packet back: a switch does not send out of the port that a packet came in by. Ports inside
//!   another one share its switch port and reach each other and the outer port, each but itself; see [`between`].
//!
//! # Physical networks
//! A frame from a physical network is in the network whose tag it has, which is taken off; one with a tag of no network that
//! has ports here is dropped. See [`wire`].
//!
//! # Sessions
//! What the switch itself asks other nodes, and what they answer, goes from the port of the session to the other node and back, and
//! nowhere else. See [`session`].
//!
//! # Tunnels
//! With Geneve the network is the VNI and the egress port stands in the option: such a packet skips all tables but
//! the last. Without the option, with an egress port that the option could not carry (0) and with a group (all of
//! which have multicast addresses) the packet is delivered by its MAC address in the L2 table, like those of VXLAN
//! and GRE, whose network ids have to be translated by a flow a network.
//!
//! Whether the outer source address is that of a registered chassis is not checked. The underlay is trusted: who can
//! send to our tunnel port can as well send with the address of a chassis, and the check would cost a flow for each
//! chassis, and packets that are lost while the row of a new one is on its way.

mod between;
mod guest;
mod heard;
mod outer;
mod session;
mod wire;

use std::net::IpAddr;

use engine::{App, Rule, Sink, View};
use model::{BindingType, Chassis, LogicalPort, LogicalSwitch, TunnelType};
use net_types::OfPort;
use openflow::action::Action;
use openflow::field::Subfield;
use openflow::{Field, Match};
use pipeline::tables::{CLASSIFY, CLASSIFY_OWNER, DISPATCH, INGRESS, L2, LEARN, METADATA_ANSWER};
use pipeline::{FlowBuilder, Priority, regs, tunnels};

use crate::local;
use crate::nested;
use crate::network::{known, learns, present, reached};
use crate::places;
use crate::routers::{self, Outer};
use crate::tunnel::{Egress, matches};

/// The ethertype of the tags that we write.
const VLAN_TAG_TYPE: u16 = 0x8100;

/// The app.
#[must_use]
pub fn app() -> App {
    let mut rules = vec![
        Rule::each("remote port", remote_port),
        Rule::each("network from tunnel", network_from_tunnel),
        Rule::once("geneve", geneve),
        Rule::each("geneve, remembered", heard_by_geneve),
        Rule::each("other node", other_node),
        Rule::each("heard behind a tunnel", heard::by_tunnel),
        Rule::each("session", session::session),
        Rule::each("physical network", wire::network),
        Rule::each("inside", nested::row),
        Rule::once("answers", guest::answers),
        Rule::once("metadata service", from_metadata_service),
    ];
    rules.extend(local::each("guest", guest::guest));
    App { id: CLASSIFY_OWNER, rules, responders: vec![] }
}

/// What the proxy of the metadata service sends.
fn from_metadata_service(view: &mut View<'_>, sink: &mut Sink) {
    if let Some(proxy) = view.metadata() {
        let from = Match::new().with(Field::InPort, OfPort::new(proxy.of_port));
        sink.flow(&CLASSIFY, Priority::EXACT, |flow| flow.matching(from).goto(&METADATA_ANSWER));
    }
}

/// Packets to a guest on another node, or behind the end of another tunnel.
fn remote_port(view: &mut View<'_>, port: &LogicalPort, sink: &mut Sink) {
    if let Some(outer) = routers::outer(view, port) {
        return outer::port(view, port, matches!(outer, Outer::Gateway(_)), sink);
    }
    let (Some(network), Some(settings)) = (&port.lswitch, view.settings()) else { return };
    let is_behind_vtep = port.binding.as_ref().is_some_and(|binding| binding.kind == BindingType::Vtep);
    let places = places::of(view, port);
    // Who is bound here or on the way here, and plugged in nowhere here, may be plugged in on the other node of a migration.
    let is_here = places.include(&settings.chassis) && local::find(view, &port.id).is_some();
    if port.enabled == Some(false) || is_here {
        return;
    }
    let Some(network) = reached(view, network) else { return };
    let Some(tunnel) = network.tunnel else { return };
    let mut ends: Vec<IpAddr> = match (&places.node, port.vtep()) {
        // Why a tunnel does not lead there is said by the flood of the network, once and not for each port.
        (Some(_), _) => {
            let nodes = places.node.iter().chain(&places.destination);
            let others = nodes.filter(|node| **node != settings.chassis);
            others.filter_map(|node| tunnel.end(view, node).ok()).collect()
        }
        (None, Some(address)) => {
            tunnel.vtep(view, address).map_err(|problem| sink.problem(problem)).into_iter().collect()
        }
        (None, None) if is_behind_vtep => {
            return sink.problem("the port is behind a VTEP, and its binding names no vtep_address");
        }
        (None, None) => Vec::new(),
    };
    ends.dedup();
    if ends.is_empty() {
        return;
    }
    let port = port.unique_key.get();
    let actions = tunnel.label(Egress::Port(port)).into_iter();
    let actions = actions.chain(ends.into_iter().flat_map(|end| tunnel.send(end)));
    sink.flow(&DISPATCH, Priority::EXACT, |flow| {
        let flow = flow
            .when(&regs::NETWORK, network.key.into())
            .when(&regs::EGRESS_PORT, port.into())
            .when(&regs::FROM_TUNNEL, 0);
        actions.fold(flow, FlowBuilder::action)
    });
}

/// Packets out of tunnels that do not say the key of the network, and what is wrong with the network.
fn network_from_tunnel(view: &mut View<'_>, row: &LogicalSwitch, sink: &mut Sink) {
    let known = known(view, &row.id);
    if let Some(problem) = known.problem {
        sink.problem(problem);
    }
    let Some(network) = known.network else { return };
    let Some(tunnel) = network.tunnel.filter(|tunnel| tunnel.kind != TunnelType::Geneve) else { return };
    let learns = learns(view, &row.id);
    sink.flow(&CLASSIFY, Priority::EXACT, |flow| {
        let flow = flow
            .matching(matches(&tunnel))
            .set(&regs::NETWORK, network.key.into())
            .set(&regs::FROM_TUNNEL, 1);
        let flow = if learns { flow.action(Action::resubmit(LEARN.id)) } else { flow };
        flow.goto(&L2)
    });
}

/// Where the tunnels of another node end. Whoever keeps the switch sends something there before guests do: while Open vSwitch
/// asks for the address of a neighbour, it drops what goes to it.
fn other_node(view: &mut View<'_>, chassis: &Chassis, sink: &mut Sink) {
    let Some(settings) = view.settings().filter(|settings| settings.chassis != chassis.id) else { return };
    let tunnels = view.tunnels();
    let shared = chassis.tunnel_types.iter().find_map(|kind| tunnels.get(kind));
    if let Some(port) = shared.filter(|_| settings.tunnel_ip.is_ipv4() == chassis.ip.is_ipv4()) {
        sink.tunnel_end(*port, chassis.ip);
    }
}

/// Packets out of Geneve tunnels, of all networks.
fn geneve(view: &mut View<'_>, sink: &mut Sink) {
    let Some(port) = view.tunnels().get(&TunnelType::Geneve).copied() else { return };
    out_of_geneve(port, None, sink);
}

/// Packets out of Geneve tunnels of a network in which is remembered where addresses were heard.
fn heard_by_geneve(view: &mut View<'_>, row: &LogicalSwitch, sink: &mut Sink) {
    let Some(tunnel) = present(view, &row.id).and_then(|network| network.tunnel) else { return };
    if tunnel.kind == TunnelType::Geneve && learns(view, &row.id) {
        out_of_geneve(tunnel.port, Some(tunnel.id), sink);
    }
}

fn out_of_geneve(port: OfPort, learning: Option<u32>, sink: &mut Sink) {
    let from_tunnel = Match::new().with(Field::InPort, port);
    let from_tunnel = match learning {
        Some(network) => from_tunnel.with(Field::TunId, u64::from(network)),
        None => from_tunnel,
    };
    let at = |level: u8| Priority::EXACT.level(if learning.is_some() { level + 4 } else { level });
    let heard = |flow: FlowBuilder| match learning {
        Some(_) => flow.action(Action::resubmit(LEARN.id)),
        None => flow,
    };
    let network = Subfield { field: Field::TunId, ofs: 0, n_bits: regs::NETWORK.bits.n_bits };
    let low = |register: &regs::Register, n_bits| Subfield { n_bits, ..register.bits };
    let ingress = low(&regs::INGRESS_PORT, tunnels::OPTION_INGRESS.n_bits);
    let egress = low(&regs::EGRESS_PORT, tunnels::OPTION_EGRESS.n_bits);
    let with_option = |egress_bits: u32, mask: u32| {
        from_tunnel.clone().with_masked(tunnels::OPTION_FIELD, egress_bits, mask)
    };

    // Without the option nothing is known of the ports.
    sink.flow(&CLASSIFY, at(0), |flow| {
        let flow =
            flow.matching(from_tunnel.clone()).copy(network, regs::NETWORK.bits).set(&regs::FROM_TUNNEL, 1);
        heard(flow).goto(&L2)
    });
    // For a group, for a port.
    let group = tunnels::OPTION_EGRESS_GROUP;
    sink.flow(&CLASSIFY, at(1), |flow| {
        let flow = flow
            .matching(with_option(group, group))
            .copy(network, regs::NETWORK.bits)
            .copy(tunnels::OPTION_INGRESS, ingress)
            .set(&regs::FROM_TUNNEL, 1);
        heard(flow).goto(&L2)
    });
    sink.flow(&CLASSIFY, at(1), |flow| {
        let flow = flow
            .matching(with_option(0, group))
            .copy(network, regs::NETWORK.bits)
            .copy(tunnels::OPTION_INGRESS, ingress)
            .copy(tunnels::OPTION_EGRESS, egress)
            .set(&regs::FROM_TUNNEL, 1);
        heard(flow).goto(&INGRESS)
    });
    // For a port whose key the option cannot carry.
    sink.flow(&CLASSIFY, at(2), |flow| {
        let flow = flow
            .matching(with_option(0, tunnels::OPTION_EGRESS_MASK))
            .copy(network, regs::NETWORK.bits)
            .copy(tunnels::OPTION_INGRESS, ingress)
            .set(&regs::FROM_TUNNEL, 1);
        heard(flow).goto(&L2)
    });
}
