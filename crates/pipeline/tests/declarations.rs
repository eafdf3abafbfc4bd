//! What the pipeline promises: declarations that fit together, and flows that keep them.

use net_types::OfPort;
use openflow::action::{Action, Controller, Ct};
use openflow::{Field, Match};
use pipeline::{Cookie, Defect, Miss, Pipeline, Priority, TableSpec, Violation, regs, tables};

fn l2(action: Action) -> Result<openflow::PackedFlow, Violation> {
    tables::L2.flow(Priority::EXACT, Cookie::new(tables::L2_OWNER, 1)).action(action).build()
}

#[test]
fn our_tables_fit_together() {
    assert_eq!(tables::PIPELINE.check(), []);
}

#[test]
fn a_flow_that_keeps_the_declaration_is_what_was_asked_for() {
    let flow = tables::L2
        .flow(Priority::EXACT.level(3), Cookie::new(tables::L2_OWNER, 0x42))
        .matching(Match::new().with(Field::EthDst, 0xfa16_3e00_0001_u64))
        .when(&regs::NETWORK, 12)
        .set(&regs::EGRESS_PORT, 9)
        .goto(&tables::DISPATCH)
        .build()
        .unwrap()
        .unpack();
    assert_eq!(flow.table, tables::L2.id);
    assert_eq!(flow.priority, Priority::EXACT.number() + 3);
    assert_eq!(flow.instructions.apply, [Action::set(Field::Reg7, 9_u32)]);
    assert_eq!(flow.instructions.goto, Some(tables::DISPATCH.id));
    assert_eq!(Cookie::from_bits(flow.cookie).subject(), 0x42);
}

#[test]
fn what_a_table_does_not_declare_cannot_be_built() {
    let cookie = Cookie::new(tables::L2_OWNER, 1);
    let base = || tables::L2.flow(Priority::EXACT, cookie);
    let matched = base().matching(Match::new().with(Field::InPort, 1_u32)).build();
    assert!(matches!(matched, Err(Violation::Match { field: "in_port_oxm", .. })), "{matched:?}");
    let ungrounded = base().matching(Match::new().with(Field::TcpDst, 80_u16)).build();
    assert!(matches!(ungrounded, Err(Violation::Prerequisite { field: "tcp_dst", .. })), "{ungrounded:?}");
    assert!(matches!(l2(Action::set(Field::EthDst, 1_u64)), Err(Violation::Set { field: "eth_dst", .. })));
    assert!(matches!(l2(Action::resubmit(0)), Err(Violation::Goto { to: 0, .. })));
    assert!(matches!(base().goto(&tables::CLASSIFY).build(), Err(Violation::Goto { to: 0, .. })));
    assert!(matches!(l2(Action::Unknown(vec![0; 8])), Err(Violation::Unknown { .. })));
    let elsewhere = tables::L2.flow(Priority::EXACT, Cookie::new(tables::CLASSIFY_OWNER, 1)).build();
    assert!(matches!(elsewhere, Err(Violation::Owner { app: 1, .. })), "{elsewhere:?}");
    let out = tables::EGRESS_RATE
        .flow(Priority::EXACT, Cookie::new(tables::QOS_OWNER, 1))
        .output(OfPort::new(1))
        .build();
    assert!(matches!(out, Err(Violation::Output { table: "egress rate" })), "{out:?}");
}

#[test]
fn nested_actions_keep_the_declaration_too() {
    let nested = |action| l2(Action::Clone(vec![action]));
    assert!(nested(Action::Controller(Controller::default())).is_ok());
    assert!(matches!(nested(Action::PushVlan(0x8100)), Err(Violation::Set { field: "vlan_vid", .. })));
    let ct = Ct { commit: true, actions: vec![Action::set(Field::CtMark, 1_u32)], ..Ct::default() };
    assert!(matches!(nested(Action::Ct(ct)), Err(Violation::Set { field: "ct_mark", .. })));
    let ct = Ct { table: Some(tables::CLASSIFY.id), ..Ct::default() };
    assert!(matches!(nested(Action::Ct(ct)), Err(Violation::Goto { to: 0, .. })));
}

#[test]
fn a_flow_that_no_message_carries_is_refused() {
    let note = vec![0; 40_000];
    let flow = tables::L2
        .flow(Priority::EXACT, Cookie::new(tables::L2_OWNER, 1))
        .action(Action::Note(note.clone()))
        .action(Action::Note(note))
        .build();
    assert!(matches!(flow, Err(Violation::TooLong { .. })));
}

static LOST: TableSpec = TableSpec { id: 7, name: "lost", ..EMPTY };
static BACK: TableSpec = TableSpec { id: 9, name: "back", next: &[&LOST, &tables::CLASSIFY], ..EMPTY };
static TWIN: TableSpec = TableSpec { id: 9, name: "twin", ..EMPTY };
static ALONE: TableSpec = TableSpec { id: 30, name: "alone", ..EMPTY };
const EMPTY: TableSpec = TableSpec {
    id: 0,
    name: "",
    owner: tables::L2_OWNER,
    purpose: "",
    matches: &[],
    reads: &[],
    sets: &[],
    writes: &[],
    next: &[],
    again: &[],
    may_output: false,
    miss: Miss::Drop,
};

static CROOKED: Pipeline = Pipeline { tables: &[&BACK, &LOST, &ALONE] };
static DOUBLED: Pipeline = Pipeline { tables: &[&BACK, &TWIN] };

#[test]
fn declarations_that_contradict_each_other_are_found() {
    let defects = CROOKED.check();
    assert!(defects.contains(&Defect::Backwards("back", "lost")));
    assert!(defects.contains(&Defect::Missing("back", "classify")));
    assert!(defects.contains(&Defect::Unreachable("alone")));
    assert_eq!(DOUBLED.check()[0], Defect::SameNumber("back", "twin"));
}

#[test]
fn what_the_switch_fills_by_itself_is_compared_by_nobody() {
    let compared: Vec<u8> = tables::PIPELINE.table_ids().collect();
    for table in [&tables::LEARNED, &tables::RESOLVED] {
        assert!(!compared.contains(&table.id), "a restart would delete it");
    }
    assert_eq!(compared.len() + 2, tables::PIPELINE.tables.len());
}
