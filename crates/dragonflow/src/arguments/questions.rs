//! The arguments of the commands that answer questions about packets and flows.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use tracer::{Connection, Kind, Request};

use super::Files;

/// Where the facts come from.
#[derive(Debug, Args)]
pub(crate) struct Facts {
    #[command(flatten)]
    pub(crate) files: Files,
    /// A recording of a controller (local-controller --record), in the place of the store that the configuration names: what its
    /// host knew at its end.
    #[arg(long, value_name = "FILE")]
    pub(crate) recording: Option<PathBuf>,
    /// Prints an object of JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 delivered or answered, 1 not delivered, 2 nothing could be traced.\n\n\
    Examples:\n  dragonflow trace --port web1 --to db1 --tcp 3306\n  \
    dragonflow trace --port web1 'icmp,nw_dst=10.0.0.5'\n  \
    dragonflow trace --port web1 --who 10.0.0.5\n  \
    dragonflow trace --recording FILE --port web1 --to db1 --ct established"
)]
pub(crate) struct Trace {
    #[command(flatten)]
    pub(crate) facts: Facts,
    /// Goes through the flows that the switch of this host really holds, and says where they differ from what is computed.
    #[arg(long, conflicts_with = "recording")]
    pub(crate) live: bool,
    /// The port that sends: its id, or its name if no other port has it.
    #[arg(long, value_name = "PORT")]
    pub(crate) port: String,
    /// The port that it is for: its addresses are the destination, and the answer is whether it gets the packet.
    #[arg(long, value_name = "PORT")]
    pub(crate) to: Option<String>,
    /// Fields of the packet, as ovs-ofctl writes a match. What is left out is filled in as the guest would: its own
    /// addresses, the MAC address of the destination or of the gateway.
    #[arg(value_name = "FIELDS")]
    pub(crate) fields: Option<String>,
    #[command(flatten)]
    pub(crate) kind: PacketKind,
    /// What the connection tracker says of the packet, each time that it is asked; the last one holds for the rest.
    #[arg(long, value_enum, value_name = "STATE")]
    pub(crate) ct: Vec<Tracked>,
}

/// Packets that are often asked for.
#[derive(Debug, Args)]
#[group(required = false, multiple = false)]
pub(crate) struct PacketKind {
    /// An echo request, which it is too where nothing but --to is said.
    #[arg(long)]
    pub(crate) ping: bool,
    /// The first segment of a TCP connection to this port.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) tcp: Option<u16>,
    /// A UDP datagram to this port.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) udp: Option<u16>,
    /// Who has this address? By ARP, or neighbour discovery.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) who: Option<IpAddr>,
    /// A DHCP discovery.
    #[arg(long, conflicts_with = "to")]
    pub(crate) dhcp: bool,
    /// A solicitation of DHCPv6.
    #[arg(long, conflicts_with = "to")]
    pub(crate) dhcpv6: bool,
}

/// What the connection tracker says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Tracked {
    /// The packet begins a connection.
    New,
    /// It belongs to one.
    Established,
    /// It is an answer in one.
    Reply,
    /// It is about one, as an error message.
    Related,
    /// It makes no sense.
    Invalid,
}

#[derive(Debug, Args)]
pub(crate) struct Explain {
    #[command(flatten)]
    pub(crate) facts: Facts,
    /// The host whose flow it is; without it the one of the configuration or the recording.
    #[arg(long, value_name = "NAME")]
    pub(crate) chassis: Option<String>,
    /// A cookie, as ovs-ofctl dump-flows shows it; or `table` and the name or number of one.
    #[arg(value_name = "COOKIE | table NAME", num_args = 1..=2, required = true)]
    pub(crate) what: Vec<String>,
}

impl Trace {
    /// The packet that is asked for.
    pub(crate) fn request(&self) -> Request {
        Request {
            port: self.port.clone(),
            fields: self.fields.clone(),
            to: self.to.clone(),
            kind: self.kind.kind(),
            connections: self.ct.iter().map(|tracked| tracked.connection()).collect(),
        }
    }
}

impl PacketKind {
    fn kind(&self) -> Option<Kind> {
        let plain = [(self.ping, Kind::Ping), (self.dhcp, Kind::Dhcp), (self.dhcpv6, Kind::Dhcpv6)];
        let plain = plain.into_iter().find(|(is_asked, _)| *is_asked).map(|(_, kind)| kind);
        let with_port = self.tcp.map(Kind::Tcp).or(self.udp.map(Kind::Udp));
        plain.or(with_port).or(self.who.map(Kind::Who))
    }
}

impl Tracked {
    const fn connection(self) -> Connection {
        match self {
            Self::New => Connection::New,
            Self::Established => Connection::Established,
            Self::Reply => Connection::Reply,
            Self::Related => Connection::Related,
            Self::Invalid => Connection::Invalid,
        }
    }
}
