//! Policies for traffic.
//!
//! A network or a port has at most one policy. A policy that anything has stays, and so does the sharing of one that other
//! projects' networks or ports have.

pub mod placement;
pub mod rules;

use std::sync::Arc;

use serde_json::Value;

use super::{copy_all, copy_said, project_of, rows, visible};
use crate::error::ApiError;
use crate::policy;
use crate::registry::Kind;
use crate::registry::body::Said;
use crate::registry::document::Document;
use crate::replica::State;
use crate::write::{Decision, Draft, guard_of_default_qos_policy, guard_of_qos_policy};

/// Attributes that are as they are said.
const PLAIN: [&str; 4] = ["name", "shared", "is_default", "description"];

/// What can have a policy, as the answers call it.
const USERS: [(Kind, &str); 3] =
    [(Kind::Port, "port"), (Kind::Network, "network"), (Kind::FloatingIp, "fip")];

pub(super) fn create(draft: &mut Draft<'_>, id: &str, said: &Said) -> Decision<Arc<Document>> {
    policy::enforce_create(draft.context(), said, true)?;
    let project = project_of(draft, said)?;
    let mut document = draft.new_document(Kind::QosPolicy, id, &project);
    copy_all(&mut document, said, &PLAIN);
    document.set("rules", Vec::<Value>::new());
    check_only_default(draft, &document)?;
    rows::put_qos_policy(draft, &document)?;
    Ok(draft.create(document))
}

pub(super) fn change(draft: &mut Draft<'_>, document: &Document, said: &Said) -> Decision<Arc<Document>> {
    let mut changed = document.clone();
    copy_said(&mut changed, said, &PLAIN);
    if !document.is("is_default") {
        check_only_default(draft, &changed)?;
    }
    if document.is("shared") && !changed.is("shared") {
        check_unshared(draft, document)?;
    }
    let changed = draft.change(changed);
    rows::put_qos_policy(draft, &changed)?;
    Ok(changed)
}

pub(super) fn delete(draft: &mut Draft<'_>, document: &Document) -> Decision<()> {
    for (kind, noun) in USERS {
        if let Some(user) = draft.with(kind, "qos_policy_id", document.id()).first() {
            let text = format!("QoS Policy {} is used by {noun} {}.", document.id(), user.id());
            return Err(ApiError::new(409, "QosPolicyInUse", text).into());
        }
    }
    draft.seal_and_drop(guard_of_qos_policy(document.id()));
    rows::delete_qos_policy(draft, document);
    draft.delete(document);
    Ok(())
}

/// A project has one default.
fn check_only_default(draft: &mut Draft<'_>, document: &Document) -> Result<(), ApiError> {
    if !document.is("is_default") {
        return Ok(());
    }
    let is_other = |other: Arc<Document>| other.id() != document.id();
    if default_of(draft, document.project()).is_some_and(is_other) {
        let text = format!("A default QoS policy exists for project {}.", document.project());
        return Err(ApiError::new(409, "QoSPolicyDefaultAlreadyExists", text));
    }
    draft.lock(guard_of_default_qos_policy(document.project()));
    Ok(())
}

/// The policy that new networks of a project get which name none.
fn default_of(draft: &Draft<'_>, project: &str) -> Option<Arc<Document>> {
    let policies = draft.with(Kind::QosPolicy, "project_id", project);
    policies.into_iter().find(|policy| policy.is("is_default"))
}

/// A policy that others use stays shared.
fn check_unshared(draft: &mut Draft<'_>, document: &Document) -> Result<(), ApiError> {
    let is_foreign = |user: &Arc<Document>| user.project() != document.project();
    let is_used = |(kind, _)| draft.with(kind, "qos_policy_id", document.id()).iter().any(is_foreign);
    if USERS.into_iter().any(is_used) {
        let text = format!(
            "RBAC policy on object {} cannot be removed because other objects depend on it.\nDetails: project_id=*",
            document.id()
        );
        return Err(ApiError::new(409, "RbacPolicyInUse", text));
    }
    draft.lock(guard_of_qos_policy(document.id()));
    Ok(())
}

/// Gives a network, a port or a floating IP the policy that is said of it, or takes it away.
pub(super) fn set(draft: &mut Draft<'_>, document: &mut Document, said: &Said) -> Decision<()> {
    said.get("qos_policy_id").map_or(Ok(()), |wanted| set_wanted(draft, document, wanted))
}

/// Gives a network or a port this policy; `null` takes the one away that it has.
pub(super) fn set_wanted(draft: &mut Draft<'_>, document: &mut Document, wanted: &Value) -> Decision<()> {
    if wanted == document.get("qos_policy_id") {
        return Ok(());
    }
    if let Some(old) = document.filled("qos_policy_id")
        && let Some(old) = draft.get(Kind::QosPolicy, old)
        && !policy::may_see(draft.state(), draft.context(), &old)
    {
        let text = format!("Failed to remove provided policy {} because you are not authorized.", old.id());
        return Err(ApiError::new(403, "PolicyRemoveAuthorizationError", text).into());
    }
    match wanted.as_str() {
        Some(id) => {
            let policy = visible(draft, Kind::QosPolicy, id)?;
            give(draft, document, &policy);
        }
        None => document.set("qos_policy_id", Value::Null),
    }
    Ok(())
}

/// Gives a new network the policy that is said of it, or the default one of its project.
pub(super) fn set_of_new_network(
    draft: &mut Draft<'_>,
    document: &mut Document,
    said: &Said,
) -> Decision<()> {
    if said.filled("qos_policy_id").is_some() {
        return set(draft, document, said);
    }
    if let Some(policy) = default_of(draft, document.project()) {
        give(draft, document, &policy);
    }
    Ok(())
}

fn give(draft: &mut Draft<'_>, document: &mut Document, policy: &Document) {
    draft.depend_on(policy);
    draft.touch(guard_of_qos_policy(policy.id()));
    document.set("qos_policy_id", policy.id());
}

/// The policy of a port's network, which counts where the port has none of its own.
pub(super) fn of_network(state: &State, port: &Document) -> Value {
    let network = state.find(Kind::Network, port.text("network_id"));
    network.map_or(Value::Null, |network| network.document.get("qos_policy_id").clone())
}
