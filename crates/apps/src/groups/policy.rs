//! What a set of groups permits.

use std::collections::{BTreeMap, BTreeSet};

use engine::numbers::Space;
use engine::{Sink, View};
use model::{Direction, Id, RowId, SecurityGroup, SecurityGroupExtra};
use openflow::Match;
use openflow::action::Action;
use packet::ethertype;
use pipeline::{Priority, TableSpec, regs};

use super::rule::{Permit, Remote};
use super::{ADDRESS_PARTS, EGRESS, INTO, PARTS, REST, Side, WHOLE, usage};
use crate::filter;

/// The place of a flow: of two rules that say the same one is said.
type Place = (u8, Priority, String);

/// What is permitted at a place.
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

/// The flows of one set of groups.
pub(super) fn compile(view: &mut View<'_>, owner: &RowId, policy: u32, sink: &mut Sink) {
    let groups = filter::groups_of(owner);
    let mut permitted = BTreeMap::new();
    let mut is_tracked = groups.is_empty();
    for group in &groups {
        let is_stateful = usage::is_stateful(view, group);
        is_tracked |= is_stateful;
        for permit in permits_of(view, group) {
            let side = if permit.direction == Direction::Egress { &EGRESS } else { &INTO };
            add(view, &permit, side, is_stateful, &mut permitted, sink);
        }
    }
    if !is_tracked {
        untracked(policy, sink);
    }
    for ((table, priority, text), permit) in &permitted {
        // Who may be anybody need not be in a group.
        let is_needless = *priority != WHOLE && permitted.contains_key(&(*table, WHOLE, text.clone()));
        if !is_needless {
            say(permit, policy, sink);
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
    permitted: &mut BTreeMap<Place, Permitted>,
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
        let place = (table.id, priority, matching.to_string());
        let rule = permit.id.clone();
        let entry = permitted.entry(place);
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
fn say(permitted: &Permitted, policy: u32, sink: &mut Sink) {
    let Permitted { table, next, priority, matching, rule, sets } = permitted;
    sink.about(rule);
    sink.flow(table, *priority, |flow| {
        let flow = flow.matching(matching.clone()).when(&regs::POLICY, policy.into());
        if sets.is_empty() {
            return flow.goto(next);
        }
        sets.iter()
            .fold(flow, |flow, set| flow.action(Action::Conjunction { id: *set, clause: 1, n_clauses: 2 }))
    });
}

/// Drops what no stateless rule permits, where no group tracks connections.
fn untracked(policy: u32, sink: &mut Sink) {
    for side in [&EGRESS, &INTO] {
        for ethertype in [ethertype::IPV4, ethertype::IPV6] {
            let matching = Match::new().with(openflow::Field::EthType, ethertype);
            sink.flow(side.track, REST.level(1), |flow| {
                flow.matching(matching).when(&regs::POLICY, policy.into())
            });
        }
    }
}
