//! Neighbour and router discovery: who has an IPv6 address, and what the link is like, is answered on the node of who asks.
//!
//! # Guarantees
//! - A neighbour solicitation for an IPv6 address of a port of the network, or for the link-local address that follows from the MAC
//!   address of one that has any, becomes the advertisement of that port and goes back at once. The switch itself does it; no
//!   other node hears of it. Where the port is found as routers find it ([`crate::neighbors`]), it has no flow here. The advertisement is solicited and overrides; it says "router" for ports of routers only.
//! - The check whether an address is free (source `::`) is not answered but reaches everybody, as it has to.
//! - A port is not answered about its own addresses, nor about those of its allowed address pairs.
//! - Ports that are disabled, or bound nowhere and not of the network itself, are not answered for, as with ARP.
//! - What is asked or said inside the tag of a guest, in networks that carry such, is switched and not looked at.
//! - A solicitation without the MAC address of who asks cannot be made an advertisement; it is switched to whom it asks.
//! - Ports with an address of a subnet whose mode for router advertisements is set are told what the link is like ([`advertise`]):
//!   when they ask, and from time to time. Nobody else is, and no other node hears of their questions.
//! - Where the node has a proxy for the metadata service, its address is answered for in every network.
//! - If two ports of a network have one address, the same one of them is named on every node, and a finding says so.

mod advertise;
mod respond;

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr};

use engine::{App, Responder, Rule, Sink, View};
use ipnet::{IpNet, Ipv6Net};
use model::{AllowedAddressPairsActivePort, LogicalPort, LogicalSwitch};
use net_types::MacAddr;
use openflow::action::Action;
use openflow::field::Subfield;
use openflow::{Field, Match};
use packet::{ethertype, ip_proto, nd};
use pipeline::metadata::{MAC, SERVICE_V6};
use pipeline::tables::{ANSWER, L2, ND, ND_ANSWER, ND_FOUND, ND_OWNER, NEIGHBOR};
use pipeline::{FlowBuilder, Priority, regs, userdata};

use crate::holders;
use crate::local::{self, LocalPort};
use crate::neighbors;
use crate::network::{present, tagged, with_tags};
use crate::slow_path;

/// Flags of an advertisement that was asked for and replaces what is known.
const SOLICITED_AND_OVERRIDE: u32 = 0x6000_0000;
const ROUTER: u32 = 0x8000_0000;

/// Ports of routers have owners that begin so.
const OWNER_ROUTER: &str = "network:router_";

/// Octets of a MAC address, in bits.
const MAC_BITS: u16 = 48;

/// Who is asked for is looked for where no flow says something special of it.
const LOOKED_FOR: Priority = Priority::MISS.level(1);
const OWN: Priority = Priority::EXACT.level(1);
const FROM_NOBODY: Priority = Priority::GUARD;

/// The app.
#[must_use]
pub fn app() -> App {
    let mut rules = vec![Rule::once("everybody", everybody), Rule::each("answer", answer)];
    rules.extend(local::each("own addresses", own_addresses));
    rules.extend(local::each("advertise", advertise::advertise));
    rules.push(Rule::once("neighbors", neighbors_found));
    rules.push(Rule::each("holder", holder));
    rules.push(Rule::each("behind a tag", behind_a_tag));
    rules.push(Rule::once("metadata service", metadata_service));
    rules.extend(local::each("announcements", announcements));
    let responders = vec![Responder { op: userdata::ROUTER_SOLICITATION, respond: respond::respond }];
    App { id: ND_OWNER, rules, responders }
}

fn icmp6(kind: u8) -> Match {
    Match::new()
        .with(Field::EthType, ethertype::IPV6)
        .with(Field::IpProto, ip_proto::ICMPV6)
        .with(Field::Icmp6Type, kind)
}

fn asks_for(ip: Ipv6Addr) -> Match {
    icmp6(nd::NEIGHBOR_SOLICITATION).with(Field::Icmp6Code, 0_u8).with(Field::NdTarget, ip)
}

fn everybody(_: &mut View<'_>, sink: &mut Sink) {
    sink.flow(&ND, Priority::MISS, |flow| flow.goto(&L2));
    let from_nobody = icmp6(nd::NEIGHBOR_SOLICITATION).with(Field::Ipv6Src, Ipv6Addr::UNSPECIFIED);
    sink.flow(&ND, FROM_NOBODY, |flow| flow.matching(from_nobody).goto(&L2));
    let completed = icmp6(nd::NEIGHBOR_ADVERTISEMENT).with(Field::Icmp6Code, 0_u8);
    sink.flow(&ND_ANSWER, Priority::EXACT, |flow| {
        flow.matching(completed).copy(Field::EthSrc.into(), Field::NdTll.into()).goto(&ANSWER)
    });
}

/// Looks for who is asked for among the neighbours of the network, and answers if it is there.
fn neighbors_found(view: &mut View<'_>, sink: &mut Sink) {
    if !view.settings().is_some_and(|settings| settings.answer_arp) {
        return;
    }
    let question = icmp6(nd::NEIGHBOR_SOLICITATION).with(Field::Icmp6Code, 0_u8);
    let with_option = question.clone().with(Field::NdOptionsType, nd::SOURCE_LINK_ADDRESS);
    sink.flow(&ND, LOOKED_FOR, |flow| {
        flow.matching(with_option)
            .copy(Field::NdTarget.into(), regs::NEXT_HOP_V6.bits)
            .set(&regs::ASKS, 1)
            .action(Action::resubmit(NEIGHBOR.id))
            .set(&regs::ASKS, 0)
            .goto(&ND_FOUND)
    });
    sink.flow(&ND_FOUND, Priority::EXACT, |flow| {
        flow.matching(question.clone()).when(&regs::EGRESS_PORT, 0).goto(&L2)
    });
    // Its MAC address is the destination now. What was found by is needed no more, and has room for one of two that change places.
    let room = Subfield { n_bits: MAC_BITS, ..regs::NEXT_HOP_V6.bits };
    sink.flow(&ND_FOUND, Priority::DEFAULT, |flow| {
        let flow = flow
            .matching(question)
            .copy(Field::Ipv6Src.into(), Field::Ipv6Dst.into())
            .copy(regs::NEXT_HOP_V6.bits, Field::Ipv6Src.into())
            .copy(Field::EthDst.into(), room)
            .copy(Field::EthSrc.into(), Field::EthDst.into())
            .copy(room, Field::EthSrc.into())
            .set(&regs::EGRESS_PORT, 0);
        advertised(flow, SOLICITED_AND_OVERRIDE).goto(&ND_ANSWER)
    });
}

/// Who is behind a tag of a guest has neighbours and routers of its own, which nobody here knows.
fn behind_a_tag(view: &mut View<'_>, row: &LogicalSwitch, sink: &mut Sink) {
    let Some(network) = with_tags(view, &row.id) else { return };
    sink.flow(&ND, FROM_NOBODY.level(1), |flow| {
        flow.matching(tagged()).when(&regs::NETWORK, network.key.into()).goto(&L2)
    });
}

/// Answers for the addresses of a port that are not found where routers find them.
fn answer(view: &mut View<'_>, port: &LogicalPort, sink: &mut Sink) {
    if !view.settings().is_some_and(|settings| settings.answer_arp) || !holders::is_answered_for(port) {
        return;
    }
    let Some(network) = port.lswitch.as_ref().and_then(|id| present(view, id)) else { return };
    let Some(mac) = port.macs.iter().copied().find(|mac| mac.is_unicast()) else { return };
    let own = ipv6(port.ips.iter());
    let link_local = Some(mac.link_local()).filter(|_| !own.is_empty());
    let all: BTreeSet<Ipv6Addr> = own.into_iter().chain(link_local).collect();
    for ip in all.into_iter().filter(|ip| !neighbors::is_found(port, &network, (*ip).into())) {
        let question = asks_for(ip).with(Field::NdOptionsType, nd::SOURCE_LINK_ADDRESS);
        sink.flow(&ND, Priority::EXACT, |flow| {
            let flow = flow.matching(question).when(&regs::NETWORK, network.key.into());
            advertisement(flow, ip, mac, is_router(port))
        });
    }
}

/// The metadata service is on every link of a node that has a proxy for it.
fn metadata_service(view: &mut View<'_>, sink: &mut Sink) {
    if view.metadata().is_some() {
        let question = asks_for(SERVICE_V6).with(Field::NdOptionsType, nd::SOURCE_LINK_ADDRESS);
        sink.flow(&ND, Priority::DEFAULT.level(1), |flow| {
            advertisement(flow.matching(question), SERVICE_V6, MAC, false)
        });
    }
}

/// Answers for the address of a pair, in the place of its holder. A port that has the address for its own goes before.
fn holder(view: &mut View<'_>, row: &AllowedAddressPairsActivePort, sink: &mut Sink) {
    if !view.settings().is_some_and(|settings| settings.answer_arp) {
        return;
    }
    let Some((IpAddr::V6(ip), mac)) = holders::holder(view, row) else { return };
    let Some(network) = row.network.as_ref().and_then(|id| present(view, id)) else { return };
    let port = row.detected_lport.as_ref().and_then(|id| view.get(id));
    if port.is_some_and(|port| neighbors::is_found(&port, &network, ip.into())) {
        return;
    }
    let question = asks_for(ip).with(Field::NdOptionsType, nd::SOURCE_LINK_ADDRESS);
    sink.flow(&ND, Priority::DEFAULT, |flow| {
        advertisement(flow.matching(question).when(&regs::NETWORK, network.key.into()), ip, mac, false)
    });
}

/// Has told what a guest says of addresses of its pairs, and lets it pass.
fn announcements(view: &mut View<'_>, local: &LocalPort, sink: &mut Sink) {
    let shared = holders::shared(view, &local.port);
    let addresses = shared.addresses.iter().map(|ip| IpNet::from(*ip));
    let claims: BTreeSet<Ipv6Net> = addresses.chain(shared.ranges).filter_map(only_v6).collect();
    if claims.is_empty() {
        return;
    }
    let Some(told) = slow_path::to_controller(view, &local.port.id, userdata::PAIR_ADDRESS, sink) else {
        return;
    };
    holders::ask(view, local, shared.asked.iter().filter(|ip| ip.is_ipv6()), sink);
    for net in claims {
        let says = icmp6(nd::NEIGHBOR_ADVERTISEMENT).with(Field::Icmp6Code, 0_u8);
        let says = says.with_masked(Field::NdTarget, net.addr(), net.netmask());
        sink.flow(&ND, Priority::EXACT, |flow| {
            flow.matching(says).when(&regs::INGRESS_PORT, local.key()).action(told.clone()).goto(&L2)
        });
    }
}

fn only_v6(net: IpNet) -> Option<Ipv6Net> {
    match net {
        IpNet::V6(net) => Some(net),
        IpNet::V4(_) => None,
    }
}

/// Whether a port is that of a router.
fn is_router(port: &LogicalPort) -> bool {
    port.device_owner.as_deref().is_some_and(|owner| owner.starts_with(OWNER_ROUTER))
}

/// Turns a solicitation into the advertisement that `ip` is at `mac`. The option with the MAC address becomes one of the
/// other kind, and its content follows in the next table.
fn advertisement(flow: FlowBuilder, ip: Ipv6Addr, mac: MacAddr, is_router: bool) -> FlowBuilder {
    let flags = SOLICITED_AND_OVERRIDE | if is_router { ROUTER } else { 0 };
    let flow = flow
        .copy(Field::EthSrc.into(), Field::EthDst.into())
        .action(Action::set(Field::EthSrc, mac))
        .copy(Field::Ipv6Src.into(), Field::Ipv6Dst.into())
        .action(Action::set(Field::Ipv6Src, ip));
    advertised(flow, flags).goto(&ND_ANSWER)
}

/// Makes a message an advertisement.
fn advertised(flow: FlowBuilder, flags: u32) -> FlowBuilder {
    flow.action(Action::set(Field::Icmp6Type, nd::NEIGHBOR_ADVERTISEMENT))
        .action(Action::set(Field::NdReserved, flags))
        .action(Action::set(Field::NdOptionsType, nd::TARGET_LINK_ADDRESS))
}

/// Lets a guest ask for its own addresses without being answered.
fn own_addresses(view: &mut View<'_>, local: &LocalPort, sink: &mut Sink) {
    if !view.settings().is_some_and(|settings| settings.answer_arp) {
        return;
    }
    let pairs = local.port.allowed_address_pairs.iter();
    let mut own = ipv6(local.port.ips.iter().chain(pairs.map(|pair| &pair.ip_address)));
    if !own.is_empty() {
        own.extend(local.port.macs.iter().map(|mac| mac.link_local()));
    }
    for ip in own {
        sink.flow(&ND, OWN, |flow| {
            flow.matching(asks_for(ip)).when(&regs::INGRESS_PORT, local.key()).goto(&L2)
        });
    }
}

/// The IPv6 addresses, each once.
fn ipv6<'a>(ips: impl Iterator<Item = &'a IpAddr>) -> BTreeSet<Ipv6Addr> {
    ips.filter_map(|ip| match ip {
        IpAddr::V6(ip) => Some(*ip),
        IpAddr::V4(_) => None,
    })
    .collect()
}
