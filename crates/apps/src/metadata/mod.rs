//! The metadata service: what a guest asks at 169.254.169.254 or fe80::a9fe:a9fe is answered on its own node.
//!
//! # Guarantees
//! - A connection of a guest to TCP port 80 of the service, by its router or on the link, gets to the proxy of the node, whatever security
//!   groups say, from an address that belongs to the port alone: see [`pipeline::metadata`]. Equal addresses in different networks
//!   are different ports to the proxy, and no guest can take the address of another: the address that it sends from does not matter.
//! - The answer gets to the port that the proxy's packet names and to no other, at its own first IPv4 address or at the link-local
//!   address of its MAC address, as from the service. So who asks from another address gets no answer.
//! - Nothing else passes: no other port of the node, nothing that the proxy's host sends of its own, no guest to a guest.
//! - Nothing is remembered: connections survive a restart of everything but the proxy.
//! - Where the node has no proxy, packets for these addresses are switched like all others.
//!
//! # Cost
//! Two flows for all ports on the way there, and on the way back one for each address family that a port on this node has.
//!
//! Who has these addresses is answered by the apps for ARP and neighbour discovery, and what else is sent to the MAC address that they
//! name is dropped by the app for switching.

use std::net::{IpAddr, Ipv4Addr};

use engine::{App, MetadataProxy, Rule, Sink, View};
use net_types::{MacAddr, OfPort};
use openflow::action::Action;
use openflow::field::Subfield;
use openflow::{Field, Match};
use packet::{ethertype, ip_proto};
use pipeline::metadata::{
    KEY_BITS_V4, KEY_BITS_V6, KEY_MAX_V4, MAC, PROXY_V6, SERVICE_PORT, SERVICE_V4, SERVICE_V6, guest_v4,
    guest_v6,
};
use pipeline::tables::{DISPATCH, METADATA, METADATA_ANSWER, METADATA_OWNER};
use pipeline::{Priority, regs};

use crate::local::{self, LocalPort};

/// The app.
#[must_use]
pub fn app() -> App {
    let mut rules = vec![Rule::once("to the proxy", to_proxy)];
    rules.extend(local::each("from the proxy", from_proxy));
    App { id: METADATA_OWNER, rules, responders: vec![] }
}

/// What guests of this node send to the service, whoever they are: for the table that sorts what they send.
pub(crate) fn questions() -> [Match; 2] {
    let v4 = tcp(ethertype::IPV4).with(Field::Ipv4Dst, SERVICE_V4);
    // A link-local address is reached on the link only. Its MAC address comes first where a switch looks for what it can leave out.
    let v6 = tcp(ethertype::IPV6).with(Field::Ipv6Dst, SERVICE_V6).with(Field::EthDst, MAC);
    [v4, v6].map(|matching| matching.with(Field::TcpDst, SERVICE_PORT))
}

fn tcp(ethertype: u16) -> Match {
    Match::new().with(Field::EthType, ethertype).with(Field::IpProto, ip_proto::TCP)
}

fn low(field: Field, n_bits: u16) -> Subfield {
    Subfield { field, ofs: 0, n_bits }
}

fn to_proxy(view: &mut View<'_>, sink: &mut Sink) {
    let Some(proxy) = view.metadata() else { return };
    let of_port = OfPort::new(proxy.of_port);
    let key = regs::INGRESS_PORT.bits;
    // Ports with larger keys have no IPv4 address there; a finding says so.
    let fits = u128::from(!((1_u32 << KEY_BITS_V4) - 1));
    sink.flow(&METADATA, Priority::EXACT, |flow| {
        flow.matching(
            tcp(ethertype::IPV4).with(Field::TcpDst, SERVICE_PORT).with_masked(key.field, 0_u128, fits),
        )
        .action(Action::set(Field::Ipv4Src, prefix_v4()))
        .copy(low(key.field, KEY_BITS_V4), low(Field::Ipv4Src, KEY_BITS_V4))
        .action(Action::set(Field::Ipv4Dst, proxy.address))
        .action(Action::set(Field::TcpDst, proxy.port))
        .action(Action::set(Field::EthDst, MAC))
        .output(of_port)
    });
    sink.flow(&METADATA, Priority::EXACT, |flow| {
        flow.matching(tcp(ethertype::IPV6).with(Field::TcpDst, SERVICE_PORT))
            .action(Action::set(Field::Ipv6Src, guest_v6(0)))
            .copy(low(key.field, KEY_BITS_V6), low(Field::Ipv6Src, KEY_BITS_V6))
            .action(Action::set(Field::Ipv6Dst, PROXY_V6))
            .action(Action::set(Field::TcpDst, proxy.port))
            .action(Action::set(Field::EthDst, MAC))
            .output(of_port)
    });
}

/// What the IPv4 addresses of all guests begin with.
fn prefix_v4() -> Ipv4Addr {
    pipeline::metadata::GUESTS_V4_NETWORK.0
}

fn from_proxy(view: &mut View<'_>, local: &LocalPort, sink: &mut Sink) {
    let Some(proxy) = view.metadata() else { return };
    let Some(mac) = local.port.macs.iter().copied().find(|mac| mac.is_unicast()) else { return };
    let key = local.port.unique_key.get();
    let own_v4 = local.port.ips.iter().find_map(|ip| match ip {
        IpAddr::V4(ip) => Some(*ip),
        IpAddr::V6(_) => None,
    });
    match (own_v4, guest_v4(key)) {
        (Some(own), Some(guest)) => {
            let from = tcp(ethertype::IPV4).with(Field::Ipv4Src, proxy.address).with(Field::Ipv4Dst, guest);
            let service = Action::set(Field::Ipv4Src, SERVICE_V4);
            answer(local, &proxy, mac, from, [service, Action::set(Field::Ipv4Dst, own)], sink);
        }
        (Some(_), None) => sink.problem(format!(
            "the key of the port is larger than {KEY_MAX_V4}, so it has no address towards the metadata service by IPv4"
        )),
        (None, _) => {}
    }
    if local.port.ips.iter().any(IpAddr::is_ipv6) {
        let from = tcp(ethertype::IPV6).with(Field::Ipv6Src, PROXY_V6).with(Field::Ipv6Dst, guest_v6(key));
        let service = Action::set(Field::Ipv6Src, SERVICE_V6);
        answer(local, &proxy, mac, from, [service, Action::set(Field::Ipv6Dst, mac.link_local())], sink);
    }
}

/// What the proxy sends to the address of a port goes to the port.
fn answer(
    local: &LocalPort,
    proxy: &MetadataProxy,
    mac: MacAddr,
    from: Match,
    addresses: [Action; 2],
    sink: &mut Sink,
) {
    sink.flow(&METADATA_ANSWER, Priority::EXACT, |flow| {
        let flow = flow.matching(from.with(Field::TcpSrc, proxy.port));
        let flow = addresses.into_iter().fold(flow, pipeline::FlowBuilder::action);
        flow.action(Action::set(Field::TcpSrc, SERVICE_PORT))
            .action(Action::set(Field::EthSrc, MAC))
            .action(Action::set(Field::EthDst, mac))
            .set(&regs::NETWORK, local.network.key.into())
            .set(&regs::EGRESS_PORT, local.key())
            .goto(&DISPATCH)
    });
}
