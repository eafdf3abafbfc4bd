//! Dumps of flows, made for tables with a hundred thousand of them.
//!
//! A reply stays the bytes that it came as ([`FlowEntries`]). Its frame is checked once, when the message is decoded; then
//! going through the entries costs a few loads each, and match and instructions are decoded only by who wants them.
//! A switch that got a flow from [`PackedFlow::encode_add`] dumps the same bytes for match and instructions, so a
//! dump is compared with what is desired without decoding: [`FlowStats::packed`], and only where that differs,
//! [`PackedFlow::canonical`].

use std::time::Duration;

use net_types::OfPort;

use crate::flow::{Flow, FlowFlags, PackedFlow, TooLong, WireFlow};
use crate::instruction::Instructions;
use crate::matching::Match;
use crate::message::body::{Body, put_duration, read_duration};
use crate::message::{ANY, MESSAGE_LEN_MAX, TABLE_ALL};
use crate::wire::{Put, Reader, WireError, patch_len};

/// Bytes of an entry before its match.
const ENTRY_FIXED_LEN: usize = 48;
/// Bytes of a reply before its first entry.
const REPLY_FIXED_LEN: usize = 16;

/// Which flows are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowRequest {
    /// Those of this table, or of all ([`TABLE_ALL`]).
    pub table: u8,
    /// Those that output here, unless [`OfPort::ANY`].
    pub out_port: OfPort,
    /// Those that use this group, unless [`ANY`].
    pub out_group: u32,
    /// Those whose cookie agrees with this one …
    pub cookie: u64,
    /// … in these bits.
    pub cookie_mask: u64,
    /// Those that match.
    pub matching: Match,
}

impl FlowRequest {
    /// All flows of all tables.
    pub fn all() -> Self {
        Self {
            table: TABLE_ALL,
            out_port: OfPort::ANY,
            out_group: ANY,
            cookie: 0,
            cookie_mask: 0,
            matching: Match::new(),
        }
    }
}

impl Body for FlowRequest {
    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u8(self.table);
        out.put_zeros(3);
        out.put_u32(self.out_port.get());
        out.put_u32(self.out_group);
        out.put_zeros(4);
        out.put_u64(self.cookie);
        out.put_u64(self.cookie_mask);
        self.matching.encode(out);
    }

    fn decode(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let table = r.u8("a flow request")?;
        r.skip("a flow request", 3)?;
        let (out_port, out_group) = (OfPort::new(r.u32("a flow request")?), r.u32("a flow request")?);
        r.skip("a flow request", 4)?;
        let (cookie, cookie_mask) = (r.u64("a flow request")?, r.u64("a flow request")?);
        Ok(Self { table, out_port, out_group, cookie, cookie_mask, matching: Match::decode(r)? })
    }
}

/// What flows matched together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Aggregate {
    /// Packets.
    pub packets: u64,
    /// Bytes.
    pub bytes: u64,
    /// Number of flows.
    pub flows: u32,
}

impl Body for Aggregate {
    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u64(self.packets);
        out.put_u64(self.bytes);
        out.put_u32(self.flows);
        out.put_zeros(4);
    }

    fn decode(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let aggregate = Self {
            packets: r.u64("an aggregate")?,
            bytes: r.u64("an aggregate")?,
            flows: r.u32("an aggregate")?,
        };
        r.skip("an aggregate", 4)?;
        Ok(aggregate)
    }
}

/// What a flow matched, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// How long the flow is there.
    pub duration: Duration,
    /// Packets.
    pub packets: u64,
    /// Bytes.
    pub bytes: u64,
}

/// The flows of one reply, as bytes whose frame was checked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FlowEntries(Vec<u8>);

/// One flow of a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlowStats<'a> {
    /// The flow, its match and instructions still as bytes.
    pub flow: WireFlow<'a>,
    /// What it matched.
    pub counters: Counters,
}

impl FlowEntries {
    /// The flows, in the order of the reply.
    pub fn iter(&self) -> impl Iterator<Item = FlowStats<'_>> {
        let mut rest = Reader::new(&self.0);
        std::iter::from_fn(move || if rest.is_empty() { None } else { FlowStats::read(&mut rest).ok() })
    }

    /// Whether there is no flow.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a flow; refuses one with which the reply would not fit into a message any more.
    pub fn push(&mut self, flow: &WireFlow<'_>, counters: Counters) -> Result<(), TooLong> {
        let start = self.0.len();
        flow.encode_stats(counters, &mut self.0);
        let len = REPLY_FIXED_LEN + self.0.len();
        if len > MESSAGE_LEN_MAX {
            self.0.truncate(start);
            return Err(TooLong { len });
        }
        Ok(())
    }
}

impl WireFlow<'_> {
    fn encode_stats(&self, counters: Counters, out: &mut Vec<u8>) {
        let start = out.len();
        out.put_zeros(2);
        out.put_u8(self.table);
        out.put_zeros(1);
        put_duration(out, counters.duration);
        for number in [self.priority, self.idle_s, self.hard_s, self.flags.0] {
            out.put_u16(number);
        }
        out.put_zeros(4);
        for number in [self.cookie, counters.packets, counters.bytes] {
            out.put_u64(number);
        }
        let match_at = out.len();
        out.put_u16(1);
        out.put_zeros(2);
        out.extend_from_slice(self.match_fields);
        patch_len(out, match_at, match_at + 2);
        out.pad8_from(match_at);
        out.extend_from_slice(self.instructions);
        patch_len(out, start, start);
    }
}

impl<'a> FlowStats<'a> {
    /// Reads one entry: its frame, not what match and instructions hold.
    fn read(r: &mut Reader<'a>) -> Result<Self, WireError> {
        let len = usize::from(r.u16("a flow entry")?);
        if len < ENTRY_FIXED_LEN {
            return Err(r.bad_length("a flow entry", len));
        }
        let mut entry = r.sub("a flow entry", len - 2)?;
        let table = entry.u8("a flow entry")?;
        entry.skip("a flow entry", 1)?;
        let duration = read_duration(&mut entry)?;
        let (priority, idle_s) = (entry.u16("a flow entry")?, entry.u16("a flow entry")?);
        let (hard_s, flags) = (entry.u16("a flow entry")?, FlowFlags(entry.u16("a flow entry")?));
        entry.skip("a flow entry", 4)?;
        let cookie = entry.u64("a flow entry")?;
        let counters =
            Counters { duration, packets: entry.u64("a flow entry")?, bytes: entry.u64("a flow entry")? };
        let match_fields = Match::split(&mut entry)?.peek();
        let instructions = entry.take_rest();
        let flow = WireFlow { table, priority, cookie, idle_s, hard_s, flags, match_fields, instructions };
        Ok(Self { flow, counters })
    }

    /// The flow packed as the switch wrote it: no decoding, one allocation.
    ///
    /// It equals the desired flow where the switch keeps what it got; where it does not, [`PackedFlow::canonical`]
    /// settles the matter.
    pub fn packed(&self) -> PackedFlow {
        PackedFlow::from_wire(&self.flow)
    }

    /// The flow as a value; offsets of errors count from the start of the match's fields and of the instructions.
    pub fn flow(&self) -> Result<Flow, WireError> {
        let WireFlow { table, priority, match_fields, cookie, idle_s, hard_s, flags, instructions } =
            self.flow;
        Ok(Flow {
            table,
            priority,
            matching: Match::decode_fields(&mut Reader::new(match_fields))?,
            cookie,
            idle_s,
            hard_s,
            flags,
            instructions: Instructions::decode(&mut Reader::new(instructions))?,
        })
    }
}

impl Body for FlowEntries {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0);
    }

    /// Checks the frame of every entry, so that going through them later cannot fail.
    fn decode(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let bytes = r.peek();
        while !r.is_empty() {
            FlowStats::read(r)?;
        }
        Ok(Self(bytes.to_vec()))
    }
}
