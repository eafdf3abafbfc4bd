//! Cutting a byte stream into JSON messages.
//!
//! OVSDB peers send JSON objects one after another with nothing between them, so a message ends where
//! its first brace closes. [`Framer`] finds that place without building anything, and refuses what would
//! hurt later stages *before* they see it:
//!
//! * a message longer than [`FrameLimits::max_message_bytes`], as soon as the limit is passed;
//! * nesting deeper than [`FrameLimits::max_depth`], so the recursive JSON parser cannot exhaust the stack;
//! * a parsed form larger than [`FrameLimits::max_parsed_bytes`], because a parsed element is much larger than
//!   its text (the eight bytes `{"":0},` and the like become a tree node of several hundred);
//! * anything but white space between two messages.
//!
//! Every error says at which byte of the stream it happened. The framer holds at most one unfinished
//! message, however the peer cuts its writes. What a peer can make us hold is therefore the buffer of one
//! message, which grows to twice `max_message_bytes` at most, and one parsed message of `max_parsed_bytes`.

use serde_json::Value;
use thiserror::Error;

/// What the peer may make us hold or recurse into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameLimits {
    /// Length of one message. The first reply to a monitor request holds whole tables, so this is generous.
    pub max_message_bytes: usize,
    /// Open brackets and braces at any point of a message.
    pub max_depth: usize,
    /// Memory that the parsed form of one message takes, estimated from above while it is read.
    pub max_parsed_bytes: usize,
}

impl Default for FrameLimits {
    /// Enough for the first reply about a switch with 30,000 ports.
    fn default() -> Self {
        Self { max_message_bytes: 32 << 20, max_depth: 64, max_parsed_bytes: 256 << 20 }
    }
}

/// What parsing makes of punctuation, in bytes of memory. A [`Value`] has 32 and a node of the tree behind an
/// object has 640 for up to eleven members, of which five may be in use; an array begins with room for four and
/// doubles, and both halves exist while it is moved. The tests hold these against the memory of a process.
mod parsed_bytes {
    pub(super) const OBJECT: usize = 640;
    pub(super) const FURTHER_MEMBER: usize = 160;
    pub(super) const ARRAY: usize = 144;
    pub(super) const FURTHER_ELEMENT: usize = 96;
    /// Besides its text.
    pub(super) const STRING: usize = 32;
}

/// Why a byte stream cannot be continued: after any of these the connection has to be dropped.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FrameError {
    #[error("a message must begin with '{{', found byte 0x{byte:02x} at stream offset {offset}")]
    NotAnObject { offset: u64, byte: u8 },
    #[error("message longer than {limit} bytes at stream offset {offset}")]
    TooLong { offset: u64, limit: usize },
    #[error("message nested deeper than {limit} levels at stream offset {offset}")]
    TooDeep { offset: u64, limit: usize },
    #[error("message that takes more than {limit} bytes of memory at stream offset {offset}")]
    TooLarge { offset: u64, limit: usize },
    #[error("invalid json at stream offset {offset}: {reason}")]
    Syntax { offset: u64, reason: String },
}

/// One complete message: its text, and where in the stream it began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    offset: u64,
    text: Vec<u8>,
}

impl Frame {
    /// The bytes from the opening to the closing brace.
    #[must_use]
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// Parses the text; an error carries the offset in the stream, not in the message.
    pub fn parse(&self) -> Result<Value, FrameError> {
        serde_json::from_slice(&self.text).map_err(|error| FrameError::Syntax {
            offset: self.offset.saturating_add(text_offset(&self.text, error.line(), error.column()) as u64),
            reason: error.to_string(),
        })
    }
}

/// serde_json reports one-based lines and columns in bytes; turns them back into an offset.
fn text_offset(text: &[u8], line: usize, column: usize) -> usize {
    let line_start: usize =
        text.split_inclusive(|byte| *byte == b'\n').take(line.saturating_sub(1)).map(<[u8]>::len).sum();
    line_start.saturating_add(column.saturating_sub(1)).min(text.len())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Between,
    Structure,
    String,
    Escape,
}

/// The incremental scanner. Feed it what the socket gives; it keeps the unfinished tail.
#[derive(Debug)]
pub struct Framer {
    limits: FrameLimits,
    state: State,
    /// The brackets that are open.
    open: Vec<u8>,
    parsed_bytes: usize,
    partial: Vec<u8>,
    /// Bytes of the stream that were consumed so far.
    consumed: u64,
    /// Where the message in `partial` began.
    started: u64,
}

impl Framer {
    #[must_use]
    pub fn new(limits: FrameLimits) -> Self {
        Self {
            limits,
            state: State::Between,
            open: Vec::new(),
            parsed_bytes: 0,
            partial: Vec::new(),
            consumed: 0,
            started: 0,
        }
    }

    /// Takes bytes off the front of `input` until one message is complete or the input is used up.
    ///
    /// `None` means that `input` is empty now and the message, if one has begun, continues in the next read.
    pub fn feed(&mut self, input: &mut &[u8]) -> Result<Option<Frame>, FrameError> {
        if self.state == State::Between && !self.skip_white_space(input)? {
            return Ok(None);
        }
        let mut end = None;
        for (index, byte) in input.iter().enumerate() {
            let offset = self.consumed.saturating_add(index as u64);
            if self.partial.len().saturating_add(index) >= self.limits.max_message_bytes {
                return Err(FrameError::TooLong { offset, limit: self.limits.max_message_bytes });
            }
            if self.step(*byte, offset)? {
                end = Some(index + 1);
                break;
            }
        }
        let (taken, rest) = input.split_at(end.unwrap_or(input.len()));
        self.partial.extend_from_slice(taken);
        self.consumed = self.consumed.saturating_add(taken.len() as u64);
        *input = rest;
        Ok(end.map(|_| Frame { offset: self.started, text: std::mem::take(&mut self.partial) }))
    }

    fn skip_white_space(&mut self, input: &mut &[u8]) -> Result<bool, FrameError> {
        let blank = input.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        let (_, rest) = input.split_at(blank);
        *input = rest;
        self.consumed = self.consumed.saturating_add(blank as u64);
        match rest.first() {
            None => Ok(false),
            Some(b'{') => {
                self.started = self.consumed;
                self.parsed_bytes = 0;
                self.state = State::Structure;
                Ok(true)
            }
            Some(byte) => Err(FrameError::NotAnObject { offset: self.consumed, byte: *byte }),
        }
    }

    /// Advances over one byte; true when it closed the message.
    fn step(&mut self, byte: u8, offset: u64) -> Result<bool, FrameError> {
        match (self.state, byte) {
            (State::Escape, _) => {
                self.state = State::String;
                self.reserve(1, offset)?;
            }
            (State::String, b'\\') => self.state = State::Escape,
            (State::String, b'"') => self.state = State::Structure,
            (State::String, _) => self.reserve(1, offset)?,
            (_, b'"') => {
                self.state = State::String;
                self.reserve(parsed_bytes::STRING, offset)?;
            }
            (_, b'{' | b'[') => {
                if self.open.len() >= self.limits.max_depth {
                    return Err(FrameError::TooDeep { offset, limit: self.limits.max_depth });
                }
                self.open.push(byte);
                self.reserve(if byte == b'{' { parsed_bytes::OBJECT } else { parsed_bytes::ARRAY }, offset)?;
            }
            (_, b'}' | b']') => {
                // That the brackets match is for the parser to see; closing the last one ends the message.
                self.open.pop();
                if self.open.is_empty() {
                    self.state = State::Between;
                    return Ok(true);
                }
            }
            (_, b',') => {
                let in_object = self.open.last() == Some(&b'{');
                let bytes =
                    if in_object { parsed_bytes::FURTHER_MEMBER } else { parsed_bytes::FURTHER_ELEMENT };
                self.reserve(bytes, offset)?;
            }
            _ => {}
        }
        Ok(false)
    }

    fn reserve(&mut self, bytes: usize, offset: u64) -> Result<(), FrameError> {
        self.parsed_bytes = self.parsed_bytes.saturating_add(bytes);
        if self.parsed_bytes > self.limits.max_parsed_bytes {
            return Err(FrameError::TooLarge { offset, limit: self.limits.max_parsed_bytes });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
