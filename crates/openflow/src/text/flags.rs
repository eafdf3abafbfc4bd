//! Names of bits and of fragment classes, for both directions.
//!
//! Open vSwitch writes a set of bits in two ways: `new|trk` says all bits of the field, `+new-trk` only those it names.

use std::fmt::{Formatter, Result, Write};

use super::value::Hex;

/// A bit and what text calls it.
pub(super) type Names = [(u32, &'static str)];

/// Bits of `ct_state`.
pub(super) const CT_STATE: &Names = &[
    (1 << 0, "new"),
    (1 << 1, "est"),
    (1 << 2, "rel"),
    (1 << 3, "rpl"),
    (1 << 4, "inv"),
    (1 << 5, "trk"),
    (1 << 6, "snat"),
    (1 << 7, "dnat"),
];

/// Bits of `tcp_flags`.
pub(super) const TCP_FLAGS: &Names = &[
    (1 << 0, "fin"),
    (1 << 1, "syn"),
    (1 << 2, "rst"),
    (1 << 3, "psh"),
    (1 << 4, "ack"),
    (1 << 5, "urg"),
    (1 << 6, "ece"),
    (1 << 7, "cwr"),
    (1 << 8, "ns"),
    (1 << 9, "[200]"),
    (1 << 10, "[400]"),
    (1 << 11, "[800]"),
];

/// Bits of `tun_flags`.
pub(super) const TUN_FLAGS: &Names = &[(1 << 0, "oam")];

/// Classes of fragments: name, value, mask. Where two rows have one name, reading takes the first.
pub(super) const FRAGMENTS: &[(&str, u128, u128)] = &[
    ("no", 0, 3),
    ("first", 1, 3),
    ("later", 3, 3),
    ("no", 0, 1),
    ("yes", 1, 1),
    ("not_later", 0, 2),
    ("later", 2, 2),
];

/// All bits that have a name.
pub(super) fn named_bits(names: &Names) -> u128 {
    names.iter().fold(0, |bits, (bit, _)| bits | u128::from(*bit))
}

/// Writes flags: `a|b` where the mask has every named bit, else `+a-b`. Bits without a name force numbers.
pub(super) fn fmt_flags(f: &mut Formatter<'_>, names: &Names, value: u128, mask: u128) -> Result {
    let named = named_bits(names);
    if mask & named != named && mask & !named != 0 || value & !named != 0 {
        return write!(f, "{}/{}", Hex(value), Hex(mask));
    }
    match mask & named == named {
        true => fmt_exact(f, names, value),
        false => fmt_signed(f, names, value, mask),
    }
}

/// Writes `+a-b`: each bit of the mask with its value.
pub(super) fn fmt_signed(f: &mut Formatter<'_>, names: &Names, value: u128, mask: u128) -> Result {
    for (bit, name) in names.iter().filter(|(bit, _)| mask & u128::from(*bit) != 0) {
        write!(f, "{}{name}", if value & u128::from(*bit) != 0 { '+' } else { '-' })?;
    }
    Ok(())
}

fn fmt_exact(f: &mut Formatter<'_>, names: &Names, value: u128) -> Result {
    if value == 0 {
        return f.write_char('0');
    }
    let mut first = true;
    for (_, name) in names.iter().filter(|(bit, _)| value & u128::from(*bit) != 0) {
        f.write_str(if first { "" } else { "|" })?;
        f.write_str(name)?;
        first = false;
    }
    Ok(())
}

/// Writes the class of fragments that `value` and `mask` mean, as numbers where they mean none.
pub(super) fn fmt_fragment(f: &mut Formatter<'_>, value: u128, mask: u128) -> Result {
    match FRAGMENTS.iter().find(|(_, v, m)| (*v, *m) == (value, mask)) {
        Some((name, ..)) => f.write_str(name),
        None => write!(f, "{}/{}", Hex(value), Hex(mask)),
    }
}
