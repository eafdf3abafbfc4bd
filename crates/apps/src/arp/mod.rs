//! ARP: who has an address is answered on the node of who asks.
//!
//! # Guarantees
//! - A broadcast request for an IPv4 address of a port of the network is answered with the port's MAC address at once, by the
//!   switch itself; no other node hears of it. Where the port is found as routers find it ([`crate::neighbors`]), it has no flow here.
//! - A port is not answered about its own addresses, nor about those of its allowed address pairs. So who checks for duplicates
//!   (RFC 5227) or announces itself reaches everybody in the network, as it wants to, and is never told that its own
//!   address is taken.
//! - Who may use addresses of others, because its port security is off, and announces one is not answered either: the announcement reaches
//!   everybody as it is.
//! - Disabled ports are not answered for, and neither are ports that are bound nowhere, unless the network itself is behind
//!   them (DHCP, gateways). Such a port often only reserves an address that others serve by their allowed address
//!   pairs; an answer would take the traffic away from them. Requests for it are flooded.
//! - Where the node has a proxy for the metadata service, its address is answered for in every network.
//! - All else is switched like any other frame: requests to a single station, replies, requests for unknown addresses. So is all
//!   ARP where the operator does not want answers.
//! - If two ports of a network have one address, the same one of them is named on every node, and a finding says so.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use engine::{App, Rule, Sink, View};
use ipnet::{IpNet, Ipv4Net};
use model::{AllowedAddressPairsActivePort, LogicalPort, LogicalSwitch};
use net_types::MacAddr;
use openflow::action::Action;
use openflow::{Field, Match};
use packet::ethertype;
use pipeline::metadata::{MAC, SERVICE_V4};
use pipeline::tables::{ANSWER, ARP, ARP_CLAIMS, ARP_FOUND, ARP_OWNER, L2, NEIGHBOR};
use pipeline::{FlowBuilder, Priority, regs, userdata};

use crate::holders;
use crate::host_address;
use crate::local::{self, LocalPort};
use crate::neighbors;
use crate::network::{Network, present, tagged, with_tags};
use crate::slow_path;

const REQUEST: u16 = packet::arp::ArpOperation::REQUEST.0;
const REPLY: u16 = packet::arp::ArpOperation::REPLY.0;

/// What is said of addresses of ports, and of those that are only held. Above the answers to questions for them, and below what is told.
const OF_PORT: Priority = Priority::EXACT.level(1);
const OF_HOLDER: Priority = Priority::DEFAULT.level(1);

/// Who is asked for is looked for where no flow says something special of it.
const LOOKED_FOR: Priority = Priority::MISS.level(1);

/// The app.
#[must_use]
pub fn app() -> App {
    let mut rules = vec![Rule::once("unanswered", unanswered), Rule::each("answer", answer)];
    rules.push(Rule::once("neighbors", neighbors_found));
    rules.push(Rule::each("behind a tag", behind_a_tag));
    rules.push(Rule::once("metadata service", metadata_service));
    rules.push(Rule::each("address of the node", host));
    rules.push(Rule::each("holder", holder));
    rules.push(Rule::each("stale holder", holders::stale));
    rules.extend(local::each("own addresses", own_addresses));
    rules.extend(local::each("announcements", announcements));
    App { id: ARP_OWNER, rules, responders: vec![holders::responder()] }
}

fn unanswered(_: &mut View<'_>, sink: &mut Sink) {
    sink.flow(&ARP_CLAIMS, Priority::MISS, |flow| flow.goto(&ARP));
    sink.flow(&ARP, Priority::MISS, |flow| flow.goto(&L2));
}

/// Looks for who is asked for among the neighbours of the network, and answers if it is there.
fn neighbors_found(view: &mut View<'_>, sink: &mut Sink) {
    if !view.settings().is_some_and(|settings| settings.answer_arp) {
        return;
    }
    let request = Match::new().with(Field::EthType, ethertype::ARP).with(Field::ArpOp, REQUEST);
    sink.flow(&ARP, LOOKED_FOR, |flow| {
        flow.matching(request.with(Field::EthDst, MacAddr::BROADCAST))
            .copy(Field::ArpTpa.into(), regs::NEXT_HOP.bits)
            .set(&regs::ASKS, 1)
            .action(Action::resubmit(NEIGHBOR.id))
            .set(&regs::ASKS, 0)
            .goto(&ARP_FOUND)
    });
    sink.flow(&ARP_FOUND, Priority::EXACT, |flow| flow.when(&regs::EGRESS_PORT, 0).goto(&L2));
    // Its MAC address is the destination now.
    sink.flow(&ARP_FOUND, Priority::DEFAULT, |flow| {
        flow.matching(Match::new().with(Field::EthType, ethertype::ARP))
            .action(Action::set(Field::ArpOp, REPLY))
            .copy(Field::ArpSha.into(), Field::ArpTha.into())
            .copy(Field::ArpSpa.into(), Field::ArpTpa.into())
            .copy(Field::EthDst.into(), Field::ArpSha.into())
            .copy(regs::NEXT_HOP.bits, Field::ArpSpa.into())
            .copy(Field::EthSrc.into(), Field::EthDst.into())
            .copy(Field::ArpSha.into(), Field::EthSrc.into())
            .set(&regs::EGRESS_PORT, 0)
            .goto(&ANSWER)
    });
}

/// Who is behind a tag of a guest has addresses of its own, which nobody here knows.
fn behind_a_tag(view: &mut View<'_>, row: &LogicalSwitch, sink: &mut Sink) {
    let Some(network) = with_tags(view, &row.id) else { return };
    sink.flow(&ARP_CLAIMS, Priority::GUARD, |flow| {
        flow.matching(tagged()).when(&regs::NETWORK, network.key.into()).goto(&ARP)
    });
    sink.flow(&ARP, Priority::GUARD.level(1), |flow| {
        flow.matching(tagged()).when(&regs::NETWORK, network.key.into()).goto(&L2)
    });
}

/// Answers for the addresses of a port that are not found where routers find them, and for none that others announce.
fn answer(view: &mut View<'_>, port: &LogicalPort, sink: &mut Sink) {
    if !view.settings().is_some_and(|settings| settings.answer_arp) || !holders::is_answered_for(port) {
        return;
    }
    let Some(network) = port.lswitch.as_ref().and_then(|id| present(view, id)) else { return };
    let Some(mac) = port.macs.iter().copied().find(|mac| mac.is_unicast()) else { return };
    let is_claimed = port.lswitch.as_ref().is_some_and(|id| holders::may_be_claimed(view, id));
    for ip in ipv4(port.ips.iter()) {
        if is_claimed {
            announced_by_others(ip, &network, OF_PORT, sink);
        }
        if neighbors::is_found(port, &network, ip.into()) {
            continue;
        }
        let request = asks_for(ip).with(Field::EthDst, MacAddr::BROADCAST);
        sink.flow(&ARP, Priority::EXACT, |flow| {
            reply(flow.matching(request).when(&regs::NETWORK, network.key.into()), ip, mac)
        });
    }
}

/// Answers for the address of a pair, in the place of its holder, where it is not found as others are. A port that has the address for its own goes before.
fn holder(view: &mut View<'_>, row: &AllowedAddressPairsActivePort, sink: &mut Sink) {
    if !view.settings().is_some_and(|settings| settings.answer_arp) {
        return;
    }
    let Some((IpAddr::V4(ip), mac)) = holders::holder(view, row) else { return };
    let Some(id) = &row.network else { return };
    let Some(network) = present(view, id) else { return };
    if holders::may_be_claimed(view, id) {
        announced_by_others(ip, &network, OF_HOLDER, sink);
    }
    let port = row.detected_lport.as_ref().and_then(|id| view.get(id));
    if port.is_some_and(|port| neighbors::is_found(&port, &network, ip.into())) {
        return;
    }
    let request = asks_for(ip).with(Field::EthDst, MacAddr::BROADCAST);
    sink.flow(&ARP, Priority::DEFAULT, |flow| {
        reply(flow.matching(request).when(&regs::NETWORK, network.key.into()), ip, mac)
    });
}

/// Lets pass what a guest asks for in its own name: it does not ask but says that it has the address now.
fn announced_by_others(ip: Ipv4Addr, network: &Network, priority: Priority, sink: &mut Sink) {
    sink.flow(&ARP, priority, |flow| {
        flow.matching(asks_for(ip).with(Field::ArpSpa, ip)).when(&regs::NETWORK, network.key.into()).goto(&L2)
    });
}

/// Has told what a guest says of addresses of its pairs, and lets it pass.
fn announcements(view: &mut View<'_>, local: &LocalPort, sink: &mut Sink) {
    let shared = holders::shared(view, &local.port);
    let addresses = ipv4(shared.addresses.iter());
    let ranges: Vec<Ipv4Net> = shared.ranges.iter().filter_map(only_v4).collect();
    if addresses.is_empty() && ranges.is_empty() {
        return;
    }
    let Some(told) = slow_path::to_controller(view, &local.port.id, userdata::PAIR_ADDRESS, sink) else {
        return;
    };
    holders::ask(view, local, shared.asked.iter().filter(|ip| ip.is_ipv4()), sink);
    for ip in addresses {
        let says = Match::new().with(Field::EthType, ethertype::ARP).with(Field::ArpSpa, ip);
        for says in [says.clone().with(Field::ArpTpa, ip), says.with(Field::ArpOp, REPLY)] {
            let level = if says.get(Field::ArpOp).is_some() { 2 } else { 3 };
            sink.flow(&ARP, Priority::EXACT.level(level), |flow| {
                flow.matching(says).when(&regs::INGRESS_PORT, local.key()).action(told.clone()).goto(&L2)
            });
        }
    }
    for net in ranges {
        // Who asks for itself cannot be told from who asks for others of its range: the controller can.
        let (ip, mask) = (net.addr(), net.netmask());
        let says = Match::new().with(Field::EthType, ethertype::ARP).with_masked(Field::ArpSpa, ip, mask);
        for (level, says) in
            [(0, says.clone().with_masked(Field::ArpTpa, ip, mask)), (1, says.with(Field::ArpOp, REPLY))]
        {
            sink.flow(&ARP_CLAIMS, Priority::EXACT.level(level), |flow| {
                flow.matching(says).when(&regs::INGRESS_PORT, local.key()).action(told.clone()).goto(&ARP)
            });
        }
    }
}

fn only_v4(net: &IpNet) -> Option<Ipv4Net> {
    match net {
        IpNet::V4(net) => Some(*net),
        IpNet::V6(_) => None,
    }
}

/// The metadata service is on every link of a node that has a proxy for it. A port that has the address for its own goes before.
fn metadata_service(view: &mut View<'_>, sink: &mut Sink) {
    if view.metadata().is_some() {
        let request = asks_for(SERVICE_V4).with(Field::EthDst, MacAddr::BROADCAST);
        sink.flow(&ARP, Priority::DEFAULT.level(1), |flow| reply(flow.matching(request), SERVICE_V4, MAC));
    }
}

/// Guests in an external network answer what left with the address of this node.
fn host(view: &mut View<'_>, row: &LogicalSwitch, sink: &mut Sink) {
    let Some(address) = host_address::in_network(view, &row.id).filter(|address| address.network.is_present)
    else {
        return;
    };
    let request = asks_for(address.ip).with(Field::EthDst, MacAddr::BROADCAST);
    sink.flow(&ARP, Priority::DEFAULT, |flow| {
        let flow = flow.matching(request).when(&regs::NETWORK, address.network.key.into());
        reply(flow, address.ip, address.mac)
    });
}

/// Lets a guest ask for its own addresses without being answered.
fn own_addresses(view: &mut View<'_>, local: &LocalPort, sink: &mut Sink) {
    if !view.settings().is_some_and(|settings| settings.answer_arp) {
        return;
    }
    let pairs = local.port.allowed_address_pairs.iter().map(|pair| &pair.ip_address);
    for ip in ipv4(local.port.ips.iter().chain(pairs)) {
        sink.flow(&ARP, Priority::EXACT.level(1), |flow| {
            flow.matching(asks_for(ip)).when(&regs::INGRESS_PORT, local.key()).goto(&L2)
        });
    }
}

/// The IPv4 addresses, each once.
fn ipv4<'a>(ips: impl Iterator<Item = &'a IpAddr>) -> BTreeSet<Ipv4Addr> {
    ips.filter_map(|ip| match ip {
        IpAddr::V4(ip) => Some(*ip),
        IpAddr::V6(_) => None,
    })
    .collect()
}

fn asks_for(ip: Ipv4Addr) -> Match {
    Match::new().with(Field::EthType, ethertype::ARP).with(Field::ArpOp, REQUEST).with(Field::ArpTpa, ip)
}

/// Turns a request into the reply that `ip` is at `mac`, and sends it back.
fn reply(flow: FlowBuilder, ip: Ipv4Addr, mac: MacAddr) -> FlowBuilder {
    flow.copy(Field::EthSrc.into(), Field::EthDst.into())
        .action(Action::set(Field::EthSrc, mac))
        .action(Action::set(Field::ArpOp, REPLY))
        .copy(Field::ArpSha.into(), Field::ArpTha.into())
        .copy(Field::ArpSpa.into(), Field::ArpTpa.into())
        .action(Action::set(Field::ArpSha, mac))
        .action(Action::set(Field::ArpSpa, ip))
        .goto(&ANSWER)
}
