//! Changes of flows, and the news that one is gone.

use std::time::Duration;

use net_types::OfPort;

use super::body::{Body, named_numbers, put_duration, read_duration};
use super::{ANY, NO_BUFFER};
use crate::flow::{Flow, FlowFlags, FlowKey, PackedFlow};
use crate::instruction::Instructions;
use crate::matching::Match;
use crate::wire::{Put, Reader, WireError};

/// All tables, where a flow is deleted or asked for.
pub const TABLE_ALL: u8 = 0xff;

/// What a flow-mod does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum FlowCommand {
    /// Adds, or replaces a flow of the same key.
    Add = 0,
    /// Changes the instructions of all flows that match.
    Modify = 1,
    /// Changes the instructions of the flow with this key.
    ModifyStrict = 2,
    /// Deletes all flows that match.
    Delete = 3,
    /// Deletes the flow with this key.
    DeleteStrict = 4,
}

/// A change of flows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowMod {
    /// What is done.
    pub command: FlowCommand,
    /// Cookie of a new flow; what `cookie_mask` compares otherwise.
    pub cookie: u64,
    /// Only flows whose cookie agrees in these bits are changed or deleted.
    pub cookie_mask: u64,
    /// Table, or [`TABLE_ALL`] in a deletion.
    pub table: u8,
    /// Seconds without a packet after which the flow goes; 0 for never.
    pub idle_s: u16,
    /// Seconds after which the flow goes; 0 for never.
    pub hard_s: u16,
    /// Priority.
    pub priority: u16,
    /// A packet in the switch that meets the new flow first, or [`NO_BUFFER`].
    pub buffer: u32,
    /// Only flows that output here are deleted, unless [`OfPort::ANY`].
    pub out_port: OfPort,
    /// Only flows that use this group are deleted, unless [`ANY`].
    pub out_group: u32,
    /// Flags.
    pub flags: FlowFlags,
    /// Which packets, or which flows.
    pub matching: Match,
    /// What is done with the packets.
    pub instructions: Instructions,
}

impl FlowMod {
    /// A change with no restrictions and no flow yet.
    fn new(command: FlowCommand, table: u8) -> Self {
        Self {
            command,
            cookie: 0,
            cookie_mask: 0,
            table,
            idle_s: 0,
            hard_s: 0,
            priority: 0,
            buffer: NO_BUFFER,
            out_port: OfPort::ANY,
            out_group: ANY,
            flags: FlowFlags::default(),
            matching: Match::new(),
            instructions: Instructions::default(),
        }
    }

    /// Deletes all flows of `table` (or [`TABLE_ALL`]) that match.
    pub fn delete(table: u8, matching: Match) -> Self {
        Self { matching, ..Self::new(FlowCommand::Delete, table) }
    }

    /// Deletes the flow with this key.
    pub fn delete_strict(key: &FlowKey) -> Self {
        Self {
            priority: key.priority(),
            matching: key.matching(),
            ..Self::new(FlowCommand::DeleteStrict, key.table())
        }
    }

    /// The flow that the message adds or changes.
    pub fn flow(&self) -> Flow {
        Flow {
            table: self.table,
            priority: self.priority,
            matching: self.matching.clone(),
            cookie: self.cookie,
            idle_s: self.idle_s,
            hard_s: self.hard_s,
            flags: self.flags,
            instructions: self.instructions.clone(),
        }
    }
}

/// The message that adds the flow, or replaces the one with its key.
impl From<&Flow> for FlowMod {
    fn from(flow: &Flow) -> Self {
        Self {
            cookie: flow.cookie,
            idle_s: flow.idle_s,
            hard_s: flow.hard_s,
            priority: flow.priority,
            flags: flow.flags,
            matching: flow.matching.clone(),
            instructions: flow.instructions.clone(),
            ..Self::new(FlowCommand::Add, flow.table)
        }
    }
}

/// The message that adds the flow, or replaces the one with its key. [`PackedFlow::encode_add`] writes it faster.
impl From<&PackedFlow> for FlowMod {
    fn from(flow: &PackedFlow) -> Self {
        Self::from(&flow.unpack())
    }
}

impl Body for FlowMod {
    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u64(self.cookie);
        out.put_u64(self.cookie_mask);
        out.put_u8(self.table);
        out.put_u8(self.command as u8);
        for number in [self.idle_s, self.hard_s, self.priority] {
            out.put_u16(number);
        }
        for number in [self.buffer, self.out_port.get(), self.out_group] {
            out.put_u32(number);
        }
        out.put_u16(self.flags.0);
        out.put_zeros(2);
        self.matching.encode(out);
        self.instructions.encode(out);
    }

    fn decode(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let (cookie, cookie_mask, table) = (r.u64("a flow-mod")?, r.u64("a flow-mod")?, r.u8("a flow-mod")?);
        let command = match r.u8("a flow-mod")? {
            0 => FlowCommand::Add,
            1 => FlowCommand::Modify,
            2 => FlowCommand::ModifyStrict,
            3 => FlowCommand::Delete,
            4 => FlowCommand::DeleteStrict,
            other => return Err(r.bad_value("the command of a flow-mod", other)),
        };
        Ok(Self {
            command,
            cookie,
            cookie_mask,
            table,
            idle_s: r.u16("a flow-mod")?,
            hard_s: r.u16("a flow-mod")?,
            priority: r.u16("a flow-mod")?,
            buffer: r.u32("a flow-mod")?,
            out_port: OfPort::new(r.u32("a flow-mod")?),
            out_group: r.u32("a flow-mod")?,
            flags: FlowFlags(r.u16("a flow-mod")?),
            matching: {
                r.skip("a flow-mod", 2)?;
                Match::decode(r)?
            },
            instructions: Instructions::decode(r)?,
        })
    }
}

named_numbers! {
    /// Why a flow is gone.
    FlowRemovedReason: u8 {
        /// No packet came for its idle timeout.
        IdleTimeout = 0,
        /// Its hard timeout is over.
        HardTimeout = 1,
        /// Somebody deleted it.
        Delete = 2,
        /// A group that it used was deleted.
        GroupDelete = 3,
        /// A meter that it used was deleted.
        MeterDelete = 4,
        /// The switch needed the place.
        Eviction = 5,
    }
}

/// A flow is gone; sent where the flow asked for it ([`FlowFlags::SEND_FLOW_REM`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowRemoved {
    /// Its cookie.
    pub cookie: u64,
    /// Its priority.
    pub priority: u16,
    /// Why it is gone.
    pub reason: FlowRemovedReason,
    /// Its table.
    pub table: u8,
    /// How long it lived.
    pub duration: Duration,
    /// Its idle timeout in seconds.
    pub idle_s: u16,
    /// Its hard timeout in seconds.
    pub hard_s: u16,
    /// Packets that it matched.
    pub packets: u64,
    /// Bytes that it matched.
    pub bytes: u64,
    /// Its match.
    pub matching: Match,
}

impl Body for FlowRemoved {
    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u64(self.cookie);
        out.put_u16(self.priority);
        out.put_u8(self.reason.to_wire());
        out.put_u8(self.table);
        put_duration(out, self.duration);
        out.put_u16(self.idle_s);
        out.put_u16(self.hard_s);
        out.put_u64(self.packets);
        out.put_u64(self.bytes);
        self.matching.encode(out);
    }

    fn decode(r: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self {
            cookie: r.u64("a removed flow")?,
            priority: r.u16("a removed flow")?,
            reason: FlowRemovedReason::from_wire(r.u8("a removed flow")?),
            table: r.u8("a removed flow")?,
            duration: read_duration(r)?,
            idle_s: r.u16("a removed flow")?,
            hard_s: r.u16("a removed flow")?,
            packets: r.u64("a removed flow")?,
            bytes: r.u64("a removed flow")?,
            matching: Match::decode(r)?,
        })
    }
}
