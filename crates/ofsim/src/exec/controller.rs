//! Packets that go to the controller, and those that wait there.

use openflow::action::{Action, Controller, REASON_ACTION};

use super::{Machine, Pending, Run, Stack};
use crate::packet::Packet;
use crate::trace::{Outcome, PacketIn, Reason, Start};

/// What a paused packet needs to go on: [`crate::resume`] takes it.
#[derive(Debug, Clone)]
pub struct Continuation {
    stack: Stack,
    action_set: Vec<Action>,
    tracked: bool,
    runs: Vec<Run>,
    packet: Packet,
}

impl Continuation {
    /// The packet as it was paused, for a controller that changes nothing of it.
    pub fn packet(&self) -> &Packet {
        &self.packet
    }

    pub(super) fn pending(&self, packet: Packet) -> Pending {
        Pending {
            start: Start::Resumed,
            packet,
            stack: self.stack.clone(),
            action_set: self.action_set.clone(),
            tracked: self.tracked,
            tracking: None,
            runs: self.runs.clone(),
        }
    }
}

impl Machine<'_> {
    pub(super) fn controller(&mut self, controller: &Controller, run: &Run) {
        if controller.pause {
            self.pause = Some(controller.clone());
            self.exit = true;
            // The list goes back on the frames like any other, so that what is left of it is kept.
            return;
        }
        let reason = match controller.reason {
            REASON_ACTION => Reason::ApplyAction,
            reason => Reason::Given(reason),
        };
        self.packet_in(reason, controller.clone(), run);
    }

    pub(super) fn packet_in(&mut self, reason: Reason, controller: Controller, run: &Run) {
        // What a table-miss flow sends is a miss.
        let reason = if reason == Reason::ApplyAction && run.miss { Reason::Miss } else { reason };
        self.outcome(Outcome::PacketIn(PacketIn {
            reason,
            table: run.table,
            cookie: run.cookie,
            controller,
            key: Box::new(self.packet.key.clone()),
            continuation: None,
        }));
    }

    /// If the packet is paused, sends it to the controller with what it needs to go on.
    pub(super) fn finish_pause(&mut self) {
        let Some(controller) = self.pause.take() else {
            return;
        };
        let runs = self.freeze();
        if self.pass.failure.is_some() {
            return;
        }
        let (table, cookie) = runs.first().map_or((0, u64::MAX), |run| (run.table, run.cookie));
        let continuation = Continuation {
            stack: self.stack.clone(),
            action_set: self.action_set.clone(),
            tracked: self.tracked,
            runs,
            packet: self.packet.clone(),
        };
        self.outcome(Outcome::PacketIn(PacketIn {
            reason: Reason::Given(controller.reason),
            table,
            cookie,
            controller,
            key: Box::new(self.packet.key.clone()),
            continuation: Some(Box::new(continuation)),
        }));
    }
}
