//! Routes of a router to elsewhere than its own networks.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use serde_json::Value;

use super::{gateway_ports, interfaces, managed, settle, subnets};
use crate::error::ApiError;
use crate::registry::check::{Check, Flaw};
use crate::registry::document::Document;
use crate::registry::{Kind, python};
use crate::resources::facts;
use crate::write::{Decision, Draft};

/// A change of some of the routes, whatever the others are meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RouteChange {
    /// These as well; those that are there already stay.
    Add,
    /// These no more; those that are not there are not missed.
    Remove,
}

impl RouteChange {
    /// The change that a path names so.
    #[must_use]
    pub fn from_action(action: &str) -> Option<Self> {
        match action {
            "add_extraroutes" => Some(Self::Add),
            "remove_extraroutes" => Some(Self::Remove),
            _ => None,
        }
    }

    const fn rule(self) -> &'static str {
        match self {
            Self::Add => "add_extraroutes",
            Self::Remove => "remove_extraroutes",
        }
    }
}

/// Gives a router these routes and no others.
pub(super) fn set(draft: &Draft<'_>, router: &mut Document, routes: &[Value]) -> Decision<()> {
    let max = draft.core().settings.routes_max;
    if routes.len() > max {
        let text = format!(
            "Unable to complete operation for {}. The number of routes exceeds the maximum {max}.",
            router.id()
        );
        return Err(ApiError::new(400, "RoutesExhausted", text).into());
    }
    router.set("routes", routes.to_vec());
    Ok(check(draft, router)?)
}

/// Whether each route leads to a neighbour that is not the router itself.
pub(super) fn check(draft: &Draft<'_>, router: &Document) -> Result<(), ApiError> {
    if router.list("routes").is_empty() {
        return Ok(());
    }
    let connected = subnets::connected(draft, router);
    let cidrs: Vec<_> = connected.iter().filter_map(|subnet| facts::cidr(subnet.get("cidr"))).collect();
    let ports = interfaces(router).chain(gateway_ports(router));
    let ports: Vec<Arc<Document>> = ports.filter_map(|port| draft.get(Kind::Port, port)).collect();
    let own: Vec<IpAddr> = ports
        .iter()
        .flat_map(|port| subnets::addresses(port))
        .filter_map(|address| address.parse().ok())
        .collect();
    check_discards(router)?;
    for route in router.list("routes") {
        let Some(next_hop) = route.get("nexthop").and_then(facts::address) else {
            continue;
        };
        if !cidrs.iter().any(|cidr| cidr.contains(&next_hop)) {
            return Err(invalid(router, "the nexthop is not connected with router"));
        }
        if own.contains(&next_hop) {
            return Err(invalid(router, "the nexthop is used by router"));
        }
    }
    Ok(())
}

/// Whether no destination is discarded and routed as well.
fn check_discards(router: &Document) -> Result<(), ApiError> {
    let (hops, discards): (Vec<_>, Vec<_>) =
        router.list("routes").iter().filter_map(key).partition(|(_, next_hop)| next_hop.is_some());
    let discarded: Vec<IpNet> = discards.into_iter().map(|(destination, _)| destination).collect();
    match hops.iter().any(|(destination, _)| discarded.contains(destination)) {
        true => Err(invalid(router, "a destination that is discarded has no other nexthop")),
        false => Ok(()),
    }
}

/// What two routes have in common that are the same; there is no next hop where they lead nowhere.
fn key(route: &Value) -> Option<(IpNet, Option<IpAddr>)> {
    Some((facts::cidr(route.get("destination")?)?, facts::address(route.get("nexthop")?)))
}

fn invalid(router: &Document, reason: &str) -> ApiError {
    let text = format!("Invalid format for routes: {}, {reason}", python::text(router.get("routes")));
    ApiError::new(400, "InvalidRoutes", text)
}

/// Refuses that a router loses a subnet in which it has a next hop.
pub(super) fn check_unused(router: &Document, subnet: &Document) -> Result<(), ApiError> {
    let cidr = facts::cidr(subnet.get("cidr"));
    let is_in_subnet = |route: &Value| {
        let next_hop = route.get("nexthop").and_then(facts::address);
        cidr.zip(next_hop).is_some_and(|(cidr, next_hop)| cidr.contains(&next_hop))
    };
    if !router.list("routes").iter().any(is_in_subnet) {
        return Ok(());
    }
    let text = format!(
        "Router interface for subnet {} on router {} cannot be deleted, as it is required by one or more routes.",
        subnet.id(),
        router.id()
    );
    Err(ApiError::new(409, "RouterInterfaceInUseByRoute", text))
}

/// Adds routes to a router, or takes some from it.
///
/// # Errors
/// When they make no sense, or the requester may not.
pub fn change_some(
    draft: &mut Draft<'_>,
    router: &str,
    change: RouteChange,
    said: &Value,
) -> Decision<Arc<Document>> {
    let mut router = (*managed(draft, router, change.rule())?).clone();
    Check::ROUTER_ROUTES.apply(said).map_err(|flaw| match flaw {
        Flaw::Reason(reason) => ApiError::invalid_value("routes", reason),
        Flaw::Refusal(error) => error,
    })?;
    let said = said.as_array().map_or(&[][..], Vec::as_slice);
    let is_same = |first: &Value, second: &Value| key(first) == key(second);
    let mut routes = router.list("routes").to_vec();
    match change {
        RouteChange::Add => {
            for route in said {
                if !routes.iter().any(|own| is_same(own, route)) {
                    routes.push(route.clone());
                }
            }
        }
        RouteChange::Remove => routes.retain(|own| !said.iter().any(|route| is_same(own, route))),
    }
    set(draft, &mut router, &routes)?;
    settle(draft, router)
}
