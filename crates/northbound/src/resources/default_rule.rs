//! The rules that new groups begin with: a template that administrators change, and that begins with Neutron's.
//!
//! Neutron's four rules are written with the first request that needs them, so that they can be told from those that an
//! administrator took away.

use std::sync::Arc;

use serde_json::Value;
use uuid::Uuid;

use super::{copy_all, security_rule};
use crate::error::ApiError;
use crate::policy;
use crate::registry::Kind;
use crate::registry::body::Said;
use crate::registry::document::Document;
use crate::registry::tables::security_group::PARENT_GROUP;
use crate::write::{Decision, Draft, guard_of_default_rules};

const IN_DEFAULT: &str = "used_in_default_sg";
const IN_OTHERS: &str = "used_in_non_default_sg";

/// Makes Neutron's rules, if nobody did yet.
///
/// # Errors
/// When they cannot be made.
pub(super) fn ensure(draft: &mut Draft<'_>) -> Decision<()> {
    if draft.is_guarded(&guard_of_default_rules()) {
        return Ok(());
    }
    draft.lock(guard_of_default_rules());
    for (direction, description) in [
        ("egress", "Legacy default SG rule for egress traffic"),
        ("ingress", "Legacy default SG rule for ingress traffic"),
    ] {
        for ethertype in ["IPv4", "IPv6"] {
            let is_egress = direction == "egress";
            let id = Uuid::new_v4().to_string();
            let mut rule = draft.new_document(Kind::DefaultSecurityGroupRule, &id, "");
            rule.set("direction", direction);
            rule.set("ethertype", ethertype);
            rule.set("description", description);
            rule.set("remote_group_id", if is_egress { Value::Null } else { PARENT_GROUP.into() });
            rule.set(IN_DEFAULT, true);
            rule.set(IN_OTHERS, is_egress);
            draft.create_uncounted(rule);
        }
    }
    Ok(())
}

/// The rules that a new group begins with.
///
/// # Errors
/// When they cannot be made.
pub(super) fn of_new_groups(draft: &mut Draft<'_>, is_default: bool) -> Decision<Vec<Arc<Document>>> {
    ensure(draft)?;
    let flag = if is_default { IN_DEFAULT } else { IN_OTHERS };
    Ok(draft.with(Kind::DefaultSecurityGroupRule, flag, "true"))
}

pub(super) fn create(draft: &mut Draft<'_>, id: &str, said: &Said) -> Decision<Arc<Document>> {
    policy::enforce_create(draft.context(), said, true)?;
    ensure(draft)?;
    // Of all that change the template, one is the first, so that no rule is in it twice.
    draft.lock(guard_of_default_rules());
    let mut document = draft.new_document(Kind::DefaultSecurityGroupRule, id, "");
    copy_all(&mut document, said, &security_rule::TRAFFIC);
    copy_all(&mut document, said, &["description", IN_DEFAULT, IN_OTHERS]);
    security_rule::settle(&mut document)?;
    let key = security_rule::key(&document);
    for flag in [IN_DEFAULT, IN_OTHERS].into_iter().filter(|flag| document.is(flag)) {
        let rules = draft.with(Kind::DefaultSecurityGroupRule, flag, "true");
        if let Some(rule) = rules.iter().find(|rule| security_rule::key(rule) == key) {
            let text = format!("Default Security group rule already exists. Rule id is {}.", rule.id());
            return Err(ApiError::new(409, "DefaultSecurityGroupRuleExists", text).into());
        }
    }
    Ok(draft.create_uncounted(document))
}

pub(super) fn delete(draft: &mut Draft<'_>, document: &Document) {
    draft.delete(document);
}
