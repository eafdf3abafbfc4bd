//! Agents: the daemons of nodes, as operators of Neutron know them.
//!
//! Nobody creates one: a node writes of itself that it is there, and with every heartbeat that it is alive. An agent is alive as long as
//! its last heartbeat is young enough.
//!
//! | agent | what it is |
//! |---|---|
//! | `Dragonflow controller` | the local controller: switching, routing and DHCP of its node |
//! | `L3 agent` | a node that routers may have their gateways on, whether its local controller or `df-l3-agent` says so |
//! | `Metadata agent` and others | a daemon with a heartbeat of its own |
//!
//! One that is switched off (`admin_state_up`) gets no gateways: the row that offers its node is taken back, and is not written again until it
//! is switched on. One that is dead can be deleted, and with the controller goes its node.

pub mod gateways;
pub mod zones;

use std::collections::BTreeSet;
use std::sync::Arc;

use model::{Chassis, GatewayCandidate, Id, Object, Service, ServiceExtra, Table, Timestamp};
use nb::{Key, Require};
use serde_json::{Value, json};

use crate::auth::Context;
use crate::clock;
use crate::error::ApiError;
use crate::registry::body::Said;
use crate::registry::document::Document;
use crate::registry::tables::agent::AGENT;
use crate::replica::State;
use crate::replica::nodes::Nodes;
use crate::write::{Decision, Draft};

/// What services call themselves.
const CONTROLLER: &str = "df-local-controller";
const GATEWAY: &str = "df-l3-agent";

/// What operators call them.
const TYPES: [(&str, &str); 5] = [
    (CONTROLLER, "Dragonflow controller"),
    (GATEWAY, "L3 agent"),
    ("df-metadata-service", "Metadata agent"),
    ("df-publisher-service", "Dragonflow publisher"),
    ("df-bgp-service", "BGP dynamic routing agent"),
];

/// A daemon of a node.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Agent {
    /// The node.
    pub chassis: Id<Chassis>,
    /// The daemon.
    pub binary: String,
}

impl Agent {
    /// Its id.
    #[must_use]
    pub fn id(&self) -> Id<Service> {
        Service::id_of(&self.chassis, &self.binary)
    }

    /// Whether routers can have their gateways there.
    #[must_use]
    pub fn is_gateway(&self) -> bool {
        self.binary == GATEWAY
    }

    /// Whether it switches, routes and answers DHCP.
    #[must_use]
    pub fn is_controller(&self) -> bool {
        self.binary == CONTROLLER
    }

    fn agent_type(&self) -> &str {
        TYPES.iter().find(|(binary, _)| *binary == self.binary).map_or(&self.binary, |(_, name)| name)
    }

    fn service<'a>(&self, nodes: &'a Nodes) -> Option<&'a Arc<Service>> {
        nodes.service(&self.id()).map(|known| &known.row)
    }

    /// Its last heartbeat. A node that offers itself for gateways without a daemon for that lives as its controller does.
    fn last_seen<'a>(&self, nodes: &'a Nodes) -> Option<&'a Timestamp> {
        let own = self.service(nodes).and_then(|service| service.last_seen_up.as_ref());
        own.or_else(|| {
            let controller = Service::id_of(&self.chassis, CONTROLLER);
            nodes.service(&controller)?.row.last_seen_up.as_ref().filter(|_| self.is_gateway())
        })
    }

    /// When it was there first, and when it was started. A node that offers itself for gateways without a daemon for that has the times
    /// of its controller.
    fn times<'a>(&self, nodes: &'a Nodes) -> Option<&'a Arc<ServiceExtra>> {
        let own = nodes.times(&self.id());
        let is_by_controller = self.is_gateway() && self.service(nodes).is_none();
        let of_controller = || nodes.times(&Service::id_of(&self.chassis, CONTROLLER));
        own.or_else(|| is_by_controller.then(of_controller)?).map(|known| &known.row)
    }

    /// Whether it gave a sign of life lately.
    #[must_use]
    pub fn is_alive(&self, nodes: &Nodes, now: &Timestamp, down_time_s: f64) -> bool {
        self.last_seen(nodes).is_some_and(|last| last.is_recent(now, down_time_s))
    }

    /// Whether nobody switched it off.
    #[must_use]
    pub fn is_enabled(&self, nodes: &Nodes) -> bool {
        self.service(nodes).and_then(|service| service.disabled) != Some(true)
    }

    fn configurations(&self, nodes: &Nodes) -> Value {
        let candidate = nodes.candidate(&self.chassis).map(|known| known.row.priority);
        let extra = nodes.extra(&self.chassis).map(|known| &known.row);
        let networks = extra.map(|extra| extra.physical_networks.clone());
        match self.binary.as_str() {
            CONTROLLER => {
                let chassis = nodes.chassis(&self.chassis).map(|known| &known.row);
                let kinds = chassis.map(|chassis| {
                    chassis.tunnel_types.iter().map(|kind| kind.as_str().into()).collect::<Vec<Value>>()
                });
                json!({
                    "tunneling_ip": chassis.map(|chassis| chassis.ip.to_string()),
                    "tunnel_types": kinds,
                    "physical_networks": networks,
                    "availability_zones": extra.map(|extra| extra.availability_zones.clone()),
                    "software_version": extra.and_then(|extra| extra.software_version.clone()),
                    "gateway_priority": candidate,
                })
            }
            GATEWAY => json!({
                "agent_mode": "dvr_snat",
                "gateway_priority": candidate,
                "physical_networks": networks,
            }),
            _ => json!({}),
        }
    }

    /// What is shown of it.
    fn document(&self, nodes: &Nodes, now: &Timestamp, down_time_s: f64) -> Document {
        let service = self.service(nodes);
        let zones = nodes.extra(&self.chassis).map(|known| known.row.availability_zones.clone());
        let mut document = Document::new(&AGENT);
        document.set("id", self.id().to_string());
        document.set("agent_type", self.agent_type());
        document.set("binary", self.binary.as_str());
        document.set("topic", "N/A");
        document.set("host", self.chassis.to_string());
        document.set("admin_state_up", self.is_enabled(nodes));
        document.set("availability_zone", zones.and_then(|zones| zones.into_iter().next()));
        let times = self.times(nodes);
        document.set("created_at", times.and_then(|times| times.created_at.as_ref()).map(moment));
        document.set("started_at", times.and_then(|times| times.started_at.as_ref()).map(moment));
        document.set("heartbeat_timestamp", self.last_seen(nodes).map(moment));
        document.set("alive", self.is_alive(nodes, now, down_time_s));
        document.set("configurations", self.configurations(nodes));
        document.set("description", service.and_then(|service| service.disabled_reason.clone()));
        document
    }
}

/// A moment as Neutron says it of agents.
fn moment(timestamp: &Timestamp) -> String {
    // Fractions are cut off, and what is before 1970 is a clock that is wrong.
    let seconds = format!("{:.0}", timestamp.seconds().max(0.0).floor()).parse().unwrap_or_default();
    clock::text(seconds).replace('T', " ").replace('Z', "")
}

/// All of them, those of a node side by side.
#[must_use]
pub fn all(nodes: &Nodes) -> BTreeSet<Agent> {
    let services = nodes.services().map(|known| (known.row.chassis.clone(), known.row.binary.clone()));
    let candidates = nodes.candidates().map(|known| (known.row.chassis.clone(), GATEWAY.to_owned()));
    services.chain(candidates).map(|(chassis, binary)| Agent { chassis, binary }).collect()
}

/// The agent with this id.
///
/// # Errors
/// When there is none that the requester may know of.
pub fn find(nodes: &Nodes, context: &Context, id: &str) -> Result<Agent, ApiError> {
    let found = all(nodes).into_iter().find(|agent| context.is_admin && *agent.id().row() == *id);
    found.ok_or_else(|| AGENT.not_found(id))
}

/// What a requester sees of all agents.
#[must_use]
pub fn shown(state: &State, context: &Context, now: &Timestamp, down_time_s: f64) -> Vec<Arc<Document>> {
    let nodes = state.nodes();
    let all = if context.is_admin { all(nodes) } else { BTreeSet::new() };
    all.iter().map(|agent| Arc::new(agent.document(nodes, now, down_time_s))).collect()
}

/// What a requester sees of an agent.
///
/// # Errors
/// When there is none that they may know of.
pub fn show(
    state: &State,
    context: &Context,
    id: &str,
    now: &Timestamp,
    down_time_s: f64,
) -> Result<Arc<Document>, ApiError> {
    let agent = find(state.nodes(), context, id)?;
    Ok(Arc::new(agent.document(state.nodes(), now, down_time_s)))
}

/// Whether an agent that is shown switches, routes and answers DHCP.
#[must_use]
pub fn is_controller(document: &Document) -> bool {
    document.text("binary") == CONTROLLER
}

/// Switches an agent on or off, or says why.
///
/// # Errors
/// When there is none.
pub fn change(draft: &mut Draft<'_>, id: &str, said: &Said) -> Decision<()> {
    let nodes = draft.state().nodes();
    let agent = find(nodes, draft.context(), id)?;
    let known = nodes.service(&agent.id()).cloned();
    let key = Key::new(Table::Service, agent.id().row().clone());
    let mut service = known.as_ref().map_or_else(
        || Service {
            binary: agent.binary.clone(),
            chassis: agent.chassis.clone(),
            disabled: None,
            disabled_reason: None,
            id: agent.id(),
            last_seen_up: None,
        },
        |known| (*known.row).clone(),
    );
    if let Some(up) = said.get("admin_state_up").and_then(Value::as_bool) {
        service.disabled = Some(!up);
    }
    if let Some(description) = said.get("description") {
        service.disabled_reason = description.as_str().map(str::to_owned);
    }
    let is_off = service.disabled == Some(true) && (agent.is_gateway() || agent.is_controller());
    draft.require(match known {
        Some(known) => Require::Unchanged(key, known.stamp),
        None => Require::Absent(key),
    });
    draft.put_object(&Object::from(service));
    if is_off {
        take_back_candidate(draft, &agent.chassis);
    }
    Ok(())
}

fn take_back_candidate(draft: &mut Draft<'_>, chassis: &Id<Chassis>) {
    if draft.state().nodes().candidate(chassis).is_some() {
        draft.delete_row(Key::new(Table::GatewayCandidate, GatewayCandidate::id_of(chassis).row().clone()));
    }
}

/// Forgets an agent that is dead.
///
/// # Errors
/// When there is none, or it is alive.
pub fn delete(draft: &mut Draft<'_>, id: &str, now: &Timestamp, down_time_s: f64) -> Decision<()> {
    let nodes = draft.state().nodes();
    let agent = find(nodes, draft.context(), id)?;
    if agent.is_alive(nodes, now, down_time_s) {
        let text = format!(
            "Agent {id} ({} on {}) is alive: it would come back. Stop it, and delete it when it is not alive any more.",
            agent.binary, agent.chassis
        );
        return Err(ApiError::new(409, "AgentInUse", text).into());
    }
    // A heartbeat that comes meanwhile keeps it.
    let seen: Vec<_> = [agent.id(), Service::id_of(&agent.chassis, CONTROLLER)]
        .into_iter()
        .filter_map(|id| nodes.service(&id).map(|known| (id, known.stamp)))
        .collect();
    let has_service = nodes.service(&agent.id()).is_some();
    let has_times = nodes.times(&agent.id()).is_some();
    for (id, stamp) in seen {
        draft.require(Require::Unchanged(Key::new(Table::Service, id.row().clone()), stamp));
    }
    if has_service {
        draft.delete_row(Key::new(Table::Service, agent.id().row().clone()));
    }
    if has_times {
        draft.delete_row(Key::new(Table::ServiceExtra, agent.id().row().clone()));
    }
    if agent.is_gateway() || agent.is_controller() {
        take_back_candidate(draft, &agent.chassis);
    }
    if agent.is_controller() {
        for table in [Table::Chassis, Table::ChassisExtra] {
            draft.delete_row(Key::new(table, agent.chassis.row().clone()));
        }
    }
    Ok(())
}
