//! What the units want together: one entry for each key, and who prevails where they disagree.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hash};

use hashbrown::HashTable;
use model::{RowId, Table};
use openflow::flow::{FlowKey, PackedFlow};
use openflow::group::Group;
use openflow::meter::Meter;
use rustc_hash::FxBuildHasher;

use crate::beacon::Beacon;
use crate::peers::Watched;
use crate::read::NodeNo;
use crate::reserve::Reserve;

/// Something that is wrong with the facts, or with an app.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Finding {
    /// The app that found it.
    pub app: &'static str,
    /// Its rule.
    pub rule: &'static str,
    /// The subject, where there is one.
    pub subject: Option<RowId>,
    /// What is wrong.
    pub problem: String,
}

/// What a node should hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Desired {
    /// Flows, in the order of their keys.
    pub flows: Vec<PackedFlow>,
    /// Groups, in the order of their ids.
    pub groups: Vec<Group>,
    /// Meters, in the order of their ids.
    pub meters: Vec<Meter>,
    /// Ports that forward once the switch holds all this.
    pub ready: Vec<RowId>,
    /// Frames that ports are sent regularly, in order.
    pub beacons: Vec<Beacon>,
    /// Nodes that are watched.
    pub watched: Vec<Watched>,
    /// Bandwidth that ports are promised, in order.
    pub reserves: Vec<Reserve>,
    /// Rows that are not true any more and that this node deletes, in order.
    pub stale_rows: Vec<(Table, RowId)>,
    /// What is wrong.
    pub findings: Vec<Finding>,
}

/// An entry of the switch that has a key.
pub(crate) trait Entry: Clone + Eq {
    type Key: Clone + Ord;
    fn key(&self) -> Self::Key;
    fn key_hash(&self) -> u64;
    fn cmp_key(&self, other: &Self) -> Ordering;
    fn has_key_of(&self, other: &Self) -> bool {
        self.cmp_key(other).is_eq()
    }
}

impl Entry for PackedFlow {
    type Key = FlowKey;
    fn key(&self) -> FlowKey {
        Self::key(self)
    }
    fn key_hash(&self) -> u64 {
        hash(self.key_bytes())
    }
    fn cmp_key(&self, other: &Self) -> Ordering {
        self.key_bytes().cmp(other.key_bytes())
    }
}

macro_rules! entry_with_id {
    ($entry:ty) => {
        impl Entry for $entry {
            type Key = u32;
            fn key(&self) -> u32 {
                self.id
            }
            fn key_hash(&self) -> u64 {
                hash(&self.id)
            }
            fn cmp_key(&self, other: &Self) -> Ordering {
                self.id.cmp(&other.id)
            }
        }
    };
}

entry_with_id!(Group);
entry_with_id!(Meter);

fn hash<T: Hash + ?Sized>(key: &T) -> u64 {
    FxBuildHasher.hash_one(key)
}

/// Who wants an entry. One for each flow, and nearly always one unit does: what holds several is elsewhere.
#[derive(Debug, Clone)]
enum Slot<E> {
    One(NodeNo, E),
    #[expect(clippy::box_collection, reason = "a vector in place would make every slot a third larger")]
    Many(Box<Vec<(NodeNo, E)>>),
}

impl<E: Entry> Slot<E> {
    fn is_disputed(&self) -> bool {
        match self {
            Self::One(..) => false,
            Self::Many(many) => many.iter().any(|(_, entry)| entry != &many[0].1),
        }
    }

    fn any(&self) -> &E {
        match self {
            Self::One(_, entry) => entry,
            Self::Many(many) => &many[0].1,
        }
    }
}

/// What one entry takes besides itself.
#[cfg(test)]
pub(crate) const fn slot_bytes<E>() -> usize {
    size_of::<Slot<E>>()
}

/// The entries of one kind that anybody wants.
#[derive(Debug)]
pub(crate) struct Claims<E: Entry> {
    slots: HashTable<Slot<E>>,
    /// Keys that changed since the last [`settle`](Self::settle): an entry with the key, and what prevailed then.
    touched: HashTable<(E, Option<E>)>,
    /// Keys on which units disagree, with one of the entries.
    disputed: BTreeMap<E::Key, E>,
}

impl<E: Entry> Default for Claims<E> {
    fn default() -> Self {
        Self { slots: HashTable::new(), touched: HashTable::new(), disputed: BTreeMap::new() }
    }
}

/// What became of the entries of one kind in a step.
#[derive(Debug)]
pub(crate) struct Settled<E: Entry> {
    pub(crate) put: Vec<E>,
    pub(crate) delete: Vec<E::Key>,
    /// Whether units agree now that did not before, or the other way round.
    pub(crate) disputes: bool,
}

impl<E: Entry> Claims<E> {
    fn find(&self, like: &E) -> Option<&Slot<E>> {
        self.slots.find(like.key_hash(), |slot| slot.any().has_key_of(like))
    }

    /// What prevails: the claim of the unit whose name comes first.
    fn prevailing<'a, N: Ord>(slot: &'a Slot<E>, name: &impl Fn(NodeNo) -> N) -> (NodeNo, &'a E) {
        match slot {
            Slot::One(node, entry) => (*node, entry),
            Slot::Many(many) => {
                let first = many.iter().min_by_key(|(node, _)| name(*node)).unwrap_or(&many[0]);
                (first.0, &first.1)
            }
        }
    }

    fn touch<N: Ord>(&mut self, like: &E, name: &impl Fn(NodeNo) -> N) {
        let hash = like.key_hash();
        if self.touched.find(hash, |(touched, _)| touched.has_key_of(like)).is_none() {
            let before = self.find(like).map(|slot| Self::prevailing(slot, name).1.clone());
            self.touched.insert_unique(hash, (like.clone(), before), |(touched, _)| touched.key_hash());
        }
    }

    /// Notes that `node` wants `entry`.
    pub(crate) fn claim<N: Ord>(&mut self, node: NodeNo, entry: E, name: &impl Fn(NodeNo) -> N) {
        self.touch(&entry, name);
        match self.slots.find_mut(entry.key_hash(), |slot| slot.any().has_key_of(&entry)) {
            Some(Slot::Many(many)) => many.push((node, entry)),
            Some(slot @ Slot::One(..)) => {
                if let Slot::One(first, claimed) = std::mem::replace(slot, Slot::Many(Box::default())) {
                    *slot = Slot::Many(Box::new(vec![(first, claimed), (node, entry)]));
                }
            }
            None => {
                self.slots
                    .insert_unique(entry.key_hash(), Slot::One(node, entry), |slot| slot.any().key_hash());
            }
        }
    }

    /// Notes that `node` does not want `entry` any more.
    pub(crate) fn withdraw<N: Ord>(&mut self, node: NodeNo, entry: &E, name: &impl Fn(NodeNo) -> N) {
        self.touch(entry, name);
        let found = self.slots.find_entry(entry.key_hash(), |slot| slot.any().has_key_of(entry));
        let Ok(mut place) = found else { return };
        if let Slot::Many(many) = place.get_mut() {
            if let Some(at) = many.iter().position(|(other, claimed)| *other == node && claimed == entry) {
                many.remove(at);
            }
            if let [(node, entry)] = many.as_slice() {
                *place.get_mut() = Slot::One(*node, entry.clone());
            }
        } else {
            place.remove();
        }
    }

    /// What is different from the last time, in the order of keys.
    pub(crate) fn settle<N: Ord>(&mut self, name: &impl Fn(NodeNo) -> N) -> Settled<E> {
        let mut settled = Settled { put: Vec::new(), delete: Vec::new(), disputes: false };
        for (like, before) in std::mem::take(&mut self.touched) {
            let slot = self.find(&like);
            let after = slot.map(|slot| Self::prevailing(slot, name).1.clone());
            let is_disputed = slot.is_some_and(Slot::is_disputed);
            match after {
                Some(after) if before.as_ref() != Some(&after) => settled.put.push(after),
                None if before.is_some() => settled.delete.push(like.key()),
                _ => {}
            }
            if is_disputed || !self.disputed.is_empty() {
                let key = like.key();
                settled.disputes |= match is_disputed {
                    true => self.disputed.insert(key, like).is_none(),
                    false => self.disputed.remove(&key).is_some(),
                };
            }
        }
        settled.put.sort_unstable_by(E::cmp_key);
        settled.delete.sort_unstable();
        settled
    }

    /// All that prevails, in the order of keys.
    pub(crate) fn all<N: Ord>(&self, name: &impl Fn(NodeNo) -> N) -> Vec<E> {
        let mut all: Vec<E> = self.slots.iter().map(|slot| Self::prevailing(slot, name).1.clone()).collect();
        all.sort_unstable_by(E::cmp_key);
        all
    }

    /// How many entries there are.
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Keys on which units disagree, with the unit that prevails.
    pub(crate) fn disputed<N: Ord>(
        &self,
        name: &impl Fn(NodeNo) -> N,
    ) -> impl Iterator<Item = (NodeNo, &E::Key)> {
        self.disputed
            .iter()
            .filter_map(move |(key, like)| Some((Self::prevailing(self.find(like)?, name).0, key)))
    }
}
