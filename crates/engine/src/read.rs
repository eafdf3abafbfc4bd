//! What can be read, and who read it.

use hashbrown::HashTable;
use model::{IndexKey, RowId, Table};
use rustc_hash::{FxBuildHasher, FxHashSet};
use smallvec::SmallVec;
use std::hash::BuildHasher;

use crate::numbers::Space;

/// Something that a unit can have read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum ReadKey {
    /// A row, there or not.
    Row(Table, RowId),
    /// Which rows an index gives for a key.
    Bucket(Table, &'static str, IndexKey),
    /// Whether an index gives any row for a key.
    Any(Table, &'static str, IndexKey),
    /// With which second halves the first half of a key of pairs occurs in an index.
    Halves(Table, &'static str, IndexKey),
    /// Which rows there are in a table.
    Table(Table),
    /// The settings of the node.
    Settings,
    /// The interface of a port, there or not.
    Interface(RowId),
    /// The tunnel ports.
    Tunnels,
    /// The ways to physical networks.
    Providers,
    /// What is seen of another node.
    Peer(RowId),
    /// The switch port of the session with another node.
    PeerPort(RowId),
    /// What is seen of all other nodes, and of this one.
    Peers,
    /// The proxy of the metadata service.
    Metadata,
    /// A derived value, by its node.
    Value(NodeNo),
    /// A number that was given.
    Number(Space, RowId),
}

/// A unit or a derived value, by its place.
pub(crate) type NodeNo = u32;
/// A key that somebody reads, by its place.
pub(crate) type KeyNo = u32;

/// Readers of one key: few for most keys, all units for some.
#[derive(Debug, Clone)]
enum Readers {
    Few(SmallVec<[NodeNo; 4]>),
    Many(FxHashSet<NodeNo>),
}

/// Readers that are kept in a list; above that, adding and removing needs a set.
const FEW_MAX: usize = 16;

impl Readers {
    fn insert(&mut self, node: NodeNo) {
        match self {
            Self::Few(few) if few.len() < FEW_MAX => few.push(node),
            Self::Few(few) => {
                let mut many: FxHashSet<NodeNo> = few.iter().copied().collect();
                many.insert(node);
                *self = Self::Many(many);
            }
            Self::Many(many) => {
                many.insert(node);
            }
        }
    }

    fn remove(&mut self, node: NodeNo) {
        match self {
            Self::Few(few) => few.retain(|reader| *reader != node),
            Self::Many(many) => {
                many.remove(&node);
            }
        }
    }

    fn is_empty(&self) -> bool {
        match self {
            Self::Few(few) => few.is_empty(),
            Self::Many(many) => many.is_empty(),
        }
    }
}

#[derive(Debug)]
struct Entry {
    key: ReadKey,
    readers: Readers,
}

/// Who read what.
#[derive(Debug, Default)]
pub(crate) struct Reads {
    places: HashTable<KeyNo>,
    entries: Vec<Option<Entry>>,
    free: Vec<KeyNo>,
}

impl Reads {
    fn hash(key: &ReadKey) -> u64 {
        FxBuildHasher.hash_one(key)
    }

    fn find(&self, key: &ReadKey) -> Option<KeyNo> {
        let is_key = |no: &KeyNo| self.entries[*no as usize].as_ref().is_some_and(|entry| entry.key == *key);
        self.places.find(Self::hash(key), is_key).copied()
    }

    /// The place of a key, that somebody is about to read.
    pub(crate) fn intern(&mut self, key: ReadKey) -> KeyNo {
        if let Some(no) = self.find(&key) {
            return no;
        }
        let hash = Self::hash(&key);
        let entry = Some(Entry { key, readers: Readers::Few(SmallVec::new()) });
        let no = match self.free.pop() {
            Some(no) => {
                self.entries[no as usize] = entry;
                no
            }
            None => {
                self.entries.push(entry);
                KeyNo::try_from(self.entries.len() - 1)
                    .expect("memory ends before four thousand million keys")
            }
        };
        let entries = &self.entries;
        let rehash = |no: &KeyNo| entries[*no as usize].as_ref().map_or(0, |entry| Self::hash(&entry.key));
        self.places.insert_unique(hash, no, rehash);
        no
    }

    /// The key at a place.
    pub(crate) fn key(&self, no: KeyNo) -> Option<&ReadKey> {
        self.entries.get(no as usize)?.as_ref().map(|entry| &entry.key)
    }

    /// Calls `visit` for everybody who read `key`.
    pub(crate) fn for_each_reader(&self, key: &ReadKey, visit: &mut dyn FnMut(NodeNo)) {
        let Some(entry) = self.find(key).and_then(|no| self.entries[no as usize].as_ref()) else { return };
        match &entry.readers {
            Readers::Few(few) => few.iter().copied().for_each(visit),
            Readers::Many(many) => many.iter().copied().for_each(visit),
        }
    }

    /// Notes what `node` reads now, when it read `before`. Both are sorted. Keys that nobody reads any more are handed
    /// to `unread`.
    pub(crate) fn replace(
        &mut self,
        node: NodeNo,
        before: &[KeyNo],
        now: &[KeyNo],
        unread: &mut Vec<ReadKey>,
    ) {
        for no in now.iter().filter(|no| before.binary_search(no).is_err()) {
            if let Some(entry) = &mut self.entries[*no as usize] {
                entry.readers.insert(node);
            }
        }
        for no in before.iter().filter(|no| now.binary_search(no).is_err()) {
            let Some(entry) = &mut self.entries[*no as usize] else { continue };
            entry.readers.remove(node);
            if entry.readers.is_empty() {
                self.release(*no, unread);
            }
        }
    }

    fn release(&mut self, no: KeyNo, unread: &mut Vec<ReadKey>) {
        let Some(entry) = self.entries[no as usize].take() else { return };
        if let Ok(place) = self.places.find_entry(Self::hash(&entry.key), |other| *other == no) {
            place.remove();
        }
        self.free.push(no);
        unread.push(entry.key);
    }

    /// Whether anybody reads `key`.
    pub(crate) fn is_read(&self, key: &ReadKey) -> bool {
        self.find(key).is_some()
    }

    /// Keys that are read.
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }
}
