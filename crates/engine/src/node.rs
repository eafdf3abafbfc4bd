//! What a node knows about itself: its settings, its interfaces, its tunnels.

use std::net::IpAddr;

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
    /// DHCP requests of one port that reach the controller, each second.
    pub dhcp_rate_per_s: u32,
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
