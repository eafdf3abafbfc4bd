//! Several gateways of one router.
//!
//! As Neutron's: gateways have no ids, so a request names one by its network, and by its addresses where the router has several
//! in that network. The first is the one of `external_gateway_info`; where it goes, the next takes its place.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use super::{gateway, gateway_ports, managed, routes, settle, subnets};
use crate::error::ApiError;
use crate::policy;
use crate::registry::Kind;
use crate::registry::check::{Check, Flaw};
use crate::registry::convert::Convert;
use crate::registry::document::Document;
use crate::write::{Decision, Draft};

/// A change of the gateways of a router.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GatewayChange {
    /// These as well.
    Add,
    /// These and no others; those that are among them stay.
    Update,
    /// These no more.
    Remove,
}

impl GatewayChange {
    /// The change that a path names so.
    #[must_use]
    pub fn from_action(action: &str) -> Option<Self> {
        [Self::Add, Self::Update, Self::Remove].into_iter().find(|change| change.rule() == action)
    }

    const fn rule(self) -> &'static str {
        match self {
            Self::Add => "add_external_gateways",
            Self::Update => "update_external_gateways",
            Self::Remove => "remove_external_gateways",
        }
    }
}

/// Changes the gateways of a router.
///
/// # Errors
/// When they make no sense, or the requester may not.
pub fn change(
    draft: &mut Draft<'_>,
    router: &str,
    change: GatewayChange,
    said: &Value,
) -> Decision<Arc<Document>> {
    let mut router = (*managed(draft, router, change.rule())?).clone();
    let gateways = said_gateways(said)?;
    if change != GatewayChange::Remove {
        policy::enforce_gateways(draft.context(), change.rule(), gateways.iter())?;
    }
    match change {
        GatewayChange::Add => add_all(draft, &mut router, &gateways)?,
        GatewayChange::Update => update(draft, &mut router, &gateways)?,
        GatewayChange::Remove => remove(draft, &mut router, &gateways)?,
    }
    routes::check(draft, &router)?;
    settle(draft, router)
}

/// What a request says of gateways, checked and in its usual spelling.
fn said_gateways(said: &Value) -> Result<Vec<Value>, ApiError> {
    let invalid = |reason: String| ApiError::invalid_value("external_gateways", reason);
    let Some(items) = said.as_array() else {
        return Err(invalid(format!("'{}' is not a list", crate::registry::python::text(said))));
    };
    let item = |item: &Value| {
        let item = Convert::GatewayInfo.apply(item.clone())?;
        Check::GATEWAY_INFO.apply(&item).map_err(|flaw| match flaw {
            Flaw::Reason(reason) => invalid(reason),
            Flaw::Refusal(error) => error,
        })?;
        Ok(item)
    };
    let items: Result<Vec<Value>, ApiError> = items.iter().map(item).collect();
    Ok(items?.into_iter().filter(|item| !item.is_null()).collect())
}

fn add_all(draft: &mut Draft<'_>, router: &mut Document, gateways: &[Value]) -> Decision<()> {
    for info in gateways {
        let place = router.list("gateways").len();
        gateway::add(draft, router, place, info)?;
    }
    Ok(())
}

fn update(draft: &mut Draft<'_>, router: &mut Document, gateways: &[Value]) -> Decision<()> {
    let Some((first, others)) = gateways.split_first() else {
        return gateway::remove_all(draft, router);
    };
    if let Some(place) = find(draft, router, first, &BTreeSet::new())? {
        let mut own = router.list("gateways").to_vec();
        own.swap(0, place);
        router.set("gateways", own);
    }
    gateway::set(draft, router, first)?;
    let mut kept: BTreeSet<String> = gateway_ports(router).take(1).map(str::to_owned).collect();
    let mut added = Vec::new();
    for info in others {
        let Some(place) = find(draft, router, info, &kept)? else {
            added.push(info.clone());
            continue;
        };
        gateway::change(draft, router, place, info)?;
        kept.extend(gateway_ports(router).nth(place).map(str::to_owned));
    }
    let ports: Vec<String> = gateway_ports(router).map(str::to_owned).collect();
    for (place, port) in ports.iter().enumerate().rev() {
        if !kept.contains(port) {
            gateway::remove(draft, router, place)?;
        }
    }
    add_all(draft, router, &added)
}

fn remove(draft: &mut Draft<'_>, router: &mut Document, gateways: &[Value]) -> Decision<()> {
    if gateways.is_empty() {
        return Ok(());
    }
    if router.list("gateways").is_empty() {
        let text = format!("Unable to remove extra gateways from a router {}", router.id());
        return Err(ApiError::new(400, "UnableToRemoveGateways", text).into());
    }
    let mut places = BTreeSet::new();
    for info in gateways {
        let place = find(draft, router, info, &BTreeSet::new())?;
        places.insert(place.ok_or_else(|| unmatched(router))?);
    }
    for place in places.into_iter().rev() {
        gateway::remove(draft, router, place)?;
    }
    Ok(())
}

fn unmatched(router: &Document) -> ApiError {
    let text = format!(
        "Unable to match a requested gateway port to existing gateway ports for router {}",
        router.id()
    );
    ApiError::new(400, "UnableToMatchGateways", text)
}

/// The place of the gateway that is meant, among those that are not taken yet.
///
/// # Errors
/// When it may be any of several.
fn find(
    draft: &Draft<'_>,
    router: &Document,
    info: &Value,
    taken: &BTreeSet<String>,
) -> Result<Option<usize>, ApiError> {
    let in_network = |gateway: &Value| gateway.get("network_id") == info.get("network_id");
    let is_free = |gateway: &Value| {
        gateway.get("port_id").and_then(Value::as_str).is_some_and(|port| !taken.contains(port))
    };
    let own = router.list("gateways").iter().enumerate();
    let own = own.filter(|(_, gateway)| in_network(gateway) && is_free(gateway));
    let candidates: Vec<(usize, &Value)> = own.collect();
    let wanted: BTreeSet<&str> = info
        .get("external_fixed_ips")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|fixed| fixed.get("ip_address")?.as_str())
        .collect();
    if wanted.is_empty() {
        return match candidates.as_slice() {
            [] => Ok(None),
            [(place, _)] => Ok(Some(*place)),
            _ => Err(unmatched(router)),
        };
    }
    let has_any = |gateway: &Value| {
        let port = gateway.get("port_id").and_then(Value::as_str);
        let port = port.and_then(|port| draft.get(Kind::Port, port));
        port.is_some_and(|port| subnets::addresses(&port).any(|own| wanted.contains(own)))
    };
    Ok(candidates.into_iter().find(|(_, gateway)| has_any(gateway)).map(|(place, _)| place))
}
