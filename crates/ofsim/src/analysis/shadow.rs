//! Flows that hide others, and flows that nobody can tell apart.

use std::sync::Arc;

use openflow::Match;
use rustc_hash::FxHashMap;

use super::Finding;
use crate::entry::Entry;
use crate::lookup::Table;
use crate::switch::Switch;

/// Flows that a single flow of a higher priority covers.
pub(super) fn shadowed(switch: &Switch) -> Vec<Finding> {
    let mut out = Vec::new();
    for (_, table) in switch.tables() {
        for entry in table.entries() {
            if let Some(by) = table.covering(&entry.flow.matching, entry.flow.priority) {
                out.push(Finding::Shadowed { flow: entry.key.clone(), by: by.key.clone() });
            }
        }
    }
    out
}

/// Flows of one priority that some packet matches both, and that do different things. Each flow is named once.
pub(super) fn ambiguous(switch: &Switch) -> Vec<Finding> {
    switch.tables().flat_map(|(_, table)| ambiguous_in(table)).collect()
}

fn ambiguous_in(table: &Table) -> Vec<Finding> {
    let mut by_priority: FxHashMap<u16, Vec<Vec<&Arc<Entry>>>> = FxHashMap::default();
    for group in table.groups() {
        let mut of_group: FxHashMap<u16, Vec<&Arc<Entry>>> = FxHashMap::default();
        for entry in group.filter(|entry| !entry.is_conjunct()) {
            of_group.entry(entry.flow.priority).or_default().push(entry);
        }
        for (priority, entries) in of_group {
            by_priority.entry(priority).or_default().push(entries);
        }
    }
    let mut out: Vec<Finding> = Vec::new();
    for groups in by_priority.values() {
        for (index, group) in groups.iter().enumerate() {
            for other in &groups[index + 1..] {
                out.extend(overlaps(group, other));
            }
        }
    }
    out.sort_by_key(|finding| match finding {
        Finding::Ambiguous { flow, .. } => flow.clone(),
        _ => unreachable!("only ambiguous flows are collected here"),
    });
    out.dedup_by(|a, b| {
        matches!((a, b), (Finding::Ambiguous { flow: a, .. }, Finding::Ambiguous { flow: b, .. }) if a == b)
    });
    out
}

/// Overlaps between flows of two masks. Flows of one mask never overlap: they want different values of the same bits.
fn overlaps(some: &[&Arc<Entry>], others: &[&Arc<Entry>]) -> Vec<Finding> {
    let (Some(first), Some(other)) = (some.first(), others.first()) else {
        return Vec::new();
    };
    let common = common_mask(&first.flow.matching, &other.flow.matching);
    let values = |matching: &Match| -> Vec<u128> {
        common
            .iter()
            .map(|(field, mask)| matching.get(*field).map_or(0, |entry| entry.value) & mask)
            .collect()
    };
    let mut index: FxHashMap<Vec<u128>, Vec<&Arc<Entry>>> = FxHashMap::default();
    for entry in others {
        index.entry(values(&entry.flow.matching)).or_default().push(entry);
    }
    let mut out = Vec::new();
    for entry in some {
        let same = index.get(&values(&entry.flow.matching)).into_iter().flatten();
        let mut different = same.filter(|other| other.flow.instructions != entry.flow.instructions);
        if let Some(other) = different.next() {
            out.push(Finding::Ambiguous { flow: entry.key.clone(), other: other.key.clone() });
        }
    }
    out
}

fn common_mask(a: &Match, b: &Match) -> Vec<(openflow::Field, u128)> {
    let both = |entry: &openflow::matching::Masked| {
        b.get(entry.field).map(|other| (entry.field, entry.mask & other.mask))
    };
    a.fields().iter().filter_map(both).collect()
}
