use net_types::OfPort;
use openflow::action::{Action, Ct, Resubmit};
use openflow::flow::FlowKey;
use openflow::group::{Bucket, Group, GroupKind};
use openflow::{Field, Flow, Match};

use super::{Finding, findings};
use crate::switch::Switch;

fn key(flow: &Flow) -> FlowKey {
    FlowKey::new(flow.table, flow.priority, &flow.matching)
}

fn found(flows: &[Flow]) -> Vec<Finding> {
    let mut switch = Switch::new();
    assert!(switch.install(flows).is_empty());
    findings(&switch, &[])
}

fn reg(field: Field, value: u32) -> Match {
    Match::new().with(field, value)
}

fn out(port: u32) -> Action {
    Action::output(OfPort::new(port))
}

fn ct(table: u8) -> Action {
    Action::Ct(Ct { table: Some(table), ..Ct::default() })
}

#[test]
fn a_sound_pipeline_has_no_findings() {
    let part = |clause, field| {
        let conjunction = Action::Conjunction { id: 1, clause, n_clauses: 2 };
        Flow::new(2, 50).matching(reg(field, 1)).action(conjunction)
    };
    let flows = [
        Flow::new(0, 10).matching(reg(Field::Reg0, 1)).goto(1),
        Flow::new(0, 0).action(Action::resubmit(1)).goto(2),
        Flow::new(1, 1).action(ct(2)),
        part(1, Field::Reg1),
        part(2, Field::Reg2),
        Flow::new(2, 40).matching(reg(Field::ConjId, 1)).action(out(1)),
        Flow::new(2, 0),
    ];
    assert_eq!(found(&flows), []);
}

#[test]
fn a_circle_is_found_with_its_flows() {
    let there = Flow::new(0, 1).goto(3);
    let back = Flow::new(3, 1).matching(reg(Field::Reg0, 2)).action(Action::resubmit(0));
    let out = found(&[there.clone(), back.clone()]);
    assert_eq!(out, [Finding::Loop { flows: vec![key(&there), key(&back)] }]);
    assert!(out[0].to_string().contains("then table=3"), "{}", out[0]);
    // By way of the connection tracker too.
    assert!(matches!(found(&[Flow::new(0, 1).action(ct(0))])[..], [Finding::Loop { .. }]));
}

#[test]
fn a_way_back_that_no_packet_can_take_twice_is_no_circle() {
    let again =
        |in_port| Action::Resubmit(Resubmit { in_port: Some(OfPort::new(in_port)), table: None, ct: false });
    let port = |number: u32| Match::new().with(Field::InPort, number);
    assert_eq!(found(&[Flow::new(0, 1).matching(port(1)).action(again(2))]), []);
    assert!(matches!(
        found(&[Flow::new(0, 1).matching(port(2)).action(again(2))])[..],
        [Finding::Loop { .. }]
    ));
    let marked = |set: u32| {
        let first =
            Flow::new(0, 1).matching(reg(Field::Reg0, 0)).set(Field::Reg0, set).action(Action::resubmit(0));
        found(&[first])
    };
    assert_eq!(marked(1).len(), 1, "what was written is not followed, so this is reported though it ends");
    let unmarked = Flow::new(0, 1).matching(reg(Field::Reg0, 0)).action(Action::resubmit(1));
    let back = Flow::new(1, 1).matching(reg(Field::Reg0, 1)).action(Action::resubmit(0));
    assert_eq!(found(&[unmarked, back]), []);
}

#[test]
fn a_table_that_nobody_leads_to_is_found() {
    let lost = Flow::new(9, 4).goto(10);
    let flows = [Flow::new(0, 1).goto(2), Flow::new(2, 1), lost.clone(), Flow::new(10, 1)];
    let mut switch = Switch::new();
    assert!(switch.install(&flows).is_empty());
    let unreachable = |entries: &[u8]| {
        let tables = findings(&switch, entries).into_iter().filter_map(|finding| match finding {
            Finding::Unreachable { table, flow, .. } => Some((table, flow)),
            _ => None,
        });
        tables.collect::<Vec<_>>()
    };
    assert_eq!(unreachable(&[]), [(9, key(&lost)), (10, key(&flows[3]))]);
    assert_eq!(unreachable(&[9]), []);
}

#[test]
fn ways_through_groups_copies_and_action_sets_count() {
    let mut write = Flow::new(0, 3).matching(reg(Field::Reg0, 1));
    write.instructions.write = vec![Action::resubmit(5)];
    let flows = [
        write,
        Flow::new(0, 2).matching(reg(Field::Reg0, 2)).action(Action::Clone(vec![Action::resubmit(6)])),
        Flow::new(0, 1).matching(reg(Field::Reg0, 3)).action(Action::Group(1)),
        Flow::new(5, 1),
        Flow::new(6, 1),
        Flow::new(7, 1),
    ];
    let mut switch = Switch::new();
    assert!(switch.install(&flows).is_empty());
    let bucket = Bucket::new(vec![Action::resubmit(7)]);
    switch.install_groups([Group { id: 1, kind: GroupKind::All, buckets: vec![bucket] }]);
    assert_eq!(findings(&switch, &[]), []);
}

#[test]
fn a_covered_flow_is_found_with_the_one_that_covers_it() {
    let broad =
        Flow::new(0, 20).matching(Match::new().with_masked(Field::Reg0, 0x10_u32, 0xf0_u32)).action(out(1));
    let covered = Flow::new(0, 10).matching(reg(Field::Reg0, 0x15).with(Field::Reg1, 3_u32)).action(out(2));
    let free = Flow::new(0, 10).matching(reg(Field::Reg0, 0x25)).action(out(3));
    let out = found(&[broad.clone(), covered.clone(), free]);
    assert_eq!(out, [Finding::Shadowed { flow: key(&covered), by: key(&broad) }]);
}

#[test]
fn equals_that_do_different_things_are_found() {
    let one = Flow::new(0, 10).matching(reg(Field::Reg0, 1)).action(out(1));
    let two = Flow::new(0, 10).matching(reg(Field::Reg1, 1)).action(out(2));
    let out_of = |flows: &[Flow]| found(flows).len();
    let finding = found(&[one.clone(), two.clone()]);
    assert!(
        matches!(&finding[..], [Finding::Ambiguous { flow, other }] if *flow == key(&one) && *other == key(&two)
            || *flow == key(&two) && *other == key(&one))
    );
    // No packet is both, or it does not matter which decides, or one is above the other.
    let apart = two.clone().matching(reg(Field::Reg1, 1).with(Field::Reg0, 2_u32));
    let mut same = two.clone();
    same.instructions = one.instructions.clone();
    let mut above = two;
    above.priority = 11;
    assert_eq!(
        [out_of(&[one.clone(), apart]), out_of(&[one.clone(), same]), out_of(&[one, above])],
        [0, 0, 0]
    );
}

#[test]
fn dangling_references_are_found() {
    let mut flow = Flow::new(0, 10).action(Action::Clone(vec![Action::Group(4)])).goto(8);
    flow.instructions.meter = Some(6);
    let out = found(std::slice::from_ref(&flow));
    let wanted = [
        Finding::EmptyTable { flow: key(&flow), table: 8 },
        Finding::NoSuchGroup { flow: key(&flow), group: 4 },
        Finding::NoSuchMeter { flow: key(&flow), meter: 6 },
    ];
    assert_eq!(out, wanted);

    let mut switch = Switch::new();
    let bucket = Bucket::new(vec![Action::Group(2)]);
    switch.install_groups([Group { id: 1, kind: GroupKind::All, buckets: vec![bucket] }]);
    assert_eq!(findings(&switch, &[]), [Finding::NoSuchGroupInGroup { group: 1, missing: 2 }]);
}

#[test]
fn a_match_without_its_prerequisite_is_found() {
    let flow = Flow::new(0, 1).matching(Match::new().with(Field::TcpDst, 80_u16));
    assert_eq!(
        found(std::slice::from_ref(&flow)),
        [Finding::MissingPrerequisite { flow: key(&flow), field: Field::TcpDst }]
    );
}

#[test]
fn conjunctions_that_cannot_work_are_found() {
    let part = |reg0, clause, n_clauses| {
        let conjunction = Action::Conjunction { id: 7, clause, n_clauses };
        Flow::new(0, 9).matching(reg(Field::Reg0, reg0)).action(conjunction)
    };
    let waits = Flow::new(0, 3).matching(reg(Field::ConjId, 7)).action(out(1));
    let (one, two) = (part(1, 1, 2), part(2, 2, 2));
    let id = 7;
    assert_eq!(found(&[one.clone(), two.clone(), waits.clone()]), []);
    let missing = found(&[one.clone(), waits.clone()]);
    assert_eq!(missing, [Finding::IncompleteConjunction { flow: key(&one), id, clause: 2 }]);
    assert_eq!(found(&[one.clone(), two]), [Finding::NothingForConjunction { flow: key(&one), id }]);
    assert_eq!(found(std::slice::from_ref(&waits)), [Finding::NoSuchConjunction { flow: key(&waits), id }]);
    let disagrees = found(&[one.clone(), part(2, 2, 3), waits]);
    assert_eq!(disagrees, [Finding::ConjunctionDisagrees { flow: key(&one), id }]);
}

#[test]
fn an_action_set_that_recirculates_is_found() {
    let mut writes = Flow::new(0, 1).goto(1);
    writes.instructions.write = vec![out(2)];
    let tracks = Flow::new(1, 1).action(ct(2));
    let last = Flow::new(2, 1);
    let risky = |flows: &[Flow]| {
        let risky =
            found(flows).into_iter().filter(|f| matches!(f, Finding::RecirculatesWithActionSet { .. }));
        risky.collect::<Vec<_>>()
    };
    let finding = |flow: &Flow| Finding::RecirculatesWithActionSet { flow: key(flow) };
    assert_eq!(risky(&[writes.clone(), tracks.clone(), last.clone()]), [finding(&writes)]);
    // Written in a table that comes back, then tracked.
    let calls = Flow::new(0, 1).action(Action::resubmit(1)).action(ct(2));
    let mut callee = Flow::new(1, 1);
    callee.instructions.write = vec![out(2)];
    assert_eq!(risky(&[calls.clone(), callee, last.clone()]), [finding(&calls)]);
    // Tracked first, written then.
    let mut after = Flow::new(2, 1);
    after.instructions.write = vec![out(2)];
    assert_eq!(risky(&[Flow::new(0, 1).goto(1), tracks, after]), []);
}
