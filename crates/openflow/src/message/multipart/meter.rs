//! Meters: which there are, what went through them, what the switch can have.

use std::time::Duration;

use crate::message::body::{Body, put_duration, read_duration};
use crate::message::meter::{put_meter, read_meter};
use crate::meter::Meter;
use crate::wire::{Put, Reader, WireError, patch_len};

/// Bytes of a meter's counters before those of its bands.
const STATS_FIXED_LEN: usize = 40;

/// A meter that is asked for, or all ([`crate::message::METER_ALL`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MeterId(pub u32);

impl Body for MeterId {
    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u32(self.0);
        out.put_zeros(4);
    }

    fn decode(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let id = r.u32("a meter request")?;
        r.skip("a meter request", 4)?;
        Ok(Self(id))
    }
}

/// A meter that the switch has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeterConfig(pub Meter);

impl Body for MeterConfig {
    fn encode(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.put_zeros(2);
        put_meter(out, &self.0);
        patch_len(out, start, start);
    }

    fn decode(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let len = usize::from(r.u16("a meter")?);
        let body_len = len.checked_sub(2).ok_or_else(|| r.bad_length("a meter", len))?;
        read_meter(&mut r.sub("a meter", body_len)?).map(Self)
    }
}

/// What went through a meter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeterStats {
    /// The meter.
    pub id: u32,
    /// Flows that use it.
    pub flows: u32,
    /// Packets that came.
    pub packets: u64,
    /// Bytes that came.
    pub bytes: u64,
    /// How long the meter is there.
    pub duration: Duration,
    /// Packets and bytes beyond the rate of each band.
    pub bands: Vec<(u64, u64)>,
}

impl Body for MeterStats {
    fn encode(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.put_u32(self.id);
        let len_at = out.len();
        out.put_zeros(8);
        out.put_u32(self.flows);
        out.put_u64(self.packets);
        out.put_u64(self.bytes);
        put_duration(out, self.duration);
        for (packets, bytes) in &self.bands {
            out.put_u64(*packets);
            out.put_u64(*bytes);
        }
        patch_len(out, start, len_at);
    }

    fn decode(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let id = r.u32("meter statistics")?;
        let len = usize::from(r.u16("meter statistics")?);
        if len < STATS_FIXED_LEN {
            return Err(r.bad_length("meter statistics", len));
        }
        let mut body = r.sub("meter statistics", len - 6)?;
        body.skip("meter statistics", 6)?;
        let flows = body.u32("meter statistics")?;
        let (packets, bytes) = (body.u64("meter statistics")?, body.u64("meter statistics")?);
        let duration = read_duration(&mut body)?;
        let mut bands = Vec::new();
        while !body.is_empty() {
            bands.push((body.u64("band statistics")?, body.u64("band statistics")?));
        }
        Ok(Self { id, flows, packets, bytes, duration, bands })
    }
}

/// What meters the switch can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MeterFeatures {
    /// Number of meters.
    pub max_meters: u32,
    /// Bit n stands for band type n.
    pub band_types: u32,
    /// Bits of `OFPMF_*`.
    pub capabilities: u32,
    /// Bands of one meter.
    pub max_bands: u8,
    /// Highest colour.
    pub max_colour: u8,
}

impl Body for MeterFeatures {
    fn encode(&self, out: &mut Vec<u8>) {
        for word in [self.max_meters, self.band_types, self.capabilities] {
            out.put_u32(word);
        }
        out.put_u8(self.max_bands);
        out.put_u8(self.max_colour);
        out.put_zeros(2);
    }

    fn decode(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let features = Self {
            max_meters: r.u32("meter features")?,
            band_types: r.u32("meter features")?,
            capabilities: r.u32("meter features")?,
            max_bands: r.u8("meter features")?,
            max_colour: r.u8("meter features")?,
        };
        r.skip("meter features", 2)?;
        Ok(features)
    }
}
