//! The loop in the middle: take all that is new, let the engine compute, hand on what follows.

mod answers;
mod flows;

use std::collections::BTreeSet;
use std::future::pending;
use std::net::IpAddr;

use engine::{Beacon, Engine, Finding, Listens, Outputs, Write};
use net_types::OfPort;
use switch::{ChangeId, Event, Handle, Stopped};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Interval, MissedTickBehavior, interval};
use tracing::{debug, error, info, warn};

use crate::apps_list;
use crate::audit::audit;
use crate::beacons::{self, RowName};
use crate::controller::Sources;
use crate::intake::Intake;
use crate::neighbors;
use crate::notify::Notifier;
use crate::options::Options;
use crate::packets::{Answer, Filter, Packets};
use crate::recorder::Recorder;
use crate::report::Wishes;
use crate::status::Status;
use crate::vswitch::Orders;
use answers::{connect_packets, outgoing, send_beacons};
use flows::connect_flows;

/// News of one source that go into one step at most, so that no source keeps the others waiting.
const NEWS_A_STEP_MAX: usize = 256;

/// Frames of others than the worker that wait for the connection that is for flows.
const ANSWERS_WAITING_MAX: usize = 64;

/// Why the work ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// What is desired is not what it has to be.
    StartOver,
    /// A task is gone.
    Ended(&'static str),
}

/// Where packets come and answers go.
enum PacketPath {
    /// A connection of its own.
    Own(Packets),
    /// The one for flows. What others than the worker send comes by the queue.
    Shared(Filter, mpsc::Receiver<Answer>),
}

/// What works.
pub(crate) struct Worker<'a> {
    engine: Engine,
    intake: Intake,
    sources: Sources,
    orders: Orders,
    wishes: Wishes,
    /// Where what guests say of multicast addresses goes.
    heard: mpsc::Sender<Listens>,
    recorder: Recorder,
    switch: Handle,
    last_change: ChangeId,
    /// Entries were refused since the ports that need them were looked for.
    has_new_refusals: bool,
    /// Conntrack zones to be emptied, because they are another port's now.
    stale_zones: BTreeSet<u16>,
    /// Where frames for other nodes go.
    tunnel_ends: Vec<(OfPort, IpAddr)>,
    packets: PacketPath,
    /// Carries the packets.
    _carrier: Option<AbortOnDrop>,
    /// What ports are sent regularly, and who sends it.
    beacons: watch::Sender<Vec<Beacon>>,
    /// What is heard of rows that beacons prove, and those that are given up.
    proved: mpsc::Sender<RowName>,
    given_up: mpsc::Receiver<RowName>,
    _sender: AbortOnDrop,
    /// Where packets wait for neighbours of routers, and who asks for these.
    neighbors: mpsc::Sender<neighbors::News>,
    _asker: AbortOnDrop,
    notifier: &'a Notifier,
    status: &'a watch::Sender<Status>,
    audit: Option<Interval>,
    /// When to see whether the store still says what we told it of ports that are translated here.
    look_again: Option<Interval>,
    watchdog: Option<Interval>,
}

/// What happened next.
enum Next {
    Store(Option<crate::northbound::News>),
    Vswitch(Option<crate::vswitch::News>),
    Switch(Option<Event>),
    Packet(Option<engine::PacketIn>),
    Answer(Option<Answer>),
    GivenUp(RowName),
    Audit,
    LookAgain,
    Watchdog,
}

struct AbortOnDrop(JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl<'a> Worker<'a> {
    /// Takes the first step with all that is known, and only then connects to the switch: what it holds and should hold is
    /// never taken away.
    #[expect(clippy::too_many_arguments, reason = "each is a part that is handed over once, by one caller")]
    pub(crate) fn begin(
        options: &Options,
        mut intake: Intake,
        sources: Sources,
        orders: Orders,
        wishes: Wishes,
        heard: mpsc::Sender<Listens>,
        mut recorder: Recorder,
        notifier: &'a Notifier,
        status: &'a watch::Sender<Status>,
    ) -> Self {
        let mut engine = Engine::new(apps_list::select(&options.apps).0);
        let inputs = intake.pending.take();
        recorder.note(&inputs);
        let mut outputs = engine.step(inputs);
        let initial = std::mem::take(&mut outputs.delta);
        info!(flows = initial.flows.len(), units = outputs.units_run, "all is known; looking at the switch");
        let switch = connect_flows(options, initial);
        let limits = options.limits.packets;
        let (packets, carrier) = match options.packet_endpoint() {
            Some(endpoint) => connect_packets(endpoint, limits),
            None => (PacketPath::Shared(Filter::new(limits), mpsc::channel(1).1), None),
        };
        let (packets, out) = outgoing(packets);
        let (proved, given_up, proofs) = beacons::proofs();
        let (beacons, sender) = send_beacons(&mut outputs, out.clone(), proofs);
        let (neighbors, asker) = neighbors::ask(out);
        let timer = |period: Option<std::time::Duration>| {
            period.filter(|period| !period.is_zero()).map(|period| {
                let mut timer = interval(period);
                timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
                // The first tick comes at once.
                timer.reset();
                timer
            })
        };
        // Also that nobody is watched: who was before the restart is not any more.
        orders.watch(outputs.watched.take().unwrap_or_default());
        // Likewise that nobody is promised anything.
        orders.reserve(outputs.reserves.take().unwrap_or_default());
        let mut worker = Self {
            engine,
            intake,
            sources,
            orders,
            wishes,
            heard,
            recorder,
            switch,
            last_change: 0,
            has_new_refusals: false,
            stale_zones: outputs.stale_zones.iter().copied().collect(),
            tunnel_ends: outputs.tunnel_ends.take().unwrap_or_default(),
            packets,
            _carrier: carrier,
            beacons,
            proved,
            given_up,
            _sender: sender,
            neighbors,
            _asker: AbortOnDrop(tokio::spawn(asker)),
            notifier,
            status,
            audit: timer(options.limits.audit_interval),
            look_again: timer(Some(options.limits.report_interval)),
            watchdog: timer(notifier.watchdog_interval()),
        };
        // Also what is not given any more since the run before.
        worker.orders.keep_numbers(worker.engine.numbers());
        worker.follow_up(&outputs);
        worker
    }

    /// Works until something is wrong.
    pub(crate) async fn work(mut self) -> Stop {
        loop {
            let taken = match self.next().await {
                Next::Store(Some(news)) => {
                    self.status.send_modify(|status| self.intake.store(news, status));
                    Ok(())
                }
                Next::Vswitch(Some(news)) => {
                    self.intake.vswitch(news);
                    Ok(())
                }
                Next::Packet(Some(packet)) => {
                    self.intake.pending.packet(packet);
                    Ok(())
                }
                Next::Answer(Some(answer)) => {
                    self.send(answer).await;
                    Ok(())
                }
                Next::GivenUp(row) => {
                    self.delete_row(&row);
                    Ok(())
                }
                Next::Switch(Some(event)) => self.switch_says(event).await,
                Next::Store(None) => return Stop::Ended("northbound"),
                Next::Vswitch(None) => return Stop::Ended("vswitch"),
                Next::Packet(None) => return Stop::Ended("packets"),
                Next::Answer(None) => return Stop::Ended("answers"),
                Next::Switch(None) => return Stop::Ended("switch"),
                Next::Audit => {
                    if !self.is_sound() {
                        return Stop::StartOver;
                    }
                    Ok(())
                }
                Next::LookAgain => {
                    self.intake.look_again();
                    self.wishes.add(self.intake.ports.take_wishes());
                    Ok(())
                }
                Next::Watchdog => {
                    self.notifier.alive();
                    Ok(())
                }
            };
            self.take_what_waits();
            if taken.is_err() || self.step().await.is_err() {
                return Stop::Ended("switch");
            }
        }
    }

    async fn next(&mut self) -> Next {
        let Self { sources, switch, packets, audit, look_again, watchdog, given_up, .. } = self;
        let packet = async {
            match packets {
                PacketPath::Own(packets) => Next::Packet(packets.incoming.recv().await),
                PacketPath::Shared(_, answers) => Next::Answer(answers.recv().await),
            }
        };
        tokio::select! {
            news = sources.store.recv() => Next::Store(news),
            news = sources.vswitch.recv() => Next::Vswitch(news),
            event = switch.next_event() => Next::Switch(event),
            next = packet => next,
            Some(row) = given_up.recv() => Next::GivenUp(row),
            () = tick(audit) => Next::Audit,
            () = tick(look_again) => Next::LookAgain,
            () = tick(watchdog) => Next::Watchdog,
        }
    }

    /// Takes everything else that is there already: what comes together is computed together.
    fn take_what_waits(&mut self) {
        let Self { intake, sources, packets, status, .. } = self;
        for news in std::iter::from_fn(|| sources.store.try_recv().ok()).take(NEWS_A_STEP_MAX) {
            status.send_modify(|status| intake.store(news, status));
        }
        for news in std::iter::from_fn(|| sources.vswitch.try_recv().ok()).take(NEWS_A_STEP_MAX) {
            intake.vswitch(news);
        }
        if let PacketPath::Own(packets) = packets {
            for packet in std::iter::from_fn(|| packets.incoming.try_recv().ok()).take(NEWS_A_STEP_MAX) {
                intake.pending.packet(packet);
            }
        }
    }

    async fn step(&mut self) -> Result<(), Stopped> {
        let inputs = self.intake.pending.take();
        if !inputs.is_empty() {
            self.recorder.note(&inputs);
            let mut outputs = self.engine.step(inputs);
            // Beside the flows that use them, and not waited for.
            if outputs.numbers_changed {
                self.orders.keep_numbers(self.engine.numbers());
            }
            self.stale_zones.extend(outputs.stale_zones.iter().copied());
            self.empty_zones().await;
            let delta = std::mem::take(&mut outputs.delta);
            if !delta.is_empty() {
                debug!(entries = delta.len(), units = outputs.units_run, "the switch has to change");
                self.last_change = self.switch.change(delta).await?;
            }
            if let Some(ends) = outputs.tunnel_ends.take() {
                let known = std::mem::replace(&mut self.tunnel_ends, ends.clone());
                self.greet(ends.iter().filter(|end| !known.contains(end))).await;
            }
            if let Some(watched) = outputs.watched.take() {
                self.orders.watch(watched);
            }
            if let Some(reserves) = outputs.reserves.take() {
                self.orders.reserve(reserves);
            }
            if let Some(beacons) = outputs.beacons.take() {
                self.beacons.send_replace(beacons);
            }
            self.answer(std::mem::take(&mut outputs.replies)).await;
            self.follow_up(&outputs);
        }
        self.tell_store();
        Ok(())
    }

    /// Takes notice of what a step said besides flows.
    fn follow_up(&mut self, outputs: &Outputs) {
        self.intake.ports.stepped(self.last_change, &outputs.ready, &outputs.not_ready);
        outputs.stale_rows.iter().flatten().for_each(|row| self.delete_row(row));
        let flows = self.engine.flow_count();
        self.status.send_modify(|status| {
            status.steps += 1;
            status.units_run += u64::try_from(outputs.units_run).unwrap_or_default();
            status.flows = flows;
            if let Some(findings) = &outputs.findings {
                say_findings(&status.findings, findings);
                status.findings.clone_from(findings);
            }
        });
        self.tell_store();
    }

    /// Has a row deleted that is not true any more, if it is still what it is here.
    fn delete_row(&self, (table, id): &RowName) {
        if let Some(row) = self.engine.row(*table, id) {
            self.wishes.writes.add(Write { seen: Some(row.clone()), wanted: None });
        }
    }

    fn tell_store(&mut self) {
        self.wishes.add(self.intake.ports.take_wishes());
        let (active, plugged) = (self.intake.ports.active(), self.intake.ports.plugged());
        let peers = &self.intake.peers;
        self.status.send_if_modified(|status| {
            let is_same =
                (status.ports_active, status.ports_plugged) == (active, plugged) && status.peers == *peers;
            if !is_same {
                (status.ports_active, status.ports_plugged) = (active, plugged);
                status.peers.clone_from(peers);
            }
            !is_same
        });
    }

    /// Whether what is desired is what it has to be.
    fn is_sound(&mut self) -> bool {
        let difference = audit(&mut self.engine);
        self.status.send_modify(|status| {
            status.audits += 1;
            status.audits_failed += u64::from(difference.is_some());
        });
        if let Some(difference) = &difference {
            error!(
                difference,
                "what is desired is not what follows from the facts, which is a fault of this program"
            );
        }
        difference.is_none()
    }
}

async fn tick(timer: &mut Option<Interval>) {
    match timer {
        Some(timer) => {
            timer.tick().await;
        }
        None => pending().await,
    }
}

/// Says what is wrong now and was not, and what is right again.
fn say_findings(before: &[Finding], now: &[Finding]) {
    for finding in now.iter().filter(|finding| before.binary_search(finding).is_err()) {
        let subject = finding.subject.as_ref().map(ToString::to_string).unwrap_or_default();
        warn!(app = finding.app, rule = finding.rule, subject, problem = finding.problem, "a finding");
    }
    for finding in before.iter().filter(|finding| now.binary_search(finding).is_err()) {
        let subject = finding.subject.as_ref().map(ToString::to_string).unwrap_or_default();
        info!(app = finding.app, subject, problem = finding.problem, "this finding is over");
    }
}
