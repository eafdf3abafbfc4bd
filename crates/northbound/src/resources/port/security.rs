//! The security groups of ports, and what else a port may have only while it is secured.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::error::ApiError;
use crate::ipam::owner;
use crate::registry::Kind;
use crate::registry::body::Said;
use crate::registry::document::Document;
use crate::resources::security_group;
use crate::write::{Decision, Draft, guard_of_group};

const GROUPS: &str = "security_groups";

/// Gives a new port the groups that are said, or the one that its project has anyway.
pub(super) fn set_groups(draft: &mut Draft<'_>, document: &mut Document, said: &Said) -> Decision<()> {
    // Made with the first port in any case, whether that port is in it or not.
    let default = security_group::ensure_default(draft, document.project())?;
    match said.get(GROUPS) {
        Some(Value::Null) => document.set(GROUPS, Vec::<Value>::new()),
        Some(said) => document.set(GROUPS, said.clone()),
        None => {
            let is_for_guests = !owner::is_of_network(document.text("device_owner"));
            let default = default.filter(|_| is_for_guests && document.is("port_security_enabled"));
            document.set(GROUPS, default.iter().map(|group| group.id()).collect::<Value>());
        }
    }
    Ok(())
}

/// Groups and address pairs need a port that is secured; groups need to be there, be the port's to use, and stay.
pub(super) fn check(draft: &mut Draft<'_>, document: &Document, said: &Said) -> Result<(), ApiError> {
    let is_secured = document.is("port_security_enabled");
    let is_said = said.filled(GROUPS).and_then(Value::as_array).is_some_and(|items| !items.is_empty());
    if !is_secured && !document.list("allowed_address_pairs").is_empty() {
        let text = "Port Security must be enabled in order to have allowed address pairs on a port.";
        return Err(ApiError::new(409, "AddressPairAndPortSecurityRequired", text));
    }
    if !is_secured && is_said {
        let text =
            "Port security must be enabled and port must have an IP address in order to use security groups.";
        return Err(ApiError::new(400, "PortSecurityAndIPRequiredForSecurityGroups", text));
    }
    if !is_secured && !document.list(GROUPS).is_empty() {
        let text = "Port has security group associated. Cannot disable port security or IP address until security \
                    group is removed.";
        return Err(ApiError::new(409, "PortSecurityPortHasSecurityGroup", text));
    }
    join(draft, document)
}

/// Requires that the groups that a port comes into are there and stay.
fn join(draft: &mut Draft<'_>, document: &Document) -> Result<(), ApiError> {
    let known = draft.state().find(Kind::Port, document.id());
    let before: Vec<String> =
        known.iter().flat_map(|known| known.document.texts(GROUPS)).map(str::to_owned).collect();
    if document.texts(GROUPS).eq(before.iter().map(String::as_str)) {
        return Ok(());
    }
    let may_use = |group: &Document| draft.context().is_privileged() || group.project() == document.project();
    let (mut groups, mut missing) = (Vec::new(), Vec::new());
    for id in document.texts(GROUPS) {
        match draft.get(Kind::SecurityGroup, id).filter(|group| may_use(group)) {
            Some(group) => groups.push(group),
            None => missing.push(id),
        }
    }
    if !missing.is_empty() {
        return Err(Kind::SecurityGroup.resource().not_found(&missing.join(", ")));
    }
    let kinds: BTreeSet<bool> = groups.iter().map(|group| group.is("stateful")).collect();
    if kinds.len() > 1 {
        let text = "Error Cannot apply both stateful and stateless security groups on the same port at the same time \
                    while attempting the operation.";
        return Err(ApiError::new(409, "SecurityGroupConflict", text));
    }
    for group in groups.iter().filter(|group| !before.iter().any(|id| id == group.id())) {
        draft.depend_on(group);
        draft.touch(guard_of_group(group.id()));
    }
    Ok(())
}
