//! The bindings of a port to hosts.
//!
//! One counts: it is what the port's own attributes say. While a guest moves, Nova binds the port to the host that it moves to as
//! well; that one is inactive until it is activated. From its creation to then there is a row by which all nodes know that
//! the port is about to be in two places. Afterwards the old binding is the inactive one, until somebody deletes it.

use std::sync::Arc;

use model::{Id, LogicalPort, Migration, MigrationStatus, Object, RowId, Table};
use nb::Key;
use serde_json::{Value, json};

use super::super::{rows, trunk, visible};
use super::attachment::UNBOUND;
use crate::auth::Context;
use crate::error::ApiError;
use crate::policy;
use crate::registry::Kind;
use crate::registry::body::Said;
use crate::registry::document::Document;
use crate::registry::tables::binding::BINDING;
use crate::replica::State;
use crate::write::{Decision, Draft};

/// Owners of ports that move: guests.
const COMPUTE: &str = "compute:";

fn host(binding: &Value) -> &str {
    binding.get("host").and_then(Value::as_str).unwrap_or_default()
}

/// Whether a port is about to move to where a binding says.
fn is_destination(binding: &Value) -> bool {
    binding.get("is_destination") == Some(&Value::Bool(true))
}

/// The host that a port is about to move to.
fn destination(port: &Document) -> Option<&str> {
    port.list("other_bindings").iter().find(|binding| is_destination(binding)).map(host)
}

fn not_found(port: &str, host: &str) -> ApiError {
    let text = format!("Binding for port {port} for host {host} could not be found.");
    ApiError::new(404, "PortBindingNotFound", text)
}

fn enforce(context: &Context, verb: &str) -> Result<(), ApiError> {
    if context.is_privileged() {
        return Ok(());
    }
    Err(ApiError::forbidden(format_args!("rule:{verb}_port_binding")))
}

/// A port of a guest that the requester may bind.
fn bindable(draft: &Draft<'_>, port: &str, verb: &str) -> Result<Arc<Document>, ApiError> {
    let port = visible(draft, Kind::Port, port)?;
    enforce(draft.context(), verb)?;
    if port.text("device_owner").starts_with(COMPUTE) {
        return Ok(port);
    }
    let text = format_args!("Invalid port {}. Operation only valid on compute ports", port.id()).to_string();
    Err(ApiError::bad_resource("port", text))
}

/// A binding as a resource.
fn view(state: &State, port: &Document, own: &Value, status: &str) -> Arc<Document> {
    let mut document = Document::new(&BINDING);
    let is_bound = !host(own).is_empty();
    document.set("host", host(own));
    document.set("vnic_type", own.get("vnic_type").cloned().unwrap_or_default());
    document.set("profile", own.get("profile").cloned().filter(Value::is_object).unwrap_or(json!({})));
    document.set("vif_type", if is_bound { state.attachment().vif_type() } else { UNBOUND });
    let details = if is_bound { state.attachment().vif_details(port.id()) } else { json!({}) };
    document.set("vif_details", details);
    document.set("status", status);
    Arc::new(document)
}

/// The binding that counts, as others are kept.
fn active(port: &Document) -> Value {
    json!({
        "host": port.get("binding:host_id"),
        "vnic_type": port.get("binding:vnic_type"),
        "profile": port.get("binding:profile"),
    })
}

/// All bindings of a port that the requester may know of.
///
/// # Errors
/// When there is no such port.
pub fn all(state: &State, context: &Context, port: &str) -> Result<Vec<Arc<Document>>, ApiError> {
    let port = &policy::known(state, context, Kind::Port, port)?;
    if !context.is_privileged() {
        return Ok(Vec::new());
    }
    let others = port.list("other_bindings").iter().map(|own| view(state, port, own, "INACTIVE"));
    Ok([view(state, port, &active(port), "ACTIVE")].into_iter().chain(others).collect())
}

/// The binding of a port to a host.
///
/// # Errors
/// When there is none that the requester may know of.
pub fn show(state: &State, context: &Context, port: &str, host: &str) -> Result<Arc<Document>, ApiError> {
    let found = all(state, context, port)?.into_iter().find(|binding| binding.text("host") == host);
    found.ok_or_else(|| not_found(port, host))
}

/// Binds a port to another host as well.
///
/// # Errors
/// When it is bound to it, or cannot be.
pub fn create(draft: &mut Draft<'_>, port: &str, said: &Said) -> Decision<()> {
    let port = bindable(draft, port, "create")?;
    let wanted = said.get("host").and_then(Value::as_str).unwrap_or_default();
    let others = port.list("other_bindings");
    if port.text("binding:host_id") == wanted || others.iter().any(|own| host(own) == wanted) {
        let text = format!("Binding for port {} on host {wanted} already exists.", port.id());
        return Err(ApiError::new(409, "PortBindingAlreadyExists", text).into());
    }
    let is_move = port.filled("binding:host_id").is_some();
    let mut bindings: Vec<Value> = others.to_vec();
    for binding in bindings.iter_mut().filter(|_| is_move) {
        // A guest moves to one host at a time.
        binding["is_destination"] = false.into();
    }
    bindings.push(json!({
        "host": wanted,
        "vnic_type": said.or_default("vnic_type"),
        "profile": said.or_default("profile"),
        "is_destination": is_move,
    }));
    let mut changed = (*port).clone();
    changed.set("other_bindings", bindings);
    put(draft, changed)
}

/// Changes a binding of a port.
///
/// # Errors
/// When there is none.
pub fn change(draft: &mut Draft<'_>, port: &str, wanted: &str, said: &Said) -> Decision<()> {
    let port = bindable(draft, port, "update")?;
    let mut changed = (*port).clone();
    if port.text("binding:host_id") == wanted {
        for name in ["vnic_type", "profile"] {
            if let Some(value) = said.get(name) {
                changed.set(&format!("binding:{name}"), value.clone());
            }
        }
        super::set_lists(&mut changed);
        return put(draft, changed);
    }
    let mut bindings = port.list("other_bindings").to_vec();
    let binding = bindings.iter_mut().find(|own| host(own) == wanted);
    let binding = binding.ok_or_else(|| not_found(port.id(), wanted))?;
    for name in ["vnic_type", "profile"] {
        if let Some(value) = said.get(name) {
            binding[name] = value.clone();
        }
    }
    changed.set("other_bindings", bindings);
    put(draft, changed)
}

/// Unbinds a port from a host.
///
/// # Errors
/// When it is not bound to it.
pub fn delete(draft: &mut Draft<'_>, port: &str, wanted: &str) -> Decision<()> {
    let port = bindable(draft, port, "delete")?;
    let mut changed = (*port).clone();
    if port.filled("binding:host_id") == Some(wanted) {
        changed.set("binding:host_id", "");
        changed.set("binding:profile", json!({}));
        settle(&port, &mut changed);
        return put(draft, changed);
    }
    let mut bindings = port.list("other_bindings").to_vec();
    let before = bindings.len();
    bindings.retain(|own| host(own) != wanted);
    if bindings.len() == before {
        return Err(not_found(port.id(), wanted).into());
    }
    changed.set("other_bindings", bindings);
    put(draft, changed)
}

/// Makes an inactive binding the one that counts, and the one that counted inactive.
///
/// # Errors
/// When there is none, or it counts already.
pub fn activate(draft: &mut Draft<'_>, port: &str, wanted: &str) -> Decision<()> {
    let port = bindable(draft, port, "activate")?;
    if port.text("binding:host_id") == wanted {
        let text = format!("Binding for port {} on host {wanted} is already active.", port.id());
        return Err(ApiError::new(409, "PortBindingAlreadyActive", text).into());
    }
    let mut bindings = port.list("other_bindings").to_vec();
    let place = bindings.iter().position(|own| host(own) == wanted);
    let chosen = bindings.remove(place.ok_or_else(|| not_found(port.id(), wanted))?);
    for binding in &mut bindings {
        // Where the guest is now it does not move from.
        binding["is_destination"] = false.into();
    }
    if port.filled("binding:host_id").is_some() {
        bindings.push(active(&port));
    }
    let mut changed = (*port).clone();
    changed.set("binding:host_id", host(&chosen));
    for name in ["vnic_type", "profile"] {
        changed.set(&format!("binding:{name}"), chosen.get(name).cloned().unwrap_or_default());
    }
    super::set_lists(&mut changed);
    changed.set("other_bindings", bindings);
    put(draft, changed)
}

/// After a port was bound by its own attributes: it is not about to move to where it is, and not at all if it is nowhere.
pub(super) fn settle(before: &Document, port: &mut Document) {
    let now = port.text("binding:host_id").to_owned();
    if before.text("binding:host_id") == now || port.list("other_bindings").is_empty() {
        return;
    }
    let mut bindings = port.list("other_bindings").to_vec();
    bindings.retain(|own| host(own) != now);
    if now.is_empty() {
        for binding in &mut bindings {
            binding["is_destination"] = false.into();
        }
    }
    port.set("other_bindings", bindings);
}

fn put(draft: &mut Draft<'_>, port: Document) -> Decision<()> {
    let port = draft.change(port);
    rows::put_port(draft, &port)?;
    trunk::follow_some(draft, &port)?;
    put_migration(draft, &port)
}

/// Writes the row by which nodes know that a port is about to move, or takes it back. What nodes wrote into it since stays while
/// the port moves to the same host.
pub(super) fn put_migration(draft: &mut Draft<'_>, port: &Document) -> Decision<()> {
    let lport: Id<LogicalPort> = Id::new(port.id()).map_err(|_| ApiError::internal())?;
    let known = known_destination(draft, port);
    match destination(port) {
        wanted if wanted == known.as_deref() => {}
        Some(host) => draft.put_object(&Object::from(Migration {
            dest_chassis: Id::new(host).ok(),
            id: Migration::id_of(&lport),
            lport: Some(lport),
            status: MigrationStatus::DestPlug,
        })),
        None => delete_migration(draft, port),
    }
    Ok(())
}

/// Where the port was about to move to when it was written last.
fn known_destination(draft: &Draft<'_>, port: &Document) -> Option<String> {
    let stored = draft.state().find(Kind::Port, port.id())?;
    destination(&stored.document).map(str::to_owned)
}

/// Takes the row back of a port that was about to move.
pub(super) fn delete_migration(draft: &mut Draft<'_>, port: &Document) {
    if let Ok(id) = RowId::new(port.id())
        && known_destination(draft, port).is_some()
    {
        draft.delete_row(Key::new(Table::Migration, id));
    }
}
