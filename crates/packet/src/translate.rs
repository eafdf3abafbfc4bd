//! IPv4 packets whose ends get other addresses and ports, and ICMP errors that quote such packets.
//!
//! What is changed is changed in place, and each checksum that covers it follows (RFC 1624), so that a checksum that was wrong
//! stays wrong. What a quotation cuts off is left alone. SCTP's checksum covers no addresses, and of a quoted packet nobody checks it.

use std::net::Ipv4Addr;

use crate::checksum::Checksum;
use crate::wire::IPV4_HEADER_BYTES;
use crate::{icmp, ip_proto};

/// ICMP parameter problem, which quotes as the others do.
const PARAMETER_PROBLEM: u8 = 12;

/// The types of ICMP errors that are translated: unreachable, time exceeded, parameter problem.
pub const ICMP_ERRORS: [u8; 3] =
    [icmp::v4::DESTINATION_UNREACHABLE, icmp::v4::TIME_EXCEEDED, PARAMETER_PROBLEM];

/// In the seventh octet of the header: more pieces follow.
const MORE_PIECES: u8 = 0x20;

/// Which end of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Where it is from.
    Src,
    /// Where it goes.
    Dst,
}

/// An end of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    /// The address.
    pub ip: Ipv4Addr,
    /// The protocol.
    pub proto: u8,
    /// The port, where the protocol has ports and they were not cut off.
    pub port: Option<u16>,
}

/// The parts of an IPv4 packet that are changed.
struct Places {
    proto: u8,
    transport: usize,
    /// Whether what follows the header is the beginning of a transport header.
    begins: bool,
}

fn places(packet: &[u8]) -> Option<Places> {
    let header = packet.first_chunk::<IPV4_HEADER_BYTES>()?;
    let transport = usize::from(header[0] & 0x0f) * 4;
    let is_whole = header[0] >> 4 == 4 && transport >= IPV4_HEADER_BYTES && packet.len() >= transport;
    let offset = u16::from_be_bytes([header[6], header[7]]) & 0x1fff;
    is_whole.then_some(Places { proto: header[9], transport, begins: offset == 0 })
}

const fn address_at(side: Side) -> usize {
    match side {
        Side::Src => 12,
        Side::Dst => 16,
    }
}

fn port_at(places: &Places, side: Side) -> Option<usize> {
    let has_ports = matches!(places.proto, ip_proto::TCP | ip_proto::UDP | ip_proto::SCTP) && places.begins;
    let offset = match side {
        Side::Src => 0,
        Side::Dst => 2,
    };
    has_ports.then_some(places.transport + offset)
}

/// An end of an IPv4 packet, which begins with its header.
#[must_use]
pub fn end(packet: &[u8], side: Side) -> Option<End> {
    let places = places(packet)?;
    let ip = Ipv4Addr::from(*packet.get(address_at(side)..)?.first_chunk::<4>()?);
    let port = port_at(&places, side).and_then(|at| packet.get(at..)?.first_chunk::<2>().copied());
    Some(End { ip, proto: places.proto, port: port.map(u16::from_be_bytes) })
}

/// Gives an end of an IPv4 packet another address, and another port if both have one.
pub fn change(packet: &mut [u8], side: Side, to: End) -> Option<()> {
    let places = places(packet)?;
    let from = end(packet, side)?;
    let (old, new) = (from.ip.octets(), to.ip.octets());
    packet.get_mut(address_at(side)..)?.first_chunk_mut::<4>()?.copy_from_slice(&new);
    adjust(packet, 10, &old, &new);
    let sum_at = match places.proto {
        ip_proto::TCP => Some(places.transport + 16),
        ip_proto::UDP => Some(places.transport + 6),
        _ => None,
    };
    let sum_at = sum_at.filter(|at| places.begins && !is_unused(packet, places.proto, *at));
    if let Some(at) = sum_at {
        adjust(packet, at, &old, &new);
    }
    if let (Some(old), Some(new), Some(at)) = (from.port, to.port, port_at(&places, side)) {
        packet.get_mut(at..)?.first_chunk_mut::<2>()?.copy_from_slice(&new.to_be_bytes());
        if let Some(sum) = sum_at {
            adjust(packet, sum, &old.to_be_bytes(), &new.to_be_bytes());
        }
    }
    Some(())
}

/// Says of the first piece of an IPv4 packet that no others follow.
pub fn end_with_first_piece(packet: &mut [u8]) {
    let Some(flags) = packet.get_mut(6..).and_then(|rest| rest.first_chunk_mut::<2>()) else { return };
    let old = *flags;
    flags[0] &= !MORE_PIECES;
    let new = *flags;
    adjust(packet, 10, &old, &new);
}

/// Whether a UDP packet has no checksum.
fn is_unused(packet: &[u8], proto: u8, at: usize) -> bool {
    proto == ip_proto::UDP && packet.get(at..at + 2) == Some(&[0, 0])
}

/// Has a checksum follow a change, if it is there.
fn adjust(packet: &mut [u8], at: usize, old: &[u8], new: &[u8]) {
    let Some(sum) = packet.get_mut(at..).and_then(|rest| rest.first_chunk_mut::<2>()) else { return };
    let inverted = |bytes: &[u8]| bytes.iter().map(|byte| !byte).collect::<Vec<u8>>();
    let changed = Checksum::default().add(&inverted(sum)).add(&inverted(old)).add(new);
    *sum = changed.finish().to_be_bytes();
}

/// Where the packet begins that an ICMP error quotes, if the message is one and its checksum is right; and where the message ends.
fn quoted_at(packet: &[u8]) -> Option<(usize, usize)> {
    let places = places(packet).filter(|places| places.proto == ip_proto::ICMP && places.begins)?;
    let total = usize::from(u16::from_be_bytes([packet[2], packet[3]]));
    let message = packet.get(places.transport..total)?;
    let is_error = ICMP_ERRORS.contains(message.first()?) && Checksum::default().add(message).finish() == 0;
    is_error.then_some((places.transport + icmp::Message::HEADER_BYTES, total))
}

/// An end of the packet that an ICMP error quotes.
#[must_use]
pub fn quoted_end(packet: &[u8], side: Side) -> Option<End> {
    let (start, stop) = quoted_at(packet)?;
    end(packet.get(start..stop)?, side)
}

/// Gives an end of the packet that an ICMP error quotes another address and port.
pub fn change_quoted(packet: &mut [u8], side: Side, to: End) -> Option<()> {
    let (start, stop) = quoted_at(packet)?;
    change(packet.get_mut(start..stop)?, side, to)?;
    let message = start - icmp::Message::HEADER_BYTES;
    packet.get_mut(message + 2..message + 4)?.fill(0);
    let sum = Checksum::default().add(packet.get(message..stop)?).finish();
    packet.get_mut(message + 2..)?.first_chunk_mut::<2>()?.copy_from_slice(&sum.to_be_bytes());
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::{Ip, Ipv4, Tcp, Transport, Udp};
    use crate::icmp::Message;

    fn ip(last: u8) -> Ipv4Addr {
        Ipv4Addr::new(198, 51, 100, last)
    }

    fn between(src: u8, dst: u8, transport: &Transport) -> Vec<u8> {
        Ip::V4(Ipv4::new(ip(src), ip(dst))).packet(transport).expect("a packet")
    }

    fn udp(src_port: u16, dst_port: u16) -> Transport {
        Transport::Udp(Udp { src_port, dst_port, payload: b"odd".to_vec() })
    }

    fn to(last: u8, proto: u8, port: Option<u16>) -> End {
        End { ip: ip(last), proto, port }
    }

    #[test]
    fn a_changed_packet_is_the_one_that_had_been_made_so() {
        let mut packet = between(1, 2, &udp(1000, 2000));
        assert_eq!(end(&packet, Side::Dst), Some(to(2, ip_proto::UDP, Some(2000))));
        change(&mut packet, Side::Dst, to(9, ip_proto::UDP, Some(80))).expect("a packet");
        change(&mut packet, Side::Src, to(200, ip_proto::UDP, None)).expect("a packet");
        assert_eq!(packet, between(200, 9, &udp(1000, 80)));
        let tcp = |src_port| Transport::Tcp(Tcp { src_port, payload: b"odd".to_vec(), ..Tcp::default() });
        let mut packet = between(1, 2, &tcp(1000));
        change(&mut packet, Side::Src, to(7, ip_proto::TCP, Some(65_535))).expect("a packet");
        assert_eq!(packet, between(7, 2, &tcp(65_535)));
    }

    #[test]
    fn what_an_error_quotes_is_changed_with_it_as_far_as_it_is_quoted() {
        let error = |port, src| {
            let whole = between(src, 2, &udp(port, 2000));
            between(8, 1, &Transport::Icmp(Message::fragmentation_needed_v4(1400, &whole[..28])))
        };
        let mut packet = error(1000, 1);
        assert_eq!(quoted_end(&packet, Side::Src), Some(to(1, ip_proto::UDP, Some(1000))));
        change_quoted(&mut packet, Side::Src, to(77, ip_proto::UDP, Some(443))).expect("an error");
        assert_eq!(packet, error(443, 77));
        // Without ports, and padded.
        let whole = between(1, 2, &udp(1000, 2000));
        let short = |quoted: &[u8]| between(8, 1, &Transport::Icmp(Message::time_exceeded_v4(quoted)));
        let mut packet = short(&whole[..20]);
        packet.extend([0; 18]);
        change_quoted(&mut packet, Side::Src, to(77, ip_proto::UDP, Some(443))).expect("an error");
        assert_eq!(end(&packet, Side::Dst).map(|end| end.ip), Some(ip(1)), "the outer packet stays");
        assert_eq!(quoted_end(&packet, Side::Src), Some(to(77, ip_proto::UDP, None)));
    }

    #[test]
    fn what_is_no_error_or_broken_is_not_changed() {
        let whole = between(1, 2, &udp(1000, 2000));
        let mut packet = between(8, 1, &Transport::Icmp(Message::time_exceeded_v4(&whole)));
        for end in 0..packet.len() {
            let mut cut = packet[..end].to_vec();
            assert_eq!(change_quoted(&mut cut, Side::Src, to(7, 17, Some(1))), None, "{end}");
            let _ = change(&mut cut, Side::Dst, to(7, 17, Some(1)));
        }
        if let Some(last) = packet.last_mut() {
            *last ^= 1;
        }
        assert_eq!(quoted_end(&packet, Side::Src), None, "its checksum is wrong");
        let ping = between(8, 1, &Transport::Icmp(Message::echo_request_v4(1, 2, whole)));
        assert_eq!(quoted_end(&ping, Side::Src), None);
    }
}
