//! The conditions of a `where` clause, checked before any row is looked at.

use serde_json::Value;

use super::database::{Failure, RowContent};
use super::execute::{UUID_SHAPE, column, invalid, syntax};
use super::names::Names;
use crate::datum::{Datum, Shape};
use crate::schema::TableSchema;
use crate::value::{Atom, AtomicType, Uuid};

/// One condition.
#[derive(Debug)]
pub(super) enum Condition<'a> {
    /// `true` or `false`, which Open vSwitch takes in place of a comparison.
    Constant(bool),
    Compare {
        column: &'a str,
        shape: Shape,
        function: &'a str,
        operand: Datum,
    },
}

impl<'a> Condition<'a> {
    pub(super) fn parse(table: &TableSchema, names: &Names, value: &'a Value) -> Result<Self, Failure> {
        if let Value::Bool(constant) = value {
            return Ok(Self::Constant(*constant));
        }
        let Some([Value::String(name), Value::String(function), operand]) =
            value.as_array().map(Vec::as_slice)
        else {
            return Err(syntax("a condition is not [column, function, value]"));
        };
        let shape = if name == "_uuid" { UUID_SHAPE } else { column(table, name)?.shape };
        let is_scalar = shape == Shape::scalar(shape.key);
        let accepted = match function.as_str() {
            "==" | "!=" => shape,
            "includes" | "excludes" if is_scalar => shape,
            "includes" => Shape { min: 0, ..shape },
            "excludes" => Shape { min: 0, max: None, ..shape },
            "<" | "<=" | ">" | ">=" => {
                let is_number = matches!(shape.key, AtomicType::Integer | AtomicType::Real);
                if shape.is_composite() || shape.value.is_some() || !is_number {
                    return Err(syntax(format!("{function} does not apply to column {name}")));
                }
                Shape::scalar(shape.key)
            }
            _ => return Err(Failure::new("unknown function", format!("no function named {function}"))),
        };
        let operand = names.datum(operand, &accepted).and_then(|datum| accepted.check(datum));
        let operand = operand.map_err(|error| invalid(name, &error))?;
        Ok(Self::Compare { column: name, shape, function, operand })
    }

    pub(super) fn holds(&self, uuid: Uuid, row: &RowContent) -> bool {
        let (column, shape, function, operand) = match self {
            Self::Constant(constant) => return *constant,
            Self::Compare { column, shape, function, operand } => (*column, shape, *function, operand),
        };
        let found = match (column, row.get(column)) {
            ("_uuid", _) => &Datum::scalar(Atom::Uuid(uuid)),
            (_, Some(found)) => found,
            (_, None) => &Datum::default_for(shape),
        };
        // An unset optional number is neither less nor greater than anything.
        match function {
            "==" => found == operand,
            "!=" => found != operand,
            "includes" => includes(found, operand),
            "excludes" => excludes(found, operand),
            "<" => !found.is_empty() && found < operand,
            "<=" => !found.is_empty() && found <= operand,
            ">" => !found.is_empty() && found > operand,
            _ => !found.is_empty() && found >= operand,
        }
    }
}

fn includes(found: &Datum, operand: &Datum) -> bool {
    match (found, operand) {
        (Datum::Set(found), Datum::Set(operand)) => {
            operand.as_slice().iter().all(|atom| found.contains(atom))
        }
        (Datum::Map(found), Datum::Map(operand)) => {
            operand.as_slice().iter().all(|(key, value)| found.get(key) == Some(value))
        }
        _ => false,
    }
}

fn excludes(found: &Datum, operand: &Datum) -> bool {
    match (found, operand) {
        (Datum::Set(found), Datum::Set(operand)) => {
            !operand.as_slice().iter().any(|atom| found.contains(atom))
        }
        (Datum::Map(found), Datum::Map(operand)) => {
            !operand.as_slice().iter().any(|(key, value)| found.get(key) == Some(value))
        }
        _ => false,
    }
}
