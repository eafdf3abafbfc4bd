//! Database schemas: what `get_schema` returns and `.ovsschema` files hold.
//!
//! Parsed strictly enough to type-check rows, to generate the model and to run the in-memory test server:
//! tables, columns, [`Shape`]s, constraints and references. Unknown members are ignored, since newer servers
//! may add some; a type that we cannot interpret is an error that names its table and column.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use thiserror::Error;

use crate::datum::{Datum, Shape};
use crate::value::{Atom, AtomicType, NamedUuids, Real, ValueError};

/// A whole database.
#[derive(Debug, Clone, PartialEq)]
pub struct DatabaseSchema {
    pub name: String,
    pub version: String,
    pub tables: BTreeMap<String, TableSchema>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct TableSchema {
    pub columns: BTreeMap<String, ColumnSchema>,
    /// Rows of other tables disappear when nothing refers to them any more.
    pub is_root: bool,
    pub max_rows: Option<u64>,
    /// Sets of columns that together must be unique.
    pub indexes: Vec<Vec<String>>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ColumnSchema {
    pub shape: Shape,
    pub key: BaseType,
    /// Constraints on the values of a map.
    pub value: Option<BaseType>,
    pub ephemeral: bool,
    pub mutable: bool,
}

/// What an atom has to satisfy beyond its type.
#[derive(Debug, Clone, PartialEq)]
pub struct BaseType {
    pub atomic: AtomicType,
    pub constraint: Constraint,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Constraint {
    None,
    OneOf(Vec<Atom>),
    IntegerRange { min: i64, max: i64 },
    RealRange { min: Option<Real>, max: Option<Real> },
    StringLength { min: u64, max: u64 },
    References { table: String, strong: bool },
}

/// Why a schema cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("invalid schema at {place}: {reason}")]
pub struct SchemaError {
    place: String,
    reason: String,
}

impl SchemaError {
    fn new(place: &str, reason: impl Into<String>) -> Self {
        Self { place: place.to_owned(), reason: reason.into() }
    }
}

impl DatabaseSchema {
    /// Parses the text of an `.ovsschema` file.
    pub fn parse(text: &str) -> Result<Self, SchemaError> {
        let value: Value =
            serde_json::from_str(text).map_err(|error| SchemaError::new("the file", error.to_string()))?;
        Self::from_json(&value)
    }

    /// Reads the result of `get_schema`.
    pub fn from_json(value: &Value) -> Result<Self, SchemaError> {
        let schema = object(value, "schema")?;
        let mut tables = BTreeMap::new();
        for (name, table) in object(required(schema, "tables", "schema")?, "tables")? {
            tables.insert(name.clone(), TableSchema::from_json(table, name)?);
        }
        Ok(Self {
            name: string(required(schema, "name", "schema")?, "name")?,
            version: string(required(schema, "version", "schema")?, "version")?,
            tables,
        })
    }
}

impl TableSchema {
    fn from_json(value: &Value, place: &str) -> Result<Self, SchemaError> {
        let table = object(value, place)?;
        let mut columns = BTreeMap::new();
        for (name, column) in object(required(table, "columns", place)?, place)? {
            columns.insert(name.clone(), ColumnSchema::from_json(column, &format!("{place}.{name}"))?);
        }
        let mut indexes = Vec::new();
        for index in table.get("indexes").and_then(Value::as_array).into_iter().flatten() {
            let columns =
                index.as_array().ok_or_else(|| SchemaError::new(place, "an index must be an array"))?;
            indexes.push(columns.iter().map(|column| string(column, place)).collect::<Result<_, _>>()?);
        }
        Ok(Self {
            columns,
            is_root: table.get("isRoot").and_then(Value::as_bool).unwrap_or(false),
            max_rows: table.get("maxRows").and_then(Value::as_u64),
            indexes,
        })
    }
}

impl ColumnSchema {
    fn from_json(value: &Value, place: &str) -> Result<Self, SchemaError> {
        let column = object(value, place)?;
        let flag = |name, default| column.get(name).and_then(Value::as_bool).unwrap_or(default);
        let (shape, key, value) = column_type(required(column, "type", place)?, place)?;
        Ok(Self { shape, key, value, ephemeral: flag("ephemeral", false), mutable: flag("mutable", true) })
    }

    /// Checks what the type alone does not say: ranges, enumerations, lengths.
    pub fn check(&self, datum: &Datum) -> Result<(), ValueError> {
        let satisfied = match datum {
            Datum::Set(set) => set.as_slice().iter().all(|atom| self.key.allows(atom)),
            Datum::Map(map) => map.as_slice().iter().all(|(key, value)| {
                self.key.allows(key) && self.value.as_ref().is_none_or(|base| base.allows(value))
            }),
        };
        satisfied.then_some(()).ok_or(ValueError::ConstraintViolated)
    }
}

fn column_type(value: &Value, place: &str) -> Result<(Shape, BaseType, Option<BaseType>), SchemaError> {
    let Value::Object(members) = value else {
        let key = BaseType::from_json(value, place)?;
        return Ok((Shape::scalar(key.atomic), key, None));
    };
    let key = BaseType::from_json(required(members, "key", place)?, place)?;
    let value = members.get("value").map(|value| BaseType::from_json(value, place)).transpose()?;
    let count = |value: &Value| {
        let count = value.as_u64().and_then(|count| u32::try_from(count).ok());
        count.ok_or_else(|| SchemaError::new(place, "min and max must be small non-negative integers"))
    };
    let min = members.get("min").map_or(Ok(1), count)?;
    let max = match members.get("max") {
        None => Some(1),
        Some(Value::String(word)) if word == "unlimited" => None,
        Some(value) => Some(count(value)?),
    };
    if min > 1 || max.is_some_and(|max| max < min.max(1)) {
        return Err(SchemaError::new(place, "min must be 0 or 1, and max at least 1"));
    }
    Ok((Shape { key: key.atomic, value: value.as_ref().map(|base| base.atomic), min, max }, key, value))
}

impl BaseType {
    fn from_json(value: &Value, place: &str) -> Result<Self, SchemaError> {
        let atomic = |name: &Value| {
            let name = string(name, place)?;
            name.parse::<AtomicType>().map_err(|_| SchemaError::new(place, "unknown atomic type"))
        };
        let Value::Object(members) = value else {
            return Ok(Self { atomic: atomic(value)?, constraint: Constraint::None });
        };
        let atomic = atomic(required(members, "type", place)?)?;
        Ok(Self { atomic, constraint: Constraint::from_json(atomic, members, place)? })
    }

    fn allows(&self, atom: &Atom) -> bool {
        match (&self.constraint, atom) {
            (Constraint::OneOf(allowed), atom) => allowed.contains(atom),
            (Constraint::IntegerRange { min, max }, Atom::Integer(value)) => (min..=max).contains(&value),
            (Constraint::RealRange { min, max }, Atom::Real(value)) => {
                min.is_none_or(|min| *value >= min) && max.is_none_or(|max| *value <= max)
            }
            (Constraint::StringLength { min, max }, Atom::String(value)) => {
                let length = value.chars().count() as u64;
                (*min..=*max).contains(&length)
            }
            _ => true,
        }
    }
}

impl Constraint {
    fn from_json(atomic: AtomicType, members: &Map<String, Value>, place: &str) -> Result<Self, SchemaError> {
        if let Some(allowed) = members.get("enum") {
            let set = Datum::parse(allowed, &Shape::set(atomic, 1, None), NamedUuids::Refuse)
                .map_err(|error| SchemaError::new(place, error.to_string()))?;
            return Ok(Self::OneOf(set.atoms().cloned().collect()));
        }
        let has = |names: [&str; 2]| names.iter().any(|name| members.contains_key(*name));
        let real = |name| members.get(name).and_then(Value::as_f64).and_then(Real::new);
        Ok(match atomic {
            AtomicType::Integer if has(["minInteger", "maxInteger"]) => Self::IntegerRange {
                min: members.get("minInteger").and_then(Value::as_i64).unwrap_or(i64::MIN),
                max: members.get("maxInteger").and_then(Value::as_i64).unwrap_or(i64::MAX),
            },
            AtomicType::Real if has(["minReal", "maxReal"]) => {
                Self::RealRange { min: real("minReal"), max: real("maxReal") }
            }
            AtomicType::String if has(["minLength", "maxLength"]) => Self::StringLength {
                min: members.get("minLength").and_then(Value::as_u64).unwrap_or(0),
                max: members.get("maxLength").and_then(Value::as_u64).unwrap_or(u64::MAX),
            },
            AtomicType::Uuid => match members.get("refTable") {
                None => Self::None,
                Some(table) => Self::References {
                    table: string(table, place)?,
                    strong: members.get("refType").and_then(Value::as_str) != Some("weak"),
                },
            },
            _ => Self::None,
        })
    }
}

fn object<'a>(value: &'a Value, place: &str) -> Result<&'a Map<String, Value>, SchemaError> {
    value.as_object().ok_or_else(|| SchemaError::new(place, "expected an object"))
}

fn required<'a>(members: &'a Map<String, Value>, name: &str, place: &str) -> Result<&'a Value, SchemaError> {
    members.get(name).ok_or_else(|| SchemaError::new(place, format!("lacks \"{name}\"")))
}

fn string(value: &Value, place: &str) -> Result<String, SchemaError> {
    value.as_str().map(str::to_owned).ok_or_else(|| SchemaError::new(place, "expected a string"))
}

#[cfg(test)]
mod tests;
