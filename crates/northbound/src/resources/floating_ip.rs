//! Floating IPs: addresses of an external network that stand for addresses of ports inside.
//!
//! # Guarantees
//! - The address is that of a port in the external network, which comes and goes with the floating IP and which nobody else may
//!   delete. It has no other address, also where the network has subnets of IPv6.
//! - What it stands for can be reached: a router has an interface in the subnet of the port and a gateway in the external network. Whoever
//!   takes either from the router hears that a floating IP needs it.
//! - An address inside has at most one floating IP of an external network. Whoever makes it stand for one changes the port, so that of
//!   two that want the same port one decides again, and none stands for a port that is gone.
//! - It is `ACTIVE` while a node says of its port that packets to it pass, and `DOWN` otherwise.

pub mod forwarding;
mod inside;
mod outside;
pub mod pools;
mod rows;

use std::sync::Arc;

use model::PortState;
use serde_json::{Value, json};

use self::inside::Inside;
pub(super) use self::inside::is_in_subnet;
use super::{copy_said, port, project_of, qos, visible};
use crate::error::ApiError;
use crate::policy;
use crate::registry::Kind;
use crate::registry::body::Said;
use crate::registry::document::Document;
use crate::replica::State;
use crate::write::{Decision, Draft, guard_of_router};

/// Floating IPs that go in one transaction with their network; of each, five rows.
const RELEASED_MAX: usize = 20;

/// The value of an attribute that is not kept.
pub(super) fn compute(state: &State, document: &Document, name: &str) -> Value {
    match name {
        "status" => status(state, document).into(),
        "port_details" => details(state, document),
        "port_forwardings" => forwarding::shown_of(document),
        _ => Value::Null,
    }
}

/// Whether it stands for anything.
fn is_used(document: &Document) -> bool {
    document.filled("port_id").is_some() || !document.list("forwardings").is_empty()
}

fn status(state: &State, document: &Document) -> &'static str {
    let is_wired = state.port_state(document.text("floating_port_id")) == Some(PortState::Active);
    if is_wired && is_used(document) { "ACTIVE" } else { "DOWN" }
}

/// What there is to know of the port that it stands for, for those who may not look at the port itself.
fn details(state: &State, document: &Document) -> Value {
    let Some(entry) = state.find(Kind::Port, document.text("port_id")) else {
        return Value::Null;
    };
    let port = &entry.document;
    json!({
        "name": port.get("name"),
        "network_id": port.get("network_id"),
        "mac_address": port.get("mac_address"),
        "admin_state_up": port.get("admin_state_up"),
        "status": port::status(state, port),
        "device_id": port.get("device_id"),
        "device_owner": port.get("device_owner"),
    })
}

/// A request for floating IPs that makes no sense.
fn bad_request(message: impl std::fmt::Display) -> ApiError {
    ApiError::bad_resource("floatingip", message)
}

pub(super) fn create(draft: &mut Draft<'_>, id: &str, said: &Said) -> Decision<Arc<Document>> {
    policy::enforce_create(draft.context(), said, true)?;
    let project = project_of(draft, said)?;
    let network_id = said.get("floating_network_id").and_then(Value::as_str).unwrap_or_default();
    let network = visible(draft, Kind::Network, network_id)?;
    if !network.is("router:external") {
        let text = format!("Network {network_id} is not a valid external network");
        return Err(bad_request(text).into());
    }
    let mut document = draft.new_document(Kind::FloatingIp, id, &project);
    document.set("floating_network_id", network_id);
    document.set("description", said.or_default("description"));
    document.set("forwardings", Vec::<Value>::new());
    // As in Neutron without a DNS outside that it could publish them in: what is said of them is checked, and forgotten.
    document.set("dns_name", "");
    document.set("dns_domain", "");
    qos::set(draft, &mut document, said)?;
    let (port, address) = outside::create(draft, &network, id, said)?;
    document.set("floating_ip_address", address);
    document.set("floating_port_id", port.id());
    associate(draft, &mut document, said)?;
    rows::put(draft, &document)?;
    Ok(draft.create(document))
}

pub(super) fn change(draft: &mut Draft<'_>, document: &Document, said: &Said) -> Decision<Arc<Document>> {
    let mut changed = document.clone();
    copy_said(&mut changed, said, &["description"]);
    qos::set(draft, &mut changed, said)?;
    associate(draft, &mut changed, said)?;
    put(draft, changed)
}

/// Writes a changed floating IP.
fn put(draft: &mut Draft<'_>, changed: Document) -> Decision<Arc<Document>> {
    let changed = draft.change(changed);
    rows::put(draft, &changed)?;
    Ok(changed)
}

/// Makes it stand for what is said, for nothing, or for what it stood for.
fn associate(draft: &mut Draft<'_>, document: &mut Document, said: &Said) -> Decision<()> {
    let port = said.filled("port_id").and_then(Value::as_str);
    let address = said.filled("fixed_ip_address").and_then(Value::as_str);
    let Some(port) = port else {
        if address.is_some() {
            return Err(bad_request("fixed_ip_address cannot be specified without a port_id").into());
        }
        // As in Neutron, a change that says nothing at all says this: once there was nothing else to be said.
        if said.get("port_id").is_some() || said.names().next().is_none() {
            dissociate(document);
        }
        return Ok(());
    };
    if !document.list("forwardings").is_empty() {
        return Err(forwarding::in_use(document).into());
    }
    let network = document.text("floating_network_id").to_owned();
    let found = inside::find(draft, &network, document.project(), port, address)?;
    forwarding::check_unforwarded(draft, &found)?;
    check_unassociated(draft, document, &found)?;
    document.set("port_id", found.port.id());
    document.set("fixed_ip_address", found.address.as_str());
    document.set("router_id", found.router.as_str());
    rely_on(draft, &found)
}

/// Notes that an address outside stands for one inside: nobody changes the port meanwhile, or takes from the router what leads there.
fn rely_on(draft: &mut Draft<'_>, inside: &Inside) -> Decision<()> {
    for leg in &inside.legs {
        draft.depend_on(leg);
    }
    draft.touch(guard_of_router(&inside.router));
    let port = draft.change((*inside.port).clone());
    super::rows::put_port(draft, &port)
}

/// Makes it stand for nothing.
fn dissociate(document: &mut Document) {
    document.set("port_id", Value::Null);
    document.set("fixed_ip_address", Value::Null);
    if document.list("forwardings").is_empty() {
        document.set("router_id", Value::Null);
    }
}

/// An address inside has one floating IP of an external network.
fn check_unassociated(draft: &Draft<'_>, document: &Document, inside: &Inside) -> Result<(), ApiError> {
    let network = document.text("floating_network_id");
    let is_same = |other: &Arc<Document>| {
        other.id() != document.id()
            && other.text("floating_network_id") == network
            && other.text("fixed_ip_address") == inside.address
    };
    if draft.with(Kind::FloatingIp, "port_id", inside.port.id()).iter().any(is_same) {
        return Err(already_associated(document, inside.port.id(), &inside.address));
    }
    Ok(())
}

fn already_associated(document: &Document, port: &str, address: &str) -> ApiError {
    let text = format!(
        "Cannot associate floating IP {} ({}) with port {port} using fixed IP {address}, as that fixed IP already has a \
         floating IP on external network {}.",
        document.text("floating_ip_address"),
        document.id(),
        document.text("floating_network_id")
    );
    ApiError::new(409, "FloatingIPPortAlreadyAssociated", text)
}

pub(super) fn delete(draft: &mut Draft<'_>, document: &Document) -> Decision<()> {
    if !document.list("forwardings").is_empty() {
        return Err(forwarding::in_use(document).into());
    }
    if let Some(port) = draft.get(Kind::Port, document.text("floating_port_id")) {
        port::remove(draft, &port);
    }
    rows::delete(draft, document);
    draft.delete(document);
    Ok(())
}

/// Before an external network goes: lets some of its floating IPs go that stand for nothing, as many as fit a transaction. Says
/// whether that has to be done again. Where something else keeps the network, they stay.
///
/// # Errors
/// When one of them cannot go.
pub fn release_some(draft: &mut Draft<'_>, network: &Document) -> Decision<bool> {
    let all = draft.with(Kind::FloatingIp, "floating_network_id", network.id());
    let is_kept = |floating_ip: &Arc<Document>| is_used(floating_ip);
    if all.is_empty() || all.iter().any(is_kept) || super::network::is_used_besides(draft, network, &all) {
        return Ok(false);
    }
    for floating_ip in all.iter().take(RELEASED_MAX) {
        delete(draft, floating_ip)?;
    }
    Ok(all.len() > RELEASED_MAX)
}

/// Whether a port may be deleted as far as floating IPs care: not one that has the address of one.
pub(super) fn check_deletable(draft: &Draft<'_>, port: &Document) -> Result<(), ApiError> {
    if draft.with(Kind::FloatingIp, "floating_port_id", port.id()).is_empty() {
        return Ok(());
    }
    let text = format!(
        "Port {} cannot be deleted directly via the port API: has device owner {}.",
        port.id(),
        port.text("device_owner")
    );
    Err(ApiError::new(409, "ServicePortInUse", text))
}

/// After a port is deleted: what stood for it stands for nothing.
pub(super) fn forget_port(draft: &mut Draft<'_>, port: &Document) -> Decision<()> {
    for floating_ip in draft.with(Kind::FloatingIp, "port_id", port.id()) {
        let context = draft.context();
        if !context.is_privileged() && !context.owns(floating_ip.project()) {
            let text = format!(
                "Unable to complete the operation on port {} because the port still has an associated floating IP.",
                port.id()
            );
            return Err(ApiError::new(409, "FipAssociated", text).into());
        }
        let mut changed = (*floating_ip).clone();
        dissociate(&mut changed);
        put(draft, changed)?;
    }
    forwarding::forget(draft, port, &[])
}

/// After a port got other addresses: those that floating IPs stand for stay, and forwarding to those that are gone ends.
pub(super) fn check_addresses(draft: &mut Draft<'_>, before: &Document, port: &Document) -> Decision<()> {
    if before.get("fixed_ips") == port.get("fixed_ips") {
        return Ok(());
    }
    let addresses: Vec<String> = inside::addresses(port).map(|(address, _)| address.to_string()).collect();
    let refused = |reason: &str| {
        let text = format!("Cannot update the fixed_ips of the port {}, because {reason}", port.id());
        ApiError::bad_resource("port", text)
    };
    let of_port = draft.with(Kind::FloatingIp, "port_id", port.id());
    let is_lost = |floating_ip: &Arc<Document>| {
        !addresses.iter().any(|own| own == floating_ip.text("fixed_ip_address"))
    };
    if of_port.iter().any(is_lost) {
        return Err(refused("its original fixed_ip has been associated to a floating ip").into());
    }
    if !draft.with(Kind::FloatingIp, "floating_port_id", port.id()).is_empty() {
        return Err(refused("they are the address of a floating ip").into());
    }
    forwarding::forget(draft, port, &addresses)
}
