//! Where floating IPs come from: the IPv4 subnets of the external networks that a requester may know of.

use serde_json::{Value, json};

use crate::auth::Context;
use crate::policy;
use crate::registry::Kind;
use crate::replica::State;

/// All of them, by the ids of their networks and their own.
#[must_use]
pub fn all(state: &State, context: &Context) -> Vec<Value> {
    let networks = state.rows(Kind::Network).with("router:external", "true");
    let known = networks.filter(|(_, network)| policy::may_see(state, context, &network.document));
    let subnets = known
        .flat_map(|(id, _)| state.rows(Kind::Subnet).with("network_id", &id.to_string()).collect::<Vec<_>>());
    let pool = |(_, entry): (_, &crate::replica::Entry)| {
        let subnet = &entry.document;
        (subnet.number("ip_version") == Some(4)).then(|| {
            json!({
                "subnet_id": subnet.id(),
                "subnet_name": subnet.get("name"),
                "network_id": subnet.get("network_id"),
                "cidr": subnet.get("cidr"),
                "project_id": subnet.project(),
                "tenant_id": subnet.project(),
            })
        })
    };
    subnets.filter_map(pool).collect()
}
