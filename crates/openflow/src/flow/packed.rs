//! The packed form: key and body of a flow in one allocation.
//!
//! ```text
//! | key length 2 | table 1 | priority 2 | match fields ... | cookie 8 | idle 2 | hard 2 | flags 2 | instructions ... |
//!                 `------------ FlowKey ---------------'    `--------------- body -------------------------------'
//! ```

use std::borrow::Borrow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use thiserror::Error;

use super::{Flow, FlowFlags};
use crate::instruction::Instructions;
use crate::matching::Match;
use crate::message::{BUNDLE_ADD_FIXED_LEN, FLOW_MOD_FIXED_LEN, FlowCommand, MESSAGE_LEN_MAX};
use crate::wire::{Put, Reader, WireError};

const KEY_AT: usize = 2;
const BODY_FIXED_LEN: usize = 14;

/// Something does not fit into one OpenFlow message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{len} bytes are needed, and an OpenFlow message carries at most {MESSAGE_LEN_MAX}")]
pub struct TooLong {
    /// Bytes of the message.
    pub len: usize,
}

/// What a switch writes about a flow, in its own bytes. They come from one message, so they fit into another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WireFlow<'a> {
    /// Table.
    pub table: u8,
    /// Priority.
    pub priority: u16,
    /// Cookie.
    pub cookie: u64,
    /// Idle timeout in seconds.
    pub idle_s: u16,
    /// Hard timeout in seconds.
    pub hard_s: u16,
    /// Flags.
    pub flags: FlowFlags,
    /// The fields of the match, without header and padding.
    pub match_fields: &'a [u8],
    /// The instructions.
    pub instructions: &'a [u8],
}

/// Identity of a flow: table, priority and canonical match.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlowKey(Box<[u8]>);

/// A flow in one block of bytes, shared by all who hold it: the desired set, what waits to be sent, the engine.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PackedFlow(Arc<[u8]>);

impl FlowKey {
    /// The key of flows with this table, priority and match.
    pub fn new(table: u8, priority: u16, matching: &Match) -> Self {
        let mut out = Vec::with_capacity(64);
        put_key(&mut out, table, priority, matching);
        Self(out.into())
    }

    /// Table.
    pub fn table(&self) -> u8 {
        self.0[0]
    }

    /// Priority.
    pub fn priority(&self) -> u16 {
        priority_of(&self.0)
    }

    /// The match, decoded.
    pub fn matching(&self) -> Match {
        decode_own(&self.0[3..])
    }

    /// The bytes by which keys are compared and found.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Appends the strict deletion of the flow.
    pub fn encode_delete(&self, xid: u32, out: &mut Vec<u8>) {
        put_flow_mod(out, xid, FlowCommand::DeleteStrict, &self.0, &[0; BODY_FIXED_LEN]);
    }
}

fn put_key(out: &mut Vec<u8>, table: u8, priority: u16, matching: &Match) {
    out.put_u8(table);
    out.put_u16(priority);
    matching.encode_fields(out);
}

fn priority_of(key: &[u8]) -> u16 {
    u16::from_be_bytes([key[1], key[2]])
}

/// The match of packed bytes. Those that a switch wrote may make no sense; they are shown as they are.
fn decode_own(fields: &[u8]) -> Match {
    Match::decode_fields(&mut Reader::new(fields)).unwrap_or_else(|_| Match::opaque(fields))
}

impl PackedFlow {
    /// Packs `flow`; refuses one that no message could carry. Of its flags, those that a switch keeps are packed.
    pub fn new(flow: &Flow) -> Result<Self, TooLong> {
        let mut out = Vec::with_capacity(160);
        out.put_u16(0);
        put_key(&mut out, flow.table, flow.priority, &flow.matching);
        let key_len = out.len() - KEY_AT;
        out.put_u64(flow.cookie);
        out.put_u16(flow.idle_s);
        out.put_u16(flow.hard_s);
        out.put_u16(flow.flags.0 & FlowFlags::KEPT.0);
        flow.instructions.encode(&mut out);
        // Match header and padding make at most twelve bytes more than the packed form has, and a bundle wraps it.
        let len = out.len() + FLOW_MOD_FIXED_LEN + 12 + BUNDLE_ADD_FIXED_LEN;
        let key_len =
            u16::try_from(key_len).ok().filter(|_| len <= MESSAGE_LEN_MAX).ok_or(TooLong { len })?;
        out[..KEY_AT].copy_from_slice(&key_len.to_be_bytes());
        Ok(Self(out.into()))
    }

    /// Packs what a switch wrote about a flow, as it wrote it: cheap, but canonical only if the switch is.
    /// [`PackedFlow::canonical`] settles the matter where it is in doubt.
    pub fn from_wire(shown: &WireFlow<'_>) -> Self {
        let key_len = 3 + shown.match_fields.len();
        let mut out = Vec::with_capacity(KEY_AT + key_len + BODY_FIXED_LEN + shown.instructions.len());
        out.put_uint(key_len as u128, KEY_AT);
        out.put_u8(shown.table);
        out.put_u16(shown.priority);
        out.extend_from_slice(shown.match_fields);
        out.put_u64(shown.cookie);
        out.put_u16(shown.idle_s);
        out.put_u16(shown.hard_s);
        out.put_u16(shown.flags.0 & FlowFlags::KEPT.0);
        out.extend_from_slice(shown.instructions);
        Self(out.into())
    }

    /// The flow as a switch writes it.
    pub fn as_wire(&self) -> WireFlow<'_> {
        let (key, body) = self.split();
        let number = |at: usize| u16::from_be_bytes([body[at], body[at + 1]]);
        WireFlow {
            table: self.table(),
            priority: self.priority(),
            match_fields: &key[3..],
            cookie: self.cookie(),
            idle_s: number(8),
            hard_s: number(10),
            flags: FlowFlags(number(12)),
            instructions: &body[BODY_FIXED_LEN..],
        }
    }

    /// The canonical key of a flow that a switch wrote; nothing when its match makes no sense.
    pub fn canonical_key(&self) -> Option<FlowKey> {
        let matching = Match::decode_fields(&mut Reader::new(&self.key_bytes()[3..])).ok()?;
        Some(FlowKey::new(self.table(), self.priority(), &matching))
    }

    /// The canonical form of a flow that a switch wrote; nothing when its bytes make no sense.
    pub fn canonical(&self) -> Option<Self> {
        let matching = Match::decode_fields(&mut Reader::new(&self.key_bytes()[3..])).ok()?;
        let body = unpack_body(Reader::new(self.body_bytes())).ok()?;
        Self::new(&Flow { table: self.table(), priority: self.priority(), matching, ..body }).ok()
    }

    fn split(&self) -> (&[u8], &[u8]) {
        let key_len = usize::from(u16::from_be_bytes([self.0[0], self.0[1]]));
        self.0[KEY_AT..].split_at(key_len)
    }

    /// The bytes of the flow's key.
    pub fn key_bytes(&self) -> &[u8] {
        self.split().0
    }

    /// Cookie, timeouts, flags and instructions: what may differ between flows of one key.
    pub fn body_bytes(&self) -> &[u8] {
        self.split().1
    }

    /// The flow's key.
    pub fn key(&self) -> FlowKey {
        FlowKey(self.key_bytes().into())
    }

    /// Table.
    pub fn table(&self) -> u8 {
        self.0[KEY_AT]
    }

    /// Priority.
    pub fn priority(&self) -> u16 {
        priority_of(self.key_bytes())
    }

    /// Cookie.
    pub fn cookie(&self) -> u64 {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&self.body_bytes()[..8]);
        u64::from_be_bytes(bytes)
    }

    /// Bytes that the flow occupies on the heap, with the two counters of the shared block.
    pub fn heap_bytes(&self) -> usize {
        self.0.len() + 2 * size_of::<usize>()
    }

    /// The flow as a value.
    pub fn unpack(&self) -> Flow {
        let body = unpack_body(Reader::new(self.body_bytes())).unwrap_or_else(|_| {
            let unknown = vec![self.body_bytes()[BODY_FIXED_LEN..].to_vec()];
            let instructions = Instructions { unknown, ..Instructions::default() };
            Flow { cookie: self.cookie(), instructions, ..Flow::new(0, 0) }
        });
        let matching = decode_own(&self.key_bytes()[3..]);
        Flow { table: self.table(), priority: self.priority(), matching, ..body }
    }

    /// Appends the flow-mod that adds the flow, or replaces the one with its key.
    pub fn encode_add(&self, xid: u32, out: &mut Vec<u8>) {
        let (key, body) = self.split();
        put_flow_mod(out, xid, FlowCommand::Add, key, body);
    }
}

fn unpack_body(mut body: Reader<'_>) -> Result<Flow, WireError> {
    let mut flow = Flow::new(0, 0);
    flow.cookie = body.u64("a packed flow")?;
    flow.idle_s = body.u16("a packed flow")?;
    flow.hard_s = body.u16("a packed flow")?;
    flow.flags = FlowFlags(body.u16("a packed flow")?);
    flow.instructions = Instructions::decode(&mut body)?;
    Ok(flow)
}

/// Appends a flow-mod made of the bytes of a key and a body; both are already as the wire wants them.
fn put_flow_mod(out: &mut Vec<u8>, xid: u32, command: FlowCommand, key: &[u8], body: &[u8]) {
    let fields = &key[3..];
    let match_len = 4 + fields.len();
    let len = FLOW_MOD_FIXED_LEN + match_len.next_multiple_of(8) + body.len() - BODY_FIXED_LEN;
    out.reserve(len);
    let start = out.len();
    out.put_u8(crate::message::VERSION);
    out.put_u8(crate::message::FLOW_MOD);
    out.put_u16(0);
    out.put_u32(xid);
    out.extend_from_slice(&body[..8]);
    out.put_u64(0);
    out.put_u8(key[0]);
    out.put_u8(command as u8);
    out.extend_from_slice(&body[8..12]);
    out.extend_from_slice(&key[1..3]);
    out.put_u32(crate::message::NO_BUFFER);
    out.put_u32(crate::message::ANY);
    out.put_u32(crate::message::ANY);
    out.extend_from_slice(&body[12..14]);
    out.put_zeros(2);
    let match_at = out.len();
    out.put_u16(1);
    out.put_uint(match_len as u128, 2);
    out.extend_from_slice(fields);
    out.pad8_from(match_at);
    out.extend_from_slice(&body[BODY_FIXED_LEN..]);
    crate::wire::patch_len(out, start, start + 2);
}

impl Borrow<[u8]> for FlowKey {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl Hash for PackedFlow {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl fmt::Debug for FlowKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Display for FlowKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        crate::text::print::fmt_key(f, self.table(), self.priority(), &self.matching())
    }
}

impl fmt::Display for PackedFlow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.unpack())
    }
}

impl fmt::Debug for PackedFlow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl From<&PackedFlow> for FlowKey {
    fn from(flow: &PackedFlow) -> Self {
        flow.key()
    }
}
