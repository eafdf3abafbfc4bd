//! Who uses the addresses of allowed address pairs now: several ports may use one, and one of them does.
//!
//! # Guarantees
//! - Who announces an address of a pair of its port (by gratuitous ARP, an ARP answer, a neighbour advertisement) is its holder: a
//!   row of `activeport` says so, and says it anew only when another port or MAC address does. Pairs may be ranges; of all of them together
//!   one port holds no more than [`HELD_MAX`] addresses.
//! - Ports are asked for the addresses of their pairs, and for those of ranges that they are said to hold. The answers are for
//!   whoever keeps the rows, and nobody else hears of them.
//! - A port that is asked about such an address hears of the holder, on every node. A row whose port is gone, bound nowhere, disabled, or
//!   has no such pair any more, counts for nothing.
//! - Such a row is deleted: by the node where the port is bound, also when the port is plugged in nowhere there or does not answer any more when it
//!   is asked; if it is bound to none, by one node of all. See [`stale`].
//! - What was announced passes to everybody in the network as before.
//!
//! The tables `arp` and `nd` have the flows, because they see such messages; this is what both know.

mod stale;

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use engine::{Beacon, Derived, PacketIn, Reply, Responder, Sink, View, Write};
use ipnet::IpNet;
use model::{
    AddressPair, AddressRange, AllowedAddressPairsActivePort, Id, LogicalPort, LogicalSwitch,
    PortAddressRanges, Table,
};
use net_types::MacAddr;
use packet::arp::{Arp, ArpOperation};
use packet::build::Ethernet;
use packet::nd::{Envelope, Neighbor, Solicitation, solicited_node};
use packet::{Headers, ethertype};
use pipeline::userdata;

use crate::local::{self, LocalPort};
use crate::places;

pub(crate) use stale::stale;

/// How the MAC address of a tap device begins, which is that of its guest otherwise.
const TAP_PREFIX: u8 = 0xfe;

/// Addresses that one port can be said to hold: a guest may be allowed a range of millions.
const HELD_MAX: usize = 256;

/// Octets before the message of an ARP frame.
const ETHERNET_BYTES: usize = 14;

/// Ports of the network itself have owners that begin so.
const OWNER_NETWORK: &str = "network:";

/// Whether questions for a port's own addresses are answered in its place.
pub(crate) fn is_answered_for(port: &LogicalPort) -> bool {
    let is_bound = port.chassis().is_some() || port.vtep().is_some();
    let is_of_network = port.device_owner.as_deref().is_some_and(|owner| owner.starts_with(OWNER_NETWORK));
    port.enabled != Some(false) && (is_bound || is_of_network)
}

/// Whether a guest of the network on this node may announce addresses that others are said to have: any, or those of a range.
pub(crate) fn may_be_claimed(view: &mut View<'_>, network: &Id<LogicalSwitch>) -> bool {
    *view.derived::<MayBeClaimed>(network)
}

/// The answer to [`may_be_claimed`], for all who ask.
#[derive(Debug)]
struct MayBeClaimed;

impl Derived for MayBeClaimed {
    type Key = Id<LogicalSwitch>;
    type Value = bool;

    fn compute(view: &mut View<'_>, network: &Self::Key) -> bool {
        let Some(us) = view.settings().map(|settings| settings.chassis) else { return false };
        let mut ports = view.ids_by(&LogicalPort::BY_LSWITCH_AND_CHASSIS, (network.clone(), us.clone()));
        let arriving = places::moves(view, network).into_iter().filter(|(node, _)| *node == us);
        ports.extend(arriving.map(|(_, port)| port));
        ports.iter().any(|port| *view.derived::<ClaimsOthers>(port))
    }
}

/// Whether a port may do so. Its network is not looked at when something else of the port changes.
#[derive(Debug)]
struct ClaimsOthers;

impl Derived for ClaimsOthers {
    type Key = Id<LogicalPort>;
    type Value = bool;

    fn compute(view: &mut View<'_>, port: &Self::Key) -> bool {
        let is_free = view.get(port).is_some_and(|port| port.port_security_enabled == Some(false));
        is_free || view.get(&PortAddressRanges::id_of(port)).is_some_and(|row| !row.ranges.is_empty())
    }
}

/// What is said of addresses of pairs.
pub(crate) fn responder() -> Responder {
    Responder { op: userdata::PAIR_ADDRESS, respond }
}

/// The addresses that a port may have besides its own.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    /// Those of its pairs.
    pub(crate) addresses: BTreeSet<IpAddr>,
    /// The ranges that may be pairs.
    pub(crate) ranges: BTreeSet<IpNet>,
    /// Those that it is asked for: of pairs, and those of ranges that it is said to hold.
    pub(crate) asked: BTreeSet<IpAddr>,
}

/// The addresses that a port may announce: those of a port whose security is on, without its own.
pub(crate) fn shared(view: &mut View<'_>, port: &LogicalPort) -> Shared {
    if port.port_security_enabled == Some(false) {
        return Shared::default();
    }
    let ranges = view.get(&PortAddressRanges::id_of(&port.id));
    let ranges = ranges.as_ref().map_or(&[][..], |row| &row.ranges);
    // The row of a port has the first address of a range in its place.
    let stands_for_range = |pair: &&AddressPair| {
        let is_it = |range: &AddressRange| {
            range.cidr.network() == pair.ip_address && range.mac_address == pair.mac_address
        };
        ranges.iter().any(is_it)
    };
    let pairs = port.allowed_address_pairs.iter().filter(|pair| !stands_for_range(pair));
    let addresses: BTreeSet<IpAddr> =
        pairs.map(|pair| pair.ip_address).filter(|ip| !port.ips.contains(ip)).collect();
    let ranges: BTreeSet<IpNet> = ranges.iter().map(|range| range.cidr.trunc()).collect();
    if addresses.is_empty() && ranges.is_empty() {
        return Shared::default();
    }
    let mut asked = addresses.clone();
    for row in view.by(&AllowedAddressPairsActivePort::BY_LPORT, port.id.clone()) {
        asked.extend(holder(view, &row).map(|(ip, _)| ip));
    }
    Shared { addresses, ranges, asked }
}

/// The address of a row with the MAC address at which its holder is, if the row counts.
pub(crate) fn holder(view: &mut View<'_>, row: &AllowedAddressPairsActivePort) -> Option<(IpAddr, MacAddr)> {
    let (ip, mac) = (row.ip?, row.detected_mac?);
    let port = view.get(row.detected_lport.as_ref()?)?;
    let is_reached = port.enabled != Some(false) && port.chassis().is_some() && port.lswitch == row.network;
    (is_reached && may_hold(view, &port, ip, mac)).then_some((ip, mac))
}

/// In whose name a port is asked: the other end of its cable.
pub(crate) fn asker(port: &LogicalPort) -> Option<MacAddr> {
    let mut asks = port.macs.first().copied()?;
    asks.0[0] = TAP_PREFIX;
    Some(asks)
}

/// Asks a port whether it uses an address.
fn probe(port: &LogicalPort, ip: IpAddr) -> Option<Vec<u8>> {
    let asks = asker(port)?;
    match ip {
        // In the name of no address, so nobody's is taken for another's.
        IpAddr::V4(ip) => {
            let question = Arp::request(asks, Ipv4Addr::UNSPECIFIED, ip);
            Some(Ethernet::new(asks, MacAddr::BROADCAST).arp(&question))
        }
        // A question of nobody would be a check for duplicates, whose answer is for everybody.
        IpAddr::V6(ip) => {
            let group = solicited_node(ip);
            let question = Neighbor::Solicitation(Solicitation { target: ip, source_link: Some(asks) });
            let link = Ethernet::new(asks, MacAddr::of_ipv6_multicast(group));
            link.neighbor(asks.link_local(), group, &question).ok()
        }
    }
}

/// Has a port asked for addresses from time to time: who holds one without saying so answers for it, and who is said to hold one and
/// does not answer holds it no longer. Of a guest that moves between nodes only one of them hears, so it is not given up by any.
pub(crate) fn ask<'a>(
    view: &mut View<'_>,
    local: &LocalPort,
    addresses: impl Iterator<Item = &'a IpAddr>,
    sink: &mut Sink,
) {
    let Some(interval_s) = view.settings().map(|settings| settings.learning.ask_interval_s) else { return };
    let is_moving = local.is_arriving || local.other_node.is_some();
    let Some(network) = local.port.lswitch.clone().filter(|_| !is_moving) else { return };
    for ip in addresses {
        let Some(frame) = probe(&local.port, *ip) else { continue };
        let frame = local.framed(frame).into();
        let row = AllowedAddressPairsActivePort::id_of(&network, *ip);
        let held = view.get(&row).filter(|row| row.detected_lport.as_ref() == Some(&local.port.id));
        let proves = held.map(|_| (Table::AllowedAddressPairsActivePort, row.row().clone()));
        sink.beacon(Beacon { port: local.of_port, frame, interval_s, burst: 1, proves });
    }
}

fn may_hold(view: &mut View<'_>, port: &LogicalPort, ip: IpAddr, mac: MacAddr) -> bool {
    let is_pair = |pair: &AddressPair| pair.ip_address == ip && pair.mac_address == mac;
    let is_in = |range: &AddressRange| range.cidr.contains(&ip) && range.mac_address == mac;
    port.allowed_address_pairs.iter().any(is_pair)
        || !port.ips.contains(&ip)
            && view.get(&PortAddressRanges::id_of(&port.id)).is_some_and(|row| row.ranges.iter().any(is_in))
}

fn respond(view: &mut View<'_>, packet: &PacketIn) -> Reply {
    match row(view, packet) {
        Ok(Said::New(write)) => Reply::Write(write),
        Ok(Said::Known(row)) => Reply::Heard(Table::AllowedAddressPairsActivePort, row.row().clone()),
        Err(reason) => Reply::Ignore(reason),
    }
}

/// What an announcement says of the rows.
enum Said {
    New(Box<Write>),
    Known(Id<AllowedAddressPairsActivePort>),
}

/// What follows from an announcement.
fn row(view: &mut View<'_>, packet: &PacketIn) -> Result<Said, &'static str> {
    let port = local::sender_row(view, packet);
    let port = port.ok_or("an announcement is from a port that is gone")?;
    let network = port.lswitch.clone().ok_or("an announcement is from a port without a network")?;
    let (ip, mac) = announced(&packet.frame).ok_or("an announcement names no address")?;
    if !may_hold(view, &port, ip, mac) {
        return Err("an announcement is of an address that is not that of a pair of its port");
    }
    let id = AllowedAddressPairsActivePort::id_of(&network, ip);
    let seen = view.get(&id);
    let wanted = AllowedAddressPairsActivePort {
        detected_lport: Some(port.id.clone()),
        detected_mac: Some(mac),
        id,
        ip: Some(ip),
        network: Some(network),
        topic: port.topic.clone(),
    };
    if seen.as_deref() == Some(&wanted) {
        return Ok(Said::Known(wanted.id));
    }
    let held = view.ids_by(&AllowedAddressPairsActivePort::BY_LPORT, port.id.clone());
    if held.len() >= HELD_MAX && !held.contains(&wanted.id) {
        return Err("an announcement is of one address too many of its port");
    }
    let seen = seen.map(|row| (*row).clone().into());
    Ok(Said::New(Box::new(Write { seen, wanted: Some(wanted.into()) })))
}

/// The address that a frame says is at a MAC address.
fn announced(frame: &[u8]) -> Option<(IpAddr, MacAddr)> {
    let headers = Headers::parse(frame);
    if headers.ethernet?.ethertype == ethertype::ARP {
        let arp = Arp::parse(frame.get(ETHERNET_BYTES..)?).ok()?;
        let says = arp.operation == ArpOperation::REPLY || arp.is_gratuitous();
        return says.then_some((arp.sender_ip.into(), arp.sender_mac));
    }
    match Neighbor::parse(headers.ip_payload(frame)?, Envelope::of(&headers)?).ok()? {
        Neighbor::Advertisement(claim) => {
            Some((claim.target.into(), claim.target_link.unwrap_or(headers.ethernet?.src)))
        }
        Neighbor::Solicitation(_) => None,
    }
}
