//! Which ports a trunk can be made of.

use std::sync::Arc;

use serde_json::Value;

use super::super::visible;
use super::{Subport, mtu, whole};
use crate::error::ApiError;
use crate::ipam::owner;
use crate::registry::check::{Check, Flaw};
use crate::registry::document::Document;
use crate::registry::{Kind, python};
use crate::write::Draft;

/// The tags that a VLAN can have.
const VLANS: std::ops::RangeInclusive<i64> = 1..=4094;

/// A trunk that is switched off stays as it is.
pub(super) fn manageable(trunk: &Document) -> Result<(), ApiError> {
    if trunk.is("admin_state_up") {
        return Ok(());
    }
    let text = format!("Trunk {} is currently disabled.", trunk.id());
    Err(ApiError::new(409, "TrunkDisabled", text))
}

/// Whether what a request says are ports that can be told apart.
pub(super) fn form(said: &Value) -> Result<(), ApiError> {
    Check::SUB_PORTS.apply(said).map_err(|flaw| match flaw {
        Flaw::Reason(reason) => ApiError::invalid_input(reason),
        Flaw::Refusal(error) => error,
    })
}

pub(super) fn not_in_a_trunk(draft: &Draft<'_>, port: &str) -> Result<(), ApiError> {
    if !draft.with(Kind::Trunk, "sub_ports", &format!("port_id={port}")).is_empty() {
        let text = format!("Port {port} is in use by another trunk.");
        return Err(ApiError::new(409, "TrunkPortInUse", text));
    }
    if !draft.with(Kind::Trunk, "port_id", port).is_empty() {
        return Err(parent_in_use(port));
    }
    Ok(())
}

fn parent_in_use(port: &str) -> ApiError {
    let text = format!("Port {port} is currently in use and is not eligible for use as a parent port.");
    ApiError::new(409, "ParentPortInUse", text)
}

/// What the network has for itself carries nothing: it comes and goes with the network.
pub(super) fn carrier(port: &Document) -> Result<(), ApiError> {
    if owner::is_of_network(port.text("device_owner")) { Err(parent_in_use(port.id())) } else { Ok(()) }
}

/// The ports that a request says a trunk is to carry.
pub(super) fn subports(draft: &Draft<'_>, parent: &Document, said: &Value) -> Result<Vec<Subport>, ApiError> {
    let each = said.as_array().into_iter().flatten().map(|said| subport(draft, parent, said));
    let all = each.collect::<Result<Vec<_>, _>>()?;
    // What is inherited may be the same although nobody said it twice.
    for (at, subport) in all.iter().enumerate() {
        let is_same = |other: &&Subport| {
            (&other.segmentation_type, other.segmentation_id)
                == (&subport.segmentation_type, subport.segmentation_id)
        };
        if all.iter().take(at).any(|other| is_same(&other)) {
            return Err(ApiError::invalid_input(format_args!(
                "Segmentation ID '{}' for '{}' is not unique",
                subport.segmentation_id,
                subport.port.id()
            )));
        }
    }
    Ok(all)
}

fn subport(draft: &Draft<'_>, parent: &Document, said: &Value) -> Result<Subport, ApiError> {
    let id = said.get("port_id").and_then(Value::as_str).unwrap_or_default();
    if id == parent.id() {
        return Err(parent_in_use(id));
    }
    let port = visible(draft, Kind::Port, id)?;
    check_mtu(draft, parent, &port)?;
    let (kind, number) = segment(draft, &port, said)?;
    if kind != "vlan" {
        let text = format!(
            "Validator not found for segmentation type {kind}. It must be registered before the plugin can handle it."
        );
        return Err(ApiError::new(404, "SegmentationTypeValidatorNotFound", text));
    }
    let in_range = u32::try_from(number).ok().filter(|_| VLANS.contains(&number));
    let out_of_range = || ApiError::invalid_input(format_args!("Segmentation ID '{number}' is not in range"));
    let segmentation_id = in_range.ok_or_else(out_of_range)?;
    not_in_a_trunk(draft, id)?;
    check_unused(&port)?;
    Ok(Subport { port, segmentation_type: kind, segmentation_id })
}

/// The segment that is said, or that of the port's network where it is to be inherited.
fn segment(draft: &Draft<'_>, port: &Arc<Document>, said: &Value) -> Result<(String, i64), ApiError> {
    let mut kind = said.get("segmentation_type").cloned();
    let mut id = said.get("segmentation_id").cloned();
    if kind.as_ref().and_then(Value::as_str) == Some("inherit") {
        let network = draft.get(Kind::Network, port.text("network_id"));
        let of_network = |name| network.as_ref().map(|network| network.get(name).clone());
        kind = of_network("provider:network_type");
        id = of_network("provider:segmentation_id");
    }
    let (Some(kind), Some(id)) = (kind, id) else {
        return Err(ApiError::invalid_input(format_args!(
            "Invalid subport details '{}': missing segmentation information. Must specify both segmentation_id and \
             segmentation_type",
            python::text(said)
        )));
    };
    let number = whole(&id).ok_or_else(|| {
        let id = python::text(&id);
        ApiError::invalid_input(format_args!(
            "Invalid subport details: segmentation_id '{id}' is not an integer"
        ))
    })?;
    Ok((python::text(&kind), number))
}

/// What a port that is carried sends has to fit into what the port that carries it sends.
fn check_mtu(draft: &Draft<'_>, parent: &Document, port: &Document) -> Result<(), ApiError> {
    let (Some(most), Some(own)) = (mtu(draft, parent), mtu(draft, port)) else {
        return Ok(());
    };
    if most == 0 || own <= most {
        return Ok(());
    }
    let text = format!(
        "MTU {own} of subport {} cannot be greater than MTU {most} of trunk {}.",
        port.id(),
        parent.id()
    );
    Err(ApiError::new(409, "SubPortMtuGreaterThanTrunkPortMtu", text))
}

/// A port that something else has is not carried. What the network has for itself need not say a device.
fn check_unused(port: &Document) -> Result<(), ApiError> {
    let of_network = || Some(port.text("device_owner")).filter(|own| owner::is_of_network(own));
    let Some(device) = port.filled("device_id").or_else(of_network) else {
        return Ok(());
    };
    let text = format!(
        "Unable to complete operation on port {} for network {}. Port already has an attached device {device}.",
        port.id(),
        port.text("network_id")
    );
    Err(ApiError::new(409, "PortInUse", text))
}

/// Whether nothing else in the trunk has the segments of these ports.
pub(super) fn segments_free(trunk: &Document, added: &[Subport]) -> Result<(), ApiError> {
    let is_taken = |subport: &&Subport| {
        trunk.list("sub_ports").iter().any(|own| {
            own.get("segmentation_type").and_then(Value::as_str) == Some(&subport.segmentation_type)
                && own.get("segmentation_id").and_then(Value::as_u64)
                    == Some(u64::from(subport.segmentation_id))
        })
    };
    let Some(taken) = added.iter().find(is_taken) else {
        return Ok(());
    };
    let text = format!(
        "segmentation_type {} and segmentation_id {} already in use on trunk {}.",
        taken.segmentation_type,
        taken.segmentation_id,
        trunk.id()
    );
    Err(ApiError::new(409, "DuplicateSubPort", text))
}
