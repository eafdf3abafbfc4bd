//! The operations of a transaction, on a working copy of the tables.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::condition::Condition;
use super::database::{Failure, RowContent, Tables};
use super::mutation::Mutation;
use super::names::Names;
use crate::datum::{Datum, Shape};
use crate::schema::{ColumnSchema, DatabaseSchema, TableSchema};
use crate::value::{Atom, AtomicType, Uuid, ValueError, is_id};

pub(super) struct Executor<'a> {
    pub(super) schema: &'a DatabaseSchema,
    pub(super) tables: &'a mut Tables,
    pub(super) names: &'a mut Names,
    /// For an insertion that asks for no other.
    pub(super) fresh: Uuid,
}

/// The pseudo-column that every row has.
pub(super) const UUID_SHAPE: Shape = Shape::scalar(AtomicType::Uuid);

pub(super) fn syntax(details: impl Into<String>) -> Failure {
    Failure::new("syntax error", details)
}

pub(super) fn invalid(column: &str, error: &ValueError) -> Failure {
    let code = match error {
        ValueError::ConstraintViolated => "constraint violation",
        // The one error of Open vSwitch without a code of its own.
        ValueError::Duplicate(_) => "ovsdb error",
        _ => "syntax error",
    };
    Failure::new(code, format!("column {column}: {error}"))
}

impl<'a> Executor<'a> {
    pub(super) fn run(mut self, operation: &Value) -> Result<Value, Failure> {
        let name = operation.get("op").and_then(Value::as_str).ok_or_else(|| syntax("no op"))?;
        match name {
            "comment" | "commit" => return Ok(json!({})),
            "abort" => return Err(Failure::new("aborted", "aborted by request")),
            "assert" => return Err(Failure::new("not owner", "this server has no locks")),
            _ => {}
        }
        let table_name = operation.get("table").and_then(Value::as_str).ok_or_else(|| syntax("no table"))?;
        let schema: &'a DatabaseSchema = self.schema;
        let table =
            schema.tables.get(table_name).ok_or_else(|| syntax(format!("no table named {table_name}")))?;
        match name {
            "insert" => self.insert(table_name, table, operation),
            "update" => self.update(table_name, table, operation),
            "mutate" => self.mutate(table_name, table, operation),
            "delete" => self.delete(table_name, table, operation),
            "select" => self.select(table_name, table, operation),
            "wait" => self.wait(table_name, table, operation),
            _ => Err(syntax(format!("no operation named {name}"))),
        }
    }

    fn content(&self, table: &TableSchema, row: Option<&Value>) -> Result<RowContent, Failure> {
        let members = row.and_then(Value::as_object).ok_or_else(|| syntax("row is not an object"))?;
        let mut content = RowContent::new();
        for (name, value) in members {
            let column = column(table, name)?;
            let datum = self
                .names
                .datum(value, &column.shape)
                .and_then(|datum| column.shape.check(datum))
                .and_then(|datum| column.check(&datum).map(|()| datum));
            content.insert(name.clone(), datum.map_err(|error| invalid(name, &error))?);
        }
        Ok(content)
    }

    fn rows_mut(&mut self, table: &str) -> &mut BTreeMap<Uuid, Arc<RowContent>> {
        self.tables.entry(table.to_owned()).or_default()
    }

    fn insert(&mut self, name: &str, table: &TableSchema, operation: &Value) -> Result<Value, Failure> {
        let mut row: RowContent = table
            .columns
            .iter()
            .map(|(name, column)| (name.clone(), Datum::default_for(&column.shape)))
            .collect();
        let uuid = self.identity(name, operation)?;
        row.extend(self.content(table, operation.get("row"))?);
        for (name, column) in &table.columns {
            // A default need not satisfy the constraints of its column.
            row.get(name)
                .map_or(Ok(()), |datum| column.check(datum))
                .map_err(|error| invalid(name, &error))?;
        }
        self.rows_mut(name).insert(uuid, Arc::new(row));
        Ok(json!({"uuid": ["uuid", uuid.to_string()]}))
    }

    /// The uuid of a new row: the one that the operation asks for, the one of its name, or any.
    fn identity(&mut self, table: &str, operation: &Value) -> Result<Uuid, Failure> {
        let chosen = operation.get("uuid").map(|text| text.as_str().unwrap_or_default().parse::<Uuid>());
        let chosen = chosen.transpose().map_err(|_| syntax("bad uuid"))?;
        if chosen.is_some_and(|uuid| self.rows_mut(table).contains_key(&uuid)) {
            return Err(Failure::new("duplicate uuid", "a row has this uuid already"));
        }
        let Some(name) = operation.get("uuid-name") else { return Ok(chosen.unwrap_or(self.fresh)) };
        let name =
            name.as_str().filter(|name| is_id(name)).ok_or_else(|| syntax("uuid-name is not an id"))?;
        let duplicate = || Failure::new("duplicate uuid-name", format!("{name} names another row already"));
        self.names.give(name, chosen).ok_or_else(duplicate)
    }

    fn update(&mut self, name: &str, table: &TableSchema, operation: &Value) -> Result<Value, Failure> {
        let content = self.content(table, operation.get("row"))?;
        if let Some(name) =
            content.keys().find(|name| !column(table, name).is_ok_and(|column| column.mutable))
        {
            return Err(Failure::new("constraint violation", format!("column {name} is immutable")));
        }
        self.change(name, table, operation, |_| Ok(content.clone()))
    }

    fn mutate(&mut self, name: &str, table: &TableSchema, operation: &Value) -> Result<Value, Failure> {
        let mutations = operation.get("mutations").and_then(Value::as_array);
        let mutations = mutations.ok_or_else(|| syntax("mutations is not an array"))?;
        let mutations: Vec<Mutation<'_>> =
            mutations.iter().map(|one| Mutation::parse(table, self.names, one)).collect::<Result<_, _>>()?;
        self.change(name, table, operation, |row| {
            let mut changed = RowContent::new();
            for mutation in &mutations {
                let Some(old) = changed.get(mutation.name).or_else(|| row.get(mutation.name)) else {
                    continue;
                };
                changed.insert(mutation.name.to_owned(), mutation.apply(old)?);
            }
            Ok(changed)
        })
    }

    fn change(
        &mut self,
        name: &str,
        table: &TableSchema,
        operation: &Value,
        change: impl Fn(&RowContent) -> Result<RowContent, Failure>,
    ) -> Result<Value, Failure> {
        let matching = self.matching(name, table, operation)?;
        for (uuid, row) in &matching {
            let mut changed = RowContent::clone(row);
            changed.extend(change(row)?);
            self.rows_mut(name).insert(*uuid, Arc::new(changed));
        }
        Ok(json!({"count": matching.len()}))
    }

    fn delete(&mut self, name: &str, table: &TableSchema, operation: &Value) -> Result<Value, Failure> {
        let matching = self.matching(name, table, operation)?;
        for (uuid, _) in &matching {
            self.rows_mut(name).remove(uuid);
        }
        Ok(json!({"count": matching.len()}))
    }

    fn select(&self, name: &str, table: &TableSchema, operation: &Value) -> Result<Value, Failure> {
        let columns = columns(table, operation)?;
        let wanted = |column: &str| columns.contains(&column);
        let mut rows = Vec::new();
        for (uuid, row) in self.matching(name, table, operation)? {
            let mut members: Map<String, Value> = row
                .iter()
                .filter(|(name, _)| wanted(name))
                .map(|(name, datum)| (name.clone(), datum.to_json()))
                .collect();
            if wanted("_uuid") {
                members.insert("_uuid".into(), json!(["uuid", uuid.to_string()]));
            }
            rows.push(Value::Object(members));
        }
        Ok(json!({ "rows": rows }))
    }

    /// Compares the rows as sets: several that look alike in these columns count once. What an expected row
    /// does not say has its default.
    fn wait(&self, name: &str, table: &TableSchema, operation: &Value) -> Result<Value, Failure> {
        let columns = columns(table, operation)?;
        let project = |uuid: Uuid, row: &RowContent| -> Vec<Datum> {
            let default =
                |name: &str| table.columns.get(name).map(|column| Datum::default_for(&column.shape));
            let value = |name: &&str| match *name {
                "_uuid" => Some(Datum::scalar(Atom::Uuid(uuid))),
                name => row.get(name).cloned().or_else(|| default(name)),
            };
            columns.iter().filter_map(value).collect()
        };
        let found: BTreeSet<Vec<Datum>> =
            self.matching(name, table, operation)?.iter().map(|(uuid, row)| project(*uuid, row)).collect();
        let mut expected = BTreeSet::new();
        let rows = operation.get("rows").and_then(Value::as_array);
        for row in rows.ok_or_else(|| syntax("rows is not an array"))? {
            expected.insert(project(Uuid::ZERO, &self.content(table, Some(row))?));
        }
        match operation.get("until").and_then(Value::as_str) {
            Some("==") if found == expected => Ok(json!({})),
            Some("!=") if found != expected => Ok(json!({})),
            Some("==" | "!=") => Err(Failure::new("timed out", "\"wait\" did not come true")),
            _ => Err(syntax("until is not == or !=")),
        }
    }

    fn matching(
        &self,
        name: &str,
        table: &TableSchema,
        operation: &Value,
    ) -> Result<Vec<(Uuid, Arc<RowContent>)>, Failure> {
        let conditions = operation.get("where").and_then(Value::as_array);
        let conditions = conditions.ok_or_else(|| syntax("where is not an array"))?.iter();
        let conditions: Vec<Condition<'_>> =
            conditions.map(|one| Condition::parse(table, self.names, one)).collect::<Result<_, _>>()?;
        let rows = self.tables.get(name).into_iter().flatten();
        let matching = rows.filter(|(uuid, row)| conditions.iter().all(|one| one.holds(**uuid, row)));
        Ok(matching.map(|(uuid, row)| (*uuid, Arc::clone(row))).collect())
    }
}

/// The columns that an operation names, by default all.
fn columns<'a>(table: &'a TableSchema, operation: &'a Value) -> Result<Vec<&'a str>, Failure> {
    let Some(names) = operation.get("columns") else {
        return Ok(table.columns.keys().map(String::as_str).chain(["_uuid"]).collect());
    };
    let names = names.as_array().ok_or_else(|| syntax("columns is not an array"))?.iter();
    let is_known = |name: &&str| *name == "_uuid" || table.columns.contains_key(*name);
    let known = |name: &'a Value| name.as_str().filter(is_known);
    names.map(|name| known(name).ok_or_else(|| syntax("no such column"))).collect()
}

pub(super) fn column<'a>(table: &'a TableSchema, name: &str) -> Result<&'a ColumnSchema, Failure> {
    let missing = || Failure::new("unknown column", format!("no column named {name}"));
    table.columns.get(name).ok_or_else(missing)
}
