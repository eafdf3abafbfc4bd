//! The answer to a packet that a guest's flow sent up.

use std::net::Ipv6Addr;

use engine::{PacketIn, Reply, View};
use net_types::MacAddr;
use packet::Headers;
use packet::build::{Ethernet, Ip, Ipv6, Transport, Udp};
use packet::dhcp6::{self, CLIENT_PORT, Message, SERVER_PORT};
use packet::headers::NetworkKey;

use super::lease;
use crate::local;

pub(super) fn respond(view: &mut View<'_>, packet: &PacketIn) -> Reply {
    answer(view, packet).unwrap_or_else(Reply::Ignore)
}

fn answer(view: &mut View<'_>, packet: &PacketIn) -> Result<Reply, &'static str> {
    let local = local::sender(view, packet);
    let local = local.ok_or("a DHCPv6 message is from a port that is not on this node any more")?;
    let server = lease::server_of(view, &local.port);
    let server = server.ok_or("a DHCPv6 message is from a port that is not served by DHCPv6")?;
    let (message, client_mac, client) = read(&packet.frame)?;
    let lease = lease::lease(view, &local.port, server)
        .ok_or("a DHCPv6 message is from a port whose subnet is gone")?;
    let reply = dhcp6::answer(&message, &lease).map_err(|silence| silence.reason())?;
    let udp = Udp { src_port: SERVER_PORT, dst_port: CLIENT_PORT, payload: reply.emit() };
    let ip = Ip::V6(Ipv6::new(server.link_local(), client));
    let frame = Ethernet::new(server, client_mac).ip(&ip, &Transport::Udp(udp));
    Ok(local.send(frame.map_err(|_| "a DHCPv6 answer is too long for a packet")?))
}

/// The DHCPv6 message in a frame, and who sent it.
fn read(frame: &[u8]) -> Result<(Message, MacAddr, Ipv6Addr), &'static str> {
    let headers = Headers::parse(frame);
    let (Some(ethernet), Some(NetworkKey::Ipv6 { src, .. }), Some(payload)) =
        (headers.ethernet, headers.network, headers.udp_payload(frame))
    else {
        return Err("a packet to the DHCPv6 server is no UDP datagram");
    };
    let message =
        Message::parse(payload).map_err(|_| "a packet to the DHCPv6 server is no DHCPv6 message")?;
    Ok((message, ethernet.src, src))
}
