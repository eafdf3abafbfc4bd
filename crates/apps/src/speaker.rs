//! In whose name a network itself speaks: that of its port for DHCP, or of nobody in particular.
//!
//! A network without IPv4 has no such port. What it says then comes from a MAC address that is administered locally and follows
//! from the network's key, so it is the same on every node and after every restart. Nobody has it, and nothing has to be sent to it.

use engine::View;
use model::{Id, LogicalPort, LogicalSwitch};
use net_types::MacAddr;

/// The owner of the port that stands for the server of a network.
const OWNER_DHCP: &str = "network:dhcp";

/// The MAC address from which a network speaks; none, for a network that is not there.
pub(crate) fn mac(view: &mut View<'_>, network: &Id<LogicalSwitch>) -> Option<MacAddr> {
    let ports = view.by(&LogicalPort::BY_OWNER, (network.clone(), OWNER_DHCP.to_owned()));
    let server = ports.iter().find_map(|port| port.macs.iter().copied().find(|mac| mac.is_unicast()));
    server.or_else(|| {
        let [_, a, b, c] = view.get(network)?.unique_key.get().to_be_bytes();
        Some(MacAddr([0x02, 0xdf, 0, a, b, c]))
    })
}
