//! What is installed in a switch.
//!
//! # Guarantees
//! - A [`Delta`] is applied as a whole, and as a switch does it: a flow takes the place of the one with its key, what is
//!   deleted and not there is no error.
//! - Installing and removing leaves nothing behind: a switch is equal to another one in which the same is installed, in
//!   whatever order it got there.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use net_types::OfPort;
use openflow::group::Group;
use openflow::meter::Meter;
use openflow::{Delta, Flow, PackedFlow};

use crate::entry::Entry;
use crate::key::Key;
use crate::lookup::{Found, Table};

/// Flows, groups, meters and ports of one switch.
#[derive(Debug, Default)]
pub struct Switch {
    tables: BTreeMap<u8, Table>,
    groups: BTreeMap<u32, Arc<Group>>,
    meters: BTreeMap<u32, Meter>,
    ports: Option<BTreeSet<OfPort>>,
}

impl Switch {
    /// A switch without flows, of whose ports nothing is known: every output counts.
    pub fn new() -> Self {
        Self::default()
    }

    /// Says which ports there are. Outputs to others then go nowhere, and floods name the ports that they reach.
    pub fn set_ports(&mut self, ports: impl IntoIterator<Item = OfPort>) {
        self.ports = Some(ports.into_iter().collect());
    }

    /// The ports, where they are known.
    pub fn ports(&self) -> Option<&BTreeSet<OfPort>> {
        self.ports.as_ref()
    }

    /// Makes the changes.
    pub fn apply(&mut self, delta: &Delta) {
        for key in &delta.delete_flows {
            if let Some(table) = self.tables.get_mut(&key.table()) {
                table.remove(&key.matching(), key.priority());
            }
        }
        for flow in &delta.flows {
            self.tables.entry(flow.table()).or_default().insert(Entry::new(flow));
        }
        self.tables.retain(|_, table| !table.is_empty());
        self.tables.values_mut().for_each(Table::settle);
        for id in &delta.delete_groups {
            self.groups.remove(id);
        }
        for group in &delta.groups {
            self.groups.insert(group.id, Arc::new(group.clone()));
        }
        for id in &delta.delete_meters {
            self.meters.remove(id);
        }
        for meter in &delta.meters {
            self.meters.insert(meter.id, meter.clone());
        }
    }

    /// Installs flows. One that no message could carry is left out, and returned.
    pub fn install<'a>(&mut self, flows: impl IntoIterator<Item = &'a Flow>) -> Vec<&'a Flow> {
        let mut delta = Delta::default();
        let mut refused = Vec::new();
        for flow in flows {
            match PackedFlow::new(flow) {
                Ok(packed) => delta.flows.push(packed),
                Err(_) => refused.push(flow),
            }
        }
        self.apply(&delta);
        refused
    }

    /// Installs groups.
    pub fn install_groups(&mut self, groups: impl IntoIterator<Item = Group>) {
        self.apply(&Delta { groups: groups.into_iter().collect(), ..Delta::default() });
    }

    /// The flow of a table that decides about a packet. Of a fragment a switch sees no ports: it cannot know those of a
    /// later one, and treats the first one alike.
    pub fn lookup(&self, table: u8, key: &Key) -> Option<Found> {
        let table = self.tables.get(&table)?;
        if key.is_fragment() {
            let mut without_ports = key.clone();
            (without_ports.net.tp_src, without_ports.net.tp_dst) = (0, 0);
            return table.lookup(&without_ports);
        }
        table.lookup(key)
    }

    /// A group.
    pub fn group(&self, id: u32) -> Option<&Arc<Group>> {
        self.groups.get(&id)
    }

    /// The groups, by id.
    pub fn groups(&self) -> impl Iterator<Item = &Group> {
        self.groups.values().map(AsRef::as_ref)
    }

    /// The meters, by id.
    pub fn meters(&self) -> impl Iterator<Item = &Meter> {
        self.meters.values()
    }

    /// Whether a meter exists.
    pub fn has_meter(&self, id: u32) -> bool {
        self.meters.contains_key(&id)
    }

    /// Tables that have flows, with them.
    pub fn tables(&self) -> impl Iterator<Item = (u8, &Table)> {
        self.tables.iter().map(|(id, table)| (*id, table))
    }

    /// Number of flows in a table.
    pub fn flow_count(&self, table: u8) -> usize {
        self.tables.get(&table).map_or(0, Table::len)
    }

    /// Number of flows in all tables.
    pub fn len(&self) -> usize {
        self.tables.values().map(Table::len).sum()
    }

    /// Whether nothing is installed.
    pub fn is_empty(&self) -> bool {
        self.tables.is_empty() && self.groups.is_empty() && self.meters.is_empty()
    }

    /// All flows by table, then from the highest priority down.
    pub fn flows(&self) -> impl Iterator<Item = &Flow> {
        self.entries().map(|entry| &entry.flow)
    }

    /// All installed flows by table, then from the highest priority down.
    pub fn entries(&self) -> impl Iterator<Item = &Arc<Entry>> {
        self.tables.values().flat_map(Table::entries)
    }
}

impl PartialEq for Switch {
    fn eq(&self, other: &Self) -> bool {
        self.groups == other.groups
            && self.meters == other.meters
            && self.ports == other.ports
            && self.flows().eq(other.flows())
    }
}

impl Eq for Switch {}
