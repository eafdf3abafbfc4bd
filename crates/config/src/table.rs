//! How options are declared: once, in [`crate::options`], with everything that anybody wants to know about them.
//!
//! From one declaration come the field that programs read, the check of what files say, the lines of the sample file
//! and the row of the reference page. So none of them can say something that is not so.

use crate::setting::{Remarks, Setting};

/// A section of the configuration.
#[derive(Debug)]
pub struct SectionSpec {
    /// Its name, without brackets.
    pub name: &'static str,
    /// What it is about, line by line.
    pub about: &'static [&'static str],
    /// Who else writes into it.
    pub owner: Owner,
    /// Its options, in the order of the sample file.
    pub options: &'static [OptionSpec],
}

/// Whose a section is, and so what an option in it that we do not know means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// Dragonflow's: it is a mistake.
    Dragonflow,
    /// Shared with OpenStack services that have options of their own in it: it is one of theirs.
    OpenStack,
}

/// An option.
#[derive(Debug)]
pub struct OptionSpec {
    /// The section that it is in.
    pub section: &'static str,
    /// Its name, in exactly this spelling.
    pub name: &'static str,
    /// What it does, line by line.
    pub help: &'static [&'static str],
    /// What kind of value it takes.
    pub kind: &'static str,
    /// What kind of values it consists of, if it consists of several.
    pub item: Option<&'static str>,
    /// The words that it takes, where they can be counted.
    pub choices: &'static [&'static str],
    /// The smallest and the largest number that it takes.
    pub bounds: Option<(i64, i64)>,
    /// What holds when it is not set.
    pub default: Default,
    /// Other places where it may be written, as `section/name`: what it was called before.
    pub also: &'static [&'static str],
    /// Whether it does what it says.
    pub support: Support,
    /// Whether its value is never shown.
    pub secret: bool,
    /// Whether each time it is set adds a value.
    pub repeated: bool,
    /// Reads values and gives them in the one spelling by which they are compared.
    pub(crate) canonical: fn(&[String]) -> Result<Vec<String>, String>,
}

/// The value of an option that is not set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Default {
    /// This, as it would be written in a file.
    Text(&'static str),
    /// The name of the machine.
    HostName,
    /// Nothing.
    Unset,
}

/// What the sample file says of an option that has no value. Set to it, an option is not set.
pub(crate) const UNSET_SHOWN: &str = "<not set>";

/// What the sample file says where the name of the machine is the value. Set to it, an option has that.
pub(crate) const HOST_NAME_SHOWN: &str = "<name of the machine>";

/// What setting an option leads to. No option is ever ignored without a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Support {
    /// What the option says happens.
    Supported,
    /// The same, and a notice: there is a better way to say it.
    Deprecated(&'static str),
    /// Nothing, and a notice that says why nothing has to.
    NoEffect(&'static str),
    /// An error that says why and what to do instead, unless the value is the default.
    Refused(&'static str),
}

impl OptionSpec {
    /// Everywhere that the option may be written, its present place first.
    pub fn places(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let old = self.also.iter().filter_map(|also| also.split_once('/'));
        std::iter::once((self.section, self.name)).chain(old)
    }

    /// What is allowed, as a phrase: `integer, from 1 to 10`.
    pub fn allowed(&self) -> String {
        let mut allowed = self.kind.to_owned();
        if let Some(item) = self.item {
            allowed.push_str(&format!(" of {item}"));
        }
        if let Some((min, max)) = self.bounds {
            allowed.push_str(&format!(", from {min} to {max}"));
        }
        if !self.choices.is_empty() && self.kind != <bool as Setting>::KIND {
            allowed.push_str(&format!(": {}", self.choices.join(", ")));
        }
        if self.repeated {
            allowed.push_str(", may be given several times");
        }
        allowed
    }

    /// Whether numbers are within the bounds; other values have none.
    pub(crate) fn check_bounds(&self, texts: &[String]) -> Result<(), String> {
        let Some((min, max)) = self.bounds else { return Ok(()) };
        for text in texts {
            let number: i64 = text.trim().parse().map_err(|_| format!("{} is needed", self.allowed()))?;
            if !(min..=max).contains(&number) {
                return Err(format!("has to be from {min} to {max}"));
            }
        }
        Ok(())
    }
}

/// See [`OptionSpec::canonical`].
pub(crate) fn canonical<T: Setting>(texts: &[String]) -> Result<Vec<String>, String> {
    T::read(texts, &mut Remarks::default()).map(|value| value.write())
}

/// The default of an option, in the notation of [`section`].
macro_rules! default {
    (unset) => {
        $crate::table::Default::Unset
    };
    (host_name) => {
        $crate::table::Default::HostName
    };
    ($text:literal) => {
        $crate::table::Default::Text($text)
    };
}

macro_rules! bounds {
    () => {
        None
    };
    ($min:literal $max:literal) => {
        Some(($min, $max))
    };
}

/// One row of the table.
macro_rules! option_spec {
    ($section:literal $name:expr, $kind:ty, [$($help:literal)*] [$($bounds:tt)*] $default:tt [$($also:literal)*] $support:expr) => {
        $crate::table::OptionSpec {
            section: $section,
            name: $name,
            help: &[$($help),*],
            kind: <$kind as $crate::setting::Setting>::KIND,
            item: <$kind as $crate::setting::Setting>::ITEM,
            choices: <$kind as $crate::setting::Setting>::CHOICES,
            bounds: $crate::table::bounds!($($bounds)*),
            default: $crate::table::default!($default),
            also: &[$($also),*],
            support: $support,
            secret: <$kind as $crate::setting::Setting>::SECRET,
            repeated: <$kind as $crate::setting::Setting>::REPEATED,
            canonical: $crate::table::canonical::<$kind>,
        }
    };
}

/// Declares a section: a struct with a field for each option, and the table that says everything about them.
///
/// ```text
/// pub struct Name in "section", Owner {
///     /// Help.
///     option: Type [1 to 10] = "default", also "old_section/old_name";
/// } retired {
///     /// Help.
///     "option": Type = "default", Refused("why, and what to do");
/// }
/// ```
///
/// Retired options have no field: nobody reads them, they are only checked.
macro_rules! section {
    (
        $(#[doc = $about:literal])+
        $vis:vis struct $type:ident in $section:literal, $owner:ident {
            $(
                $(#[doc = $help:literal])+
                $name:ident : $kind:ty $([$min:literal to $max:literal])? = $default:tt $(, also $($also:literal),+)? ;
            )*
        } retired {
            $(
                $(#[doc = $old_help:literal])+
                $old_name:literal : $old_kind:ty = $old_default:tt , $verdict:ident ( $why:literal )
                    $(, also $($old_also:literal),+)? ;
            )*
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone, PartialEq)]
        $vis struct $type {
            $( $(#[doc = $help])+ pub $name: $kind, )*
        }

        impl $crate::load::Section for $type {
            const SPEC: $crate::table::SectionSpec = $crate::table::SectionSpec {
                name: $section,
                about: &[$($about),+],
                owner: $crate::table::Owner::$owner,
                options: &[
                    $( $crate::table::option_spec!(
                        $section stringify!($name), $kind, [$($help)+] [$($min $max)?] $default [$($($also)+)?]
                        $crate::table::Support::Supported
                    ), )*
                    $( $crate::table::option_spec!(
                        $section $old_name, $old_kind, [$($old_help)+] [] $old_default [$($($old_also)+)?]
                        $crate::table::Support::$verdict($why)
                    ), )*
                ],
            };

            fn read(reader: &mut $crate::load::Reader<'_>) -> Option<Self> {
                // All of them first, so that one run names every mistake.
                $( let $name = reader.value($section, stringify!($name)); )*
                $( reader.retired($section, $old_name); )*
                Some(Self { $( $name: $name?, )* })
            }

            fn write(&self) -> Vec<(&'static str, Vec<String>)> {
                vec![ $( (stringify!($name), $crate::setting::Setting::write(&self.$name)), )* ]
            }
        }
    };
}
pub(crate) use {bounds, default, option_spec, section};
