//! The tables, and what holds for all rows of one.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::quote;
use crate::object::for_each_table;
use crate::{FieldSpec, Model, Record, Strength, objects};

/// Where the topic of a row comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TopicRule {
    /// It is a member of the row.
    Stored,
    /// It follows from the id.
    Computed,
    /// Rows have none: they concern everybody.
    None,
}

macro_rules! declare_tables {
    ($($(#[$meta:meta])* $model:ident = $name:literal,)+) => {
        /// A table of the northbound store.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Table {
            $($(#[$meta])* $model,)+
        }

        impl Table {
            /// All tables.
            pub const ALL: &'static [Self] = &[$(Self::$model,)+];

            /// Its name in keys and messages.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$model => $name,)+
                }
            }

            /// The table with this name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$model),)+
                    _ => None,
                }
            }

            /// The original's name of the class of its rows.
            #[must_use]
            pub const fn class(self) -> &'static str {
                match self {
                    $(Self::$model => objects::$model::NAME,)+
                }
            }

            /// The members of its rows.
            #[must_use]
            pub const fn fields(self) -> &'static [FieldSpec] {
                match self {
                    $(Self::$model => objects::$model::FIELDS,)+
                }
            }

            /// The names of its indexes.
            #[must_use]
            pub const fn indexes(self) -> &'static [&'static str] {
                match self {
                    $(Self::$model => objects::$model::INDEXES,)+
                }
            }

            /// Where the topics of its rows come from.
            #[must_use]
            pub const fn topic_rule(self) -> TopicRule {
                match self {
                    $(Self::$model => objects::$model::TOPIC_RULE,)+
                }
            }

            /// Whether the original knows the table; the others are ours, and it never sees their rows.
            #[must_use]
            pub const fn is_original(self) -> bool {
                match self {
                    $(Self::$model => objects::$model::IS_ORIGINAL,)+
                }
            }

            /// Whether its rows count their changes.
            #[must_use]
            pub const fn is_versioned(self) -> bool {
                match self {
                    $(Self::$model => objects::$model::IS_VERSIONED,)+
                }
            }

            /// Whether its rows get a number from the table's counter.
            #[must_use]
            pub const fn has_unique_key(self) -> bool {
                match self {
                    $(Self::$model => objects::$model::HAS_UNIQUE_KEY,)+
                }
            }
        }
    };
}

for_each_table!(declare_tables);

impl Table {
    /// The tables whose rows have to be known before those of this one are of use, in order, each once.
    #[must_use]
    pub fn dependencies(self) -> Vec<Self> {
        let mut tables = Vec::new();
        for field in self.fields() {
            field.visit_references(&mut |table, strength| {
                if strength == Strength::Strong && table != self {
                    tables.push(table);
                }
            });
        }
        tables.sort_unstable();
        tables.dedup();
        tables
    }

    /// All tables, each behind those it depends on. Reading in this order finds every strong reference resolved;
    /// deleting in the opposite order never leaves one dangling.
    #[must_use]
    pub fn dependency_order() -> Vec<Self> {
        let mut order: Vec<Self> = Vec::with_capacity(Self::ALL.len());
        while let Some(next) = Self::ALL.iter().find(|table| {
            !order.contains(table) && table.dependencies().iter().all(|needed| order.contains(needed))
        }) {
            order.push(*next);
        }
        order
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Serialize for Table {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Table {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let unknown = || serde::de::Error::custom(format_args!("there is no table {:?}", quote(&name)));
        Self::from_name(&name).ok_or_else(unknown)
    }
}

#[cfg(test)]
mod tests;
