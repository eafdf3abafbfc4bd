//! Small value types that every layer shares: addresses, identifiers and ranges as the wire has them.
//!
//! A value of one of these types is always valid: what has fewer bits than its integer is checked where it is
//! made, so nobody downstream checks it again. Text forms are those of `ovs-ofctl`, and parsing what was
//! printed gives the value back. No I/O, no allocation beyond results, no dependency on any other crate of the
//! project.
//!
//! ```
//! use net_types::{MacAddr, PortRange};
//!
//! let mac: MacAddr = "fa:16:3e:00:00:01".parse()?;
//! assert_eq!(mac.link_local().to_string(), "fe80::f816:3eff:fe00:1");
//! assert_eq!(PortRange::new(80, 83).map(PortRange::masked), Some(vec![(80, 0xfffc)]));
//! # Ok::<(), net_types::ParseMacError>(())
//! ```
//!
//! | module | types |
//! |---|---|
//! | `mac` | [`MacAddr`] |
//! | `id` | [`Vni`], [`VlanId`] |
//! | `of_port` | [`OfPort`] |
//! | `port_range` | [`PortRange`] |
//! | `mask` | netmask and prefix length of the standard library's IP addresses |

mod id;
mod mac;
mod mask;
mod of_port;
mod port_range;

pub use id::{OutOfRange, ParseIdError, VlanId, Vni};
pub use mac::{MacAddr, ParseMacError};
pub use mask::{ipv4_mask, ipv4_prefix_len, ipv6_mask, ipv6_prefix_len};
pub use of_port::{OfPort, ParseOfPortError};
pub use port_range::{ParsePortRangeError, PortRange};
