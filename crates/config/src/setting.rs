//! What a value can be: text to typed value, and back.
//!
//! A type of option is a Rust type that implements [`Single`] (one text, one value) or [`Setting`] (everything an option can
//! be: also absent, or given several times). Reading says what is allowed when it refuses; writing gives text that reads to the
//! same value. Nothing here knows files, sections or substitution.

mod bandwidth;
mod basic;
mod choice;
mod network;
#[cfg(test)]
mod tests;

pub use bandwidth::BridgeBandwidth;
pub use basic::{FractionalSeconds, Milliseconds, Name, Seconds, Secret};
pub(crate) use choice::{Spelling, choice, find_spelling};
pub use network::{BindAddress, Host, HostPort, IdRange, OvsdbConnection, VlanRange};

/// How many items a list or a dictionary may have.
pub const LIST_ITEMS_MAX: usize = 4096;

/// What reading a value has to tell besides the value, such as that a spelling is an old one.
#[derive(Debug, Default)]
pub struct Remarks(Vec<String>);

impl Remarks {
    /// Adds a sentence.
    pub fn add(&mut self, remark: impl Into<String>) {
        self.0.push(remark.into());
    }

    pub(crate) fn into_vec(self) -> Vec<String> {
        self.0
    }
}

/// A value that is written as one text.
pub trait Single: Sized {
    /// What kind of value it is, for people: `port number`.
    const KIND: &'static str;
    /// What kind of values it consists of, if it consists of several.
    const ITEM: Option<&'static str> = None;
    /// The words that are allowed, where they can be counted.
    const CHOICES: &'static [&'static str] = &[];
    /// Whether the value is never shown.
    const SECRET: bool = false;

    /// Reads the value.
    ///
    /// # Errors
    /// Says what would be allowed.
    fn parse(text: &str, remarks: &mut Remarks) -> Result<Self, String>;

    /// Writes the value so that [`Single::parse`] gives it back.
    fn text(&self) -> String;
}

/// The value of an option.
pub trait Setting: Sized {
    /// What kind of value it is, for people.
    const KIND: &'static str;
    /// What kind of values it consists of, if it consists of several.
    const ITEM: Option<&'static str>;
    /// The words that are allowed, where they can be counted.
    const CHOICES: &'static [&'static str];
    /// Whether the value is never shown.
    const SECRET: bool;
    /// Whether the option may be given several times, each time adding a value. Of others the last counts.
    const REPEATED: bool = false;

    /// Reads the value from everything that was given: one text, or several where [`Setting::REPEATED`].
    ///
    /// # Errors
    /// Says what would be allowed.
    fn read(texts: &[String], remarks: &mut Remarks) -> Result<Self, String>;

    /// The texts that [`Setting::read`] would make this value from; none if the value is absent.
    fn write(&self) -> Vec<String>;

    /// The value of an option that is not given and has no default.
    fn absent() -> Option<Self> {
        None
    }
}

impl<T: Single> Setting for T {
    const KIND: &'static str = T::KIND;
    const ITEM: Option<&'static str> = T::ITEM;
    const CHOICES: &'static [&'static str] = T::CHOICES;
    const SECRET: bool = T::SECRET;

    fn read(texts: &[String], remarks: &mut Remarks) -> Result<Self, String> {
        let text = texts.last().ok_or_else(|| format!("a value is needed: {}", T::KIND))?;
        T::parse(text, remarks)
    }

    fn write(&self) -> Vec<String> {
        vec![self.text()]
    }
}

/// An option that can be left out; an empty text is as good as nothing.
impl<T: Single> Setting for Option<T> {
    const KIND: &'static str = T::KIND;
    const ITEM: Option<&'static str> = T::ITEM;
    const CHOICES: &'static [&'static str] = T::CHOICES;
    const SECRET: bool = T::SECRET;

    fn read(texts: &[String], remarks: &mut Remarks) -> Result<Self, String> {
        match texts.last() {
            Some(text) if !text.trim().is_empty() => T::parse(text, remarks).map(Some),
            _ => Ok(None),
        }
    }

    fn write(&self) -> Vec<String> {
        self.iter().map(Single::text).collect()
    }

    fn absent() -> Option<Self> {
        Some(None)
    }
}

/// An option that may be given several times: every value counts, in the order of the files and lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repeated<T>(pub Vec<T>);

impl<T: Single> Setting for Repeated<T> {
    const KIND: &'static str = T::KIND;
    const ITEM: Option<&'static str> = T::ITEM;
    const CHOICES: &'static [&'static str] = T::CHOICES;
    const SECRET: bool = T::SECRET;
    const REPEATED: bool = true;

    fn read(texts: &[String], remarks: &mut Remarks) -> Result<Self, String> {
        if texts.len() > LIST_ITEMS_MAX {
            return Err(format!("{} values are more than {LIST_ITEMS_MAX}", texts.len()));
        }
        texts.iter().map(|text| T::parse(text, remarks)).collect::<Result<_, _>>().map(Repeated)
    }

    fn write(&self) -> Vec<String> {
        self.0.iter().map(Single::text).collect()
    }
}
