//! The port in the external network that has the address of a floating IP. It belongs to no project and is on no host.

use std::sync::Arc;

use serde_json::Value;

use super::super::facts;
use super::super::port::owned::{self, Owner};
use super::{bad_request, inside};
use crate::error::ApiError;
use crate::ipam::{FixedIpRequest, Subnet, owner};
use crate::registry::body::Said;
use crate::registry::document::Document;
use crate::write::{Decision, Draft};

/// Gives a floating IP its port, and says which address that has: the one that is said, one of the subnet that is said, or any of IPv4.
pub(super) fn create(
    draft: &mut Draft<'_>,
    network: &Document,
    floating_ip: &str,
    said: &Said,
) -> Decision<(Arc<Document>, String)> {
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
    let owner = Owner { project: "", device_owner: owner::FLOATING_IP, device_id: floating_ip };
    let port = owned::create_in(draft, network, &subnets, owner, asked.as_ref().map(<[_; 1]>::as_slice))?;
    let address = inside::addresses(&port).next().map(|(address, _)| address.to_string());
    let address = address.ok_or_else(|| exhausted(network))?;
    Ok((port, address))
}

fn exhausted(network: &Document) -> ApiError {
    let text = format!("Unable to find any IP address on external network {}.", network.id());
    ApiError::new(400, "ExternalIpAddressExhausted", text)
}
