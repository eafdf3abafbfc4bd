//! Physical networks: how frames of flat and VLAN networks get to whoever else is in them.
//!
//! | type | on the wire |
//! |---|---|
//! | flat | as they are |
//! | VLAN | with the network's tag around them (type 0x8100, also around the tags of guests where the network carries these) |
//!
//! The wire is reached by a patch port to the bridge that the operator mapped to the physical network; what that bridge does with
//! frames, and what else is plugged into it, is the operator's. Nodes need no tunnels between them for such a network: they are
//! all plugged into its physical network.

use engine::View;
use model::{LogicalSwitch, NetworkType};
use net_types::OfPort;

/// VLANs that there are.
const VLANS: std::ops::RangeInclusive<u32> = 1..=4094;

/// The way of a network to its physical network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wire {
    /// The switch port that leads there.
    pub port: OfPort,
    /// The network's VLAN; none for a flat network.
    pub vlan: Option<u16>,
}

/// Whether networks of this type are in a physical network.
#[must_use]
pub const fn is_physical(network_type: &NetworkType) -> bool {
    matches!(network_type, NetworkType::Vlan | NetworkType::Flat)
}

/// The way of a network to its physical network, or why there is none.
pub(crate) fn wire(view: &mut View<'_>, network: &LogicalSwitch) -> Result<Wire, String> {
    let vlan = match network.network_type {
        Some(NetworkType::Vlan) => Some(vlan(network)?),
        _ => None,
    };
    let Some(name) = &network.physical_network else {
        return Err("the network says not in which physical network it is, so its frames stay on this node"
            .to_owned());
    };
    let providers = view.providers();
    let Some(provider) = providers.get(name) else {
        return Err(format!(
            "no bridge of this node leads to physical network {name:?}, so frames of the network stay on this node: add it \
             to [df_provider_networks] bridge_mappings"
        ));
    };
    let Some(port) = provider.of_port else {
        return Err(format!(
            "bridge {:?}, which leads to physical network {name:?}, does not exist or cannot be patched to, so frames of the \
             network stay on this node: create the bridge",
            provider.bridge
        ));
    };
    Ok(Wire { port: OfPort::new(port), vlan })
}

fn vlan(network: &LogicalSwitch) -> Result<u16, String> {
    let id = network.segmentation_id.ok_or("the network is of type vlan and has no segmentation id")?;
    let vlan = u16::try_from(id).ok().filter(|_| VLANS.contains(&id));
    vlan.ok_or_else(|| {
        format!(
            "the segmentation id {id} of the network is no VLAN: there are {} to {}",
            VLANS.start(),
            VLANS.end()
        )
    })
}
