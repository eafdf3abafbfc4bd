//! What the machine tells its owner, and why it gives a connection up.

use openflow::message::{Features, FlowRemoved, PacketIn2, Port, PortStatus, TlvMap};
use thiserror::Error;

use super::ChangeId;
use crate::compare::Tally;
use crate::entry::EntryId;
use crate::execution::Refusal;

/// What the owner hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The switch said what it is.
    Connected(Features),
    /// The connection is gone; what was not committed is compared after the next one.
    Disconnected {
        /// Why.
        reason: String,
    },
    /// The switch holds what is desired, as of this change.
    Synced {
        /// The last change that is included.
        up_to: ChangeId,
        /// What it took.
        report: SyncReport,
    },
    /// The switch confirmed all changes up to this one.
    Committed {
        /// The last change that is included.
        up_to: ChangeId,
        /// Flows that were written or deleted.
        flow_mods: usize,
    },
    /// The switch does not have this entry.
    Refused {
        /// Which.
        entry: EntryId,
        /// Why.
        refusal: Refusal,
    },
    /// A tunnel option cannot be bound to the field that the pipeline uses.
    OptionConflict {
        /// What was wanted.
        wanted: TlvMap,
        /// Why not.
        reason: String,
    },
    /// All ports, after connecting.
    Ports(Vec<Port>),
    /// A port came, went or changed.
    Port(PortStatus),
    /// A packet came up.
    PacketIn(Box<PacketIn2>),
    /// A flow's time ran out.
    FlowRemoved(Box<FlowRemoved>),
}

/// What a synchronisation found and did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SyncReport {
    /// What the switch had.
    pub found: Tally,
    /// Flows written.
    pub flows_put: usize,
    /// Flows deleted.
    pub flows_deleted: usize,
    /// Groups and meters written or deleted.
    pub others_changed: usize,
}

/// Why a connection has to be closed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Fatal {
    /// No common version.
    #[error(
        "the switch does not offer OpenFlow 1.3; allow it with: ovs-vsctl set bridge BRIDGE protocols=OpenFlow13"
    )]
    Version,
    /// The switch refused what the connection cannot do without.
    #[error("the switch refused the {what}: {error}")]
    Refused {
        /// What.
        what: &'static str,
        /// What it said.
        error: String,
    },
    /// The switch is silent.
    #[error("the switch has been silent for {0} ms")]
    Silent(u64),
}
