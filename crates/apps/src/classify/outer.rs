//! Ports of floating IPs and gateways, which nothing is plugged into: the way to the node where they are, and out of the tunnels there.
//!
//! What is for the gateway of a router goes there in whatever tunnel both nodes have, also where the external network is a physical one:
//! it comes from the router's inside. Geneve says the gateway's port in its option; in the others a network id of its own does.

use engine::{Sink, View};
use model::{LogicalPort, TunnelType};
use net_types::OfPort;
use openflow::field::Subfield;
use openflow::{Field, Match};
use pipeline::tables::{ARRIVE, CLASSIFY, DISPATCH};
use pipeline::{FlowBuilder, Priority, regs, tunnels};

use crate::network::{self, Network};
use crate::places;
use crate::tunnel::{Egress, Tunnel};

/// Before what comes out of Geneve tunnels for ports of other kinds, heard of or not.
const TO_OUTER: Priority = Priority::EXACT.level(7);

/// The port of a floating IP or gateway.
pub(super) fn port(view: &mut View<'_>, port: &LogicalPort, is_gateway: bool, sink: &mut Sink) {
    let (Some(id), Some(settings)) = (&port.lswitch, view.settings()) else { return };
    let Some(network) = network::reached(view, id) else { return };
    let Some(node) = places::of(view, port).node else { return };
    let key = port.unique_key.get();
    if node == settings.chassis {
        if is_gateway || network.tunnel.is_some() {
            out_of_tunnels(view, &network, key, is_gateway, sink);
        }
        return;
    }
    let tunnel = match network.tunnel.clone() {
        Some(tunnel) => Some(tunnel),
        None if is_gateway => Tunnel::to_gateway(view, &node, network.key, key),
        None => return,
    };
    let end = tunnel.and_then(|tunnel| Some((tunnel.end(view, &node).ok()?, tunnel)));
    let Some((end, tunnel)) = end else {
        return sink.problem(format!(
            "no tunnel leads to chassis {node}, where the gateway is: both nodes need a tunnel type in common"
        ));
    };
    let actions = tunnel.label(Egress::Port(key)).into_iter().chain(tunnel.send(end));
    sink.flow(&DISPATCH, Priority::EXACT, |flow| {
        let flow = flow
            .when(&regs::NETWORK, network.key.into())
            .when(&regs::EGRESS_PORT, key.into())
            .when(&regs::FROM_TUNNEL, 0);
        actions.fold(flow, FlowBuilder::action)
    });
}

/// What comes from other nodes for such a port of this node.
fn out_of_tunnels(view: &mut View<'_>, network: &Network, key: u32, is_gateway: bool, sink: &mut Sink) {
    for (kind, port) in view.tunnels() {
        let arrived = |flow: FlowBuilder, matching: Match| {
            flow.matching(matching)
                .set(&regs::NETWORK, network.key.into())
                .set(&regs::EGRESS_PORT, key.into())
                .set(&regs::FROM_TUNNEL, 1)
        };
        if kind == TunnelType::Geneve {
            let ingress = Subfield { n_bits: tunnels::OPTION_INGRESS.n_bits, ..regs::INGRESS_PORT.bits };
            let option = tunnels::key_on_wire(key);
            if option > 0 {
                let matching = from(port, network.key).with_masked(
                    tunnels::OPTION_FIELD,
                    option,
                    tunnels::OPTION_EGRESS_MASK,
                );
                sink.flow(&CLASSIFY, TO_OUTER, |flow| {
                    arrived(flow, matching).copy(tunnels::OPTION_INGRESS, ingress).goto(&ARRIVE)
                });
            }
        } else if is_gateway {
            let matching = from(port, tunnels::gateway_vni(key));
            sink.flow(&CLASSIFY, TO_OUTER, |flow| arrived(flow, matching).goto(&ARRIVE));
        }
    }
}

fn from(port: OfPort, id: u32) -> Match {
    Match::new().with(Field::InPort, port).with(Field::TunId, u64::from(id))
}
