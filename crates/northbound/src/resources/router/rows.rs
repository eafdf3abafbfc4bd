//! The rows by which controllers know a router.

use std::sync::Arc;

use model::{Id, Object, Table, Topic};

use super::interfaces;
use crate::error::ApiError;
use crate::registry::Kind;
use crate::registry::document::Document;
use crate::resources::facts;
use crate::resources::rows::{delete as delete_row, unique_key};
use crate::translate::{Router, RouterPort};
use crate::write::{Decision, Draft};

/// Writes the rows of a router.
///
/// # Errors
/// When it cannot be translated.
pub fn put(draft: &mut Draft<'_>, router: &Document) -> Decision<()> {
    let translated = Router::from_attributes(router)?;
    let ports: Vec<Arc<Document>> =
        interfaces(router).filter_map(|port| draft.get(Kind::Port, port)).collect();
    let ports = ports.iter().map(|port| router_port(draft, port)).collect::<Result<Vec<_>, _>>()?;
    draft.put_object(&Object::from(translated.row(unique_key(router)?, &ports)));
    match translated.extra() {
        Some(extra) => draft.put_object(&Object::from(extra)),
        None => delete_extra(draft, router),
    }
    Ok(())
}

/// Deletes the rows of a router.
pub(super) fn delete(draft: &mut Draft<'_>, router: &Document) {
    delete_row(draft, Table::LogicalRouter, router, &Topic::new(router.project()));
    delete_extra(draft, router);
}

/// Takes back what the router said besides its row, if it said any of it.
fn delete_extra(draft: &mut Draft<'_>, router: &Document) {
    let had_any = draft.state().find(Kind::Router, router.id()).is_some_and(|stored| {
        Router::from_attributes(&*stored.document).is_ok_and(|router| router.extra().is_some())
    });
    if had_any {
        delete_row(draft, Table::RouterExtra, router, &Topic::new(router.project()));
    }
}

fn router_port(draft: &Draft<'_>, port: &Document) -> Result<RouterPort, ApiError> {
    let internal = |_| ApiError::internal();
    let addresses = facts::port_addresses(port).ok_or_else(ApiError::internal)?;
    let address = addresses.fixed_ips.first().and_then(|fixed| {
        let subnet = draft.get(Kind::Subnet, &fixed.subnet_id.to_string())?;
        Some((fixed.ip_address, facts::cidr(subnet.get("cidr"))?.prefix_len()))
    });
    Ok(RouterPort {
        id: Id::new(port.id()).map_err(internal)?,
        network_id: Id::new(port.text("network_id")).map_err(internal)?,
        mac: addresses.mac,
        address,
        unique_key: unique_key(port)?,
    })
}
