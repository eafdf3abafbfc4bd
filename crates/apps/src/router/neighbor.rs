//! Who has the address that a router hands a packet to: a port, another router, or somebody on a wire.

use std::net::IpAddr;

use engine::{Sink, View};
use model::{AllowedAddressPairsActivePort, LogicalPort, LogicalSwitch};
use net_types::MacAddr;
use openflow::action::Action;
use openflow::{Field, Match};
use packet::ethertype;
use pipeline::tables::{ARRIVE, DISPATCH, INGRESS, NEIGHBOR, RESOLVED, ROUTE, UNRESOLVED};
use pipeline::{FlowBuilder, Priority, regs, userdata};

use crate::network::{self, Network};
use crate::{holders, places, routers, slow_path};

/// Ports by their own addresses go before holders of addresses of pairs, and these before who is on a wire.
const OWN: Priority = Priority::EXACT;
const HELD: Priority = Priority::DEFAULT.level(1);
const ON_WIRE: Priority = Priority::DEFAULT;

/// The addresses of a port.
pub(super) fn port(view: &mut View<'_>, port: &LogicalPort, sink: &mut Sink) {
    let Some(id) = &port.lswitch else { return };
    let Some(network) = network::reached(view, id) else { return };
    // What has the address of a port that is nowhere may be that of its holder.
    if !routers::are_in(view, id) || !holders::is_answered_for(port) {
        return;
    }
    let Some(mac) = port.macs.iter().copied().find(|mac| mac.is_unicast()) else { return };
    let Some(way) = way(view, port, &network) else { return };
    for ip in &port.ips {
        sink.flow(&NEIGHBOR, OWN, |flow| handed(found(flow, &network, *ip, mac), &way));
    }
}

/// The address of a pair, at its holder.
pub(super) fn holder(view: &mut View<'_>, row: &AllowedAddressPairsActivePort, sink: &mut Sink) {
    let Some((ip, mac)) = holders::holder(view, row) else { return };
    let Some(network) = row.network.as_ref().and_then(|id| network::reached(view, id)) else { return };
    if !row.network.as_ref().is_some_and(|id| routers::are_in(view, id)) {
        return;
    }
    let port = row.detected_lport.as_ref().and_then(|id| view.get(id));
    if let Some(way) = port.and_then(|port| way(view, &port, &network)) {
        sink.flow(&NEIGHBOR, HELD, |flow| handed(found(flow, &network, ip, mac), &way));
    }
}

/// How a packet gets to a port.
enum Way {
    /// The port is on this node.
    Here(u32),
    /// It is on another one.
    Elsewhere(u32),
    /// It is somewhere on the wire, where packets have the MAC address of this node.
    Wire(MacAddr),
    /// Its packets are translated on this node.
    Outer(u32),
    /// It is another router's, one of whose other networks may take less than this one.
    Router(u32, bool),
}

fn way(view: &mut View<'_>, port: &LogicalPort, network: &Network) -> Option<Way> {
    let key = port.unique_key.get();
    if let Some(router) = routers::of_leg(view, port) {
        let key = routers::here(view, &router)?.key;
        return Some(Way::Router(key, routers::may_bring_too_long(view, &router, network)));
    }
    let us = view.settings()?.chassis;
    let is_here = places::of(view, port).include(&us);
    match routers::outer(view, port) {
        Some(_) if is_here => return Some(Way::Outer(key)),
        Some(_) if network.wire.is_some() => return None,
        _ => {}
    }
    match network.wire {
        _ if is_here => Some(Way::Here(key)),
        // Who is in an external network is asked for, ports of other nodes like everybody else there.
        Some(_) if network.is_external => None,
        Some(_) => Some(Way::Wire(routers::node_mac(&us))),
        None => Some(Way::Elsewhere(key)),
    }
}

/// What is handed to an address in a network.
fn found(flow: FlowBuilder, network: &Network, ip: IpAddr, mac: MacAddr) -> FlowBuilder {
    let matching = match ip {
        IpAddr::V4(ip) => {
            regs::NEXT_HOP.matched(Match::new().with(Field::EthType, ethertype::IPV4), u32::from(ip).into())
        }
        IpAddr::V6(ip) => Match::new()
            .with(Field::EthType, ethertype::IPV6)
            .with(regs::NEXT_HOP_V6.bits.field, u128::from(ip)),
    };
    flow.matching(matching).when(&regs::NETWORK, network.key.into()).action(Action::set(Field::EthDst, mac))
}

fn handed(flow: FlowBuilder, way: &Way) -> FlowBuilder {
    match *way {
        Way::Here(key) => flow.set(&regs::EGRESS_PORT, key.into()).goto(&INGRESS),
        Way::Elsewhere(key) => flow.set(&regs::EGRESS_PORT, key.into()).goto(&DISPATCH),
        Way::Wire(node) => flow
            .action(Action::set(Field::EthSrc, node))
            .set(&regs::EGRESS_PORT, regs::EGRESS_WIRE.into())
            .goto(&DISPATCH),
        Way::Outer(key) => flow.set(&regs::EGRESS_PORT, key.into()).action(Action::resubmit(ARRIVE.id)),
        Way::Router(key, may_be_too_long) => {
            let flow = flow.set(&regs::ROUTER, key.into());
            let flow = if may_be_too_long { flow.set(&regs::MAY_BE_TOO_LONG, 1) } else { flow };
            flow.action(Action::resubmit(ROUTE.id))
        }
    }
}

/// Who is on the wire of a network: known by what was said, or asked for.
pub(super) fn network(view: &mut View<'_>, row: &LogicalSwitch, sink: &mut Sink) {
    let Some(network) = network::reached(view, &row.id) else { return };
    if network.wire.is_none() || !routers::are_in(view, &row.id) {
        return;
    }
    let us = view.settings().map(|settings| routers::node_mac(&settings.chassis));
    sink.flow(&NEIGHBOR, ON_WIRE, |flow| {
        let flow = flow.when(&regs::NETWORK, network.key.into());
        let from_us = us.filter(|_| !network.is_external).map(|mac| Action::set(Field::EthSrc, mac));
        from_us
            .into_iter()
            .fold(flow, FlowBuilder::action)
            .set(&regs::EGRESS_PORT, 0)
            .action(Action::resubmit(RESOLVED.id))
            .goto(&UNRESOLVED)
    });
    sink.flow(&UNRESOLVED, Priority::EXACT, |flow| {
        flow.when(&regs::NETWORK, network.key.into())
            .when(&regs::EGRESS_PORT, regs::EGRESS_WIRE.into())
            .goto(&DISPATCH)
    });
    let Some(ask) = slow_path::to_controller(view, &row.id, userdata::UNRESOLVED, sink) else { return };
    sink.flow(&UNRESOLVED, Priority::DEFAULT, |flow| {
        flow.when(&regs::NETWORK, network.key.into()).when(&regs::EGRESS_PORT, 0).action(ask)
    });
    super::announce::listen(view, row, &network, sink);
}
