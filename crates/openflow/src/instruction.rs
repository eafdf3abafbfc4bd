//! What a flow does with a packet: OpenFlow 1.3 instructions in the order in which a switch executes them.
//!
//! A flow has at most one instruction of each type, and the order on the wire carries no meaning, so they are fields of
//! a struct and always written in execution order, which is also the order of Open vSwitch's dumps.

use crate::action::{Action, decode_list, encode_list};
use crate::wire::{Put, Reader, WireError, patch_len};

const GOTO_TABLE: u16 = 1;
const WRITE_METADATA: u16 = 2;
const WRITE_ACTIONS: u16 = 3;
const APPLY_ACTIONS: u16 = 4;
const CLEAR_ACTIONS: u16 = 5;
const METER: u16 = 6;

/// The instructions of a flow.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Instructions {
    /// Limits the rate first.
    pub meter: Option<u32>,
    /// Then applies these actions at once.
    pub apply: Vec<Action>,
    /// Then forgets the action set.
    pub clear: bool,
    /// Then adds these to the action set.
    pub write: Vec<Action>,
    /// Then writes the metadata register: value and mask.
    pub metadata: Option<(u64, u64)>,
    /// Then goes on in a later table.
    pub goto: Option<u8>,
    /// Instructions that are not known here, as they came.
    pub unknown: Vec<Vec<u8>>,
}

impl Instructions {
    /// Applies `actions` and nothing else.
    pub fn apply(actions: Vec<Action>) -> Self {
        Self { apply: actions, ..Self::default() }
    }

    /// Whether packets are dropped.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Appends the instructions.
    pub fn encode(&self, out: &mut Vec<u8>) {
        if let Some(meter) = self.meter {
            put(out, METER, |out| out.put_u32(meter));
        }
        if !self.apply.is_empty() {
            put_actions(out, APPLY_ACTIONS, &self.apply);
        }
        if self.clear {
            put_actions(out, CLEAR_ACTIONS, &[]);
        }
        if !self.write.is_empty() {
            put_actions(out, WRITE_ACTIONS, &self.write);
        }
        if let Some((value, mask)) = self.metadata {
            put(out, WRITE_METADATA, |out| {
                out.put_zeros(4);
                out.put_u64(value);
                out.put_u64(mask);
            });
        }
        if let Some(table) = self.goto {
            put(out, GOTO_TABLE, |out| out.put_u8(table));
        }
        for bytes in &self.unknown {
            out.extend_from_slice(bytes);
        }
    }

    /// Reads instructions until `r` is empty.
    pub fn decode(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let mut out = Self::default();
        let mut seen = 0_u32;
        while !r.is_empty() {
            let whole = r.peek();
            let at = r.clone();
            let kind = r.u16("an instruction")?;
            // To take the later one of two would be to lose the other.
            let bit = if (GOTO_TABLE..=METER).contains(&kind) { 1_u32 << kind } else { 0 };
            if seen & bit != 0 {
                return Err(at.bad_value("an instruction that was there already", kind));
            }
            seen |= bit;
            let len = usize::from(r.u16("an instruction")?);
            if len < 8 || len % 8 != 0 {
                return Err(r.bad_length("an instruction", len));
            }
            let mut body = r.sub("an instruction", len - 4)?;
            match kind {
                METER => out.meter = Some(body.u32("a meter instruction")?),
                APPLY_ACTIONS => out.apply = decode_actions(&mut body)?,
                CLEAR_ACTIONS => out.clear = true,
                WRITE_ACTIONS => out.write = decode_actions(&mut body)?,
                WRITE_METADATA => {
                    body.skip("write_metadata", 4)?;
                    out.metadata = Some((body.u64("write_metadata")?, body.u64("write_metadata")?));
                }
                GOTO_TABLE => out.goto = Some(body.u8("goto_table")?),
                _ => out.unknown.push(whole[..len].to_vec()),
            }
        }
        Ok(out)
    }
}

fn put(out: &mut Vec<u8>, kind: u16, body: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.put_u16(kind);
    out.put_u16(0);
    body(out);
    out.pad8_from(start);
    patch_len(out, start, start + 2);
}

fn put_actions(out: &mut Vec<u8>, kind: u16, actions: &[Action]) {
    put(out, kind, |out| {
        out.put_zeros(4);
        encode_list(actions, out);
    });
}

fn decode_actions(r: &mut Reader<'_>) -> Result<Vec<Action>, WireError> {
    r.skip("the padding of an instruction", 4)?;
    decode_list(r)
}
