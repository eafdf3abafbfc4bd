//! `nat(...)`: what `ct` does to addresses and ports.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::wire::{Put, Reader, WireError};

const FLAG_SRC: u16 = 1 << 0;
const FLAG_DST: u16 = 1 << 1;
const FLAG_PERSISTENT: u16 = 1 << 2;
const FLAG_HASH: u16 = 1 << 3;
const FLAG_RANDOM: u16 = 1 << 4;
const FLAGS_KNOWN: u16 = (1 << 5) - 1;

const RANGE_IPV4_MIN: u16 = 1 << 0;
const RANGE_IPV4_MAX: u16 = 1 << 1;
const RANGE_IPV6_MIN: u16 = 1 << 2;
const RANGE_IPV6_MAX: u16 = 1 << 3;
const RANGE_PORT_MIN: u16 = 1 << 4;
const RANGE_PORT_MAX: u16 = 1 << 5;
const RANGES_KNOWN: u16 = (1 << 6) - 1;

/// Address translation of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Nat {
    /// What is translated; nothing applies the translation that the connection was committed with.
    pub kind: Option<NatKind>,
    /// Whether the same host always gets the same address.
    pub persistent: bool,
    /// How a port is chosen.
    pub mode: Option<NatMode>,
    /// Addresses to choose from.
    pub addrs: Option<NatAddrs>,
    /// First port to choose from; 0 for any.
    pub port_min: u16,
    /// Last port to choose from; 0 for only the first.
    pub port_max: u16,
}

/// Which end is translated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NatKind {
    /// The source.
    Src,
    /// The destination.
    Dst,
}

/// How a port is chosen of a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NatMode {
    /// By a hash of the connection.
    Hash,
    /// At random.
    Random,
}

/// A range of addresses; `max` is nothing where there is only one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NatAddrs {
    /// IPv4.
    V4 {
        /// First address.
        min: Ipv4Addr,
        /// Last address.
        max: Option<Ipv4Addr>,
    },
    /// IPv6.
    V6 {
        /// First address.
        min: Ipv6Addr,
        /// Last address.
        max: Option<Ipv6Addr>,
    },
}

impl NatAddrs {
    /// Whether the first address is all zeros, which to Open vSwitch is no address.
    pub(crate) fn starts_at_zero(&self) -> bool {
        match self {
            Self::V4 { min, .. } => min.is_unspecified(),
            Self::V6 { min, .. } => min.is_unspecified(),
        }
    }

    /// Whether there is a last address.
    pub(crate) fn is_range(&self) -> bool {
        matches!(self, Self::V4 { max: Some(_), .. } | Self::V6 { max: Some(_), .. })
    }
}

impl Nat {
    /// Appends everything behind the subtype.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        let mut flags = match self.kind {
            None => 0,
            Some(NatKind::Src) => FLAG_SRC,
            Some(NatKind::Dst) => FLAG_DST,
        };
        flags |= if self.persistent { FLAG_PERSISTENT } else { 0 };
        flags |= match self.mode {
            None => 0,
            Some(NatMode::Hash) => FLAG_HASH,
            Some(NatMode::Random) => FLAG_RANDOM,
        };
        out.put_zeros(2);
        out.put_u16(flags);
        let present_at = out.len();
        out.put_u16(0);
        let mut present = 0;
        let mut put = |bit: u16, bytes: &[u8]| {
            present |= bit;
            out.extend_from_slice(bytes);
        };
        match self.addrs {
            None => {}
            Some(NatAddrs::V4 { min, max }) => {
                put(RANGE_IPV4_MIN, &min.octets());
                if let Some(max) = max {
                    put(RANGE_IPV4_MAX, &max.octets());
                }
            }
            Some(NatAddrs::V6 { min, max }) => {
                put(RANGE_IPV6_MIN, &min.octets());
                if let Some(max) = max {
                    put(RANGE_IPV6_MAX, &max.octets());
                }
            }
        }
        if self.port_min != 0 {
            put(RANGE_PORT_MIN, &self.port_min.to_be_bytes());
        }
        if self.port_max != 0 {
            put(RANGE_PORT_MAX, &self.port_max.to_be_bytes());
        }
        out[present_at..present_at + 2].copy_from_slice(&present.to_be_bytes());
    }

    /// Reads everything behind the subtype.
    pub(super) fn decode(r: &mut Reader<'_>) -> Result<Self, WireError> {
        r.skip("the padding of nat", 2)?;
        let flags = r.u16("the flags of nat")?;
        let present = r.u16("the ranges of nat")?;
        if flags & !FLAGS_KNOWN != 0 || present & !RANGES_KNOWN != 0 {
            return Err(r.unknown("flags or ranges of nat", u32::from(flags) << 16 | u32::from(present)));
        }
        let kind = match flags & (FLAG_SRC | FLAG_DST) {
            0 => None,
            FLAG_SRC => Some(NatKind::Src),
            FLAG_DST => Some(NatKind::Dst),
            both => return Err(r.bad_value("the direction of nat", both)),
        };
        let mode = match flags & (FLAG_HASH | FLAG_RANDOM) {
            0 => None,
            FLAG_HASH => Some(NatMode::Hash),
            FLAG_RANDOM => Some(NatMode::Random),
            both => return Err(r.bad_value("the port choice of nat", both)),
        };
        let v4 = |r: &mut Reader<'_>, bit| -> Result<Option<Ipv4Addr>, WireError> {
            (present & bit != 0).then(|| r.array::<4>("an address of nat").map(Into::into)).transpose()
        };
        let v6 = |r: &mut Reader<'_>, bit| -> Result<Option<Ipv6Addr>, WireError> {
            (present & bit != 0).then(|| r.array::<16>("an address of nat").map(Into::into)).transpose()
        };
        let (v4_min, v4_max) = (v4(r, RANGE_IPV4_MIN)?, v4(r, RANGE_IPV4_MAX)?);
        let (v6_min, v6_max) = (v6(r, RANGE_IPV6_MIN)?, v6(r, RANGE_IPV6_MAX)?);
        let addrs = match (v4_min, v4_max, v6_min, v6_max) {
            (None, None, None, None) => None,
            (Some(min), max, None, None) => Some(NatAddrs::V4 { min, max }),
            (None, None, Some(min), max) => Some(NatAddrs::V6 { min, max }),
            _ => return Err(r.bad_value("the ranges of nat", present)),
        };
        if addrs.is_some_and(|addrs| addrs.starts_at_zero()) {
            return Err(r.bad_value("the first address of nat", 0_u8));
        }
        let mut port = |bit| if present & bit != 0 { r.u16("a port of nat") } else { Ok(0) };
        Ok(Self {
            kind,
            persistent: flags & FLAG_PERSISTENT != 0,
            mode,
            addrs,
            port_min: port(RANGE_PORT_MIN)?,
            port_max: port(RANGE_PORT_MAX)?,
        })
    }
}
