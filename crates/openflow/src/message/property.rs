//! Properties whose meaning is left to the reader.

use super::body::Body;
use crate::action::{property, read_property};
use crate::wire::{Reader, WireError};

/// A property as it came: a type and bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Property {
    /// Its type.
    pub kind: u16,
    /// Its value, without header and padding.
    pub value: Vec<u8>,
}

impl Body for Property {
    fn encode(&self, out: &mut Vec<u8>) {
        property(out, self.kind, &self.value);
    }

    fn decode(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let (kind, mut value) = read_property(r)?;
        Ok(Self { kind, value: value.take_rest().to_vec() })
    }
}
