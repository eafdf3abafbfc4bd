//! How hosts of an IPv6 subnet get their addresses and routers: a table of ours, because the original's row does not say it.
//!
//! It has the id of the subnet. An IPv6 subnet without such a row announces nothing and gives no addresses.

use crate::macros::{choice, object};
use crate::{Id, LogicalSwitch, Subnet, Topic, Version};

choice! {
    /// A way to get addresses and options.
    closed Ipv6Mode {
        /// Addresses and options by DHCPv6.
        Stateful = "dhcpv6-stateful",
        /// Addresses by router advertisements, options by DHCPv6.
        Stateless = "dhcpv6-stateless",
        /// Addresses by router advertisements.
        Slaac = "slaac",
    }
}

choice! {
    /// Which of several routers hosts take, of those that they hear of (RFC 4191).
    closed RouterPreference {
        /// After others.
        Low = "low",
        /// As good as others.
        Medium = "medium",
        /// Before others.
        High = "high",
    }
}

object! {
    /// How hosts of an IPv6 subnet get their addresses.
    SubnetIpv6 [topic version] {
        /// How its hosts make their addresses; by hand, if it is not said.
        address_mode: Option<Ipv6Mode>,
        /// The id of the subnet.
        id: Id<Self>,
        /// The network of the subnet.
        lswitch: Id<LogicalSwitch> => weak,
        /// What its router announces; nothing, if it is not said.
        ra_mode: Option<Ipv6Mode>,
        /// What its router says of itself; medium, if it is not said.
        router_preference: Option<RouterPreference>,
        /// The subnet.
        subnet: Id<Subnet> => weak,
        /// The project.
        topic: Topic,
        /// How often it was changed.
        version: Option<Version>,
    }
    indexes {
        /// The IPv6 subnets of a network.
        BY_LSWITCH: Id<LogicalSwitch> = |row, visit| visit(row.lswitch.clone());
        /// What is said of a subnet.
        BY_SUBNET: Id<Subnet> = |row, visit| visit(row.subnet.clone());
        /// The subnets of a project.
        BY_TOPIC: Topic = |row, visit| visit(row.topic.clone());
    }
    rules {
        const IS_ORIGINAL: bool = false;
    }
}

impl SubnetIpv6 {
    /// The id of what is said of this subnet.
    #[must_use]
    pub fn id_of(subnet: &Id<Subnet>) -> Id<Self> {
        Id::from_row(subnet.row().clone())
    }
}
