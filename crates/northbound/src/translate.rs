//! The one translation from Neutron's objects to the rows of the model, and the provider side of networks.
//!
//! # Guarantees
//! - **One translation.** Whoever owns an object (our API, Neutron behind the ML2 driver, Neutron behind OpenDaylight's
//!   driver) fills a [`Network`], a [`Subnet`] or a [`Port`], and gets the row that controllers read. The row is the one
//!   that the original writes, member by member; its tests compare with what the original wrote.
//! - **Nothing is lost in silence.** What a row cannot say is an error, before anything is written. (The original writes the
//!   port and then fails.)
//! - **Pure.** No I/O and no clock; unique keys and randomness come from the caller.
//!
//! The version of a row is the revision number of its object, and its topic is the project, so that whoever is newer wins
//! and a publisher sends a project's rows to whom they concern.
//!
//! | module | what it holds |
//! |---|---|
//! | [`network`], [`subnet`], [`port`], [`router`], [`security_group`], [`address_group`], [`qos`], [`floating_ip`] | the objects and their rows |
//! | [`attributes`] | the objects as Neutron's JSON says them |
//! | [`dns`] | names of ports |
//! | [`dhcp_options`] | options of DHCP by their names |
//! | [`protocol`] | protocols of IP by their names |
//! | [`segment`], [`segment_ranges`] | how a network's frames travel, and which numbers there are for it |
//! | [`segment_pool`] | which network gets which number |
//! | [`mtu`] | the longest packet |
//! | [`error`] | what is refused |

pub mod address_group;
pub mod attributes;
pub mod dhcp_options;
pub mod dns;
pub mod error;
pub mod floating_ip;
pub mod mtu;
pub mod network;
pub mod port;
pub mod protocol;
pub mod qos;
pub mod router;
pub mod security_group;
pub mod segment;
pub mod segment_pool;
pub mod segment_ranges;
pub mod subnet;

pub use address_group::AddressGroup;
pub use attributes::Attributes;
pub use dns::CloudDomain;
pub use error::{SegmentError, TranslateError};
pub use floating_ip::FloatingIp;
pub use mtu::MtuSettings;
pub use network::Network;
pub use port::{AllowedAddressPair, ExtraDhcpOption, Place, Port};
pub use qos::QosPolicy;
pub use router::{DISCARD, Router, RouterPort};
pub use security_group::{Remote, SecurityGroup, SecurityGroupRule};
pub use segment::{Segment, SegmentRequest, SegmentType};
pub use segment_pool::{SegmentPlan, SegmentPool, SegmentSettings};
pub use segment_ranges::{FlatNetworks, IdRange, SegmentRangeError, VlanNetwork};
pub use subnet::Subnet;
