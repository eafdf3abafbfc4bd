//! Neighbour discovery: solicitations and advertisements (RFC 4861), without their IPv6 header.
//!
//! [`Neighbor::parse`] makes all the checks of RFC 4861, sections 7.1.1 and 7.1.2. The hop limit is the
//! important one: 255 proves that no router forwarded the message, hence that the sender is on the link.
//! Options other than the link-layer address are skipped, as the RFC demands of those that are not understood;
//! re-emitting a message leaves them out.

use std::net::Ipv6Addr;

use net_types::MacAddr;

use crate::ParseError;
use crate::bytes::Reader;
use crate::headers::{Headers, NetworkKey};
use crate::icmp::{Family, Message};

/// Hop limit of every neighbour discovery message.
pub const HOP_LIMIT: u8 = 255;

/// ICMPv6 type of a neighbour solicitation.
pub const NEIGHBOR_SOLICITATION: u8 = 135;
/// ICMPv6 type of a neighbour advertisement.
pub const NEIGHBOR_ADVERTISEMENT: u8 = 136;

/// Option with the sender's link-layer address.
pub const SOURCE_LINK_ADDRESS: u8 = 1;
/// Option with the target's link-layer address.
pub const TARGET_LINK_ADDRESS: u8 = 2;

const LAYER: &str = "neighbour discovery message";
/// Where options begin: after the ICMPv6 header and the target.
const OPTIONS_OFFSET: usize = 24;
/// Length of an option with an Ethernet address, in the unit of its length field.
const LINK_ADDRESS_EIGHTS: u8 = 1;

const FLAG_ROUTER: u8 = 0x80;
const FLAG_SOLICITED: u8 = 0x40;
const FLAG_OVERRIDE: u8 = 0x20;

/// What of the IPv6 header the checks need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Envelope {
    /// Source address.
    pub src: Ipv6Addr,
    /// Destination address.
    pub dst: Ipv6Addr,
    /// Hop limit, as it arrived.
    pub hop_limit: u8,
}

impl Envelope {
    /// What the headers of an IPv6 packet say.
    #[must_use]
    pub fn of(headers: &Headers) -> Option<Self> {
        let NetworkKey::Ipv6 { src, dst, .. } = headers.network? else { return None };
        Some(Self { src, dst, hop_limit: headers.ip?.ttl })
    }

    /// The ICMPv6 message that came in it, with what all messages of neighbour and router discovery have to have.
    pub(crate) fn open(self, layer: &'static str, bytes: &[u8]) -> Result<Message, ParseError> {
        let invalid = |offset, problem| Err(ParseError::Invalid { layer, offset, problem });
        if self.hop_limit != HOP_LIMIT {
            return invalid(0, "the hop limit is not 255, so the sender may be off the link");
        }
        let message = Message::parse(bytes, Family::V6 { src: self.src, dst: self.dst })?;
        if message.code != 0 {
            return invalid(1, "the code is not zero");
        }
        Ok(message)
    }
}

/// A neighbour solicitation or advertisement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Neighbor {
    /// Who has this address?
    Solicitation(Solicitation),
    /// Here is this address.
    Advertisement(Advertisement),
}

/// The question for the link-layer address of a neighbour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Solicitation {
    /// The address that is asked for.
    pub target: Ipv6Addr,
    /// Who asks; absent in duplicate address detection.
    pub source_link: Option<MacAddr>,
}

/// The statement of one's own link-layer address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Advertisement {
    /// The sender is a router.
    pub is_router: bool,
    /// Somebody asked for this.
    pub is_solicited: bool,
    /// Replaces what the receiver has cached.
    pub is_override: bool,
    /// The address that is announced.
    pub target: Ipv6Addr,
    /// Where it is.
    pub target_link: Option<MacAddr>,
}

/// The multicast group that the owner of `address` listens on for solicitations (RFC 4291, section 2.7.1).
#[must_use]
pub fn solicited_node(address: Ipv6Addr) -> Ipv6Addr {
    let [.., a, b, c] = address.octets();
    Ipv6Addr::from([0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, a, b, c])
}

impl Solicitation {
    /// The answer to this solicitation when it came from `asker`: the addresses to send it between, and the
    /// message. The target is at `mac`. Duplicate address detection (`asker` unspecified) is answered to all
    /// nodes, as there is no address to answer to (RFC 4861, section 7.2.4).
    #[must_use]
    pub fn answer(&self, asker: Ipv6Addr, mac: MacAddr, is_router: bool) -> (Envelope, Advertisement) {
        const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
        let is_solicited = !asker.is_unspecified();
        let envelope = Envelope {
            src: self.target,
            dst: if is_solicited { asker } else { ALL_NODES },
            hop_limit: HOP_LIMIT,
        };
        let advertisement = Advertisement {
            is_router,
            is_solicited,
            is_override: true,
            target: self.target,
            target_link: Some(mac),
        };
        (envelope, advertisement)
    }
}

impl Neighbor {
    /// Reads and validates the ICMPv6 message that came in `envelope`.
    pub fn parse(bytes: &[u8], envelope: Envelope) -> Result<Self, ParseError> {
        let Envelope { src, dst, .. } = envelope;
        let message = envelope.open(LAYER, bytes)?;
        let mut body = Reader::new(&message.payload);
        let (offset, needed, available) = (Message::HEADER_BYTES, 16, body.len());
        let target =
            body.take::<16>().ok_or(ParseError::Truncated { layer: LAYER, offset, needed, available })?;
        let target = Ipv6Addr::from(target);
        if target.is_multicast() {
            return invalid(Message::HEADER_BYTES, "the target is a multicast address");
        }
        match message.kind {
            NEIGHBOR_SOLICITATION => {
                let source_link = link_address(body, SOURCE_LINK_ADDRESS)?;
                if src.is_unspecified() && dst != solicited_node(target) {
                    return invalid(0, "duplicate address detection not sent to the solicited-node group");
                }
                if src.is_unspecified() && source_link.is_some() {
                    return invalid(OPTIONS_OFFSET, "a source link-layer address without a source address");
                }
                Ok(Self::Solicitation(Solicitation { target, source_link }))
            }
            NEIGHBOR_ADVERTISEMENT => {
                let target_link = link_address(body, TARGET_LINK_ADDRESS)?;
                let [flags, ..] = message.rest;
                let is_solicited = flags & FLAG_SOLICITED != 0;
                if dst.is_multicast() && is_solicited {
                    return invalid(4, "a solicited advertisement sent to a multicast address");
                }
                Ok(Self::Advertisement(Advertisement {
                    is_router: flags & FLAG_ROUTER != 0,
                    is_solicited,
                    is_override: flags & FLAG_OVERRIDE != 0,
                    target,
                    target_link,
                }))
            }
            _ => invalid(0, "neither a neighbour solicitation nor an advertisement"),
        }
    }

    /// The ICMPv6 message on the wire. Send it with hop limit [`HOP_LIMIT`].
    #[must_use]
    pub fn emit(&self, src: Ipv6Addr, dst: Ipv6Addr) -> Vec<u8> {
        self.to_message().emit(Family::V6 { src, dst })
    }

    /// The same message, as ICMPv6 sees it.
    #[must_use]
    pub fn to_message(&self) -> Message {
        let (kind, flags, target, option, link) = match *self {
            Self::Solicitation(Solicitation { target, source_link }) => {
                (NEIGHBOR_SOLICITATION, 0, target, SOURCE_LINK_ADDRESS, source_link)
            }
            Self::Advertisement(advertisement) => (
                NEIGHBOR_ADVERTISEMENT,
                advertisement.flags(),
                advertisement.target,
                TARGET_LINK_ADDRESS,
                advertisement.target_link,
            ),
        };
        let mut payload = target.octets().to_vec();
        if let Some(mac) = link {
            payload.extend([option, LINK_ADDRESS_EIGHTS]);
            payload.extend(mac.octets());
        }
        Message { kind, code: 0, rest: [flags, 0, 0, 0], payload }
    }
}

impl Advertisement {
    fn flags(&self) -> u8 {
        let bit = |is_set, flag| if is_set { flag } else { 0 };
        bit(self.is_router, FLAG_ROUTER)
            | bit(self.is_solicited, FLAG_SOLICITED)
            | bit(self.is_override, FLAG_OVERRIDE)
    }
}

/// The address in the first option of type `wanted`. Every option is walked, because one with length zero
/// anywhere makes the whole message invalid.
fn link_address(mut options: Reader<'_>, wanted: u8) -> Result<Option<MacAddr>, ParseError> {
    let mut found = None;
    while options.len() > 0 {
        let offset = Message::HEADER_BYTES + options.offset();
        let Some([kind, eights]) = options.peek() else {
            return invalid(offset, "an option is cut off");
        };
        if eights == 0 {
            return invalid(offset, "an option has length zero");
        }
        let Some(option) = options.take_slice(usize::from(eights) * 8) else {
            return invalid(offset, "an option is cut off");
        };
        if kind == wanted && eights == LINK_ADDRESS_EIGHTS && found.is_none() {
            found = option.last_chunk().copied().map(MacAddr);
        }
    }
    Ok(found)
}

fn invalid<T>(offset: usize, problem: &'static str) -> Result<T, ParseError> {
    Err(ParseError::Invalid { layer: LAYER, offset, problem })
}

#[cfg(test)]
mod tests;
