//! A cursor over untrusted bytes. It cannot leave its slice: every step says whether there was enough.

use crate::ParseError;

/// The unread rest of a slice, and how far into the slice it begins.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    offset: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, offset: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.rest.len()
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Where the rest begins in the original slice.
    pub(crate) fn offset(&self) -> usize {
        self.offset
    }

    /// The next `N` bytes, left unread.
    pub(crate) fn peek<const N: usize>(&self) -> Option<[u8; N]> {
        self.rest.first_chunk().copied()
    }

    /// Reads the next `N` bytes, or nothing when fewer are left.
    pub(crate) fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let bytes = self.peek()?;
        self.skip(N)?;
        Some(bytes)
    }

    /// Reads past `count` bytes, or none when fewer are left.
    pub(crate) fn skip(&mut self, count: usize) -> Option<()> {
        self.take_slice(count).map(|_| ())
    }

    /// Reads the next `count` bytes, or nothing when fewer are left.
    pub(crate) fn take_slice(&mut self, count: usize) -> Option<&'a [u8]> {
        let (slice, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        self.offset += count;
        Some(slice)
    }

    /// Forgets all but the next `length` bytes.
    pub(crate) fn truncate(&mut self, length: usize) {
        self.rest = self.rest.get(..length).unwrap_or(self.rest);
    }

    /// As [`Reader::take`], with an error that says what was cut off and where.
    pub(crate) fn require<const N: usize>(&mut self, layer: &'static str) -> Result<[u8; N], ParseError> {
        let (offset, available) = (self.offset, self.len());
        self.take().ok_or(ParseError::Truncated { layer, offset, needed: N, available })
    }

    /// As [`Reader::take_slice`], with an error that says what was cut off and where.
    pub(crate) fn require_slice(
        &mut self,
        layer: &'static str,
        needed: usize,
    ) -> Result<&'a [u8], ParseError> {
        let (offset, available) = (self.offset, self.len());
        self.take_slice(needed).ok_or(ParseError::Truncated { layer, offset, needed, available })
    }
}

#[cfg(test)]
mod tests;
