//! The first message of each side: which versions it speaks.

use super::body::Body;
use super::{VERSION, VERSION_10};
use crate::action::{property, read_property};
use crate::wire::{Reader, WireError};

const ELEMENT_VERSION_BITMAP: u16 = 1;

/// Offer of protocol versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hello {
    /// The highest version of the sender, from the header of the message.
    pub version: u8,
    /// Bit n stands for wire version n; a peer from before OpenFlow 1.3.1 sends none.
    pub bitmap: Option<u32>,
}

impl Hello {
    /// Offers OpenFlow 1.3 and nothing else.
    pub fn of13() -> Self {
        Self { version: VERSION, bitmap: Some(1 << VERSION) }
    }

    /// Offers OpenFlow 1.0 and nothing else.
    pub fn of10() -> Self {
        Self { version: VERSION_10, bitmap: Some(1 << VERSION_10) }
    }

    /// Whether the sender speaks wire version `version`. Without a bitmap it speaks all versions up to its own.
    pub fn speaks(&self, version: u8) -> bool {
        match self.bitmap {
            Some(bitmap) => bitmap.checked_shr(version.into()).is_some_and(|rest| rest & 1 == 1),
            None => version <= self.version,
        }
    }
}

impl Body for Hello {
    fn encode(&self, out: &mut Vec<u8>) {
        if let Some(bitmap) = self.bitmap {
            property(out, ELEMENT_VERSION_BITMAP, &bitmap.to_be_bytes());
        }
    }

    /// Reads what it can and never fails: elements of later versions must not stop a connection that would work.
    fn decode(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let mut bitmap = None;
        while let Ok((kind, mut value)) = read_property(r) {
            if kind == ELEMENT_VERSION_BITMAP {
                // Versions above 31 do not exist; later words would hold them.
                bitmap = bitmap.or(value.u32("a version bitmap").ok());
            }
        }
        r.take_rest();
        Ok(Self { version: VERSION, bitmap })
    }
}
