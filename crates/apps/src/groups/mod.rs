//! Security groups: what may reach a port and what it may reach, by rules that many ports share.
//!
//! # Guarantees
//! - A filtered port (see [`crate::filter`]) sends and is sent what a rule of any of its groups permits, and answers to that.
//!   Errors about a permitted connection (ICMP) pass; packets that belong to no connection and begin none do not.
//! - What a port needs to have and keep an address is never cut: ARP, neighbour discovery, router solicitations and
//!   advertisements, multicast listener messages and those of IGMP, and what a DHCP server answers. Who may send such a thing is decided by port security.
//! - No guest is a DHCP server in pieces of datagrams either, of which port security sees no ports, where its groups follow connections.
//! - Taking a rule away ends the connections that no other rule permits, with the next packet of whoever began them: the
//!   connection is marked, and answers to it are dropped as well. Connections that another rule permits go on without losing a packet.
//! - Rules of a stateless group permit packets and not connections: what passes by them is not tracked, and answers need rules of
//!   their own. A port whose groups are all stateless has no connections tracked.
//! - A rule whose remote side makes no sense (a prefix of the other IP version) permits nothing, and a finding says so.
//!
//! # Cost
//! Each group of a port is a number in a register, put there where the packet enters (or where its egress port is known; see
//! [`filter::PLACES`]). A rule is one flow for each place that its group has among those of ports, however many ports and sets of groups there
//! are, and a packet is looked up once for all of its groups. Where a rule names a group, or an address group, it is a
//! conjunction of what the rule says and who is in the group; the addresses of the group are flows that all rules on the node share,
//! so one member more is one flow more for each of its addresses. Connections are tracked in a zone for each port.

mod members;
mod permits;
mod rule;
mod usage;

use std::net::Ipv4Addr;

use engine::numbers::Space;
use engine::{App, Rule, Sink, View};
use openflow::action::{Action, Ct, Zone};
use openflow::{Field, Match};
use packet::{ethertype, ip_proto, nd};
use pipeline::filters::MARK_CUT;
use pipeline::tables::{
    DISPATCH, EGRESS_ACCEPT, EGRESS_RULES, EGRESS_TRACK, GROUPS_OWNER, INGRESS, INGRESS_ACCEPT,
    INGRESS_RULES, INGRESS_TRACK, L2,
};
use pipeline::{Priority, TableSpec, regs};

use crate::filter;
use crate::local::{self, LocalPort};

/// What is decided for all ports alike, before rules are looked at.
const FIRST: Priority = Priority::GUARD;
const BEFORE_FIRST: Priority = Priority::GUARD.level(4);
/// Rules that say all of what they permit.
const WHOLE: Priority = Priority::EXACT;
/// What rules say that name groups; who is in those groups.
const PARTS: Priority = Priority::PREFIX;
/// The same for address groups, whose addresses may be those of ports.
const ADDRESS_PARTS: Priority = Priority::PREFIX.level(1);
/// What is left.
const REST: Priority = Priority::DEFAULT;

/// `ct_state`: begins a connection; belongs to one; has to do with one; answers; makes no sense; was tracked.
const NEW: u32 = 0x01;
const ESTABLISHED: u32 = 0x02;
const RELATED: u32 = 0x04;
const REPLY: u32 = 0x08;
const INVALID: u32 = 0x10;
const TRACKED: u32 = 0x20;

/// `ip_frag` of any piece of a datagram.
const A_PIECE: u8 = 1;

const DHCP_SERVER: u16 = 67;
const DHCP_CLIENT: u16 = 68;
const DHCPV6_CLIENT: u16 = 546;
const DHCPV6_SERVER: u16 = 547;
const IGMP: u8 = 2;
/// Multicast addresses that never leave a link, and the length of their common part.
const LINK_MULTICAST: (Ipv4Addr, Ipv4Addr) = (Ipv4Addr::new(224, 0, 0, 0), Ipv4Addr::new(255, 255, 255, 0));

const LISTENER_QUERY: u8 = 130;
const LISTENER_MESSAGES: [u8; 3] = [131, 132, 143];
const ROUTER_SOLICITATION: u8 = 133;
const ROUTER_ADVERTISEMENT: u8 = 134;

/// One direction: its tables, and where what passes goes on.
#[derive(Debug)]
struct Side {
    track: &'static TableSpec,
    rules: &'static TableSpec,
    accept: &'static TableSpec,
    next: &'static TableSpec,
}

static EGRESS: Side = Side { track: &EGRESS_TRACK, rules: &EGRESS_RULES, accept: &EGRESS_ACCEPT, next: &L2 };
static INTO: Side =
    Side { track: &INGRESS_TRACK, rules: &INGRESS_RULES, accept: &INGRESS_ACCEPT, next: &DISPATCH };

/// The app.
#[must_use]
pub fn app() -> App {
    let mut rules = vec![
        Rule::once("everybody", everybody),
        Rule::once("what no rule permits", unpermitted),
        permits::of(&filter::PLACES[0], "permit in first place"),
        permits::of(&filter::PLACES[1], "permit in second place"),
        permits::of(&filter::PLACES[2], "permit in third place"),
        permits::of(&filter::PLACES[3], "permit in last place"),
        Rule::each_owner("set of addresses", Space::AddressSet, members::complete),
        Rule::each("member", members::port),
        Rule::each("member ranges", members::ranges),
        Rule::each("address group", members::address_group),
    ];
    rules.extend(local::each("guest", guest));
    App { id: GROUPS_OWNER, rules, responders: vec![] }
}

/// Finds what a packet to a filtered port has to pass.
fn guest(view: &mut View<'_>, local: &LocalPort, sink: &mut Sink) {
    let Some(filter) = filter::of(view, &local.port) else { return };
    sink.flow(&INGRESS, Priority::EXACT, |flow| {
        let flow = flow.when(&regs::EGRESS_PORT, local.key());
        filter
            .registers()
            .fold(flow, |flow, (register, number)| flow.set(register, number))
            .goto(&INGRESS_TRACK)
    });
}

/// What holds for all ports.
fn everybody(_: &mut View<'_>, sink: &mut Sink) {
    sink.flow(&EGRESS_TRACK, BEFORE_FIRST, |flow| flow.when(&regs::GROUPS[0], 0).goto(&L2));
    sink.flow(&EGRESS_TRACK, Priority::MISS, |flow| flow.goto(&L2));
    sink.flow(&INGRESS, Priority::MISS, |flow| flow.goto(&DISPATCH));
    let is_needed = |kind| {
        let icmp6 = Match::new().with(Field::EthType, ethertype::IPV6).with(Field::IpProto, ip_proto::ICMPV6);
        icmp6.with(Field::Icmp6Type, kind)
    };
    let to_send = [ROUTER_SOLICITATION, nd::NEIGHBOR_SOLICITATION, nd::NEIGHBOR_ADVERTISEMENT];
    for kind in to_send.into_iter().chain(LISTENER_MESSAGES) {
        sink.flow(&EGRESS_TRACK, FIRST, |flow| flow.matching(is_needed(kind)).goto(&L2));
    }
    let igmp = Match::new().with(Field::EthType, ethertype::IPV4).with(Field::IpProto, IGMP);
    sink.flow(&EGRESS_TRACK, FIRST, |flow| flow.matching(igmp).goto(&L2));
    let to_hear =
        [ROUTER_ADVERTISEMENT, nd::NEIGHBOR_SOLICITATION, nd::NEIGHBOR_ADVERTISEMENT, LISTENER_QUERY];
    let udp = |ethertype: u16, from: u16, to: u16| {
        let udp = Match::new().with(Field::EthType, ethertype).with(Field::IpProto, ip_proto::UDP);
        udp.with(Field::UdpSrc, from).with(Field::UdpDst, to)
    };
    let others = [
        Match::new().with(Field::EthType, ethertype::ARP),
        udp(ethertype::IPV4, DHCP_SERVER, DHCP_CLIENT),
        udp(ethertype::IPV6, DHCPV6_SERVER, DHCPV6_CLIENT),
        Match::new().with(Field::EthType, ethertype::IPV4).with(Field::IpProto, IGMP).with_masked(
            Field::Ipv4Dst,
            LINK_MULTICAST.0,
            LINK_MULTICAST.1,
        ),
    ];
    for matching in to_hear.into_iter().map(is_needed).chain(others) {
        sink.flow(&INGRESS_TRACK, FIRST, |flow| flow.matching(matching).goto(&DISPATCH));
    }
    // Port security sees no ports of pieces; the tracker has seen them in the whole.
    for (ethertype, client) in [(ethertype::IPV4, DHCP_CLIENT), (ethertype::IPV6, DHCPV6_CLIENT)] {
        let piece = Match::new().with(Field::EthType, ethertype).with_masked(Field::IpFrag, A_PIECE, A_PIECE);
        let tracked = piece.with_masked(Field::CtState, TRACKED, TRACKED | INVALID);
        let to_client = tracked.with(Field::CtNwProto, ip_proto::UDP).with(Field::CtTpDst, client);
        sink.flow(&EGRESS_RULES, BEFORE_FIRST, |flow| flow.matching(to_client));
    }
    for side in [&EGRESS, &INTO] {
        connections(side, sink);
    }
}

/// Drops what no stateless rule permits, where no group follows connections.
fn unpermitted(_: &mut View<'_>, sink: &mut Sink) {
    for side in [&EGRESS, &INTO] {
        for ethertype in [ethertype::IPV4, ethertype::IPV6] {
            let matching = Match::new().with(Field::EthType, ethertype);
            sink.flow(side.track, REST.level(1), |flow| flow.matching(matching).when(&regs::ZONE, 0));
        }
    }
}

/// Has connections of one direction tracked, where groups follow any, and says what becomes of those that are known.
fn connections(side: &Side, sink: &mut Sink) {
    for ethertype in [ethertype::IPV4, ethertype::IPV6] {
        let matching = Match::new().with(Field::EthType, ethertype);
        let track = Ct { table: Some(side.rules.id), ..in_zone() };
        sink.flow(side.track, REST, |flow| flow.matching(matching).action(Action::Ct(track)));
    }

    let cut = |matching: Match| matching.with(Field::CtMark, MARK_CUT);
    sink.flow(side.rules, BEFORE_FIRST, |flow| flow.matching(state(INVALID, INVALID)));
    sink.flow(side.rules, BEFORE_FIRST, |flow| flow.matching(cut(state(REPLY, REPLY))));
    sink.flow(side.rules, BEFORE_FIRST, |flow| flow.matching(cut(state(RELATED, RELATED))));
    sink.flow(side.rules, FIRST, |flow| {
        flow.matching(state(ESTABLISHED | REPLY, ESTABLISHED | REPLY)).goto(side.next)
    });
    sink.flow(side.rules, FIRST, |flow| flow.matching(state(RELATED, RELATED)).goto(side.next));
    sink.flow(side.accept, REST, |flow| flow.matching(state(ESTABLISHED, ESTABLISHED | NEW)).goto(side.next));
    // The tracker wants to know which version of IP it looks at.
    for ethertype in [ethertype::IPV4, ethertype::IPV6] {
        let of_version = |matching: Match| matching.with(Field::EthType, ethertype);
        sink.flow(side.rules, REST, |flow| {
            flow.matching(of_version(state(ESTABLISHED, ESTABLISHED | REPLY))).action(mark(MARK_CUT))
        });
        sink.flow(side.accept, REST, |flow| {
            let remember = Ct { commit: true, ..in_zone() };
            flow.matching(of_version(state(NEW, NEW))).action(Action::Ct(remember)).goto(side.next)
        });
        sink.flow(side.accept, REST.level(1), |flow| {
            flow.matching(of_version(cut(state(ESTABLISHED, ESTABLISHED)))).action(mark(0)).goto(side.next)
        });
    }
}

/// A tracked packet with these bits of its state, of those in `mask`.
fn state(bits: u32, mask: u32) -> Match {
    Match::new().with_masked(Field::CtState, bits | TRACKED, mask | TRACKED)
}

/// The tracker, where the connections of the port are.
fn in_zone() -> Ct {
    Ct {
        commit: false,
        force: false,
        zone: Zone::From(regs::ZONE.bits),
        table: None,
        alg: 0,
        actions: Vec::new(),
    }
}

/// Marks the connection of a packet.
fn mark(mark: u32) -> Action {
    let actions = vec![Action::set(Field::CtMark, mark)];
    Action::Ct(Ct { commit: true, actions, ..in_zone() })
}
