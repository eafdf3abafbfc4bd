//! Ports inside others because a pair of addresses there names them: containers in a guest, as Kuryr makes them (macvlan, ipvlan).
//!
//! # Guarantees
//! Where `auto_detect_port_behind_port` is on, a port is inside the one port of its project whose pairs name it:
//! - A pair names a port by its address, which is a single one, and by the MAC address of that port (macvlan), or by none or that of
//!   its own port (ipvlan). In the network of the port with the pair it means who has the address there, else the one port that has it
//!   in any other network of the project.
//! - Nothing is inside that somebody bound to a host, that the network has for itself, or that has to do with a trunk; nothing is inside
//!   two ports, or a port that is itself named: then the pair is a pair, and nothing more.
//! - Which port is inside which follows from what the ports are now, and not from who came first. It is decided in the transaction that
//!   changes one of them, as far as there is room, and at once after it otherwise.
//! - A port inside is where the other one is. Its owner and its device are as its user says, and it is found again where its own binding says
//!   when it is taken out.
//! - The pair by which it is inside gives its addresses to nobody else: nodes do not hear of it.
//!
//! Where the option is off, none is. Ports that were inside when it was on are taken out when the server starts.

mod names;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use model::{ChildPortSegmentation, Object, SegmentationType, Table, Topic};
use nb::Key;
use serde_json::{Value, json};

use self::names::Facts;
use super::rows;
use super::trunk::{SUBPORT_OWNER, port_id};
use crate::registry::Kind;
use crate::registry::document::Document;
use crate::replica::State;
use crate::translate::Port;
use crate::write::{Change, Decision, Draft, guard_of_holders, guard_of_pairs};

/// The attribute that says what a port is inside of.
const BEHIND: &str = "behind";

/// Rows that a port that comes in or goes out needs of a transaction: itself, what nodes read of it, which port is in which, and those of
/// the other ports.
const ROWS_OF_A_MOVE: usize = 10;

/// Ports that are looked at in one transaction.
const LOOKED_AT_MAX: usize = 20;

/// What a port is inside of.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Nested {
    /// The outer port.
    outer: String,
    /// How its frames are told from those of the outer port.
    by: SegmentationType,
    /// Where the outer port is.
    host: String,
}

impl Nested {
    fn of(port: &Document) -> Option<Self> {
        let said = port.list(BEHIND).first()?;
        let text = |name| said.get(name).and_then(Value::as_str);
        let by = match text("by")? {
            "macvlan" => SegmentationType::Macvlan,
            _ => SegmentationType::Ipvlan,
        };
        Some(Self { outer: text("port")?.to_owned(), by, host: text("host")?.to_owned() })
    }

    fn value(&self) -> Value {
        json!([{"port": self.outer, "by": self.by.as_str(), "host": self.host}])
    }
}

/// The ports inside a port.
fn inside(draft: &Draft<'_>, outer: &str) -> Vec<Arc<Document>> {
    draft.with(Kind::Port, BEHIND, &format!("port={outer}"))
}

/// Takes from what nodes hear of a port the pairs whose addresses are those of ports inside it.
pub(super) fn leave_out_named(draft: &Draft<'_>, port: &Document, translated: &mut Port) {
    let inside = inside(draft, port.id());
    if inside.is_empty() {
        return;
    }
    let taken: BTreeSet<IpAddr> = inside.iter().flat_map(|port| names::addresses(port)).collect();
    translated.allowed_address_pairs.retain(|pair| {
        let is_one = pair.ip_address.prefix_len() == pair.ip_address.max_prefix_len();
        !is_one || !taken.contains(&pair.ip_address.addr())
    });
}

/// The ports that have to be looked at when a server starts.
#[must_use]
pub fn all(state: &State, nests: bool) -> Vec<String> {
    let ports = state.rows(Kind::Port);
    let mut found = BTreeSet::new();
    for (id, entry) in ports.iter() {
        if !entry.document.list(BEHIND).is_empty() {
            found.insert(id.to_string());
        }
        for (address, _) in names::pairs(&entry.document).into_iter().filter(|_| nests) {
            let term = format!("ip_address={address}");
            let holders = ports.with("fixed_ips", &term);
            found.extend(holders.map(|(id, _)| id.to_string()));
        }
    }
    found.into_iter().collect()
}

/// Brings ports into and out of others as follows from what the decision changes; those ports too that are named. Gives those that have
/// to be looked at in another transaction.
///
/// # Errors
/// When a port cannot be translated.
pub fn settle(draft: &mut Draft<'_>, named: &[String]) -> Decision<Vec<String>> {
    let mut ports: BTreeSet<String> = named.iter().cloned().collect();
    let mut outer = BTreeSet::new();
    for change in draft.changes(Kind::Port) {
        if let Change { before: Some(gone), after: None } = &change {
            leave(draft, gone, &mut outer);
        }
        concern(draft, &change, &mut ports);
    }
    let mut left = Vec::new();
    for (at, port) in ports.into_iter().enumerate() {
        if at >= LOOKED_AT_MAX || draft.room() < ROWS_OF_A_MOVE + 2 * outer.len() {
            left.push(port);
        } else {
            place(draft, &port, &mut outer)?;
        }
    }
    for port in outer {
        // Whoever changes what is inside it decides again, and nodes hear of its pairs.
        if let Some(port) = draft.get(Kind::Port, &port) {
            let port = draft.amend((*port).clone());
            rows::put_port(draft, &port)?;
        }
    }
    Ok(left)
}

/// Adds the ports that a changed port concerns, and keeps others from changing what they depend on meanwhile.
fn concern(draft: &mut Draft<'_>, change: &Change, ports: &mut BTreeSet<String>) {
    let (before, after) = (change.before.as_deref(), change.after.as_deref());
    let Some(port) = after.or(before) else { return };
    let children = inside(draft, port.id());
    ports.extend(children.iter().map(|port| port.id().to_owned()));
    if after.is_some_and(|port| !port.list(BEHIND).is_empty()) {
        ports.insert(port.id().to_owned());
    }
    if !draft.core().settings.nests_ports_by_pairs {
        return;
    }
    let known = before.map(|port| Facts::known(draft, port));
    let drafted = after.map(|port| Facts::drafted(draft, port));
    if known == drafted {
        return;
    }
    let mut near = BTreeSet::new();
    for facts in [&known, &drafted].into_iter().flatten() {
        for address in &facts.addresses {
            guard_holder(draft, &facts.project, *address);
            if names::allowed(draft, &facts.project, *address).is_empty() {
                continue;
            }
            near.extend(
                names::holders(draft, &facts.project, *address).iter().map(|port| port.id().to_owned()),
            );
        }
        near.extend(names::meant(draft, facts).iter().map(|port| port.id().to_owned()));
    }
    let pairs = [&known, &drafted].into_iter().flatten().flat_map(|facts| &facts.pairs);
    for address in pairs.map(|(address, _)| *address).collect::<BTreeSet<_>>() {
        guard_pair(draft, port.project(), address);
    }
    // What they name depends on whether they are named.
    for port in near.iter().filter_map(|port| draft.get(Kind::Port, port)) {
        let facts = Facts::drafted(draft, &port);
        ports.extend(names::meant(draft, &facts).iter().map(|port| port.id().to_owned()));
    }
    ports.extend(near);
}

/// Notes that a port with an address changes. Where a pair names the address, of all that do so one is the first.
fn guard_holder(draft: &mut Draft<'_>, project: &str, address: IpAddr) {
    if project.is_empty() {
        return;
    }
    if names::allowed(draft, project, address).is_empty() {
        draft.seal(guard_of_pairs(project, address));
    } else {
        draft.lock(guard_of_pairs(project, address));
    }
    let guard = guard_of_holders(project, address);
    if names::holders(draft, project, address).is_empty() {
        draft.seal_and_drop(guard);
    } else {
        draft.touch(guard);
    }
}

/// Notes that a port with a pair of an address changes, or has it no longer.
fn guard_pair(draft: &mut Draft<'_>, project: &str, address: IpAddr) {
    if project.is_empty() {
        return;
    }
    draft.seal(guard_of_holders(project, address));
    let guard = guard_of_pairs(project, address);
    if names::allowed(draft, project, address).is_empty() {
        draft.seal_and_drop(guard);
    } else {
        draft.lock(guard);
    }
}

/// What a port is to be inside of.
fn wanted(draft: &mut Draft<'_>, port: &Document) -> Option<Nested> {
    if !draft.core().settings.nests_ports_by_pairs || !Facts::drafted(draft, port).may_be_inside {
        return None;
    }
    let namers = names::namers(draft, port);
    let [(outer, by)] = namers.as_slice() else { return None };
    draft.depend_on(outer);
    // None is inside a port that is inside another one itself.
    let is_plain = names::namers(draft, outer).is_empty();
    let host = outer.text("binding:host_id").to_owned();
    is_plain.then(|| Nested { outer: outer.id().to_owned(), by: *by, host })
}

/// Brings a port to where it belongs, and notes which other ports that changes.
fn place(draft: &mut Draft<'_>, id: &str, outer: &mut BTreeSet<String>) -> Decision<()> {
    let Some(port) = draft.get(Kind::Port, id) else { return Ok(()) };
    let wanted = wanted(draft, &port);
    let current = Nested::of(&port);
    let host = wanted.as_ref().map(|wanted| wanted.host.as_str());
    if wanted == current && host.is_none_or(|host| host == port.text("binding:host_id")) {
        return Ok(());
    }
    let mut changed = (*port).clone();
    if let Some(current) = &current {
        if wanted.as_ref().is_none_or(|wanted| wanted.outer != current.outer) {
            leave(draft, &port, outer);
        }
        // Where a trunk is, is what carries it.
        let is_carried = port.text("device_owner") == SUBPORT_OWNER;
        if current.host == port.text("binding:host_id") && !is_carried {
            changed.set("binding:host_id", "");
        }
    }
    changed.set(BEHIND, wanted.as_ref().map_or(Value::Null, Nested::value));
    if let Some(wanted) = &wanted {
        changed.set("binding:host_id", wanted.host.as_str());
        if current.is_none_or(|current| current.outer != wanted.outer || current.by != wanted.by) {
            outer.insert(wanted.outer.clone());
        }
        let (parent, child) = (port_id(&wanted.outer)?, port_id(port.id())?);
        draft.put_object(&Object::from(ChildPortSegmentation {
            id: ChildPortSegmentation::id_of(&parent, &child),
            parent,
            port: child,
            segmentation_id: None,
            segmentation_type: wanted.by,
            topic: Topic::new(port.project()),
        }));
    }
    let changed = draft.amend(changed);
    rows::put_port(draft, &changed)
}

/// Takes the row back that says what a port is inside of, unless it has become that of something else.
fn leave(draft: &mut Draft<'_>, port: &Document, outer: &mut BTreeSet<String>) {
    let Some(nested) = Nested::of(port) else { return };
    if let (Ok(parent), Ok(child)) = (port_id(&nested.outer), port_id(port.id())) {
        let id = ChildPortSegmentation::id_of(&parent, &child);
        let key = Key::new(Table::ChildPortSegmentation, id.row().clone());
        let key = key.with_topic(Topic::new(port.project()));
        if !draft.is_put(&key) {
            draft.delete_row(key);
        }
    }
    outer.insert(nested.outer);
}
