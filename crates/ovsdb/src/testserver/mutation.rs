//! The mutations of a `mutate` operation, checked before any row is looked at.

use serde_json::Value;

use super::database::Failure;
use super::execute::{column, invalid, syntax};
use super::names::Names;
use crate::datum::{AtomSet, Datum, Shape};
use crate::schema::{ColumnSchema, TableSchema};
use crate::value::{Atom, AtomicType, Real};

/// One mutation.
#[derive(Debug)]
pub(super) struct Mutation<'a> {
    pub(super) name: &'a str,
    column: &'a ColumnSchema,
    mutator: &'a str,
    operand: Datum,
}

impl<'a> Mutation<'a> {
    pub(super) fn parse(table: &'a TableSchema, names: &Names, value: &'a Value) -> Result<Self, Failure> {
        let Some([Value::String(name), Value::String(mutator), operand]) =
            value.as_array().map(Vec::as_slice)
        else {
            return Err(syntax("a mutation is not [column, mutator, value]"));
        };
        let column = column(table, name)?;
        if !column.mutable {
            return Err(Failure::new("constraint violation", format!("column {name} is immutable")));
        }
        let shape = column.shape;
        let mismatch = || syntax(format!("{mutator} does not apply to column {name}"));
        let read = |shape: Shape| names.datum(operand, &shape).and_then(|datum| shape.check(datum));
        let is_scalar = shape == Shape::scalar(shape.key);
        let operand = match mutator.as_str() {
            "+=" | "-=" | "*=" | "/=" | "%=" => {
                let applies = match shape.key {
                    AtomicType::Integer => true,
                    AtomicType::Real => mutator != "%=",
                    _ => false,
                };
                if shape.value.is_some() || !applies {
                    return Err(mismatch());
                }
                read(Shape::scalar(shape.key))
            }
            "insert" | "delete" if is_scalar => return Err(mismatch()),
            "insert" => {
                read(Shape { min: 0, ..shape }).and_then(|datum| column.check(&datum).map(|()| datum))
            }
            // Pairs of a map go by key and value, or by key alone.
            "delete" => {
                let any = Shape { min: 0, max: None, ..shape };
                read(any).or_else(|error| {
                    if shape.value.is_some() { read(Shape { value: None, ..any }) } else { Err(error) }
                })
            }
            _ => return Err(Failure::new("unknown mutator", format!("no mutator named {mutator}"))),
        };
        Ok(Self { name, column, mutator, operand: operand.map_err(|error| invalid(name, &error))? })
    }

    /// The content after the mutation, checked against the type of the column.
    pub(super) fn apply(&self, old: &Datum) -> Result<Datum, Failure> {
        let new = self.compute(old).map_err(|failure| {
            let details = format!("column {}: {}", self.name, failure.details);
            Failure { details, ..failure }
        })?;
        let checked = self.column.shape.check(new).and_then(|new| self.column.check(&new).map(|()| new));
        checked
            .map_err(|error| Failure::new("constraint violation", format!("column {}: {error}", self.name)))
    }

    fn compute(&self, old: &Datum) -> Result<Datum, Failure> {
        match (self.mutator, old, &self.operand) {
            ("insert", Datum::Set(old), Datum::Set(added)) => {
                Ok(Datum::Set(old.as_slice().iter().chain(added.as_slice()).cloned().collect()))
            }
            // The last of two pairs with one key wins, and the present one is to win.
            ("insert", Datum::Map(old), Datum::Map(added)) => {
                Ok(Datum::Map(added.as_slice().iter().chain(old.as_slice()).cloned().collect()))
            }
            ("delete", Datum::Set(old), Datum::Set(gone)) => {
                let kept = old.as_slice().iter().filter(|atom| !gone.contains(atom));
                Ok(Datum::Set(kept.cloned().collect()))
            }
            ("delete", Datum::Map(old), gone) => {
                let goes = |key: &Atom, value: &Atom| match gone {
                    Datum::Set(keys) => keys.contains(key),
                    Datum::Map(pairs) => pairs.get(key) == Some(value),
                };
                let kept = old.as_slice().iter().filter(|(key, value)| !goes(key, value));
                Ok(Datum::Map(kept.cloned().collect()))
            }
            (mutator, Datum::Set(old), Datum::Set(operand)) => {
                let [operand] = operand.as_slice() else { return Err(syntax("the operand is not a number")) };
                let changed = old.as_slice().iter().map(|atom| arithmetic(atom, mutator, operand));
                let changed = changed.collect::<Result<AtomSet, _>>()?;
                if changed.as_slice().len() != old.as_slice().len() {
                    return Err(Failure::new("constraint violation", "elements become equal"));
                }
                Ok(Datum::Set(changed))
            }
            _ => Err(syntax("the operand does not fit the column")),
        }
    }
}

fn arithmetic(atom: &Atom, mutator: &str, operand: &Atom) -> Result<Atom, Failure> {
    let range = || Failure::new("range error", "the result does not fit");
    match (atom, operand) {
        (Atom::Integer(_), Atom::Integer(0)) if matches!(mutator, "/=" | "%=") => {
            Err(Failure::new("domain error", "division by zero"))
        }
        (Atom::Integer(left), Atom::Integer(right)) => {
            let result = match mutator {
                "+=" => left.checked_add(*right),
                "-=" => left.checked_sub(*right),
                "*=" => left.checked_mul(*right),
                "/=" => left.checked_div(*right),
                _ => left.checked_rem(*right),
            };
            result.map(Atom::Integer).ok_or_else(range)
        }
        (Atom::Real(left), Atom::Real(right)) => {
            let (left, right) = (left.get(), right.get());
            let result = match mutator {
                "+=" => left + right,
                "-=" => left - right,
                "*=" => left * right,
                _ if right == 0.0 => return Err(Failure::new("domain error", "division by zero")),
                _ => left / right,
            };
            Real::new(result).map(Atom::Real).ok_or_else(range)
        }
        _ => Err(syntax("arithmetic is for numbers")),
    }
}
