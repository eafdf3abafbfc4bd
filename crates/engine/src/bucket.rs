//! The rows that an index gives for a key.
//!
//! Most keys are those of one row (numbers, addresses, owners of other rows), and a tree for each of them would be the largest part of
//! what a node with ten thousand ports knows. So one row is kept as it is, and a tree begins with the second.

use std::collections::BTreeSet;

use model::RowId;

/// Some rows, in order.
#[derive(Debug, Clone)]
pub(crate) enum Bucket {
    One(RowId),
    Many(BTreeSet<RowId>),
}

impl Bucket {
    /// Adds a row.
    pub(crate) fn insert(&mut self, id: RowId) {
        match self {
            Self::One(one) if *one == id => {}
            Self::One(one) => *self = Self::Many([one.clone(), id].into()),
            Self::Many(many) => drop(many.insert(id)),
        }
    }

    /// Takes a row away; whether none is left. The last row stays, for whoever asked to forget the bucket.
    #[must_use]
    pub(crate) fn is_empty_without(&mut self, id: &RowId) -> bool {
        match self {
            Self::One(one) => one == id,
            Self::Many(many) => {
                many.remove(id);
                let mut left = many.iter();
                match (left.next(), left.next()) {
                    (None, _) => true,
                    (Some(last), None) => {
                        *self = Self::One(last.clone());
                        false
                    }
                    (Some(_), Some(_)) => false,
                }
            }
        }
    }

    /// The rows, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &RowId> {
        let (one, many) = match self {
            Self::One(one) => (Some(one), None),
            Self::Many(many) => (None, Some(many)),
        };
        one.into_iter().chain(many.into_iter().flatten())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_holds_what_a_set_holds(changes in prop::collection::vec((any::<bool>(), 0_u8..5), 0..40)) {
            let (mut set, mut bucket): (BTreeSet<RowId>, Option<Bucket>) = (BTreeSet::new(), None);
            for (comes, number) in changes {
                let id = RowId::new(&format!("row-{number}")).expect("a name");
                if comes {
                    set.insert(id.clone());
                    match &mut bucket {
                        Some(bucket) => bucket.insert(id),
                        None => bucket = Some(Bucket::One(id)),
                    }
                } else {
                    set.remove(&id);
                    bucket = bucket.and_then(|mut bucket| (!bucket.is_empty_without(&id)).then_some(bucket));
                }
                let held: Vec<&RowId> = bucket.iter().flat_map(Bucket::iter).collect();
                prop_assert_eq!(held, set.iter().collect::<Vec<_>>());
                let is_one = matches!(bucket, Some(Bucket::One(_)));
                prop_assert_eq!(is_one, set.len() == 1);
            }
        }
    }
}
