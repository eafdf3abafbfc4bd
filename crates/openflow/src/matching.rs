//! What a flow matches: a set of masked fields in canonical order.
//!
//! # Guarantees
//! - Two matches that mean the same are equal, encode to the same bytes, and those are the bytes in which Open vSwitch
//!   dumps the match: fields in table order, values masked, no mask where it is complete, no field whose mask is
//!   empty; double registers, `vlan_tci`, `nw_tos` and the 16-bit `in_port` replaced by the fields they are views of.
//! - A field that the table does not know is kept as the bytes it came in, so a dump never fails.

#[cfg(test)]
mod tests;

use std::fmt;

use net_types::OfPort;

use crate::field::{Field, FieldValue, Prereq, WireHeader};
use crate::wire::{Put, Reader, WireError, patch_len};

/// `ip_frag` bit that says "not the first fragment".
const FRAG_LATER: u128 = 2;
/// `ct_state` bits of which each implies that the packet belongs to a connection: new, est, rel, rpl, snat, dnat.
const CT_TELLS_VALID: u128 = 0xcf;
/// Bits of `ct_state` that exist.
const CT_STATE_BITS: u128 = 0xff;
const CT_INVALID: u128 = 0x10;
const CT_TRACKED: u128 = 0x20;

/// VLAN id bit that says "there is a tag" (CFI in the TCI).
pub const VLAN_PRESENT: u128 = 0x1000;

/// One field of a match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Masked {
    /// The field.
    pub field: Field,
    /// Its value; bits outside `mask` are zero.
    pub value: u128,
    /// The bits that count.
    pub mask: u128,
}

impl Masked {
    /// Whether every bit of the field counts.
    pub fn is_exact(&self) -> bool {
        self.mask == self.field.full_mask()
    }
}

/// A match.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Match {
    fields: Vec<Masked>,
    /// Whole entries (header, value, mask) of fields that the table does not know.
    unknown: Vec<Vec<u8>>,
}

impl Match {
    /// Matches every packet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Also requires `field` to have `value`.
    #[must_use]
    pub fn with(mut self, field: Field, value: impl FieldValue) -> Self {
        self.set(field, value.into_bits(), field.full_mask());
        self
    }

    /// Also requires the bits `mask` of `field` to be those of `value`.
    #[must_use]
    pub fn with_masked(mut self, field: Field, value: impl FieldValue, mask: impl FieldValue) -> Self {
        self.set(field, value.into_bits(), mask.into_bits());
        self
    }

    /// Requires the bits `mask` of `field` to be those of `value`, on top of what was required of other bits.
    pub fn set(&mut self, field: Field, value: u128, mask: u128) {
        let mask = mask & field.full_mask();
        let value = value & mask;
        match field {
            Field::InPort16 => {
                let port = u16::try_from(value).map_or(OfPort::ANY, OfPort::from_of10);
                self.merge(Field::InPort, u32::from(port).into(), Field::InPort.full_mask());
            }
            Field::VlanTci => {
                self.merge(Field::VlanVid, value & 0x1fff, mask & 0x1fff);
                // The switch writes the priority only of a tagged packet, and never masked.
                if value & 0x1fff != 0 && mask >> 13 != 0 {
                    self.merge(Field::VlanPcp, value >> 13, Field::VlanPcp.full_mask());
                }
            }
            Field::IpTos => self.merge(Field::IpDscp, value >> 2, mask >> 2),
            // The switch has eight bits, and writes the others as bits that do not count.
            Field::CtState if value <= CT_STATE_BITS => self.merge(field, value, mask & CT_STATE_BITS),
            _ => match registers_of(field) {
                Some(registers) => {
                    for (place, &register) in registers.iter().rev().enumerate() {
                        let shift = place * 32;
                        self.merge(register, value >> shift & 0xffff_ffff, mask >> shift & 0xffff_ffff);
                    }
                }
                None => self.merge(field, value, mask),
            },
        }
    }

    /// Adds bits to a field. Bits that were required already and are named again take the newer value.
    fn merge(&mut self, field: Field, value: u128, mask: u128) {
        if mask == 0 {
            return;
        }
        match self.fields.binary_search_by_key(&field, |entry| entry.field) {
            Ok(at) => {
                let entry = &mut self.fields[at];
                entry.value = entry.value & !mask | value;
                entry.mask |= mask;
            }
            Err(at) => self.fields.insert(at, Masked { field, value, mask }),
        }
    }

    /// The fields, in canonical order.
    pub fn fields(&self) -> &[Masked] {
        &self.fields
    }

    /// What is required of `field`.
    pub fn get(&self, field: Field) -> Option<&Masked> {
        self.fields.binary_search_by_key(&field, |entry| entry.field).ok().map(|at| &self.fields[at])
    }

    /// The value of `field` where all of it is required.
    pub fn exact(&self, field: Field) -> Option<u128> {
        self.get(field).filter(|entry| entry.is_exact()).map(|entry| entry.value)
    }

    /// Entries that the field table does not know, as they came.
    pub fn unknown(&self) -> &[Vec<u8>] {
        &self.unknown
    }

    /// A match of which nothing is known but its bytes.
    pub(crate) fn opaque(bytes: &[u8]) -> Self {
        Self { fields: Vec::new(), unknown: vec![bytes.to_vec()] }
    }

    /// Whether every packet matches.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty() && self.unknown.is_empty()
    }

    /// The first field whose prerequisite the match does not state; a switch refuses such a match.
    pub fn missing_prerequisite(&self) -> Option<Field> {
        self.fields.iter().map(|entry| entry.field).find(|field| !self.meets(field.def().prereq))
    }

    /// Whether the match states `prereq`.
    pub fn meets(&self, prereq: Prereq) -> bool {
        let ether = self.exact(Field::EthType);
        let proto = self.exact(Field::IpProto);
        let (v4, v6) = (ether == Some(0x0800), ether == Some(0x86dd));
        let ip = v4 || v6;
        // A later fragment has no transport header.
        let first = self.get(Field::IpFrag).is_none_or(|frag| frag.value & FRAG_LATER == 0);
        let ct_valid = self.get(Field::CtState).is_some_and(|state| {
            state.value & CT_TELLS_VALID != 0
                || state.value & CT_TRACKED != 0 && state.mask & !state.value & CT_INVALID != 0
        });
        let nd = |types: &[u128]| {
            v6 && proto == Some(58)
                && self.exact(Field::Icmp6Type).is_some_and(|t| types.contains(&t))
                && self.exact(Field::Icmp6Code).is_none_or(|code| code == 0)
        };
        match prereq {
            Prereq::Any => true,
            Prereq::Vlan => {
                self.get(Field::VlanVid).is_some_and(|vid| vid.mask & vid.value & VLAN_PRESENT != 0)
            }
            Prereq::Mpls => matches!(ether, Some(0x8847 | 0x8848)),
            Prereq::Ipv4 => v4,
            Prereq::Ipv6 => v6,
            Prereq::Ip => ip,
            Prereq::CtIpv4 => v4 && ct_valid,
            Prereq::CtIpv6 => v6 && ct_valid,
            Prereq::CtIp => ip && ct_valid,
            Prereq::Arp => matches!(ether, Some(0x0806 | 0x8035)),
            Prereq::Tcp => ip && first && proto == Some(6),
            Prereq::Udp => ip && first && proto == Some(17),
            Prereq::Sctp => ip && first && proto == Some(132),
            Prereq::Icmp4 => v4 && proto == Some(1),
            Prereq::Icmp6 => v6 && proto == Some(58),
            Prereq::Nd => nd(&[135, 136]),
            Prereq::NdSolicit => nd(&[135]),
            Prereq::NdAdvert => nd(&[136]),
            Prereq::CtTransport => {
                ip && ct_valid && matches!(self.exact(Field::CtNwProto), Some(6 | 17 | 132))
            }
        }
    }

    /// Appends the fields without the match header, as flow monitors and packet-ins carry them.
    pub fn encode_fields(&self, out: &mut Vec<u8>) {
        for entry in &self.fields {
            // The switch has more tunnel flags than OpenFlow can name, so to it no mask of them is complete.
            let masked = !entry.is_exact() || entry.field == Field::TunFlags;
            put_header_and_value(out, entry.field, entry.value, masked.then_some(entry.mask));
        }
        for entry in &self.unknown {
            out.extend_from_slice(entry);
        }
    }

    /// Appends `ofp_match`: header, fields, padding to eight bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.put_u16(1);
        out.put_u16(0);
        self.encode_fields(out);
        patch_len(out, start, start + 2);
        out.pad8_from(start);
    }

    /// Reads `ofp_match` with its padding.
    pub fn decode(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let mut fields = Self::split(r)?;
        Self::decode_fields(&mut fields)
    }

    /// Reads header and padding of `ofp_match` and gives a reader of the fields between them.
    pub(crate) fn split<'a>(r: &mut Reader<'a>) -> Result<Reader<'a>, WireError> {
        let kind = r.u16("a match")?;
        let len = usize::from(r.u16("a match")?);
        if kind != 1 {
            return Err(r.bad_value("the type of a match", kind));
        }
        let fields_len = len.checked_sub(4).ok_or_else(|| r.bad_length("a match", len))?;
        let fields = r.sub("the fields of a match", fields_len)?;
        r.skip("the padding of a match", len.next_multiple_of(8) - len)?;
        Ok(fields)
    }

    /// Reads fields until `r` is empty.
    pub fn decode_fields(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let mut out = Self::new();
        while !r.is_empty() {
            let whole = r.peek();
            let header = WireHeader::read(r)?;
            match header.field {
                Some(field) => {
                    let value = r.uint("the value of a field", field.bytes())?;
                    let mask = match header.masked {
                        true => r.uint("the mask of a field", field.bytes())?,
                        false => field.full_mask(),
                    };
                    match mask == 0 && field.is_tun_metadata() {
                        // This says that the packet has the option, whatever its value.
                        true => out.unknown.push(whole[..whole.len() - r.remaining()].to_vec()),
                        false => out.set(field, value, mask),
                    }
                }
                None => {
                    r.skip("a field", header.payload_bytes)?;
                    out.unknown.push(whole[..whole.len() - r.remaining()].to_vec());
                }
            }
        }
        Ok(out)
    }
}

/// Appends one field as OXM.
fn put_header_and_value(out: &mut Vec<u8>, field: Field, value: u128, mask: Option<u128>) {
    let bytes = field.bytes();
    field.match_header().put(out, if mask.is_some() { 2 * bytes } else { bytes }, mask.is_some());
    out.put_uint(value, bytes);
    if let Some(mask) = mask {
        out.put_uint(mask, bytes);
    }
}

/// The 32-bit registers that a double or quadruple register is a view of, most significant first.
pub fn registers_of(field: Field) -> Option<&'static [Field]> {
    let first_reg = Field::Reg0.index();
    let span = |start: usize, len: usize| Field::ALL.get(first_reg + start..first_reg + start + len);
    let index = field.index();
    if (Field::XReg0.index()..=Field::XReg7.index()).contains(&index) {
        span(2 * (index - Field::XReg0.index()), 2)
    } else if (Field::XxReg0.index()..=Field::XxReg3.index()).contains(&index) {
        span(4 * (index - Field::XxReg0.index()), 4)
    } else {
        None
    }
}

impl fmt::Display for Match {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        crate::text::print::fmt_match(f, self)
    }
}
