//! Ports of floating IPs that stand for ports of guests.
//!
//! # Guarantees
//! - They are translated on the node of the router's gateway, by rewriting alone: what is sent to such a port goes to the guest's, and what
//!   the guest sends from it leaves with the floating IP and its port, also where the guest speaks first. Everything else of the guest
//!   leaves as that of its neighbours does.
//! - Of ICMP, pings of the floating IP are answered by the guest. Protocols without ports, other than ICMP, are not forwarded.
//! - A rule that is taken away is dead with its flows, and so are its connections. Nothing else that is sent to the address is delivered.
//!
//! # Cost
//! A range is the fewest blocks that masks can express, two flows each: one, where both sides begin at a multiple of the length.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use engine::{Sink, View};
use model::{FloatingIp, PortForwarding};
use openflow::action::Action;
use openflow::field::Subfield;
use openflow::{Field, Match};
use packet::translate::End;
use packet::{ethertype, icmp, ip_proto};
use pipeline::tables::{ARRIVE, EXTERNAL, NEIGHBOR, ROUTE};
use pipeline::{FlowBuilder, regs};

use super::external::{self, Floating, TRANSLATED, outward};
use super::route::forwarded;
use super::{announce, limits, quotes};

/// Ports on both sides that have as many last bits in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Block {
    outer: u16,
    inner: u16,
    bits: u16,
}

/// The fewest blocks that a range is made of.
fn blocks(outer: u16, inner: u16, count: u16) -> Vec<Block> {
    let room = |first: u16| u32::from(u16::MAX - first) + 1;
    let mut left = u32::from(count).min(room(outer)).min(room(inner));
    let (mut outer, mut inner) = (outer, inner);
    let mut blocks = Vec::new();
    while let Some(longest) = left.checked_ilog2() {
        // A port of 0 has all its bits in common with itself.
        let bits = (u32::from(outer | inner) | 1 << 16).trailing_zeros().min(longest);
        blocks.push(Block { outer, inner, bits: u16::try_from(bits).unwrap_or_default() });
        let step = 1_u32 << bits;
        left -= step;
        let after = |port: u16| u16::try_from(u32::from(port) + step).unwrap_or_default();
        (outer, inner) = (after(outer), after(inner));
    }
    blocks
}

/// The ports of a floating IP, on the node where they are translated.
pub(super) fn floating_ip(view: &mut View<'_>, row: &FloatingIp, sink: &mut Sink) {
    if row.lport.is_some() || row.fixed_ip_address.is_some() {
        return;
    }
    let rules = known(view, row);
    if rules.is_empty() {
        return;
    }
    let Some(floating) = external::known(view, row) else { return };
    let limits = limits::of_floating_ip(view, row, &floating.leg.port, &floating.leg.network, sink);
    let mut said = BTreeSet::new();
    let mut guests = BTreeSet::new();
    for rule in &rules {
        let IpAddr::V4(guest) = rule.internal_ip else { continue };
        guests.insert(guest);
        for way in ways(rule) {
            if !said.insert((rule.protocol, way.inward)) {
                sink.problem(format!(
                    "port {} of the floating IP is forwarded twice; the first rule counts",
                    rule.external_port
                ));
                continue;
            }
            sink.flow(&ARRIVE, TRANSLATED, |flow| {
                let flow = flow.matching(way.sent_to(&floating));
                let flow = floating.inside.enter(flow.when(&regs::EGRESS_PORT, floating.leg.key.into()));
                let flow = flow.set(&regs::IS_FOR_GATEWAY, 0).action(Action::set(Field::Ipv4Dst, guest));
                limits.inward(ported(flow, way.inward_port.as_ref())).goto(&ROUTE)
            });
            if !said.insert((rule.protocol, Matched { guest: Some(guest), ..way.outward })) {
                continue;
            }
            sink.flow(&EXTERNAL, TRANSLATED, |flow| {
                let matching = way.sent_by(guest);
                let flow = outward(flow.matching(matching), &floating.router, &floating.network);
                let flow = forwarded(flow, &floating.leg).action(Action::set(Field::Ipv4Src, floating.ip));
                limits.outward(ported(flow, way.outward_port.as_ref())).goto(&NEIGHBOR)
            });
        }
    }
    quotes::flows(view, &floating, &guests, sink);
    announce::address(view, &floating.network, IpAddr::V4(floating.ip), floating.leg.mac, sink);
    sink.ready(&floating.leg.port);
}

/// What guests send that leaves with the ports of a floating IP.
pub(super) fn sent(view: &mut View<'_>, row: &FloatingIp) -> Vec<Match> {
    let mut sent = BTreeMap::new();
    for rule in known(view, row) {
        let IpAddr::V4(guest) = rule.internal_ip else { continue };
        for way in ways(&rule) {
            let key = (rule.protocol, Matched { guest: Some(guest), ..way.outward });
            sent.entry(key).or_insert_with(|| way.sent_by(guest));
        }
        // Errors are about packets of such a port, or nobody's.
        for kind in packet::translate::ICMP_ERRORS {
            let matched =
                Matched { guest: Some(guest), is_outward: true, value: kind.into(), mask: u16::MAX };
            sent.entry((ip_proto::ICMP, matched)).or_insert_with(|| error_of(guest, kind));
        }
    }
    sent.into_values().collect()
}

fn error_of(guest: Ipv4Addr, kind: u8) -> Match {
    let from = Match::new().with(Field::EthType, ethertype::IPV4).with(Field::Ipv4Src, guest);
    from.with(Field::IpProto, ip_proto::ICMP).with(Field::IcmpType, kind)
}

/// The rules of a floating IP that lead to ports which exist.
fn known(view: &mut View<'_>, row: &FloatingIp) -> Vec<std::sync::Arc<PortForwarding>> {
    let mut rules = view.by(&PortForwarding::BY_FLOATING_IP, row.id.clone());
    rules.retain(|rule| view.get(&rule.lport).is_some());
    rules
}

/// What a flow matches besides addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Matched {
    guest: Option<Ipv4Addr>,
    is_outward: bool,
    value: u16,
    mask: u16,
}

/// A part of a rule: what is matched and set, in both directions.
struct Way {
    proto: u8,
    inward: Matched,
    outward: Matched,
    inward_port: Option<Action>,
    outward_port: Option<Action>,
}

/// The fields of ports of a protocol: source and destination.
const fn fields(proto: u8) -> Option<(Field, Field)> {
    match proto {
        ip_proto::TCP => Some((Field::TcpSrc, Field::TcpDst)),
        ip_proto::UDP => Some((Field::UdpSrc, Field::UdpDst)),
        ip_proto::SCTP => Some((Field::SctpSrc, Field::SctpDst)),
        _ => None,
    }
}

fn ways(rule: &PortForwarding) -> Vec<Way> {
    let matched = |is_outward, value, mask| Matched { guest: None, is_outward, value, mask };
    if rule.protocol == ip_proto::ICMP {
        return vec![Way {
            proto: rule.protocol,
            inward: matched(false, icmp::v4::ECHO_REQUEST.into(), u16::MAX),
            outward: matched(true, icmp::v4::ECHO_REPLY.into(), u16::MAX),
            inward_port: None,
            outward_port: None,
        }];
    }
    let Some((src, dst)) = fields(rule.protocol) else { return Vec::new() };
    let way = |block: Block| {
        let mask = u16::MAX.checked_shl(block.bits.into()).unwrap_or_default();
        let change = |field, from: u16, to: u16| (from != to).then(|| load(field, block.bits, to));
        Way {
            proto: rule.protocol,
            inward: matched(false, block.outer, mask),
            outward: matched(true, block.inner, mask),
            inward_port: change(dst, block.outer, block.inner),
            outward_port: change(src, block.inner, block.outer),
        }
    };
    blocks(rule.external_port, rule.internal_port, rule.count).into_iter().map(way).collect()
}

/// Gives a port all bits of another but the last ones.
fn load(field: Field, bits: u16, port: u16) -> Action {
    match bits {
        0 => Action::set(field, port),
        _ => Action::load(Subfield { field, ofs: bits, n_bits: 16 - bits }, u64::from(port >> bits)),
    }
}

fn ported(flow: FlowBuilder, action: Option<&Action>) -> FlowBuilder {
    action.cloned().into_iter().fold(flow, FlowBuilder::action)
}

impl Way {
    fn sent_to(&self, floating: &Floating) -> Match {
        let to = Match::new().with(Field::EthType, ethertype::IPV4).with(Field::Ipv4Dst, floating.ip);
        self.matching(to, self.inward, fields(self.proto).map(|(_, dst)| dst))
    }

    fn sent_by(&self, guest: Ipv4Addr) -> Match {
        let from = Match::new().with(Field::EthType, ethertype::IPV4).with(Field::Ipv4Src, guest);
        self.matching(from, self.outward, fields(self.proto).map(|(src, _)| src))
    }

    fn matching(&self, matching: Match, matched: Matched, port: Option<Field>) -> Match {
        let matching = matching.with(Field::IpProto, self.proto);
        match port {
            Some(field) => matching.with_masked(field, matched.value, matched.mask),
            None => matching.with(Field::IcmpType, u8::try_from(matched.value).unwrap_or_default()),
        }
    }
}

/// The end behind an end of a floating IP.
pub(super) fn inside_of(view: &mut View<'_>, row: &FloatingIp, end: End) -> Option<End> {
    if row.floating_ip_address != Some(IpAddr::V4(end.ip)) {
        return None;
    }
    if let Some(IpAddr::V4(ip)) = row.fixed_ip_address {
        return Some(End { ip, ..end });
    }
    known(view, row).iter().find_map(|rule| {
        let IpAddr::V4(ip) = rule.internal_ip else { return None };
        let port = moved(rule, end, rule.external_port, rule.internal_port)?;
        Some(End { ip, port, ..end })
    })
}

/// The end of a floating IP that stands for an end of a guest.
pub(super) fn outside_of(view: &mut View<'_>, row: &FloatingIp, end: End) -> Option<End> {
    let IpAddr::V4(ip) = row.floating_ip_address? else { return None };
    if let Some(fixed) = row.fixed_ip_address {
        return (fixed == IpAddr::V4(end.ip)).then_some(End { ip, ..end });
    }
    known(view, row).iter().filter(|rule| rule.internal_ip == IpAddr::V4(end.ip)).find_map(|rule| {
        let port = moved(rule, end, rule.internal_port, rule.external_port)?;
        Some(End { ip, port, ..end })
    })
}

/// The port that a rule has for one, from one side to the other; nothing, if the rule does not speak of it.
fn moved(rule: &PortForwarding, end: End, from: u16, to: u16) -> Option<Option<u16>> {
    match end.port {
        _ if rule.protocol != end.proto => None,
        None => (end.proto == ip_proto::ICMP).then_some(None),
        Some(port) => {
            let offset = port.checked_sub(from).filter(|offset| *offset < rule.count)?;
            to.checked_add(offset).map(Some)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn as_tuples(outer: u16, inner: u16, count: u16) -> Vec<(u16, u16, u16)> {
        let tuple = |block: Block| (block.outer, block.inner, block.bits);
        blocks(outer, inner, count).into_iter().map(tuple).collect()
    }

    #[test]
    fn a_range_is_the_fewest_blocks_that_masks_express() {
        assert_eq!(as_tuples(8080, 80, 1), [(8080, 80, 0)]);
        assert_eq!(as_tuples(1024, 2048, 1024), [(1024, 2048, 10)]);
        assert_eq!(as_tuples(1023, 2047, 4), [(1023, 2047, 0), (1024, 2048, 1), (1026, 2050, 0)]);
        assert_eq!(as_tuples(1000, 1001, 3), [(1000, 1001, 0), (1001, 1002, 0), (1002, 1003, 0)]);
        assert_eq!(as_tuples(65_534, 65_534, 9), [(65_534, 65_534, 1)], "there are no more ports");
        assert_eq!(as_tuples(1, 1, 0), []);
    }

    #[test]
    fn blocks_cover_a_range_and_nothing_else() {
        for (outer, inner, count) in [(1, 1, u16::MAX), (0, 0, u16::MAX), (3, 1003, 5000), (7, 8, 100)] {
            let mut covered = Vec::new();
            for block in blocks(outer, inner, count) {
                covered.extend(
                    (0..1_u32 << block.bits)
                        .map(|n| (u32::from(block.outer) + n, u32::from(block.inner) + n)),
                );
            }
            let expected = (0..u32::from(count)).map(|n| (u32::from(outer) + n, u32::from(inner) + n));
            assert!(covered.into_iter().eq(expected), "{outer} {inner} {count}");
        }
    }
}
