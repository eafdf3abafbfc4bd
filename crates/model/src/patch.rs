//! Changes of some members of a row.
//!
//! The original's updates name the members to change: what is not named stays, what is null is removed (a list
//! becomes empty), and a structure or list is replaced as a whole, never merged.

use serde_json::{Map, Value};

use crate::{DecodeError, Model, Problem, Table, Timestamp, json, lifecycle};

/// New values for some members of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patch {
    table: Table,
    members: Map<String, Value>,
}

impl Patch {
    /// A change of the row of `table` with the id that `members` names.
    ///
    /// # Errors
    /// When a member does not exist in the table, or the id is missing.
    pub fn new(table: Table, members: Map<String, Value>) -> Result<Self, DecodeError> {
        let wrong = |problem| {
            let row =
                members.get("id").map(|id| Value::Object(Map::from_iter([("id".to_owned(), id.clone())])));
            DecodeError::member(table, &row.unwrap_or_default(), problem)
        };
        if !members.get("id").is_some_and(Value::is_string) {
            return Err(wrong(Problem::missing("id", "an id")));
        }
        let stranger =
            members.iter().find(|(name, _)| table.fields().iter().all(|field| field.name != *name));
        if let Some((name, value)) = stranger {
            let problem = Problem::new("a member that the table has", value);
            return Err(wrong(problem.within(&crate::error::quote(name))));
        }
        Ok(Self { table, members })
    }

    /// The table of the row.
    #[must_use]
    pub const fn table(&self) -> Table {
        self.table
    }

    /// The row `stored` with the change, ready to be stored; `None` when nothing changes.
    ///
    /// # Errors
    /// When the result would not be a row of the table, or `stored` is another row.
    pub fn apply<M: Model>(&self, stored: &M, now: &Timestamp) -> Result<Option<M>, DecodeError> {
        let mut row = serde_json::to_value(stored).expect("members have string keys");
        let same = M::TABLE == self.table && row.get("id") == self.members.get("id");
        if !same {
            let target = self.members.get("id").cloned().unwrap_or_default();
            let problem = Problem::new("the change of this row", &target).within("id");
            return Err(DecodeError::member(M::TABLE, &row, problem));
        }
        if let Value::Object(members) = &mut row {
            members.extend(self.members.iter().map(|(name, value)| (name.clone(), value.clone())));
        }
        let changed = json::from_value(M::TABLE, &row)?;
        Ok(lifecycle::on_update(stored, changed, now))
    }
}

#[cfg(test)]
mod tests;
