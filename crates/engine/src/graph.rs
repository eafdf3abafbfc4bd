//! Units and derived values, what they read, and which of them have to run.

use std::any::Any;
use std::collections::BTreeSet;
use std::hash::BuildHasher;
use std::sync::Arc;

use hashbrown::HashTable;
use model::RowId;
use rustc_hash::FxBuildHasher;

use crate::derived::Cells;
use crate::facts::Facts;
use crate::numbers::Space;
use crate::read::{KeyNo, NodeNo, ReadKey, ReadSet, Reads};
use crate::sink::Said;

/// A unit, by what it is: the place of its rule and its subject. No two have one name, and names are ordered the same
/// whatever happened before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct UnitName<'a> {
    pub(crate) rule: u16,
    pub(crate) subject: Option<&'a RowId>,
}

/// There are several for each row, most of which say nothing: so this is small, and needs nothing else on the heap then.
#[derive(Debug)]
pub(crate) struct Unit {
    pub(crate) rule: u16,
    /// Whether it waits to be run.
    pub(crate) is_dirty: bool,
    /// One for all units that came with it.
    pub(crate) subject: Option<Arc<RowId>>,
    pub(crate) reads: ReadSet,
    pub(crate) said: Said,
}

impl Unit {
    pub(crate) fn name(&self) -> UnitName<'_> {
        UnitName { rule: self.rule, subject: self.subject() }
    }

    pub(crate) fn subject(&self) -> Option<&RowId> {
        self.subject.as_deref()
    }
}

pub(crate) type AnyArc = Arc<dyn Any + Send + Sync>;

#[derive(Debug)]
pub(crate) struct Cell {
    pub(crate) key: AnyArc,
    pub(crate) value: AnyArc,
    pub(crate) reads: ReadSet,
    pub(crate) is_dirty: bool,
    pub(crate) is_computing: bool,
    pub(crate) compute: fn(&mut Graph, NodeNo) -> bool,
    pub(crate) forget: fn(&mut Graph, &(dyn Any + Send + Sync)),
}

#[derive(Debug)]
pub(crate) enum Node {
    Unit(Unit),
    Cell(Box<Cell>),
    Free,
}

fn unit_at(nodes: &[Node], no: NodeNo) -> Option<&Unit> {
    match nodes.get(no as usize) {
        Some(Node::Unit(unit)) => Some(unit),
        _ => None,
    }
}

fn hash(name: UnitName<'_>) -> u64 {
    FxBuildHasher.hash_one(name)
}

/// The facts and everybody who reads them.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    pub(crate) facts: Facts,
    pub(crate) reads: Reads,
    pub(crate) cells: Cells,
    nodes: Vec<Node>,
    free: Vec<NodeNo>,
    /// The units by their names, which are in the nodes.
    units: HashTable<NodeNo>,
    dirty_units: Vec<NodeNo>,
    dirty_cells: BTreeSet<NodeNo>,
    /// Keys that lost their last reader; whoever reads them again before the step ends keeps them.
    unread: Vec<ReadKey>,
    pub(crate) numbers_changed: bool,
    /// Numbers that were given or taken back, with their owners, in this order.
    pub(crate) number_news: Vec<NumberNews>,
}

/// A number that is given now, or is not any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NumberNews {
    pub(crate) space: Space,
    pub(crate) owner: RowId,
    pub(crate) number: u32,
    pub(crate) is_given: bool,
}

impl Graph {
    /// A graph in which nobody has read these facts yet.
    pub(crate) fn with_facts(facts: Facts) -> Self {
        Self { facts, ..Self::default() }
    }

    pub(crate) fn insert_node(&mut self, node: Node) -> NodeNo {
        match self.free.pop() {
            Some(no) => {
                self.nodes[no as usize] = node;
                no
            }
            None => {
                self.nodes.push(node);
                NodeNo::try_from(self.nodes.len() - 1)
                    .expect("memory ends before four thousand million nodes")
            }
        }
    }

    pub(crate) fn cell_at(&self, no: NodeNo) -> Option<&Cell> {
        match self.nodes.get(no as usize) {
            Some(Node::Cell(cell)) => Some(cell),
            _ => None,
        }
    }

    pub(crate) fn cell_mut(&mut self, no: NodeNo) -> Option<&mut Cell> {
        match self.nodes.get_mut(no as usize) {
            Some(Node::Cell(cell)) => Some(cell),
            _ => None,
        }
    }

    pub(crate) fn unit(&self, no: NodeNo) -> Option<&Unit> {
        unit_at(&self.nodes, no)
    }

    pub(crate) fn unit_mut(&mut self, no: NodeNo) -> Option<&mut Unit> {
        match self.nodes.get_mut(no as usize) {
            Some(Node::Unit(unit)) => Some(unit),
            _ => None,
        }
    }

    /// A unit that was not there before, and has to run.
    pub(crate) fn add_unit(&mut self, rule: u16, subject: Option<&Arc<RowId>>) {
        let name = UnitName { rule, subject: subject.map(|subject| &**subject) };
        if self.unit_no(name).is_none() {
            let subject = subject.cloned();
            let unit =
                Unit { rule, is_dirty: true, subject, reads: ReadSet::default(), said: Said::default() };
            let no = self.insert_node(Node::Unit(unit));
            let nodes = &self.nodes;
            let rehash = |no: &NodeNo| unit_at(nodes, *no).map_or(0, |unit| hash(unit.name()));
            self.units.insert_unique(hash(name), no, rehash);
            self.dirty_units.push(no);
        }
    }

    /// Ends a unit; what it last said, to be withdrawn.
    pub(crate) fn remove_unit(&mut self, name: UnitName<'_>) -> Option<(NodeNo, Said)> {
        let nodes = &self.nodes;
        let is_it = |no: &NodeNo| unit_at(nodes, *no).is_some_and(|unit| unit.name() == name);
        let (no, _) = self.units.find_entry(hash(name), is_it).ok()?.remove();
        self.set_reads(no, Vec::new());
        let said = self.unit_mut(no).map(|unit| std::mem::take(&mut unit.said))?;
        self.nodes[no as usize] = Node::Free;
        self.free.push(no);
        Some((no, said))
    }

    pub(crate) fn unit_no(&self, name: UnitName<'_>) -> Option<NodeNo> {
        let is_it = |no: &NodeNo| self.unit(*no).is_some_and(|unit| unit.name() == name);
        self.units.find(hash(name), is_it).copied()
    }

    pub(crate) fn units(&self) -> impl Iterator<Item = &Unit> {
        self.units.iter().filter_map(|no| self.unit(*no))
    }

    /// Everybody who read `key` has to run again.
    pub(crate) fn mark(&mut self, key: &ReadKey) {
        let Self { reads, nodes, dirty_units, dirty_cells, .. } = self;
        reads.for_each_reader(key, &mut |no| match nodes.get_mut(no as usize) {
            Some(Node::Unit(unit)) if !unit.is_dirty => {
                unit.is_dirty = true;
                dirty_units.push(no);
            }
            Some(Node::Cell(cell)) => {
                cell.is_dirty = true;
                dirty_cells.insert(no);
            }
            _ => {}
        });
    }

    /// Notes what a node read in its last run.
    pub(crate) fn set_reads(&mut self, no: NodeNo, now: Vec<KeyNo>) {
        let before = match self.nodes.get_mut(no as usize) {
            Some(Node::Unit(unit)) => &mut unit.reads,
            Some(Node::Cell(cell)) => &mut cell.reads,
            _ => return,
        };
        if before[..] != now[..] {
            let before = std::mem::replace(before, ReadSet::from_slice(&now));
            self.reads.replace(no, &before, &now, &mut self.unread);
        }
    }

    /// The units that have to run, in the order of their names. Values that may have changed are computed first, and tell
    /// who has to run because of them.
    pub(crate) fn take_dirty(&mut self) -> Vec<NodeNo> {
        while let Some(no) = self.dirty_cells.pop_first() {
            self.refresh_cell(no);
        }
        let mut dirty = std::mem::take(&mut self.dirty_units);
        // A place may have been left and taken again: then it occurs twice, or is not dirty.
        dirty.retain(|no| match self.nodes.get_mut(*no as usize) {
            Some(Node::Unit(unit)) => std::mem::take(&mut unit.is_dirty),
            _ => false,
        });
        dirty.sort_unstable_by(|one, other| self.name_of(*one).cmp(&self.name_of(*other)));
        dirty
    }

    /// The name of a unit.
    pub(crate) fn name_of(&self, no: NodeNo) -> Option<UnitName<'_>> {
        self.unit(no).map(Unit::name)
    }

    /// Has the next [`sweep`](Self::sweep) look whether anybody reads `key`: who reads without being run again keeps nothing.
    pub(crate) fn keep_if_read(&mut self, key: ReadKey) {
        self.unread.push(key);
    }

    /// Forgets values and numbers that nobody reads any more.
    pub(crate) fn sweep(&mut self) {
        while let Some(key) = self.unread.pop() {
            if self.reads.is_read(&key) {
                continue;
            }
            match key {
                ReadKey::Value(no) => self.forget_cell(no),
                ReadKey::Number(space, owner) => self.take_number_back(space, owner),
                _ => {}
            }
        }
    }

    fn take_number_back(&mut self, space: Space, owner: RowId) {
        if let Some(number) = self.facts.numbers.take_back(space, &owner) {
            self.numbers_changed = true;
            self.number_news.push(NumberNews { space, owner, number, is_given: false });
        }
    }

    /// Takes back numbers from before a restart that nobody wants any more.
    pub(crate) fn sweep_numbers(&mut self) {
        for (space, owner) in self.facts.numbers.owners() {
            if !self.reads.is_read(&ReadKey::Number(space, owner.clone())) {
                self.take_number_back(space, owner);
            }
        }
    }

    fn forget_cell(&mut self, no: NodeNo) {
        let Some(Node::Cell(_)) = self.nodes.get(no as usize) else { return };
        self.set_reads(no, Vec::new());
        if let Node::Cell(cell) = std::mem::replace(&mut self.nodes[no as usize], Node::Free) {
            (cell.forget)(self, &*cell.key);
            self.dirty_cells.remove(&no);
            self.free.push(no);
        }
    }

    pub(crate) fn give_number(&mut self, space: Space, owner: &RowId) -> Option<u32> {
        if let Some(number) = self.facts.numbers.get(space, owner) {
            return Some(number);
        }
        let number = self.facts.numbers.give(space, owner)?;
        self.numbers_changed = true;
        self.number_news.push(NumberNews { space, owner: owner.clone(), number, is_given: true });
        Some(number)
    }
}

#[cfg(test)]
mod tests {
    use openflow::flow::PackedFlow;

    use super::*;

    /// A node with ten thousand ports has a hundred thousand of each. Who makes one larger sees here that all become so.
    #[test]
    fn what_there_is_most_of_is_small() {
        assert_eq!(size_of::<Node>(), 64);
        assert_eq!(size_of::<model::IndexKey>(), 24);
        assert_eq!(size_of::<ReadKey>(), 32);
        assert_eq!(crate::read::entry_bytes(), 56);
        assert_eq!(crate::desired::slot_bytes::<PackedFlow>(), 24);
    }
}
