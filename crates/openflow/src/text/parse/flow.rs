//! Flows and their instructions.

use super::action::{self, Scope};
use super::matching::Reading;
use crate::flow::{Flow, PRIORITY_DEFAULT};
use crate::instruction::Instructions;
use crate::text::print::FLOW_FLAGS;
use crate::text::source::{Done, Form, Item, Piece, TextError};
use crate::wire::Reader;

/// Reads a flow.
pub(in crate::text) fn flow(text: Piece<'_>) -> Result<Flow, TextError> {
    let mut flow = Flow::new(0, PRIORITY_DEFAULT);
    let mut reading = Reading::default();
    let mut items = text.items();
    let actions = loop {
        let end = items.place();
        let item = items.next()?.ok_or_else(|| end.expected("actions="))?;
        if item.form == Form::Assigned && matches!(item.key.as_str(), "actions" | "action") {
            break text.starting_with(item.value);
        }
        if !keyword(&mut flow, item)? {
            reading.add(item)?;
        }
    };
    flow.matching = reading.finish()?;
    flow.instructions = instructions(actions, &mut Scope::of(&flow.matching))?;
    Ok(flow)
}

/// Takes an item that is not part of the match; says whether it was one.
fn keyword(flow: &mut Flow, item: Item<'_>) -> Result<bool, TextError> {
    let Item { key, value, .. } = item;
    if let Some((flag, _)) = FLOW_FLAGS.iter().find(|(_, name)| *name == key.as_str()) {
        item.without_value()?;
        flow.flags.0 |= flag.0;
        return Ok(true);
    }
    match key.as_str() {
        "table" => flow.table = value.number("a table")?,
        "priority" => flow.priority = value.number("a priority")?,
        "cookie" if value.as_str().contains('/') => {
            return Err(value.error("a flow has a cookie without a mask"));
        }
        "cookie" => flow.cookie = value.number("a cookie")?,
        "idle_timeout" => flow.idle_s = value.number("seconds")?,
        "hard_timeout" => flow.hard_s = value.number("seconds")?,
        "flags" => flow.flags.0 |= value.number::<u16>("flags")?,
        "importance" if value.number::<u16>("an importance")? != 0 => {
            return Err(value.error("OpenFlow 1.3 has no importance"));
        }
        // What a dump says about the past of a flow is no part of it.
        "importance" | "duration" | "n_packets" | "n_bytes" | "idle_age" | "hard_age" => {}
        "no_readonly_table" | "allow_hidden_fields" => item.without_value()?,
        _ => return Ok(false),
    }
    Ok(true)
}

/// When an instruction is executed; text must name them in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Meter,
    Apply,
    Clear,
    Write,
    Metadata,
    Goto,
    Unknown,
}

/// Reads the list behind `actions=`: actions and instructions.
fn instructions(text: Piece<'_>, scope: &mut Scope) -> Result<Instructions, TextError> {
    let mut out = Instructions::default();
    let mut last = None;
    let mut drop = None;
    let mut items = text.items();
    while let Some(item) = items.next()? {
        if item.key.as_str().eq_ignore_ascii_case("drop") {
            item.without_value()?;
            drop = Some(item.key);
            continue;
        }
        let rank = instruction(&mut out, item, scope)?;
        check_order(item, last, rank)?;
        last = Some(rank);
    }
    match drop {
        Some(place) if !out.is_empty() => Err(place.error("drop cannot be together with other actions")),
        _ => Ok(out),
    }
}

fn check_order(item: Item<'_>, last: Option<Rank>, rank: Rank) -> Done {
    let repeatable = matches!(rank, Rank::Apply | Rank::Unknown);
    match last {
        Some(last) if last > rank => Err(item
            .key
            .error(format!("{} is executed before what stands before it: put it there", item.key.as_str()))),
        Some(last) if last == rank && !repeatable => {
            Err(item.key.error(format!("{} can be there only once", item.key.as_str())))
        }
        _ => Ok(()),
    }
}

fn instruction(out: &mut Instructions, item: Item<'_>, scope: &mut Scope) -> Result<Rank, TextError> {
    let Item { key, value, .. } = item;
    Ok(match key.as_str().to_ascii_lowercase().as_str() {
        "meter" => {
            out.meter = Some(value.number("a meter")?);
            Rank::Meter
        }
        "clear_actions" => {
            item.without_value()?;
            out.clear = true;
            Rank::Clear
        }
        "write_actions" => {
            out.write = scope.nested(value)?;
            Rank::Write
        }
        "write_metadata" => {
            let (bits, mask) = match value.split_once("/") {
                Some((bits, mask)) => (bits, mask.number("a mask")?),
                None => (value, u64::MAX),
            };
            out.metadata = Some((bits.number("metadata")?, mask));
            Rank::Metadata
        }
        "goto_table" => {
            out.goto = Some(value.number("a table")?);
            Rank::Goto
        }
        "unknown_instruction" => {
            out.unknown.extend(unknown(value)?);
            Rank::Unknown
        }
        "apply_actions" => return Err(key.error("actions are applied without saying apply_actions")),
        _ => {
            action::action(item, scope, &mut out.apply)?;
            Rank::Apply
        }
    })
}

fn unknown(text: Piece<'_>) -> Result<Vec<Vec<u8>>, TextError> {
    let bytes = text.hex_bytes()?;
    match Instructions::decode(&mut Reader::new(&bytes)) {
        Ok(decoded)
            if decoded == (Instructions { unknown: decoded.unknown.clone(), ..Default::default() }) =>
        {
            Ok(decoded.unknown)
        }
        Ok(_) => Err(text.error("these bytes are an instruction that has a name")),
        Err(error) => Err(text.error(format!("these bytes are no instruction: {error}"))),
    }
}
