//! Any specification on any configuration: it settles, and what is not ours is as it was.

use std::collections::{BTreeMap, BTreeSet};

use net_types::MacAddr;
use ovsdb::vswitch::{Bridge, Port};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::BRIDGE;
use super::world::{Scene, strings};
use crate::bridge::{
    BridgeSpec, ID_KEY_PREFIX, InternalSpec, OWNER_KEY, PEER_KEY, PatchSpec, PeerBridge, QueueSpec,
    SPEAKER_KEY, SessionSpec, ShapeSpec, TunnelKind, TunnelSpec, is_owned, plan,
};
use crate::configuration::Configuration;

const NAMES: [&str; 6] = [BRIDGE, "br-ex", "n1", "n2", "n3", "n4"];

fn name() -> impl Strategy<Value = String> {
    select(NAMES.to_vec()).prop_map(str::to_owned)
}

fn tunnel() -> impl Strategy<Value = TunnelSpec> {
    (name(), select(vec![TunnelKind::Geneve, TunnelKind::Gre]), any::<bool>()).prop_map(
        |(name, kind, csum)| {
            let spec = TunnelSpec { name, ..TunnelSpec::flow_based(kind, None) };
            if csum { spec.option("csum", "true") } else { spec }
        },
    )
}

fn session() -> impl Strategy<Value = SessionSpec> {
    (select(vec!["host-a", "host-b"]), 100_u32..102)
        .prop_map(|(peer, interval_ms)| SessionSpec { peer: peer.to_owned(), interval_ms })
}

fn patch() -> impl Strategy<Value = PatchSpec> {
    (name(), name(), name(), select(vec![PeerBridge::Create, PeerBridge::Report])).prop_map(
        |(name, peer_name, peer_bridge, if_missing)| PatchSpec { name, peer_name, peer_bridge, if_missing },
    )
}

fn internal() -> impl Strategy<Value = InternalSpec> {
    (name(), 1..3_u8).prop_map(|(name, last)| InternalSpec { name, mac: MacAddr([2, 0, 0, 0, 0, last]) })
}

fn shape() -> impl Strategy<Value = ShapeSpec> {
    let queue = || option::of(select(vec![1_000_u64, 2_000]));
    (option::of(select(vec![1_500_u64, 10_000])), queue(), queue()).prop_map(|(link_kbps, one, two)| {
        let queue = |least_kbps| QueueSpec { owner: "guest".to_owned(), least_kbps };
        let queues =
            [(31, one), (47, two)].into_iter().filter_map(|(number, least)| Some((number, queue(least?))));
        ShapeSpec { bridge: "br-ex".to_owned(), link_kbps, queues: queues.collect() }
    })
}

fn spec() -> impl Strategy<Value = BridgeSpec> {
    let protocols = subsequence(vec!["OpenFlow10", "OpenFlow13", "OpenFlow15"], 0..=3);
    let targets = option::of(subsequence(vec!["tcp:192.0.2.1:6653", "ptcp:6634"], 0..=2));
    (
        (option::of(select(vec!["netdev", "system", ""])), protocols, targets),
        (option::of(select(vec!["1", "2"])), option::of(select(vec!["1", "2"]))),
        (vec(tunnel(), 0..3), option::of(vec(session(), 0..3)), vec(patch(), 0..3), vec(internal(), 0..2)),
        option::of(vec(shape(), 0..2)),
    )
        .prop_map(
            |(
                (datapath_type, protocols, targets),
                (config, id),
                (tunnels, sessions, patches, internals),
                shapes,
            )| {
                BridgeSpec {
                    name: BRIDGE.to_owned(),
                    datapath_type: datapath_type.map(str::to_owned),
                    protocols: protocols.into_iter().map(str::to_owned).collect(),
                    other_config: config.map(|value| strings(&[("key", value)])).unwrap_or_default(),
                    ids: id.map(|value| strings(&[("zone", value), (value, value)])),
                    controllers: targets.map(|targets| targets.into_iter().map(str::to_owned).collect()),
                    tunnels,
                    sessions,
                    patches,
                    internals,
                    shapes,
                }
            },
        )
}

/// Bridges with a mark or not, and ports with names that are wanted, marked or not, some of them bonds.
fn configuration() -> impl Strategy<Value = Scene> {
    let owner = || select(vec!["", BRIDGE, "br-two"]);
    let bridge = (owner(), option::of(select(vec!["secure", "standalone"])), select(vec!["", "netdev"]));
    let port = (select(vec![BRIDGE, "br-ex"]), owner(), 0..NAMES.len(), any::<bool>());
    (option::of(bridge.clone()), option::of(bridge), vec(port, 0..5)).prop_map(|(int, ex, ports)| {
        let scene = Scene::new();
        let mut present = BTreeSet::new();
        for (name, bridge) in [(BRIDGE, int), ("br-ex", ex)] {
            let Some((owner, fail_mode, datapath_type)) = bridge else { continue };
            present.insert(name);
            scene.add_bridge(&Bridge {
                name: name.to_owned(),
                fail_mode: fail_mode.map(str::to_owned),
                datapath_type: datapath_type.to_owned(),
                external_ids: if owner.is_empty() { BTreeMap::new() } else { strings(&[(OWNER_KEY, owner)]) },
                ..Bridge::default()
            });
        }
        let mut used = BTreeSet::new();
        for (bridge, owner, number, is_bond) in ports {
            let name = NAMES[number];
            if !present.contains(bridge) || used.contains(name) {
                continue;
            }
            // A bond has one interface of another wanted name, where that is free.
            let other = NAMES[(number + 1) % NAMES.len()];
            let interfaces = if is_bond && !used.contains(other) { vec![other, "eth0"] } else { vec![name] };
            if interfaces.iter().any(|interface| used.contains(interface)) {
                continue;
            }
            used.extend(interfaces.iter().copied().chain([name]));
            scene.add_port(bridge, name, &interfaces, owner);
        }
        scene
    })
}

/// Rows that were there without our mark are there as they were.
fn assert_untouched(before: &Configuration, after: &Configuration) {
    let is_ours = |ids: &BTreeMap<String, String>| is_owned(ids, BRIDGE);
    let foreign_ports: Vec<_> =
        before.ports().iter().filter(|(_, port)| !is_ours(&port.external_ids)).collect();
    for (uuid, port) in &foreign_ports {
        // Queues are all that a port of others gets, and only as long as it has none of others.
        let row = after.ports().get(uuid).expect("it is there");
        assert_eq!(Port { qos: port.qos, ..row.as_ref().clone() }, *port.as_ref());
        let has_others = |port: &Port, rows: &Configuration| {
            port.qos.is_some_and(|uuid| !is_ours(&rows.qos()[&uuid].external_ids))
        };
        assert!(row.qos == port.qos || !has_others(port, before) && !has_others(row, after));
        for interface in &port.interfaces {
            assert_eq!(after.interfaces().get(interface), before.interfaces().get(interface));
        }
    }
    for (uuid, controller) in before.controllers().iter().filter(|(_, row)| !is_ours(&row.external_ids)) {
        assert_eq!(after.controllers().get(uuid), Some(controller));
    }
    for (uuid, old) in before.bridges() {
        let new = &after.bridges()[uuid];
        for (port, _) in &foreign_ports {
            assert_eq!(new.ports.contains(port), old.ports.contains(port));
        }
        if old.name != BRIDGE {
            // Not even one that we made: it gets our ports and loses them, nothing else.
            assert_eq!(Bridge { ports: old.ports.clone(), ..new.as_ref().clone() }, *old.as_ref());
        } else if !is_ours(&old.external_ids) {
            assert_eq!((&new.datapath_type, &new.other_config), (&old.datapath_type, &old.other_config));
            assert!(old.fail_mode.is_none() || new.fail_mode == old.fail_mode);
            assert!(new.protocols.is_superset(&old.protocols));
            assert!(old.external_ids.iter().all(|(key, value)| {
                key.starts_with(ID_KEY_PREFIX) || new.external_ids.get(key) == Some(value)
            }));
        }
    }
}

/// Sensible specifications take one plan. One that wants a name for several things may take another for each thing
/// that the last plan moved out of the way, and then no more.
fn settle_eventually(scene: &Scene, spec: &BridgeSpec) {
    const MAX_PLANS: usize = 4;
    for _ in 0..MAX_PLANS {
        let next = plan(spec, &scene.configuration());
        if next.is_empty() {
            return;
        }
        scene.transact(&next.transaction());
    }
    panic!("still to do after {MAX_PLANS} plans: {:?}", plan(spec, &scene.configuration()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_configuration_settles(scene in configuration(), one in spec(), two in spec()) {
        for spec in [&one, &two, &one] {
            let before = scene.configuration();
            settle_eventually(&scene, spec);
            let after = scene.configuration();
            assert_untouched(&before, &after);
            if let Some(shapes) = &spec.shapes {
                let (rows, queues) = (after.qos().len(), after.queues().len());
                let wanted = shapes.iter().map(|shape| shape.queues.len()).sum::<usize>();
                // With one more for whatever is in none.
                prop_assert_eq!(queues, if rows == 0 { 0 } else { rows * (wanted + 1) });
            }
            let owned = after.ports().values().filter(|row| is_owned(&row.external_ids, BRIDGE));
            for port in owned {
                let is_watched = spec.sessions.as_ref().map_or_else(
                    || [PEER_KEY, SPEAKER_KEY].iter().any(|key| port.external_ids.contains_key(*key)),
                    |sessions| sessions.iter().any(|session| session.port_names().contains(&port.name)),
                );
                let is_wanted = is_watched
                    || spec.tunnels.iter().any(|tunnel| tunnel.name == port.name)
                    || spec.internals.iter().any(|internal| internal.name == port.name)
                    || spec.patches.iter().any(|patch| [&patch.name, &patch.peer_name].contains(&&port.name));
                prop_assert!(is_wanted, "{} is ours and nobody wants it", port.name);
            }
        }
    }
}
