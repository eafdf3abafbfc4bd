//! A resource as the store keeps it: a JSON object of the attributes that are not computed.
//!
//! In memory the values stand in the order of the declaration, without their names: there are many resources, and all of
//! a kind have the same names.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::Resource;

/// A resource. An attribute that was never said is `null`.
#[derive(Clone, PartialEq)]
pub struct Document {
    resource: &'static Resource,
    values: Box<[Value]>,
}

static NULL: Value = Value::Null;

impl Document {
    /// One of which nothing is known yet.
    #[must_use]
    pub fn new(resource: &'static Resource) -> Self {
        Self { resource, values: vec![Value::Null; resource.attributes.len()].into() }
    }

    /// What the text of a row says. Members that are no attributes are left out.
    ///
    /// # Errors
    /// When the text is no JSON object.
    pub fn from_text(resource: &'static Resource, text: &[u8]) -> Result<Self, serde_json::Error> {
        let mut deserializer = serde_json::Deserializer::from_slice(text);
        let document = Seed { resource }.deserialize(&mut deserializer)?;
        deserializer.end()?;
        Ok(document)
    }

    /// The text of the row.
    #[must_use]
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Its declaration.
    #[must_use]
    pub const fn resource(&self) -> &'static Resource {
        self.resource
    }

    fn slot(&self, name: &str) -> Option<usize> {
        let slot = self.resource.slot(name);
        debug_assert!(slot.is_some(), "{} have no attribute {name}", self.resource.plural);
        slot
    }

    /// The value of an attribute.
    #[must_use]
    pub fn get(&self, name: &str) -> &Value {
        self.slot(name).and_then(|slot| self.values.get(slot)).unwrap_or(&NULL)
    }

    /// The value at a place of the declaration.
    #[must_use]
    pub fn at(&self, slot: usize) -> &Value {
        self.values.get(slot).unwrap_or(&NULL)
    }

    /// Says an attribute.
    pub fn set(&mut self, name: &str, value: impl Into<Value>) {
        if let Some(place) = self.slot(name).and_then(|slot| self.values.get_mut(slot)) {
            *place = value.into();
        }
    }

    /// A text; empty if the attribute is none.
    #[must_use]
    pub fn text(&self, name: &str) -> &str {
        self.get(name).as_str().unwrap_or_default()
    }

    /// A text that says something.
    #[must_use]
    pub fn filled(&self, name: &str) -> Option<&str> {
        self.get(name).as_str().filter(|text| !text.is_empty())
    }

    /// Whether an attribute is `true`.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        self.get(name) == &Value::Bool(true)
    }

    /// A number.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<u64> {
        self.get(name).as_u64()
    }

    /// The items of a list; none if the attribute is no list.
    #[must_use]
    pub fn list(&self, name: &str) -> &[Value] {
        self.get(name).as_array().map_or(&[], Vec::as_slice)
    }

    /// The texts of a list.
    pub fn texts<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.list(name).iter().filter_map(Value::as_str)
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &str {
        self.text("id")
    }

    /// The project that owns it.
    #[must_use]
    pub fn project(&self) -> &str {
        self.text("project_id")
    }

    /// How often it was changed.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.number("revision_number").unwrap_or_default()
    }
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.resource.singular, self.to_text())
    }
}

impl Serialize for Document {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (attribute, value) in self.resource.attributes.iter().zip(&self.values) {
            if !attribute.is_computed && !value.is_null() {
                map.serialize_entry(attribute.name, value)?;
            }
        }
        map.end()
    }
}

struct Seed {
    resource: &'static Resource,
}

impl<'de> DeserializeSeed<'de> for Seed {
    type Value = Document;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Document, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Seed {
    type Value = Document;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the attributes of a {}", self.resource.singular)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Document, A::Error> {
        let mut document = Document::new(self.resource);
        while let Some(name) = map.next_key::<std::borrow::Cow<'de, str>>()? {
            match self.resource.slot(&name).and_then(|slot| document.values.get_mut(slot)) {
                Some(place) => *place = map.next_value()?,
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(document)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::registry::Kind;

    #[test]
    fn what_is_written_is_read_again() {
        let mut network = Document::new(Kind::Network.resource());
        network.set("id", "n");
        network.set("mtu", 1450);
        network.set("status", "ACTIVE");
        network.set("availability_zone_hints", json!(["a"]));
        let text = network.to_text();
        assert_eq!(text, r#"{"id":"n","mtu":1450,"availability_zone_hints":["a"]}"#, "computed: not kept");
        let read = Document::from_text(Kind::Network.resource(), text.as_bytes()).unwrap();
        assert_eq!(read.number("mtu"), Some(1450));
        assert_eq!(read.to_text(), text);
    }

    #[test]
    fn unknown_members_are_left_out_and_other_texts_refused() {
        let port =
            Document::from_text(Kind::Port.resource(), br#"{"id": "p", "later": {"a": [1]}}"#).unwrap();
        assert_eq!(port.id(), "p");
        for text in ["[]", "{", "{} {}", ""] {
            assert!(Document::from_text(Kind::Port.resource(), text.as_bytes()).is_err(), "{text}");
        }
    }
}
