//! What listeners to multicast say, and what asks them: IGMP (RFC 2236, 3376) and MLD (RFC 2710, 3810), without their IP headers.
//!
//! Both say the same with addresses of different lengths. A report of IGMP's first version is read as one of the second. Data behind
//! what a message says, and auxiliary data in its records, are skipped, as the RFCs want it.

use std::net::{Ipv4Addr, Ipv6Addr};

use net_types::MacAddr;

use crate::bytes::Reader;
use crate::checksum::Checksum;
use crate::icmp::{Family, Message};
use crate::{ParseError, ethertype, ip_proto};

/// ICMPv6 types: a question, a report and a goodbye of the first version, a report of the second.
pub mod mld {
    /// Who listens?
    pub const QUERY: u8 = 130;
    /// I do, says who speaks the first version.
    pub const REPORT: u8 = 131;
    /// I do not any more, says the same.
    pub const DONE: u8 = 132;
    /// This is what I listen to, says who speaks the second.
    pub const REPORT_2: u8 = 143;
}

/// Types of IGMP, as in [`mld`].
mod igmp {
    pub(super) const QUERY: u8 = 0x11;
    pub(super) const REPORT_1: u8 = 0x12;
    pub(super) const REPORT_2: u8 = 0x16;
    pub(super) const LEAVE: u8 = 0x17;
    pub(super) const REPORT_3: u8 = 0x22;
}

/// Where IPv4 hosts hear questions, and where those that speak the third version of IGMP answer.
pub const ALL_SYSTEMS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 1);
/// Where reports of IGMP's third version go.
pub const IGMP_REPORTS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 22);

const IGMP: &str = "IGMP message";
const MLD: &str = "MLD message";
const HEADER_BYTES: usize = 8;

/// Types of records: sources that are listened to, all but some, the same as a change, and sources more or less.
const IS_INCLUDE: u8 = 1;
const IS_EXCLUDE: u8 = 2;
const TO_INCLUDE: u8 = 3;
const TO_EXCLUDE: u8 = 4;
const ALLOW: u8 = 5;

/// A message between those who listen and who asks them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listener<A> {
    /// Who listens?
    Query(Query<A>),
    /// I listen to this group.
    Report(A),
    /// I do not listen to it any more.
    Done(A),
    /// What a listener of the newest version says, of several groups at once.
    Records(Vec<Record<A>>),
}

/// A question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query<A> {
    /// About this group; about all, if it is unspecified.
    pub group: A,
    /// Within which time to answer: a code of tenths of seconds (IGMP), of milliseconds (MLD).
    pub max_response: u16,
    /// What only the newest version says.
    pub newer: Option<Newer<A>>,
}

/// What a question of the newest version says besides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Newer<A> {
    /// How robust who asks is, and whether others should not take notice.
    pub flags: u8,
    /// The code of the interval between questions.
    pub interval: u8,
    /// About these sources.
    pub sources: Vec<A>,
}

/// What a listener says of one group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record<A> {
    /// What it says.
    pub kind: u8,
    /// The group.
    pub group: A,
    /// The sources.
    pub sources: Vec<A>,
}

impl<A: Copy> Listener<A> {
    /// Which groups somebody listens to now, and to which not any more.
    #[must_use]
    pub fn changes(&self) -> Vec<(A, bool)> {
        match self {
            Self::Query(_) => Vec::new(),
            Self::Report(group) => vec![(*group, true)],
            Self::Done(group) => vec![(*group, false)],
            Self::Records(records) => {
                records.iter().filter_map(|record| Some((record.group, record.listens()?))).collect()
            }
        }
    }
}

impl<A> Record<A> {
    /// Whether there is anybody to be listened to: nobody, if none are and these are all. Which sources that are is not looked at.
    fn listens(&self) -> Option<bool> {
        match self.kind {
            IS_EXCLUDE | TO_EXCLUDE => Some(true),
            IS_INCLUDE | TO_INCLUDE => Some(!self.sources.is_empty()),
            ALLOW if !self.sources.is_empty() => Some(true),
            _ => None,
        }
    }
}

/// An address that both protocols are made of.
trait Group: Copy {
    fn read(reader: &mut Reader<'_>, layer: &'static str) -> Result<Self, ParseError>;
    fn push(self, bytes: &mut Vec<u8>);
}

impl Group for Ipv4Addr {
    fn read(reader: &mut Reader<'_>, layer: &'static str) -> Result<Self, ParseError> {
        reader.require::<4>(layer).map(Self::from)
    }
    fn push(self, bytes: &mut Vec<u8>) {
        bytes.extend(self.octets());
    }
}

impl Group for Ipv6Addr {
    fn read(reader: &mut Reader<'_>, layer: &'static str) -> Result<Self, ParseError> {
        reader.require::<16>(layer).map(Self::from)
    }
    fn push(self, bytes: &mut Vec<u8>) {
        bytes.extend(self.octets());
    }
}

fn read_list<A: Group>(
    reader: &mut Reader<'_>,
    count: u16,
    layer: &'static str,
) -> Result<Vec<A>, ParseError> {
    // Not reserved beforehand: the count may be a lie.
    (0..count).map(|_| A::read(reader, layer)).collect()
}

fn read_newer<A: Group>(
    reader: &mut Reader<'_>,
    layer: &'static str,
) -> Result<Option<Newer<A>>, ParseError> {
    if reader.len() == 0 {
        return Ok(None);
    }
    let [flags, interval] = reader.require(layer)?;
    let count = u16::from_be_bytes(reader.require(layer)?);
    Ok(Some(Newer { flags, interval, sources: read_list(reader, count, layer)? }))
}

fn read_records<A: Group>(
    reader: &mut Reader<'_>,
    count: u16,
    layer: &'static str,
) -> Result<Vec<Record<A>>, ParseError> {
    let mut records = Vec::new();
    for _ in 0..count {
        let [kind, auxiliary_words] = reader.require(layer)?;
        let sources = u16::from_be_bytes(reader.require(layer)?);
        let group = A::read(reader, layer)?;
        let sources = read_list(reader, sources, layer)?;
        reader.require_slice(layer, usize::from(auxiliary_words) * 4)?;
        records.push(Record { kind, group, sources });
    }
    Ok(records)
}

/// A list with its length in front. What no length can say is left out.
fn push_list<A: Group>(bytes: &mut Vec<u8>, list: &[A]) {
    let list = list.get(..usize::from(u16::MAX)).unwrap_or(list);
    bytes.extend(u16::try_from(list.len()).unwrap_or(u16::MAX).to_be_bytes());
    list.iter().for_each(|address| address.push(bytes));
}

fn push_newer<A: Group>(bytes: &mut Vec<u8>, newer: Option<&Newer<A>>) {
    if let Some(newer) = newer {
        bytes.extend([newer.flags, newer.interval]);
        push_list(bytes, &newer.sources);
    }
}

fn push_records<A: Group>(bytes: &mut Vec<u8>, records: &[Record<A>]) {
    for record in records {
        bytes.extend([record.kind, 0]);
        let mut sources = Vec::new();
        push_list(&mut sources, &record.sources);
        let (count, list) = sources.split_at(2);
        bytes.extend(count);
        record.group.push(bytes);
        bytes.extend(list);
    }
}

fn count_of<A>(records: &[Record<A>]) -> [u8; 2] {
    u16::try_from(records.len()).unwrap_or(u16::MAX).to_be_bytes()
}

impl Listener<Ipv4Addr> {
    /// Reads the payload of an IPv4 packet: all of it, since the checksum covers it.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(bytes);
        let [kind, code, _, _] = reader.require(IGMP)?;
        if Checksum::default().add(bytes).finish() != 0 {
            return Err(ParseError::Checksum { layer: IGMP });
        }
        if kind == igmp::REPORT_3 {
            let [_, _, high, low] = reader.require(IGMP)?;
            return Ok(Self::Records(read_records(&mut reader, u16::from_be_bytes([high, low]), IGMP)?));
        }
        let group = Group::read(&mut reader, IGMP)?;
        match kind {
            igmp::QUERY => {
                let newer = read_newer(&mut reader, IGMP)?;
                Ok(Self::Query(Query { group, max_response: code.into(), newer }))
            }
            igmp::REPORT_1 | igmp::REPORT_2 => Ok(Self::Report(group)),
            igmp::LEAVE => Ok(Self::Done(group)),
            _ => Err(ParseError::Invalid { layer: IGMP, offset: 0, problem: "the type is not known" }),
        }
    }

    /// The IGMP message on the wire, checksum included.
    #[must_use]
    pub fn emit(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        match self {
            Self::Query(query) => {
                bytes.extend([igmp::QUERY, u8::try_from(query.max_response).unwrap_or(u8::MAX), 0, 0]);
                query.group.push(&mut bytes);
                push_newer(&mut bytes, query.newer.as_ref());
            }
            Self::Report(group) => {
                bytes.extend([igmp::REPORT_2, 0, 0, 0]);
                group.push(&mut bytes);
            }
            Self::Done(group) => {
                bytes.extend([igmp::LEAVE, 0, 0, 0]);
                group.push(&mut bytes);
            }
            Self::Records(records) => {
                bytes.extend([igmp::REPORT_3, 0, 0, 0, 0, 0]);
                bytes.extend(count_of(records));
                push_records(&mut bytes, records);
            }
        }
        let checksum = Checksum::default().add(&bytes).finish().to_be_bytes();
        bytes.splice(2..4, checksum);
        bytes
    }

    /// A frame with the message, whose packet says to routers that it is for them, and goes no further than the link.
    #[must_use]
    pub fn frame(&self, from: MacAddr, src: Ipv4Addr, dst: Ipv4Addr) -> Vec<u8> {
        // Six words, the last of which is the option; the kind of service is "control"; the time to live is one hop.
        const HEADER_BYTES: u16 = 24;
        let payload = self.emit();
        let length = u16::try_from(payload.len()).unwrap_or(u16::MAX).saturating_add(HEADER_BYTES);
        let mut packet = vec![0x46, 0xc0];
        packet.extend(length.to_be_bytes());
        packet.extend([0, 0, 0x40, 0, 1, ip_proto::IGMP, 0, 0]);
        packet.extend(src.octets());
        packet.extend(dst.octets());
        packet.extend([0x94, 4, 0, 0]);
        let checksum = Checksum::default().add(&packet).finish().to_be_bytes();
        packet.splice(10..12, checksum);
        packet.extend(payload);
        let link = crate::build::Ethernet::new(from, MacAddr::of_ipv4_multicast(dst));
        link.frame(ethertype::IPV4, &packet)
    }
}

impl Listener<Ipv6Addr> {
    /// Reads the ICMPv6 message that came between these addresses with this hop limit.
    pub fn parse(bytes: &[u8], src: Ipv6Addr, dst: Ipv6Addr, hop_limit: u8) -> Result<Self, ParseError> {
        let invalid = |offset, problem| Err(ParseError::Invalid { layer: MLD, offset, problem });
        if hop_limit != 1 {
            return invalid(0, "the hop limit is not 1, so the message is not for the link alone");
        }
        let Message { kind, rest, payload, .. } = Message::parse(bytes, Family::V6 { src, dst })?;
        let [first, second, third, fourth] = rest;
        // Places are those in the message, whose first eight bytes were read before.
        let body = bytes.get(HEADER_BYTES..).unwrap_or(&payload);
        let mut reader = Reader::new(body);
        let read = match kind {
            mld::QUERY => Group::read(&mut reader, MLD).and_then(|group| {
                let newer = read_newer(&mut reader, MLD)?;
                Ok(Self::Query(Query { group, max_response: u16::from_be_bytes([first, second]), newer }))
            }),
            mld::REPORT => Group::read(&mut reader, MLD).map(Self::Report),
            mld::DONE => Group::read(&mut reader, MLD).map(Self::Done),
            mld::REPORT_2 => {
                read_records(&mut reader, u16::from_be_bytes([third, fourth]), MLD).map(Self::Records)
            }
            _ => return invalid(0, "the type is none of MLD"),
        };
        read.map_err(|error| match error {
            ParseError::Truncated { layer, offset, needed, available } => {
                ParseError::Truncated { layer, offset: offset + HEADER_BYTES, needed, available }
            }
            other => other,
        })
    }

    /// The ICMPv6 message on the wire.
    #[must_use]
    pub fn emit(&self, src: Ipv6Addr, dst: Ipv6Addr) -> Vec<u8> {
        let mut payload = Vec::new();
        let (kind, rest) = match self {
            Self::Query(query) => {
                query.group.push(&mut payload);
                push_newer(&mut payload, query.newer.as_ref());
                let [high, low] = query.max_response.to_be_bytes();
                (mld::QUERY, [high, low, 0, 0])
            }
            Self::Report(group) => {
                group.push(&mut payload);
                (mld::REPORT, [0; 4])
            }
            Self::Done(group) => {
                group.push(&mut payload);
                (mld::DONE, [0; 4])
            }
            Self::Records(records) => {
                push_records(&mut payload, records);
                let [high, low] = count_of(records);
                (mld::REPORT_2, [0, 0, high, low])
            }
        };
        Message { kind, code: 0, rest, payload }.emit(Family::V6 { src, dst })
    }

    /// A frame with the message, whose packet says to routers that it is for them, and goes no further than the link.
    #[must_use]
    pub fn frame(&self, from: MacAddr, src: Ipv6Addr, dst: Ipv6Addr) -> Vec<u8> {
        // A header for every hop with the option "router alert: MLD", and two bytes of filling.
        let mut payload = vec![ip_proto::ICMPV6, 0, 5, 2, 0, 0, 1, 0];
        payload.extend(self.emit(src, dst));
        let length = u16::try_from(payload.len()).unwrap_or(u16::MAX);
        let mut packet = vec![0x60, 0, 0, 0];
        packet.extend(length.to_be_bytes());
        packet.extend([ip_proto::HOP_BY_HOP, 1]);
        packet.extend(src.octets());
        packet.extend(dst.octets());
        packet.extend(payload);
        let link = crate::build::Ethernet::new(from, MacAddr::of_ipv6_multicast(dst));
        link.frame(ethertype::IPV6, &packet)
    }
}

#[cfg(test)]
mod tests;
