//! Matches, in the order and with the names of Open vSwitch.
//!
//! Its order is neither that of the wire nor that of the field table; a test checks that each field has a place.

use std::fmt::{self, Display, Formatter, Result};

use super::List;
use crate::Field;
use crate::field::Format;
use crate::matching::{Masked, Match, VLAN_PRESENT};
use crate::text::flags::{TUN_FLAGS, fmt_signed};
use crate::text::protocol;
use crate::text::value::{Dotted, Value};

/// What is printed at one place of a match.
enum Step {
    /// A field, if there is one.
    One(Field),
    /// All fields of the table from the first to the second.
    Run(Field, Field),
    /// The word for the protocol: `ip`, `tcp6`, `arp` …
    Protocol,
    /// `dl_vlan` and `dl_vlan_pcp`, or `vlan_tci` where those cannot say it.
    Vlan,
    /// `dl_type`, unless a word says it.
    EthType,
    /// `nw_proto`, unless a word says it.
    IpProto,
}

use Step::{One, Run};

static ORDER: &[Step] = &[
    One(Field::PktMark),
    One(Field::ConjId),
    One(Field::ActsetOutput),
    Run(Field::CtState, Field::CtTpDst),
    Step::Protocol,
    Run(Field::Reg0, Field::Reg15),
    One(Field::TunId),
    Run(Field::TunSrc, Field::TunGbpFlags),
    One(Field::TunFlags),
    Run(Field::TunMetadata0, Field::TunMetadata63),
    One(Field::Metadata),
    One(Field::InPort),
    Step::Vlan,
    One(Field::EthSrc),
    One(Field::EthDst),
    Step::EthType,
    Run(Field::Ipv6Src, Field::Ipv6Dst),
    One(Field::Ipv6Label),
    One(Field::ArpSpa),
    One(Field::ArpTpa),
    Run(Field::Ipv4Src, Field::Ipv4Dst),
    Step::IpProto,
    One(Field::ArpOp),
    One(Field::ArpSha),
    One(Field::ArpTha),
    One(Field::IpDscp),
    One(Field::IpEcn),
    One(Field::IpTtl),
    One(Field::MplsLabel),
    One(Field::MplsTc),
    One(Field::MplsTtl),
    One(Field::MplsBos),
    One(Field::IpFrag),
    Run(Field::IcmpType, Field::Icmp6Code),
    One(Field::NdTarget),
    One(Field::NdSll),
    One(Field::NdTll),
    One(Field::NdReserved),
    One(Field::NdOptionsType),
    One(Field::TcpSrc),
    One(Field::TcpDst),
    Run(Field::UdpSrc, Field::SctpDst),
    One(Field::TcpFlags),
];

/// Writes the items of a match.
pub(super) fn write(out: &mut List<'_, '_>, matching: &Match) -> Result {
    let word = protocol::word_of(matching);
    for step in ORDER {
        match *step {
            One(field) => write_one(out, matching, field)?,
            Run(first, last) => {
                for entry in matching.fields().iter().filter(|e| (first..=last).contains(&e.field)) {
                    write_entry(out, entry)?;
                }
            }
            Step::Protocol => {
                if let Some(word) = word {
                    out.item(format_args!("{}", word.name))?;
                }
            }
            Step::Vlan => write_vlan(out, matching)?,
            Step::EthType if word.is_none() => write_one(out, matching, Field::EthType)?,
            Step::IpProto if word.is_none_or(|word| word.ip_proto.is_none()) => {
                write_one(out, matching, Field::IpProto)?;
            }
            Step::EthType | Step::IpProto => {}
        }
    }
    matching.unknown().iter().try_for_each(|bytes| out.item(format_args!("unknown({})", Dotted(bytes))))
}

fn write_one(out: &mut List<'_, '_>, matching: &Match, field: Field) -> Result {
    match matching.get(field) {
        Some(entry) => write_entry(out, entry),
        None => Ok(()),
    }
}

fn write_entry(out: &mut List<'_, '_>, entry: &Masked) -> Result {
    out.item(format_args!("{}={}", name(entry.field), InMatch(entry)))
}

fn write_vlan(out: &mut List<'_, '_>, matching: &Match) -> Result {
    let part = |field| matching.get(field).map_or((0, 0), |entry| (entry.value, entry.mask));
    let ((vid, vid_mask), (pcp, pcp_mask)) = (part(Field::VlanVid), part(Field::VlanPcp));
    let (id, id_mask) = (vid & !VLAN_PRESENT, vid_mask & !VLAN_PRESENT);
    let tagged = vid & vid_mask & VLAN_PRESENT != 0;
    if tagged && matches!(id_mask, 0 | 0xfff) && matches!(pcp_mask, 0 | 7) && (id_mask | pcp_mask) != 0 {
        out.item_if(id_mask != 0, format_args!("dl_vlan={id}"))?;
        return out.item_if(pcp_mask != 0, format_args!("dl_vlan_pcp={pcp}"));
    }
    let (tci, mask) = (vid | pcp << 13, vid_mask | pcp_mask << 13);
    match mask {
        0 => Ok(()),
        0xffff => out.item(format_args!("vlan_tci={tci:#06x}")),
        _ => out.item(format_args!("vlan_tci={tci:#06x}/{mask:#06x}")),
    }
}

/// What a match calls a field: Open vSwitch keeps to the names of OpenFlow 1.0 there.
fn name(field: Field) -> &'static str {
    match field {
        Field::InPort => "in_port",
        Field::EthSrc => "dl_src",
        Field::EthDst => "dl_dst",
        Field::EthType => "dl_type",
        Field::Ipv4Src => "nw_src",
        Field::Ipv4Dst => "nw_dst",
        Field::IpDscp => "nw_tos",
        Field::IpFrag => "nw_frag",
        Field::TcpSrc | Field::UdpSrc | Field::SctpSrc => "tp_src",
        Field::TcpDst | Field::UdpDst | Field::SctpDst => "tp_dst",
        Field::Icmp6Type => "icmp_type",
        Field::Icmp6Code => "icmp_code",
        _ => field.name(),
    }
}

/// A value as matches write it.
struct InMatch<'a>(&'a Masked);

impl Display for InMatch<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Masked { field, value, mask } = *self.0;
        let exact = self.0.is_exact();
        match field {
            // No switch masks these; who does is shown a mask, and not a value that is not meant.
            Field::EthType | Field::CtZone if !exact => write!(f, "{value:#x}/{mask:#x}"),
            Field::IpDscp if !exact => write!(f, "{:#x}/{:#x}", value << 2, mask << 2),
            Field::EthType => write!(f, "{value:#06x}"),
            Field::CtZone => write!(f, "{value}"),
            Field::IpDscp => write!(f, "{}", value << 2),
            // Open vSwitch knows more bits here than OpenFlow can name, so none of its masks is complete.
            Field::TunFlags => fmt_signed(f, TUN_FLAGS, value, mask),
            Field::Ipv6Label if exact => write!(f, "{value:#07x}"),
            Field::Ipv6Label => write!(f, "{value:#07x}/{mask:#07x}"),
            _ if field.def().format == Format::Decimal && !exact => write!(f, "{value:#x}/{mask:#x}"),
            _ => write!(f, "{}", Value { field, value, mask }),
        }
    }
}
