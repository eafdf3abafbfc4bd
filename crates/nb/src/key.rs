//! Keys of rows, and the numbers by which stores tell states apart.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use bytes::Bytes;
use model::{Object, RowId, Table, Topic};

/// The name of a table: one of the model's, or one of our own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableName(Cow<'static, str>);

impl TableName {
    /// A table of our own. The name has no slash, dot or brace: keys of some store are made of it.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }

    /// A table whose name was read.
    #[must_use]
    pub const fn from_text(name: String) -> Self {
        Self(Cow::Owned(name))
    }

    /// Whether keys can be made of it in every store.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        !self.0.is_empty() && !self.0.contains(['/', '.', '{', '}'])
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The table of the model that has this name.
    #[must_use]
    pub fn model(&self) -> Option<Table> {
        Table::from_name(&self.0)
    }
}

impl From<Table> for TableName {
    fn from(table: Table) -> Self {
        Self::new(table.name())
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Names a row.
///
/// The topic helps stores that partition by it to find the row; it does not make another row of it.
#[derive(Debug, Clone)]
pub struct Key {
    /// The table.
    pub table: TableName,
    /// The id, which no other row of the table has.
    pub id: RowId,
    /// The topic, where it is known and the table has topics.
    pub topic: Option<Topic>,
}

impl Key {
    /// The row of `table` with this id.
    pub fn new(table: impl Into<TableName>, id: RowId) -> Self {
        Self { table: table.into(), id, topic: None }
    }

    /// The same key with a topic.
    #[must_use]
    pub fn with_topic(self, topic: Topic) -> Self {
        Self { topic: Some(topic), ..self }
    }

    /// The key of an object.
    #[must_use]
    pub fn of(object: &Object) -> Self {
        Self { table: object.table().into(), id: object.id().clone(), topic: object.topic() }
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id && self.table == other.table
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.table.hash(state);
        self.id.hash(state);
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        self.table.cmp(&other.table).then_with(|| self.id.cmp(&other.id))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "row {} of table {}", self.id, self.table)
    }
}

/// A state of the whole store. Later states have larger numbers; numbers of different stores mean nothing to each other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(pub u64);

/// A state of one row: equal stamps mean that nobody wrote the row in between. Otherwise opaque.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Stamp(pub u64);

/// A lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeaseId(pub i64);

/// A row as the store holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its key.
    pub key: Key,
    /// Its text; JSON where the table is one of the model's.
    pub value: Bytes,
    /// Its state.
    pub stamp: Stamp,
}
