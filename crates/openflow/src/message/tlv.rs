//! Which tunnel options (Geneve's) the `tun_metadata` fields are.

use super::body::Body;
use crate::wire::{Put, Reader, WireError};

const ADD: u16 = 0;
const DELETE: u16 = 1;
const CLEAR: u16 = 2;

/// A tunnel option and the field that it is bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TlvMap {
    /// Class of the option.
    pub class: u16,
    /// Type of the option.
    pub kind: u8,
    /// Bytes of the option's value, a multiple of four.
    pub len_bytes: u8,
    /// Number of the `tun_metadata` field.
    pub index: u16,
}

impl Body for TlvMap {
    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u16(self.class);
        out.put_u8(self.kind);
        out.put_u8(self.len_bytes);
        out.put_u16(self.index);
        out.put_zeros(2);
    }

    fn decode(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let map = Self {
            class: r.u16("an option map")?,
            kind: r.u8("an option map")?,
            len_bytes: r.u8("an option map")?,
            index: r.u16("an option map")?,
        };
        r.skip("an option map", 2)?;
        Ok(map)
    }
}

/// What is done with option maps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlvCommand {
    /// Binds options; refused as a whole where one is bound already.
    Add,
    /// Unbinds the fields that are named.
    Delete,
    /// Unbinds all.
    Clear,
}

/// A change of the option table. It is no part of a bundle: Open vSwitch refuses it there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlvTableMod {
    /// What is done.
    pub command: TlvCommand,
    /// With which options.
    pub maps: Vec<TlvMap>,
}

impl Body for TlvTableMod {
    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u16(match self.command {
            TlvCommand::Add => ADD,
            TlvCommand::Delete => DELETE,
            TlvCommand::Clear => CLEAR,
        });
        out.put_zeros(6);
        self.maps.encode(out);
    }

    fn decode(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let command = match r.u16("the command of an option table")? {
            ADD => TlvCommand::Add,
            DELETE => TlvCommand::Delete,
            CLEAR => TlvCommand::Clear,
            other => return Err(r.bad_value("the command of an option table", other)),
        };
        r.skip("an option table", 6)?;
        Ok(Self { command, maps: Vec::decode(r)? })
    }
}

/// The option table of a switch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlvTable {
    /// Bytes that all bound options together may have.
    pub max_option_space_bytes: u32,
    /// Number of `tun_metadata` fields.
    pub max_fields: u16,
    /// The bound options.
    pub maps: Vec<TlvMap>,
}

impl Body for TlvTable {
    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u32(self.max_option_space_bytes);
        out.put_u16(self.max_fields);
        out.put_zeros(10);
        self.maps.encode(out);
    }

    fn decode(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let (max_option_space_bytes, max_fields) = (r.u32("an option table")?, r.u16("an option table")?);
        r.skip("an option table", 10)?;
        Ok(Self { max_option_space_bytes, max_fields, maps: Vec::decode(r)? })
    }
}
