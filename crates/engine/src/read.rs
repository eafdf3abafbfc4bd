//! What can be read, and who read it.

use hashbrown::HashTable;
use model::{IndexId, IndexKey, RowId, Table};
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
    Bucket(Table, IndexId, IndexKey),
    /// Whether an index gives any row for a key.
    Any(Table, IndexId, IndexKey),
    /// With which second halves the first half of a key of pairs occurs in an index.
    Halves(Table, IndexId, IndexKey),
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
/// What one node read, sorted: few keys, mostly.
pub(crate) type ReadSet = SmallVec<[KeyNo; 4]>;

/// Readers of one key: few for most keys, all units for some. There is one for each key, so it is no larger than it has to be.
#[derive(Debug, Clone)]
enum Readers {
    /// So many of these.
    Few(u8, [NodeNo; FEW_MAX]),
    List(Box<[NodeNo]>),
    Many(Box<FxHashSet<NodeNo>>),
}

/// Readers that are kept in place.
const FEW_MAX: usize = 5;
/// Readers that are kept in a list; above that, adding and removing needs a set.
const LIST_MAX: usize = 16;

impl Readers {
    const fn none() -> Self {
        Self::Few(0, [0; FEW_MAX])
    }

    fn insert(&mut self, node: NodeNo) {
        match self {
            Self::Few(len, few) => match few.get_mut(usize::from(*len)) {
                Some(place) => {
                    *place = node;
                    *len += 1;
                }
                None => *self = Self::List(few.iter().copied().chain([node]).collect()),
            },
            Self::List(list) if list.len() < LIST_MAX => {
                let mut longer = std::mem::take(list).into_vec();
                longer.reserve_exact(1);
                longer.push(node);
                *list = longer.into_boxed_slice();
            }
            Self::List(list) => *self = Self::Many(Box::new(list.iter().copied().chain([node]).collect())),
            Self::Many(many) => {
                many.insert(node);
            }
        }
    }

    fn remove(&mut self, node: NodeNo) {
        match self {
            Self::Few(len, few) => {
                let used = &mut few[..usize::from(*len)];
                if let Some(at) = used.iter().position(|reader| *reader == node) {
                    used[at..].rotate_left(1);
                    *len -= 1;
                }
            }
            Self::List(list) => {
                let left: Vec<NodeNo> = list.iter().copied().filter(|reader| *reader != node).collect();
                *self = Self::from(left);
            }
            Self::Many(many) => {
                many.remove(&node);
            }
        }
    }

    fn is_empty(&self) -> bool {
        match self {
            Self::Few(len, _) => *len == 0,
            Self::List(list) => list.is_empty(),
            Self::Many(many) => many.is_empty(),
        }
    }

    fn for_each(&self, visit: &mut dyn FnMut(NodeNo)) {
        match self {
            Self::Few(len, few) => few[..usize::from(*len)].iter().copied().for_each(visit),
            Self::List(list) => list.iter().copied().for_each(visit),
            Self::Many(many) => many.iter().copied().for_each(visit),
        }
    }
}

impl From<Vec<NodeNo>> for Readers {
    /// A list, or what is left of one.
    fn from(readers: Vec<NodeNo>) -> Self {
        let mut few = [0; FEW_MAX];
        match (u8::try_from(readers.len()), few.get_mut(..readers.len())) {
            (Ok(len), Some(used)) => {
                used.copy_from_slice(&readers);
                Self::Few(len, few)
            }
            _ => Self::List(readers.into_boxed_slice()),
        }
    }
}

#[derive(Debug)]
struct Entry {
    key: ReadKey,
    readers: Readers,
}

/// What the readers of one key take.
#[cfg(test)]
pub(crate) const fn entry_bytes() -> usize {
    size_of::<Option<Entry>>()
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
        let entry = Some(Entry { key, readers: Readers::none() });
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
        entry.readers.for_each(visit);
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whether they are in place, in a list or in a set.
        #[test]
        fn readers_are_those_that_came_and_did_not_go(changes in prop::collection::vec((any::<bool>(), 0_u32..24), 0..120)) {
            let (mut set, mut readers) = (BTreeSet::new(), Readers::none());
            for (comes, node) in changes {
                if comes && set.insert(node) {
                    readers.insert(node);
                } else if !comes && set.remove(&node) {
                    readers.remove(node);
                }
                let mut held = Vec::new();
                readers.for_each(&mut |node| held.push(node));
                held.sort_unstable();
                prop_assert_eq!(&held, &set.iter().copied().collect::<Vec<_>>());
                prop_assert_eq!(readers.is_empty(), set.is_empty());
            }
        }
    }
}
