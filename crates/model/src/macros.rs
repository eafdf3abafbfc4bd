//! The three declarations that the objects are made of: [`record!`], [`object!`] and [`choice!`].
//!
//! A declaration says each fact once: the name, type and meaning of a member. The structure, its JSON in both
//! directions, its description as data, its references, its indexes and its random values follow.

/// A text that has one of a few values. An `open` one also takes other texts, kept in `Other`: where the original
/// checks nothing, a value that we do not know is no reason to refuse a row.
macro_rules! choice {
    (@read closed $text:ident) => { None };
    (@read open $text:ident) => { Some(Self::Other($crate::choice::Unknown::new($text))) };
    (@is_open closed) => { false };
    (@is_open open) => { true };
    (
        $(#[$meta:meta])*
        $openness:ident $name:ident {
            $($(#[$value_meta:meta])* $value:ident = $text:literal,)+
        }
    ) => { $crate::macros::choice! {
        @declare $openness [$(#[$meta])*] $name { $($(#[$value_meta])* $value = $text,)+ }
    } };
    (@declare closed [$($meta:tt)*] $name:ident { $($(#[$value_meta:meta])* $value:ident = $text:literal,)+ }) => {
        $($meta)*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$value_meta])* $value,)+
        }

        impl $name {
            /// The text that stands for this.
            #[must_use]
            pub const fn as_str(&self) -> &'static str {
                match self {
                    $(Self::$value => $text,)+
                }
            }
        }

        $crate::macros::choice!(@implement closed $name { $($value = $text,)+ });
    };
    (@declare open [$($meta:tt)*] $name:ident { $($(#[$value_meta:meta])* $value:ident = $text:literal,)+ }) => {
        $($meta)*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$value_meta])* $value,)+
            /// Something that is not one of the others.
            Other($crate::choice::Unknown),
        }

        impl $name {
            /// The text that stands for this.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$value => $text,)+
                    Self::Other(unknown) => unknown.as_str(),
                }
            }
        }

        $crate::macros::choice!(@implement open $name { $($value = $text,)+ });
    };
    (@implement $openness:ident $name:ident { $($value:ident = $text:literal,)+ }) => {
        impl $name {
            /// Those that mean something, with their texts.
            pub const KNOWN: &'static [(&'static str, Self)] = &[$(($text, Self::$value),)+];

            /// What a text stands for.
            #[must_use]
            pub fn from_text(text: &str) -> Option<Self> {
                match text {
                    $($text => Some(Self::$value),)+
                    #[allow(unused_variables, reason = "only an open choice keeps the text")]
                    other => $crate::macros::choice!(@read $openness other),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl $crate::Member for $name {
            const SHAPE: $crate::Shape = $crate::Shape::Choice {
                known: &[$($text,)+],
                open: $crate::macros::choice!(@is_open $openness),
            };

            fn read(value: &serde_json::Value) -> Result<Self, $crate::Problem> {
                let read = value.as_str().and_then(Self::from_text);
                read.ok_or_else(|| $crate::member::unexpected::<Self>(value))
            }

            fn write<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }

            #[cfg(any(test, feature = "arbitrary"))]
            fn any() -> proptest::strategy::BoxedStrategy<Self> {
                use proptest::strategy::Strategy as _;
                let known = proptest::sample::select(Self::KNOWN).prop_map(|(_, value)| value);
                if !$crate::macros::choice!(@is_open $openness) {
                    return known.boxed();
                }
                let any = $crate::arbitrary::text().prop_filter_map("it means something", |text| Self::from_text(&text));
                proptest::prop_oneof![4 => known, 1 => any].boxed()
            }
        }
    };
}

/// A structure of members: its fields in alphabetical order of their JSON names, each with its meaning.
///
/// `field as "name": Type` gives a field another name in JSON, `=> weak` behind a type says that the row makes sense
/// without those it refers to, and `check function` names what members have to agree on.
macro_rules! record {
    (@name $field:ident) => { stringify!($field) };
    (@name $field:ident $wire:literal) => { $wire };
    (@strength) => { $crate::Strength::Strong };
    (@strength weak) => { $crate::Strength::Weak };
    (@nest) => { proptest::strategy::Just(()) };
    (@nest $first:expr, $($rest:expr,)*) => { ($first, $crate::macros::record!(@nest $($rest,)*)) };
    (@pattern) => { () };
    (@pattern $first:ident $($rest:ident)*) => { ($first, $crate::macros::record!(@pattern $($rest)*)) };
    (
        $(#[$meta:meta])*
        $name:ident {
            $($(#[doc = $meaning:literal])* $field:ident $(as $wire:literal)?: $type:ty $(=> $strength:ident)?,)+
        }
        $(check $check:path;)?
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        pub struct $name {
            $($(#[doc = $meaning])* pub $field: $type,)+
        }

        impl $crate::Record for $name {
            const NAME: &'static str = stringify!($name);
            const FIELDS: &'static [$crate::FieldSpec] = &[$($crate::FieldSpec {
                name: $crate::macros::record!(@name $field $($wire)?),
                meaning: concat!($($meaning),*),
                shape: <$type as $crate::Member>::SHAPE,
                presence: <$type as $crate::Member>::PRESENCE,
                strength: $crate::macros::record!(@strength $($strength)?),
            },)+];

            fn read_members(
                members: &serde_json::Map<String, serde_json::Value>,
            ) -> Result<Self, $crate::Problem> {
                let record = Self {
                    $($field: $crate::member::read_member(
                        members,
                        $crate::macros::record!(@name $field $($wire)?),
                    )?,)+
                };
                $($check(&record)?;)?
                Ok(record)
            }

            fn visit_members<'a>(
                &'a self,
                strength: $crate::Strength,
                visit: &mut dyn FnMut($crate::Reference<'a>),
            ) {
                $($crate::Member::visit_references(
                    &self.$field,
                    strength.max($crate::macros::record!(@strength $($strength)?)),
                    visit,
                );)+
            }

            #[cfg(any(test, feature = "arbitrary"))]
            fn any_record() -> proptest::strategy::BoxedStrategy<Self> {
                use proptest::strategy::Strategy as _;
                let members = $crate::macros::record!(@nest $(<$type as $crate::Member>::any(),)+);
                let record = members.prop_map(|$crate::macros::record!(@pattern $($field)+)| Self { $($field,)+ });
                $(let record = record.prop_filter("members agree", |record| $check(record).is_ok());)?
                record.boxed()
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                use serde::ser::SerializeMap as _;
                let mut map = serializer.serialize_map(None)?;
                $(if $crate::Member::is_written(&self.$field) {
                    map.serialize_entry(
                        $crate::macros::record!(@name $field $($wire)?),
                        &$crate::member::Written(&self.$field),
                    )?;
                })+
                map.end()
            }
        }
    };
}

/// A record that is a row of a table: `[topic version unique_key]` says which of these members it has, `indexes` by
/// what it is looked up, and `rules` overrides what else [`Model`](crate::Model) says.
macro_rules! object {
    (@has topic) => {
        const TOPIC_RULE: $crate::TopicRule = $crate::TopicRule::Stored;

        fn topic(&self) -> Option<$crate::Topic> {
            Some(self.topic.clone())
        }
    };
    (@has version) => {
        const IS_VERSIONED: bool = true;

        fn version(&self) -> Option<$crate::Version> {
            self.version
        }

        fn set_version(&mut self, version: $crate::Version) {
            self.version = Some(version);
        }
    };
    (@has unique_key) => {
        const HAS_UNIQUE_KEY: bool = true;

        fn unique_key(&self) -> Option<$crate::UniqueKey> {
            Some(self.unique_key)
        }

        fn set_unique_key(&mut self, key: $crate::UniqueKey) {
            self.unique_key = key;
        }
    };
    (
        $(#[$meta:meta])*
        $name:ident [$($has:ident)*] { $($members:tt)* }
        $(check $check:path;)?
        indexes { $($(#[$index_meta:meta])* $index:ident: $key:ty = $entries:expr;)* }
        $(rules { $($rules:tt)* })?
    ) => {
        $crate::macros::record! {
            $(#[$meta])*
            $name { $($members)* }
            $(check $check;)?
        }

        impl $name {
            $($(#[$index_meta])* pub const $index: $crate::Index<Self, $key> =
                $crate::Index::new($crate::IndexId::find(<Self as $crate::Model>::INDEXES, stringify!($index)), $entries);)*
        }

        impl $crate::Model for $name {
            const TABLE: $crate::Table = $crate::Table::$name;
            const INDEXES: &'static [&'static str] = &[$(stringify!($index)),*];

            fn id(&self) -> &$crate::Id<Self> {
                &self.id
            }

            fn of_object(object: &$crate::Object) -> Option<&std::sync::Arc<Self>> {
                match object {
                    $crate::Object::$name(row) => Some(row),
                    _ => None,
                }
            }

            fn visit_index_entries(&self, _visit: &mut dyn FnMut($crate::IndexId, $crate::IndexKey)) {
                $(Self::$index.visit_entries(self, _visit);)*
            }

            $($crate::macros::object!(@has $has);)*
            $($($rules)*)?
        }
    };
}

pub(crate) use {choice, object, record};
