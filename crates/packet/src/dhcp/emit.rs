//! A DHCP message as bytes: whole, or as much of it as a client takes.
//!
//! Options stand in the order of their importance. When they are too long for the client, the two name fields
//! are used for options as well, if they are empty (RFC 2131, section 4.1), and what then still does not fit is
//! left out, the least important first. What relay agents noted stays last among the options (RFC 3046, section
//! 2.1), whatever is left out.

use super::message::{
    COOKIE_OFFSET, ETHERNET, HARDWARE_PADDING_BYTES, MAGIC_COOKIE, OVERLOAD_BOOT_FILE, OVERLOAD_SERVER_NAME,
};
use super::{BOOT_FILE_BYTES, DhcpOption, Message, Op, SERVER_NAME_BYTES, codes};

/// BOOTP messages have at least this length, and some relay agents drop what is shorter (RFC 1542, section 2.1).
const MESSAGE_BYTES_MIN: usize = 300;
/// All before the first option.
const HEAD_BYTES: usize = COOKIE_OFFSET + MAGIC_COOKIE.len();
const PIECE_BYTES_MAX: usize = u8::MAX as usize;
/// Number and length.
const PIECE_HEAD_BYTES: usize = 2;
const OVERLOAD_BYTES: usize = PIECE_HEAD_BYTES + 1;
const END_BYTES: usize = 1;

/// A message that was made to fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fitted {
    /// The message.
    pub bytes: Vec<u8>,
    /// The options for which there was no room.
    pub left_out: Vec<u8>,
}

/// A field that options are written to.
struct Area {
    bytes: Vec<u8>,
    free_bytes: usize,
}

impl Area {
    fn new(free_bytes: usize) -> Self {
        Self { bytes: Vec::new(), free_bytes }
    }

    /// Writes an option if it fits, end mark not counted.
    fn push(&mut self, option: &DhcpOption) -> bool {
        let needed = written_bytes(option);
        let fits = needed <= self.free_bytes;
        if fits {
            self.free_bytes -= needed;
            write(option, &mut self.bytes);
        }
        fits
    }

    /// The whole field, when something is in it.
    fn finish<const N: usize>(mut self) -> Option<[u8; N]> {
        if self.bytes.is_empty() {
            return None;
        }
        self.bytes.push(codes::END);
        self.bytes.resize(N, codes::PAD);
        self.bytes.try_into().ok()
    }
}

fn written_bytes(option: &DhcpOption) -> usize {
    let pieces = option.value.len().div_ceil(PIECE_BYTES_MAX).max(1);
    pieces * PIECE_HEAD_BYTES + option.value.len()
}

fn write(option: &DhcpOption, bytes: &mut Vec<u8>) {
    let mut rest = option.value.as_slice();
    loop {
        let length = u8::try_from(rest.len()).unwrap_or(u8::MAX);
        let (piece, after) = rest.split_at(usize::from(length));
        bytes.extend([option.code, length]);
        bytes.extend(piece);
        rest = after;
        if rest.is_empty() {
            return;
        }
    }
}

impl Message {
    /// The message with all its options, however long.
    #[must_use]
    pub fn emit(&self) -> Vec<u8> {
        let mut options = Vec::new();
        for option in &self.options {
            write(option, &mut options);
        }
        self.assemble(&self.server_name, &self.boot_file, &options)
    }

    /// The message in at most `bytes_max` bytes, IP and UDP headers not counted. It is never shorter than 300,
    /// nor may a client ask for less than 548.
    #[must_use]
    pub fn emit_within(&self, bytes_max: usize) -> Fitted {
        let free_bytes = bytes_max.max(MESSAGE_BYTES_MIN) - HEAD_BYTES - END_BYTES;
        if self.options.iter().map(written_bytes).sum::<usize>() <= free_bytes {
            return Fitted { bytes: self.emit(), left_out: Vec::new() };
        }
        let mut left_out = Vec::new();
        let mut options = Area::new(free_bytes.saturating_sub(OVERLOAD_BYTES));
        let is_relay_agent = |option: &&DhcpOption| option.code == codes::RELAY_AGENT;
        // Its room is taken before the others come, so that it can be written behind them.
        let mut relay_agent = self.options.iter().find(is_relay_agent);
        if let Some(option) = relay_agent {
            match options.free_bytes.checked_sub(written_bytes(option)) {
                Some(free_bytes) => options.free_bytes = free_bytes,
                None => left_out.extend(relay_agent.take().map(|option| option.code)),
            }
        }
        let free_in = |field: &[u8]| if field.iter().all(|b| *b == 0) { field.len() - END_BYTES } else { 0 };
        let mut boot_file = Area::new(free_in(&self.boot_file));
        let mut server_name = Area::new(free_in(&self.server_name));
        for option in self.options.iter().filter(|option| !is_relay_agent(option)) {
            if !(options.push(option) || boot_file.push(option) || server_name.push(option)) {
                left_out.push(option.code);
            }
        }
        let mut options = options.bytes;
        let boot_file = boot_file.finish::<BOOT_FILE_BYTES>();
        let server_name = server_name.finish::<SERVER_NAME_BYTES>();
        let bit = |is_used, bit| if is_used { bit } else { 0 };
        let overload =
            bit(boot_file.is_some(), OVERLOAD_BOOT_FILE) | bit(server_name.is_some(), OVERLOAD_SERVER_NAME);
        if overload != 0 {
            options.extend([codes::OVERLOAD, 1, overload]);
        }
        if let Some(option) = relay_agent {
            write(option, &mut options);
        }
        let server_name = server_name.unwrap_or(self.server_name);
        let boot_file = boot_file.unwrap_or(self.boot_file);
        Fitted { bytes: self.assemble(&server_name, &boot_file, &options), left_out }
    }

    fn assemble(&self, server_name: &[u8], boot_file: &[u8], options: &[u8]) -> Vec<u8> {
        let op = match self.op {
            Op::Request => 1,
            Op::Reply => 2,
        };
        let length = (HEAD_BYTES + options.len() + END_BYTES).max(MESSAGE_BYTES_MIN);
        let mut bytes = Vec::with_capacity(length);
        bytes.push(op);
        bytes.extend(ETHERNET);
        bytes.push(self.hops);
        bytes.extend(self.transaction.to_be_bytes());
        bytes.extend(self.seconds.to_be_bytes());
        bytes.extend(self.flags.to_be_bytes());
        for address in [self.client_address, self.your_address, self.next_server, self.relay_address] {
            bytes.extend(address.octets());
        }
        bytes.extend(self.client_mac.octets());
        bytes.extend([0; HARDWARE_PADDING_BYTES]);
        bytes.extend(server_name);
        bytes.extend(boot_file);
        bytes.extend(MAGIC_COOKIE);
        bytes.extend(options);
        bytes.push(codes::END);
        bytes.resize(length, codes::PAD);
        bytes
    }
}

#[cfg(test)]
mod tests;
