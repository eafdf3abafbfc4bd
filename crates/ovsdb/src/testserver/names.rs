//! The rows that a transaction names before they exist.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::datum::{AtomMap, AtomSet, Datum, Shape};
use crate::value::{Atom, NamedUuids, Uuid, ValueError, tagged};

/// What each name of a transaction stands for. A name may be used before the insertion that gives it.
#[derive(Debug, Default)]
pub(super) struct Names {
    uuids: BTreeMap<String, Uuid>,
    given: BTreeSet<String>,
}

impl Names {
    /// Chooses a uuid for every name that the operations mention.
    pub(super) fn of(operations: &[Value], mut new_uuid: impl FnMut() -> Uuid) -> Self {
        let mut names = Self::default();
        let mut open: Vec<&Value> = operations.iter().collect();
        while let Some(value) = open.pop() {
            let name = match value {
                Value::Object(members) => {
                    open.extend(members.values());
                    members.get("uuid-name").and_then(Value::as_str)
                }
                Value::Array(elements) => {
                    open.extend(elements);
                    tagged(value).filter(|(tag, _)| *tag == "named-uuid").and_then(|(_, name)| name.as_str())
                }
                _ => None,
            };
            if let Some(name) = name {
                names.uuids.entry(name.to_owned()).or_insert_with(&mut new_uuid);
            }
        }
        names
    }

    /// Gives the name to a row; None if it was given before.
    pub(super) fn give(&mut self, name: &str, uuid: Option<Uuid>) -> Option<Uuid> {
        if !self.given.insert(name.to_owned()) {
            return None;
        }
        if let Some(uuid) = uuid {
            self.uuids.insert(name.to_owned(), uuid);
        }
        self.uuids.get(name).copied()
    }

    /// Reads a datum, with uuids in place of names. Does not check the number of elements.
    pub(super) fn datum(&self, value: &Value, shape: &Shape) -> Result<Datum, ValueError> {
        let resolve = |atom: &Atom| match atom {
            Atom::NamedUuid(name) => {
                self.uuids.get(name.as_ref()).map(|uuid| Atom::Uuid(*uuid)).ok_or(ValueError::MalformedUuid)
            }
            atom => Ok(atom.clone()),
        };
        Ok(match Datum::parse_partial(value, shape, NamedUuids::Accept)? {
            Datum::Set(set) => {
                Datum::Set(set.as_slice().iter().map(resolve).collect::<Result<AtomSet, _>>()?)
            }
            Datum::Map(map) => {
                let pairs = map.as_slice().iter().map(|(key, value)| Ok((resolve(key)?, resolve(value)?)));
                Datum::Map(pairs.collect::<Result<AtomMap, _>>()?)
            }
        })
    }
}
