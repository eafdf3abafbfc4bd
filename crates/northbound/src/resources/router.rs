//! Routers: what forwards between networks.
//!
//! # Guarantees
//! - A port belongs to one router at most: the router names its ports, and whoever changes them changes the router in the same
//!   transaction, so that of two that contradict each other one is refused.
//! - The rows that controllers read follow from the router and its ports, and are written with either. What the API shows of a
//!   gateway is what its port has.
//! - Subnets that a router connects do not overlap, each of its routes leads to a neighbour, and nothing of it goes that
//!   a floating IP or a route needs.
//!
//! | module | what it holds |
//! |---|---|
//! | [`interface`] | ports in the networks that a router connects |
//! | [`gateway`] | its port in an external network |
//! | [`gateways`] | more than one of these |
//! | [`routes`] | routes to elsewhere |
//! | [`subnets`] | which subnets it has |
//! | [`ports`] | what may happen to its ports behind its back |
//! | [`floating`] | the floating IPs behind it |
//! | [`rows`] | what controllers read |

pub mod floating;
pub mod gateway;
pub mod gateways;
pub mod interface;
pub mod ports;
pub mod routes;
pub mod rows;
pub mod subnets;

use std::sync::Arc;

use model::Table;
use serde_json::Value;

use super::{copy_all, copy_said, network, project_of, visible};
use crate::error::ApiError;
use crate::ipam::owner;
use crate::policy;
use crate::registry::Kind;
use crate::registry::body::Said;
use crate::registry::document::Document;
use crate::write::{Decision, Draft, guard_of_router};

/// Attributes that are as they are said.
const PLAIN: [&str; 3] = ["name", "admin_state_up", "description"];

/// What makes another kind of router of it, and how the refusal calls that.
const MODES: [(&str, &str); 2] = [("distributed", "the 'distributed'"), ("ha", "HA")];

pub(super) fn create(draft: &mut Draft<'_>, id: &str, said: &Said) -> Decision<Arc<Document>> {
    policy::enforce_create(draft.context(), said, true)?;
    let project = project_of(draft, said)?;
    let mut router = draft.new_document(Kind::Router, id, &project);
    copy_all(&mut router, said, &PLAIN);
    copy_all(&mut router, said, &["availability_zone_hints"]);
    network::check_zones(draft, &router)?;
    let mode = |name| said.filled(name).and_then(Value::as_bool);
    router.set("distributed", mode("distributed").unwrap_or(draft.core().settings.router_distributed));
    router.set("ha", mode("ha").unwrap_or(false));
    for list in ["routes", "interfaces", "gateways", "external_gateways"] {
        router.set(list, Vec::<Value>::new());
    }
    router.set("unique_key", draft.unique_key(Table::LogicalRouter)?.get());
    if let Some(info) = said.filled("external_gateway_info") {
        gateway::set(draft, &mut router, info)?;
    }
    show_gateways(draft, &mut router);
    let router = draft.create(router);
    rows::put(draft, &router)?;
    Ok(router)
}

pub(super) fn change(draft: &mut Draft<'_>, document: &Document, said: &Said) -> Decision<Arc<Document>> {
    check_modes(document, said)?;
    let mut router = document.clone();
    copy_said(&mut router, said, &PLAIN);
    for (mode, _) in MODES {
        if let Some(value) = said.filled(mode) {
            router.set(mode, value.clone());
        }
    }
    if let Some(routes) = said.get("routes") {
        routes::set(draft, &mut router, routes.as_array().map_or(&[], Vec::as_slice))?;
    }
    if let Some(info) = said.get("external_gateway_info") {
        gateway::set(draft, &mut router, info)?;
    }
    if document.is("distributed") != router.is("distributed") {
        interface::change_owner(draft, &router)?;
    }
    settle(draft, router)
}

pub(super) fn delete(draft: &mut Draft<'_>, document: &Document) -> Decision<()> {
    let interfaces: Vec<&str> = interfaces(document).collect();
    if !interfaces.is_empty() {
        let text = format!("Router {} has ports still attached: {}", document.id(), interfaces.join(", "));
        return Err(ApiError::new(409, "RouterInUse", text).into());
    }
    let mut router = document.clone();
    gateway::remove_all(draft, &mut router)?;
    draft.seal_and_drop(guard_of_router(document.id()));
    rows::delete(draft, document);
    draft.delete(document);
    Ok(())
}

/// A router that works stays what it is.
fn check_modes(document: &Document, said: &Said) -> Result<(), ApiError> {
    for (mode, noun) in MODES {
        let changes = said.filled(mode).is_some_and(|value| value != document.get(mode));
        let is_up = document.is("admin_state_up") || said.get("admin_state_up") == Some(&Value::Bool(true));
        if changes && is_up {
            return Err(ApiError::bad_resource(
                "router",
                format_args!(
                    "Cannot change {noun} attribute of active routers. Please set router admin_state_up to False prior \
                     to upgrade"
                ),
            ));
        }
    }
    Ok(())
}

/// The kind of port that a router has in the networks that it connects.
fn interface_owner(router: &Document) -> &'static str {
    if router.is("distributed") { owner::DISTRIBUTED_ROUTER_INTERFACE } else { owner::ROUTER_INTERFACE }
}

/// The ids of its ports in the networks that it connects.
pub fn interfaces(router: &Document) -> impl Iterator<Item = &str> {
    router.texts("interfaces")
}

/// The ids of its ports in external networks.
pub fn gateway_ports(router: &Document) -> impl Iterator<Item = &str> {
    router.list("gateways").iter().filter_map(|gateway| gateway.get("port_id")?.as_str())
}

/// The router that a port belongs to.
#[must_use]
pub fn of_port(draft: &Draft<'_>, port: &Document) -> Option<Arc<Document>> {
    let router = draft.get(Kind::Router, port.filled("device_id")?)?;
    let belongs = interfaces(&router).chain(gateway_ports(&router)).any(|own| own == port.id());
    belongs.then_some(router)
}

/// A router that the requester may do something with that has a rule of its own.
fn managed(draft: &Draft<'_>, router: &str, rule: &str) -> Result<Arc<Document>, ApiError> {
    let router = visible(draft, Kind::Router, router)?;
    policy::enforce_action(draft.state(), draft.context(), &router, rule)?;
    Ok(router)
}

/// Writes a router that changed, or whose ports did.
pub fn settle(draft: &mut Draft<'_>, mut router: Document) -> Decision<Arc<Document>> {
    show_gateways(draft, &mut router);
    let router = draft.change(router);
    rows::put(draft, &router)?;
    Ok(router)
}

/// Says of the gateways what their ports have.
fn show_gateways(draft: &Draft<'_>, router: &mut Document) {
    let shown: Vec<Value> =
        router.list("gateways").iter().filter_map(|gateway| gateway::shown(draft, gateway)).collect();
    router.set("external_gateway_info", shown.first().cloned().unwrap_or_default());
    router.set("external_gateways", shown);
}
