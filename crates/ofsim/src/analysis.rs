//! Mistakes in flows, found without a packet.
//!
//! # Guarantees
//! - Every finding names the flow (or the group) to look at.
//! - What is certain is certain: an unreachable table, a shadowed flow, a dangling reference can be trusted. What depends on
//!   the packets is said as a possibility: a loop and an action set that recirculates are reported when the matches allow
//!   them, and never missed when they are there.
//! - The cost is that of the flows times the number of different masks in their table, not that of pairs of flows. Only
//!   flows of tables that lead back to themselves are compared with each other.

mod graph;
mod references;
mod shadow;
#[cfg(test)]
mod tests;

use std::fmt;

use openflow::Field;
use openflow::flow::FlowKey;

use crate::switch::Switch;

/// Loops that are reported; there is no need to have all of them to mend one.
pub const LOOPS_MAX: usize = 64;

/// A mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// Packets can go in circles until the switch gives up on them.
    Loop {
        /// The flows on the way, each leading to the table of the next, the last one to that of the first.
        flows: Vec<FlowKey>,
    },
    /// No packet can get to a table.
    Unreachable {
        /// The table.
        table: u8,
        /// Number of flows in it.
        flows: usize,
        /// The first of them.
        flow: FlowKey,
    },
    /// A flow can never decide, as another one always does.
    Shadowed {
        /// The flow.
        flow: FlowKey,
        /// The one of a higher priority that covers it.
        by: FlowKey,
    },
    /// Two flows of one priority do different things and some packets match both.
    Ambiguous {
        /// The flow.
        flow: FlowKey,
        /// The other one.
        other: FlowKey,
    },
    /// A flow leads to a table without flows.
    EmptyTable {
        /// The flow.
        flow: FlowKey,
        /// The table.
        table: u8,
    },
    /// A flow hands packets to a group that is not there. A switch refuses such a flow.
    NoSuchGroup {
        /// The flow.
        flow: FlowKey,
        /// The group.
        group: u32,
    },
    /// A group hands packets to a group that is not there.
    NoSuchGroupInGroup {
        /// The group.
        group: u32,
        /// The one that is missing.
        missing: u32,
    },
    /// A flow names a meter that is not there.
    NoSuchMeter {
        /// The flow.
        flow: FlowKey,
        /// The meter.
        meter: u32,
    },
    /// A conjunctive match can never be complete.
    IncompleteConjunction {
        /// One of the flows that take part.
        flow: FlowKey,
        /// The conjunctive match.
        id: u32,
        /// A clause that no flow of the same priority meets.
        clause: u8,
    },
    /// The flows of a conjunctive match disagree about the number of its clauses.
    ConjunctionDisagrees {
        /// One of them.
        flow: FlowKey,
        /// The conjunctive match.
        id: u32,
    },
    /// Nothing happens when a conjunctive match is complete.
    NothingForConjunction {
        /// One of the flows that take part.
        flow: FlowKey,
        /// The conjunctive match.
        id: u32,
    },
    /// A flow waits for a conjunctive match that no flow takes part in.
    NoSuchConjunction {
        /// The flow.
        flow: FlowKey,
        /// The conjunctive match.
        id: u32,
    },
    /// A match names a field without what the field needs. A switch refuses it.
    MissingPrerequisite {
        /// The flow.
        flow: FlowKey,
        /// The field.
        field: Field,
    },
    /// A packet may come to `ct` with a table while its action set holds something. Every Open vSwitch up to 3.7 aborts then.
    RecirculatesWithActionSet {
        /// The flow that writes the action set, or that has it written and then recirculates.
        flow: FlowKey,
    },
}

/// Every mistake in what is installed. Packets come in by table 0 and by `entries` (tables that a packet-out names).
pub fn findings(switch: &Switch, entries: &[u8]) -> Vec<Finding> {
    let edges = graph::Edges::of(switch);
    let mut out = graph::loops(switch, &edges);
    out.extend(graph::unreachable(switch, &edges, entries));
    out.extend(graph::recirculating_action_sets(switch, &edges));
    out.extend(shadow::shadowed(switch));
    out.extend(shadow::ambiguous(switch));
    out.extend(references::dangling(switch, &edges));
    out.extend(references::conjunctions(switch));
    out
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Loop { flows } => {
                f.write_str("packets can go in circles through")?;
                for (index, flow) in flows.iter().enumerate() {
                    write!(f, "{} {flow}", if index > 0 { ", then" } else { "" })?;
                }
                Ok(())
            }
            Self::Unreachable { table, flows, flow } => {
                write!(
                    f,
                    "no packet gets to table {table}, which has {flows} flows, the first of them {flow}"
                )
            }
            Self::Shadowed { flow, by } => write!(f, "{flow} never decides, because {by} always does"),
            Self::Ambiguous { flow, other } => {
                write!(f, "some packets match both {flow} and {other}, and either may decide")
            }
            Self::EmptyTable { flow, table } => {
                write!(f, "{flow} leads to table {table}, which has no flows")
            }
            Self::NoSuchGroup { flow, group } => {
                write!(f, "{flow} uses group {group}, which does not exist")
            }
            Self::NoSuchGroupInGroup { group, missing } => {
                write!(f, "group {group} uses group {missing}, which does not exist")
            }
            Self::NoSuchMeter { flow, meter } => {
                write!(f, "{flow} uses meter {meter}, which does not exist")
            }
            Self::IncompleteConjunction { flow, id, clause } => {
                write!(
                    f,
                    "no flow of this priority meets clause {clause} of conjunction {id}, which {flow} is part of"
                )
            }
            Self::ConjunctionDisagrees { flow, id } => {
                write!(f, "{flow} gives conjunction {id} another number of clauses than other flows do")
            }
            Self::NothingForConjunction { flow, id } => {
                write!(f, "no flow matches conj_id={id}, which {flow} is part of")
            }
            Self::NoSuchConjunction { flow, id } => {
                write!(f, "{flow} waits for conjunction {id}, which no flow is part of")
            }
            Self::MissingPrerequisite { flow, field } => {
                write!(f, "{flow} matches {} without what that field needs", field.name())
            }
            Self::RecirculatesWithActionSet { flow } => write!(
                f,
                "packets of {flow} can come to ct with a table while their action set is not empty, at which Open \
                 vSwitch aborts"
            ),
        }
    }
}
