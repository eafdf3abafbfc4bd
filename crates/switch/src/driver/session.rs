//! One connection while it lasts: bytes in, bytes out, time, and who else connects.
//!
//! Where the switch comes to us it may come again while the older connection seems to be there: it has lost its power, or the
//! network has forgotten the connection. So a newer connection makes us ask the older one whether it is alive. If it says
//! anything, the newer one is somebody else's and is closed; if it is silent, the newer one takes its place.

use std::io;
use std::time::Duration;

use openflow::Message;
use openflow::message::{MESSAGE_LEN_MAX, frame};
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::time::{Interval, MissedTickBehavior, interval};
use tracing::warn;

use super::{Rim, Stopped, UNWRITTEN_BYTES_MAX};
use crate::endpoint::{Connector, Stream};
use crate::log_quota::LogQuota;

/// Bytes that are read at once; whole messages are taken from them.
const READ_BYTES: usize = 4 * MESSAGE_LEN_MAX;
/// How often the machine is told the time.
const TICK: Duration = Duration::from_secs(1);
/// How long an older connection may take to say something before a newer one takes its place.
const SIGN_OF_LIFE_MAX_MS: u64 = 3_000;

/// One connection.
pub(super) struct Session {
    reader: ReadHalf<Box<dyn Stream>>,
    writer: WriteHalf<Box<dyn Stream>>,
    incoming: BytesIn,
    outgoing: Vec<u8>,
    written: usize,
    tick: Interval,
    newer: Option<Newer>,
    newer_quota: LogQuota,
}

/// Why and how a connection ended.
pub(super) struct SessionEnd {
    pub(super) reason: String,
    /// The connection that the switch has made meanwhile.
    pub(super) newer: Option<Box<dyn Stream>>,
}

/// A connection that was made while another one was there.
struct Newer {
    stream: Box<dyn Stream>,
    since_ms: u64,
}

/// Bytes that have come; whole messages are taken from their start.
struct BytesIn {
    bytes: Vec<u8>,
    start: usize,
    garbled_quota: LogQuota,
}

enum Step {
    Read(io::Result<usize>),
    Wrote(io::Result<usize>),
    Served(Result<(), Stopped>),
    Newer(Box<dyn Stream>),
    Tick,
}

impl Session {
    pub(super) fn new(stream: Box<dyn Stream>) -> Self {
        let (reader, writer) = tokio::io::split(stream);
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            reader,
            writer,
            incoming: BytesIn {
                bytes: Vec::with_capacity(READ_BYTES),
                start: 0,
                garbled_quota: LogQuota::default(),
            },
            outgoing: Vec::new(),
            written: 0,
            tick,
            newer: None,
            newer_quota: LogQuota::default(),
        }
    }

    /// Works until the connection is lost.
    pub(super) async fn run(
        mut self,
        rim: &mut Rim,
        connector: &mut Connector,
    ) -> Result<SessionEnd, Stopped> {
        loop {
            match self.next(rim, connector).await {
                Step::Served(served) => served?,
                step => {
                    if let Err(reason) = self.take(step, rim) {
                        return Ok(SessionEnd { reason, newer: self.newer.map(|newer| newer.stream) });
                    }
                }
            }
        }
    }

    /// What can be done next. Can be cancelled without loss.
    async fn next(&mut self, rim: &mut Rim, connector: &mut Connector) -> Step {
        if self.written == self.outgoing.len() {
            self.outgoing = rim.machine.take_output();
            self.written = 0;
        }
        // An owner who does not listen, or a switch that does not, makes us stop reading: memory does not grow.
        let may_read = !rim.is_full() && rim.machine.unsent_bytes() < UNWRITTEN_BYTES_MAX;
        tokio::select! {
            read = self.reader.read_buf(&mut self.incoming.bytes), if may_read => Step::Read(read),
            wrote = self.writer.write(&self.outgoing[self.written..]), if self.written < self.outgoing.len() => {
                Step::Wrote(wrote)
            }
            served = rim.serve() => Step::Served(served),
            stream = connector.next_incoming(), if self.newer.is_none() => Step::Newer(stream),
            _ = self.tick.tick() => Step::Tick,
        }
    }

    /// Takes notice. The error says why the connection is over.
    fn take(&mut self, step: Step, rim: &mut Rim) -> Result<(), String> {
        let now_ms = rim.now_ms();
        match step {
            Step::Read(Ok(0)) | Step::Wrote(Ok(0)) => Err("the switch closed the connection".to_owned()),
            Step::Read(Err(error)) | Step::Wrote(Err(error)) => Err(error.to_string()),
            Step::Read(Ok(_)) => {
                self.older_lives(now_ms);
                self.incoming.deliver(rim, now_ms)
            }
            Step::Wrote(Ok(count)) => {
                self.written += count;
                Ok(())
            }
            Step::Newer(stream) => {
                rim.machine.probe();
                self.newer = Some(Newer { stream, since_ms: now_ms });
                Ok(())
            }
            Step::Tick if rim.is_full() => {
                rim.machine.not_listened(now_ms);
                Ok(())
            }
            Step::Tick => {
                if self.newer.as_ref().is_some_and(|newer| now_ms - newer.since_ms >= SIGN_OF_LIFE_MAX_MS) {
                    return Err("the switch has connected again".to_owned());
                }
                rim.machine.tick(now_ms).map_err(|fatal| fatal.to_string())
            }
            Step::Served(_) => Ok(()),
        }
    }

    /// What was read proves that nobody is in want of the newer connection.
    fn older_lives(&mut self, now_ms: u64) {
        if self.newer.take().is_some()
            && let Some(left_out) = self.newer_quota.admit(now_ms)
        {
            warn!(left_out, "somebody connects to the address of a switch that is connected, refused");
        }
    }
}

impl BytesIn {
    /// Gives all whole messages to the machine.
    fn deliver(&mut self, rim: &mut Rim, now_ms: u64) -> Result<(), String> {
        loop {
            let rest = &self.bytes[self.start..];
            let Some(len) = frame(rest).map_err(|error| error.to_string())? else { break };
            match Message::decode(&rest[..len]) {
                Ok((xid, message)) => {
                    rim.machine.received(now_ms, xid, message).map_err(|fatal| fatal.to_string())?;
                }
                // One message that makes no sense does not stop the others: where the next one begins is known.
                Err(error) => {
                    if let Some(left_out) = self.garbled_quota.admit(now_ms) {
                        let message = hex_start(rest);
                        warn!(%error, message, left_out, "a message makes no sense, ignored");
                    }
                    rim.machine.garbled(now_ms, xid_of(rest));
                }
            }
            self.start += len;
        }
        self.bytes.drain(..self.start);
        self.start = 0;
        Ok(())
    }
}

/// The first bytes of a message, for a log.
fn hex_start(bytes: &[u8]) -> String {
    bytes.iter().take(32).map(|byte| format!("{byte:02x}")).collect()
}

/// Transaction id of a message whose frame was checked.
fn xid_of(message: &[u8]) -> u32 {
    message.get(4..8).map_or(0, |xid| xid.iter().fold(0, |value, byte| value << 8 | u32::from(*byte)))
}
