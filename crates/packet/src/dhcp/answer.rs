//! What a server says to a client: RFC 2131, section 4.3, for a server that knows every client beforehand.
//!
//! | the client says | meaning | answer |
//! |---|---|---|
//! | discover | who leases? | offer |
//! | request, with a server | I take your offer | ack; nak if it names another address; silence if it names another server |
//! | request, with an address | I was here before, is it still mine? | ack, or nak if it is not |
//! | request, with neither | I go on using this address | ack, or nak if it is not its address (any more) |
//! | inform | I have an address, what else is there? | ack without address and times |
//! | release, decline | I do not use it (any more) | silence: the address stays assigned |
//!
//! A client that asks for an address which is not its own is always told so: the network has one authority, and
//! it knows the client. Silence would leave a machine with a stale address until its lease runs out.
//!
//! Where an answer goes is section 4.1: to the relay agent if there was one; to all for a nak, and for clients
//! that want it; else to the address that the client has or gets, and to its hardware address, since it need not
//! answer ARP yet.

use std::net::Ipv4Addr;

use net_types::MacAddr;

use super::{
    BOOT_FILE_BYTES, CLIENT_PORT, FLAG_BROADCAST, Lease, Message, MessageType, Op, SERVER_NAME_BYTES,
    SERVER_PORT, codes,
};
use crate::build::{BuildError, Ethernet, Ip, Ipv4, Transport, Udp};
use crate::wire::IPV4_HEADER_BYTES;

/// What every client takes, headers included (RFC 2131, section 2).
const DATAGRAM_BYTES_MIN: u16 = 576;
/// What we send at most to a client that takes more, when the MTU is not known.
const DATAGRAM_BYTES_MAX: u16 = 1500;
const HEADER_BYTES: usize = IPV4_HEADER_BYTES + Udp::HEADER_BYTES;

/// How a message came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// Source of the frame: the client, or the last relay agent.
    pub source_mac: MacAddr,
    /// Source of the packet.
    pub source: Ipv4Addr,
    /// Destination of the packet.
    pub destination: Ipv4Addr,
}

/// What a server does with a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It says this.
    Reply(Box<Reply>),
    /// It says nothing.
    Silence(Silence),
}

/// Why a message is not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Silence {
    /// It is a server's.
    NotARequest,
    /// It has no type, or one that is not for servers of hosts.
    NotForServers,
    /// It is from a client that has no lease here.
    OtherClient,
    /// It is for another server.
    OtherServer,
    /// It does not say for which address it is.
    NoAddress,
    /// It is from an address of another network.
    OtherNetwork,
    /// The client does not use the address any more.
    Released,
    /// The client found the address in use.
    Declined,
}

impl Silence {
    /// The reason, for people.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::NotARequest => "a DHCP message of a server came from a client",
            Self::NotForServers => "a DHCP message has no type that a server answers",
            Self::OtherClient => "a DHCP message names another client's hardware address",
            Self::OtherServer => "a DHCP message is for another server",
            Self::NoAddress => "a DHCP request does not say for which address it is",
            Self::OtherNetwork => "a DHCP inform message is from an address of another network",
            Self::Released => "a DHCP client released its address, which stays assigned",
            Self::Declined => "a DHCP client found its address in use by somebody else",
        }
    }
}

/// An answer and where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// What is said.
    pub message: Message,
    /// The same in as many bytes as the client takes.
    pub payload: Vec<u8>,
    /// The options for which there was no room.
    pub left_out: Vec<u8>,
    /// From whom.
    pub source_mac: MacAddr,
    /// To whom.
    pub destination_mac: MacAddr,
    /// From whom.
    pub source: Ipv4Addr,
    /// To whom.
    pub destination: Ipv4Addr,
    /// To which port; from that of servers.
    pub destination_port: u16,
}

impl Reply {
    /// The frame to send.
    pub fn frame(&self) -> Result<Vec<u8>, BuildError> {
        let ip = Ip::V4(Ipv4::new(self.source, self.destination));
        let udp =
            Udp { src_port: SERVER_PORT, dst_port: self.destination_port, payload: self.payload.clone() };
        Ethernet::new(self.source_mac, self.destination_mac).ip(&ip, &Transport::Udp(udp))
    }
}

/// What the server of `lease` says to a message.
#[must_use]
pub fn answer(request: &Message, arrival: Arrival, lease: &Lease) -> Answer {
    match decide(request, arrival, lease) {
        Ok(MessageType::Nak) => reply(request, arrival, lease, refusal(request, lease)),
        Ok(kind) => reply(request, arrival, lease, grant(request, lease, kind)),
        Err(silence) => Answer::Silence(silence),
    }
}

/// The type of the answer.
fn decide(request: &Message, arrival: Arrival, lease: &Lease) -> Result<MessageType, Silence> {
    if request.op != Op::Request {
        return Err(Silence::NotARequest);
    }
    let kind = request.message_type().ok_or(Silence::NotForServers)?;
    if request.client_mac != lease.client_mac {
        return Err(Silence::OtherClient);
    }
    let server = request.options.address(codes::SERVER_ID);
    if server.is_some_and(|server| server != lease.server) || !is_for_server(arrival.destination, lease) {
        return Err(Silence::OtherServer);
    }
    match kind {
        MessageType::Discover => Ok(MessageType::Offer),
        MessageType::Request => {
            let is_own = claimed_address(request).ok_or(Silence::NoAddress)? == lease.address;
            Ok(if is_own { MessageType::Ack } else { MessageType::Nak })
        }
        MessageType::Inform => {
            let address = informing_address(request, arrival).ok_or(Silence::NoAddress)?;
            if lease.is_on_network(address) { Ok(MessageType::Ack) } else { Err(Silence::OtherNetwork) }
        }
        MessageType::Release => Err(Silence::Released),
        MessageType::Decline => Err(Silence::Declined),
        MessageType::Offer | MessageType::Ack | MessageType::Nak => Err(Silence::NotForServers),
    }
}

fn is_for_server(destination: Ipv4Addr, lease: &Lease) -> bool {
    destination.is_broadcast()
        || destination == lease.server
        || lease.broadcast_address() == Some(destination)
}

/// The address of a request: the one that it asks for, or the one that the client has.
fn claimed_address(request: &Message) -> Option<Ipv4Addr> {
    request.options.address(codes::REQUESTED_ADDRESS).or_else(|| specified(request.client_address))
}

/// The address of a client that wants no lease. Some leave out the field that it should be in.
fn informing_address(request: &Message, arrival: Arrival) -> Option<Ipv4Addr> {
    specified(request.client_address).or_else(|| specified(arrival.source))
}

fn specified(address: Ipv4Addr) -> Option<Ipv4Addr> {
    (!address.is_unspecified()).then_some(address)
}

/// What all answers have: RFC 2131, table 3.
fn reply_to(request: &Message, lease: &Lease, kind: MessageType) -> Message {
    let mut message = Message {
        flags: request.flags,
        relay_address: request.relay_address,
        ..Message::new(Op::Reply, request.transaction, request.client_mac)
    };
    message.options.set(codes::MESSAGE_TYPE, [kind.number()]);
    message.options.set(codes::SERVER_ID, lease.server.octets());
    // RFC 6842.
    if let Some(client) = request.options.get(codes::CLIENT_ID) {
        message.options.set(codes::CLIENT_ID, client);
    }
    message
}

/// An offer or an ack.
fn grant(request: &Message, lease: &Lease, kind: MessageType) -> Message {
    let has_lease = request.message_type() != Some(MessageType::Inform);
    let mut message = reply_to(request, lease, kind);
    message.next_server = lease.next_server.unwrap_or(lease.server);
    message.server_name = lease.name_field(codes::TFTP_SERVER_NAME);
    message.boot_file = lease.name_field(codes::BOOT_FILE_NAME);
    if kind == MessageType::Ack {
        message.client_address = request.client_address;
    }
    if has_lease {
        message.your_address = lease.address;
        lease.add_time(&mut message.options);
    }
    let wanted = request.options.get(codes::PARAMETER_LIST).unwrap_or_default();
    lease.add_configuration(wanted, has_lease, &mut message.options);
    message
}

/// A nak.
fn refusal(request: &Message, lease: &Lease) -> Message {
    let mut message = reply_to(request, lease, MessageType::Nak);
    message.options.set(codes::TEXT_MESSAGE, *b"this address is not yours: start over");
    // The client is behind a relay agent, which has to know that the client has no address to be reached at.
    if specified(request.relay_address).is_some() {
        message.flags |= FLAG_BROADCAST;
    }
    message
}

/// Adds what depends on the way of the message, and makes it fit.
fn reply(request: &Message, arrival: Arrival, lease: &Lease, mut message: Message) -> Answer {
    // Last, as RFC 3046 wants it.
    if let Some(noted) = request.options.get(codes::RELAY_AGENT) {
        message.options.set(codes::RELAY_AGENT, noted);
    }
    let bytes_max = payload_bytes_max(request, lease);
    let mut fitted = message.emit_within(bytes_max);
    if !fitted.left_out.is_empty() {
        // The options say the same as these fields, which then have room for options.
        message.server_name = [0; SERVER_NAME_BYTES];
        message.boot_file = [0; BOOT_FILE_BYTES];
        fitted = message.emit_within(bytes_max);
    }
    let (destination_mac, destination, destination_port) = destination(request, arrival, &message);
    Answer::Reply(Box::new(Reply {
        message,
        payload: fitted.bytes,
        left_out: fitted.left_out,
        source_mac: lease.server_mac,
        destination_mac,
        source: lease.server,
        destination,
        destination_port,
    }))
}

fn payload_bytes_max(request: &Message, lease: &Lease) -> usize {
    let wanted =
        request.options.fixed(codes::MAX_MESSAGE_BYTES).map_or(DATAGRAM_BYTES_MIN, u16::from_be_bytes);
    let mtu = lease.mtu_bytes.unwrap_or(DATAGRAM_BYTES_MAX).min(DATAGRAM_BYTES_MAX);
    usize::from(wanted.min(mtu).max(DATAGRAM_BYTES_MIN)) - HEADER_BYTES
}

fn destination(request: &Message, arrival: Arrival, message: &Message) -> (MacAddr, Ipv4Addr, u16) {
    let broadcast = (MacAddr::BROADCAST, Ipv4Addr::BROADCAST, CLIENT_PORT);
    if let Some(relay) = specified(message.relay_address) {
        return (arrival.source_mac, relay, SERVER_PORT);
    }
    if message.message_type() == Some(MessageType::Nak) {
        return broadcast;
    }
    let present = match request.message_type() {
        Some(MessageType::Inform) => informing_address(request, arrival),
        _ => specified(request.client_address),
    };
    match present {
        Some(address) => (request.client_mac, address, CLIENT_PORT),
        None if message.is_broadcast() => broadcast,
        None => (request.client_mac, message.your_address, CLIENT_PORT),
    }
}

#[cfg(test)]
mod tests;
