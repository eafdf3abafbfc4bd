//! The answer to a router solicitation that a guest's flow sent up: the advertisement that it is sent from time to time anyway.

use engine::{PacketIn, Reply, View};
use model::LogicalPort;
use packet::Headers;
use packet::headers::NetworkKey;
use packet::nd::Envelope;
use packet::router::Router;

use super::advertise;
use crate::local;

pub(super) fn respond(view: &mut View<'_>, packet: &PacketIn) -> Reply {
    match answer(view, packet) {
        Ok(reply) => reply,
        Err(reason) => Reply::Ignore(reason),
    }
}

fn answer(view: &mut View<'_>, packet: &PacketIn) -> Result<Reply, &'static str> {
    let key = packet.ingress().ok_or("a router solicitation is from no port")?;
    let port = view.by(&LogicalPort::BY_UNIQUE_KEY, key).into_iter().next();
    let local = port.and_then(|port| local::find(view, &port.id));
    let local = local.ok_or("a router solicitation is from a port that is not on this node any more")?;
    check(&packet.frame)?;
    let frame = advertise::frame_for(view, &local);
    let frame = frame.ok_or("a router solicitation is from a port whose subnets announce nothing")?;
    Ok(local.send(frame.to_vec()))
}

/// Whether a frame has a router solicitation that has to be answered.
fn check(frame: &[u8]) -> Result<(), &'static str> {
    let headers = Headers::parse(frame);
    let layout = headers.layout;
    let message = layout.transport.zip(layout.network_end).and_then(|(start, end)| frame.get(start..end));
    let (Some(NetworkKey::Ipv6 { src, dst, .. }), Some(ip), Some(message)) =
        (headers.network, headers.ip, message)
    else {
        return Err("a packet to the router is no IPv6 packet");
    };
    match Router::parse(message, Envelope { src, dst, hop_limit: ip.ttl }) {
        Ok(Router::Solicitation(_)) => Ok(()),
        Ok(Router::Advertisement(_)) => Err("a guest advertises itself as a router"),
        Err(_) => Err("a packet to the router is no router solicitation that may be answered"),
    }
}
