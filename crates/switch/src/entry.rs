//! One change to one entry of a switch, and the order in which changes are safe.

use std::fmt;

use openflow::action::Action;
use openflow::delta::Delta;
use openflow::flow::{FlowKey, PackedFlow};
use openflow::group::Group;
use openflow::meter::Meter;
use rustc_hash::{FxHashMap, FxHashSet};

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// Adds or replaces a meter.
    PutMeter(Meter),
    /// Adds or replaces a group.
    PutGroup(Group),
    /// Adds or replaces a flow.
    PutFlow(PackedFlow),
    /// Deletes a flow.
    DeleteFlow(FlowKey),
    /// Deletes a group, and in the switch all flows that still use it.
    DeleteGroup(u32),
    /// Deletes a meter, and in the switch all flows that still use it.
    DeleteMeter(u32),
}

/// Which entry a change is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum EntryId {
    /// A meter.
    Meter(u32),
    /// A group.
    Group(u32),
    /// A flow.
    Flow(FlowKey),
}

impl Entry {
    /// Which entry the change is about.
    pub fn id(&self) -> EntryId {
        match self {
            Self::PutMeter(meter) => EntryId::Meter(meter.id),
            Self::DeleteMeter(id) => EntryId::Meter(*id),
            Self::PutGroup(group) => EntryId::Group(group.id),
            Self::DeleteGroup(id) => EntryId::Group(*id),
            Self::PutFlow(flow) => EntryId::Flow(flow.key()),
            Self::DeleteFlow(key) => EntryId::Flow(key.clone()),
        }
    }

    /// Whether something is written, not deleted.
    pub fn is_put(&self) -> bool {
        matches!(self, Self::PutMeter(_) | Self::PutGroup(_) | Self::PutFlow(_))
    }

    /// Whether the change cannot travel in a bundle: Open vSwitch takes no meter there.
    pub fn is_meter(&self) -> bool {
        matches!(self, Self::PutMeter(_) | Self::DeleteMeter(_))
    }

    /// What removes the former entry when the change that was to replace it was refused.
    ///
    /// A flow that is no longer wanted must not go on deciding. Groups and meters keep their former content instead: a
    /// switch that deletes one deletes every flow that uses it.
    pub fn undo(&self) -> Option<Self> {
        match self {
            Self::PutFlow(flow) => Some(Self::DeleteFlow(flow.key())),
            _ => None,
        }
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Meter(id) => write!(f, "meter {id}"),
            Self::Group(id) => write!(f, "group {id}"),
            Self::Flow(key) => write!(f, "flow {key}"),
        }
    }
}

/// The changes of `delta` in an order in which each leads only to what is there already (make before break):
/// meters; groups, those that others use first; flows, from the last table to the first; then deletions the other
/// way round: flows from the first table to the last, groups, meters.
pub fn ordered(mut delta: Delta) -> Vec<Entry> {
    let mut entries = Vec::with_capacity(delta.len());
    entries.extend(delta.meters.into_iter().map(Entry::PutMeter));
    entries.extend(leaves_first(delta.groups).into_iter().map(Entry::PutGroup));
    // Equal keys order equal, so a plan for the same change is the same whatever order the change came in.
    delta
        .flows
        .sort_unstable_by(|a, b| b.table().cmp(&a.table()).then_with(|| a.key_bytes().cmp(b.key_bytes())));
    entries.extend(delta.flows.into_iter().map(Entry::PutFlow));
    delta.delete_flows.sort_unstable();
    entries.extend(delta.delete_flows.into_iter().map(Entry::DeleteFlow));
    delta.delete_groups.sort_unstable_by(|a, b| b.cmp(a));
    entries.extend(delta.delete_groups.into_iter().map(Entry::DeleteGroup));
    entries.extend(delta.delete_meters.into_iter().map(Entry::DeleteMeter));
    entries
}

/// Orders groups so that each comes after those that its buckets use. Groups in a circle, which a switch refuses,
/// come in the order of their ids.
fn leaves_first(mut groups: Vec<Group>) -> Vec<Group> {
    groups.sort_unstable_by_key(|group| group.id);
    let present: FxHashSet<u32> = groups.iter().map(|group| group.id).collect();
    let mut waits_for: FxHashMap<u32, FxHashSet<u32>> = FxHashMap::default();
    for group in &groups {
        let mut used = FxHashSet::default();
        for bucket in &group.buckets {
            used_groups(&bucket.actions, &mut used);
        }
        used.retain(|id| present.contains(id) && *id != group.id);
        waits_for.insert(group.id, used);
    }
    let mut out = Vec::with_capacity(groups.len());
    while !groups.is_empty() {
        let (ready, waiting): (Vec<_>, Vec<_>) =
            groups.into_iter().partition(|group| waits_for[&group.id].is_empty());
        if ready.is_empty() {
            out.extend(waiting);
            break;
        }
        let done: FxHashSet<u32> = ready.iter().map(|group| group.id).collect();
        waits_for.values_mut().for_each(|waits| waits.retain(|id| !done.contains(id)));
        out.extend(ready);
        groups = waiting;
    }
    out
}

fn used_groups(actions: &[Action], used: &mut FxHashSet<u32>) {
    for action in actions {
        match action {
            Action::Group(id) => {
                used.insert(*id);
            }
            Action::Clone(nested) => used_groups(nested, used),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
