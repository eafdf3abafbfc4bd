//! Bundles: changes that a switch takes together or not at all, in the ONF's form for OpenFlow 1.3.

use super::body::{Body, named_numbers};
use super::property::Property;
use super::{EXPERIMENTER, HEADER_LEN, Header, Message, TooLong, VERSION, finish};
use crate::field::ONF_EXPERIMENTER;
use crate::wire::{Put, Reader, WireError};

/// Subtype of [`Message::BundleAdd`].
const ADD_MESSAGE: u32 = 2301;

named_numbers! {
    /// What is done with a bundle, or was done.
    BundleOp: u16 {
        /// Begins one.
        OpenRequest = 0,
        /// It began.
        OpenReply = 1,
        /// Ends the additions.
        CloseRequest = 2,
        /// They ended.
        CloseReply = 3,
        /// Does what is in it.
        CommitRequest = 4,
        /// It is done.
        CommitReply = 5,
        /// Forgets it.
        DiscardRequest = 6,
        /// It is forgotten.
        DiscardReply = 7,
    }
}

/// How a bundle is done; the same flags go with each of its messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct BundleFlags(pub u16);

impl BundleFlags {
    /// All of it or nothing; Open vSwitch does every bundle so. The table look-ups of a packet see either the old or the new state.
    pub const ATOMIC: Self = Self(1 << 0);
    /// In the order of its messages.
    pub const ORDERED: Self = Self(1 << 1);

    /// Both sets of flags.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// Opens, closes, commits or discards a bundle, or confirms it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BundleControl {
    /// Which bundle of this connection.
    pub bundle: u32,
    /// What is done.
    pub op: BundleOp,
    /// How.
    pub flags: BundleFlags,
    /// Properties; nobody has defined one that Open vSwitch knows.
    pub properties: Vec<Property>,
}

impl BundleControl {
    /// Control of a bundle, without properties.
    pub fn new(bundle: u32, op: BundleOp, flags: BundleFlags) -> Self {
        Self { bundle, op, flags, properties: vec![] }
    }
}

impl Body for BundleControl {
    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u32(self.bundle);
        out.put_u16(self.op.to_wire());
        out.put_u16(self.flags.0);
        self.properties.encode(out);
    }

    fn decode(r: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self {
            bundle: r.u32("a bundle")?,
            op: BundleOp::from_wire(r.u16("a bundle")?),
            flags: BundleFlags(r.u16("a bundle")?),
            properties: Vec::decode(r)?,
        })
    }
}

/// Puts a message into a bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BundleAdd {
    /// Which bundle of this connection.
    pub bundle: u32,
    /// The flags of the bundle.
    pub flags: BundleFlags,
    /// The message, header included; its transaction id must be that of the message around it.
    pub message: Vec<u8>,
}

impl BundleAdd {
    /// Puts `message` in, which then has to be sent with `xid`.
    pub fn new(bundle: u32, flags: BundleFlags, xid: u32, message: &Message) -> Result<Self, TooLong> {
        let mut bytes = Vec::new();
        message.encode(xid, &mut bytes)?;
        Ok(Self { bundle, flags, message: bytes })
    }

    /// The message, decoded; offsets of errors count from its own start.
    pub fn message(&self) -> Result<Message, WireError> {
        Message::decode(&self.message).map(|(_, message)| message)
    }
}

/// Appends a [`Message::BundleAdd`] around the message that `inner` appends, which must have the same `xid`.
///
/// So a flow goes from its packed form into the bundle without a copy in between:
///
/// ```
/// # use openflow::{Flow, PackedFlow, message::{BundleFlags, put_bundle_add}};
/// let flow = PackedFlow::new(&Flow::new(0, 1))?;
/// let mut out = Vec::new();
/// put_bundle_add(&mut out, 7, 1, BundleFlags::ATOMIC, |out| flow.encode_add(7, out))?;
/// # Ok::<(), openflow::message::TooLong>(())
/// ```
pub fn put_bundle_add(
    out: &mut Vec<u8>,
    xid: u32,
    bundle: u32,
    flags: BundleFlags,
    inner: impl FnOnce(&mut Vec<u8>),
) -> Result<(), TooLong> {
    let start = out.len();
    Header { version: VERSION, kind: EXPERIMENTER, len: 0, xid }.encode(out);
    out.put_u32(ONF_EXPERIMENTER);
    out.put_u32(ADD_MESSAGE);
    put_fixed(out, bundle, flags);
    inner(out);
    finish(start, out)
}

fn put_fixed(out: &mut Vec<u8>, bundle: u32, flags: BundleFlags) {
    out.put_u32(bundle);
    out.put_zeros(2);
    out.put_u16(flags.0);
}

impl Body for BundleAdd {
    fn encode(&self, out: &mut Vec<u8>) {
        put_fixed(out, self.bundle, self.flags);
        out.extend_from_slice(&self.message);
    }

    fn decode(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let bundle = r.u32("a bundle")?;
        r.skip("a bundle", 2)?;
        let flags = BundleFlags(r.u16("a bundle")?);
        let inner = Header::decode(&mut r.clone())?;
        let len = usize::from(inner.len);
        if len < HEADER_LEN || len > r.remaining() {
            return Err(r.bad_length("a message in a bundle", len));
        }
        let message = r.bytes("a message in a bundle", len)?.to_vec();
        // Properties may follow; nobody has defined one that Open vSwitch knows.
        r.take_rest();
        Ok(Self { bundle, flags, message })
    }
}
