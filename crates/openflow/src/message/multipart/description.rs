//! What the switch says of itself to people.

use crate::message::body::{Body, put_text, read_text};
use crate::wire::{Reader, WireError};

const TEXT_LEN: usize = 256;
const SERIAL_LEN: usize = 32;

/// Names of the switch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Description {
    /// Who made it.
    pub manufacturer: String,
    /// Its hardware.
    pub hardware: String,
    /// Its software and version.
    pub software: String,
    /// Its serial number.
    pub serial: String,
    /// What the administrator calls the bridge.
    pub datapath: String,
}

impl Body for Description {
    fn encode(&self, out: &mut Vec<u8>) {
        put_text(out, &self.manufacturer, TEXT_LEN);
        put_text(out, &self.hardware, TEXT_LEN);
        put_text(out, &self.software, TEXT_LEN);
        put_text(out, &self.serial, SERIAL_LEN);
        put_text(out, &self.datapath, TEXT_LEN);
    }

    fn decode(r: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self {
            manufacturer: read_text(r, "the manufacturer", TEXT_LEN)?,
            hardware: read_text(r, "the hardware", TEXT_LEN)?,
            software: read_text(r, "the software", TEXT_LEN)?,
            serial: read_text(r, "the serial number", SERIAL_LEN)?,
            datapath: read_text(r, "the description of the bridge", TEXT_LEN)?,
        })
    }
}
