//! Actions to bytes.

use net_types::OfPort;

use super::learn::put_field_header;
use super::{Action, Code, Controller, Ct, Kind, REASON_ACTION, Resubmit, Zone};
use crate::field::{Field, Header, Subfield};
use crate::wire::{Put, patch_len};

/// Type of an experimenter action.
pub(super) const EXPERIMENTER: u16 = 0xffff;
/// Experimenter id of Nicira.
pub(crate) const NICIRA: u32 = 0x0000_2320;
/// "No table" in `ct` and `resubmit`.
pub(super) const NO_TABLE: u8 = 0xff;

pub(super) const CT_COMMIT: u16 = 1 << 0;
pub(super) const CT_FORCE: u16 = 1 << 1;

pub(super) const PROP_MAX_LEN: u16 = 0;
pub(super) const PROP_CONTROLLER_ID: u16 = 1;
pub(super) const PROP_REASON: u16 = 2;
pub(super) const PROP_USERDATA: u16 = 3;
pub(super) const PROP_PAUSE: u16 = 4;
pub(super) const PROP_METER: u16 = 5;

/// Appends actions, one behind the other.
pub fn encode_list(actions: &[Action], out: &mut Vec<u8>) {
    for action in actions {
        action.encode(out);
    }
}

impl Kind {
    /// Code of the kind on the wire.
    pub fn code(self) -> Code {
        super::ACTIONS[self as usize].code
    }
}

/// Appends the header for `kind`, whatever `body` appends, padding, and the right length.
fn item(out: &mut Vec<u8>, kind: Kind, body: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    match kind.code() {
        Code::Standard(number) => {
            out.put_u16(number);
            out.put_u16(0);
        }
        Code::Nicira(subtype) => {
            out.put_u16(EXPERIMENTER);
            out.put_u16(0);
            out.put_u32(NICIRA);
            out.put_u16(subtype);
        }
    }
    body(out);
    out.pad8_from(start);
    patch_len(out, start, start + 2);
}

/// Appends zeros up to `len` bytes since `start`.
fn pad_to(out: &mut Vec<u8>, start: usize, len: usize) {
    let written = out.len() - start;
    out.put_zeros(len.saturating_sub(written));
}

/// A port in the 16-bit form that the Nicira actions carry. Physical ports above 65,279 do not exist in Open vSwitch.
fn port16(port: OfPort) -> u16 {
    port.to_of10().or(OfPort::NONE.to_of10()).unwrap_or(u16::MAX)
}

impl Action {
    /// The row of the table under which the action is encoded; nothing for an unknown one.
    pub fn kind(&self) -> Option<Kind> {
        Some(match self {
            Self::Output { .. } => Kind::Output,
            Self::OutputReg { src, .. } if src.field.action_header().is_experimenter() => Kind::OutputReg2,
            Self::OutputReg { .. } => Kind::OutputReg,
            Self::OutputTrunc { .. } => Kind::OutputTrunc,
            Self::Controller(controller) if controller.needs_properties() => Kind::Controller2,
            Self::Controller(_) => Kind::Controller,
            Self::Group(_) => Kind::Group,
            Self::SetQueue(_) => Kind::SetQueue,
            Self::PopQueue => Kind::PopQueue,
            Self::SetField { .. } => Kind::SetField,
            Self::Load { .. } => Kind::Load,
            Self::Load2 { .. } => Kind::Load2,
            Self::Move { .. } => Kind::Move,
            Self::StackPush(_) => Kind::StackPush,
            Self::StackPop(_) => Kind::StackPop,
            Self::Resubmit(Resubmit { ct: true, .. }) => Kind::ResubmitTableCt,
            Self::Resubmit(_) => Kind::ResubmitTable,
            Self::Ct(_) => Kind::Ct,
            Self::Nat(_) => Kind::Nat,
            Self::CtClear => Kind::CtClear,
            Self::Learn(learn) if learn.needs_learn2() => Kind::Learn2,
            Self::Learn(_) => Kind::Learn,
            Self::Conjunction { .. } => Kind::Conjunction,
            Self::Note(_) => Kind::Note,
            Self::SetTtl(_) => Kind::SetTtl,
            Self::DecTtl => Kind::DecTtl,
            Self::DecTtlIds(_) => Kind::DecTtlIds,
            Self::SetMplsTtl(_) => Kind::SetMplsTtl,
            Self::DecMplsTtl => Kind::DecMplsTtl,
            Self::PushVlan(_) => Kind::PushVlan,
            Self::PopVlan => Kind::PopVlan,
            Self::PushMpls(_) => Kind::PushMpls,
            Self::PopMpls(_) => Kind::PopMpls,
            Self::CheckPktLarger { .. } => Kind::CheckPktLarger,
            Self::Clone(_) => Kind::Clone,
            Self::Exit => Kind::Exit,
            Self::FinTimeout { .. } => Kind::FinTimeout,
            Self::DeleteField(_) => Kind::DeleteField,
            Self::Unknown(_) => return None,
        })
    }

    /// Appends the action.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match (self, self.kind()) {
            (Self::Unknown(bytes), _) => out.extend_from_slice(bytes),
            (_, Some(kind)) => item(out, kind, |out| self.encode_body(out)),
            (_, None) => {}
        }
    }

    /// Appends what follows the header.
    fn encode_body(&self, out: &mut Vec<u8>) {
        match self {
            Self::Output { port, max_len } => {
                out.put_u32(port.get());
                out.put_u16(*max_len);
                out.put_zeros(6);
            }
            Self::OutputReg { src, max_len } => encode_output_reg(out, *src, *max_len),
            Self::OutputTrunc { port, max_len } => {
                out.put_u16(port16(*port));
                out.put_u32(*max_len);
            }
            Self::Controller(controller) => controller.encode(out),
            Self::Group(id) | Self::SetQueue(id) => out.put_u32(*id),
            Self::SetField { field, value } => put_value(out, field.match_header(), *field, *value, None),
            Self::Load { dst, value } => {
                out.put_u16(dst.ofs_nbits());
                put_field_header(out, dst.field);
                out.put_u64(*value);
            }
            Self::Load2 { field, value, mask } => {
                let mask = Some(*mask).filter(|mask| *mask != field.full_mask());
                put_value(out, field.action_header(), *field, *value, mask);
            }
            Self::Move { src, dst } => encode_move(out, *src, *dst),
            Self::StackPush(subfield) | Self::StackPop(subfield) => encode_stack(out, *subfield),
            Self::Resubmit(resubmit) => {
                out.put_u16(port16(resubmit.in_port.unwrap_or(OfPort::IN_PORT)));
                out.put_u8(resubmit.table.unwrap_or(NO_TABLE));
            }
            Self::Ct(ct) => ct.encode(out),
            Self::Nat(nat) => nat.encode(out),
            Self::Learn(learn) => learn.encode(out),
            Self::Conjunction { id, clause, n_clauses } => {
                out.put_u8(clause.wrapping_sub(1));
                out.put_u8(*n_clauses);
                out.put_u32(*id);
            }
            Self::Note(bytes) => out.extend_from_slice(bytes),
            Self::DecTtlIds(ids) => {
                out.put_uint(ids.len() as u128, 2);
                out.put_zeros(4);
                ids.iter().for_each(|id| out.put_u16(*id));
            }
            Self::SetTtl(ttl) | Self::SetMplsTtl(ttl) => out.put_u8(*ttl),
            Self::PushVlan(ether) | Self::PushMpls(ether) | Self::PopMpls(ether) => out.put_u16(*ether),
            Self::CheckPktLarger { len, dst } => encode_check_pkt_larger(out, *len, *dst),
            Self::Clone(actions) => {
                out.put_zeros(6);
                encode_list(actions, out);
            }
            Self::FinTimeout { idle_s, hard_s } => {
                out.put_u16(*idle_s);
                out.put_u16(*hard_s);
            }
            Self::DeleteField(field) => {
                let start = out.len();
                put_field_header(out, *field);
                pad_to(out, start, 14);
            }
            Self::PopQueue
            | Self::CtClear
            | Self::DecTtl
            | Self::DecMplsTtl
            | Self::PopVlan
            | Self::Exit
            | Self::Unknown(_) => {}
        }
    }
}

fn encode_move(out: &mut Vec<u8>, src: Subfield, dst: Subfield) {
    for number in [dst.n_bits, src.ofs, dst.ofs] {
        out.put_u16(number);
    }
    put_field_header(out, src.field);
    put_field_header(out, dst.field);
}

fn encode_stack(out: &mut Vec<u8>, subfield: Subfield) {
    let start = out.len();
    out.put_u16(subfield.ofs);
    put_field_header(out, subfield.field);
    out.put_u16(subfield.n_bits);
    pad_to(out, start, 14);
}

fn encode_check_pkt_larger(out: &mut Vec<u8>, len: u16, dst: Subfield) {
    let start = out.len();
    out.put_u16(len);
    out.put_u16(dst.ofs);
    put_field_header(out, dst.field);
    pad_to(out, start, 14);
}

fn encode_output_reg(out: &mut Vec<u8>, src: Subfield, max_len: u16) {
    let start = out.len();
    out.put_u16(src.ofs_nbits());
    if src.field.action_header().is_experimenter() {
        out.put_u16(max_len);
        put_field_header(out, src.field);
    } else {
        put_field_header(out, src.field);
        out.put_u16(max_len);
    }
    pad_to(out, start, 14);
}

/// Appends a field with its value and mask. Of a tunnel option, Open vSwitch leaves leading zero bytes out.
fn put_value(out: &mut Vec<u8>, header: Header, field: Field, value: u128, mask: Option<u128>) {
    let bytes = match field.is_tun_metadata() {
        true => (128 - (value | mask.unwrap_or(0)).leading_zeros()).div_ceil(8) as usize,
        false => field.bytes(),
    };
    header.put(out, if mask.is_some() { 2 * bytes } else { bytes }, mask.is_some());
    out.put_uint(value, bytes);
    if let Some(mask) = mask {
        out.put_uint(mask, bytes);
    }
}

impl Controller {
    /// Whether only the form with properties can say it.
    fn needs_properties(&self) -> bool {
        !self.userdata.is_empty() || self.pause || self.meter.is_some()
    }

    fn encode(&self, out: &mut Vec<u8>) {
        if !self.needs_properties() {
            out.put_u16(self.max_len);
            out.put_u16(self.id);
            out.put_u8(self.reason);
            return;
        }
        out.put_zeros(6);
        if self.max_len != super::MAX_LEN_ALL {
            property_u16(out, PROP_MAX_LEN, self.max_len);
        }
        if self.id != 0 {
            property_u16(out, PROP_CONTROLLER_ID, self.id);
        }
        if self.reason != REASON_ACTION {
            property(out, PROP_REASON, &[self.reason]);
        }
        if !self.userdata.is_empty() {
            property(out, PROP_USERDATA, &self.userdata);
        }
        if self.pause {
            property(out, PROP_PAUSE, &[]);
        }
        if let Some(meter) = self.meter {
            property(out, PROP_METER, &meter.to_be_bytes());
        }
    }
}

/// Appends a property: type, length, value, padding that the length does not count.
pub(crate) fn property(out: &mut Vec<u8>, kind: u16, value: &[u8]) {
    let start = out.len();
    out.put_u16(kind);
    out.put_u16(0);
    out.extend_from_slice(value);
    patch_len(out, start, start + 2);
    out.pad8_from(start);
}

/// Appends a property of two bytes, which OpenFlow says in four: Open vSwitch counts the padding into the length.
pub(crate) fn property_u16(out: &mut Vec<u8>, kind: u16, value: u16) {
    let [high, low] = value.to_be_bytes();
    property(out, kind, &[high, low, 0, 0]);
}

impl Ct {
    fn encode(&self, out: &mut Vec<u8>) {
        let flag = |on, bit| if on { bit } else { 0 };
        out.put_u16(flag(self.commit, CT_COMMIT) | flag(self.force, CT_FORCE));
        match self.zone {
            Zone::Imm(zone) => {
                out.put_u32(0);
                out.put_u16(zone);
            }
            Zone::From(src) => {
                put_field_header(out, src.field);
                out.put_u16(src.ofs_nbits());
            }
        }
        out.put_u8(self.table.unwrap_or(NO_TABLE));
        out.put_zeros(3);
        out.put_u16(self.alg);
        encode_list(&self.actions, out);
    }
}
