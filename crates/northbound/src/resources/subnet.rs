//! Subnets.

use std::sync::Arc;

use serde_json::Value;

use super::{copy_all, copy_said, dhcp, facts, project_of, rows, visible};
use crate::error::ApiError;
use crate::ipam::{
    FixedIp, GatewayRequest, IpVersion, NetworkFacts, PortId, SubnetChange, SubnetPool, SubnetRequest, owner,
};
use crate::policy;
use crate::registry::Kind;
use crate::registry::body::Said;
use crate::registry::document::Document;
use crate::write::{Decision, Draft, guard_of_pool};

pub(super) fn create(draft: &mut Draft<'_>, id: &str, said: &Said) -> Decision<Arc<Document>> {
    let network_id = said.get("network_id").and_then(Value::as_str).unwrap_or_default();
    let network = visible(draft, Kind::Network, network_id)?;
    policy::enforce_create(draft.context(), said, draft.context().owns(network.project()))?;
    let project = project_of(draft, said)?;
    let pool = pool_of(draft, said)?;
    let request = request(&project, said, pool.as_ref().map(|(_, pool)| pool))?;
    let siblings = draft.with(Kind::Subnet, "network_id", network_id);
    let plan = {
        let siblings: Vec<_> = siblings.iter().filter_map(|sibling| facts::sibling(sibling)).collect();
        let facts = NetworkFacts {
            id: &facts::network_id(network_id)?,
            mtu: network.number("mtu").and_then(|mtu| u32::try_from(mtu).ok()),
            subnets: &siblings,
        };
        request.plan(&facts, pool.as_ref().map(|(_, pool)| pool), &draft.core().settings.subnet_limits)?
    };
    let mut document = draft.new_document(Kind::Subnet, id, &project);
    copy_all(
        &mut document,
        said,
        &[
            "name",
            "ip_version",
            "network_id",
            "enable_dhcp",
            "ipv6_ra_mode",
            "ipv6_address_mode",
            "ipv6_router_preference",
            "description",
        ],
    );
    for list in ["dns_nameservers", "host_routes", "service_types"] {
        document.set(list, said.filled(list).cloned().unwrap_or_else(|| Value::Array(Vec::new())));
    }
    document.set("cidr", plan.cidr.to_string());
    document.set("gateway_ip", plan.gateway_ip.map(|gateway| gateway.to_string()));
    document.set("allocation_pools", facts::pools_value(&plan.allocation_pools));
    if let Some((pool_document, _)) = &pool {
        document.set("subnetpool_id", pool_document.id());
        draft.depend_on(pool_document);
        draft.lock(guard_of_pool(pool_document.id()));
    }
    check_preference(&document)?;
    let document = draft.create(document);
    finish(draft, &network, &document)?;
    give_some(draft, &document)?;
    Ok(document)
}

/// The network changes with its subnets: its DHCP server, and its revision, by which controllers know of it.
fn finish(draft: &mut Draft<'_>, network: &Document, subnet: &Document) -> Decision<()> {
    let network = dhcp::sync(draft, network)?;
    rows::put_network(draft, &network)?;
    rows::put_subnet(draft, subnet)
}

/// The pool of a new subnet.
fn pool_of(draft: &Draft<'_>, said: &Said) -> Result<Option<(Arc<Document>, SubnetPool)>, ApiError> {
    let id = said.filled("subnetpool_id").and_then(Value::as_str);
    let wants_default = said.or_default("use_default_subnetpool") == Value::Bool(true);
    let document = match id {
        Some(_) if wants_default => {
            let text = "subnetpool_id and use_default_subnetpool cannot both be specified";
            return Err(ApiError::bad_resource("subnets", text));
        }
        Some(id) => visible(draft, Kind::SubnetPool, id)?,
        None if wants_default => {
            let version = said.or_default("ip_version");
            let pools = draft.with(Kind::SubnetPool, "is_default", "true");
            let found = pools.into_iter().find(|pool| *pool.get("ip_version") == version);
            let none = || {
                let text = format_args!("No default subnetpool found for IPv{version}").to_string();
                ApiError::bad_resource("subnets", text)
            };
            found.ok_or_else(none)?
        }
        None => return Ok(None),
    };
    let pool = facts::subnet_pool(draft, &document)?;
    Ok(Some((document, pool)))
}

fn request(project: &str, said: &Said, pool: Option<&SubnetPool>) -> Result<SubnetRequest, ApiError> {
    let version = said.get("ip_version").and_then(Value::as_u64).and_then(IpVersion::from_number);
    let version = version.or_else(|| pool.map(SubnetPool::ip_version));
    let Some(ip_version) = version else {
        return Err(ApiError::bad_request(
            "Failed to parse request. Required attribute 'ip_version' not specified",
        ));
    };
    let said_or_null = |name| said.get(name).unwrap_or(&Value::Null);
    Ok(SubnetRequest {
        project_id: project.to_owned(),
        ip_version,
        cidr: facts::cidr(said_or_null("cidr")),
        // No pool gives prefixes of a length that no address has.
        prefix_len: said.get("prefixlen").map(|length| facts::octet(length).unwrap_or(u8::MAX)),
        gateway: match said.get("gateway_ip") {
            None => GatewayRequest::Default,
            Some(value) => facts::address(value).map_or(GatewayRequest::None, GatewayRequest::At),
        },
        allocation_pools: said
            .get("allocation_pools")
            .map(facts::pool_requests)
            .filter(|pools| !pools.is_empty()),
        enable_dhcp: said.or_default("enable_dhcp") == Value::Bool(true),
        ipv6_ra_mode: facts::ipv6_mode(said_or_null("ipv6_ra_mode")),
        ipv6_address_mode: facts::ipv6_mode(said_or_null("ipv6_address_mode")),
        dns_nameservers: facts::addresses(said_or_null("dns_nameservers")),
        host_routes: facts::host_routes(said_or_null("host_routes")),
    })
}

pub(super) fn change(draft: &mut Draft<'_>, document: &Document, said: &Said) -> Decision<Arc<Document>> {
    let network = network_of(draft, document)?;
    let subnet = facts::subnet(document).ok_or_else(ApiError::internal)?;
    let gateway = facts::address(document.get("gateway_ip"));
    let request = SubnetChange {
        gateway: said.get("gateway_ip").map(facts::address),
        allocation_pools: said.get("allocation_pools").map(facts::pool_requests),
        enable_dhcp: said.get("enable_dhcp").and_then(Value::as_bool),
        dns_nameservers: said.get("dns_nameservers").map(facts::addresses),
        host_routes: said.get("host_routes").map(facts::host_routes),
    };
    let leg =
        gateway.and_then(|gateway| router_leg(draft, document.text("network_id"), &gateway.to_string()));
    let limits = &draft.core().settings.subnet_limits;
    let pools = request.plan(&subnet, gateway, leg.as_ref(), limits)?;
    let mut changed = document.clone();
    copy_said(
        &mut changed,
        said,
        &[
            "name",
            "gateway_ip",
            "dns_nameservers",
            "host_routes",
            "enable_dhcp",
            "ipv6_router_preference",
            "service_types",
            "description",
        ],
    );
    if changed.get("service_types").is_null() {
        changed.set("service_types", Vec::<Value>::new());
    }
    changed.set("allocation_pools", facts::pools_value(&pools));
    check_preference(&changed)?;
    let changed = draft.change(changed);
    finish(draft, &network, &changed)?;
    Ok(changed)
}

/// Routers say how good they are in IPv6 only.
fn check_preference(subnet: &Document) -> Result<(), ApiError> {
    let name = "ipv6_router_preference";
    let is_wrong = subnet.number("ip_version") == Some(4) && subnet.filled(name).is_some();
    match is_wrong {
        true => Err(ApiError::invalid_input(format!("{name} is not valid when ip_version is 4"))),
        false => Ok(()),
    }
}

/// The router's leg that has an address in a network.
fn router_leg(draft: &Draft<'_>, network: &str, address: &str) -> Option<PortId> {
    let ports = draft.with(Kind::Port, "fixed_ips", &format!("ip_address={address}"));
    let is_leg = |port: &&Arc<Document>| {
        port.text("network_id") == network && owner::is_router_interface(port.text("device_owner"))
    };
    ports.iter().find(is_leg).and_then(|port| PortId::new(port.id()).ok())
}

fn network_of(draft: &Draft<'_>, document: &Document) -> Result<Arc<Document>, ApiError> {
    let id = document.text("network_id");
    draft.get(Kind::Network, id).ok_or_else(|| Kind::Network.resource().not_found(id))
}

/// Ports that get or lose an address in one transaction; of each, three rows change.
const PORTS_RELEASED_MAX: usize = 30;

/// Gives ports their addresses in a new subnet the hosts of which make them themselves, as many as fit the transaction. Says
/// whether that has to be done again. An address that somebody has stays theirs.
pub(crate) fn give_some(draft: &mut Draft<'_>, document: &Document) -> Decision<bool> {
    let Some(subnet) = facts::subnet(document).filter(crate::ipam::Subnet::is_automatic) else {
        return Ok(false);
    };
    let network = facts::network_id(document.text("network_id"))?;
    for port in draft.with(Kind::Port, "network_id", document.text("network_id")) {
        let Some(addresses) = facts::port_addresses(&port) else {
            continue;
        };
        let imposed = subnet.imposed_address(port.text("device_owner"), addresses.mac);
        let Some(address) = imposed.filter(|address| !draft.addresses(&network).has_address(*address)) else {
            continue;
        };
        // A router changes with its ports, by as many rows.
        if draft.count_changed(Kind::Port) + draft.count_changed(Kind::Router) >= PORTS_RELEASED_MAX {
            return Ok(true);
        }
        let fixed = FixedIp { subnet_id: subnet.id.clone(), ip_address: address };
        super::port::gain_address(draft, &port, fixed)?;
    }
    Ok(false)
}

/// The ports that a subnet takes addresses from when it goes: those whose hosts made them themselves.
///
/// # Errors
/// When another port has an address of the subnet, so that it cannot go.
fn releasable(draft: &Draft<'_>, document: &Document) -> Result<Vec<Arc<Document>>, ApiError> {
    let network = network_of(draft, document)?;
    let subnet = facts::subnet(document).ok_or_else(ApiError::internal)?;
    let server = dhcp::port_of(draft, &network);
    let server_id = server.as_ref().map_or("", |port| port.id());
    let mut ports = draft.with(Kind::Port, "fixed_ips", &format!("subnet_id={}", document.id()));
    ports.retain(|port| port.id() != server_id);
    let keeps =
        |port: &Arc<Document>| !subnet.is_automatic() || owner::is_router_port(port.text("device_owner"));
    if ports.iter().any(keeps) {
        let text = format!(
            "Unable to complete operation on subnet {}: One or more ports have an IP allocation from this subnet.",
            document.id()
        );
        return Err(ApiError::new(409, "SubnetInUse", text));
    }
    Ok(ports)
}

/// Before a subnet goes that many ports have addresses of: takes some of them, as many as fit a transaction. Says whether
/// that has to be done again.
///
/// # Errors
/// When the subnet cannot go.
pub(crate) fn release_some(draft: &mut Draft<'_>, document: &Document) -> Decision<bool> {
    let ports = releasable(draft, document)?;
    if ports.len() <= PORTS_RELEASED_MAX {
        return Ok(false);
    }
    for port in ports.iter().take(PORTS_RELEASED_MAX) {
        super::port::lose_subnet(draft, port, document.id())?;
    }
    Ok(true)
}

pub(super) fn delete(draft: &mut Draft<'_>, document: &Document) -> Decision<()> {
    for port in releasable(draft, document)? {
        super::port::lose_subnet(draft, &port, document.id())?;
    }
    let network = network_of(draft, document)?;
    draft.seal_network(network.id());
    rows::delete_subnet(draft, document);
    draft.delete(document);
    let network = dhcp::sync(draft, &network)?;
    rows::put_network(draft, &network)
}
