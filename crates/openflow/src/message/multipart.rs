//! Questions about what the switch holds, and answers, which may come in several messages.

mod description;
mod flow;
mod group;
mod meter;
mod port;
mod table;

pub use description::Description;
pub use flow::{Aggregate, Counters, FlowEntries, FlowRequest, FlowStats};
pub use group::{GroupDesc, GroupFeatures, GroupId, GroupStats};
pub use meter::{MeterConfig, MeterFeatures, MeterId, MeterStats};
pub use port::{PortNumber, PortStats, QueueRequest, QueueStats};
pub use table::{TableFeatures, TableStats};

use super::body::Body;
use super::monitor::{FlowUpdate, MonitorRequest};
use super::port::Port;
use crate::field::ONF_EXPERIMENTER;
use crate::wire::{Put, Reader, WireError};

const FLAG_MORE: u16 = 1;
/// Type of a part whose experimenter says what it is.
const EXPERIMENTER: u16 = 0xffff;

/// A question or an answer, or a piece of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Multipart<T> {
    /// Whether another piece with the same transaction id follows.
    pub more: bool,
    /// The piece.
    pub part: T,
}

impl<T> Multipart<T> {
    /// The only piece, or the last one.
    pub fn last(part: T) -> Self {
        Self { more: false, part }
    }
}

/// How a part is told from others on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Code {
    /// A type of the specification.
    Standard(u16),
    /// A type of the ONF's.
    Onf(u32),
}

/// A question or an answer that the tables do not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownPart {
    /// Its type.
    pub kind: u16,
    /// Everything behind type and flags, an experimenter's header included.
    pub body: Vec<u8>,
}

trait Part: Sized {
    fn code(&self) -> Option<Code>;
    fn encode_body(&self, out: &mut Vec<u8>);
    fn decode_body(code: Code, r: &mut Reader<'_>) -> Result<Option<Self>, WireError>;
    fn unknown(unknown: UnknownPart) -> Self;
    fn as_unknown(&self) -> Option<&UnknownPart>;
}

macro_rules! parts {
    ($(#[$enum_doc:meta])+ $enum:ident {
        $($(#[$doc:meta])+ $variant:ident $(($bind:ident: $body:ty))? $space:ident $number:literal,)+
    }) => {
        $(#[$enum_doc])+
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum $enum {
            $($(#[$doc])+ $variant $(($body))?,)+
            /// One that the table does not have.
            Unknown(UnknownPart),
        }

        impl Part for $enum {
            fn code(&self) -> Option<Code> {
                match self {
                    $(Self::$variant { .. } => Some(Code::$space($number)),)+
                    Self::Unknown(_) => None,
                }
            }

            fn encode_body(&self, out: &mut Vec<u8>) {
                match self {
                    $(Self::$variant $(($bind))? => { $($bind.encode(out);)? })+
                    Self::Unknown(unknown) => out.extend_from_slice(&unknown.body),
                }
            }

            fn decode_body(code: Code, r: &mut Reader<'_>) -> Result<Option<Self>, WireError> {
                Ok(match code {
                    $(Code::$space($number) => Some(Self::$variant $((<$body>::decode(r)?))?),)+
                    _ => None,
                })
            }

            fn unknown(unknown: UnknownPart) -> Self {
                Self::Unknown(unknown)
            }

            fn as_unknown(&self) -> Option<&UnknownPart> {
                if let Self::Unknown(unknown) = self { Some(unknown) } else { None }
            }
        }
    };
}

parts! {
    /// What is asked.
    Request {
        /// What is the switch?
        Description Standard 0,
        /// Which flows are there?
        Flow(request: FlowRequest) Standard 1,
        /// How much did flows match together?
        Aggregate(request: FlowRequest) Standard 2,
        /// How much did the tables match?
        Table Standard 3,
        /// How much went through ports?
        PortStats(port: PortNumber) Standard 4,
        /// How much went through queues?
        QueueStats(request: QueueRequest) Standard 5,
        /// How much went through groups?
        GroupStats(group: GroupId) Standard 6,
        /// Which groups are there?
        GroupDesc Standard 7,
        /// What groups can the switch have?
        GroupFeatures Standard 8,
        /// How much went through meters?
        MeterStats(meter: MeterId) Standard 9,
        /// Which meters are there?
        MeterConfig(meter: MeterId) Standard 10,
        /// What meters can the switch have?
        MeterFeatures Standard 11,
        /// What can the tables do? With features: change them so.
        TableFeatures(features: Vec<TableFeatures>) Standard 12,
        /// Which ports are there?
        PortDesc Standard 13,
        /// Begin flow monitors.
        Monitor(monitors: Vec<MonitorRequest>) Onf 1870,
    }
}

parts! {
    /// What is answered.
    Reply {
        /// The switch.
        Description(description: Description) Standard 0,
        /// Flows, still as bytes.
        Flow(flows: FlowEntries) Standard 1,
        /// What flows matched together.
        Aggregate(aggregate: Aggregate) Standard 2,
        /// What tables matched.
        Table(tables: Vec<TableStats>) Standard 3,
        /// What went through ports.
        PortStats(ports: Vec<PortStats>) Standard 4,
        /// What went through queues.
        QueueStats(queues: Vec<QueueStats>) Standard 5,
        /// What went through groups.
        GroupStats(groups: Vec<GroupStats>) Standard 6,
        /// Groups.
        GroupDesc(groups: Vec<GroupDesc>) Standard 7,
        /// What groups the switch can have.
        GroupFeatures(features: GroupFeatures) Standard 8,
        /// What went through meters.
        MeterStats(meters: Vec<MeterStats>) Standard 9,
        /// Meters.
        MeterConfig(meters: Vec<MeterConfig>) Standard 10,
        /// What meters the switch can have.
        MeterFeatures(features: MeterFeatures) Standard 11,
        /// What tables can do.
        TableFeatures(tables: Vec<TableFeatures>) Standard 12,
        /// Ports.
        PortDesc(ports: Vec<Port>) Standard 13,
        /// News of flows.
        Monitor(updates: Vec<FlowUpdate>) Onf 1870,
    }
}

impl<T: Part> Body for Multipart<T> {
    fn encode(&self, out: &mut Vec<u8>) {
        let (kind, subtype) = match self.part.code() {
            Some(Code::Standard(kind)) => (kind, None),
            Some(Code::Onf(subtype)) => (EXPERIMENTER, Some(subtype)),
            None => (self.part.as_unknown().map_or(EXPERIMENTER, |unknown| unknown.kind), None),
        };
        out.put_u16(kind);
        out.put_u16(if self.more { FLAG_MORE } else { 0 });
        out.put_zeros(4);
        if let Some(subtype) = subtype {
            out.put_u32(ONF_EXPERIMENTER);
            out.put_u32(subtype);
        }
        self.part.encode_body(out);
    }

    fn decode(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let kind = r.u16("a multipart message")?;
        let more = r.u16("a multipart message")? & FLAG_MORE != 0;
        r.skip("a multipart message", 4)?;
        let body = r.peek();
        let code = match kind {
            EXPERIMENTER => match r.u32("a multipart experimenter")? {
                ONF_EXPERIMENTER => Some(Code::Onf(r.u32("a multipart experimenter")?)),
                _ => None,
            },
            kind => Some(Code::Standard(kind)),
        };
        let part = match code {
            Some(code) => T::decode_body(code, r)?,
            None => None,
        };
        let part = part.unwrap_or_else(|| {
            r.take_rest();
            T::unknown(UnknownPart { kind, body: body.to_vec() })
        });
        Ok(Self { more, part })
    }
}
