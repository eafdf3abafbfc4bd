//! Datums: what a column of a row holds, always in canonical form.
//!
//! A [`Datum`] is a sorted set of atoms without duplicates, or a map sorted by key; a scalar is a set of one.
//! Two datums are equal exactly when the database would call them equal. [`Shape`] is the part of a column's
//! type that decides how its JSON is read and how the differences of `update2` are applied; it is `Copy` and
//! `const`, so the generated model carries it.
//!
//! Sorted slices, not trees: most columns hold zero or one atom, and a chassis keeps tens of thousands. They
//! are shared: the next version of a row points to the columns that did not change, so an update of a bridge
//! with ten thousand ports does not copy the ports.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::value::{Atom, AtomicType, NamedUuids, ValueError, json_kind, tagged};

/// What an allocation with a counter takes besides its content.
const SHARED_BYTES: usize = 32;

/// Key type, value type (maps only), and how many elements a column may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    pub key: AtomicType,
    pub value: Option<AtomicType>,
    pub min: u32,
    /// None: any number.
    pub max: Option<u32>,
}

impl Shape {
    /// Exactly one atom.
    #[must_use]
    pub const fn scalar(key: AtomicType) -> Self {
        Self { key, value: None, min: 1, max: Some(1) }
    }

    /// None or one atom.
    #[must_use]
    pub const fn optional(key: AtomicType) -> Self {
        Self { key, value: None, min: 0, max: Some(1) }
    }

    /// Any number of atoms, or `min` to `max`.
    #[must_use]
    pub const fn set(key: AtomicType, min: u32, max: Option<u32>) -> Self {
        Self { key, value: None, min, max }
    }

    /// A map of any size, or of `min` to `max` pairs.
    #[must_use]
    pub const fn map(key: AtomicType, value: AtomicType, min: u32, max: Option<u32>) -> Self {
        Self { key, value: Some(value), min, max }
    }

    /// Whether the column can hold more than one element. `update2` sends the new content of a column that
    /// cannot, and the symmetric difference for one that can.
    #[must_use]
    pub const fn is_composite(&self) -> bool {
        !matches!(self.max, Some(0 | 1))
    }

    /// Passes a datum on if it has an allowed number of elements.
    pub(crate) fn check(&self, datum: Datum) -> Result<Datum, ValueError> {
        self.check_count(datum.len()).map(|()| datum)
    }

    fn check_count(&self, count: usize) -> Result<(), ValueError> {
        let wide = count as u64;
        if wide < u64::from(self.min) || self.max.is_some_and(|max| wide > u64::from(max)) {
            return Err(ValueError::WrongCount { count, min: self.min, max: self.max });
        }
        Ok(())
    }
}

/// The content of one column of one row.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Datum {
    Set(AtomSet),
    Map(AtomMap),
}

/// Sorted, without duplicates.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct AtomSet(Arc<[Atom]>);

/// Sorted by key, each key once.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct AtomMap(Arc<[(Atom, Atom)]>);

impl AtomSet {
    #[must_use]
    pub fn as_slice(&self) -> &[Atom] {
        &self.0
    }

    #[must_use]
    pub fn contains(&self, atom: &Atom) -> bool {
        self.0.binary_search(atom).is_ok()
    }

    fn toggle(&self, other: &Self) -> Self {
        let kept = self.0.iter().filter(|atom| !other.contains(atom));
        let added = other.0.iter().filter(|atom| !self.contains(atom));
        kept.chain(added).cloned().collect()
    }
}

impl FromIterator<Atom> for AtomSet {
    fn from_iter<I: IntoIterator<Item = Atom>>(atoms: I) -> Self {
        let mut atoms: Vec<Atom> = atoms.into_iter().collect();
        // The stable sort merges sorted runs in linear time, and that is what differences are made of.
        atoms.sort();
        atoms.dedup();
        Self(share(atoms))
    }
}

impl AtomMap {
    #[must_use]
    pub fn as_slice(&self) -> &[(Atom, Atom)] {
        &self.0
    }

    #[must_use]
    pub fn get(&self, key: &Atom) -> Option<&Atom> {
        let index = self.0.binary_search_by(|(candidate, _)| candidate.cmp(key)).ok()?;
        self.0.get(index).map(|(_, value)| value)
    }

    /// Pairs of `diff` are added, replace the pair with their key, or remove the pair that they equal.
    fn apply(&self, diff: &Self) -> Self {
        let kept = self.0.iter().filter(|(key, _)| diff.get(key).is_none());
        let changed = diff.0.iter().filter(|(key, value)| self.get(key) != Some(value));
        kept.chain(changed).cloned().collect()
    }

    /// What [`AtomMap::apply`] needs to turn `self` into `new`.
    fn difference(&self, new: &Self) -> Self {
        let gone = self.0.iter().filter(|(key, _)| new.get(key).is_none());
        let changed = new.0.iter().filter(|(key, value)| self.get(key) != Some(value));
        gone.chain(changed).cloned().collect()
    }
}

impl FromIterator<(Atom, Atom)> for AtomMap {
    /// Of several pairs with one key the last wins.
    fn from_iter<I: IntoIterator<Item = (Atom, Atom)>>(pairs: I) -> Self {
        let mut pairs: Vec<(Atom, Atom)> = pairs.into_iter().collect();
        pairs.sort_by(|(left, _), (right, _)| left.cmp(right));
        pairs.dedup_by(|later, kept| {
            let same_key = later.0 == kept.0;
            if same_key {
                std::mem::swap(later, kept);
            }
            same_key
        });
        Self(share(pairs))
    }
}

/// Empty slices are many, and share one allocation.
fn share<T>(elements: Vec<T>) -> Arc<[T]> {
    if elements.is_empty() { Arc::default() } else { elements.into() }
}

impl Datum {
    /// A set of one.
    #[must_use]
    pub fn scalar(atom: Atom) -> Self {
        Self::Set(AtomSet(Arc::new([atom])))
    }

    /// What a column of this shape holds in a row that was inserted without it.
    #[must_use]
    pub fn default_for(shape: &Shape) -> Self {
        match (shape.value, shape.min) {
            (None, 0) => Self::Set(AtomSet::default()),
            (None, _) => Self::scalar(shape.key.default_atom()),
            (Some(_), 0) => Self::Map(AtomMap::default()),
            (Some(value), _) => {
                Self::Map(AtomMap(Arc::new([(shape.key.default_atom(), value.default_atom())])))
            }
        }
    }

    /// Decodes a column's content; duplicates, wrong atoms and wrong counts are errors.
    pub fn parse(value: &Value, shape: &Shape, names: NamedUuids) -> Result<Self, ValueError> {
        shape.check(Self::parse_partial(value, shape, names)?)
    }

    /// Like [`Datum::parse`] without the check of the count: for differences and mutations.
    pub fn parse_partial(value: &Value, shape: &Shape, names: NamedUuids) -> Result<Self, ValueError> {
        let wrong = |expected| ValueError::WrongType { expected, found: json_kind(value) };
        if let Some(value_type) = shape.value {
            let Some(("map", Value::Array(pairs))) = tagged(value) else { return Err(wrong("a map")) };
            let mut decoded = Vec::with_capacity(pairs.len());
            for pair in pairs {
                let Some([key, value]) = pair.as_array().map(Vec::as_slice) else {
                    return Err(wrong("a map of pairs"));
                };
                decoded.push((Atom::parse(key, shape.key, names)?, Atom::parse(value, value_type, names)?));
            }
            let map: AtomMap = decoded.into_iter().collect();
            if map.0.len() != pairs.len() {
                return Err(ValueError::Duplicate("map key"));
            }
            return Ok(Self::Map(map));
        }
        let Some(("set", Value::Array(atoms))) = tagged(value) else {
            return Ok(Self::scalar(Atom::parse(value, shape.key, names)?));
        };
        let set =
            atoms.iter().map(|atom| Atom::parse(atom, shape.key, names)).collect::<Result<AtomSet, _>>()?;
        if set.0.len() != atoms.len() {
            return Err(ValueError::Duplicate("set element"));
        }
        Ok(Self::Set(set))
    }

    #[must_use]
    pub fn to_json(&self) -> Value {
        match self {
            Self::Set(set) => match set.as_slice() {
                [atom] => atom.to_json(),
                atoms => json!(["set", atoms.iter().map(Atom::to_json).collect::<Vec<_>>()]),
            },
            Self::Map(map) => {
                let pairs = map.0.iter().map(|(key, value)| json!([key.to_json(), value.to_json()]));
                json!(["map", pairs.collect::<Vec<_>>()])
            }
        }
    }

    /// Number of atoms or pairs.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Set(set) => set.0.len(),
            Self::Map(map) => map.0.len(),
        }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What it takes on the heap; the empty ones share one allocation and take nothing.
    pub(crate) fn memory_bytes(&self) -> usize {
        if self.is_empty() {
            return 0;
        }
        let bytes = self.atoms().map(|atom| size_of::<Atom>().saturating_add(atom.text_bytes()));
        bytes.fold(SHARED_BYTES, usize::saturating_add)
    }

    /// Every atom: elements, or keys and values.
    pub fn atoms(&self) -> impl Iterator<Item = &Atom> {
        let (set, map) = match self {
            Self::Set(set) => (Some(set.0.iter()), None),
            Self::Map(map) => (None, Some(map.0.iter().flat_map(|(key, value)| [key, value]))),
        };
        set.into_iter().flatten().chain(map.into_iter().flatten())
    }

    /// The content after an `update2` modification.
    pub fn apply_diff(&self, diff: &Self, shape: &Shape) -> Result<Self, ValueError> {
        let changed = match (self, diff) {
            _ if !shape.is_composite() => diff.clone(),
            (Self::Set(old), Self::Set(diff)) => Self::Set(old.toggle(diff)),
            (Self::Map(old), Self::Map(diff)) => Self::Map(old.apply(diff)),
            _ => {
                return Err(ValueError::WrongType {
                    expected: "a difference of the same kind",
                    found: "another",
                });
            }
        };
        shape.check(changed)
    }

    /// The modification that `update2` sends for a change from `self` to `new`.
    #[must_use]
    pub fn difference(&self, new: &Self, shape: &Shape) -> Self {
        match (self, new) {
            _ if !shape.is_composite() => new.clone(),
            (Self::Set(old), Self::Set(new)) => Self::Set(old.toggle(new)),
            (Self::Map(old), Self::Map(new)) => Self::Map(old.difference(new)),
            _ => new.clone(),
        }
    }
}

#[cfg(test)]
mod tests;
