//! Meters.

use crate::meter::{Band, BandKind, Meter, MeterUnit};
use crate::text::print::METER_NAMES;
use crate::text::source::{Piece, TextError};

const DELIMITERS: &[char] = &['=', ',', ' ', '\t', '\r', '\n'];
/// Larger numbers are virtual meters, which have names.
const METER_ID_MAX: u32 = 0xffff_0000;

pub(in crate::text) fn meter(text: Piece<'_>) -> Result<Meter, TextError> {
    let (head, bands) = text
        .split_once("bands=")
        .or_else(|| text.split_once("band="))
        .ok_or_else(|| text.expected("bands="))?;
    let mut meter = self::head(head)?;
    meter.bands = self::bands(bands, meter.burst)?;
    Ok(meter)
}

fn head(text: Piece<'_>) -> Result<Meter, TextError> {
    let (mut id, mut unit, mut burst, mut stats) = (None, None, false, false);
    let mut words = text.words(DELIMITERS);
    while let Some(word) = words.next() {
        match word.as_str() {
            "meter" => id = Some(meter_id(words.next().ok_or_else(|| word.expected("meter=ID"))?)?),
            "kbps" | "pktps" if unit.is_some() => return Err(word.error("a meter counts in one unit")),
            "kbps" => unit = Some(MeterUnit::Kbps),
            "pktps" => unit = Some(MeterUnit::Pktps),
            "burst" => burst = true,
            "stats" => stats = true,
            _ => return Err(word.expected("meter, kbps, pktps, burst, stats or bands")),
        }
    }
    match (id, unit) {
        (Some(id), Some(unit)) => Ok(Meter { id, unit, burst, stats, bands: Vec::new() }),
        _ => Err(text.expected("meter=ID and kbps or pktps")),
    }
}

fn meter_id(text: Piece<'_>) -> Result<u32, TextError> {
    if let Some((id, _)) = METER_NAMES.iter().find(|(_, name)| *name == text.as_str()) {
        return Ok(*id);
    }
    match text.number("a meter")? {
        id @ 1..=METER_ID_MAX => Ok(id),
        _ => Err(text.expected(&format!("a meter from 1 to {METER_ID_MAX:#x}"))),
    }
}

/// A band whose text is being read, and where it began.
struct Reading<'a> {
    place: Piece<'a>,
    remarks: bool,
    rate: Option<u32>,
    burst: Option<u32>,
    levels: Option<u8>,
}

fn bands(text: Piece<'_>, burst: bool) -> Result<Vec<Band>, TextError> {
    let mut bands = Vec::new();
    let mut reading: Option<Reading<'_>> = None;
    let mut words = text.words(DELIMITERS);
    while let Some(key) = words.next() {
        let value = words.next().ok_or_else(|| key.error(format!("{} needs a value", key.as_str())))?;
        if key.as_str() == "type" {
            bands.extend(reading.take().map(|done| band(&done, burst)).transpose()?);
            let remarks = match value.as_str() {
                "drop" => false,
                "dscp_remark" => true,
                _ => return Err(value.expected("drop or dscp_remark")),
            };
            reading = Some(Reading { place: key, remarks, rate: None, burst: None, levels: None });
            continue;
        }
        let band = reading.as_mut().ok_or_else(|| key.expected("type=, which begins a band"))?;
        match key.as_str() {
            "rate" => band.rate = Some(value.number("a rate")?),
            "burst_size" => band.burst = Some(value.number("a burst")?),
            "prec_level" => band.levels = Some(value.number("a precedence level")?),
            _ => return Err(key.expected("type, rate, burst_size or prec_level")),
        }
    }
    bands.extend(reading.map(|done| band(&done, burst)).transpose()?);
    match bands.is_empty() {
        true => Err(text.expected("type=, which begins a band")),
        false => Ok(bands),
    }
}

fn band(read: &Reading<'_>, burst: bool) -> Result<Band, TextError> {
    let rate = read.rate.ok_or_else(|| read.place.error("this band needs a rate"))?;
    if read.burst.is_some() != burst {
        return Err(read.place.error("burst_size goes with the flag burst: both or neither"));
    }
    let kind = match (read.remarks, read.levels) {
        (true, Some(levels)) => BandKind::DscpRemark(levels),
        (true, None) => return Err(read.place.error("a dscp_remark band needs prec_level")),
        (false, None) => BandKind::Drop,
        (false, Some(_)) => return Err(read.place.error("only a dscp_remark band has prec_level")),
    };
    Ok(Band { kind, rate, burst: read.burst.unwrap_or(0) })
}
