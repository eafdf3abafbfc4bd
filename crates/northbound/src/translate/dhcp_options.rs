//! Options of DHCP by their names.
//!
//! The names are those that `packet` knows, dnsmasq's and the ISC's, and any number from 1 to 254 in decimal. One option has no number: `server-ip-address` fills the field of the message that names the next server.

/// Where an option goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tag {
    /// The option with this number.
    Number(u8),
    /// The field of the next server.
    NextServer,
}

/// Where the option with this name or number goes; `None` when there is none.
#[must_use]
pub fn tag(name: &str) -> Option<Tag> {
    if NEXT_SERVER.contains(&name) {
        return Some(Tag::NextServer);
    }
    packet::dhcp::text::code(name).map(Tag::Number)
}

/// The names of the field, dnsmasq's and its own.
const NEXT_SERVER: &[&str] = &["server-ip-address", "siaddr"];

#[cfg(test)]
mod tests;
