//! Trunks: a port of a guest that carries other ports, each in a VLAN.
//!
//! # Guarantees
//! - A port is in one trunk at most, be it what carries or what is carried: whoever changes a trunk changes its ports, so that
//!   of two that want the same port one is refused.
//! - What is carried belongs to the trunk (`device_owner`, `device_id`) and is where the trunk is, if somebody said where.
//!   Where a node found the port that carries, it finds those that are carried itself.
//! - A trunk may be made of a port that is on a host already, as the original's driver allows.

mod check;

use std::sync::Arc;

use model::{ChildPortSegmentation, Id, LogicalPort, Object, SegmentationType, Table, Topic};
use nb::Key;
use serde_json::{Value, json};

use super::{copy_all, copy_said, facts, project_of, rows, visible};
use crate::error::ApiError;
use crate::policy;
use crate::registry::Kind;
use crate::registry::body::Said;
use crate::registry::document::Document;
use crate::replica::State;
use crate::write::{Decision, Draft};

/// The owner of ports that are carried.
pub const SUBPORT_OWNER: &str = "trunk:subport";

/// Ports that are carried which change in one transaction; of each, three rows change.
pub const SUBPORTS_CHANGED_MAX: usize = 30;

/// Attributes that are as they are said.
const PLAIN: [&str; 3] = ["name", "admin_state_up", "description"];

/// A port that is carried.
#[derive(Debug, Clone)]
struct Subport {
    port: Arc<Document>,
    segmentation_type: String,
    segmentation_id: u32,
}

impl Subport {
    fn view(&self) -> Value {
        json!({
            "port_id": self.port.id(),
            "segmentation_type": self.segmentation_type,
            "segmentation_id": self.segmentation_id,
        })
    }
}

/// The trunk that a port carries.
pub fn carried_by(state: &State, port: &str) -> Option<Arc<Document>> {
    let (_, entry) = state.rows(Kind::Trunk).with("port_id", port).next()?;
    Some(Arc::clone(&entry.document))
}

/// The ids of the ports that a trunk carries.
fn subports(trunk: &Document) -> impl Iterator<Item = &str> {
    trunk.list("sub_ports").iter().filter_map(|subport| subport.get("port_id")?.as_str())
}

/// Whether a trunk forwards, which it does where and when the port that carries does.
#[must_use]
pub fn status(state: &State, trunk: &Document) -> &'static str {
    let port = state.find(Kind::Port, trunk.text("port_id"));
    port.map_or("DOWN", |port| super::port::status(state, &port.document))
}

/// What a port says of the trunk that it carries; nothing if it carries none.
#[must_use]
pub fn details(state: &State, port: &Document) -> Value {
    let Some(trunk) = carried_by(state, port.id()) else {
        return Value::Null;
    };
    let with_mac = |subport: &Value| {
        let mut subport = subport.clone();
        let port = subport.get("port_id").and_then(Value::as_str).and_then(|id| state.find(Kind::Port, id));
        subport["mac_address"] = port.map_or(Value::Null, |port| port.document.get("mac_address").clone());
        subport
    };
    json!({
        "trunk_id": trunk.id(),
        "sub_ports": trunk.list("sub_ports").iter().map(with_mac).collect::<Value>(),
    })
}

pub(super) fn create(draft: &mut Draft<'_>, id: &str, said: &Said) -> Decision<Arc<Document>> {
    policy::enforce_create(draft.context(), said, true)?;
    let project = project_of(draft, said)?;
    let (parent, added) = check_creation(draft, said)?;
    let mut document = draft.new_document(Kind::Trunk, id, &project);
    copy_all(&mut document, said, &PLAIN);
    document.set("port_id", parent.id());
    document.set("sub_ports", Vec::<Value>::new());
    let parent = touch(draft, &parent)?;
    attach(draft, &mut document, &parent, &added)?;
    Ok(draft.create(document))
}

/// Whether a trunk can be made of these ports.
///
/// # Errors
/// When it cannot.
pub fn check_creation_only(draft: &Draft<'_>, said: &Said) -> Decision<()> {
    check_creation(draft, said).map(drop)
}

fn check_creation(draft: &Draft<'_>, said: &Said) -> Decision<(Arc<Document>, Vec<Subport>)> {
    let parent = said.get("port_id").and_then(Value::as_str).unwrap_or_default();
    check::not_in_a_trunk(draft, parent)?;
    let parent = visible(draft, Kind::Port, parent)?;
    check::carrier(&parent)?;
    let added = check::subports(draft, &parent, &said.or_default("sub_ports"))?;
    Ok((parent, added))
}

pub(super) fn change(draft: &mut Draft<'_>, document: &Document, said: &Said) -> Decision<Arc<Document>> {
    let mut changed = document.clone();
    copy_said(&mut changed, said, &PLAIN);
    Ok(draft.change(changed))
}

pub(super) fn delete(draft: &mut Draft<'_>, document: &Document) -> Decision<()> {
    check::manageable(document)?;
    for port in subports(document) {
        detach(draft, document, port)?;
    }
    if let Some(parent) = draft.get(Kind::Port, document.text("port_id")) {
        touch(draft, &parent)?;
    }
    draft.delete(document);
    Ok(())
}

/// Before a trunk goes that carries many ports: lets some of them go, as many as fit a transaction. Says whether that has to
/// be done again.
///
/// # Errors
/// When the trunk cannot go.
pub fn release_some(draft: &mut Draft<'_>, document: &Document) -> Decision<bool> {
    check::manageable(document)?;
    let ports: Vec<String> = subports(document).map(str::to_owned).collect();
    let Some((released, left)) =
        ports.split_at_checked(SUBPORTS_CHANGED_MAX).filter(|(_, left)| !left.is_empty())
    else {
        return Ok(false);
    };
    for port in released {
        detach(draft, document, port)?;
    }
    let mut changed = document.clone();
    keep(&mut changed, |port| left.iter().any(|left| left == port));
    draft.change(changed);
    Ok(true)
}

/// Whether ports can be added to a trunk.
///
/// # Errors
/// When they cannot.
pub fn check_addition(draft: &Draft<'_>, trunk: &str, said: &Value) -> Decision<()> {
    let trunk = managed(draft, trunk, "add_subports")?;
    let parent = parent_of(draft, &trunk)?;
    check::form(said)?;
    let added = check::subports(draft, &parent, said)?;
    check::manageable(&trunk)?;
    check::segments_free(&trunk, &added)?;
    Ok(())
}

/// Adds ports to a trunk.
///
/// # Errors
/// When they cannot be added.
pub fn add(draft: &mut Draft<'_>, trunk: &str, said: &Value) -> Decision<Arc<Document>> {
    let trunk = managed(draft, trunk, "add_subports")?;
    let parent = parent_of(draft, &trunk)?;
    check::form(said)?;
    let added = check::subports(draft, &parent, said)?;
    check::manageable(&trunk)?;
    check::segments_free(&trunk, &added)?;
    // Where they are to be depends on it.
    draft.depend_on(&parent);
    let mut changed = (*trunk).clone();
    attach(draft, &mut changed, &parent, &added)?;
    Ok(draft.change(changed))
}

/// Whether ports can be removed from a trunk.
///
/// # Errors
/// When they cannot.
pub fn check_removal(draft: &Draft<'_>, trunk: &str, said: &Value) -> Decision<()> {
    let trunk = managed(draft, trunk, "remove_subports")?;
    check::form(said)?;
    check::manageable(&trunk)?;
    for port in said_ports(said) {
        if !subports(&trunk).any(|own| own == port) {
            let text = format!("SubPort on trunk {} with parent port {port} could not be found.", trunk.id());
            return Err(ApiError::new(404, "SubPortNotFound", text).into());
        }
    }
    Ok(())
}

/// Removes ports from a trunk.
///
/// # Errors
/// When they cannot be removed.
pub fn remove(draft: &mut Draft<'_>, trunk: &str, said: &Value) -> Decision<Arc<Document>> {
    check_removal(draft, trunk, said)?;
    let trunk = visible(draft, Kind::Trunk, trunk)?;
    let removed: Vec<&str> = said_ports(said).collect();
    for port in &removed {
        detach(draft, &trunk, port)?;
    }
    let mut changed = (*trunk).clone();
    keep(&mut changed, |port| !removed.contains(&port));
    Ok(draft.change(changed))
}

fn said_ports(said: &Value) -> impl Iterator<Item = &str> {
    said.as_array().into_iter().flatten().filter_map(|subport| subport.get("port_id")?.as_str())
}

fn keep(trunk: &mut Document, is_kept: impl Fn(&str) -> bool) {
    let kept = trunk
        .list("sub_ports")
        .iter()
        .filter(|subport| subport.get("port_id").and_then(Value::as_str).is_some_and(&is_kept));
    let kept: Vec<Value> = kept.cloned().collect();
    trunk.set("sub_ports", kept);
}

/// A trunk, the ports of which the requester may change.
fn managed(draft: &Draft<'_>, trunk: &str, rule: &str) -> Result<Arc<Document>, ApiError> {
    let trunk = visible(draft, Kind::Trunk, trunk)?;
    policy::enforce_action(draft.state(), draft.context(), &trunk, rule)?;
    Ok(trunk)
}

fn parent_of(draft: &Draft<'_>, trunk: &Document) -> Result<Arc<Document>, ApiError> {
    let id = trunk.text("port_id");
    draft.get(Kind::Port, id).ok_or_else(|| Kind::Port.resource().not_found(id))
}

/// Notes that a port has to do with a trunk, so that whoever else changes either of them decides again.
fn touch(draft: &mut Draft<'_>, port: &Document) -> Decision<Arc<Document>> {
    let changed = draft.change(port.clone());
    rows::put_port(draft, &changed)?;
    Ok(changed)
}

/// Puts ports into a trunk.
fn attach(draft: &mut Draft<'_>, trunk: &mut Document, parent: &Document, added: &[Subport]) -> Decision<()> {
    let mut all = trunk.list("sub_ports").to_vec();
    for subport in added {
        let mut port = (*subport.port).clone();
        port.set("device_owner", SUBPORT_OWNER);
        port.set("device_id", trunk.id());
        port.set("binding:host_id", parent.get("binding:host_id").clone());
        touch(draft, &port)?;
        let (parent, port) = (port_id(parent.id())?, port_id(port.id())?);
        draft.put_object(&Object::from(ChildPortSegmentation {
            id: ChildPortSegmentation::id_of(&parent, &port),
            parent,
            port,
            segmentation_id: Some(subport.segmentation_id),
            segmentation_type: SegmentationType::Vlan,
            topic: Topic::new(trunk.project()),
        }));
        all.push(subport.view());
    }
    trunk.set("sub_ports", all);
    Ok(())
}

/// Takes a port from a trunk.
fn detach(draft: &mut Draft<'_>, trunk: &Document, port: &str) -> Decision<()> {
    if let Some(port) = draft.get(Kind::Port, port) {
        let mut freed = (*port).clone();
        for name in ["device_owner", "device_id", "binding:host_id"] {
            freed.set(name, "");
        }
        touch(draft, &freed)?;
    }
    let id = ChildPortSegmentation::id_of(&port_id(trunk.text("port_id"))?, &port_id(port)?);
    let key = Key::new(Table::ChildPortSegmentation, id.row().clone());
    draft.delete_row(key.with_topic(Topic::new(trunk.project())));
    Ok(())
}

pub(super) fn port_id(id: &str) -> Result<Id<LogicalPort>, ApiError> {
    Id::new(id).map_err(|_| ApiError::internal())
}

/// After the port that carries moved: brings some of those that it carries to where it is, as many as fit a transaction. Says
/// whether that has to be done again.
///
/// # Errors
/// When a port cannot be translated.
pub fn follow_some(draft: &mut Draft<'_>, parent: &Document) -> Decision<bool> {
    let Some(trunk) = carried_by(draft.state(), parent.id()) else {
        return Ok(false);
    };
    let host = parent.get("binding:host_id");
    let mut room = SUBPORTS_CHANGED_MAX.saturating_sub(draft.count_changed(Kind::Port));
    for port in subports(&trunk).filter_map(|port| draft.get(Kind::Port, port)).collect::<Vec<_>>() {
        if port.get("binding:host_id") == host {
            continue;
        }
        if room == 0 {
            return Ok(true);
        }
        room -= 1;
        let mut moved = (*port).clone();
        moved.set("binding:host_id", host.clone());
        touch(draft, &moved)?;
    }
    Ok(false)
}

/// Whether a port may be deleted as far as trunks care.
pub(super) fn check_deletable(draft: &Draft<'_>, port: &Document) -> Result<(), ApiError> {
    let id = port.id();
    if let Some(trunk) = draft.with(Kind::Trunk, "port_id", id).first() {
        let text = format!("Port {id} is currently a parent port for trunk {}.", trunk.id());
        return Err(ApiError::new(409, "PortInUseAsTrunkParent", text));
    }
    if let Some(trunk) = draft.with(Kind::Trunk, "sub_ports", &format!("port_id={id}")).first() {
        let text = format!("Port {id} is currently a subport for trunk {}.", trunk.id());
        return Err(ApiError::new(409, "PortInUseAsSubPort", text));
    }
    Ok(())
}

/// The longest packet of the network of a port.
fn mtu(draft: &Draft<'_>, port: &Document) -> Option<u64> {
    draft.get(Kind::Network, port.text("network_id"))?.number("mtu")
}

/// A whole number, also as a text.
fn whole(value: &Value) -> Option<i64> {
    facts::whole(value)
}
