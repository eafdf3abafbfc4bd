//! The action set, and buckets, which are action sets too.

use net_types::OfPort;
use openflow::action::Action;

use super::{Frame, Machine, Run};
use crate::trace::Event;

/// Place of an action in the order of execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    /// Once, the last one counts, in this order.
    Slot(usize),
    /// As often as it was written, in the order in which it was written.
    Set,
    /// Once, at the end; of several kinds the highest.
    Final(usize),
    /// Not in an action set.
    Never,
}

const SLOTS: usize = 6;

fn place(action: &Action) -> Place {
    match action {
        Action::PopVlan => Place::Slot(0),
        Action::PopMpls(_) => Place::Slot(1),
        Action::PushMpls(_) => Place::Slot(2),
        Action::PushVlan(_) => Place::Slot(3),
        Action::DecTtl | Action::DecTtlIds(_) => Place::Slot(4),
        Action::DecMplsTtl => Place::Slot(5),
        Action::SetField { .. }
        | Action::Load { .. }
        | Action::Load2 { .. }
        | Action::Move { .. }
        | Action::SetTtl(_)
        | Action::SetMplsTtl(_)
        | Action::SetQueue(_) => Place::Set,
        Action::Ct(_) => Place::Final(0),
        Action::CtClear => Place::Final(1),
        Action::Resubmit(_) => Place::Final(2),
        Action::Output { .. } => Place::Final(3),
        Action::Group(_) => Place::Final(4),
        _ => Place::Never,
    }
}

/// What a set of actions does, in the order in which it is done. Nothing, unless the packet goes somewhere.
pub(super) fn executed(set: &[Action]) -> Vec<Action> {
    let mut slots: [Option<&Action>; SLOTS] = [None; SLOTS];
    let mut last: Option<(usize, &Action)> = None;
    for action in set {
        match place(action) {
            Place::Slot(slot) => slots[slot] = Some(action),
            Place::Final(rank) if last.is_none_or(|(highest, _)| rank >= highest) => {
                last = Some((rank, action));
            }
            _ => {}
        }
    }
    let Some((_, last)) = last else {
        return Vec::new();
    };
    let sets = set.iter().filter(|action| place(action) == Place::Set);
    slots.into_iter().flatten().chain(sets).chain([last]).cloned().collect()
}

impl Machine<'_> {
    pub(super) fn write_actions(&mut self, actions: &[Action]) {
        for action in actions.iter().take_while(|_| !self.action_set_has_group) {
            match action {
                Action::Output { port, .. } => self.packet.key.actset_output = *port,
                Action::Group(_) => {
                    self.packet.key.actset_output = OfPort::UNSET;
                    self.action_set_has_group = true;
                    break;
                }
                _ => {}
            }
        }
        self.action_set.extend_from_slice(actions);
    }

    pub(super) fn clear_action_set(&mut self) {
        self.action_set.clear();
        self.packet.key.actset_output = OfPort::UNSET;
        self.action_set_has_group = false;
    }

    /// The actions of a packet or a copy are done: executes its action set, unless it is paused.
    pub(super) fn finish_copy(&mut self, run: &Run) {
        self.frames.push(Frame::FinishPause);
        if self.pass.failure.is_some() || self.pause.is_some() {
            return;
        }
        let list = executed(&self.action_set);
        self.action_set.clear();
        if list.is_empty() {
            return;
        }
        if !self.exit {
            self.event(Event::ActionSet);
        }
        self.in_action_set = true;
        self.indent += 1;
        self.frames.push(Frame::LeaveActionSet);
        self.frames.push(Frame::Run(run.list(list, false)));
    }

    pub(super) fn leave_action_set(&mut self) {
        self.in_action_set = false;
        self.indent -= 1;
    }
}
