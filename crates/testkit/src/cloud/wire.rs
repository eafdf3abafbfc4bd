//! The wire that the hosts of a cloud have besides their underlay: what the cloud calls a physical network.
//!
//! ```text
//!   host-1: br-ex ------ host-2: br-ex ------ host-3: br-ex      a cable from each host to the next
//!             |
//!          upstream                                              a machine that the cloud knows nothing of
//! ```

use anyhow::{Context, Result};

use super::{Cloud, Site};
use crate::guest::{Guest, GuestSpec};

/// The bridge that the default configuration maps to physical network `public`.
pub const PHYSICAL_BRIDGE: &str = "br-ex";

/// The name of the cable from a host to the one beside it, at the first one's end.
#[must_use]
pub fn cable(from: usize, to: usize) -> String {
    if from < to { format!("to-next{from}") } else { format!("to-last{to}") }
}

impl Cloud {
    /// Makes the bridge of each host to its physical network, and joins them.
    pub fn lay_wire(&self) -> Result<()> {
        self.sites().iter().try_for_each(Site::add_physical_bridge)?;
        self.join_physical_bridges()
    }

    /// Lays a cable from the bridge of each host to that of the next.
    pub fn join_physical_bridges(&self) -> Result<()> {
        for (number, pair) in self.sites().windows(2).enumerate() {
            let [one, two] = pair else { continue };
            let (here, there) = (cable(number, number + 1), cable(number + 1, number));
            one.namespace.connect(&here, &two.namespace, &there)?;
            for (site, cable) in [(one, &here), (two, &there)] {
                site.namespace.disable_checksum_offload(cable)?;
                site.ovs.vsctl(&["add-port", PHYSICAL_BRIDGE, cable])?;
            }
        }
        Ok(())
    }
}

impl Site {
    /// Makes the bridge to the physical network, as an operator does.
    pub fn add_physical_bridge(&self) -> Result<()> {
        let datapath_type = format!("datapath_type={}", self.ovs.datapath_type());
        let set = ["--", "set", "Bridge", PHYSICAL_BRIDGE, &datapath_type];
        self.ovs.vsctl(&[&["add-br", PHYSICAL_BRIDGE][..], &set].concat())?;
        Ok(())
    }

    /// Plugs the router of the external network into the wire: a machine with these addresses.
    pub fn plug_upstream(&self, addresses: &[&str]) -> Result<Guest> {
        let spec = GuestSpec {
            bridge: PHYSICAL_BRIDGE,
            interface: "upstream",
            mac: "02:00:00:00:ee:01",
            addresses,
            iface_id: None,
        };
        Guest::plug(&self.ovs, spec).with_context(|| format!("no machine on the wire of {}", self.name))
    }
}
