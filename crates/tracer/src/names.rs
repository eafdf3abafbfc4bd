//! Objects as people call them: what they are, their id, their name.

use std::fmt;

use model::{Object, RowId, Table};
use serde::Serialize;

/// An object, as people call it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Name {
    /// What kind of object it is.
    pub kind: &'static str,
    /// Its id.
    pub id: String,
    /// Its name, where somebody gave it one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

impl Name {
    /// The name of a row, of which nothing more may be known.
    #[must_use]
    pub fn new(table: Table, id: &RowId, row: Option<&Object>) -> Self {
        let name = row.and_then(|row| row.to_value().get("name")?.as_str().map(str::to_owned));
        Self { kind: kind(table), id: id.to_string(), name: name.filter(|name| !name.is_empty()) }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) if *name != self.id => write!(f, "{} {name} ({})", self.kind, self.id),
            _ => write!(f, "{} {}", self.kind, self.id),
        }
    }
}

/// What people call the rows of a table.
const fn kind(table: Table) -> &'static str {
    match table {
        Table::LogicalPort => "port",
        Table::LogicalSwitch => "network",
        Table::LogicalRouter => "router",
        Table::Chassis => "host",
        Table::Subnet => "subnet",
        Table::SecurityGroup => "security group",
        Table::QosPolicy => "QoS policy",
        Table::FloatingIp => "floating IP",
        other => other.name(),
    }
}
