//! What a guest is told, from the rows of its port and subnets.
//!
//! | told | said by | else by |
//! |---|---|---|
//! | addresses | the port, those of subnets whose address mode is stateful | |
//! | name servers | the subnets | the configuration |
//! | domain | the network | the configuration |
//! | its own name, where it says that it has one | the port | one made of its address, where the cloud has a domain of its own |
//! | lease time | the configuration | |
//! | other options, and these differently | the port's extra options of DHCPv6 | |

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};

use engine::{Derived, View};
use ipnet::{IpNet, Ipv6Net};
use model::{Id, Ipv6Mode, LogicalPort, PortDhcpv6, Subnet, SubnetIpv6};
use net_types::MacAddr;
use packet::dhcp6::{ClientName, Lease, duid_of};

use crate::{names, speaker};

/// Whether a subnet has its hosts served by DHCPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Service {
    /// The addresses of the subnet.
    cidr: Ipv6Net,
    /// Whether addresses are given, or only what else there is to know.
    is_stateful: bool,
    /// The MAC address of the server.
    server: MacAddr,
}

/// The [`Service`] of a subnet: ports of it are not looked at when its name servers change.
#[derive(Debug)]
struct ServiceOf;

impl Derived for ServiceOf {
    type Key = Id<Subnet>;
    type Value = Option<Service>;

    fn compute(view: &mut View<'_>, id: &Self::Key) -> Option<Service> {
        let is_stateful = match view.get(&SubnetIpv6::id_of(id))?.address_mode? {
            Ipv6Mode::Stateful => true,
            Ipv6Mode::Stateless => false,
            Ipv6Mode::Slaac => return None,
        };
        let subnet = view.get(id)?;
        let cidr = match subnet.cidr {
            Some(IpNet::V6(cidr)) if subnet.enable_dhcp == Some(true) => cidr,
            _ => return None,
        };
        let server = speaker::mac(view, &subnet.lswitch)?;
        Some(Service { cidr, is_stateful, server })
    }
}

/// The subnets by which a port is served, with its address in each.
fn services(view: &mut View<'_>, port: &LogicalPort) -> Vec<(Id<Subnet>, Service, Ipv6Addr)> {
    let mut found = Vec::new();
    for ip in &port.ips {
        let IpAddr::V6(address) = *ip else { continue };
        for subnet in &port.subnets {
            if let Some(service) = *view.derived::<ServiceOf>(subnet)
                && service.cidr.contains(&address)
            {
                found.push((subnet.clone(), service, address));
                break;
            }
        }
    }
    found
}

/// The MAC address of the server of a port, if it is served.
pub(super) fn server_of(view: &mut View<'_>, port: &LogicalPort) -> Option<MacAddr> {
    services(view, port).first().map(|(_, service, _)| service.server)
}

/// The extra options of a port by number, and what is wrong with those that are left out.
pub(super) fn extra(view: &mut View<'_>, port: &LogicalPort) -> (BTreeMap<u16, Vec<u8>>, Vec<String>) {
    let (mut options, mut problems) = (BTreeMap::new(), Vec::new());
    let row = view.get(&PortDhcpv6::id_of(&port.id));
    for said in row.iter().flat_map(|row| &row.options) {
        match packet::dhcp6::option(&said.name, &said.value) {
            Ok((code, value)) => drop(options.insert(code, value)),
            Err(error) => problems.push(format!("an extra option is left out: {error}")),
        }
    }
    (options, problems)
}

/// What the port is told by its server.
pub(super) fn lease(view: &mut View<'_>, port: &LogicalPort, server: MacAddr) -> Option<Lease> {
    let defaults = view.settings()?.dhcp;
    let services = services(view, port);
    let stateful = services.iter().filter(|(_, service, _)| service.is_stateful);
    let mut dns_servers: Vec<Ipv6Addr> = Vec::new();
    for (subnet, ..) in &services {
        for server in &view.get(subnet)?.dns_nameservers {
            match server {
                IpAddr::V6(server) if !server.is_unspecified() && !dns_servers.contains(server) => {
                    dns_servers.push(*server);
                }
                _ => {}
            }
        }
    }
    if dns_servers.is_empty() {
        dns_servers.clone_from(&defaults.dns_servers_v6);
    }
    let domain = port.lswitch.as_ref().map(|network| names::searched(view, network));
    let first = services.first().map(|(.., address)| *address);
    let name = first.and_then(|address| names::own(view, port, address.into()));
    let name = name.map(|name| ClientName { full: name.full, is_known: name.is_given });
    Some(Lease {
        server_id: duid_of(server),
        addresses: stateful.map(|(.., address)| *address).collect(),
        links: services
            .iter()
            .map(|(_, service, _)| (service.cidr.network(), service.cidr.prefix_len()))
            .collect(),
        valid_s: defaults.lease_seconds,
        dns_servers,
        options: extra(view, port).0,
        domains: domain.filter(|domain| !domain.is_empty()).into_iter().collect(),
        name,
    })
}
