//! What is refused, with the name, the status and the text that clients of Neutron know.

use thiserror::Error;

use super::SegmentType;
use crate::ipam::Fault;

/// An object has no row that says what it says.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("Invalid input for operation: {0}.")]
pub struct TranslateError(#[from] pub Untranslatable);

/// What of an object no row can say.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Untranslatable {
    /// An attribute is something else than it has to be.
    #[error("attribute {name} is {found}, expected {expected}")]
    Attribute {
        /// Its name.
        name: &'static str,
        /// What would have been right.
        expected: &'static str,
        /// What it is, shortened.
        found: String,
    },
    /// An option that has neither a known name nor a number from 1 to 254.
    #[error("extra_dhcp_opt {name} is not supported")]
    DhcpOption {
        /// Its name.
        name: String,
    },
    /// The next server is named otherwise than by its address.
    #[error("extra_dhcp_opt {name} is '{value}', which is not an IP address")]
    NextServer {
        /// The name of the option.
        name: String,
        /// What it says.
        value: String,
    },
    /// The remote end of a tunnel is named otherwise than by its address.
    #[error("binding:profile has the host_ip '{value}', which is not an IP address")]
    RemoteHost {
        /// What it says.
        value: String,
    },
}

impl TranslateError {
    /// What it is to a client of Neutron.
    #[must_use]
    pub const fn fault(&self) -> Fault {
        Fault::bad_request("InvalidInput")
    }
}

/// A network cannot have the segment that is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SegmentError {
    /// See [`InvalidSegment`].
    #[error("Invalid input for operation: {0}.")]
    InvalidInput(#[from] InvalidSegment),
    /// All numbers are taken.
    #[error("Unable to create the network. No project network is available for allocation.")]
    NoNetworkAvailable,
    /// The number of a tunnel is taken.
    #[error("Unable to create the network. The tunnel ID {id} is in use.")]
    TunnelIdInUse {
        /// The number.
        id: u32,
    },
    /// The VLAN is taken.
    #[error("Unable to create the network. The VLAN {id} on physical network {physical_network} is in use.")]
    VlanIdInUse {
        /// The VLAN.
        id: u32,
        /// Where.
        physical_network: String,
    },
    /// The physical network carries another flat network.
    #[error("Unable to create the flat network. Physical network {physical_network} is in use.")]
    FlatNetworkInUse {
        /// Where.
        physical_network: String,
    },
}

/// Attributes of a provider network that make no sense together.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidSegment {
    /// Other attributes without the type.
    #[error("network_type required")]
    TypeRequired,
    /// A type that there is not, or that is switched off.
    #[error("network_type value '{network_type}' not supported")]
    TypeNotSupported {
        /// The type.
        network_type: String,
    },
    /// A physical network that the configuration does not name.
    #[error("physical_network '{physical_network}' unknown for {kind} provider network")]
    UnknownPhysicalNetwork {
        /// Its name.
        physical_network: String,
        /// The type, as Neutron spells it here.
        kind: &'static str,
    },
    /// A number that the type does not have.
    #[error("segmentation_id out of range ({min} through {max})")]
    SegmentationIdOutOfRange {
        /// The smallest.
        min: u32,
        /// The largest.
        max: u32,
    },
    /// A VLAN of nowhere.
    #[error("segmentation_id requires physical_network for VLAN provider network")]
    VlanOfNowhere,
    /// A tunnel through a physical network.
    #[error("provider:physical_network specified for {network_type} network")]
    TunnelInPhysicalNetwork {
        /// The type.
        network_type: SegmentType,
    },
    /// A flat network of nowhere.
    #[error("physical_network required for flat provider network")]
    FlatNetworkOfNowhere,
    /// The configuration allows no flat networks.
    #[error("Flat provider networks are disabled")]
    FlatNetworksDisabled,
    /// An attribute that the type does not have.
    #[error("{attribute} prohibited for {network_type} provider network")]
    Prohibited {
        /// The attribute.
        attribute: &'static str,
        /// The type.
        network_type: SegmentType,
    },
    /// Only the number of a VLAN changes.
    #[error("Only VLAN type networks can be updated.")]
    OnlyVlansChange,
    /// Only its number.
    #[error("Only segmentation_id field can be updated in VLAN type networks")]
    OnlyNumbersChange,
    /// Packets that do not fit.
    #[error("Requested MTU is too big, maximum is {mtu_max}")]
    MtuTooBig {
        /// The longest that fit.
        mtu_max: u32,
    },
}

impl SegmentError {
    /// What it is to a client of Neutron.
    #[must_use]
    pub const fn fault(&self) -> Fault {
        match self {
            Self::InvalidInput(_) => Fault::bad_request("InvalidInput"),
            Self::NoNetworkAvailable => Fault::exhausted("NoNetworkAvailable"),
            Self::TunnelIdInUse { .. } => Fault::conflict("TunnelIdInUse"),
            Self::VlanIdInUse { .. } => Fault::conflict("VlanIdInUse"),
            Self::FlatNetworkInUse { .. } => Fault::conflict("FlatNetworkInUse"),
        }
    }
}
