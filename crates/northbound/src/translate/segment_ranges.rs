//! Which numbers there are for networks, as the configuration says: `vni_ranges`, `tunnel_id_ranges`,
//! `network_vlan_ranges` and `flat_networks`.

use std::collections::BTreeSet;

use thiserror::Error;

use super::SegmentType;

/// An option that says which numbers there are makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SegmentRangeError {
    /// No range.
    #[error(
        "invalid range {text:?} of {kind} networks: expected <first>:<last> with numbers from {min} to {max}"
    )]
    NoRange {
        /// What it says.
        text: String,
        /// Of which type.
        kind: SegmentType,
        /// The smallest number of the type.
        min: u32,
        /// The largest one.
        max: u32,
    },
    /// A range that ends before it begins.
    #[error("invalid range {text:?} of {kind} networks: the last number is less than the first")]
    Backwards {
        /// What it says.
        text: String,
        /// Of which type.
        kind: SegmentType,
    },
    /// A type that has no numbers.
    #[error("networks of type {kind} have no numbers: remove the range {text:?}")]
    NoNumbers {
        /// What it says.
        text: String,
        /// Of which type.
        kind: SegmentType,
    },
    /// A VLAN range without a physical network.
    #[error("invalid VLAN range {text:?}: expected <physical network> or <physical network>:<first>:<last>")]
    NoPhysicalNetwork {
        /// What it says.
        text: String,
    },
}

/// Numbers for networks of one type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IdRange {
    first: u32,
    last: u32,
}

impl IdRange {
    /// All numbers of a type that has some.
    #[must_use]
    pub const fn all_of(kind: SegmentType) -> Option<Self> {
        match kind.id_bounds() {
            Some((first, last)) => Some(Self { first, last }),
            None => None,
        }
    }

    /// The range that `first:last` says.
    ///
    /// # Errors
    /// When it says none that networks of the type can have.
    pub fn parse(text: &str, kind: SegmentType) -> Result<Self, SegmentRangeError> {
        let no_numbers = || SegmentRangeError::NoNumbers { text: text.to_owned(), kind };
        let (min, max) = kind.id_bounds().ok_or_else(no_numbers)?;
        let id = |text: &str| text.trim().parse().ok().and_then(|id| kind.check_id(id).ok());
        let ends = text.split_once(':').and_then(|(first, last)| Some((id(first)?, id(last)?)));
        let (first, last) =
            ends.ok_or_else(|| SegmentRangeError::NoRange { text: text.to_owned(), kind, min, max })?;
        if last < first {
            return Err(SegmentRangeError::Backwards { text: text.to_owned(), kind });
        }
        Ok(Self { first, last })
    }

    /// The first number.
    #[must_use]
    pub const fn first(&self) -> u32 {
        self.first
    }

    /// The last number.
    #[must_use]
    pub const fn last(&self) -> u32 {
        self.last
    }
}

/// A physical network that carries VLANs, and those of its VLANs that projects get without naming them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VlanNetwork {
    /// Its name.
    pub physical_network: String,
    /// The VLANs.
    pub ranges: Vec<IdRange>,
}

impl VlanNetwork {
    /// The physical networks that the entries of `network_vlan_ranges` say, in their order. One that is named without
    /// a range has all VLANs.
    ///
    /// # Errors
    /// When an entry makes no sense.
    pub fn parse_all<'a>(entries: impl IntoIterator<Item = &'a str>) -> Result<Vec<Self>, SegmentRangeError> {
        let mut networks: Vec<Self> = Vec::new();
        for entry in entries.into_iter().map(str::trim) {
            let (name, range) = match entry.split_once(':') {
                Some((name, range)) => (name, IdRange::parse(range, SegmentType::Vlan)?),
                None => (entry, IdRange { first: 1, last: 4094 }),
            };
            if name.is_empty() {
                return Err(SegmentRangeError::NoPhysicalNetwork { text: entry.to_owned() });
            }
            match networks.iter_mut().find(|network| network.physical_network == name) {
                Some(network) => network.ranges.push(range),
                None => networks.push(Self { physical_network: name.to_owned(), ranges: vec![range] }),
            }
        }
        Ok(networks)
    }
}

/// The physical networks that carry flat networks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum FlatNetworks {
    /// Any.
    #[default]
    Any,
    /// These; when there are none, there are no flat networks.
    These(BTreeSet<String>),
}

impl FlatNetworks {
    /// What the entries of `flat_networks` say: `*` stands for any.
    pub fn parse_all<'a>(entries: impl IntoIterator<Item = &'a str>) -> Self {
        let names: BTreeSet<String> = entries.into_iter().map(|name| name.trim().to_owned()).collect();
        if names.contains("*") { Self::Any } else { Self::These(names) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_of_their_type() {
        let parse = |text, kind| IdRange::parse(text, kind).map(|range| (range.first(), range.last()));
        assert_eq!(parse("1:65536", SegmentType::Geneve), Ok((1, 65536)));
        assert_eq!(parse(" 7 : 7 ", SegmentType::Vlan), Ok((7, 7)));
        assert_eq!(parse("1:4294967295", SegmentType::Gre), Ok((1, u32::MAX)));
        for text in ["0:7", "1:16777216", "1", "", "a:b", "1:2:3", "-1:7"] {
            let error = parse(text, SegmentType::Vxlan).unwrap_err();
            assert!(
                matches!(error, SegmentRangeError::NoRange { min: 1, max: 16_777_215, .. }),
                "{text}: {error}"
            );
        }
        let backwards = parse("9:7", SegmentType::Vlan).unwrap_err().to_string();
        assert_eq!(
            backwards,
            "invalid range \"9:7\" of vlan networks: the last number is less than the first"
        );
        assert!(matches!(parse("1:2", SegmentType::Flat), Err(SegmentRangeError::NoNumbers { .. })));
    }

    #[test]
    fn vlans_belong_to_physical_networks() {
        let networks = VlanNetwork::parse_all(["p1:100:199", " p2", "p1:300:399"]).unwrap();
        let ranges = |name: &str| {
            let network = networks.iter().find(|network| network.physical_network == name).unwrap();
            network.ranges.iter().map(|range| (range.first(), range.last())).collect::<Vec<_>>()
        };
        assert_eq!(ranges("p1"), [(100, 199), (300, 399)]);
        assert_eq!(ranges("p2"), [(1, 4094)]);
        assert!(matches!(VlanNetwork::parse_all([":1:2"]), Err(SegmentRangeError::NoPhysicalNetwork { .. })));
        assert!(matches!(VlanNetwork::parse_all(["p1:1"]), Err(SegmentRangeError::NoRange { .. })));
        assert!(matches!(VlanNetwork::parse_all(["p1:0:4095"]), Err(SegmentRangeError::NoRange { .. })));
    }

    #[test]
    fn a_star_allows_any_flat_network() {
        assert_eq!(FlatNetworks::parse_all(["p1", "*"]), FlatNetworks::Any);
        assert_eq!(FlatNetworks::parse_all([]), FlatNetworks::These(BTreeSet::new()));
        assert_eq!(FlatNetworks::parse_all([" p1"]), FlatNetworks::These(BTreeSet::from(["p1".to_owned()])));
    }
}
