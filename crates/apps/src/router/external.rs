//! With which address packets leave to external networks, and what becomes of those that come from there.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use engine::numbers::Space;
use engine::{Sink, View};
use model::{FloatingIp, Id, LogicalRouter};
use openflow::action::{Action, Ct, Nat, NatAddrs, NatKind, Zone};
use openflow::field::Subfield;
use openflow::{Field, Match};
use packet::{ethertype, icmp, ip_proto};
use pipeline::tables::{ARRIVE, DISPATCH, EXTERNAL, NEIGHBOR, ROUTE};
use pipeline::{FlowBuilder, Priority, regs};

use super::limits::{self, Limits};
use super::route::forwarded;
use super::{NO_PORT, announce, host_address, quotes};
use crate::network::{self, Network};
use crate::routers::{self, Gateway, Leg, Router};
use crate::{gateway, places};

/// What has an address of its own outside, what is for one.
pub(super) const TRANSLATED: Priority = Priority::EXACT;
/// Pings of the gateway itself, which belong to no connection of others.
const PING: Priority = Priority::EXACT.level(1);
/// What comes from the inside of a router on another node.
const FROM_INSIDE: Priority = Priority::EXACT.level(3);
/// The rest; before it, what comes from a wire.
const REST: Priority = Priority::DEFAULT;
const FROM_OUTSIDE: Priority = Priority::DEFAULT.level(1);

/// The gateways of a router: on this node, or the way to the node where they are.
pub(super) fn gateways(view: &mut View<'_>, row: &LogicalRouter, sink: &mut Sink) {
    let Some(router) = routers::here(view, &row.id).filter(|router| !router.gateways.is_empty()) else {
        return;
    };
    let Some(settings) = view.settings() else { return };
    let node = gateway::active(view, &row.id);
    for gateway in &router.gateways {
        let Some(network) = network::reached(view, &gateway.leg.network) else { continue };
        match &node {
            Some(node) if *node == settings.chassis => {
                let (port, outside) = (&gateway.leg.port, &gateway.leg.network);
                let limits = limits::of_gateway(view, port, outside, sink);
                let zone = if is_hiding(gateway) { zone(view, row, sink) } else { None };
                leaves_here(&router, gateway, &network, (zone, limits), sink);
                // What others send to this gateway has its address, also where guests of this node have that of the node.
                let marks = host_address::replaces(view, &row.id, gateway);
                let inside = Inside::of(view, &row.id, router.key, &network);
                arrives_here(inside, gateway, &network, (zone, limits, marks), sink);
                for ip in gateway.leg.addresses.iter().map(ipnet::IpNet::addr) {
                    announce::address(view, &network, ip, gateway.leg.mac, sink);
                }
                if gateway.leg.addresses.iter().any(|address| address.addr().is_ipv6()) {
                    announce::answer_v6(view, &network, gateway.leg.mac.link_local(), sink);
                }
                sink.ready(&gateway.leg.port);
            }
            Some(_) => {
                sink.flow(&EXTERNAL, REST, |flow| to_gateway(outward(flow, &router, &network), gateway));
            }
            None if host_address::replaces(view, &row.id, gateway) => {}
            None => sink.problem(
                "the router has a gateway, and no node is a candidate for it: start a df-l3-agent on a node that is at the \
                 external network, and in a zone that the router asks for",
            ),
        }
    }
}

/// Matches what a router sends to an external network.
pub(super) fn outward(flow: FlowBuilder, router: &Router, network: &Network) -> FlowBuilder {
    flow.when(&regs::ROUTER, router.key.into()).when(&regs::NETWORK, network.key.into())
}

/// Sends what leaves to the node of a gateway.
pub(super) fn to_gateway(flow: FlowBuilder, gateway: &Gateway) -> FlowBuilder {
    flow.action(Action::set(Field::EthDst, gateway.leg.mac))
        .set(&regs::EGRESS_PORT, gateway.leg.key.into())
        .goto(&DISPATCH)
}

/// Whether a gateway hides addresses behind its own.
pub(super) fn is_hiding(gateway: &Gateway) -> bool {
    gateway.hides && ipv4(&gateway.leg).is_some()
}

fn ipv4(leg: &Leg) -> Option<Ipv4Addr> {
    leg.addresses.iter().find_map(|address| match address.addr() {
        IpAddr::V4(ip) => Some(ip),
        IpAddr::V6(_) => None,
    })
}

/// The zone in which a router's connections are translated.
fn zone(view: &mut View<'_>, row: &LogicalRouter, sink: &mut Sink) -> Option<Zone> {
    let number = view.number(Space::RouterZone, &row.id).and_then(|number| u16::try_from(number).ok());
    if number.is_none() {
        sink.problem(
            "all conntrack zones of routers are taken, so nothing leaves with the address of this gateway",
        );
    }
    number.map(Zone::Imm)
}

/// What leaves to the external network on this node.
fn leaves_here(
    router: &Router,
    gateway: &Gateway,
    network: &Network,
    (zone, limits): (Option<Zone>, Limits),
    sink: &mut Sink,
) {
    let leg = &gateway.leg;
    let leaves = |flow: FlowBuilder| forwarded(limits.outward(outward(flow, router, network)), leg);
    let hidden = ipv4(leg).filter(|_| gateway.hides);
    let Some(ip) = hidden else {
        sink.flow(&EXTERNAL, REST, |flow| leaves(flow).goto(&NEIGHBOR));
        return;
    };
    // Only IPv4 is hidden.
    let of_version = |version: u16| Match::new().with(Field::EthType, version);
    sink.flow(&EXTERNAL, REST, |flow| leaves(flow.matching(of_version(ethertype::IPV6))).goto(&NEIGHBOR));
    let own = of_version(ethertype::IPV4).with(Field::Ipv4Src, ip);
    sink.flow(&EXTERNAL, TRANSLATED, |flow| leaves(flow.matching(own)).goto(&NEIGHBOR));
    let Some(zone) = zone else { return };
    let nat =
        Nat { kind: Some(NatKind::Src), addrs: Some(NatAddrs::V4 { min: ip, max: None }), ..Nat::default() };
    let track =
        Ct { commit: true, zone, table: Some(NEIGHBOR.id), actions: vec![Action::Nat(nat)], ..Ct::default() };
    sink.flow(&EXTERNAL, REST, |flow| {
        leaves(flow.matching(of_version(ethertype::IPV4))).action(Action::Ct(track))
    });
}

/// What comes from the external network, or from the inside of the router on another node.
fn arrives_here(
    router: Inside,
    gateway: &Gateway,
    network: &Network,
    (zone, limits, marks): (Option<Zone>, Limits, bool),
    sink: &mut Sink,
) {
    let leg = &gateway.leg;
    let arrived = |flow: FlowBuilder| {
        let flow = router.enter(flow.when(&regs::EGRESS_PORT, leg.key.into()));
        if marks { flow.set(&regs::VIA_GATEWAY, 1) } else { flow }
    };
    for version in [ethertype::IPV4, ethertype::IPV6] {
        let matching = Match::new().with(Field::EthType, version);
        sink.flow(&ARRIVE, REST, |flow| arrived(flow.matching(matching.clone())).goto(&ROUTE));
        // What comes from the inside of the router has its limit where it leaves.
        if limits.are_inward() {
            sink.flow(&ARRIVE, FROM_OUTSIDE, |flow| {
                let flow = flow.matching(matching).when(&regs::FROM_WIRE, 1);
                limits.inward(arrived(flow)).goto(&ROUTE)
            });
        }
    }
    let Some(ip) = ipv4(leg).filter(|_| gateway.hides) else { return };
    let Some(zone) = zone else { return };
    let to_gateway = Match::new().with(Field::EthType, ethertype::IPV4).with(Field::Ipv4Dst, ip);
    // What comes from inside, out of a tunnel, has the address that it is known by only after it has left: the answers of forwarded
    // ports to guests that are hidden. Whoever is outside comes from the wire, where there is one.
    if network.wire.is_some() {
        sink.flow(&ARRIVE, FROM_INSIDE, |flow| {
            let flow = flow.matching(to_gateway.clone()).when(&regs::FROM_TUNNEL, 1);
            arrived(flow.when(&regs::FROM_WIRE, 0)).set(&regs::IS_FOR_GATEWAY, 0).goto(&ROUTE)
        });
    }
    let ping = to_gateway.clone().with(Field::IpProto, ip_proto::ICMP);
    let ping = ping.with(Field::IcmpType, icmp::v4::ECHO_REQUEST);
    // One that another router of this node hides is of that one's connection, and so would the answer be, which is made of it, and
    // on its way back be taken for the question.
    sink.flow(&ARRIVE, PING, |flow| {
        limits.inward(arrived(flow.matching(ping))).action(Action::CtClear).goto(&ROUTE)
    });
    let back =
        Ct { zone, table: Some(ROUTE.id), actions: vec![Action::Nat(Nat::default())], ..Ct::default() };
    // What is of no connection stays for the gateway itself.
    sink.flow(&ARRIVE, TRANSLATED, |flow| {
        let flow = limits.inward(arrived(flow.matching(to_gateway)));
        flow.set(&regs::IS_FOR_GATEWAY, 1).action(Action::Ct(back))
    });
}

/// A router, as what comes from an external network enters it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Inside {
    router: u32,
    /// Whether what comes from there may be too long for another network of the router.
    brings_too_long: bool,
}

impl Inside {
    pub(super) fn of(view: &mut View<'_>, id: &Id<LogicalRouter>, router: u32, outside: &Network) -> Self {
        Self { router, brings_too_long: routers::may_bring_too_long(view, id, outside) }
    }

    /// Says that a packet is in the router, wherever it came from.
    pub(super) fn enter(self, flow: FlowBuilder) -> FlowBuilder {
        let flow = flow.set(&regs::ROUTER, self.router.into());
        let flow = if self.brings_too_long { flow.set(&regs::MAY_BE_TOO_LONG, 1) } else { flow };
        flow.set(&regs::FROM_TUNNEL, 0)
            .set(&regs::FROM_WIRE, 0)
            .action(Action::load(Subfield::all(Field::InPort16), NO_PORT))
    }
}

/// A floating IP, on the node where it is translated.
pub(super) fn floating_ip(view: &mut View<'_>, row: &FloatingIp, sink: &mut Sink) {
    let Some(IpAddr::V4(fixed)) = row.fixed_ip_address else { return };
    let Some(floating) = known(view, row) else { return };
    let limits = limits::of_floating_ip(view, row, &floating.leg.port, &floating.leg.network, sink);
    let Floating { router, inside, leg, network, ip } = &floating;
    let from_guest = Match::new().with(Field::EthType, ethertype::IPV4).with(Field::Ipv4Src, fixed);
    sink.flow(&EXTERNAL, TRANSLATED, |flow| {
        let flow = forwarded(outward(flow.matching(from_guest), router, network), leg);
        limits.outward(flow).action(Action::set(Field::Ipv4Src, *ip)).goto(&NEIGHBOR)
    });
    let to_guest = Match::new().with(Field::EthType, ethertype::IPV4).with(Field::Ipv4Dst, *ip);
    sink.flow(&ARRIVE, TRANSLATED, |flow| {
        let flow = flow.matching(to_guest).when(&regs::EGRESS_PORT, leg.key.into());
        let flow = limits.inward(inside.enter(flow)).set(&regs::IS_FOR_GATEWAY, 0);
        flow.action(Action::set(Field::Ipv4Dst, fixed)).goto(&ROUTE)
    });
    quotes::flows(view, &floating, &BTreeSet::from([fixed]), sink);
    announce::address(view, network, IpAddr::V4(*ip), leg.mac, sink);
    sink.ready(&leg.port);
}

/// What is needed to translate a floating IP.
pub(super) struct Floating {
    pub(super) router: Router,
    pub(super) inside: Inside,
    pub(super) leg: Leg,
    pub(super) network: Network,
    pub(super) ip: Ipv4Addr,
}

/// A floating IP that is translated here.
pub(super) fn known(view: &mut View<'_>, row: &FloatingIp) -> Option<Floating> {
    let IpAddr::V4(ip) = row.floating_ip_address? else { return None };
    let id: &Id<LogicalRouter> = row.lrouter.as_ref()?;
    let router = routers::here(view, id)?;
    let port = view.get(row.floating_lport.as_ref()?)?;
    let us = view.settings()?.chassis;
    if !places::of(view, &port).include(&us) {
        return None;
    }
    let network = network::reached(view, port.lswitch.as_ref()?)?;
    let mac = port.macs.iter().copied().find(|mac| mac.is_unicast())?;
    let leg = Leg {
        port: port.id.clone(),
        key: port.unique_key.get(),
        network: port.lswitch.clone()?,
        mac,
        addresses: Vec::new(),
    };
    let inside = Inside::of(view, id, router.key, &network);
    Some(Floating { router, inside, leg, network, ip })
}
