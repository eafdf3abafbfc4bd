//! Groups.

use std::sync::Arc;

use openflow::group::{Bucket, Group, GroupKind};

use net_types::OfPort;

use super::action_set::executed;
use super::{Frame, Machine, Run};
use crate::packet::Packet;
use crate::trace::{Event, Failure, Note};

/// Groups that are asked about the liveness of one bucket.
pub const LIVENESS_GROUPS_MAX: usize = 128;

/// The buckets of a group that get a copy and have not got one.
#[derive(Debug)]
pub(super) struct Buckets {
    group: Arc<Group>,
    next: usize,
    end: usize,
    caller: Run,
}

impl Machine<'_> {
    pub(super) fn group(&mut self, id: u32, run: Run) {
        if !self.has_resources() {
            return;
        }
        let Some(group) = self.switch.group(id).cloned() else {
            self.note(Note::NoSuchGroup(id));
            return;
        };
        let caller = Run { at: usize::MAX, ..run.clone() };
        self.frames.push(Frame::Run(run));
        let one = |index: usize| (index, index + 1);
        let (next, end) = match group.kind {
            GroupKind::All | GroupKind::Indirect => (0, group.buckets.len()),
            GroupKind::Select => match self.selected(&group) {
                Some(index) => one(index),
                None => return self.note(Note::NoLiveBucket(id)),
            },
            GroupKind::FastFailover => match self.first_live(&group, &mut Vec::new()) {
                Some(index) => one(index),
                None => return self.note(Note::NoLiveBucket(id)),
            },
        };
        self.frames.push(Frame::Buckets(Buckets { group, next, end, caller }));
    }

    /// Gives the next bucket its copy.
    pub(super) fn next_bucket(&mut self, mut buckets: Buckets) {
        let index = buckets.next;
        if index >= buckets.end || self.pass.failure.is_some() {
            return;
        }
        let Some(bucket) = buckets.group.buckets.get(index) else {
            return;
        };
        self.event(Event::Bucket { group: buckets.group.id, index });
        let list = buckets.caller.list(executed(&bucket.actions), true);
        buckets.next += 1;
        self.frames.push(Frame::Buckets(buckets));
        self.frames.push(Frame::LeaveBucket(Box::new(self.packet.clone())));
        self.frames.push(Frame::Run(list));
        self.depth += 1;
        self.indent += 1;
    }

    /// What comes after a bucket does not see what the bucket did, not even that it ended early.
    pub(super) fn leave_bucket(&mut self, before: Packet) {
        self.depth -= 1;
        self.indent -= 1;
        self.finish_pause();
        self.packet = before;
        self.exit = false;
        if self.pass.failure == Some(Failure::TooManyLabels) {
            self.pass.failure = None;
        }
    }

    fn selected(&mut self, group: &Group) -> Option<usize> {
        let live: Vec<usize> = (0..group.buckets.len())
            .filter(|index| self.is_live(group, &group.buckets[*index], &mut Vec::new()))
            .collect();
        let chosen = self.environment.select(group, &live, &self.packet.key)?;
        live.contains(&chosen).then_some(chosen)
    }

    fn first_live(&mut self, group: &Group, seen: &mut Vec<u32>) -> Option<usize> {
        group.buckets.iter().position(|bucket| self.is_live(group, bucket, seen))
    }

    /// A bucket that watches nothing is alive. One that watches a group is alive if that group reaches a live port by
    /// way of groups that were not `seen` before, so a ring of groups that watch each other is not.
    fn is_live(&mut self, group: &Group, bucket: &Bucket, seen: &mut Vec<u32>) -> bool {
        if group.kind == GroupKind::Select && bucket.weight == 0 {
            return false;
        }
        let watched_port = bucket.watch_port.filter(|port| *port != OfPort::ANY);
        if watched_port.is_none() && bucket.watch_group.is_none() {
            return true;
        }
        let port_is_live = watched_port.is_some_and(|port| {
            self.switch.ports().is_none_or(|ports| ports.contains(&port))
                && self.environment.port_is_live(port)
        });
        port_is_live || bucket.watch_group.is_some_and(|id| self.group_is_live(id, seen))
    }

    fn group_is_live(&mut self, id: u32, seen: &mut Vec<u32>) -> bool {
        if seen.len() >= LIVENESS_GROUPS_MAX || seen.contains(&id) {
            return false;
        }
        seen.push(id);
        let group = self.switch.group(id).cloned();
        group.is_some_and(|group| self.first_live(&group, seen).is_some())
    }
}
