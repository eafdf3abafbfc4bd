//! How each type of value is read from JSON and written to it.
//!
//! # Laws
//! - What [`Member::write`] writes, [`Member::read`] reads back as an equal value.
//! - Reading is strict about what a value means and never guesses: `"1450"` is not a number. It never panics.
//! - A list is always written, also an empty one; a missing or null list is read as empty. An option is left out
//!   when it is `None`; null is read as `None`. These are the original's rules.

use std::borrow::Cow;
use std::fmt::Debug;
use std::net::IpAddr;

use ipnet::IpNet;
use net_types::{MacAddr, PortRange};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::shape::{FieldSpec, Presence, Shape, Strength};
use crate::{Id, Model, Number, Problem, RowId, Secret, Table, Timestamp, Topic, UniqueKey, Version};

/// A reference that a row holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reference<'a> {
    /// The table referred to.
    pub table: Table,
    /// The row referred to.
    pub id: &'a RowId,
    /// Whether the row makes sense without it.
    pub strength: Strength,
}

/// A type that members of records have.
pub trait Member: Sized + Debug + 'static {
    /// What it holds.
    const SHAPE: Shape;
    /// Whether it has to be there.
    const PRESENCE: Presence = Presence::Required;

    /// The value that JSON says.
    ///
    /// # Errors
    /// When the JSON says something else.
    fn read(value: &Value) -> Result<Self, Problem>;

    /// The value of a member that is missing or null, where it may be.
    #[must_use]
    fn absent() -> Option<Self> {
        None
    }

    /// Whether the member is written at all.
    fn is_written(&self) -> bool {
        true
    }

    /// Writes the value.
    ///
    /// # Errors
    /// As the serializer.
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error>;

    /// Calls `visit` for each reference in the value.
    fn visit_references<'a>(&'a self, _strength: Strength, _visit: &mut dyn FnMut(Reference<'a>)) {}

    /// Any value of the type.
    #[cfg(any(test, feature = "arbitrary"))]
    fn any() -> proptest::strategy::BoxedStrategy<Self>;
}

/// A structure of members: a row, or a part of one. Implemented by the macros of this crate.
pub trait Record: Sized + Debug + Serialize + 'static {
    /// The original's name of the class.
    const NAME: &'static str;
    /// The members, in alphabetical order.
    const FIELDS: &'static [FieldSpec];

    /// The record that these members make. Members that it does not have are ignored: a newer writer may know more.
    ///
    /// # Errors
    /// When a member is missing or wrong, or when members contradict each other.
    fn read_members(members: &Map<String, Value>) -> Result<Self, Problem>;

    /// Calls `visit` for each reference in the members; the id of a row counts as a reference to itself.
    fn visit_members<'a>(&'a self, strength: Strength, visit: &mut dyn FnMut(Reference<'a>));

    /// Any record that can be stored.
    #[cfg(any(test, feature = "arbitrary"))]
    fn any_record() -> proptest::strategy::BoxedStrategy<Self>;
}

/// Lets serde write a member.
pub(crate) struct Written<'a, T>(pub(crate) &'a T);

impl<T: Member> Serialize for Written<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.write(serializer)
    }
}

/// Reads a member of a record.
pub(crate) fn read_member<T: Member>(members: &Map<String, Value>, name: &str) -> Result<T, Problem> {
    match members.get(name) {
        None | Some(Value::Null) => T::absent().ok_or_else(|| Problem::missing(name, expected(&T::SHAPE))),
        Some(value) => T::read(value).map_err(|problem| problem.within(name)),
    }
}

fn expected(shape: &Shape) -> Cow<'static, str> {
    match shape {
        Shape::Text | Shape::Topic => "a text".into(),
        Shape::Id | Shape::Reference(_) => "an id".into(),
        Shape::Boolean => "true or false".into(),
        Shape::Integer(max) => format!("a whole number from 0 to {max}").into(),
        Shape::UniqueKey => format!("a whole number from 1 to {}", u32::MAX).into(),
        Shape::Number | Shape::Timestamp => "a number".into(),
        Shape::Address => "an IP address".into(),
        Shape::Network => "an IP network as address/length".into(),
        Shape::Mac => "a MAC address".into(),
        Shape::PortRange => "two ports, the lower first".into(),
        Shape::DhcpOptions => "an object of texts by option number (1 to 254)".into(),
        Shape::Choice { known, .. } => format!("one of {}", known.join(", ")).into(),
        Shape::List(_) => "a list".into(),
        Shape::Record { .. } => "an object".into(),
    }
}

pub(crate) fn unexpected<T: Member>(value: &Value) -> Problem {
    Problem::new(expected(&T::SHAPE), value)
}

/// A member that is a text in JSON.
macro_rules! text_member {
    ($($name:ty, $shape:expr, $read:expr, $any:expr;)*) => {$(
        impl Member for $name {
            const SHAPE: Shape = $shape;

            fn read(value: &Value) -> Result<Self, Problem> {
                let read: fn(&str) -> Option<Self> = $read;
                value.as_str().and_then(read).ok_or_else(|| unexpected::<Self>(value))
            }

            fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }

            #[cfg(any(test, feature = "arbitrary"))]
            fn any() -> proptest::strategy::BoxedStrategy<Self> {
                $any
            }
        }
    )*};
}

text_member! {
    String, Shape::Text, |text| Some(text.to_owned()), crate::arbitrary::text();
    Topic, Shape::Topic, |text| Some(Self::new(text)), crate::arbitrary::topic();
    RowId, Shape::Id, |text| Self::new(text).ok(), crate::arbitrary::row_id();
    MacAddr, Shape::Mac, |text| text.parse().ok(), crate::arbitrary::mac();
    IpAddr, Shape::Address, |text| text.parse().ok(), crate::arbitrary::address();
    IpNet, Shape::Network, |text| text.parse().ok(), crate::arbitrary::network();
}

/// A member that is a whole number in JSON.
macro_rules! integer_member {
    ($($name:ty, $shape:expr, $read:expr, $get:expr, $any:expr;)*) => {$(
        impl Member for $name {
            const SHAPE: Shape = $shape;

            fn read(value: &Value) -> Result<Self, Problem> {
                let read: fn(u64) -> Option<Self> = $read;
                value.as_u64().and_then(read).ok_or_else(|| unexpected::<Self>(value))
            }

            fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let get: fn(&Self) -> u64 = $get;
                serializer.serialize_u64(get(self))
            }

            #[cfg(any(test, feature = "arbitrary"))]
            fn any() -> proptest::strategy::BoxedStrategy<Self> {
                $any
            }
        }
    )*};
}

integer_member! {
    u8, Shape::Integer(0xff), |n| n.try_into().ok(), |n| (*n).into(), crate::arbitrary::integer();
    u16, Shape::Integer(0xffff), |n| n.try_into().ok(), |n| (*n).into(), crate::arbitrary::integer();
    u32, Shape::Integer(0xffff_ffff), |n| n.try_into().ok(), |n| (*n).into(), crate::arbitrary::integer();
    u64, Shape::Integer(u64::MAX), Some, |n| *n, crate::arbitrary::integer();
    Version, Shape::Integer(u64::MAX), |n| Some(Self(n)), |version| version.0, crate::arbitrary::version();
    UniqueKey, Shape::UniqueKey, |n| Self::new(n.try_into().ok()?), |key| key.get().into(),
        crate::arbitrary::unique_key();
}

impl Member for bool {
    const SHAPE: Shape = Shape::Boolean;

    fn read(value: &Value) -> Result<Self, Problem> {
        value.as_bool().ok_or_else(|| unexpected::<Self>(value))
    }

    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bool(*self)
    }

    #[cfg(any(test, feature = "arbitrary"))]
    fn any() -> proptest::strategy::BoxedStrategy<Self> {
        crate::arbitrary::boolean()
    }
}

impl Member for Secret {
    const SHAPE: Shape = Shape::Text;

    fn read(value: &Value) -> Result<Self, Problem> {
        let hidden = || Problem { found: Self::HIDDEN.to_owned(), ..unexpected::<Self>(value) };
        value.as_str().map(|text| Self::new(text.to_owned())).ok_or_else(hidden)
    }

    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.reveal())
    }

    #[cfg(any(test, feature = "arbitrary"))]
    fn any() -> proptest::strategy::BoxedStrategy<Self> {
        crate::arbitrary::secret()
    }
}

impl Member for Number {
    const SHAPE: Shape = Shape::Number;

    fn read(value: &Value) -> Result<Self, Problem> {
        match value {
            Value::Number(number) => Ok(Self(number.clone())),
            other => Err(unexpected::<Self>(other)),
        }
    }

    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }

    #[cfg(any(test, feature = "arbitrary"))]
    fn any() -> proptest::strategy::BoxedStrategy<Self> {
        crate::arbitrary::number()
    }
}

impl Member for Timestamp {
    const SHAPE: Shape = Shape::Timestamp;

    fn read(value: &Value) -> Result<Self, Problem> {
        Number::read(value).map(Self)
    }

    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.write(serializer)
    }

    #[cfg(any(test, feature = "arbitrary"))]
    fn any() -> proptest::strategy::BoxedStrategy<Self> {
        crate::arbitrary::timestamp()
    }
}

impl Member for PortRange {
    const SHAPE: Shape = Shape::PortRange;

    fn read(value: &Value) -> Result<Self, Problem> {
        let port = |value: &Value| value.as_u64().and_then(|port| u16::try_from(port).ok());
        let range = match value.as_array().map(Vec::as_slice) {
            Some([first, last]) => {
                port(first).zip(port(last)).and_then(|(first, last)| Self::new(first, last))
            }
            _ => None,
        };
        range.ok_or_else(|| unexpected::<Self>(value))
    }

    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq([self.first(), self.last()])
    }

    #[cfg(any(test, feature = "arbitrary"))]
    fn any() -> proptest::strategy::BoxedStrategy<Self> {
        crate::arbitrary::port_range()
    }
}

impl<M: Model> Member for Id<M> {
    const SHAPE: Shape = Shape::Reference(M::TABLE);

    fn read(value: &Value) -> Result<Self, Problem> {
        RowId::read(value).map(Self::from_row)
    }

    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.row().write(serializer)
    }

    fn visit_references<'a>(&'a self, strength: Strength, visit: &mut dyn FnMut(Reference<'a>)) {
        visit(Reference { table: M::TABLE, id: self.row(), strength });
    }

    #[cfg(any(test, feature = "arbitrary"))]
    fn any() -> proptest::strategy::BoxedStrategy<Self> {
        crate::arbitrary::id()
    }
}

impl<T: Member> Member for Option<T> {
    const SHAPE: Shape = T::SHAPE;
    const PRESENCE: Presence = Presence::Optional;

    fn read(value: &Value) -> Result<Self, Problem> {
        T::read(value).map(Some)
    }

    fn absent() -> Option<Self> {
        Some(None)
    }

    fn is_written(&self) -> bool {
        self.is_some()
    }

    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Some(value) => value.write(serializer),
            None => serializer.serialize_none(),
        }
    }

    fn visit_references<'a>(&'a self, strength: Strength, visit: &mut dyn FnMut(Reference<'a>)) {
        if let Some(value) = self {
            value.visit_references(strength, visit);
        }
    }

    #[cfg(any(test, feature = "arbitrary"))]
    fn any() -> proptest::strategy::BoxedStrategy<Self> {
        crate::arbitrary::option(T::any())
    }
}

impl<T: Member> Member for Vec<T> {
    const SHAPE: Shape = Shape::List(&T::SHAPE);
    const PRESENCE: Presence = Presence::Always;

    fn read(value: &Value) -> Result<Self, Problem> {
        let elements = value.as_array().ok_or_else(|| unexpected::<Self>(value))?;
        let read =
            |(index, element)| T::read(element).map_err(|problem| problem.within(&format!("[{index}]")));
        let mut list: Self = elements.iter().enumerate().map(read).collect::<Result<_, _>>()?;
        // What may fail is collected without a known length, so there is room for four where most rows have one.
        list.shrink_to_fit();
        Ok(list)
    }

    fn absent() -> Option<Self> {
        Some(Self::new())
    }

    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(Written))
    }

    fn visit_references<'a>(&'a self, strength: Strength, visit: &mut dyn FnMut(Reference<'a>)) {
        for element in self {
            element.visit_references(strength, visit);
        }
    }

    #[cfg(any(test, feature = "arbitrary"))]
    fn any() -> proptest::strategy::BoxedStrategy<Self> {
        crate::arbitrary::list(T::any())
    }
}

impl<R: Record> Member for R {
    const SHAPE: Shape = Shape::Record { name: R::NAME, fields: R::FIELDS };

    fn read(value: &Value) -> Result<Self, Problem> {
        R::read_members(value.as_object().ok_or_else(|| unexpected::<Self>(value))?)
    }

    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.serialize(serializer)
    }

    fn visit_references<'a>(&'a self, strength: Strength, visit: &mut dyn FnMut(Reference<'a>)) {
        self.visit_members(strength, visit);
    }

    #[cfg(any(test, feature = "arbitrary"))]
    fn any() -> proptest::strategy::BoxedStrategy<Self> {
        R::any_record()
    }
}
