//! Bytes to actions.

use net_types::OfPort;

use super::encode::{
    CT_COMMIT, CT_FORCE, EXPERIMENTER, NICIRA, NO_TABLE, PROP_CONTROLLER_ID, PROP_MAX_LEN, PROP_METER,
    PROP_PAUSE, PROP_REASON, PROP_USERDATA,
};
use super::learn::read_field;
use super::{ACTIONS, Action, Code, Controller, Ct, Kind, Learn, Nat, Resubmit, Zone};
use crate::field::{Field, Subfield, WireHeader};
use crate::wire::{NESTED_ACTIONS_DEPTH_MAX, Problem, Reader, WireError};

/// Reads actions until `r` is empty.
pub fn decode_list(r: &mut Reader<'_>) -> Result<Vec<Action>, WireError> {
    decode_nested(r, 0)
}

fn decode_nested(r: &mut Reader<'_>, depth: usize) -> Result<Vec<Action>, WireError> {
    if depth > NESTED_ACTIONS_DEPTH_MAX {
        return Err(r.error(Problem::TooDeep { what: "actions" }));
    }
    let mut actions = Vec::new();
    while !r.is_empty() {
        actions.push(decode_one(r, depth)?);
    }
    Ok(actions)
}

fn kind_of(code: Code) -> Option<Kind> {
    ACTIONS.iter().find(|def| def.code == code).map(|def| def.kind)
}

fn decode_one(r: &mut Reader<'_>, depth: usize) -> Result<Action, WireError> {
    let whole = r.peek();
    let number = r.u16("an action")?;
    let len = usize::from(r.u16("an action")?);
    if len < 8 || len % 8 != 0 {
        return Err(r.bad_length("an action", len));
    }
    let mut body = r.sub("an action", len - 4)?;
    let kind = match number {
        EXPERIMENTER => match body.u32("an experimenter action")? {
            NICIRA if body.remaining() >= 2 => kind_of(Code::Nicira(body.u16("an experimenter action")?)),
            _ => None,
        },
        number => kind_of(Code::Standard(number)),
    };
    let Some(kind) = kind else { return Ok(Action::Unknown(whole[..len].to_vec())) };
    match decode_body(kind, &mut body, depth) {
        Err(WireError { problem: Problem::Unknown { .. }, .. }) => Ok(Action::Unknown(whole[..len].to_vec())),
        decoded => decoded,
    }
}

fn decode_body(kind: Kind, r: &mut Reader<'_>, depth: usize) -> Result<Action, WireError> {
    Ok(match kind {
        Kind::Output => Action::Output { port: port32(r)?, max_len: r.u16("output")? },
        Kind::OutputReg => decode_output_reg(r)?,
        Kind::OutputReg2 => decode_output_reg2(r)?,
        Kind::OutputTrunc => Action::OutputTrunc { port: port16(r)?, max_len: r.u32("output")? },
        Kind::Controller => Action::Controller(decode_controller(r)?),
        Kind::Controller2 => Action::Controller(decode_controller2(r)?),
        Kind::Group => Action::Group(r.u32("group")?),
        Kind::SetQueue => Action::SetQueue(r.u32("set_queue")?),
        Kind::PopQueue => Action::PopQueue,
        Kind::SetField => decode_set_field(r)?,
        Kind::Load => decode_load(r)?,
        Kind::Load2 => decode_load2(r)?,
        Kind::Move => decode_move(r)?,
        Kind::StackPush => Action::StackPush(stack_subfield(r)?),
        Kind::StackPop => Action::StackPop(stack_subfield(r)?),
        Kind::Resubmit => Action::Resubmit(Resubmit { in_port: resubmit_port(r)?, table: None, ct: false }),
        Kind::ResubmitTable | Kind::ResubmitTableCt => Action::Resubmit(Resubmit {
            in_port: resubmit_port(r)?,
            table: table(r)?,
            ct: kind == Kind::ResubmitTableCt,
        }),
        Kind::Learn | Kind::Learn2 => Action::Learn(Box::new(Learn::decode(r, kind == Kind::Learn2)?)),
        Kind::Conjunction => Action::Conjunction {
            clause: r.u8("conjunction")?.wrapping_add(1),
            n_clauses: r.u8("conjunction")?,
            id: r.u32("conjunction")?,
        },
        Kind::Note => Action::Note(r.take_rest().to_vec()),
        Kind::Exit => Action::Exit,
        Kind::FinTimeout => {
            Action::FinTimeout { idle_s: r.u16("fin_timeout")?, hard_s: r.u16("fin_timeout")? }
        }
        Kind::Ct => Action::Ct(decode_ct(r, depth)?),
        Kind::Nat => Action::Nat(Nat::decode(r)?),
        Kind::CtClear => Action::CtClear,
        Kind::Clone => {
            r.skip("clone", 6)?;
            Action::Clone(decode_nested(r, depth + 1)?)
        }
        Kind::CheckPktLarger => {
            let (len, ofs) = (r.u16("check_pkt_larger")?, r.u16("check_pkt_larger")?);
            Action::CheckPktLarger { len, dst: subfield(r, ofs, 1)? }
        }
        Kind::DeleteField => Action::DeleteField(read_field(r)?),
        Kind::SetTtl => Action::SetTtl(r.u8("mod_nw_ttl")?),
        Kind::DecTtl => Action::DecTtl,
        Kind::DecTtlIds => decode_dec_ttl_ids(r)?,
        Kind::SetMplsTtl => Action::SetMplsTtl(r.u8("set_mpls_ttl")?),
        Kind::DecMplsTtl => Action::DecMplsTtl,
        Kind::PushVlan => Action::PushVlan(r.u16("push_vlan")?),
        Kind::PopVlan => Action::PopVlan,
        Kind::PushMpls => Action::PushMpls(r.u16("push_mpls")?),
        Kind::PopMpls => Action::PopMpls(r.u16("pop_mpls")?),
    })
}

fn port32(r: &mut Reader<'_>) -> Result<OfPort, WireError> {
    r.u32("a port").map(OfPort::new)
}

fn port16(r: &mut Reader<'_>) -> Result<OfPort, WireError> {
    r.u16("a port").map(OfPort::from_of10)
}

fn resubmit_port(r: &mut Reader<'_>) -> Result<Option<OfPort>, WireError> {
    Ok(Some(port16(r)?).filter(|port| *port != OfPort::IN_PORT))
}

fn table(r: &mut Reader<'_>) -> Result<Option<u8>, WireError> {
    Ok(Some(r.u8("a table")?).filter(|table| *table != NO_TABLE))
}

fn ranged(r: &mut Reader<'_>, ofs_nbits: u16) -> Result<Subfield, WireError> {
    let field = read_field(r)?;
    Subfield::from_ofs_nbits(r, field, ofs_nbits)
}

fn subfield(r: &mut Reader<'_>, ofs: u16, n_bits: u16) -> Result<Subfield, WireError> {
    let field = read_field(r)?;
    Subfield::new(field, ofs, n_bits).ok_or_else(|| r.bad_value("the first bit of a range", ofs))
}

fn stack_subfield(r: &mut Reader<'_>) -> Result<Subfield, WireError> {
    let ofs = r.u16("the stack")?;
    let field: Field = read_field(r)?;
    let n_bits = r.u16("the stack")?;
    Subfield::new(field, ofs, n_bits).ok_or_else(|| r.bad_value("the bits of a stack action", n_bits))
}

fn decode_output_reg(r: &mut Reader<'_>) -> Result<Action, WireError> {
    let ofs_nbits = r.u16("output")?;
    let src = ranged(r, ofs_nbits)?;
    Ok(Action::OutputReg { src, max_len: r.u16("output")? })
}

/// The form whose field header can be long, and therefore comes last.
fn decode_output_reg2(r: &mut Reader<'_>) -> Result<Action, WireError> {
    let (ofs_nbits, max_len) = (r.u16("output")?, r.u16("output")?);
    Ok(Action::OutputReg { src: ranged(r, ofs_nbits)?, max_len })
}

/// OpenFlow 1.3 has no masks here, so one makes this an action that is not known.
fn decode_set_field(r: &mut Reader<'_>) -> Result<Action, WireError> {
    let at = r.clone();
    match decode_value(r)? {
        (field, value, None) => Ok(Action::set(field, value)),
        (field, ..) => Err(at.unknown("a masked set_field of field", field.index() as u64)),
    }
}

fn decode_load(r: &mut Reader<'_>) -> Result<Action, WireError> {
    let ofs_nbits = r.u16("load")?;
    let dst = ranged(r, ofs_nbits)?;
    Ok(Action::load(dst, r.u64("load")?))
}

fn decode_dec_ttl_ids(r: &mut Reader<'_>) -> Result<Action, WireError> {
    let count = r.u16("dec_ttl")?;
    r.skip("dec_ttl", 4)?;
    Ok(Action::DecTtlIds((0..count).map(|_| r.u16("a controller id")).collect::<Result<_, _>>()?))
}

fn decode_move(r: &mut Reader<'_>) -> Result<Action, WireError> {
    let (n_bits, src_ofs, dst_ofs) = (r.u16("move")?, r.u16("move")?, r.u16("move")?);
    Ok(Action::Move { src: subfield(r, src_ofs, n_bits)?, dst: subfield(r, dst_ofs, n_bits)? })
}

fn decode_load2(r: &mut Reader<'_>) -> Result<Action, WireError> {
    let (field, value, mask) = decode_value(r)?;
    let mask = mask.unwrap_or(u128::MAX) & field.full_mask();
    Ok(Action::Load2 { field, value: value & mask, mask })
}

/// Reads a field with its value and mask.
fn decode_value(r: &mut Reader<'_>) -> Result<(Field, u128, Option<u128>), WireError> {
    let at = r.clone();
    let header = WireHeader::read_of_value(r)?;
    let unknown = || at.unknown("field header of set_field, bytes", header.payload_bytes as u64);
    let field = header.field.ok_or_else(unknown)?;
    let value = r.uint("set_field", header.value_bytes)?;
    let mask = header.masked.then(|| r.uint("set_field", header.value_bytes)).transpose()?;
    Ok((field, value, mask))
}

fn decode_controller(r: &mut Reader<'_>) -> Result<Controller, WireError> {
    Ok(Controller {
        max_len: r.u16("controller")?,
        id: r.u16("controller")?,
        reason: r.u8("controller")?,
        ..Controller::default()
    })
}

fn decode_controller2(r: &mut Reader<'_>) -> Result<Controller, WireError> {
    r.skip("controller", 6)?;
    let mut controller = Controller::default();
    while r.remaining() >= 4 {
        let (kind, mut value) = read_property(r)?;
        match kind {
            PROP_MAX_LEN => controller.max_len = value.u16("controller")?,
            PROP_CONTROLLER_ID => controller.id = value.u16("controller")?,
            PROP_REASON => controller.reason = value.u8("controller")?,
            PROP_USERDATA => controller.userdata = value.take_rest().to_vec(),
            PROP_PAUSE => controller.pause = true,
            PROP_METER => controller.meter = Some(value.u32("controller")?),
            _ => return Err(value.unknown("property of controller", kind)),
        }
    }
    Ok(controller)
}

/// Reads a property and its padding; the padding of the last one may be missing.
pub(crate) fn read_property<'a>(r: &mut Reader<'a>) -> Result<(u16, Reader<'a>), WireError> {
    let kind = r.u16("a property")?;
    let len = usize::from(r.u16("a property")?);
    let value_len = len.checked_sub(4).ok_or_else(|| r.bad_length("a property", len))?;
    let value = r.sub("a property", value_len)?;
    let padding = len.next_multiple_of(8) - len;
    r.skip("the padding of a property", padding.min(r.remaining()))?;
    Ok((kind, value))
}

fn decode_ct(r: &mut Reader<'_>, depth: usize) -> Result<Ct, WireError> {
    let flags = r.u16("ct")?;
    if flags & !(CT_COMMIT | CT_FORCE) != 0 {
        return Err(r.unknown("flags of ct", flags));
    }
    let zone = if r.peek().starts_with(&[0; 4]) {
        r.skip("ct", 4)?;
        Zone::Imm(r.u16("ct")?)
    } else {
        let field = read_field(r)?;
        let ofs_nbits = r.u16("ct")?;
        Zone::From(Subfield::from_ofs_nbits(r, field, ofs_nbits)?)
    };
    let table = table(r)?;
    r.skip("ct", 3)?;
    Ok(Ct {
        commit: flags & CT_COMMIT != 0,
        force: flags & CT_FORCE != 0,
        zone,
        table,
        alg: r.u16("ct")?,
        actions: decode_nested(r, depth + 1)?,
    })
}
