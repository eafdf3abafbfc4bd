//! Addresses under a name, for the rules of security groups: a table of ours.

use ipnet::IpNet;

use crate::macros::object;
use crate::{Id, Topic, Version};

object! {
    /// Addresses under a name.
    AddressGroup [topic version] {
        /// The addresses.
        addresses: Vec<IpNet>,
        /// The id of the group in Neutron.
        id: Id<Self>,
        /// A name for people.
        name: Option<String>,
        /// The project.
        topic: Topic,
        /// How often it was changed.
        version: Option<Version>,
    }
    indexes {
        /// The groups with an address or range.
        BY_CIDR: String = |row, visit| row.addresses.iter().map(|cidr| cidr.trunc().to_string()).for_each(visit);
        /// The groups of a project.
        BY_TOPIC: Topic = |row, visit| visit(row.topic.clone());
    }
    rules {
        const IS_ORIGINAL: bool = false;
    }
}
