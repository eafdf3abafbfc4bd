//! By what rows are looked up, other than their id.
//!
//! An index is declared with the object, as a function from a row to the keys under which it is found; whoever holds
//! rows keeps the maps. [`Index`] carries the types of row and key, so that a look-up with the wrong kind of key does
//! not compile; [`IndexKey`] is the same without types, for the maps and for the record of what was read.

use std::net::IpAddr;

use crate::{Id, Model, NetworkType, RowId, Table, Topic, UniqueKey};

/// Which index of a table, by its place among them. A node notes an index and a key for each look-up that it may have to
/// repeat, so this is a byte and not the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IndexId(u8);

impl IndexId {
    /// The place of `name` among `names`.
    ///
    /// # Panics
    /// When it is not there, or behind 256 others; in a declaration that is an error of compilation.
    #[must_use]
    pub(crate) const fn find(names: &[&str], name: &str) -> Self {
        let mut place = 0;
        while !is_same(names[place as usize], name) {
            place += 1;
        }
        Self(place)
    }

    /// The name of the index, which is one of `table`.
    #[must_use]
    pub const fn name(self, table: Table) -> &'static str {
        table.indexes()[self.0 as usize]
    }
}

/// Whether two texts are the same; `==` is not for constants yet.
const fn is_same(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let mut at = 0;
    while at < one.len() && at < other.len() && one[at] == other[at] {
        at += 1;
    }
    at == one.len() && at == other.len()
}

/// A key of any index.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IndexKey {
    /// A row that is referred to.
    Row(RowId),
    /// A topic. Apart, because next to [`Row`](Self::Row) it would make every key a third longer.
    Topic(Box<Topic>),
    /// A number.
    Number(u64),
    /// An IP address.
    Address(IpAddr),
    /// Some other text.
    Text(Box<str>),
    /// Two keys together.
    Pair(Box<(Self, Self)>),
}

impl IndexKey {
    /// The IP address that it is, if it is one.
    #[must_use]
    pub const fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Address(ip) => Some(*ip),
            _ => None,
        }
    }

    /// The row that is referred to, where the key is one.
    #[must_use]
    pub const fn row(&self) -> Option<&RowId> {
        match self {
            Self::Row(row) => Some(row),
            _ => None,
        }
    }
}

impl<T> From<Id<T>> for IndexKey {
    fn from(id: Id<T>) -> Self {
        Self::Row(id.row().clone())
    }
}

impl From<Topic> for IndexKey {
    fn from(topic: Topic) -> Self {
        Self::Topic(Box::new(topic))
    }
}

impl From<UniqueKey> for IndexKey {
    fn from(key: UniqueKey) -> Self {
        Self::Number(key.get().into())
    }
}

impl From<IpAddr> for IndexKey {
    fn from(address: IpAddr) -> Self {
        Self::Address(address)
    }
}

impl From<String> for IndexKey {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<NetworkType> for IndexKey {
    fn from(network_type: NetworkType) -> Self {
        Self::Text(network_type.as_str().into())
    }
}

impl<A: Into<Self>, B: Into<Self>> From<(A, B)> for IndexKey {
    fn from((first, second): (A, B)) -> Self {
        Self::Pair(Box::new((first.into(), second.into())))
    }
}

/// A function from a row of `M` to keys of type `K`.
#[derive(Debug)]
pub struct Index<M, K> {
    id: IndexId,
    entries: fn(&M, &mut dyn FnMut(K)),
}

impl<M: Model, K: Into<IndexKey>> Index<M, K> {
    pub(crate) const fn new(id: IndexId, entries: fn(&M, &mut dyn FnMut(K))) -> Self {
        Self { id, entries }
    }

    /// Which index of the table it is.
    #[must_use]
    pub const fn id(&self) -> IndexId {
        self.id
    }

    /// Calls `visit` for each key under which `row` is found, with the index; a key may come twice.
    pub fn visit_entries(&self, row: &M, visit: &mut dyn FnMut(IndexId, IndexKey)) {
        (self.entries)(row, &mut |key| visit(self.id, key.into()));
    }

    /// What to look up to find the rows with `key`.
    pub fn key(&self, key: K) -> (IndexId, IndexKey) {
        (self.id, key.into())
    }
}
