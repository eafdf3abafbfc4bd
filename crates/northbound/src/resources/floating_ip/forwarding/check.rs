//! What a rule may say.

use std::sync::Arc;

use serde_json::{Value, json};

use super::super::inside::{self, Inside};
use super::{bad_request, of_port, text};
use crate::error::ApiError;
use crate::registry::body::Said;
use crate::registry::document::Document;
use crate::registry::{Kind, python};
use crate::write::Draft;

/// Ports outside that lead to one port inside: each has a row of its own.
const PORTS_TO_ONE_MAX: u32 = 32;

/// The first and the last port of a range.
fn range(rule: &Value, name: &str) -> (u32, u32) {
    let range = text(rule, name);
    let (first, last) = range.split_once(':').unwrap_or((range, range));
    (first.parse().unwrap_or_default(), last.parse().unwrap_or_default())
}

fn width(rule: &Value, name: &str) -> u32 {
    let (first, last) = range(rule, name);
    last.saturating_sub(first)
}

/// How many rows controllers read of a rule.
pub(super) fn rows_of(rule: &Value) -> usize {
    let outside = width(rule, "external_port_range");
    if width(rule, "internal_port_range") == outside { 1 } else { outside as usize + 1 }
}

/// What a request says of the ports of one side, as a range: it says a port, a range, or nothing.
fn said_range(said: &Said, port_name: &str, range_name: &str) -> Result<Option<String>, ApiError> {
    let port = said.filled(port_name).and_then(Value::as_u64).map(|port| format!("{port}:{port}"));
    let range = said.filled(range_name).map(|range| {
        let range = python::text(range);
        if range.contains(':') { range } else { format!("{range}:{range}") }
    });
    match (port, range) {
        (Some(port), Some(range)) if port != range => {
            Err(bad_request(format_args!("{port_name} and {range_name} were both said and are not the same")))
        }
        (port, range) => Ok(range.or(port)),
    }
}

/// Gives a rule the ports that a request says.
pub(super) fn set_ranges(rule: &mut Value, said: &Said) -> Result<(), ApiError> {
    for side in ["internal_port", "external_port"] {
        let range_name = format!("{side}_range");
        if let Some(range) = said_range(said, side, &range_name)? {
            rule[&range_name] = range.into();
        }
        if text(rule, &range_name).is_empty() {
            return Err(bad_request(format_args!("{side} or {range_name} has to be specified")));
        }
    }
    let (inside, outside) = (width(rule, "internal_port_range"), width(rule, "external_port_range"));
    if inside > 0 && inside != outside {
        return Err(bad_request(
            "Invalid ranges of internal and/or external ports. The relation between internal and external ports must be \
             N-N or 1-N",
        ));
    }
    if inside != outside && outside >= PORTS_TO_ONE_MAX {
        return Err(bad_request(format_args!(
            "At most {PORTS_TO_ONE_MAX} external ports can lead to one internal port"
        )));
    }
    Ok(())
}

/// Whether no other rule has a port of a rule, outside or inside.
pub(super) fn free(draft: &Draft<'_>, floating_ip: &Document, rule: &Value) -> Result<(), ApiError> {
    let is_like = |other: &Value, names: &[&str]| {
        text(other, "id") != text(rule, "id") && names.iter().all(|name| other.get(name) == rule.get(name))
    };
    let inside = ["internal_port_id", "protocol", "internal_ip_address"];
    for other in of_port(draft, text(rule, "internal_port_id")) {
        let like = other.list("forwardings").iter().filter(|other| is_like(other, &inside));
        apart(like, rule, "internal_port_range")?;
    }
    let like = floating_ip.list("forwardings").iter().filter(|other| is_like(other, &["protocol"]));
    apart(like, rule, "external_port_range")
}

fn apart<'a>(mut others: impl Iterator<Item = &'a Value>, rule: &Value, name: &str) -> Result<(), ApiError> {
    let (first, last) = range(rule, name);
    let overlaps = |other: &&Value| {
        let (other_first, other_last) = range(other, name);
        first.max(other_first) <= last.min(other_last)
    };
    match others.find(overlaps) {
        None => Ok(()),
        Some(other) => Err(bad_request(format_args!(
            "There is a port collision with the {name}. The following ranges collide: {} and {}",
            text(other, name),
            text(rule, name)
        ))),
    }
}

/// Whether a changed rule is not what another one is already.
pub(super) fn unlike_others(draft: &Draft<'_>, floating_ip: &Document, rule: &Value) -> Result<(), ApiError> {
    let port = super::super::visible(draft, Kind::Port, text(rule, "internal_port_id"))?;
    let address = text(rule, "internal_ip_address");
    if !inside::addresses(&port).any(|(own, _)| own.to_string() == address) {
        return Err(bad_request(format_args!(
            "The internal IP does not correspond to an address on the internal port, which has fixed_ips {}",
            python::text(port.get("fixed_ips"))
        )));
    }
    let is_same = |other: &Value, names: &[&str]| names.iter().all(|name| other.get(name) == rule.get(name));
    let refused = |conflict: Value| {
        bad_request(format_args!(
            "Another port forwarding entry with the same attributes already exists, conflicting values are {}",
            python::text(&conflict)
        ))
    };
    for other in floating_ip.list("forwardings").iter().filter(|other| text(other, "id") != text(rule, "id"))
    {
        if other.get("protocol") != rule.get("protocol") {
            continue;
        }
        if is_same(other, &["external_port_range"]) {
            let port = super::single(text(rule, "external_port_range"));
            return Err(refused(json!({
                "floating_ip_address": floating_ip.get("floating_ip_address"), "external_port": port,
            })));
        }
        if is_same(other, &["internal_port_id", "internal_ip_address", "internal_port_range"]) {
            let inside = super::single(text(rule, "internal_port_range"));
            return Err(refused(json!({
                "internal_port_id": port.id(), "internal_ip_address": address, "internal_port": inside,
            })));
        }
    }
    Ok(())
}

pub(super) fn no_address(port: &str) -> ApiError {
    bad_request(format_args!("Requested internal port {port} must allocate an IPv4 address at least"))
}

/// What a rule leads to, through the router through which all rules of its floating IP do.
pub(super) fn target(draft: &Draft<'_>, floating_ip: &Document, rule: &Value) -> Result<Inside, ApiError> {
    let port = super::super::visible(draft, Kind::Port, text(rule, "internal_port_id"))?;
    let address = text(rule, "internal_ip_address");
    let mut own = inside::addresses(&port).peekable();
    own.peek().ok_or_else(|| no_address(port.id()))?;
    let found = own.find(|(own, _)| own.to_string() == address);
    let (_, subnet) = found.ok_or_else(|| {
        let is_v4 = |fixed: &&Value| text(fixed, "ip_address").parse::<std::net::Ipv4Addr>().is_ok();
        let fixed_ips: Value = port.list("fixed_ips").iter().filter(is_v4).cloned().collect();
        bad_request(format_args!(
            "Requested internal IP address {address} is not suitable for internal neutron port {}, as its fixed_ips are {}",
            port.id(),
            python::text(&fixed_ips)
        ))
    })?;
    let network = floating_ip.text("floating_network_id");
    let way = inside::way(draft, &port, subnet, network).ok_or_else(|| {
        bad_request(format_args!(
            "External network {network} is not reachable from subnet {subnet}. Cannot set Port forwarding for port {} with \
             Floating IP {}",
            port.id(),
            floating_ip.id()
        ))
    })?;
    if let Some(router) = floating_ip.filled("router_id").filter(|router| *router != way.router) {
        return Err(bad_request(format_args!(
            "The Floating IP {} had been set on router {router}, the internal Neutron port {} can not reach it",
            floating_ip.id(),
            port.id()
        )));
    }
    let address = address.to_owned();
    Ok(Inside { address, router: way.router, legs: way.legs, port: Arc::clone(&port) })
}
