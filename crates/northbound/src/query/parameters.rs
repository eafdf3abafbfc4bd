//! The query of a request, checked against the declaration of the resource.

use std::collections::BTreeMap;

use serde_json::Value;

use super::filter::Filter;
use super::page::{Order, Sort};
use crate::error::ApiError;
use crate::registry::{Resource, python};

/// Parameters of one request; far more than any client sends.
const PARAMETERS_MAX: usize = 4096;

/// Parameters that are no filters.
const RESERVED: [&str; 6] = ["fields", "sort_key", "sort_dir", "limit", "marker", "page_reverse"];

/// The parameters of a query, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// What the text behind the question mark says.
    ///
    /// # Errors
    /// When there are too many of them.
    pub fn parse(query: &str) -> Result<Self, ApiError> {
        let parts = query.split('&').filter(|part| !part.is_empty());
        let pairs = parts.map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            (decode(name, true), decode(value, true))
        });
        let pairs: Vec<_> = pairs.take(PARAMETERS_MAX + 1).collect();
        if pairs.len() > PARAMETERS_MAX {
            return Err(ApiError::bad_request(format!("A query has at most {PARAMETERS_MAX} parameters")));
        }
        Ok(Self(pairs))
    }

    /// The last value of a parameter.
    #[must_use]
    pub fn last(&self, name: &str) -> Option<&str> {
        self.all(name).last()
    }

    /// All values of a parameter.
    pub fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// Whether an object has one of the values that are asked for, in each of these members of which any is.
    #[must_use]
    pub fn fit(&self, names: &[&str], object: &Value) -> bool {
        names.iter().all(|name| {
            let mut wanted = self.all(name).peekable();
            wanted.peek().is_none()
                || wanted.any(|wanted| object.get(name).and_then(Value::as_str) == Some(wanted))
        })
    }

    /// All parameters.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The names of attributes that an answer is to hold; none is all of them.
    #[must_use]
    pub fn fields(&self) -> Vec<String> {
        self.all("fields").filter(|field| !field.is_empty()).map(str::to_owned).collect()
    }
}

/// Undoes the percent signs of a URL; what is no character becomes a replacement.
#[must_use]
pub fn decode(text: &str, plus_is_space: bool) -> String {
    let (mut bytes, source) = (Vec::with_capacity(text.len()), text.as_bytes());
    let digit = |at: usize| source.get(at).and_then(|byte| char::from(*byte).to_digit(16));
    let mut at = 0;
    while let Some(byte) = source.get(at) {
        at += 1;
        match (byte, digit(at), digit(at + 1)) {
            (b'+', ..) if plus_is_space => bytes.push(b' '),
            (b'%', Some(high), Some(low)) => {
                bytes.push(u8::try_from(high * 16 + low).unwrap_or_default());
                at += 2;
            }
            _ => bytes.push(*byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Writes a text as a part of a URL.
#[must_use]
pub fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                encoded.push(char::from(byte))
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

/// A list as a request wants it.
#[derive(Debug, Clone)]
pub struct ListQuery {
    /// The names of attributes that answers are to hold; none is all of them.
    pub fields: Vec<String>,
    /// What all resources have to have.
    pub filters: Vec<Filter>,
    /// The order, with the id in the end.
    pub sorts: Vec<Sort>,
    /// Resources in the answer.
    pub limit: Option<usize>,
    /// Whether a page is asked for, and not everything.
    pub wants_page: bool,
    /// The id of the resource that the page begins behind, or ends before.
    pub marker: Option<String>,
    /// Whether the page ends before the marker.
    pub is_reverse: bool,
}

impl ListQuery {
    /// What the parameters say of a list of these resources.
    ///
    /// # Errors
    /// When they say what cannot be done.
    pub fn new(
        resource: &'static Resource,
        parameters: &Parameters,
        page_items_max: Option<usize>,
    ) -> Result<Self, ApiError> {
        let asked = limit(parameters)?;
        let limit = match (asked, page_items_max) {
            (Some(limit), Some(max)) => Some(limit.min(max)),
            (limit, max) => limit.or(max),
        };
        let marker = parameters.last("marker").filter(|marker| !marker.is_empty()).map(str::to_owned);
        Ok(Self {
            fields: parameters.fields(),
            filters: filters(resource, parameters)?,
            sorts: sorts(resource, parameters)?,
            limit,
            wants_page: asked.is_some() || marker.is_some(),
            marker,
            is_reverse: parameters.last("page_reverse").is_some_and(|text| text.eq_ignore_ascii_case("true")),
        })
    }
}

fn limit(parameters: &Parameters) -> Result<Option<usize>, ApiError> {
    let Some(text) = parameters.last("limit") else {
        return Ok(None);
    };
    let limit: usize = text.trim().parse().map_err(|_| {
        let text = python::text(&text.into());
        ApiError::bad_resource(
            "limit",
            format_args!("Limit must be an integer 0 or greater and not '{text}'"),
        )
    })?;
    Ok(Some(limit).filter(|limit| *limit > 0))
}

fn filters(resource: &'static Resource, parameters: &Parameters) -> Result<Vec<Filter>, ApiError> {
    let mut values: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, value) in parameters.iter().filter(|(name, _)| !RESERVED.contains(name)) {
        values.entry(name).or_default().push(value);
    }
    let is_known = |name: &str| {
        let is_of_tags = Filter::TAGS.contains(&name) && resource.slot("tags").is_some();
        is_of_tags || resource.attribute(name).is_some_and(|attribute| attribute.is_filter)
    };
    let unknown: Vec<&str> = values.keys().copied().filter(|name| !is_known(name)).collect();
    if !unknown.is_empty() {
        let names = python::repr_texts(unknown);
        return Err(ApiError::bad_request(format!("{names} is invalid attribute for filtering")));
    }
    values.into_iter().map(|(name, values)| Filter::new(resource, name, &values)).collect()
}

fn sorts(resource: &'static Resource, parameters: &Parameters) -> Result<Vec<Sort>, ApiError> {
    let said = |name| parameters.all(name).filter(|text| !text.is_empty()).collect::<Vec<_>>();
    let (keys, directions) = (said("sort_key"), said("sort_dir"));
    if keys.len() != directions.len() {
        return Err(ApiError::bad_request("The number of sort_keys and sort_dirs must be same"));
    }
    let is_key = |key: &str| resource.attribute(key).is_some_and(|attribute| attribute.is_sort_key);
    let unknown: Vec<&str> = keys.iter().copied().filter(|key| !is_key(key)).collect();
    if !unknown.is_empty() {
        let names = python::repr_texts(unknown);
        return Err(ApiError::bad_request(format!("{names} is invalid attribute for sort_keys")));
    }
    let unknown: Vec<&str> = directions.iter().copied().filter(|dir| Order::of_text(dir).is_none()).collect();
    if !unknown.is_empty() {
        let names = python::repr_texts(unknown);
        return Err(ApiError::bad_request(format!(
            "{names} is invalid value for sort_dirs, valid value is 'asc' and 'desc'"
        )));
    }
    let slots = keys.iter().filter_map(|key| resource.slot(key));
    let orders = directions.iter().filter_map(|direction| Order::of_text(direction));
    let mut sorts: Vec<Sort> = slots.zip(orders).map(|(slot, order)| Sort { slot, order }).collect();
    let id = resource.slot("id");
    if !sorts.iter().any(|sort| Some(sort.slot) == id) {
        sorts.extend(id.map(|slot| Sort { slot, order: Order::Ascending }));
    }
    Ok(sorts)
}

/// A value of the query, as the attribute of a document would say it.
pub(super) fn value_of(resource: &Resource, name: &str, text: &str) -> Result<Value, ApiError> {
    let value = Value::String(text.to_owned());
    resource.attribute(name).map_or(Ok(value.clone()), |attribute| attribute.convert.apply(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_urls_are_read_as_they_were_meant() {
        for (text, expected) in [
            ("a+b%20c", "a b c"),
            ("%", "%"),
            ("%4", "%4"),
            ("%zz", "%zz"),
            ("%41%", "A%"),
            ("%ff", "\u{fffd}"),
            ("%C3%A4", "ä"),
        ] {
            assert_eq!(decode(text, true), expected, "{text}");
        }
        assert_eq!(decode("a+b", false), "a+b");
        for text in ["", "a b&c=d/e?f", "äöü%", "~.-_"] {
            assert_eq!(decode(&encode(text), true), text);
        }
    }

    #[test]
    fn parameters_keep_their_order_and_have_a_limit() {
        let parameters = Parameters::parse("a=1&&b&a=2&=x&c=d=e").unwrap();
        assert_eq!(parameters.all("a").collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(parameters.last("b"), Some(""));
        assert_eq!(parameters.last("c"), Some("d=e"));
        assert!(Parameters::parse(&"a&".repeat(PARAMETERS_MAX)).is_ok());
        assert!(Parameters::parse(&"a&".repeat(PARAMETERS_MAX + 1)).is_err());
    }
}
