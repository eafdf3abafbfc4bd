//! What a security group says that the original's row of it has no room for: a table of ours.
//!
//! The original refuses a row with a member that it does not know, and takes a rule whose remote side it cannot see for one that
//! permits everybody. So rules that name address groups are only here, in a row with the id of the group. A group that says
//! nothing of the kind has no such row.

use crate::macros::{object, record};
use crate::{AddressGroup, Direction, EtherType, Id, RowId, SecurityGroup, Topic, Version};

record! {
    /// Traffic with an address group that a group permits.
    SecurityGroupExtraRule {
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
        /// The other side has an address of this group.
        remote_address_group_id: Id<AddressGroup> => weak,
    }
}

object! {
    /// What a security group says besides its row.
    SecurityGroupExtra [topic version] {
        /// The id of the group.
        id: Id<Self>,
        /// Its rules with address groups.
        rules: Vec<SecurityGroupExtraRule>,
        /// The group.
        secgroup: Id<SecurityGroup> => weak,
        /// Whether answers to what it permits pass without a rule of their own; they do if it is not said.
        stateful: Option<bool>,
        /// The project.
        topic: Topic,
        /// How often it was changed.
        version: Option<Version>,
    }
    indexes {
        /// The groups with a rule that names an address group.
        BY_ADDRESS_GROUP: Id<AddressGroup> = |row, visit| {
            row.rules.iter().map(|rule| rule.remote_address_group_id.clone()).for_each(visit);
        };
        /// What a group says.
        BY_SECURITY_GROUP: Id<SecurityGroup> = |row, visit| visit(row.secgroup.clone());
        /// The groups of a project.
        BY_TOPIC: Topic = |row, visit| visit(row.topic.clone());
    }
    rules {
        const IS_ORIGINAL: bool = false;
    }
}

impl SecurityGroupExtra {
    /// The id of what this group says besides its row.
    #[must_use]
    pub fn id_of(group: &Id<SecurityGroup>) -> Id<Self> {
        Id::from_row(group.row().clone())
    }
}
