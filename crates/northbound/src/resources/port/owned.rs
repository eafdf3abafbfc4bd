//! Ports that the server makes for what the network has itself: routers and their gateways.

use std::sync::Arc;

use model::Table;
use uuid::Uuid;

use super::{claim, depend_on_network, set_lists};
use crate::error::ApiError;
use crate::ipam::{FixedIpRequest, PortChange, PortPlanner, Subnet};
use crate::registry::Kind;
use crate::registry::attribute::Unsaid;
use crate::registry::document::Document;
use crate::resources::{facts, rows};
use crate::write::{Decision, Draft};

/// Whose a port is.
#[derive(Debug, Clone, Copy)]
pub struct Owner<'a> {
    /// The project; empty for ports that nobody but administrators sees, which count for nobody's quota.
    pub project: &'a str,
    /// What kind of thing it belongs to.
    pub device_owner: &'a str,
    /// Which one.
    pub device_id: &'a str,
}

/// Creates a port with the addresses that are asked for, or with those that any port gets.
///
/// # Errors
/// When the addresses cannot be had.
pub fn create(
    draft: &mut Draft<'_>,
    network: &Document,
    owner: Owner<'_>,
    asked: Option<&[FixedIpRequest]>,
) -> Decision<Arc<Document>> {
    let subnets = facts::subnets_of(draft, network.id());
    create_in(draft, network, &subnets, owner, asked)
}

/// The same with addresses of these subnets of the network only.
///
/// # Errors
/// When the addresses cannot be had.
pub fn create_in(
    draft: &mut Draft<'_>,
    network: &Document,
    subnets: &[Subnet],
    owner: Owner<'_>,
    asked: Option<&[FixedIpRequest]>,
) -> Decision<Arc<Document>> {
    let core = draft.core();
    let id = facts::network_id(network.id())?;
    let planner = PortPlanner { addresses: draft.addresses(&id), subnets, device_owner: owner.device_owner };
    let plan = planner.create(None, asked, core.settings.mac_base, &mut || core.chance.next())?;
    let id = Uuid::new_v4().to_string();
    let mut document = draft.new_document(Kind::Port, &id, owner.project);
    for attribute in Kind::Port.resource().attributes {
        if let Unsaid::Is(literal) = attribute.unsaid {
            document.set(attribute.name, literal.value());
        }
    }
    document.set("network_id", network.id());
    document.set("device_owner", owner.device_owner);
    document.set("device_id", owner.device_id);
    document.set("port_security_enabled", false);
    set_lists(&mut document);
    facts::set_port_addresses(&mut document, &plan.addresses);
    document.set("unique_key", draft.unique_key(Table::LogicalPort)?.get());
    claim(draft, &id, &plan.claims)?;
    depend_on_network(draft, network, &document);
    draft.touch_network(network.id());
    rows::put_port(draft, &document)?;
    Ok(if owner.project.is_empty() { draft.create_uncounted(document) } else { draft.create(document) })
}

/// Gives a port other addresses.
///
/// # Errors
/// When they cannot be had.
pub fn change_addresses(
    draft: &mut Draft<'_>,
    port: &Document,
    asked: Vec<FixedIpRequest>,
) -> Decision<Arc<Document>> {
    let core = draft.core();
    let network_id = port.text("network_id");
    let network = draft.get(Kind::Network, network_id).ok_or_else(ApiError::internal)?;
    let id = facts::network_id(network_id)?;
    let subnets = facts::subnets_of(draft, network_id);
    let current = facts::port_addresses(port).ok_or_else(ApiError::internal)?;
    let device_owner = port.text("device_owner");
    let planner = PortPlanner { addresses: draft.addresses(&id), subnets: &subnets, device_owner };
    let change = PortChange { mac: None, fixed_ips: Some(asked) };
    let plan = planner.change(&current, &change, &mut || core.chance.next())?;
    let mut changed = port.clone();
    facts::set_port_addresses(&mut changed, &plan.addresses);
    claim(draft, port.id(), &plan.claims)?;
    depend_on_network(draft, &network, &changed);
    draft.touch_network(network_id);
    put(draft, changed)
}

/// Writes a port that changed.
///
/// # Errors
/// When it cannot be translated.
pub fn put(draft: &mut Draft<'_>, port: Document) -> Decision<Arc<Document>> {
    let changed = draft.change(port);
    rows::put_port(draft, &changed)?;
    Ok(changed)
}
