//! Neighbours of routers on a wire: who is asked for, what the switch remembers of what they say, and what they are told.
//!
//! # Guarantees
//! - The first packets for a neighbour wait until it has answered, and then go on where they stopped. What nobody answers for is dropped.
//! - What a neighbour answers is remembered by the switch itself for [`REMEMBERED_S`], in a table that nobody compares, so it
//!   outlives the controller. The gateway of a subnet of the network may say by itself that it has another MAC address now.
//! - Who asks for an address that this node has outside (a floating IP, a gateway) is answered; nobody else is. Such an address is
//!   announced when it comes here, some times, and then every [`ANNOUNCED_EVERY_S`].
//! - Guests are told the MAC addresses of the routers in their network when these come, a few times: one that knew another router by the
//!   same address need not find out by itself. IPv6 has advertisements of routers for that.
//! - In networks of tenants, who is asked does not learn of us: such a question is from a node and not from the router's address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use engine::{Ask, Beacon, Neighbor, PacketIn, Reply, Resume, Sink, View};
use model::{LogicalPort, LogicalRouter, LogicalSwitch, Subnet, UniqueKey};
use net_types::MacAddr;
use openflow::action::{Action, Learn, LearnDst, LearnFlags, LearnSpec, LearnSrc};
use openflow::field::Subfield;
use openflow::{Field, Match};
use packet::arp::{Arp, ArpOperation};
use packet::build::Ethernet;
use packet::headers::{Headers, NetworkKey, VlanTag};
use packet::nd::{self, Advertisement, Envelope, Neighbor as Discovery, Solicitation};
use packet::{ethertype, ip_proto};
use pipeline::tables::{ARRIVE, DISPATCH, LEARNED_OWNER, NEIGHBOR, RESOLVED};
use pipeline::{Cookie, FlowBuilder, Priority, Register, regs, userdata};

use crate::local::LocalPort;
use crate::network::{self, Network};
use crate::routers::{self, Router};
use crate::slow_path;

/// How long the switch remembers what a neighbour said.
const REMEMBERED_S: u16 = 180;
/// How often an address is announced that is here, and how often soon after it came.
const ANNOUNCED_EVERY_S: u32 = 120;
const BURST: u8 = 4;
/// How often guests are told where their routers are, after they have been told first.
const GUESTS_TOLD_EVERY_S: u32 = 3_600;

/// What cookies of remembered neighbours say besides the key of their network.
const OF_NETWORK: u64 = 3 << 40;
const OF_NETWORK_V6: u64 = 4 << 40;

/// Questions for an address; what the gateway of a subnet says; what anybody answers.
const QUESTION: Priority = Priority::EXACT.level(8);
const ANSWER: Priority = Priority::EXACT.level(7);

/// Remembers what neighbours on the wire of a network say to us.
pub(super) fn listen(view: &mut View<'_>, row: &LogicalSwitch, network: &Network, sink: &mut Sink) {
    let Some(told) = slow_path::to_controller(view, &row.id, userdata::RESOLVED, sink) else { return };
    let limit = view.settings().map(|settings| settings.learning.addresses_max).unwrap_or_default();
    let answers = arp().with(Field::ArpOp, ArpOperation::REPLY.0);
    sink.flow(&ARRIVE, ANSWER, |flow| {
        heard(flow, network, answers).action(remember_v4(network, limit)).action(told.clone())
    });
    let advertisements = icmp6(nd::NEIGHBOR_ADVERTISEMENT);
    sink.flow(&ARRIVE, ANSWER, |flow| {
        heard(flow, network, advertisements).action(remember_v6(network, limit)).action(told)
    });
    // Who is the gateway may change without being asked.
    for subnet in view.by(&Subnet::BY_LSWITCH, row.id.clone()) {
        if let Some(IpAddr::V4(ip)) = subnet.gateway_ip {
            let says = arp().with(Field::ArpOp, ArpOperation::REQUEST.0).with(Field::ArpTpa, ip);
            let says = says.with(Field::ArpSpa, ip);
            sink.flow(&ARRIVE, ANSWER, |flow| heard(flow, network, says).action(remember_v4(network, limit)));
        }
    }
}

/// Tells a guest where the routers of its network are.
pub(super) fn to_guest(view: &mut View<'_>, local: &LocalPort, sink: &mut Sink) {
    let Some(network) = local.port.lswitch.as_ref() else { return };
    for leg in routers::legs_in(view, network) {
        for ip in leg.addresses.iter().filter_map(|address| match address.addr() {
            IpAddr::V4(ip) => Some(ip),
            IpAddr::V6(_) => None,
        }) {
            let frame = Ethernet::new(leg.mac, MacAddr::BROADCAST).arp(&Arp::announcement(leg.mac, ip));
            let frame = local.framed(frame).into();
            let port = local.of_port;
            sink.beacon(Beacon { port, frame, interval_s: GUESTS_TOLD_EVERY_S, burst: BURST, proves: None });
        }
    }
}

/// Answers for an address that this node has outside, and announces it.
pub(super) fn address(view: &mut View<'_>, network: &Network, ip: IpAddr, mac: MacAddr, sink: &mut Sink) {
    let Some(wire) = network.wire else { return };
    let ethernet = |dst| {
        let ethernet = Ethernet::new(mac, dst);
        wire.vlan.map(|vlan| VlanTag::customer(vlan, 0)).into_iter().fold(ethernet, Ethernet::tagged)
    };
    let announcement = match ip {
        IpAddr::V4(ip) => {
            answer_v4(view, network, ip, mac, sink);
            Some(ethernet(MacAddr::BROADCAST).arp(&Arp::announcement(mac, ip)))
        }
        IpAddr::V6(ip) => {
            answer_v6(view, network, ip, sink);
            let says = Advertisement {
                is_router: true,
                is_solicited: false,
                is_override: true,
                target: ip,
                target_link: Some(mac),
            };
            let all = packet::router::ALL_NODES;
            ethernet(multicast_mac(all)).neighbor(ip, all, &Discovery::Advertisement(says)).ok()
        }
    };
    if let Some(frame) = announcement {
        let frame: Arc<[u8]> = frame.into();
        sink.beacon(Beacon {
            port: wire.port,
            frame,
            interval_s: ANNOUNCED_EVERY_S,
            burst: BURST,
            proves: None,
        });
    }
}

/// Answers who asks for an address by ARP, and remembers who it was.
fn answer_v4(view: &mut View<'_>, network: &Network, ip: Ipv4Addr, mac: MacAddr, sink: &mut Sink) {
    let limit = view.settings().map(|settings| settings.learning.addresses_max).unwrap_or_default();
    let asks = arp().with(Field::ArpOp, ArpOperation::REQUEST.0).with(Field::ArpTpa, ip);
    sink.flow(&ARRIVE, QUESTION, |flow| {
        heard(flow, network, asks)
            .action(remember_v4(network, limit))
            .copy(Field::EthSrc.into(), Field::EthDst.into())
            .action(Action::set(Field::EthSrc, mac))
            .action(Action::set(Field::ArpOp, ArpOperation::REPLY.0))
            .copy(Field::ArpSha.into(), Field::ArpTha.into())
            .copy(Field::ArpSpa.into(), Field::ArpTpa.into())
            .action(Action::set(Field::ArpSha, mac))
            .action(Action::set(Field::ArpSpa, ip))
            .action(Action::load(Subfield::all(Field::InPort16), super::NO_PORT))
            .set(&regs::FROM_TUNNEL, 0)
            .set(&regs::EGRESS_PORT, regs::EGRESS_WIRE.into())
            .goto(&DISPATCH)
    });
}

/// Has who asks for an address by neighbour discovery answered.
pub(super) fn answer_v6(view: &mut View<'_>, network: &Network, ip: Ipv6Addr, sink: &mut Sink) {
    let Some(settings) = view.settings() else { return };
    let up = slow_path::to_controller(view, &settings.chassis, userdata::ROUTER_NEIGHBOR, sink);
    let Some(up) = up else { return };
    let asks = icmp6(nd::NEIGHBOR_SOLICITATION).with(Field::NdTarget, ip);
    sink.flow(&ARRIVE, QUESTION, |flow| heard(flow, network, asks).action(up));
}

fn arp() -> Match {
    Match::new().with(Field::EthType, ethertype::ARP)
}

fn icmp6(kind: u8) -> Match {
    Match::new()
        .with(Field::EthType, ethertype::IPV6)
        .with(Field::IpProto, ip_proto::ICMPV6)
        .with(Field::Icmp6Type, kind)
        .with(Field::Icmp6Code, 0_u8)
}

fn remember_v4(network: &Network, limit: u32) -> Action {
    remember(OF_NETWORK | u64::from(network.key), limit, ethertype::IPV4, Field::ArpSpa, &regs::NEXT_HOP)
}

fn remember_v6(network: &Network, limit: u32) -> Action {
    let who = OF_NETWORK_V6 | u64::from(network.key);
    remember(who, limit, ethertype::IPV6, Field::NdTarget, &regs::NEXT_HOP_V6)
}

/// Remembers that the address in `said` is at the source of a packet.
fn remember(who: u64, limit: u32, version: u16, said: Field, next_hop: &Register) -> Action {
    let spec = |src, dst, n_bits| LearnSpec { n_bits, src, dst };
    let all = Subfield::all;
    let (network, egress) = (regs::NETWORK.bits, regs::EGRESS_PORT.bits);
    Action::Learn(Box::new(Learn {
        hard_s: REMEMBERED_S,
        priority: Priority::EXACT.number(),
        cookie: Cookie::new(LEARNED_OWNER, who).bits(),
        flags: LearnFlags { send_flow_rem: false, delete_learned: true },
        table: RESOLVED.id,
        limit,
        specs: vec![
            spec(LearnSrc::Value(version.into()), LearnDst::Match(all(Field::EthType)), 16),
            spec(LearnSrc::Field(network), LearnDst::Match(network), network.n_bits),
            spec(LearnSrc::Field(all(said)), LearnDst::Match(next_hop.bits), next_hop.bits.n_bits),
            spec(LearnSrc::Field(all(Field::EthSrc)), LearnDst::Load(all(Field::EthDst)), 48),
            spec(LearnSrc::Value(regs::EGRESS_WIRE.into()), LearnDst::Load(egress), egress.n_bits),
        ],
        ..Learn::default()
    }))
}

/// Matches what is said on the wire of a network.
fn heard(flow: FlowBuilder, network: &Network, what: Match) -> FlowBuilder {
    flow.matching(what).when(&regs::NETWORK, network.key.into()).when(&regs::FROM_WIRE, 1)
}

fn multicast_mac(group: Ipv6Addr) -> MacAddr {
    let [.., a, b, c, d] = group.octets();
    MacAddr([0x33, 0x33, a, b, c, d])
}

/// Asks for the neighbour that a packet has to be handed to.
pub(super) fn unresolved(view: &mut View<'_>, packet: &PacketIn) -> Reply {
    match ask(view, packet) {
        Ok(ask) => Reply::Ask(Box::new(ask)),
        Err(reason) => Reply::Ignore(reason),
    }
}

fn ask(view: &mut View<'_>, packet: &PacketIn) -> Result<Ask, &'static str> {
    let next_hop = packet.next_hop.ok_or("a packet for a neighbour does not say for which")?;
    let row = UniqueKey::new(packet.network)
        .and_then(|key| view.by(&LogicalSwitch::BY_UNIQUE_KEY, key).into_iter().next())
        .ok_or("a packet for a neighbour is in a network that is gone")?;
    let network = network::reached(view, &row.id).ok_or("no router leads to the network any more")?;
    let sender = match network.is_external {
        true => outside(view, packet, next_hop)?,
        false => {
            let us = view.settings().ok_or("this node does not know itself")?.chassis;
            Sender { mac: routers::node_mac(&us), ip: None }
        }
    };
    let question = sender.question(next_hop).ok_or("the question for a neighbour makes no sense")?;
    let question = onto_wire(packet.network, question);
    let hop = match next_hop {
        IpAddr::V4(ip) => Action::set(regs::NEXT_HOP.bits.field, u32::from(ip)),
        IpAddr::V6(ip) => Action::set(regs::NEXT_HOP_V6.bits.field, u128::from(ip)),
    };
    let waits = Resume {
        frame: packet.frame.clone(),
        registers: vec![
            Action::load(regs::NETWORK.bits, packet.network.into()),
            Action::load(regs::ROUTER.bits, packet.router.into()),
            hop,
        ],
        table: NEIGHBOR.id,
    };
    Ok(Ask { neighbor: Neighbor { network: packet.network, ip: next_hop }, question, packet: waits })
}

/// In whose name a neighbour is asked for.
struct Sender {
    mac: MacAddr,
    ip: Option<IpAddr>,
}

/// The address of ours outside that a packet leaves with: it shall be known there.
fn outside(view: &mut View<'_>, packet: &PacketIn, next_hop: IpAddr) -> Result<Sender, &'static str> {
    let headers = Headers::parse(&packet.frame);
    let mac = headers.ethernet.ok_or("a packet for a neighbour is no frame")?.src;
    let router = router_of(view, packet).ok_or("a packet for a neighbour is in a router that is gone")?;
    let gateway = router.gateways.iter().find(|gateway| gateway.leg.mac == mac);
    let ip = match gateway {
        Some(gateway) => gateway.leg.address_near(next_hop).or_else(|| gateway.leg.address_like(next_hop)),
        None => source_of(&headers),
    };
    Ok(Sender { mac, ip })
}

/// The router that a packet is in.
pub(super) fn router_of(view: &mut View<'_>, packet: &PacketIn) -> Option<Router> {
    let key = UniqueKey::new(packet.router)?;
    let id = view.ids_by(&LogicalRouter::BY_UNIQUE_KEY, key).into_iter().next()?;
    routers::here(view, &id)
}

/// The source address of a packet.
pub(super) fn source_of(headers: &Headers) -> Option<IpAddr> {
    match headers.network? {
        NetworkKey::Ipv4 { src, .. } => Some(src.into()),
        NetworkKey::Ipv6 { src, .. } => Some(src.into()),
        _ => None,
    }
}

impl Sender {
    fn question(&self, target: IpAddr) -> Option<Vec<u8>> {
        match target {
            IpAddr::V4(target) => {
                let ip = match self.ip {
                    Some(IpAddr::V4(ip)) => ip,
                    _ => Ipv4Addr::UNSPECIFIED,
                };
                let question = Arp::request(self.mac, ip, target);
                Some(Ethernet::new(self.mac, MacAddr::BROADCAST).arp(&question))
            }
            IpAddr::V6(target) => {
                let ip = match self.ip {
                    Some(IpAddr::V6(ip)) => ip,
                    _ => self.mac.link_local(),
                };
                let group = nd::solicited_node(target);
                let question = Solicitation { target, source_link: Some(self.mac) };
                Ethernet::new(self.mac, multicast_mac(group))
                    .neighbor(ip, group, &Discovery::Solicitation(question))
                    .ok()
            }
        }
    }
}

/// Answers who asks on a wire for an IPv6 address of ours.
pub(super) fn neighbor(view: &mut View<'_>, packet: &PacketIn) -> Reply {
    advertisement(view, packet).map_or_else(Reply::Ignore, Reply::Resume)
}

fn advertisement(view: &mut View<'_>, packet: &PacketIn) -> Result<Resume, &'static str> {
    let headers = Headers::parse(&packet.frame);
    let asker = headers.ethernet.ok_or("a question for a neighbour is no frame")?.src;
    let (Some(envelope), Some(message)) = (Envelope::of(&headers), headers.ip_payload(&packet.frame)) else {
        return Err("a question for a neighbour is no IPv6 packet");
    };
    let Ok(Discovery::Solicitation(question)) = Discovery::parse(message, envelope) else {
        return Err("a question for a neighbour is none that may be answered");
    };
    let target = question.target;
    let network = UniqueKey::new(packet.network)
        .and_then(|key| view.ids_by(&LogicalSwitch::BY_UNIQUE_KEY, key).into_iter().next())
        .ok_or("a question for a neighbour is in a network that is gone")?;
    let port = view.by(&LogicalPort::BY_IP, (target.into(), network.clone())).into_iter().next();
    let mac = port.and_then(|port| port.macs.iter().copied().find(|mac| mac.is_unicast()));
    let mac = mac.or_else(|| routers::mac_of_link_local(view, &network, target.into()));
    let mac = mac.ok_or("a question is for an address that is not ours any more")?;
    let (envelope, answer) = question.answer(envelope.src, mac, true);
    let to = if answer.is_solicited { asker } else { multicast_mac(envelope.dst) };
    let frame = Ethernet::new(mac, to)
        .neighbor(envelope.src, envelope.dst, &Discovery::Advertisement(answer))
        .map_err(|_| "the answer to a question for a neighbour could not be made")?;
    Ok(onto_wire(packet.network, frame))
}

/// A frame that leaves to the wire of a network.
fn onto_wire(network: u32, frame: Vec<u8>) -> Resume {
    let registers = vec![
        Action::load(regs::NETWORK.bits, network.into()),
        Action::load(regs::EGRESS_PORT.bits, regs::EGRESS_WIRE.into()),
    ];
    Resume { frame, registers, table: DISPATCH.id }
}

/// Somebody on a wire said who has an address.
pub(super) fn resolved(_: &mut View<'_>, packet: &PacketIn) -> Reply {
    match said(&packet.frame) {
        Some(ip) => Reply::Told(Neighbor { network: packet.network, ip }),
        None => Reply::Ignore("what a neighbour said names no address"),
    }
}

fn said(frame: &[u8]) -> Option<IpAddr> {
    let headers = Headers::parse(frame);
    match headers.network? {
        NetworkKey::Arp(arp) => Some(arp.spa.into()),
        NetworkKey::Ipv6 { .. } => match headers.transport? {
            packet::headers::TransportKey::Icmpv6 { nd: Some(nd), .. } => Some(nd.target.into()),
            _ => None,
        },
        NetworkKey::Ipv4 { .. } => None,
    }
}
