//! Printing.

use std::fmt::{Formatter, Result};

use crate::{Action, Flow, Match, group::Group, meter::Meter};

pub(crate) fn fmt_match(_: &mut Formatter<'_>, _: &Match) -> Result {
    Ok(())
}
pub(crate) fn fmt_action(_: &mut Formatter<'_>, _: &Action) -> Result {
    Ok(())
}
pub(crate) fn fmt_flow(_: &mut Formatter<'_>, _: &Flow) -> Result {
    Ok(())
}
pub(crate) fn fmt_key(_: &mut Formatter<'_>, _: u8, _: u16, _: &Match) -> Result {
    Ok(())
}
pub(crate) fn fmt_group(_: &mut Formatter<'_>, _: &Group) -> Result {
    Ok(())
}
pub(crate) fn fmt_meter(_: &mut Formatter<'_>, _: &Meter) -> Result {
    Ok(())
}
