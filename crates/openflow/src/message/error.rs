//! Refusals, and their names.

mod names;

use std::fmt;

use super::body::Body;
use super::{HEADER_LEN, Header};
use crate::wire::{Put, Reader, WireError};

/// Type of an error that an experimenter defined, since OpenFlow 1.2.
const TYPE_EXPERIMENTER: u16 = 0xffff;
/// Type and code with which OVS announces an experimenter's error in OpenFlow 1.0.
const TYPE_VENDOR10: (u16, u16) = (0xb0c2, 0);

/// What was wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ErrorCode {
    /// An error of the specification.
    Standard {
        /// Its type.
        kind: u16,
        /// Its code within the type.
        code: u16,
    },
    /// An error of an experimenter.
    Experimenter {
        /// The experimenter.
        experimenter: u32,
        /// Its number for the error.
        kind: u16,
    },
    /// An error of an experimenter in the form of OpenFlow 1.0.
    Vendor10 {
        /// The experimenter.
        vendor: u32,
        /// Its type.
        kind: u16,
        /// Its code within the type.
        code: u16,
    },
}

impl ErrorCode {
    /// What Open vSwitch calls the error; nothing where it has no name.
    pub fn name(self) -> Option<&'static str> {
        names::name_of(self)
    }

    /// Whether the error says that the hello of this side was of no use.
    pub fn is_hello_failed(self) -> bool {
        matches!(self, Self::Standard { kind: 0, .. })
    }

    pub(super) fn is_of10(self) -> bool {
        matches!(self, Self::Vendor10 { .. })
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.name(), *self) {
            (Some(name), _) => f.write_str(name),
            (None, Self::Standard { kind, code }) => write!(f, "error type {kind} code {code}"),
            (None, Self::Experimenter { experimenter, kind }) => {
                write!(f, "error {kind} of experimenter {experimenter:#010x}")
            }
            (None, Self::Vendor10 { vendor, kind, code }) => {
                write!(f, "error type {kind} code {code} of experimenter {vendor:#010x}")
            }
        }
    }
}

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorMessage {
    /// What was wrong.
    pub code: ErrorCode,
    /// At least the first 64 bytes of the message that was refused; for a failed hello a text.
    pub data: Vec<u8>,
}

impl ErrorMessage {
    /// The header of the message that was refused.
    pub fn refused(&self) -> Option<Header> {
        if self.code.is_hello_failed() {
            return None;
        }
        let data = self.data.get(..HEADER_LEN)?;
        Header::decode(&mut Reader::new(data)).ok()
    }
}

impl fmt::Display for ErrorMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.refused() {
            Some(refused) => {
                write!(f, "{} for the message of type {} and xid {:#x}", self.code, refused.kind, refused.xid)
            }
            None => write!(f, "{}", self.code),
        }
    }
}

impl Body for ErrorMessage {
    fn encode(&self, out: &mut Vec<u8>) {
        match self.code {
            ErrorCode::Standard { kind, code } => {
                out.put_u16(kind);
                out.put_u16(code);
            }
            ErrorCode::Experimenter { experimenter, kind } => {
                out.put_u16(TYPE_EXPERIMENTER);
                out.put_u16(kind);
                out.put_u32(experimenter);
            }
            ErrorCode::Vendor10 { vendor, kind, code } => {
                out.put_u16(TYPE_VENDOR10.0);
                out.put_u16(TYPE_VENDOR10.1);
                out.put_u32(vendor);
                out.put_u16(kind);
                out.put_u16(code);
            }
        }
        out.extend_from_slice(&self.data);
    }

    fn decode(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let code = match (r.u16("an error")?, r.u16("an error")?) {
            (TYPE_EXPERIMENTER, kind) => ErrorCode::Experimenter { experimenter: r.u32("an error")?, kind },
            TYPE_VENDOR10 => ErrorCode::Vendor10 {
                vendor: r.u32("an error")?,
                kind: r.u16("an error")?,
                code: r.u16("an error")?,
            },
            (kind, code) => ErrorCode::Standard { kind, code },
        };
        Ok(Self { code, data: r.take_rest().to_vec() })
    }
}
