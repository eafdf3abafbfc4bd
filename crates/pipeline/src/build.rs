//! Building flows that keep their table's declaration.

use net_types::OfPort;
use openflow::action::{Action, Ct, LearnDst, Resubmit};
use openflow::field::Subfield;
use openflow::flow::{Flow, PackedFlow, TooLong};
use openflow::{Field, Match};
use thiserror::Error;

use crate::cookie::Cookie;
use crate::priority::Priority;
use crate::regs::Register;
use crate::spec::TableSpec;

/// How a flow breaks the declaration of its table.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Violation {
    /// The flow matches what the table does not.
    #[error("a flow of table {table} matches {field}, which the table does not declare")]
    Match {
        /// The table.
        table: &'static str,
        /// The field.
        field: &'static str,
    },
    /// The flow matches a field without saying what makes it exist.
    #[error("a flow of table {table} matches {field} without its prerequisite")]
    Prerequisite {
        /// The table.
        table: &'static str,
        /// The field.
        field: &'static str,
    },
    /// The flow writes what the table does not.
    #[error("a flow of table {table} writes {field}, which the table does not declare")]
    Set {
        /// The table.
        table: &'static str,
        /// The field.
        field: &'static str,
    },
    /// The flow leads where the table does not.
    #[error("a flow of table {table} leads to table {to}, which the table does not declare")]
    Goto {
        /// The table.
        table: &'static str,
        /// Number of the other table.
        to: u8,
    },
    /// The flow lets packets leave where the table does not.
    #[error("a flow of table {table} lets packets out, which the table does not declare")]
    Output {
        /// The table.
        table: &'static str,
    },
    /// The flow does something that could not be checked.
    #[error("a flow of table {table} has an unknown field or action")]
    Unknown {
        /// The table.
        table: &'static str,
    },
    /// The flow's cookie names another app.
    #[error("a flow of table {table} has a cookie of app {app}, which does not own the table")]
    Owner {
        /// The table.
        table: &'static str,
        /// Number of the app in the cookie.
        app: u8,
    },
    /// No message could carry the flow.
    #[error("a flow of table {table}: {source}")]
    TooLong {
        /// The table.
        table: &'static str,
        /// How long it is.
        source: TooLong,
    },
}

/// A flow that is being built for one table.
#[derive(Debug, Clone)]
pub struct FlowBuilder {
    spec: &'static TableSpec,
    flow: Flow,
}

impl FlowBuilder {
    pub(crate) fn new(spec: &'static TableSpec, priority: Priority, cookie: Cookie) -> Self {
        Self { spec, flow: Flow::new(spec.id, priority.number()).cookie(cookie.bits()) }
    }

    /// Replaces the match.
    #[must_use]
    pub fn matching(mut self, matching: Match) -> Self {
        self.flow.matching = matching;
        self
    }

    /// Also requires a register to hold `value`.
    #[must_use]
    pub fn when(mut self, register: &Register, value: u64) -> Self {
        self.flow.matching = register.matched(self.flow.matching, value);
        self
    }

    /// Writes a register.
    #[must_use]
    pub fn set(self, register: &Register, value: u64) -> Self {
        let bits = register.bits;
        let action = match bits.is_all() {
            true => Action::set(bits.field, value),
            false => Action::load(bits, value),
        };
        self.action(action)
    }

    /// Limits the rate of what matches, before anything else is done with it.
    #[must_use]
    pub fn meter(mut self, meter: u32) -> Self {
        self.flow.instructions.meter = Some(meter);
        self
    }

    /// Adds an action.
    #[must_use]
    pub fn action(mut self, action: Action) -> Self {
        self.flow.instructions.apply.push(action);
        self
    }

    /// Copies bits of a field or register.
    #[must_use]
    pub fn copy(self, src: Subfield, dst: Subfield) -> Self {
        self.action(Action::Move { src, dst })
    }

    /// Sends the packet out of `port`.
    #[must_use]
    pub fn output(self, port: OfPort) -> Self {
        self.action(Action::output(port))
    }

    /// Goes on in a later table.
    #[must_use]
    pub fn goto(mut self, table: &'static TableSpec) -> Self {
        self.flow.instructions.goto = Some(table.id);
        self
    }

    /// The flow, when it keeps the declaration of its table.
    pub fn build(self) -> Result<PackedFlow, Violation> {
        let table = self.spec.name;
        let app = Cookie::from_bits(self.flow.cookie).app();
        if app != self.spec.owner.number {
            return Err(Violation::Owner { table, app });
        }
        self.check_match()?;
        self.check_instructions()?;
        PackedFlow::new(&self.flow).map_err(|source| Violation::TooLong { table, source })
    }

    fn check_match(&self) -> Result<(), Violation> {
        let table = self.spec.name;
        let matching = &self.flow.matching;
        if !matching.unknown().is_empty() {
            return Err(Violation::Unknown { table });
        }
        if let Some(field) = matching.missing_prerequisite() {
            return Err(Violation::Prerequisite { table, field: field.name() });
        }
        match matching.fields().iter().find(|entry| !self.spec.may_match(entry.field)) {
            Some(entry) => Err(Violation::Match { table, field: entry.field.name() }),
            None => Ok(()),
        }
    }

    fn check_instructions(&self) -> Result<(), Violation> {
        let instructions = &self.flow.instructions;
        if !instructions.unknown.is_empty() {
            return Err(Violation::Unknown { table: self.spec.name });
        }
        if instructions.metadata.is_some() {
            self.check_set(Field::Metadata)?;
        }
        for action in instructions.apply.iter().chain(&instructions.write) {
            self.check_action(action)?;
        }
        instructions.goto.map_or(Ok(()), |to| self.check_goto(to))
    }

    fn check_goto(&self, to: u8) -> Result<(), Violation> {
        match self.spec.may_goto(to) {
            true => Ok(()),
            false => Err(Violation::Goto { table: self.spec.name, to }),
        }
    }

    fn check_set(&self, field: Field) -> Result<(), Violation> {
        match self.spec.may_set(field) {
            true => Ok(()),
            false => Err(Violation::Set { table: self.spec.name, field: field.name() }),
        }
    }

    fn check_action(&self, action: &Action) -> Result<(), Violation> {
        match action {
            Action::Output { .. }
            | Action::OutputReg { .. }
            | Action::OutputTrunc { .. }
            | Action::Controller(_)
            | Action::Group(_) => match self.spec.may_output {
                true => Ok(()),
                false => Err(Violation::Output { table: self.spec.name }),
            },
            Action::SetField { field, .. } | Action::Load2 { field, .. } => self.check_set(*field),
            Action::Load { dst: Subfield { field, .. }, .. }
            | Action::Move { dst: Subfield { field, .. }, .. }
            | Action::StackPop(Subfield { field, .. })
            | Action::CheckPktLarger { dst: Subfield { field, .. }, .. } => self.check_set(*field),
            Action::SetTtl(_) | Action::DecTtl | Action::DecTtlIds(_) => self.check_set(Field::IpTtl),
            Action::SetMplsTtl(_) | Action::DecMplsTtl => self.check_set(Field::MplsTtl),
            Action::PushVlan(_) | Action::PopVlan => self.check_set(Field::VlanVid),
            Action::PushMpls(_) | Action::PopMpls(_) => self.check_set(Field::MplsLabel),
            Action::DeleteField(field) => self.check_set(*field),
            Action::Resubmit(Resubmit { table, .. }) => self.check_goto(table.unwrap_or(self.spec.id)),
            Action::Ct(Ct { table, actions, .. }) => {
                actions.iter().try_for_each(|action| self.check_action(action))?;
                table.map_or(Ok(()), |to| self.check_goto(to))
            }
            Action::Clone(actions) => actions.iter().try_for_each(|action| self.check_action(action)),
            Action::Learn(learn) => {
                self.check_goto(learn.table)?;
                learn.specs.iter().try_for_each(|spec| match spec.dst {
                    LearnDst::Load(dst) => self.check_set(dst.field),
                    LearnDst::Match(_) | LearnDst::Output => Ok(()),
                })
            }
            Action::Unknown(_) => Err(Violation::Unknown { table: self.spec.name }),
            Action::SetQueue(_)
            | Action::PopQueue
            | Action::StackPush(_)
            | Action::Nat(_)
            | Action::CtClear
            | Action::Conjunction { .. }
            | Action::Note(_)
            | Action::Exit
            | Action::FinTimeout { .. } => Ok(()),
        }
    }
}
