//! The numbers that objects have in the switch, as texts beside the switch.
//!
//! They are pairs in `external_ids` of the bridge, one for each number, and not a file: they are about this switch, and go
//! where its database goes. A change writes the pairs that changed, so it costs what it touches.
//!
//! They travel beside the flows and not before them. A number follows from the id of its object unless two objects want the
//! same one, so even a crash between the two loses at most the outcome of such a dispute, and then the comparison after
//! the restart mends the flows of one object.

mod keep;

use std::collections::BTreeMap;

use engine::numbers::{Numbers, Space};
use model::RowId;
use ovsdb::transaction::{Mutations, Rows, Transaction};
use ovsdb::vswitch::Bridge;
use switch::bridge::ID_KEY_PREFIX;

pub(crate) use keep::keep;

/// Pairs that are read at most; a bridge with more has them from somebody else.
const PAIRS_MAX: usize = 65_536;

/// Numbers as they are stored.
pub(crate) type Pairs = BTreeMap<String, String>;

/// Numbers as pairs of texts.
pub(crate) fn to_pairs(numbers: &Numbers) -> Pairs {
    let list: Vec<(Space, RowId, u32)> = numbers.clone().into();
    let pairs = list.into_iter().map(|(space, owner, number)| (key(space, &owner), number.to_string()));
    pairs.collect()
}

/// Numbers from pairs of texts; pairs that make no sense are left out.
pub(crate) fn from_pairs(pairs: &Pairs) -> Numbers {
    let read = |(key, value): (&String, &String)| {
        let (space, owner) = key.split_once('-')?;
        Some((space_of(space)?, RowId::new(owner).ok()?, value.parse().ok()?))
    };
    Numbers::from(pairs.iter().take(PAIRS_MAX).filter_map(read).collect::<Vec<_>>())
}

/// What makes `wanted` of the stored pairs; nothing, if they are the same.
fn change(bridge: &str, stored: &Pairs, wanted: &Pairs) -> Option<Transaction> {
    let name = |key: &String| format!("{ID_KEY_PREFIX}{key}");
    let gone: Vec<String> = stored.keys().filter(|key| !wanted.contains_key(*key)).map(name).collect();
    let put: BTreeMap<String, String> = wanted
        .iter()
        .filter(|(key, value)| stored.get(*key) != Some(value))
        .map(|(key, value)| (name(key), value.clone()))
        .collect();
    if gone.is_empty() && put.is_empty() {
        return None;
    }
    let mutations =
        Mutations::new().delete_keys(&Bridge::EXTERNAL_IDS, gone).put(&Bridge::EXTERNAL_IDS, &put);
    let mut transaction = Transaction::new();
    transaction.mutate(&Rows::matching(&Bridge::NAME, &bridge.to_owned()), &mutations);
    Some(transaction)
}

fn key(space: Space, owner: &RowId) -> String {
    format!("{}-{owner}", name_of(space))
}

fn name_of(space: Space) -> &'static str {
    Space::NAMED.iter().find(|(named, _)| *named == space).map_or("", |(_, name)| name)
}

fn space_of(name: &str) -> Option<Space> {
    Space::NAMED.iter().find(|(_, named)| *named == name).map(|(space, _)| *space)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_as_they_were() {
        let id = |text| RowId::new(text).unwrap();
        let numbers = Numbers::from(vec![
            (Space::Meter, id("2e6cf3a1-4a9a-4d4a-8f3b-5a8f1f0d9d11"), 2_000),
            (Space::Meter, id("a-name-with-dashes"), 2_001),
        ]);
        let pairs = to_pairs(&numbers);
        assert_eq!(pairs.len(), 2);
        assert_eq!(from_pairs(&pairs), numbers);
    }

    #[test]
    fn pairs_that_make_no_sense_are_left_out() {
        let pairs =
            [("meter-p", "2000"), ("meter-q", "many"), ("meter-", "3000"), ("zebra-p", "4"), ("meter", "5")];
        let pairs = pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        let expected = Numbers::from(vec![(Space::Meter, RowId::new("p").unwrap(), 2_000)]);
        assert_eq!(from_pairs(&pairs), expected);
    }

    #[test]
    fn only_what_changed_is_written() {
        let map = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        let stored = map(&[("meter-a", "1"), ("meter-b", "2"), ("meter-c", "3")]);
        assert!(change("br-int", &stored, &stored).is_none());
        let wanted = map(&[("meter-a", "1"), ("meter-b", "4")]);
        let text = change("br-int", &stored, &wanted).unwrap().to_params("Open_vSwitch").to_string();
        assert!(text.contains("dragonflow-id-meter-b") && text.contains("dragonflow-id-meter-c"), "{text}");
        assert!(!text.contains("meter-a"), "{text}");
    }
}
