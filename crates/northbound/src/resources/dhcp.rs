//! The port that the DHCP server of a network has: one for each network with an IPv4 subnet that wants DHCP, with an
//! address in each such subnet.
//!
//! As the original's: owned by the network's project, of no device and on no host, because every host answers for it.
//! Nobody creates or deletes it but its subnets.

mod step;

use std::sync::Arc;

use model::{RowId, Table};
use serde_json::Value;
use uuid::Uuid;

use self::step::DhcpPortStep;
use super::{facts, port, rows};
use crate::error::ApiError;
use crate::ipam::{FixedIpRequest, PortAddresses, PortChange, PortPlanner, Subnet, owner};
use crate::registry::Kind;
use crate::registry::attribute::Unsaid;
use crate::registry::document::Document;
use crate::write::{Decision, Draft};

/// The port of a network's DHCP server.
#[must_use]
pub fn port_of(draft: &Draft<'_>, network: &Document) -> Option<Arc<Document>> {
    draft.get(Kind::Port, network.filled("dhcp_port")?)
}

/// Whether a port is that of its network's DHCP server.
#[must_use]
pub fn is_server(draft: &Draft<'_>, port: &Document) -> bool {
    let network = draft.get(Kind::Network, port.text("network_id"));
    network.is_some_and(|network| network.filled("dhcp_port") == Some(port.id()))
}

/// Gives the server the addresses that the subnets of the network want, and writes the network.
pub(super) fn sync(draft: &mut Draft<'_>, network: &Document) -> Decision<Arc<Document>> {
    let subnets = facts::subnets_of(draft, network.id());
    let port = port_of(draft, network);
    let current = port.as_deref().and_then(facts::port_addresses);
    let mut changed = network.clone();
    match (step::step(&subnets, current.as_ref()), port, current) {
        (DhcpPortStep::Create(asked), ..) => {
            changed.set("dhcp_port", create(draft, network, &subnets, &asked)?)
        }
        (DhcpPortStep::Change(change), Some(port), Some(current)) => {
            adapt(draft, network, &port, &subnets, &current, &change)?;
        }
        (DhcpPortStep::Delete, Some(port), _) => {
            port::remove(draft, &port);
            changed.set("dhcp_port", Value::Null);
        }
        _ => {}
    }
    Ok(draft.change(changed))
}

fn planner<'a>(
    draft: &'a mut Draft<'_>,
    network: &Document,
    subnets: &'a [Subnet],
) -> Result<PortPlanner<'a>, ApiError> {
    let id = facts::network_id(network.id())?;
    Ok(PortPlanner { addresses: draft.addresses(&id), subnets, device_owner: owner::DHCP })
}

fn create(
    draft: &mut Draft<'_>,
    network: &Document,
    subnets: &[Subnet],
    asked: &[FixedIpRequest],
) -> Decision<String> {
    let core = draft.core();
    let plan =
        planner(draft, network, subnets)?
            .create(None, Some(asked), core.settings.mac_base, &mut || core.chance.next())?;
    let id = Uuid::new_v4();
    let mut document = draft.new_document(Kind::Port, &id.to_string(), network.project());
    for attribute in Kind::Port.resource().attributes {
        if let Unsaid::Is(literal) = attribute.unsaid {
            document.set(attribute.name, literal.value());
        }
    }
    document.set("network_id", network.id());
    document.set("device_owner", owner::DHCP);
    document.set("port_security_enabled", false);
    port::set_lists(&mut document);
    facts::set_port_addresses(&mut document, &plan.addresses);
    document.set("unique_key", draft.unique_key(Table::LogicalPort)?.get());
    draft.claim(&plan.claims, &RowId::from_uuid(id));
    draft.touch_network(network.id());
    rows::put_port(draft, &document)?;
    draft.create_uncounted(document);
    Ok(id.to_string())
}

fn adapt(
    draft: &mut Draft<'_>,
    network: &Document,
    port: &Document,
    subnets: &[Subnet],
    current: &PortAddresses,
    change: &PortChange,
) -> Decision<()> {
    let core = draft.core();
    let plan = planner(draft, network, subnets)?.change(current, change, &mut || core.chance.next())?;
    let mut changed = port.clone();
    facts::set_port_addresses(&mut changed, &plan.addresses);
    port::claim(draft, port.id(), &plan.claims)?;
    draft.touch_network(network.id());
    let changed = draft.change(changed);
    rows::put_port(draft, &changed)
}
