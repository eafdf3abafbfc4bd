//! How many addresses networks have, and how many of them are taken.

use serde_json::{Map, Value, json};

use super::facts;
use crate::auth::Context;
use crate::error::ApiError;
use crate::ipam::{IpVersion, NetworkAddresses, Subnet};
use crate::query::Parameters;
use crate::registry::document::Document;
use crate::registry::{Kind, python};
use crate::replica::State;

/// What lists can be filtered by.
const FILTERS: [&str; 5] = ["network_id", "network_name", "tenant_id", "project_id", "ip_version"];

/// A number of addresses. A subnet of IPv6 has more than fit a JSON number that all clients read, and then it is the
/// nearest one that does.
fn number(count: u128) -> Value {
    u64::try_from(count).map_or_else(|_| json!(count as f64), Value::from)
}

/// What a network has.
fn network(state: &State, document: &Document, version: Option<IpVersion>) -> Value {
    let id = facts::network_id(document.id()).ok();
    let used_in =
        id.and_then(|id| state.known_addresses(&id).map(|used| move |subnet: &Subnet| count(used, subnet)));
    let (mut total, mut used) = (0_u128, 0_u128);
    let mut subnets = Vec::new();
    for (_, entry) in state.rows(Kind::Subnet).with("network_id", document.id()) {
        let Some(subnet) = facts::subnet(&entry.document) else {
            continue;
        };
        if version.is_some_and(|version| version != subnet.version()) {
            continue;
        }
        let sizes = subnet.pools.iter().map(|pool| {
            let (first, last) = pool.bounds();
            (last - first).saturating_add(1)
        });
        let subnet_total = sizes.fold(0_u128, u128::saturating_add);
        let subnet_used = used_in.as_ref().map_or(0, |used_in| used_in(&subnet));
        total = total.saturating_add(subnet_total);
        used = used.saturating_add(subnet_used);
        subnets.push(json!({
            "subnet_id": entry.document.id(),
            "subnet_name": entry.document.text("name"),
            "cidr": entry.document.text("cidr"),
            "ip_version": subnet.version().number(),
            "total_ips": number(subnet_total),
            "used_ips": number(subnet_used),
        }));
    }
    json!({
        "network_id": document.id(),
        "network_name": document.text("name"),
        "project_id": document.project(),
        "tenant_id": document.project(),
        "subnet_ip_availability": subnets,
        "total_ips": number(total),
        "used_ips": number(used),
    })
}

/// Addresses of a subnet that are taken, whether they are of its pools or not.
fn count(used: &NetworkAddresses, subnet: &Subnet) -> u128 {
    used.count_used(&crate::ipam::allocation_pools::host_range(&subnet.cidr))
}

/// What networks have, of those that are wanted.
///
/// # Errors
/// When the requester may not know, or a parameter is none.
pub fn list(state: &State, context: &Context, parameters: &Parameters) -> Result<Value, ApiError> {
    if !context.is_admin {
        return Err(ApiError::forbidden("rule:get_network_ip_availabilities"));
    }
    let unknown: Vec<&str> = parameters
        .iter()
        .map(|(name, _)| name)
        .filter(|name| !FILTERS.contains(name) && !["fields", "sort_key", "sort_dir"].contains(name))
        .collect();
    if !unknown.is_empty() {
        let names = python::repr_texts(unknown);
        return Err(ApiError::bad_request(format!("{names} is invalid attribute for filtering")));
    }
    let version =
        parameters.last("ip_version").and_then(|text| text.parse().ok()).and_then(IpVersion::from_number);
    let fits = |name: &str, own: &str| {
        let mut wanted = parameters.all(name).peekable();
        wanted.peek().is_none() || wanted.any(|wanted| wanted == own)
    };
    let networks = state.rows(Kind::Network).iter().map(|(_, entry)| &entry.document).filter(|document| {
        fits("network_id", document.id())
            && fits("network_name", document.text("name"))
            && fits("project_id", document.project())
            && fits("tenant_id", document.project())
    });
    Ok(networks.map(|document| network(state, document, version)).collect())
}

/// What one network has.
///
/// # Errors
/// When there is none, or the requester may not know.
pub fn show(state: &State, context: &Context, id: &str) -> Result<Value, ApiError> {
    if !context.is_admin {
        return Err(ApiError::forbidden("rule:get_network_ip_availability"));
    }
    let entry = state.find(Kind::Network, id).ok_or_else(|| Kind::Network.resource().not_found(id))?;
    Ok(network(state, &entry.document, None))
}

/// The attributes of an answer that are wanted; none is all of them.
#[must_use]
pub fn with_fields(value: Value, fields: &[String]) -> Value {
    match value {
        Value::Object(members) if !fields.is_empty() => {
            let wanted = members.into_iter().filter(|(name, _)| fields.contains(name));
            Value::Object(wanted.collect::<Map<_, _>>())
        }
        Value::Array(items) => items.into_iter().map(|item| with_fields(item, fields)).collect(),
        value => value,
    }
}
