//! One flow table and its look-up.
//!
//! # Guarantees
//! - The highest priority that matches decides. Of several flows with that priority the one whose mask was installed first
//!   decides, always the same one; a switch promises nothing there, and [`crate::analysis`] reports such flows.
//! - Conjunctive matches follow Open vSwitch's rules: a conjunct matches "softly"; when all clauses of an id are met at the
//!   highest soft priority, and no certain match is above it, the table is looked up again with `conj_id` set to that id,
//!   this time without conjuncts; when that finds nothing, the next lower priority is tried.
//!
//! The look-up is tuple space search. Flows that look at the same bits of the same fields form a group with one hash table
//! (a switch does the same), and groups are tried from the highest priority in them down, until no group can beat what
//! was found. So the cost is that of the number of different masks, not that of the number of flows.

mod conjunction;
#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use openflow::{Field, Match};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use crate::entry::Entry;
use crate::key::Key;

/// Fields of most masks; more go to the heap.
const FIELDS_INLINE: usize = 12;

/// What a group of flows looks at.
type Mask = Box<[(Field, u128)]>;

/// What a look-up found.
#[derive(Debug, Clone)]
pub struct Found {
    /// The flow that decides.
    pub entry: Arc<Entry>,
    /// The conjunctive match that led to it.
    pub conj_id: Option<u32>,
    /// The flows that met its clauses, by clause.
    pub clauses: Vec<(u8, Arc<Entry>)>,
}

/// A flow table.
#[derive(Debug, Default)]
pub struct Table {
    groups: Vec<Group>,
    by_mask: FxHashMap<Mask, usize>,
    /// Places in `groups`, from the highest priority down; rebuilt by [`Table::settle`].
    order: Vec<usize>,
    unsettled: bool,
    /// Flows with a field that the field table does not have. They match nothing, as nobody can say what they mean.
    opaque: Vec<Arc<Entry>>,
    len: usize,
}

/// Flows that look at the same bits.
#[derive(Debug)]
struct Group {
    mask: Mask,
    /// Flows by masked values, the highest priority first.
    flows: FxHashMap<Box<[u128]>, Vec<Arc<Entry>>>,
    /// How many flows have a priority.
    priorities: BTreeMap<u16, usize>,
    /// Groups made earlier decide ties.
    made: usize,
}

impl Group {
    fn highest(&self) -> u16 {
        self.priorities.last_key_value().map_or(0, |(priority, _)| *priority)
    }

    /// The flows that match a packet, the highest priority first.
    fn matching(&self, key: &Key) -> &[Arc<Entry>] {
        let values: SmallVec<[u128; FIELDS_INLINE]> =
            self.mask.iter().map(|(field, mask)| key.get(*field) & mask).collect();
        self.flows.get(values.as_slice()).map_or(&[], Vec::as_slice)
    }
}

fn split(matching: &Match) -> (Mask, Box<[u128]>) {
    let mask = matching.fields().iter().map(|entry| (entry.field, entry.mask)).collect();
    (mask, matching.fields().iter().map(|entry| entry.value).collect())
}

impl Table {
    /// Number of flows.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no flow.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All flows, from the highest priority down, then by match.
    pub fn entries(&self) -> Vec<&Arc<Entry>> {
        let indexed = self.groups.iter().flat_map(|group| group.flows.values().flatten());
        let mut all: Vec<_> = indexed.chain(&self.opaque).collect();
        all.sort_by_key(|entry| (Reverse(entry.flow.priority), entry.key.as_bytes()));
        all
    }

    /// The flows by the bits that they look at.
    pub(crate) fn groups(&self) -> impl Iterator<Item = impl Iterator<Item = &Arc<Entry>>> {
        self.groups.iter().map(|group| group.flows.values().flatten())
    }

    /// A flow of a higher priority that matches all that `matching` matches.
    pub(crate) fn covering(&self, matching: &Match, priority: u16) -> Option<&Arc<Entry>> {
        let candidates = self.groups.iter().filter(|group| group.highest() > priority);
        candidates.into_iter().find_map(|group| {
            let values: Option<Vec<u128>> = group
                .mask
                .iter()
                .map(|(field, mask)| {
                    let known = matching.get(*field).filter(|entry| entry.mask & mask == *mask)?;
                    Some(known.value & mask)
                })
                .collect();
            let same = group.flows.get(values?.as_slice())?;
            same.iter().find(|entry| !entry.is_conjunct() && entry.flow.priority > priority)
        })
    }

    /// Puts a flow in, in the place of the one with its key where there is one. [`Table::settle`] must follow.
    pub(crate) fn insert(&mut self, entry: Entry) {
        self.remove(&entry.flow.matching, entry.flow.priority);
        self.len += 1;
        let entry = Arc::new(entry);
        if !entry.flow.matching.unknown().is_empty() {
            self.opaque.push(entry);
            return;
        }
        let (mask, values) = split(&entry.flow.matching);
        let place = match self.by_mask.get(&mask) {
            Some(place) => *place,
            None => {
                let made = self.groups.iter().map(|group| group.made + 1).max().unwrap_or(0);
                self.by_mask.insert(mask.clone(), self.groups.len());
                let priorities = BTreeMap::new();
                self.groups.push(Group { mask, flows: FxHashMap::default(), priorities, made });
                self.unsettled = true;
                self.groups.len() - 1
            }
        };
        let group = &mut self.groups[place];
        let priority = entry.flow.priority;
        self.unsettled |= priority > group.highest();
        *group.priorities.entry(priority).or_default() += 1;
        let same = group.flows.entry(values).or_default();
        same.insert(same.partition_point(|other| other.flow.priority > priority), entry);
    }

    /// Takes a flow out; false when it is not there. [`Table::settle`] must follow.
    pub(crate) fn remove(&mut self, matching: &Match, priority: u16) -> bool {
        if !matching.unknown().is_empty() {
            let before = self.opaque.len();
            self.opaque.retain(|entry| entry.flow.priority != priority || entry.flow.matching != *matching);
            self.len -= before - self.opaque.len();
            return before != self.opaque.len();
        }
        let (mask, values) = split(matching);
        let Some(&place) = self.by_mask.get(&mask) else {
            return false;
        };
        let group = &mut self.groups[place];
        let Some(same) = group.flows.get_mut(&values) else {
            return false;
        };
        let Some(at) = same.iter().position(|entry| entry.flow.priority == priority) else {
            return false;
        };
        same.remove(at);
        if same.is_empty() {
            group.flows.remove(&values);
        }
        self.len -= 1;
        let was_highest = group.highest();
        if let Some(count) = group.priorities.get_mut(&priority) {
            *count -= 1;
            if *count == 0 {
                group.priorities.remove(&priority);
            }
        }
        self.unsettled |= group.highest() != was_highest;
        if group.flows.is_empty() {
            self.remove_group(place);
        }
        true
    }

    fn remove_group(&mut self, place: usize) {
        let group = self.groups.swap_remove(place);
        self.by_mask.remove(&group.mask);
        if let Some(moved) = self.groups.get(place) {
            self.by_mask.insert(moved.mask.clone(), place);
        }
        self.unsettled = true;
    }

    /// Makes look-ups right again after changes.
    pub(crate) fn settle(&mut self) {
        if std::mem::take(&mut self.unsettled) {
            self.order = (0..self.groups.len()).collect();
            self.order.sort_by_key(|place| {
                let group = &self.groups[*place];
                (Reverse(group.highest()), group.made)
            });
        }
    }

    /// The flow that decides about a packet.
    pub fn lookup(&self, key: &Key) -> Option<Found> {
        debug_assert!(!self.unsettled, "a changed table is settled before it is used");
        let mut soft = Vec::new();
        let hard = self.best(key, Some(&mut soft));
        conjunction::resolve(self, key, hard, soft)
    }

    /// The highest certain match. Parts of conjunctive matches are collected in `soft`, or passed over without it.
    fn best<'a>(&'a self, key: &Key, mut soft: Option<&mut Vec<&'a [Arc<Entry>]>>) -> Option<&'a Arc<Entry>> {
        let mut best: Option<&Arc<Entry>> = None;
        let beaten =
            |best: Option<&Arc<Entry>>, priority| best.is_some_and(|best| best.flow.priority >= priority);
        for place in &self.order {
            let group = &self.groups[*place];
            if beaten(best, group.highest()) {
                break;
            }
            let same = group.matching(key);
            let Some(first) = same.first() else {
                continue;
            };
            if beaten(best, first.flow.priority) {
                continue;
            }
            if !first.is_conjunct() {
                best = Some(first);
            } else if let Some(soft) = soft.as_deref_mut() {
                soft.push(same);
            }
        }
        best
    }
}
