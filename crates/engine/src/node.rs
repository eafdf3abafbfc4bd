//! What a node knows about itself: its settings, its interfaces, its tunnels, its ways to physical networks.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use model::{Chassis, Id, LogicalPort, RowId};
use net_types::OfPort;
use serde::{Deserialize, Serialize};

/// What the operator of the node configured, as far as flows depend on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// The name of the node.
    pub chassis: Id<Chassis>,
    /// Where its tunnels end.
    pub tunnel_ip: IpAddr,
    /// Whether ARP requests for ports are answered on the node of who asks.
    pub answer_arp: bool,
    /// What the switch remembers of addresses that no port has.
    #[serde(default)]
    pub learning: Learning,
    /// What guests are told by DHCP. Shared, because every unit that reads a setting gets a copy of all.
    pub dhcp: Arc<Dhcp>,
    /// Who gets what is sent to multicast addresses.
    #[serde(default)]
    pub multicast: Multicast,
    /// The address with which guests leave here that have none of their own outside, where the node has one.
    #[serde(default)]
    pub host_address: Option<Ipv4Addr>,
}

/// Who gets what is sent to multicast addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Multicast {
    /// Those who listen; else everybody in the network.
    pub snoops: bool,
    /// Everybody, as long as nobody is known to listen to the address; else nobody.
    pub floods_unregistered: bool,
}

impl Default for Multicast {
    /// What the options say that nobody sets.
    fn default() -> Self {
        Self { snoops: false, floods_unregistered: true }
    }
}

/// How long and of how many addresses the switch remembers where they were heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Learning {
    /// Seconds after which an address is forgotten that was not heard again; 0 is never.
    pub age_s: u16,
    /// As many of one port, and of one network's wire; 0 is any number.
    pub addresses_max: u32,
    /// How often ports are asked, in seconds, whether they use an address that several may use.
    pub ask_interval_s: u32,
}

impl Default for Learning {
    /// What the options say that nobody sets.
    fn default() -> Self {
        Self { age_s: 300, addresses_max: 1024, ask_interval_s: 30 }
    }
}

/// What guests are told by DHCP where their subnets and ports do not say, and how often.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dhcp {
    /// Requests of one port that reach the controller, each second.
    pub rate_per_s: u32,
    /// Name servers for subnets that name none.
    pub dns_servers: Vec<Ipv4Addr>,
    /// The same, of IPv6.
    #[serde(default)]
    pub dns_servers_v6: Vec<Ipv6Addr>,
    /// The domain of all guests; none when empty.
    pub domain: String,
    /// How long a lease is; the largest number is for ever.
    pub lease_seconds: u32,
    /// The MTU of networks that have none.
    pub mtu_bytes: u16,
    /// Whether guests get a route to the metadata service.
    pub has_metadata_route: bool,
}

impl Default for Dhcp {
    /// What the options say that nobody sets.
    fn default() -> Self {
        Self {
            rate_per_s: 3,
            dns_servers: vec![Ipv4Addr::new(8, 8, 8, 8), Ipv4Addr::new(8, 8, 4, 4)],
            dns_servers_v6: Vec::new(),
            domain: model::UNNAMED_DOMAIN.to_owned(),
            lease_seconds: 86_400,
            mtu_bytes: 1460,
            has_metadata_route: true,
        }
    }
}

/// A guest's interface on the integration bridge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interface {
    /// The port that it belongs to (its `iface-id`).
    pub port: Id<LogicalPort>,
    /// Its number in the switch.
    of_port: u32,
}

impl Interface {
    /// The interface of `port`.
    #[must_use]
    pub const fn new(port: Id<LogicalPort>, of_port: OfPort) -> Self {
        Self { port, of_port: of_port.get() }
    }

    /// Its number in the switch.
    #[must_use]
    pub const fn of_port(&self) -> OfPort {
        OfPort::new(self.of_port)
    }

    pub(crate) const fn row(&self) -> &RowId {
        self.port.row()
    }
}

/// The proxy of the metadata service on this node, and the switch port that leads to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetadataProxy {
    /// The switch port.
    pub of_port: u32,
    /// Where the proxy listens for who asks by IPv4.
    pub address: Ipv4Addr,
    /// The TCP port that it listens at.
    pub port: u16,
}

/// The way to a physical network, as the operator mapped it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provider {
    /// The bridge that leads there.
    pub bridge: String,
    /// The switch port that leads to the bridge; none while there is no such bridge.
    pub of_port: Option<u32>,
}
