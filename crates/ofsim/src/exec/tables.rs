//! From table to table.

use std::sync::Arc;

use net_types::OfPort;
use openflow::action::Resubmit;

use super::{Frame, Machine, Run};
use crate::entry::Entry;
use crate::trace::{Event, Note};

impl Machine<'_> {
    /// The flow of a table that decides, as if the packet had come by `in_port`.
    pub(super) fn look_up(&mut self, table: u8, in_port: OfPort) -> Option<Arc<Entry>> {
        let own_port = std::mem::replace(&mut self.packet.key.in_port, in_port);
        let found = self.switch.lookup(table, &self.packet.key);
        self.packet.key.in_port = own_port;
        let entry = found.as_ref().map(|found| Arc::clone(&found.entry));
        self.event(Event::Table { table, found });
        entry
    }

    pub(super) fn goto(&mut self, table: u8, run: Run) {
        let in_port = self.packet.key.in_port;
        self.enter(table, in_port, false, run);
    }

    pub(super) fn resubmit(&mut self, resubmit: Resubmit, run: Run) {
        let own = self.packet.key.in_port;
        let in_port = resubmit.in_port.filter(|port| *port != OfPort::IN_PORT).unwrap_or(own);
        let table = resubmit.table.unwrap_or(run.table);
        self.enter(table, in_port, resubmit.ct, run);
    }

    /// Executes the flow that a table finds, then the rest of `run`.
    pub(super) fn enter(&mut self, table: u8, in_port: OfPort, by_tuple: bool, run: Run) {
        let deepens = table <= run.table;
        self.frames.push(Frame::Run(run));
        if !self.has_resources() {
            return;
        }
        // Kept as it was: a packet of protocol 0 cannot be swapped back.
        let own_tuple = by_tuple.then(|| self.packet.key.net.clone());
        if by_tuple && !self.packet.key.swap_tuple() {
            self.note(Note::NoTuple);
            return;
        }
        let entry = self.look_up(table, in_port);
        if let Some(own_tuple) = own_tuple {
            self.packet.key.net = own_tuple;
        }
        self.resubmits += 1;
        if let Some(entry) = entry {
            self.depth += usize::from(deepens);
            self.indent += 1;
            self.frames.push(Frame::LeaveTable { deepens });
            let found = Run::of_entry(entry, table);
            self.note_unknown_instructions(&found.code);
            self.frames.push(Frame::Run(found));
        }
    }
}
