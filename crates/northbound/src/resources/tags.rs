//! Tags: words that people put on resources to find them again.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use super::visible;
use crate::error::ApiError;
use crate::policy;
use crate::registry::Kind;
use crate::registry::body;
use crate::registry::check::{Check, Flaw};
use crate::registry::document::Document;
use crate::registry::tables::TAG_CHARS_MAX;
use crate::write::{Decision, Draft};

/// Tags of one resource.
pub const TAGS_MAX: usize = 50;

/// What happens to the tags of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TagChange {
    /// These come.
    Add(BTreeSet<String>),
    /// These are all.
    Replace(BTreeSet<String>),
    /// This one goes.
    Remove(String),
    /// All go.
    Clear,
}

/// The answer when a resource does not have a tag.
#[must_use]
pub fn not_found(tag: &str) -> ApiError {
    ApiError::new(404, "TagNotFound", format!("Tag {tag} could not be found."))
}

/// The tags that a body says.
///
/// # Errors
/// When it says none, or something that is no tag.
pub fn from_body(text: &[u8]) -> Result<BTreeSet<String>, ApiError> {
    let members = body::object(text).map_err(|_| ApiError::invalid_input("Invalid tags body"))?;
    let tags = members.get("tags").ok_or_else(|| ApiError::invalid_input("Invalid tags body"))?;
    check(Check::TextList(TAG_CHARS_MAX), tags)?;
    Ok(tags.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect())
}

/// Whether a text can be a tag.
///
/// # Errors
/// When it cannot.
pub fn check_tag(tag: &str) -> Result<(), ApiError> {
    check(Check::Text(TAG_CHARS_MAX), &tag.into())
}

fn check(check: Check, value: &Value) -> Result<(), ApiError> {
    check.apply(value).map_err(|flaw| match flaw {
        Flaw::Reason(reason) => ApiError::invalid_input(reason),
        Flaw::Refusal(error) => error,
    })
}

/// Changes the tags of a resource.
///
/// # Errors
/// When there is no such resource or tag, or there are too many then.
pub fn change(draft: &mut Draft<'_>, kind: Kind, id: &str, change: &TagChange) -> Decision<Arc<Document>> {
    let document = visible(draft, kind, id)?;
    policy::enforce_tags(draft.state(), draft.context(), &document)?;
    let mut tags: BTreeSet<String> = document.texts("tags").map(str::to_owned).collect();
    match change {
        TagChange::Add(more) => tags.extend(more.iter().cloned()),
        TagChange::Replace(all) => tags.clone_from(all),
        TagChange::Remove(tag) => {
            if !tags.remove(tag) {
                return Err(not_found(tag).into());
            }
        }
        TagChange::Clear => tags.clear(),
    }
    if tags.len() > TAGS_MAX && !matches!(change, TagChange::Remove(_) | TagChange::Clear) {
        let text = format!("The number of tags exceed the per-resource limit of {TAGS_MAX}");
        return Err(ApiError::bad_resource(kind.resource().plural, text).into());
    }
    let mut changed = (*document).clone();
    changed.set("tags", tags.into_iter().collect::<Value>());
    Ok(draft.change(changed))
}
