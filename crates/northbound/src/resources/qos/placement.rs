//! What a port asks Placement for: the minimum bandwidth and packet rate of its policy.
//!
//! That a host with enough of both is chosen is for Nova and Placement. Nothing on a node enforces it.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::rules::{of_policy, type_of};
use crate::registry::Kind;
use crate::registry::document::Document;
use crate::registry::tables::qos::RuleType;
use crate::replica::State;

/// A trait that hosts have which carry networks in tunnels.
const TUNNEL_TRAIT: &str = "CUSTOM_NETWORK_TUNNEL_PROVIDER";

/// What a port asks for; nothing if its policy and that of its network do not say.
#[must_use]
pub fn request(state: &State, port: &Document) -> Value {
    let network_policy = super::of_network(state, port);
    let Some(policy) = port.filled("qos_policy_id").or_else(|| network_policy.as_str()) else {
        return Value::Null;
    };
    let rules = of_policy(state, policy);
    let vnic = format!("CUSTOM_VNIC_TYPE_{}", custom(port.text("binding:vnic_type")));
    let network = state.find(Kind::Network, port.text("network_id"));
    let physical = network.and_then(|network| network.document.filled("provider:physical_network"));
    let place = physical
        .map_or_else(|| TUNNEL_TRAIT.to_owned(), |physical| format!("CUSTOM_PHYSNET_{}", custom(physical)));
    let groups: Vec<Value> = [
        group(port.id(), rules, RuleType::MinimumBandwidth, &[&place, &vnic]),
        group(port.id(), rules, RuleType::MinimumPacketRate, &[&vnic]),
    ]
    .into_iter()
    .flatten()
    .collect();
    if groups.is_empty() {
        return Value::Null;
    }
    let ids: Vec<Value> = groups.iter().map(|group| group["id"].clone()).collect();
    json!({"request_groups": groups, "same_subtree": ids})
}

/// What rules of one type ask for, under an id that the port and the rules always make.
fn group(port: &str, rules: &[Value], kind: RuleType, traits: &[&str]) -> Option<Value> {
    let own: Vec<&Value> = rules.iter().filter(|rule| type_of(rule) == Some(kind)).collect();
    let text =
        |rule: &Value, name: &str| rule.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let resources: Map<String, Value> = own
        .iter()
        .filter_map(|rule| {
            let amount = rule.get("min_kbps").or_else(|| rule.get("min_kpps"))?;
            Some((resource_class(kind, &text(rule, "direction")).to_owned(), amount.clone()))
        })
        .collect();
    if resources.is_empty() {
        return None;
    }
    let ids: Vec<String> = own.iter().map(|rule| text(rule, "id")).collect();
    let id = Uuid::new_v5(&Uuid::try_parse(port).ok()?, ids.join("-").as_bytes());
    Some(json!({"id": id.to_string(), "required": traits, "resources": resources}))
}

fn resource_class(kind: RuleType, direction: &str) -> &'static str {
    match (kind, direction) {
        (RuleType::MinimumPacketRate, "egress") => "NET_PACKET_RATE_EGR_KILOPACKET_PER_SEC",
        (RuleType::MinimumPacketRate, "ingress") => "NET_PACKET_RATE_IGR_KILOPACKET_PER_SEC",
        (RuleType::MinimumPacketRate, _) => "NET_PACKET_RATE_KILOPACKET_PER_SEC",
        (_, "ingress") => "NET_BW_IGR_KILOBIT_PER_SEC",
        _ => "NET_BW_EGR_KILOBIT_PER_SEC",
    }
}

/// A name as Placement spells those of its own traits.
fn custom(name: &str) -> String {
    let spelled = name.chars().map(|character| {
        if character.is_ascii_alphanumeric() { character.to_ascii_uppercase() } else { '_' }
    });
    spelled.collect()
}
