//! The task that drives a [`Machine`]: sockets, time, and the owner's wishes.
//!
//! ```text
//!            wishes (bounded)                      bytes
//!   owner ------------------->  task: Machine  <----------->  switch
//!         <-------------------
//!            events (bounded)
//! ```
//! One task for each connection. It takes everything that is pending before it writes, so a burst of wishes becomes one bundle.
//! An owner that does not take its events stops the switch's messages: they wait in the switch, and nothing here grows. Wishes
//! are taken all the same, so an owner that is about to make one is never stuck.

mod session;

use std::convert::Infallible;
use std::fmt;
use std::time::Duration;

use openflow::Message;
use openflow::delta::Delta;
use openflow::message::TooLong;
use thiserror::Error;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tracing::{info, warn};

use crate::endpoint::{Connector, Endpoint, Stream};
use crate::machine::{ChangeId, Event, Machine, MachineOptions};
use session::{Session, SessionEnd};

/// Wishes that may wait for the task.
const WISHES_MAX: usize = 1_024;
/// Events that may wait for the owner.
const EVENTS_MAX: usize = 1_024;
/// Bytes that may wait to be written before no more is read and no more packets are taken: a switch that asks without reading
/// the answers waits, and its packets are lost as on a cable that is too slow.
const UNWRITTEN_BYTES_MAX: usize = 16 << 20;
/// A connection that was live for this long was a good one: the next try comes at once.
const GOOD_CONNECTION_MIN: Duration = Duration::from_secs(1);

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
    /// Longest wait while the switch can be reached and the connection comes to nothing: it does not speak our version, refuses
    /// what the connection cannot do without, or is gone as soon as it is there.
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
    Send { message: Message, result: oneshot::Sender<Result<(), SendError>> },
    Inspect(Box<dyn FnOnce(&Machine) + Send>),
}

/// The connection's task is gone, which happens only when it was stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the connection to the switch was stopped")]
pub struct Stopped;

/// Why a message that is not about what is desired was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SendError {
    /// The connection's task is gone.
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// It does not fit into one message.
    #[error(transparent)]
    TooLong(#[from] TooLong),
    /// The switch does not read what is sent to it.
    #[error("the switch does not keep up: {unsent_bytes} bytes wait for it; send less, or later")]
    Congested {
        /// What waits.
        unsent_bytes: usize,
    },
}

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
    pub async fn send(&self, message: Message) -> Result<(), SendError> {
        let (result, answer) = oneshot::channel();
        self.wishes.send(Wish::Send { message, result }).await.map_err(|_| Stopped)?;
        answer.await.map_err(|_| Stopped)?
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

    /// Whether the owner takes its events slower than they come.
    fn is_full(&self) -> bool {
        self.machine.queued_events() >= EVENTS_MAX
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
            Wish::Send { message, result } => {
                let unsent_bytes = self.machine.unsent_bytes();
                let sent = if unsent_bytes < UNWRITTEN_BYTES_MAX {
                    self.machine.send_other(&message).map_err(SendError::from)
                } else {
                    Err(SendError::Congested { unsent_bytes })
                };
                // Nobody may be waiting for the result any more.
                let _ = result.send(sent);
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
    // It ends when the owner does.
    let Err(Stopped) = keep_connected(&mut rim, &mut connector, &mut waits).await;
}

async fn keep_connected(
    rim: &mut Rim,
    connector: &mut Connector,
    waits: &mut Waits,
) -> Result<Infallible, Stopped> {
    let mut complained = false;
    let mut newer = None;
    loop {
        // Each connection adds events: an owner that takes none gets no more of them.
        while rim.is_full() {
            rim.serve().await?;
        }
        let connected = match newer.take() {
            Some(stream) => Ok(stream),
            None => rim.serve_until(connector.connect()).await?,
        };
        let wait = match connected {
            Ok(stream) => {
                complained = false;
                waits.unreachable.reset();
                newer = hold(stream, rim, connector, waits).await?;
                waits.useless.wait()
            }
            Err(error) => {
                if !complained {
                    warn!(endpoint = %connector.endpoint(), %error, "the switch cannot be reached; trying on");
                    complained = true;
                }
                waits.unreachable.wait()
            }
        };
        rim.serve_until(sleep(wait)).await?;
    }
}

/// Works with one connection until it is lost. Gives the connection that the switch has made meanwhile.
async fn hold(
    stream: Box<dyn Stream>,
    rim: &mut Rim,
    connector: &mut Connector,
    waits: &mut Waits,
) -> Result<Option<Box<dyn Stream>>, Stopped> {
    let began = Instant::now();
    rim.machine.connected(rim.now_ms());
    let SessionEnd { reason, newer } = Session::new(stream).run(rim, connector).await?;
    info!(endpoint = %connector.endpoint(), %reason, "disconnected");
    if rim.machine.is_live() && began.elapsed() >= GOOD_CONNECTION_MIN {
        waits.useless.reset();
    }
    rim.machine.disconnected(reason);
    Ok(newer)
}
