//! The resources of one kind, in the order of their ids, and indexes by the values of their attributes.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use model::RowId;
use nb::Stamp;
use rustc_hash::FxHashMap;
use serde_json::Value;

use crate::registry::document::Document;
use crate::registry::{Kind, Resource};

/// A resource and the state of its row.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The resource.
    pub document: Arc<Document>,
    /// The state.
    pub stamp: Stamp,
}

/// Who has a value, of one attribute.
#[derive(Debug, Default)]
struct Index {
    slot: usize,
    holders: FxHashMap<Box<str>, BTreeSet<RowId>>,
}

/// The resources of one kind.
#[derive(Debug)]
pub struct Rows {
    resource: &'static Resource,
    entries: BTreeMap<RowId, Entry>,
    indexes: Vec<Index>,
}

/// Calls `visit` with each text by which a value can be looked up: itself, or the items of a list; of addresses of a
/// port the members, with their names.
pub fn visit_terms(value: &Value, visit: &mut dyn FnMut(&str)) {
    match value {
        Value::String(text) => visit(text),
        Value::Bool(true) => visit("true"),
        Value::Bool(false) => visit("false"),
        Value::Number(number) => visit(&number.to_string()),
        Value::Array(items) => {
            for item in items {
                match item {
                    Value::String(text) => visit(text),
                    Value::Object(members) => {
                        for (name, member) in members {
                            if let Some(text) = member.as_str() {
                                visit(&format!("{name}={text}"));
                            }
                        }
                    }
                    _ => {}
                }
            }
        }
        Value::Null | Value::Object(_) => {}
    }
}

impl Rows {
    /// None yet.
    #[must_use]
    pub fn new(kind: Kind) -> Self {
        let resource = kind.resource();
        let slots = resource.indexed.iter().filter_map(|name| resource.slot(name));
        let indexes = slots.map(|slot| Index { slot, ..Index::default() }).collect();
        Self { resource, entries: BTreeMap::new(), indexes }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The one with this id.
    #[must_use]
    pub fn get(&self, id: &RowId) -> Option<&Entry> {
        self.entries.get(id)
    }

    /// All of them, by their ids.
    pub fn iter(&self) -> impl Iterator<Item = (&RowId, &Entry)> {
        self.entries.iter()
    }

    /// The ids of those that have a value; `None` when there is no index of the attribute.
    #[must_use]
    pub fn holders(&self, attribute: &str, term: &str) -> Option<&BTreeSet<RowId>> {
        static NOBODY: BTreeSet<RowId> = BTreeSet::new();
        let slot = self.resource.slot(attribute)?;
        let index = self.indexes.iter().find(|index| index.slot == slot)?;
        Some(index.holders.get(term).unwrap_or(&NOBODY))
    }

    /// Those that have a value of an attribute that has an index.
    pub fn with<'a>(&'a self, attribute: &str, term: &str) -> impl Iterator<Item = (&'a RowId, &'a Entry)> {
        let holders = self.holders(attribute, term);
        debug_assert!(holders.is_some(), "{} have no index of {attribute}", self.resource.plural);
        holders.into_iter().flatten().filter_map(|id| Some((id, self.entries.get(id)?)))
    }

    /// How many have a value of an attribute that has an index.
    #[must_use]
    pub fn count(&self, attribute: &str, term: &str) -> usize {
        self.holders(attribute, term).map_or(0, BTreeSet::len)
    }

    /// Notes a resource, new or changed.
    pub fn put(&mut self, id: RowId, entry: Entry) {
        let document = Arc::clone(&entry.document);
        let old = self.entries.insert(id.clone(), entry);
        for index in &mut self.indexes {
            let value = document.at(index.slot);
            if let Some(old) = &old {
                if old.document.at(index.slot) == value {
                    continue;
                }
                index.forget(&id, old.document.at(index.slot));
            }
            visit_terms(value, &mut |term| match index.holders.get_mut(term) {
                Some(holders) => drop(holders.insert(id.clone())),
                None => drop(index.holders.insert(term.into(), BTreeSet::from([id.clone()]))),
            });
        }
    }

    /// Forgets a resource.
    pub fn remove(&mut self, id: &RowId) -> Option<Entry> {
        let old = self.entries.remove(id)?;
        for index in &mut self.indexes {
            index.forget(id, old.document.at(index.slot));
        }
        Some(old)
    }
}

impl Index {
    fn forget(&mut self, id: &RowId, value: &Value) {
        visit_terms(value, &mut |term| {
            if let Some(holders) = self.holders.get_mut(term) {
                holders.remove(id);
                if holders.is_empty() {
                    self.holders.remove(term);
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn port(id: &str, project: &str, ips: &[&str]) -> (RowId, Entry) {
        let mut document = Document::new(Kind::Port.resource());
        document.set("id", id);
        document.set("project_id", project);
        let ips: Vec<Value> = ips.iter().map(|ip| json!({"ip_address": ip, "subnet_id": "s"})).collect();
        document.set("fixed_ips", ips);
        (RowId::new(id).unwrap(), Entry { document: Arc::new(document), stamp: Stamp(1) })
    }

    fn ids(rows: &Rows, attribute: &str, term: &str) -> Vec<String> {
        rows.with(attribute, term).map(|(id, _)| id.to_string()).collect()
    }

    #[test]
    fn indexes_follow_changes() {
        let mut rows = Rows::new(Kind::Port);
        for (id, entry) in
            [port("a", "p", &["10.0.0.1", "10.0.0.2"]), port("b", "p", &[]), port("c", "q", &[])]
        {
            rows.put(id, entry);
        }
        assert_eq!(ids(&rows, "project_id", "p"), ["a", "b"]);
        assert_eq!(ids(&rows, "fixed_ips", "ip_address=10.0.0.2"), ["a"]);
        assert_eq!(rows.count("fixed_ips", "subnet_id=s"), 1);

        let (id, changed) = port("a", "q", &["10.0.0.2"]);
        rows.put(id.clone(), changed);
        assert_eq!(ids(&rows, "project_id", "p"), ["b"]);
        assert_eq!(ids(&rows, "project_id", "q"), ["a", "c"]);
        assert!(ids(&rows, "fixed_ips", "ip_address=10.0.0.1").is_empty());

        rows.remove(&id);
        assert_eq!(ids(&rows, "project_id", "q"), ["c"]);
        assert!(ids(&rows, "fixed_ips", "ip_address=10.0.0.2").is_empty());
        assert!(rows.holders("status", "ACTIVE").is_none());
        assert!(rows.remove(&id).is_none());
    }
}
