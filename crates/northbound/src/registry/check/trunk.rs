//! Checks of the ports that a trunk carries.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Verdict, flaw, uuid};
use crate::registry::python;

/// Whether a value says nothing, as Python takes it.
fn is_nothing(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null | Value::Bool(false)) => true,
        Some(Value::Number(number)) => number.as_f64() == Some(0.0),
        Some(Value::String(text)) => text.is_empty(),
        Some(Value::Array(items)) => items.is_empty(),
        Some(Value::Object(members)) => members.is_empty(),
        Some(Value::Bool(true)) => false,
    }
}

pub(super) fn sub_ports(value: &Value) -> Verdict {
    let Some(items) = value.as_array() else {
        return flaw(format!("Invalid data format for subports: '{}' is not a list", python::text(value)));
    };
    let (mut ports, mut segments) = (BTreeSet::new(), BTreeSet::new());
    for item in items {
        let Some(members) = item.as_object() else {
            return flaw(format!("Invalid data format for subport: '{}' is not a dict", python::text(item)));
        };
        let Some(port) = members.get("port_id") else {
            return flaw("A valid port UUID must be specified".to_owned());
        };
        if uuid(port).is_err() {
            return flaw(format!("Invalid UUID for subport: '{}'", python::text(port)));
        }
        if !ports.insert(port.to_string()) {
            return flaw(format!("Non unique UUID for subport: '{}'", python::text(port)));
        }
        let (id, kind) = (members.get("segmentation_id"), members.get("segmentation_type"));
        if kind.and_then(Value::as_str) == Some("inherit") {
            continue;
        }
        if (is_nothing(id) || is_nothing(kind)) && members.len() > 1 {
            return flaw(format!(
                "Invalid subport details '{}': missing segmentation information. Must specify both segmentation_id and \
                 segmentation_type",
                python::text(item)
            ));
        }
        let Some(id) = id.filter(|id| !is_nothing(Some(id))) else {
            continue;
        };
        if !segments.insert((kind.map(Value::to_string), id.to_string())) {
            return flaw(format!(
                "Segmentation ID '{}' for '{}' is not unique",
                python::text(id),
                python::text(port)
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::registry::check::Flaw;

    const A: &str = "00000000-0000-4000-8000-00000000000a";
    const B: &str = "00000000-0000-4000-8000-00000000000b";

    #[test]
    fn subports_are_told_apart() {
        for good in [
            json!([]),
            json!([{"port_id": A, "segmentation_type": "vlan", "segmentation_id": 1},
                   {"port_id": B, "segmentation_type": "vlan", "segmentation_id": 2}]),
            json!([{"port_id": A, "segmentation_type": "inherit"}, {"port_id": B, "segmentation_type": "inherit"}]),
            json!([{"port_id": A}]),
        ] {
            assert!(sub_ports(&good).is_ok(), "{good}");
        }
        let missing = "Invalid subport details '{'port_id': '00000000-0000-4000-8000-00000000000a', 'segmentation_id': 0, \
                       'segmentation_type': 'vlan'}': missing segmentation information. Must specify both \
                       segmentation_id and segmentation_type";
        for (wrong, reason) in [
            (json!("x"), "Invalid data format for subports: 'x' is not a list".to_owned()),
            (json!([1]), "Invalid data format for subport: '1' is not a dict".to_owned()),
            (json!([{}]), "A valid port UUID must be specified".to_owned()),
            (json!([{"port_id": "x"}]), "Invalid UUID for subport: 'x'".to_owned()),
            (json!([{"port_id": A}, {"port_id": A}]), format!("Non unique UUID for subport: '{A}'")),
            (json!([{"port_id": A, "segmentation_type": "vlan", "segmentation_id": 0}]), missing.to_owned()),
            (
                json!([{"port_id": A, "segmentation_type": "vlan", "segmentation_id": 1},
                       {"port_id": B, "segmentation_type": "vlan", "segmentation_id": 1}]),
                format!("Segmentation ID '1' for '{B}' is not unique"),
            ),
        ] {
            assert_eq!(sub_ports(&wrong), Err(Flaw::Reason(reason)), "{wrong}");
        }
    }
}
