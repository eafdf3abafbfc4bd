//! The longest packet of a network: what the physical network carries, less what tunnels put around it.

use std::collections::BTreeMap;

use super::error::InvalidSegment;
use super::{Segment, SegmentType};
use crate::ipam::IpVersion;

/// Bytes in front of a packet in a tunnel besides the outer IP header: VXLAN's headers of UDP, VXLAN and Ethernet.
const VXLAN_OVERHEAD: u32 = 30;
/// GRE's with a key, and Ethernet's.
const GRE_OVERHEAD: u32 = 22;
/// Those of UDP, Geneve and Ethernet (30), and the option that carries the keys of both ports (8).
const GENEVE_OVERHEAD: u32 = 38;

/// How long packets can be, in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MtuSettings {
    /// `global_physnet_mtu`; 0 says nothing.
    pub global_physnet_mtu: u32,
    /// `path_mtu` of tunnels; 0 says nothing.
    pub path_mtu: u32,
    /// `physical_network_mtus`
    pub physical_network_mtus: BTreeMap<String, u32>,
    /// `overlay_ip_version`: the outer header of tunnels.
    pub overlay_ip_version: IpVersion,
    /// `max_header_size` of Geneve, which may carry options. Neutron's default has no room for ours.
    pub geneve_header_size: u32,
}

impl Default for MtuSettings {
    fn default() -> Self {
        Self {
            global_physnet_mtu: 1500,
            path_mtu: 0,
            physical_network_mtus: BTreeMap::new(),
            overlay_ip_version: IpVersion::V4,
            geneve_header_size: GENEVE_OVERHEAD,
        }
    }
}

impl MtuSettings {
    /// The longest packet that fits a segment; 0 when nothing is known.
    #[must_use]
    pub fn mtu_max(&self, segment: &Segment) -> u32 {
        if !segment.kind().is_tunnel() {
            let physical = segment.physical_network().and_then(|name| self.physical_network_mtus.get(name));
            return least([self.global_physnet_mtu, physical.copied().unwrap_or(0)]);
        }
        let outer = match self.overlay_ip_version {
            IpVersion::V4 => 20,
            IpVersion::V6 => 40,
        };
        let overhead = match segment.kind() {
            SegmentType::Gre => GRE_OVERHEAD,
            SegmentType::Vxlan => VXLAN_OVERHEAD,
            _ => self.geneve_header_size,
        };
        least([self.global_physnet_mtu, self.path_mtu]).saturating_sub(outer).saturating_sub(overhead)
    }

    /// The longest packet of a network for which this one is asked, if any.
    ///
    /// # Errors
    /// When it does not fit the segment.
    pub fn choose(&self, segment: &Segment, asked: Option<u32>) -> Result<u32, InvalidSegment> {
        let mtu_max = self.mtu_max(segment);
        match asked.filter(|asked| *asked > 0) {
            None => Ok(mtu_max),
            Some(asked) if mtu_max > 0 && asked > mtu_max => Err(InvalidSegment::MtuTooBig { mtu_max }),
            Some(asked) => Ok(asked),
        }
    }
}

/// The least of those that say something.
fn least(mtus: [u32; 2]) -> u32 {
    mtus.into_iter().filter(|mtu| *mtu > 0).min().unwrap_or(0)
}

#[cfg(test)]
mod tests;
