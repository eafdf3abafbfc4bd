//! What really crosses a device, recorded by `tcpdump` and read back as frames.
//!
//! A capture has begun when [`Capture::start`] returns: a packet sent after that is in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::netns::Namespace;
use crate::process::{Daemon, run};
use crate::scratch::ScratchDir;
use crate::wait::try_wait_until;

const START_TIMEOUT: Duration = Duration::from_secs(60);
const FILE_HEADER_BYTES: usize = 24;
const RECORD_HEADER_BYTES: usize = 16;
/// The file format in the byte order of a little-endian machine, with microseconds.
const MAGIC_LITTLE_ENDIAN: [u8; 4] = [0xd4, 0xc3, 0xb2, 0xa1];

/// One Ethernet frame, from the destination address on, as it was on the device.
pub type Frame = Vec<u8>;

/// A running `tcpdump` on one device; dropping it ends it.
#[derive(Debug)]
pub struct Capture {
    daemon: Daemon,
    file: PathBuf,
    _directory: ScratchDir,
}

impl Capture {
    /// Captures on `device` what `filter` selects (the language of `pcap-filter`; empty: all) and
    /// returns when it listens.
    pub fn start(namespace: &Namespace, device: &str, filter: &str) -> Result<Self> {
        let directory = ScratchDir::new()?;
        let file = directory.path().join("capture.pcap");
        let output = directory.path().join("tcpdump.out");
        let mut command = namespace.command("tcpdump");
        command
            .args(["-i", device, "-n", "-s", "0", "--immediate-mode", "--packet-buffered"])
            // Without this, tcpdump becomes another user who may not write here.
            .args(["-Z", "root", "-w"])
            .arg(&file)
            .arg(filter);
        let mut daemon = Daemon::start("tcpdump", &command, &output)?;
        try_wait_until(START_TIMEOUT, &format!("tcpdump to listen on {device}"), || {
            if let Err(error) = daemon.check_running() {
                return Some(Err(error));
            }
            fs::read_to_string(&output).ok()?.contains("listening on").then_some(Ok(()))
        })??;
        Ok(Self { daemon, file, _directory: directory })
    }

    /// The frames so far.
    pub fn frames(&self) -> Result<Vec<Frame>> {
        let bytes = fs::read(&self.file).with_context(|| format!("read {}", self.file.display()))?;
        parse_pcap(&bytes)
    }

    /// Waits for a frame that `wanted` accepts and returns it. On failure the error tells what was
    /// captured instead.
    pub fn wait_for(
        &mut self,
        timeout: Duration,
        what: &str,
        wanted: impl Fn(&[u8]) -> bool,
    ) -> Result<Frame> {
        let found = try_wait_until(timeout, &format!("a packet: {what}"), || {
            if let Err(error) = self.daemon.check_running() {
                return Some(Err(error));
            }
            match self.frames() {
                Ok(frames) => frames.into_iter().find(|frame| wanted(frame)).map(Ok),
                Err(error) => Some(Err(error)),
            }
        });
        found.with_context(|| format!("captured instead:\n{}", self.text().unwrap_or_default()))?
    }

    /// The frames so far as `tcpdump` prints them, for the message of a failed assertion.
    pub fn text(&self) -> Result<String> {
        print_pcap(&self.file)
    }
}

fn print_pcap(file: &Path) -> Result<String> {
    run(Command::new("tcpdump").args(["-n", "-e", "-v", "-r"]).arg(file))
}

/// Reads the classic capture format. A record at the end that is not complete yet is left for later.
fn parse_pcap(bytes: &[u8]) -> Result<Vec<Frame>> {
    let Some((header, mut rest)) = bytes.split_at_checked(FILE_HEADER_BYTES) else {
        return Ok(Vec::new());
    };
    ensure!(
        header.starts_with(&MAGIC_LITTLE_ENDIAN),
        "not a little-endian capture file: {:02x?}",
        &header[..4]
    );
    let mut frames = Vec::new();
    while let Some((record, body)) = rest.split_at_checked(RECORD_HEADER_BYTES) {
        let length = u32::from_le_bytes([record[8], record[9], record[10], record[11]]);
        let Some((frame, next)) = body.split_at_checked(usize::try_from(length)?) else { break };
        frames.push(frame.to_vec());
        rest = next;
    }
    Ok(frames)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn capture_file(frames: &[&[u8]]) -> Vec<u8> {
        let mut bytes = MAGIC_LITTLE_ENDIAN.to_vec();
        bytes.resize(FILE_HEADER_BYTES, 0);
        for frame in frames {
            let length = u32::try_from(frame.len()).unwrap().to_le_bytes();
            bytes.extend_from_slice(&[0; 8]);
            bytes.extend_from_slice(&length);
            bytes.extend_from_slice(&length);
            bytes.extend_from_slice(frame);
        }
        bytes
    }

    #[test]
    fn reads_complete_records_at_every_length() {
        let whole = capture_file(&[b"first", b"second"]);
        let second_begins = FILE_HEADER_BYTES + RECORD_HEADER_BYTES + 5;
        for end in 0..=whole.len() {
            let expected = match end {
                _ if end == whole.len() => vec![b"first".to_vec(), b"second".to_vec()],
                _ if end >= second_begins => vec![b"first".to_vec()],
                _ => vec![],
            };
            assert_eq!(parse_pcap(&whole[..end]).unwrap(), expected, "{end} bytes");
        }
    }

    #[test]
    fn refuses_another_format() {
        assert!(parse_pcap(&[0; FILE_HEADER_BYTES]).is_err());
    }
}
