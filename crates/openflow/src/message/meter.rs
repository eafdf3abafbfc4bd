//! Changes of meters, and the form of meters on the wire.

use super::body::Body;
use crate::meter::{Band, BandKind, Meter, MeterUnit};
use crate::wire::{Put, Reader, WireError};

/// All meters, in a deletion or a question.
pub const METER_ALL: u32 = 0xffff_ffff;
/// The meter of the packets that go to the controllers.
pub const METER_CONTROLLER: u32 = 0xffff_fffe;
/// The meter of the packets that the switch handles in its slow path.
pub const METER_SLOWPATH: u32 = 0xffff_fffd;

const ADD: u16 = 0;
const MODIFY: u16 = 1;
const DELETE: u16 = 2;

const FLAG_KBPS: u16 = 1 << 0;
const FLAG_PKTPS: u16 = 1 << 1;
const FLAG_BURST: u16 = 1 << 2;
const FLAG_STATS: u16 = 1 << 3;

const BAND_DROP: u16 = 1;
const BAND_DSCP_REMARK: u16 = 2;
const BAND_LEN: u16 = 16;

/// A change of a meter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MeterMod {
    /// Adds a meter; refused where there is one of this id.
    Add(Meter),
    /// Changes a meter; refused where there is none of this id.
    Modify(Meter),
    /// Deletes a meter, or all of them ([`METER_ALL`]), and the flows that use it.
    Delete(u32),
}

impl Body for Band {
    fn encode(&self, out: &mut Vec<u8>) {
        let (kind, levels) = match self.kind {
            BandKind::Drop => (BAND_DROP, 0),
            BandKind::DscpRemark(levels) => (BAND_DSCP_REMARK, levels),
        };
        out.put_u16(kind);
        out.put_u16(BAND_LEN);
        out.put_u32(self.rate);
        out.put_u32(self.burst);
        out.put_u8(levels);
        out.put_zeros(3);
    }

    fn decode(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let kind = r.u16("a meter band")?;
        let len = r.u16("a meter band")?;
        if len != BAND_LEN {
            return Err(r.bad_length("a meter band", len.into()));
        }
        let (rate, burst) = (r.u32("a meter band")?, r.u32("a meter band")?);
        let levels = r.u8("a meter band")?;
        r.skip("a meter band", 3)?;
        let kind = match kind {
            BAND_DROP => BandKind::Drop,
            BAND_DSCP_REMARK => BandKind::DscpRemark(levels),
            other => return Err(r.unknown("meter band of type", other)),
        };
        Ok(Self { kind, rate, burst })
    }
}

/// Flags, id and bands: what a meter-mod and a description of a meter have in common.
pub(super) fn put_meter(out: &mut Vec<u8>, meter: &Meter) {
    let unit = match meter.unit {
        MeterUnit::Kbps => FLAG_KBPS,
        MeterUnit::Pktps => FLAG_PKTPS,
    };
    let flag = |on, bit| if on { bit } else { 0 };
    out.put_u16(unit | flag(meter.burst, FLAG_BURST) | flag(meter.stats, FLAG_STATS));
    out.put_u32(meter.id);
    meter.bands.encode(out);
}

/// Reads flags, id and bands, up to the end of `r`. A meter without a unit counts kilobits.
pub(super) fn read_meter(r: &mut Reader<'_>) -> Result<Meter, WireError> {
    let flags = r.u16("a meter")?;
    let unit = match flags & (FLAG_KBPS | FLAG_PKTPS) {
        FLAG_PKTPS => MeterUnit::Pktps,
        0 | FLAG_KBPS => MeterUnit::Kbps,
        both => return Err(r.bad_value("the unit of a meter", both)),
    };
    Ok(Meter {
        unit,
        burst: flags & FLAG_BURST != 0,
        stats: flags & FLAG_STATS != 0,
        id: r.u32("a meter")?,
        bands: Vec::decode(r)?,
    })
}

impl Body for MeterMod {
    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Add(meter) => {
                out.put_u16(ADD);
                put_meter(out, meter);
            }
            Self::Modify(meter) => {
                out.put_u16(MODIFY);
                put_meter(out, meter);
            }
            Self::Delete(id) => {
                out.put_u16(DELETE);
                out.put_u16(0);
                out.put_u32(*id);
            }
        }
    }

    fn decode(r: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(match r.u16("a meter-mod")? {
            ADD => Self::Add(read_meter(r)?),
            MODIFY => Self::Modify(read_meter(r)?),
            DELETE => {
                // Neither flags nor bands mean anything in a deletion.
                r.skip("a meter-mod", 2)?;
                let id = r.u32("a meter-mod")?;
                r.take_rest();
                Self::Delete(id)
            }
            other => return Err(r.bad_value("the command of a meter-mod", other)),
        })
    }
}
