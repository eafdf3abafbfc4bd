//! Forgetting tracked connections.

use std::net::{IpAddr, Ipv6Addr};

use super::body::Body;
use crate::action::{property, property_u16, read_property};
use crate::wire::{Put, Reader, WireError};

const ORIG_TUPLE: u16 = 0;
const REPLY_TUPLE: u16 = 1;
const ZONE: u16 = 2;

const TUPLE_SRC: u16 = 0;
const TUPLE_DST: u16 = 1;
const TUPLE_SRC_PORT: u16 = 2;
const TUPLE_DST_PORT: u16 = 3;
const TUPLE_ICMP_ID: u16 = 4;
const TUPLE_ICMP_TYPE: u16 = 5;
const TUPLE_ICMP_CODE: u16 = 6;

/// Forgets all connections of a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CtFlushZone(pub u16);

impl Body for CtFlushZone {
    fn encode(&self, out: &mut Vec<u8>) {
        out.put_zeros(6);
        out.put_u16(self.0);
    }

    fn decode(r: &mut Reader<'_>) -> Result<Self, WireError> {
        r.skip("a zone", 6)?;
        r.u16("a zone").map(Self)
    }
}

/// Forgets the connections that agree with everything that is said here. Since Open vSwitch 3.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CtFlush {
    /// IP protocol, or 0 for any.
    pub protocol: u8,
    /// The zone, where only one is meant.
    pub zone: Option<u16>,
    /// The packets that began the connection.
    pub original: CtTuple,
    /// The packets that answer.
    pub reply: CtTuple,
}

/// One direction of a connection; nothing stands for anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CtTuple {
    /// Source address.
    pub src: Option<IpAddr>,
    /// Destination address.
    pub dst: Option<IpAddr>,
    /// What follows the addresses.
    pub ports: CtPorts,
}

/// What follows the addresses of a connection's packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CtPorts {
    /// Ports; 0 stands for any.
    Ports {
        /// Source port.
        src: u16,
        /// Destination port.
        dst: u16,
    },
    /// Identity and kind of an ICMP exchange. Open vSwitch compares them only where both addresses are given.
    Icmp {
        /// Identity.
        id: u16,
        /// Type.
        kind: u8,
        /// Code.
        code: u8,
    },
}

impl Default for CtPorts {
    fn default() -> Self {
        Self::Ports { src: 0, dst: 0 }
    }
}

impl CtTuple {
    /// Appends the tuple as a property, unless it says nothing.
    fn encode(&self, kind: u16, out: &mut Vec<u8>) {
        // What is nested begins eight bytes behind the start of the property.
        let mut nested = vec![0; 4];
        for (kind, address) in [(TUPLE_SRC, self.src), (TUPLE_DST, self.dst)] {
            if let Some(address) = address {
                property(&mut nested, kind, &mapped(address).octets());
            }
        }
        match self.ports {
            CtPorts::Ports { src, dst } => {
                for (kind, port) in [(TUPLE_SRC_PORT, src), (TUPLE_DST_PORT, dst)] {
                    if port != 0 {
                        property_u16(&mut nested, kind, port);
                    }
                }
            }
            CtPorts::Icmp { id, kind, code } => {
                property_u16(&mut nested, TUPLE_ICMP_ID, id);
                property(&mut nested, TUPLE_ICMP_TYPE, &[kind]);
                property(&mut nested, TUPLE_ICMP_CODE, &[code]);
            }
        }
        if nested.len() > 4 {
            property(out, kind, &nested);
        }
    }

    fn decode(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let mut tuple = Self::default();
        let (mut src, mut dst) = (0, 0);
        let (mut id, mut icmp_kind, mut code) = (None, None, None);
        r.skip("a connection tuple", 4)?;
        while !r.is_empty() {
            let (kind, mut value) = read_property(r)?;
            match kind {
                TUPLE_SRC => tuple.src = read_address(&mut value)?,
                TUPLE_DST => tuple.dst = read_address(&mut value)?,
                TUPLE_SRC_PORT => src = value.u16("a port")?,
                TUPLE_DST_PORT => dst = value.u16("a port")?,
                TUPLE_ICMP_ID => id = Some(value.u16("an ICMP id")?),
                TUPLE_ICMP_TYPE => icmp_kind = Some(value.u8("an ICMP type")?),
                TUPLE_ICMP_CODE => code = Some(value.u8("an ICMP code")?),
                other => return Err(value.unknown("part of a connection tuple", other)),
            }
        }
        tuple.ports = match (id, icmp_kind, code) {
            (None, None, None) => CtPorts::Ports { src, dst },
            _ => CtPorts::Icmp {
                id: id.unwrap_or_default(),
                kind: icmp_kind.unwrap_or_default(),
                code: code.unwrap_or_default(),
            },
        };
        Ok(tuple)
    }
}

/// An address in the sixteen bytes that the message has for it.
fn mapped(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    }
}

/// Reads an address; all zeros stand for any.
fn read_address(r: &mut Reader<'_>) -> Result<Option<IpAddr>, WireError> {
    let address = Ipv6Addr::from(r.array::<16>("an address")?);
    Ok((!address.is_unspecified()).then(|| address.to_canonical()))
}

impl Body for CtFlush {
    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u8(self.protocol);
        out.put_zeros(7);
        self.original.encode(ORIG_TUPLE, out);
        self.reply.encode(REPLY_TUPLE, out);
        if let Some(zone) = self.zone {
            property_u16(out, ZONE, zone);
        }
    }

    fn decode(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let mut flush = Self { protocol: r.u8("a flush")?, ..Self::default() };
        r.skip("a flush", 7)?;
        while !r.is_empty() {
            let (kind, mut value) = read_property(r)?;
            match kind {
                ORIG_TUPLE => flush.original = CtTuple::decode(&mut value)?,
                REPLY_TUPLE => flush.reply = CtTuple::decode(&mut value)?,
                ZONE => flush.zone = Some(value.u16("a zone")?),
                other => return Err(value.unknown("part of a flush", other)),
            }
        }
        Ok(flush)
    }
}
