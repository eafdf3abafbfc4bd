//! Any history of the database: the state after the events is the state of the rows, computed from scratch.

use std::collections::{BTreeMap, BTreeSet};

use net_types::{MacAddr, OfPort};
use ovsdb::Uuid;
use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::world::{Follower, InterfaceModel, World};
use super::{BRIDGE, usable};
use crate::bridge::TunnelKind;
use crate::interfaces::{Finding, Interface, Role, Unclaimed, UpDown};

const GOOD_MAC: &str = "02:00:00:00:00:01";

fn interface() -> impl Strategy<Value = InterfaceModel> {
    (
        option::weighted(0.8, select(vec!["", "p1", "p1", "p2"])),
        option::weighted(0.3, select(vec![GOOD_MAC, "nonsense"])),
        select(vec!["", "internal", "geneve", "patch"]),
        option::weighted(0.9, select(vec![-1, 0, 1, 1, 2, 2, 3, 3, 65_534, 70_000])),
        option::of(select(vec!["up", "down"])),
        option::weighted(0.3, select(vec!["broken", "busy"])),
    )
        .prop_map(|(iface_id, mac, kind, ofport, link, error)| InterfaceModel {
            iface_id: iface_id.map(str::to_owned),
            mac: mac.map(str::to_owned),
            kind: kind.to_owned(),
            peer: (kind == "patch").then(|| "there".to_owned()),
            ofport,
            link,
            error: error.map(str::to_owned),
        })
}

fn world() -> impl Strategy<Value = World> {
    // Two rows of bridges may even have one name for a moment of a lying server: the first row counts.
    let bridge = (select(vec![BRIDGE, "br-ex"]).prop_map(str::to_owned), btree_set(0..5_u8, 0..5));
    let port = (select(vec!["", BRIDGE, "br-ex"]).prop_map(str::to_owned), btree_set(0..6_u8, 1..4));
    (btree_map(0..3_u8, bridge, 1..4), btree_map(0..5_u8, port, 2..6), btree_map(0..6_u8, interface(), 3..7))
        .prop_map(|(bridges, ports, interfaces)| World { bridges, ports, interfaces })
}

/// Many rows at once, or few: what is left alone is where an incremental state goes wrong.
fn mask() -> impl Strategy<Value = u16> {
    prop_oneof![any::<u16>(), (0..14_u16).prop_map(|bit| 1 << bit), (0..14_u16).prop_map(|bit| 1 << bit)]
}

/// Takes from the target the rows that the mask names, and keeps the others: small steps and large ones.
fn step(present: &World, target: &World, mask: u16) -> World {
    fn mix<T: Clone>(
        present: &BTreeMap<u8, T>,
        target: &BTreeMap<u8, T>,
        takes: impl Fn(u8) -> bool,
    ) -> BTreeMap<u8, T> {
        let source = |number: u8| if takes(number) { target } else { present };
        (0..6).filter_map(|number| Some((number, source(number).get(&number)?.clone()))).collect()
    }
    World {
        bridges: mix(&present.bridges, &target.bridges, |number| mask >> number & 1 == 1),
        ports: mix(&present.ports, &target.ports, |number| mask >> (number + 3) & 1 == 1),
        interfaces: mix(&present.interfaces, &target.interfaces, |number| mask >> (number + 8) & 1 == 1),
    }
}

/// What is to be reported of a world, in the most direct way.
fn from_scratch(world: &World, unclaimed: Unclaimed) -> (BTreeMap<Uuid, Interface>, BTreeSet<Finding>) {
    let mut found = BTreeSet::new();
    let mut candidates = Vec::new();
    let bridge = world.bridges.values().find(|(name, _)| name == BRIDGE);
    for (number, model) in &world.interfaces {
        let ports = bridge.into_iter().flat_map(|(_, ports)| ports).filter_map(|port| world.ports.get(port));
        let holders: Vec<_> = ports.filter(|(_, interfaces)| interfaces.contains(number)).collect();
        if holders.is_empty() {
            continue;
        }
        let ours = holders.iter().any(|(owner, _)| owner == BRIDGE);
        let name = format!("if{number}");
        let bad_mac = model.mac.clone().filter(|mac| mac != GOOD_MAC);
        let role = match (ours, model.kind.as_str(), model.iface_id.as_deref()) {
            (true, "geneve", _) => Role::Tunnel(TunnelKind::Geneve),
            (true, "internal", _) => Role::Internal,
            (true, "patch", _) => Role::Patch { peer: "there".into() },
            (_, _, None | Some("")) if unclaimed == Unclaimed::Reported => Role::Other,
            (_, _, None | Some("")) => continue,
            (_, _, Some(id)) => Role::Vif {
                iface_id: id.into(),
                attached_mac: model
                    .mac
                    .as_ref()
                    .filter(|_| bad_mac.is_none())
                    .map(|_| MacAddr([2, 0, 0, 0, 0, 1])),
            },
        };
        let ofport = match model.ofport {
            Some(-1) => {
                found.insert(Finding::Failed { interface: name, role, error: model.error.clone() });
                continue;
            }
            Some(65_534) => OfPort::LOCAL,
            Some(small @ 1..=3) => OfPort::new(u32::try_from(small).unwrap()),
            _ => continue,
        };
        if let (Role::Vif { .. }, Some(text)) = (&role, bad_mac) {
            found.insert(Finding::MalformedAttachedMac { interface: name, text });
        }
        let link = model.link.map(|link| if link == "up" { UpDown::Up } else { UpDown::Down });
        let base = usable(*number, role, 0);
        candidates.push(Interface {
            ofport,
            link,
            kind: model.kind.clone(),
            error: model.error.clone(),
            ..base
        });
    }
    candidates.sort_by_key(|interface| (interface.ofport, interface.row));
    let mut winners: BTreeMap<String, (String, Vec<String>)> = BTreeMap::new();
    let mut reported = BTreeMap::new();
    for interface in candidates {
        if let Role::Vif { iface_id, .. } = &interface.role {
            if let Some((_, ignored)) = winners.get_mut(iface_id) {
                ignored.push(interface.name.clone());
                continue;
            }
            winners.insert(iface_id.clone(), (interface.name.clone(), Vec::new()));
        }
        reported.insert(interface.row, interface);
    }
    found.extend(
        winners
            .into_iter()
            .filter(|(_, (_, ignored))| !ignored.is_empty())
            .map(|(iface_id, (used, ignored))| Finding::DuplicateIfaceId { iface_id, used, ignored }),
    );
    (reported, found)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn events_lead_to_the_state_of_the_rows(
        history in vec((world(), mask()), 1..12),
        unclaimed in select(vec![Unclaimed::Ignored, Unclaimed::Reported]),
        merged in any::<bool>(),
    ) {
        let mut follower = Follower::new(unclaimed);
        let mut present = World::default();
        let mut waiting = None;
        let last = history.len() - 1;
        for (index, (target, mask)) in history.iter().enumerate() {
            present = step(&present, target, if index == 0 { u16::MAX } else { *mask });
            let mut batch = follower.batch(&present);
            // A consumer that falls behind gets the net effect of several batches.
            if let Some(earlier) = waiting.take() {
                let later = std::mem::replace(&mut batch, earlier);
                batch.merge(later);
            }
            if merged && index % 2 == 0 && index != last {
                waiting = Some(batch);
                continue;
            }
            follower.take(&batch);
            let (interfaces, findings) = from_scratch(&present, unclaimed);
            prop_assert_eq!(&follower.interfaces, &interfaces);
            prop_assert_eq!(&follower.findings, &findings);
            for interface in interfaces.values() {
                if let Role::Vif { iface_id, .. } = &interface.role {
                    prop_assert_eq!(follower.watch.vif(iface_id), Some(interface));
                }
            }
            prop_assert_eq!(follower.see(&present), []);
        }
    }
}
