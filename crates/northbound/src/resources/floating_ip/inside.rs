//! What an address outside can stand for, and through which router.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use serde_json::Value;

use super::super::visible;
use super::bad_request;
use crate::error::ApiError;
use crate::ipam::owner;
use crate::registry::Kind;
use crate::registry::document::Document;
use crate::write::Draft;

/// Ports that are attached to a switch of ours, as distributed routers need them.
const SWITCHED: [&str; 2] = ["normal", "smart-nic"];

/// An address inside.
#[derive(Debug)]
pub(super) struct Inside {
    /// Its port.
    pub(super) port: Arc<Document>,
    /// The address.
    pub(super) address: String,
    /// The router that leads there.
    pub(super) router: String,
    /// The router's interface in the subnet, and its gateway in the external network.
    pub(super) legs: [Arc<Document>; 2],
}

impl Inside {
    /// Whether the router translates on the node of the port.
    pub(super) fn is_distributed(&self) -> bool {
        self.legs[0].text("device_owner") == owner::DISTRIBUTED_ROUTER_INTERFACE
    }
}

/// A router that leads from a subnet to an external network.
#[derive(Debug)]
pub(super) struct Way {
    pub(super) router: String,
    pub(super) legs: [Arc<Document>; 2],
}

/// The IPv4 addresses of a port, and the ids of their subnets.
pub(super) fn addresses(port: &Document) -> impl Iterator<Item = (Ipv4Addr, &str)> {
    port.list("fixed_ips").iter().filter_map(|fixed| {
        let address = fixed.get("ip_address")?.as_str()?.parse().ok()?;
        Some((address, fixed.get("subnet_id")?.as_str()?))
    })
}

/// The address of a port that a floating IP of a project in an external network is to stand for.
pub(super) fn find(
    draft: &Draft<'_>,
    network: &str,
    project: &str,
    port: &str,
    address: Option<&str>,
) -> Result<Inside, ApiError> {
    let port = visible(draft, Kind::Port, port)?;
    if port.project() != project && !draft.context().is_privileged() {
        return Err(bad_request(format_args!(
            "Cannot process floating IP association with Port {}, since that port is owned by a different project",
            port.id()
        )));
    }
    if port.text("device_owner") == owner::DHCP {
        return Err(bad_request(format_args!("Port {} is unable to be assigned a floating IP", port.id())));
    }
    let (address, subnet) = match address {
        Some(address) => named(&port, address)?,
        None => only(&port)?,
    };
    let way = way(draft, &port, subnet, network).ok_or_else(|| {
        let text = format!(
            "External network {network} is not reachable from subnet {subnet}.  Therefore, cannot associate Port {} with a \
             Floating IP.",
            port.id()
        );
        ApiError::new(404, "ExternalGatewayForFloatingIPNotFound", text)
    })?;
    let address = address.to_string();
    let inside = Inside { address, router: way.router, legs: way.legs, port: Arc::clone(&port) };
    if inside.is_distributed() && !SWITCHED.contains(&port.text("binding:vnic_type")) {
        return Err(bad_request("Port VNIC type is not valid to associate a FIP in DVR mode"));
    }
    Ok(inside)
}

/// The address that is said, and its subnet.
fn named<'a>(port: &'a Document, said: &str) -> Result<(Ipv4Addr, &'a str), ApiError> {
    let Ok(IpAddr::V4(address)) = said.parse() else {
        return Err(bad_request(format_args!(
            "Cannot process floating IP association with {said}, since that is not an IPv4 address"
        )));
    };
    let not_its_own = || bad_request(format_args!("Port {} does not have fixed ip {address}", port.id()));
    addresses(port).find(|(own, _)| *own == address).ok_or_else(not_its_own)
}

/// The address of a port that has one, and its subnet.
fn only(port: &Document) -> Result<(Ipv4Addr, &str), ApiError> {
    let mut own = addresses(port);
    let first = own.next().ok_or_else(|| {
        bad_request(format_args!(
            "Cannot add floating IP to port {} that has no fixed IPv4 addresses",
            port.id()
        ))
    })?;
    match own.next() {
        None => Ok(first),
        Some(_) => Err(bad_request(format_args!(
            "Port {} has multiple fixed IPv4 addresses.  Must provide a specific IPv4 address when assigning a floating IP",
            port.id()
        ))),
    }
}

/// The router through which a subnet reaches an external network: preferably the one that is the gateway of the subnet.
pub(super) fn way(draft: &Draft<'_>, port: &Document, subnet: &str, network: &str) -> Option<Way> {
    let is_interface = |leg: &Arc<Document>| {
        owner::is_router_interface(leg.text("device_owner"))
            && leg.text("network_id") == port.text("network_id")
            && leg
                .list("fixed_ips")
                .iter()
                .any(|fixed| fixed.get("subnet_id").and_then(Value::as_str) == Some(subnet))
    };
    let first_of = |term: &str| {
        let ports = draft.with(Kind::Port, "fixed_ips", term).into_iter();
        ports.filter(|leg| is_interface(leg)).find_map(|leg| to_network(draft, leg, network))
    };
    let gateway = draft.get(Kind::Subnet, subnet)?.filled("gateway_ip").map(str::to_owned);
    let through_gateway = gateway.and_then(|gateway| first_of(&format!("ip_address={gateway}")));
    through_gateway.or_else(|| first_of(&format!("subnet_id={subnet}")))
}

/// The way through an interface, if its router has a gateway in the network.
fn to_network(draft: &Draft<'_>, interface: Arc<Document>, network: &str) -> Option<Way> {
    let router = interface.filled("device_id")?.to_owned();
    let is_gateway = |leg: &Arc<Document>| {
        leg.text("device_owner") == owner::ROUTER_GATEWAY && leg.text("network_id") == network
    };
    let gateway = draft.with(Kind::Port, "device_id", &router).into_iter().find(is_gateway)?;
    Some(Way { router, legs: [interface, gateway] })
}

/// Whether anything that a floating IP stands for is in a subnet.
pub(in crate::resources) fn is_in_subnet(draft: &Draft<'_>, floating_ip: &Document, subnet: &str) -> bool {
    let is_there = |port: Option<&str>, address: Option<&str>| {
        let port = port.and_then(|port| draft.get(Kind::Port, port));
        port.is_some_and(|port| {
            addresses(&port).any(|(own, of)| of == subnet && Some(own.to_string().as_str()) == address)
        })
    };
    let text = |rule: &'_ Value, name: &str| rule.get(name).and_then(Value::as_str).map(str::to_owned);
    is_there(floating_ip.filled("port_id"), floating_ip.filled("fixed_ip_address"))
        || floating_ip.list("forwardings").iter().any(|rule| {
            is_there(text(rule, "internal_port_id").as_deref(), text(rule, "internal_ip_address").as_deref())
        })
}
