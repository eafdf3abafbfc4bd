//! Netmasks and prefix lengths of the standard library's addresses.
//!
//! The two directions are inverses: a length has exactly one mask, and a mask that is not a run of ones
//! followed by zeros has no length. Lengths past the address width are `None` rather than clamped, because
//! they come from outside.

use std::net::{Ipv4Addr, Ipv6Addr};

/// The netmask of a prefix length; `None` above 32.
#[must_use]
pub const fn ipv4_mask(prefix_len: u8) -> Option<Ipv4Addr> {
    match prefix_len {
        0 => Some(Ipv4Addr::UNSPECIFIED),
        1..=32 => Some(Ipv4Addr::from_bits(u32::MAX << (32 - prefix_len))),
        _ => None,
    }
}

/// The prefix length of a netmask; `None` when its ones are not contiguous from the top.
#[must_use]
pub fn ipv4_prefix_len(mask: Ipv4Addr) -> Option<u8> {
    let prefix_len = u8::try_from(mask.to_bits().leading_ones()).ok()?;
    (ipv4_mask(prefix_len)? == mask).then_some(prefix_len)
}

/// The netmask of a prefix length; `None` above 128.
#[must_use]
pub const fn ipv6_mask(prefix_len: u8) -> Option<Ipv6Addr> {
    match prefix_len {
        0 => Some(Ipv6Addr::UNSPECIFIED),
        1..=128 => Some(Ipv6Addr::from_bits(u128::MAX << (128 - prefix_len))),
        _ => None,
    }
}

/// The prefix length of a netmask; `None` when its ones are not contiguous from the top.
#[must_use]
pub fn ipv6_prefix_len(mask: Ipv6Addr) -> Option<u8> {
    let prefix_len = u8::try_from(mask.to_bits().leading_ones()).ok()?;
    (ipv6_mask(prefix_len)? == mask).then_some(prefix_len)
}

#[cfg(test)]
mod tests;
