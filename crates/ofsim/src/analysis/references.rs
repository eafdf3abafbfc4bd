//! References to what is not there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use openflow::Field;
use openflow::action::Action;

use super::Finding;
use super::graph::Edges;
use crate::entry::Entry;
use crate::switch::Switch;

/// Flows that name tables, groups or meters that are not there, or fields that cannot be.
pub(super) fn dangling(switch: &Switch, edges: &Edges) -> Vec<Finding> {
    let mut out = Vec::new();
    for (entry, ways) in &edges.flows {
        let key = || entry.key.clone();
        let tables: BTreeSet<u8> = ways.iter().map(|edge| edge.table).collect();
        let empty = tables.into_iter().filter(|table| switch.flow_count(*table) == 0);
        out.extend(empty.map(|table| Finding::EmptyTable { flow: key(), table }));
        let instructions = &entry.flow.instructions;
        let mut groups = BTreeSet::new();
        groups_of(&instructions.apply, &mut groups);
        groups_of(&instructions.write, &mut groups);
        let missing = groups.into_iter().filter(|group| switch.group(*group).is_none());
        out.extend(missing.map(|group| Finding::NoSuchGroup { flow: key(), group }));
        let meter = instructions.meter.filter(|meter| !switch.has_meter(*meter));
        out.extend(meter.map(|meter| Finding::NoSuchMeter { flow: key(), meter }));
        let field = entry.flow.matching.missing_prerequisite();
        out.extend(field.map(|field| Finding::MissingPrerequisite { flow: key(), field }));
    }
    for group in switch.groups() {
        let mut used = BTreeSet::new();
        group.buckets.iter().for_each(|bucket| groups_of(&bucket.actions, &mut used));
        let missing = used.into_iter().filter(|used| switch.group(*used).is_none());
        out.extend(missing.map(|missing| Finding::NoSuchGroupInGroup { group: group.id, missing }));
    }
    out
}

fn groups_of(actions: &[Action], out: &mut BTreeSet<u32>) {
    let mut open: Vec<&Action> = actions.iter().collect();
    while let Some(action) = open.pop() {
        match action {
            Action::Group(id) => drop(out.insert(*id)),
            Action::Clone(actions) => open.extend(actions),
            _ => {}
        }
    }
}

/// What the flows of one conjunctive match say about it.
#[derive(Default)]
struct Conjunction<'a> {
    /// A flow that takes part.
    flow: Option<&'a Arc<Entry>>,
    n_clauses: BTreeSet<u8>,
    clauses: BTreeSet<u8>,
}

/// Conjunctive matches that lack something. A conjunctive match is one of a table and a priority.
pub(super) fn conjunctions(switch: &Switch) -> Vec<Finding> {
    let mut out = Vec::new();
    for (_, table) in switch.tables() {
        let entries = table.entries();
        let mut parts: BTreeMap<(u32, u16), Conjunction<'_>> = BTreeMap::new();
        let mut awaited: BTreeMap<u32, &Arc<Entry>> = BTreeMap::new();
        for &entry in &entries {
            for conjunct in &entry.conjunctions {
                let part = parts.entry((conjunct.id, entry.flow.priority)).or_default();
                part.flow.get_or_insert(entry);
                part.n_clauses.insert(conjunct.n_clauses);
                part.clauses.insert(conjunct.clause);
            }
            let id = entry.flow.matching.exact(Field::ConjId).and_then(|id| u32::try_from(id).ok());
            if let Some(id) = id {
                awaited.insert(id, entry);
            }
        }
        for ((id, _), part) in &parts {
            out.extend(check(*id, part, awaited.contains_key(id)));
        }
        let known: BTreeSet<u32> = parts.keys().map(|(id, _)| *id).collect();
        let lost = awaited.into_iter().filter(|(id, _)| !known.contains(id));
        out.extend(lost.map(|(id, entry)| Finding::NoSuchConjunction { flow: entry.key.clone(), id }));
    }
    out
}

fn check(id: u32, part: &Conjunction<'_>, awaited: bool) -> Option<Finding> {
    let flow = part.flow?.key.clone();
    if part.n_clauses.len() > 1 {
        return Some(Finding::ConjunctionDisagrees { flow, id });
    }
    let n_clauses = *part.n_clauses.first()?;
    if let Some(clause) = (1..=n_clauses).find(|clause| !part.clauses.contains(clause)) {
        return Some(Finding::IncompleteConjunction { flow, id, clause });
    }
    (!awaited).then_some(Finding::NothingForConjunction { flow, id })
}
