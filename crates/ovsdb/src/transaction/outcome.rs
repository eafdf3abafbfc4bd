//! Reading the reply of a transaction.
//!
//! The server answers with one result an operation; after the first that fails come nulls; and if all
//! succeeded but the commit did not, an error follows as one element more.

use serde_json::{Map, Value};
use thiserror::Error;

use super::{OperationId, Receipt, RowRef};
use crate::datum::{Datum, Shape};
use crate::typed::{AtomValue, Table};
use crate::value::{Atom, AtomicType, NamedUuids, Uuid, ValueError};

/// Longest part of a server's explanation that we keep.
const MAX_DETAILS_CHARS: usize = 1024;

/// Why a transaction did not take effect.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TransactionError {
    #[error("{operation} (operation {index}) failed: {error}: {details}")]
    Operation { index: usize, operation: String, error: String, details: String },
    /// Found before it was sent: ovsdb-server would end the connection, for everybody who shares it.
    #[error("{operation} (operation {index}) holds a nul character, which open vswitch does not accept")]
    NulCharacter { index: usize, operation: String },
    #[error("commit failed: {error}: {details}")]
    Commit { error: String, details: String },
    #[error("the server refused the request: {error}: {details}")]
    Refused { error: String, details: String },
    #[error("malformed reply to a transaction: {0}")]
    Malformed(String),
}

impl TransactionError {
    /// A `wait` operation found that the database is not what the transaction was built for: build it anew.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Operation { operation, error, .. }
            if operation.starts_with("wait") && error == "timed out")
    }

    /// The server's word for the error, such as `constraint violation`.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::Operation { error, .. } | Self::Commit { error, .. } | Self::Refused { error, .. } => error,
            Self::Malformed(_) => "malformed reply",
            Self::NulCharacter { .. } => "nul character",
        }
    }
}

/// Why selected rows cannot be read as rows of a table.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SelectError {
    #[error("the operation is not a select")]
    NotASelect,
    #[error("column {column} of table {table}: {reason}")]
    Column { table: &'static str, column: String, reason: ValueError },
}

/// What one operation did.
#[derive(Debug, Clone, PartialEq)]
pub enum OperationResult {
    /// `wait`, `comment`, `assert`, `commit`: it held.
    Done,
    Inserted(Uuid),
    /// Rows that `update`, `mutate` or `delete` was about.
    Count(u64),
    Selected(Vec<Map<String, Value>>),
}

/// The results of a transaction that took effect, in the order of its operations.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    results: Vec<OperationResult>,
}

impl Outcome {
    #[must_use]
    pub fn results(&self) -> &[OperationResult] {
        &self.results
    }

    /// The uuid of an inserted row.
    #[must_use]
    pub fn uuid(&self, row: RowRef) -> Option<Uuid> {
        let number = match row {
            RowRef::Existing(uuid) => return Some(uuid),
            RowRef::New(number) => usize::try_from(number).ok()?,
        };
        let mut inserted = self.results.iter().filter_map(|result| match result {
            OperationResult::Inserted(uuid) => Some(*uuid),
            _ => None,
        });
        inserted.nth(number)
    }

    /// How many rows an `update`, `mutate` or `delete` was about.
    #[must_use]
    pub fn count(&self, operation: OperationId) -> Option<u64> {
        match self.results.get(operation.0) {
            Some(OperationResult::Count(count)) => Some(*count),
            _ => None,
        }
    }

    /// The rows of a `select`. Columns that were not selected keep their default.
    pub fn rows<T: Table>(&self, operation: OperationId) -> Result<Vec<(Uuid, T)>, SelectError> {
        let Some(OperationResult::Selected(rows)) = self.results.get(operation.0) else {
            return Err(SelectError::NotASelect);
        };
        rows.iter().map(decode_row).collect()
    }
}

fn decode_row<T: Table>(members: &Map<String, Value>) -> Result<(Uuid, T), SelectError> {
    let mut row = T::default();
    let mut uuid = Uuid::ZERO;
    for (name, value) in members {
        let fail = |reason| SelectError::Column { table: T::NAME, column: name.clone(), reason };
        if name == "_uuid" {
            let atom = Atom::parse(value, AtomicType::Uuid, NamedUuids::Refuse).map_err(fail)?;
            uuid = Uuid::from_atom(&atom).unwrap_or_default();
        } else if let Some(info) = T::COLUMNS.iter().find(|info| info.name == name) {
            let shape: &Shape = &info.shape;
            let datum = Datum::parse(value, shape, NamedUuids::Refuse).map_err(fail)?;
            row.set_column(name, &datum).map_err(fail)?;
        }
    }
    Ok((uuid, row))
}

impl Receipt {
    /// Reads the reply: the `result` of the response, or its `error`.
    pub fn read(&self, reply: Result<Value, Value>) -> Result<Outcome, TransactionError> {
        let results = match reply {
            Ok(Value::Array(results)) => results,
            Ok(_) => return Err(TransactionError::Malformed("the result is not an array".into())),
            Err(error) => {
                let (error, details) = error_text(&error);
                return Err(TransactionError::Refused { error, details });
            }
        };
        for (index, result) in results.iter().enumerate() {
            if result.get("error").is_some_and(|error| !error.is_null()) {
                return Err(self.failure(index, result));
            }
        }
        if results.len() != self.operations.len() {
            let text = format!("{} results for {} operations", results.len(), self.operations.len());
            return Err(TransactionError::Malformed(text));
        }
        let pairs = results.into_iter().zip(&self.operations).enumerate();
        let read = pairs.map(|(index, (result, (name, _)))| read_result(index, result, name));
        Ok(Outcome { results: read.collect::<Result<_, _>>()? })
    }

    fn failure(&self, index: usize, result: &Value) -> TransactionError {
        let (error, details) = error_text(result);
        match self.operations.get(index) {
            None => TransactionError::Commit { error, details },
            Some((name, table)) => {
                let operation = operation_text(name, *table);
                TransactionError::Operation { index, operation, error, details }
            }
        }
    }
}

pub(super) fn operation_text(name: &str, table: Option<&str>) -> String {
    table.map_or_else(|| name.to_owned(), |table| format!("{name} of {table}"))
}

fn read_result(index: usize, result: Value, name: &str) -> Result<OperationResult, TransactionError> {
    let malformed = || TransactionError::Malformed(format!("result {index} does not fit a {name}"));
    let Value::Object(mut members) = result else { return Err(malformed()) };
    match name {
        "insert" => {
            let uuid = members.get("uuid").ok_or_else(malformed)?;
            let atom = Atom::parse(uuid, AtomicType::Uuid, NamedUuids::Refuse).map_err(|_| malformed())?;
            Uuid::from_atom(&atom).map(OperationResult::Inserted).ok_or_else(malformed)
        }
        "update" | "mutate" | "delete" => {
            members.get("count").and_then(Value::as_u64).map(OperationResult::Count).ok_or_else(malformed)
        }
        "select" => {
            let Some(Value::Array(rows)) = members.remove("rows") else { return Err(malformed()) };
            let row = |row| if let Value::Object(row) = row { Ok(row) } else { Err(malformed()) };
            Ok(OperationResult::Selected(rows.into_iter().map(row).collect::<Result<_, _>>()?))
        }
        _ => Ok(OperationResult::Done),
    }
}

/// The code and the explanation of an error object or an error string, cut to a bearable length.
fn error_text(error: &Value) -> (String, String) {
    let cut = |text: &str| text.chars().take(MAX_DETAILS_CHARS).collect::<String>();
    let member = |name| error.get(name).and_then(Value::as_str).map(cut);
    let code = member("error").or_else(|| error.as_str().map(cut));
    (
        code.unwrap_or_else(|| "unspecified error".into()),
        member("details").unwrap_or_else(|| "no details".into()),
    )
}
