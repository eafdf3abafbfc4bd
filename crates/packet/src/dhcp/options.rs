//! The options of a message: each at most once, in the order in which they came.
//!
//! An option may come in pieces, because its length is one byte (RFC 3396). Here it is whole, however long: the
//! pieces are put together when a message is read and cut when it is written. Whoever reads an option of a fixed
//! length gets nothing when it has another, so that a doubled option is not taken for its first half.

use std::fmt;
use std::net::Ipv4Addr;

use super::codes;

/// An option, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DhcpOption {
    /// Its number.
    pub code: u8,
    /// Its content.
    pub value: Vec<u8>,
}

/// Options by number, in order. Padding, the end mark and the overload option are part of how options are
/// written down and not of what they say: they are never in here.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Options(Vec<DhcpOption>);

impl Options {
    /// Whether an option with this number can be held.
    #[must_use]
    pub fn is_storable(code: u8) -> bool {
        !matches!(code, codes::PAD | codes::OVERLOAD | codes::END)
    }

    /// Sets an option: in its place if it is there, else behind the others. The three that are not options
    /// ([`Options::is_storable`]) are left out.
    pub fn set(&mut self, code: u8, value: impl Into<Vec<u8>>) {
        let value = value.into();
        match self.0.iter_mut().find(|option| option.code == code) {
            Some(option) => option.value = value,
            None if Self::is_storable(code) => self.0.push(DhcpOption { code, value }),
            None => {}
        }
    }

    /// The same options and this one.
    #[must_use]
    pub fn with(mut self, code: u8, value: impl Into<Vec<u8>>) -> Self {
        self.set(code, value);
        self
    }

    /// Adds a piece of an option behind the pieces that came before.
    pub(super) fn append(&mut self, code: u8, piece: &[u8]) {
        match self.0.iter_mut().find(|option| option.code == code) {
            Some(option) => option.value.extend(piece),
            None => self.set(code, piece),
        }
    }

    /// The content of an option.
    #[must_use]
    pub fn get(&self, code: u8) -> Option<&[u8]> {
        self.0.iter().find(|option| option.code == code).map(|option| option.value.as_slice())
    }

    /// The content of an option that is as long as this.
    #[must_use]
    pub fn fixed<const N: usize>(&self, code: u8) -> Option<[u8; N]> {
        self.get(code)?.try_into().ok()
    }

    /// An option that is one address.
    #[must_use]
    pub fn address(&self, code: u8) -> Option<Ipv4Addr> {
        self.fixed::<4>(code).map(Ipv4Addr::from)
    }

    /// An option that is a list of addresses.
    #[must_use]
    pub fn addresses(&self, code: u8) -> Option<Vec<Ipv4Addr>> {
        let (chunks, rest) = self.get(code)?.as_chunks::<4>();
        rest.is_empty().then(|| chunks.iter().copied().map(Ipv4Addr::from).collect())
    }

    /// All of them, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, DhcpOption> {
        self.0.iter()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'a> IntoIterator for &'a Options {
    type Item = &'a DhcpOption;
    type IntoIter = std::slice::Iter<'a, DhcpOption>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.0.iter().map(|option| (option.code, &option.value))).finish()
    }
}
