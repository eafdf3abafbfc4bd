//! The names of ports for DNS.

use serde_json::Value;

use crate::error::ApiError;
use crate::registry::Kind;
use crate::registry::body::Said;
use crate::registry::document::Document;
use crate::replica::State;
use crate::write::Draft;

const NAME: &str = "dns_name";
const DOMAIN: &str = "dns_domain";

/// Gives a port the name and the domain that are said, where the cloud has a domain for names.
///
/// # Errors
/// When the name is in another domain.
pub(super) fn set(draft: &Draft<'_>, document: &mut Document, said: &Said) -> Result<(), ApiError> {
    let cloud = draft.state().cloud_domain();
    for attribute in [NAME, DOMAIN] {
        match said.get(attribute) {
            Some(value) if cloud.names_ports() => document.set(attribute, value.clone()),
            _ if document.get(attribute).is_null() => document.set(attribute, ""),
            _ => {}
        }
    }
    match said.get(NAME).and_then(Value::as_str) {
        Some(name) => cloud.check(name).map_err(|reason| ApiError::invalid_value(NAME, reason)),
        None => Ok(()),
    }
}

/// The names that a port is known by, one for each of its addresses.
#[must_use]
pub fn assignment(state: &State, document: &Document) -> Value {
    let network = state.find(Kind::Network, document.text("network_id"));
    let of_network = network.as_ref().map_or("", |network| network.document.text(DOMAIN));
    let domain = document.filled(DOMAIN).unwrap_or(of_network);
    let addresses = document.list("fixed_ips").iter().filter_map(|fixed| fixed.get("ip_address")?.as_str());
    addresses.map(|address| state.cloud_domain().assignment(document.text(NAME), domain, address)).collect()
}
