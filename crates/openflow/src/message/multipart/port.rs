//! What went through ports and their queues.

use std::time::Duration;

use net_types::OfPort;

use crate::message::body::{Body, put_optional_duration, read_optional_duration};
use crate::wire::{Put, Reader, WireError};

/// A port that is asked for, or all ([`OfPort::ANY`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortNumber(pub OfPort);

impl Body for PortNumber {
    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u32(self.0.get());
        out.put_zeros(4);
    }

    fn decode(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let port = OfPort::new(r.u32("a port request")?);
        r.skip("a port request", 4)?;
        Ok(Self(port))
    }
}

/// What went through a port. A counter that the switch does not have is all ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortStats {
    /// The port.
    pub number: OfPort,
    /// Packets that came.
    pub rx_packets: u64,
    /// Packets that went.
    pub tx_packets: u64,
    /// Bytes that came.
    pub rx_bytes: u64,
    /// Bytes that went.
    pub tx_bytes: u64,
    /// Packets that came and were dropped.
    pub rx_dropped: u64,
    /// Packets that should have gone and were dropped.
    pub tx_dropped: u64,
    /// Packets that came broken.
    pub rx_errors: u64,
    /// Packets that could not go.
    pub tx_errors: u64,
    /// Packets that came with a bad frame.
    pub rx_frame_errors: u64,
    /// Packets that came while there was no room.
    pub rx_overruns: u64,
    /// Packets that came with a bad checksum of the frame.
    pub rx_crc_errors: u64,
    /// Collisions.
    pub collisions: u64,
    /// How long the port is there, where the switch knows.
    pub duration: Option<Duration>,
}

impl Body for PortStats {
    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u32(self.number.get());
        out.put_zeros(4);
        let traffic = [self.rx_packets, self.tx_packets, self.rx_bytes, self.tx_bytes];
        let losses = [self.rx_dropped, self.tx_dropped, self.rx_errors, self.tx_errors];
        let details = [self.rx_frame_errors, self.rx_overruns, self.rx_crc_errors, self.collisions];
        for counter in traffic.into_iter().chain(losses).chain(details) {
            out.put_u64(counter);
        }
        put_optional_duration(out, self.duration);
    }

    fn decode(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let number = OfPort::new(r.u32("port statistics")?);
        r.skip("port statistics", 4)?;
        let mut counter = || r.u64("port statistics");
        Ok(Self {
            number,
            rx_packets: counter()?,
            tx_packets: counter()?,
            rx_bytes: counter()?,
            tx_bytes: counter()?,
            rx_dropped: counter()?,
            tx_dropped: counter()?,
            rx_errors: counter()?,
            tx_errors: counter()?,
            rx_frame_errors: counter()?,
            rx_overruns: counter()?,
            rx_crc_errors: counter()?,
            collisions: counter()?,
            duration: read_optional_duration(r)?,
        })
    }
}

/// Queues that are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueRequest {
    /// Of this port, or of all ([`OfPort::ANY`]).
    pub port: OfPort,
    /// This queue, or all (0xffffffff).
    pub queue: u32,
}

impl Body for QueueRequest {
    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u32(self.port.get());
        out.put_u32(self.queue);
    }

    fn decode(r: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self { port: OfPort::new(r.u32("a queue request")?), queue: r.u32("a queue request")? })
    }
}

/// What went through a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueStats {
    /// Its port.
    pub port: OfPort,
    /// The queue.
    pub queue: u32,
    /// Bytes that went.
    pub tx_bytes: u64,
    /// Packets that went.
    pub tx_packets: u64,
    /// Packets that could not go.
    pub tx_errors: u64,
    /// How long the queue is there, where the switch knows.
    pub duration: Option<Duration>,
}

impl Body for QueueStats {
    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u32(self.port.get());
        out.put_u32(self.queue);
        for counter in [self.tx_bytes, self.tx_packets, self.tx_errors] {
            out.put_u64(counter);
        }
        put_optional_duration(out, self.duration);
    }

    fn decode(r: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self {
            port: OfPort::new(r.u32("queue statistics")?),
            queue: r.u32("queue statistics")?,
            tx_bytes: r.u64("queue statistics")?,
            tx_packets: r.u64("queue statistics")?,
            tx_errors: r.u64("queue statistics")?,
            duration: read_optional_duration(r)?,
        })
    }
}
