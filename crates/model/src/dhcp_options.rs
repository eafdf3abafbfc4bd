//! DHCP options as rows hold them.

use std::collections::BTreeMap;

use serde::Serializer;
use serde_json::Value;

use crate::member::unexpected;
use crate::{Member, Presence, Problem, Shape};

/// The codes that are options; 0 pads and 255 ends.
const CODES: std::ops::RangeInclusive<u8> = 1..=254;

/// Texts by the number of their option.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct DhcpOptions(BTreeMap<u8, String>);

impl DhcpOptions {
    /// The options; `None` when one has the number 0 or 255.
    #[must_use]
    pub fn new(options: BTreeMap<u8, String>) -> Option<Self> {
        options.keys().all(|code| CODES.contains(code)).then_some(Self(options))
    }

    /// The text of an option.
    #[must_use]
    pub fn get(&self, code: u8) -> Option<&str> {
        self.0.get(&code).map(String::as_str)
    }

    /// All options, by number.
    pub fn iter(&self) -> impl Iterator<Item = (u8, &str)> {
        self.0.iter().map(|(code, text)| (*code, text.as_str()))
    }
}

/// The number of an option, in the one spelling that two members cannot share.
fn code(key: &str) -> Option<u8> {
    let code = key.parse().ok().filter(|code| CODES.contains(code))?;
    (code.to_string() == key).then_some(code)
}

impl Member for DhcpOptions {
    const SHAPE: Shape = Shape::DhcpOptions;
    const PRESENCE: Presence = Presence::Always;

    fn read(value: &Value) -> Result<Self, Problem> {
        let members = value.as_object().ok_or_else(|| unexpected::<Self>(value))?;
        let option = |(key, text): (&String, &Value)| Some((code(key)?, text.as_str()?.to_owned()));
        let options: Option<_> = members.iter().map(option).collect();
        options.map(Self).ok_or_else(|| unexpected::<Self>(value))
    }

    fn absent() -> Option<Self> {
        Some(Self::default())
    }

    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(code, text)| (code.to_string(), text)))
    }

    #[cfg(any(test, feature = "arbitrary"))]
    fn any() -> proptest::strategy::BoxedStrategy<Self> {
        crate::arbitrary::dhcp_options()
    }
}
