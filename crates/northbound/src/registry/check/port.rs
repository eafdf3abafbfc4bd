//! Checks of what ports are made of.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{Flaw, Verdict, address, flaw, list_of, uuid};
use crate::error::ApiError;
use crate::registry::{convert, python};

/// Characters of the name of a DHCP option.
const OPTION_NAME_CHARS_MAX: usize = 64;
/// Characters of the value of a DHCP option.
const OPTION_VALUE_CHARS_MAX: usize = 255;
/// Options whose value may be empty, which takes them away.
const OPTIONS_WITHOUT_VALUE: [&str; 2] = ["router", "classless-static-route"];

pub(super) fn service_types(value: &Value) -> Verdict {
    let types = match value {
        Value::Array(types) => types.as_slice(),
        Value::Null => &[],
        _ => return Err(ApiError::bad_request("Subnet service types must be a list.").into()),
    };
    for owner in types {
        let Some(text) = owner.as_str() else {
            return Err(ApiError::new(
                400,
                "InvalidInputSubnetServiceType",
                format!("Subnet service type {} is not a string.", python::text(owner)),
            )
            .into());
        };
        // Who owns devices has a name, and the kind of device follows it: network:dhcp, compute:nova.
        if text.split_once(':').is_none_or(|(owner, _)| owner.is_empty()) {
            return Err(ApiError::new(
                400,
                "InvalidSubnetServiceType",
                format!(
                    "Subnet service type {} does not correspond to a valid device owner.",
                    python::text(owner)
                ),
            )
            .into());
        }
    }
    Ok(())
}

pub(super) fn fixed_ips(value: &Value) -> Verdict {
    let wrong = |value: &Value| flaw(format!("Invalid data format for fixed IP: '{}'", python::text(value)));
    let Some(items) = value.as_array() else {
        return wrong(value);
    };
    let mut seen = BTreeSet::new();
    for item in items {
        let Some(members) = item.as_object() else {
            return wrong(item);
        };
        if let Some(ip) = members.get("ip_address") {
            if !seen.insert(ip.as_str()) {
                return flaw(format!("Duplicate IP address '{}'", python::text(ip)));
            }
            address::ip_address(ip)?;
        }
        if let Some(subnet) = members.get("subnet_id") {
            uuid(subnet)?;
        }
    }
    Ok(())
}

pub(super) fn address_pairs(value: &Value) -> Verdict {
    let pairs = match value {
        Value::Array(pairs) => pairs.as_slice(),
        Value::Null => &[],
        _ => return Err(ApiError::bad_request("Allowed address pairs must be a list.").into()),
    };
    let mut seen = Vec::new();
    for pair in pairs {
        let Some(members) = pair.as_object() else {
            return flaw(format!("'{}' is not a dictionary", python::text(pair)));
        };
        let (mac, ip) = address_pair(members).map_err(as_refusal)?;
        if seen.contains(&(mac, ip)) {
            let text = format!(
                "Request contains duplicate address pair: mac_address {} ip_address {}.",
                mac.map_or("None".to_owned(), python::text),
                python::text(ip)
            );
            return Err(ApiError::new(400, "DuplicateAddressPairInRequest", text).into());
        }
        seen.push((mac, ip));
    }
    Ok(())
}

/// Neutron answers what is wrong with a pair without naming the attribute.
fn as_refusal(flaw: Flaw) -> Flaw {
    match flaw {
        Flaw::Reason(reason) => ApiError::bad_request(reason).into(),
        refusal @ Flaw::Refusal(_) => refusal,
    }
}

fn address_pair(members: &Map<String, Value>) -> Result<(Option<&Value>, &Value), Flaw> {
    let mac = members.get("mac_address");
    if let Some(mac) = mac {
        address::mac_address(mac)?;
    }
    let Some(ip) = members.get("ip_address") else {
        let text = "AllowedAddressPair must contain ip_address";
        return Err(ApiError::new(400, "AllowedAddressPairsMissingIP", text).into());
    };
    let unknown: Vec<&str> = members
        .keys()
        .map(String::as_str)
        .filter(|name| !["mac_address", "ip_address"].contains(name))
        .collect();
    if !unknown.is_empty() {
        return flaw(format!("Unrecognized attribute(s) '{}'", python::text(&unknown.join(", ").into())));
    }
    let (first, whole) = if ip.as_str().is_some_and(|text| text.contains('/')) {
        let net = address::subnet(ip)?;
        (net.addr(), net.prefix_len() == 0)
    } else {
        (address::ip_address(ip)?, false)
    };
    if first.is_multicast() && !whole {
        return flaw(format!("IP {} is a multicast address, which is not supported.", python::text(ip)));
    }
    let parsed = mac.and_then(Value::as_str).and_then(convert::mac_address);
    if parsed.is_some_and(net_types::MacAddr::is_multicast) {
        let text = mac.map(python::text).unwrap_or_default();
        return flaw(format!("MAC address {text} is a multicast address, which is not supported."));
    }
    Ok((mac, ip))
}

pub(super) fn dhcp_options(value: &Value) -> Verdict {
    if value.is_null() {
        return Ok(());
    }
    let checked = list_of(value, |option| {
        let is_good = option.as_object().is_some_and(is_dhcp_option);
        if is_good {
            Ok(())
        } else {
            flaw(format!("No valid key specs matched for: {}", python::text(option)))
        }
    });
    checked.map_err(|flaw| match flaw {
        Flaw::Reason(reason) => ApiError::invalid_input(reason).into(),
        refusal @ Flaw::Refusal(_) => refusal,
    })
}

fn is_dhcp_option(members: &Map<String, Value>) -> bool {
    let (Some(name), Some(value)) = (members.get("opt_name"), members.get("opt_value")) else {
        return false;
    };
    let is_known = |name: &String| ["opt_name", "opt_value", "ip_version"].contains(&name.as_str());
    let has_version = members
        .get("ip_version")
        .is_none_or(|version| convert::integer(version).is_some_and(|version| [4, 6].contains(&version)));
    let Some(name) = name.as_str().filter(|_| members.keys().all(is_known) && has_version) else {
        return false;
    };
    let is_line = |text: &str, max: usize| {
        !text.trim().is_empty() && text.chars().count() <= max && text.lines().count() == 1
    };
    let is_value = match value {
        Value::Null => true,
        Value::String(text) => {
            let may_be_any = OPTIONS_WITHOUT_VALUE.contains(&name);
            is_line(text, OPTION_VALUE_CHARS_MAX)
                || (may_be_any && text.chars().count() <= OPTION_VALUE_CHARS_MAX)
        }
        _ => false,
    };
    is_value && is_line(name, OPTION_NAME_CHARS_MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn service_types_name_an_owner_and_a_kind() {
        for good in [json!(null), json!([]), json!(["compute:nova", "network:dhcp", "storage:backup", "x:"])]
        {
            assert!(service_types(&good).is_ok(), "{good}");
        }
        for wrong in [json!("compute:nova"), json!(["cat"]), json!([":nova"]), json!([1])] {
            assert!(service_types(&wrong).is_err(), "{wrong}");
        }
    }
}
