//! `learn(...)`: a flow that the switch makes from a packet.

use crate::field::{Field, Subfield, WireHeader};
use crate::wire::{Put, Reader, WireError};

const SRC_IMMEDIATE: u16 = 1 << 13;
const DST_SHIFT: u16 = 11;
const N_BITS_MASK: u16 = 0x7ff;
/// The widest field has 128 bits, so no immediate is wider.
const IMMEDIATE_BITS_MAX: u16 = 128;

const FLAG_SEND_FLOW_REM: u16 = 1 << 0;
const FLAG_DELETE_LEARNED: u16 = 1 << 1;
const FLAG_WRITE_RESULT: u16 = 1 << 2;

/// The `learn` action.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Learn {
    /// Idle timeout of the new flow in seconds.
    pub idle_s: u16,
    /// Hard timeout of the new flow in seconds.
    pub hard_s: u16,
    /// Priority of the new flow.
    pub priority: u16,
    /// Cookie of the new flow.
    pub cookie: u64,
    /// Flags.
    pub flags: LearnFlags,
    /// Table of the new flow.
    pub table: u8,
    /// Idle timeout after a FIN.
    pub fin_idle_s: u16,
    /// Hard timeout after a FIN.
    pub fin_hard_s: u16,
    /// At most as many flows with this cookie in this table; 0 for any number.
    pub limit: u32,
    /// Bit that says whether the flow was made.
    pub result: Option<Subfield>,
    /// What the new flow matches and does.
    pub specs: Vec<LearnSpec>,
}

/// Flags of `learn`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct LearnFlags {
    /// The new flow tells the controller when it goes.
    pub send_flow_rem: bool,
    /// The learned flows go when this flow goes.
    pub delete_learned: bool,
}

/// One specification of `learn`: bits from somewhere to somewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LearnSpec {
    /// Number of bits.
    pub n_bits: u16,
    /// Where they come from.
    pub src: LearnSrc,
    /// What they become.
    pub dst: LearnDst,
}

/// Source of a specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LearnSrc {
    /// Bits of the packet.
    Field(Subfield),
    /// A number.
    Value(u128),
}

/// Destination of a specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LearnDst {
    /// The new flow matches these bits.
    Match(Subfield),
    /// The new flow loads these bits.
    Load(Subfield),
    /// The new flow outputs to the port in the source.
    Output,
}

impl Default for Learn {
    fn default() -> Self {
        Self {
            idle_s: 0,
            hard_s: 0,
            priority: crate::flow::PRIORITY_DEFAULT,
            cookie: 0,
            flags: LearnFlags::default(),
            table: 1,
            fin_idle_s: 0,
            fin_hard_s: 0,
            limit: 0,
            result: None,
            specs: Vec::new(),
        }
    }
}

impl Learn {
    /// Whether only the second form of the action can say it.
    pub(super) fn needs_learn2(&self) -> bool {
        self.limit != 0 || self.result.is_some()
    }

    /// Appends everything behind the subtype, without the padding at the end.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        for value in [self.idle_s, self.hard_s, self.priority] {
            out.put_u16(value);
        }
        out.put_u64(self.cookie);
        let flag = |on, bit| if on { bit } else { 0 };
        out.put_u16(
            flag(self.flags.send_flow_rem, FLAG_SEND_FLOW_REM)
                | flag(self.flags.delete_learned, FLAG_DELETE_LEARNED)
                | flag(self.result.is_some(), FLAG_WRITE_RESULT),
        );
        out.put_u8(self.table);
        out.put_zeros(1);
        out.put_u16(self.fin_idle_s);
        out.put_u16(self.fin_hard_s);
        if self.needs_learn2() {
            out.put_u32(self.limit);
            out.put_u16(self.result.map_or(0, |result| result.ofs));
            out.put_zeros(2);
            if let Some(result) = self.result {
                put_field_header(out, result.field);
            }
        }
        for spec in &self.specs {
            spec.encode(out);
        }
    }

    /// Reads everything behind the subtype; `second` is the form with limit and result.
    pub(super) fn decode(r: &mut Reader<'_>, second: bool) -> Result<Self, WireError> {
        let mut learn = Self {
            idle_s: r.u16("learn")?,
            hard_s: r.u16("learn")?,
            priority: r.u16("learn")?,
            cookie: r.u64("learn")?,
            ..Self::default()
        };
        let flags = r.u16("learn")?;
        let write_result = if second { FLAG_WRITE_RESULT } else { 0 };
        if flags & !(FLAG_SEND_FLOW_REM | FLAG_DELETE_LEARNED | write_result) != 0 {
            return Err(r.unknown("flags of learn", flags));
        }
        learn.flags.send_flow_rem = flags & FLAG_SEND_FLOW_REM != 0;
        learn.flags.delete_learned = flags & FLAG_DELETE_LEARNED != 0;
        learn.table = r.u8("learn")?;
        r.skip("learn", 1)?;
        learn.fin_idle_s = r.u16("learn")?;
        learn.fin_hard_s = r.u16("learn")?;
        if second {
            learn.limit = r.u32("learn")?;
            let ofs = r.u16("learn")?;
            r.skip("learn", 2)?;
            if flags & FLAG_WRITE_RESULT != 0 {
                learn.result = Some(read_subfield(r, |_| Ok(ofs), 1)?);
            }
        }
        // Zeros end the list: the action is padded to eight bytes.
        while r.remaining() >= 2 {
            let header = r.u16("a learn specification")?;
            if header == 0 {
                break;
            }
            learn.specs.push(LearnSpec::decode(r, header)?);
        }
        r.take_rest();
        Ok(learn)
    }
}

impl LearnSpec {
    fn encode(&self, out: &mut Vec<u8>) {
        let src_bit = match self.src {
            LearnSrc::Field(_) => 0,
            LearnSrc::Value(_) => SRC_IMMEDIATE,
        };
        let dst_code: u16 = match self.dst {
            LearnDst::Match(_) => 0,
            LearnDst::Load(_) => 1,
            LearnDst::Output => 2,
        };
        out.put_u16(self.n_bits | src_bit | dst_code << DST_SHIFT);
        match self.src {
            LearnSrc::Field(src) => put_subfield(out, src),
            LearnSrc::Value(value) => out.put_uint(value, 2 * usize::from(self.n_bits.div_ceil(16))),
        }
        match self.dst {
            LearnDst::Match(dst) | LearnDst::Load(dst) => put_subfield(out, dst),
            LearnDst::Output => {}
        }
    }

    fn decode(r: &mut Reader<'_>, header: u16) -> Result<Self, WireError> {
        let n_bits = header & N_BITS_MASK;
        if n_bits == 0 || n_bits > IMMEDIATE_BITS_MAX || header >> 14 != 0 {
            return Err(r.bad_value("a learn specification", header));
        }
        let src = if header & SRC_IMMEDIATE != 0 {
            LearnSrc::Value(r.uint("an immediate of learn", 2 * usize::from(n_bits.div_ceil(16)))?)
        } else {
            LearnSrc::Field(read_subfield(r, |r| r.u16("a learn source"), n_bits)?)
        };
        let dst = match header >> DST_SHIFT & 3 {
            0 => LearnDst::Match(read_subfield(r, |r| r.u16("a learn destination"), n_bits)?),
            1 => LearnDst::Load(read_subfield(r, |r| r.u16("a learn destination"), n_bits)?),
            2 => LearnDst::Output,
            _ => return Err(r.bad_value("a learn destination", header)),
        };
        Ok(Self { n_bits, src, dst })
    }
}

/// Appends the header that actions use for `field`.
pub(super) fn put_field_header(out: &mut Vec<u8>, field: Field) {
    field.action_header().put(out, field.bytes(), false);
}

fn put_subfield(out: &mut Vec<u8>, subfield: Subfield) {
    put_field_header(out, subfield.field);
    out.put_u16(subfield.ofs);
}

/// Reads a header of a field that an action names; the table must have it.
pub(super) fn read_field(r: &mut Reader<'_>) -> Result<Field, WireError> {
    let at = r.clone();
    WireHeader::read(r)?.field.ok_or_else(|| {
        let header = at.peek().iter().take(4).fold(0, |value, byte| value << 8 | u64::from(*byte));
        at.unknown("field header", header)
    })
}

fn read_subfield(
    r: &mut Reader<'_>,
    ofs: impl FnOnce(&mut Reader<'_>) -> Result<u16, WireError>,
    n_bits: u16,
) -> Result<Subfield, WireError> {
    let field = read_field(r)?;
    let ofs = ofs(r)?;
    Subfield::new(field, ofs, n_bits).ok_or_else(|| r.bad_value("the first bit of a range", ofs))
}
