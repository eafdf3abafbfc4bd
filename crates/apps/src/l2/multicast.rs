//! Multicast to those who listen, where the operator wants that.
//!
//! # Guarantees
//! - What is for a multicast address that somebody in the network is known to listen to is copied to the ports that do, and once
//!   to each other node that has such ports: not to others, and by no other node again.
//! - What is for an address that nobody is known to listen to is flooded, or dropped, if the operator wants that. What never leaves
//!   a link (224.0.0.0/24, ff02::/16 with all solicited-node addresses) is flooded always.
//! - What guests say of what they listen to (IGMP, MLD) goes to the controller of their node, as often as a meter of the port
//!   lets it. Reports of the newest versions are flooded as well, for routers among the guests. Reports of older ones are
//!   not: hosts that hear one say nothing themselves, and would be forgotten.
//! - In a network that is on a wire, what is for listeners goes there as well, and so do all reports: nobody here knows who listens out there.
//! - Every guest is asked to what it listens when it appears and at least every 125 seconds. The questions come from the network's port for DHCP,
//!   or from a made-up address where there is none.
//!
//! Who listens is in rows, which the controllers write ([`model::MulticastMember`]); they age there if nobody repeats them.
//!
//! # Cost
//! A multicast address in a network has a number and two groups, of this node and of all, so one more listener changes one group.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use engine::numbers::Space;
use engine::{Beacon, Listens, PacketIn, Reply, Responder, Rule, Sink, View};
use ipnet::{Ipv4Net, Ipv6Net};
use model::{Chassis, Id, LogicalPort, LogicalSwitch, MulticastMember, RowId};
use net_types::MacAddr;
use openflow::action::Action;
use openflow::group::Bucket;
use openflow::{Field, Match};
use packet::headers::{Headers, NetworkKey};
use packet::listeners::{ALL_SYSTEMS, IGMP_REPORTS, Listener, Newer, Query, mld};
use packet::{ethertype, ip_proto, router};
use pipeline::tables::{DISPATCH, L2, MULTICAST};
use pipeline::{FlowBuilder, Priority, groups, regs, userdata};

use super::{LocalMember, behind, copy_for, labelled, say_group, wire};
use crate::local::{self, LocalPort};
use crate::network::{Network, present};
use crate::tunnel::Egress;
use crate::{slow_path, speaker};

/// What is known to be listened to.
const LISTENED: Priority = Priority::EXACT;
const REST: Priority = Priority::DEFAULT;
const UNREGISTERED: Priority = Priority::DEFAULT.level(1);
const OF_LINK: Priority = Priority::DEFAULT.level(2);
/// What guests say of what they listen to.
const SAID: Priority = Priority::GUARD;
const SAID_TO_ROUTERS: Priority = Priority::GUARD.level(1);

const MULTICAST_V4: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(224, 0, 0, 0), 4);
const MULTICAST_V6: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8);
const LINK_V4: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(224, 0, 0, 0), 24);
const LINK_V6: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0), 16);
/// The same for addresses that do not even leave a node.
const NODE_V6: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0xff01, 0, 0, 0, 0, 0, 0, 0), 16);

/// The MAC addresses that such packets have, and which of their bits count.
const MACS_V4: (MacAddr, MacAddr) = (MacAddr([1, 0, 0x5e, 0, 0, 0]), MacAddr([0xff, 0xff, 0xff, 0x80, 0, 0]));
const MACS_V6: (MacAddr, MacAddr) = (MacAddr([0x33, 0x33, 0, 0, 0, 0]), MacAddr([0xff, 0xff, 0, 0, 0, 0]));

/// Between two questions, and within which time to answer: ten seconds, in tenths and in thousandths.
const QUERY_INTERVAL_S: u8 = 125;
const QUERY_BURST: u8 = 3;
const RESPONSE_TENTHS: u16 = 100;
const RESPONSE_MS: u16 = 10_000;
/// How robust who asks is: what is lost once does not matter.
const ROBUSTNESS: u8 = 2;

/// What stands between the ids of a network and a multicast address in the name of their number.
const SEPARATOR: char = '-';

/// A multicast address in a network, as the owner of a number.
#[derive(Debug)]
struct Listened;

pub(super) fn rules() -> Vec<Rule> {
    let mut rules = vec![
        Rule::each("multicast", network),
        Rule::each("listening node", member),
        Rule::each_owner("listeners", Space::Listened, listeners),
    ];
    rules.extend(local::each("listener", listener));
    rules
}

pub(super) const fn responder() -> Responder {
    Responder { op: userdata::LISTENERS, respond }
}

fn is_wanted(view: &mut View<'_>) -> bool {
    view.settings().is_some_and(|settings| settings.multicast.snoops)
}

/// Whether it makes sense to look who listens to an address.
fn may_be_listened_to(group: IpAddr) -> bool {
    match group {
        IpAddr::V4(group) => MULTICAST_V4.contains(&group) && !LINK_V4.contains(&group),
        IpAddr::V6(group) => {
            MULTICAST_V6.contains(&group) && !LINK_V6.contains(&group) && !NODE_V6.contains(&group)
        }
    }
}

fn to_v4(net: Ipv4Net) -> Match {
    Match::new().with(Field::EthType, ethertype::IPV4).with_masked(Field::Ipv4Dst, net.addr(), net.netmask())
}

fn to_v6(net: Ipv6Net) -> Match {
    Match::new().with(Field::EthType, ethertype::IPV6).with_masked(Field::Ipv6Dst, net.addr(), net.netmask())
}

/// What is for many in a network, and for nobody who is known.
fn network(view: &mut View<'_>, row: &LogicalSwitch, sink: &mut Sink) {
    let Some(settings) = view.settings().filter(|settings| settings.multicast.snoops) else { return };
    let Some(network) = present(view, &row.id) else { return };
    for (mac, mask) in [MACS_V4, MACS_V6] {
        sink.flow(&L2, Priority::DEFAULT.level(2), |flow| {
            let matching = Match::new().with_masked(Field::EthDst, mac, mask);
            flow.matching(matching).when(&regs::NETWORK, network.key.into()).goto(&MULTICAST)
        });
    }
    flood(&network, REST, &Match::new(), sink);
    if !settings.multicast.floods_unregistered {
        for matching in [to_v4(MULTICAST_V4), to_v6(MULTICAST_V6)] {
            sink.flow(&MULTICAST, UNREGISTERED, |flow| {
                let flow = flow.matching(matching).when(&regs::NETWORK, network.key.into());
                // Who listens out there is not known here.
                if network.wire.is_some() { to_wire(flow.when(&regs::FROM_TUNNEL, 0)) } else { flow }
            });
        }
        for matching in [to_v4(LINK_V4), to_v6(LINK_V6), to_v6(NODE_V6)] {
            flood(&network, OF_LINK, &matching, sink);
        }
    }
}

/// Copies something to everybody in a network.
fn flood(network: &Network, priority: Priority, matching: &Match, sink: &mut Sink) {
    let (all, here) = (groups::flood(network.key), groups::local_flood(network.key));
    copies(network, priority, matching, (all, here), sink);
}

/// Copies something to two groups: what was sent here to one that may have other nodes, what came from there to one that has none.
fn copies(network: &Network, priority: Priority, matching: &Match, (all, here): (u32, u32), sink: &mut Sink) {
    sink.flow(&MULTICAST, priority, |flow| {
        let flow = flow.matching(matching.clone()).when(&regs::NETWORK, network.key.into());
        labelled(flow.when(&regs::FROM_TUNNEL, 0), network, Egress::Flood).action(Action::Group(all))
    });
    sink.flow(&MULTICAST, priority, |flow| {
        let flow = flow.matching(matching.clone()).when(&regs::NETWORK, network.key.into());
        flow.when(&regs::FROM_TUNNEL, 1).action(Action::Group(here))
    });
}

/// Keeps the number of a multicast address while anybody listens to it.
fn member(view: &mut View<'_>, row: &MulticastMember, sink: &mut Sink) {
    if !is_wanted(view) || !may_be_listened_to(row.group) || present(view, &row.lswitch).is_none() {
        return;
    }
    let Ok(name) = Id::<Listened>::new(&format!("{}{SEPARATOR}{}", row.lswitch, row.group)) else { return };
    if view.number(Space::Listened, &name).is_none() {
        sink.problem("all numbers of multicast addresses are taken: this one is flooded");
    }
}

/// Those who listen to a multicast address in a network.
fn listeners(view: &mut View<'_>, name: &RowId, number: u32, sink: &mut Sink) {
    let name = name.to_string();
    let Some((id, group)) = name.rsplit_once(SEPARATOR) else { return };
    let (Ok(id), Ok(group)) = (Id::<LogicalSwitch>::new(id), group.parse::<IpAddr>()) else { return };
    let (Some(network), Some(settings)) = (present(view, &id), view.settings()) else { return };
    let rows = view.by(&MulticastMember::BY_LSWITCH_AND_GROUP, (id.clone(), group));
    let (mut here, mut elsewhere) = (BTreeSet::new(), Vec::new());
    let mut ends = BTreeSet::new();
    for row in &rows {
        if row.chassis == settings.chassis {
            here.extend(row.ports.iter().filter_map(|port| member_key(view, port, &id)));
        } else if let Some(end) = end_of(view, &network, &row.chassis)
            && ends.insert(end)
        {
            elsewhere.extend(network.tunnel.as_ref().map(|tunnel| Bucket::new(tunnel.send(end).into())));
        }
    }
    // Other nodes are somewhere on the wire, and so are listeners that nobody here knows.
    elsewhere.extend(network.wire.map(|_| wire::copy()));
    let here: Vec<Bucket> = here.into_iter().map(copy_for).collect();
    let (all, local) = (groups::listeners(number), groups::local_listeners(number));
    say_group(sink, local, here);
    say_group(sink, all, behind(Some(local), elsewhere));
    let matching = match group {
        IpAddr::V4(group) => to_v4(group.into()),
        IpAddr::V6(group) => to_v6(group.into()),
    };
    copies(&network, LISTENED, &matching, (all, local), sink);
}

/// The number of a port that is on this node and in this network.
fn member_key(view: &mut View<'_>, port: &Id<LogicalPort>, network: &Id<LogicalSwitch>) -> Option<u32> {
    let is_of_network = view.get(port)?.lswitch.as_ref() == Some(network);
    let member = *view.derived::<LocalMember>(port);
    member.filter(|_| is_of_network).map(|member| member.key)
}

fn end_of(view: &mut View<'_>, network: &Network, chassis: &Id<Chassis>) -> Option<IpAddr> {
    network.tunnel.as_ref()?.end(view, chassis).ok()
}

/// Has what a guest says sent up, and asks it from time to time.
fn listener(view: &mut View<'_>, local: &LocalPort, sink: &mut Sink) {
    if !is_wanted(view) {
        return;
    }
    for frame in questions(view, local) {
        let interval_s = QUERY_INTERVAL_S.into();
        sink.beacon(Beacon { port: local.of_port, frame, interval_s, burst: QUERY_BURST, proves: None });
    }
    let Some(up) = slow_path::to_controller(view, &local.port.id, userdata::LISTENERS, sink) else { return };
    let key = local.key();
    let mut say = |priority, matching: Match, is_flooded: bool| {
        sink.flow(&MULTICAST, priority, |flow| {
            let flow = flow.matching(matching).when(&regs::INGRESS_PORT, key).when(&regs::FROM_TUNNEL, 0);
            let flow = flow.action(up.clone());
            match is_flooded {
                true => flooded(flow, &local.network),
                // The physical network has routers, and switches that look who listens.
                false if local.network.wire.is_some() => to_wire(flow),
                false => flow,
            }
        });
    };
    let igmp = |net: Ipv4Net| to_v4(net).with(Field::IpProto, ip_proto::IGMP);
    say(SAID, igmp(MULTICAST_V4), false);
    say(SAID_TO_ROUTERS, igmp(IGMP_REPORTS.into()), true);
    for (kind, is_flooded) in [(mld::REPORT, false), (mld::DONE, false), (mld::REPORT_2, true)] {
        let icmp6 = Match::new().with(Field::EthType, ethertype::IPV6).with(Field::IpProto, ip_proto::ICMPV6);
        say(SAID, icmp6.with(Field::Icmp6Type, kind), is_flooded);
    }
}

fn flooded(flow: FlowBuilder, network: &Network) -> FlowBuilder {
    labelled(flow, network, Egress::Flood).action(Action::Group(groups::flood(network.key)))
}

/// Sends a packet to the wire that the network is on.
fn to_wire(flow: FlowBuilder) -> FlowBuilder {
    flow.set(&regs::EGRESS_PORT, regs::EGRESS_WIRE.into()).goto(&DISPATCH)
}

/// The questions to what a guest listens, as its switch port is sent them.
fn questions(view: &mut View<'_>, local: &LocalPort) -> [Arc<[u8]>; 2] {
    let mac = local.port.lswitch.as_ref().and_then(|network| speaker::mac(view, network)).unwrap_or_default();
    let igmp = Listener::Query(Query {
        group: Ipv4Addr::UNSPECIFIED,
        max_response: RESPONSE_TENTHS,
        newer: Some(Newer { flags: ROBUSTNESS, interval: QUERY_INTERVAL_S, sources: Vec::new() }),
    });
    let mld = Listener::Query(Query {
        group: Ipv6Addr::UNSPECIFIED,
        max_response: RESPONSE_MS,
        newer: Some(Newer { flags: ROBUSTNESS, interval: QUERY_INTERVAL_S, sources: Vec::new() }),
    });
    [
        local.framed(igmp.frame(mac, Ipv4Addr::UNSPECIFIED, ALL_SYSTEMS)).into(),
        local.framed(mld.frame(mac, mac.link_local(), router::ALL_NODES)).into(),
    ]
}

fn respond(view: &mut View<'_>, packet: &PacketIn) -> Reply {
    heard(view, packet).map_or_else(Reply::Ignore, Reply::Listens)
}

/// What a guest says of what it listens to.
fn heard(view: &mut View<'_>, packet: &PacketIn) -> Result<Listens, &'static str> {
    let local = local::sender(view, packet);
    let local = local.ok_or("a listener is a port that is not on this node any more")?;
    let network = local.port.lswitch.clone().ok_or("a listener is in no network")?;
    let row = view.get(&network).ok_or("a listener is in a network that is gone")?;
    let mut changes = changes(&packet.frame)?;
    changes.retain(|(group, _)| may_be_listened_to(*group));
    if changes.is_empty() {
        return Err("a listener says nothing of addresses that are listened to");
    }
    Ok(Listens { port: local.port.id.clone(), network, topic: row.topic.clone(), changes })
}

fn changes(frame: &[u8]) -> Result<Vec<(IpAddr, bool)>, &'static str> {
    let headers = Headers::parse(frame);
    let message = headers.ip_payload(frame).ok_or("what a listener says is in no IP packet")?;
    let widen = |(group, listens): (Ipv4Addr, bool)| (IpAddr::V4(group), listens);
    match headers.network {
        Some(NetworkKey::Ipv4 { .. }) => {
            let read = Listener::<Ipv4Addr>::parse(message).map_err(|_| "what a listener says is no IGMP")?;
            Ok(read.changes().into_iter().map(widen).collect())
        }
        Some(NetworkKey::Ipv6 { src, dst, .. }) => {
            let hop_limit = headers.ip.map_or(0, |ip| ip.ttl);
            let read = Listener::<Ipv6Addr>::parse(message, src, dst, hop_limit);
            let read = read.map_err(|_| "what a listener says is no MLD")?;
            Ok(read.changes().into_iter().map(|(group, listens)| (IpAddr::V6(group), listens)).collect())
        }
        _ => Err("what a listener says is in no IP packet"),
    }
}
