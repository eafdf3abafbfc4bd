//! What clients say their server is called, put right where it breaks a rule of HTTP.
//!
//! `etcdctl` and other programs made with etcd's client for Go send the address of the server as they were given it. With a
//! scheme (`http://127.0.0.1:4001`) that is no authority of HTTP; Go's servers let it pass, and the library that we have
//! ends the stream. So the bytes that a client sends pass through here on their way to it, and such an authority becomes
//! [`NAME`]. Nobody reads it. All other bytes stay as they are, and nothing is ever held back but a frame of headers that
//! is not yet complete.
//!
//! An authority is changed where it lies, which the compression of headers (RFC 7541) allows: both sides count entries of
//! their tables in the same order, and what is shorter is only forgotten later.

#[cfg(test)]
mod tests;

/// What an authority becomes. It is shorter than any that is changed, see above.
const NAME: &[u8] = b"etcd";

/// What every connection of HTTP/2 begins with.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Bytes before the payload of a frame.
const FRAME_HEADER_BYTES: usize = 9;

/// A frame of headers that is longer is not looked at; it is refused by whoever reads it, who was never asked for more.
const FRAME_BYTES_MAX: usize = 16 << 10;

const TYPE_HEADERS: u8 = 1;
const FLAG_PADDED: u8 = 0x8;
const FLAG_DEPENDS: u8 = 0x20;

/// Bytes that say which stream another depends on, and how much it counts.
const DEPENDS_BYTES: usize = 5;

/// The place of `:authority` in the table that all know.
const AUTHORITY: usize = 1;

/// `http://`, as it is.
const SCHEME: &[u8] = b"http://";

/// `http://` in the code of Huffman, but for its last bit.
const SCHEME_IN_CODE: &[u8] = &[0x9d, 0x29, 0xae, 0xe3, 0x0c];

/// The bytes of a string in that code are marked by this bit of their length.
const IN_CODE: u8 = 0x80;

/// Where in a connection we are.
#[derive(Debug)]
enum Place {
    /// So many bytes of the preface were right.
    Preface(usize),
    /// In the header of a frame, or in the payload of one that has to be complete.
    Frame,
    /// So many bytes of a payload that nobody looks at are still to come.
    Payload(usize),
    /// This is no HTTP/2.
    Foreign,
}

/// Puts the bytes of one connection right.
#[derive(Debug)]
pub(crate) struct Authority {
    place: Place,
    /// The frame that is not yet complete.
    frame: Vec<u8>,
}

impl Authority {
    pub(crate) const fn new() -> Self {
        Self { place: Place::Preface(0), frame: Vec::new() }
    }

    /// Takes what came in and appends what is to be read to `out`.
    pub(crate) fn take(&mut self, mut input: &[u8], out: &mut Vec<u8>) {
        while !input.is_empty() {
            let used = match self.place {
                Place::Preface(seen) => self.take_preface(seen, input, out),
                Place::Frame => self.take_frame(input, out),
                Place::Payload(left) => {
                    let (here, _) = input.split_at(left.min(input.len()));
                    out.extend_from_slice(here);
                    self.passed(left.saturating_sub(here.len()));
                    here.len()
                }
                Place::Foreign => {
                    out.extend_from_slice(input);
                    input.len()
                }
            };
            input = input.get(used..).unwrap_or_default();
        }
    }

    fn take_preface(&mut self, seen: usize, input: &[u8], out: &mut Vec<u8>) -> usize {
        let expected = PREFACE.get(seen..).unwrap_or_default();
        let (here, _) = input.split_at(expected.len().min(input.len()));
        out.extend_from_slice(here);
        self.place = if !expected.starts_with(here) {
            Place::Foreign
        } else if here.len() == expected.len() {
            Place::Frame
        } else {
            Place::Preface(seen.saturating_add(here.len()))
        };
        here.len()
    }

    fn take_frame(&mut self, input: &[u8], out: &mut Vec<u8>) -> usize {
        let wanted = match payload_bytes(&self.frame) {
            Some(payload) => FRAME_HEADER_BYTES.saturating_add(payload),
            None => FRAME_HEADER_BYTES,
        };
        let (here, _) = input.split_at(wanted.saturating_sub(self.frame.len()).min(input.len()));
        self.frame.extend_from_slice(here);
        if let Some(payload) = payload_bytes(&self.frame) {
            let is_headers = self.frame.get(3) == Some(&TYPE_HEADERS);
            if !is_headers || payload > FRAME_BYTES_MAX {
                out.append(&mut self.frame);
                self.passed(payload);
            } else if self.frame.len() == FRAME_HEADER_BYTES.saturating_add(payload) {
                match put_right(&self.frame) {
                    Some(frame) => out.extend(frame),
                    None => out.extend_from_slice(&self.frame),
                }
                self.frame.clear();
            }
        }
        here.len()
    }

    const fn passed(&mut self, left: usize) {
        self.place = if left == 0 { Place::Frame } else { Place::Payload(left) };
    }
}

/// How long the payload of a frame is, once its header is there.
fn payload_bytes(frame: &[u8]) -> Option<usize> {
    let (header, _) = frame.split_at_checked(FRAME_HEADER_BYTES)?;
    let [high, middle, low, ..] = *header else { return None };
    usize::try_from(u32::from_be_bytes([0, high, middle, low])).ok()
}

/// A whole frame of headers with an authority that is right; `None` where it is right already, or makes no sense.
fn put_right(frame: &[u8]) -> Option<Vec<u8>> {
    let flags = *frame.get(4)?;
    let mut first = FRAME_HEADER_BYTES;
    let mut padding = 0;
    if flags & FLAG_PADDED != 0 {
        padding = usize::from(*frame.get(first)?);
        first = first.checked_add(1)?;
    }
    if flags & FLAG_DEPENDS != 0 {
        first = first.checked_add(DEPENDS_BYTES)?;
    }
    let block = frame.get(first..frame.len().checked_sub(padding)?)?;
    let (start, end) = authority_with_scheme(block)?;
    let (start, end) = (first.checked_add(start)?, first.checked_add(end)?);
    let name = [&[u8::try_from(NAME.len()).ok()?], NAME].concat();
    let mut right = [frame.get(..start)?, &name, frame.get(end..)?].concat();
    let payload = u32::try_from(right.len().checked_sub(FRAME_HEADER_BYTES)?).ok()?.to_be_bytes();
    right.get_mut(..3)?.copy_from_slice(&payload[1..]);
    Some(right)
}

/// Where in a block of headers a string begins and ends that is an authority with a scheme.
fn authority_with_scheme(block: &[u8]) -> Option<(usize, usize)> {
    let mut at = 0;
    loop {
        let kind = *block.get(at)?;
        // An entry of a table; a name, of a table or not, with a value, that is remembered or is not; a size of the table.
        let (prefix, has_value) = match kind {
            0x80.. => (7, false),
            0x40..0x80 => (6, true),
            0x20..0x40 => (5, false),
            ..0x20 => (4, true),
        };
        let (index, after) = number(block, at, prefix)?;
        at = after;
        if !has_value {
            continue;
        }
        if index == 0 {
            at = string(block, at)?.1;
        }
        let (value, after) = string(block, at)?;
        let scheme = if block.get(at)? & IN_CODE != 0 { SCHEME_IN_CODE } else { SCHEME };
        if index == AUTHORITY && value.starts_with(scheme) {
            return Some((at, after));
        }
        at = after;
    }
}

/// The bytes of a string, and where it ends.
fn string(block: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let (length, first) = number(block, at, 7)?;
    let end = first.checked_add(length)?;
    Some((block.get(first..end)?, end))
}

/// A number that begins in the last `prefix` bits of a byte, and where it ends.
fn number(block: &[u8], at: usize, prefix: u32) -> Option<(usize, usize)> {
    let full = (1_usize << prefix).checked_sub(1)?;
    let mut number = usize::from(*block.get(at)?) & full;
    let mut at = at.checked_add(1)?;
    if number < full {
        return Some((number, at));
    }
    for shift in [0, 7, 14] {
        let byte = usize::from(*block.get(at)?);
        number = number.checked_add((byte & 0x7f) << shift)?;
        at = at.checked_add(1)?;
        if byte & 0x80 == 0 {
            return Some((number, at));
        }
    }
    // Nothing in a frame is so long.
    None
}
