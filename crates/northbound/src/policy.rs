//! Who may do what.
//!
//! Neutron's default rules: everybody acts on what their project owns, sees what is shared besides, and what is
//! dangerous to others is for administrators and services. Whoever may not see a resource is told that there is none.

use std::sync::Arc;

use crate::auth::Context;
use crate::error::ApiError;
use crate::registry::attribute::{Unsaid, Who};
use crate::registry::body::Said;
use crate::registry::document::Document;
use crate::registry::{Kind, Resource};
use crate::replica::State;

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Something new.
    Create,
    /// A change.
    Update,
    /// The end.
    Delete,
}

impl Action {
    const fn verb(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

/// A rule that grows by what it demands, as it stands in the answer when it does not hold.
#[derive(Debug)]
struct Rule {
    text: String,
    holds: bool,
}

impl Rule {
    fn new(action: Action, resource: &Resource, holds: bool) -> Self {
        Self { text: format!("rule:{}_{}", action.verb(), resource.singular), holds }
    }

    fn and(&mut self, action: Action, resource: &Resource, attribute: &str, holds: bool) {
        self.text = format!("({} and rule:{}_{}:{attribute})", self.text, action.verb(), resource.singular);
        self.holds &= holds;
    }

    fn enforce(self) -> Result<(), ApiError> {
        if self.holds { Ok(()) } else { Err(ApiError::forbidden(self.text)) }
    }
}

/// Whether a resource is in a network of the requester's.
fn owns_network(state: &State, context: &Context, document: &Document) -> bool {
    if !matches!(document.resource().kind, Kind::Subnet | Kind::Port) {
        return false;
    }
    let network = state.find(Kind::Network, document.text("network_id"));
    network.is_some_and(|network| context.owns(network.document.project()))
}

/// Whether a rule is of a group of the requester's, whoever made it.
fn owns_group(state: &State, context: &Context, rule: &Document) -> bool {
    let group = state.find(Kind::SecurityGroup, rule.text("security_group_id"));
    group.is_some_and(|group| context.owns(group.document.project()))
}

/// Whether everybody may use the network of a subnet.
fn is_open(network: &Document) -> bool {
    network.is("shared") || network.is("router:external")
}

/// A resource that a requester may know of.
///
/// # Errors
/// When there is none.
pub fn known(state: &State, context: &Context, kind: Kind, id: &str) -> Result<Arc<Document>, ApiError> {
    let entry = state.find(kind, id).filter(|entry| may_see(state, context, &entry.document));
    entry.map(|entry| Arc::clone(&entry.document)).ok_or_else(|| kind.resource().not_found(id))
}

/// Whether a requester may know of a resource.
#[must_use]
pub fn may_see(state: &State, context: &Context, document: &Document) -> bool {
    let kind = document.resource().kind;
    let is_own = kind != Kind::SecurityGroupRule && context.owns(document.project());
    if context.is_privileged() || is_own {
        return true;
    }
    match kind {
        Kind::SecurityGroup | Kind::AddressGroup => false,
        Kind::SecurityGroupRule => owns_group(state, context, document),
        Kind::DefaultSecurityGroupRule => true,
        Kind::Network => is_open(document),
        Kind::SubnetPool | Kind::QosPolicy => document.is("shared"),
        Kind::Subnet => {
            let network = state.find(Kind::Network, document.text("network_id"));
            network
                .is_some_and(|network| context.owns(network.document.project()) || is_open(&network.document))
        }
        Kind::Port => owns_network(state, context, document),
        Kind::Trunk | Kind::Router | Kind::FloatingIp => false,
    }
}

/// Whether a requester may create what is said, given whether they own the network or the group that it is in.
///
/// # Errors
/// When they may not.
pub fn enforce_create(context: &Context, said: &Said, owns_network: bool) -> Result<(), ApiError> {
    let resource = said.resource();
    let may = match resource.kind {
        Kind::Subnet | Kind::SecurityGroupRule => {
            context.may_write() && (owns_network || context.is_privileged())
        }
        Kind::DefaultSecurityGroupRule => context.is_admin,
        Kind::QosPolicy => context.may_manage(),
        _ => context.may_write(),
    };
    let mut rule = Rule::new(Action::Create, resource, may);
    for attribute in resource.attributes.iter().filter(|own| own.creator != Who::Anyone) {
        let is_default = |value| matches!(attribute.unsaid, Unsaid::Is(literal) if literal.is(value));
        if said.get(attribute.name).is_some_and(|value| !is_default(value)) {
            rule.and(
                Action::Create,
                resource,
                attribute.name,
                is_among(context, attribute.creator, owns_network),
            );
        }
    }
    port_attributes(&mut rule, Action::Create, context, said, owns_network);
    gateway_attributes(&mut rule, Action::Create, context, said);
    rule.enforce()
}

/// Whether a requester may change a resource as is said.
///
/// # Errors
/// When they may not, or may not know of it.
pub fn enforce_update(
    state: &State,
    context: &Context,
    document: &Document,
    said: &Said,
) -> Result<(), ApiError> {
    let resource = said.resource();
    let owns_network = owns_network(state, context, document);
    let mut rule = Rule::new(Action::Update, resource, may_act(state, context, document, owns_network));
    for attribute in resource.attributes.iter().filter(|own| own.updater != Who::Anyone) {
        if said.get(attribute.name).is_some() {
            rule.and(
                Action::Update,
                resource,
                attribute.name,
                is_among(context, attribute.updater, owns_network),
            );
        }
    }
    port_attributes(&mut rule, Action::Update, context, said, owns_network);
    gateway_attributes(&mut rule, Action::Update, context, said);
    rule.enforce()
}

/// Whether a requester may delete a resource.
///
/// # Errors
/// When they may not.
pub fn enforce_delete(state: &State, context: &Context, document: &Document) -> Result<(), ApiError> {
    let owns_network = owns_network(state, context, document);
    let may = may_act(state, context, document, owns_network)
        || (document.resource().kind == Kind::Port && owns_network && context.may_write());
    Rule::new(Action::Delete, document.resource(), may).enforce()
}

/// Whether a requester may change the tags of a resource.
///
/// # Errors
/// When they may not.
pub fn enforce_tags(state: &State, context: &Context, document: &Document) -> Result<(), ApiError> {
    let may = may_act(state, context, document, owns_network(state, context, document));
    let mut rule = Rule::new(Action::Update, document.resource(), may);
    rule.text.push_str(":tags");
    rule.enforce()
}

/// Whether a requester may do something with a resource that has a rule of its own.
///
/// # Errors
/// When they may not.
pub fn enforce_action(
    state: &State,
    context: &Context,
    document: &Document,
    action: &str,
) -> Result<(), ApiError> {
    let holds = may_act(state, context, document, false);
    Rule { text: format!("rule:{action}"), holds }.enforce()
}

fn may_act(state: &State, context: &Context, document: &Document, owns_network: bool) -> bool {
    let is_own = match document.resource().kind {
        Kind::Subnet => owns_network || context.owns(document.project()),
        Kind::SecurityGroupRule => owns_group(state, context, document),
        Kind::DefaultSecurityGroupRule => return context.is_admin,
        Kind::QosPolicy => context.owns(document.project()) && context.may_manage(),
        _ => context.owns(document.project()),
    };
    context.is_privileged() || (is_own && context.may_write())
}

fn is_among(context: &Context, who: Who, owns_network: bool) -> bool {
    match who {
        Who::Anyone => true,
        Who::NetworkOwner => owns_network || context.is_privileged(),
        Who::Manager => context.may_manage(),
        Who::Service => context.is_privileged(),
        Who::Admin => context.is_admin,
    }
}

/// What depends on the value: addresses are for the owner of the network, and so are ports of the network itself.
fn port_attributes(rule: &mut Rule, action: Action, context: &Context, said: &Said, owns_network: bool) {
    if said.resource().kind != Kind::Port {
        return;
    }
    let may = is_among(context, Who::NetworkOwner, owns_network);
    let fixed_ips = said.get("fixed_ips").and_then(|value| value.as_array());
    if fixed_ips.is_some_and(|fixed| fixed.iter().any(|fixed| fixed.get("ip_address").is_some())) {
        rule.and(action, said.resource(), "fixed_ips:ip_address", may);
    }
    let owner = said.get("device_owner").and_then(|value| value.as_str());
    if owner.is_some_and(crate::ipam::owner::is_of_network) {
        rule.and(action, said.resource(), "device_owner", may);
    }
}

/// What of a gateway costs others something is for administrators: addresses that are chosen, and whether addresses are hidden.
const GATEWAY_MEMBERS_OF_ADMINS: [&str; 2] = ["enable_snat", "external_fixed_ips"];

fn gateway_attributes(rule: &mut Rule, action: Action, context: &Context, said: &Said) {
    if said.resource().kind != Kind::Router {
        return;
    }
    let info = said.get("external_gateway_info").and_then(|value| value.as_object());
    for name in GATEWAY_MEMBERS_OF_ADMINS {
        if info.is_some_and(|info| info.contains_key(name)) {
            rule.and(action, said.resource(), &format!("external_gateway_info:{name}"), context.is_admin);
        }
    }
}

/// The same of the gateways that a request names which has a rule of its own.
///
/// # Errors
/// When the requester may not say what they say.
pub fn enforce_gateways<'a>(
    context: &Context,
    action: &str,
    gateways: impl Iterator<Item = &'a serde_json::Value>,
) -> Result<(), ApiError> {
    let mut rule = Rule { text: format!("rule:{action}"), holds: true };
    let gateways: Vec<_> = gateways.filter_map(|gateway| gateway.as_object()).collect();
    for name in GATEWAY_MEMBERS_OF_ADMINS {
        if gateways.iter().any(|gateway| gateway.contains_key(name)) {
            rule.text = format!("({} and rule:{action}:external_gateways:{name})", rule.text);
            rule.holds &= context.is_admin;
        }
    }
    rule.enforce()
}
