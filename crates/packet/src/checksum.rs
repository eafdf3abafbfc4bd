//! The Internet checksum (RFC 1071) and the pseudo headers it covers.

use std::net::{Ipv4Addr, Ipv6Addr};

/// A one's complement sum under way. Slices are added as if each were padded to whole 16-bit words, so only
/// the last one may have an odd length.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Checksum(u64);

impl Checksum {
    /// The pseudo header of a transport protocol over IPv4 (RFC 793, section 3.1).
    pub(crate) fn ipv4_pseudo_header(src: Ipv4Addr, dst: Ipv4Addr, proto: u8, length: usize) -> Self {
        Self::default().add(&src.octets()).add(&dst.octets()).add_proto_and_length(proto, length)
    }

    /// The pseudo header of an upper-layer protocol over IPv6 (RFC 8200, section 8.1).
    pub(crate) fn ipv6_pseudo_header(src: Ipv6Addr, dst: Ipv6Addr, proto: u8, length: usize) -> Self {
        Self::default().add(&src.octets()).add(&dst.octets()).add_proto_and_length(proto, length)
    }

    fn add_proto_and_length(self, proto: u8, length: usize) -> Self {
        // Adding the length as eight bytes is the same sum: one's complement addition is over 16-bit words.
        self.add(&[0, proto]).add(&(length as u64).to_be_bytes())
    }

    pub(crate) fn add(mut self, bytes: &[u8]) -> Self {
        let (words, tail) = bytes.as_chunks::<2>();
        // Cannot overflow: 2^48 words would have to be added, more than there is memory.
        self.0 += words.iter().map(|word| u64::from(u16::from_be_bytes(*word))).sum::<u64>();
        if let [last] = tail {
            self.0 += u64::from(u16::from_be_bytes([*last, 0]));
        }
        self
    }

    /// The value for the checksum field, when that field was added as zero. Over data with a correct checksum
    /// this is zero.
    pub(crate) fn finish(self) -> u16 {
        let mut sum = self.0;
        while sum > u64::from(u16::MAX) {
            sum = (sum & u64::from(u16::MAX)) + (sum >> 16);
        }
        !u16::try_from(sum).expect("the loop ends with a sum of 16 bits")
    }

    /// As [`Checksum::finish`] for UDP, where zero means "no checksum" and its other representation is sent.
    pub(crate) fn finish_udp(self) -> u16 {
        match self.finish() {
            0 => u16::MAX,
            checksum => checksum,
        }
    }
}

#[cfg(test)]
mod tests;
