//! Transport segments. The checksum covers addresses of the IP header, so a segment is emitted for one.

use super::{BuildError, Ip, length_field};
use crate::icmp::{Family, Message};
use crate::ip_proto;

/// Bits of [`Tcp::flags`].
pub mod tcp_flags {
    /// No more data from the sender.
    pub const FIN: u16 = 0x001;
    /// First segment of a connection.
    pub const SYN: u16 = 0x002;
    /// The connection is refused or broken.
    pub const RST: u16 = 0x004;
    /// Give the data to the application.
    pub const PSH: u16 = 0x008;
    /// The acknowledgement number is valid.
    pub const ACK: u16 = 0x010;
}

/// What an IP packet carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transport {
    /// TCP.
    Tcp(Tcp),
    /// UDP.
    Udp(Udp),
    /// ICMP or ICMPv6, whichever belongs to the IP header.
    Icmp(Message),
    /// Anything, emitted as it is.
    Raw {
        /// IP protocol number.
        proto: u8,
        /// All that follows the IP header.
        payload: Vec<u8>,
    },
}

/// A TCP segment without options but for timestamps.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tcp {
    /// Source port.
    pub src_port: u16,
    /// Destination port.
    pub dst_port: u16,
    /// Sequence number.
    pub sequence: u32,
    /// Acknowledgement number.
    pub acknowledgement: u32,
    /// Of [`tcp_flags`]; bits above 12 are dropped.
    pub flags: u16,
    /// Receive window.
    pub window: u16,
    /// The clock of the sender, and what that saw last of the clock of the other end.
    pub timestamps: Option<(u32, u32)>,
    /// Data.
    pub payload: Vec<u8>,
}

/// A UDP datagram.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Udp {
    /// Source port.
    pub src_port: u16,
    /// Destination port.
    pub dst_port: u16,
    /// Data.
    pub payload: Vec<u8>,
}

impl Transport {
    /// The protocol number below `ip`.
    pub(super) fn proto(&self, ip: &Ip) -> u8 {
        match (self, ip) {
            (Self::Tcp(_), _) => ip_proto::TCP,
            (Self::Udp(_), _) => ip_proto::UDP,
            (Self::Icmp(_), Ip::V4(_)) => ip_proto::ICMP,
            (Self::Icmp(_), Ip::V6(_)) => ip_proto::ICMPV6,
            (Self::Raw { proto, .. }, _) => *proto,
        }
    }

    pub(super) fn emit(&self, ip: &Ip) -> Result<Vec<u8>, BuildError> {
        Ok(match self {
            Self::Tcp(tcp) => tcp.emit(ip),
            Self::Udp(udp) => udp.emit(ip)?,
            Self::Icmp(message) => message.emit(match ip {
                Ip::V4(_) => Family::V4,
                Ip::V6(ip) => Family::V6 { src: ip.src, dst: ip.dst },
            }),
            Self::Raw { payload, .. } => payload.clone(),
        })
    }
}

impl Tcp {
    const HEADER_BYTES: usize = 20;

    fn emit(&self, ip: &Ip) -> Vec<u8> {
        const HEADER_WORDS: u16 = 5;
        const OPTION_WORDS: u16 = 3;
        const CHECKSUM_AT: usize = 16;
        /// Two octets that fill space up, and the kind and the length of timestamps.
        const TIMESTAMPS: [u8; 4] = [1, 1, 8, 10];

        let mut segment = Vec::with_capacity(Self::HEADER_BYTES + self.payload.len());
        segment.extend(self.src_port.to_be_bytes());
        segment.extend(self.dst_port.to_be_bytes());
        segment.extend(self.sequence.to_be_bytes());
        segment.extend(self.acknowledgement.to_be_bytes());
        let words = HEADER_WORDS + self.timestamps.map_or(0, |_| OPTION_WORDS);
        segment.extend(((words << 12) | (self.flags & 0x0fff)).to_be_bytes());
        segment.extend(self.window.to_be_bytes());
        // Checksum, filled in below, and urgent pointer.
        segment.extend([0; 4]);
        if let Some((own, seen)) = self.timestamps {
            segment.extend(TIMESTAMPS.into_iter().chain(own.to_be_bytes()).chain(seen.to_be_bytes()));
        }
        segment.extend(&self.payload);
        let checksum = ip.pseudo_header(ip_proto::TCP, segment.len()).add(&segment).finish();
        segment.splice(CHECKSUM_AT..CHECKSUM_AT + 2, checksum.to_be_bytes());
        segment
    }
}

impl Udp {
    /// Length of the header on the wire.
    pub const HEADER_BYTES: usize = 8;

    fn emit(&self, ip: &Ip) -> Result<Vec<u8>, BuildError> {
        const CHECKSUM_AT: usize = 6;

        let length = Self::HEADER_BYTES + self.payload.len();
        let mut datagram = Vec::with_capacity(length);
        datagram.extend(self.src_port.to_be_bytes());
        datagram.extend(self.dst_port.to_be_bytes());
        datagram.extend(length_field("UDP datagram", length)?);
        datagram.extend([0; 2]);
        datagram.extend(&self.payload);
        let checksum = ip.pseudo_header(ip_proto::UDP, length).add(&datagram).finish_udp();
        datagram.splice(CHECKSUM_AT..CHECKSUM_AT + 2, checksum.to_be_bytes());
        Ok(datagram)
    }
}
