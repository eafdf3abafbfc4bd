//! Values of fields and names of sub-fields.

use std::net::{Ipv4Addr, Ipv6Addr};

use net_types::{MacAddr, OfPort, ipv4_mask, ipv6_mask};

use crate::Field;
use crate::field::{FieldValue, Format, Subfield};
use crate::text::flags;
use crate::text::source::{Piece, TextError};

/// A value, and the mask if the text says one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parsed {
    pub(super) value: u128,
    pub(super) mask: Option<u128>,
}

/// All bits of the bytes that a field has on the wire, of which some may have no meaning.
pub(super) fn all_bytes(field: Field) -> u128 {
    u128::MAX >> (128 - 8 * field.bytes())
}

/// A value of `field`, masked or not.
pub(super) fn value(field: Field, text: Piece<'_>) -> Result<Parsed, TextError> {
    match field.def().format {
        Format::Decimal | Format::Hex => number(field, text),
        Format::Port => Ok(Parsed { value: port_bits(field, text.port()?, text)?, mask: None }),
        Format::Mac => with_mask(text, |text| Ok(text.parse::<MacAddr>("a MAC address")?.into_bits())),
        Format::Ipv4 => ipv4(text),
        Format::Ipv6 => ipv6(text),
        Format::Fragment => fragment(field, text),
        Format::CtState => bits(text, flags::CT_STATE),
        Format::TcpFlags => bits(text, flags::TCP_FLAGS),
        Format::TunFlags => bits(text, flags::TUN_FLAGS),
    }
}

/// A value without a mask, as the bits of `field`.
pub(super) fn exact(field: Field, text: Piece<'_>) -> Result<u128, TextError> {
    let Parsed { value, mask } = value(field, text)?;
    match mask {
        Some(mask) if mask & field.full_mask() != field.full_mask() => {
            Err(text.expected(&format!("a value of {} without a mask", field.name())))
        }
        _ => Ok(value),
    }
}

fn with_mask(
    text: Piece<'_>,
    part: impl Fn(Piece<'_>) -> Result<u128, TextError>,
) -> Result<Parsed, TextError> {
    match text.split_once("/") {
        Some((value, mask)) => Ok(Parsed { value: part(value)?, mask: Some(part(mask)?) }),
        None => Ok(Parsed { value: part(text)?, mask: None }),
    }
}

fn number(field: Field, text: Piece<'_>) -> Result<Parsed, TextError> {
    let (value, mask) = match text.split_once("/") {
        Some((value, mask)) => (value, Some(mask)),
        None => (text, None),
    };
    let value = fitting(value, field.full_mask(), &format!("a value of {}", field.name()))?;
    let mask = mask
        .map(|mask| fitting(mask, all_bytes(field), &format!("a mask of {}", field.name())))
        .transpose()?;
    Ok(Parsed { value, mask })
}

/// A number that has no bits beyond `limit`.
pub(super) fn fitting(text: Piece<'_>, limit: u128, what: &str) -> Result<u128, TextError> {
    text.uint()
        .filter(|value| *value <= limit)
        .ok_or_else(|| text.expected(&format!("{what}, a number that is at most {limit:#x}")))
}

fn port_bits(field: Field, port: OfPort, text: Piece<'_>) -> Result<u128, TextError> {
    match field {
        Field::InPort16 => port.to_of10().map(u128::from).ok_or_else(|| text.expected("a port of 16 bits")),
        _ => Ok(port.into_bits()),
    }
}

fn ipv4(text: Piece<'_>) -> Result<Parsed, TextError> {
    let address = |text: Piece<'_>| text.parse::<Ipv4Addr>("an IPv4 address");
    let Some((value, mask)) = text.split_once("/") else {
        return Ok(Parsed { value: address(text)?.into_bits(), mask: None });
    };
    let bits = match mask.as_str().parse::<u8>().ok().and_then(ipv4_mask) {
        Some(mask) => mask,
        None => mask.parse("a prefix length of at most 32, or an IPv4 mask")?,
    };
    Ok(Parsed { value: address(value)?.into_bits(), mask: Some(bits.into_bits()) })
}

fn ipv6(text: Piece<'_>) -> Result<Parsed, TextError> {
    let address = |text: Piece<'_>| text.parse::<Ipv6Addr>("an IPv6 address");
    let Some((value, mask)) = text.split_once("/") else {
        return Ok(Parsed { value: address(text)?.into_bits(), mask: None });
    };
    let bits = match mask.as_str().parse::<u8>().ok().and_then(ipv6_mask) {
        Some(mask) => mask,
        None => mask.parse("a prefix length of at most 128, or an IPv6 mask")?,
    };
    Ok(Parsed { value: address(value)?.into_bits(), mask: Some(bits.into_bits()) })
}

fn fragment(field: Field, text: Piece<'_>) -> Result<Parsed, TextError> {
    let named = flags::FRAGMENTS.iter().find(|(name, ..)| name.eq_ignore_ascii_case(text.as_str()));
    match named {
        Some(&(_, value, mask)) => Ok(Parsed { value, mask: Some(mask) }),
        None if text.uint().is_some() || text.as_str().contains('/') => number(field, text),
        None => Err(text.expected("no, yes, first, later or not_later")),
    }
}

/// Flags: `0x21/0x23`, `+trk-new`, `est|trk`, `0`.
fn bits(text: Piece<'_>, names: &flags::Names) -> Result<Parsed, TextError> {
    let known = || names.iter().map(|(_, name)| *name).collect::<Vec<_>>().join(", ");
    let bit = |word: Piece<'_>| {
        let found = names.iter().find(|(_, name)| *name == word.as_str());
        found.map(|(bit, _)| u128::from(*bit)).ok_or_else(|| word.expected(&format!("one of {}", known())))
    };
    if text.as_str().contains('/') {
        return with_mask(text, |part| fitting(part, flags::named_bits(names), "flags"));
    }
    let mut value = 0;
    if !text.as_str().starts_with(['+', '-']) {
        for word in text.words(&['|']) {
            value |= match word.uint() {
                Some(_) => fitting(word, flags::named_bits(names), "flags")?,
                None => bit(word)?,
            };
        }
        return Ok(Parsed { value, mask: None });
    }
    let (mut mask, mut rest) = (0, text);
    while !rest.is_empty() {
        let (sign, behind) = rest.split_at(1);
        let (word, tail) = behind.take_while(|c| c != '+' && c != '-');
        let bit = bit(word)?;
        if mask & bit != 0 {
            return Err(word.error(format!("{} is named twice", word.as_str())));
        }
        mask |= bit;
        value |= if sign.as_str() == "+" { bit } else { 0 };
        rest = tail;
    }
    Ok(Parsed { value, mask: Some(mask) })
}

/// A sub-field: the name of a field or of a header of it, then nothing, `[]`, `[bit]` or `[first..last]`.
pub(super) fn subfield(text: Piece<'_>) -> Result<Subfield, TextError> {
    let (name, range) = text.take_while(|c| c != '[');
    let plain = name.as_str().strip_suffix("_W").unwrap_or(name.as_str());
    let field = Field::by_name(plain).ok_or_else(|| name.expected("the name of a field"))?;
    let Some(inner) = range.strip_prefix("[") else { return Ok(Subfield::all(field)) };
    let (inner, behind) = inner.split_once("]").ok_or_else(|| range.error("expected ] behind the bits"))?;
    if !behind.is_empty() {
        return Err(behind.expected("nothing behind ]"));
    }
    if inner.is_empty() {
        return Ok(Subfield::all(field));
    }
    let (first, last) = inner.split_once("..").unwrap_or((inner, inner));
    let (first, last): (u16, u16) = (first.number("a bit")?, last.number("a bit")?);
    last.checked_sub(first)
        .and_then(|more| more.checked_add(1))
        .and_then(|n_bits| Subfield::new(field, first, n_bits))
        .ok_or_else(|| inner.expected(&format!("bits of {}, which has {}", plain, field.subfield_bits())))
}

/// A sub-field that actions may write.
pub(super) fn writable_subfield(text: Piece<'_>) -> Result<Subfield, TextError> {
    let subfield = subfield(text)?;
    match subfield.field.def().writable {
        true => Ok(subfield),
        false => Err(text.error(format!("{} is read-only", subfield.field.name()))),
    }
}

/// Source and destination around `->`, as wide as each other.
pub(super) fn source_and_destination(text: Piece<'_>) -> Result<(Subfield, Subfield), TextError> {
    let (src, dst) = arrow(text)?;
    let (from, to) = (subfield(src)?, writable_subfield(dst)?);
    if from.n_bits != to.n_bits {
        return Err(text.error(format!("{} bits do not go into {} bits", from.n_bits, to.n_bits)));
    }
    Ok((from, to))
}

/// What is on either side of `->`.
pub(super) fn arrow(text: Piece<'_>) -> Result<(Piece<'_>, Piece<'_>), TextError> {
    text.split_once("->").ok_or_else(|| text.expected("a value, -> and a field"))
}
