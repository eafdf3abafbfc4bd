//! Where an OVSDB peer is, in the notation of Open vSwitch.
//!
//! Active: `unix:PATH`, `tcp:HOST[:PORT]`, `ssl:HOST[:PORT]`. Passive: `punix:PATH`, `ptcp:[PORT][:IP]`,
//! `pssl:[PORT][:IP]`. IPv6 addresses stand in brackets. The port is 6640 where none is given. [`Address`]
//! prints what it parses.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use thiserror::Error;

/// The port that IANA assigned to OVSDB.
pub const DEFAULT_PORT: u16 = 6640;

/// A peer to connect to, or a place to listen at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    Unix(PathBuf),
    Tcp { host: String, port: u16 },
    Tls { host: String, port: u16 },
    ListenUnix(PathBuf),
    ListenTcp { host: String, port: u16 },
    ListenTls { host: String, port: u16 },
}

/// Why a text is not an address.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("\"{text}\" is not an ovsdb address: {reason}")]
pub struct AddressError {
    text: String,
    reason: &'static str,
}

impl Address {
    /// Whether a TLS configuration is needed.
    #[must_use]
    pub const fn is_tls(&self) -> bool {
        matches!(self, Self::Tls { .. } | Self::ListenTls { .. })
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let fail = |reason| AddressError { text: text.to_owned(), reason };
        let (scheme, rest) =
            text.split_once(':').ok_or_else(|| fail("there is no scheme such as unix: or tcp:"))?;
        let path = || if rest.is_empty() { Err(fail("the path is empty")) } else { Ok(PathBuf::from(rest)) };
        let active = || host_and_port(rest).map_err(fail);
        let passive = || port_and_host(rest).map_err(fail);
        Ok(match scheme {
            "unix" => Self::Unix(path()?),
            "punix" => Self::ListenUnix(path()?),
            "tcp" => active().map(|(host, port)| Self::Tcp { host, port })?,
            "ssl" => active().map(|(host, port)| Self::Tls { host, port })?,
            "ptcp" => passive().map(|(host, port)| Self::ListenTcp { host, port })?,
            "pssl" => passive().map(|(host, port)| Self::ListenTls { host, port })?,
            _ => return Err(fail("use one of unix, tcp, ssl, punix, ptcp, pssl")),
        })
    }
}

/// `HOST[:PORT]`.
fn host_and_port(text: &str) -> Result<(String, u16), &'static str> {
    let (host, rest) = split_host(text)?;
    if host.is_empty() {
        return Err("the host is empty");
    }
    let port = match rest.strip_prefix(':') {
        Some(port) => parse_port(port)?,
        None if rest.is_empty() => DEFAULT_PORT,
        None => return Err("text after the closing bracket"),
    };
    if port == 0 { Err("port 0 cannot be connected to") } else { Ok((host.to_owned(), port)) }
}

/// `[PORT][:IP]`; without an address every one of the machine.
fn port_and_host(text: &str) -> Result<(String, u16), &'static str> {
    let (port, host) = text.split_once(':').map_or((text, None), |(port, host)| (port, Some(host)));
    let port = if port.is_empty() { DEFAULT_PORT } else { parse_port(port)? };
    let Some(host) = host else { return Ok(("0.0.0.0".to_owned(), port)) };
    match split_host(host)? {
        ("", _) => Err("the address is empty"),
        (host, "") => Ok((host.to_owned(), port)),
        _ => Err("text after the address"),
    }
}

/// Takes a host off the front, out of its brackets if it has some.
fn split_host(text: &str) -> Result<(&str, &str), &'static str> {
    let (host, rest) = match text.strip_prefix('[') {
        Some(inner) => inner.split_once(']').ok_or("the bracket is not closed")?,
        None => {
            let (host, rest) = text.split_at(text.find(':').unwrap_or(text.len()));
            if rest.matches(':').count() > 1 {
                return Err("an IPv6 address needs brackets");
            }
            (host, rest)
        }
    };
    if host.contains(['[', ']']) { Err("there is a bracket in the host") } else { Ok((host, rest)) }
}

fn parse_port(text: &str) -> Result<u16, &'static str> {
    text.parse().map_err(|_| "the port is not a number up to 65535")
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bracket = |host: &str| if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::ListenUnix(path) => write!(f, "punix:{}", path.display()),
            Self::Tcp { host, port } => write!(f, "tcp:{}:{port}", bracket(host)),
            Self::Tls { host, port } => write!(f, "ssl:{}:{port}", bracket(host)),
            Self::ListenTcp { host, port } => write!(f, "ptcp:{port}:{}", bracket(host)),
            Self::ListenTls { host, port } => write!(f, "pssl:{port}:{}", bracket(host)),
        }
    }
}

#[cfg(test)]
mod tests;
