//! Objects as Neutron's JSON says them: our own documents, what the ML2 driver sends, what OpenDaylight's driver sends.
//!
//! An attribute that is missing is `null`. One that has to be there and is not, or is of another kind, is an error that
//! names it. Attributes that no row says are not looked at.

use std::net::IpAddr;

use model::{Id, RouterPreference, VnicType};
use serde_json::{Map, Value};

use super::error::{TranslateError, Untranslatable};
use super::port::{AllowedAddressPair, ExtraDhcpOption, Place, Port};
use super::subnet::Subnet;
use crate::ipam::{FixedIp, HostRoute, IpVersion, Ipv6Mode};

/// Of a value that is wrong, an error shows this many characters.
const SHOWN_CHARS_MAX: usize = 80;

static NULL: Value = Value::Null;

/// Attributes by their names in the API.
pub trait Attributes {
    /// The value of an attribute; `null` when there is none.
    fn attribute(&self, name: &str) -> &Value;
}

impl Attributes for Map<String, Value> {
    fn attribute(&self, name: &str) -> &Value {
        self.get(name).unwrap_or(&NULL)
    }
}

/// An attribute that is no object has none itself.
impl Attributes for Value {
    fn attribute(&self, name: &str) -> &Value {
        self.get(name).unwrap_or(&NULL)
    }
}

/// Reads attributes.
pub(super) struct Reader<'a, A: ?Sized>(pub(super) &'a A);

impl<'a, A: Attributes + ?Sized> Reader<'a, A> {
    /// What an attribute says that may be missing.
    pub(super) fn optional<T>(
        &self,
        name: &'static str,
        expected: &'static str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, Untranslatable> {
        match self.0.attribute(name) {
            Value::Null => Ok(None),
            value => read(value).map(Some).ok_or_else(|| wrong(name, expected, value)),
        }
    }

    /// What an attribute says that has to be there.
    pub(super) fn required<T>(
        &self,
        name: &'static str,
        expected: &'static str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<T, Untranslatable> {
        self.optional(name, expected, read)?.ok_or_else(|| wrong(name, expected, &NULL))
    }

    /// What the entries of a list say; a list that is missing has none.
    pub(super) fn list<T>(
        &self,
        name: &'static str,
        expected: &'static str,
        read: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<Vec<T>, Untranslatable> {
        let entries = |value: &'a Value| value.as_array()?.iter().map(read).collect();
        Ok(self.optional(name, expected, entries)?.unwrap_or_default())
    }

    /// A text.
    pub(super) fn text(&self, name: &'static str) -> Result<Option<String>, Untranslatable> {
        self.optional(name, "a text", |value| value.as_str().map(str::to_owned))
    }

    /// What is true or false, and false when it is missing.
    pub(super) fn flag(&self, name: &'static str) -> Result<bool, Untranslatable> {
        Ok(self.optional(name, "true or false", Value::as_bool)?.unwrap_or(false))
    }

    /// The project, under its newer or its older name.
    pub(super) fn project(&self) -> Result<String, Untranslatable> {
        let project = self.text("project_id")?;
        Ok(project.map_or_else(|| self.text("tenant_id"), |project| Ok(Some(project)))?.unwrap_or_default())
    }

    /// How often the object was changed.
    pub(super) fn revision(&self) -> Result<u64, Untranslatable> {
        self.required("revision_number", "a number", Value::as_u64)
    }
}

pub(super) fn id<T>(value: &Value) -> Option<Id<T>> {
    Id::new(value.as_str()?).ok()
}

/// A number, also as a text: some drivers send it so.
pub(super) fn number(value: &Value) -> Option<u32> {
    match value {
        Value::String(text) => text.parse().ok(),
        other => other.as_u64().and_then(|number| u32::try_from(number).ok()),
    }
}

fn parsed<T: std::str::FromStr>(value: &Value) -> Option<T> {
    value.as_str()?.parse().ok()
}

fn ipv6_mode(value: &Value) -> Option<Ipv6Mode> {
    Ipv6Mode::from_text(value.as_str()?)
}

fn wrong(name: &'static str, expected: &'static str, value: &Value) -> Untranslatable {
    let text = value.to_string();
    let shown: String = text.chars().take(SHOWN_CHARS_MAX).collect();
    let found = if shown.len() < text.len() { format!("{shown}...") } else { shown };
    Untranslatable::Attribute { name, expected, found }
}

impl Subnet {
    /// The subnet that attributes of the API say.
    ///
    /// # Errors
    /// When an attribute is missing or something else than it has to be.
    pub fn from_attributes(attributes: &(impl Attributes + ?Sized)) -> Result<Self, TranslateError> {
        let reader = Reader(attributes);
        let route = |route: &Value| {
            let (destination, nexthop) = (route.attribute("destination"), route.attribute("nexthop"));
            Some(HostRoute { destination: parsed(destination)?, nexthop: parsed(nexthop)? })
        };
        Ok(Self {
            id: reader.required("id", "an id", id)?,
            network_id: reader.required("network_id", "an id", id)?,
            project_id: reader.project()?,
            name: reader.text("name")?,
            cidr: reader.required("cidr", "a network as address/length", parsed)?,
            gateway_ip: reader.optional("gateway_ip", "an IP address", parsed)?,
            enable_dhcp: reader.flag("enable_dhcp")?,
            ipv6_ra_mode: reader.optional("ipv6_ra_mode", "a mode of IPv6", ipv6_mode)?,
            ipv6_address_mode: reader.optional("ipv6_address_mode", "a mode of IPv6", ipv6_mode)?,
            ipv6_router_preference: reader.optional(
                "ipv6_router_preference",
                "low, medium or high",
                |value| RouterPreference::from_text(value.as_str()?),
            )?,
            dns_nameservers: reader.list("dns_nameservers", "a list of IP addresses", parsed)?,
            host_routes: reader.list(
                "host_routes",
                "a list of routes, each with destination and nexthop",
                route,
            )?,
            revision: reader.revision()?,
        })
    }
}

impl Port {
    /// The port that attributes of the API say, in a network of this project.
    ///
    /// # Errors
    /// When an attribute is missing or something else than it has to be.
    pub fn from_attributes(
        attributes: &(impl Attributes + ?Sized),
        network_project_id: &str,
    ) -> Result<Self, TranslateError> {
        let reader = Reader(attributes);
        Ok(Self {
            id: reader.required("id", "an id", id)?,
            network_id: reader.required("network_id", "an id", id)?,
            project_id: reader.project()?,
            network_project_id: network_project_id.to_owned(),
            name: reader.text("name")?,
            mac: reader.required("mac_address", "a MAC address", parsed)?,
            fixed_ips: reader.list("fixed_ips", "a list of addresses, each with its subnet", fixed_ip)?,
            admin_state_up: reader.flag("admin_state_up")?,
            device_id: reader.text("device_id")?,
            device_owner: reader.text("device_owner")?,
            security_groups: reader.list("security_groups", "a list of ids", id)?,
            port_security_enabled: reader.flag("port_security_enabled")?,
            allowed_address_pairs: reader.list(
                "allowed_address_pairs",
                "a list of addresses",
                address_pair,
            )?,
            vnic_type: reader
                .optional("binding:vnic_type", "a text", |value| VnicType::from_text(value.as_str()?))?,
            place: place(&reader)?,
            qos_policy: reader.optional("qos_policy_id", "an id", id)?,
            dns_name: reader.text("dns_name")?,
            dns_domain: reader.text("dns_domain")?,
            extra_dhcp_opts: dhcp_options(&reader)?,
            revision: reader.revision()?,
        })
    }
}

fn fixed_ip(fixed: &Value) -> Option<FixedIp> {
    let (subnet_id, ip_address) = (fixed.attribute("subnet_id"), fixed.attribute("ip_address"));
    Some(FixedIp { subnet_id: id(subnet_id)?, ip_address: parsed::<IpAddr>(ip_address)? })
}

fn address_pair(pair: &Value) -> Option<AllowedAddressPair> {
    let ip_address = AllowedAddressPair::parse_address(pair.attribute("ip_address").as_str()?)?;
    let mac_address = match pair.attribute("mac_address") {
        Value::Null => None,
        mac => Some(parsed(mac)?),
    };
    Some(AllowedAddressPair { ip_address, mac_address })
}

fn place<A: Attributes + ?Sized>(reader: &Reader<'_, A>) -> Result<Place, TranslateError> {
    let host = reader.text("binding:host_id")?.unwrap_or_default();
    let profile = reader.0.attribute("binding:profile");
    let text = |name| profile.attribute(name).as_str();
    Place::of_binding(&host, text("port_key"), text("host_ip"))
}

/// The options that say something: Neutron takes an option without a value for one to be forgotten.
fn dhcp_options<A: Attributes + ?Sized>(
    reader: &Reader<'_, A>,
) -> Result<Vec<ExtraDhcpOption>, Untranslatable> {
    let option = |option: &Value| {
        let ip_version = match option.attribute("ip_version") {
            Value::Null => IpVersion::V4,
            version => IpVersion::from_number(number(version)?.into())?,
        };
        let name = option.attribute("opt_name").as_str()?.to_owned();
        match option.attribute("opt_value") {
            Value::Null => Some(None),
            value => Some(Some(ExtraDhcpOption { name, value: value.as_str()?.to_owned(), ip_version })),
        }
    };
    let options =
        reader.list("extra_dhcp_opts", "a list of options, each with opt_name and opt_value", option)?;
    Ok(options.into_iter().flatten().collect())
}

#[cfg(test)]
mod tests;
