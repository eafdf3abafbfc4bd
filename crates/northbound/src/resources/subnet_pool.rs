//! Pools that subnets take their ranges from.

use std::sync::Arc;

use ipnet::IpNet;
use serde_json::Value;

use super::{copy_all, copy_said, facts, project_of, visible};
use crate::error::ApiError;
use crate::ipam::{IpamError, SubnetPool};
use crate::policy;
use crate::registry::body::{self, Said};
use crate::registry::document::Document;
use crate::registry::{Kind, convert, python};
use crate::write::{Decision, Draft, guard_of_default_pool, guard_of_pool};

/// Attributes that are as they are said.
const PLAIN: [&str; 7] = [
    "name",
    "prefixes",
    "default_quota",
    "default_prefixlen",
    "min_prefixlen",
    "max_prefixlen",
    "is_default",
];

/// What happens to the prefixes of a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrefixChange {
    /// They come.
    Add,
    /// They go.
    Remove,
}

impl PrefixChange {
    /// The part of the path that says it.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        match text {
            "add_prefixes" => Some(Self::Add),
            "remove_prefixes" => Some(Self::Remove),
            _ => None,
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Add => "add_prefixes",
            Self::Remove => "remove_prefixes",
        }
    }
}

/// The prefixes that the body of a request names.
///
/// # Errors
/// When it names none, or something else.
pub fn prefixes_from_body(text: &[u8]) -> Result<Vec<IpNet>, ApiError> {
    let mut members = body::object(text)?;
    let prefixes = match members.remove("prefixes") {
        Some(Value::Array(prefixes)) => prefixes,
        Some(other) => {
            let reason = format!("'{}' is not a list", python::text(&other));
            return Err(ApiError::invalid_value("prefixes", reason));
        }
        None => return Err(ApiError::bad_request("Unable to find 'prefixes' in request body")),
    };
    let prefix = |prefix: &Value| {
        let net = prefix.as_str().and_then(convert::ip_net);
        net.map(|net| net.trunc()).ok_or_else(|| {
            let reason = format!("'{}' is not a valid IP subnet", python::text(prefix));
            ApiError::invalid_value("prefixes", reason)
        })
    };
    prefixes.iter().map(prefix).collect()
}

/// Adds prefixes to a pool, or takes such from it as no subnet comes from. A pool keeps one at least.
///
/// # Errors
/// When there is no such pool, it is not for the requester, or it cannot be without these prefixes.
pub fn change_prefixes(
    draft: &mut Draft<'_>,
    id: &str,
    change: PrefixChange,
    prefixes: &[IpNet],
) -> Decision<Arc<Document>> {
    let document = visible(draft, Kind::SubnetPool, id)?;
    policy::enforce_action(draft.state(), draft.context(), &document, change.as_str())?;
    let known = facts::subnet_pool(draft, &document)?;
    let left = match change {
        PrefixChange::Add => known.prefixes().into_iter().chain(prefixes.iter().copied()).collect(),
        PrefixChange::Remove => {
            // No subnet may come from them until they are gone.
            draft.lock(guard_of_pool(id));
            known.without(prefixes).map_err(IpamError::from)?
        }
    };
    let mut changed = (*document).clone();
    changed.set("prefixes", left.iter().map(ToString::to_string).collect::<Value>());
    settle(draft, &mut changed)?;
    Ok(draft.change(changed))
}

pub(super) fn create(draft: &mut Draft<'_>, id: &str, said: &Said) -> Decision<Arc<Document>> {
    policy::enforce_create(draft.context(), said, true)?;
    let project = project_of(draft, said)?;
    let mut document = draft.new_document(Kind::SubnetPool, id, &project);
    copy_all(&mut document, said, &PLAIN);
    copy_all(&mut document, said, &["shared", "description"]);
    settle(draft, &mut document)?;
    Ok(draft.create(document))
}

pub(super) fn change(draft: &mut Draft<'_>, document: &Document, said: &Said) -> Decision<Arc<Document>> {
    let mut changed = document.clone();
    copy_said(&mut changed, said, &PLAIN);
    copy_said(&mut changed, said, &["description"]);
    if said.get("prefixes").is_some() {
        let known = facts::subnet_pool(draft, document)?;
        known.check_replacement(&facts::cidrs(changed.get("prefixes"))).map_err(IpamError::from)?;
    }
    settle(draft, &mut changed)?;
    Ok(draft.change(changed))
}

/// Fills in what follows from the rest, and checks that all of it fits together.
fn settle(draft: &mut Draft<'_>, document: &mut Document) -> Decision<()> {
    let pool = SubnetPool::new(&facts::pool_request(document)).map_err(IpamError::from)?;
    for (name, length) in [
        ("min_prefixlen", pool.min_prefix_len()),
        ("max_prefixlen", pool.max_prefix_len()),
        ("default_prefixlen", pool.default_prefix_len()),
        ("ip_version", pool.ip_version().number()),
    ] {
        document.set(name, length);
    }
    document.set("prefixes", pool.prefixes().iter().map(ToString::to_string).collect::<Value>());
    if document.is("is_default") {
        check_only_default(draft, document)?;
    }
    Ok(())
}

/// There is one default for each version of IP.
fn check_only_default(draft: &mut Draft<'_>, document: &Document) -> Result<(), ApiError> {
    let is_other = |other: &Arc<Document>| {
        other.id() != document.id() && other.get("ip_version") == document.get("ip_version")
    };
    if draft.with(Kind::SubnetPool, "is_default", "true").iter().any(is_other) {
        return Err(ApiError::invalid_input(
            "A default subnetpool for this IP family has already been set. Only one default may exist per IP family",
        ));
    }
    draft.lock(guard_of_default_pool());
    Ok(())
}

pub(super) fn delete(draft: &mut Draft<'_>, document: &Document) -> Decision<()> {
    facts::subnet_pool(draft, document)?.check_unused().map_err(IpamError::from)?;
    let guard = guard_of_pool(document.id());
    draft.lock(guard.clone());
    draft.delete_row(guard);
    draft.delete(document);
    Ok(())
}
