//! Values that are computed from facts and shared by many units.

use std::any::{Any, TypeId};
use std::fmt::Debug;
use std::hash::Hash;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::graph::{Cell, Graph, Node};
use crate::read::{NodeNo, ReadKey, ReadSet};
use crate::view::View;

/// A function of facts whose values are kept: the addresses of a group, the networks that a router reaches.
///
/// When a fact that it read changes, it is computed again, and those who read it run again only if the value is another
/// one. A value that would need itself is the default.
pub trait Derived: 'static {
    /// Of what it is a function, besides facts.
    type Key: Clone + Eq + Hash + Debug + Send + Sync + 'static;
    /// What it says.
    type Value: Eq + Default + Debug + Send + Sync + 'static;

    /// Computes it. Pure and total, like a rule.
    fn compute(view: &mut View<'_>, key: &Self::Key) -> Self::Value;
}

/// Where the values of all kinds are.
#[derive(Debug, Default)]
pub(crate) struct Cells {
    kinds: FxHashMap<TypeId, Box<dyn Any + Send + Sync>>,
}

type Kind<D> = FxHashMap<<D as Derived>::Key, NodeNo>;

impl Cells {
    fn kind<D: Derived>(&mut self) -> &mut Kind<D> {
        let any = self.kinds.entry(TypeId::of::<D>()).or_insert_with(|| Box::new(Kind::<D>::default()));
        any.downcast_mut().expect("each kind is kept under its own type")
    }
}

impl Graph {
    /// The node of a value; it is computed if nobody needed it before.
    pub(crate) fn cell<D: Derived>(&mut self, key: &D::Key) -> NodeNo {
        if let Some(node) = self.cells.kind::<D>().get(key) {
            return *node;
        }
        let node = self.insert_node(Node::Cell(Box::new(Cell {
            key: Arc::new(key.clone()),
            value: Arc::new(D::Value::default()),
            reads: ReadSet::default(),
            is_dirty: true,
            is_computing: false,
            compute: compute::<D>,
            forget: forget::<D>,
        })));
        self.cells.kind::<D>().insert(key.clone(), node);
        node
    }

    /// The value of a node, computed again if it has to be.
    pub(crate) fn value<D: Derived>(&mut self, node: NodeNo) -> Arc<D::Value> {
        self.refresh_cell(node);
        let value = self.cell_mut(node).map(|cell| Arc::clone(&cell.value));
        value.and_then(|value| value.downcast().ok()).unwrap_or_default()
    }

    /// Computes a value again if a fact that it read changed.
    pub(crate) fn refresh_cell(&mut self, node: NodeNo) {
        let Some(cell) = self.cell_mut(node) else { return };
        if !cell.is_dirty || cell.is_computing {
            return;
        }
        cell.is_dirty = false;
        cell.is_computing = true;
        let compute = cell.compute;
        let has_changed = compute(self, node);
        if let Some(cell) = self.cell_mut(node) {
            cell.is_computing = false;
        }
        if has_changed {
            self.mark(&ReadKey::Value(node));
        }
    }
}

/// Computes the value of a node; whether it is another one.
fn compute<D: Derived>(graph: &mut Graph, node: NodeNo) -> bool {
    let key = graph.cell_mut(node).map(|cell| Arc::clone(&cell.key));
    let Some(key) = key.and_then(|key| key.downcast::<D::Key>().ok()) else { return false };
    let mut view = View::recording(graph);
    let value = D::compute(&mut view, &key);
    let reads = view.into_reads();
    graph.set_reads(node, reads);
    let Some(cell) = graph.cell_mut(node) else { return false };
    let is_same = cell.value.downcast_ref::<D::Value>() == Some(&value);
    if !is_same {
        cell.value = Arc::new(value);
    }
    !is_same
}

fn forget<D: Derived>(graph: &mut Graph, key: &(dyn Any + Send + Sync)) {
    if let Some(key) = key.downcast_ref::<D::Key>() {
        graph.cells.kind::<D>().remove(key);
    }
}
