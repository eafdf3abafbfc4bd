//! Matches.
//!
//! Some names mean another field for each protocol (`tp_dst`, `icmp_type`, `nw_src`), and the protocol may be said behind
//! them. So values are read only when the whole match was seen.

use super::value::{Parsed, fitting, subfield, value};
use crate::Field;
use crate::field::Prereq;
use crate::matching::{Masked, Match, VLAN_PRESENT};
use crate::text::protocol::WORDS;
use crate::text::reference::prereq_words;
use crate::text::source::{Done, Form, Item, Piece, TextError};
use crate::wire::Reader;

/// What OpenFlow 1.0 calls the VLAN of a packet without a tag.
const NO_VLAN: u128 = 0xffff;

/// A match that is being read.
#[derive(Debug, Default)]
pub(super) struct Reading<'a> {
    matching: Match,
    named: Vec<(Field, Item<'a>)>,
    unknown: Vec<(Piece<'a>, Vec<u8>)>,
}

/// Reads a match without anything else.
pub(in crate::text) fn matching(text: Piece<'_>) -> Result<Match, TextError> {
    let mut reading = Reading::default();
    let mut items = text.items();
    while let Some(item) = items.next()? {
        reading.add(item)?;
    }
    reading.finish()
}

impl<'a> Reading<'a> {
    /// Adds one item of the match.
    pub(super) fn add(&mut self, item: Item<'a>) -> Done {
        let key = item.key.as_str();
        if item.form == Form::Bare {
            if key == "eth" {
                return Ok(());
            }
            if let Some(word) = WORDS.iter().find(|word| word.name == key) {
                self.require(item.key, Field::EthType, word.eth_type.into(), Field::EthType.full_mask())?;
                return match word.ip_proto {
                    Some(proto) => {
                        self.whole(item.key, Field::IpProto, proto.into(), Field::IpProto.full_mask())
                    }
                    None => Ok(()),
                };
            }
        }
        match key {
            "dl_vlan" => return self.add_vlan(item),
            "dl_vlan_pcp" | "vlan_pcp" => return self.add_vlan_priority(item),
            "unknown" => {
                self.unknown.push((item.value, item.value.hex_bytes()?));
                return Ok(());
            }
            _ if key.contains('[') => return self.add_subfield(item),
            _ => {}
        }
        let field = Field::by_name(key).ok_or_else(|| item.key.expected("a field or a keyword of a flow"))?;
        match item.value.as_str() {
            "" => Err(item.value.expected(&format!("{key}=, a value"))),
            "*" => Ok(()),
            _ if field == Field::EthType => self.add_named(field, item),
            _ => {
                self.named.push((field, item));
                Ok(())
            }
        }
    }

    fn add_vlan(&mut self, item: Item<'_>) -> Done {
        match fitting(item.value, NO_VLAN, "a VLAN")? {
            NO_VLAN => self.whole(item.key, Field::VlanVid, 0, Field::VlanVid.full_mask()),
            vlan if vlan < VLAN_PRESENT => {
                self.require(item.key, Field::VlanVid, vlan | VLAN_PRESENT, Field::VlanVid.full_mask())
            }
            _ => Err(item.value.expected("a VLAN below 4096, or 0xffff for none")),
        }
    }

    fn add_vlan_priority(&mut self, item: Item<'_>) -> Done {
        let priority = fitting(item.value, Field::VlanPcp.full_mask(), "a VLAN priority")?;
        self.require(item.key, Field::VlanVid, VLAN_PRESENT, VLAN_PRESENT)?;
        self.whole(item.key, Field::VlanPcp, priority, Field::VlanPcp.full_mask())
    }

    fn add_subfield(&mut self, item: Item<'_>) -> Done {
        let part = subfield(item.key)?;
        let limit = part.mask() >> part.ofs;
        let value = fitting(item.value, limit, &format!("a value of {} bits", part.n_bits))?;
        check_vlan_tci(item, part.field, value << part.ofs, part.mask())?;
        self.require(item.key, part.field, value << part.ofs, part.mask())
    }

    /// Adds an item whose field is clear.
    fn add_named(&mut self, field: Field, item: Item<'_>) -> Done {
        let Parsed { value, mask } = value(field, item.value)?;
        let target = self.resolve(field);
        let full = field.full_mask();
        let mask = mask.map_or(full, |mask| mask & full);
        if mask != full && mask != 0 && !target.def().maskable {
            return Err(item.value.error(format!("{} cannot be masked", item.key.as_str())));
        }
        if mask == 0 {
            return match field.is_tun_metadata() {
                true => Err(item
                    .value
                    .error("whether a Geneve option is there cannot be matched: match some bits of it")),
                false => Ok(()),
            };
        }
        let mask = if mask == full { target.full_mask() } else { mask };
        if value > target.full_mask() || field == Field::IpTos && value & 3 != 0 {
            return Err(item.value.expected(&format!("a value of {}", target.name())));
        }
        check_vlan_tci(item, target, value, mask)?;
        match target {
            Field::VlanTci | Field::VlanVid => self.require(item.key, target, value, mask),
            _ => self.whole(item.key, target, value, mask),
        }
    }

    /// The field that the name of `field` means for the protocol of this match.
    fn resolve(&self, field: Field) -> Field {
        let meets = |prereq| self.matching.meets(prereq);
        let arp = meets(Prereq::Arp);
        let transport = |tcp, udp, sctp, icmp, icmp6| {
            [
                (Prereq::Tcp, tcp),
                (Prereq::Udp, udp),
                (Prereq::Sctp, sctp),
                (Prereq::Icmp4, icmp),
                (Prereq::Icmp6, icmp6),
            ]
            .into_iter()
            .find(|(prereq, _)| meets(*prereq))
            .map_or(field, |(_, field)| field)
        };
        match field {
            Field::Ipv4Src if arp => Field::ArpSpa,
            Field::Ipv4Dst if arp => Field::ArpTpa,
            Field::IpProto if arp => Field::ArpOp,
            Field::TcpSrc | Field::UdpSrc | Field::SctpSrc => {
                transport(Field::TcpSrc, Field::UdpSrc, Field::SctpSrc, Field::IcmpType, Field::Icmp6Type)
            }
            Field::TcpDst | Field::UdpDst | Field::SctpDst => {
                transport(Field::TcpDst, Field::UdpDst, Field::SctpDst, Field::IcmpCode, Field::Icmp6Code)
            }
            Field::IcmpType if meets(Prereq::Icmp6) => Field::Icmp6Type,
            Field::IcmpCode if meets(Prereq::Icmp6) => Field::Icmp6Code,
            _ => field,
        }
    }

    /// Requires bits, unless other values were required of them already.
    fn require(&mut self, key: Piece<'_>, field: Field, value: u128, mask: u128) -> Done {
        let addition = Match::new().with_masked(field, value, mask);
        let clash = |new: &Masked| {
            self.matching.get(new.field).is_some_and(|old| (old.value ^ new.value) & old.mask & new.mask != 0)
        };
        if addition.fields().iter().any(clash) {
            return Err(key.error(format!("{} contradicts what the match says already", key.quoted())));
        }
        self.matching.set(field, value, mask);
        Ok(())
    }

    /// Requires a field as a whole: said again, it must say the same.
    fn whole(&mut self, key: Piece<'_>, field: Field, value: u128, mask: u128) -> Done {
        let addition = Match::new().with_masked(field, value, mask);
        let clash = |new: &Masked| self.matching.get(new.field).is_some_and(|old| old != new);
        if addition.fields().iter().any(clash) {
            return Err(key.error(format!("{} contradicts what the match says already", key.quoted())));
        }
        self.matching.set(field, value, mask);
        Ok(())
    }

    /// The match, when all of it was seen.
    pub(super) fn finish(mut self) -> Result<Match, TextError> {
        let (protocol, rest): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.named).into_iter().partition(|(field, _)| *field == Field::IpProto);
        for (field, item) in protocol.iter().chain(&rest) {
            self.add_named(*field, *item)?;
        }
        if let Some(field) = self.matching.missing_prerequisite() {
            let culprit = rest.iter().find(|(named, _)| self.resolve(*named) == field);
            let place = culprit.map_or(Piece::new(""), |(_, item)| item.key);
            return Err(place.error(format!(
                "a match of {} needs {}",
                field.name(),
                prereq_words(field.def().prereq)
            )));
        }
        if self.unknown.is_empty() {
            return Ok(self.matching);
        }
        let mut fields = Vec::new();
        self.matching.encode_fields(&mut fields);
        for (place, bytes) in &self.unknown {
            Match::decode_fields(&mut Reader::new(bytes))
                .map_err(|error| place.error(format!("these bytes are no field: {error}")))?;
            fields.extend_from_slice(bytes);
        }
        Match::decode_fields(&mut Reader::new(&fields))
            .map_err(|error| Piece::new("").error(format!("the match does not encode: {error}")))
    }
}

/// OpenFlow 1.3 can match the priority in a tag only of tagged packets and only as a whole.
fn check_vlan_tci(item: Item<'_>, field: Field, value: u128, mask: u128) -> Done {
    let priority_mask = mask >> 13;
    let tagged = value & mask & VLAN_PRESENT != 0;
    let untagged = value & mask == 0 && mask & VLAN_PRESENT != 0;
    if field != Field::VlanTci || priority_mask == 0 || priority_mask == 7 && tagged || untagged {
        return Ok(());
    }
    Err(item
        .value
        .error("a VLAN priority can be matched only whole, and only where 0x1000 says that there is a tag"))
}
