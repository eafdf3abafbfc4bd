//! Which resources a query means: all filters have to fit, of the values of one any.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde_json::Value;

use super::parameters::value_of;
use crate::error::ApiError;
use crate::registry::document::Document;
use crate::registry::{Resource, python};
use crate::replica::State;
use crate::resources;

/// A condition.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// The attribute is one of these, or a list that has one of these.
    OneOf {
        /// The place of the attribute.
        slot: usize,
        /// Its name.
        name: &'static str,
        /// What it may be.
        values: Vec<Value>,
    },
    /// A port has an address that is one of these, that has one of these in it, and that is in one of these subnets; none
    /// of any of them is any.
    FixedIps {
        /// The addresses.
        addresses: Vec<String>,
        /// Parts of addresses.
        parts: Vec<String>,
        /// The subnets.
        subnets: Vec<String>,
    },
    /// What tags a resource has.
    Tags {
        /// These.
        tags: BTreeSet<String>,
        /// All of them, or any.
        wants_all: bool,
        /// Whether it has them, or has not.
        wants: bool,
    },
}

impl Filter {
    /// The names of the filters by tags.
    pub const TAGS: [&str; 4] = ["tags", "tags-any", "not-tags", "not-tags-any"];

    /// The filter that a parameter is.
    ///
    /// # Errors
    /// When a value is none of the attribute.
    pub fn new(resource: &'static Resource, name: &str, values: &[&str]) -> Result<Self, ApiError> {
        if Self::TAGS.contains(&name) {
            let tags = values.iter().flat_map(|text| text.split(',')).filter(|tag| !tag.is_empty());
            return Ok(Self::Tags {
                tags: tags.map(str::to_owned).collect(),
                wants_all: !name.ends_with("-any"),
                wants: !name.starts_with("not-"),
            });
        }
        if name == "fixed_ips" {
            return Self::fixed_ips(values);
        }
        let unknown = || ApiError::bad_request(format!("['{name}'] is invalid attribute for filtering"));
        let attribute = resource.attribute(name).ok_or_else(unknown)?;
        let slot = resource.slot(name).ok_or_else(unknown)?;
        let values = values.iter().map(|text| value_of(resource, name, text)).collect::<Result<_, _>>()?;
        Ok(Self::OneOf { slot, name: attribute.name, values })
    }

    fn fixed_ips(values: &[&str]) -> Result<Self, ApiError> {
        let (mut addresses, mut parts, mut subnets) = (Vec::new(), Vec::new(), Vec::new());
        for text in values {
            let pair = text.split_once('=').map(|(name, value)| (name.trim(), value.trim()));
            match pair {
                Some(("ip_address", address)) => addresses.push(canonical(address)),
                Some(("ip_address_substr", part)) => parts.push(part.to_owned()),
                Some(("subnet_id", subnet)) => subnets.push(subnet.to_owned()),
                Some((name, _)) if !name.is_empty() => {
                    let name = python::text(&name.into());
                    return Err(ApiError::bad_request(format!(
                        "['{name}'] is invalid attribute for filtering by fixed_ips"
                    )));
                }
                _ => {
                    let text = python::text(&(*text).into());
                    return Err(ApiError::invalid_input(format_args!(
                        "'{text}' is not of the form <key>=[value]"
                    )));
                }
            }
        }
        Ok(Self::FixedIps { addresses, parts, subnets })
    }

    /// Whether a resource fits.
    #[must_use]
    pub fn fits(&self, state: &State, document: &Document) -> bool {
        match self {
            Self::OneOf { slot, name, values } => {
                let is_computed =
                    document.resource().attributes.get(*slot).is_some_and(|own| own.is_computed);
                let own = if is_computed {
                    Cow::Owned(resources::compute(state, document, name))
                } else {
                    Cow::Borrowed(document.at(*slot))
                };
                values.iter().any(|value| is_or_has(&own, value))
            }
            Self::FixedIps { addresses, parts, subnets } => document.list("fixed_ips").iter().any(|fixed| {
                let member = |name: &str| fixed.get(name).and_then(Value::as_str).unwrap_or_default();
                let (address, subnet) = (member("ip_address"), member("subnet_id"));
                let is_any = |wanted: &[String], fits: &dyn Fn(&str) -> bool| {
                    wanted.is_empty() || wanted.iter().any(|wanted| fits(wanted))
                };
                is_any(addresses, &|wanted| wanted == address)
                    && is_any(parts, &|part| address.contains(part))
                    && is_any(subnets, &|wanted| wanted == subnet)
            }),
            Self::Tags { tags, wants_all, wants } => {
                let own: BTreeSet<&str> = document.texts("tags").collect();
                let mut found = tags.iter().map(|tag| own.contains(tag.as_str()));
                let has = if *wants_all { found.all(|has| has) } else { found.any(|has| has) };
                has == *wants
            }
        }
    }

    /// The attribute and the values by which an index finds all resources that fit, if there may be one.
    #[must_use]
    pub fn terms(&self) -> Option<(&str, Vec<String>)> {
        match self {
            Self::OneOf { name, values, .. } => {
                let mut terms = Vec::new();
                for value in values {
                    // What nobody said is no term of an index.
                    if matches!(value, Value::Null) || value.as_str() == Some("") {
                        return None;
                    }
                    crate::replica::rows::visit_terms(value, &mut |term| terms.push(term.to_owned()));
                }
                let name = if *name == "tenant_id" { "project_id" } else { name };
                Some((name, terms))
            }
            Self::FixedIps { addresses, .. } if !addresses.is_empty() => {
                Some(("fixed_ips", addresses.iter().map(|address| format!("ip_address={address}")).collect()))
            }
            Self::FixedIps { subnets, .. } if !subnets.is_empty() => {
                Some(("fixed_ips", subnets.iter().map(|subnet| format!("subnet_id={subnet}")).collect()))
            }
            Self::FixedIps { .. } | Self::Tags { .. } => None,
        }
    }
}

/// An address in its shortest spelling, where it is one.
fn canonical(text: &str) -> String {
    text.parse::<std::net::IpAddr>().map_or_else(|_| text.to_owned(), |address| address.to_string())
}

/// Whether a value is what is wanted. Nobody tells an empty text from nothing.
fn is_or_has(own: &Value, wanted: &Value) -> bool {
    match own {
        Value::Array(items) => items.contains(wanted),
        Value::Null => wanted.is_null() || wanted.as_str() == Some(""),
        own => own == wanted,
    }
}
