//! The task that drives a [`Machine`]: sockets, time, and the owner's wishes.
//!
//! ```text
//!            wishes (bounded)                      bytes
//!   owner ------------------->  task: Machine  <----------->  switch
//!         <-------------------
//!            events (bounded)
//! ```
//! One task for each connection. It takes everything that is pending before it writes, so a burst of wishes becomes one bundle.
//! An owner that does not take its events stops the task, and with it the switch's messages, not the memory.

use std::fmt;
use std::io;
use std::time::Duration;

use openflow::Message;
use openflow::delta::Delta;
use openflow::message::{MESSAGE_LEN_MAX, TooLong, frame};
use thiserror::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use tracing::{info, warn};

use crate::endpoint::{Connector, Endpoint, Stream};
use crate::machine::{ChangeId, Event, Machine, MachineOptions};

/// Wishes that may wait for the task.
const WISHES_MAX: usize = 1_024;
/// Events that may wait for the owner.
const EVENTS_MAX: usize = 1_024;
/// Bytes that are read at once; whole messages are taken from them.
const READ_BYTES: usize = 4 * MESSAGE_LEN_MAX;
/// Bytes that may wait to be written before no more is read: a switch that asks without reading the answers waits.
const UNWRITTEN_BYTES_MAX: usize = 16 << 20;
/// How often the machine is told the time.
const TICK: Duration = Duration::from_millis(500);

/// How to reach a switch and what to do with it.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where it is.
    pub endpoint: Endpoint,
    /// What the connection is for.
    pub machine: MachineOptions,
    /// First wait before another try to connect; it doubles with each try.
    pub backoff_min: Duration,
    /// Longest wait while the switch cannot be reached.
    pub backoff_max: Duration,
    /// Longest wait while the switch can be reached and the connection comes to nothing: it does not speak our version, or refuses
    /// what the connection cannot do without.
    pub useless_backoff_max: Duration,
}

impl Options {
    /// Defaults: a switch that comes back is found within a tenth of a second.
    pub fn new(endpoint: Endpoint, machine: MachineOptions) -> Self {
        Self {
            endpoint,
            machine,
            backoff_min: Duration::from_millis(10),
            backoff_max: Duration::from_millis(100),
            useless_backoff_max: Duration::from_secs(5),
        }
    }
}

enum Wish {
    Change(Delta),
    Send { message: Message, result: oneshot::Sender<Result<(), TooLong>> },
    Inspect(Box<dyn FnOnce(&Machine) + Send>),
}

/// The connection's task is gone, which happens only when it was stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the connection to the switch was stopped")]
pub struct Stopped;

/// The owner's end. Dropping it stops the task and leaves the switch as it is.
pub struct Handle {
    wishes: mpsc::Sender<Wish>,
    events: mpsc::Receiver<Event>,
    last_change: ChangeId,
    task: JoinHandle<()>,
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("last_change", &self.last_change).finish_non_exhaustive()
    }
}

impl Handle {
    /// Starts the task, with what is known to be desired: the switch is compared with that as soon as it answers, and what it
    /// holds besides is deleted.
    pub fn spawn(options: Options, initial: Delta) -> Self {
        let (wishes, wish_receiver) = mpsc::channel(WISHES_MAX);
        let (event_sender, events) = mpsc::channel(EVENTS_MAX);
        let rim = Rim {
            machine: Machine::new(options.machine, initial),
            wishes: wish_receiver,
            events: event_sender,
            started: Instant::now(),
        };
        let backoff = |max| Backoff { min: options.backoff_min, max, next: options.backoff_min };
        let waits = Waits {
            unreachable: backoff(options.backoff_max),
            useless: backoff(options.useless_backoff_max),
        };
        let task = tokio::spawn(run(rim, Connector::new(options.endpoint), waits));
        Self { wishes, events, last_change: 0, task }
    }

    /// Changes what is desired. The change is confirmed by an event with this or a later id.
    pub async fn change(&mut self, delta: Delta) -> Result<ChangeId, Stopped> {
        self.wishes.send(Wish::Change(delta)).await.map_err(|_| Stopped)?;
        self.last_change += 1;
        Ok(self.last_change)
    }

    /// Sends a message that is not about what is desired. While there is no connection it goes nowhere.
    pub async fn send(&self, message: Message) -> Result<Result<(), TooLong>, Stopped> {
        let (result, answer) = oneshot::channel();
        self.wishes.send(Wish::Send { message, result }).await.map_err(|_| Stopped)?;
        answer.await.map_err(|_| Stopped)
    }

    /// What happened next; nothing once the task has stopped.
    pub async fn next_event(&mut self) -> Option<Event> {
        self.events.recv().await
    }

    /// Looks at the machine.
    pub async fn inspect<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Machine) -> T + Send + 'static,
    ) -> Result<T, Stopped> {
        let (result, answer) = oneshot::channel();
        let look = Box::new(move |machine: &Machine| {
            // Nobody may be waiting any more.
            let _ = result.send(look(machine));
        });
        self.wishes.send(Wish::Inspect(look)).await.map_err(|_| Stopped)?;
        answer.await.map_err(|_| Stopped)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The machine with the owner's channels.
struct Rim {
    machine: Machine,
    wishes: mpsc::Receiver<Wish>,
    events: mpsc::Sender<Event>,
    started: Instant,
}

impl Rim {
    fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Takes the owner's wishes, or hands over an event, whichever is possible first. Can be cancelled without loss.
    async fn serve(&mut self) -> Result<(), Stopped> {
        let has_event = self.machine.queued_events() > 0;
        let wish = tokio::select! {
            wish = self.wishes.recv() => wish.ok_or(Stopped)?,
            permit = self.events.reserve(), if has_event => {
                let permit = permit.map_err(|_| Stopped)?;
                if let Some(event) = self.machine.next_event() {
                    permit.send(event);
                }
                return Ok(());
            }
        };
        self.take(wish);
        for _ in 0..WISHES_MAX {
            match self.wishes.try_recv() {
                Ok(wish) => self.take(wish),
                Err(_) => break,
            }
        }
        self.machine.advance();
        Ok(())
    }

    fn take(&mut self, wish: Wish) {
        match wish {
            Wish::Change(delta) => {
                self.machine.change(delta);
            }
            // Nobody may be waiting for the results any more.
            Wish::Send { message, result } => {
                let _ = result.send(self.machine.send_other(&message));
            }
            Wish::Inspect(look) => look(&self.machine),
        }
    }

    /// Serves the owner until `other` is done.
    async fn serve_until<T>(&mut self, other: impl Future<Output = T>) -> Result<T, Stopped> {
        tokio::pin!(other);
        loop {
            tokio::select! {
                value = &mut other => return Ok(value),
                served = self.serve() => served?,
            }
        }
    }
}

/// How long to wait before the next try.
struct Backoff {
    min: Duration,
    max: Duration,
    next: Duration,
}

impl Backoff {
    fn wait(&mut self) -> Duration {
        let wait = self.next;
        self.next = (wait * 2).min(self.max);
        wait
    }

    fn reset(&mut self) {
        self.next = self.min;
    }
}

/// Waits before the next try to connect, by what became of the last.
struct Waits {
    unreachable: Backoff,
    useless: Backoff,
}

async fn run(mut rim: Rim, mut connector: Connector, mut waits: Waits) {
    let mut complained = false;
    loop {
        let wait = match rim.serve_until(connector.connect()).await {
            Ok(Ok(stream)) => {
                complained = false;
                waits.unreachable.reset();
                let now_ms = rim.now_ms();
                rim.machine.connected(now_ms);
                let SessionEnd::Lost(reason) = Session::new(stream).run(&mut rim).await else { return };
                info!(endpoint = %connector.endpoint(), %reason, "disconnected");
                if rim.machine.is_live() {
                    waits.useless.reset();
                }
                rim.machine.disconnected(reason);
                waits.useless.wait()
            }
            Ok(Err(error)) => {
                if !complained {
                    warn!(endpoint = %connector.endpoint(), %error, "the switch cannot be reached; trying on");
                    complained = true;
                }
                waits.unreachable.wait()
            }
            Err(Stopped) => return,
        };
        if rim.serve_until(sleep(wait)).await.is_err() {
            return;
        }
    }
}

enum SessionEnd {
    Lost(String),
    Stopped,
}

/// One connection while it lasts.
struct Session {
    reader: ReadHalf<Box<dyn Stream>>,
    writer: WriteHalf<Box<dyn Stream>>,
    incoming: BytesIn,
    outgoing: Vec<u8>,
    written: usize,
}

/// Bytes that have come; whole messages are taken from their start.
struct BytesIn {
    bytes: Vec<u8>,
    start: usize,
}

impl Session {
    fn new(stream: Box<dyn Stream>) -> Self {
        let incoming = BytesIn { bytes: Vec::with_capacity(READ_BYTES), start: 0 };
        let (reader, writer) = tokio::io::split(stream);
        Self { reader, writer, incoming, outgoing: Vec::new(), written: 0 }
    }

    async fn run(&mut self, rim: &mut Rim) -> SessionEnd {
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            if self.written == self.outgoing.len() {
                self.outgoing = rim.machine.take_output();
                self.written = 0;
            }
            // An owner who does not listen, or a switch that does not, makes us stop reading: memory does not grow.
            let may_read =
                rim.machine.queued_events() < EVENTS_MAX && rim.machine.unsent_bytes() < UNWRITTEN_BYTES_MAX;
            let step = tokio::select! {
                read = self.reader.read_buf(&mut self.incoming.bytes), if may_read => Step::Read(read),
                wrote = self.writer.write(&self.outgoing[self.written..]), if self.written < self.outgoing.len() => {
                    Step::Wrote(wrote)
                }
                served = rim.serve() => Step::Served(served),
                _ = tick.tick() => Step::Tick,
            };
            if let Err(end) = self.step(step, rim) {
                return end;
            }
        }
    }

    fn step(&mut self, step: Step, rim: &mut Rim) -> Result<(), SessionEnd> {
        let now_ms = rim.now_ms();
        let lost = |reason: String| SessionEnd::Lost(reason);
        match step {
            Step::Read(Ok(0)) | Step::Wrote(Ok(0)) => {
                Err(lost("the switch closed the connection".to_owned()))
            }
            Step::Read(Err(error)) | Step::Wrote(Err(error)) => Err(lost(error.to_string())),
            Step::Read(Ok(_)) => self.incoming.deliver(rim, now_ms).map_err(lost),
            Step::Wrote(Ok(count)) => {
                self.written += count;
                Ok(())
            }
            Step::Served(served) => served.map_err(|Stopped| SessionEnd::Stopped),
            Step::Tick => rim.machine.tick(now_ms).map_err(|fatal| lost(fatal.to_string())),
        }
    }
}

enum Step {
    Read(io::Result<usize>),
    Wrote(io::Result<usize>),
    Served(Result<(), Stopped>),
    Tick,
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
                    warn!(%error, message = %hex_start(rest), "a message makes no sense, ignored");
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
