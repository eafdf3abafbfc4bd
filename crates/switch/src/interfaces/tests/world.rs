//! A small model of the database, and a consumer of events that accepts only what leads from state to state.

use std::collections::{BTreeMap, BTreeSet};

use ovsdb::Uuid;
use ovsdb::replica::{Replica, UpdateFormat};
use ovsdb::row::Batch;
use serde_json::{Map, Value, json};

use super::BRIDGE;
use crate::bridge::OWNER_KEY;
use crate::configuration;
use crate::interfaces::{Finding, Interface, InterfaceEvent, InterfaceWatch, Role, Unclaimed};

#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct World {
    /// Name and ports.
    pub(super) bridges: BTreeMap<u8, (String, BTreeSet<u8>)>,
    /// The owner in the mark, or nothing; and the interfaces.
    pub(super) ports: BTreeMap<u8, (String, BTreeSet<u8>)>,
    pub(super) interfaces: BTreeMap<u8, InterfaceModel>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct InterfaceModel {
    pub(super) iface_id: Option<String>,
    pub(super) mac: Option<String>,
    pub(super) kind: String,
    pub(super) peer: Option<String>,
    pub(super) ofport: Option<i64>,
    pub(super) link: Option<&'static str>,
    pub(super) error: Option<String>,
}

fn row(table: u8, number: u8) -> Uuid {
    Uuid::from_u128(u128::from(table) << 64 | u128::from(number))
}

pub(super) fn interface_row(number: u8) -> Uuid {
    row(3, number)
}

fn references(table: u8, numbers: &BTreeSet<u8>) -> Value {
    json!([
        "set",
        numbers.iter().map(|number| json!(["uuid", row(table, *number).to_string()])).collect::<Vec<_>>()
    ])
}

fn strings(pairs: &[(&str, Option<&String>)]) -> Value {
    let present = pairs.iter().filter_map(|(key, value)| Some(json!([key, (*value)?])));
    json!(["map", present.collect::<Vec<_>>()])
}

fn optional<T: Into<Value> + Clone>(value: &Option<T>) -> Value {
    value.clone().map_or_else(|| json!(["set", []]), Into::into)
}

impl World {
    pub(super) fn bridge<const N: usize>(&mut self, number: u8, name: &str, ports: [u8; N]) -> &mut Self {
        self.bridges.insert(number, (name.to_owned(), ports.into()));
        self
    }

    pub(super) fn port<const N: usize>(&mut self, number: u8, owner: &str, interfaces: [u8; N]) -> &mut Self {
        self.ports.insert(number, (owner.to_owned(), interfaces.into()));
        self
    }

    pub(super) fn interface(&mut self, number: u8) -> &mut InterfaceModel {
        self.interfaces.entry(number).or_default()
    }

    /// The reply of `monitor`.
    fn to_json(&self) -> Value {
        let table = |rows: Vec<(Uuid, Value)>| -> Map<String, Value> {
            rows.into_iter().map(|(uuid, row)| (uuid.to_string(), json!({ "new": row }))).collect()
        };
        let bridges = self.bridges.iter().map(|(number, (name, ports))| {
            (row(1, *number), json!({"name": name, "ports": references(2, ports)}))
        });
        let ports = self.ports.iter().map(|(number, (owner, interfaces))| {
            let ids = strings(&[(OWNER_KEY, Some(owner).filter(|owner| !owner.is_empty()))]);
            let content = json!({"name": format!("port{number}"), "interfaces": references(3, interfaces), "external_ids": ids});
            (row(2, *number), content)
        });
        let interfaces = self.interfaces.iter().map(|(number, model)| {
            let ids = strings(&[("iface-id", model.iface_id.as_ref()), ("attached-mac", model.mac.as_ref())]);
            let content = json!({
                "name": format!("if{number}"),
                "external_ids": ids,
                "options": strings(&[("peer", model.peer.as_ref())]),
                "type": model.kind,
                "ofport": optional(&model.ofport),
                "link_state": optional(&model.link),
                "error": optional(&model.error),
            });
            (interface_row(*number), content)
        });
        json!({
            "Bridge": table(bridges.collect()),
            "Port": table(ports.collect()),
            "Interface": table(interfaces.collect()),
        })
    }
}

/// A watch, fed with the differences between worlds, and the state that its events amount to.
pub(super) struct Follower {
    replica: Replica,
    pub(super) watch: InterfaceWatch,
    pub(super) interfaces: BTreeMap<Uuid, Interface>,
    pub(super) findings: BTreeSet<Finding>,
}

impl Follower {
    pub(super) fn new(unclaimed: Unclaimed) -> Self {
        Self {
            replica: Replica::new(configuration::monitor()),
            watch: InterfaceWatch::new(BRIDGE, unclaimed),
            interfaces: BTreeMap::new(),
            findings: BTreeSet::new(),
        }
    }

    /// The batch that leads to this world.
    pub(super) fn batch(&mut self, world: &World) -> Batch {
        self.replica.apply_full(&world.to_json(), UpdateFormat::Rows).unwrap()
    }

    pub(super) fn see(&mut self, world: &World) -> Vec<InterfaceEvent> {
        let batch = self.batch(world);
        self.take(&batch)
    }

    pub(super) fn take(&mut self, batch: &Batch) -> Vec<InterfaceEvent> {
        let events = self.watch.apply(batch);
        for event in &events {
            self.follow(event);
        }
        assert!(self.watch.interfaces().eq(self.interfaces.values()));
        assert_eq!(self.watch.findings().cloned().collect::<BTreeSet<_>>(), self.findings);
        assert_eq!(*self.watch.configuration(), configuration::Configuration::of(&self.replica));
        events
    }

    fn follow(&mut self, event: &InterfaceEvent) {
        match event {
            InterfaceEvent::Cleared(finding) => assert!(self.findings.remove(finding), "{event:?}"),
            InterfaceEvent::Found(finding) => assert!(self.findings.insert(finding.clone()), "{event:?}"),
            InterfaceEvent::Gone(old) => assert_eq!(self.interfaces.remove(&old.row).as_ref(), Some(old)),
            InterfaceEvent::Changed { old, new } => {
                assert_ne!(old, new);
                assert_eq!(self.interfaces.insert(new.row, new.clone()).as_ref(), Some(old));
            }
            InterfaceEvent::Appeared(new) => {
                if let Role::Vif { iface_id, .. } = &new.role {
                    let has_it = |old: &Interface| matches!(&old.role, Role::Vif { iface_id: id, .. } if id == iface_id);
                    assert!(
                        !self.interfaces.values().any(has_it),
                        "two interfaces with one port id: {event:?}"
                    );
                }
                assert_eq!(self.interfaces.insert(new.row, new.clone()), None);
            }
        }
    }
}
