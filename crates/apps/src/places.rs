//! Where ports are: on the node that their binding names, or, while a guest moves between nodes, on two.
//!
//! # A guest that moves
//! | row `migration` | frames for the port go to | what the guest sends |
//! |---|---|---|
//! | none, or `rebound` | the node of its binding | passes there |
//! | `dest_plug` | both nodes | passes at the node of its binding; the first frame at the destination says that it runs there now |
//! | `src_unplug` | the destination | passes at the destination |
//!
//! A migration that names no destination, or the node where the port is, says nothing. A port inside another one moves with it, and
//! is where the outer port is as long as only that is bound to the destination.
//!
//! # Ports of floating IPs and gateways
//! Nothing is plugged into them, and they are where their packets are translated. The port of a floating IP is where the port is that
//! it stands for; or, if that is bound nowhere, where the port is that holds its address (see [`crate::holders`]); or else, also where that
//! node has no way to the external network, where the gateway of its router is, where also those are that stand for single ports of guests, and all of a router that is not
//! distributed. The port of a gateway is on the node that has the gateway now.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use engine::{Derived, View};
use model::{
    AllowedAddressPairsActivePort, Chassis, ChildPortSegmentation, Id, LogicalPort, LogicalSwitch, Migration,
    MigrationStatus, RouterExtra,
};

use crate::routers::{self, Outer};
use crate::{gateway, holders};

/// The nodes of a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// The node where it is.
    pub node: Option<Id<Chassis>>,
    /// The node that it is on its way to, and that gets its frames already.
    pub destination: Option<Id<Chassis>>,
}

impl Places {
    /// Whether frames for the port go to this node.
    #[must_use]
    pub fn include(&self, node: &Id<Chassis>) -> bool {
        self.node.as_ref() == Some(node) || self.destination.as_ref() == Some(node)
    }
}

/// The nodes of a port.
pub fn of(view: &mut View<'_>, port: &LogicalPort) -> Places {
    match routers::outer(view, port) {
        Some(outer) => Places { node: (*view.derived::<NodeOf>(&outer)).clone(), destination: None },
        None => of_plugged(view, port),
    }
}

/// Where what stands behind an external port is translated. Ports in external networks are not looked at when others move.
#[derive(Debug)]
struct NodeOf;

impl Derived for NodeOf {
    type Key = Outer;
    type Value = Option<Id<Chassis>>;

    fn compute(view: &mut View<'_>, outer: &Outer) -> Option<Id<Chassis>> {
        let id = match outer {
            Outer::Gateway(router) => return gateway::active(view, router),
            Outer::FloatingIp(id) => id,
        };
        let row = view.get(id)?;
        let router = row.lrouter.as_ref()?;
        let is_distributed =
            view.get(&RouterExtra::id_of(router)).is_none_or(|extra| extra.distributed != Some(false));
        let port = row.lport.as_ref().filter(|_| is_distributed).and_then(|port| view.get(port));
        let node = port.and_then(|port| {
            let ip = row.fixed_ip_address?;
            of_plugged(view, &port).node.or_else(|| holder_of(view, &port, ip))
        });
        let outside = row.floating_lport.as_ref().and_then(|port| view.get(port)?.lswitch.clone());
        let node = node.filter(|node| outside.is_none_or(|network| gateway::reaches(view, node, &network)));
        node.or_else(|| gateway::active(view, router))
    }
}

/// The node of the port that holds an address of another port, by its allowed address pairs.
fn holder_of(view: &mut View<'_>, port: &LogicalPort, ip: IpAddr) -> Option<Id<Chassis>> {
    let id = AllowedAddressPairsActivePort::id_of(port.lswitch.as_ref()?, ip);
    let row = view.get(&id)?;
    holders::holder(view, &row)?;
    let port = view.get(row.detected_lport.as_ref()?)?;
    of_plugged(view, &port).node
}

fn of_plugged(view: &mut View<'_>, port: &LogicalPort) -> Places {
    let bound = port.chassis().cloned();
    let moves = move_of(view, port);
    match moves.filter(|(destination, _)| bound.as_ref() != Some(destination)) {
        Some((destination, MigrationStatus::DestPlug)) if bound.is_some() => {
            Places { node: bound, destination: Some(destination) }
        }
        Some((destination, MigrationStatus::SrcUnplug)) => {
            Places { node: Some(destination), destination: None }
        }
        _ => Places { node: bound, destination: None },
    }
}

/// Where a port is on its way to, and how far it is: by itself, or with the port that it is inside of.
fn move_of(view: &mut View<'_>, port: &LogicalPort) -> Option<Move> {
    if let Some(row) = view.get(&Migration::id_of(&port.id)) {
        return Some((row.dest_chassis.clone()?, row.status));
    }
    view.derived::<InsideMovesOf>(port.lswitch.as_ref()?).get(&port.id).cloned()
}

type Move = (Id<Chassis>, MigrationStatus);
type InsideMoves = BTreeMap<Id<LogicalPort>, Move>;

/// Ports that move because the ports do that they are inside of, by network. They are looked up from the side of those that move: that a
/// port is inside of none is nothing that has to be remembered of each.
#[derive(Debug)]
struct AllInsideMoves;

impl Derived for AllInsideMoves {
    type Key = ();
    type Value = BTreeMap<Id<LogicalSwitch>, InsideMoves>;

    fn compute(view: &mut View<'_>, (): &()) -> Self::Value {
        let mut all = Self::Value::new();
        for id in view.all::<Migration>() {
            let Some(row) = view.get(&id) else { continue };
            let (Some(outer), Some(destination)) = (&row.lport, &row.dest_chassis) else { continue };
            let inside = view.by(&ChildPortSegmentation::BY_PARENT, outer.clone());
            let bound = view.get(outer).and_then(|outer| outer.chassis().cloned());
            for port in inside.iter().map(|row| &row.port).filter(|port| *port != outer) {
                let Some(inner) = view.get(port) else { continue };
                let status = match &bound {
                    Some(bound) if bound == destination => MigrationStatus::SrcUnplug,
                    Some(bound) if inner.chassis() == Some(bound) => row.status,
                    // It is elsewhere, and has an interface of its own there.
                    _ => continue,
                };
                if let Some(network) = inner.lswitch.clone() {
                    all.entry(network).or_default().insert(port.clone(), (destination.clone(), status));
                }
            }
        }
        all
    }
}

/// Those of one network, so that the ports of others are not looked at when they change.
#[derive(Debug)]
struct InsideMovesOf;

impl Derived for InsideMovesOf {
    type Key = Id<LogicalSwitch>;
    type Value = InsideMoves;

    fn compute(view: &mut View<'_>, network: &Self::Key) -> InsideMoves {
        view.derived::<AllInsideMoves>(&()).get(network).cloned().unwrap_or_default()
    }
}

/// The row that says how far a port is that moves.
pub(crate) fn migration(view: &mut View<'_>, port: &LogicalPort) -> Option<Arc<Migration>> {
    if let Some(row) = view.get(&Migration::id_of(&port.id)) {
        return Some(row);
    }
    let inside = view.by(&ChildPortSegmentation::BY_LPORT, port.id.clone());
    inside.iter().find_map(|row| view.get(&Migration::id_of(&row.parent)))
}

/// The ports of a network that move, and where to.
pub(crate) fn moves(view: &mut View<'_>, network: &Id<LogicalSwitch>) -> Moves {
    (*view.derived::<MovesOf>(network)).clone()
}

/// Ports on their way, with their destinations.
pub(crate) type Moves = BTreeSet<(Id<Chassis>, Id<LogicalPort>)>;

/// The moves of all networks. There are few at any time.
#[derive(Debug)]
struct AllMoves;

impl Derived for AllMoves {
    type Key = ();
    type Value = BTreeMap<Id<LogicalSwitch>, Moves>;

    fn compute(view: &mut View<'_>, (): &()) -> Self::Value {
        let alone = view.all::<Migration>();
        let alone: Vec<_> = alone.iter().filter_map(|id| view.get(id)?.lport.clone()).collect();
        let inside = view.derived::<AllInsideMoves>(&());
        let mut all = Self::Value::new();
        for port in alone.iter().chain(inside.values().flat_map(BTreeMap::keys)) {
            let Some(moved) = view.get(port) else { continue };
            let going = move_of(view, &moved)
                .filter(|(to, status)| moved.chassis() != Some(to) && *status != MigrationStatus::Rebound);
            if let Some((network, (destination, _))) = moved.lswitch.clone().zip(going) {
                all.entry(network).or_default().insert((destination, port.clone()));
            }
        }
        all
    }
}

/// Those of one network, so that others are not looked at when they change.
#[derive(Debug)]
struct MovesOf;

impl Derived for MovesOf {
    type Key = Id<LogicalSwitch>;
    type Value = Moves;

    fn compute(view: &mut View<'_>, network: &Self::Key) -> Moves {
        view.derived::<AllMoves>(&()).get(network).cloned().unwrap_or_default()
    }
}
