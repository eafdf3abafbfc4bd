//! Port security: a guest sends from its own addresses only.
//!
//! # Guarantees
//! For a port whose security is on, which it is unless its row says otherwise:
//! - Its frames come from one of its MAC addresses, and that is one of a station. Together with the MAC it has to be one of its
//!   IPv4 or IPv6 addresses, or the two of an allowed address pair, which may be a range of addresses. 0.0.0.0 is a source for DHCP requests only,
//!   and what is neither IPv4, IPv6 nor ARP is dropped.
//! - The server here hears DHCP requests from every IPv4 address, because it has to refuse one that was taken from the port while
//!   the guest ran. What it does not answer is sent on only if the guest may send it.
//! - ARP, in requests and in replies, says of the sender what is true. A probe (sender 0.0.0.0) says no address at all.
//! - IPv6 may come from the link-local address that follows from the MAC as well. `::` is a source only for
//!   duplicate address detection of its own addresses, for router solicitations and for multicast listener reports.
//!   Neighbour discovery announces its own addresses at its own MAC, and claims no others.
//! - A port without any IPv6 address sends no IPv6.
//! - It is no DHCP server and no router: what such a one sends is dropped.
//! - Later fragments have no ports and no types; they pass by their addresses. Of the first one neither can be seen. If it has the hop limit of neighbour and
//!   router discovery, without which nobody believes them, it is dropped, because nobody needs those in fragments. What a DHCP server
//!   says in fragments is not told from others here, but where the sender's connections are followed ([`crate::groups`]).
//!
//! A port whose security is off sends whatever it likes, but no frames from group addresses. Inside the tag by which a port inside another one is told from
//! it there is no other, whatever the port's security, unless the network carries the tags of guests.
//!
//! Either way what is asked of the metadata service goes to the table that sends it there, where the node has a proxy for it.
//!
//! Either way requests of DHCP and DHCPv6 go to the tables that answer them, and so do ARP and the solicitations of neighbour and router
//! discovery. The check whether an address is free is not answered: it has to reach everybody.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr};

use engine::{App, Rule, Sink, View};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use model::{LogicalPort, PortAddressRanges};
use net_types::MacAddr;
use openflow::action::Action;
use openflow::{Field, Match};
use packet::arp::ArpOperation;
use packet::{ethertype, ip_proto, nd};
use pipeline::tables::{
    ARP, ARP_CLAIMS, DHCP, DHCPV6, EGRESS_TRACK, L2, LEARN, METADATA, ND, NEIGHBOR_SECURITY, PORT_SECURITY,
    PORT_SECURITY_OWNER, REQUEST_SECURITY,
};
use pipeline::{Priority, TableSpec, regs};

use crate::local::{self, LocalPort};
use crate::metadata;
use crate::tags;

const DHCP_SERVER: u16 = 67;
const DHCP_CLIENT: u16 = 68;
const DHCPV6_CLIENT: u16 = 546;
const DHCPV6_SERVER: u16 = 547;

const ROUTER_SOLICITATION: u8 = 133;
const ROUTER_ADVERTISEMENT: u8 = 134;
const REDIRECT: u8 = 137;
/// Multicast listener reports, versions 1 and 2, and the goodbye of version 1.
const LISTENER_MESSAGES: [u8; 3] = [131, 143, 132];

/// `ip_frag` of a first fragment that others follow, and all of its bits.
const FIRST_FRAGMENT: (u8, u8) = (1, 3);

/// The bit that tells group addresses from those of stations.
const MULTICAST: MacAddr = MacAddr([1, 0, 0, 0, 0, 0]);

/// What no guest may do whose security is on; flows that allow are below it.
const FORBIDDEN: Priority = Priority::GUARD;
/// Guests whose security is off.
const UNSECURED: Priority = Priority::GUARD.level(8);
/// What these send to be answered.
const UNSECURED_ANSWERED: Priority = Priority::GUARD.level(9);
/// What they ask the metadata service.
const QUESTIONS_TO_SERVICE: Priority = Priority::GUARD.level(12);
/// What no guest at all may do.
const NOBODY: Priority = Priority::GUARD.level(16);

/// DHCP requests, which are answered here if they are for the server here.
const REQUESTS: Priority = Priority::EXACT.level(1);

/// Questions of guests for the addresses of others.
const QUESTIONS: Priority = Priority::DEFAULT.level(3);
const ABOVE_QUESTIONS: Priority = Priority::DEFAULT.level(4);
/// What guests say of their own addresses.
const CLAIMS: Priority = Priority::EXACT;
const ABOVE_CLAIMS: Priority = Priority::EXACT.level(1);

/// The app.
#[must_use]
pub fn app() -> App {
    let mut rules =
        vec![Rule::once("everybody", everybody), Rule::once("asks the metadata service", asks_service)];
    rules.extend(local::each("guest", guest));
    App { id: PORT_SECURITY_OWNER, rules, responders: vec![] }
}

fn icmp6(kind: u8) -> Match {
    Match::new()
        .with(Field::EthType, ethertype::IPV6)
        .with(Field::IpProto, ip_proto::ICMPV6)
        .with(Field::Icmp6Type, kind)
}

/// What may be neighbour or router discovery, of which the fragment does not show the type.
fn discovery_in_fragments() -> Match {
    Match::new()
        .with(Field::EthType, ethertype::IPV6)
        .with(Field::IpProto, ip_proto::ICMPV6)
        .with_masked(Field::IpFrag, FIRST_FRAGMENT.0, FIRST_FRAGMENT.1)
        .with(Field::IpTtl, nd::HOP_LIMIT)
}

fn udp(ethertype: u16) -> Match {
    Match::new().with(Field::EthType, ethertype).with(Field::IpProto, ip_proto::UDP)
}

fn dhcp_request(matching: Match) -> Match {
    matching
        .with(Field::EthType, ethertype::IPV4)
        .with(Field::IpProto, ip_proto::UDP)
        .with(Field::UdpSrc, DHCP_CLIENT)
        .with(Field::UdpDst, DHCP_SERVER)
}

fn dhcpv6_request() -> Match {
    udp(ethertype::IPV6).with(Field::UdpSrc, DHCPV6_CLIENT).with(Field::UdpDst, DHCPV6_SERVER)
}

/// What holds for all guests.
fn everybody(_: &mut View<'_>, sink: &mut Sink) {
    let from_group = Match::new().with_masked(Field::EthSrc, MULTICAST, MULTICAST);
    sink.flow(&PORT_SECURITY, NOBODY, |flow| flow.matching(from_group));
    let servers = [
        udp(ethertype::IPV4).with(Field::UdpSrc, DHCP_SERVER),
        udp(ethertype::IPV6).with(Field::UdpSrc, DHCPV6_SERVER),
        icmp6(ROUTER_ADVERTISEMENT),
        icmp6(REDIRECT),
    ];
    for server in servers {
        sink.flow(&PORT_SECURITY, FORBIDDEN, |flow| flow.matching(server));
    }

    neighbors(sink);
    let from_nobody =
        Match::new().with(Field::EthType, ethertype::IPV4).with(Field::Ipv4Src, Ipv4Addr::UNSPECIFIED);
    sink.flow(&REQUEST_SECURITY, Priority::EXACT, |flow| flow.matching(from_nobody).goto(&L2));
}

/// What guests ask the metadata service. It knows them by the port that they ask from and answers that port alone, so the addresses that
/// they say are theirs do not matter.
fn asks_service(view: &mut View<'_>, sink: &mut Sink) {
    if view.metadata().is_none() {
        return;
    }
    for question in metadata::questions() {
        sink.flow(&PORT_SECURITY, QUESTIONS_TO_SERVICE, |flow| flow.matching(question).goto(&METADATA));
    }
}

/// What holds for the IPv6 of all guests. Its source was checked before, where it has one.
fn neighbors(sink: &mut Sink) {
    let from_nobody = |matching: Match| {
        matching.with(Field::EthType, ethertype::IPV6).with(Field::Ipv6Src, Ipv6Addr::UNSPECIFIED)
    };
    let mut drop =
        |priority, matching| sink.flow(&NEIGHBOR_SECURITY, priority, |flow| flow.matching(matching));
    drop(Priority::DEFAULT, from_nobody(Match::new()));
    drop(Priority::DEFAULT.level(2), icmp6(nd::NEIGHBOR_SOLICITATION));
    drop(Priority::DEFAULT.level(2), icmp6(nd::NEIGHBOR_ADVERTISEMENT));
    drop(ABOVE_QUESTIONS, from_nobody(icmp6(nd::NEIGHBOR_SOLICITATION)));
    drop(ABOVE_CLAIMS, from_nobody(icmp6(nd::NEIGHBOR_ADVERTISEMENT)));
    drop(ABOVE_CLAIMS, discovery_in_fragments());
    for kind in LISTENER_MESSAGES {
        let harmless = from_nobody(icmp6(kind));
        sink.flow(&NEIGHBOR_SECURITY, Priority::DEFAULT.level(1), |flow| flow.matching(harmless).goto(&L2));
    }
    sink.flow(&NEIGHBOR_SECURITY, Priority::DEFAULT.level(1), |flow| {
        flow.matching(icmp6(ROUTER_SOLICITATION)).goto(&ND)
    });
    // Not from nobody: that is dropped before.
    sink.flow(&NEIGHBOR_SECURITY, Priority::MISS.level(1), |flow| {
        flow.matching(dhcpv6_request()).goto(&DHCPV6)
    });
    sink.flow(&NEIGHBOR_SECURITY, Priority::MISS, |flow| flow.goto(&EGRESS_TRACK));
}

/// What one guest may send.
fn guest(view: &mut View<'_>, local: &LocalPort, sink: &mut Sink) {
    if local.vlan.is_some() && !local.network.carries_tags {
        for inside in tags::left() {
            sink.flow(&PORT_SECURITY, NOBODY, |flow| {
                flow.matching(inside).when(&regs::INGRESS_PORT, local.key())
            });
        }
    }
    let mut guest = Guest { key: local.key(), learns: false, sink };
    if local.port.port_security_enabled == Some(false) {
        guest.unsecured();
        return;
    }
    let ranges = view.get(&PortAddressRanges::id_of(&local.port.id));
    let own = Addresses::of(&local.port, ranges.as_deref());
    for mac in &own.macs {
        guest.asks(*mac);
    }
    for (mac, ip) in &own.v4 {
        guest.learns = !own.macs.contains(mac);
        guest.ipv4(*mac, *ip);
    }
    for mac in own.v6.iter().map(|(mac, _)| *mac).collect::<BTreeSet<_>>() {
        guest.learns = !own.macs.contains(&mac);
        guest.unspecified_ipv6(mac);
        guest.solicits(mac);
    }
    for (mac, ip) in &own.v6 {
        guest.learns = !own.macs.contains(mac);
        guest.ipv6(*mac, *ip);
    }
}

/// What a port may send from.
struct Addresses {
    macs: BTreeSet<MacAddr>,
    v4: BTreeSet<(MacAddr, Ipv4Net)>,
    v6: BTreeSet<(MacAddr, Ipv6Net)>,
}

impl Addresses {
    fn of(port: &LogicalPort, ranges: Option<&PortAddressRanges>) -> Self {
        let macs: BTreeSet<MacAddr> = port.macs.iter().copied().filter(|mac| mac.is_unicast()).collect();
        let own = macs.iter().flat_map(|mac| port.ips.iter().map(|ip| (*mac, IpNet::from(*ip))));
        let pairs = port.allowed_address_pairs.iter();
        let pairs = pairs.map(|pair| (pair.mac_address, IpNet::from(pair.ip_address)));
        let ranges = ranges
            .into_iter()
            .flat_map(|row| &row.ranges)
            .map(|range| (range.mac_address, range.cidr.trunc()));
        let all: BTreeSet<(MacAddr, IpNet)> =
            own.chain(pairs.chain(ranges).filter(|(mac, _)| mac.is_unicast())).collect();
        let (mut v4, mut v6) = (BTreeSet::new(), BTreeSet::new());
        for (mac, net) in &all {
            let holds_it =
                |(other_mac, other): &(_, IpNet)| other_mac == mac && other != net && other.contains(net);
            match net {
                _ if all.iter().any(holds_it) => {}
                IpNet::V4(net) => drop(v4.insert((*mac, *net))),
                IpNet::V6(net) => v6.extend([(*mac, *net), (*mac, mac.link_local().into())]),
            }
        }
        Self { macs, v4, v6 }
    }
}

/// Says flows of one guest.
struct Guest<'a> {
    key: u64,
    /// Whether it is remembered where what comes next was heard: from addresses that are not the port's own.
    learns: bool,
    sink: &'a mut Sink,
}

impl Guest<'_> {
    fn allow(
        &mut self,
        table: &'static TableSpec,
        priority: Priority,
        matching: Match,
        next: &'static TableSpec,
    ) {
        let key = self.key;
        // Whatever passes here goes on to other tables, so here it is heard once.
        let learns = self.learns && table.id == PORT_SECURITY.id;
        self.sink.flow(table, priority, |flow| {
            let flow = flow.matching(matching).when(&regs::INGRESS_PORT, key);
            let flow = if learns { flow.action(Action::resubmit(LEARN.id)) } else { flow };
            flow.goto(next)
        });
    }

    fn unsecured(&mut self) {
        self.learns = true;
        self.allow(&PORT_SECURITY, UNSECURED, Match::new(), &L2);
        let arp = Match::new().with(Field::EthType, ethertype::ARP);
        self.allow(&PORT_SECURITY, UNSECURED_ANSWERED, arp, &ARP);
        self.allow(&PORT_SECURITY, UNSECURED_ANSWERED, dhcp_request(Match::new()), &DHCP);
        self.allow(&PORT_SECURITY, UNSECURED_ANSWERED, dhcpv6_request(), &DHCPV6);
        for question in [nd::NEIGHBOR_SOLICITATION, ROUTER_SOLICITATION] {
            self.allow(&PORT_SECURITY, UNSECURED_ANSWERED, icmp6(question), &ND);
        }
        self.allow(&REQUEST_SECURITY, UNSECURED, Match::new(), &L2);
    }

    /// Asks for an address, and whether it is free.
    fn asks(&mut self, mac: MacAddr) {
        self.allow(&PORT_SECURITY, REQUESTS, dhcp_request(from(mac)), &DHCP);
        let probe = arp(mac, Ipv4Addr::UNSPECIFIED.into()).with(Field::ArpOp, ArpOperation::REQUEST.0);
        self.allow(&PORT_SECURITY, Priority::EXACT, probe, &ARP);
    }

    fn ipv4(&mut self, mac: MacAddr, net: Ipv4Net) {
        let (ip, mask) = (net.addr(), net.netmask());
        let packet = || from(mac).with(Field::EthType, ethertype::IPV4).with_masked(Field::Ipv4Src, ip, mask);
        self.allow(&PORT_SECURITY, Priority::EXACT, packet(), &EGRESS_TRACK);
        self.allow(&REQUEST_SECURITY, Priority::EXACT, packet(), &L2);
        let is_one = net.prefix_len() == net.max_prefix_len();
        let next = if is_one { &ARP } else { &ARP_CLAIMS };
        self.allow(&PORT_SECURITY, Priority::EXACT, arp(mac, net), next);
    }

    fn ipv6(&mut self, mac: MacAddr, net: Ipv6Net) {
        let (ip, mask) = (net.addr(), net.netmask());
        let packet = from(mac).with(Field::EthType, ethertype::IPV6).with_masked(Field::Ipv6Src, ip, mask);
        self.allow(&PORT_SECURITY, Priority::EXACT, packet, &NEIGHBOR_SECURITY);
        let detection = nd_of(mac, nd::NEIGHBOR_SOLICITATION)
            .with(Field::Ipv6Src, Ipv6Addr::UNSPECIFIED)
            .with_masked(Field::NdTarget, ip, mask)
            .with(Field::NdSll, MacAddr::ZERO);
        self.allow(&NEIGHBOR_SECURITY, CLAIMS, detection, &L2);
        // Who answers a single station may leave the MAC address out.
        for target_link in [mac, MacAddr::ZERO] {
            let announcement = nd_of(mac, nd::NEIGHBOR_ADVERTISEMENT)
                .with_masked(Field::NdTarget, ip, mask)
                .with(Field::NdTll, target_link);
            self.allow(&NEIGHBOR_SECURITY, CLAIMS, announcement, &ND);
        }
    }

    /// Packets of who has no IPv6 address yet; which of them are sent on is decided for all alike.
    fn unspecified_ipv6(&mut self, mac: MacAddr) {
        let packet =
            from(mac).with(Field::EthType, ethertype::IPV6).with(Field::Ipv6Src, Ipv6Addr::UNSPECIFIED);
        self.allow(&PORT_SECURITY, Priority::EXACT, packet, &NEIGHBOR_SECURITY);
    }

    /// Asks for others, from an address of its own.
    fn solicits(&mut self, mac: MacAddr) {
        for source_link in [mac, MacAddr::ZERO] {
            let question = nd_of(mac, nd::NEIGHBOR_SOLICITATION).with(Field::NdSll, source_link);
            self.allow(&NEIGHBOR_SECURITY, QUESTIONS, question, &ND);
        }
    }
}

fn from(mac: MacAddr) -> Match {
    Match::new().with(Field::EthSrc, mac)
}

fn arp(mac: MacAddr, net: Ipv4Net) -> Match {
    let arp = from(mac).with(Field::EthType, ethertype::ARP).with(Field::ArpSha, mac);
    arp.with_masked(Field::ArpSpa, net.addr(), net.netmask())
}

fn nd_of(mac: MacAddr, kind: u8) -> Match {
    icmp6(kind).with(Field::EthSrc, mac).with(Field::Icmp6Code, 0_u8)
}
