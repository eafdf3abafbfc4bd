//! The states of a connection, as a machine that does no I/O and knows no clock.
//!
//! ```text
//!            connected()      hello        features          all shown            nothing left
//!  offline ------------> hello ---> features ---> dumping ----------> syncing -------------> live <--.
//!     ^                                            ask and compare     steps, one by one       | change, step
//!     `--------------------------------- disconnected() -------------------------------------- '------'
//! ```
//! The driver feeds it bytes' meaning and time; it answers with bytes to write and events for the owner. So the whole life of
//! a connection can be replayed, simulated and tested without a socket.

mod dump;
mod event;
mod guard;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, VecDeque};

use openflow::Message;
use openflow::delta::Delta;
use openflow::message::{
    AsyncConfig, AsyncMasks, BundleOp, Features, FragmentHandling, Hello, SwitchConfig, TlvMap, VERSION,
};
use tracing::{debug, info, warn};

use crate::desired::{Desired, Pending};
use crate::entry::{Entry, ordered};
use crate::execution::{Execution, Numbers, Outcome, Refusal, StepLimits, put};
use crate::log_quota::LogQuota;
use crate::scope::Scope;
use dump::Dump;
pub use event::{Event, Fatal, SyncReport};

/// Number of a change, in the order of [`Machine::change`]; 0 is what was desired from the beginning.
pub type ChangeId = u64;

/// What a connection is for.
#[derive(Debug, Clone)]
pub struct MachineOptions {
    /// What is ours.
    pub scope: Scope,
    /// Tunnel options that have to be bound to `tun_metadata` fields.
    pub tlv_maps: Vec<TlvMap>,
    /// How much travels at once.
    pub limits: StepLimits,
    /// Strangers of each kind that one comparison notes; a switch that holds more is compared several times.
    pub noted_max: usize,
    /// Milliseconds of silence after which the switch is asked whether it is there.
    pub probe_after_ms: u64,
    /// Milliseconds of silence after which the connection is given up. A switch is silent while it commits a large bundle of
    /// somebody else, so this is not short.
    pub silence_max_ms: u64,
}

impl MachineOptions {
    /// Defaults, for `scope`.
    pub fn new(scope: Scope) -> Self {
        let limits = StepLimits::default();
        Self {
            scope,
            tlv_maps: Vec::new(),
            limits,
            noted_max: 1 << 20,
            probe_after_ms: 5_000,
            silence_max_ms: 30_000,
        }
    }
}

/// What the machine sent and did, ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Flow-mods sent.
    pub flow_mods: u64,
    /// Group-mods and meter-mods sent.
    pub other_mods: u64,
    /// Connections made.
    pub connections: u64,
}

#[derive(Debug)]
enum State {
    Offline,
    Hello,
    Features,
    Dumping(Box<Dump>),
    Syncing { work: Work, report: SyncReport },
    Live(Option<Work>),
}

/// Changes on their way, and the last change that they include.
#[derive(Debug)]
struct Work {
    execution: Execution,
    up_to: ChangeId,
    flow_mods: usize,
}

/// The machine.
#[derive(Debug)]
pub struct Machine {
    options: MachineOptions,
    desired: Desired,
    pending: Pending,
    state: State,
    numbers: Numbers,
    known_meters: BTreeSet<u32>,
    last_change: ChangeId,
    last_confirmed: ChangeId,
    counters: Counters,
    heard_at_ms: u64,
    probed: bool,
    out: Vec<u8>,
    events: VecDeque<Event>,
    quotas: Quotas,
}

/// What may be logged of what others do.
#[derive(Debug, Default)]
struct Quotas {
    refused_messages: LogQuota,
    refused_entries: LogQuota,
    strangers: LogQuota,
}

impl Machine {
    /// A machine that desires what `initial` puts. What a switch holds besides is deleted at the first synchronisation, so
    /// all that is known to be desired belongs in here and not into a later change.
    pub fn new(options: MachineOptions, initial: Delta) -> Self {
        let mut desired = Desired::default();
        desired.change(initial, &mut Pending::default());
        Self {
            options,
            desired,
            pending: Pending::default(),
            state: State::Offline,
            numbers: Numbers::default(),
            known_meters: BTreeSet::new(),
            last_change: 0,
            last_confirmed: 0,
            counters: Counters::default(),
            heard_at_ms: 0,
            probed: false,
            out: Vec::new(),
            events: VecDeque::new(),
            quotas: Quotas::default(),
        }
    }

    /// What is desired.
    pub fn desired(&self) -> &Desired {
        &self.desired
    }

    /// What was sent, ever.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// Whether the switch holds what is desired, as far as is known.
    pub fn is_live(&self) -> bool {
        matches!(self.state, State::Live(_))
    }

    /// Bytes to write, which are given away.
    pub fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    /// Bytes that wait for [`Machine::take_output`].
    pub fn unsent_bytes(&self) -> usize {
        self.out.len()
    }

    /// What the owner should hear next.
    pub fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Events that wait for [`Machine::next_event`].
    pub fn queued_events(&self) -> usize {
        self.events.len()
    }

    /// A change of what is desired, which [`Machine::advance`] sends. It is confirmed by [`Event::Committed`] or [`Event::Synced`] with this or a later id.
    pub fn change(&mut self, delta: Delta) -> ChangeId {
        self.last_change += 1;
        self.desired.change(delta, &mut self.pending);
        self.last_change
    }

    /// A connection is there.
    pub fn connected(&mut self, now_ms: u64) {
        self.counters.connections += 1;
        self.heard_at_ms = now_ms;
        self.probed = false;
        self.numbers = Numbers::default();
        self.out.clear();
        self.send(&Message::Hello(Hello::of13()));
        self.state = State::Hello;
    }

    /// The connection is gone.
    pub fn disconnected(&mut self, reason: String) {
        self.state = State::Offline;
        self.pending = Pending::default();
        self.known_meters.clear();
        self.out.clear();
        self.events.push_back(Event::Disconnected { reason });
    }

    /// Time passes.
    pub fn tick(&mut self, now_ms: u64) -> Result<(), Fatal> {
        if matches!(self.state, State::Offline) {
            return Ok(());
        }
        let silence_ms = now_ms.saturating_sub(self.heard_at_ms);
        if silence_ms > self.options.silence_max_ms {
            return Err(Fatal::Silent(silence_ms));
        }
        if silence_ms > self.options.probe_after_ms && !self.probed {
            self.probe();
        }
        Ok(())
    }

    /// Asks the switch whether it is there.
    pub fn probe(&mut self) {
        self.probed = true;
        self.send(&Message::EchoRequest(Vec::new()));
    }

    /// Nobody listens to the switch at the moment: its silence is not held against it.
    pub fn not_listened(&mut self, now_ms: u64) {
        self.heard_at_ms = now_ms;
    }

    /// Sends a message that is not about what is desired (a packet-out, a resume).
    pub fn send_other(&mut self, message: &Message) -> Result<(), openflow::message::TooLong> {
        if matches!(self.state, State::Offline | State::Hello | State::Features) {
            debug!(message = message.name(), "not connected, dropped");
            return Ok(());
        }
        message.encode(self.numbers.xid(), &mut self.out)
    }

    /// A message came.
    pub fn received(&mut self, now_ms: u64, xid: u32, message: Message) -> Result<(), Fatal> {
        self.heard_at_ms = now_ms;
        self.probed = false;
        match message {
            Message::EchoRequest(data) => {
                // What was received as one message fits into one message.
                let _ = Message::EchoReply(data).encode(xid, &mut self.out);
            }
            Message::EchoReply(_) => {}
            Message::Hello(hello) => self.hello(hello)?,
            Message::FeaturesReply(features) => self.features(features),
            Message::Error(error) => self.error(xid, &error)?,
            Message::BundleControl(control) if control.op == BundleOp::CommitReply => self.answered(xid),
            Message::BundleControl(_) => {}
            Message::BarrierReply => self.answered(xid),
            Message::PortStatus(status) => self.events.push_back(Event::Port(status)),
            Message::PacketIn2(packet) => self.events.push_back(Event::PacketIn(Box::new(packet))),
            Message::FlowRemoved(removed) => self.events.push_back(Event::FlowRemoved(Box::new(removed))),
            Message::MultipartReply(reply) => self.shown(xid, reply),
            Message::TlvTableReply(table) => self.options_shown(xid, &table),
            other => debug!(message = other.name(), "not expected, ignored"),
        }
        self.advance();
        Ok(())
    }

    /// A message came that makes no sense but for its header.
    pub fn garbled(&mut self, now_ms: u64, xid: u32) {
        self.heard_at_ms = now_ms;
        if let State::Dumping(dump) = &mut self.state {
            dump.garbled(xid);
        }
        self.advance();
    }

    fn send(&mut self, message: &Message) {
        let xid = self.numbers.xid();
        put(&mut self.out, xid, message);
    }

    fn hello(&mut self, hello: Hello) -> Result<(), Fatal> {
        if !hello.speaks(VERSION) {
            return Err(Fatal::Version);
        }
        if matches!(self.state, State::Hello) {
            self.send(&Message::FeaturesRequest);
            self.state = State::Features;
        }
        Ok(())
    }

    fn features(&mut self, features: Features) {
        if !matches!(self.state, State::Features) {
            return;
        }
        info!(datapath_id = %format_args!("{:016x}", features.datapath_id), "connected");
        self.events.push_back(Event::Connected(features));
        // A connection to the management socket hears nothing unasked until it wants packets of some length.
        self.send(&Message::SetConfig(SwitchConfig {
            fragments: FragmentHandling::Normal,
            miss_send_len_bytes: u16::MAX,
        }));
        self.send(&Message::SetPacketInFormat(openflow::message::PacketInFormat::Nicira2));
        let masks = AsyncMasks { packet_in: u32::MAX, port_status: u32::MAX, flow_removed: u32::MAX };
        self.send(&Message::SetAsync(AsyncConfig { primary: masks, secondary: masks }));
        // Whatever was refused may be possible now.
        self.desired.forget_refusals();
        self.pending = Pending::default();
        if !self.options.scope.is_nothing() {
            self.watch_strangers();
        }
        self.begin_dump();
    }

    fn begin_dump(&mut self) {
        let dump = Dump::ask(&self.desired, &self.options, &mut self.numbers, &mut self.out);
        self.state = State::Dumping(Box::new(dump));
    }

    fn error(&mut self, xid: u32, error: &openflow::message::ErrorMessage) -> Result<(), Fatal> {
        if error.code.is_hello_failed() {
            return Err(Fatal::Version);
        }
        let mut outcomes = Vec::new();
        let known = match &mut self.state {
            State::Dumping(dump) => dump.error(xid, error)?,
            State::Syncing { work, .. } | State::Live(Some(work)) => {
                work.execution.error(xid, error, &mut outcomes)
            }
            _ => false,
        };
        self.settle(outcomes);
        if !known && let Some(left_out) = self.quotas.refused_messages.admit(self.heard_at_ms) {
            warn!(%error, xid, left_out, "the switch refused a message");
        }
        Ok(())
    }

    fn answered(&mut self, xid: u32) {
        let mut outcomes = Vec::new();
        if let State::Syncing { work, .. } | State::Live(Some(work)) = &mut self.state {
            work.execution.answered(xid, &mut outcomes);
        }
        self.settle(outcomes);
    }

    /// Takes notice of what was confirmed and refused.
    fn settle(&mut self, outcomes: Vec<Outcome>) {
        for outcome in outcomes {
            match outcome {
                Outcome::Confirmed(entries) => {
                    for entry in entries {
                        match entry {
                            Entry::PutMeter(meter) => {
                                self.known_meters.insert(meter.id);
                            }
                            Entry::DeleteMeter(id) => {
                                self.known_meters.remove(&id);
                            }
                            _ => {}
                        }
                    }
                }
                Outcome::Refused { entry, refusal } => self.refused(&entry, refusal),
            }
        }
    }

    fn refused(&mut self, entry: &Entry, refusal: Refusal) {
        let id = entry.id();
        // A wish that has changed meanwhile is on its way again already.
        if entry.is_put() && self.desired.wants(entry) {
            if let Some(left_out) = self.quotas.refused_entries.admit(self.heard_at_ms) {
                warn!(entry = %id, %refusal, left_out, "an entry is refused");
            }
            self.desired.refuse(id.clone());
            self.events.push_back(Event::Refused { entry: id, refusal });
        }
    }

    /// Does what can be done without waiting. Call it after one or more changes.
    pub fn advance(&mut self) {
        loop {
            match &mut self.state {
                State::Dumping(dump) if dump.is_done() => self.begin_sync(),
                State::Syncing { work, .. } | State::Live(Some(work)) => {
                    if !work.execution.advance(&mut self.numbers, &self.known_meters, &mut self.out) {
                        return;
                    }
                    self.finish_work();
                }
                State::Live(None) if !self.pending.is_empty() => {
                    let delta = self.pending.take(&self.desired);
                    self.state = State::Live(Some(self.work(delta)));
                }
                State::Live(None) => return self.confirm_no_news(),
                _ => return,
            }
        }
    }

    /// The comparison is complete: what it found missing is sent.
    fn begin_sync(&mut self) {
        let State::Dumping(dump) = std::mem::replace(&mut self.state, State::Live(None)) else { return };
        let (delta, found, shown_meters) = dump.finish(&self.desired, &mut self.pending);
        self.known_meters = shown_meters;
        let report = SyncReport {
            found,
            flows_put: delta.flows.len(),
            flows_deleted: delta.delete_flows.len(),
            others_changed: delta.len() - delta.flows.len() - delta.delete_flows.len(),
        };
        self.state = State::Syncing { work: self.work(delta), report };
    }

    fn work(&mut self, delta: Delta) -> Work {
        let flow_mods = delta.flows.len() + delta.delete_flows.len();
        self.counters.flow_mods += flow_mods as u64;
        self.counters.other_mods += (delta.len() - flow_mods) as u64;
        let execution = Execution::new(ordered(delta), self.options.limits);
        Work { execution, up_to: self.last_change, flow_mods }
    }

    fn finish_work(&mut self) {
        let event = match std::mem::replace(&mut self.state, State::Live(None)) {
            State::Syncing { report, .. } if report.found.left_out > 0 => {
                info!(?report, "the switch held more than one comparison notes, comparing again");
                return self.begin_dump();
            }
            State::Syncing { work, report } => {
                info!(?report, "synchronised");
                self.last_confirmed = work.up_to;
                Event::Synced { up_to: work.up_to, report }
            }
            State::Live(Some(work)) => return self.confirm(work.up_to, work.flow_mods),
            other => {
                self.state = other;
                return;
            }
        };
        self.events.push_back(event);
    }

    /// Confirms changes that turned out to change nothing.
    fn confirm_no_news(&mut self) {
        if self.last_confirmed < self.last_change {
            self.confirm(self.last_change, 0);
        }
    }

    /// Confirms changes; an owner that has not taken the last confirmation hears of both at once.
    fn confirm(&mut self, up_to: ChangeId, flow_mods: usize) {
        self.last_confirmed = up_to;
        if let Some(Event::Committed { up_to: last, flow_mods: sum }) = self.events.back_mut() {
            (*last, *sum) = (up_to, *sum + flow_mods);
        } else {
            self.events.push_back(Event::Committed { up_to, flow_mods });
        }
    }
}
