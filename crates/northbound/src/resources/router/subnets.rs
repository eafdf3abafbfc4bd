//! Which subnets a router has, and which it can have besides.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use super::interfaces;
use crate::error::ApiError;
use crate::registry::Kind;
use crate::registry::document::Document;
use crate::resources::facts;
use crate::write::Draft;

/// The ids of the subnets that a port has addresses of, in the order of the addresses.
pub(super) fn ids_of_port(port: &Document) -> Vec<String> {
    let mut ids: Vec<String> = Vec::new();
    for id in port.list("fixed_ips").iter().filter_map(|fixed| fixed.get("subnet_id")?.as_str()) {
        if !ids.iter().any(|known| known == id) {
            ids.push(id.to_owned());
        }
    }
    ids
}

/// The subnets that a port has addresses of.
pub(super) fn of_port(draft: &Draft<'_>, port: &Document) -> Vec<Arc<Document>> {
    ids_of_port(port).iter().filter_map(|id| draft.get(Kind::Subnet, id)).collect()
}

/// The networks in which a router has a gateway.
fn gateway_networks(router: &Document) -> BTreeSet<&str> {
    router.list("gateways").iter().filter_map(|gateway| gateway.get("network_id")?.as_str()).collect()
}

/// The subnets that a router reaches without a next hop: those of its ports, and all of the networks of its gateways.
pub(super) fn connected(draft: &Draft<'_>, router: &Document) -> Vec<Arc<Document>> {
    let mut all = of_interfaces(draft, router, None);
    for network in gateway_networks(router) {
        all.extend(draft.with(Kind::Subnet, "network_id", network));
    }
    all
}

/// The subnets that a router connects, without those of one port.
fn of_interfaces(draft: &Draft<'_>, router: &Document, without: Option<&str>) -> Vec<Arc<Document>> {
    let ports = interfaces(router).filter(|port| Some(*port) != without);
    let ports = ports.filter_map(|port| draft.get(Kind::Port, port));
    ports.flat_map(|port| of_port(draft, &port)).collect()
}

/// Whether a router can have subnets besides those that it has; those of a port that is about to change do not count.
pub(super) fn check_added(
    draft: &Draft<'_>,
    router: &Document,
    added: &[Arc<Document>],
    without: Option<&str>,
) -> Result<(), ApiError> {
    let own = of_interfaces(draft, router, without);
    if let Some(twice) = added.iter().find(|new| own.iter().any(|own| own.id() == new.id())) {
        let text = format_args!("Router already has a port on subnet {}", twice.id()).to_string();
        return Err(ApiError::bad_resource("router", text));
    }
    let of_gateways = gateway_networks(router).into_iter();
    let of_gateways = of_gateways.flat_map(|network| draft.with(Kind::Subnet, "network_id", network));
    let own: Vec<Arc<Document>> = own.into_iter().chain(of_gateways).collect();
    check_overlap(&own, added)
}

/// Whether a router can have a gateway in a network. Several in one network are in the same subnets.
pub(super) fn check_gateway_network(
    draft: &Draft<'_>,
    router: &Document,
    network: &str,
) -> Result<(), ApiError> {
    let others = gateway_networks(router).into_iter().filter(|other| *other != network);
    let others = others.flat_map(|other| draft.with(Kind::Subnet, "network_id", other));
    let own: Vec<Arc<Document>> = of_interfaces(draft, router, None).into_iter().chain(others).collect();
    check_overlap(&own, &draft.with(Kind::Subnet, "network_id", network))
}

fn check_overlap(own: &[Arc<Document>], added: &[Arc<Document>]) -> Result<(), ApiError> {
    let cidr = |subnet: &Document| facts::cidr(subnet.get("cidr"));
    for known in own {
        for new in added {
            let (Some(old_cidr), Some(new_cidr)) = (cidr(known), cidr(new)) else {
                continue;
            };
            if old_cidr.contains(&new_cidr) || new_cidr.contains(&old_cidr) {
                return Err(ApiError::bad_resource(
                    "router",
                    format_args!(
                        "Cidr {new_cidr} of subnet {} overlaps with cidr {old_cidr} of subnet {}",
                        new.id(),
                        known.id()
                    ),
                ));
            }
        }
    }
    Ok(())
}

/// The addresses of a port, as texts.
pub(super) fn addresses(port: &Document) -> impl Iterator<Item = &str> {
    port.list("fixed_ips").iter().filter_map(|fixed| fixed.get("ip_address").and_then(Value::as_str))
}

/// Whether a port has an address of IPv6.
pub(super) fn has_ipv6(port: &Document) -> bool {
    addresses(port).any(|address| address.contains(':'))
}
