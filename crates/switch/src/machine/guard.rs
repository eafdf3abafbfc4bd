//! Noticing what others do to our flows while we are connected.
//!
//! A flow monitor without initial flows costs the switch nothing until somebody else writes: what this very connection changes
//! is only told as a transaction id. What others change in our scope is compared with what is desired, exactly as in a dump,
//! and put right with the next bundle.

use net_types::OfPort;
use openflow::Match;
use openflow::Message;
use openflow::flow::{Flow, FlowFlags, FlowKey, PackedFlow};
use openflow::message::multipart::{Multipart, Request};
use openflow::message::{
    FlowRemovedReason, FlowUpdate, FlowUpdateEvent, MonitorFlags, MonitorRequest, TABLE_ALL,
};
use tracing::info;

use super::Machine;

/// Identity of our only monitor.
const MONITOR_ID: u32 = 1;

impl Machine {
    /// Asks to be told. Strangers that write after this are noticed, also while the dump is under way.
    pub(super) fn watch_strangers(&mut self) {
        let flags = [MonitorFlags::ADD, MonitorFlags::DELETE, MonitorFlags::MODIFY, MonitorFlags::ACTIONS];
        let request = MonitorRequest {
            id: MONITOR_ID,
            flags: flags.into_iter().fold(MonitorFlags::default(), MonitorFlags::and),
            out_port: OfPort::ANY,
            table: TABLE_ALL,
            matching: Match::new(),
        };
        self.send(&Message::MultipartRequest(Multipart::last(Request::Monitor(vec![request]))));
    }

    /// Takes notice of changes by others.
    pub(super) fn strangers_wrote(&mut self, updates: Vec<FlowUpdate>) {
        for update in updates {
            let FlowUpdate::Full { event, table, priority, idle_s, hard_s, cookie, matching, instructions } =
                update
            else {
                continue;
            };
            if !self.options.scope.has_table(table) {
                continue;
            }
            if let FlowUpdateEvent::Deleted(reason) = event {
                self.stranger_deleted(&FlowKey::new(table, priority, &matching), reason);
            } else {
                let flags = FlowFlags::default();
                let flow = Flow { table, priority, matching, cookie, idle_s, hard_s, flags, instructions };
                self.stranger_put(&flow);
            }
        }
    }

    fn stranger_deleted(&mut self, key: &FlowKey, reason: FlowRemovedReason) {
        // A flow whose own time ran out is not missed.
        if matches!(reason, FlowRemovedReason::IdleTimeout | FlowRemovedReason::HardTimeout) {
            return;
        }
        if let Some(flow) = self.desired.flows().get(key.as_bytes()) {
            self.pending.put(flow.clone());
            self.tell(key, "somebody deleted a flow of ours, it is put back");
        }
    }

    fn stranger_put(&mut self, written: &Flow) {
        let key = FlowKey::new(written.table, written.priority, &written.matching);
        match self.desired.flows().get(key.as_bytes()) {
            None => {
                self.tell(&key, "somebody put a flow into a table of ours, it is deleted");
                self.pending.delete(key);
            }
            Some(flow) => {
                // The monitor does not tell flags.
                let same = PackedFlow::new(&Flow { flags: flow.unpack().flags, ..written.clone() });
                if same.as_ref() != Ok(flow) {
                    self.pending.put(flow.clone());
                    self.tell(&key, "somebody changed a flow of ours, it is changed back");
                }
            }
        }
    }

    fn tell(&mut self, key: &FlowKey, what: &'static str) {
        if let Some(left_out) = self.quotas.strangers.admit(self.heard_at_ms) {
            info!(%key, left_out, "{what}");
        }
    }
}
