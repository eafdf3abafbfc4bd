//! Neutron's errors, with the name, the status and the text that its clients know.
//!
//! The texts are Neutron's and so is their style; clients match them.

use std::net::IpAddr;

use ipnet::IpNet;
use net_types::MacAddr;
use thiserror::Error;

use super::{AddressRange, IpVersion, NetworkId, PortId, SubnetId};

/// What an error is to an HTTP client of Neutron.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// The name of Neutron's exception, `type` in the body.
    pub exception: &'static str,
    /// The HTTP status.
    pub status: u16,
}

impl Fault {
    /// The request makes no sense.
    #[must_use]
    pub const fn bad_request(exception: &'static str) -> Self {
        Self { exception, status: 400 }
    }

    /// The request makes sense, but not now.
    #[must_use]
    pub const fn conflict(exception: &'static str) -> Self {
        Self { exception, status: 409 }
    }

    /// There is nothing left of what the request needs.
    #[must_use]
    pub const fn exhausted(exception: &'static str) -> Self {
        Self { exception, status: 503 }
    }
}

/// Addresses cannot be given as asked.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum IpamError {
    /// See [`InvalidInput`].
    #[error("Invalid input for operation: {0}.")]
    InvalidInput(#[from] InvalidInput),
    /// See [`BadSubnetRequest`].
    #[error("Bad subnets request: {0}.")]
    BadSubnetRequest(#[from] BadSubnetRequest),
    /// See [`PoolError`].
    #[error(transparent)]
    Pool(#[from] PoolError),

    /// Ends of a pool that make no range in the subnet's family.
    #[error("The allocation pool {pool} is not valid.")]
    InvalidAllocationPool {
        /// The pool as Neutron shows it.
        pool: String,
    },
    /// A pool has addresses that the subnet cannot give.
    #[error("The allocation pool {pool} spans beyond the subnet cidr {cidr}.")]
    OutOfBoundsAllocationPool {
        /// The pool.
        pool: AddressRange,
        /// The subnet.
        cidr: IpNet,
    },
    /// Two pools share addresses.
    #[error("Found overlapping allocation pools: {first} {second} for subnet {cidr}.")]
    OverlappingAllocationPools {
        /// A pool.
        first: AddressRange,
        /// Another.
        second: AddressRange,
        /// The subnet.
        cidr: IpNet,
    },
    /// The gateway would be given to a guest.
    #[error("Gateway ip {gateway} conflicts with allocation pool {pool}.")]
    GatewayConflictWithAllocationPools {
        /// The gateway.
        gateway: IpAddr,
        /// The pool that it is in.
        pool: AddressRange,
    },
    /// The gateway is a router's leg and has to stay.
    #[error("Current gateway ip {gateway} already in use by port {port}. Unable to update.")]
    GatewayIpInUse {
        /// The gateway.
        gateway: IpAddr,
        /// The router's leg.
        port: PortId,
    },
    /// The gateway that follows from the request cannot be the address of a host.
    #[error("Gateway IP {gateway} cannot be the network or broadcast IP address {cidr}")]
    GatewayIsNoHost {
        /// The gateway.
        gateway: IpAddr,
        /// The subnet.
        cidr: IpNet,
    },
    /// Too many name servers.
    #[error(
        "Unable to complete operation for {}. The number of DNS nameservers exceeds the limit {limit}.",
        subnet_text(.subnet.as_ref())
    )]
    DnsNameServersExhausted {
        /// The subnet, if it is there already.
        subnet: Option<SubnetId>,
        /// How many it may have.
        limit: usize,
    },
    /// Too many routes.
    #[error(
        "Unable to complete operation for {}. The number of host routes exceeds the limit {limit}.",
        subnet_text(.subnet.as_ref())
    )]
    HostRoutesExhausted {
        /// The subnet, if it is there already.
        subnet: Option<SubnetId>,
        /// How many it may have.
        limit: usize,
    },
    /// The network's packets are too short for the family.
    #[error("MTU of {network} is not valid, subnet requires a minimum of {mtu_min}")]
    NetworkMtuSubnetConflict {
        /// The network.
        network: NetworkId,
        /// How long they have to be.
        mtu_min: u32,
    },
    /// Subnets of one family come from the same pool or none does.
    #[error("Subnets hosted on the same network must be allocated from the same subnet pool.")]
    NetworkSubnetPoolAffinity,

    /// No subnet of the network has an address left.
    #[error("No more IP addresses available on network {network}.")]
    IpAddressGenerationFailure {
        /// The network.
        network: NetworkId,
    },
    /// All subnets of the network are for ports of other kinds.
    #[error(
        "No valid service subnet for the given device owner, network {network}, service type {service_type}."
    )]
    NoMatchingServiceSubnet {
        /// The network.
        network: NetworkId,
        /// The kind of the port.
        service_type: String,
    },
    /// Somebody has the address.
    #[error("IP address {address} already allocated in subnet {subnet}")]
    IpAddressAlreadyAllocated {
        /// The address.
        address: IpAddr,
        /// Its subnet.
        subnet: SubnetId,
    },
    /// No subnet of the network has such an address.
    #[error("IP address {address} is not a valid IP for any of the subnets on the specified network.")]
    InvalidIpForNetwork {
        /// The address.
        address: IpAddr,
    },
    /// The subnet has no such address.
    #[error("IP address {address} is not a valid IP for the specified subnet.")]
    InvalidIpForSubnet {
        /// The address.
        address: IpAddr,
    },
    /// Addresses of the subnet follow from MAC addresses, and this one does not.
    #[error(
        "IPv6 address {address} cannot be directly assigned to a port on subnet {subnet} as the subnet is \
         configured for automatic addresses"
    )]
    AllocationOnAutoAddressSubnet {
        /// The address.
        address: IpAddr,
        /// Its subnet.
        subnet: SubnetId,
    },
    /// Somebody has the MAC address.
    #[error("Unable to complete operation for network {network}. The mac address {mac} is in use.")]
    MacAddressInUse {
        /// The network.
        network: NetworkId,
        /// The MAC address.
        mac: MacAddr,
    },
    /// No station can have the MAC address.
    #[error("Invalid input for mac_address. Reason: '{mac}' is not a valid MAC address.")]
    InvalidMac {
        /// The MAC address.
        mac: MacAddr,
    },
    /// Draws found used MAC addresses only.
    #[error("Unable to generate unique mac on network {network}.")]
    NetworkMacAddressGenerationFailure {
        /// The network.
        network: NetworkId,
    },
}

/// What is wrong with an input that is well-formed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidInput {
    /// An address of the other family.
    #[error("{name} '{value}' does not match the ip_version '{version}'")]
    WrongIpVersion {
        /// What it is the address of.
        name: &'static str,
        /// The address or network.
        value: String,
        /// The family of the subnet.
        version: IpVersion,
    },
    /// `::` is no subnet.
    #[error("IPv6 subnet '::' is not supported")]
    UnspecifiedSubnet,
    /// Too few addresses for a server and a client.
    #[error("Subnet has a prefix length that is incompatible with DHCP service enabled")]
    PrefixLengthWithDhcp,
    /// Not a range of hosts.
    #[error("Multicast IP subnet is not supported if enable_dhcp is True")]
    MulticastWithDhcp,
    /// Not a range of other hosts.
    #[error("Loopback IP subnet is not supported if enable_dhcp is True")]
    LoopbackWithDhcp,
    /// Addresses that mean "this network".
    #[error("First IP '0.0.0.0' of network is not supported if enable_dhcp is True.")]
    ZeroWithDhcp,
    /// The network's or the broadcast address.
    #[error("Gateway is not valid on subnet")]
    Gateway,
    /// The whole of a family.
    #[error("0 is not allowed as CIDR prefix length")]
    ZeroPrefixLength,
    /// Two subnets of a network share addresses.
    #[error("Requested subnet with cidr: {cidr} for network: {network} overlaps with another subnet")]
    OverlappingSubnets {
        /// The new one.
        cidr: IpNet,
        /// The network.
        network: NetworkId,
    },
    /// Something of IPv6 in a subnet of IPv4.
    #[error("{attribute} is not valid when ip_version is 4")]
    ModeOfIpv6 {
        /// Which.
        attribute: &'static str,
    },
    /// Modes that contradict each other.
    #[error(
        "ipv6_ra_mode set to '{ra_mode}' with ipv6_address_mode set to '{address_mode}' is not valid. If both \
         attributes are set, they must be the same value"
    )]
    ModesDiffer {
        /// How routers announce.
        ra_mode: &'static str,
        /// How hosts get addresses.
        address_mode: &'static str,
    },
    /// Modes of what is switched off.
    #[error("ipv6_ra_mode or ipv6_address_mode cannot be set when enable_dhcp is set to False")]
    ModesWithoutDhcp,
    /// Hosts make addresses of 64 bits.
    #[error(
        "Invalid CIDR {cidr} for IPv6 address mode. OpenStack uses the EUI-64 address format, which requires the \
         prefix to be /64"
    )]
    NoRoomForEui64 {
        /// The subnet.
        cidr: IpNet,
    },
    /// Modes need what would be switched off.
    #[error("Cannot disable enable_dhcp with ipv6 attributes set")]
    DhcpNeededByModes,
    /// Addresses of a network that has no subnets.
    #[error("IP allocation requires subnets for network")]
    NoSubnets,
    /// Neither a subnet nor an address.
    #[error("IP allocation requires subnet_id or ip_address")]
    NothingAsked,
    /// A subnet of another network, or one for ports of another kind.
    #[error("Failed to create port on network {network}, because fixed_ips included invalid subnet {subnet}")]
    SubnetNotOfNetwork {
        /// The network of the port.
        network: NetworkId,
        /// The subnet.
        subnet: SubnetId,
    },
}

/// A request for a subnet contradicts itself or the subnet pool.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BadSubnetRequest {
    /// The prefix length is in the CIDR.
    #[error("cidr and prefixlen must not be supplied together")]
    CidrAndPrefixLength,
    /// Nothing says which addresses.
    #[error("a subnetpool must be specified in the absence of a cidr")]
    NeitherCidrNorPool,
    /// Pools in a range that is not known yet.
    #[error("allocation_pools allowed only for specific subnet requests.")]
    AllocationPoolsWithoutCidr,
    /// The pool is of the other family.
    #[error("Cannot allocate IPv{requested} subnet from IPv{pool} subnet pool")]
    PoolOfOtherVersion {
        /// The family of the subnet.
        requested: IpVersion,
        /// That of the pool.
        pool: IpVersion,
    },
}

/// A subnet pool makes no sense, or cannot give a prefix.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PoolError {
    /// A pool without addresses.
    #[error("Empty subnet pool prefix list.")]
    EmptyPrefixList,
    /// A pool is of one family.
    #[error("Cannot mix IPv4 and IPv6 prefixes in a subnet pool.")]
    PrefixVersionMismatch,
    /// Bounds that contradict each other.
    #[error("Illegal prefix bounds: {name}={length}, {base_name}={base_length}.")]
    IllegalPrefixBounds {
        /// A bound.
        name: &'static str,
        /// Its value.
        length: u8,
        /// The one that it contradicts.
        base_name: &'static str,
        /// Its value.
        base_length: u8,
    },
    /// Prefixes cannot go so.
    #[error("Illegal update to prefixes: {0}.")]
    IllegalPrefixUpdate(PrefixUpdate),
    /// Smaller than the pool gives.
    #[error("Unable to allocate subnet with prefix length {length}, maximum allowed prefix is {length_max}.")]
    PrefixTooLong {
        /// What was asked.
        length: u8,
        /// What the pool gives.
        length_max: u8,
    },
    /// Larger than the pool gives.
    #[error("Unable to allocate subnet with prefix length {length}, minimum allowed prefix is {length_min}.")]
    PrefixTooShort {
        /// What was asked.
        length: u8,
        /// What the pool gives.
        length_min: u8,
    },
    /// Nothing of that size is left.
    #[error("Failed to allocate subnet: Insufficient prefix space to allocate subnet size /{length}.")]
    InsufficientPrefixSpace {
        /// What was asked.
        length: u8,
    },
    /// The prefix is not in the pool, or given already.
    #[error(
        "Failed to allocate subnet: Cannot allocate requested subnet from the available set of prefixes."
    )]
    PrefixNotAvailable,
    /// The project has had its share.
    #[error("Per-project subnet pool prefix quota exceeded.")]
    QuotaExceeded,
    /// Subnets come from the pool.
    #[error("Unable to delete subnet pool: Subnet pool has existing allocations.")]
    InUse,
}

/// Why prefixes of a subnet pool cannot go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PrefixUpdate {
    /// Some would go by being left out.
    #[error("Existing prefixes must be a subset of the new prefixes")]
    NotASuperset,
    /// A subnet comes from them.
    #[error("One or more the prefixes to be removed is in use by a subnet.")]
    InUse,
}

impl IpamError {
    /// What it is to a client of Neutron.
    #[must_use]
    pub const fn fault(&self) -> Fault {
        match self {
            Self::InvalidInput(_) => Fault::bad_request("InvalidInput"),
            Self::BadSubnetRequest(_) => Fault::bad_request("BadRequest"),
            Self::Pool(error) => error.fault(),
            Self::InvalidAllocationPool { .. } => Fault::bad_request("InvalidAllocationPool"),
            Self::OutOfBoundsAllocationPool { .. } => Fault::bad_request("OutOfBoundsAllocationPool"),
            Self::OverlappingAllocationPools { .. } => Fault::conflict("OverlappingAllocationPools"),
            Self::GatewayConflictWithAllocationPools { .. } => {
                Fault::conflict("GatewayConflictWithAllocationPools")
            }
            Self::GatewayIpInUse { .. } => Fault::conflict("GatewayIpInUse"),
            Self::GatewayIsNoHost { .. } => Fault::conflict("IpamValueInvalid"),
            Self::DnsNameServersExhausted { .. } => Fault::bad_request("DNSNameServersExhausted"),
            Self::HostRoutesExhausted { .. } => Fault::bad_request("HostRoutesExhausted"),
            Self::NetworkMtuSubnetConflict { .. } => Fault::conflict("NetworkMTUSubnetConflict"),
            Self::NetworkSubnetPoolAffinity => Fault::bad_request("NetworkSubnetPoolAffinityError"),
            Self::IpAddressGenerationFailure { .. } => Fault::conflict("IpAddressGenerationFailure"),
            Self::NoMatchingServiceSubnet { .. } => {
                Fault::conflict("IpAddressGenerationFailureNoMatchingSubnet")
            }
            Self::IpAddressAlreadyAllocated { .. } => Fault::conflict("IpAddressAlreadyAllocated"),
            Self::InvalidIpForNetwork { .. } => Fault::bad_request("InvalidIpForNetwork"),
            Self::InvalidIpForSubnet { .. } => Fault::bad_request("InvalidIpForSubnet"),
            Self::AllocationOnAutoAddressSubnet { .. } => Fault::bad_request("AllocationOnAutoAddressSubnet"),
            Self::MacAddressInUse { .. } => Fault::conflict("MacAddressInUse"),
            Self::InvalidMac { .. } => Fault::bad_request("HTTPBadRequest"),
            Self::NetworkMacAddressGenerationFailure { .. } => {
                Fault::exhausted("NetworkMacAddressGenerationFailure")
            }
        }
    }
}

impl PoolError {
    /// What it is to a client of Neutron. Where a pool has nothing left, Neutron answers 500, as if it were broken; it
    /// is not, and we answer 409.
    #[must_use]
    pub const fn fault(&self) -> Fault {
        match self {
            Self::EmptyPrefixList => Fault::bad_request("EmptySubnetPoolPrefixList"),
            Self::PrefixVersionMismatch => Fault::bad_request("PrefixVersionMismatch"),
            Self::IllegalPrefixBounds { .. } => Fault::bad_request("IllegalSubnetPoolPrefixBounds"),
            Self::IllegalPrefixUpdate(_) => Fault::bad_request("IllegalSubnetPoolPrefixUpdate"),
            Self::PrefixTooLong { .. } => Fault::bad_request("MaxPrefixSubnetAllocationError"),
            Self::PrefixTooShort { .. } => Fault::bad_request("MinPrefixSubnetAllocationError"),
            Self::InsufficientPrefixSpace { .. } | Self::PrefixNotAvailable => {
                Fault::conflict("SubnetAllocationError")
            }
            Self::QuotaExceeded => Fault::conflict("SubnetPoolQuotaExceeded"),
            Self::InUse => Fault::bad_request("SubnetPoolDeleteError"),
        }
    }
}

fn subnet_text(subnet: Option<&SubnetId>) -> String {
    subnet.map_or_else(|| "new subnet".to_owned(), ToString::to_string)
}
