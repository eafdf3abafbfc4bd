//! Where a packet comes from, and where it leaves: the first table and the last one.
//!
//! # Guarantees
//! - A packet has a network and an ingress port before any other table sees it. One that comes in by a switch port
//!   that is no known guest's and no tunnel's is dropped, and so is one with a VLAN tag from a guest: guests that tag
//!   their frames are ports of a trunk.
//! - A packet for a port leaves by the switch port that it is plugged into, or by the tunnel to the node that it is bound
//!   to; for a port that is neither, that is disabled, or in another network than the packet, it is dropped.
//! - A packet out of a tunnel goes into none again, whatever else is wrong, and one from a physical network goes to none.
//! - A guest never gets its own packet back: a switch does not send out of the port that a packet came in by.
//!
//! # Physical networks
//! A frame from a physical network is in the network whose tag it has, which is taken off; one with a tag of no network that
//! has ports here is dropped. See [`wire`].
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

mod wire;

use engine::{App, Rule, Sink, View};
use model::{BindingType, Chassis, LogicalPort, LogicalSwitch, TunnelType};
use openflow::action::Action;
use openflow::field::Subfield;
use openflow::{Field, Match};
use pipeline::tables::{
    CLASSIFY, CLASSIFY_OWNER, DEPARTURE, DISPATCH, EGRESS_MARKS, EGRESS_RATE, INGRESS, INGRESS_RATE, L2,
    PORT_SECURITY,
};
use pipeline::{FlowBuilder, Priority, regs, tunnels};

use crate::filter;
use crate::local::{self, LocalPort};
use crate::network::{VLAN_PRESENT, known, present, tagged};
use crate::policy;
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
        Rule::each("other node", other_node),
        Rule::each("physical network", wire::network),
    ];
    rules.extend(local::each("guest", guest));
    App { id: CLASSIFY_OWNER, rules, responders: vec![] }
}

/// Packets from and to a guest on this node. With these the port forwards: what the other tables need is said in the same
/// step, because it follows from the same facts.
fn guest(view: &mut View<'_>, local: &LocalPort, sink: &mut Sink) {
    let network = local.network.key;
    let port = local.port.unique_key.get();
    let filter = filter::of(view, &local.port);
    let limits = policy::shape_for(view, &local.port);
    let vlan = local.vlan.map(|vlan| vlan | VLAN_PRESENT);
    let from = Match::new().with(Field::InPort, local.of_port).with(Field::VlanVid, vlan.unwrap_or_default());
    let mut ways = vec![(Priority::EXACT, from)];
    if local.network.carries_tags && vlan.is_none() {
        // With any tag that is not of a port inside this one.
        ways.push((Priority::DEFAULT, tagged().with(Field::InPort, local.of_port)));
    }
    let classified = |flow: FlowBuilder, from: Match| {
        let mut flow = flow.matching(from);
        if vlan.is_some() {
            flow = flow.action(Action::PopVlan);
        }
        flow = flow
            .set(&regs::NETWORK, network.into())
            .set(&regs::INGRESS_PORT, port.into())
            .set(&regs::INGRESS_ON_WIRE, tunnels::key_on_wire(port).into());
        if let Some(filter) = filter {
            flow = flow.set(&regs::POLICY, filter.policy.into()).set(&regs::ZONE, filter.zone.into());
        }
        flow.goto(match limits {
            limits if limits.limits_sending => &EGRESS_RATE,
            limits if limits.marks => &EGRESS_MARKS,
            _ => &PORT_SECURITY,
        })
    };
    for (priority, from) in ways {
        sink.flow(&CLASSIFY, priority, |flow| classified(flow, from));
    }
    let leave = |flow: FlowBuilder| {
        let flow = match vlan {
            Some(vlan) => {
                flow.action(Action::PushVlan(VLAN_TAG_TYPE)).action(Action::set(Field::VlanVid, vlan))
            }
            None => flow,
        };
        flow.output(local.of_port)
    };
    sink.flow(&DISPATCH, Priority::EXACT, |flow| {
        let flow = flow.when(&regs::NETWORK, network.into()).when(&regs::EGRESS_PORT, port.into());
        if limits.limits_receiving { flow.goto(&INGRESS_RATE) } else { leave(flow) }
    });
    if limits.limits_receiving {
        sink.flow(&DEPARTURE, Priority::EXACT, |flow| leave(flow.when(&regs::EGRESS_PORT, port.into())));
    }
    sink.ready(&local.port.id);
}

/// Packets to a guest on another node.
fn remote_port(view: &mut View<'_>, port: &LogicalPort, sink: &mut Sink) {
    let Some(network) = &port.lswitch else { return };
    if port.binding.as_ref().is_some_and(|binding| binding.kind == BindingType::Vtep) {
        return sink
            .problem("ports behind a VTEP are not reached: there are tunnels to registered chassis only");
    }
    let (Some(chassis), Some(settings)) = (port.chassis(), view.settings()) else { return };
    if *chassis == settings.chassis || port.enabled == Some(false) {
        return;
    }
    let Some(network) = present(view, network) else { return };
    let Some(tunnel) = network.tunnel else { return };
    // Why a tunnel does not lead there is said by the flood of the network, once and not for each port.
    let Ok(end) = tunnel.end(view, chassis) else { return };
    let port = port.unique_key.get();
    let actions = tunnel.label(Egress::Port(port)).into_iter().chain(tunnel.send(end));
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
    sink.flow(&CLASSIFY, Priority::EXACT, |flow| {
        flow.matching(matches(&tunnel))
            .set(&regs::NETWORK, network.key.into())
            .set(&regs::FROM_TUNNEL, 1)
            .goto(&L2)
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
    let from_tunnel = Match::new().with(Field::InPort, port);
    let network = Subfield { field: Field::TunId, ofs: 0, n_bits: regs::NETWORK.bits.n_bits };
    let low = |register: &regs::Register, n_bits| Subfield { n_bits, ..register.bits };
    let ingress = low(&regs::INGRESS_PORT, tunnels::OPTION_INGRESS.n_bits);
    let egress = low(&regs::EGRESS_PORT, tunnels::OPTION_EGRESS.n_bits);
    let with_option = |egress_bits: u32, mask: u32| {
        from_tunnel.clone().with_masked(tunnels::OPTION_FIELD, egress_bits, mask)
    };

    // Without the option nothing is known of the ports.
    sink.flow(&CLASSIFY, Priority::EXACT, |flow| {
        flow.matching(from_tunnel.clone())
            .copy(network, regs::NETWORK.bits)
            .set(&regs::FROM_TUNNEL, 1)
            .goto(&L2)
    });
    // For a group, for a port.
    let group = tunnels::OPTION_EGRESS_GROUP;
    sink.flow(&CLASSIFY, Priority::EXACT.level(1), |flow| {
        flow.matching(with_option(group, group))
            .copy(network, regs::NETWORK.bits)
            .copy(tunnels::OPTION_INGRESS, ingress)
            .set(&regs::FROM_TUNNEL, 1)
            .goto(&L2)
    });
    sink.flow(&CLASSIFY, Priority::EXACT.level(1), |flow| {
        flow.matching(with_option(0, group))
            .copy(network, regs::NETWORK.bits)
            .copy(tunnels::OPTION_INGRESS, ingress)
            .copy(tunnels::OPTION_EGRESS, egress)
            .set(&regs::FROM_TUNNEL, 1)
            .goto(&INGRESS)
    });
    // For a port whose key the option cannot carry.
    sink.flow(&CLASSIFY, Priority::EXACT.level(2), |flow| {
        flow.matching(with_option(0, tunnels::OPTION_EGRESS_MASK))
            .copy(network, regs::NETWORK.bits)
            .copy(tunnels::OPTION_INGRESS, ingress)
            .set(&regs::FROM_TUNNEL, 1)
            .goto(&L2)
    });
}
