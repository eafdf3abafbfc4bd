//! The table of the fields: the one place that knows names, widths, headers and prerequisites.
//!
//! Each row of the table below says how `ovs-ofctl` calls a field, how many bits and wire bytes it has, how its value is
//! written in text, whether actions may write it, whether matches may mask it, what must be matched for it to exist,
//! and its two headers: the Nicira one (NXM), which actions prefer, and the standard one (OXM), which matches prefer.
//! Codec, text, prerequisite checks and fuzz dictionary are all read from it.
//!
//! The order of the rows is the order in which Open vSwitch writes the fields of a match, so a match that is encoded in
//! table order is byte for byte what the switch sends back in a dump.

mod table;
#[cfg(test)]
mod tests;

use std::net::{Ipv4Addr, Ipv6Addr};

use net_types::{MacAddr, OfPort};

use crate::wire::{Problem, Put, Reader, WireError};
pub use table::Field;

/// How the value of a field is written in `ovs-ofctl` text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A plain number.
    Decimal,
    /// A number with `0x`.
    Hex,
    /// `aa:bb:cc:dd:ee:ff`.
    Mac,
    /// Dotted quad, masks as prefix length where contiguous.
    Ipv4,
    /// IPv6 text, masks as prefix length where contiguous.
    Ipv6,
    /// A port number or the name of a reserved port.
    Port,
    /// `no`, `yes`, `first`, `later`, `not_later`.
    Fragment,
    /// `+trk-new`.
    CtState,
    /// `+syn-ack`.
    TcpFlags,
    /// `+oam`.
    TunFlags,
}

/// What a match must say already before it may name a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prereq {
    /// Nothing.
    Any,
    /// A VLAN tag.
    Vlan,
    /// An MPLS Ethertype.
    Mpls,
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
    /// IPv4 or IPv6.
    Ip,
    /// ARP or RARP.
    Arp,
    /// TCP over IP.
    Tcp,
    /// UDP over IP.
    Udp,
    /// SCTP over IP.
    Sctp,
    /// ICMP over IPv4.
    Icmp4,
    /// ICMPv6.
    Icmp6,
    /// A neighbour solicitation or advertisement.
    Nd,
    /// A neighbour solicitation.
    NdSolicit,
    /// A neighbour advertisement.
    NdAdvert,
    /// IPv4 with a valid conntrack tuple.
    CtIpv4,
    /// IPv6 with a valid conntrack tuple.
    CtIpv6,
    /// IP with a valid conntrack tuple.
    CtIp,
    /// A conntrack tuple of a transport with ports.
    CtTransport,
}

/// Number space of a header on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Class 0x0000.
    NxmOf,
    /// Class 0x0001.
    NxmNx,
    /// Class 0x1000.
    Ericsson,
    /// Class 0x8000.
    OxmOf,
    /// Class 0x8001, the double registers.
    PktReg,
    /// Class 0xffff with ONF's experimenter id.
    Onf,
}

/// OXM class that announces an experimenter id behind the header.
const EXPERIMENTER_CLASS: u16 = 0xffff;
/// Experimenter id of the Open Networking Foundation.
pub(crate) const ONF_EXPERIMENTER: u32 = 0x4f4e_4600;

impl Class {
    const fn number(self) -> u16 {
        match self {
            Self::NxmOf => 0x0000,
            Self::NxmNx => 0x0001,
            Self::Ericsson => 0x1000,
            Self::OxmOf => 0x8000,
            Self::PktReg => 0x8001,
            Self::Onf => EXPERIMENTER_CLASS,
        }
    }
}

/// One header under which a field is known on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Number space.
    pub class: Class,
    /// Number within it.
    pub number: u8,
    /// Name in the specifications, which text uses for sub-fields.
    pub name: &'static str,
}

/// One row of the table.
#[derive(Debug)]
pub struct FieldDef {
    /// Name in `ovs-ofctl` text.
    pub name: &'static str,
    /// Further names that text accepts.
    pub aliases: &'static [&'static str],
    /// Bits that have a meaning.
    pub bits: u16,
    /// Bytes on the wire.
    pub bytes: u8,
    /// How values are written.
    pub format: Format,
    /// Whether actions may write the field.
    pub writable: bool,
    /// Whether matches may mask the field.
    pub maskable: bool,
    /// What a match must hold besides.
    pub prereq: Prereq,
    /// Nicira header.
    pub nxm: Option<Header>,
    /// Standard header.
    pub oxm: Option<Header>,
}

impl Field {
    /// Name in `ovs-ofctl` text.
    pub fn name(self) -> &'static str {
        self.def().name
    }

    /// Bits that have a meaning.
    pub fn bits(self) -> u16 {
        self.def().bits
    }

    /// Bytes on the wire.
    pub fn bytes(self) -> usize {
        usize::from(self.def().bytes)
    }

    /// All bits of the field set: the mask of an exact match.
    pub fn full_mask(self) -> u128 {
        u128::MAX >> (128 - self.bits())
    }

    /// Bits that a sub-field can name: all, but for the bit of `vlan_vid` that says "there is a tag", which only matches
    /// and whole values have.
    pub fn subfield_bits(self) -> u16 {
        match self {
            Self::VlanVid => 12,
            _ => self.bits(),
        }
    }

    /// Whether this is one of the Geneve options, whose width is what the option map says.
    pub fn is_tun_metadata(self) -> bool {
        (Self::TunMetadata0..=Self::TunMetadata63).contains(&self)
    }

    /// Header that actions use (sub-fields, moves, pushes).
    pub fn action_header(self) -> Header {
        let def = self.def();
        def.nxm.or(def.oxm).expect("every row of the field table has a header")
    }

    /// Header that matches and set-field use in OpenFlow 1.3.
    pub fn match_header(self) -> Header {
        let def = self.def();
        def.oxm.or(def.nxm).expect("every row of the field table has a header")
    }

    /// The field called `name` in text: its own name, an alias, or the name of one of its headers.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|field| {
            let def = field.def();
            def.name == name
                || def.aliases.contains(&name)
                || [def.nxm, def.oxm].into_iter().flatten().any(|header| header.name == name)
        })
    }
}

impl Header {
    /// Whether the header is followed by an experimenter id.
    pub fn is_experimenter(self) -> bool {
        self.class.number() == EXPERIMENTER_CLASS
    }

    /// Appends the header for `payload_bytes` of value (and mask).
    pub(crate) fn put(self, out: &mut Vec<u8>, payload_bytes: usize, masked: bool) {
        let experimenter_bytes = if self.is_experimenter() { 4 } else { 0 };
        out.put_u16(self.class.number());
        out.put_u8(self.number << 1 | u8::from(masked));
        out.put_uint((payload_bytes + experimenter_bytes) as u128, 1);
        if self.is_experimenter() {
            out.put_u32(ONF_EXPERIMENTER);
        }
    }
}

/// A header read from the wire: of a field of the table, or of one that is not in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WireHeader {
    /// The field, when the table has it with this length.
    pub(crate) field: Option<Field>,
    /// Whether a mask follows the value.
    pub(crate) masked: bool,
    /// Bytes of value and mask together, without an experimenter id.
    pub(crate) payload_bytes: usize,
    /// Bytes of the value.
    pub(crate) value_bytes: usize,
}

impl WireHeader {
    /// Reads a header and the experimenter id that may follow it.
    pub(crate) fn read(r: &mut Reader<'_>) -> Result<Self, WireError> {
        Self::read_if(r, |field, value_bytes| field.bytes() == value_bytes)
    }

    /// As [`WireHeader::read`], where an action says a value: of a tunnel option, leading zero bytes are left out.
    pub(crate) fn read_of_value(r: &mut Reader<'_>) -> Result<Self, WireError> {
        Self::read_if(r, |field, value_bytes| match field.is_tun_metadata() {
            true => value_bytes <= field.bytes(),
            false => value_bytes == field.bytes(),
        })
    }

    fn read_if(r: &mut Reader<'_>, fits: impl Fn(Field, usize) -> bool) -> Result<Self, WireError> {
        let class = r.u16("a field header")?;
        let number_and_mask = r.u8("a field header")?;
        let len = usize::from(r.u8("a field header")?);
        let (number, masked) = (number_and_mask >> 1, number_and_mask & 1 == 1);
        let mut payload_bytes = len;
        let mut known = true;
        if class == EXPERIMENTER_CLASS {
            payload_bytes = len.checked_sub(4).ok_or_else(|| r.bad_length("an experimenter field", len))?;
            known = r.u32("an experimenter id")? == ONF_EXPERIMENTER;
        }
        let value_bytes = if masked { payload_bytes / 2 } else { payload_bytes };
        let whole = !masked || payload_bytes % 2 == 0;
        let field =
            table::by_header(class, number).filter(|field| known && whole && fits(*field, value_bytes));
        Ok(Self { field, masked, payload_bytes, value_bytes })
    }
}

/// Some adjacent bits of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subfield {
    /// The field.
    pub field: Field,
    /// Its lowest bit that belongs to the sub-field.
    pub ofs: u16,
    /// Number of bits.
    pub n_bits: u16,
}

impl Subfield {
    /// Bits `ofs .. ofs + n_bits` of `field`; nothing when the field does not have them.
    pub fn new(field: Field, ofs: u16, n_bits: u16) -> Option<Self> {
        let end = ofs.checked_add(n_bits)?;
        (n_bits > 0 && end <= field.subfield_bits()).then_some(Self { field, ofs, n_bits })
    }

    /// The whole of `field`.
    pub fn all(field: Field) -> Self {
        Self { field, ofs: 0, n_bits: field.subfield_bits() }
    }

    /// Whether this is the whole field.
    pub fn is_all(self) -> bool {
        self.ofs == 0 && self.n_bits == self.field.subfield_bits()
    }

    /// Mask of the sub-field's bits at their place in the field.
    pub fn mask(self) -> u128 {
        (u128::MAX >> (128 - self.n_bits)) << self.ofs
    }

    /// The sub-field's value within a value of the field.
    pub fn get(self, field_value: u128) -> u128 {
        (field_value & self.mask()) >> self.ofs
    }

    /// `field_value` with the sub-field replaced by the low bits of `value`.
    pub fn set(self, field_value: u128, value: u128) -> u128 {
        (field_value & !self.mask()) | ((value << self.ofs) & self.mask())
    }

    /// Reads `ofs << 6 | (n_bits - 1)` and checks it against the field.
    pub(crate) fn from_ofs_nbits(r: &Reader<'_>, field: Field, ofs_nbits: u16) -> Result<Self, WireError> {
        Self::new(field, ofs_nbits >> 6, (ofs_nbits & 0x3f) + 1)
            .ok_or_else(|| r.error(Problem::Value { what: "a bit range", value: ofs_nbits.into() }))
    }

    /// Packs offset and width as the Nicira actions want them (at most 64 bits).
    pub(crate) fn ofs_nbits(self) -> u16 {
        self.ofs << 6 | (self.n_bits - 1) & 0x3f
    }
}

impl From<Field> for Subfield {
    fn from(field: Field) -> Self {
        Self::all(field)
    }
}

/// What can be the value of a field: unsigned numbers and the addresses of the field's format.
pub trait FieldValue {
    /// The bits of the value.
    fn into_bits(self) -> u128;
}

macro_rules! number_values {
    ($($number:ty)+) => {$(
        impl FieldValue for $number {
            fn into_bits(self) -> u128 {
                self.into()
            }
        }
    )+};
}

number_values!(bool u8 u16 u32 u64 u128);

impl FieldValue for MacAddr {
    fn into_bits(self) -> u128 {
        self.to_u64().into()
    }
}

impl FieldValue for Ipv4Addr {
    fn into_bits(self) -> u128 {
        self.to_bits().into()
    }
}

impl FieldValue for Ipv6Addr {
    fn into_bits(self) -> u128 {
        self.to_bits()
    }
}

impl FieldValue for OfPort {
    fn into_bits(self) -> u128 {
        self.get().into()
    }
}
