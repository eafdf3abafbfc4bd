//! The operations of a transaction, on a working copy of the tables.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::database::{Failure, RowContent, Tables};
use crate::datum::{AtomMap, AtomSet, Datum, Shape};
use crate::schema::{ColumnSchema, DatabaseSchema, TableSchema};
use crate::value::{Atom, AtomicType, NamedUuids, Real, Uuid, ValueError};

/// The uuids that `uuid-name`s of insertions stand for.
pub(super) fn name_insertions(
    operations: &[Value],
    mut new_uuid: impl FnMut() -> Uuid,
) -> BTreeMap<String, Uuid> {
    let names = operations.iter().filter_map(|operation| operation.get("uuid-name").and_then(Value::as_str));
    names.map(|name| (name.to_owned(), new_uuid())).collect()
}

pub(super) struct Executor<'a> {
    pub(super) schema: &'a DatabaseSchema,
    pub(super) tables: &'a mut Tables,
    pub(super) names: &'a BTreeMap<String, Uuid>,
    /// For an insertion without a name.
    pub(super) fresh: Uuid,
}

/// The pseudo-column that every row has.
const UUID_SHAPE: Shape = Shape::scalar(AtomicType::Uuid);

fn syntax(details: impl Into<String>) -> Failure {
    Failure::new("syntax error", details)
}

fn invalid(column: &str, error: &ValueError) -> Failure {
    let code = match error {
        ValueError::ConstraintViolated => "constraint violation",
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

    /// Reads a datum, with names in place of the uuids of new rows.
    fn datum(&self, value: &Value, shape: &Shape) -> Result<Datum, ValueError> {
        let resolve = |atom: &Atom| match atom {
            Atom::NamedUuid(name) => self.names.get(name.as_ref()).map(|uuid| Atom::Uuid(*uuid)),
            atom => Some(atom.clone()),
        };
        let resolve = |atom| resolve(atom).ok_or(ValueError::UnexpectedNamedUuid);
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

    fn content(&self, table: &TableSchema, row: Option<&Value>) -> Result<RowContent, Failure> {
        let members = row.and_then(Value::as_object).ok_or_else(|| syntax("row is not an object"))?;
        let mut content = RowContent::new();
        for (name, value) in members {
            let column = column(table, name)?;
            let datum = self
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
        row.extend(self.content(table, operation.get("row"))?);
        let named = operation.get("uuid-name").and_then(Value::as_str).and_then(|name| self.names.get(name));
        let uuid = named.copied().unwrap_or(self.fresh);
        self.rows_mut(name).insert(uuid, Arc::new(row));
        Ok(json!({"uuid": ["uuid", uuid.to_string()]}))
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
            mutations.iter().map(|mutation| self.mutation(table, mutation)).collect::<Result<_, _>>()?;
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

    fn mutation<'m>(&self, table: &'m TableSchema, mutation: &'m Value) -> Result<Mutation<'m>, Failure> {
        let Some([Value::String(name), Value::String(mutator), operand]) =
            mutation.as_array().map(Vec::as_slice)
        else {
            return Err(syntax("a mutation is not [column, mutator, value]"));
        };
        let column = column(table, name)?;
        let operand = match mutator.as_str() {
            "insert" => self.datum(operand, &column.shape),
            // Pairs of a map go by key and value, or by key alone.
            "delete" => self
                .datum(operand, &column.shape)
                .or_else(|_| self.datum(operand, &Shape { value: None, ..column.shape })),
            _ => Atom::parse(operand, column.shape.key, NamedUuids::Refuse).map(Datum::scalar),
        };
        Ok(Mutation { name, column, mutator, operand: operand.map_err(|error| invalid(name, &error))? })
    }

    fn delete(&mut self, name: &str, table: &TableSchema, operation: &Value) -> Result<Value, Failure> {
        let matching = self.matching(name, table, operation)?;
        for (uuid, _) in &matching {
            self.rows_mut(name).remove(uuid);
        }
        Ok(json!({"count": matching.len()}))
    }

    fn select(&self, name: &str, table: &TableSchema, operation: &Value) -> Result<Value, Failure> {
        let columns = operation.get("columns").and_then(Value::as_array);
        let wanted = |column: &str| columns.is_none_or(|columns| columns.iter().any(|name| name == column));
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

    fn wait(&self, name: &str, table: &TableSchema, operation: &Value) -> Result<Value, Failure> {
        let columns =
            operation.get("columns").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let project = |uuid: Option<Uuid>, row: &RowContent| {
            let value = |name: &str| match (name, uuid) {
                ("_uuid", Some(uuid)) => Some(Datum::scalar(Atom::Uuid(uuid))),
                _ => row.get(name).cloned(),
            };
            columns.iter().filter_map(Value::as_str).map(value).collect::<Vec<_>>()
        };
        let mut found: Vec<_> = self
            .matching(name, table, operation)?
            .iter()
            .map(|(uuid, row)| project(Some(*uuid), row))
            .collect();
        let mut expected = Vec::new();
        for row in operation.get("rows").and_then(Value::as_array).into_iter().flatten() {
            expected.push(project(None, &self.content(table, Some(row))?));
        }
        found.sort();
        expected.sort();
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
        let conditions = conditions.ok_or_else(|| syntax("where is not an array"))?;
        let mut matching = Vec::new();
        for (uuid, row) in self.tables.get(name).into_iter().flatten() {
            let mut all = true;
            for condition in conditions {
                all = all && self.holds(table, *uuid, row, condition)?;
            }
            if all {
                matching.push((*uuid, Arc::clone(row)));
            }
        }
        Ok(matching)
    }

    fn holds(
        &self,
        table: &TableSchema,
        uuid: Uuid,
        row: &RowContent,
        condition: &Value,
    ) -> Result<bool, Failure> {
        let Some([Value::String(name), Value::String(function), value]) =
            condition.as_array().map(Vec::as_slice)
        else {
            return Err(syntax("a condition is not [column, function, value]"));
        };
        let (shape, found) = if name == "_uuid" {
            (&UUID_SHAPE, Datum::scalar(Atom::Uuid(uuid)))
        } else {
            let column = column(table, name)?;
            (&column.shape, row.get(name).cloned().unwrap_or_else(|| Datum::default_for(&column.shape)))
        };
        let operand = self.datum(value, shape).map_err(|error| invalid(name, &error))?;
        let includes = || match (&found, &operand) {
            (Datum::Set(found), Datum::Set(operand)) => {
                operand.as_slice().iter().all(|atom| found.contains(atom))
            }
            (Datum::Map(found), Datum::Map(operand)) => {
                operand.as_slice().iter().all(|(key, value)| found.get(key) == Some(value))
            }
            _ => false,
        };
        let excludes = || match (&found, &operand) {
            (Datum::Set(found), Datum::Set(operand)) => {
                !operand.as_slice().iter().any(|atom| found.contains(atom))
            }
            (Datum::Map(found), Datum::Map(operand)) => {
                !operand.as_slice().iter().any(|(key, value)| found.get(key) == Some(value))
            }
            _ => false,
        };
        // An unset optional number is neither less nor greater than anything.
        let ordered = || found.len() == 1 && operand.len() == 1;
        Ok(match function.as_str() {
            "==" => found == operand,
            "!=" => found != operand,
            "includes" => includes(),
            "excludes" => excludes(),
            "<" => ordered() && found < operand,
            "<=" => ordered() && found <= operand,
            ">" => ordered() && found > operand,
            ">=" => ordered() && found >= operand,
            _ => return Err(syntax(format!("no function named {function}"))),
        })
    }
}

/// A checked element of `mutations`.
struct Mutation<'a> {
    name: &'a str,
    column: &'a ColumnSchema,
    mutator: &'a str,
    operand: Datum,
}

impl Mutation<'_> {
    fn apply(&self, old: &Datum) -> Result<Datum, Failure> {
        let new = self.compute(old).map_err(|failure| {
            let details = format!("column {}: {}", self.name, failure.details);
            Failure { details, ..failure }
        })?;
        let checked = self.column.shape.check(new).and_then(|new| self.column.check(&new).map(|()| new));
        checked
            .map_err(|error| Failure::new("constraint violation", format!("column {}: {error}", self.name)))
    }

    fn compute(&self, old: &Datum) -> Result<Datum, Failure> {
        match (self.mutator, old, &self.operand) {
            ("insert", Datum::Set(old), Datum::Set(added)) => {
                Ok(Datum::Set(old.as_slice().iter().chain(added.as_slice()).cloned().collect()))
            }
            // The last of two pairs with one key wins, and the present one is to win.
            ("insert", Datum::Map(old), Datum::Map(added)) => {
                Ok(Datum::Map(added.as_slice().iter().chain(old.as_slice()).cloned().collect()))
            }
            ("delete", Datum::Set(old), Datum::Set(gone)) => {
                let kept = old.as_slice().iter().filter(|atom| !gone.contains(atom));
                Ok(Datum::Set(kept.cloned().collect()))
            }
            ("delete", Datum::Map(old), gone) => {
                let goes = |key: &Atom, value: &Atom| match gone {
                    Datum::Set(keys) => keys.contains(key),
                    Datum::Map(pairs) => pairs.get(key) == Some(value),
                };
                let kept = old.as_slice().iter().filter(|(key, value)| !goes(key, value));
                Ok(Datum::Map(kept.cloned().collect()))
            }
            (mutator, Datum::Set(old), Datum::Set(operand)) => {
                let [operand] = operand.as_slice() else { return Err(syntax("the operand is not a number")) };
                let changed = old.as_slice().iter().map(|atom| arithmetic(atom, mutator, operand));
                Ok(Datum::Set(changed.collect::<Result<AtomSet, _>>()?))
            }
            _ => Err(syntax("the operand does not fit the column")),
        }
    }
}

fn column<'a>(table: &'a TableSchema, name: &str) -> Result<&'a ColumnSchema, Failure> {
    table.columns.get(name).ok_or_else(|| syntax(format!("no column named {name}")))
}

fn arithmetic(atom: &Atom, mutator: &str, operand: &Atom) -> Result<Atom, Failure> {
    let range = || Failure::new("range error", "the result does not fit");
    match (atom, operand) {
        (Atom::Integer(_), Atom::Integer(0)) if matches!(mutator, "/=" | "%=") => {
            Err(Failure::new("domain error", "division by zero"))
        }
        (Atom::Integer(left), Atom::Integer(right)) => {
            let result = match mutator {
                "+=" => left.checked_add(*right),
                "-=" => left.checked_sub(*right),
                "*=" => left.checked_mul(*right),
                "/=" => left.checked_div(*right),
                "%=" => left.checked_rem(*right),
                _ => return Err(syntax(format!("no mutator named {mutator}"))),
            };
            result.map(Atom::Integer).ok_or_else(range)
        }
        (Atom::Real(left), Atom::Real(right)) => {
            let (left, right) = (left.get(), right.get());
            let result = match mutator {
                "+=" => left + right,
                "-=" => left - right,
                "*=" => left * right,
                "/=" if right == 0.0 => return Err(Failure::new("domain error", "division by zero")),
                "/=" => left / right,
                _ => return Err(syntax(format!("no mutator named {mutator}"))),
            };
            Real::new(result).map(Atom::Real).ok_or_else(range)
        }
        _ => Err(syntax("arithmetic is for numbers")),
    }
}
