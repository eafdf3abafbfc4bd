//! Atoms: the five scalar types of OVSDB, each with one canonical form.
//!
//! Equal values compare, hash and print equally whatever spelling the peer used: uuids are sixteen bytes,
//! reals are finite and have one zero. The order of atoms is total, which is what lets [`crate::Datum`]
//! keep sets and maps sorted.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use serde_json::{Value, json};
use thiserror::Error;

/// Why a JSON value is not the atom or datum that the schema says it is. Holds no part of the value: a
/// hostile one could be megabytes.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ValueError {
    #[error("expected {expected}, found {found}")]
    WrongType { expected: &'static str, found: &'static str },
    #[error("{count} elements where the schema allows {min} to {}", max.map_or_else(|| "any number".to_owned(), |max| max.to_string()))]
    WrongCount { count: usize, min: u32, max: Option<u32> },
    #[error("the same {0} appears twice")]
    Duplicate(&'static str),
    #[error("malformed uuid")]
    MalformedUuid,
    #[error("a named-uuid has no meaning here")]
    UnexpectedNamedUuid,
    #[error("value outside the range or enumeration that the schema allows")]
    ConstraintViolated,
}

/// A row's identity.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Uuid([u8; 16]);

impl Uuid {
    /// All zero: how the protocol says "none" for a transaction id.
    pub const ZERO: Self = Self([0; 16]);

    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    #[must_use]
    pub const fn from_u128(value: u128) -> Self {
        Self(value.to_be_bytes())
    }

    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    fn to_json(self) -> Value {
        json!(["uuid", self.to_string()])
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Uuid {
    type Err = ValueError;

    /// Accepts exactly the 8-4-4-4-12 form, in either case.
    fn from_str(text: &str) -> Result<Self, ValueError> {
        let mut bytes = [0; 16];
        let mut nibbles = 0usize;
        if text.len() != 36 {
            return Err(ValueError::MalformedUuid);
        }
        for (index, character) in text.chars().enumerate() {
            if matches!(index, 8 | 13 | 18 | 23) {
                if character != '-' {
                    return Err(ValueError::MalformedUuid);
                }
                continue;
            }
            let digit = character.to_digit(16).and_then(|digit| u8::try_from(digit).ok());
            let (Some(digit), Some(byte)) = (digit, bytes.get_mut(nibbles / 2)) else {
                return Err(ValueError::MalformedUuid);
            };
            *byte = *byte << 4 | digit;
            nibbles += 1;
        }
        Ok(Self(bytes))
    }
}

/// A finite floating point number whose zero has no sign, so that equality and order are total.
#[derive(Debug, Clone, Copy)]
pub struct Real(f64);

impl Real {
    /// None for infinities and NaN, which JSON cannot carry.
    #[must_use]
    pub fn new(value: f64) -> Option<Self> {
        value.is_finite().then_some(Self(if value == 0.0 { 0.0 } else { value }))
    }

    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl PartialEq for Real {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Real {}

impl PartialOrd for Real {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Real {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl Hash for Real {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.to_bits().hash(state);
    }
}

/// The type of an atom, without its constraints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AtomicType {
    Integer,
    Real,
    Boolean,
    String,
    Uuid,
}

impl AtomicType {
    /// The name that schemas use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Integer => "integer",
            Self::Real => "real",
            Self::Boolean => "boolean",
            Self::String => "string",
            Self::Uuid => "uuid",
        }
    }

    /// What an unset column of this type holds.
    #[must_use]
    pub fn default_atom(self) -> Atom {
        match self {
            Self::Integer => Atom::Integer(0),
            Self::Real => Atom::Real(Real(0.0)),
            Self::Boolean => Atom::Boolean(false),
            Self::String => Atom::String("".into()),
            Self::Uuid => Atom::Uuid(Uuid::ZERO),
        }
    }
}

impl FromStr for AtomicType {
    type Err = ValueError;

    fn from_str(name: &str) -> Result<Self, ValueError> {
        [Self::Integer, Self::Real, Self::Boolean, Self::String, Self::Uuid]
            .into_iter()
            .find(|atomic| atomic.name() == name)
            .ok_or(ValueError::WrongType { expected: "the name of an atomic type", found: "another string" })
    }
}

/// Whether `["named-uuid", …]` may stand for a uuid: only inside the transaction that creates the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NamedUuids {
    Refuse,
    Accept,
}

/// The least that an allocation takes.
const MIN_TEXT_BYTES: usize = 32;

/// One scalar value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Atom {
    Integer(i64),
    Real(Real),
    Boolean(bool),
    String(Box<str>),
    Uuid(Uuid),
    /// A row that an earlier or later operation of the same transaction inserts.
    NamedUuid(Box<str>),
}

impl Atom {
    /// Decodes the JSON form of an atom of a known type.
    pub fn parse(value: &Value, atomic: AtomicType, names: NamedUuids) -> Result<Self, ValueError> {
        let wrong = || ValueError::WrongType { expected: atomic.name(), found: json_kind(value) };
        match atomic {
            AtomicType::Integer => integer(value).map(Self::Integer).ok_or_else(wrong),
            AtomicType::Real => value.as_f64().and_then(Real::new).map(Self::Real).ok_or_else(wrong),
            AtomicType::Boolean => value.as_bool().map(Self::Boolean).ok_or_else(wrong),
            AtomicType::String => value.as_str().map(|text| Self::String(text.into())).ok_or_else(wrong),
            AtomicType::Uuid => match tagged(value) {
                Some(("uuid", Value::String(text))) => text.parse().map(Self::Uuid),
                Some(("named-uuid", Value::String(name))) if names == NamedUuids::Accept && is_id(name) => {
                    Ok(Self::NamedUuid(name.as_str().into()))
                }
                Some(("named-uuid", _)) => Err(ValueError::UnexpectedNamedUuid),
                _ => Err(wrong()),
            },
        }
    }

    /// What its text takes on the heap.
    pub(crate) fn text_bytes(&self) -> usize {
        match self {
            Self::String(text) | Self::NamedUuid(text) => text.len().saturating_add(MIN_TEXT_BYTES),
            Self::Integer(_) | Self::Real(_) | Self::Boolean(_) | Self::Uuid(_) => 0,
        }
    }

    #[must_use]
    pub fn to_json(&self) -> Value {
        match self {
            Self::Integer(value) => json!(value),
            Self::Real(value) => json!(value.get()),
            Self::Boolean(value) => json!(value),
            Self::String(value) => json!(value),
            Self::Uuid(value) => value.to_json(),
            Self::NamedUuid(name) => json!(["named-uuid", name]),
        }
    }
}

/// An integer in any notation: to Open vSwitch, `1000`, `1e3` and `1000.0` are the same.
fn integer(value: &Value) -> Option<i64> {
    /// Up to here, every integer has a floating point number of its own.
    const MAX_EXACT: f64 = 9_007_199_254_740_992.0;
    value.as_i64().or_else(|| {
        let real = value.as_f64().filter(|real| real.fract() == 0.0 && real.abs() <= MAX_EXACT)?;
        #[expect(clippy::cast_possible_truncation, reason = "whole and small enough, by the line above")]
        Some(real as i64)
    })
}

/// Whether a text is an `<id>` of the protocol, as names of rows have to be.
pub(crate) fn is_id(text: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    text.bytes().all(is_word) && text.bytes().next().is_some_and(|first| !first.is_ascii_digit())
}

/// Takes `["tag", body]` apart.
pub(crate) fn tagged(value: &Value) -> Option<(&str, &Value)> {
    match value.as_array().map(Vec::as_slice) {
        Some([Value::String(tag), body]) => Some((tag, body)),
        _ => None,
    }
}

pub(crate) fn json_kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
pub(crate) mod tests;
