//! Neighbours: who has an address in a network, for routers that hand packets on and for guests that ask.
//!
//! # Guarantees
//! - What is handed to an address of a port gets there: on this node, on another one, to another router, to where it is translated, or,
//!   in a physical network, onto the wire with the MAC address of this node. Addresses of ports go before those that ports only hold, and
//!   both before who is on a wire.
//! - A question of a guest for such an address comes back with the MAC address and the number of the port ([`crate::neighbors`]), and one for
//!   another with neither. It goes nowhere from here.
//! - If two ports of a network have one address, the same one of them has it on every node, and a finding says so. A port of a router goes
//!   before one of a guest.
//!
//! # Cost
//! One flow for each address of a port, in networks with ports on this node and in those that routers lead to from here.

use std::net::IpAddr;

use engine::{App, Rule, Sink, View};
use model::{AllowedAddressPairsActivePort, LogicalPort, LogicalSwitch};
use net_types::MacAddr;
use openflow::action::Action;
use openflow::{Field, Match};
use packet::ethertype;
use pipeline::tables::{ARRIVE, DISPATCH, INGRESS, NEIGHBOR, NEIGHBOR_OWNER, RESOLVED, ROUTE, UNRESOLVED};
use pipeline::{FlowBuilder, Priority, regs};

use crate::host_address::{self, HostAddress};
use crate::network::{self, Network};
use crate::{holders, local, neighbors, routers};

/// Ports by their own addresses go before holders of addresses of pairs, and these before who is on a wire; ports that mean to routers
/// something else than to guests go before others. What does not say of which version of IP a packet is has a level for each.
const APART: Priority = Priority::EXACT.level(2);
const OWN: [Priority; 2] = [Priority::EXACT, Priority::EXACT.level(1)];
const HELD: [Priority; 2] = [Priority::DEFAULT.level(2), Priority::DEFAULT.level(3)];
const ASKED_IN_VAIN: Priority = Priority::DEFAULT.level(1);
const ON_WIRE: Priority = Priority::DEFAULT;

/// The app.
#[must_use]
pub fn app() -> App {
    let rules = vec![
        Rule::once("everybody", everybody),
        Rule::each("neighbor", port),
        Rule::each("holder", holder),
        Rule::each("network", on_wire),
        Rule::each("address of the node", address_of_node),
    ];
    App { id: NEIGHBOR_OWNER, rules, responders: vec![] }
}

/// What is for nobody.
fn everybody(_: &mut View<'_>, sink: &mut Sink) {
    // The question ends here, and no packet does.
    sink.flow(&NEIGHBOR, ASKED_IN_VAIN, |flow| flow.when(&regs::ASKS, 1).set(&regs::ASKS, 0));
    sink.flow(&NEIGHBOR, Priority::MISS, |flow| flow.goto(&UNRESOLVED));
}

/// The addresses of a port.
fn port(view: &mut View<'_>, port: &LogicalPort, sink: &mut Sink) {
    let Some(id) = &port.lswitch else { return };
    let Some(network) = network::reached(view, id) else { return };
    // What has the address of a port that is nowhere may be that of its holder.
    if !holders::is_answered_for(port) {
        return;
    }
    let is_routed = routers::are_in(view, id);
    let is_asked = network.is_present && view.settings().is_some_and(|settings| settings.answer_arp);
    if !is_routed && !is_asked {
        return;
    }
    let Some(mac) = port.macs.iter().copied().find(|mac| mac.is_unicast()) else { return };
    let Some(way) = way(view, port, &network) else { return };
    let mut addresses = port.ips.clone();
    // Guests ask for the address that follows from the MAC address as well.
    if is_asked && addresses.iter().any(IpAddr::is_ipv6) {
        addresses.extend(Some(mac.link_local().into()).filter(|ip| neighbors::is_found(port, &network, *ip)));
        addresses.sort_unstable();
        addresses.dedup();
    }
    for ip in addresses {
        let is_found = neighbors::is_found(port, &network, ip);
        if is_routed || is_found {
            let priority = if is_found { of_version(OWN, ip) } else { APART };
            sink.flow(&NEIGHBOR, priority, |flow| {
                handed(found(flow, &network, ip, is_found).action(Action::set(Field::EthDst, mac)), &way)
            });
        }
    }
}

/// The address of a pair, at its holder.
fn holder(view: &mut View<'_>, row: &AllowedAddressPairsActivePort, sink: &mut Sink) {
    let Some((ip, mac)) = holders::holder(view, row) else { return };
    let Some(id) = &row.network else { return };
    let Some(network) = network::reached(view, id) else { return };
    let Some(port) = row.detected_lport.as_ref().and_then(|id| view.get(id)) else { return };
    let is_found = neighbors::is_found(&port, &network, ip);
    let is_asked = network.is_present && view.settings().is_some_and(|settings| settings.answer_arp);
    if !(routers::are_in(view, id) || is_found && is_asked) {
        return;
    }
    if let Some(way) = way(view, &port, &network) {
        sink.flow(&NEIGHBOR, of_version(HELD, ip), |flow| {
            handed(found(flow, &network, ip, is_found).action(Action::set(Field::EthDst, mac)), &way)
        });
    }
}

fn of_version([v4, v6]: [Priority; 2], ip: IpAddr) -> Priority {
    if ip.is_ipv4() { v4 } else { v6 }
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
    let is_here = local::is_for_here(view, port, network);
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

/// What is handed to an address in a network. Where guests ask for it too, it does not matter what it is.
fn found(flow: FlowBuilder, network: &Network, ip: IpAddr, is_found: bool) -> FlowBuilder {
    let matching = |version: u16| match is_found {
        true => Match::new(),
        false => Match::new().with(Field::EthType, version),
    };
    let matching = match ip {
        IpAddr::V4(ip) => regs::NEXT_HOP.matched(matching(ethertype::IPV4), u32::from(ip).into()),
        IpAddr::V6(ip) => matching(ethertype::IPV6).with(regs::NEXT_HOP_V6.bits.field, u128::from(ip)),
    };
    flow.matching(matching).when(&regs::NETWORK, network.key.into())
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

/// The address of this node in an external network: a guest with a floating IP on this node answers one without.
fn address_of_node(view: &mut View<'_>, row: &LogicalSwitch, sink: &mut Sink) {
    let Some(HostAddress { ip, mac, network }) = host_address::in_network(view, &row.id) else { return };
    sink.flow(&NEIGHBOR, APART, |flow| {
        found(flow, &network, ip.into(), false)
            .action(Action::set(Field::EthDst, mac))
            .set(&regs::EGRESS_PORT, 0)
            .action(Action::resubmit(ARRIVE.id))
    });
}

/// Who is on the wire of a network: known by what was said, or asked for.
fn on_wire(view: &mut View<'_>, row: &LogicalSwitch, sink: &mut Sink) {
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
}
