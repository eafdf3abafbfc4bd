//! The answer to a question for a name, or the question on its way.

use std::net::IpAddr;

use engine::{Instead, PacketIn, Reply, Resume, View};
use model::{Id, LogicalPort, LogicalSwitch, PortDns};
use net_types::MacAddr;
use openflow::action::Action;
use packet::Headers;
use packet::build::{Ethernet, Ip, Transport, Udp, tcp_flags};
use packet::dns::{Answer, INTERNET, Name, Query, Record, kinds};
use packet::headers::{NetworkKey, TransportKey};
use packet::tcp::Segment;
use pipeline::tables::{EGRESS_TRACK, L2};
use pipeline::{regs, tunnels};

use crate::local::LocalPort;
use crate::{filter, local, names};

/// For how long an answer may be remembered: addresses of ports change.
const SECONDS: u32 = 30;
/// Segments that begin or end a connection are not looked at.
const NOT_AMIDST: u16 = tcp_flags::SYN | tcp_flags::FIN | tcp_flags::RST;

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
    let (start, end) = headers.layout.transport.zip(headers.layout.network_end)?;
    let transport = packet.frame.get(start..end)?;
    let ends = Ends::of(&headers)?;
    match headers.transport? {
        TransportKey::Udp { src: client, dst: server } => {
            let query = Query::parse(transport.get(Udp::HEADER_BYTES..)?).ok()?;
            let answer = of_names(view, &network, &query)?;
            let datagram = Udp { src_port: server, dst_port: client, payload: answer.emit(&query) };
            Some(local.send(ends.back(Transport::Udp(datagram))?))
        }
        TransportKey::Tcp { flags, .. } if flags & NOT_AMIDST == 0 => {
            let segment = Segment::parse(transport).ok()?;
            let query = Query::parse_stream(segment.payload).ok()?;
            let answer = of_names(view, &network, &query)?;
            let answer = segment.last_answer(answer.emit_stream(&query));
            let frame = local.framed(ends.back(Transport::Tcp(answer))?);
            let to_server = ends.on(Transport::Tcp(segment.break_off()))?;
            let to_groups = ends.on(Transport::Tcp(segment.break_off_behind()))?;
            let to_server = Resume { frame: to_server, ..onwards(packet) };
            let onwards = vec![to_server, through_groups(view, packet, &local, to_groups)];
            Some(Reply::Instead(Box::new(Instead { frame, port: local.of_port, onwards })))
        }
        _ => None,
    }
}

/// Who asks, and who is asked.
struct Ends {
    macs: (MacAddr, MacAddr),
    ips: (IpAddr, IpAddr),
}

impl Ends {
    fn of(headers: &Headers) -> Option<Self> {
        let ethernet = headers.ethernet?;
        let ips = match headers.network? {
            NetworkKey::Ipv4 { src, dst } => (src.into(), dst.into()),
            NetworkKey::Ipv6 { src, dst, .. } => (src.into(), dst.into()),
            _ => return None,
        };
        Some(Self { macs: (ethernet.src, ethernet.dst), ips })
    }

    /// A frame to who asks, as from who is asked.
    fn back(&self, transport: Transport) -> Option<Vec<u8>> {
        let ip = Ip::between(self.ips.1, self.ips.0)?;
        Ethernet::new(self.macs.1, self.macs.0).ip(&ip, &transport).ok()
    }

    /// A frame to who is asked, as from who asks.
    fn on(&self, transport: Transport) -> Option<Vec<u8>> {
        let ip = Ip::between(self.ips.0, self.ips.1)?;
        Ethernet::new(self.macs.0, self.macs.1).ip(&ip, &transport).ok()
    }
}

/// A frame goes on as if the guest had sent it: past its groups, so that what they remember of a connection ends with it. They have heard the
/// question and the server has not, so what ends it for one of them is nothing to the other.
fn through_groups(view: &mut View<'_>, packet: &PacketIn, local: &LocalPort, frame: Vec<u8>) -> Resume {
    let mut resume = onwards(packet);
    if let Some(filter) = filter::of(view, &local.port) {
        let registers = filter.registers().map(|(register, number)| Action::load(register.bits, number));
        resume.registers.extend(registers);
    }
    Resume { frame, table: EGRESS_TRACK.id, ..resume }
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
