//! OpenFlow port numbers.
//!
//! [`OfPort`] is the 32-bit number of OpenFlow 1.1 and later. OpenFlow 1.0, the Nicira actions and OVS itself
//! use 16 bits, with the reserved ports at the top of that range: [`OfPort::from_of10`] and [`OfPort::to_of10`]
//! are the one place that maps between the two. Text is that of `ovs-ofctl`: reserved ports by name, in any
//! case when parsed, all others in decimal. Numbers that no port can have are printed in hexadecimal and not parsed.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// A port of an OpenFlow switch, physical or reserved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OfPort(u32);

/// The text names no port.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "invalid OpenFlow port {0:?}: expected a reserved name such as LOCAL, or a number that is at most 65535 or at \
     least 4294967040"
)]
pub struct ParseOfPortError(String);

impl OfPort {
    /// The first number that is no physical port.
    pub const MAX: Self = Self(0xffff_ff00);
    /// Where an action set's output field was never written.
    pub const UNSET: Self = Self(0xffff_fff7);
    /// The port the packet came in by; the only way to send it back there.
    pub const IN_PORT: Self = Self(0xffff_fff8);
    /// Only in packet-out: run the packet through the tables.
    pub const TABLE: Self = Self(0xffff_fff9);
    /// Forward as a traditional learning switch.
    pub const NORMAL: Self = Self(0xffff_fffa);
    /// All ports of the spanning tree but the input port.
    pub const FLOOD: Self = Self(0xffff_fffb);
    /// All ports but the input port.
    pub const ALL: Self = Self(0xffff_fffc);
    /// As a packet-in to the controller.
    pub const CONTROLLER: Self = Self(0xffff_fffd);
    /// The bridge's own interface.
    pub const LOCAL: Self = Self(0xffff_fffe);
    /// Wildcard in requests, "no port" elsewhere.
    pub const ANY: Self = Self(0xffff_ffff);
    /// OpenFlow 1.0's name of [`OfPort::ANY`].
    pub const NONE: Self = Self::ANY;

    const OF10_MAX: u16 = 0xff00;
    const OF10_OFFSET: u32 = Self::MAX.0 - Self::OF10_MAX as u32;

    /// In the order of their numbers; printing takes the first match and so prefers `ANY` to `NONE`.
    const RESERVED: [(Self, &'static str); 10] = [
        (Self::UNSET, "UNSET"),
        (Self::IN_PORT, "IN_PORT"),
        (Self::TABLE, "TABLE"),
        (Self::NORMAL, "NORMAL"),
        (Self::FLOOD, "FLOOD"),
        (Self::ALL, "ALL"),
        (Self::CONTROLLER, "CONTROLLER"),
        (Self::LOCAL, "LOCAL"),
        (Self::ANY, "ANY"),
        (Self::NONE, "NONE"),
    ];

    /// The port with this OpenFlow 1.1+ number.
    #[must_use]
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// The OpenFlow 1.1+ number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// The port with this 16-bit OpenFlow 1.0 number.
    #[must_use]
    pub const fn from_of10(number: u16) -> Self {
        if number < Self::OF10_MAX { Self(number as u32) } else { Self(number as u32 + Self::OF10_OFFSET) }
    }

    /// The 16-bit OpenFlow 1.0 number; `None` for numbers that OpenFlow 1.0, and therefore OVS, does not have.
    #[must_use]
    pub fn to_of10(self) -> Option<u16> {
        let number = if self.0 >= Self::MAX.0 { self.0 - Self::OF10_OFFSET } else { self.0 };
        let number = u16::try_from(number).ok()?;
        (Self::from_of10(number) == self).then_some(number)
    }

    /// Whether the number may belong to an interface: below [`OfPort::MAX`].
    #[must_use]
    pub const fn is_physical(self) -> bool {
        self.0 < Self::MAX.0
    }

    /// The name, if this is a reserved port that has one.
    #[must_use]
    pub fn reserved_name(self) -> Option<&'static str> {
        Self::RESERVED.iter().find(|(port, _)| *port == self).map(|(_, name)| *name)
    }
}

impl From<u32> for OfPort {
    fn from(number: u32) -> Self {
        Self(number)
    }
}

impl From<OfPort> for u32 {
    fn from(port: OfPort) -> Self {
        port.0
    }
}

impl fmt::Display for OfPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reserved_name() {
            Some(name) => f.pad(name),
            // No switch has such a port. In decimal, 65535 would be read as the port that is called so in 16 bits.
            None if self.to_of10().is_none() => write!(f, "{:#x}", self.0),
            None => fmt::Display::fmt(&self.0, f),
        }
    }
}

impl FromStr for OfPort {
    type Err = ParseOfPortError;

    /// Numbers of 16 bits are OpenFlow 1.0 numbers, so "65534" is `LOCAL`, as `ovs-ofctl` reads it.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || ParseOfPortError(text.to_owned());
        if let Some((port, _)) = Self::RESERVED.iter().find(|(_, name)| name.eq_ignore_ascii_case(text)) {
            return Ok(*port);
        }
        // The integer parser of the standard library allows a sign.
        if !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(error());
        }
        let number: u32 = text.parse().map_err(|_| error())?;
        match u16::try_from(number) {
            Ok(number) => Ok(Self::from_of10(number)),
            Err(_) if number >= Self::MAX.0 => Ok(Self(number)),
            Err(_) => Err(error()),
        }
    }
}

#[cfg(test)]
mod tests;
