//! What both sides say became of a packet, in the same terms.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use ofsim::trace::{Outcome, Reason};
use ofsim::{Key, Trace};
use openflow::Field;
use openflow::field::Format;

/// Something that leaves the flow tables.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Sent {
    Port { port: u32, bytes_max: Option<u32> },
    Controller { reason: u8, cookie: u64, id: u16 },
    Ct { zone: u16, commit: bool },
    Recirculated,
}

/// One time through the tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    /// Tables, with the cookie of the flow that decided.
    pub(crate) visits: Vec<(u8, Option<u64>)>,
    pub(crate) sent: Vec<Sent>,
    /// Fields at the end; those that `ofproto/trace` prints and those that are not zero.
    pub(crate) fields: BTreeMap<Field, u128>,
    pub(crate) failed: bool,
}

const ETHERTYPE_MPLS: u16 = 0x8847;

impl Answer {
    /// What the interpreter says. A packet that recirculates is not followed when the switch gives up on it.
    pub(crate) fn of_trace(trace: &Trace) -> Vec<Self> {
        trace
            .passes
            .iter()
            .map(|pass| Self {
                visits: pass
                    .deciding()
                    .map(|(table, entry)| (table, entry.map(|entry| entry.flow.cookie)))
                    .collect(),
                sent: pass.outcomes.iter().flat_map(sent).collect(),
                fields: fields_of(&pass.last),
                failed: pass.failure.is_some(),
            })
            .collect()
    }

    /// What `ofproto/trace` says.
    pub(crate) fn of_text(text: &str, port_numbers: &BTreeMap<u32, u32>) -> Vec<Self> {
        let mut answers = Vec::new();
        let mut visits = Vec::new();
        let (mut first, mut last) = (String::new(), String::new());
        let mut sent = Vec::new();
        let lines = text.lines().peekable();
        for line in lines {
            if let Some(flow) = line.strip_prefix("Flow: ") {
                if !first.is_empty() {
                    answers.push(Self::finished(&mut visits, &mut sent, &last, false));
                }
                first = flow.to_owned();
                last.clear();
            } else if let Some(flow) = line.strip_prefix("Final flow: ") {
                last = if flow == "unchanged" { first.clone() } else { flow.to_owned() };
            } else if let Some(actions) = line.strip_prefix("Datapath actions: ") {
                sent = datapath_actions(actions, port_numbers);
            } else if line.starts_with("Translation failed") {
                answers.push(Self::finished(&mut visits, &mut sent, &last, true));
                first.clear();
            } else if let Some(visit) = table_line(line) {
                visits.push(visit);
            }
        }
        if !first.is_empty() {
            answers.push(Self::finished(&mut visits, &mut sent, &last, false));
        }
        answers
    }

    fn finished(visits: &mut Vec<(u8, Option<u64>)>, sent: &mut Vec<Sent>, last: &str, failed: bool) -> Self {
        let (visits, sent) = (std::mem::take(visits), std::mem::take(sent));
        Self { visits, sent, fields: printed_fields(last), failed }
    }

    /// Whether both say the same; a pass that fails says nothing more than where it failed.
    pub(crate) fn agrees(&self, theirs: &Self) -> bool {
        if self.failed || theirs.failed {
            return self.failed == theirs.failed && self.visits == theirs.visits;
        }
        self.visits == theirs.visits && self.sends_the_same(theirs) && self.same_fields(theirs)
    }

    fn sends_the_same(&self, theirs: &Self) -> bool {
        let flat = |answer: &Self| {
            let mut sent = answer.sent.clone();
            sent.sort();
            sent
        };
        // A flood names the ports in an order of its own.
        self.sent == theirs.sent || (self.sent.len() > 2 && flat(self) == flat(theirs))
    }

    /// What the text does not show: the output of the action set, the key of a tunnel that came without one, the reserved
    /// word of neighbour discovery, an IPv6 tuple; and all of a tunnel without a destination, and the transport of a later fragment. Flows match these and so they are compared
    /// all the same.
    fn is_unprinted(&self, field: Field) -> bool {
        let later = self.fields.get(&Field::IpFrag).is_some_and(|frag| frag & 2 != 0);
        if later && TRANSPORT.contains(&field) {
            return true;
        }
        let never =
            [Field::ActsetOutput, Field::TunId, Field::NdReserved, Field::CtIpv6Src, Field::CtIpv6Dst];
        never.contains(&field) || (is_tunnel(field) && !self.fields.contains_key(&Field::TunDst))
    }

    /// What they print has to be what we have, and what they leave out has to be zero.
    fn same_fields(&self, theirs: &Self) -> bool {
        let ours = |field: &Field| self.fields.get(field).copied().unwrap_or(0);
        theirs.fields.iter().all(|(field, value)| ours(field) == *value)
            && self.fields.keys().all(|field| theirs.fields.contains_key(field) || self.is_unprinted(*field))
    }
}

/// Fields behind the network layer, apart from link-layer addresses, which ARP has too.
pub(crate) const TRANSPORT: RangeInclusive<Field> = Field::TcpSrc..=Field::NdTll;

/// The fields of a tunnel.
fn is_tunnel(field: Field) -> bool {
    (Field::TunId..=Field::TunMetadata63).contains(&field)
}

/// ` 3. reg0=0x1, priority 100, cookie 0x12`
fn table_line(line: &str) -> Option<(u8, Option<u64>)> {
    let (table, rest) = line.trim_start().split_once(". ")?;
    let table = table.parse().ok()?;
    let cookie = rest.rsplit_once("cookie 0x").map(|(_, cookie)| u64::from_str_radix(cookie, 16).unwrap());
    assert!(cookie.is_some() || rest == "No match.", "a flow without cookie: {line}");
    Some((table, cookie))
}

fn sent(outcome: &Outcome) -> Vec<Sent> {
    match outcome {
        Outcome::Output(output) => vec![Sent::Port { port: output.port.get(), bytes_max: output.bytes_max }],
        Outcome::PacketIn(packet_in) => {
            let reason = match packet_in.reason {
                Reason::ApplyAction => 1,
                Reason::InvalidTtl => 2,
                Reason::ActionSet => 3,
                Reason::Group => 4,
                Reason::Miss => 6,
                Reason::Given(reason) => reason,
            };
            vec![Sent::Controller { reason, cookie: packet_in.cookie, id: packet_in.controller.id }]
        }
        Outcome::Tracked(tracking) => {
            let mut sent = vec![Sent::Ct { zone: tracking.zone, commit: tracking.commit }];
            sent.extend(tracking.table.map(|_| Sent::Recirculated));
            sent
        }
        Outcome::Metered(_) | Outcome::Learned(_) => vec![],
    }
}

/// Splits at the commas that are not inside parentheses.
fn split_actions(text: &str) -> Vec<&str> {
    let (mut depth, mut start, mut parts) = (0_i32, 0, Vec::new());
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'(' => depth += 1,
            b')' => depth -= 1,
            b',' if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

fn datapath_actions(text: &str, port_numbers: &BTreeMap<u32, u32>) -> Vec<Sent> {
    let mut out = Vec::new();
    let mut bytes_max = None;
    for action in split_actions(text) {
        if let Ok(number) = action.parse::<u32>() {
            let port = port_numbers[&number];
            out.push(Sent::Port { port, bytes_max: bytes_max.take() });
            continue;
        }
        let (name, inside) = action.split_once('(').unwrap_or((action, ""));
        let inside = inside.strip_suffix(')').unwrap_or(inside);
        let value = |key: &str| {
            let at = split_actions(inside).into_iter().find_map(|part| part.strip_prefix(key));
            at.and_then(|value| value.strip_prefix('='))
        };
        match name {
            "clone" | "gt" | "le" | "check_pkt_len" => out.extend(datapath_actions(inside, port_numbers)),
            "trunc" => bytes_max = Some(inside.parse().unwrap()),
            "recirc" => out.push(Sent::Recirculated),
            "ct" => out.push(Sent::Ct {
                zone: value("zone").map_or(0, |zone| zone.parse().unwrap()),
                commit: split_actions(inside).iter().any(|part| matches!(*part, "commit" | "force_commit")),
            }),
            "userspace" => out.push(controller(inside)),
            _ => {}
        }
    }
    out
}

/// `pid=0,controller(reason=1,dont_send=1,...,rule_cookie=0x1,controller_id=0,max_len=65535)`
fn controller(inside: &str) -> Sent {
    let (_, details) = inside.split_once("controller(").expect("only controllers get packets from userspace");
    let number = |key: &str| {
        let value = details.trim_end_matches(')').split(',').find_map(|part| part.strip_prefix(key)).unwrap();
        match value.strip_prefix("0x") {
            Some(hex) => u64::from_str_radix(hex, 16).unwrap(),
            None => value.parse().unwrap(),
        }
    };
    Sent::Controller {
        reason: u8::try_from(number("reason=")).unwrap(),
        cookie: number("rule_cookie="),
        id: u16::try_from(number("controller_id=")).unwrap(),
    }
}

/// Fields that several names print are compared under one of them.
fn same_storage(field: Field) -> Field {
    use Field as F;
    match field {
        F::InPort16 => F::InPort,
        F::ArpSpa => F::Ipv4Src,
        F::ArpTpa => F::Ipv4Dst,
        F::ArpOp => F::IpProto,
        F::ArpSha | F::NdSll => F::ArpSha,
        F::ArpTha | F::NdTll => F::ArpTha,
        F::UdpSrc | F::SctpSrc | F::IcmpType | F::Icmp6Type => F::TcpSrc,
        F::UdpDst | F::SctpDst | F::IcmpCode | F::Icmp6Code => F::TcpDst,
        other => other,
    }
}

fn fields_of(key: &Key) -> BTreeMap<Field, u128> {
    let plain = Field::ALL.iter().take_while(|field| **field != Field::InPort16);
    let there = plain.filter(|field| {
        key.meets(field.def().prereq)
            && !matches!(field, Field::NdOptionsType | Field::VlanVid | Field::VlanPcp)
    });
    let mut fields: BTreeMap<Field, u128> =
        there.map(|&field| (same_storage(field), key.get(field))).collect();
    fields.insert(Field::VlanTci, key.get(Field::VlanTci));
    if key.ct_state & ofsim::key::ct_state::VALID == 0 || key.net.ct.proto == 0 {
        let tuple = [Field::CtNwSrc, Field::CtNwDst, Field::CtIpv6Src, Field::CtIpv6Dst, Field::CtNwProto];
        tuple.into_iter().chain([Field::CtTpSrc, Field::CtTpDst]).for_each(|field| {
            fields.remove(&field);
        });
    }
    fields.retain(|_, value| *value != 0);
    fields
}

/// The fields of a printed flow.
fn printed_fields(text: &str) -> BTreeMap<Field, u128> {
    let mut fields = BTreeMap::new();
    let mut tci = 0;
    let name_protocol = |token: &str, fields: &mut BTreeMap<Field, u128>| {
        let (ethertype, proto) = match token {
            "ip" => (0x0800, None),
            "ipv6" => (0x86dd, None),
            "arp" => (0x0806, None),
            "tcp" => (0x0800, Some(6)),
            "udp" => (0x0800, Some(17)),
            "sctp" => (0x0800, Some(132)),
            "icmp" => (0x0800, Some(1)),
            "tcp6" => (0x86dd, Some(6)),
            "udp6" => (0x86dd, Some(17)),
            "sctp6" => (0x86dd, Some(132)),
            "icmp6" => (0x86dd, Some(58)),
            "mpls" => (ETHERTYPE_MPLS.into(), None),
            _ => return,
        };
        fields.insert(Field::EthType, ethertype);
        if let Some(proto) = proto {
            fields.insert(Field::IpProto, proto);
        }
    };
    for token in text.split(',') {
        let Some((name, value)) = token.split_once('=') else {
            name_protocol(token, &mut fields);
            continue;
        };
        match name {
            "dl_vlan" => tci |= 0x1000 | value.parse::<u128>().unwrap(),
            "dl_vlan_pcp" => tci |= value.parse::<u128>().unwrap() << 13,
            "nw_tos" => drop(fields.insert(Field::IpDscp, value.parse::<u128>().unwrap() >> 2)),
            "vlan_tci" => tci = number(value),
            _ => {
                if let Some(field) = Field::by_name(name) {
                    fields.insert(same_storage(field), parse_value(field, value));
                }
            }
        }
    }
    fields.insert(Field::VlanTci, tci);
    fields
}

fn number(text: &str) -> u128 {
    match text.strip_prefix("0x") {
        Some(hex) => u128::from_str_radix(hex, 16).unwrap_or_else(|_| panic!("not a number: {text}")),
        None => text.parse().unwrap_or_else(|_| panic!("not a number: {text}")),
    }
}

fn flags(text: &str, names: &[(&str, u128)]) -> u128 {
    let bit = |name: &str| {
        names.iter().find(|(known, _)| *known == name).map_or_else(|| number(name), |(_, bit)| *bit)
    };
    text.split('|').map(bit).fold(0, |all, bit| all | bit)
}

fn parse_value(field: Field, text: &str) -> u128 {
    match field.def().format {
        Format::Mac => {
            text.split(':').fold(0, |value, byte| value << 8 | u128::from_str_radix(byte, 16).unwrap())
        }
        Format::Ipv4 => text.parse::<std::net::Ipv4Addr>().unwrap().to_bits().into(),
        Format::Ipv6 => text.parse::<std::net::Ipv6Addr>().unwrap().to_bits(),
        Format::Port => text.parse::<net_types::OfPort>().unwrap().get().into(),
        Format::Fragment => match text {
            "no" => 0,
            "first" => 1,
            "later" => 3,
            _ => panic!("not a fragment: {text}"),
        },
        Format::CtState => flags(
            text,
            &[
                ("new", 1),
                ("est", 2),
                ("rel", 4),
                ("rpl", 8),
                ("inv", 16),
                ("trk", 32),
                ("snat", 64),
                ("dnat", 128),
            ],
        ),
        Format::TcpFlags => flags(
            text,
            &[
                ("fin", 1),
                ("syn", 2),
                ("rst", 4),
                ("psh", 8),
                ("ack", 16),
                ("urg", 32),
                ("ece", 64),
                ("cwr", 128),
            ],
        ),
        Format::TunFlags => flags(text, &[("oam", 1)]),
        Format::Decimal | Format::Hex => number(text),
    }
}

/// The packet as `ofproto/trace` wants to be told.
pub(crate) fn describe(fields: &[(Field, u128)]) -> String {
    let value = |field: Field, value: u128| {
        let low32 = u32::try_from(value & 0xffff_ffff).unwrap();
        match field.def().format {
            Format::Mac => {
                let bytes = value.to_be_bytes();
                bytes[10..].iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":")
            }
            Format::Ipv4 => std::net::Ipv4Addr::from_bits(low32).to_string(),
            Format::Ipv6 => std::net::Ipv6Addr::from_bits(value).to_string(),
            Format::Fragment => if value == 1 { "first" } else { "later" }.to_owned(),
            Format::Decimal | Format::Port => value.to_string(),
            _ => format!("{value:#x}"),
        }
    };
    let text = |(field, bits): &(Field, u128)| {
        let name = if *field == Field::InPort { "in_port" } else { field.name() };
        format!("{name}={}", value(*field, *bits))
    };
    fields.iter().map(text).collect::<Vec<_>>().join(",")
}
