//! Networks.

use std::sync::Arc;

use model::Table;
use serde_json::Value;

use super::{agent, copy_all, copy_said, dhcp, project_of, qos, router, rows, security_group};
use crate::error::ApiError;
use crate::ipam::owner;
use crate::policy;
use crate::registry::Kind;
use crate::registry::body::Said;
use crate::registry::document::Document;
use crate::write::{Decision, Draft};

/// Attributes that are as they are said.
const PLAIN: [&str; 8] = [
    "name",
    "admin_state_up",
    "shared",
    "router:external",
    "is_default",
    "port_security_enabled",
    "dns_domain",
    "description",
];

/// The shortest packets that IPv4 and IPv6 can do with.
const MTU_MIN: [(u64, u64); 2] = [(4, 68), (6, 1280)];

pub(super) fn create(draft: &mut Draft<'_>, id: &str, said: &Said) -> Decision<Arc<Document>> {
    policy::enforce_create(draft.context(), said, true)?;
    let project = project_of(draft, said)?;
    security_group::ensure_default(draft, &project)?;
    let mut document = draft.new_document(Kind::Network, id, &project);
    copy_all(&mut document, said, &PLAIN);
    copy_all(&mut document, said, &["vlan_transparent", "availability_zone_hints"]);
    check_zones(draft, &document)?;
    qos::set_of_new_network(draft, &mut document, said)?;
    rows::choose_segment(draft, &mut document, said)?;
    check_transparency(&document)?;
    document.set("vlan_transparent", document.is("vlan_transparent"));
    document.set("unique_key", draft.unique_key(Table::LogicalSwitch)?.get());
    rows::put_network(draft, &document)?;
    Ok(draft.create(document))
}

pub(super) fn change(draft: &mut Draft<'_>, document: &Document, said: &Said) -> Decision<Arc<Document>> {
    let mut changed = document.clone();
    copy_said(&mut changed, said, &PLAIN);
    qos::set(draft, &mut changed, said)?;
    if let Some(mtu) = said.filled("mtu") {
        check_mtu(draft, document.id(), mtu)?;
    }
    rows::change_segment(draft, &mut changed, said)?;
    if document.is("router:external") && !changed.is("router:external") {
        router::gateway::check_stays_external(draft, document)?;
    }
    if document.is("shared") && !changed.is("shared") {
        check_unshared(draft, document)?;
    }
    let changed = draft.change(changed);
    rows::put_network(draft, &changed)?;
    Ok(changed)
}

pub(super) fn delete(draft: &mut Draft<'_>, document: &Document) -> Decision<()> {
    let id = document.id();
    let of_others = ports_of_others(draft, document, &[]);
    if !of_others.is_empty() {
        let text = format!(
            "Unable to complete operation on network {id}. There are one or more ports still in use on the network, \
             id for these ports is: {}.",
            of_others.join(",")
        );
        return Err(ApiError::new(409, "NetworkInUse", text).into());
    }
    let own: Vec<_> = draft.with(Kind::Port, "network_id", id);
    for port in own {
        super::port::remove(draft, &port);
    }
    for subnet in draft.with(Kind::Subnet, "network_id", id) {
        rows::delete_subnet(draft, &subnet);
        draft.delete(&subnet);
    }
    draft.seal_network(id);
    draft.drop_network_guard(id);
    rows::delete_network(draft, document);
    draft.delete(document);
    Ok(())
}

/// The ids of some ports that keep a network; those of these floating IPs do not.
fn ports_of_others(draft: &Draft<'_>, network: &Document, floating_ips: &[Arc<Document>]) -> Vec<String> {
    let server = dhcp::port_of(draft, network);
    let server_id = server.as_ref().map_or("", |port| port.id());
    let is_of_these = |port: &Document| {
        floating_ips.iter().any(|floating_ip| floating_ip.text("floating_port_id") == port.id())
    };
    // What the network has for itself goes with it.
    let is_kept = |port: &Document| port.id() != server_id && !is_auto_deleted(port) && !is_of_these(port);
    let ports = draft.state().rows(Kind::Port).with("network_id", network.id());
    let of_others = ports.filter(|(_, entry)| is_kept(&entry.document)).map(|(id, _)| id.to_string());
    of_others.take(PORTS_NAMED_MAX).collect()
}

/// Whether anything but these floating IPs keeps a network.
pub(super) fn is_used_besides(draft: &Draft<'_>, network: &Document, floating_ips: &[Arc<Document>]) -> bool {
    !ports_of_others(draft, network, floating_ips).is_empty()
}

/// Ports that nobody made for a guest: they go with their network.
fn is_auto_deleted(port: &Document) -> bool {
    matches!(port.text("device_owner"), owner::DHCP | owner::DISTRIBUTED)
}

/// Ports that an answer names which keep a network.
const PORTS_NAMED_MAX: usize = 20;

pub(super) fn check_zones(draft: &Draft<'_>, document: &Document) -> Result<(), ApiError> {
    let named = &draft.core().settings.availability_zones;
    let mut unknown = document
        .texts("availability_zone_hints")
        .filter(|zone| !agent::zones::is_known(draft.state(), named, zone));
    match unknown.next() {
        Some(zone) => Err(ApiError::new(
            404,
            "AvailabilityZoneNotFound",
            format!("AvailabilityZone {zone} could not be found."),
        )),
        None => Ok(()),
    }
}

/// Tags of guests pass in tunnels and within a host. In a physical network they would be taken for those of its own.
fn check_transparency(document: &Document) -> Result<(), ApiError> {
    if document.is("vlan_transparent") && document.filled("provider:physical_network").is_some() {
        let text = "Backend does not support VLAN Transparency.";
        return Err(ApiError::new(400, "VlanTransparencyDriverError", text));
    }
    Ok(())
}

/// Whether the subnets can do with packets of this length.
fn check_mtu(draft: &Draft<'_>, id: &str, mtu: &Value) -> Result<(), ApiError> {
    let mtu = mtu.as_u64().unwrap_or_default();
    let subnets = draft.with(Kind::Subnet, "network_id", id);
    for (version, least) in MTU_MIN {
        let has_version = |subnet: &Arc<Document>| subnet.number("ip_version") == Some(version);
        if mtu > 0 && mtu < least && subnets.iter().any(has_version) {
            let text = format!("MTU of {id} is not valid, subnet requires a minimum of {least}");
            return Err(ApiError::new(409, "NetworkMTUSubnetConflict", text));
        }
    }
    Ok(())
}

/// A network that others use stays shared.
fn check_unshared(draft: &mut Draft<'_>, document: &Document) -> Result<(), ApiError> {
    let is_of_others = |port: &Document| {
        port.project() != document.project() && !owner::is_of_network(port.text("device_owner"))
    };
    let ports = draft.state().rows(Kind::Port).with("network_id", document.id());
    let is_used = ports.into_iter().any(|(_, entry)| is_of_others(&entry.document));
    draft.seal_network(document.id());
    if is_used {
        let text = format!(
            "Unable to reconfigure sharing settings for network {}. Multiple projects are using it.",
            document.text("name")
        );
        return Err(ApiError::new(409, "InvalidSharedSetting", text));
    }
    Ok(())
}
