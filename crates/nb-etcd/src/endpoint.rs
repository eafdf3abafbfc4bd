//! The address of a member.

use std::fmt;

use crate::options::OptionsError;

/// Where a member listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) is_tls: bool,
    /// A name or an address; IPv6 without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Endpoint {
    /// Reads what an operator wrote; without a scheme it is TLS if `has_tls`.
    pub(crate) fn parse(text: &str, has_tls: bool) -> Result<Self, OptionsError> {
        let wrong =
            |reason: &str| OptionsError::Endpoint { endpoint: text.to_owned(), reason: reason.to_owned() };
        let (is_tls, address) = match text.split_once("://") {
            None => (has_tls, text),
            Some(("http", address)) => (false, address),
            Some(("https", address)) if has_tls => (true, address),
            Some(("https", _)) => return Err(wrong("https needs the certificates of an authority")),
            Some(_) => return Err(wrong("the scheme is neither http nor https")),
        };
        let address = address.strip_suffix('/').unwrap_or(address);
        let (host, port) = address.rsplit_once(':').ok_or_else(|| wrong("it has no port"))?;
        let port = port.parse().ok().filter(|port| *port != 0).ok_or_else(|| wrong("the port is no port"))?;
        let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let host = match inner {
            Some(address) if address.parse::<std::net::Ipv6Addr>().is_ok() => address,
            Some(_) => return Err(wrong("what is in brackets is no IPv6 address")),
            None if host.contains(':') => return Err(wrong("an IPv6 address stands in brackets")),
            None if host.is_empty() || host.contains(['/', '@', ' ', '[', ']']) => {
                return Err(wrong("it has no valid host"));
            }
            None => host,
        };
        Ok(Self { is_tls, host: host.to_owned(), port })
    }

    /// Host and port, as HTTP and people write them.
    pub(crate) fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.authority())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_write_endpoints_in_several_ways() {
        let parse = |text| {
            let endpoint = Endpoint::parse(text, true).unwrap();
            (endpoint.is_tls, endpoint.authority())
        };
        assert_eq!(parse("192.0.2.1:2379"), (true, "192.0.2.1:2379".to_owned()));
        assert_eq!(parse("http://etcd-1:2379/"), (false, "etcd-1:2379".to_owned()));
        assert_eq!(parse("https://[2001:db8::1]:2379"), (true, "[2001:db8::1]:2379".to_owned()));
        assert!(!Endpoint::parse("etcd-1:4001", false).unwrap().is_tls);
    }

    #[test]
    fn what_makes_no_sense_is_said() {
        for (text, reason) in [
            ("etcd-1", "it has no port"),
            ("etcd-1:", "the port is no port"),
            ("etcd-1:0", "the port is no port"),
            ("etcd-1:65536", "the port is no port"),
            (":2379", "it has no valid host"),
            ("http://a/b:1", "it has no valid host"),
            ("ftp://a:1", "the scheme is neither http nor https"),
            ("2001:db8::1:2379", "an IPv6 address stands in brackets"),
            ("[host]:2379", "what is in brackets is no IPv6 address"),
        ] {
            let error = Endpoint::parse(text, true).unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
        let error = Endpoint::parse("https://a:1", false).unwrap_err().to_string();
        assert!(error.contains("https needs the certificates of an authority"), "{error}");
    }
}
