//! Ranges of addresses that a port may use besides its own: a table of ours.
//!
//! An address pair in the row of a port holds one address; the original refuses a row in which it holds a range. So the pair
//! there holds the first address of its range, and the range is here, in a row with the id of the port. A port without ranges has none.

use ipnet::IpNet;
use net_types::MacAddr;

use crate::macros::{object, record};
use crate::{Id, LogicalPort, Topic, Version};

record! {
    /// A range of addresses that a port may use.
    AddressRange {
        /// The range.
        cidr: IpNet,
        /// The MAC address that goes with it.
        mac_address: MacAddr,
    }
}

object! {
    /// The ranges of addresses that a port may use.
    PortAddressRanges [topic version] {
        /// The id of the port.
        id: Id<Self>,
        /// The port.
        lport: Id<LogicalPort> => weak,
        /// Its ranges.
        ranges: Vec<AddressRange>,
        /// The project of the port.
        topic: Topic,
        /// How often it was changed.
        version: Option<Version>,
    }
    indexes {
        /// The ports with a range.
        BY_CIDR: String = |row, visit| row.ranges.iter().map(|range| range.cidr.trunc().to_string()).for_each(visit);
        /// The ranges of a port.
        BY_LPORT: Id<LogicalPort> = |row, visit| visit(row.lport.clone());
        /// The ports of a project.
        BY_TOPIC: Topic = |row, visit| visit(row.topic.clone());
    }
    rules {
        const IS_ORIGINAL: bool = false;
    }
}

impl PortAddressRanges {
    /// The id of the ranges of this port.
    #[must_use]
    pub fn id_of(lport: &Id<LogicalPort>) -> Id<Self> {
        Id::from_row(lport.row().clone())
    }
}
