//! Switching: which port is behind a destination address, and who gets what is for many.
//!
//! # Guarantees
//! - Each MAC address of each port of a network leads to that port, wherever it is and whether or not it can be reached now:
//!   a frame for a port that is unplugged, disabled or not bound anywhere is dropped and never flooded.
//! - A broadcast or multicast frame reaches each port of the network exactly once: those on this node by a copy each, those on
//!   other nodes by a copy for each node that has any, and those behind VTEPs by a copy for each of these. One that came out of a tunnel is copied on this node only.
//! - Where the operator wants it, what is for a multicast IP address goes to its listeners alone ([`multicast`]).
//! - A frame for an address that no port has is dropped, unless ports of the network may have other addresses than their own,
//!   because their port security is off or by an allowed address pair: these get it, and nobody else does. Where it was heard
//!   of before, it goes there only: see [`learn`]. One that ports share is that of who holds it: see [`held`].
//! - In a physical network it is not known who else is there: what is for an address of nobody on this node goes to the wire, as one
//!   copy, and what is for many does too; see [`wire`].
//! - A frame for the inner leg of a router is the router's, on the node that it comes from, and what is for a floating IP or a gateway is its on
//!   the node where these are; see [`router`].
//! - If two ports of a network have one MAC address, the same one of them gets the frames on every node, and a finding says so.
//!
//! # Cost
//! Floods are groups. The members on this node and the nodes that have others are groups of their own, so that one more
//! port changes one group, and one more port on another node none, unless it is the first one there.

mod held;
mod learn;
mod multicast;
mod router;
#[cfg(test)]
mod tests;
mod wire;

use std::collections::BTreeSet;
use std::net::IpAddr;

use engine::{App, Derived, Rule, Sink, View};
use model::{Chassis, Id, Index, IndexKey, LogicalPort, LogicalSwitch};
use net_types::{MacAddr, OfPort};
use openflow::action::Action;
use openflow::group::{Bucket, Group, GroupKind};
use openflow::{Field, Match};
use packet::build::tcp_flags;
use packet::{ethertype, ip_proto};
use pipeline::tables::{ARRIVE, DISPATCH, DNS, INGRESS, L2, L2_OWNER, LEARNED, UNKNOWN};
use pipeline::{FlowBuilder, Priority, groups, metadata, regs};

use crate::local;
use crate::network::{Network, has_takers, learns, present, reached};
use crate::tunnel::Egress;
use crate::{dns, places, routers};

/// Buckets of one group. The length of its message is counted in 16 bits, and a bucket of ours has at most 56 bytes.
const GROUP_BUCKETS_MAX: usize = 1_000;

/// The bit that tells group addresses from those of stations.
const MULTICAST: MacAddr = MacAddr([1, 0, 0, 0, 0, 0]);

/// Questions for names: they go to name servers, whatever these are.
const QUESTIONS: Priority = Priority::GUARD.level(8);

type PortsOfChassis = Index<LogicalPort, (Id<LogicalSwitch>, Id<Chassis>)>;

/// The app.
#[must_use]
pub fn app() -> App {
    let mut rules = vec![
        Rule::each("address", address),
        Rule::each("flood", flood),
        Rule::each("flood on this node", local_flood),
        Rule::once("tags inside tags", wire::tags_inside),
        Rule::each("held", held::held),
        Rule::once("metadata service", metadata_service),
        Rule::each("names", questions_for_names),
        Rule::each("heard from a port", learn::from_port),
        Rule::each("heard from elsewhere", learn::from_elsewhere),
        Rule::each("for routers", router::from_wire),
    ];
    rules.extend(local::each("answers to nobody", held::answers));
    rules.extend(multicast::rules());
    App { id: L2_OWNER, rules, responders: vec![multicast::responder()] }
}

/// Where the addresses of a port lead.
fn address(view: &mut View<'_>, port: &LogicalPort, sink: &mut Sink) {
    let Some(network) = port.lswitch.as_ref().and_then(|id| reached(view, id)) else { return };
    let Some(settings) = view.settings() else { return };
    if let Some(router) = routers::of_leg(view, port) {
        return router::leg(view, port, &router, &network, sink);
    }
    let is_only_here = places::of(view, port).node.as_ref() == Some(&settings.chassis);
    // Who is elsewhere is filtered there.
    let is_here = local::is_for_here(view, port, &network);
    let is_sent_there = network.is_present && network.wire.is_none();
    if !is_here && !is_sent_there {
        return;
    }
    let next = match routers::outer(view, port) {
        Some(_) if is_here => &ARRIVE,
        _ if is_here => &INGRESS,
        _ => &DISPATCH,
    };
    let is_routed_to = network.wire.is_some() && next.id == INGRESS.id;
    let routed_from = if is_routed_to { routers::mac_towards(view, port) } else { None };
    for mac in &port.macs {
        if !mac.is_unicast() {
            sink.problem(format!("{mac} cannot be the address of a port: it is not that of one station"));
            continue;
        }
        sink.flow(&L2, Priority::EXACT, |flow| {
            flow.matching(Match::new().with(Field::EthDst, *mac))
                .when(&regs::NETWORK, network.key.into())
                .set(&regs::EGRESS_PORT, port.unique_key.get().into())
                .goto(next)
        });
        if network.wire.is_some() {
            // A guest that is on its way here still speaks on the wire.
            if is_only_here {
                wire::no_reflection(&network, *mac, sink);
            }
            if let Some(leg) = routed_from {
                router::from_node(&network, port, *mac, leg, sink);
            }
        }
    }
}

/// What guests here ask name servers is looked at, where ports of their network have names. Of a connection of TCP these are the segments
/// behind which their senders wait.
fn questions_for_names(view: &mut View<'_>, row: &LogicalSwitch, sink: &mut Sink) {
    let Some(network) = present(view, &row.id).filter(|_| dns::has_names(view, &row.id)) else { return };
    let asks = |ethertype: u16, proto: u8| {
        let asks = Match::new().with(Field::VlanVid, 0_u16).with(Field::EthType, ethertype);
        asks.with(Field::IpProto, proto)
    };
    let push = tcp_flags::PSH;
    for ethertype in [ethertype::IPV4, ethertype::IPV6] {
        for asks in [
            asks(ethertype, ip_proto::UDP).with(Field::UdpDst, packet::dns::SERVER_PORT),
            asks(ethertype, ip_proto::TCP).with(Field::TcpDst, packet::dns::SERVER_PORT).with_masked(
                Field::TcpFlags,
                push,
                push,
            ),
        ] {
            sink.flow(&L2, QUESTIONS, |flow| {
                flow.matching(asks)
                    .when(&regs::NETWORK, network.key.into())
                    .when(&regs::FROM_TUNNEL, 0)
                    .when(&regs::FROM_WIRE, 0)
                    .when(&regs::LOOKED_UP, 0)
                    .goto(&DNS)
            });
        }
    }
}

/// What guests send to the metadata service and it does not take is nobody else's either.
fn metadata_service(view: &mut View<'_>, sink: &mut Sink) {
    if view.metadata().is_some() {
        let to = Match::new().with(Field::EthDst, metadata::MAC);
        sink.flow(&L2, Priority::GUARD, |flow| flow.matching(to));
    }
}

/// What is for many, and what is for nobody who is known.
fn flood(view: &mut View<'_>, row: &LogicalSwitch, sink: &mut Sink) {
    let Some(network) = present(view, &row.id) else { return };
    let key = network.key;
    let mut elsewhere = others(view, &network, &row.id, &LogicalPort::BY_LSWITCH_AND_CHASSIS, Some(sink));
    elsewhere.extend(network.wire.map(|_| wire::copy()));
    say_group(sink, groups::flood(key), behind(Some(groups::local_flood(key)), elsewhere));
    let many = Match::new().with_masked(Field::EthDst, MULTICAST, MULTICAST);
    let to_many = Priority::DEFAULT.level(1);
    sink.flow(&L2, to_many, |flow| {
        let flow = flow.matching(many.clone()).when(&regs::NETWORK, key.into()).when(&regs::FROM_TUNNEL, 0);
        labelled(flow, &network, Egress::Flood).action(Action::Group(groups::flood(key)))
    });
    sink.flow(&L2, to_many, |flow| {
        let flow = flow.matching(many).when(&regs::NETWORK, key.into()).when(&regs::FROM_TUNNEL, 1);
        flow.action(Action::Group(groups::local_flood(key)))
    });

    let takers = &LogicalPort::BY_LSWITCH_AND_CHASSIS_OTHER_MACS;
    let mut elsewhere = others(view, &network, &row.id, takers, None);
    let is_here = has_takers(view, &row.id);
    let is_heard_of = learns(view, &row.id);
    match network.wire {
        Some(_) if is_here => elsewhere.push(wire::copy()),
        Some(_) => wire::unknown(&network, sink),
        None => {}
    }
    if is_heard_of {
        look_up(key, sink);
    }
    if is_here {
        sink.flow(&UNKNOWN, Priority::EXACT, |flow| {
            let flow = flow.when(&regs::NETWORK, key.into()).when(&regs::EGRESS_PORT, 0);
            flow.when(&regs::FROM_TUNNEL, 1).action(Action::Group(groups::local_unknown(key)))
        });
    }
    if is_here || !elsewhere.is_empty() {
        say_group(
            sink,
            groups::unknown(key),
            behind(is_here.then_some(groups::local_unknown(key)), elsewhere),
        );
        let (table, priority) =
            if is_heard_of { (&UNKNOWN, Priority::EXACT) } else { (&L2, Priority::DEFAULT) };
        sink.flow(table, priority, |flow| {
            let flow = flow.when(&regs::NETWORK, key.into()).when(&regs::FROM_TUNNEL, 0);
            let flow = if is_heard_of { flow.when(&regs::EGRESS_PORT, 0) } else { flow };
            labelled(flow, &network, Egress::ByMac).action(Action::Group(groups::unknown(key)))
        });
    }
}

/// Asks where an address was heard last that no port has, and goes there.
fn look_up(network: u32, sink: &mut Sink) {
    sink.flow(&L2, Priority::DEFAULT, |flow| {
        flow.when(&regs::NETWORK, network.into()).action(Action::resubmit(LEARNED.id)).goto(&UNKNOWN)
    });
    sink.flow(&UNKNOWN, Priority::DEFAULT, |flow| flow.when(&regs::NETWORK, network.into()).goto(&INGRESS));
}

/// The same on this node only.
fn local_flood(view: &mut View<'_>, row: &LogicalSwitch, sink: &mut Sink) {
    let Some(network) = present(view, &row.id) else { return };
    let Some(settings) = view.settings() else { return };
    let here = (row.id.clone(), settings.chassis);
    let us = here.1.clone();
    let mut ports = view.ids_by(&LogicalPort::BY_LSWITCH_AND_CHASSIS, here);
    let arriving = places::moves(view, &row.id).into_iter().filter(|(node, _)| *node == us);
    ports.extend(arriving.map(|(_, port)| port));
    ports.sort_unstable();
    ports.dedup();
    let mut members: Vec<Member> =
        ports.iter().filter_map(|port| *view.derived::<LocalMember>(port)).collect();
    once_for_each_plug(&mut members);
    let buckets = |members: &mut dyn Iterator<Item = &Member>| -> Vec<Bucket> {
        members.map(|member| copy_for(member.key)).collect()
    };
    say_group(sink, groups::local_flood(network.key), buckets(&mut members.iter()));
    if has_takers(view, &row.id) {
        let mut takers = members.iter().filter(|member| member.takes_unknown);
        say_group(sink, groups::local_unknown(network.key), buckets(&mut takers));
    }
}

/// A port of this node that gets what is for many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Member {
    key: u32,
    takes_unknown: bool,
    /// Where its frames go, and the tag by which they are told from those of others there.
    plug: (OfPort, Option<u16>),
    /// Whether its frames look like those of the port that it is inside of.
    is_shared: bool,
}

/// Leaves one of those members whose frames look alike, and of these the outer port: a guest passes what is for many on to all
/// that is inside.
fn once_for_each_plug(members: &mut Vec<Member>) {
    let outer: BTreeSet<(OfPort, Option<u16>)> =
        members.iter().filter(|member| !member.is_shared).map(|member| member.plug).collect();
    let mut taken = BTreeSet::new();
    members.retain(|member| !member.is_shared || !outer.contains(&member.plug) && taken.insert(member.plug));
}

/// The [`Member`] that a port is. Whoever floods is not told of other changes of its row.
#[derive(Debug)]
struct LocalMember;

impl Derived for LocalMember {
    type Key = Id<LogicalPort>;
    type Value = Option<Member>;

    fn compute(view: &mut View<'_>, id: &Self::Key) -> Option<Member> {
        let local = local::find(view, id)?;
        Some(Member {
            key: local.port.unique_key.get(),
            takes_unknown: local.port.may_have_other_macs(),
            plug: (local.of_port, local.vlan),
            is_shared: local.shares.is_some(),
        })
    }
}

/// A bucket for each other node that has ports of the network in `index`; in the order of the nodes' names.
fn others(
    view: &mut View<'_>,
    network: &Network,
    id: &Id<LogicalSwitch>,
    index: &PortsOfChassis,
    mut problems: Option<&mut Sink>,
) -> Vec<Bucket> {
    let (Some(tunnel), Some(settings)) = (&network.tunnel, view.settings()) else { return Vec::new() };
    let mut ends = BTreeSet::new();
    let mut buckets = Vec::new();
    let halves = view.halves(index, id.clone());
    let mut nodes: BTreeSet<Id<Chassis>> =
        halves.iter().filter_map(|half| half.row().cloned()).map(Id::<Chassis>::from_row).collect();
    for (node, port) in places::moves(view, id) {
        let is_taker = problems.is_some() || view.get(&port).is_some_and(|port| port.may_have_other_macs());
        nodes.extend(is_taker.then_some(node));
    }
    nodes.remove(&settings.chassis);
    for chassis in nodes {
        match tunnel.end(view, &chassis) {
            // Two names of one node would get two copies.
            Ok(end) if ends.insert(end) => buckets.push(Bucket::new(tunnel.send(end).into())),
            Ok(_) => {}
            Err(problem) => {
                if let Some(sink) = &mut problems {
                    sink.problem(problem);
                }
            }
        }
    }
    // What is behind the ends of other tunnels is known by its addresses, and takes no others.
    if problems.is_some() {
        for address in vteps(view, id) {
            if let Ok(end) = tunnel.vtep(view, address)
                && ends.insert(end)
            {
                buckets.push(Bucket::new(tunnel.send(end).into()));
            }
        }
    }
    buckets
}

/// The ends of tunnels of no node that ports of a network are behind.
fn vteps(view: &mut View<'_>, network: &Id<LogicalSwitch>) -> Vec<IpAddr> {
    let halves = view.halves(&LogicalPort::BY_LSWITCH_AND_VTEP, network.clone());
    halves.iter().filter_map(IndexKey::ip).collect()
}

/// The group of this node, and then the others.
fn behind(here: Option<u32>, others: Vec<Bucket>) -> Vec<Bucket> {
    here.map(|group| Bucket::new(vec![Action::Group(group)])).into_iter().chain(others).collect()
}

/// Writes what every copy into a tunnel needs, once for all of them.
fn labelled(flow: FlowBuilder, network: &Network, egress: Egress) -> FlowBuilder {
    let label = network.tunnel.iter().flat_map(|tunnel| tunnel.label(egress));
    label.fold(flow, FlowBuilder::action)
}

fn copy_for(port: u32) -> Bucket {
    let egress = Action::set(regs::EGRESS_PORT.bits.field, port);
    Bucket::new(vec![egress, Action::resubmit(INGRESS.id)])
}

/// Says a group that copies; one that is too long for a message hands packets on to its next part.
fn say_group(sink: &mut Sink, id: u32, buckets: Vec<Bucket>) {
    let room = GROUP_BUCKETS_MAX - 1;
    let parts = buckets.len().div_ceil(room).max(1);
    let mut rest = buckets.into_iter();
    for part in (0..groups::PARTS_MAX).take(parts) {
        let mut buckets: Vec<Bucket> = rest.by_ref().take(room).collect();
        let next = part + 1;
        if rest.len() > 0 && next < groups::PARTS_MAX {
            buckets.push(Bucket::new(vec![Action::Group(groups::part(id, next))]));
        }
        sink.group(Group { id: groups::part(id, part), kind: GroupKind::All, buckets });
    }
    if rest.len() > 0 {
        sink.problem(format!(
            "a flood has {} members more than groups can hold; they are not reached",
            rest.len()
        ));
    }
}
