//! Options of DHCPv6 as people write them: a number or a name, and a text.
//!
//! Names are those of dnsmasq and of ISC dhcpd. What a text means depends on the option:
//!
//! | format | texts |
//! |---|---|
//! | addresses | `fd00::1,fd00::2` or with spaces |
//! | domains | `example.org,example.net` |
//! | seconds | decimal |
//! | text | itself |
//! | unknown | addresses, if it is some; `0a:0b:0c` or `0x0a0b0c` as bytes; else itself |
//!
//! The empty text says that the option is not told at all.

use std::net::Ipv6Addr;

use thiserror::Error;

use super::codes;
use crate::dhcp::text::hexadecimal;

/// The longest text. More does not fit a message that every client takes.
const TEXT_BYTES_MAX: usize = 1_024;

/// What an option contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Addresses,
    /// Addresses, each in a part of its own (RFC 5908).
    NtpServers,
    Domains,
    Seconds,
    Text,
    Unknown,
}

/// Options with a name, by number.
#[rustfmt::skip]
const KINDS: &[(u16, &[&str], Format)] = &[
    (21, &["sip-server-domain", "sip-servers-names"], Format::Domains),
    (22, &["sip-server", "sip-servers-addresses"], Format::Addresses),
    (codes::DNS_SERVERS, &["dns-server", "name-servers"], Format::Addresses),
    (codes::DOMAIN_SEARCH, &["domain-search"], Format::Domains),
    (27, &["nis-server", "nis-servers"], Format::Addresses),
    (28, &["nis+-server", "nisp-servers"], Format::Addresses),
    (29, &["nis-domain", "nis-domain-name"], Format::Domains),
    (30, &["nis+-domain", "nisp-domain-name"], Format::Domains),
    (31, &["sntp-server", "sntp-servers"], Format::Addresses),
    (codes::REFRESH_TIME, &["information-refresh-time", "info-refresh-time"], Format::Seconds),
    (41, &["new-posix-timezone"], Format::Text),
    (42, &["new-tzdb-timezone"], Format::Text),
    (56, &["ntp-server"], Format::NtpServers),
    (59, &["bootfile-url"], Format::Text),
];

/// Options of the protocol itself: who speaks, what addresses, how messages are handled.
const OF_PROTOCOL: [u16; 17] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 19, 20, 25, 26];

/// An option that cannot be told.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("DHCPv6 option {name}: {problem}")]
pub struct TextError {
    /// Its name or number.
    pub name: String,
    /// What is wrong.
    pub problem: String,
}

/// The number and the content of an option; no content if the text is empty.
///
/// # Errors
/// When nobody knows the name, the option is not to be set, or the text does not say what it needs.
pub fn option(name: &str, text: &str) -> Result<(u16, Vec<u8>), TextError> {
    let error = |problem: String| TextError { name: name.to_owned(), problem };
    let kind = KINDS.iter().find(|(_, names, _)| names.contains(&name));
    let code = kind.map(|kind| kind.0).or_else(|| name.parse().ok().filter(|number| *number != 0));
    let code = code.ok_or_else(|| error("nobody knows it: give its number".to_owned()))?;
    if OF_PROTOCOL.contains(&code) {
        return Err(error("it is part of the protocol and cannot be set".to_owned()));
    }
    if text.len() > TEXT_BYTES_MAX {
        let length = text.len();
        return Err(error(format!("the text of {length} bytes is too long: give at most {TEXT_BYTES_MAX}")));
    }
    let text = text.trim();
    if text.is_empty() {
        return Ok((code, Vec::new()));
    }
    let format = KINDS.iter().find(|kind| kind.0 == code).map_or(Format::Unknown, |kind| kind.2);
    encode(format, text).map(|value| (code, value)).map_err(error)
}

fn encode(format: Format, text: &str) -> Result<Vec<u8>, String> {
    match format {
        Format::Addresses => Ok(addresses(text)?.iter().flat_map(Ipv6Addr::octets).collect()),
        Format::NtpServers => {
            let part = |address: Ipv6Addr| [&[0, 1, 0, 16][..], &address.octets()].concat();
            Ok(addresses(text)?.into_iter().flat_map(part).collect())
        }
        Format::Domains => {
            let encode = |domain| crate::domain::encode(domain).ok_or(domain);
            let domains: Result<Vec<Vec<u8>>, &str> = pieces(text).map(encode).collect();
            domains
                .map(|domains| domains.concat())
                .map_err(|domain| format!("'{domain}' is not a domain name"))
        }
        Format::Seconds => match text.parse::<u32>() {
            Ok(seconds) => Ok(seconds.to_be_bytes().to_vec()),
            Err(_) => Err(format!("'{text}' is not a number of seconds")),
        },
        Format::Text => Ok(text.as_bytes().to_vec()),
        Format::Unknown => match addresses(text) {
            Ok(addresses) => Ok(addresses.iter().flat_map(Ipv6Addr::octets).collect()),
            Err(_) => Ok(hexadecimal(text).unwrap_or_else(|| text.as_bytes().to_vec())),
        },
    }
}

/// The parts of a list.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', ' ']).filter(|piece| !piece.is_empty())
}

fn addresses(text: &str) -> Result<Vec<Ipv6Addr>, String> {
    // As dnsmasq writes them.
    let bare = |piece: &str| {
        piece.trim_start_matches('[').trim_end_matches(']').parse().map_err(|_| piece.to_owned())
    };
    let addresses: Result<Vec<Ipv6Addr>, String> = pieces(text).map(bare).collect();
    addresses.map_err(|piece| format!("'{piece}' is not an IPv6 address"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn told(name: &str, text: &str) -> Result<(u16, Vec<u8>), String> {
        option(name, text).map_err(|error| error.to_string())
    }

    #[test]
    fn what_a_text_says_depends_on_the_option() {
        let one = [0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
        for name in ["dns-server", "name-servers", "23"] {
            assert_eq!(told(name, "fd00::1"), Ok((23, one.to_vec())));
            assert_eq!(told(name, "[fd00::1], fd00::1"), Ok((23, [one, one].concat())));
        }
        assert_eq!(told("domain-search", "a.b,c"), Ok((24, b"\x01a\x01b\0\x01c\0".to_vec())));
        assert_eq!(told("59", "http://[fd00::1]/boot"), Ok((59, b"http://[fd00::1]/boot".to_vec())));
        assert_eq!(told("ntp-server", "fd00::1"), Ok((56, [&[0, 1, 0, 16][..], &one].concat())));
        assert_eq!(told("32", "600"), Ok((32, vec![0, 0, 2, 0x58])));
        assert_eq!(told("1000", "fd00::1"), Ok((1000, one.to_vec())));
        assert_eq!(told("1000", "0a:b"), Ok((1000, vec![10, 11])));
        assert_eq!(told("1000", "0x0a0b"), Ok((1000, vec![10, 11])));
        assert_eq!(told("1000", "0x0a0"), Ok((1000, b"0x0a0".to_vec())));
        assert_eq!(told("1000", "word"), Ok((1000, b"word".to_vec())));
        assert_eq!(told("dns-server", " "), Ok((23, vec![])));
    }

    #[test]
    fn what_cannot_be_told_is_named() {
        for (name, text, says) in [
            ("no-such", "x", "nobody knows it"),
            ("0", "x", "nobody knows it"),
            ("70000", "x", "nobody knows it"),
            ("3", "x", "part of the protocol"),
            ("dns-server", "10.0.0.1", "'10.0.0.1' is not an IPv6 address"),
            ("domain-search", "a..b", "'a..b' is not a domain name"),
            ("32", "soon", "'soon' is not a number of seconds"),
            ("59", &"x".repeat(1_025), "too long"),
        ] {
            let error = told(name, text).expect_err(name);
            assert!(error.contains(says) && error.contains(name), "{error}");
        }
    }

    proptest! {
        #[test]
        fn no_text_is_too_much(name in "[a-z0-9+-]{0,12}|[0-9]{1,6}", text in ".{0,200}") {
            if let Ok((code, value)) = option(&name, &text) {
                prop_assert!(!OF_PROTOCOL.contains(&code) && value.len() <= 20 * text.len());
            }
        }
    }
}
