//! Ids of rows, and topics.
//!
//! Most ids are UUIDs and a view holds hundreds of thousands of them, so a UUID in its canonical spelling
//! (lower case, hyphens; project ids have none) is kept as its sixteen bytes, without a heap allocation. Any other
//! text is kept as it is: chassis are named by their host, and nothing forbids other names. What was read is
//! written back letter by letter.
//!
//! [`RowId`] is an id of any table, [`Id`] one of a known table: the type checker refuses a switch where a port is
//! meant. Order is total and stable, but not that of the text.

use std::cmp::Ordering;
use std::convert::Infallible;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;
use uuid::Uuid;

/// No row has an empty id: stores could not name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("an id must not be empty")]
pub struct EmptyId;

/// A text that is a UUID more often than not.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Compact {
    /// `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx`
    Hyphenated([u8; 16]),
    /// The same without hyphens, as Keystone writes project ids.
    Simple([u8; 16]),
    Text(Box<str>),
}

impl Compact {
    fn new(text: &str) -> Self {
        if let Ok(uuid) = Uuid::try_parse(text) {
            let mut buffer = Uuid::encode_buffer();
            if uuid.hyphenated().encode_lower(&mut buffer) == text {
                return Self::Hyphenated(uuid.into_bytes());
            }
            if uuid.simple().encode_lower(&mut buffer) == text {
                return Self::Simple(uuid.into_bytes());
            }
        }
        Self::Text(text.into())
    }

    fn with_str<R>(&self, read: impl FnOnce(&str) -> R) -> R {
        let mut buffer = Uuid::encode_buffer();
        match self {
            Self::Hyphenated(bytes) => read(Uuid::from_bytes(*bytes).hyphenated().encode_lower(&mut buffer)),
            Self::Simple(bytes) => read(Uuid::from_bytes(*bytes).simple().encode_lower(&mut buffer)),
            Self::Text(text) => read(text),
        }
    }
}

/// The id of a row of any table.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowId(Compact);

impl RowId {
    /// The id with this text.
    ///
    /// # Errors
    /// When the text is empty.
    pub fn new(text: &str) -> Result<Self, EmptyId> {
        if text.is_empty() { Err(EmptyId) } else { Ok(Self(Compact::new(text))) }
    }

    /// The id that is this UUID.
    #[must_use]
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(Compact::Hyphenated(uuid.into_bytes()))
    }

    /// Gives the text to `read`, without allocating.
    pub fn with_str<R>(&self, read: impl FnOnce(&str) -> R) -> R {
        self.0.with_str(read)
    }
}

/// What stores and publishers partition by: a project, or the computed topic of a table. May be empty.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Topic(Compact);

impl Topic {
    /// The topic with this text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(Compact::new(text))
    }

    /// Whether the text is empty, as the original leaves it for ports that belong to no project.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        matches!(&self.0, Compact::Text(text) if text.is_empty())
    }

    /// Gives the text to `read`, without allocating.
    pub fn with_str<R>(&self, read: impl FnOnce(&str) -> R) -> R {
        self.0.with_str(read)
    }
}

/// The id of a row of the table that `T` is in.
pub struct Id<T> {
    row: RowId,
    table: PhantomData<fn() -> T>,
}

impl<T> Id<T> {
    /// The id with this text.
    ///
    /// # Errors
    /// When the text is empty.
    pub fn new(text: &str) -> Result<Self, EmptyId> {
        RowId::new(text).map(Self::from_row)
    }

    /// The id that is this UUID.
    #[must_use]
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self::from_row(RowId::from_uuid(uuid))
    }

    /// The id, of which the caller knows the table.
    #[must_use]
    pub const fn from_row(row: RowId) -> Self {
        Self { row, table: PhantomData }
    }

    /// The id, without its table.
    #[must_use]
    pub const fn row(&self) -> &RowId {
        &self.row
    }

    /// Gives the text to `read`, without allocating.
    pub fn with_str<R>(&self, read: impl FnOnce(&str) -> R) -> R {
        self.row.with_str(read)
    }
}

impl<T> Clone for Id<T> {
    fn clone(&self) -> Self {
        Self::from_row(self.row.clone())
    }
}

impl<T> PartialEq for Id<T> {
    fn eq(&self, other: &Self) -> bool {
        self.row == other.row
    }
}

impl<T> Eq for Id<T> {}

impl<T> PartialOrd for Id<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Id<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.row.cmp(&other.row)
    }
}

impl<T> Hash for Id<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.row.hash(state);
    }
}

/// Is the text it stands for wherever text is wanted.
macro_rules! text_like {
    ($([$($generic:ident)?] $name:ty),*) => {$(
        impl$(<$generic>)? fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.with_str(|text| f.pad(text))
            }
        }

        impl$(<$generic>)? fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.with_str(|text| fmt::Debug::fmt(text, f))
            }
        }

        impl$(<$generic>)? Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                self.with_str(|text| serializer.serialize_str(text))
            }
        }

        impl<'de, $($generic)?> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }

        impl$(<$generic>)? PartialEq<str> for $name {
            fn eq(&self, other: &str) -> bool {
                self.with_str(|text| text == other)
            }
        }
    )*};
}

text_like!([] RowId, [] Topic, [T] Id<T>);

impl FromStr for RowId {
    type Err = EmptyId;

    fn from_str(text: &str) -> Result<Self, EmptyId> {
        Self::new(text)
    }
}

impl<T> FromStr for Id<T> {
    type Err = EmptyId;

    fn from_str(text: &str) -> Result<Self, EmptyId> {
        Self::new(text)
    }
}

impl FromStr for Topic {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self::new(text))
    }
}

impl From<&str> for Topic {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

#[cfg(test)]
mod tests;
