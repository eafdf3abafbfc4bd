//! One stream of watches.
//!
//! A watch is a position in the history and nothing more: what it has not seen lies in the store, not in a queue. A
//! client that reads slowly makes its stream wait, and nobody else; if the history it has not seen is compacted
//! meanwhile, its watches are cancelled with the revision at which the store begins now.

use std::collections::BTreeMap;
use std::sync::Arc;

use etcd_wire::kv::KeyValue;
use etcd_wire::watch::{
    Event, EventType, FilterType, NO_WATCH_ID, RequestUnion, WatchCancelRequest, WatchCreateRequest,
    WatchRequest, WatchResponse,
};
use etcd_wire::{EtcdError, KeyRange, ResponseHeader};
use prost::Message;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tonic::{Status, Streaming};

use super::{Closing, Face};
use crate::keyspace::{Change, Changes, Compacted};
use crate::store::Shared;

/// The smallest key there is; etcd takes a watch without a key for one from there.
const FIRST_KEY: &[u8] = &[0];

/// The client is gone, or the server is about to go.
struct Gone;

struct Watching {
    range: KeyRange,
    /// The next revision to look at.
    next: i64,
    filters: Vec<FilterType>,
    prev_kv: bool,
    fragment: bool,
    progress_notify: bool,
    /// It was told something since the last round of progress.
    was_told: bool,
}

/// The watches of one stream.
pub(super) struct Watches {
    shared: Arc<Shared>,
    header: Option<ResponseHeader>,
    answers: mpsc::Sender<Result<WatchResponse, Status>>,
    revision: watch::Receiver<i64>,
    closing: Closing,
    watches: BTreeMap<i64, Watching>,
    next_id: i64,
}

impl Watches {
    pub(super) fn new(face: &Face, answers: mpsc::Sender<Result<WatchResponse, Status>>) -> Self {
        Self {
            shared: Arc::clone(&face.store.shared),
            header: face.header(0),
            answers,
            revision: face.store.shared.revision.clone(),
            closing: face.closing.clone(),
            watches: BTreeMap::new(),
            next_id: 0,
        }
    }

    /// Serves the stream until either end closes it.
    pub(super) async fn run(mut self, mut requests: Streaming<WatchRequest>) {
        let period = self.shared.options.progress_interval;
        let mut progress = interval_at(Instant::now() + period, period);
        progress.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (answers, closing) = (self.answers.clone(), self.closing.clone());
        // Who has nothing more to say may still listen.
        let mut has_more_to_say = true;
        loop {
            let done = tokio::select! {
                request = requests.message(), if has_more_to_say => match request {
                    Ok(Some(request)) => self.request(request).await,
                    Ok(None) => {
                        has_more_to_say = false;
                        Ok(())
                    }
                    Err(_) => return,
                },
                changed = self.revision.changed() => match changed {
                    Ok(()) => self.catch_up().await.map(drop),
                    Err(_) => Err(Gone),
                },
                _ = progress.tick() => self.tell_progress().await,
                () = answers.closed() => return,
                () = closing.wait() => Err(Gone),
            };
            if done.is_err() {
                // Who is gone does not hear it, and who is slow sees the connection end.
                let _ = answers.try_send(Err(EtcdError::Stopped.into()));
                return;
            }
        }
    }

    async fn request(&mut self, request: WatchRequest) -> Result<(), Gone> {
        match request.request_union {
            Some(RequestUnion::Create(create)) => self.create(create).await,
            Some(RequestUnion::Cancel(WatchCancelRequest { watch_id })) => {
                if self.watches.remove(&watch_id).is_none() {
                    return Ok(());
                }
                let answer = WatchResponse { watch_id, canceled: true, ..self.answer(self.present()) };
                self.send(answer).await
            }
            Some(RequestUnion::Progress(_)) => {
                let complete_to = self.catch_up().await?;
                self.send(WatchResponse { watch_id: NO_WATCH_ID, ..self.answer(complete_to) }).await
            }
            None => Ok(()),
        }
    }

    async fn create(&mut self, create: WatchCreateRequest) -> Result<(), Gone> {
        let revision = self.present();
        let key = if create.key.is_empty() { FIRST_KEY.into() } else { create.key.clone() };
        let range = KeyRange::new(key, create.range_end.clone());
        let refusal = if create.watch_id != 0 && self.watches.contains_key(&create.watch_id) {
            Some("mvcc: duplicate watch ID provided on the WatchStream")
        } else if create.watch_id < 0 {
            Some("mvcc: the ID of a watch is not negative")
        } else if range.is_empty() {
            Some("mvcc: watcher range is empty")
        } else if self.watches.len() >= self.shared.options.stream_watches_max {
            Some("etcdserver: too many watches on one stream")
        } else {
            None
        };
        if let Some(reason) = refusal {
            let answer = WatchResponse {
                watch_id: NO_WATCH_ID,
                created: true,
                canceled: true,
                cancel_reason: reason.to_owned(),
                ..self.answer(revision)
            };
            return self.send(answer).await;
        }
        let watch_id = if create.watch_id == 0 { self.free_id() } else { create.watch_id };
        let next =
            if create.start_revision == 0 { revision.saturating_add(1) } else { create.start_revision };
        let watching = Watching {
            range,
            next,
            filters: create.filters().collect(),
            prev_kv: create.prev_kv,
            fragment: create.fragment,
            progress_notify: create.progress_notify,
            was_told: false,
        };
        self.watches.insert(watch_id, watching);
        self.send(WatchResponse { watch_id, created: true, ..self.answer(revision) }).await?;
        self.catch_up_one(watch_id).await.map(drop)
    }

    fn free_id(&mut self) -> i64 {
        while self.watches.contains_key(&self.next_id) {
            self.next_id = self.next_id.saturating_add(1);
        }
        let id = self.next_id;
        self.next_id = id.saturating_add(1);
        id
    }

    /// Tells every watch what it has not seen, and gives the revision up to which all of them are complete.
    async fn catch_up(&mut self) -> Result<i64, Gone> {
        self.revision.mark_unchanged();
        let mut complete_to = self.present();
        let ids: Vec<_> = self.watches.keys().copied().collect();
        for id in ids {
            complete_to = complete_to.min(self.catch_up_one(id).await?);
        }
        Ok(complete_to)
    }

    /// Tells one watch what it has not seen, and gives the revision up to which it is complete.
    async fn catch_up_one(&mut self, watch_id: i64) -> Result<i64, Gone> {
        loop {
            let Some(watching) = self.watches.get_mut(&watch_id) else { return Ok(i64::MAX) };
            let (revision, unseen) = watching.unseen(&self.shared);
            match unseen {
                Ok(changes) if changes.complete_to < watching.next => return Ok(revision),
                Ok(Changes { changes, complete_to }) => {
                    watching.next = complete_to.saturating_add(1);
                    let events: Vec<_> =
                        changes.into_iter().filter_map(|change| watching.event(change)).collect();
                    if events.is_empty() {
                        continue;
                    }
                    watching.was_told = true;
                    let fragment = watching.fragment;
                    let answer = WatchResponse { watch_id, events, ..self.answer(complete_to) };
                    self.send_events(answer, fragment).await?;
                }
                Err(Compacted(compact_revision)) => {
                    self.watches.remove(&watch_id);
                    let cancel_reason = EtcdError::Compacted.text().to_owned();
                    let answer = self.answer(revision);
                    let answer =
                        WatchResponse { watch_id, canceled: true, compact_revision, cancel_reason, ..answer };
                    self.send(answer).await?;
                    return Ok(i64::MAX);
                }
            }
        }
    }

    /// Sends events, in parts if the client agreed to that and they are many.
    async fn send_events(&self, mut answer: WatchResponse, fragment: bool) -> Result<(), Gone> {
        let bytes_max = self.shared.options.request_bytes_max;
        if !fragment || answer.encoded_len() <= bytes_max {
            return self.send(answer).await;
        }
        let mut bytes = 0_usize;
        let mut part = Vec::new();
        for event in std::mem::take(&mut answer.events) {
            let size = event.encoded_len();
            if !part.is_empty() && bytes.saturating_add(size) > bytes_max {
                let events = std::mem::take(&mut part);
                self.send(WatchResponse { events, fragment: true, ..answer.clone() }).await?;
                bytes = 0;
            }
            bytes = bytes.saturating_add(size);
            part.push(event);
        }
        self.send(WatchResponse { events: part, ..answer }).await
    }

    /// Tells the watches that want it, and were told nothing for a while, how far they are.
    async fn tell_progress(&mut self) -> Result<(), Gone> {
        self.catch_up().await?;
        let mut quiet = Vec::new();
        for (id, watching) in &mut self.watches {
            if watching.progress_notify && !std::mem::take(&mut watching.was_told) {
                quiet.push((*id, watching.next.saturating_sub(1)));
            }
        }
        for (watch_id, complete_to) in quiet {
            self.send(WatchResponse { watch_id, ..self.answer(complete_to) }).await?;
        }
        Ok(())
    }

    fn present(&self) -> i64 {
        self.shared.read().keyspace.revision()
    }

    fn answer(&self, revision: i64) -> WatchResponse {
        let header = self.header.map(|header| ResponseHeader { revision, ..header });
        WatchResponse { header, ..WatchResponse::default() }
    }

    async fn send(&self, answer: WatchResponse) -> Result<(), Gone> {
        tokio::select! {
            sent = self.answers.send(Ok(answer)) => sent.map_err(|_| Gone),
            () = self.closing.wait() => Err(Gone),
        }
    }
}

impl Watching {
    /// The present revision, and what this watch has not seen.
    fn unseen(&self, shared: &Shared) -> (i64, Result<Changes, Compacted>) {
        let state = shared.read();
        let changes = state.keyspace.changes(&self.range, self.next, shared.options.watch_batch_bytes_max);
        (state.keyspace.revision(), changes)
    }

    fn event(&self, change: Change) -> Option<Event> {
        let Change { key, version, before } = change;
        let (kind, unwanted) = if version.is_deleted() {
            (EventType::Delete, FilterType::NoDelete)
        } else {
            (EventType::Put, FilterType::NoPut)
        };
        if self.filters.contains(&unwanted) {
            return None;
        }
        let prev_kv = before.filter(|_| self.prev_kv).map(|before| before.to_row(&key));
        let kv = if version.is_deleted() {
            KeyValue { key, mod_revision: version.revision, ..KeyValue::default() }
        } else {
            version.to_row(&key)
        };
        Some(Event { r#type: kind.into(), kv: Some(kv), prev_kv })
    }
}
