//! DHCP for IPv6 (RFC 8415): messages, and the answers of a server.
//!
//! As in [`crate::dhcp`] the knowledge of the protocol is here and nothing else. What an operator wants for a client comes in as a
//! [`Lease`], what the client wants as a [`Message`], and [`answer`] says what to send. There is no state, no clock and no pool.
//!
//! | part | what it holds |
//! |---|---|
//! | [`Message`] | type, transaction and options of a message between a client and a server, parse and emit |
//! | [`Association`] | a group of addresses (IA_NA), with what is in it |
//! | [`answer`] | which message a server sends for which, with which options |

mod answer;
mod message;
mod text;

pub use answer::{ClientName, Lease, Silence, answer};
pub use message::{Address, Association, Dhcp6Option, Kind, Message, codes, status};
pub use text::{TextError, option};

use std::net::Ipv6Addr;

use net_types::MacAddr;

/// UDP port of servers and relay agents.
pub const SERVER_PORT: u16 = 547;
/// UDP port of clients.
pub const CLIENT_PORT: u16 = 546;

/// Where clients send to.
pub const SERVERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 1, 2);

/// The identifier of a client or server by its MAC address (DUID-LL), which is the same as long as the address is.
#[must_use]
pub fn duid_of(mac: MacAddr) -> Vec<u8> {
    const LINK_LAYER_AND_ETHERNET: [u8; 4] = [0, 3, 0, 1];
    [LINK_LAYER_AND_ETHERNET.as_slice(), &mac.octets()].concat()
}

#[cfg(test)]
mod tests;
