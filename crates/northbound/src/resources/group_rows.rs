//! The rows of groups that controllers read.

use std::sync::Arc;

use model::{Object, Table, Topic};

use super::rows::{delete, unique_key};
use crate::registry::Kind;
use crate::registry::document::Document;
use crate::translate::{AddressGroup, SecurityGroup};
use crate::write::{Decision, Draft};

/// Writes the rows of a group with the rules that it then has.
pub(super) fn put_group(draft: &mut Draft<'_>, group: &Document) -> Decision<()> {
    let rules = draft.with(Kind::SecurityGroupRule, "security_group_id", group.id());
    let translated = SecurityGroup::from_attributes(group, rules.iter().map(Arc::as_ref))?;
    draft.put_object(&Object::from(translated.row(unique_key(group)?)));
    match translated.extra() {
        Some(extra) => draft.put_object(&Object::from(extra)),
        None => delete_extra(draft, group),
    }
    Ok(())
}

/// Takes back what the original's row has no room for, if there was anything.
fn delete_extra(draft: &mut Draft<'_>, group: &Document) {
    let known = draft.state().find(Kind::SecurityGroup, group.id());
    let was_stateless = known.is_some_and(|known| !known.document.is("stateful"));
    let had_addresses = draft
        .state()
        .rows(Kind::SecurityGroupRule)
        .with("security_group_id", group.id())
        .any(|(_, rule)| rule.document.filled("remote_address_group_id").is_some());
    if was_stateless || had_addresses {
        delete(draft, Table::SecurityGroupExtra, group, &Topic::new(group.project()));
    }
}

/// Deletes the rows of a group.
pub(super) fn delete_group(draft: &mut Draft<'_>, group: &Document) {
    delete(draft, Table::SecurityGroup, group, &Topic::new(group.project()));
    delete_extra(draft, group);
}

/// Writes the row of an address group.
pub(super) fn put_address_group(draft: &mut Draft<'_>, group: &Document) -> Decision<()> {
    draft.put_object(&Object::from(AddressGroup::from_attributes(group)?.row()));
    Ok(())
}

/// Deletes the row of an address group.
pub(super) fn delete_address_group(draft: &mut Draft<'_>, group: &Document) {
    delete(draft, Table::AddressGroup, group, &Topic::new(group.project()));
}
