//! The ports of a router in the networks that it connects.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{floating, interface_owner, interfaces, managed, routes, settle, subnets};
use crate::error::ApiError;
use crate::ipam::{FixedIpRequest, owner};
use crate::registry::Kind;
use crate::registry::check::{Check, Flaw};
use crate::registry::document::Document;
use crate::resources::port::owned::{self, Owner};
use crate::resources::{facts, port, trunk, visible};
use crate::write::{Decision, Draft};

/// What a request names: a port, a subnet, or both.
#[derive(Debug)]
struct Target<'a> {
    port: Option<&'a str>,
    subnet: Option<&'a str>,
}

impl<'a> Target<'a> {
    fn of_body(said: &'a Map<String, Value>) -> Result<Self, ApiError> {
        let id = |name: &str| -> Result<Option<&str>, ApiError> {
            let Some(value) = said.get(name) else {
                return Ok(None);
            };
            Check::Uuid.apply(value).map_err(|flaw| match flaw {
                Flaw::Reason(reason) => ApiError::bad_resource("router", reason),
                Flaw::Refusal(error) => error,
            })?;
            Ok(value.as_str())
        };
        let (port, subnet) = (id("port_id")?, id("subnet_id")?);
        if port.is_none() && subnet.is_none() {
            return Err(ApiError::bad_resource("router", "Either subnet_id or port_id must be specified"));
        }
        Ok(Self { port, subnet })
    }
}

/// What the API says of an interface that came or went.
fn view(router: &Document, port: &Document, subnet: &str, subnets: &[String]) -> Value {
    json!({
        "id": router.id(),
        "tenant_id": port.project(),
        "project_id": port.project(),
        "port_id": port.id(),
        "network_id": port.text("network_id"),
        "subnet_id": subnet,
        "subnet_ids": subnets,
    })
}

/// Adds an interface to a router: a port that is there, or one with the address of a subnet's gateway.
///
/// # Errors
/// When the router cannot have it, or the requester may not.
pub fn add(draft: &mut Draft<'_>, router: &str, said: &Map<String, Value>) -> Decision<Value> {
    let router = managed(draft, router, "add_router_interface")?;
    let (port, subnets) = match Target::of_body(said)? {
        Target { port: Some(_), subnet: Some(_) } => {
            return Err(ApiError::bad_resource("router", "Cannot specify both subnet-id and port-id").into());
        }
        Target { port: Some(port), subnet: None } => add_port(draft, &router, port)?,
        Target { port: None, subnet } => add_subnet(draft, &router, subnet.unwrap_or_default())?,
    };
    let mut changed = (*router).clone();
    if !interfaces(&router).any(|own| own == port.id()) {
        let mut own = router.list("interfaces").to_vec();
        own.push(port.id().into());
        changed.set("interfaces", own);
    }
    let router = settle(draft, changed)?;
    let last = subnets.last().cloned().unwrap_or_default();
    Ok(view(&router, &port, &last, &subnets))
}

fn add_port(draft: &mut Draft<'_>, router: &Document, port: &str) -> Decision<(Arc<Document>, Vec<String>)> {
    let port = visible(draft, Kind::Port, port)?;
    check_unused(&port)?;
    trunk::check_deletable(draft, &port)?;
    if port.list("fixed_ips").is_empty() {
        return Err(without_address().into());
    }
    if subnets::has_ipv6(&port)
        && let Some(other) = ipv6_port(draft, router, port.text("network_id"))
    {
        let text = format!(
            "Cannot have multiple router ports with the same network id if both contain IPv6 subnets. Existing port {} \
             has IPv6 subnet(s) and network id {}",
            other.id(),
            other.text("network_id")
        );
        return Err(ApiError::bad_resource("router", text).into());
    }
    let added = subnets::of_port(draft, &port);
    for subnet in &added {
        draft.depend_on(subnet);
        check_announcements(subnet)?;
    }
    subnets::check_added(draft, router, &added, None)?;
    check_one_ipv4(&added)?;
    let mut changed = (*port).clone();
    changed.set("device_id", router.id());
    changed.set("device_owner", interface_owner(router));
    let port = owned::put(draft, changed)?;
    let ids = subnets::ids_of_port(&port);
    Ok((port, ids))
}

pub(super) fn without_address() -> ApiError {
    ApiError::bad_resource("router", "Router port must have at least one fixed IP")
}

pub(super) fn check_one_ipv4(added: &[Arc<Document>]) -> Result<(), ApiError> {
    if added.iter().filter(|subnet| subnet.number("ip_version") == Some(4)).count() > 1 {
        return Err(ApiError::bad_resource("router", "Cannot have multiple IPv4 subnets on router port"));
    }
    Ok(())
}

/// A port that something has stays with it. What the network has for itself need not say a device.
fn check_unused(port: &Document) -> Result<(), ApiError> {
    let of_network = || Some(port.text("device_owner")).filter(|own| owner::is_of_network(own));
    let Some(device) = port.filled("device_id").or_else(of_network) else {
        return Ok(());
    };
    Err(in_use(port, device))
}

pub(super) fn in_use(port: &Document, device: &str) -> ApiError {
    let text = format!(
        "Unable to complete operation on port {} for network {}. Port already has an attached device {device}.",
        port.id(),
        port.text("network_id")
    );
    ApiError::new(409, "PortInUse", text)
}

/// Where somebody else announces routes, this router does not.
fn check_announcements(subnet: &Document) -> Result<(), ApiError> {
    let is_foreign = subnet.filled("ipv6_ra_mode").is_none() && subnet.filled("ipv6_address_mode").is_some();
    if subnet.number("ip_version") == Some(6) && is_foreign {
        let text = format!(
            "IPv6 subnet {} configured to receive RAs from an external router cannot be added to Neutron Router.",
            subnet.id()
        );
        return Err(ApiError::bad_resource("router", text));
    }
    Ok(())
}

/// The port of a router in a network that has addresses of IPv6: there is one at most, with all prefixes.
fn ipv6_port(draft: &Draft<'_>, router: &Document, network: &str) -> Option<Arc<Document>> {
    let ports = interfaces(router).filter_map(|port| draft.get(Kind::Port, port));
    ports.into_iter().find(|port| port.text("network_id") == network && subnets::has_ipv6(port))
}

fn add_subnet(
    draft: &mut Draft<'_>,
    router: &Document,
    subnet: &str,
) -> Decision<(Arc<Document>, Vec<String>)> {
    let subnet = visible(draft, Kind::Subnet, subnet)?;
    let Some(gateway) = facts::address(subnet.get("gateway_ip")) else {
        let text = "Subnet for router interface must have a gateway IP";
        return Err(ApiError::bad_resource("router", text).into());
    };
    check_announcements(&subnet)?;
    if !draft.context().owns(subnet.project()) && !draft.context().is_privileged() {
        let text = format!(
            "Cannot add interface to router because subnet {} is not owned by project making the request",
            subnet.id()
        );
        return Err(ApiError::bad_resource("router", text).into());
    }
    subnets::check_added(draft, router, std::slice::from_ref(&subnet), None)?;
    let asked = FixedIpRequest {
        subnet_id: facts::subnet(&subnet).map(|subnet| subnet.id),
        ip_address: Some(gateway),
    };
    let ids = vec![subnet.id().to_owned()];
    if gateway.is_ipv6()
        && let Some(port) = ipv6_port(draft, router, subnet.text("network_id"))
    {
        let mut all = facts::fixed_ip_requests(port.get("fixed_ips"));
        all.push(asked);
        return Ok((owned::change_addresses(draft, &port, all)?, ids));
    }
    let network = draft.get(Kind::Network, subnet.text("network_id")).ok_or_else(ApiError::internal)?;
    let owner =
        Owner { project: router.project(), device_owner: interface_owner(router), device_id: router.id() };
    Ok((owned::create(draft, &network, owner, Some(&[asked]))?, ids))
}

/// Removes an interface from a router, and its port with it; of a port with several prefixes, the one that is named.
///
/// # Errors
/// When the router has none such or it is needed, or the requester may not.
pub fn remove(draft: &mut Draft<'_>, router: &str, said: &Map<String, Value>) -> Decision<Value> {
    let router = managed(draft, router, "remove_router_interface")?;
    let (port, removed) = match Target::of_body(said)? {
        Target { port: Some(port), subnet } => remove_port(draft, &router, port, subnet)?,
        Target { port: None, subnet } => remove_subnet(draft, &router, subnet.unwrap_or_default())?,
    };
    let mut changed = (*router).clone();
    if draft.get(Kind::Port, port.id()).is_none() {
        let own = interfaces(&router).filter(|own| *own != port.id()).map(Value::from);
        changed.set("interfaces", own.collect::<Vec<_>>());
    }
    let router = settle(draft, changed)?;
    let first = removed.first().cloned().unwrap_or_default();
    Ok(view(&router, &port, &first, &removed))
}

fn remove_port(
    draft: &mut Draft<'_>,
    router: &Document,
    id: &str,
    subnet: Option<&str>,
) -> Decision<(Arc<Document>, Vec<String>)> {
    let port = draft.get(Kind::Port, id).filter(|port| interfaces(router).any(|own| own == port.id()));
    let port = port.ok_or_else(|| {
        let text = format!("Router {} does not have an interface with id {id}", router.id());
        ApiError::new(404, "RouterInterfaceNotFound", text)
    })?;
    let ids = subnets::ids_of_port(&port);
    if let Some(subnet) = subnet.filter(|subnet| !ids.iter().any(|own| own == subnet)) {
        let text = format!("Subnet on port {id} does not match the requested subnet {subnet}.");
        return Err(ApiError::new(400, "SubnetMismatchForPort", text).into());
    }
    for subnet in subnets::of_port(draft, &port) {
        check_not_needed(draft, router, &subnet)?;
    }
    port::remove(draft, &port);
    Ok((port, ids))
}

/// Refuses that a router loses a subnet that a floating IP or a route needs.
pub(super) fn check_not_needed(
    draft: &mut Draft<'_>,
    router: &Document,
    subnet: &Document,
) -> Result<(), ApiError> {
    floating::check_interface(draft, router, subnet)?;
    routes::check_unused(router, subnet)
}

fn remove_subnet(
    draft: &mut Draft<'_>,
    router: &Document,
    id: &str,
) -> Decision<(Arc<Document>, Vec<String>)> {
    let subnet = visible(draft, Kind::Subnet, id)?;
    let ports = interfaces(router).filter_map(|port| draft.get(Kind::Port, port));
    let port = ports.into_iter().find(|port| subnets::ids_of_port(port).iter().any(|own| own == id));
    let port = port.ok_or_else(|| {
        let text = format!("Router {} has no interface on subnet {id}", router.id());
        ApiError::new(404, "RouterInterfaceNotFoundForSubnet", text)
    })?;
    check_not_needed(draft, router, &subnet)?;
    let others: Vec<FixedIpRequest> = facts::fixed_ip_requests(port.get("fixed_ips"))
        .into_iter()
        .filter(|fixed| fixed.subnet_id.as_ref().is_some_and(|own| own.with_str(|own| own != id)))
        .collect();
    if others.is_empty() {
        port::remove(draft, &port);
    } else {
        owned::change_addresses(draft, &port, others)?;
    }
    Ok((port, vec![id.to_owned()]))
}

/// Makes the ports of a router those of the kind of router that it is now.
pub(super) fn change_owner(draft: &mut Draft<'_>, router: &Document) -> Decision<()> {
    let ports: Vec<_> = interfaces(router).filter_map(|port| draft.get(Kind::Port, port)).collect();
    for port in ports {
        let mut changed = (*port).clone();
        changed.set("device_owner", interface_owner(router));
        owned::put(draft, changed)?;
    }
    Ok(())
}
