//! The step: take everything that is new, run the units that it concerns, say what differs.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use model::{RowId, Table};
use net_types::OfPort;
use openflow::delta::Delta;
use openflow::flow::PackedFlow;
use openflow::group::Group;
use openflow::meter::Meter;
use pipeline::{AppId, Cookie};

use crate::beacon::Beacon;
use crate::counted::Counted;
use crate::desired::{Claims, Desired, Finding, Settled};
use crate::facts::Changed;
use crate::graph::{Graph, NumberNews, UnitName};
use crate::input::{Input, Outputs, RowChange};
use crate::numbers::{Numbers, Space};
use crate::packet::{PacketIn, Reply, Responder};
use crate::peers::Watched;
use crate::read::NodeNo;
use crate::rule::{App, Rule, Subjects};
use crate::sink::{Said, Sink, cookie_of};
use crate::view::View;

/// A rule with the app that it is of.
#[derive(Debug)]
pub(crate) struct Registered {
    pub(crate) app: AppId,
    pub(crate) rule_of_app: u8,
    rule: Rule,
}

impl Registered {
    fn finding(&self, subject: Option<&RowId>, problem: String) -> Finding {
        Finding { app: self.app.name, rule: self.rule.name, subject: subject.cloned(), problem }
    }

    /// A unit of the rule, for people.
    pub(crate) fn explanation(&self, subject: Option<&RowId>) -> Explanation {
        let table = match self.rule.subjects {
            Subjects::Rows(table) => Some(table),
            Subjects::Node | Subjects::Interfaces | Subjects::Owners(_) => None,
        };
        Explanation { app: self.app.name, rule: self.rule.name, table, subject: subject.cloned() }
    }

    /// What a unit of the rule said to be about another object.
    pub(crate) fn explanation_about(&self, object: &RowId) -> Explanation {
        Explanation { table: None, ..self.explanation(Some(object)) }
    }
}

/// What one node should hold in its switch.
#[derive(Debug)]
pub struct Engine {
    pub(crate) rules: Vec<Registered>,
    responders: Vec<Responder>,
    pub(crate) graph: Graph,
    wanted: Wanted,
    is_started: bool,
}

/// What all units want together.
#[derive(Debug, Default)]
struct Wanted {
    flows: Claims<PackedFlow>,
    groups: Claims<Group>,
    meters: Claims<Meter>,
    ready: BTreeMap<RowId, u32>,
    /// Ports whose readiness changed in this step, with what it was.
    ready_before: BTreeMap<RowId, bool>,
    tunnel_ends: Counted<(OfPort, IpAddr)>,
    watched: Counted<Watched>,
    beacons: Counted<Beacon>,
    stale_rows: Counted<(Table, RowId)>,
    findings: BTreeSet<Finding>,
    findings_changed: bool,
}

/// Who made a flow, and of what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The app.
    pub app: &'static str,
    /// Its rule.
    pub rule: &'static str,
    /// The table of the subject; `None` for rules about the node, interfaces and owners of numbers.
    pub table: Option<Table>,
    /// The subject: a row, the port of an interface, the owner of a number, or what an app said a flow to be about (a rule of a
    /// security group, for example).
    pub subject: Option<RowId>,
}

impl Engine {
    /// An engine with these apps, which knows nothing yet.
    ///
    /// # Panics
    /// When an app has more than 256 rules.
    #[must_use]
    pub fn new(apps: Vec<App>) -> Self {
        let responders = apps.iter().flat_map(|app| app.responders.iter().copied()).collect();
        let register = |app: App| {
            app.rules.into_iter().enumerate().map(move |(place, rule)| Registered {
                app: app.id,
                rule_of_app: u8::try_from(place).expect("an app has few rules"),
                rule,
            })
        };
        Self {
            rules: apps.into_iter().flat_map(register).collect(),
            responders,
            graph: Graph::default(),
            wanted: Wanted::default(),
            is_started: false,
        }
    }

    /// Takes everything that is new and says what to do about it.
    ///
    /// Callers hand in all that waits at once: what changed twice costs one run. The first step has to bring everything
    /// that is known, because what it does not bring is taken to be gone.
    pub fn step(&mut self, inputs: Vec<Input>) -> Outputs {
        let mut packets = Vec::new();
        let mut changed = Changed::new();
        for input in inputs {
            match input {
                Input::Packet(packet) => packets.push(packet),
                input => self.learn(input, &mut changed),
            }
        }
        if !self.is_started {
            self.add_units(Subjects::Node, None);
        }
        for key in changed {
            self.graph.mark(&key);
        }
        let is_first = !std::mem::replace(&mut self.is_started, true);
        let (units_run, stale_zones) = self.run_all(is_first);
        let mut outputs = self.settle();
        outputs.units_run = units_run;
        outputs.stale_zones = stale_zones;
        outputs.replies = packets.iter().map(|packet| self.respond(packet)).collect();
        outputs
    }

    fn learn(&mut self, input: Input, changed: &mut Changed) {
        let facts = &mut self.graph.facts;
        match input {
            Input::Settings(settings) => {
                if facts.settings.as_ref() != Some(&settings) {
                    facts.settings = Some(settings);
                    changed.push(crate::read::ReadKey::Settings);
                }
            }
            Input::Tunnels(tunnels) => {
                let tunnels = tunnels.into_iter().map(|(kind, port)| (kind, OfPort::new(port))).collect();
                if facts.tunnels != tunnels {
                    facts.tunnels = tunnels;
                    changed.push(crate::read::ReadKey::Tunnels);
                }
            }
            Input::Providers(providers) => {
                if facts.providers != providers {
                    facts.providers = providers;
                    changed.push(crate::read::ReadKey::Providers);
                }
            }
            Input::Peers(peers) => facts.put_peers(peers, changed),
            Input::Metadata(metadata) => {
                if facts.metadata != metadata {
                    facts.metadata = metadata;
                    changed.push(crate::read::ReadKey::Metadata);
                }
            }
            Input::Numbers(numbers) if !self.is_started => facts.numbers = numbers,
            Input::Numbers(_) | Input::Packet(_) => {}
            Input::Row(RowChange::Put(object)) => self.put(object, changed),
            Input::Row(RowChange::Delete(table, id)) => self.delete(table, &id, changed),
            Input::Snapshot { tables, rows } => {
                let present: BTreeSet<(Table, &RowId)> =
                    rows.iter().map(|row| (row.table(), row.id())).collect();
                let gone: Vec<(Table, RowId)> = facts
                    .row_names()
                    .filter(|(table, id)| tables.contains(table) && !present.contains(&(*table, id)))
                    .cloned()
                    .collect();
                for (table, id) in gone {
                    self.delete(table, &id, changed);
                }
                for row in rows {
                    self.put(row, changed);
                }
            }
            Input::Interface(interface) => {
                let port = interface.port.row().clone();
                if facts.put_interface(interface, changed) {
                    self.add_units(Subjects::Interfaces, Some(&port));
                }
            }
            Input::InterfaceGone(port) => {
                if facts.delete_interface(&port, changed) {
                    self.remove_units(Subjects::Interfaces, &port);
                }
            }
        }
    }

    fn put(&mut self, object: model::Object, changed: &mut Changed) {
        let (table, id) = (object.table(), object.id().clone());
        if self.graph.facts.put(object, changed) {
            self.add_units(Subjects::Rows(table), Some(&id));
        }
    }

    fn delete(&mut self, table: Table, id: &RowId, changed: &mut Changed) {
        if self.graph.facts.delete(table, id, changed) {
            self.remove_units(Subjects::Rows(table), id);
        }
    }

    /// The places of the rules with such subjects.
    fn rules_for(&self, subjects: Subjects) -> Vec<u16> {
        let rules =
            self.rules.iter().enumerate().filter(|(_, registered)| registered.rule.subjects == subjects);
        rules.filter_map(|(place, _)| u16::try_from(place).ok()).collect()
    }

    fn add_units(&mut self, subjects: Subjects, subject: Option<&RowId>) {
        for rule in self.rules_for(subjects) {
            self.graph.add_unit(UnitName { rule, subject: subject.cloned() });
        }
    }

    fn remove_units(&mut self, subjects: Subjects, subject: &RowId) {
        for rule in self.rules_for(subjects) {
            let name = UnitName { rule, subject: Some(subject.clone()) };
            // Names decide between claims, so what a unit said is withdrawn while it still has one.
            if let Some(no) = self.graph.unit_no(&name) {
                let said =
                    self.graph.unit_mut(no).map(|unit| std::mem::take(&mut unit.said)).unwrap_or_default();
                self.wanted.replace(no, &said, &Said::default(), &self.rules, &self.graph);
                self.graph.remove_unit(&name);
            }
        }
    }

    /// Runs what has to run, and what has to run because owners of numbers came and went; how many units that were, and the
    /// conntrack zones that changed hands.
    fn run_all(&mut self, is_first: bool) -> (usize, Vec<u16>) {
        let mut units_run = self.run_units();
        let mut zones = BTreeSet::new();
        self.graph.sweep();
        if is_first {
            self.graph.sweep_numbers();
            for (space, owner) in self.graph.facts.numbers.owners() {
                self.add_units(Subjects::Owners(space), Some(&owner));
            }
        }
        loop {
            let news = std::mem::take(&mut self.graph.number_news);
            for NumberNews { space, owner, number, is_given } in news {
                if matches!(space, Space::Zone | Space::RouterZone) {
                    zones.extend(u16::try_from(number));
                }
                match is_given {
                    true => self.add_units(Subjects::Owners(space), Some(&owner)),
                    false => self.remove_units(Subjects::Owners(space), &owner),
                }
            }
            units_run += self.run_units();
            self.graph.sweep();
            if self.graph.number_news.is_empty() {
                return (units_run, zones.into_iter().collect());
            }
        }
    }

    fn run_units(&mut self) -> usize {
        let mut units_run = 0;
        loop {
            let dirty = self.graph.take_dirty();
            if dirty.is_empty() {
                return units_run;
            }
            units_run += dirty.len();
            for no in dirty {
                self.run_unit(no);
            }
        }
    }

    fn run_unit(&mut self, no: NodeNo) {
        let Some(name) = self.graph.name_of(no).cloned() else { return };
        let said = self.run(no, &name);
        let before = match self.graph.unit_mut(no) {
            Some(unit) if unit.said != said => std::mem::replace(&mut unit.said, said.clone()),
            _ => return,
        };
        self.wanted.replace(no, &before, &said, &self.rules, &self.graph);
    }

    /// Runs a unit; what it says now.
    fn run(&mut self, no: NodeNo, name: &UnitName) -> Said {
        let registered = &self.rules[usize::from(name.rule)];
        let mut sink = Sink::new(registered.app, registered.rule_of_app, name.subject.as_ref());
        let mut view = View::recording(&mut self.graph);
        (registered.rule.compile)(&mut view, name.subject.as_ref(), &mut sink);
        let reads = view.into_reads();
        self.graph.set_reads(no, reads);
        sink.finish()
    }

    fn settle(&mut self) -> Outputs {
        let Self { wanted, graph, .. } = self;
        let name = |no: NodeNo| graph.name_of(no);
        let Settled { put: flows, delete: delete_flows, disputes: flow_disputes } =
            wanted.flows.settle(&name);
        let Settled { put: groups, delete: delete_groups, disputes: group_disputes } =
            wanted.groups.settle(&name);
        let Settled { put: meters, delete: delete_meters, disputes: meter_disputes } =
            wanted.meters.settle(&name);
        let mut outputs = Outputs {
            delta: Delta { flows, delete_flows, groups, delete_groups, meters, delete_meters },
            numbers_changed: std::mem::take(&mut graph.numbers_changed),
            ..Outputs::default()
        };
        for (port, was) in std::mem::take(&mut wanted.ready_before) {
            match (was, wanted.ready.contains_key(&port)) {
                (false, true) => outputs.ready.push(port),
                (true, false) => outputs.not_ready.push(port),
                _ => {}
            }
        }
        outputs.tunnel_ends = wanted.tunnel_ends.settle();
        outputs.watched = wanted.watched.settle();
        outputs.beacons = wanted.beacons.settle();
        outputs.stale_rows = wanted.stale_rows.settle();
        let disputes_changed = flow_disputes || group_disputes || meter_disputes;
        if std::mem::take(&mut wanted.findings_changed) || disputes_changed {
            outputs.findings = Some(self.findings());
        }
        outputs
    }

    /// All that is wrong now.
    #[must_use]
    pub fn findings(&self) -> Vec<Finding> {
        let name = |no: NodeNo| self.graph.name_of(no);
        let flows = self.wanted.flows.disputed(&name).map(|(no, key)| (no, format!("flow {key}")));
        let groups = self.wanted.groups.disputed(&name).map(|(no, id)| (no, format!("group {id}")));
        let meters = self.wanted.meters.disputed(&name).map(|(no, id)| (no, format!("meter {id}")));
        let dispute = |(no, what): (NodeNo, String)| {
            let unit = self.graph.unit(no)?;
            let problem = format!("others want {what} to be something else; this one prevails");
            Some(self.rules[usize::from(unit.name.rule)].finding(unit.name.subject.as_ref(), problem))
        };
        let mut findings: Vec<Finding> = flows.chain(groups).chain(meters).filter_map(dispute).collect();
        findings.extend(self.wanted.findings.iter().cloned());
        findings.sort_unstable();
        findings
    }

    fn respond(&mut self, packet: &PacketIn) -> Reply {
        let op = packet.userdata.first();
        let Some(responder) = self.responders.iter().find(|responder| Some(&responder.op) == op) else {
            return Reply::Ignore("no app answers such packets");
        };
        (responder.respond)(&mut View::passing(&mut self.graph), packet)
    }

    /// What should be in the switch now.
    #[must_use]
    pub fn desired(&self) -> Desired {
        let name = |no: NodeNo| self.graph.name_of(no);
        Desired {
            flows: self.wanted.flows.all(&name),
            groups: self.wanted.groups.all(&name),
            meters: self.wanted.meters.all(&name),
            ready: self.wanted.ready.keys().cloned().collect(),
            beacons: self.wanted.beacons.all(),
            watched: self.wanted.watched.all(),
            stale_rows: self.wanted.stale_rows.all(),
            findings: self.findings(),
        }
    }

    /// The same, computed from the facts alone without memory of earlier runs: what [`desired`](Self::desired) has to be. The
    /// engine is as before afterwards.
    #[must_use]
    pub fn recompute(&mut self) -> Desired {
        let fresh = Graph::with_facts(self.graph.facts.clone());
        let graph = std::mem::replace(&mut self.graph, fresh);
        let wanted = std::mem::take(&mut self.wanted);
        self.add_units(Subjects::Node, None);
        let rows: Vec<(Table, RowId)> = self.graph.facts.row_names().cloned().collect();
        for (table, id) in rows {
            self.add_units(Subjects::Rows(table), Some(&id));
        }
        let interfaces: Vec<RowId> = self.graph.facts.interfaces().cloned().collect();
        for port in interfaces {
            self.add_units(Subjects::Interfaces, Some(&port));
        }
        self.run_units();
        for (space, owner) in self.graph.facts.numbers.owners() {
            self.add_units(Subjects::Owners(space), Some(&owner));
        }
        self.run_units();
        self.settle();
        let desired = self.desired();
        self.graph = graph;
        self.wanted = wanted;
        desired
    }

    /// The numbers that are given, to be kept beside the switch.
    #[must_use]
    pub const fn numbers(&self) -> &Numbers {
        &self.graph.facts.numbers
    }

    /// How many flows there should be.
    #[must_use]
    pub fn flow_count(&self) -> usize {
        self.wanted.flows.len()
    }

    /// How many units there are, and how many facts they read.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        (self.graph.units().count(), self.graph.reads.len())
    }

    /// Who makes flows with this cookie; nobody, for one that is not ours.
    #[must_use]
    pub fn explain(&self, cookie: Cookie) -> Vec<Explanation> {
        self.explain_all(&BTreeSet::from([cookie]))
    }

    /// The same for several at once, at the cost of one.
    #[must_use]
    pub fn explain_all(&self, cookies: &BTreeSet<Cookie>) -> Vec<Explanation> {
        let mut found: Vec<(&UnitName, Explanation)> = Vec::new();
        for unit in self.graph.units() {
            let registered = &self.rules[usize::from(unit.name.rule)];
            let is_meant =
                |object| cookies.contains(&cookie_of(registered.app, registered.rule_of_app, object));
            let subject = unit.name.subject.as_ref();
            if is_meant(subject) {
                found.push((&unit.name, registered.explanation(subject)));
            }
            let about = unit.said.rest.iter().flat_map(|rest| &rest.about);
            found.extend(
                about
                    .filter(|object| is_meant(Some(object)))
                    .map(|object| (&unit.name, registered.explanation_about(object))),
            );
        }
        found.sort_by_key(|(name, _)| *name);
        found.into_iter().map(|(_, explanation)| explanation).collect()
    }
}

impl Wanted {
    /// Takes what a unit says in the place of what it said.
    fn replace(&mut self, no: NodeNo, before: &Said, now: &Said, rules: &[Registered], graph: &Graph) {
        let name = |no: NodeNo| graph.name_of(no);
        replace_claims(&mut self.flows, no, &before.flows, &now.flows, &name);
        let (nothing, empty) = (Default::default(), Default::default());
        let before = before.rest.as_deref().unwrap_or(&nothing);
        let now = now.rest.as_deref().unwrap_or(&empty);
        if before == now {
            return;
        }
        replace_claims(&mut self.groups, no, &before.groups, &now.groups, &name);
        replace_claims(&mut self.meters, no, &before.meters, &now.meters, &name);
        for port in &now.ready {
            self.ready_before.entry(port.clone()).or_insert_with(|| self.ready.contains_key(port));
            *self.ready.entry(port.clone()).or_default() += 1;
        }
        for port in &before.ready {
            self.ready_before.entry(port.clone()).or_insert_with(|| self.ready.contains_key(port));
            if let Some(count) = self.ready.get_mut(port) {
                *count -= 1;
                if *count == 0 {
                    self.ready.remove(port);
                }
            }
        }
        self.tunnel_ends.replace(&before.tunnel_ends, &now.tunnel_ends);
        self.watched.replace(&before.watched, &now.watched);
        self.beacons.replace(&before.beacons, &now.beacons);
        self.stale_rows.replace(&before.stale_rows, &now.stale_rows);
        if before.problems != now.problems {
            let Some(unit) = graph.unit(no) else { return };
            let registered = &rules[usize::from(unit.name.rule)];
            let finding = |problem: &String| registered.finding(unit.name.subject.as_ref(), problem.clone());
            before.problems.iter().map(finding).for_each(|finding| {
                self.findings.remove(&finding);
            });
            self.findings.extend(now.problems.iter().map(finding));
            self.findings_changed = true;
        }
    }
}

fn replace_claims<E: crate::desired::Entry, N: Ord>(
    claims: &mut Claims<E>,
    no: NodeNo,
    before: &[E],
    now: &[E],
    name: &impl Fn(NodeNo) -> N,
) {
    let is_in = |list: &[E], entry: &E| {
        list.binary_search_by(|other| other.cmp_key(entry)).is_ok_and(|place| list[place] == *entry)
    };
    for entry in now.iter().filter(|entry| !is_in(before, entry)) {
        claims.claim(no, entry.clone(), name);
    }
    for entry in before.iter().filter(|entry| !is_in(now, entry)) {
        claims.withdraw(no, entry, name);
    }
}
