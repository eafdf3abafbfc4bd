//! Guests on this node, and ports inside them: how their frames are told apart when they come in, and what frames for them have to
//! look like.

use std::net::{IpAddr, Ipv6Addr};

use engine::{Sink, View};
use net_types::{MacAddr, OfPort};
use openflow::action::Action;
use openflow::{Field, Match};
use packet::{ethertype, ip_proto, nd};
use pipeline::tables::{
    ANSWER, ARRIVAL, CLASSIFY, DEPARTURE, DISPATCH, EGRESS_MARKS, EGRESS_RATE, INGRESS_RATE, PORT_SECURITY,
};
use pipeline::{FlowBuilder, Priority, TableSpec, regs, tunnels};

use super::between::between;
use super::{VLAN_TAG_TYPE, wire};
use crate::local::LocalPort;
use crate::network::{VLAN_PRESENT, tagged};
use crate::tunnel::Egress;
use crate::{filter, policy, reserve};

/// Frames of ports that share them with the port that they are inside of: by MAC address, by IP address.
const BY_MAC: Priority = Priority::EXACT.level(8);
const BY_IP: Priority = Priority::EXACT.level(9);
const BY_NEIGHBOR: Priority = Priority::EXACT.level(10);
/// Frames for a guest that may run on another node as well.
const MOVING: Priority = Priority::EXACT.level(3);

/// Packets from and to a guest on this node. With these the port forwards: what the other tables need is said in the same
/// step, because it follows from the same facts.
pub(super) fn guest(view: &mut View<'_>, local: &LocalPort, sink: &mut Sink) {
    arrive(view, local, sink);
    let limits = policy::shape_for(view, &local.port);
    let copy = copy_to_other_node(view, local);
    let is_detour = limits.limits_receiving || !copy.is_empty();
    let leaves_from = if is_detour { &DEPARTURE } else { &DISPATCH };
    if is_detour {
        sink.flow(&DISPATCH, Priority::EXACT, |flow| to(&DISPATCH, local, flow).goto(&INGRESS_RATE));
    }
    if !copy.is_empty() {
        sink.flow(&DISPATCH, MOVING, |flow| {
            let flow = to(&DISPATCH, local, flow).when(&regs::FROM_TUNNEL, 0);
            copy.iter().cloned().fold(flow, FlowBuilder::action).goto(&INGRESS_RATE)
        });
    }
    leave(local, leaves_from, sink);
    between(view, local, leaves_from, &copy, sink);
    answer(local, sink);
    sink.ready(&local.port.id);
}

/// What sends a frame for a guest that moves to the other node that it may run on. To who is on its way here by a physical network; not
/// from here, where the wire would bring it back.
fn copy_to_other_node(view: &mut View<'_>, local: &LocalPort) -> Vec<Action> {
    let Some(node) = &local.other_node else { return Vec::new() };
    if let Some(wire) = local.network.wire.as_ref().filter(|_| local.is_arriving) {
        return wire::copy(wire);
    }
    let Some(tunnel) = &local.network.tunnel else { return Vec::new() };
    let Ok(end) = tunnel.end(view, node) else { return Vec::new() };
    let label = tunnel.label(Egress::Port(local.port.unique_key.get()));
    label.into_iter().chain(tunnel.send(end)).collect()
}

/// What is answered goes back by where it came in.
pub(super) fn answers(_: &mut View<'_>, sink: &mut Sink) {
    sink.flow(&ANSWER, Priority::MISS, |flow| flow.output(OfPort::IN_PORT));
    // What only asked for a port does not go there: the question ends here, and no packet does.
    sink.flow(&DISPATCH, Priority::GUARD, |flow| flow.when(&regs::ASKS, 1).set(&regs::ASKS, 0));
}

/// Frames of the guest.
fn arrive(view: &mut View<'_>, local: &LocalPort, sink: &mut Sink) {
    let filter = filter::of(view, &local.port);
    let limits = policy::shape_for(view, &local.port);
    let queue = reserve::queue(view, local).map(Action::SetQueue);
    let port = local.port.unique_key.get();
    let known = |flow: FlowBuilder| {
        let mut flow = queue
            .clone()
            .into_iter()
            .fold(flow, FlowBuilder::action)
            .set(&regs::NETWORK, local.network.key.into())
            .set(&regs::INGRESS_PORT, port.into())
            .set(&regs::INGRESS_ON_WIRE, tunnels::key_on_wire(port).into());
        if let Some(filter) = filter {
            // All registers of a packet that comes in are 0.
            let said = filter.registers().filter(|(_, number)| *number != 0);
            flow = said.fold(flow, |flow, (register, number)| flow.set(register, number));
        }
        flow.goto(match limits {
            _ if local.is_arriving => &ARRIVAL,
            limits if limits.limits_sending => &EGRESS_RATE,
            limits if limits.marks => &EGRESS_MARKS,
            _ => &PORT_SECURITY,
        })
    };
    let vlan = local.vlan.map(|vlan| vlan | VLAN_PRESENT).unwrap_or_default();
    let from = Match::new().with(Field::InPort, local.of_port).with(Field::VlanVid, vlan);
    match &local.shares {
        None => {
            sink.flow(&CLASSIFY, Priority::EXACT, |flow| {
                let flow = flow.matching(from);
                known(if local.vlan.is_some() { flow.action(Action::PopVlan) } else { flow })
            });
            if local.network.carries_tags && local.vlan.is_none() {
                // With any tag that is not of a port inside this one.
                let any_tag = tagged().with(Field::InPort, local.of_port);
                sink.flow(&CLASSIFY, Priority::DEFAULT, |flow| known(flow.matching(any_tag)));
            }
        }
        Some(shares) => match shares.outer_mac {
            None => {
                for mac in &local.port.macs {
                    let from = from.clone().with(Field::EthSrc, *mac);
                    sink.flow(&CLASSIFY, BY_MAC, |flow| known(flow.matching(from)));
                }
            }
            Some(outer) => {
                let Some(own) = local.port.macs.first() else { return };
                for (priority, matching, says_mac) in by_address(&from.with(Field::EthSrc, outer), local) {
                    sink.flow(&CLASSIFY, priority, |flow| {
                        let flow = flow.matching(matching).action(Action::set(Field::EthSrc, *own));
                        let named = says_mac.map(|field| Action::set(field, *own));
                        known(named.into_iter().fold(flow, FlowBuilder::action))
                    });
                }
            }
        },
    }
}

/// What comes from the IP addresses of a port, and where besides the source its MAC address is said.
fn by_address(from: &Match, local: &LocalPort) -> Vec<(Priority, Match, Option<Field>)> {
    let of_type = |ethertype: u16| from.clone().with(Field::EthType, ethertype);
    let icmp6 = |kind: u8| {
        let icmp6 = of_type(ethertype::IPV6).with(Field::IpProto, ip_proto::ICMPV6);
        icmp6.with(Field::Icmp6Type, kind)
    };
    let of_address = |ip: &IpAddr| match *ip {
        IpAddr::V4(ip) => vec![
            (BY_IP, of_type(ethertype::IPV4).with(Field::Ipv4Src, ip), None),
            (BY_IP, of_type(ethertype::ARP).with(Field::ArpSpa, ip), Some(Field::ArpSha)),
        ],
        IpAddr::V6(ip) => {
            let asks = |source| icmp6(nd::NEIGHBOR_SOLICITATION).with(Field::Ipv6Src, source);
            let detects = asks(Ipv6Addr::UNSPECIFIED).with(Field::NdTarget, ip);
            let announces = icmp6(nd::NEIGHBOR_ADVERTISEMENT).with(Field::NdTarget, ip);
            vec![
                (BY_IP, of_type(ethertype::IPV6).with(Field::Ipv6Src, ip), None),
                (BY_NEIGHBOR, asks(ip), Some(Field::NdSll)),
                (BY_NEIGHBOR, detects, None),
                (BY_NEIGHBOR, announces, Some(Field::NdTll)),
            ]
        }
    };
    local.port.ips.iter().flat_map(of_address).collect()
}

pub(super) fn to(table: &TableSpec, local: &LocalPort, flow: FlowBuilder) -> FlowBuilder {
    let flow = flow.when(&regs::EGRESS_PORT, local.key());
    match table.id == DISPATCH.id {
        true => flow.when(&regs::NETWORK, local.network.key.into()),
        false => flow,
    }
}

/// Frames for the guest.
fn leave(local: &LocalPort, table: &'static TableSpec, sink: &mut Sink) {
    sink.flow(table, Priority::EXACT, |flow| dressed(local, to(table, local, flow)).output(local.of_port));
    if let Some(mac) = outer_mac(local) {
        sink.flow(table, Priority::EXACT.level(1), |flow| {
            let flow = flow.matching(Match::new().with(Field::EthType, ethertype::ARP));
            arp_dressed(local, mac, to(table, local, flow)).output(local.of_port)
        });
    }
}

/// Answers for the guest, where they do not look as they are.
fn answer(local: &LocalPort, sink: &mut Sink) {
    if local.vlan.is_some() {
        sink.flow(&ANSWER, Priority::EXACT, |flow| {
            dressed(local, flow.when(&regs::INGRESS_PORT, local.key())).output(OfPort::IN_PORT)
        });
    }
    if let Some(mac) = outer_mac(local) {
        sink.flow(&ANSWER, Priority::EXACT, |flow| {
            dressed(local, flow.when(&regs::INGRESS_PORT, local.key())).output(OfPort::IN_PORT)
        });
        sink.flow(&ANSWER, Priority::EXACT.level(1), |flow| {
            let flow = flow.matching(Match::new().with(Field::EthType, ethertype::ARP));
            arp_dressed(local, mac, flow.when(&regs::INGRESS_PORT, local.key())).output(OfPort::IN_PORT)
        });
    }
}

pub(super) fn outer_mac(local: &LocalPort) -> Option<MacAddr> {
    local.shares.as_ref().and_then(|shares| shares.outer_mac)
}

/// A frame as the port that it is inside of has to get it.
pub(super) fn dressed(local: &LocalPort, flow: FlowBuilder) -> FlowBuilder {
    match (local.vlan, outer_mac(local)) {
        (Some(vlan), _) => flow
            .action(Action::PushVlan(VLAN_TAG_TYPE))
            .action(Action::set(Field::VlanVid, vlan | VLAN_PRESENT)),
        (None, Some(mac)) => flow.action(Action::set(Field::EthDst, mac)),
        (None, None) => flow,
    }
}

/// ARP as a port has to get it whose frames come to the MAC address of the port that it is inside of.
pub(super) fn arp_dressed(local: &LocalPort, outer: MacAddr, flow: FlowBuilder) -> FlowBuilder {
    dressed(local, flow).action(Action::set(Field::ArpTha, outer))
}
