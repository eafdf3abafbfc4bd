//! Values of fields, as actions and `learn` write them; matches write some fields in a way of their own
//! ([`super::print`]).

use std::fmt::{self, Display, Formatter};
use std::net::{Ipv4Addr, Ipv6Addr};

use net_types::{MacAddr, OfPort, ipv4_prefix_len, ipv6_prefix_len};

use super::flags::{self, fmt_flags, fmt_fragment};
use crate::Field;
use crate::field::{Format, Subfield};

/// A number in hexadecimal as C's `%#x` has it: zero has no prefix.
pub(super) struct Hex(pub(super) u128);

impl Display for Hex {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("0"),
            value => write!(f, "{value:#x}"),
        }
    }
}

/// Bytes as pairs of hex digits with dots between.
pub(super) struct Dotted<'a>(pub(super) &'a [u8]);

impl Display for Dotted<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (place, byte) in self.0.iter().enumerate() {
            write!(f, "{}{byte:02x}", if place == 0 { "" } else { "." })?;
        }
        Ok(())
    }
}

/// A value of a field, and the bits of it that count.
pub(super) struct Value {
    pub(super) field: Field,
    pub(super) value: u128,
    pub(super) mask: u128,
}

impl Value {
    /// All of a field.
    pub(super) fn exact(field: Field, value: u128) -> Self {
        Self { field, value, mask: field.full_mask() }
    }
}

impl Display for Value {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { field, value, mask } = *self;
        let exact = mask == field.full_mask();
        match field.def().format {
            Format::Decimal | Format::Port if !exact => write!(f, "{value}/{}", Hex(mask)),
            Format::Decimal => write!(f, "{value}"),
            Format::Port => write!(f, "{}", port_of(field, value)),
            Format::Hex if exact => write!(f, "{}", Hex(value)),
            Format::Hex => write!(f, "{}/{}", Hex(value), Hex(mask)),
            Format::Mac => fmt_mac(f, value, mask),
            Format::Ipv4 => fmt_ipv4(f, value, mask),
            Format::Ipv6 => fmt_ipv6_masked(f, value, mask),
            Format::Fragment => fmt_fragment(f, value, mask),
            Format::CtState => fmt_flags(f, flags::CT_STATE, value, mask),
            Format::TcpFlags => fmt_flags(f, flags::TCP_FLAGS, value, mask),
            Format::TunFlags => fmt_flags(f, flags::TUN_FLAGS, value, mask),
        }
    }
}

/// The low bits of `value` as a number of fewer bits: fields hold no more than their width.
fn low32(value: u128) -> u32 {
    u32::try_from(value & 0xffff_ffff).unwrap_or(u32::MAX)
}

/// The port that the value of a port field is.
pub(super) fn port_of(field: Field, value: u128) -> OfPort {
    match (field, u16::try_from(value)) {
        (Field::InPort16, Ok(number)) => OfPort::from_of10(number),
        _ => OfPort::new(low32(value)),
    }
}

fn fmt_mac(f: &mut Formatter<'_>, value: u128, mask: u128) -> fmt::Result {
    let mac = |bits: u128| {
        let [.., a, b, c, d, e, g] = bits.to_be_bytes();
        MacAddr([a, b, c, d, e, g])
    };
    write!(f, "{}", mac(value))?;
    if mac(mask) != MacAddr::BROADCAST {
        write!(f, "/{}", mac(mask))?;
    }
    Ok(())
}

fn fmt_ipv4(f: &mut Formatter<'_>, value: u128, mask: u128) -> fmt::Result {
    let mask = Ipv4Addr::from_bits(low32(mask));
    write!(f, "{}", Ipv4Addr::from_bits(low32(value)))?;
    match ipv4_prefix_len(mask) {
        Some(32) => Ok(()),
        Some(len) => write!(f, "/{len}"),
        None => write!(f, "/{mask}"),
    }
}

fn fmt_ipv6_masked(f: &mut Formatter<'_>, value: u128, mask: u128) -> fmt::Result {
    let mask = Ipv6Addr::from_bits(mask);
    write!(f, "{}", Ipv6(Ipv6Addr::from_bits(value)))?;
    match ipv6_prefix_len(mask) {
        Some(128) => Ok(()),
        Some(len) => write!(f, "/{len}"),
        None => write!(f, "/{}", Ipv6(mask)),
    }
}

/// An IPv6 address as the C library writes it, which differs from the standard library for `::1.2.3.4`.
pub(super) struct Ipv6(pub(super) Ipv6Addr);

impl Display for Ipv6 {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0.segments() {
            [0, 0, 0, 0, 0, 0, high, _] if high != 0 => {
                write!(f, "::{}", Ipv4Addr::from_bits(low32(self.0.to_bits())))
            }
            _ => write!(f, "{}", self.0),
        }
    }
}

/// A sub-field by the name of its header and a range; `[]` is all of it.
///
/// Open vSwitch thinks of a Geneve option as 124 bytes until the option map says how long it is, so `[]` of one would
/// say something else to it than to us: they always get a range.
pub(super) struct Range(pub(super) Subfield);

impl Display for Range {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Subfield { field, ofs, n_bits } = self.0;
        f.write_str(field.action_header().name)?;
        match n_bits {
            _ if self.0.is_all() && !field.is_tun_metadata() => f.write_str("[]"),
            1 => write!(f, "[{ofs}]"),
            _ => write!(f, "[{ofs}..{}]", ofs + n_bits - 1),
        }
    }
}
