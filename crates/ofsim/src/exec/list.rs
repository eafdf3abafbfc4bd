//! One operation of an action list.

use openflow::Field;
use openflow::action::Action;

use super::{Frame, Machine, Run};
use crate::entry::Op;
use crate::trace::{Event, Note, Outcome};

/// Whether the rest of the action list is executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    Continue,
    EndList,
}

impl Machine<'_> {
    /// Executes `op`; `run` is what follows it in its list, and is put back unless it must not be executed.
    pub(super) fn execute(&mut self, op: Op<'_>, run: Run) {
        match op {
            Op::Action(action) => {
                self.event(Event::Action(action.clone()));
                self.action(action, run);
                return;
            }
            Op::Meter(id) => {
                self.event(Event::Meter(id));
                if self.switch.has_meter(id) {
                    self.outcome(Outcome::Metered(id));
                } else {
                    self.note(Note::NoSuchMeter(id));
                }
            }
            Op::Clear => {
                self.event(Event::ClearActions);
                self.clear_action_set();
            }
            Op::Write(actions) => {
                self.event(Event::WriteActions(actions.to_vec()));
                self.write_actions(actions);
            }
            Op::Metadata(value, mask) => {
                self.event(Event::WriteMetadata(value, mask));
                self.packet.key.set_masked(Field::Metadata, value.into(), mask.into());
            }
            Op::Goto(table) => {
                self.event(Event::Goto(table));
                self.goto(table, run);
                return;
            }
        }
        self.frames.push(Frame::Run(run));
    }

    /// Executes an action that changes what is executed next, or leaves it to those that do not.
    fn action(&mut self, action: &Action, run: Run) {
        match action {
            Action::Resubmit(resubmit) => self.resubmit(*resubmit, run),
            Action::Group(id) => self.group(*id, run),
            Action::Clone(actions) => self.clone_packet(actions, run),
            Action::CheckPktLarger { len, dst } => self.check_larger(*len, *dst, run),
            Action::Output { port, max_len } => self.output(*port, *max_len, run),
            Action::OutputReg { src, max_len } => self.output_reg(*src, *max_len, run),
            Action::Ct(ct) => {
                self.ct(ct);
                self.frames.push(Frame::Run(run));
            }
            _ => {
                if self.plain_action(action, &run) == Flow::Continue {
                    self.frames.push(Frame::Run(run));
                }
            }
        }
    }

    fn plain_action(&mut self, action: &Action, run: &Run) -> Flow {
        match action {
            Action::OutputTrunc { port, max_len } => self.output_truncated(*port, *max_len),
            Action::Controller(controller) => self.controller(controller, run),
            Action::DecTtl => return self.dec_ttl(&[0], run),
            Action::DecTtlIds(ids) => return self.dec_ttl(ids, run),
            Action::DecMplsTtl => return self.dec_mpls_ttl(run),
            Action::SetQueue(queue) => self.packet.key.queue = *queue,
            Action::PopQueue => self.packet.key.queue = self.first_queue,
            Action::CtClear => self.ct_clear(),
            Action::Learn(learn) => self.learn(learn),
            Action::Conjunction { .. } => self.note(Note::ConjunctionExecuted),
            Action::Exit => self.leave_everything(run),
            Action::Unknown(_) => self.note(Note::UnknownAction),
            // Timeouts and notes are nothing to the packet, and `nat` only counts inside `ct`.
            Action::Note(_) | Action::FinTimeout { .. } | Action::Nat(_) => {}
            _ => self.change(action),
        }
        Flow::Continue
    }

    /// The switch takes note of what `exit` cuts off, itself included, as if the packet were paused; see the head of
    /// [`crate::exec`] for what comes of that.
    fn leave_everything(&mut self, run: &Run) {
        self.exit = true;
        if self.frozen.is_empty() {
            self.frozen.push(Run { at: run.at.saturating_sub(1), ..run.clone() });
        }
    }
}
