//! Monitors: what a connection wants to hear of, and in which words.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::database::{Database, Delta, RowContent};
use crate::datum::Datum;
use crate::jsonrpc::Message;
use crate::schema::DatabaseSchema;
use crate::value::Uuid;

/// The notation that the method of the request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Notation {
    /// `monitor`, answered by `update`.
    Rows,
    /// `monitor_cond`, answered by `update2`.
    Differences,
    /// `monitor_cond_since`, answered by `update3`.
    Since,
}

#[derive(Debug)]
pub(super) struct Monitor {
    id: Value,
    notation: Notation,
    tables: BTreeMap<String, BTreeSet<String>>,
}

fn syntax(details: &str) -> Value {
    json!({"error": "syntax error", "details": details})
}

impl Monitor {
    pub(super) fn from_params(
        schema: &DatabaseSchema,
        params: &Value,
        notation: Notation,
    ) -> Result<Self, Value> {
        let (id, requests) = match (params.as_array().map(Vec::as_slice), notation) {
            (Some([_, id, requests, _]), Notation::Since) => (id, requests),
            (Some([_, id, requests]), Notation::Rows | Notation::Differences) => (id, requests),
            _ => return Err(syntax("wrong number of parameters")),
        };
        let mut tables = BTreeMap::new();
        for (table, request) in requests.as_object().ok_or_else(|| syntax("requests is not an object"))? {
            let definition = schema.tables.get(table).ok_or_else(|| syntax("no such table"))?;
            let parts = request.as_array().map_or(std::slice::from_ref(request), Vec::as_slice);
            let mut columns = BTreeSet::new();
            for part in parts {
                if part.get("where").is_some_and(|condition| *condition != json!([])) {
                    return Err(syntax("this server has no conditional monitors"));
                }
                match part.get("columns").and_then(Value::as_array) {
                    None => columns.extend(definition.columns.keys().cloned()),
                    Some(names) => columns.extend(names.iter().filter_map(Value::as_str).map(str::to_owned)),
                }
            }
            if columns.iter().any(|name| !definition.columns.contains_key(name)) {
                return Err(syntax("no such column"));
            }
            tables.insert(table.clone(), columns);
        }
        Ok(Self { id: id.clone(), notation, tables })
    }

    pub(super) fn id(&self) -> &Value {
        &self.id
    }

    /// The reply to the request: everything, or what happened since the transaction that the client names.
    pub(super) fn first_reply(&self, database: &Database, params: &Value) -> Result<Value, Value> {
        if self.notation != Notation::Since {
            return Ok(self.everything(database));
        }
        let last = params.get(3).and_then(Value::as_str).and_then(|text| text.parse::<Uuid>().ok());
        let last = last.ok_or_else(|| syntax("last transaction is not a uuid"))?;
        let current = database.last_transaction().to_string();
        Ok(match database.since(last) {
            Some(delta) => json!([true, current, self.changes(database.schema(), &delta)]),
            None => json!([false, current, self.everything(database)]),
        })
    }

    /// The notification for a transaction, if it concerns what is monitored.
    pub(super) fn notification(&self, schema: &DatabaseSchema, delta: &Delta, last: Uuid) -> Option<Message> {
        let changes = self.changes(schema, delta);
        if changes.as_object().is_some_and(Map::is_empty) {
            return None;
        }
        let (method, params) = match self.notation {
            Notation::Rows => ("update", json!([self.id, changes])),
            Notation::Differences => ("update2", json!([self.id, changes])),
            Notation::Since => ("update3", json!([self.id, last.to_string(), changes])),
        };
        Some(Message::Notification { method: method.to_owned(), params })
    }

    fn everything(&self, database: &Database) -> Value {
        let mut updates = Map::new();
        for (table, columns) in &self.tables {
            let mut rows = Map::new();
            for (uuid, row) in database.tables().get(table).into_iter().flatten() {
                let update = match self.notation {
                    Notation::Rows => json!({"new": whole(row, columns)}),
                    _ => json!({"initial": self.set_columns(database.schema(), table, row, columns)}),
                };
                rows.insert(uuid.to_string(), update);
            }
            if !rows.is_empty() {
                updates.insert(table.clone(), Value::Object(rows));
            }
        }
        Value::Object(updates)
    }

    fn changes(&self, schema: &DatabaseSchema, delta: &Delta) -> Value {
        let mut updates: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
        for ((table, uuid), (old, new)) in delta {
            let Some(columns) = self.tables.get(table) else { continue };
            if let Some(update) = self.change(schema, table, columns, old.as_ref(), new.as_ref()) {
                updates.entry(table).or_default().insert(uuid.to_string(), update);
            }
        }
        json!(updates)
    }

    fn change(
        &self,
        schema: &DatabaseSchema,
        table: &str,
        columns: &BTreeSet<String>,
        old: Option<&Arc<RowContent>>,
        new: Option<&Arc<RowContent>>,
    ) -> Option<Value> {
        let plain = self.notation == Notation::Rows;
        match (old, new) {
            (None, None) => None,
            (None, Some(new)) if plain => Some(json!({"new": whole(new, columns)})),
            (None, Some(new)) => Some(json!({"insert": self.set_columns(schema, table, new, columns)})),
            (Some(old), None) if plain => Some(json!({"old": whole(old, columns)})),
            (Some(_), None) => Some(json!({"delete": null})),
            (Some(old), Some(new)) => {
                let changed: BTreeSet<String> =
                    columns.iter().filter(|name| old.get(*name) != new.get(*name)).cloned().collect();
                if changed.is_empty() {
                    return None;
                }
                if plain {
                    return Some(json!({"old": whole(old, &changed), "new": whole(new, columns)}));
                }
                let difference = |name: &String| {
                    let shape = &schema.tables.get(table)?.columns.get(name)?.shape;
                    Some((name.clone(), old.get(name)?.difference(new.get(name)?, shape).to_json()))
                };
                let members: Map<String, Value> = changed.iter().filter_map(difference).collect();
                Some(json!({ "modify": members }))
            }
        }
    }

    /// The columns that differ from their default: all that an insertion says in the newer notations.
    fn set_columns(
        &self,
        schema: &DatabaseSchema,
        table: &str,
        row: &RowContent,
        columns: &BTreeSet<String>,
    ) -> Value {
        let is_set = |name: &String| {
            let column = schema.tables.get(table).and_then(|table| table.columns.get(name));
            column.is_none_or(|column| row.get(name) != Some(&Datum::default_for(&column.shape)))
        };
        whole(row, &columns.iter().filter(|name| is_set(name)).cloned().collect())
    }
}

fn whole(row: &RowContent, columns: &BTreeSet<String>) -> Value {
    let members = row.iter().filter(|(name, _)| columns.contains(*name));
    Value::Object(members.map(|(name, datum)| (name.clone(), datum.to_json())).collect())
}
