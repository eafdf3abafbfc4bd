//! Tables, atomic commits and their history.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use serde_json::{Value, json};

use super::execute;
use crate::datum::{AtomMap, AtomSet, Datum};
use crate::schema::{ColumnSchema, Constraint, DatabaseSchema};
use crate::value::{Atom, Uuid};

/// Transactions that `monitor_cond_since` can go back; ovsdb-server keeps as many.
const MAX_HISTORY_TRANSACTIONS: usize = 100;

pub(super) type RowContent = BTreeMap<String, Datum>;
pub(super) type Tables = BTreeMap<String, BTreeMap<Uuid, Arc<RowContent>>>;
/// What happened to a row: its content before and after.
pub(super) type Delta = BTreeMap<(String, Uuid), (Option<Arc<RowContent>>, Option<Arc<RowContent>>)>;

/// Why an operation or a commit failed: the code of RFC 7047 and an explanation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) code: &'static str,
    pub(super) details: String,
}

impl Failure {
    pub(super) fn new(code: &'static str, details: impl Into<String>) -> Self {
        Self { code, details: details.into() }
    }

    pub(super) fn to_json(&self) -> Value {
        json!({"error": self.code, "details": self.details})
    }
}

#[derive(Debug)]
pub(super) struct Database {
    schema: DatabaseSchema,
    tables: Tables,
    last: Uuid,
    /// Each transaction with what it changed, oldest first.
    history: VecDeque<(Uuid, Delta)>,
    next_uuid: u128,
}

impl Database {
    pub(super) fn new(schema: DatabaseSchema) -> Self {
        let tables = schema.tables.keys().map(|name| (name.clone(), BTreeMap::new())).collect();
        let mut database = Self { schema, tables, last: Uuid::ZERO, history: VecDeque::new(), next_uuid: 1 };
        database.last = database.new_uuid();
        database
    }

    pub(super) fn schema(&self) -> &DatabaseSchema {
        &self.schema
    }

    pub(super) fn tables(&self) -> &Tables {
        &self.tables
    }

    pub(super) fn last_transaction(&self) -> Uuid {
        self.last
    }

    pub(super) fn new_uuid(&mut self) -> Uuid {
        let number = self.next_uuid;
        self.next_uuid += 1;
        Uuid::from_u128(0x7e57_0000_0000_4000_8000_0000_0000_0000 | number)
    }

    pub(super) fn forget_history(&mut self) {
        self.history.clear();
        self.last = self.new_uuid();
    }

    /// What happened after a transaction; None if it is not in the history.
    pub(super) fn since(&self, last: Uuid) -> Option<Delta> {
        if last == self.last {
            return Some(Delta::new());
        }
        let position = self.history.iter().position(|(id, _)| *id == last)?;
        let mut total = Delta::new();
        for (_, delta) in self.history.iter().skip(position + 1) {
            for (key, (old, new)) in delta {
                let first = total.remove(key).map_or_else(|| old.clone(), |(first, _)| first);
                if first != *new {
                    total.insert(key.clone(), (first, new.clone()));
                }
            }
        }
        Some(total)
    }

    /// Runs operations; either all of them take effect or none. Gives the results and what changed.
    pub(super) fn transact(&mut self, operations: &[Value]) -> (Vec<Value>, Delta) {
        let mut tables = self.tables.clone();
        let names = execute::name_insertions(operations, || self.new_uuid());
        let mut results = Vec::new();
        let mut failed = false;
        for operation in operations {
            let fresh = self.new_uuid();
            let result = if failed {
                Value::Null
            } else {
                execute::Executor { schema: &self.schema, tables: &mut tables, names: &names, fresh }
                    .run(operation)
                    .unwrap_or_else(|failure| {
                        failed = true;
                        failure.to_json()
                    })
            };
            results.push(result);
        }
        if failed {
            return (results, Delta::new());
        }
        if let Err(failure) = settle(&self.schema, &mut tables) {
            results.push(failure.to_json());
            return (results, Delta::new());
        }
        (results, self.commit(tables))
    }

    fn commit(&mut self, tables: Tables) -> Delta {
        let delta = difference(&self.tables, &tables);
        self.tables = tables;
        if !delta.is_empty() {
            self.last = self.new_uuid();
            self.history.push_back((self.last, delta.clone()));
            if self.history.len() > MAX_HISTORY_TRANSACTIONS {
                self.history.pop_front();
            }
        }
        delta
    }
}

fn difference(old: &Tables, new: &Tables) -> Delta {
    let mut delta = Delta::new();
    for (table, new_rows) in new {
        let none = BTreeMap::new();
        let old_rows = old.get(table).unwrap_or(&none);
        for uuid in old_rows.keys().chain(new_rows.keys()) {
            let (before, after) = (old_rows.get(uuid), new_rows.get(uuid));
            if before != after {
                delta.insert((table.clone(), *uuid), (before.cloned(), after.cloned()));
            }
        }
    }
    delta
}

/// What holds only at the end of a transaction: no row without a reason to be, no reference to nothing, no
/// index broken, no table too full.
fn settle(schema: &DatabaseSchema, tables: &mut Tables) -> Result<(), Failure> {
    collect_garbage(schema, tables)?;
    for (name, definition) in &schema.tables {
        let Some(rows) = tables.get_mut(name) else { continue };
        if definition.max_rows.is_some_and(|max| rows.len() as u64 > max) {
            return Err(Failure::new("constraint violation", format!("too many rows in table {name}")));
        }
        for index in &definition.indexes {
            let mut seen = BTreeSet::new();
            for row in rows.values() {
                let key: Vec<Option<Datum>> = index.iter().map(|column| row.get(column).cloned()).collect();
                if !seen.insert(key) {
                    let details = format!("two rows of table {name} have the same {}", index.join(", "));
                    return Err(Failure::new("constraint violation", details));
                }
            }
        }
    }
    drop_weak_references(schema, tables)
}

/// Keeps the rows that a root row reaches over strong references.
fn collect_garbage(schema: &DatabaseSchema, tables: &mut Tables) -> Result<(), Failure> {
    let any_root = schema.tables.values().any(|table| table.is_root);
    let mut reached = BTreeSet::new();
    let mut open: Vec<(String, Uuid)> = Vec::new();
    for (name, definition) in &schema.tables {
        if definition.is_root || !any_root {
            open.extend(
                tables.get(name).into_iter().flat_map(|rows| rows.keys()).map(|uuid| (name.clone(), *uuid)),
            );
        }
    }
    while let Some((table, uuid)) = open.pop() {
        let Some(row) = tables.get(&table).and_then(|rows| rows.get(&uuid)) else {
            let details = format!("a reference to row {uuid} of table {table}, which does not exist");
            return Err(Failure::new("referential integrity violation", details));
        };
        if !reached.insert((table.clone(), uuid)) {
            continue;
        }
        let Some(definition) = schema.tables.get(&table) else { continue };
        for (name, column) in &definition.columns {
            let Some(datum) = row.get(name) else { continue };
            open.extend(references(column, datum, true).map(|(table, uuid)| (table.to_owned(), uuid)));
        }
    }
    for (name, rows) in tables {
        rows.retain(|uuid, _| reached.contains(&(name.clone(), *uuid)));
    }
    Ok(())
}

/// The rows that a column refers to, strongly or weakly.
fn references<'a>(
    column: &'a ColumnSchema,
    datum: &'a Datum,
    want_strong: bool,
) -> impl Iterator<Item = (&'a str, Uuid)> {
    let target = move |is_key: bool| {
        let base = if is_key { Some(&column.key) } else { column.value.as_ref() };
        match base.map(|base| &base.constraint) {
            Some(Constraint::References { table, strong }) if *strong == want_strong => Some(table.as_str()),
            _ => None,
        }
    };
    let of_map = matches!(datum, Datum::Map(_));
    datum.atoms().enumerate().filter_map(move |(index, atom)| match atom {
        // The atoms of a map are key, value, key, value.
        Atom::Uuid(uuid) => target(!of_map || index % 2 == 0).map(|table| (table, *uuid)),
        _ => None,
    })
}

fn drop_weak_references(schema: &DatabaseSchema, tables: &mut Tables) -> Result<(), Failure> {
    let existing: BTreeSet<(String, Uuid)> =
        tables.iter().flat_map(|(name, rows)| rows.keys().map(|uuid| (name.clone(), *uuid))).collect();
    for (name, rows) in tables {
        let Some(definition) = schema.tables.get(name) else { continue };
        for row in rows.values_mut() {
            for (column_name, column) in &definition.columns {
                let Some(datum) = row.get(column_name) else { continue };
                let gone: BTreeSet<Uuid> = references(column, datum, false)
                    .filter(|(table, uuid)| !existing.contains(&((*table).to_owned(), *uuid)))
                    .map(|(_, uuid)| uuid)
                    .collect();
                if gone.is_empty() {
                    continue;
                }
                let kept = column.shape.check(without(datum, &gone)).map_err(|error| {
                    Failure::new("constraint violation", format!("{name}.{column_name}: {error}"))
                })?;
                Arc::make_mut(row).insert(column_name.clone(), kept);
            }
        }
    }
    Ok(())
}

fn without(datum: &Datum, gone: &BTreeSet<Uuid>) -> Datum {
    let keep = |atom: &Atom| !matches!(atom, Atom::Uuid(uuid) if gone.contains(uuid));
    match datum {
        Datum::Set(set) => {
            Datum::Set(set.as_slice().iter().filter(|atom| keep(atom)).cloned().collect::<AtomSet>())
        }
        Datum::Map(map) => {
            let kept = map.as_slice().iter().filter(|(key, value)| keep(key) && keep(value));
            Datum::Map(kept.cloned().collect::<AtomMap>())
        }
    }
}
