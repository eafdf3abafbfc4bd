//! What the parts of messages have in common: how they become bytes, and numbers that have names.

use std::time::Duration;

use crate::wire::{Put, Reader, WireError};

/// What follows a header: it appends itself, and reads itself from bytes that came from outside.
pub(crate) trait Body: Sized {
    /// Appends the bytes.
    fn encode(&self, out: &mut Vec<u8>);
    /// Reads the bytes; whoever calls checks that none are left over.
    fn decode(r: &mut Reader<'_>) -> Result<Self, WireError>;
}

/// Bytes without a meaning of their own, up to the end.
impl Body for Vec<u8> {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }

    fn decode(r: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(r.take_rest().to_vec())
    }
}

/// Items one behind the other, up to the end.
impl<T: Body> Body for Vec<T> {
    fn encode(&self, out: &mut Vec<u8>) {
        self.iter().for_each(|item| item.encode(out));
    }

    fn decode(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let mut items = Self::new();
        while !r.is_empty() {
            items.push(T::decode(r)?);
        }
        Ok(items)
    }
}

/// An enum of numbers from the wire whose list may grow: a number without a name is kept, not refused.
macro_rules! named_numbers {
    ($(#[$doc:meta])+ $name:ident: $number:ident { $($(#[$variant_doc:meta])+ $variant:ident = $value:literal,)+ }) => {
        $(#[$doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$variant_doc])+ $variant,)+
            /// A number that this crate has no name for.
            Other($number),
        }

        impl $name {
            /// The name of `number`.
            pub fn from_wire(number: $number) -> Self {
                match number {
                    $($value => Self::$variant,)+
                    other => Self::Other(other),
                }
            }

            /// The number on the wire.
            pub fn to_wire(self) -> $number {
                match self {
                    $(Self::$variant => $value,)+
                    Self::Other(other) => other,
                }
            }
        }
    };
}

pub(crate) use named_numbers;

/// Appends a duration as OpenFlow says it, in seconds and nanoseconds.
pub(crate) fn put_duration(out: &mut Vec<u8>, duration: Duration) {
    out.put_u32(u32::try_from(duration.as_secs()).unwrap_or(u32::MAX));
    out.put_u32(duration.subsec_nanos());
}

/// Reads seconds and nanoseconds. Nanoseconds beyond a second, with which a switch says that it does not know them,
/// count as none.
pub(crate) fn read_duration(r: &mut Reader<'_>) -> Result<Duration, WireError> {
    let (secs, nanos) = (r.u32("a duration")?, r.u32("a duration")?);
    let nanos = if nanos < 1_000_000_000 { nanos } else { 0 };
    Ok(Duration::new(secs.into(), nanos))
}

/// Appends a duration that may not be known, which all ones say.
pub(crate) fn put_optional_duration(out: &mut Vec<u8>, duration: Option<Duration>) {
    match duration {
        Some(duration) => put_duration(out, duration),
        None => out.put_u64(u64::MAX),
    }
}

/// Reads a duration that may not be known.
pub(crate) fn read_optional_duration(r: &mut Reader<'_>) -> Result<Option<Duration>, WireError> {
    let known = !r.peek().starts_with(&[0xff; 8]);
    Ok(Some(read_duration(r)?).filter(|_| known))
}

/// Appends `text` in a field of `len` bytes that ends in at least one zero.
pub(crate) fn put_text(out: &mut Vec<u8>, text: &str, len: usize) {
    let text = &text[..text.floor_char_boundary(len.saturating_sub(1))];
    out.extend_from_slice(text.as_bytes());
    out.put_zeros(len - text.len());
}

/// Reads a field of `len` bytes up to its first zero, which a field that is full has in the place of its last byte. A byte that is
/// not UTF-8 becomes a question mark: the text is for people, and no longer than it was.
pub(crate) fn read_text(r: &mut Reader<'_>, what: &'static str, len: usize) -> Result<String, WireError> {
    let bytes = r.bytes(what, len)?;
    let text = bytes.split_last().map_or(bytes, |(_, text)| text);
    let end = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
    let mut out = String::with_capacity(end);
    for chunk in text.get(..end).unwrap_or_default().utf8_chunks() {
        out.push_str(chunk.valid());
        out.extend(chunk.invalid().iter().map(|_| '?'));
    }
    Ok(out)
}
