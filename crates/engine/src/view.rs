//! How apps see the facts: through a window that remembers what was looked at.
//!
//! There is no other way to reach a fact, so a unit that depends on something has read it, and runs again when it changes.
//! Look-ups differ in how much they depend on. Reading *whether* a network has a port here costs a run when the first
//! port comes and the last one goes; reading the ports costs a run for each.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{Chassis, Id, Index, IndexKey, LogicalPort, Model, RowId, TunnelType};
use net_types::OfPort;

use crate::bucket::Bucket;
use crate::derived::Derived;
use crate::graph::Graph;
use crate::node::{Interface, MetadataProxy, Provider, Settings};
use crate::numbers::Space;
use crate::peers::{Peers, Reach};
use crate::read::{KeyNo, ReadKey};

/// The facts, for one run of one unit.
#[derive(Debug)]
pub struct View<'a> {
    graph: &'a mut Graph,
    reads: Vec<KeyNo>,
    /// Responders read without being run again.
    records: bool,
}

impl<'a> View<'a> {
    pub(crate) const fn recording(graph: &'a mut Graph) -> Self {
        Self { graph, reads: Vec::new(), records: true }
    }

    pub(crate) const fn passing(graph: &'a mut Graph) -> Self {
        Self { graph, reads: Vec::new(), records: false }
    }

    /// What was read, sorted and each once.
    pub(crate) fn into_reads(mut self) -> Vec<KeyNo> {
        self.reads.sort_unstable();
        self.reads.dedup();
        self.reads
    }

    fn note(&mut self, key: impl FnOnce() -> ReadKey) {
        if self.records {
            let no = self.graph.reads.intern(key());
            self.reads.push(no);
        }
    }

    /// A row.
    pub fn get<T: Model>(&mut self, id: &Id<T>) -> Option<Arc<T>> {
        self.note(|| ReadKey::Row(T::TABLE, id.row().clone()));
        T::of_object(self.graph.facts.row(T::TABLE, id.row())?).cloned()
    }

    /// The rows that an index gives for a key, in the order of their ids.
    pub fn by<T: Model, K: Into<IndexKey>>(&mut self, index: &Index<T, K>, key: K) -> Vec<Arc<T>> {
        let ids = self.ids_by(index, key);
        ids.iter().filter_map(|id| self.get(id)).collect()
    }

    /// Which rows an index gives for a key, in order; what they say is not read.
    pub fn ids_by<T: Model, K: Into<IndexKey>>(&mut self, index: &Index<T, K>, key: K) -> Vec<Id<T>> {
        let (name, key) = index.key(key);
        self.note(|| ReadKey::Bucket(T::TABLE, name, key.clone()));
        let ids = self.graph.facts.bucket((T::TABLE, name), &key);
        ids.into_iter().flat_map(Bucket::iter).cloned().map(Id::from_row).collect()
    }

    /// Whether an index gives any row for a key.
    pub fn any<T: Model, K: Into<IndexKey>>(&mut self, index: &Index<T, K>, key: K) -> bool {
        let (name, key) = index.key(key);
        self.note(|| ReadKey::Any(T::TABLE, name, key.clone()));
        self.graph.facts.bucket((T::TABLE, name), &key).is_some()
    }

    /// In an index by pairs, the second halves that occur with `first`: for example the hypervisors of a network.
    pub fn halves<T: Model, A: Into<IndexKey>, B: Into<IndexKey>>(
        &mut self,
        index: &Index<T, (A, B)>,
        first: A,
    ) -> Vec<IndexKey> {
        let first = first.into();
        self.note(|| ReadKey::Halves(T::TABLE, index.id(), first.clone()));
        self.graph.facts.halves((T::TABLE, index.id()), &first)
    }

    /// The ids of all rows of a table, in order. For tables that are short.
    pub fn all<T: Model>(&mut self) -> Vec<Id<T>> {
        self.note(|| ReadKey::Table(T::TABLE));
        self.graph.facts.ids(T::TABLE).into_iter().map(Id::from_row).collect()
    }

    /// The settings of the node. There are none before the first step that brings them.
    pub fn settings(&mut self) -> Option<Settings> {
        self.note(|| ReadKey::Settings);
        self.graph.facts.settings.clone()
    }

    /// The interface of a port on this node.
    pub fn interface(&mut self, port: &Id<LogicalPort>) -> Option<Interface> {
        self.note(|| ReadKey::Interface(port.row().clone()));
        self.graph.facts.interface(port.row()).cloned()
    }

    /// The tunnel ports of this node.
    pub fn tunnels(&mut self) -> BTreeMap<TunnelType, OfPort> {
        self.note(|| ReadKey::Tunnels);
        self.graph.facts.tunnels.clone()
    }

    /// The ways of this node to physical networks.
    pub fn providers(&mut self) -> BTreeMap<String, Provider> {
        self.note(|| ReadKey::Providers);
        self.graph.facts.providers.clone()
    }

    /// What is seen of another node.
    pub fn reach(&mut self, chassis: &Id<Chassis>) -> Reach {
        self.note(|| ReadKey::Peer(chassis.row().clone()));
        self.graph.facts.peers.reach.get(chassis).copied().unwrap_or_default()
    }

    /// The switch port by which this node asks another one whether it is there, and answers it.
    pub fn session_port(&mut self, chassis: &Id<Chassis>) -> Option<OfPort> {
        self.note(|| ReadKey::PeerPort(chassis.row().clone()));
        self.graph.facts.peers.ports.get(chassis).copied().map(OfPort::new)
    }

    /// What is seen of all nodes that this one watches. For values that seldom become others.
    pub fn peers(&mut self) -> Peers {
        self.note(|| ReadKey::Peers);
        self.graph.facts.peers.clone()
    }

    /// The proxy of the metadata service on this node, if there is a way to it.
    pub fn metadata(&mut self) -> Option<MetadataProxy> {
        self.note(|| ReadKey::Metadata);
        self.graph.facts.metadata.clone()
    }

    /// The number of `owner` in a space, which is its own as long as a unit reads it; `None` when there are no more.
    pub fn number<T>(&mut self, space: Space, owner: &Id<T>) -> Option<u32> {
        self.note(|| ReadKey::Number(space, owner.row().clone()));
        match self.records {
            true => self.graph.give_number(space, owner.row()),
            false => self.graph.facts.numbers.get(space, owner.row()),
        }
    }

    /// The number that somebody else's reading gave to `owner`. It is not kept by being looked at here.
    pub(crate) fn given(&self, space: Space, owner: &RowId) -> Option<u32> {
        self.graph.facts.numbers.get(space, owner)
    }

    /// A derived value. It is computed once for all who read it, and they run again only if it becomes another one.
    pub fn derived<D: Derived>(&mut self, key: &D::Key) -> Arc<D::Value> {
        let node = self.graph.cell::<D>(key);
        if self.records {
            self.note(|| ReadKey::Value(node));
        } else {
            self.graph.keep_if_read(ReadKey::Value(node));
        }
        self.graph.value::<D>(node)
    }
}
