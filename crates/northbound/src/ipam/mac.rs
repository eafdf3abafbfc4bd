//! New MAC addresses.
//!
//! As Neutron's: the first three octets of the base stay, and the fourth when it is not zero; the others are random. A
//! MAC address is unique in its network, not beyond.

use std::fmt;
use std::str::FromStr;

use net_types::{MacAddr, ParseMacError};
use thiserror::Error;

use super::Entropy;

/// Draws before we believe that there is no free MAC address. With half of the addresses of a base in use, all of them
/// fail once in 65,536.
pub const DRAWS_MAX: u32 = 16;

/// What new MAC addresses have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MacBase(MacAddr);

/// A text is no base of MAC addresses.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MacBaseError {
    /// It is no MAC address.
    #[error(transparent)]
    Syntax(#[from] ParseMacError),
    /// It is one that no station can have.
    #[error("the base {0} of MAC addresses is a group address: clear the lowest bit of its first octet")]
    Group(MacAddr),
}

impl MacBase {
    /// Neutron's.
    pub const DEFAULT: Self = Self(MacAddr([0xfa, 0x16, 0x3e, 0, 0, 0]));

    /// The base.
    ///
    /// # Errors
    /// When addresses with it would be group addresses.
    pub const fn new(base: MacAddr) -> Result<Self, MacBaseError> {
        if base.is_multicast() { Err(MacBaseError::Group(base)) } else { Ok(Self(base)) }
    }

    /// The address that the lowest bits of `random` make.
    #[must_use]
    pub const fn address(self, random: u64) -> MacAddr {
        let [first, second, third, fourth, ..] = self.0.octets();
        let [.., a, b, c] = random.to_be_bytes();
        let a = if fourth == 0 { a } else { fourth };
        MacAddr([first, second, third, a, b, c])
    }

    /// A random address that `is_used` does not know; `None` when the draws are used up.
    pub fn draw(self, is_used: impl Fn(MacAddr) -> bool, random: Entropy<'_>) -> Option<MacAddr> {
        (0..DRAWS_MAX).map(|_| self.address(random())).find(|mac| mac.is_unicast() && !is_used(*mac))
    }
}

impl Default for MacBase {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl FromStr for MacBase {
    type Err = MacBaseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::new(text.parse()?)
    }
}

impl fmt::Display for MacBase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_three_octets_and_a_fourth_that_is_not_zero() {
        assert_eq!(MacBase::DEFAULT.address(0x1122_3344).to_string(), "fa:16:3e:22:33:44");
        let base: MacBase = "02:00:5e:07:00:00".parse().unwrap();
        assert_eq!(base.address(0x1122_3344).to_string(), "02:00:5e:07:33:44");
        assert_eq!(base.to_string(), "02:00:5e:07:00:00");
    }

    #[test]
    fn draws_what_is_not_used_and_gives_up() {
        let mut next = 0;
        let mut random = || {
            next += 1;
            next
        };
        let used = |mac: MacAddr| mac.octets()[5] <= 3;
        assert_eq!(MacBase::DEFAULT.draw(used, &mut random).unwrap().to_string(), "fa:16:3e:00:00:04");
        assert_eq!(MacBase::DEFAULT.draw(|_| true, &mut random), None);
        assert_eq!(next, 4 + u64::from(DRAWS_MAX));
    }

    #[test]
    fn a_base_is_no_group_address() {
        assert!(matches!("01:00:5e:00:00:00".parse::<MacBase>(), Err(MacBaseError::Group(_))));
        assert!(matches!("fa:16:3e".parse::<MacBase>(), Err(MacBaseError::Syntax(_))));
        let zero: MacBase = "00:00:00:00:00:00".parse().unwrap();
        assert_eq!(zero.draw(|_| false, &mut || 0), None, "nobody can have the address zero");
    }
}
