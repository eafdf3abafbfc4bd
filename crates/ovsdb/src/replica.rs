//! A copy of the monitored tables, kept by applying what the server sends.
//!
//! What the replica guarantees:
//!
//! * **All or nothing.** An update is decoded and checked completely before any row changes. After an error
//!   the replica still holds the last consistent state, and its transaction id still names that state.
//! * **Consumers see real changes only.** Each update gives one [`Batch`]; a row that ends as it was is not in
//!   it. When a server cannot resume and sends everything again, the batch is the difference between what we
//!   had and what there is now.
//! * **A batch is ordered** by table and row, so replays are deterministic, and lists a row at most once with
//!   its old and new content.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};
use thiserror::Error;

use crate::datum::{Datum, Shape};
use crate::monitor::{Available, MonitorSpec, MonitoredTable};
use crate::row::{Batch, BatchKind, Change, Row};
use crate::typed::Table;
use crate::value::{NamedUuids, Uuid, ValueError};

/// How much memory the rows of a replica may take before it calls the server broken.
pub const DEFAULT_MAX_REPLICA_BYTES: usize = 256 << 20;

/// How the members of an update are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpdateFormat {
    /// `update` of RFC 7047: whole rows, `old` and `new`.
    Rows,
    /// `update2` and `update3`: `initial`, `insert`, `modify` (a difference), `delete`.
    Differences,
}

/// Why an update was refused. The replica is unchanged.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReplicaError {
    #[error("malformed update: expected {0}")]
    Malformed(&'static str),
    #[error("update of table \"{0}\", which is not monitored")]
    UnknownTable(String),
    #[error("malformed row uuid in table {0}")]
    BadUuid(String),
    #[error("row {uuid} of table {table}: {reason}")]
    BadRow { table: String, uuid: Uuid, reason: String },
    #[error("row {uuid} of table {table}, column {column}: {reason}")]
    BadColumn { table: String, uuid: Uuid, column: String, reason: ValueError },
    #[error("the server resumes from a transaction that we did not name")]
    NotAsked,
    #[error("the rows take more than {0} bytes of memory")]
    TooLarge(usize),
}

/// The copy. See the [module](self) for what it guarantees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replica {
    spec: MonitorSpec,
    /// In the order of the tables of `spec`.
    tables: Vec<BTreeMap<Uuid, Arc<Row>>>,
    last_transaction: Option<Uuid>,
    /// The monitor request that the content answers.
    read_with: Option<Value>,
    has_content: bool,
    /// What the rows take.
    bytes: usize,
    max_bytes: usize,
}

/// A decoded row change, not applied yet.
struct Pending {
    table: usize,
    uuid: Uuid,
    new: Option<Arc<Row>>,
}

impl Replica {
    #[must_use]
    pub fn new(spec: MonitorSpec) -> Self {
        Self::with_limit(spec, DEFAULT_MAX_REPLICA_BYTES)
    }

    #[must_use]
    pub fn with_limit(spec: MonitorSpec, max_bytes: usize) -> Self {
        let tables = spec.tables().iter().map(|_| BTreeMap::new()).collect();
        Self {
            spec,
            tables,
            last_transaction: None,
            read_with: None,
            has_content: false,
            bytes: 0,
            max_bytes,
        }
    }

    #[must_use]
    pub fn spec(&self) -> &MonitorSpec {
        &self.spec
    }

    /// The transaction that the content includes, if the server names transactions.
    #[must_use]
    pub fn last_transaction(&self) -> Option<Uuid> {
        self.last_transaction
    }

    /// Whether any server has filled it yet.
    #[must_use]
    pub fn has_content(&self) -> bool {
        self.has_content
    }

    /// The transaction to resume from on a server that offers these columns. None, if it offers others than
    /// the content was read with: columns that come back have to be read again.
    pub fn resume_point(&mut self, available: &Available) -> Option<Uuid> {
        if self.read_with.as_ref() != Some(available.requests()) {
            self.last_transaction = None;
            self.read_with = Some(available.requests().clone());
        }
        self.last_transaction
    }

    /// The rows of a table, by uuid; empty if it is not monitored.
    pub fn rows(&self, table: &str) -> impl Iterator<Item = (Uuid, &Arc<Row>)> {
        let rows = self.spec.position(table).and_then(|position| self.tables.get(position));
        rows.into_iter().flatten().map(|(uuid, row)| (*uuid, row))
    }

    /// The decoded rows of table `T`.
    pub fn typed<T: Table>(&self) -> impl Iterator<Item = (Uuid, T)> {
        self.rows(T::NAME).filter_map(|(uuid, row)| Some((uuid, row.decode()?)))
    }

    #[must_use]
    pub fn row(&self, table: &str, uuid: Uuid) -> Option<&Arc<Row>> {
        self.tables.get(self.spec.position(table)?)?.get(&uuid)
    }

    /// Number of rows of all tables.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tables.iter().map(BTreeMap::len).sum()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What the rows take, estimated from above.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.bytes
    }

    /// Applies the reply of `monitor_cond_since`, `[found, last-txn-id, updates]`, to a request that named
    /// `resume` as the last transaction.
    pub fn apply_since_reply(&mut self, reply: &Value, resume: Option<Uuid>) -> Result<Batch, ReplicaError> {
        let Some([Value::Bool(found), last, updates]) = reply.as_array().map(Vec::as_slice) else {
            return Err(ReplicaError::Malformed("[found, last transaction, updates]"));
        };
        let last = transaction_id(last)?;
        let batch = if *found {
            if resume.is_none() || resume != self.last_transaction {
                return Err(ReplicaError::NotAsked);
            }
            self.apply_changes(updates, UpdateFormat::Differences, BatchKind::Resumed)?
        } else {
            self.apply_full(updates, UpdateFormat::Differences)?
        };
        self.has_content = true;
        self.last_transaction = last;
        Ok(batch)
    }

    /// Applies the whole content: the reply of `monitor` or `monitor_cond`.
    pub fn apply_full(&mut self, updates: &Value, format: UpdateFormat) -> Result<Batch, ReplicaError> {
        let empty = Self::with_limit(self.spec.clone(), self.max_bytes);
        let decoded = empty.decode(updates, format)?;
        let mut pending: BTreeMap<(usize, Uuid), Option<Arc<Row>>> = BTreeMap::new();
        for (table, rows) in self.tables.iter().enumerate() {
            pending.extend(rows.keys().map(|uuid| ((table, *uuid), None)));
        }
        pending.extend(decoded.into_iter().map(|row| ((row.table, row.uuid), row.new)));
        let kind = if self.has_content { BatchKind::Reread } else { BatchKind::Initial };
        let pending = pending.into_iter().map(|((table, uuid), new)| Pending { table, uuid, new });
        let changes = self.commit(pending.collect())?;
        self.has_content = true;
        self.last_transaction = None;
        Ok(Batch { kind, changes })
    }

    /// Applies the parameters of `update3` after the monitor id: the transaction and its changes.
    pub fn apply_update3(&mut self, last: &Value, updates: &Value) -> Result<Batch, ReplicaError> {
        let last = transaction_id(last)?;
        let batch = self.apply_changes(updates, UpdateFormat::Differences, BatchKind::Update)?;
        self.last_transaction = last;
        Ok(batch)
    }

    /// Applies the changes of `update` or `update2`.
    pub fn apply_update(&mut self, updates: &Value, format: UpdateFormat) -> Result<Batch, ReplicaError> {
        let batch = self.apply_changes(updates, format, BatchKind::Update)?;
        self.last_transaction = None;
        Ok(batch)
    }

    fn apply_changes(
        &mut self,
        updates: &Value,
        format: UpdateFormat,
        kind: BatchKind,
    ) -> Result<Batch, ReplicaError> {
        let pending = self.decode(updates, format)?;
        Ok(Batch { kind, changes: self.commit(pending)? })
    }

    fn commit(&mut self, pending: Vec<Pending>) -> Result<Vec<Change>, ReplicaError> {
        let bytes = |row: Option<&Arc<Row>>| row.map_or(0, |row| row.memory_bytes());
        let growth =
            pending.iter().map(|row| bytes(row.new.as_ref())).fold(self.bytes, usize::saturating_add);
        let after = pending.iter().map(|row| bytes(self.current(row))).fold(growth, usize::saturating_sub);
        if after > self.max_bytes {
            return Err(ReplicaError::TooLarge(self.max_bytes));
        }
        self.bytes = after;
        let mut changes = Vec::new();
        for Pending { table, uuid, new } in pending {
            let Some(rows) = self.tables.get_mut(table) else { continue };
            if rows.get(&uuid) == new.as_ref() {
                continue;
            }
            let old = match &new {
                Some(row) => rows.insert(uuid, Arc::clone(row)),
                None => rows.remove(&uuid),
            };
            changes.push(Change { uuid, old, new });
        }
        Ok(changes)
    }

    fn current(&self, row: &Pending) -> Option<&Arc<Row>> {
        self.tables.get(row.table)?.get(&row.uuid)
    }

    fn decode(&self, updates: &Value, format: UpdateFormat) -> Result<Vec<Pending>, ReplicaError> {
        let updates = updates.as_object().ok_or(ReplicaError::Malformed("an object of tables"))?;
        let mut pending = Vec::new();
        for (name, rows) in updates {
            let position =
                self.spec.position(name).ok_or_else(|| ReplicaError::UnknownTable(name.clone()))?;
            let rows = rows.as_object().ok_or(ReplicaError::Malformed("an object of rows"))?;
            let first = pending.len();
            for (uuid, update) in rows {
                let uuid = uuid.parse().map_err(|_| ReplicaError::BadUuid(name.clone()))?;
                let update = update.as_object().ok_or(ReplicaError::Malformed("an object as row update"))?;
                let new = self.decode_row(position, uuid, update, format)?;
                pending.push(Pending { table: position, uuid, new });
            }
            // Upper and lower case spellings are two members of the object, but one row.
            let added = pending.get_mut(first..).unwrap_or_default();
            added.sort_by_key(|row| row.uuid);
            if added.windows(2).any(|pair| matches!(pair, [one, two] if one.uuid == two.uuid)) {
                return Err(ReplicaError::Malformed("each row once"));
            }
        }
        pending.sort_by_key(|row| row.table);
        Ok(pending)
    }

    fn decode_row(
        &self,
        position: usize,
        uuid: Uuid,
        update: &Map<String, Value>,
        format: UpdateFormat,
    ) -> Result<Option<Arc<Row>>, ReplicaError> {
        let (Some(table), Some(rows)) = (self.spec.tables().get(position), self.tables.get(position)) else {
            return Err(ReplicaError::Malformed("a monitored table"));
        };
        let edit = RowEdit { table, uuid, current: rows.get(&uuid) };
        match format {
            UpdateFormat::Rows => match (update.get("old"), update.get("new")) {
                (None, Some(new)) => edit.insert(new),
                (Some(_), Some(new)) => edit.overwrite(new),
                (Some(_), None) => edit.delete(),
                (None, None) => Err(edit.refuse("neither old nor new content")),
            },
            UpdateFormat::Differences => {
                let mut members = update.iter();
                match (members.next(), members.next()) {
                    (Some((kind, row)), None) => match kind.as_str() {
                        "initial" | "insert" => edit.insert(row),
                        "modify" => edit.modify(row),
                        "delete" => edit.delete(),
                        _ => Err(edit.refuse("unknown kind of change")),
                    },
                    _ => Err(edit.refuse("not exactly one kind of change")),
                }
            }
        }
    }
}

/// One row of an update, with what the replica holds of it.
struct RowEdit<'a> {
    table: &'a Arc<MonitoredTable>,
    uuid: Uuid,
    current: Option<&'a Arc<Row>>,
}

impl RowEdit<'_> {
    fn insert(&self, content: &Value) -> Result<Option<Arc<Row>>, ReplicaError> {
        if self.current.is_some() {
            return Err(self.refuse("inserted although it exists"));
        }
        self.build(self.table.default_values(), content, |_, datum, _| Ok(datum))
    }

    fn overwrite(&self, content: &Value) -> Result<Option<Arc<Row>>, ReplicaError> {
        self.build(self.known()?.values().into(), content, |_, datum, _| Ok(datum))
    }

    fn modify(&self, difference: &Value) -> Result<Option<Arc<Row>>, ReplicaError> {
        let values = self.known()?.values().into();
        self.build(values, difference, |old, diff, shape| old.apply_diff(&diff, shape))
    }

    fn delete(&self) -> Result<Option<Arc<Row>>, ReplicaError> {
        self.known().map(|_| None)
    }

    fn known(&self) -> Result<&Arc<Row>, ReplicaError> {
        self.current.ok_or_else(|| self.refuse("changed although it does not exist"))
    }

    fn build(
        &self,
        mut values: Box<[Datum]>,
        content: &Value,
        combine: impl Fn(&Datum, Datum, &Shape) -> Result<Datum, ValueError>,
    ) -> Result<Option<Arc<Row>>, ReplicaError> {
        let content = content.as_object().ok_or_else(|| self.refuse("content is not an object"))?;
        for (name, value) in content {
            let position =
                self.table.position(name).ok_or_else(|| self.refuse("a column that is not monitored"))?;
            let (Some(column), Some(slot)) = (self.table.columns().get(position), values.get_mut(position))
            else {
                continue;
            };
            let datum = Datum::parse_partial(value, &column.shape, NamedUuids::Refuse);
            let combined = datum.and_then(|datum| combine(slot, datum, &column.shape));
            *slot = combined.and_then(|datum| column.shape.check(datum)).map_err(|reason| {
                ReplicaError::BadColumn {
                    table: self.table.name().to_owned(),
                    uuid: self.uuid,
                    column: name.clone(),
                    reason,
                }
            })?;
        }
        Ok(Some(Arc::new(Row::new(Arc::clone(self.table), values))))
    }

    fn refuse(&self, reason: &str) -> ReplicaError {
        ReplicaError::BadRow {
            table: self.table.name().to_owned(),
            uuid: self.uuid,
            reason: reason.to_owned(),
        }
    }
}

/// All zero means that the server does not name its transactions.
fn transaction_id(value: &Value) -> Result<Option<Uuid>, ReplicaError> {
    let text = value.as_str().ok_or(ReplicaError::Malformed("a transaction id"))?;
    let id: Uuid = text.parse().map_err(|_| ReplicaError::Malformed("a uuid as transaction id"))?;
    Ok((id != Uuid::ZERO).then_some(id))
}

#[cfg(test)]
mod tests;
