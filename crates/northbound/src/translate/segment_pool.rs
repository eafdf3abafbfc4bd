//! Which network gets which segment.
//!
//! A tunnel's number and a VLAN belong to one network, and a physical network carries one flat network: each is a row
//! that a transaction requires to be absent, as with addresses. A number that nobody names is drawn at random, as Neutron
//! does, so that servers that have not heard of each other yet seldom meet.

use std::collections::{BTreeMap, BTreeSet};

use nb::Key;

use super::error::{InvalidSegment, SegmentError};
use super::segment::{Segment, SegmentRequest, SegmentType};
use super::segment_ranges::{FlatNetworks, IdRange, VlanNetwork};
use crate::ipam::{Claims, Entropy, RangeSet};

/// Which types there are, and which numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentSettings {
    /// `type_drivers`: the types that there are.
    pub types: Vec<SegmentType>,
    /// `tenant_network_types`: those of networks of which nobody says the type, in the order in which they are tried.
    pub project_types: Vec<SegmentType>,
    /// `external_network_type`: that of external networks of which nobody says it.
    pub external_type: Option<SegmentType>,
    /// `vni_ranges` and `tunnel_id_ranges` of each type of tunnel: what projects get.
    pub tunnels: BTreeMap<SegmentType, Vec<IdRange>>,
    /// `network_vlan_ranges`
    pub vlans: Vec<VlanNetwork>,
    /// `flat_networks`
    pub flat: FlatNetworks,
}

impl Default for SegmentSettings {
    /// All types; projects get Geneve networks with any number.
    fn default() -> Self {
        let all = IdRange::all_of(SegmentType::Geneve).into_iter().collect();
        Self {
            types: SegmentType::ALL.to_vec(),
            project_types: vec![SegmentType::Geneve],
            external_type: None,
            tunnels: BTreeMap::from([(SegmentType::Geneve, all)]),
            vlans: Vec::new(),
            flat: FlatNetworks::Any,
        }
    }
}

/// A segment, and what a network takes and gives up for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentPlan {
    /// The segment that it then has.
    pub segment: Segment,
    /// What is taken and given up.
    pub claims: Claims,
}

/// What is in use, kept up from the rows of segments.
#[derive(Debug, Clone, Default)]
pub struct SegmentPool {
    settings: SegmentSettings,
    tunnels: BTreeMap<SegmentType, RangeSet>,
    vlans: BTreeMap<String, RangeSet>,
    flat: BTreeSet<String>,
}

impl SegmentPool {
    /// A pool in which nothing is in use.
    #[must_use]
    pub fn new(settings: SegmentSettings) -> Self {
        Self { settings, ..Self::default() }
    }

    /// Notes that a row of segments was written.
    pub fn occupy(&mut self, segment: &Segment) {
        match segment {
            Segment::Local => {}
            Segment::Flat { physical_network } => {
                self.flat.insert(physical_network.clone());
            }
            Segment::Vlan { physical_network, id } => {
                self.vlans.entry(physical_network.clone()).or_default().insert((*id).into(), (*id).into());
            }
            Segment::Tunnel { kind, id } => {
                self.tunnels.entry(*kind).or_default().insert((*id).into(), (*id).into());
            }
        }
    }

    /// Notes that a row of segments was deleted.
    pub fn vacate(&mut self, segment: &Segment) {
        match segment {
            Segment::Local => {}
            Segment::Flat { physical_network } => {
                self.flat.remove(physical_network);
            }
            Segment::Vlan { physical_network, id } => {
                if let Some(used) = self.vlans.get_mut(physical_network) {
                    used.remove((*id).into(), (*id).into());
                }
            }
            Segment::Tunnel { kind, id } => {
                if let Some(used) = self.tunnels.get_mut(kind) {
                    used.remove((*id).into(), (*id).into());
                }
            }
        }
    }

    /// The segment of a new network.
    ///
    /// # Errors
    /// When what is asked for makes no sense, is in use, or nothing is left.
    pub fn create(&self, request: &SegmentRequest, random: Entropy<'_>) -> Result<SegmentPlan, SegmentError> {
        let segment = self.choose(request, random)?;
        Ok(SegmentPlan { claims: Claims::taking(segment.key()), segment })
    }

    /// The segment of a network that has `current`: only the number of a VLAN can change.
    ///
    /// # Errors
    /// When anything else is asked for, or the VLAN is in use.
    pub fn change(&self, current: &Segment, request: &SegmentRequest) -> Result<SegmentPlan, SegmentError> {
        let Segment::Vlan { physical_network, .. } = current else {
            return Err(InvalidSegment::OnlyVlansChange.into());
        };
        let is_other = |asked: &Option<String>, has: &str| asked.as_ref().is_some_and(|asked| asked != has);
        let id = request.segmentation_id.ok_or(InvalidSegment::OnlyNumbersChange)?;
        if is_other(&request.network_type, SegmentType::Vlan.as_str())
            || is_other(&request.physical_network, physical_network)
        {
            return Err(InvalidSegment::OnlyNumbersChange.into());
        }
        let id = SegmentType::Vlan.check_id(id)?;
        let segment = Segment::Vlan { physical_network: physical_network.clone(), id };
        if segment != *current {
            self.check_free(&segment)?;
        }
        let keys = |segment: &Segment| segment.key().into_iter().collect::<Vec<Key>>();
        Ok(SegmentPlan { claims: Claims::moving(&keys(current), &keys(&segment)), segment })
    }

    /// What a transaction gives up that deletes the network.
    #[must_use]
    pub fn release(segment: &Segment) -> Claims {
        Claims::releasing(segment.key())
    }

    fn choose(&self, request: &SegmentRequest, random: Entropy<'_>) -> Result<Segment, SegmentError> {
        let Some(name) = &request.network_type else {
            if request.physical_network.is_some() || request.segmentation_id.is_some() {
                return Err(InvalidSegment::TypeRequired.into());
            }
            let types = match self.settings.external_type.as_ref().filter(|_| request.is_external) {
                Some(kind) => std::slice::from_ref(kind),
                None => &self.settings.project_types,
            };
            let segment = types.iter().find_map(|kind| self.draw(*kind, None, random));
            return segment.ok_or(SegmentError::NoNetworkAvailable);
        };
        let kind = SegmentType::from_text(name).filter(|kind| self.settings.types.contains(kind));
        let kind = kind.ok_or_else(|| InvalidSegment::TypeNotSupported { network_type: name.clone() })?;
        // Neutron takes an empty name for none.
        let physical_network = request.physical_network.as_deref().filter(|name| !name.is_empty());
        match self.named(kind, physical_network, request.segmentation_id)? {
            Some(segment) => {
                self.check_free(&segment)?;
                Ok(segment)
            }
            None => self.draw(kind, physical_network, random).ok_or(SegmentError::NoNetworkAvailable),
        }
    }

    /// The segment that a request names in full; `None` when we choose its number.
    fn named(
        &self,
        kind: SegmentType,
        physical_network: Option<&str>,
        id: Option<i64>,
    ) -> Result<Option<Segment>, InvalidSegment> {
        let prohibited = |attribute| InvalidSegment::Prohibited { attribute, network_type: kind };
        match kind {
            SegmentType::Local => match (physical_network, id) {
                (None, None | Some(0)) => Ok(Some(Segment::Local)),
                (Some(_), _) => Err(prohibited("physical_network")),
                (None, Some(_)) => Err(prohibited("segmentation_id")),
            },
            SegmentType::Flat => {
                let physical_network = self.flat_network(physical_network)?;
                match id {
                    None | Some(0) => Ok(Some(Segment::Flat { physical_network })),
                    Some(_) => Err(prohibited("segmentation_id")),
                }
            }
            SegmentType::Vlan => {
                let Some(name) = physical_network else {
                    return if id.is_some() { Err(InvalidSegment::VlanOfNowhere) } else { Ok(None) };
                };
                if !self.settings.vlans.iter().any(|network| network.physical_network == name) {
                    let physical_network = name.to_owned();
                    return Err(InvalidSegment::UnknownPhysicalNetwork { physical_network, kind: "VLAN" });
                }
                let id = id.map(|id| kind.check_id(id)).transpose()?;
                Ok(id.map(|id| Segment::Vlan { physical_network: name.to_owned(), id }))
            }
            SegmentType::Gre | SegmentType::Vxlan | SegmentType::Geneve => {
                if physical_network.is_some() {
                    return Err(InvalidSegment::TunnelInPhysicalNetwork { network_type: kind });
                }
                let id = id.map(|id| kind.check_id(id)).transpose()?;
                Ok(id.map(|id| Segment::Tunnel { kind, id }))
            }
        }
    }

    fn flat_network(&self, physical_network: Option<&str>) -> Result<String, InvalidSegment> {
        let name = physical_network.ok_or(InvalidSegment::FlatNetworkOfNowhere)?.to_owned();
        match &self.settings.flat {
            FlatNetworks::These(names) if names.is_empty() => Err(InvalidSegment::FlatNetworksDisabled),
            FlatNetworks::These(names) if !names.contains(&name) => {
                Err(InvalidSegment::UnknownPhysicalNetwork { physical_network: name, kind: "flat" })
            }
            _ => Ok(name),
        }
    }

    fn check_free(&self, segment: &Segment) -> Result<(), SegmentError> {
        let has = |used: Option<&RangeSet>, id: u32| used.is_some_and(|used| used.contains(id.into()));
        match segment {
            Segment::Flat { physical_network } if self.flat.contains(physical_network) => {
                Err(SegmentError::FlatNetworkInUse { physical_network: physical_network.clone() })
            }
            Segment::Vlan { physical_network, id } if has(self.vlans.get(physical_network), *id) => {
                Err(SegmentError::VlanIdInUse { id: *id, physical_network: physical_network.clone() })
            }
            Segment::Tunnel { kind, id } if has(self.tunnels.get(kind), *id) => {
                Err(SegmentError::TunnelIdInUse { id: *id })
            }
            _ => Ok(()),
        }
    }

    /// A free segment of a type, in a physical network if one is named. Nobody gets a flat network without naming it.
    fn draw(
        &self,
        kind: SegmentType,
        physical_network: Option<&str>,
        random: Entropy<'_>,
    ) -> Option<Segment> {
        match kind {
            SegmentType::Local => Some(Segment::Local),
            SegmentType::Flat => None,
            SegmentType::Vlan => {
                let is_it = |network: &&VlanNetwork| {
                    physical_network.is_none_or(|name| network.physical_network == name)
                };
                self.settings.vlans.iter().filter(is_it).find_map(|network| {
                    let id = draw_id(&network.ranges, self.vlans.get(&network.physical_network), random)?;
                    Some(Segment::Vlan { physical_network: network.physical_network.clone(), id })
                })
            }
            SegmentType::Gre | SegmentType::Vxlan | SegmentType::Geneve => {
                let ranges = self.settings.tunnels.get(&kind)?;
                draw_id(ranges, self.tunnels.get(&kind), random).map(|id| Segment::Tunnel { kind, id })
            }
        }
    }
}

/// A number of these ranges that is not in use: the one behind a random number, in the first range that has one.
fn draw_id(ranges: &[IdRange], used: Option<&RangeSet>, random: Entropy<'_>) -> Option<u32> {
    let none = RangeSet::new();
    let used = used.unwrap_or(&none);
    ranges.iter().find_map(|range| {
        let (first, last) = (u128::from(range.first()), u128::from(range.last()));
        let begin = first + u128::from(random()) % (last - first + 1);
        used.next_free(first, last, begin).and_then(|id| u32::try_from(id).ok())
    })
}

#[cfg(test)]
mod tests;
