//! Which addresses there are and who gets which: subnets, pools, fixed addresses and MAC addresses.
//!
//! # Guarantees
//! - **Pure.** Nothing here does I/O, knows a clock or a random source: what is known comes in, a plan or an error goes
//!   out. Randomness comes as an [`Entropy`], so a test decides what is drawn.
//! - **No address twice.** A plan names its [`Claims`]: the rows a transaction requires to be absent and writes, one for
//!   each address and MAC address in a network. Of two servers that draw the same address, one loses and plans again.
//! - **Free of charge.** What is in use is kept as ranges, and what is free is what lies between: a /8 costs nothing
//!   until it is used, and a choice costs the logarithm of what is in use plus a bounded walk.
//! - **As Neutron.** Who gets what, what is refused, the texts and the statuses are Neutron's (release 29), so that
//!   clients that know it find their way. Where we differ, the place says so and why.
//!
//! # Keeping up
//! [`NetworkAddresses`] is what is in use in one network. It is fed from the claims' own rows (each row is one address,
//! so the order per row that a watch promises is enough), and never from ports, whose changes may arrive in another
//! order than that in which they gave addresses up and took them.
//!
//! What two servers could decide in contradiction without taking the same address is for the caller to guard: a
//! transaction that adds a subnet requires the network's row unchanged and writes it, one that takes a prefix from a subnet
//! pool does so with the pool's row, and one that gives out addresses requires the rows of the subnets unchanged.
//!
//! | module | what it holds |
//! |---|---|
//! | [`address`] | ranges of addresses, families |
//! | [`range_set`] | sets of numbers as ranges |
//! | [`network`] | what is in use in a network, and drawing from what is free |
//! | [`port`] | which addresses a port gets, keeps and gives up |
//! | [`subnet`], [`allocation_pools`] | what a subnet may be, its gateway, what is given out of it |
//! | [`subnet_pool`] | prefixes from which subnets are cut |
//! | [`mac`] | new MAC addresses |
//! | [`claim`] | the rows by which nothing is given out twice |
//! | [`owner`] | what the owner of a port says about it |
//! | [`error`] | Neutron's errors |

pub mod address;
pub mod allocation_pools;
pub mod claim;
pub mod error;
pub mod mac;
pub mod network;
pub mod owner;
pub mod port;
pub mod range_set;
pub mod subnet;
pub mod subnet_pool;

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tests;

pub use address::{AddressRange, IpVersion};
pub use claim::{Claim, Claims};
pub use error::{Fault, IpamError};
pub use mac::MacBase;
pub use network::NetworkAddresses;
pub use port::{FixedIp, FixedIpRequest, PortAddresses, PortChange, PortPlan, PortPlanner};
pub use range_set::RangeSet;
pub use subnet::{
    GatewayRequest, HostRoute, Ipv6Mode, NetworkFacts, Sibling, Subnet, SubnetChange, SubnetLimits,
    SubnetPlan, SubnetRequest,
};
pub use subnet_pool::{PoolRequest, SubnetPool};

/// The id of a network in Neutron, and of its row.
pub type NetworkId = model::Id<model::LogicalSwitch>;
/// The id of a subnet in Neutron, and of its row.
pub type SubnetId = model::Id<model::Subnet>;
/// The id of a port in Neutron, and of its row.
pub type PortId = model::Id<model::LogicalPort>;

/// Where random numbers come from; each call gives another, all of 64 bits equally likely.
pub type Entropy<'a> = &'a mut dyn FnMut() -> u64;
