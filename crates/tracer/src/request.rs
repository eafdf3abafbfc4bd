//! From what an operator says to a packet at a switch port.
//!
//! What is left out is filled in as the guest would: its own addresses as sender, the MAC address of whoever has the destination
//! address in the network, or that of the gateway. A field that is said is taken as it is, also where the guest must not
//! say so: that is what one asks for.

use std::net::IpAddr;

use model::{Chassis, ChildPortSegmentation, Id, LogicalPort, SegmentationType, Table};
use net_types::OfPort;
use ofsim::Key;
use ofsim::key::ct_state;
use openflow::text::{TextError, parse_match};
use openflow::{Field, Match};
use packet::ethertype;
use serde::Serialize;
use thiserror::Error;

use crate::cloud::Cloud;
use crate::draft::Draft;

/// What is asked.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The port that sends, by its id or name.
    pub port: String,
    /// Fields of the packet, as `ovs-ofctl` writes a match.
    pub fields: Option<String>,
    /// The port that it is for, by its id or name.
    pub to: Option<String>,
    /// What kind of packet it is, where no fields say so.
    pub kind: Option<Kind>,
    /// What the connection tracker says each time; the last of these holds for the rest, and new where there is none.
    pub connections: Vec<Connection>,
}

/// Packets that are often asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An echo request.
    Ping,
    /// The first segment of a connection to a port.
    Tcp(u16),
    /// A datagram to a port.
    Udp(u16),
    /// Who has this address? By ARP or neighbour discovery.
    Who(IpAddr),
    /// A DHCP discovery.
    Dhcp,
    /// The same of DHCPv6: a solicitation.
    Dhcpv6,
}

impl Kind {
    /// The option that asks for it.
    pub(crate) fn option(self) -> String {
        match self {
            Self::Ping => "--ping".to_owned(),
            Self::Tcp(port) => format!("--tcp {port}"),
            Self::Udp(port) => format!("--udp {port}"),
            Self::Who(address) => format!("--who {address}"),
            Self::Dhcp => "--dhcp".to_owned(),
            Self::Dhcpv6 => "--dhcpv6".to_owned(),
        }
    }
}

/// What the connection tracker says of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Connection {
    /// It begins a connection.
    New,
    /// It belongs to a connection.
    Established,
    /// It is an answer in a connection.
    Reply,
    /// It is about a connection, as an error message.
    Related,
    /// It makes no sense.
    Invalid,
}

impl Connection {
    /// The bits of `ct_state`.
    pub(crate) const fn state(self) -> u32 {
        ct_state::TRACKED
            | match self {
                Self::New => ct_state::NEW,
                Self::Established => ct_state::ESTABLISHED,
                Self::Reply => ct_state::ESTABLISHED | ct_state::REPLY,
                Self::Related => ct_state::RELATED,
                Self::Invalid => ct_state::INVALID,
            }
    }
}

/// Why nothing can be traced.
#[derive(Debug, Error)]
pub enum TraceError {
    /// No port is called so.
    #[error("no port has the id or name {0:?}; `dragonflow db ls lport` lists the ids")]
    NoSuchPort(String),
    /// Several ports are called so.
    #[error("several ports have the name {name:?}, say the id of one: {}", ids.join(", "))]
    ManyPorts {
        /// The name.
        name: String,
        /// Their ids.
        ids: Vec<String>,
    },
    /// The sender is on no host.
    #[error("{0} is bound to no host, so nothing is sent from it: no guest has been plugged in for it yet")]
    NotBound(String),
    /// The sender is on no host, but where tunnels of others end.
    #[error(
        "{port} is behind the VTEP {vtep}, which is no host: what it sends cannot be traced, only what is sent to it (--to)"
    )]
    BehindVtep {
        /// The port.
        port: String,
        /// The end of its tunnels.
        vtep: IpAddr,
    },
    /// The sender is in no network.
    #[error("{0} is in no network")]
    NoNetwork(String),
    /// The sender's interface is not there.
    #[error("nothing is plugged in for {port} on host {host}, where it is bound")]
    NotPlugged {
        /// The port.
        port: String,
        /// The host.
        host: String,
    },
    /// The fields are no match.
    #[error("the fields of the packet cannot be read")]
    Fields(#[from] TextError),
    /// A field with a mask.
    #[error("the fields of the packet: {0} has a mask, and a packet has one value")]
    Masked(&'static str),
    /// A field that is no part of a packet.
    #[error(
        "the fields of the packet: {0} is nothing that a guest sends; --port says where the packet comes in, --ct what is tracked"
    )]
    NotOfAPacket(&'static str),
    /// The fields say another packet than what it is said to be.
    #[error(
        "the fields of the packet are not what {option} asks for: they say {said}; leave one of them out"
    )]
    Contradiction {
        /// What the fields say.
        said: String,
        /// The option that says what it is.
        option: String,
    },
    /// Nothing says what the packet is.
    #[error("say what is sent: fields, or one of --ping, --tcp, --udp, --who, --dhcp and --dhcpv6")]
    NoPacket,
    /// Nothing says where it goes.
    #[error("say where it goes to: --to with a port, or {0} in the fields")]
    NoDestination(&'static str),
    /// The two ports have no addresses of one family.
    #[error("{0} and {1} have no addresses of one IP version")]
    NoCommonFamily(String, String),
    /// The destination has no MAC address that we know.
    #[error(
        "no port of {network} has the address {address}, and no gateway of the network is known: say dl_dst=MAC in the fields"
    )]
    NoNextHop {
        /// The network.
        network: String,
        /// The address.
        address: IpAddr,
    },
}

/// A packet at a port.
#[derive(Debug, Clone)]
pub(crate) struct Injection {
    pub(crate) host: Id<Chassis>,
    pub(crate) sender: Id<LogicalPort>,
    pub(crate) target: Option<Id<LogicalPort>>,
    pub(crate) key: Key,
}

impl Cloud {
    /// A port by its id or name.
    ///
    /// # Errors
    /// When there is none, or more than one with the name.
    pub fn port(&self, text: &str) -> Result<&LogicalPort, TraceError> {
        if let Some(port) = text.parse().ok().and_then(|id: Id<LogicalPort>| self.get(&id)) {
            return Ok(port);
        }
        let named: Vec<&LogicalPort> =
            self.all::<LogicalPort>().filter(|port| port.name.as_deref() == Some(text)).collect();
        match named.as_slice() {
            [port] => Ok(port),
            [] => Err(TraceError::NoSuchPort(text.to_owned())),
            many => {
                let ids = many.iter().map(|port| port.id.to_string()).collect();
                Err(TraceError::ManyPorts { name: text.to_owned(), ids })
            }
        }
    }

    /// The packet that is asked for, at the switch port of its sender.
    pub(crate) fn injection(&mut self, request: &Request) -> Result<Injection, TraceError> {
        let draft = self.draft(request)?;
        let (sender, target) = (draft.sender.id.clone(), draft.target.map(|target| target.id.clone()));
        let mut key = Key::new(OfPort::NONE);
        for field in draft.fields.fields() {
            key.set(field.field, field.value);
        }
        self.at_port(&sender, target, key)
    }

    /// A packet of a port, where it comes in.
    pub(crate) fn at_port(
        &mut self,
        sender: &Id<LogicalPort>,
        target: Option<Id<LogicalPort>>,
        mut key: Key,
    ) -> Result<Injection, TraceError> {
        let name = |cloud: &Self, id: &Id<LogicalPort>| cloud.name(Table::LogicalPort, id.row()).to_string();
        let (plugged, vlan) = self.outer(sender);
        self.say_outer_mac(sender, &mut key);
        if let Some(vlan) = vlan {
            key.push_vlan(ethertype::VLAN);
            key.set(Field::VlanVid, u128::from(vlan) | key.get(Field::VlanVid));
        }
        let row = self.get(&plugged);
        if let Some(vtep) = row.and_then(LogicalPort::vtep) {
            return Err(TraceError::BehindVtep { port: name(self, &plugged), vtep });
        }
        let host = row.and_then(|port| self.sends_from(port));
        let host = host.ok_or_else(|| TraceError::NotBound(name(self, &plugged)))?;
        let of_port = self.host(&host).of_port(&plugged);
        key.in_port = of_port
            .ok_or_else(|| TraceError::NotPlugged { port: name(self, &plugged), host: host.to_string() })?;
        Ok(Injection { host, sender: sender.clone(), target, key })
    }

    /// A port that is told by its IP addresses speaks with the MAC address of the port that it is inside of, whatever its own is.
    fn say_outer_mac(&self, port: &Id<LogicalPort>, key: &mut Key) {
        let mac =
            |id: &Id<LogicalPort>| self.get(id).and_then(|port| port.macs.first()).map(|mac| mac.to_u64());
        let inner = self.all::<ChildPortSegmentation>().find(|inner| inner.port == *port);
        let parent = inner.filter(|inner| inner.segmentation_type == SegmentationType::Ipvlan);
        let Some((own, outer)) = mac(port).zip(parent.and_then(|inner| mac(&inner.parent))) else { return };
        for said in [&mut key.eth_src, &mut key.net.sha] {
            if *said == own {
                *said = outer;
            }
        }
    }

    /// The port that is plugged in where frames of a port come out, and the VLAN in which they do.
    pub(crate) fn outer(&self, port: &Id<LogicalPort>) -> (Id<LogicalPort>, Option<u32>) {
        match self.all::<ChildPortSegmentation>().find(|inner| inner.port == *port) {
            Some(inner) => {
                let is_tagged = inner.segmentation_type == SegmentationType::Vlan;
                (inner.parent.clone(), inner.segmentation_id.filter(|_| is_tagged))
            }
            None => (port.clone(), None),
        }
    }

    fn draft(&self, request: &Request) -> Result<Draft<'_>, TraceError> {
        let sender = self.port(&request.port)?;
        let target = request.to.as_deref().map(|to| self.port(to)).transpose()?;
        let name = || self.name(Table::LogicalPort, sender.id.row()).to_string();
        let network = sender.lswitch.as_ref().and_then(|id| self.get(id));
        let network = network.ok_or_else(|| TraceError::NoNetwork(name()))?;
        let fields = checked(request.fields.as_deref())?;
        let mut draft = Draft { cloud: self, sender, network, target, fields };
        match request.kind {
            Some(kind) => draft.kind(kind)?,
            None if draft.fields.is_empty() && target.is_some() => draft.kind(Kind::Ping)?,
            None if draft.fields.is_empty() => return Err(TraceError::NoPacket),
            None => {}
        }
        draft.fill()?;
        Ok(draft)
    }
}

/// The fields that are said, which have to be those of one packet.
fn checked(text: Option<&str>) -> Result<Match, TraceError> {
    let fields = text.map(parse_match).transpose()?.unwrap_or_else(Match::new);
    for entry in fields.fields() {
        let field = entry.field;
        let place = field.index();
        let is_sent = Field::EthSrc.index()..=Field::ArpTha.index();
        if !is_sent.contains(&place) {
            // What ovs-ofctl calls in_port has that name for two encodings.
            return Err(TraceError::NotOfAPacket(field.name().trim_end_matches("_oxm")));
        }
        if !entry.is_exact() {
            return Err(TraceError::Masked(field.name()));
        }
    }
    Ok(fields)
}
