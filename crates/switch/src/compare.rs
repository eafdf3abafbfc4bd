//! Comparing what a switch holds with what is desired, while it tells and while wishes change.
//!
//! # Guarantees
//! - What is already right is adopted: it costs one look-up and no message.
//! - Entries are compared in canonical form. A switch that writes an entry in another order than we do is not rewritten.
//! - Inside the scope, what is not desired is deleted; outside it nothing is even looked at.
//! - Wishes may change between the parts of a dump. The result is right for the wishes at the end.

use std::collections::{BTreeMap, BTreeSet};

use openflow::delta::Delta;
use openflow::flow::{FlowKey, FlowSet, PackedFlow};
use openflow::group::Group;
use openflow::meter::Meter;
use rustc_hash::FxHashSet;
use tracing::warn;

use crate::desired::{Desired, Pending};

/// A comparison under way.
///
/// Of what is not desired it notes a bounded number of each kind; a switch that shows more has to be compared again once
/// these are dealt with. So what a switch claims to hold does not decide how much memory we need.
#[derive(Debug, Default)]
pub struct Comparison {
    noted_max: usize,
    /// Desired flows that the switch has not shown in the desired form.
    unseen: FlowSet,
    /// Flows in the scope that were not desired when the switch showed them.
    strangers: Vec<FlowKey>,
    groups: Shown,
    meters: Shown,
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
    /// Entries that were too many to note; another comparison has to follow.
    pub left_out: usize,
}

impl Comparison {
    /// Begins with nothing shown; of each kind of entry, at most `noted_max` are noted.
    pub fn new(desired: &Desired, noted_max: usize) -> Self {
        Self { noted_max, unseen: desired.flows().clone(), ..Self::default() }
    }

    /// The switch shows a flow of our scope, in the bytes that it wrote.
    pub fn flow(&mut self, shown: PackedFlow, desired: &Desired) {
        self.tally.shown_flows += 1;
        if desired.flows().get(shown.key_bytes()) == Some(&shown) {
            return self.adopt(shown.key_bytes());
        }
        // Which flow it is may be clear even where what it does is not.
        let Some(key) = shown.canonical_key() else {
            warn!(flow = %shown, "the switch shows a flow that makes no sense, it is left alone");
            return;
        };
        match desired.flows().get(key.as_bytes()) {
            None => self.stranger(key),
            Some(wanted) if shown.canonical().as_ref() == Some(wanted) => self.adopt(key.as_bytes()),
            // It is replaced by the desired flow of its key, so it need not be deleted.
            Some(_) => {}
        }
    }

    fn stranger(&mut self, key: FlowKey) {
        match self.strangers.len() < self.noted_max {
            true => self.strangers.push(key),
            false => self.tally.left_out += 1,
        }
    }

    fn adopt(&mut self, key_bytes: &[u8]) {
        self.tally.adopted_flows += 1;
        self.unseen.remove_bytes(key_bytes);
    }

    /// The switch shows a group of our scope.
    pub fn group(&mut self, shown: &Group, desired: &Desired) {
        let fits = self.groups.note(shown.id, shown, desired.groups(), self.noted_max);
        self.tally.left_out += usize::from(!fits);
    }

    /// The switch shows a meter of our scope.
    pub fn meter(&mut self, shown: &Meter, desired: &Desired) {
        let fits = self.meters.note(shown.id, shown, desired.meters(), self.noted_max);
        self.tally.left_out += usize::from(!fits);
    }

    /// Meters that the switch has, as far as they were noted.
    pub fn known_meters(&self) -> BTreeSet<u32> {
        self.meters.ids().collect()
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
        delta.groups.extend(self.groups.missing(desired.groups(), &delta.groups, |group| group.id));
        delta.delete_groups.extend(self.groups.undesired(desired.groups()));
        delta.meters.extend(self.meters.missing(desired.meters(), &delta.meters, |meter| meter.id));
        delta.delete_meters.extend(self.meters.undesired(desired.meters()));
        let (groups, meters) = (self.groups.right.len(), self.meters.right.len());
        (delta, Tally { adopted_groups: groups, adopted_meters: meters, ..self.tally })
    }
}

/// Groups or meters that a switch showed.
#[derive(Debug, Default)]
struct Shown {
    /// As desired.
    right: FxHashSet<u32>,
    /// Desired in another form.
    different: FxHashSet<u32>,
    /// Not desired.
    strange: FxHashSet<u32>,
}

impl Shown {
    /// Notes an entry, unless it is one stranger too many. Says whether it did.
    fn note<T: PartialEq>(
        &mut self,
        id: u32,
        entry: &T,
        desired: &BTreeMap<u32, T>,
        strange_max: usize,
    ) -> bool {
        match desired.get(&id) {
            Some(wanted) if wanted == entry => self.right.insert(id),
            Some(_) => self.different.insert(id),
            None if self.strange.len() < strange_max => self.strange.insert(id),
            None => return false,
        };
        true
    }

    fn ids(&self) -> impl Iterator<Item = u32> {
        self.right.iter().chain(&self.different).chain(&self.strange).copied()
    }

    /// Desired entries that were not shown as desired, without those that are `taken` care of.
    fn missing<T: Clone>(
        &self,
        desired: &BTreeMap<u32, T>,
        taken: &[T],
        id_of: impl Fn(&T) -> u32,
    ) -> Vec<T> {
        let taken: FxHashSet<u32> = taken.iter().map(id_of).collect();
        let missing = desired.iter().filter(|(id, _)| !self.right.contains(id) && !taken.contains(id));
        missing.map(|(_, entry)| entry.clone()).collect()
    }

    /// Strangers that are still not desired. One that was desired when it was shown and is not now is deleted as pending.
    fn undesired<T>(&self, desired: &BTreeMap<u32, T>) -> Vec<u32> {
        self.strange.iter().copied().filter(|id| !desired.contains_key(id)).collect()
    }
}
