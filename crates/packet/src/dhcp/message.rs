//! A DHCP message and how it is read.
//!
//! The hardware is Ethernet and the magic cookie is there, or it is an error. What says the same is the same:
//! options may be in three fields, in pieces and padded, and all that is gone once a message is read. A message
//! that ends without the end mark is accepted, as servers have always done; one that is cut inside an option is
//! not.

use std::net::Ipv4Addr;

use net_types::MacAddr;

use super::{MessageType, Options, codes};
use crate::ParseError;
use crate::bytes::Reader;

/// Length of the field with the server's name.
pub const SERVER_NAME_BYTES: usize = 64;
/// Length of the field with the name of the boot file.
pub const BOOT_FILE_BYTES: usize = 128;

/// Bit of [`Message::flags`]: the client cannot receive unicast before it has an address.
pub const FLAG_BROADCAST: u16 = 0x8000;

pub(super) const LAYER: &str = "DHCP message";
/// Hardware type Ethernet and the length of its addresses.
pub(super) const ETHERNET: [u8; 2] = [1, 6];
/// The field is longer than an Ethernet address.
pub(super) const HARDWARE_PADDING_BYTES: usize = 10;
pub(super) const MAGIC_COOKIE: [u8; 4] = [99, 130, 83, 99];
pub(super) const SERVER_NAME_OFFSET: usize = 44;
pub(super) const BOOT_FILE_OFFSET: usize = SERVER_NAME_OFFSET + SERVER_NAME_BYTES;
/// Where the cookie is; the options follow it.
pub(super) const COOKIE_OFFSET: usize = BOOT_FILE_OFFSET + BOOT_FILE_BYTES;

/// Values of the overload option, which are bits.
pub(super) const OVERLOAD_BOOT_FILE: u8 = 1;
pub(super) const OVERLOAD_SERVER_NAME: u8 = 2;

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// A client.
    Request,
    /// A server.
    Reply,
}

/// A DHCP message. Both names are as in their fields, padded with zeros; all zeros when they were used for options.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Who speaks.
    pub op: Op,
    /// How many relay agents passed it on.
    pub hops: u8,
    /// What binds an answer to its question.
    pub transaction: u32,
    /// For how many seconds the client has been trying.
    pub seconds: u16,
    /// [`FLAG_BROADCAST`], and bits that nobody uses.
    pub flags: u16,
    /// The address that the client has and answers ARP for.
    pub client_address: Ipv4Addr,
    /// The address that the client is given.
    pub your_address: Ipv4Addr,
    /// The server to boot from.
    pub next_server: Ipv4Addr,
    /// The relay agent that a client's message passed first.
    pub relay_address: Ipv4Addr,
    /// The hardware address of the client.
    pub client_mac: MacAddr,
    /// Name of the server.
    pub server_name: [u8; SERVER_NAME_BYTES],
    /// Name of the boot file.
    pub boot_file: [u8; BOOT_FILE_BYTES],
    /// All else.
    pub options: Options,
}

impl Message {
    /// A message that says nothing yet.
    #[must_use]
    pub fn new(op: Op, transaction: u32, client_mac: MacAddr) -> Self {
        Self {
            op,
            hops: 0,
            transaction,
            seconds: 0,
            flags: 0,
            client_address: Ipv4Addr::UNSPECIFIED,
            your_address: Ipv4Addr::UNSPECIFIED,
            next_server: Ipv4Addr::UNSPECIFIED,
            relay_address: Ipv4Addr::UNSPECIFIED,
            client_mac,
            server_name: [0; SERVER_NAME_BYTES],
            boot_file: [0; BOOT_FILE_BYTES],
            options: Options::default(),
        }
    }

    /// What the message is for; `None` in BOOTP, and for types that are not for hosts.
    #[must_use]
    pub fn message_type(&self) -> Option<MessageType> {
        let [number] = self.options.fixed(codes::MESSAGE_TYPE)?;
        MessageType::from_number(number)
    }

    /// Whether the client wants its answer broadcast.
    #[must_use]
    pub fn is_broadcast(&self) -> bool {
        self.flags & FLAG_BROADCAST != 0
    }

    /// Reads the payload of a UDP datagram.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(bytes);
        let [op] = reader.require(LAYER)?;
        let op = match op {
            1 => Op::Request,
            2 => Op::Reply,
            _ => return invalid(0, "neither a request nor a reply"),
        };
        if reader.require(LAYER)? != ETHERNET {
            return invalid(1, "the client's hardware is not Ethernet");
        }
        let [hops] = reader.require(LAYER)?;
        let mut message = Self { hops, ..Self::new(op, 0, MacAddr::ZERO) };
        message.transaction = u32::from_be_bytes(reader.require(LAYER)?);
        message.seconds = u16::from_be_bytes(reader.require(LAYER)?);
        message.flags = u16::from_be_bytes(reader.require(LAYER)?);
        for address in [
            &mut message.client_address,
            &mut message.your_address,
            &mut message.next_server,
            &mut message.relay_address,
        ] {
            *address = reader.require::<4>(LAYER)?.into();
        }
        message.client_mac = MacAddr(reader.require(LAYER)?);
        reader.require::<HARDWARE_PADDING_BYTES>(LAYER)?;
        message.server_name = reader.require(LAYER)?;
        message.boot_file = reader.require(LAYER)?;
        if reader.require(LAYER)? != MAGIC_COOKIE {
            return invalid(COOKIE_OFFSET, "the magic cookie is missing: this is BOOTP or nothing at all");
        }
        message.read_options(bytes, reader)?;
        Ok(message)
    }

    /// Reads the options where they begin, then those in the fields of names, in the order of RFC 3396.
    fn read_options(&mut self, bytes: &[u8], reader: Reader<'_>) -> Result<(), ParseError> {
        let Some((offset, overload)) = read_area(reader, &mut self.options)? else { return Ok(()) };
        if !(OVERLOAD_BOOT_FILE..=OVERLOAD_BOOT_FILE | OVERLOAD_SERVER_NAME).contains(&overload) {
            return invalid(offset, "the overload option names no field");
        }
        // The cookie was read behind these fields, so they are there; an empty rest would be no options.
        let area = |start: usize, end: usize| {
            let mut reader = Reader::new(bytes);
            reader.truncate(end);
            reader.skip(start).map(|()| reader)
        };
        if overload & OVERLOAD_BOOT_FILE != 0 {
            self.boot_file = [0; BOOT_FILE_BYTES];
            if let Some(reader) = area(BOOT_FILE_OFFSET, COOKIE_OFFSET) {
                read_area(reader, &mut self.options)?;
            }
        }
        if overload & OVERLOAD_SERVER_NAME != 0 {
            self.server_name = [0; SERVER_NAME_BYTES];
            if let Some(reader) = area(SERVER_NAME_OFFSET, BOOT_FILE_OFFSET) {
                read_area(reader, &mut self.options)?;
            }
        }
        Ok(())
    }
}

/// Reads options up to their end mark or the end of their area. Returns the first overload option and its place.
fn read_area(mut reader: Reader<'_>, options: &mut Options) -> Result<Option<(usize, u8)>, ParseError> {
    const OPTION: &str = "DHCP option";

    let mut overload = None;
    while reader.len() > 0 {
        let [code] = reader.require(OPTION)?;
        match code {
            codes::PAD => continue,
            codes::END => break,
            _ => {}
        }
        let [length] = reader.require(OPTION)?;
        let offset = reader.offset();
        let value = reader.require_slice(OPTION, usize::from(length))?;
        if code != codes::OVERLOAD {
            options.append(code, value);
        } else if let [fields] = value {
            overload = overload.or(Some((offset, *fields)));
        } else {
            return Err(ParseError::Invalid {
                layer: OPTION,
                offset,
                problem: "the overload option is not one byte",
            });
        }
    }
    Ok(overload)
}

fn invalid<T>(offset: usize, problem: &'static str) -> Result<T, ParseError> {
    Err(ParseError::Invalid { layer: LAYER, offset, problem })
}
