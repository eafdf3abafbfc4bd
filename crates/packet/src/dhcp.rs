//! DHCP for IPv4: messages (RFC 2131), options (RFC 2132 and its descendants) and the answers of a server.
//!
//! The knowledge of the protocol is here, and nothing else: what an operator wants for a client comes in as a
//! [`Lease`], what the client wants as a [`Message`], and [`answer`] says what to send and how. There is no
//! state, no clock and no pool. A network controller has assigned each address before the client asks, so
//! "may I have it" is a comparison, and every node gives the same answer.
//!
//! | part | what it holds |
//! |---|---|
//! | [`Message`] | the fixed fields, parse and emit, splitting of long options, overload of the name fields |
//! | [`Options`] | each option once, in order, as bytes; typed readers for those that are needed |
//! | [`Route`] | classless static routes (RFC 3442) |
//! | [`text`] | options as people write them: `26` = `1400`, `121` = `10.1.0.0/16,10.0.0.1` |
//! | [`answer`] | which message a server sends for which, with which options, and where to |

mod answer;
mod code;
mod emit;
mod lease;
mod message;
mod options;
mod route;
pub mod text;

pub use answer::{Answer, Arrival, Reply, Silence, answer};
pub use code::{MessageType, codes};
pub use emit::Fitted;
pub use lease::{Lease, OverrideError, Overrides};
pub use message::{BOOT_FILE_BYTES, FLAG_BROADCAST, Message, Op, SERVER_NAME_BYTES};
pub use options::{DhcpOption, Options};
pub use route::{Route, decode_routes, encode_routes};

/// UDP port of servers and relay agents.
pub const SERVER_PORT: u16 = 67;
/// UDP port of clients.
pub const CLIENT_PORT: u16 = 68;

#[cfg(test)]
mod tests;
