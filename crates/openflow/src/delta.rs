//! What changes in a switch: the unit that the switch connection commits and the flow interpreter installs.

use crate::flow::{FlowKey, PackedFlow};
use crate::group::Group;
use crate::meter::Meter;

/// A set of changes without an order of its own; who applies it puts what is referred to before what refers to it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Delta {
    /// Flows to add, or to put in the place of those with the same key.
    pub flows: Vec<PackedFlow>,
    /// Flows to delete.
    pub delete_flows: Vec<FlowKey>,
    /// Groups to add or replace.
    pub groups: Vec<Group>,
    /// Groups to delete.
    pub delete_groups: Vec<u32>,
    /// Meters to add or replace.
    pub meters: Vec<Meter>,
    /// Meters to delete.
    pub delete_meters: Vec<u32>,
}

impl Delta {
    /// Nothing changes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of entries that are written or deleted.
    pub fn len(&self) -> usize {
        self.flows.len()
            + self.delete_flows.len()
            + self.groups.len()
            + self.delete_groups.len()
            + self.meters.len()
            + self.delete_meters.len()
    }
}
