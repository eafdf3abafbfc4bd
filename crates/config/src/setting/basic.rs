//! Text, truth, numbers, time, lists, dictionaries: the types of oslo.config.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::{LIST_ITEMS_MAX, Remarks, Single};

impl Single for String {
    const KIND: &'static str = "text";

    fn parse(text: &str, _: &mut Remarks) -> Result<Self, String> {
        Ok(text.to_owned())
    }

    fn text(&self) -> String {
        self.clone()
    }
}

/// The name of something: not empty, and without blanks.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name(String);

impl Name {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Single for Name {
    const KIND: &'static str = "name";

    fn parse(text: &str, _: &mut Remarks) -> Result<Self, String> {
        let text = text.trim();
        if text.is_empty() || text.contains(char::is_whitespace) {
            return Err("a name is needed, without blanks".to_owned());
        }
        Ok(Self(text.to_owned()))
    }

    fn text(&self) -> String {
        self.0.clone()
    }
}

impl Single for PathBuf {
    const KIND: &'static str = "path";

    fn parse(text: &str, _: &mut Remarks) -> Result<Self, String> {
        if text.is_empty() {
            return Err("a path is needed".to_owned());
        }
        Ok(Self::from(text))
    }

    fn text(&self) -> String {
        self.to_string_lossy().into_owned()
    }
}

/// Text that does not appear in errors, logs or debug output.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself, for whoever has to present it to somebody.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(****)")
    }
}

impl Single for Secret {
    const KIND: &'static str = "secret text";
    const SECRET: bool = true;

    fn parse(text: &str, _: &mut Remarks) -> Result<Self, String> {
        Ok(Self(text.to_owned()))
    }

    fn text(&self) -> String {
        self.0.clone()
    }
}

impl Single for bool {
    const KIND: &'static str = "boolean";
    const CHOICES: &'static [&'static str] = &["True", "False", "yes", "no", "on", "off", "1", "0"];

    fn parse(text: &str, _: &mut Remarks) -> Result<Self, String> {
        match text.to_lowercase().as_str() {
            "true" | "1" | "on" | "yes" => Ok(true),
            "false" | "0" | "off" | "no" => Ok(false),
            _ => Err(format!("allowed are {}, in upper or lower case", Self::CHOICES.join(", "))),
        }
    }

    fn text(&self) -> String {
        if *self { "True" } else { "False" }.to_owned()
    }
}

/// A number of a given width; the bounds of an option are checked where the option is known.
macro_rules! number {
    ($type:ty, $kind:literal, $allowed:expr) => {
        impl Single for $type {
            const KIND: &'static str = $kind;

            fn parse(text: &str, _: &mut Remarks) -> Result<Self, String> {
                text.trim().parse().map_err(|_| format!("{} is needed, {}", $kind, $allowed))
            }

            fn text(&self) -> String {
                self.to_string()
            }
        }
    };
}

number!(u16, "port number", format!("from 0 to {}", u16::MAX));
number!(u32, "integer", format!("from 0 to {}", u32::MAX));
number!(i32, "integer", format!("from {} to {}", i32::MIN, i32::MAX));

/// A time in whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seconds(pub u32);

impl Seconds {
    /// As the clock wants it.
    pub const fn duration(self) -> Duration {
        Duration::from_secs(self.0 as u64)
    }
}

impl Single for Seconds {
    const KIND: &'static str = "integer, in seconds";

    fn parse(text: &str, remarks: &mut Remarks) -> Result<Self, String> {
        u32::parse(text, remarks).map(Self)
    }

    fn text(&self) -> String {
        self.0.to_string()
    }
}

/// A time in whole milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Milliseconds(pub u32);

impl Milliseconds {
    /// As the clock wants it.
    pub const fn duration(self) -> Duration {
        Duration::from_millis(self.0 as u64)
    }
}

impl Single for Milliseconds {
    const KIND: &'static str = "integer, in milliseconds";

    fn parse(text: &str, remarks: &mut Remarks) -> Result<Self, String> {
        u32::parse(text, remarks).map(Self)
    }

    fn text(&self) -> String {
        self.0.to_string()
    }
}

/// A time in seconds that may have a fraction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct FractionalSeconds(Duration);

impl FractionalSeconds {
    /// As the clock wants it.
    pub const fn duration(self) -> Duration {
        self.0
    }
}

impl From<Duration> for FractionalSeconds {
    fn from(duration: Duration) -> Self {
        Self(duration)
    }
}

impl Single for FractionalSeconds {
    const KIND: &'static str = "number, in seconds";

    fn parse(text: &str, _: &mut Remarks) -> Result<Self, String> {
        let seconds = text.trim().parse::<f64>().ok();
        let duration = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        duration.map(Self).ok_or_else(|| "a number of seconds is needed, such as 30 or 0.5".to_owned())
    }

    /// To the nanosecond, where a floating point number would lose some.
    fn text(&self) -> String {
        let text = format!("{}.{:09}", self.0.as_secs(), self.0.subsec_nanos());
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }
}

/// Items between commas; blanks around them and commas at the end go.
///
/// oslo.config puts an item that is refused together with the next one and tries again. No item of ours can
/// contain a comma, so that would only make the error about something nobody wrote.
impl<T: Single> Single for Vec<T> {
    const KIND: &'static str = "comma-separated list";
    const ITEM: Option<&'static str> = Some(T::KIND);
    const CHOICES: &'static [&'static str] = T::CHOICES;
    const SECRET: bool = T::SECRET;

    fn parse(text: &str, remarks: &mut Remarks) -> Result<Self, String> {
        let text = text.trim().trim_end_matches(',');
        if text.is_empty() {
            return Ok(Self::new());
        }
        limited_items(text)?
            .into_iter()
            .map(|item| T::parse(item, remarks).map_err(|reason| format!("{item:?}: {reason}")))
            .collect()
    }

    fn text(&self) -> String {
        self.iter().map(Single::text).collect::<Vec<_>>().join(",")
    }
}

/// `key:value` between commas, each key once.
impl<T: Single> Single for BTreeMap<String, T> {
    const KIND: &'static str = "comma-separated list of key:value";

    fn parse(text: &str, remarks: &mut Remarks) -> Result<Self, String> {
        let text = text.trim();
        let mut map = Self::new();
        if text.is_empty() {
            return Ok(map);
        }
        for item in limited_items(text)? {
            let (key, value) = item.split_once(':').ok_or_else(|| format!("{item:?} is not key:value"))?;
            let (key, value) = (key.trim(), value.trim());
            if key.is_empty() {
                return Err(format!("{item:?} has no key"));
            }
            let value = T::parse(value, remarks).map_err(|reason| format!("{item:?}: {reason}"))?;
            if map.insert(key.to_owned(), value).is_some() {
                return Err(format!("the key {key:?} is there twice"));
            }
        }
        Ok(map)
    }

    fn text(&self) -> String {
        self.iter().map(|(key, value)| format!("{key}:{}", value.text())).collect::<Vec<_>>().join(",")
    }
}

fn limited_items(text: &str) -> Result<Vec<&str>, String> {
    let items: Vec<&str> = text.split(',').map(str::trim).take(LIST_ITEMS_MAX + 1).collect();
    if items.len() > LIST_ITEMS_MAX {
        return Err(format!("a list has at most {LIST_ITEMS_MAX} items"));
    }
    Ok(items)
}
