//! Whatever happened, what is desired follows from what there is: random histories, backwards and forwards, all at once and
//! one by one, and recordings that replay.

mod common;

use std::collections::BTreeMap;

use common::{
    Node, chassis, delete, interface, metadata, network, peers, port, port_id, providers, put,
    security_group, settings, tunnel_ports,
};
use engine::{Engine, Input};
use model::{Object, RowId, Table};
use proptest::prelude::*;

/// What happens in a small world.
fn any_input() -> impl Strategy<Value = Input> {
    let object = prop_oneof![
        6 => (0_u32..6, 0_u32..3, prop::option::of(0_u32..3), 0_u32..8, prop::option::of(0_u32..2))
            .prop_map(|(number, network, host, mac, group)| port(number, network, host, mac, group)),
        2 => (0_u32..3).prop_map(network),
        1 => (0_u32..2).prop_map(security_group),
        2 => (0_u32..3, 1_u32..4).prop_map(|(number, address)| chassis(number, address)),
    ];
    prop_oneof![
        8 => (object, prop::bool::weighted(0.3))
            .prop_map(|(object, gone)| if gone { delete(&object) } else { put(object) }),
        3 => (0_u32..6, 1_u32..5).prop_map(|(port, of_port)| interface(port, of_port)),
        2 => (0_u32..6).prop_map(|port| Input::InterfaceGone(port_id(port))),
        1 => prop::option::of(100_u32..102).prop_map(tunnel_ports),
        1 => (1_u32..3).prop_map(settings),
        1 => prop::option::of(20_u32..22).prop_map(providers),
        1 => (0_u32..3, any::<bool>()).prop_map(|(number, is_alive)| peers(number, is_alive)),
        1 => prop::option::of(30_u32..32).prop_map(metadata),
    ]
}

/// The facts that a history leads to, as one step that brings them.
fn facts_after(history: &[Vec<Input>]) -> Vec<Input> {
    let mut rows: BTreeMap<(Table, RowId), Object> = BTreeMap::new();
    let mut interfaces = BTreeMap::new();
    let (mut last_settings, mut last_tunnels, mut last_providers, mut last_peers) = (None, None, None, None);
    let mut last_metadata = None;
    for input in history.iter().flatten() {
        match input {
            Input::Row(engine::RowChange::Put(object)) => {
                rows.insert((object.table(), object.id().clone()), object.clone());
            }
            Input::Row(engine::RowChange::Delete(table, id)) => {
                rows.remove(&(*table, id.clone()));
            }
            Input::Interface(interface) => {
                interfaces.insert(interface.port.row().clone(), input.clone());
            }
            Input::InterfaceGone(port) => {
                interfaces.remove(port);
            }
            Input::Settings(_) => last_settings = Some(input.clone()),
            Input::Tunnels(_) => last_tunnels = Some(input.clone()),
            Input::Providers(_) => last_providers = Some(input.clone()),
            Input::Peers(_) => last_peers = Some(input.clone()),
            Input::Metadata(_) => last_metadata = Some(input.clone()),
            Input::Snapshot { .. } | Input::Numbers(_) | Input::Packet(_) => {}
        }
    }
    let snapshot = Input::Snapshot { tables: Table::ALL.to_vec(), rows: rows.into_values().collect() };
    let node = last_settings.into_iter().chain(last_tunnels).chain(last_providers).chain(last_peers);
    let node = node.chain(last_metadata);
    [snapshot].into_iter().chain(interfaces.into_values()).chain(node).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn the_path_does_not_matter(
        history in prop::collection::vec(prop::collection::vec(any_input(), 1..4), 1..40),
        backwards in any::<bool>(),
    ) {
        let mut node = Node::new();
        for inputs in &history {
            node.step(inputs.clone());
        }
        let mut facts = facts_after(&history);
        if backwards {
            facts.reverse();
        }
        facts.push(Input::Numbers(node.engine.numbers().clone()));
        let mut fresh = Engine::new(vec![common::switching(), common::plugging()]);
        fresh.step(facts);
        prop_assert_eq!(fresh.desired(), node.engine.desired());
        prop_assert_eq!(fresh.numbers(), node.engine.numbers());
    }

    #[test]
    fn a_snapshot_brings_any_state_into_any_other(
        one in prop::collection::vec(any_input(), 1..30),
        other in prop::collection::vec(any_input(), 1..30),
    ) {
        let mut node = Node::new();
        node.step(one);
        let target = [other];
        let facts = facts_after(&target);
        let leftover: Vec<Input> = (0..6).map(|port| Input::InterfaceGone(port_id(port))).collect();
        node.step(leftover);
        node.step(facts.clone());
        let mut again = facts;
        again.reverse();
        let outputs = node.step(again);
        prop_assert!(outputs.delta.is_empty());
        prop_assert_eq!(outputs.units_run, 0);
    }

    #[test]
    fn a_recording_replays(history in prop::collection::vec(prop::collection::vec(any_input(), 0..4), 1..20)) {
        let mut recorded = Node::new();
        let mut replayed = Engine::new(vec![common::switching(), common::plugging()]);
        for inputs in history {
            let line = engine::record::to_line(&inputs);
            let outputs = recorded.step(inputs);
            prop_assert_eq!(replayed.step(engine::record::from_line(&line).unwrap()), outputs);
        }
    }
}
