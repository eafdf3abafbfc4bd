//! What should be in the switch, and which of it the switch has not heard of yet.
//!
//! ```text
//!             change(delta)                    take()                      confirmed
//!   delta ----------------->  desired  +  pending  ------> execution ------------------> (nothing kept)
//!                                            ^                  | refused
//!                                            `--- a newer change of the key retries -----'
//! ```
//!
//! # Guarantees
//! - An entry that already is as the delta wants it does not become pending, so the switch never gets an unchanged one.
//! - An entry that changes several times while the switch is busy is sent once, in its last form.
//! - What the switch refused stays desired but is not counted on; it is tried again when it changes, and after a reconnect.

use std::collections::{BTreeMap, BTreeSet};

use openflow::delta::Delta;
use openflow::flow::{FlowKey, FlowSet, PackedFlow};
use openflow::group::Group;
use openflow::meter::Meter;
use rustc_hash::FxHashSet;

use crate::entry::{Entry, EntryId};

/// The desired content of a bridge.
#[derive(Debug, Default)]
pub struct Desired {
    flows: FlowSet,
    groups: BTreeMap<u32, Group>,
    meters: BTreeMap<u32, Meter>,
    refused: BTreeSet<EntryId>,
}

/// Entries whose last form the switch has not been told.
#[derive(Debug, Default)]
pub struct Pending {
    flows: FlowSet,
    delete_flows: FxHashSet<FlowKey>,
    groups: BTreeSet<u32>,
    meters: BTreeSet<u32>,
}

impl Desired {
    /// The flows.
    pub fn flows(&self) -> &FlowSet {
        &self.flows
    }

    /// The groups by id.
    pub fn groups(&self) -> &BTreeMap<u32, Group> {
        &self.groups
    }

    /// The meters by id.
    pub fn meters(&self) -> &BTreeMap<u32, Meter> {
        &self.meters
    }

    /// What the switch refused and has not been asked again.
    pub fn refused(&self) -> &BTreeSet<EntryId> {
        &self.refused
    }

    /// Takes a change in and notes in `pending` what of it is news.
    pub fn change(&mut self, delta: Delta, pending: &mut Pending) {
        for meter in delta.meters {
            if self.meters.get(&meter.id) != Some(&meter) {
                self.refused.remove(&EntryId::Meter(meter.id));
                pending.meters.insert(meter.id);
                self.meters.insert(meter.id, meter);
            }
        }
        for id in delta.delete_meters {
            if self.meters.remove(&id).is_some() {
                self.refused.remove(&EntryId::Meter(id));
                pending.meters.insert(id);
            }
        }
        for group in delta.groups {
            if self.groups.get(&group.id) != Some(&group) {
                self.refused.remove(&EntryId::Group(group.id));
                pending.groups.insert(group.id);
                self.groups.insert(group.id, group);
            }
        }
        for id in delta.delete_groups {
            if self.groups.remove(&id).is_some() {
                self.refused.remove(&EntryId::Group(id));
                pending.groups.insert(id);
            }
        }
        for flow in delta.flows {
            self.put_flow(flow, pending);
        }
        for key in delta.delete_flows {
            if self.flows.remove(&key).is_some() {
                self.forget_refusal(&key);
                pending.delete(key);
            }
        }
    }

    fn put_flow(&mut self, flow: PackedFlow, pending: &mut Pending) {
        if self.flows.get(flow.key_bytes()) == Some(&flow) {
            return;
        }
        if !self.refused.is_empty() {
            self.forget_refusal(&flow.key());
        }
        pending.put(flow.clone());
        self.flows.insert(flow);
    }

    fn forget_refusal(&mut self, key: &FlowKey) {
        if !self.refused.is_empty() {
            self.refused.remove(&EntryId::Flow(key.clone()));
        }
    }

    /// Notes that the switch refused an entry.
    pub(crate) fn refuse(&mut self, entry: EntryId) {
        self.refused.insert(entry);
    }

    /// Lets everything that was refused be tried again.
    pub(crate) fn forget_refusals(&mut self) {
        self.refused.clear();
    }

    /// Whether `entry` still is what is desired (it may have changed while it was on its way).
    pub(crate) fn wants(&self, entry: &Entry) -> bool {
        match entry {
            Entry::PutFlow(flow) => self.flows.get(flow.key_bytes()) == Some(flow),
            Entry::PutGroup(group) => self.groups.get(&group.id) == Some(group),
            Entry::PutMeter(meter) => self.meters.get(&meter.id) == Some(meter),
            Entry::DeleteFlow(key) => self.flows.get(key.as_bytes()).is_none(),
            Entry::DeleteGroup(id) => !self.groups.contains_key(id),
            Entry::DeleteMeter(id) => !self.meters.contains_key(id),
        }
    }

    /// Bytes on the heap, near enough: flows dominate.
    pub fn heap_bytes(&self) -> usize {
        self.flows.heap_bytes()
    }
}

impl Pending {
    /// Whether the switch knows everything.
    pub fn is_empty(&self) -> bool {
        self.flows.is_empty()
            && self.delete_flows.is_empty()
            && self.groups.is_empty()
            && self.meters.is_empty()
    }

    /// Notes that `flow`, which is desired, has to be written.
    pub(crate) fn put(&mut self, flow: PackedFlow) {
        self.delete_flows.remove(flow.key_bytes());
        self.flows.insert(flow);
    }

    /// Notes that the flow with `key`, which is not desired, has to be deleted.
    pub(crate) fn delete(&mut self, key: FlowKey) {
        self.flows.remove(&key);
        self.delete_flows.insert(key);
    }

    /// Takes all that is pending as one delta of its present form.
    pub fn take(&mut self, desired: &Desired) -> Delta {
        let pending = std::mem::take(self);
        let mut delta = Delta {
            flows: pending.flows.into_iter().collect(),
            delete_flows: pending.delete_flows.into_iter().collect(),
            ..Delta::default()
        };
        for id in pending.groups {
            match desired.groups.get(&id) {
                Some(group) => delta.groups.push(group.clone()),
                None => delta.delete_groups.push(id),
            }
        }
        for id in pending.meters {
            match desired.meters.get(&id) {
                Some(meter) => delta.meters.push(meter.clone()),
                None => delta.delete_meters.push(id),
            }
        }
        delta
    }
}
