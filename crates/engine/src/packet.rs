//! Packets that flows send up, and what apps answer.
//!
//! A flow that wants an answer sends the packet with `controller(userdata=...)`; the first byte of the userdata names the
//! responder. Responders are pure, like rules: they see the facts and the packet, and the time is that of the packet.

use std::fmt;
use std::net::IpAddr;

use model::{Id, LogicalPort, LogicalSwitch, Object, RowId, Table, Topic, UniqueKey};
use net_types::OfPort;
use openflow::action::Action;
use serde::{Deserialize, Serialize};

use crate::view::View;

/// A packet that a flow sent up.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PacketIn {
    /// The frame.
    pub frame: Vec<u8>,
    /// The switch port that it came in by.
    pub in_port: u32,
    /// The key of the network that it is in, as far as the tables had found out.
    pub network: u32,
    /// The key of the logical port that it came from, as far as the tables had found out.
    pub ingress: u32,
    /// The key of the router that it is in, as far as the tables had found out.
    #[serde(default)]
    pub router: u32,
    /// The address that the router hands it to, as far as the tables had found out.
    #[serde(default)]
    pub next_hop: Option<IpAddr>,
    /// The userdata of the flow.
    pub userdata: Vec<u8>,
    /// When it came, in milliseconds since the epoch.
    pub at_ms: u64,
}

impl PacketIn {
    /// The switch port that it came in by.
    #[must_use]
    pub const fn in_port(&self) -> OfPort {
        OfPort::new(self.in_port)
    }

    /// The logical port that it came from.
    #[must_use]
    pub const fn ingress(&self) -> Option<UniqueKey> {
        UniqueKey::new(self.ingress)
    }
}

/// What a port says of the multicast addresses that it listens to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listens {
    /// The port.
    pub port: Id<LogicalPort>,
    /// Its network.
    pub network: Id<LogicalSwitch>,
    /// The project of the network.
    pub topic: Topic,
    /// To which it listens now, and to which not any more.
    pub changes: Vec<(IpAddr, bool)>,
}

/// What an app does with a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// Sends a frame out of a port of the switch.
    Send {
        /// The frame.
        frame: Vec<u8>,
        /// The port.
        port: OfPort,
    },
    /// Sends a frame that goes on in a table.
    Resume(Resume),
    /// Sends a frame out of a port, in the place of somebody to whom others go on.
    Instead(Box<Instead>),
    /// Asks who has an address, and keeps a packet until somebody says so.
    Ask(Box<Ask>),
    /// Somebody said who has an address: packets that wait for it can go.
    Told(Neighbor),
    /// Changes a row of the store.
    Write(Box<Write>),
    /// Remembers which multicast addresses a port listens to.
    Listens(Listens),
    /// Notes that what a row says was heard again.
    Heard(Table, RowId),
    /// Nothing, for this reason.
    Ignore(&'static str),
}

/// An answer in the place of somebody else, and what that one is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instead {
    /// The frame of the answer.
    pub frame: Vec<u8>,
    /// The port that it leaves by.
    pub port: OfPort,
    /// What goes on.
    pub onwards: Vec<Resume>,
}

/// A frame that goes on in a table, as if it had come there by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resume {
    /// The frame.
    pub frame: Vec<u8>,
    /// What tables before would have done: the registers that they write, the hop that they count.
    pub registers: Vec<Action>,
    /// The table.
    pub table: u8,
}

/// An address in a network, by the network's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Neighbor {
    /// The key of the network.
    pub network: u32,
    /// The address.
    pub ip: IpAddr,
}

/// A question for a neighbour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// Who is asked for.
    pub neighbor: Neighbor,
    /// The question.
    pub question: Resume,
    /// What waits for the answer.
    pub packet: Resume,
}

/// A change of a row, that counts only while the row is as it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// What the row was; nothing, if there was none.
    pub seen: Option<Object>,
    /// What it shall be; nothing, if it shall go.
    pub wanted: Option<Object>,
}

impl Write {
    /// Another row in the place of this one.
    #[must_use]
    pub const fn change(seen: Object, wanted: Object) -> Self {
        Self { seen: Some(seen), wanted: Some(wanted) }
    }

    /// A row: what it is now or what it was.
    #[must_use]
    pub fn object(&self) -> Option<&Object> {
        self.wanted.as_ref().or(self.seen.as_ref())
    }
}

/// An app's answer to the packets that its flows send up.
#[derive(Clone, Copy)]
pub struct Responder {
    /// First byte of the userdata of such packets; see `pipeline::userdata`.
    pub op: u8,
    /// The answer. Pure and total.
    pub respond: fn(&mut View<'_>, &PacketIn) -> Reply,
}

impl fmt::Debug for Responder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Responder").field("op", &self.op).finish_non_exhaustive()
    }
}
