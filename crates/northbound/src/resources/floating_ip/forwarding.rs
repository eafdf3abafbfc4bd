//! Ports of a floating IP that stand for ports of guests: each rule is a part of its floating IP, and a change of it is one of the
//! floating IP.
//!
//! Such a floating IP stands for nothing as a whole. All of its rules lead through one router, and no two to or from the same port: not
//! outside, and not inside, whatever floating IPs they are of.

mod check;

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::inside::{self, Inside};
use super::{put, rely_on};
use crate::auth::Context;
use crate::error::ApiError;
use crate::policy;
use crate::quota;
use crate::registry::Kind;
use crate::registry::body::Said;
use crate::registry::document::Document;
use crate::registry::tables::floating_ip::PORT_FORWARDING;
use crate::replica::State;
use crate::translate::FloatingIp;
use crate::write::{Decision, Draft};

/// Rules of a floating IP.
pub const RULES_MAX: usize = 500;

/// Rows of rules that go in one transaction before their port does.
const ROWS_RELEASED_MAX: usize = 40;

/// What a rule keeps as it is said.
const PLAIN: [&str; 4] = ["protocol", "internal_port_id", "internal_ip_address", "description"];

/// A request for rules that makes no sense.
fn bad_request(message: impl std::fmt::Display) -> ApiError {
    ApiError::bad_resource("port_forwarding", message)
}

fn not_found(id: &str) -> ApiError {
    ApiError::new(404, "PortForwardingNotFound", format!("Port Forwarding {id} could not be found."))
}

fn text<'a>(rule: &'a Value, name: &str) -> &'a str {
    rule.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// The answer when a floating IP cannot do without its rules.
pub(super) fn in_use(floating_ip: &Document) -> ApiError {
    let text = format!("Floating IP {} in use by Port Forwarding resources.", floating_ip.id());
    ApiError::new(409, "FipInUseByPortForwarding", text)
}

/// The port of a range, where it is one port.
fn single(range: &str) -> Value {
    let (first, last) = range.split_once(':').unwrap_or((range, range));
    if first == last { first.parse::<u16>().map_or(Value::Null, Value::from) } else { Value::Null }
}

/// The rules as their floating IP shows them.
pub(super) fn shown_of(floating_ip: &Document) -> Value {
    let shown = |rule: &Value| {
        let mut shown = Map::new();
        for name in ["id", "protocol", "internal_ip_address", "internal_port_id"] {
            shown.insert(name.to_owned(), rule.get(name).cloned().unwrap_or_default());
        }
        for name in ["internal_port", "external_port"] {
            let (range_name, range) = (format!("{name}_range"), text(rule, &format!("{name}_range")));
            match single(range) {
                Value::Null => shown.insert(range_name, range.into()),
                port => shown.insert(name.to_owned(), port),
            };
        }
        Value::Object(shown)
    };
    floating_ip.list("forwardings").iter().map(shown).collect()
}

/// A rule as a resource.
fn document(rule: &Value) -> Document {
    let mut document = Document::new(&PORT_FORWARDING);
    for name in PLAIN.into_iter().chain(["id", "external_port_range", "internal_port_range"]) {
        document.set(name, rule.get(name).cloned().unwrap_or_default());
    }
    for name in ["external_port", "internal_port"] {
        document.set(name, single(text(rule, &format!("{name}_range"))));
    }
    document
}

/// A rule of a floating IP.
///
/// # Errors
/// When there is none that the requester may know of.
pub fn show(
    state: &State,
    context: &Context,
    floating_ip: &str,
    id: &str,
) -> Result<Arc<Document>, ApiError> {
    let floating_ip = policy::known(state, context, Kind::FloatingIp, floating_ip)?;
    let rule = floating_ip.list("forwardings").iter().find(|rule| text(rule, "id") == id);
    rule.map(|rule| Arc::new(document(rule))).ok_or_else(|| not_found(id))
}

/// All rules of a floating IP.
///
/// # Errors
/// When there is no such floating IP that the requester may know of.
pub fn all(state: &State, context: &Context, floating_ip: &str) -> Result<Vec<Arc<Document>>, ApiError> {
    let floating_ip = policy::known(state, context, Kind::FloatingIp, floating_ip)?;
    Ok(floating_ip.list("forwardings").iter().map(|rule| Arc::new(document(rule))).collect())
}

/// A floating IP whose rules the requester may change.
fn managed(draft: &Draft<'_>, floating_ip: &str, verb: &str) -> Result<Arc<Document>, ApiError> {
    let floating_ip = super::visible(draft, Kind::FloatingIp, floating_ip)?;
    let rule = format!("{verb}_floatingip_port_forwarding");
    policy::enforce_action(draft.state(), draft.context(), &floating_ip, &rule)?;
    Ok(floating_ip)
}

/// Adds rules to a floating IP, all or none.
///
/// # Errors
/// When there is no such floating IP, or a rule makes no sense or contradicts others.
pub fn create(
    draft: &mut Draft<'_>,
    floating_ip: &str,
    said: &[(String, Said)],
) -> Decision<Vec<Arc<Document>>> {
    let mut created = Vec::with_capacity(said.len());
    for (id, said) in said {
        let floating_ip = managed(draft, floating_ip, "create")?;
        if floating_ip.list("forwardings").len() >= RULES_MAX {
            return Err(quota::over_name("port_forwarding").into());
        }
        let mut rule = json!({"id": id});
        for name in PLAIN {
            rule[name] = said.or_default(name);
        }
        check::set_ranges(&mut rule, said)?;
        check::free(draft, &floating_ip, &rule)?;
        check_unbound(draft, &rule)?;
        if floating_ip.filled("port_id").is_some() {
            let address = text(&rule, "internal_ip_address");
            return Err(
                super::already_associated(&floating_ip, text(&rule, "internal_port_id"), address).into()
            );
        }
        let found = check::target(draft, &floating_ip, &rule)?;
        let mut changed = (*floating_ip).clone();
        changed.set("router_id", found.router.as_str());
        created.push(Arc::new(document(&rule)));
        let mut rules = changed.list("forwardings").to_vec();
        rules.push(rule);
        changed.set("forwardings", rules);
        rely_on(draft, &found)?;
        put(draft, changed)?;
    }
    Ok(created)
}

/// Changes a rule.
///
/// # Errors
/// When there is none, or it then makes no sense or contradicts others.
pub fn change(draft: &mut Draft<'_>, floating_ip: &str, id: &str, said: &Said) -> Decision<Arc<Document>> {
    let floating_ip = managed(draft, floating_ip, "update")?;
    let mut rules = floating_ip.list("forwardings").to_vec();
    let Some(rule) = rules.iter_mut().find(|rule| text(rule, "id") == id) else {
        return Err(not_found(id).into());
    };
    let is_moved = said.filled("internal_port_id").is_some_and(|port| port != text(rule, "internal_port_id"));
    for name in PLAIN {
        if let Some(value) = said.get(name) {
            rule[name] = value.clone();
        }
    }
    check::set_ranges(rule, said)?;
    if is_moved && said.filled("internal_ip_address").is_none() {
        rule["internal_ip_address"] = first_address(draft, rule)?;
    }
    let rule = rule.clone();
    if said.filled("internal_port_id").is_some() {
        check_unbound(draft, &rule)?;
    }
    check::unlike_others(draft, &floating_ip, &rule)?;
    check::free(draft, &floating_ip, &rule)?;
    let found = check::target(draft, &floating_ip, &rule)?;
    let mut changed = (*floating_ip).clone();
    changed.set("forwardings", rules);
    rely_on(draft, &found)?;
    put(draft, changed)?;
    Ok(Arc::new(document(&rule)))
}

/// The address that a rule leads to when it is given another port and nothing else.
fn first_address(draft: &Draft<'_>, rule: &Value) -> Result<Value, ApiError> {
    let port = super::visible(draft, Kind::Port, text(rule, "internal_port_id"))?;
    let first = inside::addresses(&port).next();
    first.map(|(address, _)| address.to_string().into()).ok_or_else(|| check::no_address(port.id()))
}

/// Takes a rule from its floating IP.
///
/// # Errors
/// When there is none.
pub fn delete(draft: &mut Draft<'_>, floating_ip: &str, id: &str) -> Decision<()> {
    let floating_ip = managed(draft, floating_ip, "delete")?;
    if !floating_ip.list("forwardings").iter().any(|rule| text(rule, "id") == id) {
        return Err(not_found(id).into());
    }
    keep(draft, &floating_ip, |rule| text(rule, "id") != id)
}

/// Takes rules from a floating IP. Without any, it needs no router.
fn keep(draft: &mut Draft<'_>, floating_ip: &Document, is_kept: impl Fn(&Value) -> bool) -> Decision<()> {
    let rules = floating_ip.list("forwardings");
    let kept: Vec<Value> = rules.iter().filter(|rule| is_kept(rule)).cloned().collect();
    if kept.len() == rules.len() {
        return Ok(());
    }
    let mut changed = floating_ip.clone();
    if kept.is_empty() {
        changed.set("router_id", Value::Null);
    }
    changed.set("forwardings", kept);
    put(draft, changed).map(drop)
}

fn of_port(draft: &Draft<'_>, port: &str) -> Vec<Arc<Document>> {
    draft.with(Kind::FloatingIp, "forwardings", &format!("internal_port_id={port}"))
}

/// Ends the forwarding to a port except to these of its addresses.
pub(super) fn forget(draft: &mut Draft<'_>, port: &Document, addresses: &[String]) -> Decision<()> {
    for floating_ip in of_port(draft, port.id()) {
        let is_kept = |rule: &Value| {
            text(rule, "internal_port_id") != port.id()
                || addresses.iter().any(|own| own == text(rule, "internal_ip_address"))
        };
        keep(draft, &floating_ip, is_kept)?;
    }
    Ok(())
}

/// Before a port goes that much is forwarded to: ends some of that, as much as fits a transaction. Says whether that has to be done
/// again.
///
/// # Errors
/// When a floating IP cannot be changed.
pub fn release_some(draft: &mut Draft<'_>, port: &Document) -> Decision<bool> {
    let of_port = of_port(draft, port.id());
    let rows_of = |floating_ip: &Document| {
        let rows = FloatingIp::from_attributes(floating_ip).map(|floating_ip| floating_ip.forwarding_rows());
        rows.map_or(0, |rows| rows.iter().filter(|row| row.lport.to_string() == port.id()).count())
    };
    if of_port.iter().map(|floating_ip| rows_of(floating_ip)).sum::<usize>() <= ROWS_RELEASED_MAX {
        return Ok(false);
    }
    let Some(floating_ip) = of_port.first() else {
        return Ok(false);
    };
    let own = floating_ip.list("forwardings").iter();
    let own = own.filter(|rule| text(rule, "internal_port_id") == port.id());
    // A rule has so many rows at most that one more than fits still does.
    let mut released: Vec<&str> = Vec::new();
    let mut rows = 0;
    for rule in own {
        if rows >= ROWS_RELEASED_MAX {
            break;
        }
        rows += check::rows_of(rule);
        released.push(text(rule, "id"));
    }
    keep(draft, floating_ip, |rule| !released.contains(&text(rule, "id")))?;
    Ok(true)
}

/// A port that has a floating IP is not reached through ports of another.
fn check_unbound(draft: &Draft<'_>, rule: &Value) -> Result<(), ApiError> {
    let port = text(rule, "internal_port_id");
    let bound = draft.with(Kind::FloatingIp, "port_id", port);
    let Some(floating_ip) = bound.first() else {
        return Ok(());
    };
    let text = format!(
        "Cannot create port forwarding to floating IP {} ({}) with port {port} using fixed IP {}, as that port already has a \
         binding floating IP.",
        floating_ip.text("floating_ip_address"),
        floating_ip.id(),
        text(rule, "internal_ip_address")
    );
    Err(ApiError::new(409, "PortHasBindingFloatingIP", text))
}

/// A port behind a distributed router that something is forwarded to has no floating IP of its own: what it sends could not tell which
/// address outside it is from.
pub(super) fn check_unforwarded(draft: &Draft<'_>, inside: &Inside) -> Result<(), ApiError> {
    if !inside.is_distributed() || of_port(draft, inside.port.id()).is_empty() {
        return Ok(());
    }
    let text = format!(
        "Cannot associate floating IP to port {} because it already has a Port Forwarding binding.",
        inside.port.id()
    );
    Err(ApiError::new(400, "PortHasPortForwarding", text))
}
