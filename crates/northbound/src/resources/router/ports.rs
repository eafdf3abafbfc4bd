//! What may happen to the ports of a router by other ways than the router, and what follows for the router.

use crate::error::ApiError;
use crate::ipam::owner;
use crate::registry::Kind;
use crate::registry::document::Document;
use crate::replica::State;
use crate::write::{Decision, Draft};

use super::{gateway, interface, interfaces, of_port, settle, subnets};

/// Whether a port is one that a router has on every node.
#[must_use]
pub fn is_everywhere(state: &State, port: &Document) -> bool {
    owner::is_router_interface(port.text("device_owner"))
        && state
            .find(Kind::Router, port.text("device_id"))
            .is_some_and(|router| interfaces(&router.document).any(|own| own == port.id()))
}

/// Ports of a router go with the router.
///
/// # Errors
/// When the port is one.
pub fn check_deletable(draft: &Draft<'_>, port: &Document) -> Result<(), ApiError> {
    if of_port(draft, port).is_none() {
        return Ok(());
    }
    let text = format!(
        "Port {} cannot be deleted directly via the port API: has device owner {}.",
        port.id(),
        port.text("device_owner")
    );
    Err(ApiError::new(409, "ServicePortInUse", text))
}

/// Nobody says that a port belongs to somebody else's router.
///
/// # Errors
/// When that is said.
pub fn check_device(draft: &Draft<'_>, port: &Document) -> Result<(), ApiError> {
    let context = draft.context();
    if context.is_privileged() || !owner::is_router_interface(port.text("device_owner")) {
        return Ok(());
    }
    let device = port.text("device_id");
    match draft.get(Kind::Router, device) {
        Some(router) if !context.owns(router.project()) => {
            let text = format!(
                "The following device_id {device} is not owned by your tenant or matches another tenants router."
            );
            Err(ApiError::new(409, "DeviceIDNotOwnedByTenant", text))
        }
        _ => Ok(()),
    }
}

/// Whether a port of a router may change so.
///
/// # Errors
/// When the router needs it otherwise.
pub fn check_change(draft: &mut Draft<'_>, before: &Document, after: &Document) -> Result<(), ApiError> {
    check_device(draft, after)?;
    let Some(router) = of_port(draft, before) else {
        return Ok(());
    };
    if ["device_id", "device_owner"].iter().any(|name| before.get(name) != after.get(name)) {
        return Err(interface::in_use(before, router.id()));
    }
    if before.get("fixed_ips") == after.get("fixed_ips") {
        return Ok(());
    }
    if before.text("device_owner") == owner::ROUTER_GATEWAY {
        let addresses = subnets::addresses(after).filter_map(|address| address.parse().ok());
        return gateway::check_addresses(draft, after.text("network_id"), addresses);
    }
    if after.list("fixed_ips").is_empty() {
        return Err(interface::without_address());
    }
    let now = subnets::of_port(draft, after);
    subnets::check_added(draft, &router, &now, Some(before.id()))?;
    interface::check_one_ipv4(&now)?;
    for subnet in subnets::of_port(draft, before) {
        if !now.iter().any(|kept| kept.id() == subnet.id()) {
            interface::check_not_needed(draft, &router, &subnet)?;
        }
    }
    Ok(())
}

/// After a port changed: writes anew what its router says of it.
///
/// # Errors
/// When the router cannot be translated.
pub fn follow(draft: &mut Draft<'_>, before: &Document, after: &Document) -> Decision<()> {
    let same =
        ["fixed_ips", "mac_address", "qos_policy_id"].iter().all(|name| before.get(name) == after.get(name));
    if same {
        return Ok(());
    }
    match of_port(draft, after) {
        Some(router) => settle(draft, (*router).clone()).map(drop),
        None => Ok(()),
    }
}
