//! Packets on their way to the controller and from it, as the specification has them.

use net_types::OfPort;

use super::NO_BUFFER;
use super::body::{Body, named_numbers};
use crate::action::{Action, decode_list, encode_list};
use crate::matching::Match;
use crate::wire::{Put, Reader, WireError};

named_numbers! {
    /// Why a packet came to the controller.
    PacketInReason: u8 {
        /// No flow matched.
        NoMatch = 0,
        /// An action sent it.
        Action = 1,
        /// Its TTL ran out.
        InvalidTtl = 2,
        /// The action set sent it.
        ActionSet = 3,
        /// A bucket of a group sent it.
        Group = 4,
        /// A packet-out sent it.
        PacketOut = 5,
    }
}

/// A packet that came to the controller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PacketIn {
    /// Where the switch keeps the packet, or [`NO_BUFFER`].
    pub buffer: u32,
    /// Bytes of the whole packet, of which `data` may be the start.
    pub total_len: u16,
    /// Why it came.
    pub reason: PacketInReason,
    /// Table of the flow that sent it.
    pub table: u8,
    /// Cookie of the flow that sent it.
    pub cookie: u64,
    /// Input port, registers and whatever else the packet alone does not say. Fields that are zero may be absent.
    pub metadata: Match,
    /// The packet, or its start.
    pub data: Vec<u8>,
}

impl Body for PacketIn {
    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u32(self.buffer);
        out.put_u16(self.total_len);
        out.put_u8(self.reason.to_wire());
        out.put_u8(self.table);
        out.put_u64(self.cookie);
        self.metadata.encode(out);
        out.put_zeros(2);
        out.extend_from_slice(&self.data);
    }

    fn decode(r: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self {
            buffer: r.u32("a packet-in")?,
            total_len: r.u16("a packet-in")?,
            reason: PacketInReason::from_wire(r.u8("a packet-in")?),
            table: r.u8("a packet-in")?,
            cookie: r.u64("a packet-in")?,
            metadata: Match::decode(r)?,
            data: {
                r.skip("a packet-in", 2)?;
                r.take_rest().to_vec()
            },
        })
    }
}

/// A packet that the controller sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PacketOut {
    /// Where the switch keeps the packet, or [`NO_BUFFER`].
    pub buffer: u32,
    /// Port by which the packet is as if it had come.
    pub in_port: OfPort,
    /// What is done with it.
    pub actions: Vec<Action>,
    /// The packet, unless the switch has it.
    pub data: Vec<u8>,
}

impl PacketOut {
    /// Applies `actions` to `data` as if it had come from the controller.
    pub fn new(data: Vec<u8>, actions: Vec<Action>) -> Self {
        Self { buffer: NO_BUFFER, in_port: OfPort::CONTROLLER, actions, data }
    }
}

impl Body for PacketOut {
    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u32(self.buffer);
        out.put_u32(self.in_port.get());
        let len_at = out.len();
        out.put_zeros(8);
        let actions_at = out.len();
        encode_list(&self.actions, out);
        crate::wire::patch_len(out, actions_at, len_at);
        out.extend_from_slice(&self.data);
    }

    fn decode(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let (buffer, in_port) = (r.u32("a packet-out")?, OfPort::new(r.u32("a packet-out")?));
        let actions_len = usize::from(r.u16("a packet-out")?);
        r.skip("a packet-out", 6)?;
        let actions = decode_list(&mut r.sub("the actions of a packet-out", actions_len)?)?;
        Ok(Self { buffer, in_port, actions, data: r.take_rest().to_vec() })
    }
}
