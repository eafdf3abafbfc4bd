//! A trace in words.

use std::fmt::{self, Display, Formatter};

use super::{DropReason, Event, Failure, Note, Outcome, Pass, Reason, Start, Trace, Tracking};
use crate::exec::{ACTIONS_MAX, DEPTH_MAX, RESUBMITS_MAX, STACK_BYTES_MAX};
use crate::key::{Key, MPLS_ENTRIES_MAX};

const INDENT: &str = "    ";

impl Display for Trace {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (index, pass) in self.passes.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{pass}")?;
        }
        if self.passes_left_out > 0 {
            writeln!(f, "\n{} more passes were left out: the packet is in a loop", self.passes_left_out)?;
        }
        match self.drop_reason() {
            Some(reason) => writeln!(f, "\ndropped: {reason}"),
            None => Ok(()),
        }
    }
}

impl Display for Pass {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.start, self.first)?;
        for step in &self.steps {
            for _ in 0..step.depth {
                f.write_str(INDENT)?;
            }
            writeln!(f, "{}", step.event)?;
        }
        if let Some(failure) = self.failure {
            writeln!(f, "given up: {failure}")?;
        }
        for outcome in &self.outcomes {
            fmt_outcome(f, outcome, &self.first)?;
        }
        Ok(())
    }
}

impl Display for Start {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Received => f.write_str("received"),
            Self::Tracked { table, zone } => write!(f, "tracked in zone {zone}, goes on in table {table}"),
            Self::Resumed => f.write_str("resumed by the controller"),
        }
    }
}

impl Display for Event {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Table { table, found: None } => write!(f, "{table}. no match"),
            Self::Table { table, found: Some(found) } => {
                let flow = &found.entry.flow;
                write!(f, "{table}. priority {}", flow.priority)?;
                if !flow.matching.is_empty() {
                    write!(f, ", {}", flow.matching)?;
                }
                if flow.cookie != 0 {
                    write!(f, ", cookie {:#x}", flow.cookie)?;
                }
                match found.conj_id {
                    Some(id) => write!(f, ", by conjunction {id}"),
                    None => Ok(()),
                }
            }
            Self::Action(action) => write!(f, "{action}"),
            Self::Meter(id) => write!(f, "meter:{id}"),
            Self::ClearActions => f.write_str("clear_actions"),
            Self::WriteActions(actions) => {
                f.write_str("write_actions(")?;
                for (index, action) in actions.iter().enumerate() {
                    write!(f, "{}{action}", if index > 0 { "," } else { "" })?;
                }
                f.write_str(")")
            }
            Self::WriteMetadata(value, u64::MAX) => write!(f, "write_metadata:{value:#x}"),
            Self::WriteMetadata(value, mask) => write!(f, "write_metadata:{value:#x}/{mask:#x}"),
            Self::Goto(table) => write!(f, "goto_table:{table}"),
            Self::Bucket { group, index } => write!(f, "bucket {index} of group {group}"),
            Self::ActionSet => f.write_str("action set"),
            Self::Larger(true) => f.write_str("where the packet is larger"),
            Self::Larger(false) => f.write_str("where the packet is not larger"),
            Self::Note(note) => write!(f, "-> {note}"),
        }
    }
}

impl Display for Note {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::MissingLayer(field) => write!(f, "ignored: the packet has no {}", field.name()),
            Self::InputPort => f.write_str("ignored: this is the input port"),
            Self::NoSuchPort(port) => write!(f, "ignored: there is no port {port}"),
            Self::CannotTruncate(port) => write!(f, "ignored: output to {port} cannot be truncated"),
            Self::PortOutOfRange(value) => write!(f, "ignored: {value} is no port"),
            Self::NoSuchGroup(id) => write!(f, "there is no group {id}, the rest of the list is skipped"),
            Self::NoLiveBucket(id) => write!(f, "no bucket of group {id} is alive"),
            Self::NoSuchMeter(id) => write!(f, "ignored: there is no meter {id}"),
            Self::TtlExpired => f.write_str("the ttl ran out, the rest of the list is skipped"),
            Self::NoLabel => f.write_str("there is no label, the rest of the list is skipped"),
            Self::StackUnderflow => f.write_str("ignored: the stack is empty"),
            Self::NoTuple => f.write_str("ignored: the packet has no original tuple"),
            Self::ConjunctionExecuted => f.write_str("ignored: a conjunction does nothing by itself"),
            Self::LearnNotExecuted => f.write_str("not learned: this is only a trace"),
            Self::LearnLimit => f.write_str("not learned: the limit is reached"),
            Self::UnknownAction => f.write_str("ignored: this action is not known"),
            Self::UnknownInstruction => {
                f.write_str("the flow has instructions that are not known, which are ignored")
            }
            Self::LeftOver => f.write_str("goes on with what an exit cut off before, and not in that table"),
            Self::Untracked => f.write_str("the packet is untracked from here on"),
        }
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooDeep => write!(f, "look-ups of earlier tables are nested more than {DEPTH_MAX} deep"),
            Self::TooManyResubmits => write!(f, "there were more than {RESUBMITS_MAX} look-ups"),
            Self::StackTooLarge => write!(f, "the stack has more than {STACK_BYTES_MAX} bytes"),
            Self::TooManyActions => write!(f, "there were more than {ACTIONS_MAX} actions"),
            Self::ActionSetFrozen => f.write_str(
                "the packet recirculates with an action set, at which open vswitch aborts: clear it, or do not write it",
            ),
            Self::TooManyLabels => write!(f, "the packet has more than {MPLS_ENTRIES_MAX} mpls labels"),
        }
    }
}

impl Display for DropReason {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoMatch { table } => write!(f, "no flow of table {table} matches"),
            Self::Told { table, cookie } => {
                write!(f, "the flow with cookie {cookie:#x} in table {table} says so")
            }
            Self::NoOutput => f.write_str("nothing that was executed sends it anywhere"),
            Self::Failed(failure) => write!(f, "the switch gives up, {failure}"),
        }
    }
}

impl Display for Reason {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Miss => f.write_str("table miss"),
            Self::ApplyAction => f.write_str("action"),
            Self::InvalidTtl => f.write_str("invalid ttl"),
            Self::ActionSet => f.write_str("action set"),
            Self::Group => f.write_str("group"),
            Self::Given(reason) => write!(f, "reason {reason}"),
        }
    }
}

fn fmt_outcome(f: &mut Formatter<'_>, outcome: &Outcome, first: &Key) -> fmt::Result {
    match outcome {
        Outcome::Output(output) => {
            write!(f, "=> out of port {}", output.port)?;
            if let Some(bytes) = output.bytes_max {
                write!(f, ", the first {bytes} bytes")?;
            }
            fmt_changes(f, &output.key, first)?;
        }
        Outcome::PacketIn(packet_in) => {
            write!(f, "=> to the controller: {}", packet_in.reason)?;
            if packet_in.continuation.is_some() {
                f.write_str(", paused")?;
            }
            fmt_changes(f, &packet_in.key, first)?;
        }
        Outcome::Tracked(tracking) => fmt_tracking(f, tracking)?,
        Outcome::Metered(id) => write!(f, "=> past meter {id}")?,
        Outcome::Learned(flow) => write!(f, "=> learns {flow}")?,
    }
    writeln!(f)
}

fn fmt_tracking(f: &mut Formatter<'_>, tracking: &Tracking) -> fmt::Result {
    write!(f, "=> tracked in zone {}", tracking.zone)?;
    if tracking.commit {
        f.write_str(if tracking.force { ", committed by force" } else { ", committed" })?;
    }
    if let Some((value, mask)) = tracking.mark {
        write!(f, ", mark {value:#x}/{mask:#x}")?;
    }
    if let Some((value, mask)) = tracking.label {
        write!(f, ", label {value:#x}/{mask:#x}")?;
    }
    if let Some(nat) = tracking.nat {
        write!(f, ", {}", openflow::Action::Nat(nat))?;
    }
    match tracking.table {
        Some(table) => write!(f, ", to table {table}"),
        None => Ok(()),
    }
}

fn fmt_changes(f: &mut Formatter<'_>, key: &Key, first: &Key) -> fmt::Result {
    let mut changes = openflow::Match::new();
    for (field, value) in key.changes_since(first) {
        changes.set(field, value, field.full_mask());
    }
    if changes.is_empty() { Ok(()) } else { write!(f, " with {changes}") }
}
