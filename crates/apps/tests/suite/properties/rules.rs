//! Who should get a packet.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use net_types::MacAddr;
use packet::arp::{Arp, ArpOperation};
use packet::nd::Neighbor;

use super::filters::lets_pass;
use super::frames::{Body, Frame, Payload};
use super::world::{Port, World};

/// The names of those who should get a frame, in order, each once.
pub(super) fn receivers<'a>(world: &'a World, sender: &'a Port, frame: &Frame) -> Vec<&'a str> {
    let Some(here) = sender.place() else { return vec![] };
    if frame.is_tagged || frame.src.is_multicast() || sender.is_secured && !is_honest(sender, frame) {
        return vec![];
    }
    if is_answered(world, sender, frame) {
        return vec![&sender.name];
    }
    if !lets_pass(world, sender, frame, false) {
        return vec![];
    }
    let members = || world.ports.iter().filter(|port| port.network == sender.network);
    let wants = |port: &&Port| {
        let is_reached = port.place().is_some_and(|there| {
            world.is_connected(port.network, here, there) && passes_wire(world, sender, frame, here, there)
        });
        world.is_addressed(port, frame.dst)
            && is_reached
            && port.name != sender.name
            && lets_pass(world, port, frame, true)
    };
    let mut names: Vec<&str> = members().filter(wants).map(|port| port.name.as_str()).collect();
    names.sort_unstable();
    names
}

/// Whether a frame gets to another node where only a physical network leads there: it is not sent where its address is known
/// to be here, and not taken from there in the name of who is here.
fn passes_wire(world: &World, sender: &Port, frame: &Frame, here: usize, there: usize) -> bool {
    let network = sender.network;
    here == there
        || !world.is_on_wire(network)
        || !world.is_owned_at(network, here, frame.dst) && !world.is_owned_at(network, there, frame.src)
}

/// Whether a broadcast request is about the address of somebody else.
fn is_answered(world: &World, sender: &Port, frame: &Frame) -> bool {
    let arp = match &frame.body {
        Body::Arp(arp) => arp,
        Body::Neighbor(src, Neighbor::Solicitation(question)) => {
            // Who does not say where it is cannot be answered by the switch; a check for duplicates must not be.
            let can_be_answered = question.source_link.is_some() && !src.is_unspecified();
            return can_be_answered && is_answered_for(world, sender, question.target);
        }
        _ => return false,
    };
    let target = IpAddr::V4(arp.target_ip);
    // A range says too little to be asked about.
    let is_own = sender.sources().iter().any(|(_, net)| net.network() == target);
    let has_owner = world.ports.iter().any(|port| {
        let may_be_named = port.is_enabled && (port.node.is_some() || port.is_of_network);
        port.network == sender.network && port.ips.contains(&target) && may_be_named
    });
    // Who asks in the name of what it asks for says that it has it.
    let is_announcement = arp.sender_ip == arp.target_ip;
    let is_question = arp.operation == ArpOperation::REQUEST && frame.dst.is_broadcast() && !is_announcement;
    is_question && has_owner && !is_own
}

/// Whether an IPv6 address is that of somebody else who is answered for.
fn is_answered_for(world: &World, sender: &Port, target: Ipv6Addr) -> bool {
    let has_any = |port: &Port| port.ips.iter().any(IpAddr::is_ipv6);
    let has_own = sender.sources().iter().any(|(_, net)| net.addr().is_ipv6());
    let is_own = sender.sources().iter().any(|(_, net)| net.network() == target)
        || has_own && sender.macs.iter().any(|mac| mac.link_local() == target);
    let has_owner = world.ports.iter().any(|port| {
        let may_be_named = port.is_enabled && (port.node.is_some() || port.is_of_network);
        let link_local = port.macs.first().map(|mac| mac.link_local());
        let has_it = port.ips.contains(&IpAddr::V6(target)) || has_any(port) && link_local == Some(target);
        port.network == sender.network && has_it && may_be_named
    });
    has_owner && !is_own
}

/// Whether a frame says the truth about its sender.
fn is_honest(sender: &Port, frame: &Frame) -> bool {
    let from = frame.src;
    match &frame.body {
        Body::Ip { src: IpAddr::V4(src), payload, .. } => is_honest_ipv4(sender, from, *src, *payload),
        Body::Ip { src: IpAddr::V6(src), payload, .. } => is_honest_ipv6(sender, from, *src, *payload),
        Body::Arp(arp) => is_honest_arp(sender, from, arp),
        Body::Neighbor(src, message) => is_honest_neighbor(sender, from, *src, message),
        Body::Other => false,
    }
}

fn is_honest_ipv4(sender: &Port, from: MacAddr, src: Ipv4Addr, payload: Payload) -> bool {
    match payload {
        Payload::Udp(67, _) => false,
        Payload::Udp(68, 67) if src.is_unspecified() => sender.macs.contains(&from),
        _ => sender.may_send_from(from, src.into()),
    }
}

/// Whether a MAC address may be used with any IPv6 address.
fn has_ipv6(sender: &Port, from: MacAddr) -> bool {
    sender.sources().iter().any(|(mac, net)| *mac == from && net.addr().is_ipv6())
}

/// Whether a MAC address may be used with this one.
fn owns_ipv6(sender: &Port, from: MacAddr, ip: Ipv6Addr) -> bool {
    let is_link_local = ip == from.link_local() && has_ipv6(sender, from);
    is_link_local || sender.may_send_from(from, ip.into())
}

fn is_honest_ipv6(sender: &Port, from: MacAddr, src: Ipv6Addr, payload: Payload) -> bool {
    match payload {
        Payload::Udp(547, _) | Payload::Icmp(134 | 137) => false,
        Payload::Icmp(131..=133 | 143) if src.is_unspecified() => has_ipv6(sender, from),
        _ => owns_ipv6(sender, from, src),
    }
}

fn is_honest_arp(sender: &Port, from: MacAddr, arp: &Arp) -> bool {
    let is_probe = arp.is_probe() && sender.macs.contains(&from);
    arp.sender_mac == from && (is_probe || sender.may_send_from(from, arp.sender_ip.into()))
}

fn is_honest_neighbor(sender: &Port, from: MacAddr, src: Ipv6Addr, message: &Neighbor) -> bool {
    let owns = |ip| owns_ipv6(sender, from, ip);
    // An option that says zero says nothing.
    let is_own_link = |link: Option<MacAddr>| link.is_none_or(|link| link == from || link.is_zero());
    let is_no_link = |link: Option<MacAddr>| link.is_none_or(MacAddr::is_zero);
    match message {
        Neighbor::Solicitation(question) if src.is_unspecified() => {
            owns(question.target) && is_no_link(question.source_link)
        }
        Neighbor::Solicitation(question) => owns(src) && is_own_link(question.source_link),
        Neighbor::Advertisement(claim) => owns(src) && owns(claim.target) && is_own_link(claim.target_link),
    }
}
