//! What is done to a value before it is checked: spellings become one, and texts of the query become values.

mod gateway;
mod rule;

use std::net::IpAddr;

use ipnet::IpNet;
use net_types::MacAddr;
use serde_json::{Number, Value};

use super::python;
use crate::error::ApiError;

/// A conversion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Convert {
    /// The value stays.
    Nothing,
    /// To `true` or `false`, from the words that Neutron knows for them.
    Boolean,
    /// The same; `null` stays.
    BooleanOrNull,
    /// To a whole number.
    Integer,
    /// The same; `null` stays.
    IntegerOrNull,
    /// A whole number in its usual spelling; anything else stays.
    Whole,
    /// `null` becomes an empty list.
    NullToList,
    /// `null` becomes an empty text.
    NullToText,
    /// A text in small letters.
    SmallLetters,
    /// A MAC address in its usual spelling; anything else stays.
    MacAddress,
    /// An IPv6 address in its shortest spelling; anything else stays.
    IpAddress,
    /// A range of addresses in its shortest spelling; host bits stay.
    Cidr,
    /// Addresses in a list of pools in their shortest spelling.
    Pools,
    /// Addresses of a port in their shortest spelling; anything else stays.
    FixedIps,
    /// Address pairs of a port in their usual spelling; `null` becomes an empty list, anything else stays.
    AddressPairs,
    /// A protocol of IP by its name or number; any is `null`.
    Protocol,
    /// A protocol of IP by its name, also where its number is said; anything else stays.
    ProtocolName,
    /// A version of IP.
    EtherType,
    /// A port, or a type or code of ICMP; `null` stays.
    PortNumber,
    /// A range of addresses or one address; nothing is `null`.
    IpPrefix,
    /// The id of something; nothing is `null`.
    IdOrNull,
    /// What is said of the gateway of a router; nothing is `null`.
    GatewayInfo,
}

impl Convert {
    /// The converted value.
    ///
    /// # Errors
    /// When the value cannot be converted.
    pub fn apply(self, value: Value) -> Result<Value, ApiError> {
        match self {
            Self::BooleanOrNull | Self::IntegerOrNull if value.is_null() => Ok(value),
            Self::Nothing => Ok(value),
            Self::Boolean | Self::BooleanOrNull => boolean(&value).map(Value::Bool).ok_or_else(|| {
                ApiError::invalid_input(format_args!(
                    "'{}' cannot be converted to boolean",
                    python::text(&value)
                ))
            }),
            Self::Integer | Self::IntegerOrNull => {
                integer(&value).map(|number| Value::Number(Number::from(number))).ok_or_else(|| {
                    ApiError::invalid_input(format_args!("'{}' is not an integer", python::text(&value)))
                })
            }
            Self::Whole => Ok(integer(&value).map_or(value, Value::from)),
            Self::NullToList => Ok(if value.is_null() { Value::Array(Vec::new()) } else { value }),
            Self::NullToText => Ok(if value.is_null() { Value::String(String::new()) } else { value }),
            Self::SmallLetters => match value.as_str() {
                Some(text) => Ok(text.to_lowercase().into()),
                None => Err(ApiError::invalid_input(format_args!(
                    "Input value {} must be string type",
                    python::text(&value)
                ))),
            },
            Self::MacAddress => Ok(canonical_mac(value)),
            Self::IpAddress => Ok(canonical_address(value)),
            Self::Cidr => cidr(&value).ok_or_else(|| {
                ApiError::invalid_input(format_args!("{} is not in a CIDR format", python::text(&value)))
            }),
            Self::FixedIps => Ok(members_of_items(value, "ip_address", canonical_address)),
            Self::AddressPairs => {
                let pairs = Self::NullToList.apply(value)?;
                let pairs = members_of_items(pairs, "mac_address", canonical_mac);
                Ok(members_of_items(pairs, "ip_address", canonical_address))
            }
            Self::Protocol => rule::protocol(&value),
            Self::ProtocolName => Ok(rule::protocol_name(value)),
            Self::EtherType => rule::ethertype(&value),
            Self::PortNumber => rule::port_number(&value),
            Self::IpPrefix => rule::ip_prefix(&value),
            Self::IdOrNull => Ok(rule::id_or_null(&value)),
            Self::GatewayInfo => gateway::gateway_info(value),
            Self::Pools => pools(value)
                .ok_or_else(|| ApiError::invalid_input("Invalid data format for allocation pools")),
        }
    }
}

/// What a value says as a boolean.
#[must_use]
pub fn boolean(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(bool) => Some(*bool),
        Value::Number(number) => match number.as_u64() {
            Some(0) => Some(false),
            Some(1) => Some(true),
            _ => None,
        },
        Value::String(text) => {
            let text = text.trim();
            let is = |words: &[&str]| words.iter().any(|word| word.eq_ignore_ascii_case(text));
            if is(&["1", "t", "true", "on", "y", "yes"]) {
                Some(true)
            } else if is(&["0", "f", "false", "off", "n", "no"]) {
                Some(false)
            } else {
                None
            }
        }
        _ => None,
    }
}

/// What a value says as a whole number; fractions are cut off, as Python does.
#[must_use]
pub fn integer(value: &Value) -> Option<i64> {
    /// Up to here a floating point number tells all whole numbers apart.
    const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
    match value {
        Value::Bool(bool) => Some(i64::from(*bool)),
        Value::Number(number) => number.as_i64().or_else(|| {
            let whole = number.as_f64().map(f64::trunc).filter(|whole| whole.abs() <= EXACT_MAX)?;
            format!("{whole:.0}").parse().ok()
        }),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// A MAC address in any of its usual spellings.
#[must_use]
pub fn mac_address(text: &str) -> Option<MacAddr> {
    let digits = |part: &str| u8::from_str_radix(part, 16).ok().filter(|_| !part.starts_with('+'));
    for (separator, parts, longest) in [(':', 6, 2), ('-', 6, 2), ('.', 3, 4)] {
        if !text.contains(separator) {
            continue;
        }
        let found: Vec<&str> = text.split(separator).collect();
        if found.len() != parts || found.iter().any(|part| part.is_empty() || part.len() > longest) {
            return None;
        }
        let joined: String = found.iter().map(|part| format!("{part:0>longest$}")).collect();
        return mac_address(&joined);
    }
    if text.len() != 12 || !text.is_ascii() {
        return None;
    }
    let mut bytes = [0; 6];
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = text.get(index * 2..index * 2 + 2).and_then(digits)?;
    }
    Some(MacAddr(bytes))
}

fn canonical_mac(value: Value) -> Value {
    value.as_str().and_then(mac_address).map_or(value, |mac| mac.to_string().into())
}

/// Changes one member of each object of a list, where it is there.
fn members_of_items(mut value: Value, name: &str, change: impl Fn(Value) -> Value) -> Value {
    let items = value.as_array_mut().into_iter().flatten();
    for member in items.filter_map(|item| item.as_object_mut()?.get_mut(name)) {
        *member = change(member.take());
    }
    value
}

fn canonical_address(value: Value) -> Value {
    match value.as_str().map(str::parse) {
        Some(Ok(IpAddr::V6(address))) => address.to_string().into(),
        _ => value,
    }
}

/// A range of addresses, where one address is a range too.
#[must_use]
pub fn ip_net(text: &str) -> Option<IpNet> {
    match text.split_once('/') {
        Some(_) => text.parse().ok(),
        None => text.parse::<IpAddr>().ok().map(IpNet::from),
    }
}

fn cidr(value: &Value) -> Option<Value> {
    value.as_str().and_then(ip_net).map(|net| net.to_string().into())
}

fn pools(value: Value) -> Option<Value> {
    match value {
        Value::Null => Some(Value::Array(Vec::new())),
        Value::Array(pools) => {
            let canonical = |pool| match pool {
                Value::Object(members) => {
                    let members = members.into_iter().map(|(name, value)| (name, canonical_address(value)));
                    Some(Value::Object(members.collect()))
                }
                _ => None,
            };
            pools.into_iter().map(canonical).collect::<Option<Vec<_>>>().map(Value::Array)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn words_for_true_and_false() {
        for word in [json!(true), json!(1), json!("True"), json!(" yes "), json!("ON"), json!("t")] {
            assert_eq!(boolean(&word), Some(true), "{word}");
        }
        for word in [json!(false), json!(0), json!("no"), json!("Off"), json!("F")] {
            assert_eq!(boolean(&word), Some(false), "{word}");
        }
        for word in [json!(null), json!(2), json!(1.0), json!(""), json!("tru"), json!([])] {
            assert_eq!(boolean(&word), None, "{word}");
        }
    }

    #[test]
    fn numbers_as_python_reads_them() {
        for (value, number) in [
            (json!(7), Some(7)),
            (json!(" -7 "), Some(-7)),
            (json!(7.9), Some(7)),
            (json!(-7.9), Some(-7)),
            (json!(true), Some(1)),
            (json!("7.0"), None),
            (json!(1e300), None),
            (json!(u64::MAX), None),
            (json!(null), None),
        ] {
            assert_eq!(integer(&value), number, "{value}");
        }
    }

    #[test]
    fn spellings_of_mac_addresses() {
        for text in
            ["fa:16:3e:00:0a:01", "FA-16-3E-00-0A-01", "fa16.3e00.0a01", "fa163e000a01", "fa:16:3e:0:a:1"]
        {
            assert_eq!(
                mac_address(text).map(|mac| mac.to_string()).as_deref(),
                Some("fa:16:3e:00:0a:01"),
                "{text}"
            );
        }
        for text in [
            "",
            "fa:16:3e:00:0a",
            "fa:16:3e:00:0a:01:02",
            "fa:16:3e:00:0a:g1",
            "+a163e000a01",
            "fä163e000a0",
            "fa::3e:00:0a:01",
        ] {
            assert_eq!(mac_address(text), None, "{text}");
        }
    }

    #[test]
    fn addresses_and_ranges_get_their_shortest_spelling() {
        let apply = |convert: Convert, value: Value| convert.apply(value).unwrap();
        assert_eq!(apply(Convert::IpAddress, json!("FD00:0::1")), "fd00::1");
        assert_eq!(apply(Convert::IpAddress, json!("10.0.0.01")), "10.0.0.01");
        assert_eq!(apply(Convert::Cidr, json!("10.0.0.7/24")), "10.0.0.7/24");
        assert_eq!(apply(Convert::Cidr, json!("10.0.0.7")), "10.0.0.7/32");
        assert_eq!(
            apply(Convert::Pools, json!([{"start": "FD00::1", "end": 7}])),
            json!([{"start": "fd00::1", "end": 7}])
        );
        assert!(Convert::Pools.apply(json!([1])).is_err());
        assert_eq!(apply(Convert::AddressPairs, json!(null)), json!([]));
    }
}
