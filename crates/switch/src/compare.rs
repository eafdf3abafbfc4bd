//! Comparing what a switch holds with what is desired, while it tells and while wishes change.
//!
//! # Guarantees
//! - What is already right is adopted: it costs one look-up and no message.
//! - Entries are compared in canonical form. A switch that writes an entry in another order than we do is not rewritten.
//! - Inside the scope, what is not desired is deleted; outside it nothing is even looked at.
//! - Wishes may change between the parts of a dump. The result is right for the wishes at the end.

use std::collections::BTreeMap;

use openflow::delta::Delta;
use openflow::flow::{FlowKey, FlowSet, PackedFlow};
use openflow::group::Group;
use openflow::meter::Meter;
use rustc_hash::FxHashMap;

use crate::desired::{Desired, Pending};
use crate::scope::Scope;

/// A comparison under way.
#[derive(Debug, Default)]
pub struct Comparison {
    /// Desired flows that the switch has not shown in the desired form.
    unseen: FlowSet,
    /// Flows in the scope that were not desired when the switch showed them.
    strangers: Vec<FlowKey>,
    groups: FxHashMap<u32, Group>,
    meters: FxHashMap<u32, Meter>,
    tally: Tally,
}

/// What a comparison found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Flows of our scope that the switch showed.
    pub shown_flows: usize,
    /// Flows that were already right.
    pub adopted_flows: usize,
    /// Groups that were already right.
    pub adopted_groups: usize,
    /// Meters that were already right.
    pub adopted_meters: usize,
}

impl Comparison {
    /// Begins with nothing shown.
    pub fn new(desired: &Desired) -> Self {
        Self { unseen: desired.flows().clone(), ..Self::default() }
    }

    /// The switch shows a flow of our scope, in the bytes that it wrote.
    pub fn flow(&mut self, shown: PackedFlow, desired: &Desired) {
        self.tally.shown_flows += 1;
        if desired.flows().get(shown.key_bytes()) == Some(&shown) {
            return self.adopt(shown.key_bytes());
        }
        match shown.canonical() {
            Some(canonical) if desired.flows().get(canonical.key_bytes()) == Some(&canonical) => {
                self.adopt(canonical.key_bytes());
            }
            // It is replaced by a desired flow of its key, so it need not be deleted.
            Some(canonical) if desired.flows().get(canonical.key_bytes()).is_some() => {}
            Some(canonical) => self.strangers.push(canonical.key()),
            None => self.strangers.push(shown.key()),
        }
    }

    fn adopt(&mut self, key_bytes: &[u8]) {
        self.tally.adopted_flows += 1;
        self.unseen.remove_bytes(key_bytes);
    }

    /// The switch shows a group.
    pub fn group(&mut self, shown: Group, scope: &Scope) {
        if scope.has_group(shown.id) {
            self.groups.insert(shown.id, shown);
        }
    }

    /// The switch shows a meter.
    pub fn meter(&mut self, shown: Meter, scope: &Scope) {
        if scope.has_meter(shown.id) {
            self.meters.insert(shown.id, shown);
        }
    }

    /// Meters that the switch has, desired or not.
    pub fn shown_meters(&self) -> impl Iterator<Item = u32> {
        self.meters.keys().copied()
    }

    /// What is to be done, given the wishes of now and those that changed since [`Comparison::new`].
    pub fn finish(mut self, desired: &Desired, pending: &mut Pending) -> (Delta, Tally) {
        let mut delta = pending.take(desired);
        // What is pending is written anyway; what is not pending has not changed since the beginning.
        for flow in &delta.flows {
            self.unseen.remove_bytes(flow.key_bytes());
        }
        let still_desired = |flow: &PackedFlow| desired.flows().get(flow.key_bytes()) == Some(flow);
        delta.flows.extend(self.unseen.into_iter().filter(still_desired));
        let undesired = |key: &FlowKey| desired.flows().get(key.as_bytes()).is_none();
        delta.delete_flows.extend(self.strangers.into_iter().filter(undesired));
        let mut tally = self.tally;
        let groups = differences(desired.groups(), &self.groups);
        tally.adopted_groups = groups.right;
        (delta.groups, delta.delete_groups) = (groups.put, groups.delete);
        let meters = differences(desired.meters(), &self.meters);
        tally.adopted_meters = meters.right;
        (delta.meters, delta.delete_meters) = (meters.put, meters.delete);
        (delta, tally)
    }
}

/// How shown entries differ from desired ones.
struct Differences<T> {
    right: usize,
    put: Vec<T>,
    delete: Vec<u32>,
}

fn differences<T: Clone + PartialEq>(
    desired: &BTreeMap<u32, T>,
    shown: &FxHashMap<u32, T>,
) -> Differences<T> {
    let mut delete: Vec<u32> = shown.keys().copied().filter(|id| !desired.contains_key(id)).collect();
    delete.sort_unstable();
    let (right, put): (Vec<_>, Vec<_>) = desired.iter().partition(|(id, entry)| shown.get(id) == Some(entry));
    Differences { right: right.len(), put: put.into_iter().map(|(_, entry)| entry.clone()).collect(), delete }
}
