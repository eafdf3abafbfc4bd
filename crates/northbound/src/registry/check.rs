//! Which values an attribute takes, and how Neutron says that it does not take one.

mod address;
mod dns;
mod port;
mod range;
mod router;
mod trunk;

use serde_json::Value;

use super::attribute::Literal;
use super::{convert, python};
use crate::error::ApiError;

pub use address::{ip_address, subnet};

/// Why a value is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Flaw {
    /// The reason, which the text about the attribute then names.
    Reason(String),
    /// An answer of its own.
    Refusal(ApiError),
}

impl From<String> for Flaw {
    fn from(reason: String) -> Self {
        Self::Reason(reason)
    }
}

impl From<ApiError> for Flaw {
    fn from(error: ApiError) -> Self {
        Self::Refusal(error)
    }
}

/// Nothing, or why not.
pub type Verdict = Result<(), Flaw>;

/// What is known of the values of an attribute.
#[derive(Debug, Clone, Copy)]
pub enum Check {
    /// Nothing.
    Anything,
    /// A text with at most so many characters.
    Text(usize),
    /// The same, or `null`.
    TextOrNull(usize),
    /// A printable text that neither begins nor ends with a space, with at most so many characters.
    Name(usize),
    /// The same, and not empty; of any length.
    FilledName,
    /// One of these.
    OneOf(&'static [Literal]),
    /// A whole number from zero on.
    NonNegative,
    /// A whole number in a range.
    Range(i64, i64),
    /// The same, or `null`.
    RangeOrNull(i64, i64),
    /// A UUID.
    Uuid,
    /// A UUID or `null`.
    UuidOrNull,
    /// A list of different UUIDs; `null` is none.
    UuidListOrNull,
    /// A list of different texts with at most so many characters each.
    TextList(usize),
    /// An object or `null`.
    ObjectOrNull,
    /// Whatever this function takes.
    By(fn(&Value) -> Verdict),
}

impl Check {
    /// A unicast MAC address.
    pub const MAC_ADDRESS_OR_NULL: Self = Self::By(address::mac_address_or_null);
    /// An IP address or `null`.
    pub const IP_ADDRESS_OR_NULL: Self = Self::By(address::ip_address_or_null);
    /// An IP address.
    pub const IP_ADDRESS: Self = Self::By(address::ip_address_only);
    /// A port or a range of ports, or `null`.
    pub const PORT_RANGE_OR_NULL: Self = Self::By(range::ports_or_null);
    /// A range of addresses or `null`.
    pub const SUBNET_OR_NULL: Self = Self::By(address::subnet_or_null);
    /// A list of different ranges of addresses.
    pub const SUBNET_LIST: Self = Self::By(address::subnet_list);
    /// A list of pools, each from an address to an address.
    pub const POOLS: Self = Self::By(address::pools);
    /// A list of different addresses of name servers.
    pub const NAMESERVERS: Self = Self::By(address::nameservers);
    /// A list of different routes of a router, some of which may lead nowhere.
    pub const ROUTER_ROUTES: Self = Self::By(address::router_routes);
    /// A list of different routes.
    pub const HOST_ROUTES: Self = Self::By(address::host_routes);
    /// A list of owners of devices.
    pub const SERVICE_TYPES: Self = Self::By(port::service_types);
    /// A list of addresses in subnets, either of them or both.
    pub const FIXED_IPS: Self = Self::By(port::fixed_ips);
    /// A list of addresses that a port may use besides its own.
    pub const ADDRESS_PAIRS: Self = Self::By(port::address_pairs);
    /// A list of DHCP options.
    pub const DHCP_OPTIONS: Self = Self::By(port::dhcp_options);
    /// A list of ports that a trunk carries.
    pub const SUB_PORTS: Self = Self::By(trunk::sub_ports);
    /// What is said of the gateway of a router.
    pub const GATEWAY_INFO: Self = Self::By(router::gateway_info);
    /// The name of a port for DNS.
    pub const PORT_DNS_NAME: Self = Self::By(dns::port_name);
    /// The name of a floating IP for DNS.
    pub const FLOATING_IP_DNS_NAME: Self = Self::By(dns::floating_ip_name);
    /// A domain of DNS.
    pub const DNS_DOMAIN: Self = Self::By(dns::domain);
    /// A list of availability zones.
    pub const ZONE_HINTS: Self = Self::By(zone_hints);

    /// Whether a value is taken.
    ///
    /// # Errors
    /// When it is not.
    pub fn apply(self, value: &Value) -> Verdict {
        match self {
            Self::TextOrNull(_)
            | Self::RangeOrNull(..)
            | Self::UuidOrNull
            | Self::UuidListOrNull
            | Self::ObjectOrNull
            | Self::Anything
                if value.is_null() =>
            {
                Ok(())
            }
            Self::Anything => Ok(()),
            Self::Text(max_chars) | Self::TextOrNull(max_chars) => text(value, max_chars).map(drop),
            Self::Name(max_chars) => name(value, max_chars),
            Self::FilledName => filled_name(value),
            Self::OneOf(literals) => one_of(value, literals),
            Self::NonNegative => non_negative(value),
            Self::Range(min, max) | Self::RangeOrNull(min, max) => range(value, min, max),
            Self::Uuid | Self::UuidOrNull => uuid(value),
            Self::UuidListOrNull => list_of(value, uuid),
            Self::TextList(max_chars) => list_of(value, |item| text(item, max_chars).map(drop)),
            Self::ObjectOrNull => object(value),
            Self::By(check) => check(value),
        }
    }
}

fn flaw<T>(reason: String) -> Result<T, Flaw> {
    Err(Flaw::Reason(reason))
}

fn text(value: &Value, max_chars: usize) -> Result<&str, Flaw> {
    let Some(text) = value.as_str() else {
        return flaw(format!("'{}' is not a valid string", python::text(value)));
    };
    if text.chars().count() > max_chars {
        return flaw(format!("'{}' exceeds maximum length of {max_chars}", python::text(value)));
    }
    Ok(text)
}

/// Neutron's pattern knows only the characters of the basic plane.
fn is_printable(character: char) -> bool {
    !matches!(character,
        '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{e000}'..='\u{f8ff}' | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}' | '\u{fffe}'..)
        && !character.is_control()
}

fn name(value: &Value, max_chars: usize) -> Verdict {
    let name = text(value, max_chars)?;
    let ends_well = !name.starts_with(char::is_whitespace) && !name.ends_with(char::is_whitespace);
    if ends_well && name.chars().all(is_printable) {
        return Ok(());
    }
    flaw(format!("'{}' is not a valid string", python::text(value)))
}

fn filled_name(value: &Value) -> Verdict {
    if text(value, usize::MAX)?.trim().is_empty() {
        return flaw(format!("'{}' Blank strings are not permitted", python::text(value)));
    }
    name(value, usize::MAX)
}

fn one_of(value: &Value, literals: &[Literal]) -> Verdict {
    if literals.iter().any(|literal| literal.is(value)) {
        return Ok(());
    }
    flaw(format!("{} is not in valid_values", python::text(value)))
}

fn whole(value: &Value) -> Result<i64, Flaw> {
    convert::integer(value)
        .ok_or_else(|| Flaw::Reason(format!("'{}' is not an integer", python::text(value))))
}

fn non_negative(value: &Value) -> Verdict {
    if whole(value)? < 0 {
        return flaw(format!("'{}' should be non-negative", python::text(value)));
    }
    Ok(())
}

fn range(value: &Value, min: i64, max: i64) -> Verdict {
    let number = whole(value)?;
    if number < min {
        return flaw(format!("'{number}' is too small - must be at least '{min}'"));
    }
    if number > max {
        return flaw(format!("'{number}' is too large - must be no larger than '{max}'"));
    }
    Ok(())
}

fn uuid(value: &Value) -> Verdict {
    if value.as_str().is_some_and(|text| uuid::Uuid::try_parse(text).is_ok()) {
        return Ok(());
    }
    flaw(format!("'{}' is not a valid UUID", python::text(value)))
}

fn object(value: &Value) -> Verdict {
    if value.is_object() {
        return Ok(());
    }
    flaw(format!("'{}' is not a dictionary", python::text(value)))
}

/// Items of a list that are taken one by one and are all different.
fn list_of(value: &Value, check: impl Fn(&Value) -> Verdict) -> Verdict {
    let Some(items) = value.as_array() else {
        return flaw(format!("'{}' is not a list", python::text(value)));
    };
    let mut sorted: Vec<String> = items.iter().map(Value::to_string).collect();
    sorted.sort_unstable();
    if sorted.windows(2).any(|pair| matches!(pair, [first, second] if first == second)) {
        let mut doubles: Vec<&Value> = Vec::new();
        for (index, item) in items.iter().enumerate() {
            if items.iter().take(index).any(|earlier| earlier == item) && !doubles.contains(&item) {
                doubles.push(item);
                if doubles.len() == DOUBLES_NAMED_MAX {
                    break;
                }
            }
        }
        let doubles: Vec<String> = doubles.into_iter().map(python::text).collect();
        return flaw(format!("Duplicate items in the list: '{}'", doubles.join(", ")));
    }
    items.iter().try_for_each(check)
}

/// Items that occur twice and are named in the answer.
const DOUBLES_NAMED_MAX: usize = 10;

fn zone_hints(value: &Value) -> Verdict {
    /// Characters of the whole list as JSON.
    const CHARS_MAX: usize = 255;
    list_of(value, |item| text(item, usize::MAX).map(drop))?;
    if value.to_string().chars().count() > CHARS_MAX {
        return Err(ApiError::invalid_input("Too many availability_zone_hints specified").into());
    }
    Ok(())
}
