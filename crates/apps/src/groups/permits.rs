//! What groups permit, in each place that ports have them in.
//!
//! Of several rules that say the same in one place one is said.

use std::collections::{BTreeMap, BTreeSet};

use engine::numbers::Space;
use engine::{Rule, Sink, View};
use model::{Direction, Id, RowId, SecurityGroup, SecurityGroupExtra};
use openflow::Match;
use openflow::action::Action;
use pipeline::{Priority, Register, TableSpec};

use super::rule::{Permit, Remote};
use super::{ADDRESS_PARTS, EGRESS, INTO, PARTS, Side, WHOLE};
use crate::filter::{self, Place};

/// Where a flow is: table, priority and what it matches.
type Spot = (u8, Priority, String);

/// What is permitted by a flow.
struct Permitted {
    table: &'static TableSpec,
    next: &'static TableSpec,
    priority: Priority,
    matching: Match,
    /// The first of the rules that say so.
    rule: RowId,
    /// The sets of addresses that the other side has to be in; nothing, where it may be anybody.
    sets: BTreeSet<u32>,
}

/// What the groups in a place permit.
pub(super) fn of(place: &'static Place, name: &'static str) -> Rule {
    Rule::each_owner(name, place.space, move |view, owner, number, sink| {
        compile(view, &filter::groups_at(owner), (place.register, number), sink);
    })
}

/// The flows of groups that have a number in a register.
fn compile(view: &mut View<'_>, groups: &[Id<SecurityGroup>], place: (&Register, u32), sink: &mut Sink) {
    let mut permitted = BTreeMap::new();
    for group in groups {
        let is_stateful = filter::is_stateful(view, group);
        for permit in permits_of(view, group) {
            let side = if permit.direction == Direction::Egress { &EGRESS } else { &INTO };
            add(view, &permit, side, is_stateful, &mut permitted, sink);
        }
    }
    for ((table, priority, text), permit) in &permitted {
        // Who may be anybody need not be in a group.
        let is_needless = *priority != WHOLE && permitted.contains_key(&(*table, WHOLE, text.clone()));
        if !is_needless {
            say(permit, place, sink);
        }
    }
}

/// What one group permits.
fn permits_of(view: &mut View<'_>, group: &Id<SecurityGroup>) -> Vec<Permit> {
    let row = view.get(group);
    let extra = view.get(&SecurityGroupExtra::id_of(group));
    let rules = row.iter().flat_map(|row| &row.rules).map(Permit::from);
    rules.chain(extra.iter().flat_map(|extra| &extra.rules).map(Permit::from)).collect()
}

fn add(
    view: &mut View<'_>,
    permit: &Permit,
    side: &Side,
    is_stateful: bool,
    permitted: &mut BTreeMap<Spot, Permitted>,
    sink: &mut Sink,
) {
    let matches = match permit.matches(is_stateful) {
        Ok(matches) => matches,
        Err(problem) => return sink.problem(format!("rule {}: {problem}", permit.id)),
    };
    let (priority, set) = match &permit.remote {
        Remote::Anybody | Remote::Net(_) => (WHOLE, None),
        Remote::Group(group) => (PARTS, Some(group)),
        Remote::Addresses(group) => (ADDRESS_PARTS, Some(group)),
    };
    let set = match set.map(|set| view.number(Space::AddressSet, &Id::<SecurityGroup>::from_row(set.clone())))
    {
        Some(Some(number)) => Some(number),
        Some(None) => {
            return sink.problem(format!(
                "rule {}: all numbers of address sets are taken, so it permits nothing",
                permit.id
            ));
        }
        None => None,
    };
    let (table, next) = if is_stateful { (side.rules, side.accept) } else { (side.track, side.next) };
    for matching in matches {
        let spot = (table.id, priority, matching.to_string());
        let rule = permit.id.clone();
        let entry = permitted.entry(spot);
        let here = entry.or_insert_with(|| Permitted {
            table,
            next,
            priority,
            matching,
            rule,
            sets: BTreeSet::new(),
        });
        here.sets.extend(set);
    }
}

/// Says one flow. One that is a part of conjunctions does nothing else: who is in a set is the other part.
fn say(permitted: &Permitted, (register, number): (&Register, u32), sink: &mut Sink) {
    let Permitted { table, next, priority, matching, rule, sets } = permitted;
    sink.about(rule);
    sink.flow(table, *priority, |flow| {
        let flow = flow.matching(matching.clone()).when(register, number.into());
        if sets.is_empty() {
            return flow.goto(next);
        }
        sets.iter()
            .fold(flow, |flow, set| flow.action(Action::Conjunction { id: *set, clause: 1, n_clauses: 2 }))
    });
}
