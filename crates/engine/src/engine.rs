//! The step: take everything that is new, run the units that it concerns, say what differs.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::{RowId, Table};
use net_types::OfPort;

use crate::desired::{Desired, Finding};
use crate::facts::Changed;
use crate::graph::{Graph, NumberNews, UnitName};
use crate::input::{Input, Outputs, RowChange};
use crate::numbers::{Numbers, Space};
use crate::packet::{PacketIn, Reply, Responder};
use crate::read::NodeNo;
use crate::registered::Registered;
use crate::reserve::Reserve;
use crate::rule::{App, Subjects};
use crate::sink::{Said, Sink};
use crate::view::View;
use crate::wanted::Wanted;

/// What one node should hold in its switch.
#[derive(Debug)]
pub struct Engine {
    pub(crate) rules: Vec<Registered>,
    responders: Vec<Responder>,
    pub(crate) graph: Graph,
    wanted: Wanted,
    is_started: bool,
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
        let mut outputs = self.wanted.settle(&self.rules, &self.graph);
        outputs.numbers_changed = std::mem::take(&mut self.graph.numbers_changed);
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
                    .rows()
                    .map(|row| (row.table(), row.id()))
                    .filter(|(table, id)| tables.contains(table) && !present.contains(&(*table, *id)))
                    .map(|(table, id)| (table, id.clone()))
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
        let subject = subject.cloned().map(Arc::new);
        for rule in self.rules_for(subjects) {
            self.graph.add_unit(rule, subject.as_ref());
        }
    }

    fn remove_units(&mut self, subjects: Subjects, subject: &RowId) {
        for rule in self.rules_for(subjects) {
            let name = UnitName { rule, subject: Some(subject) };
            // Names decide between claims, so what a unit said is withdrawn while it still has one.
            if let Some(no) = self.graph.unit_no(name) {
                let said =
                    self.graph.unit_mut(no).map(|unit| std::mem::take(&mut unit.said)).unwrap_or_default();
                self.wanted.replace(no, &said, &Said::default(), &self.rules, &self.graph);
                self.graph.remove_unit(name);
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
        let Some(unit) = self.graph.unit(no) else { return };
        let (rule, subject) = (unit.rule, unit.subject.clone());
        let said = self.run(no, rule, subject.as_deref());
        let before = match self.graph.unit_mut(no) {
            Some(unit) if unit.said != said => std::mem::replace(&mut unit.said, said.clone()),
            _ => return,
        };
        self.wanted.replace(no, &before, &said, &self.rules, &self.graph);
    }

    /// Runs a unit; what it says now.
    fn run(&mut self, no: NodeNo, rule: u16, subject: Option<&RowId>) -> Said {
        let registered = &self.rules[usize::from(rule)];
        let mut sink = Sink::new(registered.app, registered.rule_of_app, subject);
        let mut view = View::recording(&mut self.graph);
        (registered.rule.compile)(&mut view, subject, &mut sink);
        let reads = view.into_reads();
        self.graph.set_reads(no, reads);
        sink.finish()
    }

    fn respond(&mut self, packet: &PacketIn) -> Reply {
        let op = packet.userdata.first();
        let Some(responder) = self.responders.iter().find(|responder| Some(&responder.op) == op) else {
            return Reply::Ignore("no app answers such packets");
        };
        (responder.respond)(&mut View::passing(&mut self.graph), packet)
    }

    /// All that is wrong now.
    #[must_use]
    pub fn findings(&self) -> Vec<Finding> {
        self.wanted.findings(&self.rules, &self.graph)
    }

    /// What should be in the switch now.
    #[must_use]
    pub fn desired(&self) -> Desired {
        self.wanted.desired(&self.rules, &self.graph)
    }

    /// The same, computed from the facts alone without memory of earlier runs: what [`desired`](Self::desired) has to be. The
    /// engine is as before afterwards.
    #[must_use]
    pub fn recompute(&mut self) -> Desired {
        let fresh = Graph::with_facts(self.graph.facts.clone());
        let graph = std::mem::replace(&mut self.graph, fresh);
        let wanted = std::mem::take(&mut self.wanted);
        self.add_units(Subjects::Node, None);
        let rows = self.graph.facts.rows().map(|row| (row.table(), row.id().clone()));
        for (table, id) in rows.collect::<Vec<_>>() {
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
        self.wanted.settle(&self.rules, &self.graph);
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
        self.wanted.flow_count()
    }

    /// Bandwidth that ports are promised, in order.
    #[must_use]
    pub fn reserves(&self) -> Vec<Reserve> {
        self.wanted.reserves()
    }

    /// How many units there are, and how many facts they read.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        (self.graph.units().count(), self.graph.reads.len())
    }
}
