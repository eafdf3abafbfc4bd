//! What each kind of resource does beyond what its declaration says.
//!
//! | module | what it holds |
//! |---|---|
//! | [`network`], [`subnet`], [`port`], [`subnet_pool`] | creation, change, end |
//! | [`security_group`], [`security_rule`], [`default_rule`], [`address_group`] | the same of groups and what they permit |
//! | [`dhcp`] | the port that a network's DHCP server has |
//! | [`facts`] | documents as the address management knows them |
//! | [`rows`], [`group_rows`] | the rows that controllers read |
//! | [`qos`] | policies for traffic, and their rules |
//! | [`tags`] | tags of any of them |
//! | [`router`] | what forwards between networks |
//! | [`trunk`] | ports that carry others |
//! | [`behind`] | ports inside others whose pairs of addresses name them |
//! | [`floating_ip`] | addresses outside that stand for addresses inside, and the forwarding of ports |
//! | [`agent`] | the daemons of nodes |
//! | [`availability`] | how many addresses are left |

pub mod address_group;
pub mod agent;
pub mod availability;
pub mod behind;
pub mod default_rule;
pub mod dhcp;
pub mod facts;
pub mod floating_ip;
pub mod group_rows;
pub mod network;
pub mod port;
pub mod qos;
pub mod router;
pub mod rows;
pub mod security_group;
pub mod security_rule;
pub mod subnet;
pub mod subnet_pool;
pub mod tags;
pub mod trunk;

use std::sync::Arc;

use serde_json::Value;

use crate::error::ApiError;
use crate::policy;
use crate::registry::Kind;
use crate::registry::body::Said;
use crate::registry::document::Document;
use crate::replica::State;
use crate::write::{Decision, Draft};

/// The value of an attribute that is not kept.
#[must_use]
pub fn compute(state: &State, document: &Document, name: &str) -> Value {
    match (document.resource().kind, name) {
        (_, "tenant_id") => document.get("project_id").clone(),
        (Kind::Network | Kind::Router, "status") => "ACTIVE".into(),
        (Kind::Network, "subnets") => {
            let subnets = state.rows(Kind::Subnet).with("network_id", document.id());
            subnets.map(|(id, _)| id.to_string()).collect()
        }
        (Kind::Network | Kind::Router, "availability_zones") => {
            document.get("availability_zone_hints").clone()
        }
        (Kind::Port, "status") => port::status(state, document).into(),
        (Kind::Port, "binding:vif_type") => port::vif_type(state, document).into(),
        (Kind::Port, "binding:vif_details") => port::vif_details(state, document),
        (Kind::Port, "trunk_details") => trunk::details(state, document),
        (Kind::Trunk, "status") => trunk::status(state, document).into(),
        (Kind::FloatingIp, name) => floating_ip::compute(state, document, name),
        (Kind::Port, "qos_network_policy_id") => qos::of_network(state, document),
        (Kind::Port, "dns_assignment") => port::names::assignment(state, document),
        (Kind::Port, "resource_request") => qos::placement::request(state, document),
        (Kind::Port, "ip_allocation") => {
            if document.list("fixed_ips").is_empty() { "none" } else { "immediate" }.into()
        }
        (Kind::Subnet, "shared" | "router:external") => {
            let network = state.find(Kind::Network, document.text("network_id"));
            network.is_some_and(|network| network.document.is(name)).into()
        }
        (Kind::SecurityGroup, "shared") => false.into(),
        (Kind::SecurityGroup, "security_group_rules") => security_rule::shown_of_group(state, document),
        (Kind::SecurityGroupRule, "belongs_to_default_sg") => {
            let group = state.find(Kind::SecurityGroup, document.text("security_group_id"));
            group.is_some_and(|group| group.document.filled("default_of").is_some()).into()
        }
        _ => Value::Null,
    }
}

/// Creates what is said, under this id.
///
/// # Errors
/// When it cannot be.
pub fn create(draft: &mut Draft<'_>, id: &str, said: &Said) -> Decision<Arc<Document>> {
    match said.resource().kind {
        Kind::Network => network::create(draft, id, said),
        Kind::Subnet => subnet::create(draft, id, said),
        Kind::Port => port::create(draft, id, said),
        Kind::SubnetPool => subnet_pool::create(draft, id, said),
        Kind::SecurityGroup => security_group::create(draft, id, said),
        Kind::SecurityGroupRule => security_rule::create(draft, id, said),
        Kind::AddressGroup => address_group::create(draft, id, said),
        Kind::DefaultSecurityGroupRule => default_rule::create(draft, id, said),
        Kind::QosPolicy => qos::create(draft, id, said),
        Kind::Trunk => trunk::create(draft, id, said),
        Kind::Router => router::create(draft, id, said),
        Kind::FloatingIp => floating_ip::create(draft, id, said),
    }
}

/// Changes a resource as is said.
///
/// # Errors
/// When it cannot be.
pub fn change(draft: &mut Draft<'_>, document: &Document, said: &Said) -> Decision<Arc<Document>> {
    policy::enforce_update(draft.state(), draft.context(), document, said)?;
    match said.resource().kind {
        Kind::Network => network::change(draft, document, said),
        Kind::Subnet => subnet::change(draft, document, said),
        Kind::Port => port::change(draft, document, said),
        Kind::SubnetPool => subnet_pool::change(draft, document, said),
        Kind::SecurityGroup => security_group::change(draft, document, said),
        Kind::AddressGroup => address_group::change(draft, document, said),
        // Nothing of them can be changed.
        Kind::SecurityGroupRule | Kind::DefaultSecurityGroupRule => {
            Err(ApiError::method_not_allowed().into())
        }
        Kind::QosPolicy => qos::change(draft, document, said),
        Kind::Trunk => trunk::change(draft, document, said),
        Kind::Router => router::change(draft, document, said),
        Kind::FloatingIp => floating_ip::change(draft, document, said),
    }
}

/// Deletes a resource.
///
/// # Errors
/// When it cannot be.
pub fn delete(draft: &mut Draft<'_>, document: &Document) -> Decision<()> {
    policy::enforce_delete(draft.state(), draft.context(), document)?;
    match document.resource().kind {
        Kind::Network => network::delete(draft, document),
        Kind::Subnet => subnet::delete(draft, document),
        Kind::Port => port::delete(draft, document),
        Kind::SubnetPool => subnet_pool::delete(draft, document),
        Kind::QosPolicy => qos::delete(draft, document),
        Kind::Trunk => trunk::delete(draft, document),
        Kind::Router => router::delete(draft, document),
        Kind::FloatingIp => floating_ip::delete(draft, document),
        Kind::SecurityGroup => security_group::delete(draft, document),
        Kind::SecurityGroupRule => security_rule::delete(draft, document),
        Kind::AddressGroup => address_group::delete(draft, document),
        Kind::DefaultSecurityGroupRule => {
            default_rule::delete(draft, document);
            Ok(())
        }
    }
}

/// Whether something of a kind is not there yet that there is without anybody having asked for it.
#[must_use]
pub fn lacks_own(state: &State, kind: Kind, project: &str) -> bool {
    match kind {
        Kind::SecurityGroup | Kind::SecurityGroupRule => {
            !project.is_empty() && state.rows(Kind::SecurityGroup).count("default_of", project) == 0
        }
        Kind::DefaultSecurityGroupRule => state.guard(&crate::write::guard_of_default_rules()).is_none(),
        _ => false,
    }
}

/// Makes it.
///
/// # Errors
/// When it cannot be made.
pub fn ensure_own(draft: &mut Draft<'_>, kind: Kind, project: &str) -> Decision<()> {
    match kind {
        Kind::SecurityGroup | Kind::SecurityGroupRule => {
            security_group::ensure_default(draft, project).map(drop)
        }
        Kind::DefaultSecurityGroupRule => default_rule::ensure(draft),
        _ => Ok(()),
    }
}

/// A resource that the requester may know of.
///
/// # Errors
/// When there is none.
pub fn visible(draft: &Draft<'_>, kind: Kind, id: &str) -> Result<Arc<Document>, ApiError> {
    let document = draft.get(kind, id);
    let document = document.filter(|document| policy::may_see(draft.state(), draft.context(), document));
    document.ok_or_else(|| kind.resource().not_found(id))
}

/// The project of a new resource.
///
/// # Errors
/// When neither the request nor the requester says one.
pub fn project_of(draft: &Draft<'_>, said: &Said) -> Result<String, ApiError> {
    let said = said.filled("project_id").and_then(Value::as_str).unwrap_or(&draft.context().project);
    if said.is_empty() {
        return Err(ApiError::bad_request(
            "Running without keystone AuthN requires that project_id is specified",
        ));
    }
    Ok(said.to_owned())
}

/// Copies what is said of these attributes, or what they are when nothing is.
fn copy_all(document: &mut Document, said: &Said, names: &[&str]) {
    for name in names {
        document.set(name, said.or_default(name));
    }
}

/// Copies what is said of these attributes, and leaves the others.
fn copy_said(document: &mut Document, said: &Said, names: &[&str]) {
    for name in names {
        if let Some(value) = said.get(name) {
            document.set(name, value.clone());
        }
    }
}
