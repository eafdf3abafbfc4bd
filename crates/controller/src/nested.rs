//! Ports inside others: they are plugged in where the outer port is, and go with it.
//!
//! A port inside another has no interface. It counts as plugged in here while the outer port is plugged in here and bound
//! to this node, so it is claimed after the outer one and released with it, and moves where that moves. A port with
//! an interface of its own is where that is.

use std::collections::{BTreeMap, BTreeSet};

use engine::RowChange;
use model::{ChildPortSegmentation, Object, RowId, Table};

use crate::ports::Ports;

/// Which ports are inside which.
#[derive(Debug, Default)]
pub(crate) struct Nested {
    /// The outer port and the inner one, by the row that says so.
    rows: BTreeMap<RowId, (RowId, RowId)>,
    /// The inner ports of each outer one, with the rows that say so.
    inside: BTreeMap<RowId, BTreeSet<(RowId, RowId)>>,
    /// The outer ports of each inner one: one, unless somebody has made a mistake.
    outside: BTreeMap<RowId, BTreeSet<RowId>>,
    /// Ports with an interface of their own.
    interfaces: BTreeSet<RowId>,
    /// Ports that are plugged in by being inside another.
    plugged: BTreeMap<RowId, RowId>,
    /// Ports whose place may have changed, be they outer or inner ones.
    touched: BTreeSet<RowId>,
}

impl Nested {
    /// The interface of a port appeared or is gone.
    pub(crate) fn interface(&mut self, port: &RowId, is_plugged: bool) {
        if is_plugged {
            self.interfaces.insert(port.clone());
            self.plugged.remove(port);
        } else {
            self.interfaces.remove(port);
        }
        self.touched.insert(port.clone());
    }

    /// A row changed.
    pub(crate) fn row(&mut self, change: &RowChange) {
        match change {
            RowChange::Put(Object::ChildPortSegmentation(row)) => self.put(row),
            RowChange::Delete(Table::ChildPortSegmentation, id) => self.delete(id),
            RowChange::Put(Object::LogicalPort(port)) => self.touch(port.id.row()),
            RowChange::Delete(Table::LogicalPort, id) => self.touch(id),
            _ => {}
        }
    }

    /// These are all rows that there are.
    pub(crate) fn snapshot(&mut self, rows: &[Object]) {
        let mut gone: BTreeSet<RowId> = self.rows.keys().cloned().collect();
        for row in rows {
            if let Object::ChildPortSegmentation(row) = row {
                gone.remove(row.id.row());
                self.put(row);
            }
        }
        gone.iter().for_each(|id| self.delete(id));
        self.touched.extend(self.inside.keys().cloned());
    }

    /// Only ports that have something to do with others are looked at.
    fn touch(&mut self, port: &RowId) {
        if self.inside.contains_key(port) {
            self.touched.insert(port.clone());
        }
    }

    fn put(&mut self, row: &ChildPortSegmentation) {
        self.delete(row.id.row());
        let (outer, inner) = (row.parent.row().clone(), row.port.row().clone());
        self.touched.insert(outer.clone());
        self.inside.entry(outer.clone()).or_default().insert((row.id.row().clone(), inner.clone()));
        self.outside.entry(inner.clone()).or_default().insert(outer.clone());
        self.rows.insert(row.id.row().clone(), (outer, inner));
    }

    fn delete(&mut self, id: &RowId) {
        let Some((outer, inner)) = self.rows.remove(id) else { return };
        if let Some(rows) = self.inside.get_mut(&outer) {
            rows.remove(&(id.clone(), inner.clone()));
            let is_still_inside = rows.iter().any(|(_, other)| *other == inner);
            if rows.is_empty() {
                self.inside.remove(&outer);
            }
            if !is_still_inside && let Some(outers) = self.outside.get_mut(&inner) {
                outers.remove(&outer);
                if outers.is_empty() {
                    self.outside.remove(&inner);
                }
            }
        }
        self.touched.extend([outer, inner]);
    }

    /// Tells the ports what follows from all that changed.
    pub(crate) fn settle(&mut self, ports: &mut Ports) {
        if self.rows.is_empty() && self.plugged.is_empty() {
            self.touched.clear();
            return;
        }
        for port in std::mem::take(&mut self.touched) {
            let inner: Vec<RowId> =
                self.inside.get(&port).into_iter().flatten().map(|(_, inner)| inner.clone()).collect();
            let left: Vec<RowId> = self
                .plugged
                .iter()
                .filter(|(_, outer)| **outer == port)
                .map(|(inner, _)| inner.clone())
                .collect();
            for port in inner.into_iter().chain(left).chain([port]) {
                self.place(&port, ports);
            }
        }
    }

    /// Puts a port where it belongs, if it is inside another.
    fn place(&mut self, port: &RowId, ports: &mut Ports) {
        if self.interfaces.contains(port) {
            return;
        }
        let mut outers = self.outside.get(port).into_iter().flatten();
        match outers.find(|outer| ports.is_served(outer)).cloned() {
            Some(outer) => {
                if self.plugged.insert(port.clone(), outer).is_none() {
                    ports.interface(port, true);
                }
            }
            None => {
                if self.plugged.remove(port).is_some() {
                    ports.interface(port, false);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use model::{Chassis, Id};

    use super::*;

    const US: &str = "us";

    fn id(text: &str) -> RowId {
        RowId::new(text).unwrap()
    }

    struct Node {
        nested: Nested,
        ports: Ports,
    }

    impl Node {
        fn new() -> Self {
            let mut ports = Ports::new(Id::<Chassis>::new(US).unwrap());
            ports.confirmed(0);
            Self { nested: Nested::default(), ports }
        }

        fn interface(&mut self, port: &str, is_plugged: bool) {
            self.ports.interface(&id(port), is_plugged);
            self.nested.interface(&id(port), is_plugged);
            self.nested.settle(&mut self.ports);
        }

        fn row(&mut self, change: &RowChange) {
            self.ports.row(change);
            self.nested.row(change);
            self.nested.settle(&mut self.ports);
        }

        fn port(&mut self, port: &str, chassis: Option<&str>) {
            self.row(&RowChange::Put(lport(port, chassis)));
        }

        fn inside(&mut self, inner: &str, outer: &str) {
            self.row(&RowChange::Put(segmentation(inner, outer)));
        }

        /// The ports of which something is told, and whether they are plugged in.
        fn told(&mut self) -> Vec<(String, bool)> {
            let wishes = self.ports.take_wishes();
            wishes.into_iter().map(|(port, wish)| (port.to_string(), wish.here.is_plugged)).collect()
        }
    }

    fn lport(port: &str, chassis: Option<&str>) -> Object {
        let binding = chassis
            .map(|chassis| format!(r#", "binding": {{"chassis": "{chassis}", "type": "chassis"}}"#))
            .unwrap_or_default();
        let text = format!(r#"{{"id": "{port}", "topic": "t", "unique_key": 1{binding}}}"#);
        Object::from_text(Table::LogicalPort, &text).unwrap()
    }

    fn segmentation(inner: &str, outer: &str) -> Object {
        let text = format!(
            r#"{{"id": "{inner}-{outer}", "topic": "t", "parent": "{outer}", "port": "{inner}",
                "segmentation_type": "vlan", "segmentation_id": 7}}"#
        );
        Object::from_text(Table::ChildPortSegmentation, &text).unwrap()
    }

    fn one(port: &str, is_plugged: bool) -> Vec<(String, bool)> {
        vec![(port.to_owned(), is_plugged)]
    }

    #[test]
    fn a_port_inside_is_claimed_after_the_outer_one_and_released_with_it() {
        let mut node = Node::new();
        node.inside("child", "outer");
        node.port("child", None);
        node.port("outer", None);
        assert_eq!(node.told(), []);
        node.interface("outer", true);
        assert_eq!(node.told(), one("outer", true), "it is not ours yet");
        node.port("outer", Some(US));
        assert_eq!(node.told(), [one("child", true), one("outer", true)].concat());
        node.port("child", Some(US));
        assert_eq!(node.told(), one("child", true));
        node.interface("outer", false);
        assert_eq!(node.told(), [one("child", false), one("outer", false)].concat());
    }

    #[test]
    fn a_port_inside_leaves_when_the_outer_one_is_bound_elsewhere() {
        let mut node = Node::new();
        node.inside("child", "outer");
        node.interface("outer", true);
        node.port("outer", Some(US));
        node.port("child", Some(US));
        node.told();
        node.port("outer", Some("them"));
        assert!(node.told().contains(&("child".to_owned(), false)));
        node.port("outer", Some(US));
        assert!(node.told().contains(&("child".to_owned(), true)));
    }

    #[test]
    fn ports_are_put_inside_and_taken_out_while_the_outer_one_runs() {
        let mut node = Node::new();
        node.interface("outer", true);
        node.port("outer", Some(US));
        node.told();
        node.inside("child", "outer");
        assert_eq!(node.told(), one("child", true));
        node.row(&RowChange::Delete(Table::ChildPortSegmentation, id("child-outer")));
        assert_eq!(node.told(), one("child", false));
        // A snapshot says the same as changes.
        node.nested.snapshot(&[segmentation("child", "outer")]);
        node.nested.settle(&mut node.ports);
        assert_eq!(node.told(), one("child", true));
        node.nested.snapshot(&[]);
        node.nested.settle(&mut node.ports);
        assert_eq!(node.told(), one("child", false));
    }

    #[test]
    fn a_port_with_an_interface_is_where_that_is() {
        let mut node = Node::new();
        node.inside("child", "outer");
        node.interface("outer", true);
        node.port("outer", Some(US));
        node.interface("child", true);
        node.told();
        node.interface("outer", false);
        assert!(node.told().iter().all(|(port, _)| port == "outer"), "it has its own");
        node.interface("outer", true);
        node.interface("child", false);
        assert!(node.told().contains(&("child".to_owned(), true)), "it is inside again");
    }
}
