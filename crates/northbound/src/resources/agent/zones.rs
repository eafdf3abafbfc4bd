//! Availability zones: those that the operator names, and those that nodes are in.

use std::collections::BTreeMap;

use model::Timestamp;
use serde_json::{Value, json};

use super::all;
use crate::replica::State;

/// What can be placed in a zone.
const NETWORK: &str = "network";
const ROUTER: &str = "router";

/// What can be placed where, and whether any node there is alive. What the operator names is taken to be available.
#[must_use]
pub fn shown(state: &State, named: &[String], now: &Timestamp, down_time_s: f64) -> Vec<Value> {
    let nodes = state.nodes();
    let mut zones: BTreeMap<(String, &str), bool> = BTreeMap::new();
    for zone in named {
        for resource in [NETWORK, ROUTER] {
            zones.insert((zone.clone(), resource), true);
        }
    }
    for agent in all(nodes) {
        let resource = match (agent.is_controller(), agent.is_gateway()) {
            (true, _) => NETWORK,
            (_, true) => ROUTER,
            _ => continue,
        };
        let is_available = agent.is_enabled(nodes) && agent.is_alive(nodes, now, down_time_s);
        let own = nodes.extra(&agent.chassis).map(|known| known.row.availability_zones.clone());
        for zone in own.unwrap_or_default() {
            *zones.entry((zone, resource)).or_default() |= is_available;
        }
    }
    let state = |is_available| if is_available { "available" } else { "unavailable" };
    zones
        .into_iter()
        .map(|((name, resource), is_available)| {
            json!({"name": name, "resource": resource, "state": state(is_available)})
        })
        .collect()
}

/// Whether there is a zone.
#[must_use]
pub fn is_known(state: &State, named: &[String], zone: &str) -> bool {
    let has = |agent: &super::Agent| {
        let own = state.nodes().extra(&agent.chassis);
        own.is_some_and(|known| known.row.availability_zones.iter().any(|own| own == zone))
    };
    named.iter().any(|own| own == zone) || all(state.nodes()).iter().any(has)
}
