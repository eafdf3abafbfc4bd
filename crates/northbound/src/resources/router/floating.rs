//! The floating IPs behind a router, as far as the router has to know: what they need stays.
//!
//! Whoever puts a floating IP behind a router writes the guard of the router, and whoever takes something from the router requires
//! that nobody did: of the two, one decides again.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use crate::error::ApiError;
use crate::registry::Kind;
use crate::registry::document::Document;
use crate::resources::facts;
use crate::write::{Draft, guard_of_router};

/// The floating IPs that reach their ports through a router.
fn behind(draft: &Draft<'_>, router: &Document) -> Vec<Arc<Document>> {
    let kind =
        Kind::of_collection("floatingips").filter(|kind| kind.resource().indexed.contains(&"router_id"));
    kind.map(|kind| draft.with(kind, "router_id", router.id())).unwrap_or_default()
}

/// Refuses that a router loses its gateway in a network from which it has floating IPs.
pub(super) fn check_gateway(draft: &mut Draft<'_>, router: &Document, network: &str) -> Result<(), ApiError> {
    draft.seal(guard_of_router(router.id()));
    if behind(draft, router).iter().all(|floating| floating.text("floating_network_id") != network) {
        return Ok(());
    }
    let text = format!(
        "Gateway cannot be updated for router {}, since a gateway to external network {network} is required by one or \
         more floating IPs.",
        router.id()
    );
    Err(ApiError::new(409, "RouterExternalGatewayInUseByFloatingIp", text))
}

/// Refuses that a router loses a subnet in which floating IPs have their ports.
pub(super) fn check_interface(
    draft: &mut Draft<'_>,
    router: &Document,
    subnet: &Document,
) -> Result<(), ApiError> {
    draft.seal(guard_of_router(router.id()));
    let cidr: Option<IpNet> = facts::cidr(subnet.get("cidr"));
    let is_in_subnet = |address: IpAddr| cidr.is_some_and(|cidr| cidr.contains(&address));
    let mut fixed = behind(draft, router).into_iter();
    if !fixed.any(|floating| facts::address(floating.get("fixed_ip_address")).is_some_and(is_in_subnet)) {
        return Ok(());
    }
    let text = format!(
        "Router interface for subnet {} on router {} cannot be deleted, as it is required by one or more floating IPs.",
        subnet.id(),
        router.id()
    );
    Err(ApiError::new(409, "RouterInterfaceInUseByFloatingIP", text))
}
