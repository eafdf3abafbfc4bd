//! Checks of addresses and of what is made of them.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;
use net_types::MacAddr;
use serde_json::{Map, Value};

use super::{Flaw, Verdict, flaw, list_of};
use crate::registry::{convert, python};
use crate::translate::DISCARD;

/// Whether a value is a MAC address that a port can have.
pub(super) fn mac_address(value: &Value) -> Verdict {
    let is_usable = |mac: MacAddr| !mac.is_zero() && !mac.is_broadcast();
    if value.as_str().and_then(convert::mac_address).is_some_and(is_usable) {
        return Ok(());
    }
    flaw(format!("'{}' is not a valid MAC address", python::text(value)))
}

/// The same; nothing asks for another address.
pub(super) fn mac_address_or_null(value: &Value) -> Verdict {
    if value.is_null() { Ok(()) } else { mac_address(value) }
}

/// The address that a value is.
///
/// # Errors
/// When it is none, or is written in a way that some read otherwise.
pub fn ip_address(value: &Value) -> Result<IpAddr, Flaw> {
    let text = value.as_str().unwrap_or_default();
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    if let Some(address) = with_leading_zeros(text) {
        return flaw(format!("'{text}' is not an accepted IP address, '{address}' is recommended"));
    }
    flaw(format!("'{}' is not a valid IP address", python::text(value)))
}

/// An IPv4 address some of whose numbers begin with zeros, which is octal to some and decimal to others.
fn with_leading_zeros(text: &str) -> Option<Ipv4Addr> {
    let numbers = text.split('.').map(|part| {
        let is_number = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        part.parse::<u8>().ok().filter(|_| is_number)
    });
    let numbers: [u8; 4] = numbers.collect::<Option<Vec<u8>>>()?.try_into().ok()?;
    Some(numbers.into())
}

pub(super) fn ip_address_only(value: &Value) -> Verdict {
    ip_address(value).map(drop)
}

pub(super) fn ip_address_or_null(value: &Value) -> Verdict {
    if value.is_null() { Ok(()) } else { ip_address(value).map(drop) }
}

/// The range of addresses that a value is.
///
/// # Errors
/// When it is none.
pub fn subnet(value: &Value) -> Result<IpNet, Flaw> {
    let net = value.as_str().filter(|text| text.contains('/')).and_then(|text| text.parse().ok());
    net.ok_or_else(|| Flaw::Reason(format!("'{}' is not a valid IP subnet", python::text(value))))
}

pub(super) fn subnet_or_null(value: &Value) -> Verdict {
    if value.is_null() { Ok(()) } else { subnet(value).map(drop) }
}

pub(super) fn subnet_list(value: &Value) -> Verdict {
    list_of(value, |item| subnet(item).map(drop))
}

/// The members of an object that has exactly these.
fn members<'a, const N: usize>(value: &'a Value, names: [&str; N]) -> Result<[&'a Value; N], Flaw> {
    let expected = || python::repr_texts(names);
    let Some(object) = value.as_object() else {
        return flaw(format!(
            "Invalid input. '{}' must be a dictionary with keys: {}",
            python::text(value),
            expected()
        ));
    };
    let found: Option<Vec<&Value>> = names.iter().map(|name| object.get(*name)).collect();
    match found.and_then(|found| <[&Value; N]>::try_from(found).ok()) {
        Some(found) if object.len() == N => Ok(found),
        _ => flaw(format!(
            "Validation of dictionary's keys failed. Expected keys: {} Provided keys: {}",
            expected(),
            provided(object)
        )),
    }
}

fn provided(object: &Map<String, Value>) -> String {
    python::repr_texts(object.keys().map(String::as_str))
}

pub(super) fn pools(value: &Value) -> Verdict {
    let Some(pools) = value.as_array() else {
        return flaw(format!("Invalid data format for IP pool: '{}'", python::text(value)));
    };
    pools.iter().try_for_each(|pool| {
        members(pool, ["start", "end"])?.into_iter().try_for_each(|end| ip_address(end).map(drop))
    })
}

pub(super) fn nameservers(value: &Value) -> Verdict {
    let Some(hosts) = value.as_array() else {
        return flaw(format!("Invalid data format for nameserver: '{}'", python::text(value)));
    };
    for (index, host) in hosts.iter().enumerate() {
        if let Err(Flaw::Reason(reason)) = ip_address(host) {
            return flaw(format!("'{}' is not a valid nameserver. {reason}", python::text(host)));
        }
        if hosts.iter().take(index).any(|earlier| earlier == host) {
            return flaw(format!("Duplicate nameserver '{}'", python::text(host)));
        }
        if index == LIST_ITEMS_MAX {
            return flaw(too_long());
        }
    }
    Ok(())
}

pub(super) fn host_routes(value: &Value) -> Verdict {
    routes(value, ip_address_text)
}

/// Those of routers may also say that what is sent there is dropped.
pub(super) fn router_routes(value: &Value) -> Verdict {
    routes(value, |nexthop| if nexthop == DISCARD { Ok(()) } else { ip_address_text(nexthop) })
}

fn ip_address_text(value: &Value) -> Verdict {
    ip_address(value).map(drop)
}

fn routes(value: &Value, nexthop_verdict: impl Fn(&Value) -> Verdict) -> Verdict {
    let Some(routes) = value.as_array() else {
        return flaw(format!("Invalid data format for hostroute: '{}'", python::text(value)));
    };
    for (index, route) in routes.iter().enumerate() {
        let [destination, nexthop] = members(route, ["destination", "nexthop"])?;
        route_destination(destination)?;
        nexthop_verdict(nexthop)?;
        if routes.iter().take(index).any(|earlier| earlier == route) {
            return flaw(format!("Duplicate hostroute '{}'", python::text(route)));
        }
        if index == LIST_ITEMS_MAX {
            return flaw(too_long());
        }
    }
    Ok(())
}

/// More name servers or routes than any limit of a subnet allows; each is compared with all before it.
const LIST_ITEMS_MAX: usize = 1000;

fn too_long() -> String {
    format!("the list has more than {LIST_ITEMS_MAX} items")
}

fn route_destination(value: &Value) -> Verdict {
    match subnet(value) {
        Ok(net) if net.trunc() == net && net.addr().is_loopback() => {
            flaw(format!("'{}' is not a routable CIDR", python::text(value)))
        }
        Ok(net) if net.trunc() == net => Ok(()),
        _ => flaw(format!("'{}' is not a valid CIDR", python::text(value))),
    }
}
