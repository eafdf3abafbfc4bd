//! A stand-in for a virtual machine: a namespace whose only cable goes into a bridge.

use anyhow::{Context, Result};

use crate::netns::Namespace;
use crate::ovs::Ovs;

/// The name of the guest's device, inside the guest.
const DEVICE: &str = "eth0";

/// How a [`Guest`] is plugged in.
#[derive(Clone, Copy, Debug)]
pub struct GuestSpec<'a> {
    pub bridge: &'a str,
    /// The name of the interface at the bridge, at most 15 bytes.
    pub interface: &'a str,
    pub mac: &'a str,
    /// Addresses with prefix length; empty for a guest that will ask for one.
    pub addresses: &'a [&'a str],
    /// `external_ids:iface-id`, by which a controller knows whose port this is.
    pub iface_id: Option<&'a str>,
}

/// A guest plugged into a bridge of an [`Ovs`]. Dropping it removes the namespace and the cable; the
/// port's row stays in the database, as it does when a machine is lost.
#[derive(Debug)]
pub struct Guest {
    namespace: Namespace,
    interface: String,
    bridge: String,
}

impl Guest {
    /// Makes the guest and plugs it in. The instance needs a datapath with real devices.
    pub fn plug(ovs: &Ovs, spec: GuestSpec<'_>) -> Result<Self> {
        let host = ovs
            .namespace()
            .context("a guest needs Datapath::Netdev: the dummy datapath has no devices to plug it into")?;
        let namespace = Namespace::new()?;
        host.connect(spec.interface, &namespace, DEVICE)?;
        namespace.set_mac(DEVICE, spec.mac)?;
        namespace.disable_checksum_offload(DEVICE)?;
        for address in spec.addresses {
            namespace.add_address(DEVICE, address)?;
        }
        let mut add = vec!["add-port", spec.bridge, spec.interface];
        let iface_id = spec.iface_id.map(|id| format!("external_ids:iface-id={id}"));
        if let Some(iface_id) = &iface_id {
            add.extend(["--", "set", "Interface", spec.interface, iface_id]);
        }
        ovs.vsctl(&add)?;
        Ok(Self { namespace, interface: spec.interface.to_owned(), bridge: spec.bridge.to_owned() })
    }

    /// Where the guest's programs run.
    #[must_use]
    pub fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// The name of the guest's device inside its namespace.
    #[must_use]
    pub fn device(&self) -> &'static str {
        DEVICE
    }

    /// The OpenFlow port number that the switch gave to the guest.
    pub fn ofport(&self, ovs: &Ovs) -> Result<u32> {
        let text = ovs.vsctl(&["get", "Interface", &self.interface, "ofport"])?;
        let explain = || format!("interface {} has no port number but {}", self.interface, text.trim());
        text.trim().parse().with_context(explain)
    }

    /// Removes the port from the bridge, then the guest.
    pub fn unplug(self, ovs: &Ovs) -> Result<()> {
        ovs.vsctl(&["del-port", &self.bridge, &self.interface]).map(drop)
    }
}
