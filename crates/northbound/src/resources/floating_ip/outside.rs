//! The port in the external network that has the address of a floating IP. It belongs to no project and is on no host.

use std::net::IpAddr;

use model::{RowId, Table};
use serde_json::Value;
use uuid::Uuid;

use super::super::{facts, port, rows};
use super::bad_request;
use crate::error::ApiError;
use crate::ipam::{FixedIpRequest, PortPlan, PortPlanner, Subnet, owner};
use crate::registry::Kind;
use crate::registry::attribute::Unsaid;
use crate::registry::body::Said;
use crate::registry::document::Document;
use crate::write::{Decision, Draft};

/// The port, and its address.
#[derive(Debug)]
pub(super) struct Outside {
    pub(super) port: String,
    pub(super) address: IpAddr,
}

/// Gives a floating IP its port.
pub(super) fn create(
    draft: &mut Draft<'_>,
    network: &Document,
    floating_ip: &str,
    said: &Said,
) -> Decision<Outside> {
    let plan = plan(draft, network, said)?;
    let fixed = plan.addresses.fixed_ips.first();
    let address = fixed.map(|fixed| fixed.ip_address).ok_or_else(|| exhausted(network))?;
    let id = Uuid::new_v4();
    let mut document = draft.new_document(Kind::Port, &id.to_string(), "");
    for attribute in Kind::Port.resource().attributes {
        if let Unsaid::Is(literal) = attribute.unsaid {
            document.set(attribute.name, literal.value());
        }
    }
    document.set("network_id", network.id());
    document.set("device_owner", owner::FLOATING_IP);
    document.set("device_id", floating_ip);
    document.set("port_security_enabled", false);
    port::set_lists(&mut document);
    facts::set_port_addresses(&mut document, &plan.addresses);
    document.set("unique_key", draft.unique_key(Table::LogicalPort)?.get());
    draft.claim(&plan.claims, &RowId::from_uuid(id));
    port::depend_on_network(draft, network, &document);
    draft.touch_network(network.id());
    rows::put_port(draft, &document)?;
    draft.create_uncounted(document);
    Ok(Outside { port: id.to_string(), address })
}

/// Which address the port gets: the one that is said, one of the subnet that is said, or any of IPv4.
fn plan(draft: &mut Draft<'_>, network: &Document, said: &Said) -> Decision<PortPlan> {
    let all = facts::subnets_of(draft, network.id());
    let is_v4 = |subnet: &&Subnet| subnet.cidr.addr().is_ipv4();
    let subnets: Vec<Subnet> = all.iter().filter(is_v4).cloned().collect();
    if subnets.is_empty() {
        let text = format!("Network {} does not contain any IPv4 subnet", network.id());
        return Err(bad_request(text).into());
    }
    let request = FixedIpRequest {
        subnet_id: said.filled("subnet_id").and_then(Value::as_str).and_then(|id| model::Id::new(id).ok()),
        ip_address: said.filled("floating_ip_address").and_then(facts::address),
    };
    let is_of_v6 = all.iter().any(|subnet| Some(&subnet.id) == request.subnet_id.as_ref() && !is_v4(&subnet));
    if is_of_v6 || request.ip_address.is_some_and(|address| address.is_ipv6()) {
        return Err(exhausted(network).into());
    }
    let asked = (request != FixedIpRequest::default()).then_some([request]);
    let core = draft.core();
    let id = facts::network_id(network.id())?;
    let planner =
        PortPlanner { addresses: draft.addresses(&id), subnets: &subnets, device_owner: owner::FLOATING_IP };
    let asked = asked.as_ref().map(<[_; 1]>::as_slice);
    Ok(planner.create(None, asked, core.settings.mac_base, &mut || core.chance.next())?)
}

fn exhausted(network: &Document) -> ApiError {
    let text = format!("Unable to find any IP address on external network {}.", network.id());
    ApiError::new(400, "ExternalIpAddressExhausted", text)
}
