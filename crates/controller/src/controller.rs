//! The tasks of a controller, and its life: learn, begin, work, stop.
//!
//! ```text
//!      store                                                                        ovsdb-server
//!        |  snapshot, watch                                             batches           |
//!   [northbound] ---- news ----.                               .---- news ---- [vswitch] -'
//!                              v                               v                   ^ numbers
//!                        +--------------------------------------------+            |
//!                        |  work: pending -> engine -> delta, wishes  | -----------'
//!                        +--------------------------------------------+
//!                 wishes |         | changes  ^ events        | answers  ^ packets
//!                        v         v          |               v          |
//!   store <------- [report]     [switch: flows]            [switch: packets]
//!   store <------- [writes]              |                         |
//!   store <------- [chassis]             |                         |
//!   store <------- [listeners]           |                         |
//!                                   ovs-vswitchd ------------------'
//! ```
//! Names in brackets are tasks. The one in the middle never waits for a disk, a socket or a store: it takes all that is new,
//! lets the engine compute, and hands on what follows. Every arrow is a bounded queue or holds the newest value only.

use std::collections::BTreeMap;
use std::sync::Arc;

use engine::Listens;
use nb::Store;
use thiserror::Error;
use tokio::sync::{mpsc, watch};
use tokio::task::{Id, JoinSet};
use tracing::{error, info, warn};

use crate::intake::Intake;
use crate::notify::Notifier;
use crate::options::Options;
use crate::recorder::Recorder;
use crate::report::{self, Wishes};
use crate::status::Status;
use crate::vswitch::Orders;
use crate::work::{Stop, Worker};
use crate::{chassis, listeners, northbound, vswitch, writes};

/// Why a controller ended although nobody told it to.
#[derive(Debug, Error)]
pub enum ControllerError {
    /// The recording that was asked for cannot be made.
    #[error("the recording cannot be written to {path}, name another file, or none")]
    Recording {
        /// Where it was to be.
        path: String,
        /// Why not.
        source: std::io::Error,
    },
    /// One of its tasks ended, which is a fault of this program.
    #[error(
        "the task {0} ended; this is a fault of the program: restart it, and report what it logged before"
    )]
    TaskEnded(&'static str),
}

/// The controller of one node.
#[derive(Debug)]
pub struct Controller {
    options: Options,
    store: Arc<dyn Store>,
    notifier: Notifier,
    status: watch::Sender<Status>,
}

/// The tasks around the engine, by name. They end when this is dropped.
#[derive(Default)]
struct Tasks {
    running: JoinSet<()>,
    names: BTreeMap<Id, &'static str>,
}

impl Tasks {
    fn spawn(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        self.names.insert(self.running.spawn(task).id(), name);
    }

    /// Waits until one of them has ended, which none does by itself: it has failed.
    async fn one_ended(&mut self) -> &'static str {
        let id = match self.running.join_next_with_id().await {
            Some(Ok((id, ()))) => Some(id),
            Some(Err(error)) => Some(error.id()),
            None => None,
        };
        id.and_then(|id| self.names.get(&id).copied()).unwrap_or("around the engine")
    }
}

/// Where news come from.
pub(crate) struct Sources {
    pub(crate) store: mpsc::Receiver<northbound::News>,
    pub(crate) vswitch: mpsc::Receiver<vswitch::News>,
}

impl Controller {
    /// A controller that has not begun.
    #[must_use]
    pub fn new(options: Options, store: Arc<dyn Store>) -> Self {
        let (notifier, status) = (Notifier::default(), watch::Sender::new(Status::default()));
        Self { options, store, notifier, status }
    }

    /// The same, telling a service manager how it is.
    #[must_use]
    pub fn with_notifier(self, notifier: Notifier) -> Self {
        Self { notifier, ..self }
    }

    /// How it stands, from now on.
    #[must_use]
    pub fn status(&self) -> watch::Receiver<Status> {
        self.status.subscribe()
    }

    /// Works until `shutdown` is done. The switch then forwards as before, and the rows of the node and its ports stay as they
    /// are; only the heartbeat ends.
    ///
    /// # Errors
    /// When it cannot begin, or one of its tasks ended. That the store or the switch is away is no error.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send) -> Result<(), ControllerError> {
        tokio::pin!(shutdown);
        let mut recorder = Recorder::start(self.options.recording.as_ref()).map_err(|source| {
            let path = self.options.recording.as_ref().map(|recording| recording.path.display().to_string());
            ControllerError::Recording { path: path.unwrap_or_default(), source }
        })?;
        loop {
            let ended = tokio::select! {
                ended = self.live(recorder) => ended,
                () = &mut shutdown => {
                    self.notifier.stopping();
                    info!("stopping; the switch forwards as before");
                    return Ok(());
                }
            };
            match ended {
                Stop::StartOver => warn!("starting over: the store and the switch are read again"),
                Stop::Ended(what) => {
                    error!(what, "a task ended");
                    return Err(ControllerError::TaskEnded(what));
                }
            }
            // What led here is what somebody will want to replay, so it is kept.
            recorder = Recorder::default();
        }
    }

    /// One life: everything is learned before the switch is touched.
    async fn live(&self, recorder: Recorder) -> Stop {
        let wishes = Wishes::default();
        let (sources, orders, heard, mut tasks) = self.start_tasks(&wishes);
        tokio::select! {
            stop = self.learn_and_work(sources, orders, wishes, heard, recorder) => stop,
            what = tasks.one_ended() => Stop::Ended(what),
        }
    }

    async fn learn_and_work(
        &self,
        mut sources: Sources,
        orders: Orders,
        wishes: Wishes,
        heard: mpsc::Sender<Listens>,
        recorder: Recorder,
    ) -> Stop {
        let Self { options, notifier, status, .. } = self;
        let mut intake = Intake::new(options);
        info!(chassis = %options.chassis, bridge = options.bridge, "reading the store and the switch's database");
        notifier.status("reading the store and the switch's database");
        if let Some(stop) = self.learn(&mut sources, &mut intake).await {
            return stop;
        }
        Worker::begin(options, intake, sources, orders, wishes, heard, recorder, notifier, status)
            .work()
            .await
    }

    /// Starts everything around the engine.
    fn start_tasks(&self, wishes: &Wishes) -> (Sources, Orders, mpsc::Sender<Listens>, Tasks) {
        let Self { options, store, .. } = self;
        let mut tasks = Tasks::default();
        let seed = options.chassis.to_string();
        let (store_news, follow_store) =
            northbound::follow(Arc::clone(store), options.limits.resync_interval, &seed);
        tasks.spawn("northbound", follow_store);
        let (reached, physical_networks) = watch::channel(None);
        let (vswitch_news, orders, follow_vswitch) = vswitch::follow(options, reached);
        tasks.spawn("vswitch", follow_vswitch);
        let node = chassis::Registration::new(options, physical_networks);
        let interval = options.limits.report_interval;
        let name_is_own = node.is_own();
        tasks.spawn("chassis", chassis::keep_registered(Arc::clone(store), node, interval));
        let report = report::run(Arc::clone(store), options.chassis.clone(), name_is_own, wishes.clone());
        tasks.spawn("report", report);
        let writes = writes::run(Arc::clone(store), options.chassis.to_string(), wishes.writes.clone());
        tasks.spawn("writes", writes);
        let (heard, write_listeners) = listeners::follow(Arc::clone(store), options.chassis.clone());
        tasks.spawn("listeners", write_listeners);
        (Sources { store: store_news, vswitch: vswitch_news }, orders, heard, tasks)
    }

    /// Takes news until enough is known for a first step: all rows, and what is plugged in.
    async fn learn(&self, sources: &mut Sources, intake: &mut Intake) -> Option<Stop> {
        while !intake.is_complete() {
            tokio::select! {
                news = sources.store.recv() => match news {
                    Some(news) => {
                        if let northbound::News::Away(reason) = &news {
                            self.notifier.status(&format!("waiting for the store: {reason}"));
                        }
                        self.status.send_modify(|status| intake.store(news, status));
                    }
                    None => return Some(Stop::Ended("northbound")),
                },
                news = sources.vswitch.recv() => match news {
                    Some(news) => intake.vswitch(news),
                    None => return Some(Stop::Ended("vswitch")),
                },
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    #[tokio::test]
    async fn a_task_that_fails_is_named() {
        let mut tasks = Tasks::default();
        tasks.spawn("steady", pending());
        tasks.spawn("fragile", async { panic!("as it was meant to") });
        assert_eq!(tasks.one_ended().await, "fragile");
        assert_eq!(
            ControllerError::TaskEnded("fragile").to_string().split(';').next(),
            Some("the task fragile ended")
        );
    }
}
