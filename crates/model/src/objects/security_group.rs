//! A group of ports with the rules that they share.

use ipnet::IpNet;

use crate::macros::{choice, object, record};
use crate::{Id, RowId, Topic, UniqueKey, Version};

choice! {
    /// The direction of traffic, seen from the port.
    closed Direction {
        /// To the port.
        Ingress = "ingress",
        /// From the port.
        Egress = "egress",
    }
}

choice! {
    /// A version of IP.
    closed EtherType {
        /// IPv4.
        Ipv4 = "IPv4",
        /// IPv6.
        Ipv6 = "IPv6",
    }
}

record! {
    /// Traffic that a group permits.
    SecurityGroupRule {
        /// The direction of the traffic.
        direction: Direction,
        /// Its version of IP.
        ethertype: EtherType,
        /// The id of the rule in Neutron.
        id: RowId,
        /// The last port, or the code of ICMP.
        port_range_max: Option<u16>,
        /// The first port, or the type of ICMP.
        port_range_min: Option<u16>,
        /// The protocol by its number; any if there is none.
        protocol: Option<u8>,
        /// The other side is a port of this group.
        remote_group_id: Option<Id<SecurityGroup>> => weak,
        /// The other side has such an address.
        remote_ip_prefix: Option<IpNet>,
        /// The group that the rule is in.
        security_group_id: Option<Id<SecurityGroup>> => weak,
        /// The project.
        topic: Topic,
        /// How often it was changed.
        version: Option<Version>,
    }
}

object! {
    /// A group of ports with the rules that they share.
    SecurityGroup [topic version unique_key] {
        /// The id of the group in Neutron.
        id: Id<Self>,
        /// A name for people.
        name: Option<String>,
        /// What it permits; nothing else passes.
        rules: Vec<SecurityGroupRule>,
        /// The project.
        topic: Topic,
        /// Its number in the switch.
        unique_key: UniqueKey,
        /// How often it was changed.
        version: Option<Version>,
    }
    indexes {
        /// The groups with a rule that names this one: they depend on who is in it.
        BY_REMOTE_GROUP: Id<Self> = |row, visit| {
            row.rules.iter().filter_map(|rule| rule.remote_group_id.clone()).for_each(visit);
        };
        /// The groups of a project.
        BY_TOPIC: Topic = |row, visit| visit(row.topic.clone());
        /// The group with a number.
        BY_UNIQUE_KEY: UniqueKey = |row, visit| visit(row.unique_key);
    }
}
