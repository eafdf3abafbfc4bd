//! The task of a watch: it keeps one stream open, to whichever member will have it.
//!
//! ```text
//!            +--> connect --> create --> created? --> told: Back, if away --+
//!            |                                                               v
//!          pause <-- told: Away, once all members failed <-- lost <-- events, answers to "how far?"
//!                                                                            |
//!                                                             forgotten, another store: told: Gap, the end
//! ```
//! A member is lost when its connection breaks, when it ends the stream, and when it says nothing for too long: a
//! server that died with its machine closes nothing.

use std::sync::Arc;

use etcd_wire::kv::RangeRequest;
use etcd_wire::watch::{RequestUnion, WatchCreateRequest, WatchProgressRequest, WatchRequest, WatchResponse};
use etcd_wire::{Client, KeyRange};
use nb::watch::{QUEUE_ITEMS_MAX, WatchSender};
use nb::{Revision, Selector, Watch, WatchItem, path};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tonic::codegen::tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};
use tracing::{debug, info};

use crate::connection::{Connection, Connector};
use crate::feed::{Feed, Step, tells_how_far};
use crate::keys;
use crate::session::{Backoff, Session};

/// Requests that wait in a stream: one to begin, and one question at a time.
const REQUESTS_MAX: usize = 2;

/// Begins a watch.
pub(crate) fn start(session: &Arc<Session>, selector: Selector, after: Revision) -> Watch {
    let (sender, watch) = Watch::channel();
    let connector = Arc::clone(&session.connector);
    let task = Task {
        backoff: Backoff::new(connector.timing.backoff_max),
        cluster: session.cluster(),
        feed: Feed::new(selector, after),
        member: 0,
        failures: 0,
        is_away: false,
        untold: None,
        connector,
        items: sender.clone(),
    };
    tokio::spawn(async move {
        tokio::select! {
            () = sender.closed() => {}
            () = task.run() => {}
        }
    });
    watch
}

/// Why a stream ended.
enum End {
    /// Another member may do better.
    Lost(String),
    /// The watch is over.
    Gap(String),
    /// Nobody listens.
    Unwanted,
}

struct Task {
    connector: Arc<Connector>,
    /// The cluster in which the position means something, if that is known.
    cluster: Option<u64>,
    feed: Feed,
    member: usize,
    /// Members in a row that failed.
    failures: usize,
    is_away: bool,
    /// How far the watch is; told when the consumer has room for it.
    untold: Option<Revision>,
    backoff: Backoff,
    items: WatchSender,
}

/// A stream to one member.
struct Line {
    client: Client<Connection>,
    requests: mpsc::Sender<WatchRequest>,
    answers: Streaming<WatchResponse>,
    heard: Instant,
}

impl Task {
    async fn run(mut self) {
        loop {
            match self.follow().await {
                End::Unwanted => return,
                End::Gap(reason) => {
                    info!(reason, "a watch of the store has a gap");
                    // Nobody is left to be told if this fails.
                    let _ = self.items.send(WatchItem::Gap { reason }).await;
                    return;
                }
                End::Lost(reason) => {
                    debug!(reason, "a watch lost its member");
                    self.member += 1;
                    self.failures += 1;
                    if !self.failures.is_multiple_of(self.connector.endpoints()) {
                        continue;
                    }
                    if !self.is_away {
                        self.is_away = true;
                        if self.items.send(WatchItem::Away { reason }).await.is_err() {
                            return;
                        }
                    }
                    sleep(self.backoff.next_pause()).await;
                }
            }
        }
    }

    /// Follows one member until it is lost.
    async fn follow(&mut self) -> End {
        let mut line = match self.open().await {
            Ok(line) => line,
            Err(reason) => return End::Lost(reason),
        };
        let timing = self.connector.timing;
        let mut ask_at = line.heard + timing.progress;
        loop {
            tokio::select! {
                answer = line.answers.message() => {
                    let step = match answer {
                        Ok(Some(response)) => self.feed.take(response),
                        Ok(None) => return End::Lost("the server ended the stream".to_owned()),
                        Err(status) => return End::Lost(reason_of(&status)),
                    };
                    if let Err(end) = self.act(step, &line.client).await {
                        return end;
                    }
                    // Later than the answer came if the consumer had no room for it: that is no silence.
                    line.heard = Instant::now();
                }
                () = sleep_until(ask_at.min(line.heard + timing.silence)) => {
                    if line.heard.elapsed() >= timing.silence {
                        return End::Lost(format!("the server said nothing for {} ms", timing.silence.as_millis()));
                    }
                    ask_at = Instant::now() + timing.progress;
                    let question = RequestUnion::Progress(WatchProgressRequest {});
                    // Full only if the last question did not even leave; then silence will show it.
                    let _ = line.requests.try_send(question.into());
                    self.tell_how_far();
                }
            }
        }
    }

    async fn open(&mut self) -> Result<Line, String> {
        let timing = self.connector.timing;
        let member = self.connector.connect(self.member).await.map_err(|error| error.reason())?;
        let is_told_how_far = tells_how_far(&member.version);
        self.feed.begin(is_told_how_far);
        let (requests, queue) = mpsc::channel(REQUESTS_MAX);
        // There is room for the first.
        let _ = requests.try_send(create(&self.feed, is_told_how_far));
        match timeout(timing.silence, member.client.watch(ReceiverStream::new(queue))).await {
            Ok(Ok(answers)) => Ok(Line { client: member.client, requests, answers, heard: Instant::now() }),
            Ok(Err(status)) => Err(reason_of(&status)),
            Err(_) => {
                Err(format!("the server did not begin a watch within {} ms", timing.silence.as_millis()))
            }
        }
    }

    async fn act(&mut self, step: Step, client: &Client<Connection>) -> Result<(), End> {
        if matches!(step, Step::Nothing | Step::Tell(_)) {
            // It does what it should. A member that only says hello is none to come back to at once.
            self.failures = 0;
            self.backoff.reset();
        }
        match step {
            Step::Nothing => Ok(()),
            Step::Ended(reason) => Err(End::Lost(reason)),
            Step::Gap(reason) => Err(End::Gap(reason)),
            Step::Created { revision, cluster } => self.created(revision, cluster, client).await,
            Step::Tell(WatchItem::UpTo(revision)) => {
                self.untold = Some(revision);
                self.tell_how_far();
                Ok(())
            }
            Step::Tell(item) => {
                self.untold = None;
                self.tell(item).await
            }
        }
    }

    async fn tell(&self, item: WatchItem) -> Result<(), End> {
        self.items.send(item).await.map_err(|_| End::Unwanted)
    }

    /// Tells how far the watch is, unless the consumer has enough to do.
    fn tell_how_far(&mut self) {
        if let Some(revision) = self.untold
            && self.items.capacity() > QUEUE_ITEMS_MAX / 2
            && self.items.try_send(WatchItem::UpTo(revision)).is_ok()
        {
            self.untold = None;
        }
    }

    /// The server accepted the watch. Is it the store that we were told of?
    async fn created(&mut self, revision: u64, cluster: u64, client: &Client<Connection>) -> Result<(), End> {
        if self.cluster.is_some_and(|known| known != cluster) {
            return Err(End::Gap("the endpoints lead to another cluster now".to_owned()));
        }
        self.cluster = Some(cluster);
        let position = self.feed.position().0;
        if revision < position {
            // A member that lags; or a store that was set back. The cluster as a whole knows.
            let silence = self.connector.timing.silence;
            let agreed = match timeout(silence, agreed_revision(client)).await {
                Ok(agreed) => agreed.map_err(|status| End::Lost(reason_of(&status)))?,
                Err(_) => return Err(End::Lost("the server does not say how far the store is".to_owned())),
            };
            if agreed < position {
                let reason = format!("the store is at revision {agreed}, before {position}: it was set back");
                return Err(End::Gap(reason));
            }
        }
        if std::mem::take(&mut self.is_away) {
            self.tell(WatchItem::Back).await?;
        }
        Ok(())
    }
}

fn create(feed: &Feed, is_told_how_far: bool) -> WatchRequest {
    let range = if is_told_how_far { keys::selected_range(feed.selector()) } else { keys::whole_range() };
    let (key, range_end) = KeyRange::into_request(range);
    let start = feed.position().0.saturating_add(1);
    RequestUnion::Create(WatchCreateRequest {
        key,
        range_end,
        // Later than any revision, so that it is told to be none.
        start_revision: i64::try_from(start).unwrap_or(i64::MAX),
        progress_notify: true,
        prev_kv: true,
        fragment: true,
        ..WatchCreateRequest::default()
    })
    .into()
}

/// The revision that a majority of the cluster agreed on.
async fn agreed_revision(client: &Client<Connection>) -> Result<u64, Status> {
    let request = RangeRequest { key: path::ROOT.into(), count_only: true, ..RangeRequest::default() };
    let header = client.range(request).await?.header.unwrap_or_default();
    u64::try_from(header.revision).map_err(|_| Status::data_loss("the server is at a negative revision"))
}

fn reason_of(status: &Status) -> String {
    format!("{}: {}", status.code(), status.message())
}
