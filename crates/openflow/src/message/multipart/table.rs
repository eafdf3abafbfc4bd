//! What tables matched and what they can do.

use crate::message::body::{Body, put_text, read_text};
use crate::message::property::Property;
use crate::wire::{Put, Reader, WireError, patch_len};

const NAME_LEN: usize = 32;
/// Bytes of a table's features before their properties.
const FEATURES_FIXED_LEN: usize = 64;

/// What a table matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableStats {
    /// The table.
    pub table: u8,
    /// Its flows.
    pub active: u32,
    /// Packets that were looked up in it.
    pub lookups: u64,
    /// Packets that found a flow.
    pub matched: u64,
}

impl Body for TableStats {
    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u8(self.table);
        out.put_zeros(3);
        out.put_u32(self.active);
        out.put_u64(self.lookups);
        out.put_u64(self.matched);
    }

    fn decode(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let table = r.u8("table statistics")?;
        r.skip("table statistics", 3)?;
        Ok(Self {
            table,
            active: r.u32("table statistics")?,
            lookups: r.u64("table statistics")?,
            matched: r.u64("table statistics")?,
        })
    }
}

/// What a table can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableFeatures {
    /// The table.
    pub table: u8,
    /// Its name.
    pub name: String,
    /// Bits of the metadata register that it can match.
    pub metadata_match: u64,
    /// Bits of the metadata register that it can write.
    pub metadata_write: u64,
    /// Bits of `OFPTC_*`.
    pub config: u32,
    /// Number of flows that it can have.
    pub max_entries: u32,
    /// Instructions, actions and fields by the specification's `OFPTFPT_*`. Nothing in this project depends on them, as
    /// every table of Open vSwitch can do everything, so they stay bytes.
    pub properties: Vec<Property>,
}

impl Body for TableFeatures {
    fn encode(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.put_zeros(2);
        out.put_u8(self.table);
        out.put_zeros(5);
        put_text(out, &self.name, NAME_LEN);
        out.put_u64(self.metadata_match);
        out.put_u64(self.metadata_write);
        out.put_u32(self.config);
        out.put_u32(self.max_entries);
        self.properties.encode(out);
        patch_len(out, start, start);
    }

    fn decode(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let len = usize::from(r.u16("table features")?);
        if len < FEATURES_FIXED_LEN {
            return Err(r.bad_length("table features", len));
        }
        let mut body = r.sub("table features", len - 2)?;
        let table = body.u8("table features")?;
        body.skip("table features", 5)?;
        Ok(Self {
            table,
            name: read_text(&mut body, "table features", NAME_LEN)?,
            metadata_match: body.u64("table features")?,
            metadata_write: body.u64("table features")?,
            config: body.u32("table features")?,
            max_entries: body.u32("table features")?,
            properties: Vec::decode(&mut body)?,
        })
    }
}
