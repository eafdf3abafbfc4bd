//! ARP for IPv4 over Ethernet (RFC 826): one message, without its Ethernet header.
//!
//! [`Arp::parse`] accepts only this hardware and protocol; anything else is an error, because a responder that
//! guessed at other address lengths would answer with garbage. Bytes after the message are Ethernet padding and
//! are ignored. Unknown operations are kept, so that re-emitting never changes a message.

use std::net::Ipv4Addr;

use net_types::MacAddr;

use crate::ParseError;
use crate::bytes::Reader;

const LAYER: &str = "ARP message";
/// Hardware type Ethernet, protocol IPv4, and the lengths of their addresses.
const ETHERNET_IPV4: [u8; 6] = [0, 1, 0x08, 0x00, 6, 4];

/// What an ARP message asks or says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArpOperation(pub u16);

impl ArpOperation {
    /// Who has the target address?
    pub const REQUEST: Self = Self(1);
    /// The sender has it.
    pub const REPLY: Self = Self(2);
}

/// An ARP message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arp {
    /// Request, reply, or something rarer.
    pub operation: ArpOperation,
    /// Who sends this.
    pub sender_mac: MacAddr,
    /// The sender's address; unspecified in a probe (RFC 5227).
    pub sender_ip: Ipv4Addr,
    /// Zero in a request.
    pub target_mac: MacAddr,
    /// The address that is asked for.
    pub target_ip: Ipv4Addr,
}

impl Arp {
    /// Length on the wire.
    pub const BYTES: usize = 28;

    /// The question "who has `target_ip`?".
    #[must_use]
    pub fn request(sender_mac: MacAddr, sender_ip: Ipv4Addr, target_ip: Ipv4Addr) -> Self {
        Self { operation: ArpOperation::REQUEST, sender_mac, sender_ip, target_mac: MacAddr::ZERO, target_ip }
    }

    /// The announcement that `ip` is at `mac`, as a request to itself (RFC 5227), which every neighbour that
    /// already knows `ip` takes into its cache.
    #[must_use]
    pub fn announcement(mac: MacAddr, ip: Ipv4Addr) -> Self {
        Self::request(mac, ip, ip)
    }

    /// The answer to this request: its target is at `mac`.
    #[must_use]
    pub fn reply(&self, mac: MacAddr) -> Self {
        Self {
            operation: ArpOperation::REPLY,
            sender_mac: mac,
            sender_ip: self.target_ip,
            target_mac: self.sender_mac,
            target_ip: self.sender_ip,
        }
    }

    /// Whether the sender announces its own address rather than asking for another's.
    #[must_use]
    pub fn is_gratuitous(&self) -> bool {
        self.sender_ip == self.target_ip
    }

    /// Whether the sender checks that nobody has the address it is about to use (RFC 5227).
    #[must_use]
    pub fn is_probe(&self) -> bool {
        self.operation == ArpOperation::REQUEST && self.sender_ip.is_unspecified()
    }

    /// Reads the message that follows an Ethernet header.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(bytes);
        if reader.require(LAYER)? != ETHERNET_IPV4 {
            let problem = "only IPv4 over Ethernet is supported";
            return Err(ParseError::Invalid { layer: LAYER, offset: 0, problem });
        }
        Ok(Self {
            operation: ArpOperation(u16::from_be_bytes(reader.require(LAYER)?)),
            sender_mac: MacAddr(reader.require(LAYER)?),
            sender_ip: Ipv4Addr::from(reader.require::<4>(LAYER)?),
            target_mac: MacAddr(reader.require(LAYER)?),
            target_ip: Ipv4Addr::from(reader.require::<4>(LAYER)?),
        })
    }

    /// The message on the wire.
    #[must_use]
    pub fn emit(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(Self::BYTES);
        bytes.extend(ETHERNET_IPV4);
        bytes.extend(self.operation.0.to_be_bytes());
        bytes.extend(self.sender_mac.octets());
        bytes.extend(self.sender_ip.octets());
        bytes.extend(self.target_mac.octets());
        bytes.extend(self.target_ip.octets());
        bytes
    }
}

#[cfg(test)]
mod tests;
