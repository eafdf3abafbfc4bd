//! Comparing a specification with what there is. Pure, and total: every input gives a plan.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ovsdb::Uuid;
use ovsdb::transaction::Transaction;
use ovsdb::vswitch::{Bridge, Controller, Interface, Port};

use super::complete;
use super::edit::{self, Anchor, Edit, Seen, Step};
use super::problem::Problem;
use super::shape;
use super::spec::{BridgeSpec, PatchSpec, PeerBridge, WantedPort};
use super::{PEER_KEY, SPEAKER_KEY, is_owned, mark};
use crate::configuration::Configuration;

/// Without in-band control no hidden flows of Open vSwitch precede ours.
const OUT_OF_BAND: &str = "out-of-band";

/// The marks of ports through which other nodes are watched.
const SESSION_KEYS: [&str; 2] = [PEER_KEY, SPEAKER_KEY];

/// What has to be done, and what cannot be.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Plan {
    edits: Vec<Edit>,
    problems: Vec<Problem>,
}

impl Plan {
    /// Whether there is nothing to do. There may be problems all the same.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.edits.is_empty()
    }

    /// What is to be done; each prints as a phrase.
    #[must_use]
    pub fn edits(&self) -> &[Edit] {
        &self.edits
    }

    /// What is not as specified and stays so.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    pub(super) fn into_problems(self) -> Vec<Problem> {
        self.problems
    }

    /// All edits, preceded by tests that the rows they rest on are as they were; empty without edits.
    #[must_use]
    pub fn transaction(&self) -> Transaction {
        edit::transaction(&self.edits)
    }
}

/// What it takes to make the configuration as specified.
#[must_use]
pub fn plan(spec: &BridgeSpec, configuration: &Configuration) -> Plan {
    let mut planner = Planner::new(spec, configuration);
    let mut wanted = WantedPorts::new();
    if let Some(bridge) = planner.integration_bridge() {
        planner.controllers(&bridge);
        wanted = planner.wanted_ports(&bridge);
    }
    planner.remove_misfits(&wanted);
    for (port, bridge) in wanted.into_values() {
        planner.port(port, bridge);
    }
    let Planner { mut steps, mut problems, .. } = planner;
    steps.extend(shape::steps(spec, configuration, &mut problems));
    problems.sort();
    problems.dedup();
    Plan { edits: steps.into_iter().map(Edit).collect(), problems }
}

/// Wanted ports by name, with the bridge that each goes into.
type WantedPorts = BTreeMap<String, (WantedPort, Anchor)>;

/// A port that is ours, or has a name that we want.
struct FoundPort {
    seen: Seen<Port>,
    is_ours: bool,
    bridges: Vec<Seen<Bridge>>,
}

struct Planner<'a> {
    spec: &'a BridgeSpec,
    configuration: &'a Configuration,
    ports: BTreeMap<String, FoundPort>,
    /// Those with a name that we want.
    interfaces: BTreeMap<String, Seen<Interface>>,
    /// Interfaces that go with the ports that the plan removes.
    freed: BTreeSet<Uuid>,
    new_bridges: BTreeSet<String>,
    steps: Vec<Step>,
    problems: Vec<Problem>,
}

impl<'a> Planner<'a> {
    fn new(spec: &'a BridgeSpec, configuration: &'a Configuration) -> Self {
        let names = spec.names();
        let found = |(uuid, row): (&Uuid, &Arc<Port>)| {
            let is_ours = is_owned(&row.external_ids, &spec.name);
            let holders = configuration.bridges().iter().filter(|(_, bridge)| bridge.ports.contains(uuid));
            let holders = holders.map(|(uuid, bridge)| (*uuid, Arc::clone(bridge)));
            let relevant = is_ours || names.contains(row.name.as_str());
            relevant.then(|| {
                let seen = (*uuid, Arc::clone(row));
                (row.name.clone(), FoundPort { seen, is_ours, bridges: holders.collect() })
            })
        };
        let interfaces = configuration.interfaces().iter();
        let wanted = interfaces.filter(|(_, row)| names.contains(row.name.as_str()));
        Self {
            spec,
            configuration,
            ports: configuration.ports().iter().filter_map(found).collect(),
            interfaces: wanted.map(|(uuid, row)| (row.name.clone(), (*uuid, Arc::clone(row)))).collect(),
            freed: BTreeSet::new(),
            new_bridges: BTreeSet::new(),
            steps: Vec::new(),
            problems: Vec::new(),
        }
    }

    /// Sees to the bridge itself. None if it cannot be had.
    fn integration_bridge(&mut self) -> Option<Anchor> {
        let Some((uuid, row)) = self.configuration.bridge(&self.spec.name) else {
            return self.create_bridge(complete::new_bridge(self.spec));
        };
        let seen = (uuid, Arc::clone(row));
        self.steps.extend(complete::completion(self.spec, &seen, &mut self.problems));
        Some(Anchor::Existing(seen))
    }

    fn create_bridge(&mut self, bridge: Bridge) -> Option<Anchor> {
        let name = bridge.name.clone();
        if let Some(port) = self.ports.get(&name) {
            self.problems.push(taken(port));
            return None;
        }
        if self.interfaces.contains_key(&name) {
            self.problems.push(Problem::InterfaceTaken(name));
            return None;
        }
        let root = self.configuration.root().map(|(uuid, _)| uuid);
        self.steps.push(Step::InsertBridge { root, bridge });
        self.new_bridges.insert(name.clone());
        Some(Anchor::New(name))
    }

    fn controllers(&mut self, bridge: &Anchor) {
        let Some(targets) = &self.spec.controllers else { return };
        let mut present = BTreeSet::new();
        if let Anchor::Existing(seen) = bridge {
            for uuid in &seen.1.controller {
                let Some(row) = self.configuration.controllers().get(uuid) else { continue };
                let is_ours = is_owned(&row.external_ids, &self.spec.name);
                if is_ours && !targets.contains(&row.target) {
                    let controller = (*uuid, Arc::clone(row));
                    self.steps.push(Step::RemoveController { bridge: seen.clone(), controller });
                } else {
                    present.insert(&row.target);
                }
            }
        }
        for target in targets.iter().filter(|target| !present.contains(target)) {
            let controller = Controller {
                target: target.clone(),
                connection_mode: Some(OUT_OF_BAND.to_owned()),
                external_ids: mark(&self.spec.name),
                ..Controller::default()
            };
            self.steps.push(Step::InsertController { bridge: bridge.clone(), controller });
        }
    }

    /// The ports that can be had, as far as their bridges and each other are concerned.
    fn wanted_ports(&mut self, bridge: &Anchor) -> WantedPorts {
        let mut wanted = WantedPorts::new();
        for port in self.spec.tunnel_ports().chain(self.spec.internal_ports()) {
            if self.is_free(&wanted, [&port.name]) {
                wanted.insert(port.name.clone(), (port, bridge.clone()));
            }
        }
        for session in self.spec.sessions.iter().flatten() {
            let [speaker, flows] = session.ports(&self.spec.name);
            if self.is_free(&wanted, [&speaker.name, &flows.name]) {
                wanted.insert(speaker.name.clone(), (speaker, bridge.clone()));
                wanted.insert(flows.name.clone(), (flows, bridge.clone()));
            }
        }
        for patch in &self.spec.patches {
            // Half a patch is of no use, and neither is a bridge for it.
            if !self.is_free(&wanted, [&patch.name, &patch.peer_name]) {
                continue;
            }
            if let Some(peer) = self.peer_bridge(&wanted, bridge, patch) {
                let [port, peer_port] = self.spec.patch_ports(patch);
                wanted.insert(port.name.clone(), (port, bridge.clone()));
                wanted.insert(peer_port.name.clone(), (peer_port, peer));
            }
        }
        wanted
    }

    /// Whether these names differ and none is that of a bridge or wanted for another port.
    fn is_free<const N: usize>(&mut self, wanted: &WantedPorts, names: [&String; N]) -> bool {
        let mut seen = BTreeSet::new();
        for name in names {
            // The port that every bridge has takes a name as well.
            let is_bridge = self.new_bridges.contains(name) || self.configuration.bridge(name).is_some();
            let is_used = is_bridge || wanted.contains_key(name);
            if is_used || !seen.insert(name) {
                self.problems.push(Problem::WantedTwice(name.clone()));
                return false;
            }
        }
        true
    }

    fn peer_bridge(&mut self, wanted: &WantedPorts, bridge: &Anchor, patch: &PatchSpec) -> Option<Anchor> {
        let name = &patch.peer_bridge;
        if *name == self.spec.name {
            return Some(bridge.clone());
        }
        if let Some((uuid, row)) = self.configuration.bridge(name) {
            return Some(Anchor::Existing((uuid, Arc::clone(row))));
        }
        if self.new_bridges.contains(name) {
            return Some(Anchor::New(name.clone()));
        }
        match patch.if_missing {
            PeerBridge::Create => {
                if !self.is_free(wanted, [name, &patch.name])
                    || !self.is_free(wanted, [name, &patch.peer_name])
                {
                    return None;
                }
                // A patch connects bridges of one datapath type only.
                let datapath_type = match bridge {
                    Anchor::Existing((_, row)) if !is_owned(&row.external_ids, &self.spec.name) => {
                        row.datapath_type.clone()
                    }
                    Anchor::Existing((_, row)) => {
                        self.spec.datapath_type.clone().unwrap_or_else(|| row.datapath_type.clone())
                    }
                    Anchor::New(_) => self.spec.datapath_type.clone().unwrap_or_default(),
                };
                let external_ids = mark(&self.spec.name);
                let row = Bridge { name: name.clone(), datapath_type, external_ids, ..Bridge::default() };
                self.create_bridge(row)
            }
            PeerBridge::Report => {
                let patch = patch.name.clone();
                self.problems.push(Problem::NoPeerBridge { bridge: name.clone(), patch });
                None
            }
        }
    }

    /// Removes what of ours is not wanted, and what is not where or what it should be: it is made anew.
    fn remove_misfits(&mut self, wanted: &WantedPorts) {
        for (name, port) in self.ports.iter().filter(|(_, port)| port.is_ours) {
            let interface = self.interfaces.get(name);
            let fits = |(wanted, bridge): &(WantedPort, Anchor)| is_in_place(port, interface, wanted, bridge);
            let may_be_wanted = self.spec.sessions.is_none() && is_for_session(&port.seen.1);
            if !may_be_wanted && !wanted.get(name).is_some_and(fits) {
                self.freed.extend(&port.seen.1.interfaces);
                let (bridges, port) = (port.bridges.clone(), port.seen.clone());
                self.steps.push(Step::RemovePort { bridges, port });
            }
        }
    }

    fn port(&mut self, wanted: WantedPort, bridge: Anchor) {
        let found = self.ports.get(&wanted.name);
        let interface = self.interfaces.get(&wanted.name);
        if let Some(port) = found.filter(|port| !port.is_ours) {
            self.problems.push(taken(port));
        } else if let (Some(port), Some(interface)) = (found, interface)
            && is_in_place(port, Some(interface), &wanted, &bridge)
        {
            if !wanted.is_satisfied_by(&interface.1) {
                let (port, interface) = (port.seen.clone(), interface.clone());
                self.steps.push(Step::UpdateInterface { port, interface, wanted });
            }
        } else if interface.is_some_and(|(row, _)| !self.freed.contains(row)) {
            self.problems.push(Problem::InterfaceTaken(wanted.name));
        } else {
            let name_is_free = found.is_none() && interface.is_none();
            let mut owner = mark(&self.spec.name);
            owner.extend(wanted.ids.clone());
            self.steps.push(Step::InsertPort { bridge, port: wanted, owner, name_is_free });
        }
    }
}

/// Whether our port is in its bridge, there alone, consists of this interface, and is for what it should be for.
fn is_in_place(
    port: &FoundPort,
    interface: Option<&Seen<Interface>>,
    wanted: &WantedPort,
    bridge: &Anchor,
) -> bool {
    let (Anchor::Existing((home, _)), Some(interface)) = (bridge, interface) else { return false };
    let is_in_bridge = matches!(port.bridges.as_slice(), [(holder, _)] if holder == home);
    let marks = |ids: &BTreeMap<String, String>| SESSION_KEYS.map(|key| ids.get(key).cloned());
    is_in_bridge
        && port.seen.1.interfaces.iter().eq([&interface.0])
        && marks(&port.seen.1.external_ids) == marks(&wanted.ids)
}

fn is_for_session(port: &Port) -> bool {
    SESSION_KEYS.iter().any(|key| port.external_ids.contains_key(*key))
}

fn taken(port: &FoundPort) -> Problem {
    let bridges = port.bridges.iter().map(|(_, bridge)| bridge.name.clone()).collect();
    Problem::PortTaken { port: port.seen.1.name.clone(), bridges }
}
