//! DNS (RFC 1035, EDNS of RFC 6891): a question as a client sends it, and the answer of somebody who knows a few names.
//!
//! A name is kept as it was asked, so that it comes back in the same letters: clients check that (draft-vixie-dnsext-dns0x20). Questions have
//! one name and no compression, which is what clients send. Whatever else a message has behind its question is checked for its form
//! and skipped, but for EDNS.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::ParseError;
use crate::bytes::Reader;

/// The UDP and TCP port of servers.
pub const SERVER_PORT: u16 = 53;
/// Bytes of an answer to a client that says nothing about it.
pub const PLAIN_BYTES_MAX: usize = 512;
/// Bytes of an answer that fits into any packet.
pub const EDNS_BYTES_MAX: usize = 1_232;
/// Bytes of an answer by TCP that fits into any segment, its length among them.
pub const STREAM_BYTES_MAX: usize = 1_200;

/// Types of records.
pub mod kinds {
    /// An IPv4 address.
    pub const A: u16 = 1;
    /// Who is responsible for a zone, and how long it may be remembered that there is no such name.
    pub const SOA: u16 = 6;
    /// Another name.
    pub const PTR: u16 = 12;
    /// An IPv6 address.
    pub const AAAA: u16 = 28;
    /// EDNS.
    pub const OPT: u16 = 41;
    /// Whatever there is.
    pub const ANY: u16 = 255;
}

/// The class of the Internet.
pub const INTERNET: u16 = 1;

const LAYER: &str = "DNS message";
const NAME_BYTES_MAX: usize = 255;
const LABEL_BYTES_MAX: usize = 63;
/// Additional records of a question. There is EDNS, and maybe a signature.
const ADDITIONAL_MAX: u16 = 8;

const RESPONSE: u16 = 0x8000;
const OPERATION: u16 = 0x7800;
const AUTHORITATIVE: u16 = 0x0400;
const TRUNCATED: u16 = 0x0200;
const RECURSION_DESIRED: u16 = 0x0100;
const RECURSION_AVAILABLE: u16 = 0x0080;
const CHECKING_DISABLED: u16 = 0x0010;
/// A name that begins where the one of the question does.
const QUESTION_NAME: [u8; 2] = [0xc0, 12];

/// A name, as it is on the wire and without compression.
#[derive(Clone, PartialEq, Eq)]
pub struct Name(Vec<u8>);

impl Name {
    /// The name that a text says; none, for a text that is no name. A dot at the end changes nothing.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        crate::domain::encode(text).map(Self)
    }

    fn parse(reader: &mut Reader<'_>) -> Result<Self, ParseError> {
        let begins = reader.offset();
        let invalid = |problem| ParseError::Invalid { layer: LAYER, offset: begins, problem };
        let mut bytes = Vec::new();
        loop {
            let [length] = reader.require(LAYER)?;
            let length = usize::from(length);
            if length > LABEL_BYTES_MAX {
                return Err(invalid("a name of a question is not compressed"));
            }
            bytes.extend(u8::try_from(length));
            if length == 0 {
                return Ok(Self(bytes));
            }
            let label =
                reader.take_slice(length).ok_or_else(|| invalid("a label is longer than what is left"))?;
            bytes.extend_from_slice(label);
            if bytes.len() >= NAME_BYTES_MAX {
                return Err(invalid("a name is too long"));
            }
        }
    }

    fn labels(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = self.0.as_slice();
        std::iter::from_fn(move || {
            let (length, behind) = rest.split_first()?;
            let (label, behind) =
                behind.split_at_checked(usize::from(*length)).filter(|(label, _)| !label.is_empty())?;
            rest = behind;
            Some(label)
        })
    }

    /// The labels, in small letters; none, if a label is of other signs than text can have here.
    #[must_use]
    pub fn to_labels(&self) -> Option<Vec<String>> {
        let is_sign = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let text = |label: &[u8]| {
            let text = std::str::from_utf8(label).ok().filter(|_| label.iter().all(is_sign))?;
            Some(text.to_ascii_lowercase())
        };
        self.labels().map(text).collect()
    }

    /// The address that the name is of, when it asks for the name of an address.
    #[must_use]
    pub fn to_address(&self) -> Option<IpAddr> {
        let labels = self.to_labels()?;
        let labels: Vec<&str> = labels.iter().rev().map(String::as_str).collect();
        match labels.as_slice() {
            ["arpa", "in-addr", bytes @ ..] => {
                let bytes: Option<Vec<u8>> = bytes.iter().map(|byte| byte.parse().ok()).collect();
                Some(Ipv4Addr::from(<[u8; 4]>::try_from(bytes?).ok()?).into())
            }
            ["arpa", "ip6", digits @ ..] if digits.len() == 32 => {
                let digit = |bits: u128, digit: &&str| {
                    let digit = u128::from_str_radix(digit, 16).ok().filter(|_| digit.len() == 1)?;
                    Some(bits << 4 | digit)
                };
                Some(Ipv6Addr::from_bits(digits.iter().try_fold(0, digit)?).into())
            }
            _ => None,
        }
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.labels().try_for_each(|label| write!(f, "{}.", label.escape_ascii()))
    }
}

/// What a client says about itself by EDNS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edns {
    /// Bytes of a datagram that it takes.
    pub datagram_bytes: u16,
    /// The version that it speaks; there is 0.
    pub version: u8,
}

/// A question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// By which the answer is known.
    pub id: u16,
    /// Whether others shall be asked where it is not known.
    pub is_recursive: bool,
    /// Whether signatures do not matter.
    pub is_unchecked: bool,
    /// What is asked for.
    pub name: Name,
    /// Of which type, of [`kinds`].
    pub kind: u16,
    /// Of which class.
    pub class: u16,
    /// What the client says about itself.
    pub edns: Option<Edns>,
}

impl Query {
    /// Reads a question.
    ///
    /// # Errors
    /// For anything else, also for messages that are no plain questions.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(bytes);
        let invalid = |offset, problem| ParseError::Invalid { layer: LAYER, offset, problem };
        let id = u16::from_be_bytes(reader.require(LAYER)?);
        let flags = u16::from_be_bytes(reader.require(LAYER)?);
        if flags & (RESPONSE | OPERATION | TRUNCATED) != 0 {
            return Err(invalid(2, "this is no question"));
        }
        let counts: [u8; 8] = reader.require(LAYER)?;
        let [1, 0, 0, additional] = [0, 2, 4, 6].map(|at| u16::from_be_bytes([counts[at], counts[at + 1]]))
        else {
            return Err(invalid(4, "a question has one name and no answers"));
        };
        if additional > ADDITIONAL_MAX {
            return Err(invalid(10, "a question has few additional records"));
        }
        let name = Name::parse(&mut reader)?;
        let kind = u16::from_be_bytes(reader.require(LAYER)?);
        let class = u16::from_be_bytes(reader.require(LAYER)?);
        let mut edns = None;
        for _ in 0..additional {
            let offset = reader.offset();
            let owner = Name::parse(&mut reader)?;
            let kind = u16::from_be_bytes(reader.require(LAYER)?);
            let datagram_bytes = u16::from_be_bytes(reader.require(LAYER)?);
            let [_, version, _, _] = reader.require(LAYER)?;
            let length = u16::from_be_bytes(reader.require(LAYER)?);
            reader
                .skip(length.into())
                .ok_or_else(|| invalid(offset, "a record is longer than what is left"))?;
            if kind == kinds::OPT {
                if edns.is_some() || owner.0 != [0] {
                    return Err(invalid(offset, "there is one EDNS record at most, of no name"));
                }
                edns = Some(Edns { datagram_bytes, version });
            }
        }
        let is_recursive = flags & RECURSION_DESIRED != 0;
        Ok(Self { id, is_recursive, is_unchecked: flags & CHECKING_DISABLED != 0, name, kind, class, edns })
    }

    /// Reads a question that is all that a segment of TCP has, behind its length.
    ///
    /// # Errors
    /// For anything else, also for a question that is not all of it.
    pub fn parse_stream(bytes: &[u8]) -> Result<Self, ParseError> {
        let (length, message) = bytes.split_first_chunk::<2>().unwrap_or((&[0; 2], &[]));
        if usize::from(u16::from_be_bytes(*length)) != message.len() {
            let problem = "the length is not that of what follows";
            return Err(ParseError::Invalid { layer: LAYER, offset: 0, problem });
        }
        Self::parse(message)
    }

    /// The question on the wire.
    #[must_use]
    pub fn emit(&self) -> Vec<u8> {
        let mut flags = 0;
        flags |= if self.is_recursive { RECURSION_DESIRED } else { 0 };
        flags |= if self.is_unchecked { CHECKING_DISABLED } else { 0 };
        let mut bytes = self.head(flags, [0, 0, u16::from(self.edns.is_some())]);
        if let Some(edns) = self.edns {
            bytes.extend(opt(edns));
        }
        bytes
    }

    /// The head of a message about this question, and the question.
    fn head(&self, flags: u16, counts: [u16; 3]) -> Vec<u8> {
        let [answers, authorities, additional] = counts;
        let words = [self.id, flags, 1, answers, authorities, additional];
        let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
        bytes.extend_from_slice(&self.name.0);
        bytes.extend([self.kind, self.class].iter().flat_map(|word| word.to_be_bytes()));
        bytes
    }

    /// Bytes of an answer that the client takes in a datagram.
    fn takes_bytes(&self) -> usize {
        let taken = self.edns.map_or(PLAIN_BYTES_MAX, |edns| usize::from(edns.datagram_bytes));
        taken.clamp(PLAIN_BYTES_MAX, EDNS_BYTES_MAX)
    }
}

fn opt(edns: Edns) -> Vec<u8> {
    let [high, low] = edns.datagram_bytes.to_be_bytes();
    vec![0, 0, 41, high, low, 0, edns.version, 0, 0, 0, 0]
}

/// What a name has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// An address, of either version.
    Address(IpAddr),
    /// Another name.
    Name(Name),
}

/// An answer of somebody who knows the name that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The zone that the name is in, which says for how long it may be remembered that there is nothing of the type.
    pub zone: Name,
    /// For how many seconds all of this may be remembered.
    pub seconds: u32,
    /// What there is of the type that is asked for; nothing, where the name has nothing of it.
    pub records: Vec<Record>,
}

impl Answer {
    /// The datagram, which says so if it has not room for everything.
    #[must_use]
    pub fn emit(&self, query: &Query) -> Vec<u8> {
        let (records, bytes_max) = (self.all_records(), query.takes_bytes());
        let bytes = self.message(query, &records, 0);
        if bytes.len() <= bytes_max { bytes } else { self.message(query, &[], TRUNCATED) }
    }

    /// The same behind its length, for TCP, with as many of the records as there is room for: there is no other way to ask for more.
    #[must_use]
    pub fn emit_stream(&self, query: &Query) -> Vec<u8> {
        let mut records = self.all_records();
        let mut room = STREAM_BYTES_MAX.saturating_sub(2 + self.message(query, &[], 0).len());
        records.retain(|record| {
            let fits = record.len() <= room;
            room = room.saturating_sub(if fits { record.len() } else { room });
            fits
        });
        let message = self.message(query, &records, 0);
        let length = u16::try_from(message.len()).unwrap_or(u16::MAX);
        [&length.to_be_bytes()[..], &message].concat()
    }

    /// What there is, or that there is nothing, on the wire.
    fn all_records(&self) -> Vec<Vec<u8>> {
        match self.records.as_slice() {
            [] => vec![self.nothing()],
            records => records.iter().map(|record| self.record(record)).collect(),
        }
    }

    fn message(&self, query: &Query, records: &[Vec<u8>], more_flags: u16) -> Vec<u8> {
        let edns = query.edns.map(|_| {
            let datagram_bytes = u16::try_from(EDNS_BYTES_MAX).unwrap_or(u16::MAX);
            opt(Edns { datagram_bytes, version: 0 })
        });
        let count = u16::try_from(records.len()).unwrap_or(u16::MAX);
        let [answers, authorities] = if self.records.is_empty() { [0, count] } else { [count, 0] };
        let mut flags = RESPONSE | AUTHORITATIVE | RECURSION_AVAILABLE | more_flags;
        flags |= if query.is_recursive { RECURSION_DESIRED } else { 0 };
        flags |= if query.is_unchecked { CHECKING_DISABLED } else { 0 };
        let mut bytes = query.head(flags, [answers, authorities, u16::from(edns.is_some())]);
        records.iter().for_each(|record| bytes.extend_from_slice(record));
        bytes.extend(edns.into_iter().flatten());
        bytes
    }

    fn record(&self, record: &Record) -> Vec<u8> {
        let (kind, data) = match record {
            Record::Address(IpAddr::V4(address)) => (kinds::A, address.octets().to_vec()),
            Record::Address(IpAddr::V6(address)) => (kinds::AAAA, address.octets().to_vec()),
            Record::Name(name) => (kinds::PTR, name.0.clone()),
        };
        self.of_name(&QUESTION_NAME, kind, &data)
    }

    /// That there is nothing of the type: by whom that is said, and for how long it holds.
    fn nothing(&self) -> Vec<u8> {
        let mut data = self.zone.0.clone();
        data.extend_from_slice(b"\x0ahostmaster");
        data.extend_from_slice(&self.zone.0);
        let numbers = [1, self.seconds, self.seconds, self.seconds, self.seconds];
        data.extend(numbers.iter().flat_map(|number: &u32| number.to_be_bytes()));
        self.of_name(&self.zone.0, kinds::SOA, &data)
    }

    fn of_name(&self, owner: &[u8], kind: u16, data: &[u8]) -> Vec<u8> {
        let mut bytes = owner.to_vec();
        bytes.extend([kind, INTERNET].iter().flat_map(|word| word.to_be_bytes()));
        bytes.extend(self.seconds.to_be_bytes());
        bytes.extend(u16::try_from(data.len()).unwrap_or(u16::MAX).to_be_bytes());
        bytes.extend_from_slice(data);
        bytes
    }
}

#[cfg(test)]
mod tests;
