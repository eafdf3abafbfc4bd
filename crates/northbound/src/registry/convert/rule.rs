//! What a rule of a security group says about traffic, in one spelling each.

use std::net::Ipv4Addr;

use ipnet::IpNet;
use serde_json::Value;

use super::{integer, ip_net};
use crate::error::ApiError;
use crate::registry::python;
use crate::translate::protocol;

const ETHERTYPES: [&str; 2] = ["IPv4", "IPv6"];
const OCTET_MAX: i64 = 255;
const PORT_MAX: i64 = 65_535;

/// A protocol by its name or its number; any is `null`.
pub(super) fn protocol(value: &Value) -> Result<Value, ApiError> {
    let said = match value {
        Value::Null => return Ok(Value::Null),
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        _ => return Err(unknown_protocol(value)),
    };
    if let Ok(number) = said.parse::<i64>() {
        let fits = (0..=OCTET_MAX).contains(&number);
        return if fits { Ok(number.to_string().into()) } else { Err(unknown_protocol(value)) };
    }
    let name = said.to_lowercase();
    if name == protocol::ANY {
        return Ok(Value::Null);
    }
    if protocol::number_of_name(&name).is_some() { Ok(name.into()) } else { Err(unknown_protocol(value)) }
}

/// A protocol by its name, in small letters; what is none stays.
pub(super) fn protocol_name(value: Value) -> Value {
    let said = python::text(&value).to_lowercase();
    let number = said.parse::<u8>().ok();
    let mut named = protocol::NAMES.iter();
    let name = named.find(|(name, own)| *name == said || Some(*own) == number);
    name.map_or(value, |(name, _)| (*name).into())
}

fn unknown_protocol(value: &Value) -> ApiError {
    let names = protocol::NAMES.iter().map(|(name, _)| format!("'{name}'"));
    let names: Vec<String> = names.collect();
    let text = format!(
        "Security group rule protocol {} not supported. Only protocol values (None, '{}', {}) and integer \
         representations [0 to 255] are supported.",
        python::text(value),
        protocol::ANY,
        names.join(", ")
    );
    ApiError::new(400, "SecurityGroupRuleInvalidProtocol", text)
}

/// A version of IP, in any case of its letters.
pub(super) fn ethertype(value: &Value) -> Result<Value, ApiError> {
    let is_said = |ethertype: &&str| value.as_str().is_some_and(|said| said.eq_ignore_ascii_case(ethertype));
    ETHERTYPES.into_iter().find(is_said).map(Value::from).ok_or_else(|| {
        let text = format!(
            "Security group rule for ethertype '{}' not supported. Allowed values are {}.",
            python::text(value),
            python::repr_texts(ETHERTYPES)
        );
        ApiError::new(400, "SecurityGroupRuleInvalidEtherType", text)
    })
}

/// A port, or a type or code of ICMP.
pub(super) fn port_number(value: &Value) -> Result<Value, ApiError> {
    if value.is_null() {
        return Ok(Value::Null);
    }
    integer(value).filter(|port| (0..=PORT_MAX).contains(port)).map(Value::from).ok_or_else(|| {
        let text = format!("Invalid value for port {}", python::text(value));
        ApiError::new(400, "SecurityGroupInvalidPortValue", text)
    })
}

/// A range of addresses in its shortest spelling, host bits included; nothing is `null`.
pub(super) fn ip_prefix(value: &Value) -> Result<Value, ApiError> {
    match value {
        Value::Null => return Ok(Value::Null),
        Value::String(text) if text.is_empty() => return Ok(Value::Null),
        _ => {}
    }
    let net = value.as_str().and_then(|text| ip_net(text).or_else(|| with_mask(text)));
    net.map(|net| net.to_string().into()).ok_or_else(|| {
        let text = format!("Invalid CIDR {} given as IP prefix.", python::text(value));
        ApiError::new(400, "InvalidCIDR", text)
    })
}

/// A range of IPv4 addresses whose length is said as a mask.
fn with_mask(text: &str) -> Option<IpNet> {
    let (address, mask) = text.split_once('/')?;
    let (address, mask): (Ipv4Addr, Ipv4Addr) = (address.parse().ok()?, mask.parse().ok()?);
    IpNet::with_netmask(address.into(), mask.into()).ok()
}

/// The id of another resource, which is looked up later whatever it is; nothing is `null`.
pub(super) fn id_or_null(value: &Value) -> Value {
    match value {
        Value::String(text) if text.is_empty() => Value::Null,
        Value::Null | Value::String(_) => value.clone(),
        other => python::text(other).into(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn protocols_are_names_or_numbers() {
        for (said, expected) in [
            (json!(null), json!(null)),
            (json!("any"), json!(null)),
            (json!("TCP"), json!("tcp")),
            (json!("ipv6-icmp"), json!("ipv6-icmp")),
            (json!("icmpv6"), json!("icmpv6")),
            (json!(6), json!("6")),
            (json!("112"), json!("112")),
            (json!(0), json!("0")),
            (json!(255), json!("255")),
        ] {
            assert_eq!(protocol(&said).ok(), Some(expected), "{said}");
        }
        for wrong in [json!(256), json!(-1), json!("none"), json!([]), json!(true), json!(6.5), json!("")] {
            assert!(protocol(&wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn ports_are_numbers_of_two_octets() {
        for (said, expected) in
            [(json!("80"), json!(80)), (json!(0), json!(0)), (json!(65_535), json!(65_535))]
        {
            assert_eq!(port_number(&said).ok(), Some(expected), "{said}");
        }
        for wrong in [json!(65_536), json!(-1), json!("http"), json!([])] {
            assert!(port_number(&wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn prefixes_keep_their_host_bits() {
        for (said, expected) in [
            (json!("10.0.0.7/24"), json!("10.0.0.7/24")),
            (json!("10.0.0.7"), json!("10.0.0.7/32")),
            (json!("10.0.0.0/255.255.0.0"), json!("10.0.0.0/16")),
            (json!("FD00::1"), json!("fd00::1/128")),
            (json!(""), json!(null)),
        ] {
            assert_eq!(ip_prefix(&said).ok(), Some(expected), "{said}");
        }
        for wrong in [json!("10.0.0.0/33"), json!("x"), json!(7), json!("10.0.0.0/255.0.255.0")] {
            assert!(ip_prefix(&wrong).is_err(), "{wrong}");
        }
    }
}
