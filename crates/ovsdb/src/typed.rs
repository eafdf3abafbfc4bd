//! Typed tables and columns: how generated code and its users talk about rows without strings.
//!
//! A generated table is a struct with one field a column, plus one [`Column`] constant a column. The constant
//! knows the table and the Rust type, so `txn.update::<Interface>(…).set(&Interface::MTU_REQUEST, Some(1400))`
//! compiles and the same call with a column of another table or a string does not.
//!
//! Decoding is lenient where versions differ: columns that a row does not have keep their default.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::marker::PhantomData;

use crate::datum::{Datum, Shape};
use crate::value::{Atom, Real, Uuid, ValueError};

/// A struct that mirrors a table. Implemented by the generated model only.
pub trait Table: Default + Clone + PartialEq + fmt::Debug {
    const NAME: &'static str;
    /// Every column of the model, sorted by name.
    const COLUMNS: &'static [ColumnInfo];

    /// Overwrites the field of this column; names that the model does not have are ignored.
    fn set_column(&mut self, name: &str, datum: &Datum) -> Result<(), ValueError>;

    /// The content of the field of this column.
    fn column(&self, name: &str) -> Option<Datum>;
}

/// A column without its Rust type: what a monitor request lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ColumnInfo {
    pub table: &'static str,
    pub name: &'static str,
    pub shape: Shape,
}

/// A column of table `T` that holds a `V`.
pub struct Column<T, V> {
    name: &'static str,
    shape: Shape,
    of: PhantomData<fn() -> (T, V)>,
}

impl<T: Table, V> Column<T, V> {
    #[must_use]
    pub const fn new(name: &'static str, shape: Shape) -> Self {
        Self { name, shape, of: PhantomData }
    }

    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    #[must_use]
    pub const fn shape(&self) -> &Shape {
        &self.shape
    }

    #[must_use]
    pub const fn info(&self) -> ColumnInfo {
        ColumnInfo { table: T::NAME, name: self.name, shape: self.shape }
    }
}

impl<T, V> fmt::Debug for Column<T, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// A Rust type that one atom maps to.
pub trait AtomValue: Sized + Ord {
    fn to_atom(&self) -> Atom;
    fn from_atom(atom: &Atom) -> Option<Self>;
}

macro_rules! atom_value {
    ($rust:ty, $variant:ident, $to:expr, $from:expr) => {
        impl AtomValue for $rust {
            fn to_atom(&self) -> Atom {
                let convert: fn(&Self) -> _ = $to;
                Atom::$variant(convert(self))
            }

            fn from_atom(atom: &Atom) -> Option<Self> {
                match atom {
                    Atom::$variant(value) => Some(($from)(value)),
                    _ => None,
                }
            }
        }
    };
}

atom_value!(i64, Integer, |value| *value, |value: &i64| *value);
atom_value!(bool, Boolean, |value| *value, |value: &bool| *value);
atom_value!(Real, Real, |value| *value, |value: &Real| *value);
atom_value!(Uuid, Uuid, |value| *value, |value: &Uuid| *value);
atom_value!(String, String, |value| value.as_str().into(), |value: &str| value.to_owned());

/// A Rust type that the content of a column maps to: a scalar, an option, a set or a map.
pub trait ColumnValue: Sized {
    fn to_datum(&self) -> Datum;
    fn from_datum(datum: &Datum) -> Result<Self, ValueError>;
}

const WRONG_ATOM: ValueError =
    ValueError::WrongType { expected: "atoms of the column's type", found: "other atoms" };

fn set_of(datum: &Datum) -> Result<&[Atom], ValueError> {
    match datum {
        Datum::Set(set) => Ok(set.as_slice()),
        Datum::Map(_) => Err(ValueError::WrongType { expected: "a set", found: "a map" }),
    }
}

impl<T: AtomValue> ColumnValue for T {
    fn to_datum(&self) -> Datum {
        Datum::scalar(self.to_atom())
    }

    fn from_datum(datum: &Datum) -> Result<Self, ValueError> {
        match set_of(datum)? {
            [atom] => T::from_atom(atom).ok_or(WRONG_ATOM),
            atoms => Err(ValueError::WrongCount { count: atoms.len(), min: 1, max: Some(1) }),
        }
    }
}

impl<T: AtomValue> ColumnValue for Option<T> {
    fn to_datum(&self) -> Datum {
        Datum::Set(self.iter().map(T::to_atom).collect())
    }

    fn from_datum(datum: &Datum) -> Result<Self, ValueError> {
        match set_of(datum)? {
            [] => Ok(None),
            [atom] => T::from_atom(atom).map(Some).ok_or(WRONG_ATOM),
            atoms => Err(ValueError::WrongCount { count: atoms.len(), min: 0, max: Some(1) }),
        }
    }
}

impl<T: AtomValue> ColumnValue for BTreeSet<T> {
    fn to_datum(&self) -> Datum {
        Datum::Set(self.iter().map(T::to_atom).collect())
    }

    fn from_datum(datum: &Datum) -> Result<Self, ValueError> {
        set_of(datum)?.iter().map(|atom| T::from_atom(atom).ok_or(WRONG_ATOM)).collect()
    }
}

impl<K: AtomValue, V: AtomValue> ColumnValue for BTreeMap<K, V> {
    fn to_datum(&self) -> Datum {
        Datum::Map(self.iter().map(|(key, value)| (key.to_atom(), value.to_atom())).collect())
    }

    fn from_datum(datum: &Datum) -> Result<Self, ValueError> {
        let Datum::Map(map) = datum else {
            return Err(ValueError::WrongType { expected: "a map", found: "a set" });
        };
        let pair = |(key, value): &(Atom, Atom)| Some((K::from_atom(key)?, V::from_atom(value)?));
        map.as_slice().iter().map(|entry| pair(entry).ok_or(WRONG_ATOM)).collect()
    }
}

/// Declares a table of the model: see `vswitch.rs`, which consists of these.
macro_rules! table {
    (
        $(#[$table_doc:meta])*
        $table:ident = $table_name:literal {
            $($(#[$doc:meta])* $constant:ident $field:ident = $name:literal : $type:ty, $shape:expr;)*
        }
    ) => {
        $(#[$table_doc])*
        #[derive(Debug, Clone, Default, PartialEq, Eq)]
        pub struct $table {
            $($(#[$doc])* pub $field: $type,)*
        }

        impl $table {
            $($(#[$doc])* pub const $constant: Column<Self, $type> = Column::new($name, $shape);)*
        }

        impl Table for $table {
            const NAME: &'static str = $table_name;
            const COLUMNS: &'static [ColumnInfo] = &[$(Self::$constant.info(),)*];

            fn set_column(&mut self, name: &str, datum: &Datum) -> Result<(), ValueError> {
                match name {
                    $($name => self.$field = ColumnValue::from_datum(datum)?,)*
                    _ => {}
                }
                Ok(())
            }

            fn column(&self, name: &str) -> Option<Datum> {
                match name {
                    $($name => Some(self.$field.to_datum()),)*
                    _ => None,
                }
            }
        }
    };
}
pub(crate) use table;

#[cfg(test)]
mod tests;
