//! Tables, atomic commits and their history.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use serde_json::{Value, json};

use super::execute;
use super::names::Names;
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
        let mut names = Names::of(operations, || self.new_uuid());
        let mut results = Vec::new();
        let mut failed = false;
        for operation in operations {
            let fresh = self.new_uuid();
            let result = if failed {
                Value::Null
            } else {
                execute::Executor { schema: &self.schema, tables: &mut tables, names: &mut names, fresh }
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

/// What holds only at the end of a transaction, in the order of ovsdb-server: no reference to nothing, no row
/// without a reason to be, no table too full, no index broken.
fn settle(schema: &DatabaseSchema, tables: &mut Tables) -> Result<(), Failure> {
    collect_garbage(schema, tables)?;
    for (name, definition) in &schema.tables {
        let count = tables.get(name).map_or(0, BTreeMap::len) as u64;
        if definition.max_rows.is_some_and(|max| count > max) {
            return Err(Failure::new("constraint violation", format!("too many rows in table {name}")));
        }
    }
    drop_weak_references(schema, tables)?;
    for (name, definition) in &schema.tables {
        for index in &definition.indexes {
            let mut seen = BTreeSet::new();
            for row in tables.get(name).into_iter().flat_map(BTreeMap::values) {
                let key: Vec<Option<&Datum>> = index.iter().map(|column| row.get(column)).collect();
                if !seen.insert(key) {
                    let details = format!("two rows of table {name} have the same {}", index.join(", "));
                    return Err(Failure::new("constraint violation", details));
                }
            }
        }
    }
    Ok(())
}

type RowKey = (String, Uuid);

/// Removes rows that no other row refers to, and then those that only these referred to. As in ovsdb-server, rows
/// that refer to each other in a circle keep each other.
fn collect_garbage(schema: &DatabaseSchema, tables: &mut Tables) -> Result<(), Failure> {
    let any_root = schema.tables.values().any(|table| table.is_root);
    let is_root = |name: &str| !any_root || schema.tables.get(name).is_some_and(|table| table.is_root);
    let mut counts: BTreeMap<RowKey, usize> = BTreeMap::new();
    for (name, rows) in tables.iter() {
        for (uuid, row) in rows {
            counts.entry((name.clone(), *uuid)).or_default();
            for (table, target) in strong_references(schema, name, *uuid, row) {
                if !tables.get(&table).is_some_and(|rows| rows.contains_key(&target)) {
                    let details =
                        format!("a reference to row {target} of table {table}, which does not exist");
                    return Err(Failure::new("referential integrity violation", details));
                }
                *counts.entry((table, target)).or_default() += 1;
            }
        }
    }
    let unreferenced = counts.iter().filter(|((name, _), count)| **count == 0 && !is_root(name));
    let mut open: Vec<RowKey> = unreferenced.map(|(key, _)| key.clone()).collect();
    while let Some((name, uuid)) = open.pop() {
        let Some(row) = tables.get_mut(&name).and_then(|rows| rows.remove(&uuid)) else { continue };
        for key in strong_references(schema, &name, uuid, &row) {
            let Some(count) = counts.get_mut(&key) else { continue };
            *count = count.saturating_sub(1);
            if *count == 0 && !is_root(&key.0) {
                open.push(key);
            }
        }
    }
    Ok(())
}

/// The other rows that a row refers to, strongly.
fn strong_references(schema: &DatabaseSchema, table: &str, uuid: Uuid, row: &RowContent) -> Vec<RowKey> {
    let columns = schema.tables.get(table).into_iter().flat_map(|table| &table.columns);
    let data = columns.filter_map(|(name, column)| Some((column, row.get(name)?)));
    let targets = data.flat_map(|(column, datum)| references(column, datum, true));
    targets.filter(|target| *target != (table, uuid)).map(|(table, uuid)| (table.to_owned(), uuid)).collect()
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
