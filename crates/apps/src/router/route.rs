//! Where a router sends packets, and what it answers itself.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};

use engine::numbers::Space;
use engine::{Sink, View};
use ipnet::IpNet;
use model::{Id, LogicalRouter};
use net_types::MacAddr;
use openflow::action::Action;
use openflow::field::Subfield;
use openflow::group::{Bucket, Group, GroupKind};
use openflow::{Field, Match};
use packet::{ethertype, icmp, ip_proto};
use pipeline::tables::{EXTERNAL, NEIGHBOR, OVERSIZE, ROUTE, UNRESOLVED};
use pipeline::{FlowBuilder, Priority, TableSpec, groups, regs, userdata};

use super::{NO_PORT, announce, external, from_leg, reason};
use crate::gateway;
use crate::network::{self, Network};
use crate::routers::{self, Leg, Router};
use crate::slow_path;

/// What is for the router itself, before its time to live counts; which of that are pings.
const OWN: Priority = Priority::GUARD.level(2);
const OWN_PING: Priority = Priority::GUARD.level(3);
/// Packets that may not go on.
const NO_HOPS_LEFT: Priority = Priority::GUARD;

/// Octets of a frame before its packet.
const ETHERNET_BYTES: u32 = 14;

/// What a router's own answers have to live.
const HOPS: u8 = 64;

/// The two versions of IP.
const VERSIONS: [u16; 2] = [ethertype::IPV4, ethertype::IPV6];

/// What holds for all routers, on a node that knows any.
pub(super) fn everybody(view: &mut View<'_>, sink: &mut Sink) {
    if !routers::is_any_here(view) {
        return;
    }
    sink.flow(&EXTERNAL, Priority::MISS, |flow| flow.goto(&NEIGHBOR));
    sink.flow(&OVERSIZE, Priority::MISS, |flow| flow.goto(&NEIGHBOR));
    let Some(settings) = view.settings() else { return };
    let mut told = |why| undeliverable(view, &settings.chassis, why, sink);
    let (hops, no_route, too_long, no_host) =
        (told(reason::HOPS), told(reason::NO_ROUTE), told(reason::TOO_LONG), told(reason::NO_HOST));
    for version in VERSIONS {
        let of_version = || Match::new().with(Field::EthType, version);
        for left in [0_u8, 1] {
            sink.flow(&ROUTE, NO_HOPS_LEFT, |flow| {
                with(flow.matching(of_version().with(Field::IpTtl, left)), hops.as_ref())
            });
        }
        sink.flow(&ROUTE, Priority::MISS, |flow| with(flow.matching(of_version()), no_route.as_ref()));
        sink.flow(&UNRESOLVED, Priority::MISS, |flow| with(flow.matching(of_version()), no_host.as_ref()));
        sink.flow(&OVERSIZE, Priority::GUARD, |flow| {
            with(flow.matching(of_version()).when(&regs::IS_TOO_LONG, 1), too_long.as_ref())
        });
    }
}

/// Has the sender of a packet told why it was not delivered.
pub(super) fn undeliverable<T>(
    view: &mut View<'_>,
    owner: &Id<T>,
    why: u8,
    sink: &mut Sink,
) -> Option<Action> {
    let action = slow_path::to_controller(view, owner, userdata::UNDELIVERABLE, sink)?;
    Some(match action {
        Action::Controller(mut controller) => {
            controller.userdata.push(why);
            Action::Controller(controller)
        }
        other => other,
    })
}

fn with(flow: FlowBuilder, action: Option<&Action>) -> FlowBuilder {
    action.cloned().into_iter().fold(flow, FlowBuilder::action)
}

/// A way out of a router.
struct Way<'a> {
    leg: &'a Leg,
    network: Network,
    /// The next hop; the destination itself, if none is said.
    next_hop: Option<IpAddr>,
    is_external: bool,
}

/// What one router answers, and its routes.
pub(super) fn router(view: &mut View<'_>, row: &LogicalRouter, sink: &mut Sink) {
    let Some(router) = routers::here(view, &row.id) else { return };
    own_addresses(view, row, &router, sink);
    let mut known: BTreeMap<&Leg, Network> = BTreeMap::new();
    for leg in router.all_legs() {
        if let Some(network) = network::reached(view, &leg.network) {
            known.insert(leg, network);
        }
    }
    speak_on_wires(view, row, &router, &known, sink);
    let longest = known.values().filter_map(|network| network.mtu_bytes).max().unwrap_or_default();
    measure(&router, &known, longest, sink);
    let ways = ways(&router, &known, sink);
    for (prefix, ways) in ways {
        let to_prefix =
            |flow: FlowBuilder| flow.matching(to_prefix(prefix)).when(&regs::ROUTER, router.key.into());
        if ways.is_empty() {
            // To nowhere, and nobody is told.
            sink.flow(&ROUTE, priority(prefix), to_prefix);
            continue;
        }
        let [way] = ways.as_slice() else {
            spread(view, row, (prefix, longest), &ways, to_prefix, sink);
            continue;
        };
        let leave = |flow: FlowBuilder, is_measured| {
            let (actions, next) = way.taken(prefix, is_measured);
            actions.into_iter().fold(to_prefix(flow), FlowBuilder::action).goto(next)
        };
        if shorter_than(longest, &way.network).is_none() {
            sink.flow(&ROUTE, priority(prefix), |flow| leave(flow, false));
            continue;
        }
        for is_measured in [false, true] {
            sink.flow(&ROUTE, priority(prefix), |flow| {
                leave(flow, is_measured).when(&regs::MAY_BE_TOO_LONG, is_measured.into())
            });
        }
    }
}

/// Has measured what may be too long for a network, and says where the rest goes on. Buckets of groups cannot measure, so a table of its
/// own does.
fn measure(router: &Router, known: &BTreeMap<&Leg, Network>, longest: u32, sink: &mut Sink) {
    for (leg, network) in known {
        let Some(len) = shorter_than(longest, network) else { continue };
        sink.flow(&OVERSIZE, Priority::EXACT, |flow| {
            external::outward(flow, router, network)
                .when(&regs::MAY_BE_TOO_LONG, 1)
                .action(Action::CheckPktLarger { len, dst: regs::IS_TOO_LONG.bits })
                .set(&regs::MAY_BE_TOO_LONG, 0)
                .action(Action::resubmit(OVERSIZE.id))
        });
        if router.is_outer(leg) {
            sink.flow(&OVERSIZE, Priority::DEFAULT, |flow| {
                external::outward(flow, router, network).goto(&EXTERNAL)
            });
        }
    }
}

/// How long frames for a network may be, if it takes less than others of its router.
fn shorter_than(longest: u32, network: &Network) -> Option<u16> {
    let mtu = network.mtu_bytes.filter(|mtu| *mtu < longest)?;
    u16::try_from(mtu + ETHERNET_BYTES).ok()
}

/// Answers for the legs in physical networks, on the one node that does.
fn speak_on_wires(
    view: &mut View<'_>,
    row: &LogicalRouter,
    router: &Router,
    known: &BTreeMap<&Leg, Network>,
    sink: &mut Sink,
) {
    if !gateway::is_here(view, &row.id) {
        return;
    }
    for leg in &router.legs {
        let Some(network) = known.get(leg).filter(|network| network.wire.is_some()) else { continue };
        for address in &leg.addresses {
            announce::address(view, network, address.addr(), leg.mac, sink);
        }
    }
}

/// Longer prefixes first. A router itself goes before, and who has no route comes last.
fn priority(prefix: IpNet) -> Priority {
    Priority::PREFIX.level(prefix.prefix_len())
}

/// All routes: those to the networks of the router's legs, those that are written, and those to everywhere else. One to nowhere has no way.
fn ways<'a>(
    router: &'a Router,
    known: &BTreeMap<&Leg, Network>,
    sink: &mut Sink,
) -> BTreeMap<IpNet, Vec<Way<'a>>> {
    let mut ways: BTreeMap<IpNet, Vec<Way<'_>>> = BTreeMap::new();
    let way = |leg: &'a Leg, next_hop| {
        let network = known.get(leg)?.clone();
        let is_external = router.is_outer(leg);
        Some(Way { leg, network, next_hop, is_external })
    };
    for leg in router.all_legs() {
        for address in &leg.addresses {
            // Of two legs with one prefix, which Neutron refuses, the first counts.
            if let Some(way) = way(leg, None) {
                ways.entry(address.trunc()).or_insert_with(|| vec![way]);
            }
        }
    }
    let connected: Vec<IpNet> = ways.keys().copied().collect();
    for destination in router.discards.iter().filter(|net| !connected.contains(net)) {
        ways.insert(*destination, Vec::new());
    }
    let connected: Vec<IpNet> = ways.keys().copied().collect();
    let written = router.routes.iter().map(|route| (route.destination.trunc(), route.nexthop));
    for (destination, next_hop) in written.filter(|(destination, _)| !connected.contains(destination)) {
        match router.leg_towards(next_hop).and_then(|leg| way(leg, Some(next_hop))) {
            Some(way) => ways.entry(destination).or_default().push(way),
            None => sink.problem(format!(
                "the route to {destination} leads to {next_hop}, which is in no network of the router"
            )),
        }
    }
    let written: Vec<IpNet> = ways.keys().copied().collect();
    for gateway in &router.gateways {
        for next_hop in &gateway.next_hops {
            let everywhere = everywhere(*next_hop);
            if !written.contains(&everywhere)
                && let Some(way) = way(&gateway.leg, Some(*next_hop))
            {
                ways.entry(everywhere).or_default().push(way);
            }
        }
    }
    for several in ways.values_mut() {
        several.sort_by_key(|way| way.next_hop);
        several.dedup_by_key(|way| way.next_hop);
    }
    ways
}

fn everywhere(like: IpAddr) -> IpNet {
    let unspecified: IpAddr = match like {
        IpAddr::V4(_) => std::net::Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    IpNet::new(unspecified, 0).unwrap_or_default()
}

fn to_prefix(prefix: IpNet) -> Match {
    match prefix {
        IpNet::V4(net) => Match::new().with(Field::EthType, ethertype::IPV4).with_masked(
            Field::Ipv4Dst,
            net.network(),
            net.netmask(),
        ),
        IpNet::V6(net) => Match::new().with(Field::EthType, ethertype::IPV6).with_masked(
            Field::Ipv6Dst,
            net.network(),
            net.netmask(),
        ),
    }
}

impl Way<'_> {
    /// What is done with a packet that takes it, and where it goes on.
    fn taken(&self, prefix: IpNet, is_measured: bool) -> (Vec<Action>, &'static TableSpec) {
        let network = Action::load(regs::NETWORK.bits, self.network.key.into());
        let mut actions = vec![network, hand_to(self.next_hop, prefix)];
        if !self.is_external {
            actions.extend(by_leg(self.leg));
        }
        let next = match (is_measured, self.is_external) {
            (true, _) => &OVERSIZE,
            (false, true) => &EXTERNAL,
            (false, false) => &NEIGHBOR,
        };
        (actions, next)
    }
}

/// What a packet that leaves by a leg gets: one hop less to live, and the leg's MAC address.
pub(super) fn forwarded(flow: FlowBuilder, leg: &Leg) -> FlowBuilder {
    by_leg(leg).into_iter().fold(flow, FlowBuilder::action)
}

/// The same of a packet that lives on for as many hops as before: who looks at it next says what it loses.
pub(super) fn forwarded_as_it_is(flow: FlowBuilder, leg: &Leg) -> FlowBuilder {
    from_mac_of_leg(leg).into_iter().fold(flow, FlowBuilder::action)
}

fn by_leg(leg: &Leg) -> [Action; 5] {
    let [in_port, mac, key, on_wire] = from_mac_of_leg(leg);
    [Action::DecTtl, in_port, mac, key, on_wire]
}

fn from_mac_of_leg(leg: &Leg) -> [Action; 4] {
    let [key, on_wire] = from_leg(leg);
    let in_port = Action::load(Subfield::all(Field::InPort16), NO_PORT);
    [in_port, Action::set(Field::EthSrc, leg.mac), key, on_wire]
}

/// Says to whom a packet is handed: to this address, or to its destination.
fn hand_to(next_hop: Option<IpAddr>, prefix: IpNet) -> Action {
    let copy = |src: Field, dst: &regs::Register| Action::Move { src: src.into(), dst: dst.bits };
    match (next_hop, prefix) {
        (Some(IpAddr::V4(ip)), _) => Action::set(regs::NEXT_HOP.bits.field, u32::from(ip)),
        (Some(IpAddr::V6(ip)), _) => Action::set(regs::NEXT_HOP_V6.bits.field, u128::from(ip)),
        (None, IpNet::V4(_)) => copy(Field::Ipv4Dst, &regs::NEXT_HOP),
        (None, IpNet::V6(_)) => copy(Field::Ipv6Dst, &regs::NEXT_HOP_V6),
    }
}

/// A route with several next hops: each connection takes one of them.
fn spread(
    view: &mut View<'_>,
    row: &LogicalRouter,
    (prefix, longest): (IpNet, u32),
    ways: &[Way<'_>],
    to_prefix: impl FnOnce(FlowBuilder) -> FlowBuilder,
    sink: &mut Sink,
) {
    let owner = Id::<Spread>::new(&format!("{}/{prefix}", row.id)).ok();
    let Some(number) = owner.and_then(|owner| view.number(Space::Spread, &owner)) else {
        return sink.problem(format!("there is no number left for the route to {prefix}"));
    };
    let bucket = |way: &Way<'_>| {
        let (mut actions, next) = way.taken(prefix, shorter_than(longest, &way.network).is_some());
        actions.push(Action::resubmit(next.id));
        Bucket { weight: 1, ..Bucket::new(actions) }
    };
    let id = groups::routes(number);
    sink.group(Group { id, kind: GroupKind::Select, buckets: ways.iter().map(bucket).collect() });
    sink.flow(&ROUTE, priority(prefix), |flow| to_prefix(flow).action(Action::Group(id)));
}

/// A route with several next hops, as the owner of a number.
#[derive(Debug)]
struct Spread;

/// What is for the router itself.
fn own_addresses(view: &mut View<'_>, row: &LogicalRouter, router: &Router, sink: &mut Sink) {
    let told = undeliverable(view, &row.id, reason::NOBODY_LISTENS, sink);
    let is_outer = |leg: &Leg| router.gateways.iter().any(|gateway| gateway.hides && gateway.leg == *leg);
    for leg in router.all_legs() {
        let mut own: Vec<IpAddr> = leg.addresses.iter().map(IpNet::addr).collect();
        if own.iter().any(IpAddr::is_ipv6) {
            own.push(leg.mac.link_local().into());
        }
        own.sort_unstable();
        own.dedup();
        for ip in own {
            let to_router = |flow: FlowBuilder, matching: Match| {
                flow.matching(matching).when(&regs::ROUTER, router.key.into())
            };
            sink.flow(&ROUTE, OWN_PING, |flow| pong(to_router(flow, ping(ip)), ip, leg.mac));
            // From inside, what is for the address of the gateway may be of a connection that it hides.
            sink.flow(&ROUTE, OWN, |flow| {
                let flow = to_router(flow, to(ip));
                let flow =
                    if is_outer(leg) && ip.is_ipv4() { flow.when(&regs::IS_FOR_GATEWAY, 1) } else { flow };
                with(flow, told.as_ref())
            });
        }
    }
}

fn to(ip: IpAddr) -> Match {
    to_prefix(ip.into())
}

fn ping(ip: IpAddr) -> Match {
    match ip {
        IpAddr::V4(_) => to(ip)
            .with(Field::IpProto, ip_proto::ICMP)
            .with(Field::IcmpType, icmp::v4::ECHO_REQUEST)
            .with(Field::IcmpCode, 0_u8),
        IpAddr::V6(_) => to(ip)
            .with(Field::IpProto, ip_proto::ICMPV6)
            .with(Field::Icmp6Type, icmp::v6::ECHO_REQUEST)
            .with(Field::Icmp6Code, 0_u8),
    }
}

/// Turns a ping into its answer, which is routed like any packet.
fn pong(flow: FlowBuilder, ip: IpAddr, mac: MacAddr) -> FlowBuilder {
    let flow = match ip {
        IpAddr::V4(ip) => flow
            .copy(Field::Ipv4Src.into(), Field::Ipv4Dst.into())
            .action(Action::set(Field::Ipv4Src, ip))
            .action(Action::set(Field::IcmpType, icmp::v4::ECHO_REPLY)),
        IpAddr::V6(ip) => flow
            .copy(Field::Ipv6Src.into(), Field::Ipv6Dst.into())
            .action(Action::set(Field::Ipv6Src, ip))
            .action(Action::set(Field::Icmp6Type, icmp::v6::ECHO_REPLY)),
    };
    flow.copy(Field::EthSrc.into(), Field::EthDst.into())
        .action(Action::set(Field::EthSrc, mac))
        .action(Action::SetTtl(HOPS + 1))
        .action(Action::resubmit(ROUTE.id))
}
