//! Which hypervisors have guests that listen to a multicast address: a table of ours.
//!
//! A hypervisor writes a row when the first guest of a network joins a group there, and takes it back when the last one has
//! left. Those that send read which hypervisors there are, and each of these which of its ports.

use std::net::IpAddr;

use crate::macros::object;
use crate::{Chassis, Id, LogicalPort, LogicalSwitch, Topic};

object! {
    /// A hypervisor that wants what is sent to a multicast address in a network.
    MulticastMember [topic] {
        /// The hypervisor.
        chassis: Id<Chassis> => weak,
        /// The multicast address.
        group: IpAddr,
        /// Made of the three, see `MulticastMember::id_of`.
        id: Id<Self>,
        /// The network.
        lswitch: Id<LogicalSwitch> => weak,
        /// Its ports that have joined.
        ports: Vec<Id<LogicalPort>> => weak,
        /// The project of the network.
        topic: Topic,
    }
    indexes {
        /// What a hypervisor wants.
        BY_CHASSIS: Id<Chassis> = |row, visit| visit(row.chassis.clone());
        /// What a port has joined.
        BY_LPORT: Id<LogicalPort> = |row, visit| row.ports.iter().cloned().for_each(visit);
        /// Who wants what in a network.
        BY_LSWITCH: Id<LogicalSwitch> = |row, visit| visit(row.lswitch.clone());
        /// Who wants what is for a multicast address in a network.
        BY_LSWITCH_AND_GROUP: (Id<LogicalSwitch>, IpAddr) = |row, visit| visit((row.lswitch.clone(), row.group));
        /// The members of a project.
        BY_TOPIC: Topic = |row, visit| visit(row.topic.clone());
    }
    rules {
        const IS_ORIGINAL: bool = false;
    }
}

impl MulticastMember {
    /// The id of this hypervisor's wish: one text behind the other.
    #[must_use]
    pub fn id_of(network: &Id<LogicalSwitch>, group: IpAddr, chassis: &Id<Chassis>) -> Id<Self> {
        Id::new(&format!("{network}-{group}-{chassis}")).expect("an address has a text")
    }
}
