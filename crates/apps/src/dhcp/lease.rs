//! What a guest is told, from the rows of its port, network and subnet.
//!
//! | told | said by | else by |
//! |---|---|---|
//! | router | the subnet's gateway | |
//! | name servers | the subnet; the single server 0.0.0.0 is none | the configuration |
//! | MTU | the network | the configuration |
//! | routes | the subnet, and one to the metadata service | |
//! | domain | the network | the configuration |
//! | its own name | the port | one made of its address, where the cloud has a domain of its own |
//! | lease time | the configuration | |
//! | server to boot from | the port's `siaddr` | the DHCP server itself |
//! | everything, differently | the port's extra options | |
//!
//! The route to the metadata service leads to 169.254.169.254 through the guest's own address, which makes a guest ask for it
//! on the link, where its node answers. It works with and without a router; a route of the subnet to the same address replaces it.

use std::net::{IpAddr, Ipv4Addr};

use engine::{Dhcp, View};
use ipnet::IpNet;
use model::{HostRoute, LogicalPort, LogicalSwitch, Subnet};
use net_types::MacAddr;
use packet::dhcp::{Lease, Overrides, Route};

use super::server::{Served, ipv4};
use crate::names;

const METADATA: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);
const HOST_PREFIX: u8 = 32;

/// The extra options of a port, and what is wrong with those that are left out.
pub(super) fn overrides(port: &LogicalPort) -> (Overrides, Vec<String>) {
    let mut overrides = Overrides::default();
    let options = port.dhcp_params.iter().flat_map(|params| params.opts.iter());
    let problems = options.filter_map(|(code, text)| overrides.set_text(code, text).err());
    let problems = problems.map(|error| format!("an extra DHCP option is left out: {error}")).collect();
    (overrides, problems)
}

/// What the port is told when it asks from this MAC address.
pub(super) fn lease(
    view: &mut View<'_>,
    port: &LogicalPort,
    served: &Served,
    client_mac: MacAddr,
) -> Option<Lease> {
    let defaults = view.settings()?.dhcp;
    let subnet = view.get(&served.subnet)?;
    let network = view.get(&subnet.lswitch)?;
    let v4 = |ip: IpAddr| ipv4(&[ip]).next();
    Some(Lease {
        client_mac,
        address: served.address,
        prefix_length: served.server.network.prefix_len(),
        server: served.server.address,
        server_mac: served.server.mac,
        router: subnet.gateway_ip.and_then(v4),
        dns_servers: dns_servers(&subnet, &defaults),
        domain: names::searched(view, &subnet.lswitch),
        host_name: names::own(view, port, served.address.into()).map(|name| name.host).unwrap_or_default(),
        mtu_bytes: Some(mtu_bytes(&network, &defaults)),
        routes: routes(&subnet, &defaults, served.address),
        seconds: defaults.lease_seconds,
        next_server: port.dhcp_params.as_ref().and_then(|params| params.siaddr).and_then(v4),
        overrides: overrides(port).0,
    })
}

fn dns_servers(subnet: &Subnet, defaults: &Dhcp) -> Vec<Ipv4Addr> {
    let own: Vec<Ipv4Addr> = ipv4(&subnet.dns_nameservers).collect();
    let servers = if own.is_empty() { &defaults.dns_servers } else { &own };
    servers.iter().copied().filter(|server| !server.is_unspecified()).collect()
}

/// An MTU of 0 is one that nobody knows.
fn mtu_bytes(network: &LogicalSwitch, defaults: &Dhcp) -> u16 {
    match network.mtu {
        None | Some(0) => defaults.mtu_bytes,
        Some(mtu) => u16::try_from(mtu).unwrap_or(u16::MAX),
    }
}

fn routes(subnet: &Subnet, defaults: &Dhcp, own: Ipv4Addr) -> Vec<Route> {
    let metadata = defaults.has_metadata_route.then(|| Route::new(METADATA, HOST_PREFIX, own)).flatten();
    let route = |route: &HostRoute| match (route.destination, route.nexthop) {
        (IpNet::V4(destination), IpAddr::V4(router)) => {
            Route::new(destination.addr(), destination.prefix_len(), router)
        }
        _ => None,
    };
    // Of two routes to one destination the later counts.
    metadata.into_iter().chain(subnet.host_routes.iter().filter_map(route)).collect()
}
