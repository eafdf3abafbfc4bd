//! A resource as an answer shows it: what the requester may see and wants to see.

use std::sync::Arc;

use serde::ser::{Serialize, SerializeMap as _, Serializer};
use serde_json::Value;

use crate::auth::Context;
use crate::registry::attribute::{Attribute, Who};
use crate::registry::document::Document;
use crate::replica::State;
use crate::resources;

/// A resource as an answer shows it. What is computed is already, so the replica need not be held.
#[derive(Debug)]
pub struct View {
    document: Arc<Document>,
    shown: Vec<Shown>,
}

#[derive(Debug)]
enum Shown {
    Kept(usize),
    Computed(&'static str, Value),
    /// A number that is shown as text.
    Text(usize),
}

/// Which attributes of a kind of resource a requester sees.
#[derive(Debug, Clone)]
pub struct Columns {
    columns: Vec<(usize, &'static Attribute)>,
}

impl Columns {
    /// Those that the requester may see, and of these the ones that are wanted; none is all of them.
    #[must_use]
    pub fn new(attributes: &'static [Attribute], context: &Context, fields: &[String]) -> Self {
        let may_see = |attribute: &Attribute| {
            attribute.is_visible
                && match attribute.reader {
                    Who::Anyone | Who::NetworkOwner => true,
                    Who::Manager => context.may_manage(),
                    Who::Service => context.is_privileged(),
                    Who::Admin => context.is_admin,
                }
        };
        let is_wanted = |name: &str| fields.is_empty() || fields.iter().any(|field| field == name);
        let columns = attributes.iter().enumerate();
        Self { columns: columns.filter(|(_, own)| may_see(own) && is_wanted(own.name)).collect() }
    }
}

impl View {
    /// What these columns show of a resource now.
    #[must_use]
    pub fn new(state: &State, document: Arc<Document>, columns: &Columns) -> Self {
        let shown = columns.columns.iter().filter_map(|(slot, attribute)| {
            if attribute.is_left_out && !attribute.is_computed && document.at(*slot).is_null() {
                return None;
            }
            let shown = if attribute.is_computed {
                let value = resources::compute(state, &document, attribute.name);
                if attribute.is_left_out && value.is_null() {
                    return None;
                }
                Shown::Computed(attribute.name, value)
            } else if attribute.is_shown_as_text {
                Shown::Text(*slot)
            } else {
                Shown::Kept(*slot)
            };
            Some(shown)
        });
        Self { shown: shown.collect(), document }
    }
}

impl Serialize for View {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let attributes = self.document.resource().attributes;
        let name_at = |slot: usize| attributes.get(slot).map_or("", |attribute| attribute.name);
        let mut map = serializer.serialize_map(Some(self.shown.len()))?;
        for shown in &self.shown {
            match shown {
                Shown::Kept(slot) => map.serialize_entry(name_at(*slot), self.document.at(*slot))?,
                Shown::Text(slot) => {
                    map.serialize_entry(name_at(*slot), &self.document.at(*slot).to_string())?;
                }
                Shown::Computed(name, value) => map.serialize_entry(name, value)?,
            }
        }
        map.end()
    }
}
