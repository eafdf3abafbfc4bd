//! `learn`.

use super::value::{exact, fitting, source_and_destination, subfield, writable_subfield};
use crate::action::{Learn, LearnDst, LearnSpec, LearnSrc};
use crate::text::source::{Item, Piece, TextError};

pub(super) fn learn(text: Piece<'_>) -> Result<Learn, TextError> {
    let mut learn = Learn::default();
    let mut items = text.items();
    while let Some(item) = items.next()? {
        if !argument(&mut learn, item)? {
            learn.specs.push(spec(item)?);
        }
    }
    Ok(learn)
}

/// Takes an item that says something of the new flow as a whole; says whether it was one.
fn argument(learn: &mut Learn, item: Item<'_>) -> Result<bool, TextError> {
    let Item { key, value, .. } = item;
    match key.as_str() {
        "table" => match value.number("a table")? {
            u8::MAX => return Err(value.expected("a table below 255")),
            table => learn.table = table,
        },
        "priority" => learn.priority = value.number("a priority")?,
        "idle_timeout" => learn.idle_s = value.number("seconds")?,
        "hard_timeout" => learn.hard_s = value.number("seconds")?,
        "fin_idle_timeout" => learn.fin_idle_s = value.number("seconds")?,
        "fin_hard_timeout" => learn.fin_hard_s = value.number("seconds")?,
        "cookie" => learn.cookie = value.number("a cookie")?,
        "send_flow_rem" => {
            item.without_value()?;
            learn.flags.send_flow_rem = true;
        }
        "delete_learned" => {
            item.without_value()?;
            learn.flags.delete_learned = true;
        }
        "limit" => learn.limit = value.number("a number of flows")?,
        "result_dst" => {
            let bit = writable_subfield(value)?;
            if bit.n_bits != 1 {
                return Err(value.expected("a single bit"));
            }
            learn.result = Some(bit);
        }
        _ => return Ok(false),
    }
    Ok(true)
}

fn spec(item: Item<'_>) -> Result<LearnSpec, TextError> {
    let Item { key, value, .. } = item;
    match key.as_str() {
        "load" => load(value),
        "output" => {
            let src = subfield(value)?;
            Ok(LearnSpec { n_bits: src.n_bits, src: LearnSrc::Field(src), dst: LearnDst::Output })
        }
        _ => {
            let dst = subfield(key).map_err(|_| key.expected("a keyword of learn or a field"))?;
            let src = if value.is_empty() {
                LearnSrc::Field(dst)
            } else if let Ok(src) = subfield(value) {
                if src.n_bits != dst.n_bits {
                    return Err(value.error(format!("{} bits do not match {} bits", src.n_bits, dst.n_bits)));
                }
                LearnSrc::Field(src)
            } else if dst.is_all() {
                LearnSrc::Value(exact(dst.field, value)?)
            } else {
                LearnSrc::Value(fitting(value, dst.mask() >> dst.ofs, "a value or a sub-field")?)
            };
            Ok(LearnSpec { n_bits: dst.n_bits, src, dst: LearnDst::Match(dst) })
        }
    }
}

fn load(text: Piece<'_>) -> Result<LearnSpec, TextError> {
    let number = text.split_once("->").filter(|(value, _)| value.uint().is_some());
    let (src, dst) = match number {
        Some((value, dst)) => {
            let dst = writable_subfield(dst)?;
            (LearnSrc::Value(fitting(value, dst.mask() >> dst.ofs, "a value that fits")?), dst)
        }
        None => {
            let (src, dst) = source_and_destination(text)?;
            (LearnSrc::Field(src), dst)
        }
    };
    Ok(LearnSpec { n_bits: dst.n_bits, src, dst: LearnDst::Load(dst) })
}
