//! Everything that a node knows, with the indexes by which it is looked up.
//!
//! Who changes a fact learns which [`ReadKey`]s that concerns; nothing else tells units to run. An index is kept from
//! the first look-up on, so indexes that no app uses cost nothing.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::BuildHasher;

use hashbrown::HashTable;
use model::{IndexId, IndexKey, Object, RowId, Table, TunnelType};
use net_types::OfPort;
use rustc_hash::{FxBuildHasher, FxHashMap, FxHashSet};

use crate::bucket::Bucket;
use crate::node::{Interface, MetadataProxy, Provider, Settings};
use crate::numbers::Numbers;
use crate::peers::{Peers, Reach};
use crate::read::ReadKey;

type IndexName = (Table, IndexId);

/// The facts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Facts {
    pub(crate) settings: Option<Settings>,
    pub(crate) tunnels: BTreeMap<TunnelType, OfPort>,
    pub(crate) providers: BTreeMap<String, Provider>,
    pub(crate) peers: Peers,
    pub(crate) metadata: Option<MetadataProxy>,
    pub(crate) numbers: Numbers,
    interfaces: BTreeMap<RowId, Interface>,
    rows: Rows,
    indexes: Indexes,
}

/// The rows of all tables by their names, which are in the rows: a second copy would be three times as large as the map.
#[derive(Debug, Clone, Default)]
struct Rows(HashTable<Object>);

impl Rows {
    fn hash(table: Table, id: &RowId) -> u64 {
        FxBuildHasher.hash_one((table, id))
    }

    fn get(&self, table: Table, id: &RowId) -> Option<&Object> {
        self.0.find(Self::hash(table, id), |row| row.table() == table && row.id() == id)
    }

    /// Takes a row in, in the place of the one with its name.
    fn insert(&mut self, object: Object) {
        let (table, id) = (object.table(), object.id());
        let is_it = |row: &Object| row.table() == table && row.id() == id;
        match self.0.find_mut(Self::hash(table, id), is_it) {
            Some(place) => *place = object,
            None => {
                let rehash = |row: &Object| Self::hash(row.table(), row.id());
                self.0.insert_unique(rehash(&object), object, rehash);
            }
        }
    }

    fn remove(&mut self, table: Table, id: &RowId) -> Option<Object> {
        let is_it = |row: &Object| row.table() == table && row.id() == id;
        Some(self.0.find_entry(Self::hash(table, id), is_it).ok()?.remove().0)
    }

    fn iter(&self) -> impl Iterator<Item = &Object> {
        self.0.iter()
    }
}

#[derive(Debug, Clone, Default)]
struct Indexes {
    kept: FxHashSet<IndexName>,
    buckets: FxHashMap<(IndexName, IndexKey), Bucket>,
    /// For keys that are pairs: how many rows have which second half, for each first half.
    halves: FxHashMap<(IndexName, IndexKey), BTreeMap<IndexKey, u32>>,
}

/// The keys that are concerned by a change.
pub(crate) type Changed = Vec<ReadKey>;

impl Facts {
    pub(crate) fn row(&self, table: Table, id: &RowId) -> Option<&Object> {
        self.rows.get(table, id)
    }

    pub(crate) fn interface(&self, port: &RowId) -> Option<&Interface> {
        self.interfaces.get(port)
    }

    pub(crate) fn interfaces(&self) -> impl Iterator<Item = &RowId> {
        self.interfaces.keys()
    }

    /// The ids of all rows of a table, in order.
    pub(crate) fn ids(&self, table: Table) -> Vec<RowId> {
        let mut ids: Vec<RowId> =
            self.rows.iter().filter(|row| row.table() == table).map(|row| row.id().clone()).collect();
        ids.sort_unstable();
        ids
    }

    /// All rows, in no order.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &Object> {
        self.rows.iter()
    }

    /// Says what a row is now; whether it is new.
    pub(crate) fn put(&mut self, object: Object, changed: &mut Changed) -> bool {
        let (table, id) = (object.table(), object.id().clone());
        let known = self.rows.get(table, &id);
        if known == Some(&object) {
            return false;
        }
        let is_new = known.is_none();
        self.indexes.change(table, &id, known, Some(&object), changed);
        changed.push(ReadKey::Row(table, id));
        if is_new {
            changed.push(ReadKey::Table(table));
        }
        self.rows.insert(object);
        is_new
    }

    /// Says that a row is gone; whether it was there.
    pub(crate) fn delete(&mut self, table: Table, id: &RowId, changed: &mut Changed) -> bool {
        let Some(object) = self.rows.remove(table, id) else { return false };
        self.indexes.change(table, id, Some(&object), None, changed);
        changed.push(ReadKey::Row(table, id.clone()));
        changed.push(ReadKey::Table(table));
        true
    }

    /// Says what an interface is now; whether it is new.
    pub(crate) fn put_interface(&mut self, interface: Interface, changed: &mut Changed) -> bool {
        let port = interface.row().clone();
        if self.interfaces.get(&port) == Some(&interface) {
            return false;
        }
        changed.push(ReadKey::Interface(port.clone()));
        self.interfaces.insert(port, interface).is_none()
    }

    /// Says that an interface is gone; whether it was there.
    pub(crate) fn delete_interface(&mut self, port: &RowId, changed: &mut Changed) -> bool {
        let was = self.interfaces.remove(port).is_some();
        if was {
            changed.push(ReadKey::Interface(port.clone()));
        }
        was
    }

    /// Says what is seen of other nodes now. Who reads one of them is not concerned by the others.
    pub(crate) fn put_peers(&mut self, peers: Peers, changed: &mut Changed) {
        let before = std::mem::replace(&mut self.peers, peers);
        if before == self.peers {
            return;
        }
        changed.push(ReadKey::Peers);
        let (ports, known) = (&self.peers.ports, &before.ports);
        let moved = known.keys().chain(ports.keys()).filter(|peer| known.get(peer) != ports.get(peer));
        changed.extend(moved.map(|peer| ReadKey::PeerPort(peer.row().clone())));
        let now = &self.peers.reach;
        let named: BTreeSet<_> = before.reach.keys().chain(now.keys()).collect();
        let of = |reach: &BTreeMap<_, Reach>, peer| reach.get(peer).copied().unwrap_or_default();
        let concerned = named.into_iter().filter(|peer| of(&before.reach, peer) != of(now, peer));
        changed.extend(concerned.map(|peer| ReadKey::Peer(peer.row().clone())));
    }

    fn keep_index(&mut self, index: IndexName) {
        if self.indexes.kept.insert(index) {
            for object in self.rows.iter().filter(|row| row.table() == index.0) {
                for key in index_keys(object, |of| of == index.1) {
                    self.indexes.insert((index.0, key.0), key.1, object.id(), &mut Vec::new());
                }
            }
        }
    }

    /// The rows that an index gives for a key.
    pub(crate) fn bucket(&mut self, index: IndexName, key: &IndexKey) -> Option<&Bucket> {
        self.keep_index(index);
        self.indexes.buckets.get(&(index, key.clone()))
    }

    /// The second halves that the first half of a key of pairs occurs with.
    pub(crate) fn halves(&mut self, index: IndexName, first: &IndexKey) -> Vec<IndexKey> {
        self.keep_index(index);
        let halves = self.indexes.halves.get(&(index, first.clone()));
        halves.map(|halves| halves.keys().cloned().collect()).unwrap_or_default()
    }
}

/// The entries of a row in those indexes that are wanted.
fn index_keys(object: &Object, wanted: impl Fn(IndexId) -> bool) -> BTreeSet<(IndexId, IndexKey)> {
    let mut keys = BTreeSet::new();
    object.visit_index_entries(&mut |index, key| {
        if wanted(index) {
            keys.insert((index, key));
        }
    });
    keys
}

impl Indexes {
    fn change(
        &mut self,
        table: Table,
        id: &RowId,
        before: Option<&Object>,
        after: Option<&Object>,
        changed: &mut Changed,
    ) {
        if !self.kept.iter().any(|(of, _)| *of == table) {
            return;
        }
        let keys = |object: Option<&Object>| {
            object
                .map(|object| index_keys(object, |index| self.kept.contains(&(table, index))))
                .unwrap_or_default()
        };
        let (before, after) = (keys(before), keys(after));
        for (index, key) in before.difference(&after) {
            self.remove((table, *index), key, id, changed);
        }
        for (index, key) in after.difference(&before) {
            self.insert((table, *index), key.clone(), id, changed);
        }
    }

    fn insert(&mut self, index: IndexName, key: IndexKey, id: &RowId, changed: &mut Changed) {
        if let IndexKey::Pair(pair) = &key {
            let halves = self.halves.entry((index, pair.0.clone())).or_default();
            let count = halves.entry(pair.1.clone()).or_default();
            *count += 1;
            if *count == 1 {
                changed.push(ReadKey::Halves(index.0, index.1, pair.0.clone()));
            }
        }
        match self.buckets.entry((index, key.clone())) {
            Entry::Occupied(mut bucket) => bucket.get_mut().insert(id.clone()),
            Entry::Vacant(place) => {
                place.insert(Bucket::One(id.clone()));
                changed.push(ReadKey::Any(index.0, index.1, key.clone()));
            }
        }
        changed.push(ReadKey::Bucket(index.0, index.1, key));
    }

    fn remove(&mut self, index: IndexName, key: &IndexKey, id: &RowId, changed: &mut Changed) {
        if let IndexKey::Pair(pair) = key {
            self.remove_half(index, pair, changed);
        }
        let name = (index, key.clone());
        let Some(bucket) = self.buckets.get_mut(&name) else { return };
        if bucket.is_empty_without(id) {
            self.buckets.remove(&name);
            changed.push(ReadKey::Any(index.0, index.1, key.clone()));
        }
        changed.push(ReadKey::Bucket(index.0, index.1, key.clone()));
    }

    fn remove_half(&mut self, index: IndexName, pair: &(IndexKey, IndexKey), changed: &mut Changed) {
        let name = (index, pair.0.clone());
        let Some(halves) = self.halves.get_mut(&name) else { return };
        let Some(count) = halves.get_mut(&pair.1) else { return };
        *count -= 1;
        if *count == 0 {
            halves.remove(&pair.1);
            changed.push(ReadKey::Halves(index.0, index.1, pair.0.clone()));
        }
        if halves.is_empty() {
            self.halves.remove(&name);
        }
    }
}
