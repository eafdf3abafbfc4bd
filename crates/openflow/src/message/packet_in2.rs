//! Packets on their way to the controller in Nicira's second form, which carries user data and can wait for an answer.
//!
//! A packet that waits brings a *continuation*: bytes private to the switch. Sent back as they came
//! ([`crate::Message::Resume`]), with packet and metadata changed as the controller likes, they let the packet go on
//! where it stopped.

use super::body::Body;
use super::packet::PacketInReason;
use super::property::Property;
use crate::action::{property, read_property};
use crate::matching::Match;
use crate::wire::{Reader, WireError};

const PACKET: u16 = 0;
const FULL_LEN: u16 = 1;
const BUFFER: u16 = 2;
const TABLE: u16 = 3;
const COOKIE: u16 = 4;
const REASON: u16 = 5;
const METADATA: u16 = 6;
const USERDATA: u16 = 7;
const CONTINUATION: u16 = 8;

/// A packet that came to the controller, or that goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PacketIn2 {
    /// The packet, or its start.
    pub data: Vec<u8>,
    /// Bytes of the whole packet, where `data` is only its start.
    pub full_len: Option<u32>,
    /// Where the switch keeps the packet.
    pub buffer: Option<u32>,
    /// Table of the flow that sent it.
    pub table: Option<u8>,
    /// Cookie of the flow that sent it; a packet that the controller sent in and that waits has none.
    pub cookie: Option<u64>,
    /// Why it came.
    pub reason: Option<PacketInReason>,
    /// Input port, registers and whatever else the packet alone does not say. Fields that are zero may be absent.
    pub metadata: Match,
    /// What the switch needs to go on; empty for a packet that does not wait.
    pub continuation: Vec<u8>,
    /// User data of the `controller` action.
    pub userdata: Vec<u8>,
    /// Properties that this crate does not know.
    pub unknown: Vec<Property>,
}

impl PacketIn2 {
    /// A packet and its metadata, and nothing else.
    pub fn new(data: Vec<u8>, metadata: Match) -> Self {
        Self {
            data,
            full_len: None,
            buffer: None,
            table: None,
            cookie: None,
            reason: None,
            metadata,
            continuation: vec![],
            userdata: vec![],
            unknown: vec![],
        }
    }

    /// Whether the packet waits for its resumption.
    pub fn is_paused(&self) -> bool {
        !self.continuation.is_empty()
    }

    /// What lets a paused packet go on: the same, without the user data, which was for the controller alone.
    ///
    /// Open vSwitch refuses a resumption with a packet cut short, so a `controller` action that pauses must ask for all of it.
    #[must_use]
    pub fn into_resume(self) -> Self {
        Self { userdata: vec![], full_len: None, buffer: None, unknown: vec![], ..self }
    }
}

impl Body for PacketIn2 {
    /// Writes the properties in the order in which Open vSwitch writes them.
    fn encode(&self, out: &mut Vec<u8>) {
        property(out, PACKET, &self.data);
        if let Some(full_len) = self.full_len {
            property(out, FULL_LEN, &full_len.to_be_bytes());
        }
        if let Some(buffer) = self.buffer {
            property(out, BUFFER, &buffer.to_be_bytes());
        }
        if let Some(table) = self.table {
            property(out, TABLE, &[table]);
        }
        if let Some(cookie) = self.cookie {
            // Eight bytes are aligned to eight.
            let mut value = [0; 12];
            value[4..].copy_from_slice(&cookie.to_be_bytes());
            property(out, COOKIE, &value);
        }
        if let Some(reason) = self.reason {
            property(out, REASON, &[reason.to_wire()]);
        }
        let mut metadata = Vec::new();
        self.metadata.encode_fields(&mut metadata);
        property(out, METADATA, &metadata);
        if !self.continuation.is_empty() {
            property(out, CONTINUATION, &self.continuation);
        }
        if !self.userdata.is_empty() {
            property(out, USERDATA, &self.userdata);
        }
        self.unknown.encode(out);
    }

    fn decode(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let mut packet = Self::new(vec![], Match::new());
        while !r.is_empty() {
            let (kind, mut value) = read_property(r)?;
            match kind {
                PACKET => packet.data = value.take_rest().to_vec(),
                FULL_LEN => packet.full_len = Some(value.u32("the full length of a packet-in")?),
                BUFFER => packet.buffer = Some(value.u32("the buffer of a packet-in")?),
                TABLE => packet.table = Some(value.u8("the table of a packet-in")?),
                COOKIE => {
                    value.skip("the cookie of a packet-in", 4)?;
                    packet.cookie = Some(value.u64("the cookie of a packet-in")?);
                }
                REASON => {
                    packet.reason = Some(PacketInReason::from_wire(value.u8("the reason of a packet-in")?))
                }
                METADATA => packet.metadata = Match::decode_fields(&mut value)?,
                USERDATA => packet.userdata = value.take_rest().to_vec(),
                CONTINUATION => packet.continuation = value.take_rest().to_vec(),
                _ => packet.unknown.push(Property { kind, value: value.take_rest().to_vec() }),
            }
        }
        Ok(packet)
    }
}
