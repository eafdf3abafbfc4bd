//! The answer to a question for a name, or the question on its way.

use std::net::IpAddr;

use engine::{PacketIn, Reply, Resume, View};
use model::{Id, LogicalPort, LogicalSwitch, PortDns};
use openflow::action::Action;
use packet::Headers;
use packet::build::{Ethernet, Ip, Transport, Udp};
use packet::dns::{Answer, INTERNET, Name, Query, Record, kinds};
use packet::headers::{NetworkKey, TransportKey};
use pipeline::tables::L2;
use pipeline::{regs, tunnels};

use crate::{local, names};

/// For how long an answer may be remembered: addresses of ports change.
const SECONDS: u32 = 30;

pub(super) fn respond(view: &mut View<'_>, packet: &PacketIn) -> Reply {
    match answer(view, packet) {
        Some(reply) => reply,
        None => Reply::Resume(onwards(packet)),
    }
}

/// The question goes on as if nobody had looked.
fn onwards(packet: &PacketIn) -> Resume {
    let on_wire = tunnels::key_on_wire(packet.ingress);
    let registers = vec![
        Action::load(regs::NETWORK.bits, packet.network.into()),
        Action::load(regs::INGRESS_PORT.bits, packet.ingress.into()),
        Action::load(regs::INGRESS_ON_WIRE.bits, on_wire.into()),
        Action::load(regs::LOOKED_UP.bits, 1),
    ];
    Resume { frame: packet.frame.clone(), registers, table: L2.id }
}

/// The answer, if a port of the network has the name.
fn answer(view: &mut View<'_>, packet: &PacketIn) -> Option<Reply> {
    let local = local::sender(view, packet)?;
    let network = local.port.lswitch.clone()?;
    let headers = Headers::parse(&packet.frame);
    let query = Query::parse(headers.udp_payload(&packet.frame)?).ok()?;
    let answer = of_names(view, &network, &query)?;

    let ethernet = headers.ethernet?;
    let (src, dst): (IpAddr, IpAddr) = match headers.network? {
        NetworkKey::Ipv4 { src, dst } => (src.into(), dst.into()),
        NetworkKey::Ipv6 { src, dst, .. } => (src.into(), dst.into()),
        _ => return None,
    };
    let TransportKey::Udp { src: client, dst: server } = headers.transport? else { return None };
    let datagram = Udp { src_port: server, dst_port: client, payload: answer.emit(&query) };
    let back = Ethernet::new(ethernet.dst, ethernet.src);
    let frame = back.ip(&Ip::between(dst, src)?, &Transport::Udp(datagram)).ok()?;
    Some(local.send(frame))
}

/// What ports of the network have under the name that is asked for; nothing, if there is no such port.
fn of_names(view: &mut View<'_>, network: &Id<LogicalSwitch>, query: &Query) -> Option<Answer> {
    if query.class != INTERNET || query.edns.is_some_and(|edns| edns.version != 0) {
        return None;
    }
    if let Some(address) = query.name.to_address() {
        return (query.kind == kinds::PTR).then(|| of_address(view, network, address, query))?;
    }
    let labels = query.name.to_labels()?;
    let mut zone = None;
    let mut addresses = Vec::new();
    // A name may have several labels, and what follows it is its domain, if anything does.
    for (name, domain) in (1..=labels.len()).filter_map(|count| labels.split_at_checked(count)) {
        let domain = domain.join(".");
        let rows = view.by(&PortDns::BY_NAME, name.join("."));
        for row in rows.iter().filter(|row| row.lswitch == *network) {
            let own = names::domains_of(view, row);
            if domain.is_empty() || own.contains(&domain) {
                let of_answer = if domain.is_empty() { &own[0] } else { &domain };
                zone = zone.or_else(|| Name::from_text(of_answer)).or_else(|| Some(query.name.clone()));
                addresses.extend(view.get(&row.lport).into_iter().flat_map(|port| port.ips.clone()));
            }
        }
    }
    addresses.sort_unstable();
    addresses.dedup();
    let is_asked = |address: &IpAddr| match query.kind {
        kinds::A => address.is_ipv4(),
        kinds::AAAA => address.is_ipv6(),
        kind => kind == kinds::ANY,
    };
    let records = addresses.into_iter().filter(is_asked).map(Record::Address).collect();
    Some(Answer { zone: zone?, seconds: SECONDS, records })
}

/// The name of the port with an address.
fn of_address(
    view: &mut View<'_>,
    network: &Id<LogicalSwitch>,
    address: IpAddr,
    query: &Query,
) -> Option<Answer> {
    let ports = view.by(&LogicalPort::BY_IP, (address, network.clone()));
    let row = ports.iter().find_map(|port| view.get(&PortDns::id_of(&port.id)))?;
    let full = names::full_name(view, &row);
    let records = vec![Record::Name(Name::from_text(&full)?)];
    Some(Answer { zone: query.name.clone(), seconds: SECONDS, records })
}
