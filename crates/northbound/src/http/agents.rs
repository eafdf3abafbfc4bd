//! Agents, and what they have: `/v2.0/agents` and what is below it, and the agents of networks and routers.

use std::sync::Arc;

use axum::http::Method;
use model::Timestamp;
use serde_json::{Value, json};

use super::answer::Answer;
use super::request::Request;
use crate::auth::Context;
use crate::error::ApiError;
use crate::policy;
use crate::query::View;
use crate::query::view::Columns;
use crate::registry::document::Document;
use crate::registry::tables::agent::AGENT;
use crate::registry::{Kind, body};
use crate::resources::agent::{self, gateways, zones};
use crate::server::Core;
use crate::service::Body;

/// Answers a request for agents.
pub(super) async fn answer(
    core: &Core,
    context: &Context,
    request: &Request,
    rest: &[&str],
    text: &[u8],
) -> Result<Answer, ApiError> {
    match rest {
        [] => list(core, context, request),
        [id] => one(core, context, request, id, text).await,
        [id, "dhcp-networks" | "dhcp_networks", rest @ ..] => {
            dhcp_networks(core, context, request, (id, rest), text)
        }
        [id, "l3-routers" | "l3_routers", rest @ ..] => {
            l3_routers(core, context, request, (id, rest), text).await
        }
        _ => Err(ApiError::not_found()),
    }
}

/// The routers that may have their gateways on the node of an agent.
async fn l3_routers(
    core: &Core,
    context: &Context,
    request: &Request,
    (id, rest): (&str, &[&str]),
    text: &[u8],
) -> Result<Answer, ApiError> {
    match (&request.method, rest) {
        (&Method::GET, []) => {
            enforce(context, "get_l3-routers")?;
            let state = core.replica.read();
            let agent = agent::find(state.nodes(), context, id)?;
            let columns = Columns::new(Kind::Router.resource().attributes, context, &[]);
            let routers = gateways::routers(&state, &agent).into_iter();
            let views = routers.map(|router| View::new(&state, router, &columns)).collect();
            Ok(Answer::json(200, &Body::Many("routers", views, None)))
        }
        (&Method::POST, []) => {
            enforce(context, "create_l3-router")?;
            let mut said = body::object(text)?;
            let router = said.remove("router_id").unwrap_or_default();
            let router = router.as_str().unwrap_or_default();
            let priority = said.remove("ha_chassis_priority").unwrap_or_default();
            core.write(context, |draft| gateways::add(draft, id, router, &priority)).await?;
            Ok(Answer::json(201, &Value::Null))
        }
        (&Method::PUT, [router]) => {
            enforce(context, "update_l3-router")?;
            let priority = body::object(text)?.remove("ha_chassis_priority").unwrap_or_default();
            core.write(context, |draft| gateways::change(draft, id, router, &priority)).await?;
            Ok(Answer::json(200, &Value::Null))
        }
        (&Method::DELETE, [router]) => {
            enforce(context, "delete_l3-router")?;
            core.write(context, |draft| gateways::remove(draft, id, router)).await?;
            Ok(Answer::empty(204))
        }
        (_, [] | [_]) => Err(ApiError::method_not_allowed()),
        _ => Err(ApiError::not_found()),
    }
}

/// The agents that may have the gateways of a router, the first of them before others.
pub(super) fn of_router(
    core: &Core,
    context: &Context,
    request: &Request,
    router: &str,
) -> Result<Answer, ApiError> {
    request.only(&Method::GET)?;
    enforce(context, "get_l3-agents")?;
    let (now, down_time_s) = judged(core);
    let found = {
        let state = core.replica.read();
        let router = policy::known(&state, context, Kind::Router, router)?;
        gateways::shown(&state, &router, &now, down_time_s)
    };
    Ok(all_of(core, context, request, found))
}

/// Agents without pages: those of one thing are few.
fn all_of(core: &Core, context: &Context, request: &Request, found: Vec<Arc<Document>>) -> Answer {
    let views = core.views(&AGENT, context, &request.parameters.fields(), found);
    Answer::json(200, &Body::Many(AGENT.plural, views, None))
}

/// Refuses what only administrators may.
fn enforce(context: &Context, rule: &str) -> Result<(), ApiError> {
    if context.is_admin { Ok(()) } else { Err(ApiError::forbidden(format_args!("rule:{rule}"))) }
}

/// Now, and how long an agent may be silent.
fn judged(core: &Core) -> (Timestamp, f64) {
    (core.clock.timestamp(), core.settings.service_down_time_s)
}

fn list(core: &Core, context: &Context, request: &Request) -> Result<Answer, ApiError> {
    request.only(&Method::GET)?;
    let (now, down_time_s) = judged(core);
    let all = core.listed(&AGENT, context, &request.parameters, &request.url, |state, _| {
        Ok(agent::shown(state, context, &now, down_time_s))
    });
    Ok(Answer::json(200, &all?))
}

async fn one(
    core: &Core,
    context: &Context,
    request: &Request,
    id: &str,
    text: &[u8],
) -> Result<Answer, ApiError> {
    match request.method {
        Method::GET => {}
        Method::PUT => {
            let said = body::change(&AGENT, text, context)?;
            core.write(context, |draft| agent::change(draft, id, &said)).await?;
        }
        Method::DELETE => {
            let (now, down_time_s) = judged(core);
            core.write(context, |draft| agent::delete(draft, id, &now, down_time_s)).await?;
            return Ok(Answer::empty(204));
        }
        _ => return Err(ApiError::method_not_allowed()),
    }
    let (now, down_time_s) = judged(core);
    let found = agent::show(&core.replica.read(), context, id, &now, down_time_s)?;
    Ok(Answer::json(200, &core.shown(&AGENT, context, &request.fields_shown(), found)))
}

/// The networks whose DHCP an agent answers: all that have any, because every node does for the ports that it has. So it can neither be
/// given to a node nor be taken from one.
fn dhcp_networks(
    core: &Core,
    context: &Context,
    request: &Request,
    (id, rest): (&str, &[&str]),
    text: &[u8],
) -> Result<Answer, ApiError> {
    let state = core.replica.read();
    match (&request.method, rest) {
        (&Method::GET, []) => {
            enforce(context, "get_dhcp-networks")?;
            let answers = agent::find(state.nodes(), context, id)?.is_controller();
            let networks = state.rows(Kind::Network).iter().map(|(_, entry)| &entry.document);
            let columns = Columns::new(Kind::Network.resource().attributes, context, &[]);
            let with_dhcp = networks.filter(|network| answers && network.filled("dhcp_port").is_some());
            let views: Vec<View> =
                with_dhcp.map(|network| View::new(&state, Arc::clone(network), &columns)).collect();
            Ok(Answer::json(200, &Body::Many("networks", views, None)))
        }
        (&Method::POST, []) => {
            enforce(context, "create_dhcp-network")?;
            let agent = answering(&state, context, id)?;
            let network = body::object(text)?.remove("network_id").unwrap_or_default();
            let network = network.as_str().unwrap_or_default();
            policy::known(&state, context, Kind::Network, network)?;
            let text = format!("The network {network} has been already hosted by the DHCP Agent {agent}.");
            Err(ApiError::new(409, "NetworkHostedByDHCPAgent", text))
        }
        (&Method::DELETE, [network]) => {
            enforce(context, "delete_dhcp-network")?;
            let agent = answering(&state, context, id)?;
            policy::known(&state, context, Kind::Network, network)?;
            let text = format!(
                "DHCP of network {network} cannot be taken from agent {agent}: every node answers for the ports that it has."
            );
            Err(ApiError::new(409, "Conflict", text))
        }
        (_, [] | [_]) => Err(ApiError::method_not_allowed()),
        _ => Err(ApiError::not_found()),
    }
}

/// An agent that answers DHCP.
fn answering(state: &crate::replica::State, context: &Context, id: &str) -> Result<String, ApiError> {
    let agent = agent::find(state.nodes(), context, id)?;
    if agent.is_controller() {
        return Ok(agent.id().to_string());
    }
    let text = format!("Agent {id} is not a valid DHCP Agent or has been disabled.");
    Err(ApiError::new(404, "InvalidDHCPAgent", text))
}

/// The agents that answer the DHCP of a network: all controllers, if it has any DHCP.
pub(super) fn of_network(
    core: &Core,
    context: &Context,
    request: &Request,
    network: &str,
) -> Result<Answer, ApiError> {
    request.only(&Method::GET)?;
    enforce(context, "get_dhcp-agents")?;
    let (now, down_time_s) = judged(core);
    let found = {
        let state = core.replica.read();
        let network = policy::known(&state, context, Kind::Network, network)?;
        let mut found = agent::shown(&state, context, &now, down_time_s);
        let has_dhcp = network.filled("dhcp_port").is_some();
        found.retain(|agent| has_dhcp && agent::is_controller(agent));
        found
    };
    Ok(all_of(core, context, request, found))
}

/// Where networks and routers can be placed.
pub(super) fn availability_zones(core: &Core, request: &Request) -> Result<Value, ApiError> {
    let (now, down_time_s) = judged(core);
    let all = zones::shown(&core.replica.read(), &core.settings.availability_zones, &now, down_time_s);
    let fits = |zone: &Value| request.parameters.fit(&["name", "resource", "state"], zone);
    Ok(json!({"availability_zones": all.into_iter().filter(fits).collect::<Value>()}))
}
