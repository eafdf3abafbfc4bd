//! Classic capture files (`tcpdump -w`): read for assertions, written for other tools.
//!
//! Both byte orders and both resolutions are read; files are written in little endian with nanoseconds. The
//! reader checks every length against what is there and against [`RECORD_BYTES_MAX`], so a damaged file is an
//! error with its offset and never a large allocation. A capture of a running `tcpdump` may end inside a
//! record: that is an error too, after all the complete records were given.

use thiserror::Error;

use crate::bytes::Reader;

/// The longest packet that is read or written.
pub const RECORD_BYTES_MAX: usize = 256 * 1024;

/// The link type of Ethernet.
pub const LINK_TYPE_ETHERNET: u32 = 1;

const NANOS_PER_SECOND: u32 = 1_000_000_000;
const MAGIC_MICROSECONDS: u32 = 0xa1b2_c3d4;
const MAGIC_NANOSECONDS: u32 = 0xa1b2_3c4d;

/// A captured packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record<'a> {
    /// Seconds since 1970.
    pub seconds: u32,
    /// Nanoseconds after that.
    pub nanoseconds: u32,
    /// Length on the wire, which is more than was captured where the capture cut packets.
    pub wire_bytes: u32,
    /// The captured part.
    pub data: &'a [u8],
}

/// The file is damaged or not a capture file.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PcapError {
    /// Neither byte order and resolution of the magic number.
    #[error("not a classic pcap file: the first bytes are {magic:#010x}; pcapng must be converted first")]
    BadMagic {
        /// The first four bytes, read as little endian.
        magic: u32,
    },
    /// The file ends inside a header or packet.
    #[error("pcap file truncated at offset {offset}")]
    Truncated {
        /// Where the incomplete part begins.
        offset: usize,
    },
    /// A packet is longer than the limit.
    #[error(
        "pcap record at offset {offset} claims {length} bytes, more than the limit of {RECORD_BYTES_MAX}"
    )]
    TooLong {
        /// Where its header begins.
        offset: usize,
        /// The length it claims.
        length: usize,
    },
    /// The fraction of a second is more than one.
    #[error("pcap record at offset {offset} has an invalid timestamp")]
    BadTimestamp {
        /// Where its header begins.
        offset: usize,
    },
}

/// An iterator over the packets of a capture file in memory. It ends after the first error.
#[derive(Debug, Clone)]
pub struct PcapReader<'a> {
    reader: Reader<'a>,
    to_u32: fn([u8; 4]) -> u32,
    nanos_per_tick: u32,
    link_type: u32,
    has_failed: bool,
}

impl<'a> PcapReader<'a> {
    /// Reads the file header.
    pub fn new(file: &'a [u8]) -> Result<Self, PcapError> {
        let mut reader = Reader::new(file);
        let truncated = PcapError::Truncated { offset: 0 };
        let magic: [u8; 4] = reader.take().ok_or(truncated.clone())?;
        let to_u32 = match u32::from_le_bytes(magic) {
            MAGIC_MICROSECONDS | MAGIC_NANOSECONDS => u32::from_le_bytes,
            _ => u32::from_be_bytes,
        };
        let nanos_per_tick = match to_u32(magic) {
            MAGIC_MICROSECONDS => 1000,
            MAGIC_NANOSECONDS => 1,
            _ => return Err(PcapError::BadMagic { magic: u32::from_le_bytes(magic) }),
        };
        // Version, time zone, accuracy and snapshot length say nothing about how to read on.
        reader.skip(16).ok_or(truncated.clone())?;
        let link_type = to_u32(reader.take().ok_or(truncated)?);
        Ok(Self { reader, to_u32, nanos_per_tick, link_type, has_failed: false })
    }

    /// What the packets begin with; see [`LINK_TYPE_ETHERNET`].
    #[must_use]
    pub fn link_type(&self) -> u32 {
        self.link_type
    }

    fn record(&mut self) -> Result<Record<'a>, PcapError> {
        let offset = self.reader.offset();
        let mut field = || self.reader.take().map(self.to_u32).ok_or(PcapError::Truncated { offset });
        let (seconds, ticks, captured, wire_bytes) = (field()?, field()?, field()?, field()?);
        let nanoseconds = ticks
            .checked_mul(self.nanos_per_tick)
            .filter(|nanos| *nanos < NANOS_PER_SECOND)
            .ok_or(PcapError::BadTimestamp { offset })?;
        let length = usize::try_from(captured).unwrap_or(usize::MAX);
        if length > RECORD_BYTES_MAX {
            return Err(PcapError::TooLong { offset, length });
        }
        let data = self.reader.take_slice(length).ok_or(PcapError::Truncated { offset })?;
        Ok(Record { seconds, nanoseconds, wire_bytes, data })
    }
}

impl<'a> Iterator for PcapReader<'a> {
    type Item = Result<Record<'a>, PcapError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.has_failed || self.reader.len() == 0 {
            return None;
        }
        let record = self.record();
        self.has_failed = record.is_err();
        Some(record)
    }
}

/// A capture file being written, in memory.
#[derive(Debug, Clone)]
pub struct PcapWriter {
    bytes: Vec<u8>,
}

impl Default for PcapWriter {
    fn default() -> Self {
        Self::new()
    }
}

impl PcapWriter {
    /// A file of Ethernet frames without any yet.
    #[must_use]
    pub fn new() -> Self {
        const VERSION: [u16; 2] = [2, 4];
        const SNAPSHOT_BYTES: u32 = 256 * 1024;
        const _: () = assert!(SNAPSHOT_BYTES as usize == RECORD_BYTES_MAX, "the header promises the limit");

        let mut bytes = MAGIC_NANOSECONDS.to_le_bytes().to_vec();
        bytes.extend(VERSION.iter().flat_map(|part| part.to_le_bytes()));
        // Time zone and accuracy, always zero.
        bytes.extend([0; 8]);
        bytes.extend(SNAPSHOT_BYTES.to_le_bytes());
        bytes.extend(LINK_TYPE_ETHERNET.to_le_bytes());
        Self { bytes }
    }

    /// Appends a packet that was captured whole. Refused when it is longer than the limit.
    pub fn push(&mut self, seconds: u32, nanoseconds: u32, frame: &[u8]) -> Result<(), PcapError> {
        let (offset, length) = (self.bytes.len(), frame.len());
        if nanoseconds >= NANOS_PER_SECOND {
            return Err(PcapError::BadTimestamp { offset });
        }
        let length_field = u32::try_from(length).ok().filter(|_| length <= RECORD_BYTES_MAX);
        let length_field = length_field.ok_or(PcapError::TooLong { offset, length })?;
        for field in [seconds, nanoseconds, length_field, length_field] {
            self.bytes.extend(field.to_le_bytes());
        }
        self.bytes.extend(frame);
        Ok(())
    }

    /// The file.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

#[cfg(test)]
mod tests;
