//! The answer to a packet that a guest's flow sent up.

use engine::{PacketIn, Reply, View};
use packet::Headers;
use packet::dhcp::{self, Answer, Arrival, Message};
use packet::headers::NetworkKey;

use super::{lease, server};
use crate::local;

pub(super) fn respond(view: &mut View<'_>, packet: &PacketIn) -> Reply {
    answer(view, packet).unwrap_or_else(Reply::Ignore)
}

fn answer(view: &mut View<'_>, packet: &PacketIn) -> Result<Reply, &'static str> {
    let local = local::sender(view, packet);
    let local = local.ok_or("a DHCP message is from a port that is not on this node any more")?;
    let served = server::serving(view, &local.port).0;
    let served = served.ok_or("a DHCP message is from a port that has no address by DHCP")?;

    let (message, arrival) = read(&packet.frame)?;
    // A port with several MAC addresses may ask from each of them.
    let macs = &local.port.macs;
    let mac = macs.iter().find(|mac| **mac == message.client_mac).or_else(|| macs.first());
    let mac = mac.ok_or("a DHCP message is from a port without a MAC address")?;
    let lease = lease::lease(view, &local.port, &served, *mac)
        .ok_or("a DHCP message is from a port whose network is gone")?;
    match dhcp::answer(&message, arrival, &lease) {
        Answer::Silence(silence) => Err(silence.reason()),
        Answer::Reply(reply) => {
            let frame = reply.frame().map_err(|_| "a DHCP answer is too long for a packet")?;
            Ok(local.send(frame))
        }
    }
}

/// The DHCP message in a frame, and how it came.
fn read(frame: &[u8]) -> Result<(Message, Arrival), &'static str> {
    let headers = Headers::parse(frame);
    let (Some(ethernet), Some(NetworkKey::Ipv4 { src, dst }), Some(payload)) =
        (headers.ethernet, headers.network, headers.udp_payload(frame))
    else {
        return Err("a packet to the DHCP server is no UDP datagram");
    };
    let message = Message::parse(payload).map_err(|_| "a packet to the DHCP server is no DHCP message")?;
    Ok((message, Arrival { source_mac: ethernet.src, source: src, destination: dst }))
}
