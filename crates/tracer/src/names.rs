//! Objects as people call them: what they are, their id, their name.
//!
//! Most objects are rows. Some are parts of rows that have an id of their own (the rules of a security group), and some are
//! several rows together (the groups of a port): these are found by what the rows say, without knowing which tables have any.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::fmt;

use model::{Object, RowId, Table};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::cloud::Cloud;

/// What stands between the ids of several rows that are one owner of a number.
const SEPARATOR: char = '+';

/// Members of a part that say nothing of it to people.
const UNSAID: [&str; 5] = ["id", "topic", "version", "unique_key", "security_group_id"];

/// Members in which rows name the port that they are about.
const OF_PORT: [&str; 2] = ["port", "lport"];

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
    /// What it is a part of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of: Option<Box<Name>>,
    /// What it says, where that is short: the members of a rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub says: Option<String>,
}

/// Parts of rows that have ids of their own, looked for once.
#[derive(Debug, Default)]
pub(crate) struct Parts(OnceCell<BTreeMap<String, Name>>);

impl Name {
    /// The name of a row, of which nothing more may be known.
    #[must_use]
    pub fn new(table: Table, id: &RowId, row: Option<&Object>) -> Self {
        let name = row.and_then(|row| row.to_value().get("name")?.as_str().map(str::to_owned));
        Self { name: name.filter(|name| !name.is_empty()), ..Self::of_kind(kind(table), id.to_string()) }
    }

    fn of_kind(kind: &'static str, id: String) -> Self {
        Self { kind, id, name: None, of: None, says: None }
    }

    /// A part of a row, if it has an id.
    fn part(value: &Value, of: &Self) -> Option<Self> {
        let members = value.as_object()?;
        let id = members.get("id")?.as_str()?.to_owned();
        let name = members.get("name").and_then(Value::as_str).map(str::to_owned);
        let (of, says) = (Some(Box::new(of.clone())), Some(said(members)));
        Some(Self { name, of, says, ..Self::of_kind("rule", id) })
    }
}

/// What the members of a part say.
fn said(members: &Map<String, Value>) -> String {
    let is_said = |(name, value): &(&String, &Value)| !UNSAID.contains(&name.as_str()) && !value.is_null();
    let words = members.iter().filter(is_said).map(|(name, value)| match value {
        Value::String(text) => format!("{name}={text}"),
        other => format!("{name}={other}"),
    });
    words.collect::<Vec<_>>().join(" ")
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) if *name != self.id => write!(f, "{} {name} ({})", self.kind, self.id)?,
            _ => write!(f, "{} {}", self.kind, self.id)?,
        }
        if let Some(says) = &self.says {
            write!(f, " ({says})")?;
        }
        match &self.of {
            Some(of) => write!(f, " of {of}"),
            None => Ok(()),
        }
    }
}

impl Cloud {
    /// A row as people call it.
    #[must_use]
    pub fn name(&self, table: Table, id: &RowId) -> Name {
        let name = Name::new(table, id, self.row(table, id));
        let of = self.row(table, id).and_then(|row| self.port_of(row));
        Name { of: of.map(Box::new), ..name }
    }

    /// The port that a row says more of, or is about.
    fn port_of(&self, row: &Object) -> Option<Name> {
        let Value::Object(members) = row.to_value() else { return None };
        let id = OF_PORT.iter().find_map(|member| members.get(*member)?.as_str())?;
        let id = RowId::new(id).ok()?;
        self.row(Table::LogicalPort, &id).map(|port| Name::new(Table::LogicalPort, &id, Some(port)))
    }

    /// What a unit of the engine is about.
    pub(crate) fn name_of_subject(&self, table: Option<Table>, id: &RowId) -> Name {
        table.map_or_else(|| self.name_of_any(id), |table| self.name(table, id))
    }

    /// Whatever has an id, where nobody says of which table: a port, another row, a part of one, or several rows.
    pub(crate) fn name_of_any(&self, id: &RowId) -> Name {
        if let Some(name) = self.name_of_row(id) {
            return name;
        }
        let text = id.to_string();
        if let Some(part) = self.parts().get(&text) {
            return part.clone();
        }
        let several = text.split(SEPARATOR).map(|id| self.name_of_row(&RowId::new(id).ok()?));
        match several.collect::<Option<Vec<Name>>>() {
            Some(rows) if rows.len() > 1 => {
                let names: Vec<String> = rows.iter().map(ToString::to_string).collect();
                Name { name: Some(names.join(" and ")), ..Name::of_kind("set of", text) }
            }
            _ => Name::of_kind("object", text),
        }
    }

    fn name_of_row(&self, id: &RowId) -> Option<Name> {
        let first = [Table::LogicalPort, Table::SecurityGroup];
        let tables = first.iter().chain(Table::ALL);
        let found = tables.copied().find_map(|table| self.row(table, id).map(|row| (table, row)));
        found.map(|(table, row)| Name::new(table, id, Some(row)))
    }

    fn parts(&self) -> &BTreeMap<String, Name> {
        self.parts.0.get_or_init(|| {
            let mut parts = BTreeMap::new();
            // Of ports there are many, and none of their parts has an id.
            for row in self.rows().filter(|row| row.table() != Table::LogicalPort) {
                let Value::Object(members) = row.to_value() else { continue };
                let owner = owner_of(row, &members).and_then(|owner| self.name_of_row(&owner));
                let of = owner.unwrap_or_else(|| Name::new(row.table(), row.id(), Some(row)));
                let lists = members.values().filter_map(Value::as_array).flatten();
                parts.extend(lists.filter_map(|value| {
                    let part = Name::part(value, &of)?;
                    Some((part.id.clone(), part))
                }));
            }
            parts
        })
    }
}

/// The row that a row of our own says more of: people know that one.
fn owner_of(row: &Object, members: &Map<String, Value>) -> Option<RowId> {
    let base = row.table().name().strip_suffix("_extra")?;
    RowId::new(members.get(base)?.as_str()?).ok()
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
        Table::AddressGroup => "address group",
        Table::QosPolicy => "QoS policy",
        Table::FloatingIp => "floating IP",
        other => other.name(),
    }
}
