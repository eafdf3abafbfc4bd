//! What became of a packet: the way it took, and where it ended.
//!
//! A trace has one [`Pass`] for each time the packet went through the tables: the first, and one for each time the
//! connection tracker gave it back. A pass lists its steps in order, and its outcomes in order. Printed, a trace tells
//! the story in words, in the manner of `ofproto/trace`.

mod print;
#[cfg(test)]
mod tests;

use net_types::OfPort;
use openflow::action::{Action, Controller, Nat};
use openflow::{Field, Flow};

use crate::entry::Entry;
use crate::exec::Continuation;
use crate::key::Key;
use crate::lookup::Found;

/// The whole way of a packet.
#[derive(Debug, Clone)]
pub struct Trace {
    /// Each time through the tables.
    pub passes: Vec<Pass>,
    /// Passes that were left out, because a packet that recirculates so often is in a loop.
    pub passes_left_out: usize,
}

/// Once through the tables.
#[derive(Debug, Clone)]
pub struct Pass {
    /// How it came about.
    pub start: Start,
    /// The packet at its start.
    pub first: Key,
    /// The packet at its end, without what copies of it went through.
    pub last: Key,
    /// What happened, in order.
    pub steps: Vec<Step>,
    /// Where the packet and its copies went, in order.
    pub outcomes: Vec<Outcome>,
    /// Why the switch gave up, if it did. Then nothing goes anywhere.
    pub failure: Option<Failure>,
}

/// How a pass came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// The packet came in.
    Received,
    /// The connection tracker gave it back.
    Tracked {
        /// Table where it goes on.
        table: u8,
        /// Zone in which it was tracked.
        zone: u16,
    },
    /// A controller resumed it.
    Resumed,
}

/// One thing that happened.
#[derive(Debug, Clone)]
pub struct Step {
    /// How many tables and buckets it is inside of.
    pub depth: usize,
    /// What.
    pub event: Event,
}

/// What happened.
#[derive(Debug, Clone)]
pub enum Event {
    /// A table was looked up.
    Table {
        /// The table.
        table: u8,
        /// The flow that decided; nothing for a miss.
        found: Option<Found>,
    },
    /// An action was executed.
    Action(Action),
    /// `meter`.
    Meter(u32),
    /// `clear_actions`.
    ClearActions,
    /// `write_actions`.
    WriteActions(Vec<Action>),
    /// `write_metadata`: value and mask.
    WriteMetadata(u64, u64),
    /// `goto_table`.
    Goto(u8),
    /// A bucket of a group got a copy.
    Bucket {
        /// The group.
        group: u32,
        /// Place of the bucket in it, from 0.
        index: usize,
    },
    /// The action set is executed.
    ActionSet,
    /// What follows is for packets that are larger than asked for, or for the others.
    Larger(bool),
    /// Something worth knowing about the action before.
    Note(Note),
}

/// Why an action did not do what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Note {
    /// The packet does not have the field.
    MissingLayer(Field),
    /// A packet never goes back by itself: only `in_port` says so.
    InputPort,
    /// There is no such port.
    NoSuchPort(OfPort),
    /// A truncated output to a port that cannot truncate.
    CannotTruncate(OfPort),
    /// The register names no port.
    PortOutOfRange(u128),
    /// There is no such group; the rest of the action list is skipped.
    NoSuchGroup(u32),
    /// No bucket of the group is alive.
    NoLiveBucket(u32),
    /// There is no such meter.
    NoSuchMeter(u32),
    /// The TTL ran out; the rest of the action list is skipped.
    TtlExpired,
    /// The action needs a label and there is none; the rest of the action list is skipped.
    NoLabel,
    /// Nothing is on the stack.
    StackUnderflow,
    /// `resubmit` by the original tuple of a packet that was not tracked.
    NoTuple,
    /// The conjunction action has no effect when it is executed.
    ConjunctionExecuted,
    /// The flow would be learned, were this not only a trace.
    LearnNotExecuted,
    /// As many flows were learned as the action allows.
    LearnLimit,
    /// The action is not known here.
    UnknownAction,
    /// The flow has instructions that are not known here.
    UnknownInstruction,
    /// The packet is untracked from here on.
    Untracked,
    /// A tracked packet goes on with what an `exit` cut off before, and not in the table that `ct` names.
    LeftOver,
}

/// Where a packet or a copy of it went.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// Out of a port.
    Output(Output),
    /// To the controller.
    PacketIn(PacketIn),
    /// Through the connection tracker.
    Tracked(Tracking),
    /// Past a meter, which may drop it and all that follows.
    Metered(u32),
    /// A flow is learned from it.
    Learned(Box<Flow>),
}

/// A packet that leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// The port; [`OfPort::NORMAL`], [`OfPort::FLOOD`] and [`OfPort::ALL`] where nobody knows the ports.
    pub port: OfPort,
    /// Bytes that leave, where not all do.
    pub bytes_max: Option<u32>,
    /// The packet as it leaves, tunnel and queue included.
    pub key: Box<Key>,
}

/// Why a packet goes to the controller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// A table-miss flow sent it.
    Miss,
    /// An applied action sent it.
    ApplyAction,
    /// Its TTL ran out.
    InvalidTtl,
    /// The action set sent it.
    ActionSet,
    /// A group bucket sent it.
    Group,
    /// The `controller` action says this reason.
    Given(u8),
}

/// A packet that goes to the controller.
#[derive(Debug, Clone)]
pub struct PacketIn {
    /// Why.
    pub reason: Reason,
    /// Table of the flow that sent it.
    pub table: u8,
    /// Cookie of that flow.
    pub cookie: u64,
    /// What the action says.
    pub controller: Controller,
    /// The packet as the controller gets it.
    pub key: Box<Key>,
    /// What a paused packet needs to go on.
    pub continuation: Option<Box<Continuation>>,
}

/// A packet that goes through the connection tracker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tracking {
    /// Where it is tracked.
    pub zone: u16,
    /// Whether the connection is remembered.
    pub commit: bool,
    /// Whether a connection in the other direction is forgotten for it.
    pub force: bool,
    /// Port of the protocol helper, 0 for none.
    pub alg: u16,
    /// What is written to the mark: value and mask.
    pub mark: Option<(u32, u32)>,
    /// What is written to the label: value and mask.
    pub label: Option<(u128, u128)>,
    /// Translation of addresses.
    pub nat: Option<Nat>,
    /// Where the packet goes on.
    pub table: Option<u8>,
    /// The packet as the tracker gets it.
    pub key: Box<Key>,
}

/// Why a switch gave up on a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// Look-ups of earlier tables are nested too deeply.
    TooDeep,
    /// There were too many look-ups.
    TooManyResubmits,
    /// The stack is too large.
    StackTooLarge,
    /// There are more labels than a switch can handle.
    TooManyLabels,
    /// More was to be done than any sane packet needs.
    TooManyActions,
    /// The packet recirculates or is paused while its action set is not empty. Open vSwitch, at least up to 3.7, does not
    /// give up on the packet then: it aborts.
    ActionSetFrozen,
}

/// Why a packet goes nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DropReason {
    /// No flow of the last table matched.
    NoMatch {
        /// That table.
        table: u8,
    },
    /// The last flow that decided does nothing.
    Told {
        /// Its table.
        table: u8,
        /// Its cookie.
        cookie: u64,
    },
    /// What the flows do lets the packet go nowhere.
    NoOutput,
    /// The switch gave up.
    Failed(Failure),
}

impl Trace {
    /// Every outcome of every pass.
    pub fn outcomes(&self) -> impl Iterator<Item = &Outcome> {
        self.passes.iter().flat_map(|pass| &pass.outcomes)
    }

    /// What left by ports, in order.
    pub fn outputs(&self) -> impl Iterator<Item = &Output> {
        self.outcomes().filter_map(|outcome| match outcome {
            Outcome::Output(output) => Some(output),
            _ => None,
        })
    }

    /// The ports by which something left, in order.
    pub fn output_ports(&self) -> Vec<OfPort> {
        self.outputs().map(|output| output.port).collect()
    }

    /// What went to the controller.
    pub fn packet_ins(&self) -> impl Iterator<Item = &PacketIn> {
        self.outcomes().filter_map(|outcome| match outcome {
            Outcome::PacketIn(packet_in) => Some(packet_in),
            _ => None,
        })
    }

    /// The tables that were looked up, in order, with the flow that decided in each.
    pub fn deciding(&self) -> impl Iterator<Item = (u8, Option<&Entry>)> {
        self.passes.iter().flat_map(Pass::deciding)
    }

    /// Why the packet goes nowhere; nothing when some of it goes somewhere.
    pub fn drop_reason(&self) -> Option<DropReason> {
        if self.passes.iter().any(Pass::goes_somewhere) {
            return None;
        }
        self.passes.last().map(Pass::why_dropped)
    }
}

impl Pass {
    pub(crate) fn new(start: Start, key: &Key) -> Self {
        let (first, last) = (key.clone(), key.clone());
        Self { start, first, last, steps: Vec::new(), outcomes: Vec::new(), failure: None }
    }

    /// The tables that were looked up, in order, with the flow that decided in each.
    pub fn deciding(&self) -> impl Iterator<Item = (u8, Option<&Entry>)> {
        self.steps.iter().filter_map(|step| match &step.event {
            Event::Table { table, found } => Some((*table, found.as_ref().map(|found| found.entry.as_ref()))),
            _ => None,
        })
    }

    fn goes_somewhere(&self) -> bool {
        let leaves = |outcome: &Outcome| matches!(outcome, Outcome::Output(_) | Outcome::PacketIn(_));
        self.outcomes.iter().any(leaves)
    }

    fn why_dropped(&self) -> DropReason {
        if let Some(failure) = self.failure {
            return DropReason::Failed(failure);
        }
        match self.deciding().last() {
            Some((table, None)) => DropReason::NoMatch { table },
            Some((table, Some(entry))) if entry.flow.instructions.is_empty() => {
                DropReason::Told { table, cookie: entry.flow.cookie }
            }
            _ => DropReason::NoOutput,
        }
    }
}
