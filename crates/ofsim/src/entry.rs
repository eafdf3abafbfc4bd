//! An installed flow: decoded once, in the order in which a switch executes it.

use openflow::action::Action;
use openflow::flow::FlowKey;
use openflow::{Flow, PackedFlow};

/// A flow of a table.
#[derive(Debug)]
pub struct Entry {
    /// Identity, by which it is removed.
    pub key: FlowKey,
    /// The flow.
    pub flow: Flow,
    /// The conjunctive matches that the flow is a part of.
    pub(crate) conjunctions: Vec<Conjunct>,
}

/// One dimension of a conjunctive match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Conjunct {
    pub(crate) id: u32,
    /// From 1.
    pub(crate) clause: u8,
    pub(crate) n_clauses: u8,
}

/// One thing that a flow does: an action or an instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op<'a> {
    Meter(u32),
    Action(&'a Action),
    Clear,
    Write(&'a [Action]),
    Metadata(u64, u64),
    Goto(u8),
}

impl Entry {
    pub(crate) fn new(packed: &PackedFlow) -> Self {
        let flow = packed.unpack();
        let conjunctions = flow.instructions.apply.iter().filter_map(|action| match *action {
            Action::Conjunction { id, clause, n_clauses } => Some(Conjunct { id, clause, n_clauses }),
            _ => None,
        });
        Self { key: packed.key(), conjunctions: conjunctions.collect(), flow }
    }

    /// Whether the flow is only a part of conjunctive matches, and so never decides about a packet by itself.
    pub fn is_conjunct(&self) -> bool {
        !self.conjunctions.is_empty()
    }

    /// Whether this is what OpenFlow calls a table-miss flow.
    pub fn is_table_miss(&self) -> bool {
        self.flow.priority == 0 && self.flow.matching.is_empty()
    }

    /// The operation at `at`, where there is one, and the place of the next. Nothing when the flow is done.
    pub(crate) fn op(&self, at: usize) -> Option<(Option<Op<'_>>, usize)> {
        let instructions = &self.flow.instructions;
        let op = match at.checked_sub(1) {
            None => instructions.meter.map(Op::Meter),
            Some(index) => match instructions.apply.get(index) {
                Some(action) => Some(Op::Action(action)),
                None => match index - instructions.apply.len() {
                    0 => instructions.clear.then_some(Op::Clear),
                    1 => (!instructions.write.is_empty()).then_some(Op::Write(&instructions.write)),
                    2 => instructions.metadata.map(|(value, mask)| Op::Metadata(value, mask)),
                    3 => instructions.goto.map(Op::Goto),
                    _ => return None,
                },
            },
        };
        Some((op, at + 1))
    }
}
