//! Documents as what the address management knows.
//!
//! Documents were checked when they were written, so what does not parse was written by somebody else: it is left out here
//! and stays as it is in the store.

use std::net::IpAddr;

use ipnet::IpNet;
use net_types::MacAddr;
use serde_json::{Value, json};

use crate::error::ApiError;
use crate::ipam::allocation_pools::AllocationPool;
use crate::ipam::{
    AddressRange, FixedIp, FixedIpRequest, HostRoute, IpamError, Ipv6Mode, NetworkId, PoolRequest,
    PortAddresses, Sibling, Subnet, SubnetId, SubnetPool,
};
use crate::registry::Kind;
use crate::registry::document::Document;
use crate::write::Draft;

impl From<IpamError> for ApiError {
    fn from(error: IpamError) -> Self {
        let fault = error.fault();
        Self::new(fault.status, fault.exception, error.to_string())
    }
}

/// The network of a resource, or that it is.
///
/// # Errors
/// When the id is empty.
pub fn network_id(text: &str) -> Result<NetworkId, ApiError> {
    NetworkId::new(text).map_err(|_| Kind::Network.resource().not_found(text))
}

/// An address.
#[must_use]
pub fn address(value: &Value) -> Option<IpAddr> {
    value.as_str()?.parse().ok()
}

/// Addresses of a list.
#[must_use]
pub fn addresses(value: &Value) -> Vec<IpAddr> {
    value.as_array().into_iter().flatten().filter_map(address).collect()
}

/// A range.
#[must_use]
pub fn cidr(value: &Value) -> Option<IpNet> {
    value.as_str()?.parse().ok()
}

/// Ranges of a list.
#[must_use]
pub fn cidrs(value: &Value) -> Vec<IpNet> {
    value.as_array().into_iter().flatten().filter_map(cidr).collect()
}

/// A number that fits an octet.
#[must_use]
pub fn octet(value: &Value) -> Option<u8> {
    value.as_u64().and_then(|number| u8::try_from(number).ok())
}

/// Routes of a list.
#[must_use]
pub fn host_routes(value: &Value) -> Vec<HostRoute> {
    let route = |route: &Value| {
        Some(HostRoute {
            destination: cidr(route.get("destination")?)?,
            nexthop: address(route.get("nexthop")?)?,
        })
    };
    value.as_array().into_iter().flatten().filter_map(route).collect()
}

/// Pools as a request says them.
#[must_use]
pub fn pool_requests(value: &Value) -> Vec<AllocationPool> {
    let pool = |pool: &Value| {
        Some(AllocationPool { start: address(pool.get("start")?)?, end: address(pool.get("end")?)? })
    };
    value.as_array().into_iter().flatten().filter_map(pool).collect()
}

/// Pools as documents say them.
#[must_use]
pub fn pools_value(pools: &[AddressRange]) -> Value {
    pools
        .iter()
        .map(|pool| json!({"start": pool.first().to_string(), "end": pool.last().to_string()}))
        .collect()
}

/// A mode of IPv6.
#[must_use]
pub fn ipv6_mode(value: &Value) -> Option<Ipv6Mode> {
    Ipv6Mode::from_text(value.as_str()?)
}

/// What of a subnet decides about its addresses.
#[must_use]
pub fn subnet(document: &Document) -> Option<Subnet> {
    let pools = pool_requests(document.get("allocation_pools"));
    Some(Subnet {
        id: SubnetId::new(document.id()).ok()?,
        cidr: cidr(document.get("cidr"))?,
        pools: pools.iter().filter_map(|pool| AddressRange::new(pool.start, pool.end)).collect(),
        ipv6_ra_mode: ipv6_mode(document.get("ipv6_ra_mode")),
        ipv6_address_mode: ipv6_mode(document.get("ipv6_address_mode")),
        enable_dhcp: document.is("enable_dhcp"),
        service_types: document.texts("service_types").map(str::to_owned).collect(),
    })
}

/// What a new subnet of the network has to keep clear of.
#[must_use]
pub fn sibling(document: &Document) -> Option<Sibling<'_>> {
    Some(Sibling { cidr: cidr(document.get("cidr"))?, subnet_pool: document.filled("subnetpool_id") })
}

/// The subnets of a network.
#[must_use]
pub fn subnets_of(draft: &Draft<'_>, network: &str) -> Vec<Subnet> {
    draft.with(Kind::Subnet, "network_id", network).iter().filter_map(|document| subnet(document)).collect()
}

/// The addresses of a port.
#[must_use]
pub fn port_addresses(document: &Document) -> Option<PortAddresses> {
    let fixed = |fixed: &Value| {
        Some(FixedIp {
            subnet_id: SubnetId::new(fixed.get("subnet_id")?.as_str()?).ok()?,
            ip_address: address(fixed.get("ip_address")?)?,
        })
    };
    Some(PortAddresses {
        mac: document.text("mac_address").parse::<MacAddr>().ok()?,
        fixed_ips: document.list("fixed_ips").iter().filter_map(fixed).collect(),
    })
}

/// The addresses of a port, as its document says them.
pub fn set_port_addresses(document: &mut Document, addresses: &PortAddresses) {
    let fixed = |fixed: &FixedIp| json!({"subnet_id": fixed.subnet_id.to_string(), "ip_address": fixed.ip_address.to_string()});
    document.set("mac_address", addresses.mac.to_string());
    document.set("fixed_ips", addresses.fixed_ips.iter().map(fixed).collect::<Value>());
}

/// Addresses as a request asks for them.
#[must_use]
pub fn fixed_ip_requests(value: &Value) -> Vec<FixedIpRequest> {
    let request = |fixed: &Value| FixedIpRequest {
        subnet_id: fixed.get("subnet_id").and_then(Value::as_str).and_then(|id| SubnetId::new(id).ok()),
        ip_address: fixed.get("ip_address").and_then(address),
    };
    value.as_array().into_iter().flatten().map(request).collect()
}

/// A pool of prefixes as its document says it.
#[must_use]
pub fn pool_request(document: &Document) -> PoolRequest {
    // What is too long for an octet is too long for an address.
    let prefix_len = |name: &str| {
        let length = document.get(name);
        (!length.is_null()).then(|| octet(length).unwrap_or(u8::MAX))
    };
    PoolRequest {
        id: document.id().to_owned(),
        prefixes: cidrs(document.get("prefixes")),
        min_prefix_len: prefix_len("min_prefixlen"),
        max_prefix_len: prefix_len("max_prefixlen"),
        default_prefix_len: prefix_len("default_prefixlen"),
        default_quota: document.number("default_quota"),
    }
}

/// A pool of prefixes and what subnets have of it.
///
/// # Errors
/// When its bounds make no sense.
pub fn subnet_pool(draft: &Draft<'_>, document: &Document) -> Result<SubnetPool, ApiError> {
    let mut pool = SubnetPool::new(&pool_request(document)).map_err(IpamError::from)?;
    for subnet in draft.with(Kind::Subnet, "subnetpool_id", document.id()) {
        if let Some(cidr) = cidr(subnet.get("cidr")) {
            pool.occupy(&cidr, subnet.project());
        }
    }
    Ok(pool)
}

/// A whole number, also as a text.
#[must_use]
pub fn whole(value: &Value) -> Option<i64> {
    crate::registry::convert::integer(value)
}
