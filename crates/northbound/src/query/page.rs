//! The order of a list, and its pages.

use std::cmp::Ordering;
use std::sync::Arc;

use serde_json::{Value, json};

use super::parameters::{ListQuery, Parameters, encode};
use crate::error::ApiError;
use crate::registry::document::Document;
use crate::replica::State;
use crate::resources;

/// Up or down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The smallest first.
    Ascending,
    /// The largest first.
    Descending,
}

impl Order {
    /// What a parameter says.
    #[must_use]
    pub fn of_text(text: &str) -> Option<Self> {
        match text {
            "asc" => Some(Self::Ascending),
            "desc" => Some(Self::Descending),
            _ => None,
        }
    }
}

/// One attribute that decides about the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sort {
    /// The place of the attribute.
    pub slot: usize,
    /// Its order.
    pub order: Order,
}

fn compare(first: &Value, second: &Value) -> Ordering {
    match (first, second) {
        (Value::String(first), Value::String(second)) => first.cmp(second),
        (Value::Number(first), Value::Number(second)) => {
            let numbers = (first.as_i64(), second.as_i64());
            match numbers {
                (Some(first), Some(second)) => first.cmp(&second),
                _ => first.as_f64().partial_cmp(&second.as_f64()).unwrap_or(Ordering::Equal),
            }
        }
        (Value::Bool(first), Value::Bool(second)) => first.cmp(second),
        _ => rank(first).cmp(&rank(second)),
    }
}

/// Values of different kinds: nothing comes first.
const fn rank(value: &Value) -> u8 {
    match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Number(_) => 2,
        Value::String(_) => 3,
        Value::Array(_) => 4,
        Value::Object(_) => 5,
    }
}

/// Sorts resources and takes the page that is wanted.
///
/// # Errors
/// When there is no such marker.
pub fn page(
    state: &State,
    mut documents: Vec<Arc<Document>>,
    query: &ListQuery,
) -> Result<Vec<Arc<Document>>, ApiError> {
    sort(state, &mut documents, &query.sorts);
    let Some(limit) = query.limit else {
        return Ok(documents);
    };
    let place = match &query.marker {
        Some(marker) => Some(
            documents
                .iter()
                .position(|document| document.id() == marker)
                .ok_or_else(|| missing_marker(&documents, marker))?,
        ),
        None => None,
    };
    let range = if query.is_reverse {
        let end = place.unwrap_or(documents.len());
        end.saturating_sub(limit)..end
    } else {
        let start = place.map_or(0, |place| place + 1);
        start..start.saturating_add(limit).min(documents.len())
    };
    documents.truncate(range.end);
    Ok(documents.split_off(range.start.min(documents.len())))
}

fn missing_marker(documents: &[Arc<Document>], marker: &str) -> ApiError {
    documents.first().map_or_else(ApiError::not_found, |document| document.resource().not_found(marker))
}

fn sort(state: &State, documents: &mut [Arc<Document>], sorts: &[Sort]) {
    let is_computed = |sort: &Sort| {
        documents
            .first()
            .and_then(|any| any.resource().attributes.get(sort.slot))
            .is_some_and(|own| own.is_computed)
    };
    let directed = |order: Order, ordering: Ordering| match order {
        Order::Ascending => ordering,
        Order::Descending => ordering.reverse(),
    };
    if !sorts.iter().any(is_computed) {
        documents.sort_by(|first, second| {
            let each = sorts
                .iter()
                .map(|sort| directed(sort.order, compare(first.at(sort.slot), second.at(sort.slot))));
            each.fold(Ordering::Equal, Ordering::then)
        });
        return;
    }
    documents.sort_by_cached_key(|document| Keys {
        keys: sorts.iter().map(|sort| (value(state, document, sort.slot), sort.order)).collect(),
    });
}

fn value(state: &State, document: &Document, slot: usize) -> Value {
    match document.resource().attributes.get(slot) {
        Some(attribute) if attribute.is_computed => resources::compute(state, document, attribute.name),
        _ => document.at(slot).clone(),
    }
}

/// What decides about the place of a resource, where it has to be computed.
#[derive(Debug)]
struct Keys {
    keys: Vec<(Value, Order)>,
}

impl Ord for Keys {
    fn cmp(&self, other: &Self) -> Ordering {
        let pairs = self.keys.iter().zip(&other.keys);
        let each = pairs.map(|((first, order), (second, _))| match order {
            Order::Ascending => compare(first, second),
            Order::Descending => compare(second, first),
        });
        each.fold(Ordering::Equal, Ordering::then)
    }
}

impl PartialOrd for Keys {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Keys {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Keys {}

/// Where the next page and the one before are, as far as there may be any. Who asks for everything and gets it is told of none.
#[must_use]
pub fn links(url: &str, parameters: &Parameters, query: &ListQuery, page: &[Arc<Document>]) -> Option<Value> {
    let limit = query.limit?;
    let is_short = page.len() < limit;
    if is_short && !query.wants_page {
        return None;
    }
    let link = |rel: &str, marker: Option<&Arc<Document>>, is_reverse: bool| {
        let kept = parameters.iter().filter(|(name, _)| !["marker", "page_reverse"].contains(name));
        let kept = kept.map(|(name, value)| (name, value.to_owned()));
        let marker = marker.map(|document| ("marker", document.id().to_owned()));
        let reverse = is_reverse.then(|| ("page_reverse", "True".to_owned()));
        let pairs = kept.chain(marker).chain(reverse);
        let query: Vec<String> =
            pairs.map(|(name, value)| format!("{}={}", encode(name), encode(&value))).collect();
        json!({"rel": rel, "href": format!("{url}?{}", query.join("&"))})
    };
    let mut links = Vec::new();
    if !is_short || query.is_reverse {
        links.push(link("next", page.last(), false));
    }
    if !is_short || !query.is_reverse {
        links.push(link("previous", page.first(), true));
    }
    Some(Value::Array(links))
}
