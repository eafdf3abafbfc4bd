//! Where routers have their gateways: which nodes may have those of a router, in which order, and choosing that.
//!
//! A router of which nobody chose may have them on every node that offers itself and is in a zone that the router asks for, if it asks for any. Whoever moves a gateway chooses: the nodes that may have it
//! until then, with the chosen one before them, so that the others still take over when it fails.

use std::sync::Arc;

use model::{Chassis, Id, PortState};
use serde_json::{Value, json};

use super::{Agent, GATEWAY, find};
use crate::error::ApiError;
use crate::policy;
use crate::registry::Kind;
use crate::registry::document::Document;
use crate::replica::State;
use crate::resources::router;
use crate::write::{Decision, Draft};

/// The highest priority that somebody may choose, as Neutron has it.
const PRIORITY_MAX: u32 = 32_767;

/// A node that may have the gateways of a router.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The node.
    pub chassis: Id<Chassis>,
    /// Nodes with a higher one come first.
    pub priority: u32,
}

impl Place {
    /// The node as an agent.
    #[must_use]
    pub fn agent(&self) -> Agent {
        Agent { chassis: self.chassis.clone(), binary: GATEWAY.to_owned() }
    }
}

/// The nodes that may have the gateways of a router, the highest priority first.
#[must_use]
pub fn places(state: &State, router: &Document) -> Vec<Place> {
    let chosen = router.list("chassis").iter().filter_map(|chosen| {
        let chassis = Id::new(chosen.get("chassis")?.as_str()?).ok()?;
        let priority = u32::try_from(chosen.get("priority")?.as_u64()?).ok()?;
        Some(Place { chassis, priority })
    });
    let mut places: Vec<Place> = chosen.collect();
    if places.is_empty() {
        let candidates = state.nodes().candidates().map(|known| &known.row);
        let candidates = candidates.filter(|row| is_in_zones(state, router, &row.chassis));
        places =
            candidates.map(|row| Place { chassis: row.chassis.clone(), priority: row.priority }).collect();
    }
    places.sort_by_key(|place| (std::cmp::Reverse(place.priority), place.chassis.clone()));
    places
}

/// Whether a node is in a zone that a router asks for, if it asks for any. A node that says nothing of itself is taken to be in all.
fn is_in_zones(state: &State, router: &Document, chassis: &Id<Chassis>) -> bool {
    let mut wanted = router.texts("availability_zone_hints").peekable();
    let own = state.nodes().extra(chassis).map(|known| &known.row.availability_zones);
    wanted.peek().is_none() || own.is_none_or(|own| wanted.any(|zone| own.iter().any(|own| own == zone)))
}

/// The node that has the gateways of a router now, as it says itself.
fn active(state: &State, router: &Document) -> Option<Id<Chassis>> {
    let port = router::gateway_ports(router).next()?;
    (state.port_state(port) == Some(PortState::Active)).then(|| state.port_chassis(port).cloned())?
}

/// What is shown of the agents that may have the gateways of a router.
#[must_use]
pub fn shown(
    state: &State,
    router: &Document,
    now: &model::Timestamp,
    down_time_s: f64,
) -> Vec<Arc<Document>> {
    if router::gateway_ports(router).next().is_none() {
        return Vec::new();
    }
    let active = active(state, router);
    let known = super::all(state.nodes());
    let places = places(state, router).into_iter().filter(|place| known.contains(&place.agent()));
    let shown = places.map(|place| {
        let mut document = place.agent().document(state.nodes(), now, down_time_s);
        let is_active = active.as_ref() == Some(&place.chassis);
        document.set("ha_state", if is_active { "active" } else { "standby" });
        document.set("ha_chassis_priority", place.priority);
        Arc::new(document)
    });
    shown.collect()
}

/// The routers that may have their gateways on the node of an agent.
#[must_use]
pub fn routers(state: &State, agent: &Agent) -> Vec<Arc<Document>> {
    let all = state.rows(Kind::Router).iter().map(|(_, entry)| &entry.document);
    let is_there = |router: &&Arc<Document>| {
        agent.is_gateway()
            && router::gateway_ports(router).next().is_some()
            && places(state, router).iter().any(|place| place.chassis == agent.chassis)
    };
    all.filter(is_there).cloned().collect()
}

/// The agent and the router that a request names.
fn named(draft: &Draft<'_>, agent: &str, router: &str) -> Result<(Agent, Arc<Document>), ApiError> {
    let nodes = draft.state().nodes();
    let found = find(nodes, draft.context(), agent)?;
    if !found.is_gateway() || !found.is_enabled(nodes) {
        let text = format!("Agent {agent} is not a L3 Agent or has been disabled");
        return Err(ApiError::new(404, "InvalidL3Agent", text));
    }
    Ok((found, policy::known(draft.state(), draft.context(), Kind::Router, router)?))
}

/// What a request says of the priority of a node.
fn said_priority(said: &Value, others: &[Place]) -> Result<Option<u32>, ApiError> {
    if said.is_null() {
        return Ok(None);
    }
    let priority =
        said.as_u64().and_then(|said| u32::try_from(said).ok()).filter(|said| *said <= PRIORITY_MAX);
    let priority = priority.ok_or_else(|| {
        let text = format!("HA Chassis priority must be between 0 and {PRIORITY_MAX}");
        ApiError::new(400, "InvalidHAChassisPriority", text)
    })?;
    if others.iter().any(|other| other.priority == priority) {
        let text = format!("HA Chassis priority {priority} is already assigned");
        return Err(ApiError::new(409, "HAChassisPriorityAlreadyAssigned", text));
    }
    Ok(Some(priority))
}

fn choose(draft: &mut Draft<'_>, router: &Document, places: &[Place]) -> Decision<()> {
    let chosen = |place: &Place| json!({"chassis": place.chassis.to_string(), "priority": place.priority});
    let mut changed = router.clone();
    changed.set("chassis", places.iter().map(chosen).collect::<Value>());
    router::settle(draft, changed).map(drop)
}

/// Puts the gateways of a router on the node of an agent: before all others, or with the priority that is said.
///
/// # Errors
/// When there is no such agent or router, or the priority is another's.
pub fn add(draft: &mut Draft<'_>, agent: &str, router: &str, priority: &Value) -> Decision<()> {
    let (agent, router) = named(draft, agent, router)?;
    let mut places = places(draft.state(), &router);
    places.retain(|place| place.chassis != agent.chassis);
    let first = || places.iter().map(|place| place.priority.saturating_add(1)).max().unwrap_or_default();
    let priority = said_priority(priority, &places)?.unwrap_or_else(first);
    places.push(Place { chassis: agent.chassis, priority });
    choose(draft, &router, &places)
}

/// Gives the node of an agent another priority for a router.
///
/// # Errors
/// When it may not have the gateways of the router, or the priority is another's.
pub fn change(draft: &mut Draft<'_>, agent: &str, router: &str, priority: &Value) -> Decision<()> {
    let (found, document) = named(draft, agent, router)?;
    if !places(draft.state(), &document).iter().any(|place| place.chassis == found.chassis) {
        return Err(not_there(agent, router).into());
    }
    if priority.is_null() {
        return Ok(());
    }
    add(draft, agent, router, priority)
}

fn not_there(agent: &str, router: &str) -> ApiError {
    let text = format!("The router {router} is not hosted by the L3 Agent {agent}.");
    ApiError::new(409, "RouterNotHostedByL3Agent", text)
}

/// Takes the node of an agent from those that may have the gateways of a router. Without any that is chosen, every node that offers itself
/// may.
///
/// # Errors
/// When it is none of them.
pub fn remove(draft: &mut Draft<'_>, agent: &str, router: &str) -> Decision<()> {
    let found = find(draft.state().nodes(), draft.context(), agent)?;
    let document = policy::known(draft.state(), draft.context(), Kind::Router, router)?;
    let mut places = places(draft.state(), &document);
    let count = places.len();
    places.retain(|place| !found.is_gateway() || place.chassis != found.chassis);
    if places.len() == count {
        return Err(not_there(agent, router).into());
    }
    choose(draft, &document, &places)
}
