//! Rules of security groups.
//!
//! A rule changes its group: the revision of the group counts its rules too, and its row has them in it.

mod check;

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use super::{compute, copy_all, group_rows, project_of};
use crate::auth::Context;
use crate::error::ApiError;
use crate::policy;
use crate::registry::Kind;
use crate::registry::body::Said;
use crate::registry::document::Document;
use crate::replica::State;
use crate::write::{Decision, Draft, guard_of_address_group, guard_of_group};

pub(super) use check::{key, set_normalized_range, settle};

/// What a rule says about traffic.
pub(super) const TRAFFIC: [&str; 8] = [
    "direction",
    "ethertype",
    "protocol",
    "port_range_min",
    "port_range_max",
    "remote_ip_prefix",
    "remote_group_id",
    "remote_address_group_id",
];

/// The id that is said of something.
fn said_id<'a>(said: &'a Said, name: &str) -> &'a str {
    said.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// What is said, as far as it can be told without knowing any group.
fn settled(mut document: Document, said: &Said) -> Result<Document, ApiError> {
    copy_all(&mut document, said, &TRAFFIC);
    copy_all(&mut document, said, &["security_group_id", "description"]);
    settle(&mut document)?;
    set_normalized_range(&mut document);
    Ok(document)
}

pub(super) fn create(draft: &mut Draft<'_>, id: &str, said: &Said) -> Decision<Arc<Document>> {
    let group_id = said_id(said, "security_group_id");
    let missing = || Kind::SecurityGroup.resource().not_found(group_id);
    let group = draft.get(Kind::SecurityGroup, group_id).ok_or_else(missing)?;
    policy::enforce_create(draft.context(), said, draft.context().owns(group.project()))?;
    // All that change a group would make each other's transactions fail.
    draft.take_turn()?;
    let project = project_of(draft, said)?;
    let document = settled(draft.new_document(Kind::SecurityGroupRule, id, &project), said)?;
    depend_on_remote(draft, &document)?;
    let rules = draft.with(Kind::SecurityGroupRule, "security_group_id", group_id);
    let wanted = key(&document);
    if let Some(rule) = rules.iter().find(|rule| key(rule) == wanted) {
        let text = format!("Security group rule already exists. Rule id is {}.", rule.id());
        return Err(ApiError::new(409, "SecurityGroupRuleExists", text).into());
    }
    let document = draft.create(document);
    let group = draft.change((*group).clone());
    group_rows::put_group(draft, &group)?;
    Ok(document)
}

/// Requires that the groups on the other side are there and for the requester to know, and that they stay.
fn depend_on_remote(draft: &mut Draft<'_>, rule: &Document) -> Result<(), ApiError> {
    for (name, kind) in
        [("remote_group_id", Kind::SecurityGroup), ("remote_address_group_id", Kind::AddressGroup)]
    {
        let Some(id) = rule.filled(name) else {
            continue;
        };
        let remote = draft.get(kind, id);
        let remote = remote.filter(|remote| policy::may_see(draft.state(), draft.context(), remote));
        let remote = remote.ok_or_else(|| kind.resource().not_found(id))?;
        // The group itself changes with its rule in any case.
        if id != rule.text("security_group_id") {
            draft.depend_on(&remote);
            draft.touch(if kind == Kind::AddressGroup {
                guard_of_address_group(id)
            } else {
                guard_of_group(id)
            });
        }
    }
    Ok(())
}

/// Whether several rules can be created by one request: those of one group and one project, no two the same.
///
/// # Errors
/// When they cannot.
pub fn check_several(context: &Context, said: &[Said]) -> Result<(), ApiError> {
    let distinct = |name: &str, default: &str| -> BTreeSet<String> {
        said.iter()
            .map(|said| said.filled(name).and_then(|own| own.as_str()).unwrap_or(default).to_owned())
            .collect()
    };
    if distinct("security_group_id", "").len() > 1 {
        let text = "Only allowed to update rules for one security profile at a time";
        return Err(ApiError::new(400, "SecurityGroupNotSingleGroupRules", text));
    }
    if distinct("project_id", &context.project).len() > 1 {
        let text = "Multiple project_ids in bulk security group rule create not allowed";
        return Err(ApiError::new(400, "SecurityGroupRulesNotSingleProject", text));
    }
    let new = || Document::new(Kind::SecurityGroupRule.resource());
    let rules = said.iter().map(|said| settled(new(), said)).collect::<Result<Vec<_>, _>>()?;
    let mut seen = BTreeSet::new();
    if rules.iter().all(|rule| seen.insert(key(rule))) {
        return Ok(());
    }
    let text = "Duplicate Security Group Rule in POST.";
    Err(ApiError::new(409, "DuplicateSecurityGroupRuleInPost", text))
}

/// The rules of a group, as an answer about the group shows them.
pub(super) fn shown_of_group(state: &State, group: &Document) -> Value {
    let rules = state.rows(Kind::SecurityGroupRule).with("security_group_id", group.id());
    rules.map(|(_, rule)| shown(state, &rule.document)).collect()
}

fn shown(state: &State, rule: &Document) -> Value {
    let attributes = rule.resource().attributes.iter().filter(|own| own.is_visible);
    let members = attributes.map(|own| {
        let value = if own.is_computed { compute(state, rule, own.name) } else { rule.get(own.name).clone() };
        (own.name.to_owned(), value)
    });
    Value::Object(members.collect())
}

pub(super) fn delete(draft: &mut Draft<'_>, document: &Document) -> Decision<()> {
    draft.take_turn()?;
    draft.delete(document);
    if let Some(group) = draft.get(Kind::SecurityGroup, document.text("security_group_id")) {
        let group = draft.change((*group).clone());
        group_rows::put_group(draft, &group)?;
    }
    Ok(())
}
