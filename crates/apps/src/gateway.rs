//! Which node a router has its gateways on, and which nodes watch each other to know.
//!
//! # Guarantees
//! - **All nodes come to the same**, from the rows and from who can be reached: of a router's candidates in order, the first that is
//!   alive. A candidate that is cut off from all others does not serve, so that it does not answer beside the one that they see.
//! - **Nobody waits for a node that cannot be**: a router with one candidate is there, whatever is seen of it.
//! - Routers are spread over candidates of one priority, and when a candidate comes or goes, only the routers that it gains or
//!   had move.
//! - The loss of a node runs the units of those routers whose gateway moves, and no others.
//!
//! # Candidates
//! Those that somebody chose for the router, by their priority, as far as they still want to be one (a row `gateway_candidate`);
//! if none does, all that were chosen. Where nobody chose: every candidate that reaches the physical networks of the router's
//! gateways (of a router without one, of its legs) and is in a zone that the router asks for, if it asks for any, the highest priority first. A node that does not say which physical networks it reaches is taken to reach all.
//!
//! # When this node serves
//! | its switch | nodes that it watches | it serves |
//! |---|---|---|
//! | was started a moment ago | | no: the others do not rely on it yet, and another serves |
//! | runs | none | yes |
//! | runs | one answers at least | yes |
//! | runs | one, which does not answer | yes: which of both has failed cannot be told, and somebody has to |
//! | runs | two or more, none answers | no: it is its own cable |
//!
//! Nodes that have been away for long while others were there ([`Reach::Gone`]) are not counted. When exactly a node that came
//! back counts as alive is not decided here: whoever watches it tells the engine only after it was steady for a while.
//!
//! # Who watches whom
//! Two nodes watch each other when one of them is a candidate, whether there is a gateway yet or not: the first gateway then works
//! at once. So a candidate has a session with every node, and any other node has one with each candidate.
//!
//! Open vSwitch asks and answers itself (BFD), so that a controller that restarts is not missed. Its packets pass the pipeline like
//! those of everybody, by a port and two flows for each session ([`classify`](crate::classify)), and so a switch that runs and has no
//! flows, which forwards nothing, is not taken for one that is there.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::net::IpAddr;

use engine::numbers::stable_hash;
use engine::{App, Derived, Reach, Rule, Sink, View, Watched};
use model::{
    Chassis, ChassisExtra, GatewayCandidate, Id, LogicalRouter, LogicalSwitch, RouterExtra, TunnelType,
};
use pipeline::tables;

use crate::{provider, routers};

/// The kinds of tunnel by which nodes watch each other, the best first. Both ends have to come to the same one.
const KINDS: [TunnelType; 3] = [TunnelType::Geneve, TunnelType::Vxlan, TunnelType::Gre];

/// Candidates of a router that know what is behind it, so that each of them can take over at once.
const READY_MAX: usize = 3;

/// The app: it has no flows, and says which nodes are watched.
pub(crate) fn app() -> App {
    App { id: tables::GATEWAY_OWNER, rules: vec![Rule::once("watched nodes", watch)], responders: vec![] }
}

/// The nodes that may have the gateways of a router, the best first.
pub fn candidates(view: &mut View<'_>, router: &Id<LogicalRouter>) -> Vec<Id<Chassis>> {
    (*view.derived::<CandidatesOf>(router)).clone()
}

/// The node that has the gateways of a router now.
pub fn active(view: &mut View<'_>, router: &Id<LogicalRouter>) -> Option<Id<Chassis>> {
    (*view.derived::<ActiveOf>(router)).clone()
}

/// Whether this node has to be ready to have the gateways of a router, or to speak for its legs in physical networks: it is one of
/// its first candidates.
pub(crate) fn may_be_here(view: &mut View<'_>, router: &Id<LogicalRouter>) -> bool {
    *view.derived::<MayBeHere>(router)
}

/// Whether this node has the gateways of a router now.
pub fn is_here(view: &mut View<'_>, router: &Id<LogicalRouter>) -> bool {
    let active = active(view, router);
    active.is_some() && view.settings().map(|settings| settings.chassis) == active
}

/// All candidates that are nodes, with their priorities.
#[derive(Debug)]
struct AllCandidates;

impl Derived for AllCandidates {
    type Key = ();
    type Value = BTreeMap<Id<Chassis>, u32>;

    fn compute(view: &mut View<'_>, (): &()) -> Self::Value {
        let mut all = Self::Value::new();
        for id in view.all::<GatewayCandidate>() {
            let Some(row) = view.get(&id) else { continue };
            // Without a row of its own no tunnel leads there.
            if view.get(&row.chassis).is_some() {
                all.insert(row.chassis.clone(), row.priority);
            }
        }
        all
    }
}

#[derive(Debug)]
struct CandidatesOf;

impl Derived for CandidatesOf {
    type Key = Id<LogicalRouter>;
    type Value = Vec<Id<Chassis>>;

    fn compute(view: &mut View<'_>, router: &Self::Key) -> Self::Value {
        // A router without a gateway, for whom nobody chose, has no such row, and may have legs in physical networks all the same.
        let extra = view.get(&RouterExtra::id_of(router));
        let all = view.derived::<AllCandidates>(&());
        let chosen = extra.iter().flat_map(|extra| &extra.chassis);
        let chosen = chosen.map(|choice| (choice.chassis.clone(), choice.priority));
        let (willing, others): (Vec<_>, Vec<_>) = chosen.partition(|(node, _)| all.contains_key(node));
        let nodes = match (willing.is_empty(), others.is_empty()) {
            (true, true) => {
                let gateways = extra.iter().flat_map(|extra| &extra.gateways);
                let mut networks: Vec<_> = gateways.map(|gateway| gateway.lswitch.clone()).collect();
                if networks.is_empty() {
                    networks = routers::networks_inside(view, router);
                }
                let reaching = reaching(view, &all, &networks);
                let zones = extra.map(|extra| extra.zones.clone()).unwrap_or_default();
                in_zones(view, reaching, &zones)
            }
            (false, _) => willing,
            (true, false) => others,
        };
        in_order(nodes, router)
    }
}

/// Whether a node has a way to a network, as far as it says: to the physical network that it is in, if it is in one.
pub(crate) fn reaches(view: &mut View<'_>, node: &Id<Chassis>, network: &Id<LogicalSwitch>) -> bool {
    let Some(network) = view.get(network) else { return true };
    let is_physical = network.network_type.as_ref().is_some_and(provider::is_physical);
    let physical = network.physical_network.as_ref().filter(|_| is_physical);
    let extra = view.get(&ChassisExtra::id_of(node));
    physical.is_none_or(|physical| extra.is_none_or(|extra| extra.physical_networks.contains(physical)))
}

/// The candidates that reach these networks.
fn reaching(
    view: &mut View<'_>,
    all: &BTreeMap<Id<Chassis>, u32>,
    networks: &[Id<LogicalSwitch>],
) -> Vec<(Id<Chassis>, u32)> {
    let mut nodes = Vec::new();
    for (node, priority) in all {
        if networks.iter().all(|network| reaches(view, node, network)) {
            nodes.push((node.clone(), *priority));
        }
    }
    nodes
}

/// Those nodes that are in one of these zones, if any is said. A node that says nothing of itself is taken to be in all.
fn in_zones(
    view: &mut View<'_>,
    mut nodes: Vec<(Id<Chassis>, u32)>,
    zones: &[String],
) -> Vec<(Id<Chassis>, u32)> {
    if !zones.is_empty() {
        nodes.retain(|(node, _)| {
            let extra = view.get(&ChassisExtra::id_of(node));
            extra.is_none_or(|extra| extra.availability_zones.iter().any(|zone| zones.contains(zone)))
        });
    }
    nodes
}

/// By priority, and among equals by a hash of router and node: each router has an order of its own, which others that come and go
/// do not change.
fn in_order(mut nodes: Vec<(Id<Chassis>, u32)>, router: &Id<LogicalRouter>) -> Vec<Id<Chassis>> {
    let rank =
        |node: &Id<Chassis>| mixed(stable_hash(router.row()) ^ stable_hash(node.row()).rotate_left(32));
    nodes.sort_by_cached_key(|(node, priority)| (Reverse(*priority), Reverse(rank(node)), node.clone()));
    nodes.dedup_by(|later, first| later.0 == first.0);
    nodes.into_iter().map(|(node, _)| node).collect()
}

/// Spreads the bits of a hash over all of it (the last steps of SplitMix64), so that close ones do not stay close.
const fn mixed(hash: u64) -> u64 {
    let hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

#[derive(Debug)]
struct MayBeHere;

impl Derived for MayBeHere {
    type Key = Id<LogicalRouter>;
    type Value = bool;

    fn compute(view: &mut View<'_>, router: &Self::Key) -> bool {
        let has_gateway =
            view.get(&RouterExtra::id_of(router)).is_some_and(|extra| !extra.gateways.is_empty());
        let here = view.settings().map(|settings| settings.chassis);
        let candidates = view.derived::<CandidatesOf>(router);
        (has_gateway || routers::is_on_wire(view, router))
            && candidates.iter().take(READY_MAX).any(|node| Some(node) == here.as_ref())
    }
}

#[derive(Debug)]
struct ActiveOf;

impl Derived for ActiveOf {
    type Key = Id<LogicalRouter>;
    type Value = Option<Id<Chassis>>;

    fn compute(view: &mut View<'_>, router: &Self::Key) -> Self::Value {
        let candidates = view.derived::<CandidatesOf>(router);
        let here = view.settings()?.chassis;
        if let [only] = candidates.as_slice() {
            return Some(only.clone());
        }
        let mut unknown = None;
        for node in candidates.iter() {
            let reach = match *node == here {
                true if *view.derived::<Serves>(&()) => Reach::Alive,
                true => Reach::Down,
                false => view.reach(node),
            };
            match reach {
                Reach::Alive => return Some(node.clone()),
                Reach::Unknown => unknown = unknown.or_else(|| Some(node.clone())),
                Reach::Down | Reach::Gone => {}
            }
        }
        // Of those that nobody has asked yet, the first is the best guess. Where nobody answers, the frames are lost
        // wherever they go, unless it is only the questions that do not get through.
        unknown.or_else(|| candidates.iter().find(|node| **node != here).cloned())
    }
}

/// Whether this node may serve, as far as others are concerned.
#[derive(Debug)]
struct Serves;

impl Derived for Serves {
    type Key = ();
    type Value = bool;

    fn compute(view: &mut View<'_>, (): &()) -> bool {
        let peers = view.peers();
        let counted: Vec<Reach> = peers.reach.into_values().filter(|reach| *reach != Reach::Gone).collect();
        peers.is_settled
            && (counted.contains(&Reach::Alive) || matches!(counted.as_slice(), [] | [Reach::Down]))
    }
}

/// Says which nodes this one watches.
fn watch(view: &mut View<'_>, sink: &mut Sink) {
    let Some(here) = view.settings().map(|settings| settings.chassis) else { return };
    let all = view.derived::<AllCandidates>(&());
    let peers = match all.contains_key(&here) {
        true => view.all::<Chassis>(),
        false => all.keys().cloned().collect(),
    };
    let Some(ours) = view.get(&here) else { return };
    for peer in peers.into_iter().filter(|peer| *peer != here) {
        let Some(theirs) = view.get(&peer) else { continue };
        match way(&ours, &theirs) {
            Ok(_) => sink.watch(Watched { is_candidate: all.contains_key(&peer), peer }),
            Err(problem) => sink.problem(problem),
        }
    }
}

/// How this node and another one reach each other, as far as they do.
pub(crate) fn way_to(view: &mut View<'_>, theirs: &Chassis) -> Option<(TunnelType, IpAddr)> {
    let here = view.settings()?.chassis;
    let ours = view.get(&here)?;
    way(&ours, theirs).ok()
}

/// How two nodes reach each other; the other end comes to the same.
fn way(ours: &Chassis, theirs: &Chassis) -> Result<(TunnelType, IpAddr), String> {
    let (us, them) = (&ours.id, &theirs.id);
    if ours.ip == theirs.ip || ours.ip.is_ipv4() != theirs.ip.is_ipv4() {
        return Err(format!(
            "{us} and {them} cannot watch each other, so a gateway on one of them is not taken over: their tunnels end at {} \
             and {}",
            ours.ip, theirs.ip
        ));
    }
    let takes = |chassis: &Chassis, kind: &TunnelType| chassis.tunnel_types.contains(kind);
    let kind = KINDS.iter().find(|kind| takes(ours, kind) && takes(theirs, kind)).ok_or_else(|| {
        format!(
            "{us} and {them} cannot watch each other, so a gateway on one of them is not taken over: they have no type of \
             tunnel in common; add one to tunnel_types"
        )
    })?;
    Ok((kind.clone(), theirs.ip))
}

#[cfg(test)]
mod tests;
