//! ICMP errors about packets whose address was translated without a memory of them: what they quote is translated as they are.
//!
//! # Guarantees
//! - An error from outside about what was sent with a floating IP reaches the guest as one about the packet that the guest sent; one from
//!   the guest leaves as one about the packet that was sent to the floating IP. So paths can be traced and MTUs found through floating
//!   IPs, and nobody outside sees an address from inside.
//! - What a guest with forwarded ports says of packets of other connections than these leaves by the gateway, as what it sends of them.
//! - Each error lives one hop less, whichever way it leaves.
//! - Errors with wrong checksums, and those from outside about packets that were not translated, go nowhere.
//! - Each floating IP has a limit of its own for how many there may be.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use engine::{PacketIn, Reply, Resume, Sink, View};
use model::{FloatingIp, LogicalPort, LogicalRouter, UniqueKey};
use openflow::action::Action;
use openflow::{Field, Match};
use packet::headers::Headers;
use packet::translate::{End, ICMP_ERRORS, Side, change, change_quoted, end, quoted_end};
use packet::{ethertype, ip_proto};
use pipeline::tables::{ARRIVE, EXTERNAL, NEIGHBOR, ROUTE};
use pipeline::{Priority, regs, userdata};

use super::external::{self, Floating, outward};
use super::forwarding::{inside_of, outside_of};
use super::route::forwarded_as_it_is;
use crate::routers::{self, Outer, Router};
use crate::slow_path;

/// Before other packets of the same addresses.
const QUOTES: Priority = Priority::EXACT.level(2);

/// Which way an error goes; the second byte of the userdata, before the key of the floating IP's port.
const INWARD: u8 = 1;
const OUTWARD: u8 = 2;

/// Has errors translated: those to a floating IP, and those from the addresses behind it.
pub(super) fn flows(view: &mut View<'_>, floating: &Floating, guests: &BTreeSet<Ipv4Addr>, sink: &mut Sink) {
    let leg = &floating.leg;
    let up = slow_path::to_controller(view, &leg.port, userdata::QUOTES_FLOATING_IP, sink);
    let Some(Action::Controller(up)) = up else { return };
    let up = |direction: u8| {
        let mut up = up.clone();
        up.userdata.push(direction);
        up.userdata.extend(leg.key.to_be_bytes());
        Action::Controller(up)
    };
    let error = |field, ip: Ipv4Addr, kind: u8| {
        let packet = Match::new().with(Field::EthType, ethertype::IPV4).with(field, ip);
        packet.with(Field::IpProto, ip_proto::ICMP).with(Field::IcmpType, kind)
    };
    for kind in ICMP_ERRORS {
        sink.flow(&ARRIVE, QUOTES, |flow| {
            let flow = flow.matching(error(Field::Ipv4Dst, floating.ip, kind));
            let flow = flow.when(&regs::EGRESS_PORT, leg.key.into());
            flow.set(&regs::ROUTER, floating.router.key.into()).action(up(INWARD))
        });
        for guest in guests {
            sink.flow(&EXTERNAL, QUOTES, |flow| {
                let flow = flow.matching(error(Field::Ipv4Src, *guest, kind));
                let flow = outward(flow, &floating.router, &floating.network);
                forwarded_as_it_is(flow.when(&regs::IS_FOR_GATEWAY, 0), leg).action(up(OUTWARD))
            });
        }
    }
}

/// Translates an error and what it quotes.
pub(super) fn translate(view: &mut View<'_>, packet: &PacketIn) -> Reply {
    translated(view, packet).map_or_else(Reply::Ignore, Reply::Resume)
}

fn translated(view: &mut View<'_>, packet: &PacketIn) -> Result<Resume, &'static str> {
    let (direction, key) = match packet.userdata.as_slice() {
        [_, direction, key @ ..] => (*direction, <[u8; 4]>::try_from(key).ok()),
        _ => return Err("an error does not say of which floating IP it is"),
    };
    let row = key.and_then(|key| row_of(view, u32::from_be_bytes(key)));
    let row = row.ok_or("an error is of a floating IP that is gone")?;
    let floating = external::known(view, &row).ok_or("an error is of a floating IP that is elsewhere now")?;
    let mut frame = packet.frame.clone();
    let start = Headers::parse(&frame).layout.network.ok_or("an error is no packet")?;
    let bytes = frame.get_mut(start..).ok_or("an error is cut off")?;
    let mut registers = vec![
        Action::load(regs::NETWORK.bits, packet.network.into()),
        Action::load(regs::ROUTER.bits, floating.router.key.into()),
    ];
    if direction == INWARD {
        inward(view, &row, bytes)?;
        return Ok(Resume { frame, registers, table: ROUTE.id });
    }
    let Some(IpAddr::V4(next_hop)) = packet.next_hop else {
        return Err("an error does not say to whom it is handed");
    };
    registers.push(Action::set(regs::NEXT_HOP.bits.field, u32::from(next_hop)));
    if !outward_error(view, &row, bytes, floating.ip)? {
        registers.push(Action::load(regs::IS_FOR_GATEWAY.bits, 1));
        return Ok(Resume { frame, registers, table: EXTERNAL.id });
    }
    // What goes back to where it came from loses its hop there.
    registers.push(Action::DecTtl);
    registers.push(Action::set(regs::INGRESS_PORT.bits.field, floating.leg.key));
    Ok(Resume { frame, registers, table: NEIGHBOR.id })
}

fn row_of(view: &mut View<'_>, key: u32) -> Option<std::sync::Arc<FloatingIp>> {
    let key = UniqueKey::new(key)?;
    let port = view.by(&LogicalPort::BY_UNIQUE_KEY, key).into_iter().next()?;
    match routers::outer(view, &port)? {
        Outer::FloatingIp(id) => view.get(&id),
        Outer::Gateway(_) => None,
    }
}

const BROKEN: &str = "an error is broken";

fn inward(view: &mut View<'_>, row: &FloatingIp, bytes: &mut [u8]) -> Result<(), &'static str> {
    let sent = quoted_end(bytes, Side::Src).ok_or(BROKEN)?;
    let guest = inside_of(view, row, sent).ok_or("an error is about what nobody has sent")?;
    change_quoted(bytes, Side::Src, guest).ok_or(BROKEN)?;
    change(bytes, Side::Dst, outer(guest.ip)).ok_or(BROKEN)
}

/// Translates what a guest says; false, and nothing is changed, if it is about a packet that was not sent to the floating IP.
fn outward_error(
    view: &mut View<'_>,
    row: &FloatingIp,
    bytes: &mut [u8],
    ip: Ipv4Addr,
) -> Result<bool, &'static str> {
    let got = quoted_end(bytes, Side::Dst).ok_or(BROKEN)?;
    match outside_of(view, row, got) {
        Some(seen) => change_quoted(bytes, Side::Dst, seen).ok_or(BROKEN)?,
        // Behind the guest there may be others, for whose packets it speaks.
        None if row.fixed_ip_address.is_some() => {}
        None => return Ok(false),
    }
    change(bytes, Side::Src, outer(ip)).ok_or(BROKEN)?;
    Ok(true)
}

const fn outer(ip: Ipv4Addr) -> End {
    End { ip, proto: ip_proto::ICMP, port: None }
}

/// Turns a packet back into the one that its sender outside has sent, before it is quoted to it; says whether it was another one.
pub(super) fn as_sent(view: &mut View<'_>, router: &Router, source: IpAddr, quoted: &mut [u8]) -> bool {
    if !is_outside(router, source) {
        return false;
    }
    let Some(got) = end(quoted, Side::Dst) else { return false };
    let id = UniqueKey::new(router.key)
        .and_then(|key| view.ids_by(&LogicalRouter::BY_UNIQUE_KEY, key).into_iter().next());
    let rows = id.map(|id| view.by(&FloatingIp::BY_LROUTER, id)).unwrap_or_default();
    for row in rows {
        let seen = outside_of(view, &row, got).filter(|_| external::known(view, &row).is_some());
        if let Some(seen) = seen {
            return change(quoted, Side::Dst, seen).is_some();
        }
    }
    false
}

/// Whether a router's gateway hides who is inside from this address.
pub(super) fn is_hidden_from(router: &Router, ip: IpAddr) -> bool {
    is_outside(router, ip) && router.gateways.iter().any(external::is_hiding)
}

/// Whether a router hands what is for an address to one of its external networks.
fn is_outside(router: &Router, ip: IpAddr) -> bool {
    let is_outer = |ip| router.gateways.iter().any(|gateway| gateway.leg.address_near(ip).is_some());
    if router.legs.iter().any(|leg| leg.address_near(ip).is_some()) {
        return false;
    }
    let routes = router.routes.iter().filter(|route| route.destination.contains(&ip));
    match routes.max_by_key(|route| route.destination.prefix_len()) {
        Some(route) => is_outer(route.nexthop),
        None => !router.gateways.is_empty(),
    }
}
