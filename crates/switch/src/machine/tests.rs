//! The machine against a model of a switch, without a socket: random lives of a connection, and the answers to what goes wrong.

mod model;

use openflow::action::Action;
use openflow::delta::Delta;
use openflow::flow::{Flow, FlowKey, PackedFlow};
use openflow::group::{Bucket, Group, GroupKind};
use openflow::message::Hello;
use openflow::{Field, Match, Message};
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::entry::EntryId;
use model::Model;

fn machine() -> Machine {
    let limits = StepLimits { entries_max: 7, bytes_max: 2_000 };
    Machine::new(
        MachineOptions { limits, noted_max: 4, ..MachineOptions::new(Scope::new(0..10, 1..=9, 1..=9)) },
        Delta::default(),
    )
}

fn flow(number: u8, version: u8) -> PackedFlow {
    let matching = Match::new().with(Field::Reg0, u32::from(number));
    let flow = Flow::new(number % 4, 1).matching(matching).set(Field::Reg1, u32::from(version));
    PackedFlow::new(&flow).unwrap()
}

fn group(id: u32, version: u8) -> Group {
    let actions = vec![Action::set(Field::Reg1, u32::from(version))];
    Group { id, kind: GroupKind::All, buckets: vec![Bucket::new(actions)] }
}

fn put(flow: PackedFlow) -> Delta {
    Delta { flows: vec![flow], ..Delta::default() }
}

/// Something that happens in the life of a connection.
#[derive(Debug, Clone)]
enum Happening {
    Put(u8, u8),
    Delete(u8),
    PutGroup(u8, u8),
    DeleteGroup(u8),
    /// The owner's wishes are sent.
    Advance,
    /// Some messages pass each way.
    Pass(u8),
    /// Somebody else writes a flow.
    Stranger(u8),
    /// Somebody else deletes a flow.
    Vandal(u8),
    Lost,
    /// The switch is restarted and has forgotten everything.
    Crash,
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        6 => (0..40_u8, 0..4_u8).prop_map(|(number, version)| Happening::Put(number, version)),
        3 => (0..40_u8).prop_map(Happening::Delete),
        1 => (1..6_u8, 0..3_u8).prop_map(|(id, version)| Happening::PutGroup(id, version)),
        1 => (1..6_u8).prop_map(Happening::DeleteGroup),
        4 => Just(Happening::Advance),
        6 => (1..30_u8).prop_map(Happening::Pass),
        1 => (0..40_u8).prop_map(Happening::Stranger),
        1 => (0..40_u8).prop_map(Happening::Vandal),
        1 => Just(Happening::Lost),
        1 => Just(Happening::Crash),
    ]
}

/// Applies one happening. Says the id of a change.
fn apply(machine: &mut Machine, model: &mut Model, happening: &Happening) {
    let change = |machine: &mut Machine, delta| {
        machine.change(delta);
    };
    match *happening {
        Happening::Put(number, version) => change(machine, put(flow(number, version))),
        Happening::Delete(number) => {
            change(machine, Delta { delete_flows: vec![flow(number, 0).key()], ..Delta::default() });
        }
        Happening::PutGroup(id, version) => {
            change(machine, Delta { groups: vec![group(id.into(), version)], ..Delta::default() });
        }
        Happening::DeleteGroup(id) => {
            change(machine, Delta { delete_groups: vec![id.into()], ..Delta::default() });
        }
        Happening::Advance => machine.advance(),
        Happening::Pass(count) => model.pass(machine, count.into()),
        Happening::Stranger(number) => model.stranger_writes(flow(number, 200)),
        Happening::Vandal(number) => model.stranger_deletes(&flow(number, 0).key()),
        Happening::Lost => model.reconnect(machine),
        Happening::Crash => {
            model.forget_everything();
            model.reconnect(machine);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Whatever happens, once messages pass undisturbed the switch holds what is desired and every change was confirmed.
    #[test]
    fn every_life_ends_with_what_is_desired(life in vec(happening(), 0..120)) {
        let (mut machine, mut model) = (machine(), Model::default());
        model.reconnect(&mut machine);
        let mut confirmed = 0;
        for happening in &life {
            apply(&mut machine, &mut model, happening);
            while let Some(event) = machine.next_event() {
                if let Event::Synced { up_to, .. } | Event::Committed { up_to, .. } = event {
                    prop_assert!(up_to >= confirmed, "confirmations go forward");
                    confirmed = up_to;
                }
            }
        }
        model.settle(&mut machine);
        prop_assert!(machine.is_live());
        prop_assert_eq!(model.flows_sorted(), machine.desired().flows().sorted());
        prop_assert_eq!(&model.groups, machine.desired().groups());
        while let Some(event) = machine.next_event() {
            prop_assert!(!matches!(event, Event::Refused { .. }), "{:?}", event);
            if let Event::Synced { up_to, .. } | Event::Committed { up_to, .. } = event {
                confirmed = up_to;
            }
        }
        prop_assert_eq!(confirmed, machine.last_change);
        prop_assert!(machine.pending.is_empty());
    }

    /// A reconnect to a switch that kept everything sends nothing.
    #[test]
    fn a_reconnect_sends_nothing(numbers in vec(0..60_u8, 0..60)) {
        let (mut machine, mut model) = (machine(), Model::default());
        model.reconnect(&mut machine);
        for number in numbers {
            machine.change(put(flow(number, 1)));
        }
        model.settle(&mut machine);
        let before = machine.counters();
        model.reconnect(&mut machine);
        model.settle(&mut machine);
        prop_assert!(machine.is_live());
        prop_assert_eq!(machine.counters().flow_mods, before.flow_mods);
        prop_assert_eq!(machine.counters().other_mods, before.other_mods);
    }

    /// Any set of refused flows is named, at once or in the commit, and exactly the others are in.
    #[test]
    fn exactly_the_refused_are_left_out(
        numbers in vec(0..80_u8, 1..60),
        at_once in vec(0..80_u8, 0..6),
        in_commit in vec(0..80_u8, 0..6),
    ) {
        let (mut machine, mut model) = (machine(), Model::default());
        model.reconnect(&mut machine);
        model.settle(&mut machine);
        let keys = |numbers: &[u8]| -> BTreeSet<FlowKey> { numbers.iter().map(|n| flow(*n, 1).key()).collect() };
        model.refused_at_once = keys(&at_once);
        model.refused_in_commit = keys(&in_commit);
        for number in &numbers {
            machine.change(put(flow(*number, 1)));
        }
        model.settle(&mut machine);
        let bad: BTreeSet<FlowKey> = &model.refused_at_once | &model.refused_in_commit;
        let wanted = keys(&numbers);
        let mut named = BTreeSet::new();
        while let Some(event) = machine.next_event() {
            if let Event::Refused { entry: EntryId::Flow(key), .. } = event {
                prop_assert!(named.insert(key), "a refusal is named once");
            }
        }
        prop_assert_eq!(named, wanted.intersection(&bad).cloned().collect::<BTreeSet<_>>());
        let held: BTreeSet<FlowKey> = model.flows_sorted().into_iter().map(PackedFlow::key).collect();
        prop_assert_eq!(held, wanted.difference(&bad).cloned().collect::<BTreeSet<_>>());
        // Make before break survives the cuts: flows go in from the last table to the first.
        prop_assert!(model.tables_written.is_sorted_by(|a, b| a >= b), "{:?}", model.tables_written);

        // After a reconnect all of it is tried again, and what is possible now is no longer counted as refused.
        model.refused_at_once.clear();
        model.refused_in_commit.clear();
        model.reconnect(&mut machine);
        model.settle(&mut machine);
        prop_assert!(machine.desired().refused().is_empty());
        prop_assert_eq!(model.flows_sorted().len(), wanted.len());
    }
}

#[test]
fn a_bundle_that_fails_without_a_culprit_is_halved_until_it_is_found() {
    let (mut machine, mut model) = (machine(), Model::default());
    model.reconnect(&mut machine);
    model.settle(&mut machine);
    model.refused_silently.insert(flow(5, 1).key());
    for number in 0..7 {
        machine.change(put(flow(number, 1)));
    }
    model.settle(&mut machine);
    assert_eq!(machine.desired().refused().iter().collect::<Vec<_>>(), [&EntryId::Flow(flow(5, 1).key())]);
    assert_eq!(model.flows_sorted().len(), 6);
}

#[test]
fn a_silent_switch_is_asked_and_then_given_up() {
    let (mut machine, mut model) = (machine(), Model::default());
    model.reconnect(&mut machine);
    model.settle(&mut machine);
    machine.tick(4_000).unwrap();
    assert!(machine.take_output().is_empty());
    machine.tick(6_000).unwrap();
    let (_, probe) = Message::decode(&machine.take_output()).unwrap();
    assert_eq!(probe, Message::EchoRequest(vec![]));
    machine.tick(7_000).unwrap();
    assert!(machine.take_output().is_empty(), "it is asked once");
    assert_eq!(machine.tick(31_000), Err(Fatal::Silent(31_000)));
}

#[test]
fn a_switch_of_another_version_is_told_apart() {
    let mut machine = machine();
    machine.connected(0);
    let hello = Hello { version: 1, bitmap: Some(1 << 1) };
    assert_eq!(machine.received(0, 1, Message::Hello(hello)), Err(Fatal::Version));
}

#[test]
fn an_answer_that_makes_no_sense_does_not_hang_the_connection() {
    let (mut machine, mut model) = (machine(), Model::default());
    machine.change(put(flow(1, 1)));
    model.garble_flow_answers = true;
    model.reconnect(&mut machine);
    model.settle(&mut machine);
    assert!(machine.is_live());
    assert_eq!(model.flows_sorted().len(), 1);
}
