//! What a replica follows: which columns of which tables, and how they meet the schema of the server.
//!
//! The columns are fixed for the life of a replica; what varies is which of them the server of the moment
//! has. A column that it lacks holds its default in every row, so consumers never see rows change shape.
//! A column whose type differs from ours is refused by name before any row is read.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};
use thiserror::Error;

use crate::datum::{Datum, Shape};
use crate::schema::DatabaseSchema;
use crate::typed::ColumnInfo;

/// The followed columns of one table, sorted by name.
#[derive(Debug, PartialEq, Eq)]
pub struct MonitoredTable {
    name: Box<str>,
    columns: Box<[MonitoredColumn]>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MonitoredColumn {
    pub(crate) name: Box<str>,
    pub(crate) shape: Shape,
}

impl MonitoredTable {
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn columns(&self) -> &[MonitoredColumn] {
        &self.columns
    }

    pub(crate) fn position(&self, column: &str) -> Option<usize> {
        self.columns.binary_search_by(|candidate| candidate.name.as_ref().cmp(column)).ok()
    }

    pub(crate) fn default_values(&self) -> Box<[Datum]> {
        self.columns.iter().map(|column| Datum::default_for(&column.shape)).collect()
    }
}

/// A set of columns to follow, sorted by table.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MonitorSpec {
    tables: Vec<Arc<MonitoredTable>>,
}

/// A column that the server has with another type than the model: the two cannot work together.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "column {column} of table {table} has another type on the server ({found:?}) than in the model ({expected:?})"
)]
pub struct SchemaMismatch {
    pub table: String,
    pub column: String,
    pub expected: Shape,
    pub found: Shape,
}

/// The part of a [`MonitorSpec`] that a server can serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Available {
    requests: Value,
    missing: Vec<String>,
}

impl Available {
    /// `Table.column` of each column that the server does not have.
    #[must_use]
    pub fn missing(&self) -> &[String] {
        &self.missing
    }

    /// The `<monitor-requests>` member of any of the monitor methods.
    #[must_use]
    pub fn requests(&self) -> &Value {
        &self.requests
    }
}

impl MonitorSpec {
    /// Follows these columns, given in any order; naming one twice is harmless.
    #[must_use]
    pub fn new(columns: &[ColumnInfo]) -> Self {
        Self::from_columns(columns.iter().map(|info| (info.table, info.name, info.shape)))
    }

    /// Follows every column that a schema has.
    #[must_use]
    pub fn everything(schema: &DatabaseSchema) -> Self {
        Self::from_columns(schema.tables.iter().flat_map(|(table, definition)| {
            let columns = definition.columns.iter();
            columns.map(|(name, column)| (table.as_str(), name.as_str(), column.shape))
        }))
    }

    fn from_columns<'a>(columns: impl Iterator<Item = (&'a str, &'a str, Shape)>) -> Self {
        let mut tables: BTreeMap<&str, BTreeMap<&str, Shape>> = BTreeMap::new();
        for (table, column, shape) in columns {
            tables.entry(table).or_default().insert(column, relax(shape));
        }
        let table = |(name, columns): (&str, BTreeMap<&str, Shape>)| {
            let column = |(name, shape): (&str, Shape)| MonitoredColumn { name: name.into(), shape };
            Arc::new(MonitoredTable { name: name.into(), columns: columns.into_iter().map(column).collect() })
        };
        Self { tables: tables.into_iter().map(table).collect() }
    }

    #[must_use]
    pub fn tables(&self) -> &[Arc<MonitoredTable>] {
        &self.tables
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tables.is_empty()
    }

    pub(crate) fn position(&self, table: &str) -> Option<usize> {
        self.tables.binary_search_by(|candidate| candidate.name.as_ref().cmp(table)).ok()
    }

    /// Compares with the schema of a server.
    pub fn resolve(&self, schema: &DatabaseSchema) -> Result<Available, SchemaMismatch> {
        let mut requests = Map::new();
        let mut missing = Vec::new();
        for table in &self.tables {
            let definition = schema.tables.get(table.name());
            let mut columns = Vec::new();
            for column in table.columns() {
                let Some(found) = definition.and_then(|table| table.columns.get(column.name.as_ref())) else {
                    missing.push(format!("{}.{}", table.name, column.name));
                    continue;
                };
                if relax(found.shape) != column.shape {
                    return Err(SchemaMismatch {
                        table: table.name.to_string(),
                        column: column.name.to_string(),
                        expected: column.shape,
                        found: found.shape,
                    });
                }
                columns.push(column.name.as_ref());
            }
            if !columns.is_empty() {
                requests.insert(table.name.to_string(), json!([{ "columns": columns }]));
            }
        }
        Ok(Available { requests: Value::Object(requests), missing })
    }
}

/// How many elements a set or map may hold is the server's business and varies between its versions; that a
/// scalar is a scalar is ours.
fn relax(shape: Shape) -> Shape {
    if shape.is_composite() { Shape { min: 0, max: None, ..shape } } else { shape }
}

#[cfg(test)]
mod tests;
