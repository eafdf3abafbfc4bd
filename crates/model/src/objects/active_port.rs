//! Where an address of an allowed address pair was seen last.

use std::net::IpAddr;

use net_types::MacAddr;

use crate::macros::object;
use crate::{Id, LogicalPort, LogicalSwitch, Topic};

object! {
    /// Where an address of an allowed address pair was seen last.
    AllowedAddressPairsActivePort [topic] {
        /// The port that answered for it.
        detected_lport: Option<Id<LogicalPort>>,
        /// The MAC address that answered.
        detected_mac: Option<MacAddr>,
        /// Made of network and address, see `AllowedAddressPairsActivePort::id_of`.
        id: Id<Self>,
        /// The address.
        ip: Option<IpAddr>,
        /// The network.
        network: Option<Id<LogicalSwitch>>,
        /// The project.
        topic: Topic,
    }
    indexes {
        /// The addresses seen at a port.
        BY_LPORT: Id<LogicalPort> = |row, visit| row.detected_lport.clone().into_iter().for_each(visit);
        /// The addresses seen in a network.
        BY_NETWORK: Id<LogicalSwitch> = |row, visit| row.network.clone().into_iter().for_each(visit);
        /// The addresses of a project.
        BY_TOPIC: Topic = |row, visit| visit(row.topic.clone());
    }
}

impl AllowedAddressPairsActivePort {
    /// The id of this address in this network: one text behind the other.
    #[must_use]
    pub fn id_of(network: &Id<LogicalSwitch>, ip: IpAddr) -> Id<Self> {
        Id::new(&format!("{network}{ip}")).expect("an address has a text")
    }
}
