//! Reading and writing bytes of the wire.
//!
//! # Laws
//! - A [`Reader`] never reads outside the slice it was given, never allocates and never panics; every error says at
//!   which byte of the *message* it happened, also when it comes from a part of a part.
//! - What a `decode` accepts, the matching `encode` writes back, byte for byte where the peer's form is canonical.
//! - Writing is append-only. Lengths are filled in afterwards by [`patch_len`], so no size is computed twice.

use thiserror::Error;

/// Nesting of actions inside actions (`ct`, `clone`, buckets) that a decoder follows before it gives up.
pub const NESTED_ACTIONS_DEPTH_MAX: usize = 32;

/// A malformed message: where, and what is wrong there.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("at byte {offset}: {problem}")]
pub struct WireError {
    /// Offset from the first byte of the message (or of the slice given to a stand-alone decoder).
    pub offset: usize,
    /// What was found there.
    pub problem: Problem,
}

/// What can be wrong with bytes from a peer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Problem {
    /// The data ends before the item does.
    #[error("{what} needs {need} bytes but only {have} are left")]
    Truncated {
        /// The item that was being read.
        what: &'static str,
        /// Its size.
        need: usize,
        /// What remains.
        have: usize,
    },
    /// A length field contradicts its surroundings.
    #[error("{what} claims a length of {len} bytes, which is impossible here")]
    Length {
        /// The item whose length lies.
        what: &'static str,
        /// The claimed length.
        len: usize,
    },
    /// A field holds a value that the protocol does not allow.
    #[error("{what} cannot be {value:#x}")]
    Value {
        /// The field.
        what: &'static str,
        /// What it holds.
        value: u64,
    },
    /// Something that the tables of this crate do not have. Where the item can be kept as bytes, it is.
    #[error("{what} {value:#x} is not known here")]
    Unknown {
        /// The kind of thing.
        what: &'static str,
        /// Its number.
        value: u64,
    },
    /// Items are nested deeper than any sane peer nests them.
    #[error("{what} are nested more than {NESTED_ACTIONS_DEPTH_MAX} deep")]
    TooDeep {
        /// The nested item.
        what: &'static str,
    },
    /// Another protocol version than OpenFlow 1.3.
    #[error("the message is of OpenFlow wire version {0}, this side speaks version 4 (1.3)")]
    Version(u8),
}

/// A cursor over a part of a message.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    rest: &'a [u8],
    offset: usize,
}

impl<'a> Reader<'a> {
    /// Reads `bytes` from their start.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, offset: 0 }
    }

    /// Offset of the next byte within the whole message.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// Bytes that are left.
    pub fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// Whether everything was read.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The bytes that are left, without reading them.
    pub fn peek(&self) -> &'a [u8] {
        self.rest
    }

    /// An error at the present position.
    pub fn error(&self, problem: Problem) -> WireError {
        WireError { offset: self.offset, problem }
    }

    /// An error for a length field that lies.
    pub fn bad_length(&self, what: &'static str, len: usize) -> WireError {
        self.error(Problem::Length { what, len })
    }

    /// An error for a value that is not allowed.
    pub fn bad_value(&self, what: &'static str, value: impl Into<u64>) -> WireError {
        self.error(Problem::Value { what, value: value.into() })
    }

    /// An error for something that the tables do not have.
    pub fn unknown(&self, what: &'static str, value: impl Into<u64>) -> WireError {
        self.error(Problem::Unknown { what, value: value.into() })
    }

    /// The next `len` bytes.
    pub fn bytes(&mut self, what: &'static str, len: usize) -> Result<&'a [u8], WireError> {
        match self.rest.split_at_checked(len) {
            Some((head, tail)) => {
                self.rest = tail;
                self.offset += len;
                Ok(head)
            }
            None => Err(self.error(Problem::Truncated { what, need: len, have: self.rest.len() })),
        }
    }

    /// The next `len` bytes as a reader of their own that still knows its place in the message.
    pub fn sub(&mut self, what: &'static str, len: usize) -> Result<Reader<'a>, WireError> {
        let offset = self.offset;
        Ok(Reader { rest: self.bytes(what, len)?, offset })
    }

    /// All that is left.
    pub fn take_rest(&mut self) -> &'a [u8] {
        let rest = self.rest;
        self.offset += rest.len();
        self.rest = &[];
        rest
    }

    /// Passes over `len` bytes whose content does not matter.
    pub fn skip(&mut self, what: &'static str, len: usize) -> Result<(), WireError> {
        self.bytes(what, len).map(|_| ())
    }

    /// The next `N` bytes as an array.
    pub fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], WireError> {
        let mut out = [0; N];
        out.copy_from_slice(self.bytes(what, N)?);
        Ok(out)
    }

    /// One byte.
    pub fn u8(&mut self, what: &'static str) -> Result<u8, WireError> {
        self.array::<1>(what).map(|[b]| b)
    }

    /// Two bytes, big-endian.
    pub fn u16(&mut self, what: &'static str) -> Result<u16, WireError> {
        self.array(what).map(u16::from_be_bytes)
    }

    /// Four bytes, big-endian.
    pub fn u32(&mut self, what: &'static str) -> Result<u32, WireError> {
        self.array(what).map(u32::from_be_bytes)
    }

    /// Eight bytes, big-endian.
    pub fn u64(&mut self, what: &'static str) -> Result<u64, WireError> {
        self.array(what).map(u64::from_be_bytes)
    }

    /// An unsigned integer of `len` (at most 16) bytes, big-endian.
    pub fn uint(&mut self, what: &'static str, len: usize) -> Result<u128, WireError> {
        if len > 16 {
            return Err(self.bad_length(what, len));
        }
        Ok(self.bytes(what, len)?.iter().fold(0, |value, byte| (value << 8) | u128::from(*byte)))
    }
}

/// Append-only writing of big-endian values.
pub trait Put {
    /// Appends one byte.
    fn put_u8(&mut self, value: u8);
    /// Appends two bytes.
    fn put_u16(&mut self, value: u16);
    /// Appends four bytes.
    fn put_u32(&mut self, value: u32);
    /// Appends eight bytes.
    fn put_u64(&mut self, value: u64);
    /// Appends the low `len` bytes of `value`.
    fn put_uint(&mut self, value: u128, len: usize);
    /// Appends `len` zero bytes.
    fn put_zeros(&mut self, len: usize);
    /// Appends zeros until what was written since `start` is a multiple of eight bytes.
    fn pad8_from(&mut self, start: usize);
}

impl Put for Vec<u8> {
    fn put_u8(&mut self, value: u8) {
        self.push(value);
    }

    fn put_u16(&mut self, value: u16) {
        self.extend_from_slice(&value.to_be_bytes());
    }

    fn put_u32(&mut self, value: u32) {
        self.extend_from_slice(&value.to_be_bytes());
    }

    fn put_u64(&mut self, value: u64) {
        self.extend_from_slice(&value.to_be_bytes());
    }

    fn put_uint(&mut self, value: u128, len: usize) {
        let bytes = value.to_be_bytes();
        self.extend_from_slice(&bytes[bytes.len() - len.min(bytes.len())..]);
    }

    fn put_zeros(&mut self, len: usize) {
        self.resize(self.len() + len, 0);
    }

    fn pad8_from(&mut self, start: usize) {
        let written = self.len() - start;
        self.put_zeros(written.next_multiple_of(8) - written);
    }
}

/// Writes the number of bytes since `start` into the two bytes at `at`.
///
/// An item longer than 65,535 bytes cannot be said in two bytes; then the field says 65,535, and the message that holds
/// the item is refused as a whole by [`crate::message::Message::encode`], whose own length cannot be said either.
pub fn patch_len(out: &mut [u8], start: usize, at: usize) {
    let len = u16::try_from(out.len() - start).unwrap_or(u16::MAX);
    out[at..at + 2].copy_from_slice(&len.to_be_bytes());
}
