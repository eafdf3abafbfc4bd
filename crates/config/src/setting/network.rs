//! Addresses, and places to listen at or to connect to.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use super::{Remarks, Single};

const HOST_NAME_BYTES_MAX: usize = 253;
const LABEL_BYTES_MAX: usize = 63;
/// The port that OVSDB servers listen at.
const OVSDB_PORT: u16 = 6640;

/// A value for which Rust's own reading and writing are right.
macro_rules! address {
    ($type:ty, $kind:literal, $example:literal) => {
        impl Single for $type {
            const KIND: &'static str = $kind;

            fn parse(text: &str, _: &mut Remarks) -> Result<Self, String> {
                text.trim().parse().map_err(|_| concat!($kind, " is needed, such as ", $example).to_owned())
            }

            fn text(&self) -> String {
                self.to_string()
            }
        }
    };
}

address!(IpAddr, "IP address", "192.0.2.1 or 2001:db8::1");
address!(Ipv4Addr, "IPv4 address", "192.0.2.1");
address!(SocketAddr, "IP address and port", "127.0.0.1:9696 or [::1]:9696");

/// A host by its address or by a name that can be one in the DNS.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Host(String);

impl Host {
    /// The address or name, an IPv6 address without brackets.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Single for Host {
    const KIND: &'static str = "host name or IP address";

    fn parse(text: &str, _: &mut Remarks) -> Result<Self, String> {
        let text = text.trim();
        if text.parse::<IpAddr>().is_ok() || is_host_name(text) {
            return Ok(Self(text.to_owned()));
        }
        Err("a host name or an IP address is needed".to_owned())
    }

    fn text(&self) -> String {
        self.0.clone()
    }
}

/// A name whose last part is not a number: `10.0.0` and `1.2.3.4.5` are mistyped addresses and not names.
fn is_host_name(text: &str) -> bool {
    let name = text.strip_suffix('.').unwrap_or(text);
    let label_is_good = |label: &str| {
        (1..=LABEL_BYTES_MAX).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last = name.rsplit('.').next().unwrap_or_default();
    name.len() <= HOST_NAME_BYTES_MAX
        && name.split('.').all(label_is_good)
        && !last.bytes().all(|byte| byte.is_ascii_digit())
}

/// A place to connect to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct HostPort {
    /// Name or address, an IPv6 address without brackets.
    pub host: Host,
    /// The TCP port.
    pub port: u16,
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.host.as_str();
        if host.contains(':') {
            write!(f, "[{host}]:{}", self.port)
        } else {
            write!(f, "{host}:{}", self.port)
        }
    }
}

impl Single for HostPort {
    const KIND: &'static str = "host:port";

    fn parse(text: &str, remarks: &mut Remarks) -> Result<Self, String> {
        let wrong =
            || "host:port is needed, such as 192.0.2.1:4001, db.example.org:4001 or [2001:db8::1]:4001";
        let (host, port) = text.trim().rsplit_once(':').ok_or_else(wrong)?;
        let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        if let Some(address) = bracketed {
            address.parse::<Ipv6Addr>().map_err(|_| wrong())?;
        } else if host.contains(':') {
            return Err(wrong().to_owned());
        }
        let host = Host::parse(bracketed.unwrap_or(host), remarks).map_err(|_| wrong())?;
        Ok(Self { host, port: port.parse().map_err(|_| wrong())? })
    }

    fn text(&self) -> String {
        self.to_string()
    }
}

/// Where to listen: at every address, or at one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BindAddress {
    /// `*`
    Any,
    /// At this address only.
    At(IpAddr),
}

impl Single for BindAddress {
    const KIND: &'static str = "IP address or *";

    fn parse(text: &str, remarks: &mut Remarks) -> Result<Self, String> {
        match text.trim() {
            "*" => Ok(Self::Any),
            address => IpAddr::parse(address, remarks)
                .map(Self::At)
                .map_err(|reason| format!("{reason}, or * for every address")),
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Any => "*".to_owned(),
            Self::At(address) => address.to_string(),
        }
    }
}

/// Where the OVSDB server of a chassis is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OvsdbConnection {
    /// Its socket in the file system.
    Unix(PathBuf),
    /// Over TCP.
    Tcp(SocketAddr),
}

impl OvsdbConnection {
    /// The usual port at an address.
    pub const fn at(address: IpAddr) -> Self {
        Self::Tcp(SocketAddr::new(address, OVSDB_PORT))
    }
}

impl fmt::Display for OvsdbConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Tcp(address) => write!(f, "tcp:{address}"),
        }
    }
}

impl Single for OvsdbConnection {
    const KIND: &'static str = "unix:PATH or tcp:IP:PORT";

    fn parse(text: &str, _: &mut Remarks) -> Result<Self, String> {
        let text = text.trim();
        let unix = text.strip_prefix("unix:").filter(|path| !path.is_empty());
        let tcp = text.strip_prefix("tcp:").and_then(|address| address.parse().ok());
        match (unix, tcp) {
            (Some(path), _) => Ok(Self::Unix(path.into())),
            (_, Some(address)) => Ok(Self::Tcp(address)),
            _ => Err("needed is unix:PATH or tcp:IP:PORT, such as unix:/run/openvswitch/db.sock, tcp:192.0.2.1:6640 or tcp:[2001:db8::1]:6640".to_owned()),
        }
    }

    fn text(&self) -> String {
        self.to_string()
    }
}

/// Numbers of overlay networks: `first:last`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct IdRange {
    /// The smallest number.
    pub first: u32,
    /// The largest number, not smaller than the first.
    pub last: u32,
}

/// What the header of a tunnel has room for.
const NETWORK_ID_MAX: u32 = (1 << 24) - 1;

impl Single for IdRange {
    const KIND: &'static str = "first:last";

    fn parse(text: &str, _: &mut Remarks) -> Result<Self, String> {
        ordered_pair(text, NETWORK_ID_MAX).map(|(first, last)| Self { first, last }).ok_or_else(|| {
            format!("first:last is needed, from 1 to {NETWORK_ID_MAX}, the smaller number first")
        })
    }

    fn text(&self) -> String {
        format!("{}:{}", self.first, self.last)
    }
}

/// A physical network on which networks can be made, and the VLANs to choose from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct VlanRange {
    /// The name of the physical network.
    pub physical_network: String,
    /// First and last VLAN for networks that do not name theirs; without it they all have to.
    pub vlans: Option<(u16, u16)>,
}

const VLAN_MAX: u32 = 4094;

impl Single for VlanRange {
    const KIND: &'static str = "physical_network[:first:last]";

    fn parse(text: &str, _: &mut Remarks) -> Result<Self, String> {
        let wrong = || {
            format!("physical_network or physical_network:first:last is needed, VLANs from 1 to {VLAN_MAX}")
        };
        let (name, range) =
            text.trim().split_once(':').map_or((text.trim(), None), |(name, r)| (name, Some(r)));
        if name.is_empty() {
            return Err(wrong());
        }
        let narrow = |number: u32| u16::try_from(number).ok();
        let vlans = match range {
            None => None,
            Some(range) => {
                let (first, last) = ordered_pair(range, VLAN_MAX).ok_or_else(wrong)?;
                Some(narrow(first).zip(narrow(last)).ok_or_else(wrong)?)
            }
        };
        Ok(Self { physical_network: name.to_owned(), vlans })
    }

    fn text(&self) -> String {
        match self.vlans {
            None => self.physical_network.clone(),
            Some((first, last)) => format!("{}:{first}:{last}", self.physical_network),
        }
    }
}

fn ordered_pair(text: &str, max: u32) -> Option<(u32, u32)> {
    let (first, last) = text.trim().split_once(':')?;
    let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    (1 <= first && first <= last && last <= max).then_some((first, last))
}
