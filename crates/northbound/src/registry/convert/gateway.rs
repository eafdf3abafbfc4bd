//! What is said of the gateway of a router, in its usual spelling.

use serde_json::Value;

use super::Convert;
use crate::error::ApiError;

/// Converts the members that have other spellings; nothing said is `null`.
pub(super) fn gateway_info(value: Value) -> Result<Value, ApiError> {
    let Value::Object(mut members) = value else {
        return Ok(value);
    };
    if members.is_empty() {
        return Ok(Value::Null);
    }
    for (name, convert) in [("enable_snat", Convert::Boolean), ("external_fixed_ips", Convert::FixedIps)] {
        if let Some(member) = members.get_mut(name) {
            *member = convert.apply(member.take())?;
        }
    }
    Ok(Value::Object(members))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn members_get_their_usual_spelling() {
        let said = json!({"network_id": "n", "enable_snat": "off", "external_fixed_ips": [{"ip_address": "FD00::1"}]});
        let converted = json!({"network_id": "n", "enable_snat": false, "external_fixed_ips": [{"ip_address": "fd00::1"}]});
        assert_eq!(gateway_info(said), Ok(converted));
        assert_eq!(gateway_info(json!({})), Ok(Value::Null));
        assert_eq!(gateway_info(json!(null)), Ok(Value::Null));
        assert_eq!(gateway_info(json!(7)), Ok(json!(7)), "checks refuse it");
        let refused =
            gateway_info(json!({"enable_snat": "perhaps"})).map_err(|error| error.message().to_owned());
        let text = "Invalid input for operation: 'perhaps' cannot be converted to boolean.";
        assert_eq!(refused, Err(text.to_owned()));
    }
}
