//! Copies of the packet: `clone`, and the two ways of `check_pkt_larger`.

use openflow::action::Action;
use openflow::field::Subfield;

use super::{Frame, Machine, Run, Stack};
use crate::packet::Packet;
use crate::trace::Event;

/// What a copy must not change.
#[derive(Debug)]
pub(super) struct Saved {
    packet: Packet,
    stack: Stack,
    action_set: Vec<Action>,
    /// Nothing where the copy may change it.
    tracked: Option<bool>,
}

/// A length check whose first way is being executed, or both of whose ways.
#[derive(Debug)]
pub(super) struct Check {
    saved: Saved,
    /// What follows the check in its list; nothing when the second way is being executed.
    rest: Option<Run>,
    dst: Subfield,
    /// Whether this packet goes the second way; nothing when its length is not known.
    larger: Option<bool>,
    /// Whether the way that is being executed is another packet's.
    mutes: bool,
    /// Whether the first way ended everything.
    exit: bool,
}

/// A copy that only does these things can be undone, and then the switch makes none.
fn is_reversible(actions: &[Action]) -> bool {
    let irreversible =
        |action: &Action| matches!(action, Action::Ct(_) | Action::Nat(_) | Action::OutputTrunc { .. });
    !actions.iter().any(irreversible)
}

impl Machine<'_> {
    fn saved(&self, tracked: Option<bool>) -> Saved {
        let (packet, stack) = (self.packet.clone(), self.stack.clone());
        Saved { packet, stack, action_set: self.action_set.clone(), tracked }
    }

    pub(super) fn clone_packet(&mut self, actions: &[Action], run: Run) {
        let tracked = (!is_reversible(actions)).then_some(self.tracked);
        let copy = run.list(actions.to_vec(), false);
        self.frames.push(Frame::Run(run));
        self.frames.push(Frame::LeaveClone(Box::new(self.saved(tracked))));
        self.frames.push(Frame::FinishCopy(copy.clone()));
        self.frames.push(Frame::Run(copy));
        self.indent += 1;
    }

    pub(super) fn leave_clone(&mut self, saved: Saved) {
        self.indent -= 1;
        self.packet = saved.packet;
        self.stack = saved.stack;
        self.action_set = saved.action_set;
        self.tracked = saved.tracked.unwrap_or(self.tracked);
    }

    /// Executes the rest of the list twice; `run` itself is not continued.
    pub(super) fn check_larger(&mut self, len: u16, dst: Subfield, run: Run) {
        let larger = self.packet.frame_bytes.map(|bytes| bytes > u32::from(len));
        let saved = self.saved(Some(self.tracked));
        let check = Check { saved, rest: Some(run.clone()), dst, larger, mutes: false, exit: false };
        self.enter_way(true, check, run);
    }

    fn enter_way(&mut self, way: bool, mut check: Check, rest: Run) {
        check.mutes = check.larger.is_some_and(|larger| larger != way);
        self.muted += usize::from(check.mutes);
        self.packet.key.set_part(check.dst, way.into());
        self.event(Event::Larger(way));
        self.indent += 1;
        self.frames.push(Frame::LeaveCheck(Box::new(check)));
        self.frames.push(Frame::FinishCopy(rest.clone()));
        self.frames.push(Frame::Run(rest));
    }

    pub(super) fn leave_check(&mut self, mut check: Check) {
        self.indent -= 1;
        self.muted -= usize::from(check.mutes);
        self.packet = check.saved.packet.clone();
        self.tracked = check.saved.tracked.unwrap_or(self.tracked);
        if let Some(rest) = check.rest.take() {
            check.exit = std::mem::take(&mut self.exit);
            self.enter_way(false, check, rest);
        } else {
            self.stack = check.saved.stack;
            self.action_set = check.saved.action_set;
            self.exit = check.exit;
        }
    }
}
