//! Guests that leave with the address of their node (`external_host_ip`), and not at the node of their router's gateway.
//!
//! # Guarantees
//! - On a node that has such an address, what would be hidden behind a gateway leaves on the spot, with the address of the node for its
//!   source. The node of the gateway is not needed for it. What answers comes in here, and nothing else that is sent to the
//!   address gets anywhere.
//! - Floating IPs and forwarded ports go before, wherever they are translated. A router without a gateway, with one that hides nothing,
//!   or that is not distributed has no part in it, and neither has IPv6, which is not hidden.
//! - Guests with the same addresses and ports behind several routers each get their own answers: a connection is translated to an address
//!   of its router that exists only in the switch, in a zone of the router's own, and then to that of the node, in another
//!   zone. ICMP errors and what they quote are turned back in both.
//! - Who asks on the wire for the address is answered, with the MAC address of the node.
//!
//! # Cost
//! Two flows for each router, and a handful for the node. A packet is looked up in conntrack twice.

use std::net::IpAddr;

use engine::numbers::Space;
use engine::{Sink, View};
use model::{Chassis, FloatingIp, Id, LogicalRouter, LogicalSwitch};
use openflow::action::{Action, Ct, Nat, NatAddrs, NatKind, Zone};
use openflow::{Field, Match};
use packet::ethertype;
use pipeline::host_address::{BETWEEN, between};
use pipeline::tables::{ARRIVE, EXTERNAL, HOST_ADDRESS, NEIGHBOR, ROUTE};
use pipeline::{FlowBuilder, Priority, regs};

use super::external::{Inside, TRANSLATED, is_hiding, outward, to_gateway};
use super::route::forwarded;
use super::{announce, forwarding, limits};
use crate::host_address::{self, HostAddress};
use crate::network::Network;
use crate::routers::{self, Gateway, Leg, Router};
use crate::{gateway, places};

/// Before the way to the node of the gateway, after what has an address of its own.
const HERE: Priority = Priority::DEFAULT.level(1);

const ZONES_TAKEN: &str = "all conntrack zones of routers are taken, so nothing leaves with the address of this node by this router";

/// What one router has leave with the address of this node.
pub(super) fn router(view: &mut View<'_>, row: &LogicalRouter, sink: &mut Sink) {
    let Some(router) = routers::here(view, &row.id).filter(|router| router.gateways.iter().any(is_hiding))
    else {
        return;
    };
    if !host_address::serves(view, &row.id) {
        return;
    }
    for gateway in router.gateways.iter().filter(|gateway| is_hiding(gateway)) {
        let Some(address) = host_address::in_network(view, &gateway.leg.network) else { continue };
        let limits = limits::of_gateway(view, &gateway.leg.port, &gateway.leg.network, sink);
        // Not that of the gateway, which this node may have too: the same connection cannot have two addresses.
        let owner = Id::<ByHostAddress>::new(&format!("{}/host", row.id)).ok();
        let Some(zone) = owner.and_then(|owner| zone(view, &owner)) else { return sink.problem(ZONES_TAKEN) };
        let between = between(zone);
        let inside = Inside::of(view, &row.id, router.key, &address.network);
        let leg = Leg { mac: address.mac, ..gateway.leg.clone() };
        let hidden = NatAddrs::V4 { min: between, max: None };
        sink.flow(&EXTERNAL, HERE, |flow| {
            let flow = outward(flow.matching(ipv4()), &router, &address.network).when(&regs::VIA_GATEWAY, 0);
            forwarded(limits.outward(flow), &leg).action(hide(zone, hidden, HOST_ADDRESS.id))
        });
        sink.flow(&HOST_ADDRESS, Priority::EXACT, |flow| {
            let flow = flow.matching(ipv4().with(Field::Ipv4Dst, between));
            let flow = limits.inward(flow.when(&regs::NETWORK, address.network.key.into()));
            inside.enter(flow).action(turn_back(zone, ROUTE.id))
        });
    }
}

/// A router, as the owner of a zone besides that of its gateway.
#[derive(Debug)]
struct ByHostAddress;

fn zone<T>(view: &mut View<'_>, owner: &Id<T>) -> Option<u16> {
    view.number(Space::RouterZone, owner).and_then(|number| u16::try_from(number).ok())
}

fn ipv4() -> Match {
    Match::new().with(Field::EthType, ethertype::IPV4)
}

fn hide(zone: u16, addrs: NatAddrs, table: u8) -> Action {
    let nat = Nat { kind: Some(NatKind::Src), addrs: Some(addrs), ..Nat::default() };
    let (zone, actions) = (Zone::Imm(zone), vec![Action::Nat(nat)]);
    Action::Ct(Ct { commit: true, zone, table: Some(table), actions, ..Ct::default() })
}

fn turn_back(zone: u16, table: u8) -> Action {
    let actions = vec![Action::Nat(Nat::default())];
    Action::Ct(Ct { zone: Zone::Imm(zone), table: Some(table), actions, ..Ct::default() })
}

/// The address of this node in an external network, whatever routers use it.
pub(super) fn network(view: &mut View<'_>, row: &LogicalSwitch, sink: &mut Sink) {
    if host_address::is_taken(view, &row.id) {
        sink.problem(
            "the external_host_ip of this node is the address of somebody else in the network, so nothing leaves with it: keep it \
             out of the allocation pools",
        );
    }
    let Some(address) = host_address::in_network(view, &row.id) else { return };
    let Some(settings) = view.settings() else { return };
    let Some(zone) = zone::<Chassis>(view, &settings.chassis) else { return sink.problem(ZONES_TAKEN) };
    let HostAddress { ip, mac, network } = address;
    let in_network =
        |flow: FlowBuilder, matching: Match| flow.matching(matching).when(&regs::NETWORK, network.key.into());
    sink.flow(&HOST_ADDRESS, Priority::DEFAULT, |flow| {
        let from_router = ipv4().with_masked(Field::Ipv4Src, BETWEEN.0, BETWEEN.1);
        let seen = NatAddrs::V4 { min: ip, max: None };
        in_network(flow, from_router).action(hide(zone, seen, NEIGHBOR.id))
    });
    sink.flow(&ARRIVE, TRANSLATED, |flow| {
        let flow = in_network(flow, ipv4().with(Field::Ipv4Dst, ip));
        let flow = flow.set(&regs::IS_FOR_GATEWAY, 0).set(&regs::VIA_GATEWAY, 0);
        flow.action(turn_back(zone, HOST_ADDRESS.id))
    });
    announce::address(view, &network, IpAddr::V4(ip), mac, sink);
}

/// What has the address of a floating IP that is translated at the gateway goes there, and does not leave with the address of this node.
pub(super) fn floating_ip(view: &mut View<'_>, row: &FloatingIp, sink: &mut Sink) {
    let Some((router, gateway, network)) = away(view, row) else { return };
    let whole = row.fixed_ip_address.and_then(|ip| match ip {
        IpAddr::V4(ip) => Some(vec![ipv4().with(Field::Ipv4Src, ip)]),
        IpAddr::V6(_) => None,
    });
    for sent in whole.unwrap_or_else(|| forwarding::sent(view, row)) {
        sink.flow(&EXTERNAL, TRANSLATED, |flow| {
            to_gateway(outward(flow.matching(sent), &router, &network), &gateway)
        });
    }
}

/// The gateway on another node where a floating IP is translated, if other guests leave on this one.
fn away(view: &mut View<'_>, row: &FloatingIp) -> Option<(Router, Gateway, Network)> {
    let id = row.lrouter.as_ref()?;
    let port = view.get(row.floating_lport.as_ref()?)?;
    let outside = port.lswitch.clone()?;
    let address = host_address::in_network(view, &outside).filter(|_| host_address::serves(view, id))?;
    let router = routers::here(view, id)?;
    let there = gateway::active(view, id)?;
    if view.settings()?.chassis == there || places::of(view, &port).node.as_ref() != Some(&there) {
        return None;
    }
    let gateway = router.gateways.iter().find(|gateway| gateway.leg.network == outside)?.clone();
    Some((router, gateway, address.network))
}

/// Whether all that leaves by a router's gateway leaves with the address of this node, so that nobody has to have the gateway.
pub(super) fn replaces(view: &mut View<'_>, router: &Id<LogicalRouter>, gateway: &Gateway) -> bool {
    is_hiding(gateway)
        && host_address::serves(view, router)
        && host_address::in_network(view, &gateway.leg.network).is_some()
}
