//! Ports.

mod attachment;
pub mod bindings;
pub mod names;
pub mod owned;
mod security;

use std::sync::Arc;

use model::{PortState, RowId, Table};
use serde_json::{Map, Value, json};

use super::{
    copy_all, copy_said, dhcp, facts, floating_ip, project_of, qos, router, rows, security_group, trunk,
    visible,
};
use crate::error::ApiError;
use crate::ipam::{Claims, FixedIp, FixedIpRequest, PortAddresses, PortChange, PortPlan, PortPlanner, owner};
use crate::policy;
use crate::registry::Kind;
use crate::registry::body::Said;
use crate::registry::convert::mac_address;
use crate::registry::document::Document;
use crate::replica::State;
use crate::write::{Decision, Draft};

pub use attachment::Attachment;

/// Attributes that are as they are said.
const PLAIN: [&str; 7] = [
    "name",
    "admin_state_up",
    "device_id",
    "device_owner",
    "binding:vnic_type",
    "data_plane_status",
    "description",
];

/// How a port is attached.
#[must_use]
pub fn vif_type(state: &State, document: &Document) -> &'static str {
    if document.filled("binding:host_id").is_some() {
        state.attachment().vif_type()
    } else {
        attachment::UNBOUND
    }
}

/// What whoever attaches its guest has to know.
#[must_use]
pub fn vif_details(state: &State, document: &Document) -> Value {
    match document.filled("binding:host_id") {
        Some(_) => state.attachment().vif_details(document.id()),
        None => json!({}),
    }
}

/// Whether a port forwards: what its controller says. The port of a DHCP server is everywhere and always does, and so do those of
/// a router in the networks that it connects.
#[must_use]
pub fn status(state: &State, document: &Document) -> &'static str {
    let is_active = state.port_state(document.id()) == Some(PortState::Active);
    let is_everywhere =
        || document.text("device_owner") == owner::DHCP || router::ports::is_everywhere(state, document);
    if is_active || is_everywhere() { "ACTIVE" } else { "DOWN" }
}

/// Makes lists of what nobody said.
pub(super) fn set_lists(document: &mut Document) {
    for name in ["security_groups", "allowed_address_pairs", "extra_dhcp_opts", "fixed_ips"] {
        if document.get(name).is_null() {
            document.set(name, Vec::<Value>::new());
        }
    }
    if document.get("binding:profile").is_null() {
        document.set("binding:profile", json!({}));
    }
    if document.get("binding:host_id").is_null() {
        document.set("binding:host_id", "");
    }
}

pub(super) fn create(draft: &mut Draft<'_>, id: &str, said: &Said) -> Decision<Arc<Document>> {
    let network_id = said.get("network_id").and_then(Value::as_str).unwrap_or_default();
    let network = visible(draft, Kind::Network, network_id)?;
    let owns_network = draft.context().owns(network.project());
    if !owns_network && !network.is("shared") && !draft.context().is_privileged() {
        return Err(ApiError::not_found().into());
    }
    policy::enforce_create(draft.context(), said, owns_network)?;
    let project = project_of(draft, said)?;
    let mut document = draft.new_document(Kind::Port, id, &project);
    document.set("network_id", network_id);
    copy_all(&mut document, said, &PLAIN);
    copy_all(&mut document, said, &["propagate_uplink_status", "tags"]);
    copy_said(&mut document, said, &["binding:host_id", "binding:profile"]);
    set_extra_dhcp_options(&mut document, said);
    names::set(draft, &mut document, said)?;
    set_lists(&mut document);
    router::ports::check_device(draft, &document)?;
    qos::set(draft, &mut document, said)?;
    document.set("port_security_enabled", is_secured(&network, &document, said));
    security::set_groups(draft, &mut document, said)?;

    let plan = plan_new(draft, &network, document.text("device_owner"), said)?;
    facts::set_port_addresses(&mut document, &plan.addresses);
    set_address_pairs(draft, &mut document, said)?;
    security::check(draft, &document, said)?;
    claim(draft, id, &plan.claims)?;
    depend_on_network(draft, &network, &document);
    draft.touch_network(network_id);
    document.set("unique_key", draft.unique_key(Table::LogicalPort)?.get());
    rows::put_port(draft, &document)?;
    Ok(draft.create(document))
}

/// Which addresses a new port gets.
fn plan_new(
    draft: &mut Draft<'_>,
    network: &Document,
    device_owner: &str,
    said: &Said,
) -> Decision<PortPlan> {
    let core = draft.core();
    let mac = said.get("mac_address").and_then(Value::as_str).and_then(mac_address);
    let asked: Option<Vec<FixedIpRequest>> = said.get("fixed_ips").map(facts::fixed_ip_requests);
    let network_id = facts::network_id(network.id())?;
    let subnets = facts::subnets_of(draft, network.id());
    let planner = PortPlanner { addresses: draft.addresses(&network_id), subnets: &subnets, device_owner };
    let base = core.settings.mac_base;
    Ok(planner.create(mac, asked.as_deref(), base, &mut || core.chance.next())?)
}

/// The addresses of a port are decided on its network and the subnets that they are of.
pub(super) fn depend_on_network(draft: &mut Draft<'_>, network: &Document, port: &Document) {
    draft.depend_on(network);
    for fixed in port.list("fixed_ips") {
        let subnet = fixed.get("subnet_id").and_then(Value::as_str).unwrap_or_default();
        if let Some(subnet) = draft.get(Kind::Subnet, subnet) {
            draft.depend_on(&subnet);
        }
    }
}

/// Takes and gives up addresses for a port.
pub(super) fn claim(draft: &mut Draft<'_>, id: &str, claims: &Claims) -> Result<(), ApiError> {
    let owner = RowId::new(id).map_err(|_| ApiError::internal())?;
    draft.claim(claims, &owner);
    Ok(())
}

/// Ports of the network itself are trusted; others are as they are said, or as the network says.
fn is_secured(network: &Document, port: &Document, said: &Said) -> bool {
    if owner::is_of_network(port.text("device_owner")) {
        return false;
    }
    match said.get("port_security_enabled") {
        Some(value) => *value == Value::Bool(true),
        None => network.is("port_security_enabled"),
    }
}

/// Pairs without a MAC address get the port's.
fn set_address_pairs(draft: &Draft<'_>, document: &mut Document, said: &Said) -> Result<(), ApiError> {
    let Some(pairs) = said.get("allowed_address_pairs").and_then(Value::as_array) else {
        return Ok(());
    };
    let max = draft.core().settings.address_pairs_max;
    if pairs.len() > max {
        let text = format!("The number of allowed address pair exceeds the maximum {max}.");
        return Err(ApiError::new(400, "AllowedAddressPairExhausted", text));
    }
    let own = document.get("mac_address").clone();
    let pair = |pair: &Value| {
        let mac = pair.get("mac_address").filter(|mac| !mac.is_null()).unwrap_or(&own);
        json!({"mac_address": mac, "ip_address": pair.get("ip_address")})
    };
    document.set("allowed_address_pairs", pairs.iter().map(pair).collect::<Value>());
    Ok(())
}

/// Options by name and version; one without a value goes.
fn set_extra_dhcp_options(document: &mut Document, said: &Said) {
    let Some(said) = said.filled("extra_dhcp_opts").and_then(Value::as_array) else {
        return;
    };
    let version = |option: &Value| option.get("ip_version").and_then(super::facts::whole).unwrap_or(4);
    let mut options: Vec<Value> = document.list("extra_dhcp_opts").to_vec();
    for option in said {
        let is_same =
            |own: &Value| own.get("opt_name") == option.get("opt_name") && version(own) == version(option);
        options.retain(|own| !is_same(own));
        if option.get("opt_value").is_some_and(|value| !value.is_null()) {
            let mut members: Map<String, Value> = option.as_object().cloned().unwrap_or_default();
            members.insert("ip_version".to_owned(), version(option).into());
            options.push(Value::Object(members));
        }
    }
    document.set("extra_dhcp_opts", options);
}

pub(super) fn change(draft: &mut Draft<'_>, document: &Document, said: &Said) -> Decision<Arc<Document>> {
    let network = network_of(draft, document)?;
    security_group::ensure_default(draft, document.project())?;
    let mut changed = document.clone();
    copy_said(&mut changed, said, &PLAIN);
    copy_said(
        &mut changed,
        said,
        &["port_security_enabled", "binding:host_id", "binding:profile", "security_groups"],
    );
    set_extra_dhcp_options(&mut changed, said);
    names::set(draft, &mut changed, said)?;
    set_lists(&mut changed);
    bindings::settle(document, &mut changed);
    qos::set(draft, &mut changed, said)?;
    let plan = plan_change(draft, document, changed.text("device_owner"), said)?;
    if !plan.claims.is_empty() {
        facts::set_port_addresses(&mut changed, &plan.addresses);
        claim(draft, document.id(), &plan.claims)?;
        depend_on_network(draft, &network, &changed);
        draft.touch_network(network.id());
    }
    facts::set_port_addresses(&mut changed, &plan.addresses);
    set_address_pairs(draft, &mut changed, said)?;
    security::check(draft, &changed, said)?;
    router::ports::check_change(draft, document, &changed)?;
    floating_ip::check_addresses(draft, document, &changed)?;
    let changed = draft.change(changed);
    rows::put_port(draft, &changed)?;
    router::ports::follow(draft, document, &changed)?;
    bindings::put_migration(draft, &changed)?;
    trunk::follow_some(draft, &changed)?;
    Ok(changed)
}

fn network_of(draft: &Draft<'_>, document: &Document) -> Result<Arc<Document>, ApiError> {
    let id = document.text("network_id");
    draft.get(Kind::Network, id).ok_or_else(|| Kind::Network.resource().not_found(id))
}

/// Which addresses a port then has.
fn plan_change(
    draft: &mut Draft<'_>,
    document: &Document,
    device_owner: &str,
    said: &Said,
) -> Decision<PortPlan> {
    let core = draft.core();
    let vif = vif_type(draft.state(), document);
    let current = facts::port_addresses(document).ok_or_else(ApiError::internal)?;
    let network = facts::network_id(document.text("network_id"))?;
    let subnets = facts::subnets_of(draft, document.text("network_id"));
    let planner = PortPlanner { addresses: draft.addresses(&network), subnets: &subnets, device_owner };
    let mac = match said.get("mac_address") {
        Some(Value::Null) => Some(planner.draw_mac(core.settings.mac_base, &mut || core.chance.next())?),
        said => said.and_then(Value::as_str).and_then(mac_address),
    };
    if let Some(mac) = mac.filter(|mac| *mac != current.mac) {
        check_mac_change(vif, document, &mac.to_string())?;
    }
    let change = PortChange { mac, fixed_ips: said.filled("fixed_ips").map(facts::fixed_ip_requests) };
    Ok(planner.change(&current, &change, &mut || core.chance.next())?)
}

/// A guest that runs keeps its MAC address, and so does what the network relies on.
fn check_mac_change(vif: &str, document: &Document, new: &str) -> Result<(), ApiError> {
    let (id, old) = (document.id(), document.text("mac_address"));
    if vif != attachment::UNBOUND {
        let text = format!(
            "Unable to complete operation on port {id}, port is already bound, port type: {vif}, old_mac {old}, \
             new_mac {new}."
        );
        return Err(ApiError::new(409, "PortBound", text));
    }
    let device_owner = document.text("device_owner");
    if owner::is_of_network(device_owner) {
        let text = format!(
            "Operation mac address update is not supported for device_owner {device_owner} on port {id}."
        );
        return Err(ApiError::new(409, "UnsupportedPortDeviceOwner", text));
    }
    Ok(())
}

/// Gives a port another address, which its guest makes for itself because a subnet came.
pub(super) fn gain_address(draft: &mut Draft<'_>, document: &Document, fixed: FixedIp) -> Decision<()> {
    let mut addresses = facts::port_addresses(document).ok_or_else(ApiError::internal)?;
    addresses.fixed_ips.push(fixed);
    replace_addresses(draft, document, &addresses)
}

/// Takes the addresses of a subnet from a port, because the subnet goes.
pub(super) fn lose_subnet(draft: &mut Draft<'_>, document: &Document, subnet: &str) -> Decision<()> {
    let mut addresses = facts::port_addresses(document).ok_or_else(ApiError::internal)?;
    addresses.fixed_ips.retain(|fixed| fixed.subnet_id.to_string() != subnet);
    replace_addresses(draft, document, &addresses)
}

fn replace_addresses(draft: &mut Draft<'_>, document: &Document, addresses: &PortAddresses) -> Decision<()> {
    let network = facts::network_id(document.text("network_id"))?;
    let before = facts::port_addresses(document).map(|before| before.keys(&network)).unwrap_or_default();
    let claims = Claims::moving(&before, &addresses.keys(&network));
    let mut changed = document.clone();
    facts::set_port_addresses(&mut changed, addresses);
    claim(draft, document.id(), &claims)?;
    let changed = draft.change(changed);
    rows::put_port(draft, &changed)?;
    router::ports::follow(draft, document, &changed)
}

pub(super) fn delete(draft: &mut Draft<'_>, document: &Document) -> Decision<()> {
    if dhcp::is_server(draft, document) {
        let text = format!(
            "Port {} cannot be deleted directly via the port API: it is the DHCP server of network {}.",
            document.id(),
            document.text("network_id")
        );
        return Err(ApiError::new(409, "ServicePortInUse", text).into());
    }
    trunk::check_deletable(draft, document)?;
    router::ports::check_deletable(draft, document)?;
    floating_ip::check_deletable(draft, document)?;
    floating_ip::forget_port(draft, document)?;
    remove(draft, document);
    Ok(())
}

/// Deletes a port and all that it has.
pub(super) fn remove(draft: &mut Draft<'_>, document: &Document) {
    let network = facts::network_id(document.text("network_id"));
    if let (Some(addresses), Ok(network)) = (facts::port_addresses(document), network) {
        for key in addresses.release(&network).release {
            draft.delete_row(key);
        }
    }
    rows::delete_port(draft, document);
    bindings::delete_migration(draft, document);
    draft.delete(document);
}
