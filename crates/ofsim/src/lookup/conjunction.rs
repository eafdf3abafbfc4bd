//! Conjunctive matches: from the flows that match partly to the one that decides.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::{Found, Table};
use crate::entry::{Conjunct, Entry};
use crate::key::Key;

/// Decides between the best certain match and soft matches. Each of `soft` is a list of flows with equal matches, from the
/// highest priority down, of which the first is a conjunct.
pub(super) fn resolve(
    table: &Table,
    key: &Key,
    hard: Option<&Arc<Entry>>,
    mut soft: Vec<&[Arc<Entry>]>,
) -> Option<Found> {
    let mut hard = hard;
    loop {
        soft.retain(|same| {
            same.first().is_some_and(|first| {
                first.is_conjunct() && hard.is_none_or(|hard| first.flow.priority > hard.flow.priority)
            })
        });
        let Some(highest) =
            soft.iter().filter_map(|same| same.first()).map(|entry| entry.flow.priority).max()
        else {
            return hard.map(|entry| Found { entry: Arc::clone(entry), conj_id: None, clauses: Vec::new() });
        };
        let top: Vec<_> = soft
            .iter()
            .filter_map(|same| same.first())
            .filter(|entry| entry.flow.priority == highest)
            .collect();
        for id in complete(&top) {
            let mut searched = key.clone();
            searched.conj_id = id;
            if let Some(entry) = table.best(&searched, None) {
                let clauses = clauses_of(id, &top);
                return Some(Found { entry: Arc::clone(entry), conj_id: Some(id), clauses });
            }
        }
        // Flows of the same match and lower priority were hidden so far.
        for same in soft.iter_mut().filter(|same| same[0].flow.priority == highest) {
            *same = &same[1..];
            if let Some(next) = same.first().filter(|next| !next.is_conjunct())
                && hard.is_none_or(|hard| next.flow.priority > hard.flow.priority)
            {
                hard = Some(next);
            }
        }
    }
}

/// The flows that meet a clause of a conjunctive match, in the order of the clauses.
fn clauses_of(id: u32, top: &[&Arc<Entry>]) -> Vec<(u8, Arc<Entry>)> {
    let of_match = |entry: &&Arc<Entry>| {
        let clauses = entry.conjunctions.iter().filter(|conjunct| conjunct.id == id);
        clauses.map(|conjunct| (conjunct.clause, Arc::clone(entry))).collect::<Vec<_>>()
    };
    let mut clauses: Vec<(u8, Arc<Entry>)> = top.iter().flat_map(of_match).collect();
    clauses.sort_by_key(|(clause, _)| *clause);
    clauses
}

/// The conjunctive matches of which every clause is met, in the order in which they became complete. One with more clauses
/// than flows cannot be: a switch does not let one flow meet two clauses alone.
fn complete(top: &[&Arc<Entry>]) -> Vec<u32> {
    let mut met: FxHashMap<u32, u64> = FxHashMap::default();
    let mut complete = Vec::new();
    for conjunct in top.iter().flat_map(|entry| &entry.conjunctions) {
        let Conjunct { id, clause, n_clauses } = *conjunct;
        if usize::from(n_clauses) > top.len() {
            continue;
        }
        // Clauses beyond the number of clauses count as met, so that all ones means complete.
        let clauses = met.entry(id).or_insert_with(|| u64::MAX.checked_shl(n_clauses.into()).unwrap_or(0));
        *clauses |= 1_u64.checked_shl(u32::from(clause).wrapping_sub(1)).unwrap_or(0);
        if *clauses == u64::MAX && !complete.contains(&id) {
            complete.push(id);
        }
    }
    complete
}
