//! Actions: one table of words, each with what reads it.

use super::ct::{ct, nat};
use super::learn::learn;
use super::value::{
    Parsed, all_bytes, arrow, exact, fitting, source_and_destination, subfield, value, writable_subfield,
};
use crate::Field;
use crate::action::{Action, Controller, MAX_LEN_ALL, Resubmit, decode_list};
use crate::field::{Prereq, Subfield};
use crate::matching::{Match, VLAN_PRESENT};
use crate::text::print::REASONS;
use crate::text::source::{Done, Form, Item, Piece, TextError};
use crate::wire::{NESTED_ACTIONS_DEPTH_MAX, Reader};
use net_types::OfPort;

/// What the meaning of an action depends on besides its own text.
#[derive(Debug, Default)]
pub(super) struct Scope {
    /// Whether the packet surely has a VLAN tag here.
    tagged: bool,
    /// The port fields of the packet's transport.
    ports: Option<(Field, Field)>,
    /// Lists that enclose the present one.
    depth: usize,
}

impl Scope {
    /// The scope of actions on packets that `matching` describes.
    pub(super) fn of(matching: &Match) -> Self {
        let ports = [
            (Prereq::Tcp, (Field::TcpSrc, Field::TcpDst)),
            (Prereq::Udp, (Field::UdpSrc, Field::UdpDst)),
            (Prereq::Sctp, (Field::SctpSrc, Field::SctpDst)),
        ];
        Self {
            tagged: matching.meets(Prereq::Vlan),
            ports: ports.into_iter().find(|(prereq, _)| matching.meets(*prereq)).map(|(_, ports)| ports),
            depth: 0,
        }
    }

    /// Reads a list inside an action. What it does to the packet's headers is not seen outside.
    pub(super) fn nested(&self, text: Piece<'_>) -> Result<Vec<Action>, TextError> {
        if self.depth >= NESTED_ACTIONS_DEPTH_MAX {
            return Err(text.error(format!("actions are nested more than {NESTED_ACTIONS_DEPTH_MAX} deep")));
        }
        list(text, &mut Self { depth: self.depth + 1, ..*self })
    }
}

/// Reads a list of actions on packets of which nothing is known.
pub(in crate::text) fn actions(text: Piece<'_>) -> Result<Vec<Action>, TextError> {
    list(text, &mut Scope::default())
}

pub(super) fn list(text: Piece<'_>, scope: &mut Scope) -> Result<Vec<Action>, TextError> {
    let mut out = Vec::new();
    let mut drop = None;
    let mut items = text.items();
    while let Some(item) = items.next()? {
        match item.key.as_str().eq_ignore_ascii_case("drop") {
            true => {
                item.without_value()?;
                drop = Some(item.key);
            }
            false => action(item, scope, &mut out)?,
        }
    }
    match drop {
        Some(place) if !out.is_empty() => Err(place.error("drop cannot be together with other actions")),
        _ => Ok(out),
    }
}

/// Reads one action: a word of the table, or a port to output to.
pub(super) fn action(item: Item<'_>, scope: &mut Scope, out: &mut Vec<Action>) -> Done {
    let key = item.key.as_str();
    if let Some((_, read)) = WORDS.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)) {
        return read(item, scope, out);
    }
    let port: OfPort = item.key.parse("an action")?;
    item.without_value()?;
    out.push(Action::Output { port, max_len: 0 });
    Ok(())
}

/// The words that begin an action.
pub(in crate::text) fn words() -> impl Iterator<Item = &'static str> {
    WORDS.iter().map(|(word, _)| *word)
}

type Read = fn(Item<'_>, &mut Scope, &mut Vec<Action>) -> Done;

/// Reads an action without arguments.
macro_rules! plain {
    ($action:expr) => {
        |item, _, out| {
            item.without_value()?;
            out.push($action);
            Ok(())
        }
    };
}

/// Reads an action made of the value of its item.
macro_rules! valued {
    (|$value:ident| $action:expr) => {
        |item, _, out| {
            let $value = item.value;
            out.push($action);
            Ok(())
        }
    };
}

/// The words that begin an action, in any case, and what reads them.
static WORDS: &[(&str, Read)] = &[
    ("output", |item, _, out| output(item, out)),
    ("output_reg", valued!(|value| Action::OutputReg { src: port_subfield(value)?, max_len: MAX_LEN_ALL })),
    ("enqueue", |item, _, out| enqueue(item.value, out)),
    ("controller", |item, _, out| controller(item, out)),
    ("group", valued!(|value| Action::Group(value.number("a group")?))),
    ("set_queue", valued!(|value| Action::SetQueue(value.number("a queue")?))),
    ("pop_queue", plain!(Action::PopQueue)),
    ("set_field", |item, scope, out| set_field(item.value, scope, out)),
    ("load", |item, scope, out| load(item.value, scope, out)),
    ("move", |item, _, out| {
        let (src, dst) = source_and_destination(item.value)?;
        out.push(Action::Move { src, dst });
        Ok(())
    }),
    ("push", valued!(|value| Action::StackPush(subfield(value)?))),
    ("pop", valued!(|value| Action::StackPop(writable_subfield(value)?))),
    ("mod_dl_src", valued!(|value| set_whole(Field::EthSrc, value)?)),
    ("mod_dl_dst", valued!(|value| set_whole(Field::EthDst, value)?)),
    ("mod_nw_src", valued!(|value| set_whole(Field::Ipv4Src, value)?)),
    ("mod_nw_dst", valued!(|value| set_whole(Field::Ipv4Dst, value)?)),
    ("mod_nw_tos", |item, _, out| {
        let tos = fitting(item.value, 0xfc, "a TOS")?;
        if tos & 3 != 0 {
            return Err(item.value.expected("a TOS whose two low bits are zero"));
        }
        out.push(Action::set(Field::IpDscp, tos >> 2));
        Ok(())
    }),
    ("mod_nw_ecn", valued!(|value| set_whole(Field::IpEcn, value)?)),
    ("mod_nw_ttl", valued!(|value| Action::SetTtl(value.number("a TTL")?))),
    ("set_nw_ttl", valued!(|value| Action::SetTtl(value.number("a TTL")?))),
    ("mod_tp_src", |item, scope, out| set_port(item, scope.ports.map(|(src, _)| src), out)),
    ("mod_tp_dst", |item, scope, out| set_port(item, scope.ports.map(|(_, dst)| dst), out)),
    ("mod_vlan_vid", |item, scope, out| {
        push_tag_if_needed(scope, out);
        set_vlan(item.value, scope, out)
    }),
    ("set_vlan_vid", |item, scope, out| set_vlan(item.value, scope, out)),
    ("mod_vlan_pcp", |item, scope, out| {
        push_tag_if_needed(scope, out);
        out.push(set_whole(Field::VlanPcp, item.value)?);
        Ok(())
    }),
    ("set_vlan_pcp", valued!(|value| set_whole(Field::VlanPcp, value)?)),
    ("push_vlan", |item, scope, out| {
        let ether = item.value.number("an Ethertype")?;
        if !matches!(ether, 0x8100 | 0x88a8) {
            return Err(item.value.expected("the Ethertype of a VLAN tag, 0x8100 or 0x88a8"));
        }
        scope.tagged = true;
        out.push(Action::PushVlan(ether));
        Ok(())
    }),
    ("pop_vlan", |item, scope, out| pop_vlan(item, scope, out)),
    ("strip_vlan", |item, scope, out| pop_vlan(item, scope, out)),
    ("push_mpls", valued!(|value| Action::PushMpls(value.number("an Ethertype")?))),
    ("pop_mpls", valued!(|value| Action::PopMpls(value.number("an Ethertype")?))),
    ("set_mpls_label", valued!(|value| set_whole(Field::MplsLabel, value)?)),
    ("set_mpls_tc", valued!(|value| set_whole(Field::MplsTc, value)?)),
    ("set_mpls_ttl", valued!(|value| Action::SetMplsTtl(value.number("a TTL")?))),
    ("dec_mpls_ttl", plain!(Action::DecMplsTtl)),
    ("dec_ttl", |item, _, out| dec_ttl(item.value, out)),
    ("set_tunnel", valued!(|value| set_whole(Field::TunId, value)?)),
    ("set_tunnel64", valued!(|value| set_whole(Field::TunId, value)?)),
    ("delete_field", valued!(|value| delete_field(value)?)),
    ("resubmit", valued!(|value| Action::Resubmit(resubmit(value)?))),
    ("ct", |item, scope, out| {
        out.push(Action::Ct(ct(item.value, scope)?));
        Ok(())
    }),
    ("ct_clear", plain!(Action::CtClear)),
    ("nat", valued!(|value| Action::Nat(nat(value)?))),
    ("learn", valued!(|value| Action::Learn(Box::new(learn(value)?)))),
    ("conjunction", valued!(|value| conjunction(value)?)),
    ("note", valued!(|value| note(value)?)),
    ("check_pkt_larger", valued!(|value| check_pkt_larger(value)?)),
    ("clone", |item, scope, out| {
        out.push(Action::Clone(scope.nested(item.value)?));
        Ok(())
    }),
    ("fin_timeout", valued!(|value| fin_timeout(value)?)),
    ("exit", plain!(Action::Exit)),
    ("unknown", |item, _, out| unknown(item.value, out)),
];

fn output(item: Item<'_>, out: &mut Vec<Action>) -> Done {
    let value = item.value;
    out.push(if item.form == Form::Parens && value.as_str().contains("max_len") {
        truncated_output(value)?
    } else if let Ok(port) = value.port() {
        Action::output(port)
    } else {
        Action::OutputReg { src: port_subfield(value)?, max_len: MAX_LEN_ALL }
    });
    Ok(())
}

/// A sub-field that `output` can name: the action has six bits for its width, and cannot say all of a quadruple register.
fn port_subfield(text: Piece<'_>) -> Result<Subfield, TextError> {
    subfield(text)
        .ok()
        .filter(|subfield| subfield.n_bits <= 64)
        .ok_or_else(|| text.expected("a port or at most 64 bits that hold one"))
}

fn truncated_output(text: Piece<'_>) -> Result<Action, TextError> {
    /// An Ethernet header must remain.
    const LEN_MIN: u32 = 14;
    let (mut to, mut len) = (None, None);
    let mut items = text.items();
    while let Some(Item { key, value, .. }) = items.next()? {
        match key.as_str() {
            "port" => to = Some(value.port()?),
            "max_len" => len = Some(value.number("a length")?),
            _ => return Err(key.expected("port or max_len")),
        }
    }
    match (to, len) {
        (Some(port), Some(max_len)) if max_len >= LEN_MIN => Ok(Action::OutputTrunc { port, max_len }),
        (Some(_), Some(_)) => Err(text.error(format!("max_len must be at least {LEN_MIN}"))),
        _ => Err(text.expected("port and max_len")),
    }
}

fn enqueue(text: Piece<'_>, out: &mut Vec<Action>) -> Done {
    let mut words = text.words(&[':', 'q', ',']);
    let (Some(port), Some(queue), None) = (words.next(), words.next(), words.next()) else {
        return Err(text.expected("PORT:QUEUE"));
    };
    out.extend([Action::SetQueue(queue.number("a queue")?), Action::output(port.port()?), Action::PopQueue]);
    Ok(())
}

fn controller(item: Item<'_>, out: &mut Vec<Action>) -> Done {
    let text = item.value;
    let mut controller = Controller::default();
    if !text.is_empty() && text.as_str().bytes().all(|byte| byte.is_ascii_digit()) {
        controller.max_len = text.number("a length")?;
    } else {
        let mut items = text.items();
        while let Some(item) = items.next()? {
            controller_argument(&mut controller, item)?;
        }
    }
    let max_len = controller.max_len;
    out.push(match controller == (Controller { max_len, ..Controller::default() }) {
        true => Action::Output { port: OfPort::CONTROLLER, max_len },
        false => Action::Controller(controller),
    });
    Ok(())
}

fn controller_argument(controller: &mut Controller, item: Item<'_>) -> Done {
    let Item { key, value, .. } = item;
    match key.as_str() {
        "reason" => {
            let named = REASONS.iter().position(|name| name.eq_ignore_ascii_case(value.as_str()));
            controller.reason = match named.and_then(|number| u8::try_from(number).ok()) {
                Some(number) => number,
                None => value.number("a reason by name")?,
            };
        }
        "max_len" => controller.max_len = value.number("a length")?,
        "id" => controller.id = value.number("the id of a controller")?,
        "userdata" => controller.userdata = value.hex_bytes()?,
        "pause" => {
            item.without_value()?;
            controller.pause = true;
        }
        "meter_id" => controller.meter = Some(value.number("a meter")?),
        _ => return Err(key.expected("reason, max_len, id, userdata, pause or meter_id")),
    }
    Ok(())
}

fn set_whole(field: Field, text: Piece<'_>) -> Result<Action, TextError> {
    Ok(Action::SetField { field, value: exact(field, text)? })
}

fn set_field(text: Piece<'_>, scope: &mut Scope, out: &mut Vec<Action>) -> Done {
    let (bits, name) = arrow(text)?;
    let field = Field::by_name(name.as_str()).ok_or_else(|| name.expected("the name of a field"))?;
    if !field.def().writable {
        return Err(name.error(format!("{} is read-only", field.name())));
    }
    let Parsed { value, mask } = value(field, bits)?;
    match mask {
        None => out.push(Action::SetField { field, value }),
        Some(mask) if mask == all_bytes(field) => out.push(Action::SetField { field, value }),
        Some(mask) if mask & field.full_mask() == 0 => {
            return Err(bits.error("a mask that is zero writes nothing"));
        }
        Some(_) if !field.def().maskable => {
            return Err(bits.error(format!("{} cannot be written in part", field.name())));
        }
        Some(mask) => write_masked(field, value, mask & field.full_mask(), out),
    }
    if field == Field::VlanTci {
        scope.tagged = value & VLAN_PRESENT != 0;
    }
    Ok(())
}

/// Appends what Open vSwitch makes of a masked write on an OpenFlow 1.3 wire: a load for each run of at most 64 bits.
fn write_masked(field: Field, value: u128, mask: u128, out: &mut Vec<Action>) {
    if field.is_tun_metadata() {
        return out.push(Action::Load2 { field, value: value & mask, mask });
    }
    let (mut ofs, bits) = (0, field.subfield_bits());
    while ofs < bits {
        let ones = u16::try_from((mask >> ofs).trailing_ones()).unwrap_or(bits).min(64).min(bits - ofs);
        match Subfield::new(field, ofs, ones) {
            Some(dst) => {
                let part = u64::try_from(dst.get(value)).unwrap_or(u64::MAX);
                out.push(Action::load(dst, part));
                ofs += ones;
            }
            None => ofs += 1,
        }
    }
}

fn load(text: Piece<'_>, scope: &mut Scope, out: &mut Vec<Action>) -> Done {
    let (bits, name) = arrow(text)?;
    let dst = writable_subfield(name)?;
    let value = fitting(bits, dst.mask() >> dst.ofs, &format!("a value of {} bits", dst.n_bits))?;
    match dst.field.is_tun_metadata() && dst.is_all() {
        true => out.push(Action::SetField { field: dst.field, value }),
        false => write_masked(dst.field, value << dst.ofs, dst.mask(), out),
    }
    if dst.field == Field::VlanTci && dst.mask() & VLAN_PRESENT != 0 {
        scope.tagged = value << dst.ofs & VLAN_PRESENT != 0;
    }
    Ok(())
}

fn set_port(item: Item<'_>, field: Option<Field>, out: &mut Vec<Action>) -> Done {
    let field = field
        .ok_or_else(|| item.key.error(format!("{} needs a match of tcp, udp or sctp", item.key.as_str())))?;
    out.push(set_whole(field, item.value)?);
    Ok(())
}

fn push_tag_if_needed(scope: &mut Scope, out: &mut Vec<Action>) {
    if !scope.tagged {
        out.push(Action::PushVlan(0x8100));
    }
    scope.tagged = true;
}

fn set_vlan(text: Piece<'_>, scope: &mut Scope, out: &mut Vec<Action>) -> Done {
    let vlan = fitting(text, VLAN_PRESENT - 1, "a VLAN")?;
    scope.tagged = true;
    out.push(Action::set(Field::VlanVid, vlan | VLAN_PRESENT));
    Ok(())
}

fn pop_vlan(item: Item<'_>, scope: &mut Scope, out: &mut Vec<Action>) -> Done {
    item.without_value()?;
    scope.tagged = false;
    out.push(Action::PopVlan);
    Ok(())
}

fn dec_ttl(text: Piece<'_>, out: &mut Vec<Action>) -> Done {
    let ids = text.words(&[',', ' ']).map(|id| id.number("the id of a controller"));
    let ids = ids.collect::<Result<Vec<u16>, _>>()?;
    out.push(if ids.is_empty() { Action::DecTtl } else { Action::DecTtlIds(ids) });
    Ok(())
}

fn delete_field(text: Piece<'_>) -> Result<Action, TextError> {
    Field::by_name(text.as_str())
        .filter(|field| field.is_tun_metadata())
        .map(Action::DeleteField)
        .ok_or_else(|| text.expected("tun_metadata0 to tun_metadata63"))
}

fn resubmit(text: Piece<'_>) -> Result<Resubmit, TextError> {
    if text.is_empty() {
        return Err(text.expected("a port, or PORT,TABLE of which one may be missing"));
    }
    let (port, rest) = text.split_once(",").unwrap_or((text, Piece::new("")));
    let (table, ct) = rest.split_once(",").unwrap_or((rest, Piece::new("")));
    let in_port =
        if port.is_empty() { None } else { Some(port.port()?).filter(|port| *port != OfPort::IN_PORT) };
    let table: Option<u8> = if table.is_empty() { None } else { Some(table.number("a table")?) };
    let ct = match ct.as_str() {
        "" => false,
        "ct" => true,
        _ => return Err(ct.expected("ct")),
    };
    Ok(Resubmit { in_port, table: table.filter(|table| *table != u8::MAX), ct })
}

fn conjunction(text: Piece<'_>) -> Result<Action, TextError> {
    let syntax = || text.expected("ID,CLAUSE/NUMBER_OF_CLAUSES");
    let (id, dimensions) = text.split_once(",").ok_or_else(syntax)?;
    let (clause, n_clauses) = dimensions.split_once("/").ok_or_else(syntax)?;
    let (number, of) =
        (clause.trim().number::<u8>("a clause")?, n_clauses.trim().number::<u8>("a number of clauses")?);
    if !(2..=64).contains(&of) {
        return Err(n_clauses.expected("2 to 64 clauses"));
    }
    if !(1..=of).contains(&number) {
        return Err(clause.expected(&format!("a clause from 1 to {of}")));
    }
    Ok(Action::Conjunction { id: id.trim().number("an id")?, clause: number, n_clauses: of })
}

/// The bytes fill the action up to a multiple of eight, as they come back from the wire.
fn note(text: Piece<'_>) -> Result<Action, TextError> {
    const HEADER_LEN: usize = 10;
    let mut bytes = text.hex_bytes()?;
    bytes.resize((HEADER_LEN + bytes.len()).next_multiple_of(8) - HEADER_LEN, 0);
    Ok(Action::Note(bytes))
}

fn check_pkt_larger(text: Piece<'_>) -> Result<Action, TextError> {
    let (len, dst) = text.split_once(")->").map_or_else(|| arrow(text), Ok)?;
    let bit = writable_subfield(dst)?;
    match bit.n_bits {
        1 => Ok(Action::CheckPktLarger { len: len.number("a length")?, dst: bit }),
        _ => Err(dst.expected("a single bit")),
    }
}

fn fin_timeout(text: Piece<'_>) -> Result<Action, TextError> {
    let (mut idle_s, mut hard_s) = (0, 0);
    let mut items = text.items();
    while let Some(Item { key, value, .. }) = items.next()? {
        match key.as_str() {
            "idle_timeout" => idle_s = value.number("seconds")?,
            "hard_timeout" => hard_s = value.number("seconds")?,
            _ => return Err(key.expected("idle_timeout or hard_timeout")),
        }
    }
    Ok(Action::FinTimeout { idle_s, hard_s })
}

fn unknown(text: Piece<'_>, out: &mut Vec<Action>) -> Done {
    let bytes = text.hex_bytes()?;
    match decode_list(&mut Reader::new(&bytes)) {
        Ok(decoded) if decoded.iter().all(|action| matches!(action, Action::Unknown(_))) => {
            out.extend(decoded);
            Ok(())
        }
        Ok(_) => Err(text.error("these bytes are an action that has a name")),
        Err(error) => Err(text.error(format!("these bytes are no action: {error}"))),
    }
}
