//! What a unit says: flows, groups, meters, and which port is ready with them.

use std::net::IpAddr;

use model::{Id, LogicalPort, Model, RowId, Table};
use net_types::OfPort;
use openflow::flow::PackedFlow;
use openflow::group::Group;
use openflow::meter::Meter;
use pipeline::{AppId, Cookie, FlowBuilder, Priority, TableSpec};

use crate::beacon::Beacon;
use crate::numbers::stable_hash;
use crate::peers::Watched;
use crate::reserve::Reserve;

/// Takes what one run of one unit says.
#[derive(Debug)]
pub struct Sink {
    app: AppId,
    rule_of_app: u8,
    cookie: Cookie,
    flows: Vec<PackedFlow>,
    rest: Rest,
}

/// What a unit said.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Said {
    /// Sorted by key, each key once.
    pub(crate) flows: Box<[PackedFlow]>,
    /// What few units say.
    pub(crate) rest: Option<Box<Rest>>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Rest {
    pub(crate) groups: Vec<Group>,
    pub(crate) meters: Vec<Meter>,
    pub(crate) ready: Vec<RowId>,
    pub(crate) tunnel_ends: Vec<(OfPort, IpAddr)>,
    pub(crate) watched: Vec<Watched>,
    pub(crate) beacons: Vec<Beacon>,
    pub(crate) reserves: Vec<Reserve>,
    pub(crate) stale_rows: Vec<(Table, RowId)>,
    pub(crate) problems: Vec<String>,
    /// What flows are about, besides the subject of the unit.
    pub(crate) about: Vec<RowId>,
}

/// Bits of a cookie's subject that tell the subjects of one rule apart; those above tell the rules of an app apart.
const SUBJECT_HASH_BITS: u32 = 40;

/// The cookie of a unit's flows. It says the same after a restart and on every node; two subjects may share one, and then
/// [`explain`](crate::Engine::explain) names both.
pub(crate) fn cookie_of(app: AppId, rule_of_app: u8, subject: Option<&RowId>) -> Cookie {
    let hash = subject.map_or(0, |id| stable_hash(id) & ((1 << SUBJECT_HASH_BITS) - 1));
    Cookie::new(app, u64::from(rule_of_app) << SUBJECT_HASH_BITS | hash)
}

impl Sink {
    pub(crate) fn new(app: AppId, rule_of_app: u8, subject: Option<&RowId>) -> Self {
        let cookie = cookie_of(app, rule_of_app, subject);
        Self { app, rule_of_app, cookie, flows: Vec::new(), rest: Rest::default() }
    }

    /// What is said from here on is about this object, and not about the subject of the unit: its cookie leads there.
    pub fn about(&mut self, object: &RowId) {
        self.cookie = cookie_of(self.app, self.rule_of_app, Some(object));
        self.rest.about.push(object.clone());
    }

    /// Says a flow of a table of the app. One that breaks the declaration of its table is left out, and a finding says so.
    pub fn flow(
        &mut self,
        table: &'static TableSpec,
        priority: Priority,
        build: impl FnOnce(FlowBuilder) -> FlowBuilder,
    ) {
        match build(table.flow(priority, self.cookie)).build() {
            Ok(flow) => self.flows.push(flow),
            Err(violation) => self.problem(violation.to_string()),
        }
    }

    /// Says a group.
    pub fn group(&mut self, group: Group) {
        self.rest.groups.push(group);
    }

    /// Says a meter.
    pub fn meter(&mut self, meter: Meter) {
        self.rest.meters.push(meter);
    }

    /// Says that a port forwards once the switch confirmed all that this step changes.
    pub fn ready(&mut self, port: &Id<LogicalPort>) {
        self.rest.ready.push(port.row().clone());
    }

    /// Says that frames leave by a tunnel port for this end of tunnels.
    pub fn tunnel_end(&mut self, port: OfPort, end: IpAddr) {
        self.rest.tunnel_ends.push((port, end));
    }

    /// Says that another node should be watched.
    pub fn watch(&mut self, watched: Watched) {
        self.rest.watched.push(watched);
    }

    /// Says a frame that a port is sent regularly.
    pub fn beacon(&mut self, beacon: Beacon) {
        self.rest.beacons.push(beacon);
    }

    /// Says bandwidth that a port is promised.
    pub fn reserve(&mut self, reserve: Reserve) {
        self.rest.reserves.push(reserve);
    }

    /// Says that a row is not true any more, and that this node is the one to delete it.
    pub fn stale_row<T: Model>(&mut self, row: &Id<T>) {
        self.rest.stale_rows.push((T::TABLE, row.row().clone()));
    }

    /// Says that something in the facts makes no sense, so that an operator can find it.
    pub fn problem(&mut self, problem: impl Into<String>) {
        self.rest.problems.push(problem.into());
    }

    /// What was said, in the one order in which it is compared. Of two entries with one key the first stays.
    pub(crate) fn finish(self) -> Said {
        let Self { app, mut flows, mut rest, .. } = self;
        flows.sort_by(|a, b| a.key_bytes().cmp(b.key_bytes()));
        flows.dedup_by(|later, first| {
            let is_twice = later.key_bytes() == first.key_bytes();
            if is_twice && later != first {
                rest.problems.push(format!("app {} says two flows with the key {}", app.name, first.key()));
            }
            is_twice
        });
        rest.groups.sort_by_key(|group| group.id);
        rest.groups.dedup_by_key(|group| group.id);
        rest.meters.sort_by_key(|meter| meter.id);
        rest.meters.dedup_by_key(|meter| meter.id);
        rest.ready.sort_unstable();
        rest.ready.dedup();
        rest.tunnel_ends.sort_unstable();
        rest.tunnel_ends.dedup();
        rest.watched.sort_unstable();
        rest.watched.dedup();
        rest.beacons.sort_unstable();
        rest.beacons.dedup();
        rest.reserves.sort_unstable();
        rest.reserves.dedup();
        rest.stale_rows.sort_unstable();
        rest.stale_rows.dedup();
        rest.about.sort_unstable();
        rest.about.dedup();
        let rest = (rest != Rest::default()).then(|| Box::new(rest));
        Said { flows: flows.into(), rest }
    }
}
