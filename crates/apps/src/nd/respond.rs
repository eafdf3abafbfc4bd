//! The answer to a router solicitation that a guest's flow sent up: the advertisement that it is sent from time to time anyway.

use engine::{PacketIn, Reply, View};
use packet::Headers;
use packet::nd::Envelope;
use packet::router::Router;

use super::advertise;
use crate::local;

pub(super) fn respond(view: &mut View<'_>, packet: &PacketIn) -> Reply {
    answer(view, packet).unwrap_or_else(Reply::Ignore)
}

fn answer(view: &mut View<'_>, packet: &PacketIn) -> Result<Reply, &'static str> {
    let local = local::sender(view, packet);
    let local = local.ok_or("a router solicitation is from a port that is not on this node any more")?;
    check(&packet.frame)?;
    let frame = advertise::frame_for(view, &local);
    let frame = frame.ok_or("a router solicitation is from a port whose subnets announce nothing")?;
    Ok(local.send(frame.to_vec()))
}

/// Whether a frame has a router solicitation that has to be answered.
fn check(frame: &[u8]) -> Result<(), &'static str> {
    let headers = Headers::parse(frame);
    let (Some(envelope), Some(message)) = (Envelope::of(&headers), headers.ip_payload(frame)) else {
        return Err("a packet to the router is no IPv6 packet");
    };
    match Router::parse(message, envelope) {
        Ok(Router::Solicitation(_)) => Ok(()),
        Ok(Router::Advertisement(_)) => Err("a guest advertises itself as a router"),
        Err(_) => Err("a packet to the router is no router solicitation that may be answered"),
    }
}
