use net_types::OfPort;
use openflow::action::Action;
use openflow::{Field, Flow, Match, PackedFlow};
use proptest::prelude::*;

use super::Table;
use crate::entry::Entry;
use crate::key::Key;

fn table(flows: &[Flow]) -> Table {
    let mut table = Table::default();
    for flow in flows {
        table.insert(Entry::new(&PackedFlow::new(flow).unwrap()));
    }
    table.settle();
    table
}

/// A packet by its first registers.
fn key(registers: &[u32]) -> Key {
    let mut key = Key::new(OfPort::new(1));
    key.regs[..registers.len()].copy_from_slice(registers);
    key
}

fn cookie(table: &Table, registers: &[u32]) -> Option<u64> {
    table.lookup(&key(registers)).map(|found| found.entry.flow.cookie)
}

fn reg(field: Field, value: u32) -> Match {
    Match::new().with(field, value)
}

fn part(priority: u16, matching: Match, id: u32, clause: u8, n_clauses: u8) -> Flow {
    Flow::new(0, priority).matching(matching).action(Action::Conjunction { id, clause, n_clauses })
}

#[test]
fn the_highest_priority_decides() {
    let table = table(&[
        Flow::new(0, 5).cookie(1),
        Flow::new(0, 9).cookie(2).matching(reg(Field::Reg0, 1)),
        Flow::new(0, 7).cookie(3).matching(Match::new().with_masked(Field::Reg0, 0_u32, 2_u32)),
    ]);
    assert_eq!(
        [cookie(&table, &[1]), cookie(&table, &[4]), cookie(&table, &[2])],
        [Some(2), Some(3), Some(1)]
    );
    assert_eq!(table.entries().iter().map(|entry| entry.flow.priority).collect::<Vec<_>>(), [9, 7, 5]);
}

/// Both clauses of 10 at priority 20, and what else the table has.
fn conjunctive(others: &[Flow]) -> Table {
    let mut flows = vec![
        part(20, reg(Field::Reg0, 1), 10, 1, 2),
        part(20, reg(Field::Reg0, 2), 10, 1, 2),
        part(20, reg(Field::Reg1, 1), 10, 2, 2),
        Flow::new(0, 3).matching(reg(Field::ConjId, 10)).cookie(77),
    ];
    flows.extend_from_slice(others);
    table(&flows)
}

#[test]
fn all_clauses_make_a_match() {
    let table = conjunctive(&[Flow::new(0, 1).cookie(1)]);
    let found = table.lookup(&key(&[2, 1])).unwrap();
    assert_eq!((found.entry.flow.cookie, found.conj_id), (77, Some(10)));
    let clauses = found.clauses.iter().map(|(clause, entry)| (*clause, entry.flow.matching.clone()));
    assert_eq!(clauses.collect::<Vec<_>>(), [(1, reg(Field::Reg0, 2)), (2, reg(Field::Reg1, 1))]);
    assert_eq!([cookie(&table, &[1, 2]), cookie(&table, &[3, 1])], [Some(1), Some(1)]);
}

#[test]
fn a_certain_match_above_the_clauses_decides() {
    let above = conjunctive(&[Flow::new(0, 21).matching(reg(Field::Reg2, 0)).cookie(5)]);
    assert_eq!(cookie(&above, &[1, 1, 0]), Some(5));
    // One between the clauses and the flow that waits for them counts only in the second look-up.
    let between = conjunctive(&[Flow::new(0, 10).cookie(6)]);
    assert_eq!(cookie(&between, &[1, 1]), Some(6));
}

#[test]
fn flows_that_clauses_hide_are_found_when_the_clauses_fail() {
    let table = conjunctive(&[
        Flow::new(0, 15).matching(reg(Field::Reg0, 1)).cookie(8),
        part(12, reg(Field::Reg1, 1), 11, 1, 2),
    ]);
    assert_eq!(cookie(&table, &[1, 5]), Some(8));
    assert_eq!(cookie(&table, &[9, 1]), None);
}

#[test]
fn one_flow_does_not_meet_two_clauses() {
    let mut both = part(20, reg(Field::Reg0, 1), 10, 1, 2);
    both.instructions.apply.push(Action::Conjunction { id: 10, clause: 2, n_clauses: 2 });
    let table = table(&[both, Flow::new(0, 3).matching(reg(Field::ConjId, 10)).cookie(77)]);
    assert_eq!(cookie(&table, &[1]), None);
}

#[test]
fn clauses_of_nonsense_are_no_match_and_no_panic() {
    for (clause, n_clauses) in [(0, 2), (65, 2), (255, 255), (1, 0), (64, 64)] {
        let table = table(&[
            part(20, reg(Field::Reg0, 1), 10, clause, n_clauses),
            part(20, reg(Field::Reg1, 1), 10, clause, n_clauses),
            Flow::new(0, 3).matching(reg(Field::ConjId, 10)).cookie(77),
        ]);
        let complete = n_clauses == 0;
        assert_eq!(cookie(&table, &[1, 1]).is_some(), complete && clause == 1, "{clause}/{n_clauses}");
    }
}

fn any_flow() -> impl Strategy<Value = Flow> {
    let masks = prop_oneof![Just(u32::MAX), Just(1), Just(3), Just(0)];
    ((0_u16..8), (0_u32..4), masks.clone(), (0_u32..4), masks).prop_map(|(priority, r0, m0, r1, m1)| {
        let matching = Match::new().with_masked(Field::Reg0, r0, m0).with_masked(Field::Reg1, r1, m1);
        Flow::new(0, priority).matching(matching)
    })
}

proptest! {
    #[test]
    fn the_index_finds_what_a_search_finds(flows in prop::collection::vec(any_flow(), 0..40), r0 in 0_u32..4, r1 in 0_u32..4) {
        let table = table(&flows);
        let packet = key(&[r0, r1]);
        let matching = flows.iter().filter(|flow| packet.matches(&flow.matching));
        let best = matching.map(|flow| flow.priority).max();
        prop_assert_eq!(table.lookup(&packet).map(|found| found.entry.flow.priority), best);
    }

    #[test]
    fn taking_out_what_was_put_in_leaves_what_was_there(
        kept in prop::collection::vec(any_flow(), 0..20),
        passing in prop::collection::vec(any_flow(), 0..20),
        r0 in 0_u32..4,
        r1 in 0_u32..4,
    ) {
        let same = |a: &Flow, b: &Flow| a.priority == b.priority && a.matching == b.matching;
        let never = table(&kept);
        let mut changed = table(&kept);
        for flow in &passing {
            changed.insert(Entry::new(&PackedFlow::new(flow).unwrap()));
        }
        for flow in passing.iter().filter(|flow| !kept.iter().any(|kept| same(kept, flow))) {
            changed.remove(&flow.matching, flow.priority);
        }
        changed.settle();
        let flows = |table: &Table| table.entries().iter().map(|entry| entry.key.clone()).collect::<Vec<_>>();
        prop_assert_eq!(flows(&never), flows(&changed));
        prop_assert_eq!(never.len(), changed.len());
        prop_assert_eq!(never.groups.len(), changed.groups.len());
        let priority = |table: &Table| table.lookup(&key(&[r0, r1])).map(|found| found.entry.flow.priority);
        prop_assert_eq!(priority(&never), priority(&changed));
    }
}
