//! A message between a client and a server, and how it is read.
//!
//! Options are kept as bytes and in their order; those of a length that their number does not allow are there and say nothing. What relay
//! agents say to servers is refused: clients are on the link.

use std::net::Ipv6Addr;

use crate::ParseError;
use crate::bytes::Reader;

const LAYER: &str = "DHCPv6 message";
const OPTION: &str = "DHCPv6 option";

/// Numbers of options.
pub mod codes {
    /// Who the client is.
    pub const CLIENT_ID: u16 = 1;
    /// Who the server is.
    pub const SERVER_ID: u16 = 2;
    /// Addresses that stay.
    pub const IA_NA: u16 = 3;
    /// Addresses that change often.
    pub const IA_TA: u16 = 4;
    /// An address, in one of these.
    pub const IA_ADDRESS: u16 = 5;
    /// The options that the client wants.
    pub const REQUESTED: u16 = 6;
    /// Which server clients take; the largest number first.
    pub const PREFERENCE: u16 = 7;
    /// What became of a request.
    pub const STATUS: u16 = 13;
    /// The client wants its addresses at once.
    pub const RAPID_COMMIT: u16 = 14;
    /// Name servers.
    pub const DNS_SERVERS: u16 = 23;
    /// Domains in which names are looked for.
    pub const DOMAIN_SEARCH: u16 = 24;
    /// Prefixes for the client's own links.
    pub const IA_PD: u16 = 25;
    /// The client's own name, and who enters it in DNS.
    pub const CLIENT_FQDN: u16 = 39;
    /// After how many seconds a client without addresses should ask again.
    pub const REFRESH_TIME: u16 = 32;
}

/// What became of a request.
pub mod status {
    /// It was done.
    pub const SUCCESS: u16 = 0;
    /// There are no addresses for the client.
    pub const NO_ADDRESSES: u16 = 2;
    /// The client has no such addresses.
    pub const NO_BINDING: u16 = 3;
    /// An address is not one of the link.
    pub const NOT_ON_LINK: u16 = 4;
    /// There are no prefixes for the client.
    pub const NO_PREFIXES: u16 = 6;
}

/// What a message is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Who gives addresses?
    Solicit,
    /// I do, these.
    Advertise,
    /// I take them.
    Request,
    /// Are mine of this link?
    Confirm,
    /// I go on using them, says the client to its server.
    Renew,
    /// The same to every server.
    Rebind,
    /// The answer of a server.
    Reply,
    /// I do not use them any more.
    Release,
    /// Somebody else uses them.
    Decline,
    /// Something has changed: ask again.
    Reconfigure,
    /// What else is there to know?
    InformationRequest,
}

impl Kind {
    const ALL: [Self; 11] = [
        Self::Solicit,
        Self::Advertise,
        Self::Request,
        Self::Confirm,
        Self::Renew,
        Self::Rebind,
        Self::Reply,
        Self::Release,
        Self::Decline,
        Self::Reconfigure,
        Self::InformationRequest,
    ];

    /// Its number: they are counted from one.
    #[must_use]
    pub fn number(self) -> u8 {
        let place = Self::ALL.iter().position(|kind| *kind == self).unwrap_or_default();
        u8::try_from(place + 1).unwrap_or_default()
    }

    /// The kind with a number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number).checked_sub(1)?).copied()
    }
}

/// An option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dhcp6Option {
    /// Its number.
    pub code: u16,
    /// Its content. Of what is longer than its length can say, the rest is not sent.
    pub value: Vec<u8>,
}

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// What it is for.
    pub kind: Kind,
    /// What binds an answer to its question.
    pub transaction: [u8; 3],
    /// What it says, in order.
    pub options: Vec<Dhcp6Option>,
}

/// A group of addresses of a client, which it names by a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Association {
    /// Which of the client's groups.
    pub id: u32,
    /// After how long the client asks its server again.
    pub renew_s: u32,
    /// After how long it asks every server.
    pub rebind_s: u32,
    /// The addresses.
    pub addresses: Vec<Address>,
    /// What became of the request for them, with a word for people.
    pub status: Option<(u16, String)>,
}

/// An address of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Address {
    /// The address.
    pub address: Ipv6Addr,
    /// For how long it is used for what is new.
    pub preferred_s: u32,
    /// For how long it is valid.
    pub valid_s: u32,
}

impl Message {
    /// A message that says nothing yet.
    #[must_use]
    pub const fn new(kind: Kind, transaction: [u8; 3]) -> Self {
        Self { kind, transaction, options: Vec::new() }
    }

    /// The same message and an option.
    #[must_use]
    pub fn with(mut self, code: u16, value: impl Into<Vec<u8>>) -> Self {
        self.options.push(Dhcp6Option { code, value: value.into() });
        self
    }

    /// The content of the first option with a number.
    #[must_use]
    pub fn get(&self, code: u16) -> Option<&[u8]> {
        self.all(code).next()
    }

    /// The contents of all options with a number.
    pub fn all(&self, code: u16) -> impl Iterator<Item = &[u8]> {
        self.options.iter().filter(move |option| option.code == code).map(|option| option.value.as_slice())
    }

    /// The client's groups of addresses; those that are cut off are left out.
    #[must_use]
    pub fn associations(&self) -> Vec<Association> {
        self.all(codes::IA_NA).filter_map(Association::read).collect()
    }

    /// Whether the client wants an option. One that does not say what it wants wants everything.
    #[must_use]
    pub fn wants(&self, code: u16) -> bool {
        let Some(requested) = self.get(codes::REQUESTED) else { return true };
        requested.as_chunks::<2>().0.iter().any(|pair| u16::from_be_bytes(*pair) == code)
    }

    /// Reads the payload of a UDP datagram.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(bytes);
        let [number] = reader.require(LAYER)?;
        let Some(kind) = Kind::from_number(number) else {
            let problem = "the type is none of a message between a client and a server";
            return Err(ParseError::Invalid { layer: LAYER, offset: 0, problem });
        };
        let transaction = reader.require(LAYER)?;
        Ok(Self { kind, transaction, options: read_options(reader)? })
    }

    /// The message on the wire.
    #[must_use]
    pub fn emit(&self) -> Vec<u8> {
        let mut bytes = vec![self.kind.number()];
        bytes.extend(self.transaction);
        self.options.iter().for_each(|option| push(&mut bytes, option.code, &option.value));
        bytes
    }
}

fn read_options(mut reader: Reader<'_>) -> Result<Vec<Dhcp6Option>, ParseError> {
    let mut options = Vec::new();
    while reader.len() > 0 {
        let code = u16::from_be_bytes(reader.require(OPTION)?);
        let length = u16::from_be_bytes(reader.require(OPTION)?);
        let value = reader.require_slice(OPTION, usize::from(length))?.to_vec();
        options.push(Dhcp6Option { code, value });
    }
    Ok(options)
}

fn push(bytes: &mut Vec<u8>, code: u16, value: &[u8]) {
    let value = value.get(..usize::from(u16::MAX)).unwrap_or(value);
    let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
    bytes.extend(code.to_be_bytes());
    bytes.extend(length.to_be_bytes());
    bytes.extend(value);
}

impl Association {
    /// Reads the content of an option; nothing, if it is cut off.
    #[must_use]
    pub fn read(value: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(value);
        let mut word = || reader.take().map(u32::from_be_bytes);
        let (id, renew_s, rebind_s) = (word()?, word()?, word()?);
        let mut read = Self { id, renew_s, rebind_s, addresses: Vec::new(), status: None };
        for option in read_options(reader).ok()? {
            match option.code {
                codes::IA_ADDRESS => {
                    let mut reader = Reader::new(&option.value);
                    let address = Ipv6Addr::from(reader.take::<16>()?);
                    let preferred_s = u32::from_be_bytes(reader.take()?);
                    let valid_s = u32::from_be_bytes(reader.take()?);
                    read.addresses.push(Address { address, preferred_s, valid_s });
                }
                codes::STATUS => {
                    let (code, text) = option.value.split_first_chunk::<2>()?;
                    read.status =
                        Some((u16::from_be_bytes(*code), String::from_utf8_lossy(text).into_owned()));
                }
                _ => {}
            }
        }
        Some(read)
    }

    /// The content of its option.
    #[must_use]
    pub fn value(&self) -> Vec<u8> {
        let mut value = Vec::new();
        for word in [self.id, self.renew_s, self.rebind_s] {
            value.extend(word.to_be_bytes());
        }
        for address in &self.addresses {
            let mut bytes = address.address.octets().to_vec();
            bytes.extend(address.preferred_s.to_be_bytes());
            bytes.extend(address.valid_s.to_be_bytes());
            push(&mut value, codes::IA_ADDRESS, &bytes);
        }
        if let Some((code, text)) = &self.status {
            push(&mut value, codes::STATUS, &status_value(*code, text));
        }
        value
    }
}

/// The content of the option that says what became of a request.
pub(super) fn status_value(code: u16, text: &str) -> Vec<u8> {
    [code.to_be_bytes().as_slice(), text.as_bytes()].concat()
}
