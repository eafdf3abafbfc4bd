//! ICMP (RFC 792) and ICMPv6 (RFC 4443) messages, without their IP header.
//!
//! A [`Message`] keeps every byte it does not understand, so parsing and emitting is lossless for every type.
//! It can be made from bytes only when its checksum is right, and emitting always writes the right one. The
//! constructors of errors quote as much of the offending packet as the RFCs allow and no more, so that an
//! error can always be sent unfragmented.

use std::net::Ipv6Addr;

use crate::bytes::Reader;
use crate::checksum::Checksum;
use crate::wire::{IPV4_HEADER_BYTES, IPV6_HEADER_BYTES};
use crate::{ParseError, ip_proto};

/// Which of the two protocols a message belongs to. ICMPv6 needs the addresses for its checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// ICMP over IPv4.
    V4,
    /// ICMPv6, between these addresses.
    V6 {
        /// Source address of the IPv6 header.
        src: Ipv6Addr,
        /// Destination address of the IPv6 header.
        dst: Ipv6Addr,
    },
}

impl Family {
    fn layer(self) -> &'static str {
        match self {
            Self::V4 => "ICMP message",
            Self::V6 { .. } => "ICMPv6 message",
        }
    }

    fn checksum(self, length: usize) -> Checksum {
        match self {
            Self::V4 => Checksum::default(),
            Self::V6 { src, dst } => Checksum::ipv6_pseudo_header(src, dst, ip_proto::ICMPV6, length),
        }
    }
}

/// An ICMP or ICMPv6 message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Type of the message; its meaning depends on the family.
    pub kind: u8,
    /// Code of the message.
    pub code: u8,
    /// The four bytes after the checksum, whose meaning depends on the type.
    pub rest: [u8; 4],
    /// What follows the eight bytes of the header.
    pub payload: Vec<u8>,
}

/// ICMP types and codes.
pub mod v4 {
    /// Answer to an echo request.
    pub const ECHO_REPLY: u8 = 0;
    /// The packet could not be delivered.
    pub const DESTINATION_UNREACHABLE: u8 = 3;
    /// Please send this back.
    pub const ECHO_REQUEST: u8 = 8;
    /// The time to live ran out.
    pub const TIME_EXCEEDED: u8 = 11;

    /// Code: the packet is too big and must not be fragmented.
    pub const CODE_FRAGMENTATION_NEEDED: u8 = 4;
}

/// ICMPv6 types.
pub mod v6 {
    /// The packet could not be delivered.
    pub const DESTINATION_UNREACHABLE: u8 = 1;
    /// The packet does not fit the next link.
    pub const PACKET_TOO_BIG: u8 = 2;
    /// The hop limit ran out.
    pub const TIME_EXCEEDED: u8 = 3;
    /// Please send this back.
    pub const ECHO_REQUEST: u8 = 128;
    /// Answer to an echo request.
    pub const ECHO_REPLY: u8 = 129;
}

/// RFC 1812, section 4.3.2.3: an ICMP error is at most 576 bytes long, IP header included.
pub const V4_QUOTE_BYTES_MAX: usize = 576 - IPV4_HEADER_BYTES - Message::HEADER_BYTES;
/// RFC 4443, section 2.4(c): an ICMPv6 error is at most 1280 bytes long, IPv6 header included.
pub const V6_QUOTE_BYTES_MAX: usize = 1280 - IPV6_HEADER_BYTES - Message::HEADER_BYTES;

impl Message {
    /// Length of the header on the wire.
    pub const HEADER_BYTES: usize = 8;

    /// An ICMP echo request.
    #[must_use]
    pub fn echo_request_v4(id: u16, sequence: u16, payload: Vec<u8>) -> Self {
        Self { kind: v4::ECHO_REQUEST, code: 0, rest: halves(id, sequence), payload }
    }

    /// An ICMPv6 echo request.
    #[must_use]
    pub fn echo_request_v6(id: u16, sequence: u16, payload: Vec<u8>) -> Self {
        Self { kind: v6::ECHO_REQUEST, code: 0, rest: halves(id, sequence), payload }
    }

    /// The answer to this message, when it is an echo request of `family`.
    #[must_use]
    pub fn echo_reply(&self, family: Family) -> Option<Self> {
        let (request, reply) = match family {
            Family::V4 => (v4::ECHO_REQUEST, v4::ECHO_REPLY),
            Family::V6 { .. } => (v6::ECHO_REQUEST, v6::ECHO_REPLY),
        };
        (self.kind == request && self.code == 0).then(|| Self { kind: reply, ..self.clone() })
    }

    /// Identifier and sequence number, for messages that are an echo request or reply.
    #[must_use]
    pub fn echo_id_and_sequence(&self) -> (u16, u16) {
        let [id_high, id_low, sequence_high, sequence_low] = self.rest;
        (u16::from_be_bytes([id_high, id_low]), u16::from_be_bytes([sequence_high, sequence_low]))
    }

    /// An ICMP error that says with `code` why `packet`, from its IP header on, was not delivered.
    #[must_use]
    pub fn destination_unreachable_v4(code: u8, packet: &[u8]) -> Self {
        Self {
            kind: v4::DESTINATION_UNREACHABLE,
            code,
            rest: [0; 4],
            payload: quote(packet, V4_QUOTE_BYTES_MAX),
        }
    }

    /// An ICMP error that asks for packets of at most `mtu_bytes` (RFC 1191).
    #[must_use]
    pub fn fragmentation_needed_v4(mtu_bytes: u16, packet: &[u8]) -> Self {
        let rest = halves(0, mtu_bytes);
        Self { rest, ..Self::destination_unreachable_v4(v4::CODE_FRAGMENTATION_NEEDED, packet) }
    }

    /// An ICMP error: the time to live of `packet` ran out on its way.
    #[must_use]
    pub fn time_exceeded_v4(packet: &[u8]) -> Self {
        Self { kind: v4::TIME_EXCEEDED, code: 0, rest: [0; 4], payload: quote(packet, V4_QUOTE_BYTES_MAX) }
    }

    /// An ICMPv6 error that says with `code` why `packet`, from its IPv6 header on, was not delivered.
    #[must_use]
    pub fn destination_unreachable_v6(code: u8, packet: &[u8]) -> Self {
        Self {
            kind: v6::DESTINATION_UNREACHABLE,
            code,
            rest: [0; 4],
            payload: quote(packet, V6_QUOTE_BYTES_MAX),
        }
    }

    /// An ICMPv6 error that asks for packets of at most `mtu_bytes`.
    #[must_use]
    pub fn packet_too_big_v6(mtu_bytes: u32, packet: &[u8]) -> Self {
        let rest = mtu_bytes.to_be_bytes();
        Self { kind: v6::PACKET_TOO_BIG, code: 0, rest, payload: quote(packet, V6_QUOTE_BYTES_MAX) }
    }

    /// An ICMPv6 error: the hop limit of `packet` ran out on its way.
    #[must_use]
    pub fn time_exceeded_v6(packet: &[u8]) -> Self {
        Self { kind: v6::TIME_EXCEEDED, code: 0, rest: [0; 4], payload: quote(packet, V6_QUOTE_BYTES_MAX) }
    }

    /// Reads the payload of an IP packet: all of it, since the checksum covers it.
    pub fn parse(bytes: &[u8], family: Family) -> Result<Self, ParseError> {
        let layer = family.layer();
        let mut reader = Reader::new(bytes);
        let [kind, code, _, _] = reader.require(layer)?;
        let rest = reader.require(layer)?;
        if family.checksum(bytes.len()).add(bytes).finish() != 0 {
            return Err(ParseError::Checksum { layer });
        }
        Ok(Self { kind, code, rest, payload: reader.rest().to_vec() })
    }

    /// The message on the wire, checksum included.
    #[must_use]
    pub fn emit(&self, family: Family) -> Vec<u8> {
        let sum = family
            .checksum(Self::HEADER_BYTES + self.payload.len())
            .add(&[self.kind, self.code])
            .add(&self.rest)
            .add(&self.payload);
        let mut bytes = Vec::with_capacity(Self::HEADER_BYTES + self.payload.len());
        bytes.extend([self.kind, self.code]);
        bytes.extend(sum.finish().to_be_bytes());
        bytes.extend(self.rest);
        bytes.extend(&self.payload);
        bytes
    }
}

fn halves(high: u16, low: u16) -> [u8; 4] {
    ((u32::from(high) << 16) | u32::from(low)).to_be_bytes()
}

fn quote(packet: &[u8], bytes_max: usize) -> Vec<u8> {
    packet.get(..bytes_max).unwrap_or(packet).to_vec()
}

#[cfg(test)]
mod tests;
