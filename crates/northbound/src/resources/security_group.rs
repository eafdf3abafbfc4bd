//! Security groups.
//!
//! Every project has a group that it did not ask for, named `default`: it is made with the first request that could need it.
//! Several servers may find it missing at a time; a guard makes one of them the first.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::Table;
use uuid::Uuid;

use super::{copy_all, copy_said, default_rule, group_rows, project_of, security_rule};
use crate::error::ApiError;
use crate::policy;
use crate::registry::Kind;
use crate::registry::body::Said;
use crate::registry::document::Document;
use crate::registry::tables::security_group::{DEFAULT_GROUP, PARENT_GROUP};
use crate::write::{Decision, Draft, guard_of_default_group, guard_of_group};

/// Attributes that are as they are said.
const PLAIN: [&str; 3] = ["name", "stateful", "description"];

/// The description of the group that every project has.
const DEFAULT_DESCRIPTION: &str = "Default security group";

/// Rules that go in one transaction; with each may change its group, which is three rows.
const RULES_RELEASED_MAX: usize = 25;

pub(super) fn create(draft: &mut Draft<'_>, id: &str, said: &Said) -> Decision<Arc<Document>> {
    policy::enforce_create(draft.context(), said, true)?;
    let project = project_of(draft, said)?;
    ensure_default(draft, &project)?;
    let mut document = draft.new_document(Kind::SecurityGroup, id, &project);
    copy_all(&mut document, said, &PLAIN);
    document.set("unique_key", draft.unique_key(Table::SecurityGroup)?.get());
    for rule in default_rule::of_new_groups(draft, false)? {
        let rule = first_rule(draft, &document, &rule);
        draft.create(rule);
    }
    let document = draft.create(document);
    group_rows::put_group(draft, &document)?;
    Ok(document)
}

/// The group that a project has anyway, made if it is not there; none if it is not for the requester to make.
///
/// # Errors
/// When it cannot be made.
pub(super) fn ensure_default(draft: &mut Draft<'_>, project: &str) -> Decision<Option<Arc<Document>>> {
    let is_for_requester = draft.context().owns(project) || draft.context().is_privileged();
    if project.is_empty() || !is_for_requester {
        return Ok(None);
    }
    if let Some(known) = draft.with(Kind::SecurityGroup, "default_of", project).first() {
        return Ok(Some(Arc::clone(known)));
    }
    draft.lock(guard_of_default_group(project));
    let mut document = draft.new_document(Kind::SecurityGroup, &Uuid::new_v4().to_string(), project);
    document.set("name", DEFAULT_GROUP);
    document.set("description", DEFAULT_DESCRIPTION);
    document.set("stateful", true);
    document.set("default_of", project);
    document.set("unique_key", draft.unique_key(Table::SecurityGroup)?.get());
    for rule in default_rule::of_new_groups(draft, true)? {
        let rule = first_rule(draft, &document, &rule);
        draft.create_uncounted(rule);
    }
    let document = draft.create_uncounted(document);
    group_rows::put_group(draft, &document)?;
    Ok(Some(document))
}

/// A rule that a new group begins with.
fn first_rule(draft: &Draft<'_>, group: &Document, template: &Document) -> Document {
    let id = Uuid::new_v4().to_string();
    let mut rule = draft.new_document(Kind::SecurityGroupRule, &id, group.project());
    rule.set("security_group_id", group.id());
    for name in security_rule::TRAFFIC {
        rule.set(name, template.get(name).clone());
    }
    if rule.text("remote_group_id") == PARENT_GROUP {
        rule.set("remote_group_id", group.id());
    }
    security_rule::set_normalized_range(&mut rule);
    rule
}

pub(super) fn change(draft: &mut Draft<'_>, document: &Document, said: &Said) -> Decision<Arc<Document>> {
    if said.get("stateful").is_some_and(|stateful| stateful != document.get("stateful")) {
        check_unused(draft, document)?;
    }
    if document.text("name") == DEFAULT_GROUP && said.get("name").is_some() {
        let text = "Updating default security group not allowed.";
        return Err(ApiError::new(409, "SecurityGroupCannotUpdateDefault", text).into());
    }
    let mut changed = document.clone();
    copy_said(&mut changed, said, &PLAIN);
    let changed = draft.change(changed);
    group_rows::put_group(draft, &changed)?;
    Ok(changed)
}

/// Requires that no port is in a group, now and until this is decided.
fn check_unused(draft: &mut Draft<'_>, document: &Document) -> Result<(), ApiError> {
    if draft.state().rows(Kind::Port).count("security_groups", document.id()) > 0 {
        let text = format!("Security Group {} in use.", document.id());
        return Err(ApiError::new(409, "SecurityGroupInUse", text));
    }
    draft.seal(guard_of_group(document.id()));
    Ok(())
}

fn check_deletable(draft: &mut Draft<'_>, document: &Document) -> Result<(), ApiError> {
    check_unused(draft, document)?;
    if document.text("name") == DEFAULT_GROUP && !draft.context().is_admin {
        let text = "Insufficient rights for removing default security group.";
        return Err(ApiError::new(409, "SecurityGroupCannotRemoveDefault", text));
    }
    Ok(())
}

/// The rules that go with a group: its own, and those of others that name it.
fn rules_about(draft: &Draft<'_>, document: &Document) -> Vec<Arc<Document>> {
    let mut rules = draft.with(Kind::SecurityGroupRule, "security_group_id", document.id());
    let of_others = draft.with(Kind::SecurityGroupRule, "remote_group_id", document.id());
    rules.extend(of_others.into_iter().filter(|rule| rule.text("security_group_id") != document.id()));
    rules
}

/// Deletes rules, and says which groups they were of.
fn drop_rules(draft: &mut Draft<'_>, rules: &[Arc<Document>]) -> BTreeSet<String> {
    for rule in rules {
        draft.delete(rule);
    }
    rules.iter().map(|rule| rule.text("security_group_id").to_owned()).collect()
}

fn touch_groups(draft: &mut Draft<'_>, groups: &BTreeSet<String>) -> Decision<()> {
    for id in groups {
        if let Some(group) = draft.get(Kind::SecurityGroup, id) {
            let group = draft.change((*group).clone());
            group_rows::put_group(draft, &group)?;
        }
    }
    Ok(())
}

/// Before a group goes that many rules are of or name: takes some of them, as many as fit a transaction. Says whether that
/// has to be done again.
///
/// # Errors
/// When the group cannot go.
pub(crate) fn release_some(draft: &mut Draft<'_>, document: &Document) -> Decision<bool> {
    check_deletable(draft, document)?;
    let mut rules = rules_about(draft, document);
    if rules.len() <= RULES_RELEASED_MAX {
        return Ok(false);
    }
    rules.truncate(RULES_RELEASED_MAX);
    let groups = drop_rules(draft, &rules);
    touch_groups(draft, &groups)?;
    Ok(true)
}

pub(super) fn delete(draft: &mut Draft<'_>, document: &Document) -> Decision<()> {
    check_deletable(draft, document)?;
    let rules = rules_about(draft, document);
    let mut groups = drop_rules(draft, &rules);
    groups.remove(document.id());
    touch_groups(draft, &groups)?;
    group_rows::delete_group(draft, document);
    draft.delete(document);
    draft.delete_row(guard_of_group(document.id()));
    if let Some(project) = document.filled("default_of") {
        draft.delete_row(guard_of_default_group(project));
    }
    Ok(())
}
