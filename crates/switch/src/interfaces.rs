//! Watching the interfaces of one bridge: which ports there are, what each is for, and whether it can be used.
//!
//! An [`InterfaceWatch`] takes the batches of the database and tells what they mean as [`InterfaceEvent`]s.
//!
//! # Guarantees
//! - **The events are the difference of two states.** What is reported after a batch is a function of the present
//!   rows alone; how they came about, in how many batches, and whether a connection was lost in between does not
//!   matter. Events applied in order lead from any state to the next, and a batch that changes nothing we report
//!   gives none.
//! - **An interface is reported when it can be used**: it is in the bridge, its role is known and Open vSwitch gave
//!   it a port number. Between creation and that moment the database shows no number, or -1; a port gives exactly
//!   one [`InterfaceEvent::Appeared`] however long that takes.
//! - **A failure is a finding**, found once and cleared once, with Open vSwitch's own words.
//! - **One port id, one interface.** If several interfaces of the bridge claim an `iface-id`, the one with the
//!   lowest port number has it and the others are named in a finding. Open vSwitch gives new ports higher numbers,
//!   so a newcomer does not take an id away from a port that is in use.
//! - **A batch costs what it touches**, not what the bridge holds.
//!
//! # Roles
//! | role | how it is recognised |
//! |---|---|
//! | [`Role::Vif`] | `external_ids:iface-id`, whatever the type: a patch port to a trunk bridge is a VIF too |
//! | [`Role::Tunnel`], [`Role::Patch`], [`Role::Internal`] | type, in a port that carries our [mark](crate::bridge#what-is-ours) |
//! | [`Role::Session`], [`Role::Speaker`] | the same, with the mark of the node that is watched |
//! | [`Role::Other`] | everything else; reported only to who asks for it by [`Unclaimed::Reported`] |
//!
//! In the picture below, "usable" means a port number from 1 on, `LOCAL` included.
//!
//! ```text
//!                 ofport [] -> 7                    ofport 7 -> 9, link ...
//!   (silence) ----------------------> Appeared  --------------------------> Changed
//!      |  ^                              |
//!      |  | ofport -> []                 | row, port or bridge gone, iface-id another, ofport -1 or []
//!      v  |                              v
//!   Found(Failed), ofport -1           Gone
//! ```
//!
//! Link and administrative state are `None` where the database does not say. That happens to every interface when
//! ovsdb-server restarts, because these columns are not kept on disk: unknown is not down.

use std::fmt;

use net_types::{MacAddr, OfPort};
use ovsdb::Uuid;

use crate::bridge::TunnelKind;

pub use watch::InterfaceWatch;

mod watch;

/// The key of `external_ids` that names the port of the API.
pub const IFACE_ID_KEY: &str = "iface-id";
/// The key of `external_ids` that says which address the guest uses.
pub const ATTACHED_MAC_KEY: &str = "attached-mac";

/// What an interface is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// The attachment of a port of the API.
    Vif { iface_id: String, attached_mac: Option<MacAddr> },
    /// A tunnel of ours to other chassis.
    Tunnel(TunnelKind),
    /// A device of the host that is ours.
    Internal,
    /// Our end of a pair of patch ports; `peer` is the name of the other end.
    Patch { peer: String },
    /// Through which another node is watched, see [`sessions`](crate::sessions).
    Session { peer: String },
    /// The other end of that, which speaks BFD.
    Speaker { peer: String },
    /// Somebody else's.
    Other,
}

impl Role {
    /// Whether both are the same thing, apart from properties that may change while it exists.
    fn is_same_thing(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Vif { iface_id: one, .. }, Self::Vif { iface_id: two, .. }) => one == two,
            (Self::Tunnel(one), Self::Tunnel(two)) => one == two,
            (Self::Session { peer: one }, Self::Session { peer: two })
            | (Self::Speaker { peer: one }, Self::Speaker { peer: two }) => one == two,
            (Self::Internal, Self::Internal)
            | (Self::Patch { .. }, Self::Patch { .. })
            | (Self::Other, Self::Other) => true,
            _ => false,
        }
    }
}

/// A state that is up or down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum UpDown {
    Up,
    Down,
}

/// An interface that can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// The identity of the row. An interface that is deleted and created again is another one.
    pub row: Uuid,
    pub name: String,
    pub role: Role,
    /// The type in Open vSwitch's words; empty is a device of the system.
    pub kind: String,
    pub ofport: OfPort,
    /// None: unknown.
    pub link: Option<UpDown>,
    /// None: unknown.
    pub admin: Option<UpDown>,
    pub mac_in_use: Option<MacAddr>,
    pub mtu: Option<u32>,
    /// What Open vSwitch complains about although the interface is in use.
    pub error: Option<String>,
}

/// Something that an operator should know.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Finding {
    /// Open vSwitch could not use the interface.
    Failed { interface: String, role: Role, error: Option<String> },
    /// `attached-mac` is not an address; the port works without it.
    MalformedAttachedMac { interface: String, text: String },
    /// Several interfaces claim a port id. `used` has it, `ignored` are as if they had none.
    DuplicateIfaceId { iface_id: String, used: String, ignored: Vec<String> },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed { interface, error, .. } => {
                let error = error.as_deref().unwrap_or("no reason given");
                write!(f, "open vswitch cannot use interface {interface:?}: {error}")
            }
            Self::MalformedAttachedMac { interface, text } => {
                write!(
                    f,
                    "attached-mac {text:?} of interface {interface:?} is no address: correct or remove it"
                )
            }
            Self::DuplicateIfaceId { iface_id, used, ignored } => write!(
                f,
                "port {iface_id:?} is claimed by {used:?}, which has it, and by {ignored:?}: remove the iface-id of \
                 all but one"
            ),
        }
    }
}

/// One step from the reported state to the next.
///
/// The events of one batch come in the order of this enumeration, so that a port id or a port number is given up
/// before another interface takes it; only port numbers that are exchanged among [`InterfaceEvent::Changed`] overlap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InterfaceEvent {
    /// A finding does not hold any more.
    Cleared(Finding),
    /// An interface cannot be used any more, or is something else now.
    Gone(Interface),
    /// An interface is what it was, with other properties.
    Changed { old: Interface, new: Interface },
    /// An interface can be used from now on.
    Appeared(Interface),
    /// A finding holds from now on.
    Found(Finding),
}

impl InterfaceEvent {
    fn rank(&self) -> u8 {
        match self {
            Self::Cleared(_) => 0,
            Self::Gone(_) => 1,
            Self::Changed { .. } => 2,
            Self::Appeared(_) => 3,
            Self::Found(_) => 4,
        }
    }
}

/// What becomes of interfaces that have neither a port id nor our mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unclaimed {
    Ignored,
    /// With [`Role::Other`].
    Reported,
}

#[cfg(test)]
mod tests;
