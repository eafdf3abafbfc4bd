//! Why a row cannot be read.
//!
//! An error names the table, the row, the member, what was found there and what was expected, so that somebody who
//! sees it in a log finds the bad row and its writer. What is quoted is bounded: a hostile row does not fill a log.

use std::borrow::Cow;

use serde_json::Value;
use thiserror::Error;

use crate::Table;

/// A row longer than this many bytes is not parsed. Stores refuse far shorter ones (etcd 1.5 MiB, ZooKeeper 1 MiB).
pub const MAX_ROW_BYTES: usize = 4 << 20;

/// Of a value that is wrong, an error quotes this many characters.
pub const MAX_QUOTED_CHARS: usize = 80;

/// A row cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// Nothing reasonable is as long.
    #[error("row of table {table}: {bytes} bytes are more than the {MAX_ROW_BYTES} that a row may have")]
    TooLong {
        /// The table.
        table: Table,
        /// How long it is.
        bytes: usize,
    },
    /// The text is not JSON.
    #[error("row of table {table}: invalid JSON at byte {offset}: {reason}")]
    Syntax {
        /// The table.
        table: Table,
        /// Where it ceases to be.
        offset: usize,
        /// What the JSON parser says.
        reason: String,
    },
    /// A member is missing or wrong.
    #[error("row {id} of table {table}: {problem}")]
    Member {
        /// The table.
        table: Table,
        /// The id of the row, as far as it has one.
        id: String,
        /// Which member, and what is wrong with it.
        problem: Problem,
    },
}

/// What is wrong with a member.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}: expected {expected}, found {found}", if path.is_empty() { "the row" } else { path })]
pub struct Problem {
    /// The way to the member, as `rules[2].protocol`; empty for the row as a whole.
    pub path: String,
    /// What would have been right.
    pub expected: Cow<'static, str>,
    /// What is there, shortened.
    pub found: String,
}

impl Problem {
    pub(crate) fn new(expected: impl Into<Cow<'static, str>>, found: &Value) -> Self {
        Self { path: String::new(), expected: expected.into(), found: quote(&found.to_string()) }
    }

    /// A member is not there that the others demand.
    pub(crate) fn missing(path: &str, expected: impl Into<Cow<'static, str>>) -> Self {
        Self { path: path.to_owned(), expected: expected.into(), found: "nothing".to_owned() }
    }

    /// The problem as seen from the record around it.
    pub(crate) fn within(mut self, outer: &str) -> Self {
        let separator = if self.path.is_empty() || self.path.starts_with('[') { "" } else { "." };
        self.path = format!("{outer}{separator}{}", self.path);
        self
    }
}

pub(crate) fn quote(text: &str) -> String {
    match text.char_indices().nth(MAX_QUOTED_CHARS) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

impl DecodeError {
    pub(crate) fn syntax(table: Table, text: &str, error: &serde_json::Error) -> Self {
        let lines_before = error.line().saturating_sub(1);
        let before: usize = text.split_inclusive('\n').take(lines_before).map(str::len).sum();
        let at_end = error.is_eof().then_some(text.len());
        let offset = at_end.unwrap_or_else(|| before.saturating_add(error.column().saturating_sub(1)));
        Self::Syntax { table, offset, reason: error.to_string() }
    }

    pub(crate) fn member(table: Table, row: &Value, problem: Problem) -> Self {
        let id = match row.get("id") {
            Some(Value::String(id)) => quote(id),
            _ => "without id".to_owned(),
        };
        Self::Member { table, id, problem }
    }
}
