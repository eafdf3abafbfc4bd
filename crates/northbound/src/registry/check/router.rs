//! Checks of what is said of the gateway of a router.

use serde_json::Value;

use super::{Verdict, flaw, port, uuid};
use crate::registry::python;

/// What may be said of a gateway.
const MEMBERS: [&str; 4] = ["network_id", "external_fixed_ips", "enable_snat", "qos_policy_id"];

/// A network, and how the router is in it; `null` is none.
pub(super) fn gateway_info(value: &Value) -> Verdict {
    if value.is_null() {
        return Ok(());
    }
    let Some(members) = value.as_object() else {
        return flaw(format!("'{}' is not a dictionary", python::text(value)));
    };
    let Some(network) = members.get("network_id") else {
        return flaw(format!(
            "Validation of dictionary's keys failed. Expected keys: {} Provided keys: {}",
            python::repr_texts(["network_id"]),
            python::repr_texts(members.keys().map(String::as_str)),
        ));
    };
    let mut unknown: Vec<&str> =
        members.keys().map(String::as_str).filter(|name| !MEMBERS.contains(name)).collect();
    if !unknown.is_empty() {
        unknown.sort_unstable();
        return flaw(format!("Unexpected keys supplied: {}", unknown.join(", ")));
    }
    uuid(network)?;
    if let Some(fixed_ips) = members.get("external_fixed_ips") {
        port::fixed_ips(fixed_ips)?;
    }
    match members.get("qos_policy_id") {
        Some(policy) if !policy.is_null() => uuid(policy),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::registry::check::Flaw;

    const NETWORK: &str = "00000000-0000-4000-8000-00000000000a";

    #[test]
    fn gateways_are_told_from_nonsense() {
        for good in [
            json!(null),
            json!({"network_id": NETWORK}),
            json!({"network_id": NETWORK, "enable_snat": false, "qos_policy_id": null}),
            json!({"network_id": NETWORK, "external_fixed_ips": [{"ip_address": "10.0.0.1"}, {"subnet_id": NETWORK}]}),
        ] {
            assert_eq!(gateway_info(&good), Ok(()), "{good}");
        }
        for (wrong, reason) in [
            (json!("x"), "'x' is not a dictionary"),
            (
                json!({"enable_snat": true}),
                "Validation of dictionary's keys failed. Expected keys: ['network_id'] Provided keys: ['enable_snat']",
            ),
            (json!({"network_id": NETWORK, "b": 1, "a": 2}), "Unexpected keys supplied: a, b"),
            (json!({"network_id": "n"}), "'n' is not a valid UUID"),
            (json!({"network_id": NETWORK, "qos_policy_id": 7}), "'7' is not a valid UUID"),
            (
                json!({"network_id": NETWORK, "external_fixed_ips": "x"}),
                "Invalid data format for fixed IP: 'x'",
            ),
        ] {
            assert_eq!(gateway_info(&wrong), Err(Flaw::Reason(reason.to_owned())), "{wrong}");
        }
    }
}
