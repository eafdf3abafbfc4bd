//! Who should get a packet.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use net_types::MacAddr;
use packet::arp::{Arp, ArpOperation};
use packet::ethertype;
use packet::nd::Neighbor;

use super::filters::lets_pass;
use super::frames::{Body, Frame, Payload};
use super::routing;
use super::world::{Port, World};
use crate::support::Walk;

/// A frame as a port gets it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Delivery<'a> {
    port: &'a str,
    src: MacAddr,
    dst: MacAddr,
    /// What an IP packet has to live yet.
    hops: Option<u8>,
}

impl<'a> Delivery<'a> {
    /// Whether it is to this port.
    pub(super) fn is_to(&self, port: &Port) -> bool {
        self.port == port.name
    }

    /// Whether it looks as the frame was sent.
    pub(super) fn is_as_sent(&self, frame: &Frame) -> bool {
        (self.src, self.dst) == (frame.src, frame.dst) && self.hops.is_none_or(|hops| hops == frame.hops)
    }

    pub(super) fn of(port: &'a Port, frame: &Frame) -> Self {
        let hops = match frame.body {
            Body::Ip { .. } => Some(frame.hops),
            Body::Neighbor(..) => Some(packet::nd::HOP_LIMIT),
            Body::Arp(_) | Body::Other => None,
        };
        Self { port: &port.name, src: frame.src, dst: frame.dst, hops }
    }
}

/// What became of a frame, in the order of the ports that got it.
pub(super) fn delivered(walk: &Walk) -> Vec<Delivery<'_>> {
    let mac = |bits: u64| MacAddr(bits.to_be_bytes()[2..].try_into().expect("six octets"));
    let mut all: Vec<Delivery<'_>> = walk
        .deliveries
        .iter()
        .map(|delivery| {
            let key = &delivery.key;
            let is_ip = [ethertype::IPV4, ethertype::IPV6].contains(&key.eth_type);
            let hops = is_ip.then_some(key.net.ttl);
            Delivery { port: &delivery.port, src: mac(key.eth_src), dst: mac(key.eth_dst), hops }
        })
        .collect();
    all.sort_unstable();
    all
}

/// What should become of a frame, in the order of the ports that should get it.
pub(super) fn deliveries<'a>(world: &'a World, sender: &'a Port, frame: &Frame) -> Vec<Delivery<'a>> {
    let Some(here) = sender.place() else { return vec![] };
    if frame.is_tagged || frame.src.is_multicast() || sender.is_secured && !is_honest(sender, frame) {
        return vec![];
    }
    if let Some(owner) = owner_told_of(world, sender, frame) {
        return vec![Delivery::of(sender, &Frame { src: owner, dst: frame.src, ..frame.clone() })];
    }
    if !lets_pass(world, sender, frame, false) {
        return vec![];
    }
    if let Some(router) = routing::router_at(world, sender.network, frame.dst) {
        return routing::deliveries(world, here, router, frame);
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
    let mut all: Vec<Delivery<'_>> = members().filter(wants).map(|port| Delivery::of(port, frame)).collect();
    all.sort_unstable();
    all
}

/// Whether a frame gets to another node where only a physical network leads there: it is not sent where its address is known
/// to be here, and not taken from there in the name of who is here.
fn passes_wire(world: &World, sender: &Port, frame: &Frame, here: usize, there: usize) -> bool {
    let network = sender.network;
    here == there
        || !world.is_on_wire(network)
        || !world.is_owned_at(network, here, frame.dst) && !world.is_owned_at(network, there, frame.src)
}

/// The MAC address that a sender is told who asks for the address of somebody else.
fn owner_told_of(world: &World, sender: &Port, frame: &Frame) -> Option<MacAddr> {
    let (target, is_own) = match &frame.body {
        Body::Arp(arp) => {
            // Who asks in the name of what it asks for says that it has it.
            let is_announcement = arp.sender_ip == arp.target_ip;
            let is_question = arp.operation == ArpOperation::REQUEST && frame.dst.is_broadcast();
            (
                IpAddr::V4(arp.target_ip),
                !is_question || is_announcement || is_own(sender, arp.target_ip.into()),
            )
        }
        Body::Neighbor(src, Neighbor::Solicitation(question)) => {
            // Who does not say where it is cannot be answered by the switch; a check for duplicates must not be.
            let can_be_answered = question.source_link.is_some() && !src.is_unspecified();
            (IpAddr::V6(question.target), !can_be_answered || is_own(sender, question.target.into()))
        }
        _ => return None,
    };
    if is_own {
        return None;
    }
    let leg = routing::leg_with(world, sender.network, target).map(|(_, leg)| leg.mac);
    leg.or_else(|| world.owner_of_ip(sender.network, target).map(|port| port.macs[0]))
}

/// Whether an address is one of the sender, about which it is not told.
pub(super) fn is_own(sender: &Port, target: IpAddr) -> bool {
    // A range says too little to be asked about.
    let is_source = sender.sources().iter().any(|(_, net)| net.network() == target);
    let has_ipv6 = sender.sources().iter().any(|(_, net)| net.addr().is_ipv6());
    is_source || has_ipv6 && sender.macs.iter().any(|mac| IpAddr::V6(mac.link_local()) == target)
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
        // One that claims nothing that it has.
        Payload::Icmp(136) => false,
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
