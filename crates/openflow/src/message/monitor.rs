//! Flow monitors: the switch tells what happens to its flows, in the ONF's form for OpenFlow 1.3.

use net_types::OfPort;

use super::body::Body;
use super::flow::FlowRemovedReason;
use crate::instruction::Instructions;
use crate::matching::Match;
use crate::wire::{Put, Reader, WireError, patch_len};

const EVENT_ADDED: u16 = 0;
const EVENT_DELETED: u16 = 1;
const EVENT_MODIFIED: u16 = 2;
const EVENT_ABBREV: u16 = 3;
/// Bytes of an update before its match.
const UPDATE_FIXED_LEN: usize = 24;

/// When a monitor speaks and how much it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct MonitorFlags(pub u16);

impl MonitorFlags {
    /// First of all flows that there are.
    pub const INITIAL: Self = Self(1 << 0);
    /// Of new flows.
    pub const ADD: Self = Self(1 << 1);
    /// Of deleted flows.
    pub const DELETE: Self = Self(1 << 2);
    /// Of changed flows.
    pub const MODIFY: Self = Self(1 << 3);
    /// With instructions.
    pub const ACTIONS: Self = Self(1 << 4);
    /// In full also of what this connection did itself.
    pub const OWN: Self = Self(1 << 5);

    /// Both sets of flags.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// Begins a monitor. At least one of add, delete and modify has to be among its flags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MonitorRequest {
    /// Identity of the monitor on this connection.
    pub id: u32,
    /// When it speaks and how much it says.
    pub flags: MonitorFlags,
    /// Only of flows that output here, unless [`OfPort::ANY`].
    pub out_port: OfPort,
    /// Of this table, or of all ([`super::TABLE_ALL`]).
    pub table: u8,
    /// Of flows that match.
    pub matching: Match,
}

/// Appends a match, and writes its length without padding into the two bytes at `len_at`.
fn put_match(out: &mut Vec<u8>, len_at: usize, matching: &Match) {
    let start = out.len();
    matching.encode(out);
    // The match says its own length behind its type.
    let len = [out[start + 2], out[start + 3]];
    out[len_at..len_at + 2].copy_from_slice(&len);
}

impl Body for MonitorRequest {
    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u32(self.id);
        out.put_u16(self.flags.0);
        let len_at = out.len();
        out.put_zeros(2);
        out.put_u32(self.out_port.get());
        out.put_u8(self.table);
        out.put_zeros(3);
        put_match(out, len_at, &self.matching);
    }

    fn decode(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let (id, flags) = (r.u32("a flow monitor")?, MonitorFlags(r.u16("a flow monitor")?));
        r.skip("a flow monitor", 2)?;
        let (out_port, table) = (OfPort::new(r.u32("a flow monitor")?), r.u8("a flow monitor")?);
        r.skip("a flow monitor", 3)?;
        Ok(Self { id, flags, out_port, table, matching: Match::decode(r)? })
    }
}

/// What happened to a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlowUpdateEvent {
    /// It came, or it was there when the monitor began.
    Added,
    /// It went.
    Deleted(FlowRemovedReason),
    /// It changed.
    Modified,
}

/// News of a flow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FlowUpdate {
    /// The flow and what happened to it.
    Full {
        /// What happened.
        event: FlowUpdateEvent,
        /// Its table.
        table: u8,
        /// Its priority.
        priority: u16,
        /// Its idle timeout in seconds.
        idle_s: u16,
        /// Its hard timeout in seconds.
        hard_s: u16,
        /// Its cookie.
        cookie: u64,
        /// Its match.
        matching: Match,
        /// What it does, where the monitor asked for it.
        instructions: Instructions,
    },
    /// A change by this very connection, named by its transaction id.
    Abbreviated {
        /// The transaction id of the flow-mod, or of the bundle's commit.
        xid: u32,
    },
}

impl Body for FlowUpdate {
    fn encode(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.put_zeros(2);
        match self {
            Self::Abbreviated { xid } => {
                out.put_u16(EVENT_ABBREV);
                out.put_u32(*xid);
            }
            Self::Full { event, table, priority, idle_s, hard_s, cookie, matching, instructions } => {
                let (event, reason) = match event {
                    FlowUpdateEvent::Added => (EVENT_ADDED, 0),
                    FlowUpdateEvent::Deleted(reason) => (EVENT_DELETED, reason.to_wire().into()),
                    FlowUpdateEvent::Modified => (EVENT_MODIFIED, 0),
                };
                for number in [event, reason, *priority, *idle_s, *hard_s] {
                    out.put_u16(number);
                }
                let len_at = out.len();
                out.put_zeros(2);
                out.put_u8(*table);
                out.put_zeros(1);
                out.put_u64(*cookie);
                put_match(out, len_at, matching);
                instructions.encode(out);
            }
        }
        patch_len(out, start, start);
    }

    fn decode(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let len = usize::from(r.u16("a flow update")?);
        let body_len = len.checked_sub(2).ok_or_else(|| r.bad_length("a flow update", len))?;
        let mut body = r.sub("a flow update", body_len)?;
        let event = body.u16("a flow update")?;
        if event == EVENT_ABBREV {
            return Ok(Self::Abbreviated { xid: body.u32("a flow update")? });
        }
        if len < UPDATE_FIXED_LEN {
            return Err(body.bad_length("a flow update", len));
        }
        let reason = body.u16("a flow update")?;
        let event = match event {
            EVENT_ADDED => FlowUpdateEvent::Added,
            EVENT_DELETED => {
                let reason = u8::try_from(reason)
                    .map_err(|_| body.bad_value("the reason of a flow update", reason))?;
                FlowUpdateEvent::Deleted(FlowRemovedReason::from_wire(reason))
            }
            EVENT_MODIFIED => FlowUpdateEvent::Modified,
            other => return Err(body.bad_value("the event of a flow update", other)),
        };
        let (priority, idle_s) = (body.u16("a flow update")?, body.u16("a flow update")?);
        let hard_s = body.u16("a flow update")?;
        body.skip("a flow update", 2)?;
        let table = body.u8("a flow update")?;
        body.skip("a flow update", 1)?;
        Ok(Self::Full {
            event,
            table,
            priority,
            idle_s,
            hard_s,
            cookie: body.u64("a flow update")?,
            matching: Match::decode(&mut body)?,
            instructions: Instructions::decode(&mut body)?,
        })
    }
}

/// Ends a monitor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MonitorCancel {
    /// Identity of the monitor.
    pub id: u32,
}

impl Body for MonitorCancel {
    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u32(self.id);
    }

    fn decode(r: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self { id: r.u32("a flow monitor")? })
    }
}
