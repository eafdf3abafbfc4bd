//! Ports behind the ends of tunnels that are no host's: who of them gets a packet that goes there.

use std::net::IpAddr;

use model::{LogicalPort, LogicalSwitch, Table};
use net_types::MacAddr;
use ofsim::Key;
use pipeline::regs;

use crate::cloud::Cloud;
use crate::names::Name;
use crate::walk::register;

/// The ports at an end of tunnels that a packet is for: the one that has its destination address, or all of its network if it is for
/// many.
pub(crate) fn receivers(cloud: &Cloud, end: IpAddr, sent: &Key) -> Vec<Name> {
    let network = register(sent, &regs::NETWORK);
    let is_of_network = |port: &LogicalPort| {
        let row = port.lswitch.as_ref().and_then(|id| cloud.get::<LogicalSwitch>(id));
        row.is_some_and(|row| row.unique_key.get() == network)
    };
    let to = MacAddr::from_u64(sent.eth_dst);
    let is_for = |port: &LogicalPort| {
        !to.is_some_and(MacAddr::is_unicast) || port.macs.iter().any(|mac| Some(*mac) == to)
    };
    let there = cloud.all::<LogicalPort>().filter(|port| port.vtep() == Some(end));
    let them = there.filter(|port| is_for(port) && is_of_network(port));
    them.map(|port| cloud.name(Table::LogicalPort, port.id.row())).collect()
}
