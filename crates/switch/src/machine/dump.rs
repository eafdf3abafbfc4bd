//! Asking the switch what it holds, and comparing the answers as they come.

use std::collections::BTreeSet;

use openflow::Message;
use openflow::delta::Delta;
use openflow::message::multipart::{FlowRequest, MeterId, Multipart, Reply, Request};
use openflow::message::{ErrorMessage, METER_ALL, TlvCommand, TlvMap, TlvTable, TlvTableMod};
use tracing::{debug, warn};

use super::{Event, Fatal, Machine, MachineOptions, State};
use crate::compare::{Comparison, Tally};
use crate::desired::{Desired, Pending};
use crate::execution::{Numbers, put};
use crate::scope::Scope;

/// Questions that are not answered yet, and what the answers have shown.
#[derive(Debug)]
pub(super) struct Dump {
    comparison: Comparison,
    waiting: BTreeSet<u32>,
    options_xid: Option<u32>,
    meters_xid: Option<u32>,
}

impl Dump {
    /// Asks everything at once; the switch answers in this order.
    pub(super) fn ask(
        desired: &Desired,
        options: &MachineOptions,
        numbers: &mut Numbers,
        out: &mut Vec<u8>,
    ) -> Self {
        let mut waiting = BTreeSet::new();
        let mut ask = |message: Message| {
            let xid = numbers.xid();
            put(out, xid, &message);
            waiting.insert(xid);
            xid
        };
        let mut question = |part| ask(Message::MultipartRequest(Multipart::last(part)));
        question(Request::PortDesc);
        let mut meters_xid = None;
        if !options.scope.is_nothing() {
            meters_xid = Some(question(Request::MeterConfig(MeterId(METER_ALL))));
            question(Request::GroupDesc);
            question(Request::Flow(FlowRequest::all()));
        }
        let options_xid = (!options.tlv_maps.is_empty()).then(|| ask(Message::TlvTableRequest));
        Self { comparison: Comparison::new(desired, options.noted_max), waiting, options_xid, meters_xid }
    }

    /// Whether everything was answered.
    pub(super) fn is_done(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Takes notice of a piece of an answer.
    fn shown(
        &mut self,
        xid: u32,
        reply: Multipart<Reply>,
        desired: &Desired,
        scope: &Scope,
    ) -> Option<Event> {
        if !self.waiting.contains(&xid) {
            return None;
        }
        if !reply.more {
            self.waiting.remove(&xid);
        }
        match reply.part {
            Reply::Flow(flows) => {
                for entry in flows.iter().filter(|entry| scope.has_table(entry.flow.table)) {
                    self.comparison.flow(entry.packed(), desired);
                }
            }
            Reply::GroupDesc(groups) => {
                let ours = groups.iter().filter(|group| scope.has_group(group.0.id));
                ours.for_each(|group| self.comparison.group(&group.0, desired));
            }
            Reply::MeterConfig(meters) => {
                let ours = meters.iter().filter(|meter| scope.has_meter(meter.0.id));
                ours.for_each(|meter| self.comparison.meter(&meter.0, desired));
            }
            Reply::PortDesc(ports) => return Some(Event::Ports(ports)),
            other => debug!(?other, "not asked for, ignored"),
        }
        None
    }

    /// An answer that is an error. Says whether it was to one of the questions.
    pub(super) fn error(&mut self, xid: u32, error: &ErrorMessage) -> Result<bool, Fatal> {
        if !self.waiting.remove(&xid) {
            return Ok(false);
        }
        // A datapath without meters, or a switch without an option table, has none to show.
        if Some(xid) == self.meters_xid || Some(xid) == self.options_xid {
            debug!(%error, "the switch has no such table");
            return Ok(true);
        }
        Err(Fatal::Refused { what: "question for what it holds", error: error.to_string() })
    }

    /// An answer came that makes no sense. The question counts as answered: what the answer would have shown is written again,
    /// which is safe, and the connection does not hang.
    pub(super) fn garbled(&mut self, xid: u32) {
        self.waiting.remove(&xid);
    }

    /// What is to be done, what was found, and the meters that exist.
    pub(super) fn finish(self, desired: &Desired, pending: &mut Pending) -> (Delta, Tally, BTreeSet<u32>) {
        let meters = self.comparison.known_meters();
        let (delta, tally) = self.comparison.finish(desired, pending);
        (delta, tally, meters)
    }
}

impl Machine {
    /// A piece of what the switch holds.
    pub(super) fn shown(&mut self, xid: u32, reply: Multipart<Reply>) {
        if let Reply::Monitor(updates) = reply.part {
            return self.strangers_wrote(updates);
        }
        if let State::Dumping(dump) = &mut self.state {
            let event = dump.shown(xid, reply, &self.desired, &self.options.scope);
            self.events.extend(event);
        }
    }

    /// The tunnel options that are bound.
    pub(super) fn options_shown(&mut self, xid: u32, table: &TlvTable) {
        let State::Dumping(dump) = &mut self.state else { return };
        if dump.options_xid != Some(xid) || !dump.waiting.remove(&xid) {
            return;
        }
        let (missing, conflicts) = missing_options(&self.options.tlv_maps, &table.maps);
        for (wanted, reason) in conflicts {
            warn!(?wanted, reason, "a tunnel option cannot be bound");
            self.events.push_back(Event::OptionConflict { wanted, reason });
        }
        if !missing.is_empty() {
            // It takes effect before the flows that use it: the switch works in the order of messages.
            self.send(&Message::TlvTableMod(TlvTableMod { command: TlvCommand::Add, maps: missing }));
        }
    }
}

/// Which of the wanted bindings are to be made, and which cannot be.
fn missing_options(wanted: &[TlvMap], bound: &[TlvMap]) -> (Vec<TlvMap>, Vec<(TlvMap, String)>) {
    let (mut missing, mut conflicts) = (Vec::new(), Vec::new());
    for want in wanted {
        let rival = bound
            .iter()
            .find(|map| map.index == want.index || (map.class == want.class && map.kind == want.kind));
        match rival {
            None => missing.push(*want),
            Some(map) if map == want => {}
            Some(map) => conflicts.push((
                *want,
                format!(
                    "tun_metadata{} is bound to class {:#x} type {:#x} length {}; unbind it with: \
                     ovs-ofctl del-tlv-map BRIDGE",
                    map.index, map.class, map.kind, map.len_bytes
                ),
            )),
        }
    }
    (missing, conflicts)
}
