//! A set of packed flows with at most one for each key.
//!
//! One slot costs the two words of a boxed slice and a byte of the table; there is no second copy of the key.

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use rustc_hash::FxBuildHasher;
use std::hash::BuildHasher;

use super::{FlowKey, PackedFlow};

/// Flows by key.
#[derive(Debug, Clone, Default)]
pub struct FlowSet {
    flows: HashTable<PackedFlow>,
}

fn hash(key: &[u8]) -> u64 {
    FxBuildHasher.hash_one(key)
}

impl FlowSet {
    /// No flows.
    pub fn new() -> Self {
        Self::default()
    }

    /// Number of flows.
    pub fn len(&self) -> usize {
        self.flows.len()
    }

    /// Whether there is no flow.
    pub fn is_empty(&self) -> bool {
        self.flows.is_empty()
    }

    /// Puts a flow in, and gives the one whose place it took.
    pub fn insert(&mut self, flow: PackedFlow) -> Option<PackedFlow> {
        let entry = self.flows.entry(
            hash(flow.key_bytes()),
            |other| other.key_bytes() == flow.key_bytes(),
            |other| hash(other.key_bytes()),
        );
        match entry {
            Entry::Occupied(mut place) => Some(std::mem::replace(place.get_mut(), flow)),
            Entry::Vacant(place) => {
                place.insert(flow);
                None
            }
        }
    }

    /// Takes the flow with this key out.
    pub fn remove(&mut self, key: &FlowKey) -> Option<PackedFlow> {
        self.remove_bytes(key.as_bytes())
    }

    /// Takes the flow with these key bytes out.
    pub fn remove_bytes(&mut self, key_bytes: &[u8]) -> Option<PackedFlow> {
        let entry = self.flows.find_entry(hash(key_bytes), |flow| flow.key_bytes() == key_bytes).ok()?;
        Some(entry.remove().0)
    }

    /// The flow with these key bytes ([`FlowKey::as_bytes`], [`PackedFlow::key_bytes`]).
    pub fn get(&self, key_bytes: &[u8]) -> Option<&PackedFlow> {
        self.flows.find(hash(key_bytes), |flow| flow.key_bytes() == key_bytes)
    }

    /// All flows, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = &PackedFlow> {
        self.flows.iter()
    }

    /// All flows by table, then from the highest priority down, then by match: the order of a listing.
    pub fn sorted(&self) -> Vec<&PackedFlow> {
        let mut flows: Vec<_> = self.flows.iter().collect();
        flows.sort_by_key(|flow| (flow.table(), std::cmp::Reverse(flow.priority()), flow.key_bytes()));
        flows
    }

    /// Bytes on the heap: the flows and the table that holds them.
    pub fn heap_bytes(&self) -> usize {
        let slot = size_of::<PackedFlow>() + 1;
        self.flows.capacity() * slot + self.flows.iter().map(PackedFlow::heap_bytes).sum::<usize>()
    }
}

impl Extend<PackedFlow> for FlowSet {
    fn extend<I: IntoIterator<Item = PackedFlow>>(&mut self, flows: I) {
        for flow in flows {
            self.insert(flow);
        }
    }
}

impl FromIterator<PackedFlow> for FlowSet {
    fn from_iter<I: IntoIterator<Item = PackedFlow>>(flows: I) -> Self {
        let mut set = Self::new();
        set.extend(flows);
        set
    }
}

impl IntoIterator for FlowSet {
    type Item = PackedFlow;
    type IntoIter = hashbrown::hash_table::IntoIter<PackedFlow>;

    fn into_iter(self) -> Self::IntoIter {
        self.flows.into_iter()
    }
}
