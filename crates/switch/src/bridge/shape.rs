//! Queues on the devices by which a bridge leads out of the node, each with a rate that it has at least.
//!
//! A device is a port of the bridge whose interfaces are the host's own, such as network cards; for a bond, each member. It gets a row of
//! `QoS` of type `linux-htb`, which Open vSwitch makes classes of the kernel of: one for each queue, and one for all frames that are in none. Each has its
//! own rate whatever the others send, and may have what nobody else uses. That of the last one is all that is not promised: without a rate of its own it
//! would get next to nothing of what queues want beyond theirs, because the kernel shares that out in proportion to rates. So nobody is slowed down as long
//! as there is enough, and when there is not, nobody has less than what is promised to it, or left to all the others together.
//!
//! # Guarantees
//! - No device is held to less than its link carries. How much that is has to be known, because `linux-htb` takes 100 Mbit/s otherwise:
//!   [`ShapeSpec::link_kbps`], or else what Open vSwitch says of the device. Where nobody knows, nothing is done and a [`Problem`] says so.
//! - A device that has somebody else's `qos` keeps it.
//! - Another rate changes rows in place, and with them classes: no frame is lost to it.
//! - What nobody wants any more goes, rows as well as classes, whichever run made it.
//!
//! Rows of ours carry our mark, and [`LINK_KEY`] with the name of the port.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ovsdb::Uuid;
use ovsdb::vswitch::{Interface, Port, QoS, Queue};

use super::edit::{Seen, Step};
use super::problem::Problem;
use super::spec::BridgeSpec;
use super::{is_owned, mark};
use crate::configuration::Configuration;

/// The key of `external_ids` whose value names the port whose queues these are.
pub const LINK_KEY: &str = "dragonflow-link";
/// The same, of a queue, whose value says for whom it is.
const FOR_KEY: &str = "dragonflow-for";
/// The kind of queues.
const KIND: &str = "linux-htb";
/// The queue of frames that are in none.
const OTHERS: u32 = 0;
/// The datapath that moves frames itself, and tells devices nothing of queues.
const USERSPACE: &str = "netdev";
/// The types of interfaces that are devices of the host.
const HOST_TYPES: [&str; 2] = ["", "system"];
/// The state of a link without a cable.
const DOWN: &str = "down";
const MAX_RATE: &str = "max-rate";
const MIN_RATE: &str = "min-rate";
/// Open vSwitch tells the kernel rates in bytes a second, as numbers of 32 bits; of more it tells the lower half.
const LINK_KBPS_MAX: u64 = (u32::MAX as u64) * 8 / 1_000;

/// What is promised of what leaves by a bridge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShapeSpec {
    pub bridge: String,
    /// What each device carries, where the operator says so.
    pub link_kbps: Option<u64>,
    /// By the numbers of the queues.
    pub queues: BTreeMap<u32, QueueSpec>,
}

/// A queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueSpec {
    /// For whom it is; nothing depends on it.
    pub owner: String,
    /// What it has at least.
    pub least_kbps: u64,
}

/// A row of `Queue` as it should be.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum QueueStep {
    Kept(Uuid),
    Changed(Seen<Queue>, Queue),
    New(Queue),
}

/// The queues of a port, as they should be.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Shape {
    pub(super) port: Seen<Port>,
    /// The row that there is.
    pub(super) seen: Option<Seen<QoS>>,
    /// The row as it should be, but for its queues.
    pub(super) row: QoS,
    pub(super) queues: BTreeMap<u32, QueueStep>,
    pub(super) link_kbps: u64,
}

/// What has to be done.
pub(super) fn steps(
    spec: &BridgeSpec,
    configuration: &Configuration,
    problems: &mut Vec<Problem>,
) -> Vec<Step> {
    let Some(shapes) = &spec.shapes else { return Vec::new() };
    let mut shaper = Shaper::new(&spec.name, configuration);
    for shape in shapes.iter().filter(|shape| !shape.queues.is_empty()) {
        shaper.bridge(shape, problems);
    }
    shaper.remove_rest();
    shaper.steps
}

struct Shaper<'a> {
    owner: &'a str,
    configuration: &'a Configuration,
    /// Our rows that nobody wants so far.
    rows: BTreeMap<Uuid, Arc<QoS>>,
    queues: BTreeMap<Uuid, Arc<Queue>>,
    steps: Vec<Step>,
}

impl<'a> Shaper<'a> {
    fn new(owner: &'a str, configuration: &'a Configuration) -> Self {
        let rows = configuration.qos().iter().filter(|(_, row)| is_owned(&row.external_ids, owner));
        let queues = configuration.queues().iter().filter(|(_, row)| is_owned(&row.external_ids, owner));
        Self {
            owner,
            configuration,
            rows: rows.map(|(uuid, row)| (*uuid, Arc::clone(row))).collect(),
            queues: queues.map(|(uuid, row)| (*uuid, Arc::clone(row))).collect(),
            steps: Vec::new(),
        }
    }

    fn bridge(&mut self, shape: &ShapeSpec, problems: &mut Vec<Problem>) {
        // That there is no such bridge is said where it is patched to.
        let Some((_, bridge)) = self.configuration.bridge(&shape.bridge) else { return };
        let name = || shape.bridge.clone();
        if bridge.datapath_type == USERSPACE {
            problems.push(Problem::NoQueues { bridge: name() });
            return;
        }
        let present = |uuid: &Uuid| Some((*uuid, Arc::clone(self.configuration.ports().get(uuid)?)));
        let mut ports: Vec<Seen<Port>> = bridge.ports.iter().filter_map(present).collect();
        ports.retain(|(_, port)| self.devices(port).is_some());
        ports.sort_by(|(_, one), (_, other)| one.name.cmp(&other.name));
        if ports.is_empty() {
            problems.push(Problem::NoLink { bridge: name() });
        }
        for port in &ports {
            match self.usable_rate(shape, &port.1) {
                Ok(link_kbps) => self.port(shape, port, link_kbps, problems),
                Err(problem) => problems.push(problem),
            }
        }
    }

    /// The interfaces of a port, if all are devices of the host.
    fn devices(&self, port: &Port) -> Option<Vec<&'a Interface>> {
        // What we make leads to other bridges and nodes; one that is not as we made it goes.
        if is_owned(&port.external_ids, self.owner) {
            return None;
        }
        let rows = port.interfaces.iter().map(|uuid| self.configuration.interfaces().get(uuid));
        let rows: Option<Vec<_>> = rows.map(|row| row.map(Arc::as_ref)).collect();
        rows.filter(|rows| {
            !rows.is_empty() && rows.iter().all(|row| HOST_TYPES.contains(&row.r#type.as_str()))
        })
    }

    /// What the device carries, if it may have queues of ours.
    fn usable_rate(&self, shape: &ShapeSpec, port: &Port) -> Result<u64, Problem> {
        let (bridge, name) = (shape.bridge.clone(), port.name.clone());
        let devices = self.devices(port).unwrap_or_default();
        if port.qos.is_some_and(|row| !self.is_ours(row)) {
            return Err(Problem::QueuesTaken { bridge, port: name });
        }
        let speed = |device: &&Interface| {
            let speed = device.link_speed.and_then(|speed| u64::try_from(speed).ok());
            speed.map(|speed| speed / 1_000).filter(|speed| *speed > 0)
        };
        let known = devices.iter().map(speed).collect::<Option<Vec<u64>>>();
        let known = known.and_then(|speeds| speeds.into_iter().min());
        // A card without a cable does not say how fast it is; it has what it had until it does again.
        let is_down = devices.iter().any(|device| device.link_state.as_deref() == Some(DOWN));
        let before = || if is_down { self.present_rate(port) } else { None };
        match shape.link_kbps.or(known).or_else(before) {
            None => Err(Problem::UnknownRate { bridge, port: name }),
            Some(rate) if rate > LINK_KBPS_MAX => Err(Problem::LinkTooFast { bridge, port: name, rate }),
            Some(rate) => Ok(rate),
        }
    }

    /// What our row of a port says that it carries.
    fn present_rate(&self, port: &Port) -> Option<u64> {
        let row = self.configuration.qos().get(&port.qos?)?;
        Some(row.other_config.get(MAX_RATE)?.parse::<u64>().ok()? / 1_000)
    }

    fn is_ours(&self, row: Uuid) -> bool {
        let row = self.configuration.qos().get(&row);
        row.is_some_and(|row| is_owned(&row.external_ids, self.owner))
    }

    fn port(&mut self, shape: &ShapeSpec, port: &Seen<Port>, link_kbps: u64, problems: &mut Vec<Problem>) {
        let promised_kbps = shape.queues.values().map(|queue| queue.least_kbps).fold(0, u64::saturating_add);
        if promised_kbps > link_kbps {
            let (bridge, port) = (shape.bridge.clone(), port.1.name.clone());
            problems.push(Problem::TooMuchPromised { bridge, port, promised_kbps, link_kbps });
        }
        let seen = self.take_row(port);
        let name = &port.1.name;
        let rest = self.queue(name, None, link_kbps.saturating_sub(promised_kbps), link_kbps);
        let mut wanted = BTreeMap::from([(OTHERS, rest)]);
        for (number, queue) in &shape.queues {
            let row = self.queue(name, Some(&queue.owner), queue.least_kbps.min(link_kbps), link_kbps);
            wanted.insert(*number, row);
        }
        let has = |number: &u32| seen.as_ref()?.1.queues.get(&i64::from(*number)).copied();
        let queues: BTreeMap<u32, QueueStep> =
            wanted.into_iter().map(|(number, row)| (number, self.take_queue(has(&number), row))).collect();
        let row = QoS {
            r#type: KIND.to_owned(),
            other_config: BTreeMap::from([max_rate(link_kbps)]),
            external_ids: self.marks(&port.1.name),
            queues: BTreeMap::new(),
        };
        let kept = |step: &QueueStep| match step {
            QueueStep::Kept(row) => Some(*row),
            _ => None,
        };
        let is_as_wanted = seen.as_ref().is_some_and(|(uuid, present)| {
            let numbers = queues.iter().map(|(number, step)| Some((i64::from(*number), kept(step)?)));
            port.1.qos == Some(*uuid)
                && present.r#type == row.r#type
                && present.other_config == row.other_config
                && numbers.collect::<Option<BTreeMap<_, _>>>().as_ref() == Some(&present.queues)
        });
        if !is_as_wanted {
            self.steps.push(Step::Shape(Shape { port: port.clone(), seen, row, queues, link_kbps }));
        }
    }

    /// Our row of the port, wherever it is.
    fn take_row(&mut self, port: &Seen<Port>) -> Option<Seen<QoS>> {
        let is_of_port = |row: &QoS| row.external_ids.get(LINK_KEY) == Some(&port.1.name);
        let at_port = port.1.qos.filter(|uuid| self.rows.get(uuid).is_some_and(|row| is_of_port(row)));
        let uuid =
            at_port.or_else(|| self.rows.iter().find(|(_, row)| is_of_port(row)).map(|(uuid, _)| *uuid))?;
        Some((uuid, self.rows.remove(&uuid)?))
    }

    /// The row of a queue, which may be there.
    fn take_queue(&mut self, has: Option<Uuid>, row: Queue) -> QueueStep {
        let Some((uuid, present)) = has.and_then(|uuid| Some((uuid, self.queues.remove(&uuid)?))) else {
            return QueueStep::New(row);
        };
        let has_marks =
            row.external_ids.iter().all(|(key, value)| present.external_ids.get(key) == Some(value));
        match has_marks && present.other_config == row.other_config && present.dscp == row.dscp {
            true => QueueStep::Kept(uuid),
            false => QueueStep::Changed((uuid, present), row),
        }
    }

    fn queue(&self, link: &str, owner: Option<&String>, least_kbps: u64, link_kbps: u64) -> Queue {
        let mut external_ids = self.marks(link);
        external_ids.extend(owner.map(|owner| (FOR_KEY.to_owned(), owner.clone())));
        let other_config = BTreeMap::from([max_rate(link_kbps), (MIN_RATE.to_owned(), bits(least_kbps))]);
        Queue { other_config, external_ids, ..Queue::default() }
    }

    fn marks(&self, link: &str) -> BTreeMap<String, String> {
        let mut marks = mark(self.owner);
        marks.insert(LINK_KEY.to_owned(), link.to_owned());
        marks
    }

    /// Removes what of ours nobody wants. A queue that somebody else took into use stays.
    fn remove_rest(&mut self) {
        let (rows, queues) = (std::mem::take(&mut self.rows), std::mem::take(&mut self.queues));
        let ports = self.configuration.ports().iter();
        for (uuid, row) in rows {
            let users = ports.clone().filter(|(_, port)| port.qos == Some(uuid));
            let ports = users.map(|(port, row)| (*port, Arc::clone(row))).collect();
            self.steps.push(Step::RemoveShape { ports, row: (uuid, row) });
        }
        let others = self.configuration.qos().values().filter(|row| !is_owned(&row.external_ids, self.owner));
        let used: BTreeSet<Uuid> = others.flat_map(|row| row.queues.values().copied()).collect();
        let queues: Vec<Seen<Queue>> = queues.into_iter().filter(|(uuid, _)| !used.contains(uuid)).collect();
        if !queues.is_empty() {
            self.steps.push(Step::RemoveQueues(queues));
        }
    }
}

fn max_rate(kbps: u64) -> (String, String) {
    (MAX_RATE.to_owned(), bits(kbps))
}

fn bits(kbps: u64) -> String {
    kbps.saturating_mul(1_000).to_string()
}
