//! How the frames of a network travel: its type, its physical network and its number.

use std::fmt;

use model::NetworkType;
use nb::{Key, TableName};

use super::error::InvalidSegment;
use crate::ipam::claim::row;

/// The table of segments in use: a row of it belongs to one network.
pub const SEGMENTS: TableName = TableName::new("neutron_segment");

/// The types of networks that we make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SegmentType {
    /// Within one hypervisor.
    Local,
    /// In a physical network as they are.
    Flat,
    /// In a physical network with a VLAN tag.
    Vlan,
    /// In GRE tunnels.
    Gre,
    /// In VXLAN tunnels.
    Vxlan,
    /// In Geneve tunnels.
    Geneve,
}

impl SegmentType {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Local, Self::Flat, Self::Vlan, Self::Gre, Self::Vxlan, Self::Geneve];

    /// The type that the API names so.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// The API's name of it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Flat => "flat",
            Self::Vlan => "vlan",
            Self::Gre => "gre",
            Self::Vxlan => "vxlan",
            Self::Geneve => "geneve",
        }
    }

    /// The model's name of it.
    #[must_use]
    pub const fn network_type(self) -> NetworkType {
        match self {
            Self::Local => NetworkType::Local,
            Self::Flat => NetworkType::Flat,
            Self::Vlan => NetworkType::Vlan,
            Self::Gre => NetworkType::Gre,
            Self::Vxlan => NetworkType::Vxlan,
            Self::Geneve => NetworkType::Geneve,
        }
    }

    /// Whether frames travel in tunnels between hypervisors.
    #[must_use]
    pub const fn is_tunnel(self) -> bool {
        matches!(self, Self::Gre | Self::Vxlan | Self::Geneve)
    }

    /// The smallest and the largest number of a network of the type; `None` when it has none.
    #[must_use]
    pub const fn id_bounds(self) -> Option<(u32, u32)> {
        match self {
            Self::Local | Self::Flat => None,
            Self::Vlan => Some((1, 4094)),
            Self::Gre => Some((1, u32::MAX)),
            Self::Vxlan | Self::Geneve => Some((1, (1 << 24) - 1)),
        }
    }

    /// The number, if networks of the type can have it.
    ///
    /// # Errors
    /// When they cannot. (Neutron checks those of VLANs only; a tunnel cannot carry what it lets through.)
    pub fn check_id(self, id: i64) -> Result<u32, InvalidSegment> {
        let Some((min, max)) = self.id_bounds() else {
            return Err(InvalidSegment::Prohibited { attribute: "segmentation_id", network_type: self });
        };
        let id = u32::try_from(id).ok().filter(|id| (min..=max).contains(id));
        id.ok_or(InvalidSegment::SegmentationIdOutOfRange { min, max })
    }
}

impl fmt::Display for SegmentType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a request says about the segment of a network. Where it says nothing, we choose.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SegmentRequest {
    /// `provider:network_type`
    pub network_type: Option<String>,
    /// `provider:physical_network`
    pub physical_network: Option<String>,
    /// `provider:segmentation_id`
    pub segmentation_id: Option<i64>,
    /// `router:external`
    pub is_external: bool,
}

/// How the frames of a network travel.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Segment {
    /// Within one hypervisor.
    Local,
    /// As they are in a physical network.
    Flat {
        /// Which.
        physical_network: String,
    },
    /// With a tag in a physical network.
    Vlan {
        /// Which.
        physical_network: String,
        /// The tag.
        id: u32,
    },
    /// In tunnels.
    Tunnel {
        /// Of which type.
        kind: SegmentType,
        /// Under which number.
        id: u32,
    },
}

impl Segment {
    /// Its type.
    #[must_use]
    pub const fn kind(&self) -> SegmentType {
        match self {
            Self::Local => SegmentType::Local,
            Self::Flat { .. } => SegmentType::Flat,
            Self::Vlan { .. } => SegmentType::Vlan,
            Self::Tunnel { kind, .. } => *kind,
        }
    }

    /// Its physical network.
    #[must_use]
    pub fn physical_network(&self) -> Option<&str> {
        match self {
            Self::Flat { physical_network } | Self::Vlan { physical_network, .. } => Some(physical_network),
            Self::Local | Self::Tunnel { .. } => None,
        }
    }

    /// Its number.
    #[must_use]
    pub const fn segmentation_id(&self) -> Option<u32> {
        match self {
            Self::Vlan { id, .. } | Self::Tunnel { id, .. } => Some(*id),
            Self::Local | Self::Flat { .. } => None,
        }
    }

    /// The row that stands for it, so that no two networks have it; a local one is nobody else's business.
    #[must_use]
    pub fn key(&self) -> Option<Key> {
        let text = match self {
            Self::Local => return None,
            Self::Flat { physical_network } => format!("flat:{}", escape(physical_network)),
            Self::Vlan { physical_network, id } => format!("vlan:{id}:{}", escape(physical_network)),
            Self::Tunnel { kind, id } => format!("{kind}:{id}"),
        };
        Some(row(SEGMENTS, &text))
    }

    /// What a row stands for; `None` when it is of another table or nobody of us wrote it.
    #[must_use]
    pub fn of_key(key: &Key) -> Option<Self> {
        if key.table != SEGMENTS {
            return None;
        }
        let segment = key.id.with_str(|text| {
            let (kind, rest) = text.split_once(':')?;
            let kind = SegmentType::from_text(kind)?;
            let id = |text: &str| kind.check_id(text.parse().ok()?).ok();
            match kind {
                SegmentType::Local => None,
                SegmentType::Flat => Some(Self::Flat { physical_network: unescape(rest)? }),
                SegmentType::Vlan => {
                    let (tag, physical_network) = rest.split_once(':')?;
                    Some(Self::Vlan { physical_network: unescape(physical_network)?, id: id(tag)? })
                }
                SegmentType::Gre | SegmentType::Vxlan | SegmentType::Geneve => {
                    Some(Self::Tunnel { kind, id: id(rest)? })
                }
            }
        })?;
        // Another spelling would be another row.
        (segment.key()?.id == key.id).then_some(segment)
    }
}

/// The name with everything in hexadecimal that some store could take for its own: `a/b` becomes `a%2fb`.
fn escape(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let escaped = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02x}") };
    name.bytes().map(escaped).collect()
}

fn unescape(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut name = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        name.push(if byte == b'%' { hex(bytes.next()?)? << 4 | hex(bytes.next()?)? } else { byte });
    }
    String::from_utf8(name).ok()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests;
