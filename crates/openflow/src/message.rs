//! Every message that crosses the connection.
//!
//! # Guarantees
//! - [`Message::decode`] reads one whole message and refuses one whose parts contradict its length, saying at which byte.
//!   It never panics, and what it allocates is bounded by the length of the message, so by 65,535 bytes.
//! - A message of a type, an experimenter or a multipart type that the tables below do not have is not an error: it is
//!   kept as bytes ([`Message::Unknown`]), and written back as it came.
//! - What [`Message::encode`] writes, decodes to an equal message, and OVS reads it.
//!
//! One table, `messages!` below, says for every message how it is told from others on the wire and what it carries;
//! enum, decoder, encoder and names are made from it.
//!
//! ```
//! use openflow::{Flow, Message, message::FlowMod};
//!
//! let mut bytes = Vec::new();
//! Message::FlowMod(FlowMod::from(&Flow::new(3, 100).goto(4))).encode(7, &mut bytes)?;
//! assert_eq!(openflow::message::frame(&bytes)?, Some(bytes.len()));
//! let (xid, Message::FlowMod(flow_mod)) = Message::decode(&bytes)? else { panic!("it is a flow-mod") };
//! assert_eq!((xid, flow_mod.priority), (7, 100));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod body;
mod bundle;
mod config;
mod conntrack;
mod error;
mod flow;
mod group;
mod hello;
mod meter;
mod monitor;
pub mod multipart;
mod of10;
mod packet;
mod packet_in2;
mod port;
mod property;
mod role;
#[cfg(test)]
mod tests;
mod tlv;

pub use bundle::{BundleAdd, BundleControl, BundleFlags, BundleOp, put_bundle_add};
pub use config::{
    AsyncConfig, AsyncMasks, AsyncProperty, ControllerId, Features, FragmentHandling, PacketInFormat,
    SwitchConfig,
};
pub use conntrack::{CtFlush, CtFlushZone, CtPorts, CtTuple};
pub use error::{ErrorCode, ErrorMessage};
pub use flow::{FlowCommand, FlowMod, FlowRemoved, FlowRemovedReason, TABLE_ALL};
pub use group::{GROUP_ALL, GroupMod};
pub use hello::Hello;
pub use meter::{METER_ALL, METER_CONTROLLER, METER_SLOWPATH, MeterMod};
pub use monitor::{FlowUpdate, FlowUpdateEvent, MonitorCancel, MonitorFlags, MonitorRequest};
pub use of10::{BucketCommand, BucketMod, BucketPlace, NotInOpenFlow10, NumberedBucket};
pub use packet::{PacketIn, PacketInReason, PacketOut};
pub use packet_in2::PacketIn2;
pub use port::{Port, PortReason, PortStatus};
pub use property::Property;
pub use role::{NiciraRole, Role, RoleMessage, RoleStatus, RoleStatusReason};
pub use tlv::{TlvCommand, TlvMap, TlvTable, TlvTableMod};

use crate::action::NICIRA;
use crate::field::ONF_EXPERIMENTER;
pub use crate::flow::TooLong;
use crate::wire::{Problem, Put, Reader, WireError, patch_len};
use body::Body;

/// OpenFlow 1.3 on the wire.
pub const VERSION: u8 = 4;
/// OpenFlow 1.0 on the wire, which [`BucketMod`] needs.
pub const VERSION_10: u8 = 1;
/// The length of a message is two bytes.
pub const MESSAGE_LEN_MAX: usize = 65_535;
/// Bytes of the header.
pub const HEADER_LEN: usize = 8;
/// No packet is buffered in the switch.
pub const NO_BUFFER: u32 = 0xffff_ffff;
/// Any port, any group.
pub const ANY: u32 = 0xffff_ffff;
/// Type of a flow-mod.
pub(crate) const FLOW_MOD: u8 = 14;
/// Header and fixed part of a flow-mod, before its match.
pub(crate) const FLOW_MOD_FIXED_LEN: usize = 48;
/// Header and fixed part of the message that adds another to a bundle.
pub const BUNDLE_ADD_FIXED_LEN: usize = 24;
/// Type of a message whose experimenter says what it is.
const EXPERIMENTER: u8 = 4;
/// Highest type whose form all versions of OpenFlow share: hello, error, echo.
const IMMUTABLE_TYPE_MAX: u8 = 3;

/// The first eight bytes of every message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Version of the protocol.
    pub version: u8,
    /// Type of the message.
    pub kind: u8,
    /// Bytes of the message, these eight included.
    pub len: u16,
    /// Pairs replies with requests.
    pub xid: u32,
}

impl Header {
    /// Reads a header.
    pub fn decode(r: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self {
            version: r.u8("a header")?,
            kind: r.u8("a header")?,
            len: r.u16("a header")?,
            xid: r.u32("a header")?,
        })
    }

    fn encode(self, out: &mut Vec<u8>) {
        out.put_u8(self.version);
        out.put_u8(self.kind);
        out.put_u16(self.len);
        out.put_u32(self.xid);
    }
}

/// The length of the message at the start of `stream`, once all of it is there.
///
/// A length that is shorter than a header is an error, from which a stream cannot recover: where the next message starts
/// is not known.
pub fn frame(stream: &[u8]) -> Result<Option<usize>, WireError> {
    let Some(&[high, low]) = stream.get(2..4) else { return Ok(None) };
    let len = usize::from(u16::from_be_bytes([high, low]));
    if len < HEADER_LEN {
        return Err(WireError { offset: 2, problem: Problem::Length { what: "a message", len } });
    }
    Ok((stream.len() >= len).then_some(len))
}

/// How a message is told from others on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Code {
    /// A type of OpenFlow 1.3.
    Standard(u8),
    /// A subtype of Nicira's.
    Nicira(u32),
    /// A subtype of the ONF's.
    Onf(u32),
    /// A type of OpenFlow 1.0 whose number has another meaning later.
    Standard10(u8),
    /// A subtype of Nicira's that OVS takes only in OpenFlow 1.0.
    Nicira10(u32),
}

/// A message that the table does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown {
    /// Version of the protocol.
    pub version: u8,
    /// Type of the message.
    pub kind: u8,
    /// Everything behind the header.
    pub body: Vec<u8>,
}

macro_rules! messages {
    ($($(#[$doc:meta])+ $variant:ident $(($bind:ident: $body:ty))? $name:literal $space:ident $number:literal,)+) => {
        /// A message.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Message {
            $($(#[$doc])+ $variant $(($body))?,)+
            /// A message that the table does not have.
            Unknown(Unknown),
        }

        impl Message {
            /// What people call the message.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$variant { .. } => $name,)+
                    Self::Unknown(_) => "unknown message",
                }
            }

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
        }
    };
}

messages! {
    // The connection.
    /// Offers versions of the protocol.
    Hello(hello: Hello) "hello" Standard 0,
    /// Refuses a request.
    Error(error: ErrorMessage) "error" Standard 1,
    /// Asks for the same bytes.
    EchoRequest(data: Vec<u8>) "echo request" Standard 2,
    /// Returns the bytes.
    EchoReply(data: Vec<u8>) "echo reply" Standard 3,
    /// Asks what the switch is.
    FeaturesRequest "features request" Standard 5,
    /// Says what the switch is.
    FeaturesReply(features: Features) "features reply" Standard 6,
    /// Asks for the configuration.
    GetConfigRequest "get-config request" Standard 7,
    /// Says the configuration.
    GetConfigReply(config: SwitchConfig) "get-config reply" Standard 8,
    /// Changes the configuration.
    SetConfig(config: SwitchConfig) "set-config" Standard 9,
    /// Asks that everything before is done before everything behind.
    BarrierRequest "barrier request" Standard 20,
    /// Everything before is done.
    BarrierReply "barrier reply" Standard 21,
    /// Asks for a role among the controllers.
    RoleRequest(role: RoleMessage) "role request" Standard 24,
    /// Says the role.
    RoleReply(role: RoleMessage) "role reply" Standard 25,
    /// Asks which messages the switch sends unasked.
    GetAsyncRequest "get-async request" Standard 26,
    /// Says which messages the switch sends unasked.
    GetAsyncReply(config: AsyncConfig) "get-async reply" Standard 27,
    /// Chooses which messages the switch sends unasked.
    SetAsync(config: AsyncConfig) "set-async" Standard 28,
    /// Asks for a role, in the form from before OpenFlow 1.2.
    NiciraRoleRequest(role: NiciraRole) "Nicira role request" Nicira 10,
    /// Says the role, in the form from before OpenFlow 1.2.
    NiciraRoleReply(role: NiciraRole) "Nicira role reply" Nicira 11,
    /// The controller lost or won its role.
    RoleStatus(status: RoleStatus) "role status" Onf 1911,
    /// Chooses the form in which packets reach the controller.
    SetPacketInFormat(format: PacketInFormat) "set-packet-in-format" Nicira 16,
    /// Chooses which messages the switch sends unasked.
    NiciraSetAsync(config: AsyncConfig) "Nicira set-async" Nicira 19,
    /// Gives the connection a number that `controller` actions can name.
    SetControllerId(id: ControllerId) "set-controller-id" Nicira 20,
    /// Chooses which messages the switch sends unasked, each kind by itself.
    NiciraSetAsync2(properties: Vec<AsyncProperty>) "Nicira set-async2" Nicira 27,

    // Packets and ports.
    /// A packet comes to the controller.
    PacketIn(packet: PacketIn) "packet-in" Standard 10,
    /// A packet comes to the controller, with user data, perhaps paused.
    PacketIn2(packet: PacketIn2) "Nicira packet-in2" Nicira 30,
    /// A paused packet goes on.
    Resume(packet: PacketIn2) "Nicira resume" Nicira 28,
    /// The controller sends a packet.
    PacketOut(packet: PacketOut) "packet-out" Standard 13,
    /// A port came, went or changed.
    PortStatus(status: PortStatus) "port status" Standard 12,

    // Tables.
    /// Changes flows.
    FlowMod(flow_mod: FlowMod) "flow-mod" Standard 14,
    /// A flow is gone.
    FlowRemoved(removed: FlowRemoved) "flow removed" Standard 11,
    /// Changes a group.
    GroupMod(group_mod: GroupMod) "group-mod" Standard 15,
    /// Changes a meter.
    MeterMod(meter_mod: MeterMod) "meter-mod" Standard 29,
    /// Opens, closes, commits or discards a bundle, or says that it is done.
    BundleControl(control: BundleControl) "bundle control" Onf 2300,
    /// Puts a message into a bundle.
    BundleAdd(add: BundleAdd) "bundle add" Onf 2301,
    /// Asks for, or carries, a part of what the switch holds.
    MultipartRequest(request: multipart::Multipart<multipart::Request>) "multipart request" Standard 18,
    /// The answer.
    MultipartReply(reply: multipart::Multipart<multipart::Reply>) "multipart reply" Standard 19,
    /// Ends a flow monitor.
    MonitorCancel(cancel: MonitorCancel) "flow monitor cancel" Onf 1870,
    /// The controller reads too slowly; the switch stops telling additions and changes.
    MonitorPaused "flow monitor paused" Onf 1871,
    /// The switch has told what it held back.
    MonitorResumed "flow monitor resumed" Onf 1872,
    /// Binds tunnel options to `tun_metadata` fields.
    TlvTableMod(table_mod: TlvTableMod) "TLV table mod" Nicira 24,
    /// Asks which tunnel options are bound.
    TlvTableRequest "TLV table request" Nicira 25,
    /// Says which tunnel options are bound.
    TlvTableReply(table: TlvTable) "TLV table reply" Nicira 26,
    /// Forgets the connections of a zone.
    CtFlushZone(zone: CtFlushZone) "conntrack flush zone" Nicira 29,
    /// Forgets certain connections.
    CtFlush(flush: CtFlush) "conntrack flush" Nicira 32,

    // On a connection of OpenFlow 1.0.
    /// Changes some buckets of a group.
    BucketMod(bucket_mod: BucketMod) "Nicira group-mod" Nicira10 31,
    /// Asks that everything before is done before everything behind, in OpenFlow 1.0.
    BarrierRequest10 "barrier request of OpenFlow 1.0" Standard10 18,
    /// Everything before is done, in OpenFlow 1.0.
    BarrierReply10 "barrier reply of OpenFlow 1.0" Standard10 19,
}

impl Message {
    /// Reads one whole message and says its transaction id.
    pub fn decode(bytes: &[u8]) -> Result<(u32, Self), WireError> {
        let mut r = Reader::new(bytes);
        let header = Header::decode(&mut r)?;
        if usize::from(header.len) != bytes.len() {
            return Err(Reader::new(bytes).bad_length("a message", header.len.into()));
        }
        let code = read_code(header, &mut r)?;
        let whole_body = Reader::new(bytes.get(HEADER_LEN..).unwrap_or_default());
        let decoded = code.map_or(Ok(None), |code| Self::decode_body(code, &mut r))?;
        let Some(mut message) = decoded else {
            let body = whole_body.peek().to_vec();
            return Ok((
                header.xid,
                Self::Unknown(Unknown { version: header.version, kind: header.kind, body }),
            ));
        };
        if !r.is_empty() {
            return Err(r.bad_length(message.name(), bytes.len()));
        }
        if let Self::Hello(hello) = &mut message {
            hello.version = header.version;
        }
        Ok((header.xid, message))
    }

    /// Appends the message; one that does not fit into a message is refused, and nothing is appended.
    pub fn encode(&self, xid: u32, out: &mut Vec<u8>) -> Result<(), TooLong> {
        let start = out.len();
        let header = |kind| Header { version: self.version(), kind, len: 0, xid };
        let experimenter = match self.code() {
            None => {
                let kind = if let Self::Unknown(unknown) = self { unknown.kind } else { EXPERIMENTER };
                header(kind).encode(out);
                None
            }
            Some(Code::Standard(kind) | Code::Standard10(kind)) => {
                header(kind).encode(out);
                None
            }
            Some(Code::Nicira(subtype) | Code::Nicira10(subtype)) => Some((NICIRA, subtype)),
            Some(Code::Onf(subtype)) => Some((ONF_EXPERIMENTER, subtype)),
        };
        if let Some((experimenter, subtype)) = experimenter {
            header(EXPERIMENTER).encode(out);
            out.put_u32(experimenter);
            out.put_u32(subtype);
        }
        self.encode_body(out);
        finish(start, out)
    }

    fn version(&self) -> u8 {
        match (self, self.code()) {
            (Self::Hello(hello), _) => hello.version,
            (Self::Unknown(unknown), _) => unknown.version,
            (_, Some(Code::Standard10(_) | Code::Nicira10(_))) => VERSION_10,
            (Self::Error(error), _) if error.code.is_of10() => VERSION_10,
            _ => VERSION,
        }
    }
}

/// Fills in the length of the message that starts at `start`, or takes it back where the length cannot be said.
fn finish(start: usize, out: &mut Vec<u8>) -> Result<(), TooLong> {
    let len = out.len() - start;
    if len > MESSAGE_LEN_MAX {
        out.truncate(start);
        return Err(TooLong { len });
    }
    patch_len(out, start, start + 2);
    Ok(())
}

/// Reads on until it is clear which message this is; nothing where the experimenter is a stranger.
fn read_code(header: Header, r: &mut Reader<'_>) -> Result<Option<Code>, WireError> {
    let of10 = header.version == VERSION_10;
    if header.kind <= IMMUTABLE_TYPE_MAX {
        return Ok(Some(Code::Standard(header.kind)));
    }
    if header.version != VERSION && !of10 {
        return Err(WireError { offset: 0, problem: Problem::Version(header.version) });
    }
    if header.kind != EXPERIMENTER {
        return Ok(Some(if of10 { Code::Standard10(header.kind) } else { Code::Standard(header.kind) }));
    }
    let experimenter = r.u32("an experimenter id")?;
    if !matches!(experimenter, NICIRA | ONF_EXPERIMENTER) {
        return Ok(None);
    }
    let subtype = r.u32("an experimenter type")?;
    Ok(match (experimenter, of10) {
        (NICIRA, false) => Some(Code::Nicira(subtype)),
        (NICIRA, true) => Some(Code::Nicira10(subtype)),
        (_, false) => Some(Code::Onf(subtype)),
        (_, true) => None,
    })
}
