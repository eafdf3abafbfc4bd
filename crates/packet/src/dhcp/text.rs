//! Options as people write them: a number or a name, and a text.
//!
//! This is the form of Neutron's `extra_dhcp_opts` and of the `dhcp_params` of a port. What a text means depends on
//! the option, and is what dnsmasq takes it for, as that is what people are used to:
//!
//! | format | texts |
//! |---|---|
//! | addresses | `10.0.0.1,10.0.0.2` or with spaces |
//! | routes | `10.1.0.0/16,10.0.0.1` and more such pairs |
//! | numbers | decimal; with `s`, `m`, `h`, `d`, `w` or as `infinite` where it is a time |
//! | flags | `1`, `0`, `true`, `false`, `on`, `off`, `yes`, `no` |
//! | domains | `example.org,example.net` |
//! | bytes | `0a:0b:0c` or `0x0a0b0c`; every other text stands for itself |
//! | unknown | addresses, if it is some; a number, in as few of one, two or four bytes as it fits; else bytes |
//!
//! The empty text says that the option is not told at all,
//! which Neutron uses to have a port without router.

mod table;

use std::net::Ipv4Addr;

use thiserror::Error;

pub use table::{KINDS, Kind};

use super::{Route, encode_routes};

/// The longest text. More does not fit a message that every client takes.
pub const TEXT_BYTES_MAX: usize = 1024;

const LABEL_BYTES_MAX: usize = 63;
const DOMAIN_BYTES_MAX: usize = 255;

/// What an option contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One address.
    Address,
    /// One address or more.
    Addresses,
    /// One pair of addresses or more.
    AddressPairs,
    /// A number of one byte.
    Number8 {
        /// The least that makes sense.
        min: u8,
    },
    /// A number of two bytes.
    Number16 {
        /// The least that makes sense.
        min: u16,
    },
    /// Numbers of two bytes.
    Numbers16,
    /// A time, in four bytes.
    Seconds,
    /// A difference of times, in four bytes.
    SignedSeconds,
    /// Yes or no, in one byte.
    Flag,
    /// A text, as it is.
    Text,
    /// Domain names as in DNS, without compression.
    Domains,
    /// Addresses or domain names, and a byte that says which (RFC 3361).
    SipServers,
    /// Classless routes (RFC 3442).
    Routes,
    /// Anything.
    Bytes,
    /// What the text looks like: nobody said what the option contains.
    Unknown,
}

/// A text that does not say what an option needs.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("DHCP option {code}{}: {problem}", name(*code).map(|name| format!(" ({name})")).unwrap_or_default())]
pub struct TextError {
    /// The number of the option.
    pub code: u8,
    /// What is wrong with its text.
    pub problem: String,
}

fn find(code: u8) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.code == code)
}

/// The name of an option.
#[must_use]
pub fn name(code: u8) -> Option<&'static str> {
    find(code)?.names.first().copied()
}

/// What an option contains.
#[must_use]
pub fn format(code: u8) -> Format {
    find(code).map_or(Format::Unknown, |kind| kind.format)
}

/// The number of an option that is given by number or by name. 0 and 255 are none.
#[must_use]
pub fn code(text: &str) -> Option<u8> {
    if let Ok(number) = text.parse() {
        return (1..=254).contains(&number).then_some(number);
    }
    KINDS.iter().find(|kind| kind.names.contains(&text)).map(|kind| kind.code)
}

/// The content of an option; empty if the text is.
pub fn encode(code: u8, text: &str) -> Result<Vec<u8>, TextError> {
    let error = |problem| TextError { code, problem };
    if text.len() > TEXT_BYTES_MAX {
        let length = text.len();
        return Err(error(format!("the text of {length} bytes is too long: give at most {TEXT_BYTES_MAX}")));
    }
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Ok(Vec::new());
    }
    format(code).encode(trimmed).map_err(error)
}

impl Format {
    fn encode(self, text: &str) -> Result<Vec<u8>, String> {
        match self {
            Self::Address => match text.parse::<Ipv4Addr>() {
                Ok(address) => Ok(address.octets().to_vec()),
                Err(_) => Err(format!("'{text}' is not an IPv4 address")),
            },
            Self::Addresses => addresses(text),
            Self::AddressPairs => {
                let bytes = addresses(text)?;
                if bytes.len() % 8 == 0 { Ok(bytes) } else { Err("give pairs of addresses".to_owned()) }
            }
            Self::Number8 { min } => Ok(vec![number(text, min, u8::MAX)?]),
            Self::Number16 { min } => Ok(number(text, min, u16::MAX)?.to_be_bytes().to_vec()),
            Self::Numbers16 => {
                let numbers: Result<Vec<_>, _> =
                    pieces(text).map(|piece| number(piece, 0, u16::MAX).map(u16::to_be_bytes)).collect();
                Ok(numbers?.concat())
            }
            Self::Seconds => Ok(seconds(text)?.to_be_bytes().to_vec()),
            Self::SignedSeconds => Ok(number(text, i32::MIN, i32::MAX)?.to_be_bytes().to_vec()),
            Self::Flag => Ok(vec![u8::from(flag(text)?)]),
            Self::Text if text.contains('\0') => Err("the text contains a zero byte".to_owned()),
            Self::Text => Ok(text.as_bytes().to_vec()),
            Self::Domains => domains(text),
            Self::SipServers => Ok(match addresses(text) {
                Ok(addresses) => [&[1], addresses.as_slice()].concat(),
                Err(_) => [&[0], domains(text)?.as_slice()].concat(),
            }),
            Self::Routes => routes(text),
            Self::Bytes => Ok(bytes(text)),
            Self::Unknown => {
                Ok(addresses(text).ok().or_else(|| shortest(text)).unwrap_or_else(|| bytes(text)))
            }
        }
    }
}

/// The parts of a list.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', ' ']).filter(|piece| !piece.is_empty())
}

fn addresses(text: &str) -> Result<Vec<u8>, String> {
    let octets = |piece: &str| match piece.parse::<Ipv4Addr>() {
        Ok(address) => Ok(address.octets()),
        Err(_) => Err(format!("'{piece}' is not an IPv4 address")),
    };
    let addresses = pieces(text).map(octets).collect::<Result<Vec<_>, _>>()?;
    if addresses.is_empty() { Err("there is no address".to_owned()) } else { Ok(addresses.concat()) }
}

fn number<T>(text: &str, min: T, max: T) -> Result<T, String>
where
    T: std::str::FromStr + PartialOrd + std::fmt::Display,
{
    let number = text.parse().ok().filter(|number| (&min..=&max).contains(&number));
    number.ok_or_else(|| format!("'{text}' is not a number from {min} to {max}"))
}

fn seconds(text: &str) -> Result<u32, String> {
    if text == "infinite" {
        return Ok(u32::MAX);
    }
    let units = [("s", 1), ("m", 60), ("h", 3_600), ("d", 86_400), ("w", 604_800)];
    let in_unit = |(suffix, unit): (&str, u32)| Some((text.strip_suffix(suffix)?, unit));
    let (count, unit) = units.into_iter().find_map(in_unit).unwrap_or((text, 1));
    let seconds = count.parse::<u32>().ok().and_then(|count| count.checked_mul(unit));
    seconds.ok_or_else(|| format!("'{text}' is not a time: give seconds, as 600, or 10m, 1h, 1d, infinite"))
}

fn flag(text: &str) -> Result<bool, String> {
    match text {
        "1" | "true" | "on" | "yes" => Ok(true),
        "0" | "false" | "off" | "no" => Ok(false),
        _ => Err(format!("'{text}' is neither 1 nor 0")),
    }
}

fn domains(text: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    for domain in pieces(text) {
        let start = bytes.len();
        for label in domain.strip_suffix('.').unwrap_or(domain).split('.') {
            match u8::try_from(label.len()) {
                Ok(length @ 1..) if label.len() <= LABEL_BYTES_MAX => bytes.push(length),
                _ => return Err(format!("'{domain}' is not a domain name")),
            }
            bytes.extend(label.as_bytes());
        }
        bytes.push(0);
        if bytes.len() - start > DOMAIN_BYTES_MAX {
            return Err(format!("the domain name '{domain}' is too long"));
        }
    }
    if bytes.is_empty() { Err("there is no domain name".to_owned()) } else { Ok(bytes) }
}

fn routes(text: &str) -> Result<Vec<u8>, String> {
    let mut pieces = pieces(text);
    let mut routes = Vec::new();
    while let Some(destination) = pieces.next() {
        let router = pieces.next().ok_or_else(|| format!("the route to '{destination}' has no router"))?;
        let router = router.parse().map_err(|_| format!("'{router}' is not an IPv4 address"))?;
        let (network, prefix_length) = destination.split_once('/').unwrap_or((destination, "32"));
        let route = network.parse().ok().zip(prefix_length.parse().ok());
        let route = route.and_then(|(network, prefix_length)| Route::new(network, prefix_length, router));
        routes.push(route.ok_or_else(|| format!("'{destination}' is not an IPv4 network"))?);
    }
    if routes.is_empty() { Err("there is no route".to_owned()) } else { Ok(encode_routes(&routes)) }
}

fn bytes(text: &str) -> Vec<u8> {
    hexadecimal(text).unwrap_or_else(|| text.as_bytes().to_vec())
}

/// A number in as few bytes as options have for numbers.
fn shortest(text: &str) -> Option<Vec<u8>> {
    if !text.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let number: u32 = text.parse().ok()?;
    Some(match (u8::try_from(number), u16::try_from(number)) {
        (Ok(number), _) => vec![number],
        (_, Ok(number)) => number.to_be_bytes().to_vec(),
        _ => number.to_be_bytes().to_vec(),
    })
}

/// Bytes that are written as digits, `None` when it is some other text.
pub(crate) fn hexadecimal(text: &str) -> Option<Vec<u8>> {
    let byte = |digits: &str| {
        let is_byte = digits.len() <= 2 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        is_byte.then(|| u8::from_str_radix(digits, 16).ok()).flatten()
    };
    if let Some(digits) = text.strip_prefix("0x") {
        let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
        let pair = |pair: &[u8; 2]| byte(std::str::from_utf8(pair).ok()?);
        return if rest.is_empty() { pairs.iter().map(pair).collect() } else { None };
    }
    text.contains(':').then(|| text.split(':').map(byte).collect()).flatten()
}

#[cfg(test)]
mod tests;
