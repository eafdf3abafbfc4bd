//! A subnet, and its row.

use std::net::IpAddr;

use ipnet::IpNet;
use model::{RouterPreference, SubnetIpv6, Topic, Version};

use crate::ipam::{HostRoute, Ipv6Mode, NetworkId, SubnetId};

/// What of a subnet its row says.
///
/// The address of the DHCP server is a member of the row that the original never writes: controllers find the server
/// by its port, the owner of which is [`DHCP`](crate::ipam::owner::DHCP).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subnet {
    /// Its id.
    pub id: SubnetId,
    /// Its network.
    pub network_id: NetworkId,
    /// The project, `project_id`.
    pub project_id: String,
    /// A name for people.
    pub name: Option<String>,
    /// Its range.
    pub cidr: IpNet,
    /// The gateway that hosts are told.
    pub gateway_ip: Option<IpAddr>,
    /// Whether hosts get their addresses by DHCP.
    pub enable_dhcp: bool,
    /// What routers announce, where it is one of IPv6.
    pub ipv6_ra_mode: Option<Ipv6Mode>,
    /// How hosts get addresses, where it is one of IPv6.
    pub ipv6_address_mode: Option<Ipv6Mode>,
    /// What its router says of itself, where it is one of IPv6.
    pub ipv6_router_preference: Option<RouterPreference>,
    /// The name servers that hosts are told.
    pub dns_nameservers: Vec<IpAddr>,
    /// The routes that hosts are told.
    pub host_routes: Vec<HostRoute>,
    /// How often it was changed, `revision_number`.
    pub revision: u64,
}

impl Subnet {
    /// The row that controllers read.
    #[must_use]
    pub fn row(&self) -> model::Subnet {
        let route =
            |route: &HostRoute| model::HostRoute { destination: route.destination, nexthop: route.nexthop };
        model::Subnet {
            cidr: Some(self.cidr),
            dhcp_ip: None,
            dns_nameservers: self.dns_nameservers.clone(),
            enable_dhcp: Some(self.enable_dhcp),
            gateway_ip: self.gateway_ip,
            host_routes: self.host_routes.iter().map(route).collect(),
            id: self.id.clone(),
            lswitch: self.network_id.clone(),
            name: self.name.clone(),
            topic: Topic::new(&self.project_id),
            version: Some(Version(self.revision)),
        }
    }

    /// The row that says how hosts of an IPv6 subnet get their addresses.
    #[must_use]
    pub fn ipv6_row(&self) -> Option<SubnetIpv6> {
        self.cidr.addr().is_ipv6().then(|| SubnetIpv6 {
            address_mode: self.ipv6_address_mode.map(row_mode),
            id: SubnetIpv6::id_of(&self.id),
            lswitch: self.network_id.clone(),
            ra_mode: self.ipv6_ra_mode.map(row_mode),
            router_preference: self.ipv6_router_preference,
            subnet: self.id.clone(),
            topic: Topic::new(&self.project_id),
            version: Some(Version(self.revision)),
        })
    }
}

/// A mode, as rows say it.
const fn row_mode(mode: Ipv6Mode) -> model::Ipv6Mode {
    match mode {
        Ipv6Mode::DhcpStateful => model::Ipv6Mode::Stateful,
        Ipv6Mode::DhcpStateless => model::Ipv6Mode::Stateless,
        Ipv6Mode::Slaac => model::Ipv6Mode::Slaac,
    }
}
