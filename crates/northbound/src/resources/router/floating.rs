//! The floating IPs behind a router, as far as the router has to know: what they need stays.
//!
//! Whoever puts a floating IP behind a router writes the guard of the router, and whoever takes something from the router requires
//! that nobody did: of the two, one decides again.

use std::sync::Arc;

use crate::error::ApiError;
use crate::registry::Kind;
use crate::registry::document::Document;
use crate::resources::floating_ip;
use crate::write::{Draft, guard_of_router};

/// The floating IPs that reach their ports through a router.
fn behind(draft: &Draft<'_>, router: &Document) -> Vec<Arc<Document>> {
    draft.with(Kind::FloatingIp, "router_id", router.id())
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
    let behind = behind(draft, router);
    if !behind.iter().any(|floating| floating_ip::is_in_subnet(draft, floating, subnet.id())) {
        return Ok(());
    }
    let text = format!(
        "Router interface for subnet {} on router {} cannot be deleted, as it is required by one or more floating IPs.",
        subnet.id(),
        router.id()
    );
    Err(ApiError::new(409, "RouterInterfaceInUseByFloatingIP", text))
}
