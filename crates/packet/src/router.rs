//! Router discovery: solicitations and advertisements (RFC 4861, 4191, 8106), without their IPv6 header.
//!
//! [`Router::parse`] makes the checks of RFC 4861, sections 6.1.1 and 6.1.2. Options that are not understood are skipped, as are those of a
//! wrong length; re-emitting a message leaves them out. An option that ends badly makes the whole message invalid.

use std::net::Ipv6Addr;

use net_types::MacAddr;

use crate::ParseError;
use crate::bytes::Reader;
use crate::icmp::{Family, Message};
use crate::nd::{Envelope, SOURCE_LINK_ADDRESS};

/// ICMPv6 type of a router solicitation.
pub const ROUTER_SOLICITATION: u8 = 133;
/// ICMPv6 type of a router advertisement.
pub const ROUTER_ADVERTISEMENT: u8 = 134;

/// Where advertisements go that nobody asked for.
pub const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
/// Where solicitations go.
pub const ALL_ROUTERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);

const LAYER: &str = "router discovery message";

const PREFIX: u8 = 3;
const MTU: u8 = 5;
const RDNSS: u8 = 25;
const DNSSL: u8 = 31;

const FLAG_MANAGED: u8 = 0x80;
const FLAG_OTHER: u8 = 0x40;
const PREFERENCE_SHIFT: u8 = 3;
const FLAG_ON_LINK: u8 = 0x80;
const FLAG_AUTONOMOUS: u8 = 0x40;

/// The unit in which options are counted.
const EIGHT: usize = 8;
/// An option is at most so many eights long.
const EIGHTS_MAX: usize = 255;
/// Times in the fixed part of an advertisement, behind the ICMPv6 header.
const TIMES_BYTES: usize = 8;
const SERVER_BYTES: usize = 16;
/// Servers that one option has room for.
const SERVERS_MAX: usize = (EIGHTS_MAX - 1) / 2;

/// A message of router discovery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Router {
    /// Is there a router?
    Solicitation(Solicitation),
    /// Here is a router, or somebody who speaks for one.
    Advertisement(Advertisement),
}

/// The question for routers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Solicitation {
    /// Who asks.
    pub source_link: Option<MacAddr>,
}

/// Which of several routers hosts take (RFC 4191).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Preference {
    /// After others.
    Low,
    /// As good as others.
    #[default]
    Medium,
    /// Before others.
    High,
}

/// What hosts are told of a link.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Advertisement {
    /// The hop limit that hosts send with; 0: it is not said.
    pub hop_limit: u8,
    /// Addresses are given by DHCPv6.
    pub is_managed: bool,
    /// Other things are told by DHCPv6.
    pub has_other: bool,
    /// How good a router it is.
    pub preference: Preference,
    /// For how long the sender is a default router; 0: it is none.
    pub lifetime_s: u16,
    /// For how long a neighbour that was reached counts as reachable; 0: it is not said.
    pub reachable_ms: u32,
    /// How long hosts wait for an answer of a neighbour; 0: it is not said.
    pub retransmit_ms: u32,
    /// The MAC address of the sender.
    pub source_link: Option<MacAddr>,
    /// The MTU of the link.
    pub mtu: Option<u32>,
    /// The prefixes of the link.
    pub prefixes: Vec<Prefix>,
    /// Name servers.
    pub dns_servers: Vec<DnsServers>,
    /// Domains in which names are looked for.
    pub dns_search: Vec<DnsSearch>,
}

/// A prefix of the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prefix {
    /// Its first address. What is beyond the length is for nobody.
    pub prefix: Ipv6Addr,
    /// How many of its bits count.
    pub length: u8,
    /// Addresses of it are reached without a router.
    pub is_on_link: bool,
    /// Hosts make addresses of it themselves.
    pub is_autonomous: bool,
    /// For how long it is on the link and addresses of it are valid.
    pub valid_s: u32,
    /// For how long addresses of it are used for what is new.
    pub preferred_s: u32,
}

/// Name servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DnsServers {
    /// For how long they may be used.
    pub lifetime_s: u32,
    /// Their addresses; at least one.
    pub servers: Vec<Ipv6Addr>,
}

/// Domains in which names are looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DnsSearch {
    /// For how long.
    pub lifetime_s: u32,
    /// Their names; at least one.
    pub domains: Vec<String>,
}

impl Preference {
    const fn bits(self) -> u8 {
        match self {
            Self::High => 0b01,
            Self::Medium => 0b00,
            Self::Low => 0b11,
        }
    }

    /// The reserved value is to be read as medium.
    const fn from_bits(bits: u8) -> Self {
        match bits & 0b11 {
            0b01 => Self::High,
            0b11 => Self::Low,
            _ => Self::Medium,
        }
    }
}

impl Router {
    /// Reads and validates the ICMPv6 message that came in `envelope`.
    pub fn parse(bytes: &[u8], envelope: Envelope) -> Result<Self, ParseError> {
        let Envelope { src, .. } = envelope;
        let message = envelope.open(LAYER, bytes)?;
        let mut body = Reader::new(&message.payload);
        match message.kind {
            ROUTER_SOLICITATION => {
                let mut solicitation = Solicitation { source_link: None };
                each_option(body, |kind, value| {
                    if kind == SOURCE_LINK_ADDRESS && solicitation.source_link.is_none() {
                        solicitation.source_link = value.try_into().ok().map(MacAddr);
                    }
                })?;
                if src.is_unspecified() && solicitation.source_link.is_some() {
                    return invalid(EIGHT, "a source link-layer address without a source address");
                }
                Ok(Self::Solicitation(solicitation))
            }
            ROUTER_ADVERTISEMENT => {
                if !src.is_unicast_link_local() {
                    return invalid(0, "an advertisement that is not from a link-local address");
                }
                let (offset, available) = (Message::HEADER_BYTES, body.len());
                let needed = TIMES_BYTES;
                let truncated = ParseError::Truncated { layer: LAYER, offset, needed, available };
                let (Some(reachable), Some(retransmit)) = (body.take::<4>(), body.take::<4>()) else {
                    return Err(truncated);
                };
                let mut advertisement = Advertisement::of_header(message.rest);
                advertisement.reachable_ms = u32::from_be_bytes(reachable);
                advertisement.retransmit_ms = u32::from_be_bytes(retransmit);
                each_option(body, |kind, value| advertisement.read_option(kind, value))?;
                Ok(Self::Advertisement(advertisement))
            }
            _ => invalid(0, "neither a router solicitation nor an advertisement"),
        }
    }

    /// The ICMPv6 message on the wire. Send it with hop limit [`HOP_LIMIT`](crate::nd::HOP_LIMIT).
    #[must_use]
    pub fn emit(&self, src: Ipv6Addr, dst: Ipv6Addr) -> Vec<u8> {
        self.to_message().emit(Family::V6 { src, dst })
    }

    /// The same message, as ICMPv6 sees it.
    #[must_use]
    pub fn to_message(&self) -> Message {
        match self {
            Self::Solicitation(solicitation) => {
                let mut payload = Vec::new();
                push_link(&mut payload, solicitation.source_link);
                Message { kind: ROUTER_SOLICITATION, code: 0, rest: [0; 4], payload }
            }
            Self::Advertisement(advertisement) => advertisement.to_message(),
        }
    }
}

impl Advertisement {
    fn of_header([hop_limit, flags, high, low]: [u8; 4]) -> Self {
        Self {
            hop_limit,
            is_managed: flags & FLAG_MANAGED != 0,
            has_other: flags & FLAG_OTHER != 0,
            preference: Preference::from_bits(flags >> PREFERENCE_SHIFT),
            lifetime_s: u16::from_be_bytes([high, low]),
            ..Self::default()
        }
    }

    /// Takes what an option says; `value` is what follows its type and length.
    fn read_option(&mut self, kind: u8, value: &[u8]) {
        let word = |at: usize| value.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes);
        match kind {
            SOURCE_LINK_ADDRESS if self.source_link.is_none() => {
                self.source_link = value.try_into().ok().map(MacAddr);
            }
            MTU if value.len() == 6 && self.mtu.is_none() => self.mtu = word(2),
            PREFIX if value.len() == 30 => {
                let (Some(valid_s), Some(preferred_s)) = (word(2), word(6)) else { return };
                let Some(prefix) = value.last_chunk::<16>() else { return };
                let [length, flags, ..] = *value else { return };
                self.prefixes.push(Prefix {
                    prefix: Ipv6Addr::from(*prefix),
                    length,
                    is_on_link: flags & FLAG_ON_LINK != 0,
                    is_autonomous: flags & FLAG_AUTONOMOUS != 0,
                    valid_s,
                    preferred_s,
                });
            }
            RDNSS => {
                let (Some(lifetime_s), Some(list)) = (word(2), value.get(6..)) else { return };
                let (servers, rest) = list.as_chunks::<SERVER_BYTES>();
                if rest.is_empty() && !servers.is_empty() {
                    let servers = servers.iter().copied().map(Ipv6Addr::from).collect();
                    self.dns_servers.push(DnsServers { lifetime_s, servers });
                }
            }
            DNSSL => {
                let (Some(lifetime_s), Some(list)) = (word(2), value.get(6..)) else { return };
                let domains = crate::domain::decode_list(list).unwrap_or_default();
                if !domains.is_empty() {
                    self.dns_search.push(DnsSearch { lifetime_s, domains });
                }
            }
            _ => {}
        }
    }

    fn to_message(&self) -> Message {
        let bit = |is_set, flag| if is_set { flag } else { 0 };
        let flags = bit(self.is_managed, FLAG_MANAGED)
            | bit(self.has_other, FLAG_OTHER)
            | self.preference.bits() << PREFERENCE_SHIFT;
        let [high, low] = self.lifetime_s.to_be_bytes();
        let mut payload = Vec::new();
        payload.extend(self.reachable_ms.to_be_bytes());
        payload.extend(self.retransmit_ms.to_be_bytes());
        push_link(&mut payload, self.source_link);
        if let Some(mtu) = self.mtu {
            push_option(&mut payload, MTU, &[&[0, 0], mtu.to_be_bytes().as_slice()].concat());
        }
        for prefix in &self.prefixes {
            push_option(&mut payload, PREFIX, &prefix.value());
        }
        for list in &self.dns_servers {
            // What one option has no room for goes into another.
            for servers in list.servers.chunks(SERVERS_MAX) {
                let mut value = [&[0, 0], list.lifetime_s.to_be_bytes().as_slice()].concat();
                servers.iter().for_each(|server| value.extend(server.octets()));
                push_option(&mut payload, RDNSS, &value);
            }
        }
        for list in &self.dns_search {
            let mut value = [&[0, 0], list.lifetime_s.to_be_bytes().as_slice()].concat();
            let head = value.len();
            for name in list.domains.iter().filter_map(|domain| crate::domain::encode(domain)) {
                if value.len() + name.len() + 2 <= EIGHTS_MAX * EIGHT {
                    value.extend(name);
                }
            }
            if value.len() > head {
                push_option(&mut payload, DNSSL, &value);
            }
        }
        Message { kind: ROUTER_ADVERTISEMENT, code: 0, rest: [self.hop_limit, flags, high, low], payload }
    }
}

impl Prefix {
    fn value(&self) -> Vec<u8> {
        let bit = |is_set, flag| if is_set { flag } else { 0 };
        let flags = bit(self.is_on_link, FLAG_ON_LINK) | bit(self.is_autonomous, FLAG_AUTONOMOUS);
        let mut value = vec![self.length, flags];
        value.extend(self.valid_s.to_be_bytes());
        value.extend(self.preferred_s.to_be_bytes());
        value.extend([0; 4]);
        value.extend(self.prefix.octets());
        value
    }
}

fn push_link(payload: &mut Vec<u8>, link: Option<MacAddr>) {
    if let Some(mac) = link {
        push_option(payload, SOURCE_LINK_ADDRESS, &mac.octets());
    }
}

/// Adds an option, filled up to whole eights. One that is too long for its length is left out.
fn push_option(payload: &mut Vec<u8>, kind: u8, value: &[u8]) {
    let eights = (value.len() + 2).div_ceil(EIGHT);
    let Ok(length) = u8::try_from(eights) else { return };
    payload.extend([kind, length]);
    payload.extend(value);
    payload.resize(payload.len() + eights * EIGHT - 2 - value.len(), 0);
}

/// Walks all options: one with length zero anywhere makes the message invalid.
fn each_option(mut options: Reader<'_>, mut read: impl FnMut(u8, &[u8])) -> Result<(), ParseError> {
    while options.len() > 0 {
        let offset = Message::HEADER_BYTES + options.offset();
        let Some([kind, eights]) = options.peek() else {
            return invalid(offset, "an option is cut off");
        };
        if eights == 0 {
            return invalid(offset, "an option has length zero");
        }
        let Some(option) = options.take_slice(usize::from(eights) * EIGHT) else {
            return invalid(offset, "an option is cut off");
        };
        read(kind, option.get(2..).unwrap_or_default());
    }
    Ok(())
}

fn invalid<T>(offset: usize, problem: &'static str) -> Result<T, ParseError> {
    Err(ParseError::Invalid { layer: LAYER, offset, problem })
}

#[cfg(test)]
mod tests;
