//! Identifiers of virtual networks that are narrower than any machine integer.
//!
//! A [`Vni`] always fits the 24 bits of a Geneve or VXLAN header, and a [`VlanId`] always names a VLAN: 0
//! (priority tag only) and 4095 (reserved by IEEE 802.1Q) cannot be made. An id that came from a database row
//! is checked once, where it enters, and cannot spill into neighbouring bits of a header or a register.

use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;

use thiserror::Error;

/// The number is outside what the identifier's field can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{what} {value} is out of range: use {min} to {max}")]
pub struct OutOfRange {
    what: &'static str,
    value: u32,
    min: u32,
    max: u32,
}

/// The text is not an identifier.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ParseIdError {
    /// Not a decimal number of 32 bits.
    #[error("invalid {what} {text:?}: expected a decimal number")]
    NotANumber {
        /// Which identifier was expected.
        what: &'static str,
        /// What was there instead.
        text: String,
        /// Why it is not a number.
        source: ParseIntError,
    },
    /// A number, but too small or too large.
    #[error(transparent)]
    OutOfRange(#[from] OutOfRange),
}

fn parse_number(what: &'static str, text: &str) -> Result<u32, ParseIdError> {
    text.parse().map_err(|source| ParseIdError::NotANumber { what, text: text.to_owned(), source })
}

/// A 24-bit virtual network identifier, as Geneve and VXLAN carry it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Vni(u32);

impl Vni {
    /// The largest identifier.
    pub const MAX: Self = Self((1 << 24) - 1);

    /// Checks that `value` fits 24 bits.
    pub const fn new(value: u32) -> Result<Self, OutOfRange> {
        if value > Self::MAX.0 {
            return Err(OutOfRange { what: "VNI", value, min: 0, max: Self::MAX.0 });
        }
        Ok(Self(value))
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl TryFrom<u32> for Vni {
    type Error = OutOfRange;

    fn try_from(value: u32) -> Result<Self, Self::Error> {
        Self::new(value)
    }
}

impl From<Vni> for u32 {
    fn from(vni: Vni) -> Self {
        vni.0
    }
}

impl fmt::Display for Vni {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for Vni {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self::new(parse_number("VNI", text)?)?)
    }
}

/// The identifier of an 802.1Q VLAN, 1 to 4094.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VlanId(u16);

impl VlanId {
    /// The smallest identifier.
    pub const MIN: Self = Self(1);
    /// The largest identifier.
    pub const MAX: Self = Self(4094);

    /// Checks that `value` names a VLAN.
    pub const fn new(value: u16) -> Result<Self, OutOfRange> {
        if value < Self::MIN.0 || value > Self::MAX.0 {
            return Err(Self::out_of_range(value as u32));
        }
        Ok(Self(value))
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }

    const fn out_of_range(value: u32) -> OutOfRange {
        OutOfRange { what: "VLAN id", value, min: Self::MIN.0 as u32, max: Self::MAX.0 as u32 }
    }
}

impl TryFrom<u16> for VlanId {
    type Error = OutOfRange;

    fn try_from(value: u16) -> Result<Self, Self::Error> {
        Self::new(value)
    }
}

impl From<VlanId> for u16 {
    fn from(id: VlanId) -> Self {
        id.0
    }
}

impl fmt::Display for VlanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for VlanId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let value = parse_number("VLAN id", text)?;
        let narrow = u16::try_from(value).map_err(|_| Self::out_of_range(value))?;
        Ok(Self::new(narrow)?)
    }
}

#[cfg(test)]
mod tests;
