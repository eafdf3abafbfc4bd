//! Packets: what a frame says, and frames that say what we mean.
//!
//! Two sides, kept apart because they answer different questions. [`headers`] reads a frame the way Open
//! vSwitch does, quirks included, and never refuses one: it is what the flow interpreter matches on. The
//! protocol modules read one message the way its RFC demands and refuse what a host must not act on: they are
//! what responders answer with.
//!
//! The laws, each of them tested with random and hostile bytes:
//!
//! 1. Parsing never panics, never loops and allocates no more than the input is long.
//! 2. A message that is emitted parses back to itself: `parse(emit(m)) == m`.
//! 3. What parses, parses to the same value after being emitted: `parse(emit(parse(b))) == parse(b)`.
//! 4. Every checksum and length field that is emitted is right.
//! 5. [`Headers::parse`] gives the flow that `ovs-ofctl parse-pcap` gives.
//!
//! ```
//! use packet::build::{Ethernet, Ip, Ipv4, Transport, Udp};
//! use packet::headers::{Headers, TransportKey};
//!
//! let ethernet = Ethernet::new("fa:16:3e:00:00:01".parse()?, "fa:16:3e:00:00:02".parse()?);
//! let ip = Ip::V4(Ipv4::new("10.0.0.1".parse()?, "10.0.0.2".parse()?));
//! let udp = Udp { src_port: 5353, dst_port: 53, payload: b"query".to_vec() };
//! let frame = ethernet.ip(&ip, &Transport::Udp(udp))?;
//! assert_eq!(Headers::parse(&frame).transport, Some(TransportKey::Udp { src: 5353, dst: 53 }));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | [`headers`] | the flow key of a frame, as OVS extracts it |
//! | [`arp`], [`icmp`], [`nd`], [`router`] | one message each: parse with the RFC's checks, emit |
//! | [`dhcp`] | DHCP for IPv4: messages, options, their texts, and what a server answers |
//! | [`dhcp6`] | DHCP for IPv6: the same |
//! | [`dns`] | questions for names, and answers |
//! | [`translate`] | packets whose ends get other addresses, and what errors quote of them |
//! | [`listeners`] | IGMP and MLD: who listens to multicast |
//! | [`build`] | complete frames with correct lengths and checksums, fragments included |
//! | [`pcap`] | capture files, for tests that assert on them |

pub mod arp;
pub mod build;
mod bytes;
mod checksum;
pub mod dhcp;
pub mod dhcp6;
pub mod dns;
mod domain;
mod error;
pub mod headers;
pub mod icmp;
pub mod listeners;
pub mod nd;
pub mod pcap;
pub mod router;
pub mod tcp;
pub mod translate;
mod wire;

pub use error::ParseError;
pub use headers::{Headers, VlanLimit};
pub use wire::{ethertype, ip_proto};
