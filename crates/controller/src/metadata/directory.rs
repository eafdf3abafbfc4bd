//! Which instance has which key: an index over the ports of this node, kept as rows change.
//!
//! A port inside another, whose owner is a trunk, is of the instance that the outer port is of.

use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};

use engine::RowChange;
use model::{Chassis, ChildPortSegmentation, Id, LogicalPort, Object, RowId, Table};
use rustc_hash::FxHashMap;

use crate::northbound::News;

/// What device owners of ports inside others are called.
const SUBPORT_OWNER: &str = "trunk:subport";

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// The instance, in Nova.
    pub id: String,
    /// Its project.
    pub project: String,
    /// The first address of the port that asks.
    pub address: Option<IpAddr>,
}

/// The index. It can be shared: one writes, many read.
#[derive(Debug, Clone)]
pub struct Directory {
    chassis: Id<Chassis>,
    index: Arc<RwLock<Index>>,
}

#[derive(Debug, Default)]
struct Index {
    /// Whether all rows were seen once.
    is_complete: bool,
    ports: FxHashMap<RowId, Port>,
    by_key: FxHashMap<u32, RowId>,
    /// The outer port of an inner one, by the row that says so.
    inside: FxHashMap<RowId, (RowId, RowId)>,
    outer: FxHashMap<RowId, RowId>,
}

#[derive(Debug)]
struct Port {
    key: u32,
    device: Option<String>,
    is_subport: bool,
    project: String,
    address: Option<IpAddr>,
}

impl Directory {
    /// One that knows nothing yet, of the guests of a node.
    #[must_use]
    pub fn new(chassis: Id<Chassis>) -> Self {
        Self { chassis, index: Arc::default() }
    }

    pub(crate) const fn chassis(&self) -> &Id<Chassis> {
        &self.chassis
    }

    /// Whether it knows who is there.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.read(|index| index.is_complete)
    }

    /// The instance whose port has a key.
    #[must_use]
    pub fn instance(&self, key: u32) -> Option<Instance> {
        self.read(|index| index.instance(key))
    }

    /// News of the store.
    pub(crate) fn store(&self, news: &News) {
        match news {
            News::Snapshot(rows) => self.write(|index| {
                *index = Index { is_complete: true, ..Index::default() };
                rows.iter().for_each(|row| index.put(row, &self.chassis));
            }),
            News::Changes(changes) => self.write(|index| {
                for change in changes {
                    match change {
                        RowChange::Put(row) => index.put(row, &self.chassis),
                        RowChange::Delete(table, id) => index.delete(*table, id),
                    }
                }
            }),
            News::Away(_) | News::Back | News::Undecodable(_) => {}
        }
    }

    fn read<T>(&self, question: impl FnOnce(&Index) -> T) -> T {
        question(&self.index.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write(&self, change: impl FnOnce(&mut Index)) {
        change(&mut self.index.write().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Index {
    fn put(&mut self, row: &Object, chassis: &Id<Chassis>) {
        match row {
            Object::LogicalPort(port) if port.chassis() == Some(chassis) => self.put_port(port),
            Object::LogicalPort(port) => self.delete(Table::LogicalPort, port.id.row()),
            Object::ChildPortSegmentation(row) => self.put_inside(row),
            _ => {}
        }
    }

    fn put_port(&mut self, row: &LogicalPort) {
        let id = row.id.row().clone();
        self.delete(Table::LogicalPort, &id);
        let port = Port {
            key: row.unique_key.get(),
            device: row.device_id.clone().filter(|device| !device.is_empty()),
            is_subport: row.device_owner.as_deref() == Some(SUBPORT_OWNER),
            project: row.topic.to_string(),
            address: row.ips.first().copied(),
        };
        self.by_key.insert(port.key, id.clone());
        self.ports.insert(id, port);
    }

    fn put_inside(&mut self, row: &ChildPortSegmentation) {
        self.delete(Table::ChildPortSegmentation, row.id.row());
        let (inner, outer) = (row.port.row().clone(), row.parent.row().clone());
        self.outer.insert(inner.clone(), outer.clone());
        self.inside.insert(row.id.row().clone(), (inner, outer));
    }

    fn delete(&mut self, table: Table, id: &RowId) {
        match table {
            Table::LogicalPort => {
                if let Some(port) = self.ports.remove(id)
                    && self.by_key.get(&port.key) == Some(id)
                {
                    self.by_key.remove(&port.key);
                }
            }
            Table::ChildPortSegmentation => {
                if let Some((inner, outer)) = self.inside.remove(id)
                    && self.outer.get(&inner) == Some(&outer)
                {
                    self.outer.remove(&inner);
                }
            }
            _ => {}
        }
    }

    fn instance(&self, key: u32) -> Option<Instance> {
        let id = self.by_key.get(&key)?;
        let port = self.ports.get(id)?;
        let of_instance = match port.is_subport || port.device.is_none() {
            true => self.ports.get(self.outer.get(id)?)?,
            false => port,
        };
        let id = of_instance.device.clone()?;
        Some(Instance { id, project: of_instance.project.clone(), address: port.address })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(id: &str, key: u32, chassis: &str, device: &str, owner: &str) -> Object {
        let text = format!(
            r#"{{"id": "{id}", "topic": "project-of-{id}", "unique_key": {key}, "device_id": "{device}",
                "device_owner": "{owner}", "ips": ["10.0.0.{key}", "fd00::{key}"],
                "binding": {{"chassis": "{chassis}", "type": "chassis"}}}}"#
        );
        Object::from_text(Table::LogicalPort, &text).unwrap()
    }

    fn inside(id: &str, inner: &str, outer: &str) -> Object {
        let text = format!(
            r#"{{"id": "{id}", "topic": "t", "port": "{inner}", "parent": "{outer}", "segmentation_id": 7,
                "segmentation_type": "vlan"}}"#
        );
        Object::from_text(Table::ChildPortSegmentation, &text).unwrap()
    }

    fn directory() -> Directory {
        Directory::new(Id::new("here").unwrap())
    }

    fn put(directory: &Directory, row: Object) {
        directory.store(&News::Changes(vec![RowChange::Put(row)]));
    }

    fn delete(directory: &Directory, table: Table, id: &str) {
        directory.store(&News::Changes(vec![RowChange::Delete(table, RowId::new(id).unwrap())]));
    }

    #[test]
    fn an_instance_is_known_by_the_key_of_its_port_as_rows_change() {
        let directory = directory();
        assert!(!directory.is_complete());
        let rows = vec![
            port("p1", 1, "here", "vm-1", "compute:nova"),
            port("p2", 2, "there", "vm-2", "compute:nova"),
        ];
        directory.store(&News::Snapshot(rows));
        assert!(directory.is_complete());
        let expected = Instance {
            id: "vm-1".to_owned(),
            project: "project-of-p1".to_owned(),
            address: Some("10.0.0.1".parse().unwrap()),
        };
        assert_eq!(directory.instance(1), Some(expected));
        assert_eq!(directory.instance(2), None, "another node's guest asks there");
        // It comes here, and the first one is another instance's now, with another key.
        put(&directory, port("p2", 2, "here", "vm-2", "compute:nova"));
        put(&directory, port("p1", 3, "here", "vm-3", "compute:nova"));
        let ids = |key| directory.instance(key).map(|instance| instance.id);
        assert_eq!([ids(1), ids(2), ids(3)], [None, Some("vm-2".to_owned()), Some("vm-3".to_owned())]);
        delete(&directory, Table::LogicalPort, "p1");
        put(&directory, port("p2", 2, "there", "vm-2", "compute:nova"));
        assert_eq!([ids(2), ids(3)], [None, None]);
    }

    #[test]
    fn a_key_that_went_to_another_port_is_not_taken_from_it() {
        let directory = directory();
        put(&directory, port("old", 1, "here", "vm-1", "compute:nova"));
        put(&directory, port("new", 1, "here", "vm-2", "compute:nova"));
        delete(&directory, Table::LogicalPort, "old");
        assert_eq!(directory.instance(1).map(|instance| instance.id), Some("vm-2".to_owned()));
    }

    #[test]
    fn a_port_inside_another_asks_for_the_instance_of_the_outer_one() {
        let directory = directory();
        put(&directory, port("inner", 2, "here", "trunk-9", SUBPORT_OWNER));
        assert_eq!(directory.instance(2), None);
        put(&directory, inside("row", "inner", "outer"));
        put(&directory, port("outer", 1, "here", "vm-1", "compute:nova"));
        let instance = directory.instance(2).unwrap();
        assert_eq!((instance.id.as_str(), instance.address), ("vm-1", Some("10.0.0.2".parse().unwrap())));
        delete(&directory, Table::ChildPortSegmentation, "row");
        assert_eq!(directory.instance(2), None);
    }

    #[test]
    fn a_port_of_nobody_is_of_no_instance() {
        let directory = directory();
        put(&directory, port("p", 1, "here", "", ""));
        assert_eq!(directory.instance(1), None);
    }
}
