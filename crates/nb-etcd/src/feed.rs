//! What a watch hands on: from etcd's answers to items. No connection, no clock.
//!
//! # How far is a watch?
//! Events say it themselves. When there are none, the server does: by itself every ten minutes, and when asked. What old
//! servers answer when asked may overtake events ([`tells_how_far`]); from those the watch wants *all* keys, so that
//! every change of the store is an event. That costs them some traffic, and nobody has to wait for ever.

use etcd_wire::watch::{Event, EventType, NO_WATCH_ID, WatchResponse};
use nb::{Change, Key, Revision, Selector, WatchItem, path, topic};
use prost::Message as _;
use tracing::debug;

use crate::keys;

/// An answer in parts that grows beyond this is given up for a snapshot, which comes in pages.
const ANSWER_BYTES_MAX: usize = 256 << 20;

/// Whether servers of this release answer truly when they are asked how far a watch is: before, the answer was not
/// ordered with the events.
pub(crate) fn tells_how_far(version: &str) -> bool {
    let mut numbers = version.split(['.', '-', '+']).map(|part| part.parse::<u32>().ok());
    let mut next = || numbers.next().flatten();
    let (Some(major), Some(minor), Some(patch)) = (next(), next(), next()) else { return false };
    match (major, minor) {
        (3, 4) => patch >= 25,
        (3, 5) => patch >= 8,
        _ => (major, minor) > (3, 5),
    }
}

/// What to do with an answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// It says nothing to the consumer.
    Nothing,
    /// The server accepted the watch; it was at this revision, of this cluster.
    Created { revision: u64, cluster: u64 },
    /// Hand this on.
    Tell(WatchItem),
    /// The server ended the watch; another may not.
    Ended(String),
    /// Something may be lost.
    Gap(String),
}

/// What a watch has seen.
#[derive(Debug)]
pub(crate) struct Feed {
    selector: Selector,
    /// Everything up to here was handed on.
    position: Revision,
    /// Whether the server's answers to questions can be believed.
    is_told_how_far: bool,
    /// The parts of an answer that is not complete.
    parts: Vec<Event>,
    parts_bytes: usize,
}

impl Feed {
    pub(crate) const fn new(selector: Selector, position: Revision) -> Self {
        Self { selector, position, is_told_how_far: false, parts: Vec::new(), parts_bytes: 0 }
    }

    pub(crate) const fn position(&self) -> Revision {
        self.position
    }

    pub(crate) const fn selector(&self) -> &Selector {
        &self.selector
    }

    /// A new stream begins behind the position; the rest of the old one will not come.
    pub(crate) fn begin(&mut self, is_told_how_far: bool) {
        self.is_told_how_far = is_told_how_far;
        self.parts.clear();
        self.parts_bytes = 0;
    }

    pub(crate) fn take(&mut self, response: WatchResponse) -> Step {
        let header = response.header.unwrap_or_default();
        let Ok(revision) = u64::try_from(header.revision) else {
            return Step::Ended("the server is at a negative revision".to_owned());
        };
        if response.compact_revision > 0 {
            return Step::Gap(format!(
                "changes up to revision {} are forgotten, and we are at {}",
                response.compact_revision, self.position.0
            ));
        }
        if response.canceled {
            return Step::Ended(format!("the server ended the watch: {}", response.cancel_reason));
        }
        if response.created {
            return Step::Created { revision, cluster: header.cluster_id };
        }
        if response.fragment || !response.events.is_empty() {
            return self.take_events(response);
        }
        let was_asked = response.watch_id == NO_WATCH_ID;
        if self.is_told_how_far || !was_asked { self.advance(Revision(revision)) } else { Step::Nothing }
    }

    /// Nothing else happened up to `revision`.
    fn advance(&mut self, revision: Revision) -> Step {
        if revision <= self.position || !self.parts.is_empty() {
            return Step::Nothing;
        }
        self.position = revision;
        Step::Tell(WatchItem::UpTo(revision))
    }

    fn take_events(&mut self, mut response: WatchResponse) -> Step {
        let more_follow = response.fragment;
        if more_follow || !self.parts.is_empty() {
            self.parts_bytes += response.events.iter().map(Event::encoded_len).sum::<usize>();
            if self.parts_bytes > ANSWER_BYTES_MAX {
                return Step::Gap(format!("an answer of more than {ANSWER_BYTES_MAX} bytes"));
            }
            self.parts.append(&mut response.events);
            if more_follow {
                return Step::Nothing;
            }
            response.events = std::mem::take(&mut self.parts);
            self.parts_bytes = 0;
        }
        self.take_whole(response.events)
    }

    /// Takes the events of one answer: of one or several revisions, each of them complete.
    fn take_whole(&mut self, events: Vec<Event>) -> Step {
        let revisions = || events.iter().map(revision_of);
        let (first, last) = (revisions().min(), revisions().max());
        let (Some(Some(first)), Some(Some(last))) = (first, last) else {
            return Step::Gap("an event has no revision".to_owned());
        };
        if first <= self.position {
            return Step::Gap(format!("told of revision {} again, or in parts", first.0));
        }
        self.position = last;
        let changes: Vec<Change> = events.into_iter().filter_map(|event| self.change(event)).collect();
        Step::Tell(if changes.is_empty() {
            WatchItem::UpTo(last)
        } else {
            WatchItem::Batch { revision: last, changes }
        })
    }

    /// What an event says, to whom it concerns: also to those who wanted the row as it was before.
    fn change(&self, event: Event) -> Option<Change> {
        let is_delete = event.r#type == i32::from(EventType::Delete);
        let kv = event.kv?;
        let Some((table, id)) = path::named(&kv.key) else {
            debug!(key = %kv.key.escape_ascii(), "left a key out that names no row");
            return None;
        };
        if !self.selector.tables.contains(&table) {
            return None;
        }
        let before =
            event.prev_kv.map(|kv| (topic::key_of_row(table.clone(), id.clone(), &kv.value), kv.value));
        let concerned_before = before.as_ref().is_some_and(|(key, _)| self.selector.selects(key));
        if is_delete {
            // If the row as it was is forgotten, nobody knows its topic.
            let (key, last) =
                before.map_or_else(|| (Key::new(table, id), None), |(key, last)| (key, Some(last)));
            return self.selector.selects(&key).then_some(Change::Delete(key, last));
        }
        let row = keys::row_of(kv)?;
        (concerned_before || self.selector.selects(&row.key)).then_some(Change::Put(row))
    }
}

fn revision_of(event: &Event) -> Option<Revision> {
    let revision = u64::try_from(event.kv.as_ref()?.mod_revision).ok()?;
    (revision > 0).then_some(Revision(revision))
}

#[cfg(test)]
mod tests;
