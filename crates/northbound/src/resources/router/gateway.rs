//! The port of a router in an external network.
//!
//! As Neutron's: it belongs to no project, so that only administrators see it, and it comes and goes with what the router says of
//! its gateway.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{floating, routes, subnets};
use crate::error::ApiError;
use crate::ipam::{FixedIpRequest, owner};
use crate::registry::Kind;
use crate::registry::document::Document;
use crate::resources::port::owned::{self, Owner};
use crate::resources::{facts, port, qos, visible};
use crate::write::{Decision, Draft};

/// What the API shows of a gateway.
pub(super) fn shown(draft: &Draft<'_>, gateway: &Value) -> Option<Value> {
    let port = draft.get(Kind::Port, gateway.get("port_id")?.as_str()?)?;
    Some(json!({
        "network_id": gateway.get("network_id"),
        "external_fixed_ips": port.get("fixed_ips"),
        "enable_snat": gateway.get("enable_snat"),
        "qos_policy_id": port.get("qos_policy_id"),
    }))
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// Addresses are hidden behind that of the gateway, unless somebody says otherwise.
fn hides_addresses(info: &Value) -> bool {
    info.get("enable_snat").and_then(Value::as_bool).unwrap_or(true)
}

/// The addresses that are asked for; none asks for any.
fn asked(info: &Value) -> Vec<FixedIpRequest> {
    info.get("external_fixed_ips").map(facts::fixed_ip_requests).unwrap_or_default()
}

/// Makes the first gateway of a router what is said; `null` is none.
pub(super) fn set(draft: &mut Draft<'_>, router: &mut Document, info: &Value) -> Decision<()> {
    let current = router.list("gateways").first().map(|gateway| text(gateway, "network_id").to_owned());
    match (info.is_null(), current) {
        (true, None) => {}
        (true, Some(_)) => remove(draft, router, 0)?,
        (false, Some(network)) if network == text(info, "network_id") => change(draft, router, 0, info)?,
        (false, current) => {
            // What is wrong is said before anything goes.
            check(draft, info)?;
            if current.is_some() {
                remove(draft, router, 0)?;
            }
            add(draft, router, 0, info)?;
        }
    }
    Ok(routes::check(draft, router)?)
}

/// Whether a router can be in the network that is said, with the addresses that are said.
fn check(draft: &Draft<'_>, info: &Value) -> Result<Arc<Document>, ApiError> {
    let network = visible(draft, Kind::Network, text(info, "network_id"))?;
    if !network.is("router:external") {
        let text = format!("Network {} is not an external network", network.id());
        return Err(ApiError::bad_resource("router", text));
    }
    let addresses = asked(info).into_iter().filter_map(|asked| asked.ip_address);
    check_addresses(draft, network.id(), addresses)?;
    Ok(network)
}

/// The gateway of a subnet is somebody else.
pub(super) fn check_addresses(
    draft: &Draft<'_>,
    network: &str,
    mut addresses: impl Iterator<Item = std::net::IpAddr>,
) -> Result<(), ApiError> {
    let subnets = draft.with(Kind::Subnet, "network_id", network);
    let gateways: Vec<_> =
        subnets.iter().filter_map(|subnet| facts::address(subnet.get("gateway_ip"))).collect();
    match addresses.find(|address| gateways.contains(address)) {
        Some(address) => {
            let text = format!("External IP {address} is the same as the gateway IP");
            Err(ApiError::bad_resource("router", text))
        }
        None => Ok(()),
    }
}

/// Adds a gateway, in this place among the others.
pub(super) fn add(draft: &mut Draft<'_>, router: &mut Document, place: usize, info: &Value) -> Decision<()> {
    let network = check(draft, info)?;
    subnets::check_gateway_network(draft, router, network.id())?;
    let asked = asked(info);
    let owner = Owner { project: "", device_owner: owner::ROUTER_GATEWAY, device_id: router.id() };
    let port = owned::create(draft, &network, owner, (!asked.is_empty()).then_some(asked.as_slice()))?;
    set_policy(draft, &port, info)?;
    let mut gateways = router.list("gateways").to_vec();
    let gateway = json!({
        "port_id": port.id(),
        "network_id": network.id(),
        "enable_snat": hides_addresses(info),
    });
    gateways.insert(place, gateway);
    router.set("gateways", gateways);
    Ok(())
}

/// Changes a gateway that stays in its network.
pub(super) fn change(
    draft: &mut Draft<'_>,
    router: &mut Document,
    place: usize,
    info: &Value,
) -> Decision<()> {
    check(draft, info)?;
    let mut gateways = router.list("gateways").to_vec();
    let Some(gateway) = gateways.get_mut(place) else {
        return Ok(());
    };
    let mut port = port_of(draft, gateway)?;
    let asked = asked(info);
    if !asked.is_empty() {
        port = owned::change_addresses(draft, &port, asked)?;
    }
    set_policy(draft, &port, info)?;
    gateway["enable_snat"] = hides_addresses(info).into();
    router.set("gateways", gateways);
    Ok(())
}

fn port_of(draft: &Draft<'_>, gateway: &Value) -> Result<Arc<Document>, ApiError> {
    let port = text(gateway, "port_id");
    draft.get(Kind::Port, port).ok_or_else(|| Kind::Port.resource().not_found(port))
}

/// The policy for the traffic of a gateway is that of its port.
fn set_policy(draft: &mut Draft<'_>, port: &Document, info: &Value) -> Decision<()> {
    let Some(wanted) = info.get("qos_policy_id").filter(|wanted| *wanted != port.get("qos_policy_id")) else {
        return Ok(());
    };
    let mut changed = port.clone();
    qos::set_wanted(draft, &mut changed, wanted)?;
    owned::put(draft, changed).map(drop)
}

/// Removes the gateway in this place.
pub(super) fn remove(draft: &mut Draft<'_>, router: &mut Document, place: usize) -> Decision<()> {
    let mut gateways = router.list("gateways").to_vec();
    if place >= gateways.len() {
        return Ok(());
    }
    let gateway = gateways.remove(place);
    let network = text(&gateway, "network_id");
    if gateways.iter().all(|other| text(other, "network_id") != network) {
        floating::check_gateway(draft, router, network)?;
    }
    if let Some(port) = draft.get(Kind::Port, text(&gateway, "port_id")) {
        port::remove(draft, &port);
    }
    router.set("gateways", gateways);
    Ok(())
}

/// Removes all gateways of a router.
pub(super) fn remove_all(draft: &mut Draft<'_>, router: &mut Document) -> Decision<()> {
    for place in (0..router.list("gateways").len()).rev() {
        remove(draft, router, place)?;
    }
    Ok(())
}

/// A network that routers have gateways in, or that floating IPs are of, stays external.
///
/// # Errors
/// When it is one.
pub fn check_stays_external(draft: &mut Draft<'_>, network: &Document) -> Result<(), ApiError> {
    let is_outside =
        |port: &Document| matches!(port.text("device_owner"), owner::ROUTER_GATEWAY | owner::FLOATING_IP);
    let is_used = draft.with(Kind::Port, "network_id", network.id()).iter().any(|port| is_outside(port));
    draft.seal_network(network.id());
    if !is_used {
        return Ok(());
    }
    let text = format!(
        "External network {} cannot be updated to be made non-external, since it has existing gateway ports.",
        network.id()
    );
    Err(ApiError::new(409, "ExternalNetworkInUse", text))
}
