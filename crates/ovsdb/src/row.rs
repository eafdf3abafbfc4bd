//! Rows of a replica, and the batches in which they change.
//!
//! Rows are immutable and shared: a batch holds the same allocation as the replica. A batch lists a row at
//! most once, ordered by table and uuid, and two consecutive batches can be merged into their net effect, so
//! that a slow consumer costs no memory beyond the rows that differ.

use std::cmp::Ordering;
use std::sync::Arc;

use crate::datum::Datum;
use crate::monitor::MonitoredTable;
use crate::typed::{Column, ColumnValue, Table};
use crate::value::Uuid;

/// One row: the monitored columns of its table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    table: Arc<MonitoredTable>,
    values: Box<[Datum]>,
    memory_bytes: usize,
}

/// What a row takes besides its columns: itself, its counters and its place in the replica.
const ROW_BYTES: usize = 128;

impl Row {
    pub(crate) fn new(table: Arc<MonitoredTable>, values: Box<[Datum]>) -> Self {
        let columns = values.iter().map(|datum| size_of::<Datum>().saturating_add(datum.memory_bytes()));
        let memory_bytes = columns.fold(ROW_BYTES, usize::saturating_add);
        Self { table, values, memory_bytes }
    }

    pub(crate) fn values(&self) -> &[Datum] {
        &self.values
    }

    /// What the row takes, as if it shared nothing with other rows.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.memory_bytes
    }

    #[must_use]
    pub fn table(&self) -> &str {
        self.table.name()
    }

    /// The content of a column by name; None if it is not monitored.
    #[must_use]
    pub fn datum(&self, column: &str) -> Option<&Datum> {
        self.values.get(self.table.position(column)?)
    }

    /// One column, typed; None if it is not monitored or this row is of another table.
    #[must_use]
    pub fn get<T: Table, V: ColumnValue>(&self, column: &Column<T, V>) -> Option<V> {
        if self.table() != T::NAME {
            return None;
        }
        V::from_datum(self.datum(column.name())?).ok()
    }

    /// The whole row, typed; columns that are not monitored keep their default. None if this row is of
    /// another table.
    #[must_use]
    pub fn decode<T: Table>(&self) -> Option<T> {
        if self.table() != T::NAME {
            return None;
        }
        let mut row = T::default();
        self.update(&mut row);
        Some(row)
    }

    /// Overwrites the monitored columns of a typed row and leaves the others alone.
    pub fn update<T: Table>(&self, row: &mut T) {
        for (column, datum) in self.table.columns().iter().zip(&self.values) {
            // The shape was compared with the model's when the monitor began, so decoding cannot fail for a
            // column of the model.
            let decoded = row.set_column(&column.name, datum);
            debug_assert!(decoded.is_ok(), "{}.{}: {decoded:?}", self.table(), column.name);
        }
    }
}

/// A row that was inserted (no old), deleted (no new) or modified (both).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub uuid: Uuid,
    pub old: Option<Arc<Row>>,
    pub new: Option<Arc<Row>>,
}

impl Change {
    #[must_use]
    pub fn table(&self) -> &str {
        self.new.as_ref().or(self.old.as_ref()).map_or("", |row| row.table())
    }

    /// What batches are ordered by.
    fn key(&self) -> (&str, Uuid) {
        (self.table(), self.uuid)
    }

    /// Old and new row if this change is in table `T`.
    #[must_use]
    pub fn typed<T: Table>(&self) -> Option<TypedChange<T>> {
        let decode = |row: &Option<Arc<Row>>| row.as_ref().and_then(|row| row.decode::<T>());
        match (decode(&self.old), decode(&self.new)) {
            (None, None) => None,
            (None, Some(new)) => Some(TypedChange::Inserted(new)),
            (Some(old), None) => Some(TypedChange::Deleted(old)),
            (Some(old), Some(new)) => Some(TypedChange::Modified { old, new }),
        }
    }
}

/// [`Change`] with decoded rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TypedChange<T> {
    Inserted(T),
    Modified { old: T, new: T },
    Deleted(T),
}

/// Why a batch came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchKind {
    /// The first content of an empty replica.
    Initial,
    /// What was missed while disconnected; the server knew our last transaction.
    Resumed,
    /// The server sent everything again; the batch is the difference.
    Reread,
    /// A change while connected.
    Update,
}

/// The changes of one update, ordered by table and row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    pub kind: BatchKind,
    pub changes: Vec<Change>,
}

impl Batch {
    /// The changes in table `T`, in order.
    pub fn of<T: Table>(&self) -> impl Iterator<Item = (Uuid, TypedChange<T>)> {
        self.changes.iter().filter_map(|change| Some((change.uuid, change.typed::<T>()?)))
    }

    /// Makes this batch the net effect of itself and a later one, in time linear in both.
    pub fn merge(&mut self, later: Self) {
        let mut merged = Vec::with_capacity(self.changes.len().max(later.changes.len()));
        let mut early = std::mem::take(&mut self.changes).into_iter().peekable();
        let mut late = later.changes.into_iter().peekable();
        while let (Some(one), Some(two)) = (early.peek(), late.peek()) {
            match one.key().cmp(&two.key()) {
                Ordering::Less => merged.extend(early.next()),
                Ordering::Greater => merged.extend(late.next()),
                Ordering::Equal => {
                    let net = early.next().zip(late.next()).map(|(one, two)| Change { old: one.old, ..two });
                    merged.extend(net.filter(|change| change.old != change.new));
                }
            }
        }
        merged.extend(early);
        merged.extend(late);
        self.changes = merged;
    }
}
