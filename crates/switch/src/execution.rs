//! Carrying out a list of changes, step by step, until each is confirmed or refused by name.
//!
//! A step is either one bundle (atomic and ordered; flows and groups) or some meter messages and a barrier, for Open
//! vSwitch takes no meters in bundles. One step is on its way at a time: the switch works on a bundle in its main thread, so
//! a second one would only wait there, and what failed in the first could no longer be left out of what follows.
//!
//! # When the switch refuses
//! Each entry travels under a transaction id of its own, and the error carries it. An entry that cannot even be read is left
//! out of the bundle by the switch, and the rest is committed. One that fails in the commit takes the bundle with it: the
//! bundle is cut at that entry, and both parts go again without it. So a refusal costs at most what was sent already, and
//! everything else goes in. Where the switch does not say which entry it was, the bundle is halved until it is one.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Range;

use openflow::Message;
use openflow::message::{
    BundleControl, BundleFlags, BundleOp, ErrorMessage, GroupMod, MeterMod, TooLong, put_bundle_add,
};
use thiserror::Error;

use crate::entry::Entry;

/// How much travels in one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepLimits {
    /// Entries in a bundle, at most.
    pub entries_max: usize,
    /// Bytes in a bundle, at most (a single entry may be longer).
    pub bytes_max: usize,
}

impl Default for StepLimits {
    fn default() -> Self {
        Self { entries_max: 1_000, bytes_max: 1 << 20 }
    }
}

/// What was confirmed or refused since the last look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The switch has these changes.
    Confirmed(Vec<Entry>),
    /// The switch will not have this change.
    Refused {
        /// The change.
        entry: Entry,
        /// Why.
        refusal: Refusal,
    },
}

/// Why an entry is not in the switch.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refusal {
    /// The switch refused it.
    #[error("the switch refused it: {0}")]
    Switch(ErrorMessage),
    /// It cannot be said in one message; a group of so many buckets has to be split into groups of groups.
    #[error("it is too large: {0}")]
    TooLong(TooLong),
}

/// Changes on their way.
#[derive(Debug)]
pub struct Execution {
    limits: StepLimits,
    /// Entries that wait, in groups that must not share a bundle.
    queue: VecDeque<VecDeque<Entry>>,
    step: Option<Step>,
}

/// What is on its way.
#[derive(Debug)]
struct Step {
    entries: Vec<Entry>,
    /// Transaction ids of the entries, in order.
    xids: Range<u32>,
    /// Transaction id of the message whose answer ends the step.
    last_xid: u32,
    /// Whether the step is a bundle, and not meters and a barrier.
    bundle: bool,
    refused: BTreeMap<usize, Refusal>,
}

/// Transaction ids and bundle ids of a connection.
#[derive(Debug)]
pub struct Numbers {
    next_xid: u32,
    next_bundle: u32,
}

impl Default for Numbers {
    fn default() -> Self {
        Self { next_xid: 1, next_bundle: 1 }
    }
}

impl Numbers {
    /// A transaction id that no message that is under way has. Zero is left to messages that nobody asked for.
    pub fn xid(&mut self) -> u32 {
        self.reserve(1)
    }

    /// The first of as many ids in a row.
    fn reserve(&mut self, count: usize) -> u32 {
        let count = u32::try_from(count).unwrap_or(u32::MAX - 1);
        let start = if self.next_xid.checked_add(count).is_some() { self.next_xid } else { 1 };
        self.next_xid = start + count;
        start
    }

    fn bundle(&mut self) -> u32 {
        let id = self.next_bundle;
        self.next_bundle = self.next_bundle.checked_add(1).unwrap_or(1);
        id
    }
}

impl Execution {
    /// Will carry out `entries` in their order.
    pub fn new(entries: Vec<Entry>, limits: StepLimits) -> Self {
        Self { limits, queue: VecDeque::from([entries.into()]), step: None }
    }

    /// Sends the next step unless one is on its way. Says whether everything is done.
    ///
    /// `known_meters` are the meters that the switch has: one that exists is changed in another way than one that is new.
    pub fn advance(
        &mut self,
        numbers: &mut Numbers,
        known_meters: &BTreeSet<u32>,
        out: &mut Vec<u8>,
    ) -> bool {
        if self.step.is_some() {
            return false;
        }
        while self.queue.front().is_some_and(VecDeque::is_empty) {
            self.queue.pop_front();
        }
        let Some(waiting) = self.queue.front_mut() else { return true };
        self.step = Some(Step::send(waiting, self.limits, numbers, known_meters, out));
        false
    }

    /// Takes an error in. Says whether it was about the step that is on its way.
    pub fn error(&mut self, xid: u32, error: &ErrorMessage, outcomes: &mut Vec<Outcome>) -> bool {
        let Some(step) = &mut self.step else { return false };
        if step.xids.contains(&xid) {
            let place = (xid - step.xids.start) as usize;
            step.refused.insert(place, Refusal::Switch(error.clone()));
            return true;
        }
        if xid == step.last_xid && step.bundle {
            self.bundle_failed(error, outcomes);
            return true;
        }
        false
    }

    /// The switch answered the message that ends a step.
    pub fn answered(&mut self, xid: u32, outcomes: &mut Vec<Outcome>) -> bool {
        match self.step.take_if(|step| step.last_xid == xid) {
            Some(step) => {
                let confirmed = self.sort_out(step, outcomes);
                outcomes.push(Outcome::Confirmed(confirmed.into_iter().flatten().collect()));
                true
            }
            None => false,
        }
    }

    /// The whole bundle was rolled back.
    fn bundle_failed(&mut self, error: &ErrorMessage, outcomes: &mut Vec<Outcome>) {
        let Some(mut step) = self.step.take() else { return };
        if step.refused.is_empty() {
            if step.entries.len() > 1 {
                let second = step.entries.split_off(step.entries.len() / 2);
                self.queue.push_front(second.into());
                self.queue.push_front(step.entries.into());
                return;
            }
            step.refused.insert(0, Refusal::Switch(error.clone()));
        }
        // The parts go again, cut where the switch stumbled: what is before was all right.
        for part in self.sort_out(step, outcomes).into_iter().rev() {
            self.queue.push_front(part.into());
        }
    }

    /// Reports what of a step was refused and gives the rest, cut at the last refusal.
    fn sort_out(&mut self, step: Step, outcomes: &mut Vec<Outcome>) -> [Vec<Entry>; 2] {
        let cut = step.refused.last_key_value().map_or(step.entries.len(), |(place, _)| *place);
        let mut parts = [Vec::with_capacity(cut), Vec::new()];
        let mut undo = VecDeque::new();
        let mut refused = step.refused;
        for (place, entry) in step.entries.into_iter().enumerate() {
            match refused.remove(&place) {
                Some(refusal) => {
                    undo.extend(entry.undo());
                    outcomes.push(Outcome::Refused { entry, refusal });
                }
                None => parts[usize::from(place > cut)].push(entry),
            }
        }
        if !undo.is_empty() {
            self.queue.push_back(undo);
        }
        parts
    }
}

impl Step {
    /// Writes as much of `waiting` as one step holds.
    fn send(
        waiting: &mut VecDeque<Entry>,
        limits: StepLimits,
        numbers: &mut Numbers,
        known_meters: &BTreeSet<u32>,
        out: &mut Vec<u8>,
    ) -> Self {
        let meters = waiting.front().is_some_and(Entry::is_meter);
        let bundle = (!meters).then(|| numbers.bundle());
        if let Some(id) = bundle {
            put_control(out, numbers.xid(), id, BundleOp::OpenRequest);
        }
        let start = out.len();
        let first_xid = numbers.reserve(limits.entries_max);
        let (mut xid, mut entries, mut refused) = (first_xid, Vec::new(), BTreeMap::new());
        while entries.len() < limits.entries_max
            && (out.len() - start < limits.bytes_max || entries.is_empty())
        {
            let Some(entry) = waiting.pop_front_if(|entry| entry.is_meter() == meters) else { break };
            if let Err(too_long) = entry.send(xid, bundle, known_meters, out) {
                refused.insert(entries.len(), Refusal::TooLong(too_long));
            }
            entries.push(entry);
            xid += 1;
        }
        let last_xid = numbers.xid();
        match bundle {
            Some(id) => put_control(out, last_xid, id, BundleOp::CommitRequest),
            None => put(out, last_xid, &Message::BarrierRequest),
        }
        Self { entries, xids: first_xid..xid, last_xid, bundle: bundle.is_some(), refused }
    }
}

/// A bundle is all or nothing, in its order.
const BUNDLE_FLAGS: BundleFlags = BundleFlags::ATOMIC.and(BundleFlags::ORDERED);

fn put_control(out: &mut Vec<u8>, xid: u32, bundle: u32, op: BundleOp) {
    put(out, xid, &Message::BundleControl(BundleControl::new(bundle, op, BUNDLE_FLAGS)));
}

/// Appends a message whose length does not depend on what users wish.
pub(crate) fn put(out: &mut Vec<u8>, xid: u32, message: &Message) {
    message.encode(xid, out).expect("the message has a few fields of fixed size");
}

impl Entry {
    /// Appends the message that makes the change, inside `bundle` where there is one. What is too long leaves no trace.
    fn send(
        &self,
        xid: u32,
        bundle: Option<u32>,
        known_meters: &BTreeSet<u32>,
        out: &mut Vec<u8>,
    ) -> Result<(), TooLong> {
        let message = match self {
            Self::PutFlow(flow) => return in_bundle(out, xid, bundle, |out| flow.encode_add(xid, out)),
            Self::DeleteFlow(key) => return in_bundle(out, xid, bundle, |out| key.encode_delete(xid, out)),
            Self::PutGroup(group) => Message::GroupMod(GroupMod::AddOrModify(group.clone())),
            Self::DeleteGroup(id) => Message::GroupMod(GroupMod::Delete(*id)),
            Self::PutMeter(meter) if known_meters.contains(&meter.id) => {
                Message::MeterMod(MeterMod::Modify(meter.clone()))
            }
            Self::PutMeter(meter) => Message::MeterMod(MeterMod::Add(meter.clone())),
            Self::DeleteMeter(id) => Message::MeterMod(MeterMod::Delete(*id)),
        };
        let mut bytes = Vec::new();
        message.encode(xid, &mut bytes)?;
        in_bundle(out, xid, bundle, |out| out.extend_from_slice(&bytes))
    }
}

fn in_bundle(
    out: &mut Vec<u8>,
    xid: u32,
    bundle: Option<u32>,
    inner: impl FnOnce(&mut Vec<u8>),
) -> Result<(), TooLong> {
    match bundle {
        Some(id) => put_bundle_add(out, xid, id, BUNDLE_FLAGS, inner),
        None => {
            inner(out);
            Ok(())
        }
    }
}
