//! Requests that create or change: what they say, checked against the declaration in Neutron's order, so that of several
//! mistakes the same one is named.

use serde_json::{Map, Value};

use super::attribute::Unsaid;
use super::check::Flaw;
use super::{Resource, python};
use crate::auth::Context;
use crate::error::ApiError;

/// Resources that one request may create.
pub const BULK_ITEMS_MAX: usize = 1000;

/// What a request says of one resource: converted, checked, nothing filled in.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    resource: &'static Resource,
    values: Box<[Option<Value>]>,
}

impl Said {
    /// What was said of an attribute.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        let slot = self.resource.slot(name);
        debug_assert!(slot.is_some(), "{} have no attribute {name}", self.resource.plural);
        self.values.get(slot?)?.as_ref()
    }

    /// What was said of an attribute, unless that is `null`.
    #[must_use]
    pub fn filled(&self, name: &str) -> Option<&Value> {
        self.get(name).filter(|value| !value.is_null())
    }

    /// What was said of an attribute, or what it is when nothing is.
    #[must_use]
    pub fn or_default(&self, name: &str) -> Value {
        let unsaid = || match self.resource.attribute(name)?.unsaid {
            Unsaid::Is(literal) => Some(literal.value()),
            Unsaid::Refused | Unsaid::Open => None,
        };
        self.get(name).cloned().or_else(unsaid).unwrap_or_default()
    }

    /// The same with another value of an attribute.
    #[must_use]
    pub fn replaced(&self, name: &str, value: Value) -> Self {
        let mut said = self.clone();
        if let Some(place) = self.resource.slot(name).and_then(|slot| said.values.get_mut(slot)) {
            *place = Some(value);
        }
        said
    }

    /// The names of what was said, in the order of the declaration.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        let said = self.resource.attributes.iter().zip(&self.values);
        said.filter(|(_, value)| value.is_some()).map(|(attribute, _)| attribute.name)
    }

    /// The declaration.
    #[must_use]
    pub const fn resource(&self) -> &'static Resource {
        self.resource
    }
}

/// A request that creates.
#[derive(Debug, Clone, PartialEq)]
pub enum Creation {
    /// One resource.
    One(Said),
    /// Several, all or none.
    Many(Vec<Said>),
}

impl Creation {
    /// All that is to be created, and whether it is a list that is to be answered.
    #[must_use]
    pub fn into_list(self) -> (Vec<Said>, bool) {
        match self {
            Self::One(said) => (vec![said], false),
            Self::Many(said) => (said, true),
        }
    }
}

/// The object that a body has to be.
///
/// # Errors
/// When it is not JSON, or something else than an object.
pub fn object(body: &[u8]) -> Result<Map<String, Value>, ApiError> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(members)) => Ok(members),
        _ => Err(ApiError::bad_request("Body contains invalid data")),
    }
}

/// What the body of a POST says.
///
/// # Errors
/// When it says nothing, or something that may not be said.
pub fn creation(resource: &'static Resource, body: &[u8], context: &Context) -> Result<Creation, ApiError> {
    let mut members = object(body)?;
    let Some(many) = members.remove(resource.plural) else {
        return one(resource, members, context, true).map(Creation::One);
    };
    let items = match many {
        Value::Array(items) if !items.is_empty() => items,
        Value::Array(_) | Value::Null => return Err(ApiError::bad_request("Resources required")),
        _ => return Err(ApiError::bad_request("Body contains invalid data")),
    };
    if items.len() > BULK_ITEMS_MAX {
        let text = format!("A request creates at most {BULK_ITEMS_MAX} {}", resource.plural);
        return Err(ApiError::bad_request(text));
    }
    let items = items.into_iter().map(|item| match item {
        Value::Object(mut members) => match members.remove(resource.singular) {
            Some(inner) => said(resource, inner, context, true),
            None => said(resource, Value::Object(members), context, true),
        },
        _ => Err(ApiError::bad_request("Body contains invalid data")),
    });
    items.collect::<Result<_, _>>().map(Creation::Many)
}

/// What the body of a PUT says.
///
/// # Errors
/// When it says nothing, or something that may not be said.
pub fn change(resource: &'static Resource, body: &[u8], context: &Context) -> Result<Said, ApiError> {
    one(resource, object(body)?, context, false)
}

fn one(
    resource: &'static Resource,
    mut members: Map<String, Value>,
    context: &Context,
    is_creation: bool,
) -> Result<Said, ApiError> {
    match members.remove(resource.singular) {
        Some(value) if !value.is_null() => said(resource, value, context, is_creation),
        _ => Err(ApiError::bad_request(format!("Unable to find '{}' in request body", resource.singular))),
    }
}

fn said(
    resource: &'static Resource,
    value: Value,
    context: &Context,
    is_creation: bool,
) -> Result<Said, ApiError> {
    let Value::Object(mut members) = value else {
        return Err(ApiError::bad_request(format!("Object '{}' contains invalid data", resource.singular)));
    };
    project(&mut members, context)?;
    let unknown: Vec<&str> = members
        .keys()
        .map(String::as_str)
        .filter(|name| resource.attribute(name).is_none_or(is_internal))
        .collect();
    if !unknown.is_empty() {
        let names = python::text(&unknown.join(", ").into());
        return Err(ApiError::bad_request(format!("Unrecognized attribute(s) '{names}'")));
    }
    may_be_said(resource, &members, is_creation)?;
    let mut values = vec![None; resource.attributes.len()];
    for (attribute, place) in resource.attributes.iter().zip(&mut values) {
        let Some(value) = members.remove(attribute.name).filter(|_| !attribute.is_computed) else {
            continue;
        };
        let value = attribute.convert.apply(value)?;
        attribute.check.apply(&value).map_err(|flaw| match flaw {
            Flaw::Reason(reason) => ApiError::invalid_value(attribute.name, reason),
            Flaw::Refusal(error) => error,
        })?;
        *place = Some(value);
    }
    Ok(Said { resource, values: values.into() })
}

/// Attributes of our own, which the API does not know.
fn is_internal(attribute: &super::attribute::Attribute) -> bool {
    !attribute.is_visible && !attribute.in_post && !attribute.is_filter
}

/// Whether the attributes may be said in such a request, and none that has to be is missing.
fn may_be_said(resource: &Resource, members: &Map<String, Value>, is_creation: bool) -> Result<(), ApiError> {
    for attribute in resource.attributes {
        let (name, is_said) = (attribute.name, members.contains_key(attribute.name));
        if !is_creation && is_said && !attribute.in_put {
            return Err(ApiError::bad_request(format!("Cannot update read-only attribute {name}")));
        }
        if is_creation && is_said && !attribute.in_post {
            return Err(ApiError::bad_request(format!("Attribute '{name}' not allowed in POST")));
        }
        if is_creation && !is_said && attribute.unsaid == Unsaid::Refused {
            let text = format!("Failed to parse request. Required attribute '{name}' not specified");
            return Err(ApiError::bad_request(text));
        }
    }
    Ok(())
}

/// Makes one of the two names of the project, which only an administrator can choose.
fn project(members: &mut Map<String, Value>, context: &Context) -> Result<(), ApiError> {
    let tenant = members.get("tenant_id").cloned();
    match (tenant, members.get("project_id")) {
        (Some(tenant), Some(project)) if tenant != *project => {
            return Err(ApiError::bad_request("'project_id' and 'tenant_id' do not match"));
        }
        (Some(tenant), None) => {
            members.insert("project_id".to_owned(), tenant);
        }
        _ => {}
    }
    let is_own = |project: &Value| project.as_str() == Some(context.project.as_str());
    if members.get("project_id").is_some_and(|project| !is_own(project)) && !context.is_privileged() {
        return Err(ApiError::bad_request(
            "Specifying 'project_id' other than the authenticated project in request is not allowed for the \
             current user.",
        ));
    }
    Ok(())
}
