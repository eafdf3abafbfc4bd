//! Who answers a guest, and for which of its addresses.

use std::net::{IpAddr, Ipv4Addr};

use engine::{Derived, View};
use ipnet::{IpNet, Ipv4Net};
use model::{Id, LogicalPort, Subnet};
use net_types::MacAddr;

/// The owner of the port that stands for the server of a network.
const OWNER: &str = "network:dhcp";

/// The server of a subnet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Server {
    /// The addresses that it gives.
    pub(super) network: Ipv4Net,
    /// Under which address it answers.
    pub(super) address: Ipv4Addr,
    /// Under which MAC address it answers.
    pub(super) mac: MacAddr,
}

/// An address that a port is told by DHCP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Served {
    /// The address.
    pub(super) address: Ipv4Addr,
    /// Its subnet.
    pub(super) subnet: Id<Subnet>,
    /// Who tells it.
    pub(super) server: Server,
}

/// Whether a subnet has a server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
enum Service {
    /// It wants none.
    #[default]
    Off,
    /// It wants one, and its network has no port for one.
    Missing(Ipv4Net),
    /// This one.
    On(Server),
}

/// The [`Service`] of a subnet: ports of it are not looked at when its routes or name servers change.
#[derive(Debug)]
struct ServiceOf;

impl Derived for ServiceOf {
    type Key = Id<Subnet>;
    type Value = Service;

    fn compute(view: &mut View<'_>, id: &Self::Key) -> Service {
        let Some(subnet) = view.get(id) else { return Service::Off };
        let network = match subnet.cidr {
            Some(IpNet::V4(network)) if subnet.enable_dhcp == Some(true) => network,
            _ => return Service::Off,
        };
        let ports = view.by(&LogicalPort::BY_OWNER, (subnet.lswitch.clone(), OWNER.to_owned()));
        let server = ports.iter().find_map(|port| {
            let mac = port.macs.iter().copied().find(|mac| mac.is_unicast())?;
            let address = ipv4(&port.ips).find(|ip| network.contains(ip))?;
            Some(Server { network, address, mac })
        });
        server.map_or(Service::Missing(network), Service::On)
    }
}

/// The IPv4 addresses among others.
pub(super) fn ipv4(ips: &[IpAddr]) -> impl Iterator<Item = Ipv4Addr> {
    ips.iter().filter_map(|ip| match ip {
        IpAddr::V4(ip) => Some(*ip),
        IpAddr::V6(_) => None,
    })
}

/// The first address of a port that DHCP tells it, and what is in the way of others. DHCP knows one address for a client.
pub(super) fn serving(view: &mut View<'_>, port: &LogicalPort) -> (Option<Served>, Vec<String>) {
    let mut problems = Vec::new();
    for address in ipv4(&port.ips) {
        for subnet in &port.subnets {
            match &*view.derived::<ServiceOf>(subnet) {
                Service::On(server) if server.network.contains(&address) => {
                    return (Some(Served { address, subnet: subnet.clone(), server: *server }), problems);
                }
                Service::Missing(network) if network.contains(&address) => problems.push(format!(
                    "the port gets no DHCP for {address}: the network has no port of owner {OWNER} with an address of subnet {subnet}"
                )),
                _ => {}
            }
        }
    }
    (None, problems)
}
