//! Comparing a specification with what there is. Pure, and total: every input gives a plan.

use std::collections::{BTreeMap, BTreeSet};

use ovsdb::Uuid;
use ovsdb::transaction::{Mutations, Transaction, Values};
use ovsdb::vswitch::{Bridge, Controller, Interface, Port};

use super::edit::{self, Anchor, Edit, Seen, Step};
use super::problem::Problem;
use super::spec::{BridgeSpec, PeerBridge, WantedPort};
use super::{ID_KEY_PREFIX, is_owned, mark};
use crate::configuration::Configuration;

const SECURE: &str = "secure";
const OPENFLOW13: &str = "OpenFlow13";
/// What an empty `datapath_type` means.
const DEFAULT_DATAPATH_TYPE: &str = "system";
/// Without in-band control no hidden flows of Open vSwitch precede ours.
const OUT_OF_BAND: &str = "out-of-band";

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

    /// What is to be done; each prints as a sentence.
    #[must_use]
    pub fn edits(&self) -> &[Edit] {
        &self.edits
    }

    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
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
    if let Some(bridge) = planner.integration_bridge() {
        planner.controllers(&bridge);
        let wanted = planner.wanted_ports(&bridge);
        planner.remove_unwanted(&wanted);
        for port in wanted.values() {
            planner.port(port);
        }
    }
    let Planner { edits, mut problems, .. } = planner;
    problems.sort();
    problems.dedup();
    Plan { edits: edits.into_iter().map(Edit).collect(), problems }
}

struct Planner<'a> {
    spec: &'a BridgeSpec,
    configuration: &'a Configuration,
    ports: BTreeMap<&'a str, (Uuid, &'a Port)>,
    interfaces: BTreeMap<&'a str, (Uuid, &'a Interface)>,
    bridges_of: BTreeMap<Uuid, Vec<Seen<Bridge>>>,
    /// Interfaces that go with ports that the plan removes.
    freed: BTreeSet<Uuid>,
    new_bridges: BTreeSet<String>,
    edits: Vec<Step>,
    problems: Vec<Problem>,
}

impl<'a> Planner<'a> {
    fn new(spec: &'a BridgeSpec, configuration: &'a Configuration) -> Self {
        let ports = configuration.ports().iter();
        let interfaces = configuration.interfaces().iter();
        let mut bridges_of: BTreeMap<Uuid, Vec<Seen<Bridge>>> = BTreeMap::new();
        for (uuid, bridge) in configuration.bridges() {
            for port in &bridge.ports {
                let is_ours = |port: &Port| is_owned(&port.external_ids, &spec.name);
                let row = configuration.ports().get(port);
                // Only our own ports and those in our way are asked about; a bridge has thousands of others.
                let is_wanted = |port: &Port| spec.names_port(&port.name);
                if row.is_some_and(|port| is_ours(port) || is_wanted(port)) {
                    bridges_of.entry(*port).or_default().push((*uuid, bridge.as_ref().clone()));
                }
            }
        }
        Self {
            spec,
            configuration,
            ports: ports.map(|(uuid, row)| (row.name.as_str(), (*uuid, row.as_ref()))).collect(),
            interfaces: interfaces.map(|(uuid, row)| (row.name.as_str(), (*uuid, row.as_ref()))).collect(),
            bridges_of,
            freed: BTreeSet::new(),
            new_bridges: BTreeSet::new(),
            edits: Vec::new(),
            problems: Vec::new(),
        }
    }

    /// Sees to the bridge itself. None if it cannot be had.
    fn integration_bridge(&mut self) -> Option<Anchor> {
        let spec = self.spec;
        let Some((uuid, row)) = self.configuration.bridge(&spec.name) else {
            let mut external_ids = mark(&spec.name);
            external_ids.extend(stored(spec.ids.as_ref()?_or_empty()));
            return None;
        };
        None
    }
}
