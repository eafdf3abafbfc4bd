//! Under which keys stores hold rows and counters, letter by letter as the original.
//!
//! | store | row | counter of unique keys |
//! |---|---|---|
//! | etcd | `/lport/<id>` | `/unique_key/lport` |
//! | Redis | `{lport.<topic>}<id>` | `{unique_key.}lport` |
//! | ZooKeeper | `/openstack/lport/<id>` | `/openstack/unique_key/lport` |
//!
//! Redis hashes what stands in braces, so that a cluster keeps all rows of one table and topic on one node; only there
//! the topic is part of the key. [`Layout::parse`] undoes what the others do, for whoever reads keys from a watch or
//! a scan.

use thiserror::Error;

use crate::{Object, RowId, Table, Topic};

/// Takes the place of a table in the keys of counters.
const COUNTERS: &str = "unique_key";
const ZOOKEEPER_ROOT: &str = "/openstack";

/// How a kind of store names its keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// Paths; also our embedded store.
    Etcd,
    /// A hash tag of table and topic, then the id.
    Redis,
    /// Nodes below `/openstack`.
    ZooKeeper,
}

/// What a key names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    /// A row.
    Row {
        /// Its table.
        table: Table,
        /// Its id.
        id: RowId,
        /// Its topic, where the key says so; empty for rows without one.
        topic: Option<Topic>,
    },
    /// The counter of unique keys of a table.
    Counter(Table),
}

/// A row has no key in a store.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum KeyError {
    /// ZooKeeper would take the slash for another level.
    #[error(
        "row {id} of table {table} has a slash in its id, which ZooKeeper cannot hold: use another store"
    )]
    Slash {
        /// The table.
        table: Table,
        /// The row.
        id: RowId,
    },
    /// Redis would take the brace for the end of the hash tag.
    #[error("topic {topic} has a closing brace in it, which Redis cannot hold: use another store")]
    Brace {
        /// The topic.
        topic: Topic,
    },
}

impl Layout {
    /// All layouts.
    pub const ALL: [Self; 3] = [Self::Etcd, Self::Redis, Self::ZooKeeper];

    /// The key of a row.
    ///
    /// # Errors
    /// When the store cannot hold a row with such an id or topic.
    pub fn object_key(self, object: &Object) -> Result<String, KeyError> {
        self.row_key(object.table(), object.id(), object.topic().as_ref())
    }

    /// The key of the row of `table` with this id and topic. Only Redis needs to know the topic.
    ///
    /// # Errors
    /// When the store cannot hold a row with such an id or topic.
    pub fn row_key(self, table: Table, id: &RowId, topic: Option<&Topic>) -> Result<String, KeyError> {
        match self {
            Self::Redis => {
                let tag = |topic: Option<&Topic>| topic.map(ToString::to_string).unwrap_or_default();
                let tag = tag(topic);
                match topic {
                    Some(topic) if tag.contains('}') => Err(KeyError::Brace { topic: topic.clone() }),
                    _ => Ok(format!("{{{table}.{tag}}}{id}")),
                }
            }
            Self::ZooKeeper if id.with_str(|id| id.contains('/')) => {
                Err(KeyError::Slash { table, id: id.clone() })
            }
            Self::Etcd | Self::ZooKeeper => Ok(format!("{}{id}", self.table_prefix(table))),
        }
    }

    /// What the keys of all rows of `table` begin with, whatever their topic.
    #[must_use]
    pub fn table_prefix(self, table: Table) -> String {
        match self {
            Self::Etcd => format!("/{table}/"),
            Self::Redis => format!("{{{table}."),
            Self::ZooKeeper => format!("{ZOOKEEPER_ROOT}/{table}/"),
        }
    }

    /// The key of the counter of `table`, where [`Table::has_unique_key`]; its value is a decimal number, the last
    /// that was given.
    #[must_use]
    pub fn counter_key(self, table: Table) -> String {
        match self {
            Self::Etcd => format!("/{COUNTERS}/{table}"),
            Self::Redis => format!("{{{COUNTERS}.}}{table}"),
            Self::ZooKeeper => format!("{ZOOKEEPER_ROOT}/{COUNTERS}/{table}"),
        }
    }

    /// What `key` names; `None` when it is none of ours.
    #[must_use]
    pub fn parse(self, key: &str) -> Option<Named> {
        let path = match self {
            Self::Etcd => key,
            Self::ZooKeeper => key.strip_prefix(ZOOKEEPER_ROOT)?,
            Self::Redis => {
                let (tag, rest) = key.strip_prefix('{')?.split_once('}')?;
                let (table, topic) = tag.split_once('.')?;
                return named(table, rest, Some(topic));
            }
        };
        let (table, rest) = path.strip_prefix('/')?.split_once('/')?;
        if self == Self::ZooKeeper && rest.contains('/') {
            return None;
        }
        named(table, rest, None)
    }
}

fn named(table: &str, rest: &str, topic: Option<&str>) -> Option<Named> {
    if table == COUNTERS {
        return topic.is_none_or(str::is_empty).then(|| Table::from_name(rest).map(Named::Counter))?;
    }
    let table = Table::from_name(table)?;
    Some(Named::Row { table, id: RowId::new(rest).ok()?, topic: topic.map(Topic::new) })
}

#[cfg(test)]
mod tests;
