//! What the sender of a packet is told that a router does not deliver.
//!
//! # Guarantees
//! - It is told by ICMP, from the address of the router that is nearest to the sender, and the message is routed like any packet.
//! - What it quotes is what the sender sent: the address of a floating IP, if it was sent to one from outside. What answers a connection
//!   that a gateway hides only connection tracking can turn back, so that is told from inside, and passes the gateway as such.
//! - Nobody is told of ICMP errors, of later fragments, of packets from or to a group, or from nobody: errors never breed errors.

use std::net::IpAddr;

use engine::{PacketIn, Reply, Resume, View};
use model::UniqueKey;
use net_types::MacAddr;
use openflow::action::Action;
use packet::build::{Ethernet, Ip, Transport};
use packet::headers::{Fragment, Headers, NetworkKey, TransportKey};
use packet::icmp::Message;
use packet::translate::end_with_first_piece;
use pipeline::regs;
use pipeline::tables::ROUTE;

use super::announce::{router_of, source_of};
use super::{quotes, reason};
use crate::network;
use crate::routers::{Leg, Router};

/// Codes of ICMP and ICMPv6: no route to the network or host, nobody listens at the port, or speaks the protocol.
const NETWORK_UNREACHABLE: u8 = 0;
const HOST_UNREACHABLE: u8 = 1;
const PROTOCOL_UNREACHABLE: u8 = 2;
const PORT_UNREACHABLE: u8 = 3;
const V6_NO_ROUTE: u8 = 0;
const V6_ADDRESS_UNREACHABLE: u8 = 3;
const V6_PORT_UNREACHABLE: u8 = 4;

/// ICMP types below which those of version 6 are errors; those of version 4 that are.
const V6_FIRST_INFORMATION: u8 = 128;
const V4_ERRORS: [u8; 5] = [3, 4, 5, 11, 12];

/// Tells the sender of a packet why it was not delivered.
pub(super) fn undeliverable(view: &mut View<'_>, packet: &PacketIn) -> Reply {
    error(view, packet).map_or_else(Reply::Ignore, Reply::Resume)
}

fn error(view: &mut View<'_>, packet: &PacketIn) -> Result<Resume, &'static str> {
    let why = packet.userdata.get(1).copied().ok_or("a packet does not say why it was not delivered")?;
    let router = router_of(view, packet).ok_or("a packet was not delivered by a router that is gone")?;
    let headers = Headers::parse(&packet.frame);
    let source = source_of(&headers).filter(|ip| !ip.is_multicast() && !ip.is_unspecified());
    let source = source.ok_or("nobody can be told of a packet that is from nobody")?;
    if !may_be_told_of(&headers) {
        return Err("nobody is told of such a packet");
    }
    let quoted = headers.layout.network.zip(headers.layout.network_end);
    let quoted = quoted.and_then(|(start, end)| packet.frame.get(start..end));
    let mut quoted = quoted.ok_or("there is nothing to quote")?.to_vec();
    let is_as_sent = quotes::as_sent(view, &router, source, &mut quoted);
    let inner = if is_as_sent { None } else { leg_before_hidden(&router, &headers) };
    if inner.is_some() {
        // Of an error about a piece the tracker does not know the connection.
        end_with_first_piece(&mut quoted);
    }
    let leg = inner.or_else(|| leg_near(view, &router, packet, source));
    let leg = leg.ok_or("the router has no address to tell from")?;
    let from = leg.address_near(source).or_else(|| leg.address_like(source));
    let from = from.ok_or("the router has no address of this version of IP to tell from")?;
    let mtu = match why {
        reason::TOO_LONG => {
            longest(view, packet, &router).ok_or("it is not known how long packets may be")?
        }
        _ => 0,
    };
    let message = message(why, mtu, &headers, source, &quoted).ok_or("there is no message for this")?;
    let ip =
        Ip::between(from, source).ok_or("the router has no address of this version of IP to tell from")?;
    let sender = headers.ethernet.map_or(MacAddr::ZERO, |ethernet| ethernet.src);
    let frame = Ethernet::new(leg.mac, sender).ip(&ip, &Transport::Icmp(message));
    let frame = frame.map_err(|_| "the message could not be made")?;
    let registers = vec![Action::load(regs::ROUTER.bits, router.key.into())];
    Ok(Resume { frame, registers, table: ROUTE.id })
}

fn may_be_told_of(headers: &Headers) -> bool {
    let is_later = headers.ip.is_none_or(|ip| ip.fragment == Fragment::Later);
    let is_for_many = match headers.network {
        Some(NetworkKey::Ipv4 { dst, .. }) => dst.is_multicast() || dst.is_broadcast(),
        Some(NetworkKey::Ipv6 { dst, .. }) => dst.is_multicast(),
        _ => true,
    };
    let is_error = match headers.transport {
        Some(TransportKey::Icmpv4 { kind, .. }) => V4_ERRORS.contains(&kind),
        Some(TransportKey::Icmpv6 { kind, .. }) => kind < V6_FIRST_INFORMATION,
        _ => false,
    };
    !is_later && !is_for_many && !is_error
}

/// The leg that is nearest to the sender of a packet: in its network, or in the one that the packet came from, or an outer one.
fn leg_near<'a>(
    view: &mut View<'_>,
    router: &'a Router,
    packet: &PacketIn,
    source: IpAddr,
) -> Option<&'a Leg> {
    let connected = router.all_legs().find(|leg| leg.address_near(source).is_some());
    let came_from = || {
        let key = UniqueKey::new(packet.network)?;
        router
            .all_legs()
            .find(|leg| network::reached(view, &leg.network).is_some_and(|network| network.key == key.get()))
    };
    let outer = || router.gateways.first().map(|gateway| &gateway.leg);
    connected.or_else(came_from).or_else(outer).or_else(|| router.legs.first())
}

/// The leg that is nearest to whom a packet is for, if that is somebody whom the gateway hides from its sender.
fn leg_before_hidden<'a>(router: &'a Router, headers: &Headers) -> Option<&'a Leg> {
    let Some(NetworkKey::Ipv4 { src, dst, .. }) = headers.network else { return None };
    let (src, dst) = (IpAddr::V4(src), IpAddr::V4(dst));
    let is_router = router.all_legs().any(|leg| leg.addresses.iter().any(|own| own.addr() == dst));
    if is_router || !quotes::is_hidden_from(router, src) {
        return None;
    }
    let near = router.legs.iter().find(|leg| leg.address_near(dst).is_some());
    near.or_else(|| router.legs.iter().find(|leg| leg.address_like(dst).is_some()))
}

/// The longest packet that the network takes that a packet was to leave to.
fn longest(view: &mut View<'_>, packet: &PacketIn, router: &Router) -> Option<u32> {
    let networks = router.all_legs().filter_map(|leg| network::reached(view, &leg.network));
    networks.filter(|network| network.key == packet.network).find_map(|network| network.mtu_bytes)
}

fn message(why: u8, mtu: u32, headers: &Headers, source: IpAddr, quoted: &[u8]) -> Option<Message> {
    let has_ports = matches!(headers.transport, Some(TransportKey::Tcp { .. } | TransportKey::Udp { .. }));
    let unreachable = |v4: u8, v6: u8| match source {
        IpAddr::V4(_) => Message::destination_unreachable_v4(v4, quoted),
        IpAddr::V6(_) => Message::destination_unreachable_v6(v6, quoted),
    };
    Some(match (why, source) {
        (reason::HOPS, IpAddr::V4(_)) => Message::time_exceeded_v4(quoted),
        (reason::HOPS, IpAddr::V6(_)) => Message::time_exceeded_v6(quoted),
        (reason::TOO_LONG, IpAddr::V4(_)) => {
            Message::fragmentation_needed_v4(u16::try_from(mtu).ok()?, quoted)
        }
        (reason::TOO_LONG, IpAddr::V6(_)) => Message::packet_too_big_v6(mtu, quoted),
        (reason::NO_ROUTE, _) => unreachable(NETWORK_UNREACHABLE, V6_NO_ROUTE),
        (reason::NO_HOST, _) => unreachable(HOST_UNREACHABLE, V6_ADDRESS_UNREACHABLE),
        (reason::NOBODY_LISTENS, _) if has_ports => unreachable(PORT_UNREACHABLE, V6_PORT_UNREACHABLE),
        // Pings that are none, and other protocols.
        (reason::NOBODY_LISTENS, IpAddr::V4(_))
            if !matches!(headers.transport, Some(TransportKey::Icmpv4 { .. })) =>
        {
            unreachable(PROTOCOL_UNREACHABLE, V6_PORT_UNREACHABLE)
        }
        _ => return None,
    })
}
